//! The command line: one file per subcommand, each with its `Args` and a `run`. Here is what they share: the list of
//! them, how settings are found, and how a command ends. No command knows another.

pub mod backtest;
pub mod check;
pub mod config;
pub mod dead;
pub mod demo;
pub mod events;
mod exit;
pub mod explain;
pub mod forward;
pub mod health;
pub mod import;
pub mod init;
mod input;
mod inventory;
mod manual;
mod playbook;
mod progress;
pub mod rekey;
pub mod reset;
pub mod run;
pub mod schema;
pub mod snapshot;
pub mod state;
pub mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, print};

use crate::engine::Millis;
use crate::engine::event::time;
use crate::processor::{Clock as _, SystemClock};
use crate::settings::Settings;
use crate::telemetry::Log;

/// Notices the moments that matter in a stream of Segment events on Kafka.
#[derive(Debug, Parser)]
#[command(name = "kairos", version = env!("KAIROS_VERSION"), after_help = exit::HELP, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a playbook's own test cases
    Test(test::Args),
    /// Replay history through a playbook: which moments would have fired, when, for whom
    Backtest(Box<backtest::Args>),
    /// Tell why a user has these scores and moments
    Explain(explain::Args),
    /// Read settings and playbooks, and report every mistake at once
    Check(check::Args),
    /// Print the JSON Schema of playbooks, for editors
    Schema(schema::Args),
    /// Process the raw topic until told to stop
    Run(run::Args),
    /// Everything at once, with nothing to set up: a simulated company, and what Kairos sees in it
    Demo(demo::Args),
    /// Show the effective settings and where each came from
    Config(config::Args),
    /// Deliver the outgoing topic to Segment, or anything compatible
    Forward(forward::Args),
    /// Ask a running instance whether it is well
    Health(health::Args),
    /// Show how a group stands: position, lag, clock, marks, snapshots and owner of each partition
    State(state::Args),
    /// Bring each person's records into one partition: a topic with any keys to one keyed by user
    Rekey(rekey::Args),
    /// Take in history before the first start: files of events to the first snapshots
    Import(import::Args),
    /// Look at the files of state: list them, check them, see what is in them
    Snapshot(snapshot::Args),
    /// Look at dead letters, and send them again
    Dead(dead::Args),
    /// Show what events hold: names, paths, ids and keys, as a start for a playbook
    Events(events::Args),
    /// Put a group's positions somewhere else, with the state that belongs there
    Reset(reset::Args),
    /// Write a settings file and a playbook to begin with
    Init(init::Args),
    /// Print a completion script for a shell
    Completions(manual::CompletionsArgs),
    /// Print the manual, all pages in one, for `man -l -`
    Man,
}

impl Cli {
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Test(args) => test::run(args),
            Command::Backtest(args) => backtest::run(*args),
            Command::Explain(args) => explain::run(args),
            Command::Check(args) => check::run(args),
            Command::Schema(args) => schema::run(args),
            Command::Run(args) => run::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Config(args) => config::run(args),
            Command::Forward(args) => forward::run(args),
            Command::Health(args) => health::run(args),
            Command::State(args) => state::run(args),
            Command::Rekey(args) => rekey::run(args),
            Command::Import(args) => import::run(args),
            Command::Snapshot(args) => snapshot::run(args),
            Command::Dead(args) => dead::run(args),
            Command::Events(args) => events::run(args),
            Command::Reset(args) => reset::run(args),
            Command::Init(args) => init::run(args),
            Command::Completions(args) => manual::completions(args),
            Command::Man => manual::manual(),
        };
        exit::code(result)
    }
}

/// `--config`, for the commands that read settings.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArg {
    /// The settings' file [default: kairos.toml where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "KAIROS_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

impl ConfigArg {
    /// The settings, or all that is wrong with them.
    pub fn load(&self) -> Result<Settings, Exit> {
        Settings::load(self.config.as_deref(), std::env::vars_os())
            .map_err(|mistakes| Exit::Usage(mistakes.to_string()))
    }

    /// The log's level as the settings have it by now, for a program that runs.
    fn reload_level(&self, log: &Log) {
        match self.load() {
            Ok(settings) => {
                log.set_level(&settings.log.level);
                tracing::info!(level = settings.log.level, "the log level was read again");
            }
            Err(mistakes) => tracing::error!("the log level stays as it was: the settings are wrong now:\n{mistakes}"),
        }
    }
}

/// A time as events have it, or how long ago.
pub fn a_time(text: &str) -> Result<Millis, Exit> {
    let ago = || crate::engine::playbook::duration(text).map(|length| SystemClock::default().wall() - length);
    time::parse(text)
        .or_else(ago)
        .ok_or_else(|| Exit::Usage(format!("{text}: neither a time like 2026-03-01T10:00:00Z nor a duration like 30d")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
