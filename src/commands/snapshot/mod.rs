//! `kairos snapshot`: the files of state, seen from outside: which there are, whether they are whole, what is in them. It
//! joins nothing and changes nothing.

mod inspect;
mod ls;
mod verify;

use clap::Subcommand;

use super::{ConfigArg, Exit, run};
use crate::processor::Fault;
use crate::processor::position::Position;
use crate::processor::survey::Survey;
use crate::storage::SnapshotId;
use crate::telemetry::Log;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every snapshot by partition: position, time, size, format, playbook, what it rests on
    Ls(Partitions),
    /// Read every byte of them, and say what is damaged and what to do; ends with 1 if anything is
    Verify(Partitions),
    /// How many profiles one holds, and what takes the bytes
    Inspect(inspect::Args),
}

#[derive(Debug, clap::Args)]
struct Partitions {
    /// Only these partitions of the raw topic, such as `3,5` [default: all]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    partition: Vec<i32>,
}

impl Partitions {
    /// Those asked for, if they are there.
    fn of(&self, survey: &Survey) -> Result<Vec<i32>, Exit> {
        let all = 0..survey.partitions;
        match self.partition.iter().find(|partition| !all.contains(partition)) {
            Some(none) => Err(Exit::Usage(format!(
                "there is no partition {none}: the raw topic has {}, from 0 on",
                survey.partitions
            ))),
            None if self.partition.is_empty() => Ok(all.collect()),
            None => Ok(self.partition.clone()),
        }
    }
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let survey = Survey::open(run::config(&settings)).map_err(run::exit)?;
    match args.command {
        Command::Ls(partitions) => ls::run(&survey, &partitions.of(&survey)?),
        Command::Verify(partitions) => verify::run(&survey, &partitions.of(&survey)?),
        Command::Inspect(args) => inspect::run(&survey, &args),
    }
}

/// The snapshots that each partition's committed position names, newest first.
fn named(survey: &Survey) -> Result<Vec<Vec<SnapshotId>>, Fault> {
    let of = |committed: Option<(i64, Vec<u8>)>| {
        let position = committed.and_then(|(offset, metadata)| Position::decode(offset, &metadata).ok());
        position.map(|position| position.snapshots).unwrap_or_default()
    };
    Ok(survey.committed()?.into_iter().map(of).collect())
}
