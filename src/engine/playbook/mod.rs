//! Playbooks: as written → checked, as meant → compiled.

pub mod meant;
pub mod program;
