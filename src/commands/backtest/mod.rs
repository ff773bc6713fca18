//! `kairos backtest`: history through the very engine that `run` uses, as one partition with one clock.

mod compare;
mod input;
mod outcome;
mod replay;
mod summary;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use crate::commands::{Exit, print};
use replay::Replay;

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
    /// Budget: end with 1 when it is passed, like 'identifies > 1.4x' (needs --against)
    #[arg(long, value_name = "BUDGET", requires = "against")]
    fail_if: Vec<String>,
    /// Path of the message inside a record
    #[arg(long, value_name = "PATH", default_value = "")]
    unwrap: String,
    /// How long a messageId is remembered
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    dedupe_window: String,
    /// Go on where time jumps by more than 400 days
    #[arg(long)]
    allow_jumps: bool,
    /// Files of events: JSON lines, plain, .gz or .zst; - for standard input
    #[arg(required = true, value_name = "EVENTS")]
    events: Vec<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let budgets = args.fail_if.iter().map(|text| compare::Budget::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let playbook = super::playbook::load(&args.playbook)?;
    let outcome = args.outcome.as_deref().map(|name| outcome::Outcome::new(&playbook, name, args.within.as_deref()));
    let outcome = outcome.transpose()?;
    let against = args.against.as_deref().map(super::playbook::load).transpose()?;
    let settings = replay::Settings {
        unwrap: args.unwrap.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        dedupe_window: crate::engine::playbook::duration(&args.dedupe_window)
            .ok_or_else(|| Exit::Usage(format!("--dedupe-window {}: not a duration like 24h", args.dedupe_window)))?,
        allow_jumps: args.allow_jumps,
    };
    let mut emit = args.emit.as_ref().map(create).transpose()?;
    let mut rejects = args.rejects.as_ref().map(create).transpose()?;
    let mut replay = Replay::new(playbook, against, outcome, settings);
    replay.run(&args.events, &mut emit, &mut rejects)?;
    for (path, file) in [(&args.emit, emit), (&args.rejects, rejects)] {
        if let (Some(path), Some(mut file)) = (path, file) {
            file.flush().map_err(|e| Exit::Fault(format!("can't write {}: {e}", path.display())))?;
        }
    }
    print(&summary::text(&replay))?;
    let Some(other) = &replay.other else { return Ok(()) };
    let comparison = compare::Comparison::new(&replay.main, other);
    print(&comparison.text())?;
    let passed: Vec<String> = budgets.iter().filter_map(|budget| budget.passed(&comparison)).collect();
    if passed.is_empty() { Ok(()) } else { Err(Exit::No(passed.join("\n"))) }
}

pub type Out = BufWriter<File>;

fn create(path: &PathBuf) -> Result<Out, Exit> {
    let file = File::create(path).map_err(|e| Exit::Fault(format!("can't write {}: {e}", path.display())))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}
