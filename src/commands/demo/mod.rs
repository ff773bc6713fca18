//! `kairos demo`: a simulated company, a broker inside this process, the processor, the forwarder, an endpoint that
//! answers like Segment's, and a view of it all. It must not know how any of them works.

mod broker;
mod clock;
mod delivery;
mod ledger;
mod machine;
mod news;
mod only;
pub mod shipped;
mod show;
pub mod simulator;
mod source;
mod stage;
mod summary;
mod tally;
mod view;

use jiff::Timestamp;

use super::{ConfigArg, Exit};
use crate::engine::Millis;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Another number, another company; the same number, the same company
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many people come by in the company's history
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Simulated seconds a second [default: 86400, a day a second; with --source-only 3600]
    #[arg(long, value_name = "X", value_parser = speed)]
    speed: Option<f64>,
    /// End by itself after this time, such as 30s
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    lasts: Option<std::time::Duration>,
    /// Lines instead of a picture; so it is too when nobody looks at a terminal
    #[arg(long)]
    plain: bool,
    /// Only the company's events, into the raw topic of the broker in the settings: a source to try `kairos run` on
    #[arg(long)]
    source_only: bool,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = threads.map_err(|error| Exit::Fault(format!("no threads to run on: {error}")))?;
    runtime.block_on(async { if args.source_only { only::run(args).await } else { stage::run(args).await } })
}

/// Ready when the person at the terminal, or the system, wants an end.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn listen() -> Result<Self, Exit> {
        use tokio::signal::unix::{SignalKind, signal};
        let wrong = |error| Exit::Fault(format!("can't listen for signals: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate()).map_err(wrong)? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// As messages write it: `2026-03-12T19:11:01.266Z`.
fn instant(time: Millis) -> String {
    Timestamp::from_millisecond(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= 10_000_000.0 => Ok(speed),
        _ => Err("a number above 0, at most 10000000: 3600 is an hour a second".to_owned()),
    }
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let seconds = match &text[split..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => 0,
    };
    match text[..split].parse::<u32>() {
        Ok(number) if seconds > 0 && number > 0 => Ok(std::time::Duration::from_secs(u64::from(number) * seconds)),
        _ => Err("a whole number above 0 with s, m or h: 30s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_have_units_and_speeds_have_bounds() {
        assert_eq!((time("30s"), time("2m")), (Ok(Duration::from_secs(30)), Ok(Duration::from_secs(120))));
        assert!(["30", "s", "0s", "-1s", "1.5h", "1d"].iter().all(|text| time(text).is_err()));
        assert!(speed("86400").is_ok() && ["0", "-1", "NaN", "inf", "fast"].iter().all(|text| speed(text).is_err()));
    }
}
