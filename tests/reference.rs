//! The engine against the reference model: golden cases for each rule of the pages, then random playbooks and streams.

#[path = "reference/golden.rs"]
mod golden;
mod model;
