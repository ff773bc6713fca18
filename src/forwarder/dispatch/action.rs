//! What the core is given to go by, and all that it says: actions, counts, how things stand. Data without behaviour.

use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::Body;
use super::offsets::Place;
use crate::forwarder::answer::{Refusal, Why};
use crate::forwarder::record::{DeadReason, Record};

/// How much at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests at a time: one per shard of users.
    pub lanes: usize,
    pub items_max: usize,
    /// How long a message waits for company.
    pub wait_max: Duration,
    /// Above either, no more is read.
    pub held_bytes_max: usize,
    pub held_max: usize,
    /// Under way, or delivered without a confirmed commit: never more than this. All of them come again after a kill.
    pub exposed_max: usize,
    /// Without anything settled for so long while something waits, this instance is not ready.
    pub stalled_after: Duration,
}

/// All that the core asks of the world.
#[derive(Debug)]
pub enum Action {
    Send {
        lane: usize,
        items: usize,
        /// How often this lane tried in vain since something of it last arrived.
        tries: u32,
        body: Body,
    },
    Bury(Letter),
    Note(Note),
}

/// A message for the dead-letter topic. It is settled once the broker has it.
#[derive(Debug)]
pub struct Letter {
    pub place: Place,
    pub record: Record,
    pub reason: DeadReason,
    pub detail: String,
    /// What it weighs while it waits.
    pub(super) bytes: usize,
}

/// What an operator would want to read about.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// Sending has stopped until the write key changes.
    Halted(Refusal),
    Resumed,
    /// No request before this time is over, then a single one.
    Shut {
        why: Why,
        wait: Duration,
    },
    Opened,
}

/// Counted since the start.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub requests: u64,
    pub sent: u64,
    pub skipped: u64,
    pub forgotten: u64,
    pub retried: BTreeMap<Why, u64>,
    pub dead: BTreeMap<DeadReason, u64>,
    /// Of the dead, those that had been replayed: they failed a second time.
    pub dead_again: u64,
    pub rate_waited: Duration,
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub held: usize,
    pub held_bytes: usize,
    pub in_flight_requests: usize,
    pub in_flight_messages: usize,
    /// When the oldest record that is not settled was written.
    pub oldest_written_ms: Option<i64>,
    pub hindrance: Option<Hindrance>,
}

/// Why an instance is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    Halted(Refusal),
    Stalled { since: Duration },
}
