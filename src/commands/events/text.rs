//! An inventory as text for a terminal. It knows nothing of how it was made.

use std::fmt::{Result, Write as _};

use crate::commands::inventory::{Ids, Inventory, Kind, Name, Paths, People, Seen, Span, Spread, VALUES_MAX};
use crate::engine::event::time;
use crate::engine::playbook::meant::Call;

/// Values shown of a path.
const VALUES_SHOWN: usize = 4;

pub fn of(inventory: &Inventory) -> String {
    let mut out = String::new();
    write(&mut out, inventory).expect("a String takes all that is written");
    out
}

fn write(out: &mut String, inventory: &Inventory) -> Result {
    writeln!(out, "{} records, {} messages{}", inventory.records, inventory.messages, during(inventory.span))?;
    for (count, what) in [
        (inventory.not_read, "earlier records not read; --latest says how many are"),
        (inventory.empty, "records with nothing in them"),
        (inventory.own, "messages of our own, which are dropped"),
        (inventory.untimed, "messages without a time"),
        (inventory.more_names, "messages of names for which there was no room: they are not in the list"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    if !inventory.rejected.is_empty() {
        writeln!(out, "\n{} rejected", inventory.rejected.values().map(|rejects| rejects.count).sum::<u64>())?;
    }
    for (reason, rejects) in &inventory.rejected {
        writeln!(out, "  {:>8}  {}", rejects.count, reason.as_str())?;
        rejects.places.iter().try_for_each(|place| writeln!(out, "            {}", plain(place)))?;
    }
    ids(out, &inventory.ids)?;
    for (call, name) in inventory.by_count() {
        one_name(out, call, name)?;
    }
    for (what, paths) in [
        ("traits of people, of messages that have some", &inventory.traits),
        ("traits of groups, of `group` calls that have some", &inventory.group),
        ("context, of all messages", &inventory.context),
    ] {
        if !paths.seen.is_empty() {
            writeln!(out, "\n{what}: {}", paths.messages)?;
            all_paths(out, paths)?;
        }
    }
    Ok(())
}

fn during(span: Span) -> String {
    span.0.map_or(String::new(), |(first, last)| format!(", {} to {}", time::format(first), time::format(last)))
}

fn one_name(out: &mut String, call: Call, name: &Name) -> Result {
    let spellings = name.spellings.common(usize::MAX);
    let spelling = spellings.first().map_or(String::new(), |(spelling, _)| format!(" \"{}\"", plain(spelling)));
    writeln!(out, "\n{}{spelling}: {}{}", call.as_str(), name.count, during(name.span))?;
    if spellings.len() > 1 {
        let others: Vec<_> =
            spellings[1..].iter().map(|(other, count)| format!("\"{}\" ×{count}", plain(other))).collect();
        writeln!(out, "  also written {}", others.join(", "))?;
    }
    all_paths(out, &name.paths)
}

fn all_paths(out: &mut String, paths: &Paths) -> Result {
    let width = paths.seen.keys().map(|path| path.chars().count()).max().unwrap_or(0).min(40);
    for (path, seen) in &paths.seen {
        let fill = share(seen.count, paths.messages);
        let line = format!("  {:width$}  {fill:>5}  {:14}  {}", plain(path), kinds(seen), values(seen));
        writeln!(out, "{}", line.trim_end())?;
    }
    if paths.left_out > 0 {
        writeln!(out, "  … {} values at paths for which there was no room", paths.left_out)?;
    }
    Ok(())
}

fn kinds(seen: &Seen) -> String {
    let mut kinds: Vec<_> = seen.kinds.iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), **kind));
    let only_one = kinds.len() == 1;
    let shown = kinds.into_iter().map(|(kind, count)| match only_one {
        true => kind.as_str().to_owned(),
        false => format!("{} {}", share(*count, seen.count), kind.as_str()),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn values(seen: &Seen) -> String {
    let is_text = seen.kinds.keys().any(|kind| matches!(kind, Kind::Text | Kind::NumberInText | Kind::TimeInText));
    let quote = if is_text { "\"" } else { "" };
    let common = seen.values.common(VALUES_SHOWN);
    let mut shown: Vec<_> =
        common.iter().map(|(value, count)| format!("{quote}{}{quote} ×{count}", plain(value))).collect();
    match seen.values.counts.len() - common.len() {
        _ if seen.values.has_more => shown.push(format!("… more than {VALUES_MAX}")),
        0 => {}
        more => shown.push(format!("… {more} more")),
    }
    shown.join(", ")
}

fn ids(out: &mut String, ids: &Ids) -> Result {
    let all = ids.both + ids.user_only + ids.anonymous_only + ids.neither;
    if all == 0 {
        return Ok(());
    }
    let people = |people: &People| format!("{}{}", if people.is_full { "more than " } else { "" }, people.count());
    writeln!(out, "\nids: {} users, {} anonymous", people(&ids.users), people(&ids.anonymous))?;
    for (count, what) in [
        (ids.both, "with userId and anonymousId, which links them"),
        (ids.user_only, "with a userId only"),
        (ids.anonymous_only, "with an anonymousId only"),
        (ids.neither, "with the id of a group only"),
        (ids.without_message_id, "without a messageId: repeats of these count twice"),
    ] {
        line(out, count, all, what)?;
    }
    ids.topic.as_ref().map_or(Ok(()), |topic| spread(out, topic, ids, all))
}

fn spread(out: &mut String, topic: &Spread, ids: &Ids, all: u64) -> Result {
    writeln!(out, "\nkeys, and {} partitions", topic.messages.len())?;
    for (count, what) in [
        (topic.keys.user_id, "with the userId as key"),
        (topic.keys.anonymous_id, "with the anonymousId as key"),
        (topic.keys.other, "with another key"),
        (topic.keys.none, "without a key"),
        (topic.misrouted, "not where the partitioner puts their userId, else their anonymousId (misrouted)"),
    ] {
        line(out, count, all, what)?;
    }
    let (users, anonymous) = (ids.users.scattered, ids.anonymous.scattered);
    if users + anonymous > 0 {
        writeln!(out, "  {users} users and {anonymous} anonymous ids have messages in several partitions")?;
    }
    Ok(())
}

fn line(out: &mut String, count: u64, all: u64, what: &str) -> Result {
    if count == 0 { Ok(()) } else { writeln!(out, "  {count:>8}  {:>5}  {what}", share(count, all)) }
}

fn share(part: u64, all: u64) -> String {
    match part as f64 * 100.0 / all.max(1) as f64 {
        share if share > 0.0 && share < 1.0 => "<1%".into(),
        share if share > 99.0 && share < 100.0 => ">99%".into(),
        share => format!("{share:.0}%"),
    }
}

/// Without signs that do something to a terminal.
fn plain(text: &str) -> String {
    text.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(
            [share(0, 9), share(1, 1_000), share(1, 2), share(999, 1_000), share(9, 9)],
            ["0%", "<1%", "50%", ">99%", "100%"]
        );
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(plain("é\u{1b}[2J\u{9b}x"), "é\\u{1b}[2J\\u{9b}x");
    }
}
