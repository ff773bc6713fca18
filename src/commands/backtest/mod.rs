//! `kairos backtest`: history through the very engine that `run` uses, with the event clock: files as one partition, a
//! topic partition by partition.

mod block;
mod census;
mod compare;
mod html;
mod kin;
mod lane;
mod out;
mod outcome;
mod replay;
mod report;
mod side;
mod summary;
mod times;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::commands::input::{self, Blocks, Topic};
use crate::commands::progress::{Progress, Whole};
use crate::commands::{ConfigArg, Exit, a_time, print};
use crate::engine::event::Reader;
use crate::engine::playbook::meant::Playbook;
use crate::engine::{Engine, Millis, Options};
use crate::settings::{DedupeWindow, Settings, Unwrap};
use block::Decoder;
use census::Census;
use out::Out;
use outcome::Sightings;
use replay::{Outs, Replay};
use report::Report;
use side::Side;

pub use lane::Merge;
pub use times::{Rules, Times};

/// Engines that share the people; beyond, the one thread that merges what they say has no time for more.
const PARTS_MAX: usize = 64;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The playbook to try
    #[arg(long, value_name = "FILE")]
    playbook: PathBuf,
    /// Another playbook to compare with, the one in use say
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// A signal that moments should foretell
    #[arg(long, value_name = "SIGNAL", requires = "within")]
    outcome: Option<String>,
    /// How long after a moment the outcome counts
    #[arg(long, value_name = "DURATION", requires = "outcome")]
    within: Option<String>,
    /// Write every outgoing message, one a line, as `run` would send it
    #[arg(long, value_name = "FILE")]
    emit: Option<PathBuf>,
    /// Write every line or item that can't be used, with the reason
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Write the summary as a page with charts, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the summary (it is printed anyway)
    #[arg(long)]
    summary: bool,
    /// Budget: end with 1 when it is passed, like 'identifies > 1.4x' (needs --against)
    #[arg(long, value_name = "BUDGET", requires = "against")]
    fail_if: Vec<String>,
    /// Threads to use [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Path of the message inside a record [default: raw.unwrap of the settings]
    #[arg(long, value_name = "PATH")]
    unwrap: Option<Unwrap>,
    /// How long a messageId is remembered [default: raw.dedupe_window of the settings]
    #[arg(long, value_name = "DURATION")]
    dedupe_window: Option<DedupeWindow>,
    /// Go on where time jumps by more than 400 days
    #[arg(long)]
    allow_jumps: bool,
    /// Of the raw topic: records from this time on, like 2026-03-01 or, so long ago, 30d
    #[arg(long, value_name = "TIME", conflicts_with = "events")]
    from: Option<String>,
    /// Of the raw topic: records before this time
    #[arg(long, value_name = "TIME", conflicts_with = "events")]
    to: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
    /// Files of events: JSON lines, plain, gzip or zstd; - for standard input. None: the raw topic of the settings
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let budgets = args.fail_if.iter().map(|text| compare::Budget::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let settings = args.config.load()?;
    let options = options(&args, &settings);
    let playbook = super::playbook::load(&args.playbook)?;
    let sightings = args.outcome.as_deref().map(|name| Sightings::new(&playbook, name, args.within.as_deref()));
    let sightings = sightings.transpose()?;
    let against = args.against.as_deref().map(super::playbook::load).transpose()?;
    let range = (args.from.as_deref().map(a_time).transpose()?, args.to.as_deref().map(a_time).transpose()?);
    apart(&args)?;
    let create = |path: &Option<PathBuf>| path.as_deref().map(Out::create).transpose();
    let outs = Outs { emit: create(&args.emit)?, rejects: create(&args.rejects)? };
    let is_topic = args.events.is_empty();
    let rules = if is_topic { Rules::Topic } else { Rules::Lines { allow_jumps: args.allow_jumps } };
    let main = Side::new(playbook, options.clone(), sightings);
    let mut replay = Replay::new(main, against.map(|playbook| Side::new(playbook, options, None)), rules, outs);
    let threads = args.threads.map_or_else(processors, usize::from);
    let started = Instant::now();
    if is_topic {
        run_topic(&mut replay, &settings, range, threads)?;
    } else {
        run_files(&mut replay, &args.events, threads, true)?;
    }
    replay.finish()?;
    replay.seconds = started.elapsed().as_secs_f64();
    let report = Report::new(&replay);
    if let Some(path) = &args.html {
        let page = html::page(&report, &args.playbook.display().to_string());
        std::fs::write(path, page).map_err(|e| Exit::Fault(format!("can't write {}: {e}", path.display())))?;
    }
    print(&summary::text(&report))?;
    let comparison = report.comparison.iter();
    let passed: Vec<String> = comparison.flat_map(|c| budgets.iter().filter_map(|budget| budget.passed(c))).collect();
    if passed.is_empty() { Ok(()) } else { Err(Exit::No(passed.join("\n"))) }
}

/// What is written must be no two things, and nothing that is read.
fn apart(args: &Args) -> Result<(), Exit> {
    let outs = [("--emit", &args.emit), ("--rejects", &args.rejects), ("--html", &args.html)];
    let outs: Vec<(&str, &PathBuf)> = outs.iter().filter_map(|(name, path)| Some((*name, path.as_ref()?))).collect();
    for (at, (name, path)) in outs.iter().enumerate() {
        if let Some((other, _)) = outs[..at].iter().find(|(_, other)| out::is_same(other, path)) {
            let path = path.display();
            return Err(Exit::Usage(format!("{other} and {name} are both {path}: each needs a file of its own")));
        }
        if args.events.iter().chain([&args.playbook]).chain(&args.against).any(|read| out::is_same(read, path)) {
            return Err(Exit::Usage(format!("{name} {}: this is read, and would be written over", path.display())));
        }
    }
    Ok(())
}

/// The engine as it stands after files of events, for those who look into it.
pub fn settle(playbook: Playbook, options: Options, events: &[PathBuf], allow_jumps: bool) -> Result<Engine, Exit> {
    let side = Side::new(playbook, options, None);
    let mut replay = Replay::new(side, None, Rules::Lines { allow_jumps }, Outs::default());
    run_files(&mut replay, events, processors(), false)?;
    Ok(replay.main.engine)
}

/// Files of events as one stream in order of time, for those who do something else with it.
pub fn in_order(paths: &[PathBuf], reader: Arc<Reader>, threads: usize) -> Result<(Merge, Progress), Exit> {
    let (inputs, progress) = input::files(paths)?;
    let census = Census::new(&[], reader.wanted());
    Ok((Merge::new(inputs, &Decoder::new(vec![reader], census), threads)?, progress))
}

/// `may_deal`: several engines may share the people. Files are then read twice, which a pipe can't be.
fn run_files(replay: &mut Replay, paths: &[PathBuf], threads: usize, may_deal: bool) -> Result<(), Exit> {
    let parts = match may_deal && threads > 1 && paths.iter().all(|path| input::is_plain(path)) {
        true => {
            let (inputs, progress) = input::files(paths)?;
            let kin = kin::look(inputs, &replay.main.engine.reader(), threads)?;
            progress.finish();
            Some(kin.parts(threads.min(PARTS_MAX)))
        }
        false => None,
    };
    let (inputs, progress) = input::files(paths)?;
    match parts {
        Some(parts) => replay.run_apart(inputs, parts, threads, &progress)?,
        None => replay.run(0, inputs, threads, &progress)?,
    }
    progress.finish();
    Ok(())
}

fn run_topic(
    replay: &mut Replay,
    settings: &Settings,
    (from, to): (Option<Millis>, Option<Millis>),
    threads: usize,
) -> Result<(), Exit> {
    let topic = Topic::find(settings, from, to)?;
    let progress = Progress::new(Whole::Records(topic.records()));
    let partitions = topic.ranges.len() as i32;
    replay.spread_over(partitions);
    for partition in 0..partitions {
        let inputs = vec![Box::new(topic.partition(partition)?) as Box<dyn Blocks>];
        replay.run(partition, inputs, threads, &progress)?;
    }
    progress.finish();
    Ok(())
}

fn options(args: &Args, settings: &Settings) -> Options {
    Options {
        partitioner: settings.raw.partitioner,
        unwrap: args.unwrap.as_ref().map_or(&settings.raw.unwrap, |Unwrap(keys)| keys).clone(),
        placeholders: settings.raw.placeholders.clone(),
        dedupe_window: args.dedupe_window.map_or(settings.raw.dedupe_window, |DedupeWindow(window)| window),
        ..Options::default()
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
