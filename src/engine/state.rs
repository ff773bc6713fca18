//! The engine of one partition: what a shell holds and steps.
//!
//! Inputs are records, marks and the clock, nothing else; the same inputs in the same order give the same actions,
//! byte for byte, whatever the batch sizes, restarts or snapshots between them.

use std::sync::Arc;

use super::playbook::program::Program;
use super::{Action, Millis, Record};

/// What the worker's settings say about reading records.
#[derive(Debug, Clone)]
pub struct Options {
    pub partition: i32,
    pub partitions: i32,
    pub partitioner: Partitioner,
    /// Keys of the path to the message inside a record; empty: the record itself.
    pub unwrap: Vec<String>,
    /// Ids that are no ids, beside the built-in ones; compared trimmed, without regard to ASCII case.
    pub placeholders: Vec<String>,
    pub dedupe_window: Millis,
}

/// How producers choose a partition from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// The Java client's default.
    Murmur2,
    /// librdkafka's `consistent`.
    Crc32,
}

/// Facts that reach an engine and are in no record (the marks topic keeps them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The clock stood at least here when the next record was applied.
    IdleClock(Millis),
    /// Nothing is sent for evaluations before this time. `resumed`: not the first one of this partition.
    HoldBack { until: Millis, resumed: bool },
    /// The wall clock at this offset, against record times far ahead.
    Horizon(Millis),
}

#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Record(Record<'a>),
    /// The idle clock, or the clock of a committed position during a restore.
    Clock(Millis),
    Mark(Mark),
}

/// Whether a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// `room` is used up inside a minute: commit what there is (with `cursor`), then step the same input again.
    Full,
}

/// Counters since they were last taken. Moved to metrics after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub events: u64,
    pub empty_records: u64,
    pub duplicates: u64,
    pub own_messages: u64,
    pub misrouted: u64,
    /// Record times set back because they were more than 1 h ahead of the wall clock.
    pub clamped_records: u64,
    /// Event times set back to record time.
    pub clamped_events: u64,
    pub held_back: u64,
    pub identifies: u64,
    pub deletes: u64,
    /// By moment, in file order.
    pub fired: Vec<u64>,
    pub ended: Vec<u64>,
    /// By reason, in the order of `Reason`.
    pub dead: [u64; 7],
    /// What limits refused.
    pub distinct_evicted: u64,
    pub values_ignored: u64,
    pub traits_left_out: u64,
}

/// The state of one partition.
pub struct Engine {
    _private: (),
}

#[allow(unused_variables, clippy::ptr_arg)]
impl Engine {
    pub fn new(program: Arc<Program>, options: Options) -> Self {
        todo!()
    }
    /// `None` before the first record.
    pub fn clock(&self) -> Option<Millis> {
        todo!()
    }
    /// The last user done in a minute (the clock's) that is not done yet.
    pub fn cursor(&self) -> Option<&str> {
        todo!()
    }
    /// Does a record of this time need a fresh wall clock (`Mark::Horizon`) before it is stepped?
    /// True when it lies more than 1 h past the last horizon. The shell asks the clock at most once a minute.
    pub fn wants_horizon(&self, time: Millis) -> bool {
        todo!()
    }
    /// Steps one input; appends what is to be done. Emits at most about `room` messages before it says `Full`
    /// (one record's own messages are never split).
    pub fn step(&mut self, input: Input<'_>, room: usize, actions: &mut Vec<Action>) -> Progress {
        todo!()
    }
    /// During a restore: goes on inside minute `clock` after user `cursor`, as a committed position says. Everything a
    /// minute had sent before is taken as sent; what this appends must be dropped.
    pub fn resume(&mut self, clock: Millis, cursor: Option<&str>, actions: &mut Vec<Action>) {
        todo!()
    }
    pub fn take_counts(&mut self) -> Counts {
        todo!()
    }
    /// Profiles held and an estimate of their bytes.
    pub fn size(&self) -> (usize, usize) {
        todo!()
    }
    /// The earliest whole minute at which the clock alone would do something.
    pub fn next_due(&self) -> Option<Millis> {
        todo!()
    }

    /// Starts a cut at the present state, which must be a committed one. `full`: a base, else a delta of what changed
    /// since the last cut began. From now on a profile about to change is serialised first.
    pub fn begin_cut(&mut self, _full: bool) {
        todo!()
    }
    /// Appends up to about `profiles` profiles of the cut to `block`. True when the cut is complete.
    pub fn cut(&mut self, profiles: usize, block: &mut Vec<u8>) -> bool {
        todo!()
    }
    /// Gives up a cut; the next must be full.
    pub fn abandon_cut(&mut self) {
        todo!()
    }
    /// Takes back one block of a cut. Blocks in order, a base's first, then each delta's.
    pub fn load(&mut self, block: &[u8]) -> Result<(), Damage> {
        todo!()
    }
    /// After the last block: arms timers. Then records and marks from the cut's position on.
    pub fn finish_load(&mut self) {
        todo!()
    }
}

/// A snapshot block that does not read: what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("damaged snapshot block: {0}")]
pub struct Damage(pub String);
