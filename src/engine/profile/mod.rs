//! What is remembered of a person: packed bytes, one payload per cell of the playbook.
//!
//! A profile lies in memory as it lies in a snapshot. To work on one, its bytes are opened into a [`body::Body`], which
//! finds cells by number; payloads are read where they lie and only those that change are written anew.

pub mod body;
pub mod distinct;
pub mod kept;
pub mod numbers;
pub mod outbox;
pub mod seen;
pub mod sequence;
pub mod series;
pub mod streak;
pub mod values;
pub mod varint;
