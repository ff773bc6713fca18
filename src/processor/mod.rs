//! The processor: moves bytes between Kafka and stages, exactly once. It must not know what a playbook says.
//!
//! ```text
//! raw topic ─▶ Queue ─▶ Partition ─▶ Stage ─▶ Batch ─▶ transaction: outgoing, dead letters, marks, positions ─▶ commit
//!                          ▲                                                    │
//!                restore: position, snapshot, marks ◀── snapshots (cuts of committed state) ◀──┘
//! ```
//!
//! The truth is the raw log, the marks and the committed position. State is a cache of what they say; a snapshot is a
//! cache of that. The caller owns the world outside: settings, clock, watchers, the signal to stop.

pub mod access;
mod batch;
mod checks;
mod config;
mod group;
mod idle;
pub mod import;
mod kafka;
mod look_up;
mod marks;
pub mod members;
pub mod observe;
mod outgoing;
pub mod owners;
mod partition;
pub mod peek;
pub mod playbook;
pub mod position;
mod raw;
pub mod rekey;
pub mod reset;
mod restore;
mod rounds;
mod snapshots;
mod stage;
pub mod survey;
mod transaction;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use config::{Config, FIXED, OnTrouble};
pub use kafka::{enqueue, written_at};
pub use look_up::{Known, LookUps};
pub use observe::Observer;
pub use outgoing::source_in;
pub use restore::Stop;
pub use stage::{Edition, Editions, Make, ReadEdition, Stage, carry_over};

use crate::engine::Millis;
use crate::storage::Store;
use kafka::Kafka;
use outgoing::Outlet;
use partition::Shared;
use restore::Sources;
use snapshots::{Writer, keep_playbook};
use worker::Worker;

/// The two clocks of the world outside. A demonstration may run both faster.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn wall(&self) -> Millis;
    /// Milliseconds since some fixed moment; never backwards.
    fn elapsed(&self) -> Millis;
}

/// The machine's own.
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
    fn elapsed(&self) -> Millis {
        Millis::try_from(self.0.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// The signal to stop, shared with whoever gives it.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<AtomicU8>);

impl Shutdown {
    /// Finish the batch, commit, snapshot, leave.
    pub fn stop(&self) {
        self.0.fetch_max(1, Ordering::Relaxed);
    }
    /// Wait for nothing that a broker or a store does not give at once.
    pub fn hurry(&self) {
        self.0.fetch_max(2, Ordering::Relaxed);
    }
    pub fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
    pub fn is_urgent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

/// Why a run ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("this can't run as it is set up:\n{}", .0.iter().map(|wrong| format!("  - {wrong}")).collect::<Vec<_>>().join("\n"))]
    Checks(Vec<String>),
    #[error("another instance has the same name (`instance` under [run]), and has taken over: {0}")]
    Fenced(String),
    #[error("the group gave this worker's place away after no broker could be reached, again and again: {0}")]
    Disowned(String),
    #[error("Kafka: {0}")]
    Kafka(String),
    #[error(transparent)]
    Store(#[from] crate::storage::StoreError),
    #[error("partition {0}: {1}")]
    Stopped(i32, Stop),
    #[error("{0}")]
    Grown(Stop),
}

impl From<rdkafka::error::KafkaError> for Fault {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        Self::Kafka(error.to_string())
    }
}

/// All that comes from outside.
#[derive(Clone)]
pub struct Outside {
    pub editions: Arc<Editions>,
    pub clock: Arc<dyn Clock>,
    pub observer: Arc<dyn Observer>,
    pub shutdown: Shutdown,
    pub look_ups: Arc<LookUps>,
}

/// A worker that lasted this long had found its place again.
const STEADY: Duration = Duration::from_secs(60);
const REJOINS_MAX: u32 = 10;

/// Processes until told to stop, or until something is wrong that does not pass.
pub fn run(config: Config, outside: &Outside) -> Result<(), Fault> {
    let config = Arc::new(config);
    let edition = outside.editions.current();
    let found = checks::look(&config, edition.longest_window)?;
    let store = Store::open(&config.snapshots_url, &[&found.cluster, &config.group, &config.raw_topic])?;
    let instance = config.instance.clone().unwrap_or_else(random_name);
    store.probe(&instance)?;
    keep_playbook(&store, &edition)?;
    let run = Run { config, instance, found, store: Arc::new(store) };
    let _owners = run.config.members().map(owners::Group::watch).transpose()?;
    let threads: Vec<_> = (0..run.config.threads.max(1)).map(|number| run.worker(number, outside)).collect();
    let mut ended = Ok(());
    for thread in threads {
        // One that ends by a fault has told the others to stop.
        let result = thread.join().unwrap_or_else(|_| Err(Fault::Kafka("a worker's thread panicked".to_owned())));
        ended = ended.and(result);
    }
    ended
}

#[derive(Clone)]
struct Run {
    config: Arc<Config>,
    instance: String,
    found: checks::Found,
    store: Arc<Store>,
}

impl Run {
    fn worker(&self, number: usize, outside: &Outside) -> JoinHandle<Result<(), Fault>> {
        let mut run = self.clone();
        let outside = outside.clone();
        let work = move || {
            let ended = run.worked(number, &outside);
            if ended.is_err() {
                outside.shutdown.stop();
            }
            ended
        };
        let name = format!("worker-{number}");
        std::thread::Builder::new().name(name).spawn(work).expect("the system has a thread for us")
    }

    /// Works until told to stop or until something does not pass. What an outage did to our membership does: the worker
    /// joins anew and restores. So it does when the raw topic has grown and split histories are accepted.
    fn worked(&mut self, number: usize, outside: &Outside) -> Result<(), Fault> {
        let mut rejoined = 0;
        loop {
            let joined = Instant::now();
            let ended = self.open(number, outside).and_then(Worker::run);
            rejoined = if joined.elapsed() > STEADY { 0 } else { rejoined + 1 };
            match ended {
                Err(Fault::Disowned(cause)) if outside.shutdown.is_stopping() => {
                    tracing::warn!(
                        worker = number,
                        cause,
                        "the group gave its place away before it left; what it had not committed is read again"
                    );
                    return Ok(());
                }
                Err(Fault::Disowned(cause)) if rejoined < REJOINS_MAX => {
                    tracing::warn!(worker = number, cause, "disowned by the group after an outage; joining anew");
                }
                Err(Fault::Grown(growth)) if self.config.on_growth == OnTrouble::Continue => {
                    tracing::warn!(worker = number, %growth, "going on with histories split, as `on_growth` has it");
                    self.found = checks::look(&self.config, outside.editions.current().longest_window)?;
                }
                ended => return ended,
            }
        }
    }

    fn open(&self, number: usize, outside: &Outside) -> Result<Worker, Fault> {
        let (config, clock) = (Arc::clone(&self.config), Arc::clone(&outside.clock));
        let mut kafka = Kafka::open(
            &config,
            &self.instance,
            number,
            Arc::clone(&clock),
            Arc::clone(&outside.observer),
            outside.shutdown.clone(),
        )?;
        kafka.start()?;
        let found = &self.found;
        let outlet = Outlet {
            raw_topic: config.raw_topic.clone(),
            partitioner: config.partitioner,
            outgoing_partitions: found.outgoing_partitions,
            dead_partitions: found.dead_partitions,
            dead_bytes_max: found.dead_bytes_max,
        };
        let sources = Sources {
            config: Arc::clone(&config),
            consumer: Arc::clone(&kafka.consumer),
            store: Arc::clone(&self.store),
            editions: Arc::clone(&outside.editions),
            partitions: found.raw_partitions,
        };
        let shared = Shared { config, clock, outlet, partitions: found.raw_partitions };
        let writer = Writer::start(Arc::clone(&self.store), std::thread::current());
        let (observer, shutdown) = (Arc::clone(&outside.observer), outside.shutdown.clone());
        let look_ups = outside.look_ups.join(number);
        Ok(Worker::new(sources, shared, kafka, writer, observer, shutdown, look_ups))
    }
}

/// A name nobody else has: the process id, and the time in nanoseconds.
fn random_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("{host}-{}-{:x}", std::process::id(), since.as_nanos())
}

#[cfg(test)]
mod tests;
