//! The reference model: a slow and obvious reading of `playbook.md` and `wire.md`, written from those pages alone. It keeps
//! raw lists of everything and computes every answer anew at each evaluation. It knows nothing of the engine; where a page
//! can be read in two ways, `READINGS.md` says which way is taken here.

mod agenda;
mod eval;
mod evaluate;
mod event;
mod expr;
pub mod json;
mod number;
mod partition;
mod person;
mod playbook;
pub mod time;
pub mod touched;
mod value;

pub use event::{Dead, Reading};
pub use partition::{Input, Minutes, Output, Partition};
pub use playbook::Playbook;
