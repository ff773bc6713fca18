//! `kairos dead`: what the processor could not take and what the forwarder could not deliver: counted, shown one by one,
//! and sent again. It must not know how letters come about.

mod letter;
mod ls;
mod reason;
mod replay;
mod sender;
mod show;
mod topic;

use clap::{Subcommand, ValueEnum};

use super::{ConfigArg, Exit, a_time, run};
use crate::engine::Millis;
use crate::processor::Config;
use crate::telemetry::Log;
use letter::{Letter, Place};
use topic::Topic;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How many there are, by reason, and from when to when
    Ls(ls::Args),
    /// One of them in full, and what its reason means
    Show(show::Args),
    /// Send some of them to the topic they came from once more
    Replay(replay::Args),
}

/// Whose dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Records of the raw topic that the processor could not take
    Raw,
    /// Messages of the outgoing topic that the forwarder could not deliver
    Outgoing,
}

impl Which {
    fn source(self, config: &Config) -> &str {
        match self {
            Self::Raw => &config.raw_topic,
            Self::Outgoing => &config.outgoing_topic,
        }
    }

    fn dead(self, config: &Config) -> String {
        format!("{}.dead", self.source(config))
    }

    fn open(self, config: &Config) -> Result<Option<Topic>, Exit> {
        Topic::open(config, &self.dead(config), None)
    }
}

/// Which of the letters.
#[derive(Debug, clap::Args)]
struct Choice {
    /// Only those with this reason, such as `no_id`; may be given more than once
    #[arg(long, value_name = "REASON", value_parser = reason::known())]
    reason: Vec<String>,
    /// Only those written from this time on, like 2026-03-01 or, so long ago, 30d
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those written before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// The same, understood.
struct Wanted<'a> {
    reasons: &'a [String],
    from: Option<Millis>,
    to: Option<Millis>,
}

impl Choice {
    fn wanted(&self) -> Result<Wanted<'_>, Exit> {
        let time = |text: &Option<String>| text.as_deref().map(a_time).transpose();
        Ok(Wanted { reasons: &self.reason, from: time(&self.from)?, to: time(&self.to)? })
    }

    fn is_empty(&self) -> bool {
        self.reason.is_empty() && self.from.is_none() && self.to.is_none()
    }
}

impl Wanted<'_> {
    fn has(&self, letter: &Letter) -> bool {
        let reason = letter.reason();
        (self.reasons.is_empty() || self.reasons.contains(&reason))
            && self.from.is_none_or(|from| letter.time >= from)
            && self.to.is_none_or(|to| letter.time < to)
    }
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let config = run::config(&settings);
    match args.command {
        Command::Ls(args) => ls::run(&config, &args),
        Command::Show(args) => show::run(&config, &args),
        Command::Replay(args) => replay::run(&config, &args),
    }
}
