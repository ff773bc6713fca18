//! Kairos: notices the moments that matter in a stream of Segment events on Kafka, exactly once.
//!
//! ```text
//! raw topic ─▶ decode ─▶ identity ─▶ profile ─▶ signals ─▶ scores ─▶ moments ─▶ messages ─▶ outgoing topic ─▶ forward ─▶ Segment
//!            └─────────────── engine: pure, no IO, no clock, no async ───────────────┘
//! └──────────── processor: one thread = one consumer + one transactional producer ────────────┘
//! ```
//!
//! | module | what it is for | what it must not know |
//! | --- | --- | --- |
//! | [`engine`] | records and marks in, messages out: the whole meaning of a playbook | Kafka, files, HTTP, logs, metrics, clocks |
//! | [`storage`] | where snapshots lie: a folder or an object store | what is in them |
//! | [`settings`] | `kairos.toml` and the environment: as written, then as meant | who uses a setting |
//! | [`telemetry`] | every metric and the log set-up, in one place | what the figures decide |
//! | [`processor`] | moves bytes between Kafka and engines, exactly once | what a playbook says |
//! | [`forwarder`] | delivers the outgoing topic over HTTP | how messages come about |
//! | [`commands`] | one file per subcommand | each other |
#![deny(unsafe_code)]

pub mod commands;
pub mod engine;
pub mod forwarder;
pub mod processor;
pub mod settings;
pub mod storage;
pub mod telemetry;
