//! What a replay says of itself at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::replay::{Replay, Side};
use crate::engine::Millis;
use crate::engine::event::time;

const DAY: Millis = 86_400_000;
const WEEK: Millis = 7 * DAY;

pub fn text(replay: &Replay) -> String {
    let mut out = String::new();
    let counts = &replay.main.counts;
    let (profiles, bytes) = replay.main.engine.size();
    let rate = replay.lines as f64 / replay.seconds.max(1e-9);
    let _ = writeln!(
        out,
        "{} records, {} events, {profiles} profiles ({} MB)",
        replay.lines,
        counts.events,
        bytes / 1_000_000
    );
    let _ = writeln!(
        out,
        "{:.1} s, {rate:.0} records/s, {:.0} MB/s",
        replay.seconds,
        replay.bytes as f64 / replay.seconds.max(1e-9) / 1e6
    );
    if let Some((first, last)) = replay.span {
        let _ = writeln!(out, "from {} to {}", time::format(first), time::format(last));
    }
    for (n, what) in [
        (counts.duplicates, "repeats"),
        (counts.own_messages, "messages of our own"),
        (counts.empty_records, "records with nothing in them"),
        (counts.clamped_events, "event times later than their record, set back"),
    ] {
        if n > 0 {
            let _ = writeln!(out, "{n} {what}");
        }
    }
    rejects(&mut out, replay);
    moments(&mut out, &replay.main);
    bill(&mut out, replay);
    if let Some(outcome) = &replay.outcome {
        out.push_str(&outcome.text(&replay.main, replay.span));
    }
    out
}

fn rejects(out: &mut String, replay: &Replay) {
    let total: u64 = replay.main.counts.dead.iter().sum();
    if total == 0 {
        return;
    }
    let _ = writeln!(out, "\n{total} rejected");
    for (reason, places) in &replay.places {
        let _ = writeln!(out, "  {reason}");
        places.iter().for_each(|place| {
            let _ = writeln!(out, "    {place}");
        });
    }
}

fn moments(out: &mut String, side: &Side) {
    let Some(start) = side.firings.iter().map(|f| f.at).min() else {
        let _ = writeln!(out, "\nno moment fired");
        return;
    };
    let width = side.playbook().moments.iter().map(|m| m.name.len()).max().unwrap_or(0).max(6);
    let _ = writeln!(out, "\n{:width$}    fired    users  again  first event → moment (median)  per week", "moment");
    let last = side.firings.iter().map(|f| f.at).max().unwrap_or(start);
    for (i, moment) in side.playbook().moments.iter().enumerate() {
        let firings: Vec<_> = side.firings.iter().filter(|f| f.moment == i).collect();
        let users: BTreeSet<&str> = firings.iter().map(|f| f.user.as_str()).collect();
        let mut waits: Vec<Millis> = firings.iter().map(|f| f.at - f.first).collect();
        waits.sort_unstable();
        let median = waits.get(waits.len() / 2).map_or("-".into(), |wait| days(*wait));
        let mut weeks = vec![0u64; ((last - start) / WEEK + 1) as usize];
        firings.iter().for_each(|f| weeks[((f.at - start) / WEEK) as usize] += 1);
        let again = firings.len() - users.len();
        let _ = writeln!(
            out,
            "{:width$} {:>8} {:>8} {again:>6}  {median:>29}  {}",
            moment.name,
            firings.len(),
            users.len(),
            sparkline(&weeks)
        );
    }
}

/// What an API that bills by the call would count.
fn bill(out: &mut String, replay: &Replay) {
    let Some((first, last)) = replay.span else { return };
    let span = ((last - first) as f64 / DAY as f64).max(1.0);
    let identifies = replay.main.identifies as f64;
    let users = replay.main.engine.size().0.max(1) as f64;
    let _ = writeln!(
        out,
        "\n{identifies} identifies: {:.0} a day, {:.2} a profile; {} moments",
        identifies / span,
        identifies / users,
        replay.main.firings.len()
    );
}

fn days(length: Millis) -> String {
    if length < DAY {
        format!("{:.1} h", length as f64 / 3_600_000.0)
    } else {
        format!("{:.1} d", length as f64 / DAY as f64)
    }
}

/// A small chart: one sign a week, the highest the most.
pub fn sparkline(values: &[u64]) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().max().copied().unwrap_or(0).max(1);
    values.iter().map(|n| if *n == 0 { '·' } else { SIGNS[((n * 7).div_ceil(most)) as usize] }).collect()
}

/// Users by moment, for comparisons.
pub fn users(side: &Side) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for firing in &side.firings {
        all.entry(&side.playbook().moments[firing.moment].name).or_default().insert(&firing.user);
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sparkline_reaches_the_top_once() {
        assert_eq!(super::sparkline(&[0, 1, 4, 8]), "·▂▅█");
    }
}
