//! `kairos dead show`: one letter in full. What others wrote is made readable before a terminal sees it.

use std::fmt::Write as _;
use std::io::Write as _;

use super::{Letter, Place, Which, reason};
use crate::commands::{Exit, print, state};
use crate::processor::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose
    #[arg(value_enum)]
    which: Which,
    /// Partition and offset in the topic of dead letters, such as `3/17`; `kairos dead ls --each` lists them
    #[arg(value_name = "PLACE")]
    place: Place,
    /// Only the value, its very bytes
    #[arg(long)]
    value: bool,
}

pub fn run(config: &Config, args: &Args) -> Result<(), Exit> {
    let name = args.which.dead(config);
    let mut topic = args.which.open(config)?.ok_or_else(|| Exit::No(format!("there is no topic {name}")))?;
    topic.only(args.place)?;
    let mut found = None;
    topic.walk(|message| {
        found = Some(Letter::of(message));
        Ok(())
    })?;
    let letter = found.filter(|letter| letter.place == args.place);
    let letter = letter.ok_or_else(|| Exit::No(format!("{name}/{} holds no letter", args.place)))?;
    if args.value {
        let written = std::io::stdout().write_all(letter.value.as_deref().unwrap_or_default());
        return written.map_err(|error| Exit::Fault(format!("can't write to standard output: {error}")));
    }
    print(&told(&name, args.which, &letter))
}

fn told(topic: &str, which: Which, letter: &Letter) -> String {
    let reason = letter.reason();
    let meaning = reason::meaning(which, &reason).unwrap_or("not a reason that this version knows.");
    let none = || "none".to_owned();
    let item = letter.text("kairos-item").map_or(String::new(), |item| format!(", item {item} of its batch"));
    let mut text = String::new();
    for (name, value) in [
        ("letter", format!("{topic}/{}, written {}", letter.place, state::time(letter.time))),
        ("reason", format!("{reason}: {meaning}")),
        ("detail", letter.text("kairos-detail").unwrap_or_else(none)),
        ("source", letter.text("kairos-source").unwrap_or_else(none) + &item),
        ("sent again", format!("{} times before", letter.replayed())),
        ("key", letter.key.as_deref().map_or_else(none, readable)),
    ] {
        writeln!(text, "{name:10}  {value}").expect("a String takes all that is written");
    }
    for (name, value) in &letter.headers {
        writeln!(text, "header      {}: {}", readable(name.as_bytes()), readable(value))
            .expect("a String takes all that is written");
    }
    match &letter.value {
        _ if letter.is_left_out() => text.push_str("value       left out: it did not fit; see its source\n"),
        None => {}
        Some(value) => {
            writeln!(text, "value       {} bytes\n{}", value.len(), readable(value))
                .expect("a String takes all that is written");
        }
    }
    text
}

/// Text as it is, without what moves a cursor or a window's title; bytes that are no text as `\xff`.
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() && !matches!(c, '\n' | '\t') { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a String takes all that is written");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::letter::sample;
    use super::*;

    #[test]
    fn a_letter_is_shown_with_its_reason_in_words() {
        let headers = [("kairos-reason", "no_id"), ("kairos-source", "raw/0/7"), ("kairos-item", "2")];
        let text = told("raw.dead", Which::Raw, &sample(4, &headers));
        assert!(text.contains("letter      raw.dead/1/4, written 1970-01-01T00:00:04Z"), "{text}");
        assert!(text.contains("reason      no_id: nobody's"), "{text}");
        assert!(text.contains("source      raw/0/7, item 2 of its batch"), "{text}");
        assert!(text.contains("key         u1") && text.contains("header      kairos-item: 2"), "{text}");
        assert!(text.ends_with("value       2 bytes\n{}\n"), "{text}");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_steers_it() {
        assert_eq!(readable(b"a\x1b]0;x\x07\n\xffb\xc3\xa9"), "a\\u{1b}]0;x\\u{7}\n\\xffbé");
    }
}
