//! The forwarder's settings as meant. Knows nothing of files or the environment: a command makes it of them.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::dispatch::{Limits, Pace};
use super::record::Routing;
use crate::settings::{Property, Secret};

#[derive(Debug, Clone)]
pub struct Config {
    pub brokers: String,
    pub properties: Vec<Property>,
    /// The outgoing topic.
    pub topic: String,
    pub group: String,
    /// A stable name, so that a restart moves no partitions.
    pub instance: Option<String>,
    pub endpoint: String,
    pub write_key: WriteKeySource,
    /// Certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    pub gzip: bool,
    /// For one request, from connecting to the answer's last byte.
    pub timeout: Duration,
    pub routing: Routing,
    /// Most messages in one request.
    pub max_items: usize,
    pub max_wait: Duration,
    /// Requests at a time.
    pub concurrency: usize,
    /// Events a second, shared by so many instances; `None`: without limit.
    pub rate: Option<f64>,
    pub instances: NonZeroU32,
    pub stalled_after: Duration,
    /// How long requests under way are waited for when this instance stops, or a partition goes.
    pub stop_timeout: Duration,
}

#[derive(Debug, Clone)]
pub enum WriteKeySource {
    Given(Secret),
    /// Read again when it changes.
    File(PathBuf),
}

/// What is held of messages on their way; with the fetches in the client's own queue it stays far below 100 MB.
const HELD_BYTES_MAX: usize = 16 << 20;
const HELD_MAX: usize = 20_000;
const DELAY_FIRST: Duration = Duration::from_millis(500);
const DELAY_MAX: Duration = Duration::from_secs(60);
const FAILURES_MAX: u32 = 5;

impl Config {
    pub fn dead_topic(&self) -> String {
        format!("{}.dead", self.topic)
    }

    pub fn limits(&self) -> Limits {
        Limits {
            lanes: self.concurrency,
            items_max: self.max_items,
            wait_max: self.max_wait,
            held_bytes_max: HELD_BYTES_MAX,
            held_max: HELD_MAX.max(2 * self.max_items * self.concurrency),
            // As much as can be under way at a time, so that a kill repeats no more than that.
            exposed_max: self.max_items * self.concurrency,
            stalled_after: self.stalled_after,
        }
    }

    pub fn pace(&self) -> Pace {
        let rate = self.rate.map(|rate| rate / f64::from(self.instances.get()));
        // A second's worth at once; but a whole batch must be able to go.
        let burst = rate.unwrap_or_default().max(self.max_items as f64);
        Pace { rate, burst, delay_first: DELAY_FIRST, delay_max: DELAY_MAX, failures_max: FAILURES_MAX }
    }
}
