//! `--source-only`: the company's events into a real broker, to try `kairos run` on. First a history that ends now, as
//! fast as the broker takes it; then the company goes on faster than the clock, its events stamped with the clock's time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::clock::CompanyClock;
use super::simulator::{Settings, Simulator};
use super::source::{Pace, Source};
use super::{Args, Interrupts};
use crate::commands::{self, Exit, print};
use crate::processor::access::{self, Need, Right};
use crate::processor::{Clock as _, Shutdown, SystemClock};
use crate::settings;

const SPEED: f64 = 3_600.0;
const STATUS_EVERY: Duration = Duration::from_secs(5);

pub async fn run(args: Args) -> Result<(), Exit> {
    let mut interrupts = Interrupts::listen()?;
    let settings = args.config.load()?;
    let speed = args.speed.unwrap_or(SPEED);
    let start = SystemClock::default().wall();
    let simulator = Simulator::new(Settings { seed: args.seed, users: args.users, start, squeeze: speed });
    let (clock, pace, stop) = (CompanyClock::new(start, speed), Arc::new(Pace::default()), Shutdown::default());
    let (brokers, topic) = (settings.kafka.brokers.clone(), settings.raw.topic.clone());
    let access =
        access::check(&client(&settings), &[Need::topic(&topic, &[Right::Write])]).map_err(commands::run::exit)?;
    access.raw_partitions(&topic).map_err(commands::run::exit)?;
    let source = Source::open(client(&settings), topic.clone(), simulator, pace.clone());
    let source = source.map_err(|error| Exit::Usage(format!("the Kafka settings are refused: {error}")))?;
    print(&format!("events of a simulated company into {topic} on {brokers}\n"))?;
    let (told, seen) = (stop.clone(), pace.clone());
    // A broker has room; what it has taken counts as done.
    let thread = std::thread::spawn(move || source.run(&clock, &told, || seen.sent.load(Ordering::Relaxed)));
    let told = tokio::select! {
        told = tell(&pace, args.lasts) => told,
        () = interrupts.next() => Ok(()),
    };
    stop.stop();
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    joined.ok().and_then(Result::ok).ok_or_else(|| Exit::Fault("the source's thread panicked".to_owned()))?;
    told?;
    print(&status(&pace))?;
    match pace.failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => Err(Exit::Fault(format!("{brokers} did not take {failed} events for {topic}"))),
    }
}

async fn tell(pace: &Pace, lasts: Option<Duration>) -> Result<(), Exit> {
    let began = Instant::now();
    loop {
        let left = lasts.map_or(STATUS_EVERY, |lasts| lasts.saturating_sub(began.elapsed()));
        if left.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(left.min(STATUS_EVERY)).await;
        print(&status(pace))?;
    }
}

fn status(pace: &Pace) -> String {
    let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    format!("{} events of {} people, {} not taken\n", of(&pace.sent), of(&pace.people), of(&pace.failed))
}

fn client(settings: &settings::Settings) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &settings.kafka.brokers);
    for property in &settings.kafka.properties {
        client.set(&property.name, property.value.expose());
    }
    client
}
