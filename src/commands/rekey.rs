//! `kairos rekey`: brings each person's records into one partition, for topics that are keyed by something else or by
//! nothing. It must not know how.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArg, Exit, print, run};
use crate::processor::Shutdown;
use crate::processor::rekey::{self, Request};
use crate::telemetry::Log;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The topic to read, whatever its keys
    #[arg(long, value_name = "TOPIC")]
    from: String,
    /// The topic to write, keyed by user [default: raw.topic of the settings, which `run` reads]
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// The consumer group that holds its position [default: run.group with `-rekey`]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// End once all that was there at the start is done, instead of waiting for more
    #[arg(long)]
    until_end: bool,
}

const HELP: &str = "\
The key becomes the userId, else the anonymousId that is on the message; a batch of several people's messages becomes a \
record for each message. Times, headers and all else stay. What holds nobody's message keeps its key.";

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let config = run::config(&settings);
    let request = Request {
        to: args.to.unwrap_or_else(|| config.raw_topic.clone()),
        group: args.group.unwrap_or_else(|| format!("{}-rekey", config.group)),
        from: args.from,
        until_end: args.until_end,
    };
    let shutdown = Shutdown::default();
    stop_on_signals(shutdown.clone()).map_err(|error| Exit::Fault(format!("can't wait for signals: {error}")))?;
    tracing::info!(from = request.from, to = request.to, group = request.group, "re-keying");
    let done = rekey::run(&config, &request, &shutdown).map_err(run::exit)?;
    print(&format!(
        "{} records read from {}, {} written to {}, {} of them nobody's\n",
        done.records, request.from, done.written, request.to, done.nobodys
    ))
}

/// The first signal asks; a second one, or ten seconds, end the process: what is not committed is undone.
fn stop_on_signals(shutdown: Shutdown) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let wait = async move {
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        shutdown.stop();
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
        }
        std::process::exit(3);
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(wait))?;
    Ok(())
}
