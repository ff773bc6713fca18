//! All tests against real Kafka, in one binary so that they share one broker (see `support`).

#[path = "../support/mod.rs"]
mod support;

mod harness;
