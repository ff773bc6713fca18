//! `kairos dead ls`: how many, by reason, from when to when; or one line each. It keeps counts, not letters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Choice, Letter, Which, reason};
use crate::commands::{Exit, print, state};
use crate::engine::Millis;
use crate::processor::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose [default: both]
    #[arg(value_enum)]
    which: Option<Which>,
    #[command(flatten)]
    choice: Choice,
    /// A line for each: place, time, reason, how often it was sent again, detail
    #[arg(long)]
    each: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    letters: u64,
    /// Those that had been sent again before they failed.
    replayed: u64,
    first: Millis,
    last: Millis,
}

pub fn run(config: &Config, args: &Args) -> Result<(), Exit> {
    let both = [Which::Raw, Which::Outgoing];
    let all = args.which.as_ref().map_or(&both[..], std::slice::from_ref);
    all.iter().try_for_each(|which| list(config, *which, args))
}

fn list(config: &Config, which: Which, args: &Args) -> Result<(), Exit> {
    let wanted = args.choice.wanted()?;
    let name = which.dead(config);
    let Some(topic) = which.open(config)? else {
        return print(&format!("{name}: there is no such topic\n"));
    };
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    topic.walk(|message| {
        let letter = Letter::of(message);
        if !wanted.has(&letter) {
            return Ok(());
        }
        if args.each {
            print(&line(&name, &letter))?;
        }
        let reason = letter.reason();
        // Anybody may write to the topic: what nobody knows is one row.
        let reason = if reason::meaning(which, &reason).is_some() { reason } else { "(unknown)".to_owned() };
        counts.entry(reason).or_default().add(&letter);
        Ok(())
    })?;
    print(&table(&name, which, &counts))
}

impl Count {
    fn add(&mut self, letter: &Letter) {
        self.first = if self.letters == 0 { letter.time } else { self.first.min(letter.time) };
        self.last = if self.letters == 0 { letter.time } else { self.last.max(letter.time) };
        self.letters += 1;
        self.replayed += u64::from(letter.replayed() > 0);
    }
}

fn line(topic: &str, letter: &Letter) -> String {
    let again = match letter.replayed() {
        0 => String::new(),
        times => format!("  sent again {times}×"),
    };
    let detail = letter.text("kairos-detail").unwrap_or_default();
    format!("{topic}/{}  {}  {}{again}  {detail}\n", letter.place, state::time(letter.time), letter.reason())
}

fn table(topic: &str, which: Which, counts: &BTreeMap<String, Count>) -> String {
    let letters: u64 = counts.values().map(|count| count.letters).sum();
    let again: u64 = counts.values().map(|count| count.replayed).sum();
    let mut text = format!("{topic}: {letters} letters, {again} of them failed again after a replay\n");
    for (reason, count) in counts {
        let (first, last) = (state::time(count.first), state::time(count.last));
        let meaning = reason::meaning(which, reason).unwrap_or("not written by Kairos, or by a newer one.");
        writeln!(text, "  {reason:14} {:>9}  {:>6} again  {first} to {last}", count.letters, count.replayed)
            .expect("a String takes all that is written");
        writeln!(text, "  {:14} {meaning}", "").expect("a String takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::letter::sample;
    use super::*;

    #[test]
    fn counts_have_first_and_last_times_and_second_failures() {
        let mut count = Count::default();
        for letter in [sample(5, &[]), sample(2, &[("kairos-replayed", "1")]), sample(9, &[])] {
            count.add(&letter);
        }
        assert_eq!(count, Count { letters: 3, replayed: 1, first: 2_000, last: 9_000 });
        let text = table("raw.dead", Which::Raw, &[("no_id".to_owned(), count)].into());
        assert!(text.starts_with("raw.dead: 3 letters, 1 of them failed again"), "{text}");
        assert!(text.contains("no_id                  3       1 again  1970-01-01T00:00:02Z to"), "{text}");
        assert!(text.contains("raw.placeholders"), "{text}");
    }
}
