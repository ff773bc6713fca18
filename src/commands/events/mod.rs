//! `kairos events`: what files or the raw topic hold, as a start for a playbook. It joins no group and writes nothing.

mod json;
mod text;

use std::path::PathBuf;

use super::inventory::Source;
use super::{Exit, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Files of events: JSON lines, plain, gzip or zstd; - for standard input. None: the raw topic of the settings
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let inventory = args.source.take(&args.events)?;
    print(&if args.json { format!("{:#}\n", json::of(&inventory)) } else { text::of(&inventory) })
}
