//! The engine against the reference model: golden cases for each rule of the pages, then random playbooks and streams.

#[path = "reference/engine.rs"]
mod engine;
#[path = "reference/golden.rs"]
mod golden;
mod model;
