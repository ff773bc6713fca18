//! The tree of an expression: a flat list of nodes, so that neither walking nor dropping one depends on the stack.

use std::ops::Range;

/// Index of a node in its tree.
pub type NodeId = usize;

#[derive(Debug, Clone)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub kind: Kind,
    /// Bytes of the expression, brackets around it included.
    pub span: Range<usize>,
    /// Levels from here down.
    pub depth: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<NodeId>),
    Name(String),
    Member {
        of: NodeId,
        name: String,
        name_span: Range<usize>,
    },
    Index {
        of: NodeId,
        key: NodeId,
    },
    /// `name(arguments)`, or `of.name(arguments)`.
    Call {
        of: Option<NodeId>,
        name: String,
        name_span: Range<usize>,
        arguments: Vec<NodeId>,
    },
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// A chain of `&&`, flat.
    And(Vec<NodeId>),
    Or(Vec<NodeId>),
    If(NodeId, NodeId, NodeId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    Not,
    Negate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Why an expression can't be read, with the place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Tree {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The text of a literal.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Kind {
    /// The nodes right below, from left to right.
    pub fn children(&self) -> Vec<NodeId> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Name(_) => Vec::new(),
            Self::List(items) | Self::And(items) | Self::Or(items) => items.clone(),
            Self::Member { of, .. } => vec![*of],
            Self::Index { of, key } => vec![*of, *key],
            Self::Call { of, arguments, .. } => of.iter().chain(arguments).copied().collect(),
            Self::Unary(_, one) => vec![*one],
            Self::Binary(_, left, right) => vec![*left, *right],
            Self::If(test, yes, no) => vec![*test, *yes, *no],
        }
    }
}

impl Binary {
    pub fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }
}

impl SyntaxError {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
