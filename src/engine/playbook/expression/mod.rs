//! The text of one expression as a tree with places. It knows syntax only: no signals, no types, no TOML.

mod lexer;
mod parser;
mod tree;

pub use parser::parse;
pub use tree::{Binary, Kind, NodeId, Tree, Unary};

/// Longest expression in bytes.
pub const SOURCE_BYTES_MAX: usize = 4_096;
/// Most nodes of one expression.
pub const NODES_MAX: usize = 1_000;
/// Deepest nesting, brackets and links of a chain counted alike.
pub const DEPTH_MAX: usize = 64;
