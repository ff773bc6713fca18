//! How long one occurrence can keep a condition true: through a window, or through the points of a score.

use super::suspicion::{counted, length};
use super::truth::{against_number, holds_at_zero};
use crate::engine::playbook::meant::{Compare, Expr, Millis, Playbook, Score, Term, TermKind};

/// How long one occurrence can keep a part true that needs one, and what ends then.
pub fn fed(playbook: &Playbook, part: &Expr) -> Option<(String, Millis)> {
    if let Some((query, compare, bound)) = counted(part) {
        return length(query)
            .filter(|_| !holds_at_zero(compare, bound))
            .map(|length| ("this window".to_owned(), length));
    }
    let score = demanded(playbook, part)?;
    lasting(score).map(|lasting| (format!("the points of `{}` last", score.name), lasting))
}

/// The score that must be above 0 for a part to hold.
fn demanded<'p>(playbook: &'p Playbook, part: &Expr) -> Option<&'p Score> {
    let is_above = |score: &usize, text: &Expr| match text {
        Expr::Text(name) => {
            let mut segments = playbook.scores[*score].segments.iter();
            segments.any(|segment| *segment.name == **name && segment.threshold > 0.0)
        }
        _ => false,
    };
    let score = match part {
        Expr::Compare(Compare::Equal, left, right) => match (&**left, &**right) {
            (Expr::Segment(score), text) | (text, Expr::Segment(score)) => is_above(score, text).then_some(*score),
            _ => None,
        },
        Expr::In(left, list) => match (&**left, &**list) {
            (Expr::Segment(score), Expr::List(items)) => {
                items.iter().all(|text| is_above(score, text)).then_some(*score)
            }
            _ => None,
        },
        Expr::Compare(compare, left, right) => match against_number(*compare, left, right)? {
            (Expr::Score(score), compare, bound) => (!holds_at_zero(compare, bound)).then_some(*score),
            _ => None,
        },
        _ => None,
    };
    score.map(|score| &playbook.scores[score])
}

/// How long the points of one occurrence last; `None`: some points don't come from occurrences.
fn lasting(score: &Score) -> Option<Millis> {
    let lifespan = |term: &Term| match &term.kind {
        TermKind::Behaviour { lifespan, .. } => Some(lifespan.length),
        TermKind::Attribute { .. } => None,
    };
    let lifespans: Option<Vec<Millis>> = score.terms.iter().filter(|term| term.points > 0).map(lifespan).collect();
    lifespans?.into_iter().max()
}
