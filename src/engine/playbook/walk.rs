//! Walks over expressions as meant. Their depth was limited when they were read.

use crate::engine::playbook::meant::Expr;

/// Visits an expression and all its parts, from left to right.
pub fn each(expr: &Expr, visit: &mut impl FnMut(&Expr)) {
    visit(expr);
    for part in parts(expr) {
        each(part, visit);
    }
}

/// What an expression is made of, from left to right.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Null
        | Expr::Bool(_)
        | Expr::Number(_)
        | Expr::Text(_)
        | Expr::Path(_)
        | Expr::Has(_)
        | Expr::Signal(..)
        | Expr::Score(_)
        | Expr::Segment(_)
        | Expr::ProfileAge
        | Expr::EmailDomain
        | Expr::EmailIsPersonal
        | Expr::AccountId => Vec::new(),
        Expr::Duration(one)
        | Expr::Not(one)
        | Expr::Negate(one)
        | Expr::Matches(one, _)
        | Expr::Convert(_, one)
        | Expr::TimeSince(one)
        | Expr::TimeUntil(one) => vec![one],
        Expr::List(items) | Expr::And(items) | Expr::Or(items) => items.iter().collect(),
        Expr::Index(a, b)
        | Expr::Compare(_, a, b)
        | Expr::Arith(_, a, b)
        | Expr::In(a, b)
        | Expr::TextTest(_, a, b)
        | Expr::MatchesDynamic(a, b) => vec![a, b],
        Expr::If(a, b, c) => vec![a, b, c],
    }
}
