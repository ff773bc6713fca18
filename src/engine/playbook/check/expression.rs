//! One expression: names resolved, types compared, functions and windows checked. Every part keeps its place and its
//! meaning side by side, so that the later search for suspicious rules can point at them.

use std::sync::Arc;

use super::names::Names;
use super::types::Types;
use crate::engine::playbook::expression::{self, Binary, Kind, NodeId, Tree, Unary};
use crate::engine::playbook::meant::{Arith, Compare, Expr};
use crate::engine::playbook::mistake::{Code, Mistake, Span};
use crate::engine::playbook::written::{At, place};

/// Numbers beyond this are null.
pub const NUMBER_MAX: f64 = 9_007_199_254_740_992.0;

/// Whose values an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A `where`: the event alone.
    Event,
    /// Scores and moments: what is kept of a person.
    Person,
}

/// An expression that could be read, with the meaning of each of its parts.
#[derive(Debug)]
pub struct Checked {
    pub tree: Tree,
    /// One per node of the tree. Parts of a path or of a call on a signal mean nothing by themselves: null.
    pub meanings: Vec<Expr>,
    pub source: At<String>,
}

impl Checked {
    pub fn expr(&self) -> &Expr {
        &self.meanings[self.tree.root]
    }

    /// The place of a part in the file.
    pub fn span(&self, file: &str, id: NodeId) -> Span {
        place(file, &self.source, self.tree.node(id).span.clone())
    }
}

/// Reads and checks an expression that is to be true or false. `None` when it can't be read at all.
pub fn condition(
    file: &str,
    source: &At<String>,
    scope: Scope,
    names: &Names,
    mistakes: &mut Vec<Mistake>,
) -> Option<Checked> {
    let mut checker = Checker::new(file, source, scope, names, mistakes)?;
    let root = checker.tree.root;
    checker.truth(root, "this condition");
    Some(Checked { tree: checker.tree, meanings: checker.meanings, source: source.clone() })
}

/// The expression of a setting that takes a path.
pub fn path(
    file: &str,
    source: &At<String>,
    scope: Scope,
    names: &Names,
    mistakes: &mut Vec<Mistake>,
) -> Option<crate::engine::playbook::meant::Path> {
    let before = mistakes.len();
    let mut checker = Checker::new(file, source, scope, names, mistakes)?;
    let root = checker.tree.root;
    checker.check(root);
    match &checker.meanings[root] {
        Expr::Path(path) => Some(path.clone()),
        _ if checker.mistakes.len() > before => None,
        _ => {
            let mistake = checker.mistake(Code::BadPath, root, "a path should stand here");
            checker.mistakes.push(mistake.help("such as \"properties.revenue\", or 'traits[\"job title\"]'"));
            None
        }
    }
}

pub(super) struct Checker<'a> {
    file: &'a str,
    source: &'a At<String>,
    pub tree: Tree,
    pub scope: Scope,
    pub names: &'a Names,
    pub mistakes: &'a mut Vec<Mistake>,
    pub meanings: Vec<Expr>,
    /// Calls of `time_since` and `time_until` that stand where they may.
    compared_times: Vec<NodeId>,
}

impl<'a> Checker<'a> {
    fn new(
        file: &'a str,
        source: &'a At<String>,
        scope: Scope,
        names: &'a Names,
        mistakes: &'a mut Vec<Mistake>,
    ) -> Option<Self> {
        match expression::parse(&source.value) {
            Ok(tree) => {
                let meanings = vec![Expr::Null; tree.nodes.len()];
                Some(Self { file, source, tree, scope, names, mistakes, meanings, compared_times: Vec::new() })
            }
            Err(error) => {
                let mut mistake = Mistake::new(Code::Syntax, place(file, source, error.span), error.message);
                mistake.help = error.help;
                mistakes.push(mistake);
                None
            }
        }
    }

    /// The types a part can have; its meaning is written down.
    pub fn check(&mut self, id: NodeId) -> Types {
        let (expr, types) = match self.tree.node(id).kind.clone() {
            Kind::Null => (Expr::Null, Types::NULL),
            Kind::Bool(value) => (Expr::Bool(value), Types::BOOL),
            Kind::Number(value) => self.number(id, value),
            Kind::Text(text) => (Expr::Text(Arc::from(text)), Types::TEXT),
            Kind::List(items) => {
                self.check_all(&items);
                (Expr::List(self.meanings_of(&items)), Types::LIST)
            }
            Kind::Name(_) | Kind::Member { .. } | Kind::Index { .. } => self.place_of_value(id),
            Kind::Call { of, name, name_span, arguments } => self.call(id, of, &name, name_span, &arguments),
            Kind::Unary(Unary::Not, one) => {
                self.truth(one, "what `!` turns around");
                (Expr::Not(self.boxed(one)), Types::BOOL)
            }
            Kind::Unary(Unary::Negate, one) => {
                self.demand(one, Types::NUMBER, "`-` takes a number");
                (Expr::Negate(self.boxed(one)), Types::NUMBER | Types::NULL)
            }
            Kind::And(parts) => {
                parts.iter().for_each(|part| self.truth(*part, "a part of `&&`"));
                (Expr::And(self.meanings_of(&parts)), Types::BOOL)
            }
            Kind::Or(parts) => {
                parts.iter().for_each(|part| self.truth(*part, "a part of `||`"));
                (Expr::Or(self.meanings_of(&parts)), Types::BOOL)
            }
            Kind::If(test, yes, no) => {
                self.truth(test, "what stands before `?`");
                let types = self.check(yes) | self.check(no);
                (Expr::If(self.boxed(test), self.boxed(yes), self.boxed(no)), types)
            }
            Kind::Binary(operator, left, right) => self.binary(id, operator, left, right),
        };
        self.meanings[id] = expr;
        types
    }

    pub fn check_all(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.check(*id);
        }
    }

    fn number(&mut self, id: NodeId, value: f64) -> (Expr, Types) {
        if value.abs() <= NUMBER_MAX {
            return (Expr::Number(value), Types::NUMBER);
        }
        let mistake = self.mistake(Code::OutOfRange, id, "a number beyond ±2^53 is null");
        self.mistakes.push(mistake.label("never equal to a number, nor more or less than one"));
        // Its type is still a number: one warning says enough.
        (Expr::Null, Types::NUMBER | Types::NULL)
    }

    fn binary(&mut self, id: NodeId, operator: Binary, left: NodeId, right: NodeId) -> (Expr, Types) {
        if operator.is_order() {
            self.allow_times(left, right);
        }
        let types = (self.check(left), self.check(right));
        let compare = |compare| (Expr::Compare(compare, self.boxed(left), self.boxed(right)), Types::BOOL);
        match operator {
            Binary::Equal => {
                let meant = compare(Compare::Equal);
                self.equality(id, left, right, types);
                meant
            }
            Binary::NotEqual => {
                let meant = compare(Compare::NotEqual);
                self.equality(id, left, right, types);
                meant
            }
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
                let meant = compare(match operator {
                    Binary::Less => Compare::Less,
                    Binary::LessEqual => Compare::LessEqual,
                    Binary::Greater => Compare::Greater,
                    _ => Compare::GreaterEqual,
                });
                self.order(id, left, right, types);
                meant
            }
            Binary::In => {
                let meant = Expr::In(self.boxed(left), self.boxed(right));
                self.membership(id, left, right, types);
                (meant, Types::BOOL)
            }
            Binary::Add => self.arithmetic(id, Arith::Add, left, right, types),
            Binary::Subtract => self.arithmetic(id, Arith::Subtract, left, right, types),
            Binary::Multiply => self.arithmetic(id, Arith::Multiply, left, right, types),
            Binary::Divide => self.arithmetic(id, Arith::Divide, left, right, types),
            Binary::Remainder => self.arithmetic(id, Arith::Remainder, left, right, types),
        }
    }

    fn arithmetic(
        &mut self,
        id: NodeId,
        arith: Arith,
        left: NodeId,
        right: NodeId,
        (l, r): (Types, Types),
    ) -> (Expr, Types) {
        let both = l & r;
        let numbers = both.can_be(Types::NUMBER);
        let texts = arith == Arith::Add && both.can_be(Types::TEXT);
        let mut types = Types::NULL;
        if numbers {
            types = types | Types::NUMBER;
        }
        if texts {
            types = types | Types::TEXT;
        }
        if !numbers && !texts {
            let message = format!("this takes numbers, and here are {l} and {r}: it is always null");
            let help = match l.can_be(Types::DURATION) || r.can_be(Types::DURATION) {
                true => "durations can only be compared",
                false => "`double(x)` makes a number of a text, `string(x)` a text of a number",
            };
            let mistake = self.mistake(Code::NeverMatches, id, message);
            self.mistakes.push(mistake.help(help));
            types = Types::ANY;
        }
        (Expr::Arith(arith, self.boxed(left), self.boxed(right)), types)
    }

    /// A part that must be able to be true.
    pub fn truth(&mut self, id: NodeId, what: &str) {
        let types = self.check(id);
        if !types.can_be(Types::BOOL) {
            let message = format!("{what} is {types}, never true: only `true` is true");
            let mistake = self.mistake(Code::NeverMatches, id, message);
            self.mistakes.push(mistake.help("compare it with something: `… > 0`, `… == \"…\"`"));
        }
    }

    pub fn demand(&mut self, id: NodeId, wanted: Types, what: &str) {
        let types = self.check(id);
        if !types.can_be(wanted) {
            let mistake = self.mistake(Code::NeverMatches, id, format!("{what}, and this is {types}"));
            self.mistakes.push(mistake);
        }
    }

    /// In scores and moments a time may stand only against a constant duration, so that it flips once.
    fn allow_times(&mut self, left: NodeId, right: NodeId) {
        for (time, other) in [(left, right), (right, left)] {
            // A number or a text in its stead is told of as such.
            let is_slip = matches!(self.tree.node(other).kind, Kind::Number(_) | Kind::Text(_));
            if is_slip || self.is_constant_duration(other) {
                self.compared_times.push(time);
            }
        }
    }

    fn is_constant_duration(&self, id: NodeId) -> bool {
        match &self.tree.node(id).kind {
            Kind::Call { of: None, name, arguments, .. } if name == "duration" => {
                arguments.len() == 1 && self.tree.text(arguments[0]).is_some()
            }
            _ => false,
        }
    }

    pub fn time_may_stand(&self, id: NodeId) -> bool {
        self.scope == Scope::Event || self.compared_times.contains(&id)
    }

    pub fn mistake(&self, code: Code, id: NodeId, message: impl Into<String>) -> Mistake {
        self.mistake_at(code, self.tree.node(id).span.clone(), message)
    }

    /// A mistake at a range of bytes of the expression.
    pub fn mistake_at(&self, code: Code, span: Span, message: impl Into<String>) -> Mistake {
        Mistake::new(code, place(self.file, self.source, span), message)
    }

    pub fn boxed(&self, id: NodeId) -> Box<Expr> {
        Box::new(self.meanings[id].clone())
    }

    fn meanings_of(&self, ids: &[NodeId]) -> Vec<Expr> {
        ids.iter().map(|id| self.meanings[*id].clone()).collect()
    }
}
