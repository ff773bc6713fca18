//! Decoding: record bytes → items → an event, or the reason why there is none.
//!
//! The hot path: each byte of a record is checked once, only what the playbook names is found, nothing is copied that
//! can be borrowed, nothing is converted before it is asked for. It knows nothing of profiles, signals or output.
//!
//! ```text
//! bytes ─▶ reader (mark, wrapper, batch) ─▶ items ─▶ judge (type, ids, event's name) ─▶ Event, Own or Rejected
//!            └ wanted (one pass over json) ┘
//! ```

mod ahead;
mod dead;
mod fields;
mod fold;
mod ids;
mod items;
mod json;
mod judge;
pub mod number;
mod reader;
mod split;
mod text;
pub mod time;
mod value;
mod wanted;

pub use ahead::{Ahead, Glance, Ready};
pub use fields::Event;
pub use fold::fold;
pub use items::{Item, Items, Rejected};
pub use reader::{ITEMS_MAX, RECORD_BYTES_MAX, Reader, Scratch};
pub use split::Piece;
pub use text::write_text;
pub use value::{List, Number, Object, Value};
pub use wanted::{Slot, Wanted};
