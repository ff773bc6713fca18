//! All tests against real Kafka, in one binary so that they share one broker (see `support`).

#[path = "../support/mod.rs"]
mod support;

mod acks;
mod backtest;
mod bucket;
mod compose;
mod damage;
mod dead;
mod determinism;
mod equivalence;
mod events;
mod explain;
mod faults;
mod forward;
mod growth;
mod harness;
mod idle;
mod import;
mod input;
mod owners;
mod refusals;
mod rekey;
mod reload;
mod reset;
mod security;
mod snapshots;
mod start;
mod state;
mod watch;
