//! The engine against the reference model: golden cases for each rule of the pages, then random playbooks and streams.

#[path = "reference/compare.rs"]
mod compare;
#[path = "reference/engine.rs"]
mod engine;
#[path = "reference/explain.rs"]
mod explain;
#[path = "reference/generate.rs"]
mod generate;
#[path = "reference/golden.rs"]
mod golden;
mod model;
