//! The engine against the reference model: golden cases for each rule of the pages, then random playbooks and streams.

#[path = "reference/change.rs"]
mod change;
#[path = "reference/compare.rs"]
mod compare;
#[path = "reference/engine.rs"]
mod engine;
#[path = "reference/explain.rs"]
mod explain;
#[path = "reference/generate/mod.rs"]
mod generate;
#[path = "reference/golden.rs"]
mod golden;
#[path = "reference/language.rs"]
mod language;
mod model;
#[path = "reference/restore.rs"]
mod restore;
#[path = "reference/world.rs"]
mod world;
