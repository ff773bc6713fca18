//! `kairos explain`: why a user has these scores and moments, from a file of events, from snapshots or from a running
//! processor. The engine explains; here it is found and shown.

mod running;
mod snapshots;
mod text;

use std::path::{Path, PathBuf};

use super::{ConfigArg, Exit, backtest, playbook, print};
use crate::engine::Options;
use crate::engine::explain::Found;
use crate::engine::explain::said::Explanation;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The user's id, or an anonymous id that is linked to one
    user: String,
    /// The playbook to apply to the events; without events the newest snapshots of the settings' group are read
    #[arg(long, value_name = "FILE", requires = "events")]
    playbook: Option<PathBuf>,
    /// The admin port of a running processor, like localhost:9464
    #[arg(long, value_name = "ADMIN", conflicts_with_all = ["playbook", "events"])]
    url: Option<String>,
    /// Go on where time jumps by more than 400 days
    #[arg(long, requires = "events")]
    allow_jumps: bool,
    #[command(flatten)]
    config: ConfigArg,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
    /// Files of events: JSON lines, plain, gzip or zstd; - for standard input
    #[arg(value_name = "EVENTS", requires = "playbook")]
    events: Vec<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let explanation = match (&args.url, &args.playbook) {
        (Some(admin), _) => running::ask(admin, &args.user)?,
        (None, Some(playbook)) => from_events(&args, playbook)?,
        (None, None) => snapshots::find(&args.config, &args.user)?,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&explanation).expect("only texts, numbers and lists");
        return print(&(text + "\n"));
    }
    print(&text::page(&explanation))
}

/// A moment's condition, part by part, as text; for those who say why it did or did not fire.
pub fn condition(said: &Explanation, moment: usize) -> String {
    text::condition(said, moment)
}

fn from_events(args: &Args, path: &Path) -> Result<Explanation, Exit> {
    let raw = args.config.load()?.raw;
    let options = Options {
        partitioner: raw.partitioner,
        unwrap: raw.unwrap,
        placeholders: raw.placeholders,
        dedupe_window: raw.dedupe_window,
        ..Options::default()
    };
    let engine = backtest::settle(playbook::load(path)?, options, &args.events, args.allow_jumps)?;
    match engine.find_subject(&args.user) {
        Found::User(subject) => Ok(subject.explain(false)),
        Found::Anonymous => Err(Exit::No(unclaimed(&args.user))),
        Found::Nobody => Err(Exit::No(format!("no event is of a user `{}`", args.user))),
    }
}

fn unclaimed(user: &str) -> String {
    format!(
        "{user} is an anonymous id that no user has claimed: what it did is kept for whoever will, and not evaluated"
    )
}
