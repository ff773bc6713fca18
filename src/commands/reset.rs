//! `kairos reset`: puts a group's positions where an operator says, and says what that did. It must not know how.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{ConfigArg, Exit, playbook, print, run};
use crate::engine::playbook::program::Program;
use crate::processor::playbook::editions;
use crate::processor::reset::{self, Done, Request, To};
use crate::telemetry::Log;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Where to go on: `committed` (the committed offset, whoever committed it), `snapshot` (the newest that reads),
    /// or `offset=N`
    #[arg(long, value_name = "PLACE", value_parser = to)]
    to: To,
    /// Send the messages of what is replayed once more, instead of replaying it in silence
    #[arg(long)]
    emit: bool,
    /// Only these partitions of the raw topic, such as `3,5` [default: all that have something to reset]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    partition: Vec<i32>,
}

const HELP: &str = "\
Stop all instances of the group first: while it has live members nothing is changed. The state at the new position is \
made from the newest snapshot before it and from the log, and left as a snapshot of its own.";

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let config = run::config(&settings);
    let path = &settings.run.playbook;
    let program = Arc::new(Program::compile(playbook::load(path)?));
    let editions = editions(program, playbook::text(path)?, &config);
    let request = Request { to: args.to, emit: args.emit, partitions: args.partition };
    print(&told(&reset::reset(config, editions, &request)?))
}

fn told(done: &[Done]) -> String {
    let mut text = String::new();
    for done in done {
        let was = done.was.map_or_else(|| "none".to_owned(), |was| was.to_string());
        writeln!(text, "partition {}: goes on at {} (committed before: {was})", done.partition, done.next)
            .expect("a String takes all that is written");
        for how in &done.how {
            writeln!(text, "  - {how}").expect("a String takes all that is written");
        }
    }
    text
}

fn to(text: &str) -> Result<To, String> {
    match text {
        "committed" => Ok(To::Committed),
        "snapshot" => Ok(To::Snapshot),
        _ => text
            .strip_prefix("offset=")
            .and_then(|number| number.parse().ok())
            .filter(|number| *number >= 0)
            .map(To::Offset)
            .ok_or_else(|| "say `committed`, `snapshot`, or `offset=N`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        assert_eq!(to("committed"), Ok(To::Committed));
        assert_eq!(to("snapshot"), Ok(To::Snapshot));
        assert_eq!(to("offset=17"), Ok(To::Offset(17)));
        for wrong in ["", "offset", "offset=", "offset=-1", "offset=soon", "start"] {
            assert!(to(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_done_is_told() {
        let how = vec!["state of the snapshot at 4".to_owned()];
        let text = told(&[Done { partition: 2, was: None, next: 9, how }]);
        assert_eq!(text, "partition 2: goes on at 9 (committed before: none)\n  - state of the snapshot at 4\n");
    }
}
