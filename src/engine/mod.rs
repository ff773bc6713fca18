//! The engine: records and marks in, actions out. Pure: it knows nothing of Kafka, files, HTTP, logs, metrics or
//! wall clocks; all time is passed in. One engine per partition, owned by one thread.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::iter_over_hash_type))]

mod apply;
pub mod census;
mod counts;
pub mod eval;
pub mod evaluate;
pub mod event;
pub mod explain;
mod identify;
mod look;
mod merge;
pub mod message;
mod observe;
pub mod partition;
pub mod person;
pub mod playbook;
pub mod profile;
pub mod score;
mod snapshot;
mod state;
pub mod table;
mod watch;

pub use counts::Counts;
pub use look::Parts;
pub use playbook::meant::Millis;
pub use snapshot::Damage;
pub use state::{Engine, Input, Mark, Options, Partitioner, Progress};

/// One record of the raw topic (or one line of a file).
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub offset: i64,
    /// The record time, after the caller's rule for records without one.
    pub time: Millis,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// All that the engine asks of the world. In order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A message for the outgoing topic.
    Emit(Outgoing),
    /// A record, or one item of a batch, that can't be used.
    DeadLetter(DeadLetter),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The user's id.
    pub key: String,
    /// One Segment message as JSON; `None` for a `delete`.
    pub value: Option<Vec<u8>>,
    /// Offset of the record that caused it, when one did (not for timers).
    pub cause: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    pub offset: i64,
    pub reason: Reason,
    /// A sentence: what was wrong, where.
    pub detail: String,
    /// For one item of a batch: its index, and the item with the outer context merged in. Else the record's bytes go as they came.
    pub item: Option<(u32, Vec<u8>)>,
}

/// Why a record can't be used: the closed list of the dead-letter topic, also the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    NotJson,
    NotAnObject,
    NoType,
    NoId,
    NoEvent,
    IdTooLong,
    TooLarge,
}

impl Reason {
    /// In the order in which they are tried.
    pub const ALL: [Self; 7] =
        [Self::NotJson, Self::NotAnObject, Self::NoType, Self::NoId, Self::NoEvent, Self::IdTooLong, Self::TooLarge];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NoType => "no_type",
            Self::NoId => "no_id",
            Self::NoEvent => "no_event",
            Self::IdTooLong => "id_too_long",
            Self::TooLarge => "too_large",
        }
    }
}
