//! Delivers the outgoing topic over HTTP, to Segment's Tracking API or anything that answers like it.
//!
//! ```text
//! outgoing topic ─▶ record ─▶ lanes (one per shard of users) ─▶ batch ─▶ request ─▶ answer ─▶ offsets
//!                     │  └────────────── dispatch: pure, stepped with the time ──────────────┘    │
//!                     └─▶ <outgoing>.dead                                        committed prefix ┘
//! ```
//!
//! At least once over HTTP; every message has one `messageId` for ever, on which the receiver de-duplicates. An offset
//! is committed only after everything up to it is settled: accepted, dead-lettered on the broker's word, or not wanted.
//! Knows nothing of how messages come about: playbooks, profiles and the engine are out of its sight.

mod answer;
mod client;
mod config;
mod dispatch;
mod dry_run;
mod fault;
mod kafka;
mod key;
mod letters;
pub mod local_endpoint;
mod metrics;
mod record;
mod sidecar;

pub use config::{Config, WriteKeySource};
pub use dry_run::dry_run;
pub use fault::Error;
pub use kafka::member;
pub use metrics::Metrics;
pub use record::{DeadReason, Kind, Routing};
pub use sidecar::run;
