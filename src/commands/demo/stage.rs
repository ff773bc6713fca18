//! All parts set up, shown while they run, and taken down in the order of the data's path, so that nothing is left
//! under way when the account is made up.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::broker::Broker;
use super::clock::CompanyClock;
use super::delivery::Delivery;
use super::ledger::Ledger;
use super::machine::{self, Machine, OUTGOING, PARTITIONS, RAW};
use super::news::Desk;
use super::show::Show;
use super::simulator::{Settings, Simulator};
use super::source::{Pace, Source};
use super::summary::Summary;
use super::tally::Tally;
use super::view::{Figures, View};
use super::{Args, Interrupts, instant};
use crate::commands::Exit;
use crate::engine::Millis;
use crate::processor::{Clock as _, Shutdown};

/// A Monday morning. Fixed, so that a seed shows the same company whenever it is shown.
const START: Millis = 1_772_438_400_000;
const SPEED: f64 = 86_400.0;
const TICK: Duration = Duration::from_millis(100);
/// For what is still under way at the end.
const DRAIN: Duration = Duration::from_secs(20);

pub async fn run(args: Args) -> Result<(), Exit> {
    let mut interrupts = Interrupts::listen()?;
    let stage = Stage::set_up(&args).await?;
    let mut show = Show::begin(args.plain)?;
    let ended = tokio::select! {
        ended = stage.show(&mut show, args.lasts) => ended,
        () = interrupts.next() => Ok(()),
    };
    show.end(&stage.view)?;
    tokio::select! {
        summary = stage.take_down() => {
            let summary = summary?;
            crate::commands::print(&summary.to_string())?;
            ended.and_then(|()| summary.verdict())
        }
        // Asked twice: at once, and without an account.
        () = interrupts.next() => Err(Exit::Fault("ended before all was delivered".to_owned())),
    }
}

pub struct Stage {
    began: Instant,
    clock: Arc<CompanyClock>,
    tally: Arc<Tally>,
    pace: Arc<Pace>,
    pub view: Arc<Mutex<View>>,
    source: (Shutdown, JoinHandle<()>),
    machine: Machine,
    ledger: Arc<Mutex<Ledger>>,
    delivery: Delivery,
    // Last: the others go before what they stand on.
    _broker: Broker,
    _folder: Folder,
}

impl Stage {
    async fn set_up(args: &Args) -> Result<Self, Exit> {
        let fault = |error: rdkafka::error::KafkaError| Exit::Fault(format!("the broker inside this process: {error}"));
        let speed = args.speed.unwrap_or(SPEED);
        let clock = Arc::new(CompanyClock::new(START, speed));
        let (tally, pace) = (Arc::new(Tally::default()), Arc::new(Pace::default()));
        let folder = Folder::make()?;
        let broker = Broker::start(&machine::topics(), PARTITIONS).map_err(fault)?;
        let address = broker.address();
        let client = client(&address);
        let machine = Machine::start(address.clone(), folder.url(), clock.clone(), tally.clone());
        let simulator = Simulator::new(Settings { seed: args.seed, users: args.users, start: START, squeeze: 1.0 });
        let source = Source::open(client.clone(), RAW.to_owned(), simulator, pace.clone()).map_err(fault)?;
        let source = start_source(source, clock.clone(), tally.clone());
        let view = Arc::new(Mutex::new(View::new(heading(args, speed), instant(START))));
        let delivery = Delivery::start(&address, OUTGOING, newsroom(view.clone())).await?;
        let ledger = Arc::new(Mutex::new(Ledger::open(client, OUTGOING, PARTITIONS).map_err(fault)?));
        let began = Instant::now();
        Ok(Self {
            began,
            clock,
            tally,
            pace,
            view,
            source,
            machine,
            ledger,
            delivery,
            _broker: broker,
            _folder: folder,
        })
    }

    /// Until it has lasted long enough, or a part has ended by itself.
    async fn show(&self, show: &mut Show, lasts: Option<Duration>) -> Result<(), Exit> {
        let mut ticks = tokio::time::interval(TICK);
        while lasts.is_none_or(|lasts| self.began.elapsed() < lasts) {
            ticks.tick().await;
            lock(&self.ledger).read(Duration::ZERO);
            show.draw(&self.view, self.figures())?;
            if let Some(why) = self.tally.stopped() {
                return Err(Exit::Fault(why));
            }
            if self.machine.has_ended() || self.delivery.has_ended() {
                // Why, comes out when it is taken down.
                return Ok(());
            }
        }
        Ok(())
    }

    fn figures(&self) -> Figures {
        let now = instant(self.clock.wall());
        Figures {
            clock: now.get(..16).unwrap_or(&now).replace('T', " "),
            live: self.clock.is_live(),
            processed: self.tally.processed(),
            rate: 0.0,
            people: self.pace.people.load(Ordering::Relaxed),
            profiles: self.tally.profiles(),
            written: lock(&self.ledger).book.messages,
            arrived: self.delivery.arrived().distinct,
        }
    }

    async fn take_down(self) -> Result<Summary, Exit> {
        let lasted = self.began.elapsed();
        self.source.0.stop();
        let (source, machine, delivery) = (self.source.1, self.machine, self.delivery);
        let (pace, tally, ledger) = (self.pace, self.tally, self.ledger);
        // Threads are waited for aside: the forwarder goes on meanwhile.
        let aside = tokio::task::spawn_blocking(move || {
            let source_ended = source.join();
            let until = Instant::now() + DRAIN;
            let sent = pace.sent.load(Ordering::Relaxed).saturating_sub(pace.failed.load(Ordering::Relaxed));
            while tally.processed() < sent && Instant::now() < until && !machine.has_ended() {
                std::thread::sleep(TICK / 10);
            }
            machine.stop()?;
            source_ended.map_err(|_| "the source: its thread panicked".to_owned())?;
            let ledger = Arc::into_inner(ledger).expect("nobody else reads the ledger after the show");
            let book = ledger.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
            Ok::<_, String>((book, sent, tally))
        });
        let (book, sent, tally) = aside.await.map_err(|error| Exit::Fault(error.to_string()))?.map_err(Exit::Fault)?;
        let until = Instant::now() + DRAIN;
        while delivery.arrived().distinct < book.ids.len() && Instant::now() < until && !delivery.has_ended() {
            tokio::time::sleep(TICK / 10).await;
        }
        let missing = book.ids.iter().filter(|id| !delivery.has(id)).count();
        let arrived = delivery.stop().await?;
        let moments = lock(&self.view).moments();
        Ok(Summary {
            lasted,
            sent,
            processed: tally.processed(),
            dead: tally.dead(),
            written: book.messages,
            written_doubled: book.doubled,
            arrived,
            missing,
            moments,
        })
    }
}

fn start_source(source: Source, clock: Arc<CompanyClock>, tally: Arc<Tally>) -> (Shutdown, JoinHandle<()>) {
    let stop = Shutdown::default();
    let told = stop.clone();
    (stop, std::thread::spawn(move || source.run(&clock, &told, || tally.processed())))
}

/// What is done with each message that arrives.
fn newsroom(view: Arc<Mutex<View>>) -> impl Fn(&serde_json::Value) + Send + Sync + 'static {
    let desk = Mutex::new(Desk::default());
    move |message| {
        if let Some(news) = lock(&desk).read(message) {
            lock(&view).note(news);
        }
    }
}

fn client(address: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address);
    client
}

fn heading(args: &Args, speed: f64) -> String {
    format!(
        "kairos demo: a simulated company (seed {}, {} people), {speed} simulated seconds a second. The broker is librdkafka's mock cluster inside this process: no durability, no real transactions.",
        args.seed, args.users
    )
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where this demo's snapshots lie; gone with it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Exit> {
        let folder = std::env::temp_dir().join(format!("kairos-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .map_err(|error| Exit::Fault(format!("can't make the folder {}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies with the system's temporary files: what can't be removed now is cleared away with them.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
