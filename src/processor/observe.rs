//! What a worker tells those who watch it. It must not know metrics, logs or HTTP.

use std::time::Duration;

use crate::engine::census::Census;
use crate::engine::{Counts, Millis};

/// Where a partition is in its life here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Reading its position and snapshot.
    Restoring,
    /// Stepping what was already committed, with nothing sent.
    Replaying,
    /// Live, not yet at the end of the log.
    CatchingUp,
    Live,
    /// Not processed; why, and the way out.
    Stopped(String),
}

/// How one partition stands. Reported about once a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub phase: Phase,
    /// Next offset to process.
    pub next: i64,
    /// End of the log, where known; lag is the difference.
    pub end: Option<i64>,
    pub clock: Option<Millis>,
    pub profiles: usize,
    pub bytes: usize,
    /// Wall time of the newest snapshot that counts.
    pub snapshot_at: Option<Millis>,
    /// The idle clock stopped at its limit: a dead pipe is not a silent customer.
    pub idle_limit: bool,
}

/// All methods have a default that does nothing. They are called from worker threads and must not block.
pub trait Observer: Send + Sync {
    /// A commit, known to be done.
    fn committed(&self, _took: Duration, _messages: usize) {}
    /// What an engine counted, moved here once its commit is known.
    fn counted(&self, _partition: i32, _counts: &Counts) {}
    fn standing(&self, _partition: i32, _standing: &Standing) {}
    /// How its users are spread; a round takes a while.
    fn census(&self, _partition: i32, _census: &Census) {}
    /// The partition went to another worker.
    fn gone(&self, _partition: i32) {}
    fn snapshot(&self, _partition: i32, _took: Duration, _bytes: usize) {}
    fn snapshot_failed(&self, _partition: i32) {}
    fn restored(&self, _partition: i32, _took: Duration) {}
    /// A call to the broker failed and is being dealt with.
    fn trouble(&self, _doing: &'static str) {}
}

impl Observer for () {}
