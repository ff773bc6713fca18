//! Expressions compiled: a flat list of nodes, children before parents, names replaced by numbers. Walking it allocates
//! nothing. Comparisons that time alone can flip get nodes of their own, so that the walk can say when they will.

use std::sync::Arc;

use super::meant::{Arith, Compare, Convert, Expr, Millis, Path, Root, SignalQuery, TextTest};
use super::program::{ACCOUNT, Cell, CellId, EMAIL, FIRST, Map, cell_of};
use super::walk::each;
use crate::engine::event::{Slot, Wanted};

pub type NodeId = u16;

#[derive(Debug, Clone)]
pub struct Code {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

#[derive(Debug, Clone)]
pub enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    Duration(Millis),
    DurationOf(NodeId),
    List(Box<[NodeId]>),
    /// A place in the event at hand.
    Event(Slot),
    /// A value the profile keeps.
    Kept(CellId),
    Has(NodeId),
    Index(NodeId, NodeId),
    Not(NodeId),
    Negate(NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    If(NodeId, NodeId, NodeId),
    Compare(Compare, NodeId, NodeId),
    Arith(Arith, NodeId, NodeId),
    In(NodeId, NodeId),
    TextTest(TextTest, NodeId, NodeId),
    Matches(NodeId, regex::Regex),
    MatchesDynamic(NodeId, NodeId),
    Convert(Convert, NodeId),
    Query(CellId, SignalQuery),
    /// A query against a constant number.
    QueryCompare(Compare, CellId, SignalQuery, f64),
    Score(usize),
    ScoreCompare(Compare, usize, f64),
    Segment(usize),
    Age,
    Since(NodeId),
    Until(NodeId),
    /// One of the three above (a node) against a constant duration.
    TimeCompare(Compare, NodeId, Millis),
    EmailDomain,
    EmailIsPersonal,
    Account,
}

/// What names mean where an expression stands.
#[derive(Clone, Copy)]
pub enum Scope<'a> {
    /// In a signal's `where`: the event.
    Event(&'a Wanted),
    /// In scores and moments: what is remembered.
    State(&'a Map<Cell, CellId>),
}

impl Code {
    pub fn compile(expr: &Expr, scope: Scope<'_>) -> Self {
        let mut nodes = Vec::new();
        let root = Compiler { nodes: &mut nodes, scope }.node(expr);
        Self { nodes, root }
    }
}

impl Code {
    /// What it is worked out from: each cell it reads, whether scores, whether the clock.
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for node in &self.nodes {
            match node {
                Node::Kept(cell) => reads.cells.push(*cell),
                Node::Account => reads.cells.push(ACCOUNT),
                Node::EmailDomain | Node::EmailIsPersonal => reads.cells.push(EMAIL),
                Node::Query(cell, _) | Node::QueryCompare(_, cell, ..) => {
                    reads.cells.push(*cell);
                    reads.clock = true;
                }
                Node::Score(_) | Node::ScoreCompare(..) | Node::Segment(_) => reads.scores = true,
                Node::Age => {
                    reads.cells.push(FIRST);
                    reads.clock = true;
                }
                Node::Since(_) | Node::Until(_) | Node::TimeCompare(..) => reads.clock = true,
                _ => {}
            }
        }
        reads
    }
}

/// What an expression is worked out from, beside its constants.
#[derive(Debug, Default)]
pub struct Reads {
    pub cells: Vec<CellId>,
    pub scores: bool,
    pub clock: bool,
}

struct Compiler<'a> {
    nodes: &'a mut Vec<Node>,
    scope: Scope<'a>,
}

impl Compiler<'_> {
    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId::try_from(self.nodes.len() - 1).expect("the parser refuses expressions over 1,000 nodes")
    }

    fn all(&mut self, exprs: &[Expr]) -> Box<[NodeId]> {
        exprs.iter().map(|e| self.node(e)).collect()
    }

    fn node(&mut self, expr: &Expr) -> NodeId {
        let node = match expr {
            Expr::Null => Node::Null,
            Expr::Bool(b) => Node::Bool(*b),
            Expr::Number(n) => Node::Number(*n),
            Expr::Text(t) => Node::Text(t.clone()),
            Expr::Duration(text) => match &**text {
                Expr::Text(t) => super::duration(t).map_or(Node::Null, Node::Duration),
                other => Node::DurationOf(self.node(other)),
            },
            Expr::List(items) => Node::List(self.all(items)),
            Expr::Path(path) => self.path(path),
            Expr::Has(path) => {
                let path = self.path(path);
                Node::Has(self.push(path))
            }
            Expr::Index(a, b) => Node::Index(self.node(a), self.node(b)),
            Expr::Not(a) => Node::Not(self.node(a)),
            Expr::Negate(a) => Node::Negate(self.node(a)),
            // Nothing in an expression fails, so parts may be asked in any order: those first that cost little.
            Expr::And(all) => {
                let mut all: Vec<&Expr> = all.iter().collect();
                all.sort_by_key(|part| walks_series(part));
                Node::And(all.into_iter().map(|part| self.node(part)).collect())
            }
            Expr::Or(all) => Node::Or(self.all(all)),
            Expr::If(a, b, c) => Node::If(self.node(a), self.node(b), self.node(c)),
            Expr::Compare(op, a, b) => self.compare(*op, a, b),
            Expr::Arith(op, a, b) => Node::Arith(*op, self.node(a), self.node(b)),
            Expr::In(a, b) => Node::In(self.node(a), self.node(b)),
            Expr::TextTest(test, a, b) => Node::TextTest(*test, self.node(a), self.node(b)),
            Expr::Matches(a, regex) => Node::Matches(self.node(a), regex.0.clone()),
            Expr::MatchesDynamic(a, b) => Node::MatchesDynamic(self.node(a), self.node(b)),
            Expr::Convert(convert, a) => Node::Convert(*convert, self.node(a)),
            Expr::Signal(s, query) => self.cell(&cell_of(*s, *query)).map_or(Node::Null, |id| Node::Query(id, *query)),
            Expr::Score(i) => Node::Score(*i),
            Expr::Segment(i) => Node::Segment(*i),
            Expr::ProfileAge => Node::Age,
            Expr::TimeSince(a) => Node::Since(self.node(a)),
            Expr::TimeUntil(a) => Node::Until(self.node(a)),
            Expr::EmailDomain => Node::EmailDomain,
            Expr::EmailIsPersonal => Node::EmailIsPersonal,
            Expr::AccountId => Node::Account,
        };
        self.push(node)
    }

    fn path(&self, path: &Path) -> Node {
        match self.scope {
            Scope::Event(wanted) => wanted.slot(path).map_or(Node::Null, Node::Event),
            Scope::State(_) if path.root == Root::GroupId => Node::Account,
            Scope::State(_) => self.cell(&Cell::Kept(path.clone())).map_or(Node::Null, Node::Kept),
        }
    }

    /// The cell, or the longer one that serves in its place.
    fn cell(&self, cell: &Cell) -> Option<CellId> {
        let Scope::State(ids) = self.scope else { return None };
        let same = |have: &Cell| match (have, cell) {
            (Cell::Count(s, v), Cell::Count(t, w))
            | (Cell::Values(s, v), Cell::Values(t, w))
            | (Cell::Days(s, v), Cell::Days(t, w)) => s == t && v.bucket == w.bucket,
            (Cell::Streak { signal: s, other: o, window: v }, Cell::Streak { signal: t, other: p, window: w }) => {
                s == t && o == p && v.bucket == w.bucket
            }
            _ => have == cell,
        };
        ids.get(cell).copied().or_else(|| ids.iter().filter(|(have, _)| same(have)).map(|(_, id)| *id).min())
    }

    fn compare(&mut self, op: Compare, a: &Expr, b: &Expr) -> Node {
        if let Some(node) = self.timed(op, a, b) {
            return node;
        }
        if let Some(node) = self.timed(mirrored(op), b, a) {
            return node;
        }
        Node::Compare(op, self.node(a), self.node(b))
    }

    /// `a op constant` where the clock moves `a`.
    fn timed(&mut self, op: Compare, a: &Expr, constant: &Expr) -> Option<Node> {
        let Scope::State(_) = self.scope else { return None };
        match (a, constant) {
            (Expr::Score(i), Expr::Number(c)) => Some(Node::ScoreCompare(op, *i, *c)),
            (Expr::Signal(s, query), Expr::Number(c)) => {
                let id = self.cell(&cell_of(*s, *query))?;
                Some(Node::QueryCompare(op, id, *query, *c))
            }
            (Expr::ProfileAge | Expr::TimeSince(_) | Expr::TimeUntil(_), Expr::Duration(text)) => {
                let Expr::Text(text) = &**text else { return None };
                let length = super::duration(text)?;
                let time = self.node(a);
                Some(Node::TimeCompare(op, time, length))
            }
            _ => None,
        }
    }
}

/// Whether an expression goes through occurrences one by one.
fn walks_series(expr: &Expr) -> bool {
    let mut walks = false;
    each(expr, &mut |part| {
        let Expr::Signal(_, query) = part else { return };
        let at_once =
            matches!(query, SignalQuery::Last | SignalQuery::Total | SignalQuery::Seen | SignalQuery::Silent(_));
        walks |= !at_once;
    });
    walks
}

/// The comparison that says the same with its sides changed over.
pub fn mirrored(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::LessEqual => Compare::GreaterEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterEqual => Compare::LessEqual,
        same => same,
    }
}
