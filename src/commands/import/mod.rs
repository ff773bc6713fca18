//! `kairos import`: files of history → the first snapshots, each person's history in the partition of that person. It
//! must not know how state is kept.

mod homes;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use homes::Homes;

use super::backtest::{Rules, Times, in_order};
use super::input::is_plain;
use super::{ConfigArg, Exit, playbook, print, run};
use crate::engine::event::{Event, Item, Reader, Scratch, time};
use crate::engine::playbook::program::Program;
use crate::engine::{Millis, Reason};
use crate::processor::import::{Done, Import};
use crate::processor::playbook::editions;
use crate::telemetry::Log;

/// The one that steps, and one for each file, which unpacks it and looks for times.
const THREADS: usize = 2;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Go on where time jumps by more than 400 days
    #[arg(long)]
    allow_jumps: bool,
    /// Files of events: JSON lines, plain, gzip or zstd. They are read twice
    #[arg(value_name = "EVENTS", required = true)]
    events: Vec<PathBuf>,
}

const HELP: &str = "\
Before the first start of the group: each partition begins with a snapshot of its people's history, and goes on with the \
first record of its log. From that record's time on history is left to the log, which has it. Nothing is sent for what \
lies before the import, or before run.hold_back_until.";

pub fn run(args: Args) -> Result<(), Exit> {
    if let Some(path) = args.events.iter().find(|path| !is_plain(path)) {
        let path = path.display();
        return Err(Exit::Usage(format!("{path} is no plain file: history is read twice, which a pipe can't be")));
    }
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let path = &settings.run.playbook;
    let program = Arc::new(Program::compile(playbook::load(path)?));
    let config = run::config(&settings);
    let reader = Arc::new(Reader::new(program.wanted.clone(), &config.unwrap, &config.placeholders));
    let partitioner = config.partitioner;
    let editions = editions(program, playbook::text(path)?, &config);
    let mut import = Import::open(config, &editions)?;
    let mut homes = Homes::new(partitioner, import.partitions());
    let history = History { events: args.events, allow_jumps: args.allow_jumps, reader };
    let noted = history.read(|event| event.into_iter().for_each(|event| homes.note(event)), |(), _, _| {})?;
    homes.restart();
    let home = |event: Option<&Event<'_>>| event.and_then(|event| homes.of(event));
    // What is nobody's changes nobody: it is only counted, anywhere.
    let dealt = history.read(home, |home, time, value| import.step(home.unwrap_or_default(), time, value))?;
    if noted != dealt {
        return Err(Exit::Fault(format!("the files changed while they were read: {noted} messages, then {dealt}")));
    }
    let done = import.finish()?;
    print(&told(&done))
}

struct History {
    events: Vec<PathBuf>,
    allow_jumps: bool,
    reader: Arc<Reader>,
}

impl History {
    /// All messages in order of time: each is looked at, then taken with what came of that, as a record of its own. How
    /// many there were.
    fn read<T>(
        &self,
        mut look: impl FnMut(Option<&Event<'_>>) -> T,
        mut take: impl FnMut(T, Millis, &[u8]),
    ) -> Result<u64, Exit> {
        let (mut merge, progress) = in_order(&self.events, Arc::clone(&self.reader), THREADS)?;
        let mut times = Times { rules: Rules::Lines { allow_jumps: self.allow_jumps }, span: None };
        let (mut clock, mut scratch) = (merge.first_time(), Scratch::default());
        let (mut records, mut messages) = (0, 0);
        while let Some(taken) = merge.take_next()? {
            let time = times.of(&taken, clock)?;
            clock = clock.max(Some(time));
            let mut items = taken.block.items(taken.at, &self.reader, &mut scratch);
            while let Some(item) = items.next_item() {
                messages += 1;
                let looked = look(if let Item::Event(event) = &item { Some(event) } else { None });
                match items.taken_alone() {
                    Some(alone) => take(looked, time, &alone),
                    None => take(looked, time, taken.value.unwrap_or_default()),
                }
            }
            records += 1;
            progress.at(records);
        }
        progress.finish();
        Ok(messages)
    }
}

fn told(done: &[Done]) -> String {
    let mut text = String::new();
    for done in done {
        let (partition, next) = (done.partition, done.next);
        let clock = done.clock.map_or_else(|| "none".to_owned(), time::format);
        line(
            &mut text,
            format_args!("partition {partition}: {} profiles, clock {clock}; goes on at {next}", done.profiles),
        );
        line(&mut text, format_args!("  - {} messages of history, {} left to the log", done.records, done.left));
        line(&mut text, format_args!("  - left as snapshot {} ({} bytes)", done.snapshot, done.bytes));
    }
    let sum = |of: fn(&Done) -> u64| done.iter().map(of).sum::<u64>();
    line(
        &mut text,
        format_args!(
            "{} messages taken in, {} left to the log, {} repeats",
            sum(|done| done.records),
            sum(|done| done.left),
            sum(|done| done.counts.duplicates)
        ),
    );
    for reason in Reason::ALL {
        let count: u64 = done.iter().map(|done| done.counts.dead[reason as usize]).sum();
        if count > 0 {
            line(&mut text, format_args!("{count} could not be used: {}", reason.as_str()));
        }
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all that is written");
}
