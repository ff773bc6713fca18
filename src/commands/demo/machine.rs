//! The processor as `kairos run` has it, set up for the broker inside this process, on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::shipped;
use crate::engine::playbook::{self, program::Program};
use crate::engine::{Engine, Options, Partitioner};
use crate::processor::{self, Config, Edition, Editions, Fault, OnTrouble, Outside, Shutdown};

pub const RAW: &str = "segment-events";
pub const OUTGOING: &str = "kairos-outgoing";
pub const GROUP: &str = "kairos-demo";
pub const PARTITIONS: i32 = 4;
const DEDUPE_WINDOW: i64 = 86_400_000;

pub struct Machine {
    pub shutdown: Shutdown,
    thread: JoinHandle<Result<(), Fault>>,
}

/// All topics that the processor and the forwarder use.
pub fn topics() -> Vec<String> {
    let (raw_dead, outgoing_dead) = (format!("{RAW}.dead"), format!("{OUTGOING}.dead"));
    vec![RAW.to_owned(), OUTGOING.to_owned(), raw_dead, outgoing_dead, format!("{GROUP}.marks")]
}

impl Machine {
    /// `snapshots`: a folder's URL.
    pub fn start(
        brokers: String,
        snapshots: String,
        clock: Arc<dyn processor::Clock>,
        observer: Arc<dyn processor::Observer>,
    ) -> Self {
        let shutdown = Shutdown::default();
        let editions = Arc::new(Editions::new(edition(shipped::program()), Box::new(|_| None)));
        let outside = Outside { editions, clock, observer, shutdown: shutdown.clone(), look_ups: Arc::default() };
        let config = config(brokers, snapshots);
        Self { shutdown, thread: std::thread::spawn(move || processor::run(config, &outside)) }
    }

    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Finishes and commits what was read.
    pub fn stop(self) -> Result<(), String> {
        self.shutdown.stop();
        match self.thread.join() {
            Ok(ended) => ended.map_err(|fault| format!("the processor: {fault}")),
            Err(_) => Err("the processor: its thread panicked".to_owned()),
        }
    }
}

fn edition(program: Arc<Program>) -> Edition {
    let meant: &playbook::meant::Playbook = &program.playbook;
    Edition {
        fingerprint: meant.fingerprint.clone(),
        revision: meant.revision,
        text: shipped::TEXT.to_owned(),
        longest_window: 0,
        make: Box::new(move |partition, partitions| {
            let options = Options {
                partition,
                partitions,
                partitioner: Partitioner::Murmur2,
                unwrap: Vec::new(),
                placeholders: Vec::new(),
                dedupe_window: DEDUPE_WINDOW,
            };
            Box::new(Engine::new(Arc::clone(&program), options))
        }),
    }
}

fn config(brokers: String, snapshots: String) -> Config {
    Config {
        brokers,
        kafka: BTreeMap::new(),
        embedded_broker: true,
        raw_topic: RAW.to_owned(),
        outgoing_topic: OUTGOING.to_owned(),
        partitioner: Partitioner::Murmur2,
        unwrap: Vec::new(),
        placeholders: Vec::new(),
        dedupe_window: DEDUPE_WINDOW,
        group: GROUP.to_owned(),
        instance: None,
        threads: 1,
        commit_interval: Duration::from_millis(50),
        // The simulated history is news to everybody here.
        hold_back: None,
        hold_back_until: None,
        // At a day a second a pause between two events would always look like silence.
        idle_clock: false,
        idle_grace: 60_000,
        idle_max: 6 * 3_600_000,
        create_topics: false,
        on_growth: OnTrouble::Stop,
        on_gap: OnTrouble::Stop,
        snapshots_url: snapshots,
        snapshot_interval: Duration::from_secs(600),
        snapshots_keep: 1,
    }
}
