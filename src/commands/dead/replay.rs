//! `kairos dead replay`: sends letters to the topic they came from. What was sent is known by the topic itself: each
//! copy names its letter, and a letter that has a copy there is not sent again unless that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rdkafka::message::{BorrowedMessage, Headers as _};

use super::sender::{Copy, Failed, Sender};
use super::{Choice, Letter, Place, Topic, Wanted, Which};
use crate::commands::progress::{Progress, Whole};
use crate::commands::{Exit, print};
use crate::engine::{Millis, partition};
use crate::processor::{Config, source_in};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose
    #[arg(value_enum)]
    which: Which,
    /// These letters, by partition and offset in their topic, such as `3/17`
    #[arg(value_name = "PLACE")]
    places: Vec<Place>,
    #[command(flatten)]
    choice: Choice,
    /// All of them
    #[arg(long, conflicts_with_all = ["places", "reason", "from", "to"])]
    all: bool,
    /// Also those that were sent before
    #[arg(long)]
    again: bool,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Clocks of producers and brokers differ.
const MARGIN: Millis = 3_600_000;
/// So many places are named, of those that can't be sent.
const NAMED_MAX: usize = 20;

/// What became of the chosen letters.
#[derive(Default)]
struct Tally {
    chosen: u64,
    sent_before: u64,
    without_value: Vec<Place>,
    without_value_count: u64,
    to_send: u64,
}

pub fn run(config: &Config, args: &Args) -> Result<(), Exit> {
    if args.places.is_empty() && args.choice.is_empty() && !args.all {
        return Err(Exit::Usage("which ones? Name places (`3/17`), --reason, --from, --to, or --all".to_owned()));
    }
    let (name, wanted) = (args.which.dead(config), args.choice.wanted()?);
    let Some(letters) = args.which.open(config)? else {
        return print(&format!("{name}: there is no such topic, so there is nothing to send\n"));
    };
    let chosen = |letter: &Letter| is_chosen(args, &wanted, letter);
    let Some(earliest) = earliest(&letters, chosen)? else {
        return print(&format!("{name}: no letter is among those asked for\n"));
    };
    let target = args.which.source(config);
    let copies = Topic::open(config, target, Some(earliest - MARGIN))?
        .ok_or_else(|| Exit::Usage(format!("the topic they came from, {target}, is not there")))?;
    let before = if args.again { BTreeSet::new() } else { sent_before(&copies, &name)? };
    let (mut tally, mut sender) = (Tally::default(), if args.dry_run { None } else { Some(Sender::open(config)?) });
    let progress = Progress::new(Whole::Records(letters.records()));
    let ended = letters.walk(|message| {
        let letter = Letter::of(message);
        if !chosen(&letter) || !tally.takes(&letter, &before) {
            return Ok(());
        }
        let place = letter.place;
        let copy = copy(config, &name, target, copies.partitions(), letter);
        progress.at(tally.to_send);
        match &mut sender {
            Some(sender) => {
                sender.send(copy);
                Ok(())
            }
            None => print(&format!("{name}/{place} would go to {target} partition {}\n", copy.partition)),
        }
    });
    progress.finish();
    let failed = sender.as_mut().map(Sender::finish).unwrap_or_default();
    let sent = sender.as_ref().map(Sender::acknowledged).unwrap_or_default();
    print(&told(&name, target, &tally, sender.is_some(), &sent))?;
    if failed.count > 0 {
        let also = ended.err().map(|error| format!("{error}\n")).unwrap_or_default();
        return Err(Exit::Fault(also + &uncertain(&failed, args.again)));
    }
    ended?;
    if tally.without_value_count > 0 { Err(Exit::No(without_value(&tally))) } else { Ok(()) }
}

/// What is left to do about letters that may not have been written.
fn uncertain(failed: &Failed, again: bool) -> String {
    let way_out = if again {
        "send these once more by their places, with --again"
    } else {
        "run it again: those of which the topic has a copy are left out"
    };
    let mut text = format!("{} may not have been sent; {way_out}:", failed.count);
    for (letter, why) in &failed.told {
        write!(text, "\n  - letter {letter}: {why}").expect("a String takes all that is written");
    }
    let more = failed.count - failed.told.len() as u64;
    if more > 0 {
        write!(text, "\n  - and {more} more").expect("a String takes all that is written");
    }
    text
}

fn is_chosen(args: &Args, wanted: &Wanted<'_>, letter: &Letter) -> bool {
    (args.places.is_empty() || args.places.contains(&letter.place)) && wanted.has(letter)
}

fn earliest(letters: &Topic, chosen: impl Fn(&Letter) -> bool) -> Result<Option<Millis>, Exit> {
    let mut earliest: Option<Millis> = None;
    letters.walk(|message| {
        let letter = Letter::of(message);
        if chosen(&letter) {
            earliest = Some(earliest.map_or(letter.time, |time| time.min(letter.time)));
        }
        Ok(())
    })?;
    Ok(earliest)
}

/// The letters of which the topic holds a copy.
fn sent_before(copies: &Topic, dead: &str) -> Result<BTreeSet<Place>, Exit> {
    let progress = Progress::new(Whole::Records(copies.records()));
    let (mut found, mut read) = (BTreeSet::new(), 0);
    copies.walk(|message| {
        read += 1;
        progress.at(read);
        found.extend(letter_of(message, dead));
        Ok(())
    })?;
    progress.finish();
    Ok(found)
}

fn letter_of(message: &BorrowedMessage<'_>, dead: &str) -> Option<Place> {
    use rdkafka::message::Message as _;
    let source = message.headers()?.iter().find(|header| header.key == "kairos-source")?.value?;
    source_in(source, dead).map(|(partition, offset)| Place { partition, offset })
}

impl Tally {
    /// Counts it; is it to be sent?
    fn takes(&mut self, letter: &Letter, before: &BTreeSet<Place>) -> bool {
        self.chosen += 1;
        if before.contains(&letter.place) {
            self.sent_before += 1;
        } else if letter.is_left_out() {
            self.without_value_count += 1;
            if self.without_value.len() < NAMED_MAX {
                self.without_value.push(letter.place);
            }
        } else {
            self.to_send += 1;
            return true;
        }
        false
    }
}

/// The record as its producer would send it now: its event keeps the time it has, its record gets the present one.
fn copy(config: &Config, dead: &str, target: &str, partitions: i32, letter: Letter) -> Copy {
    let source = letter.header("kairos-source").and_then(|source| source_in(source, target));
    let partition = match &letter.key {
        Some(key) => partition::of_key(config.partitioner, key, partitions),
        // Without a key it may lie anywhere: where it lay.
        None => source.map_or(letter.place.partition, |(partition, _)| partition).rem_euclid(partitions),
    };
    Copy {
        topic: target.to_owned(),
        partition,
        letter: letter.place,
        source: format!("{dead}/{}", letter.place),
        replayed: letter.replayed().saturating_add(1),
        key: letter.key,
        value: letter.value,
    }
}

fn told(dead: &str, target: &str, tally: &Tally, sends: bool, sent: &BTreeMap<i32, (u64, i64)>) -> String {
    let mut text = format!("{dead}: {} chosen, {} sent before and left out\n", tally.chosen, tally.sent_before);
    if !sends {
        writeln!(text, "{} would be sent to {target}; nothing was sent", tally.to_send)
            .expect("a String takes all that is written");
        return text;
    }
    let count: u64 = sent.values().map(|(count, _)| count).sum();
    writeln!(text, "{count} of {} sent to {target}", tally.to_send).expect("a String takes all that is written");
    for (partition, (count, last)) in sent {
        writeln!(text, "  letters of partition {partition}: {count}, the last at offset {last}")
            .expect("a String takes all that is written");
    }
    text
}

fn without_value(tally: &Tally) -> String {
    let places: Vec<String> = tally.without_value.iter().map(Place::to_string).collect();
    format!(
        "{} can't be sent: their values did not fit into a dead letter; `kairos dead show` names their sources: {}{}",
        tally.without_value_count,
        places.join(", "),
        if places.len() < tally.without_value_count as usize { ", …" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::super::letter::sample;
    use super::*;

    #[test]
    fn a_letter_is_sent_once_and_one_without_its_value_not_at_all() {
        let (mut tally, mut before) = (Tally::default(), BTreeSet::new());
        assert!(tally.takes(&sample(1, &[]), &before));
        before.insert(sample(1, &[]).place);
        assert!(!tally.takes(&sample(1, &[]), &before));
        assert!(!tally.takes(&sample(2, &[("kairos-size", "9")]), &before));
        assert_eq!((tally.chosen, tally.sent_before, tally.to_send), (3, 1, 1));
        assert_eq!(tally.without_value, [Place { partition: 1, offset: 2 }]);
        assert!(without_value(&tally).contains("1 can't be sent"));
        assert!(
            told("d", "t", &tally, true, &[(1, (1, 1))].into())
                .contains("1 of 1 sent to t\n  letters of partition 1: 1, the last at offset 1")
        );
    }
}
