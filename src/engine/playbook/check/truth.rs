//! What a condition can be at all: true, false, or only one of them. Careful: what is not known for certain is both.

use std::collections::{BTreeMap, BTreeSet};

use super::range::Range;
use crate::engine::event::fold;
use crate::engine::playbook::meant::{Compare, Expr, Millis, Path, Playbook, Root, Score, SignalQuery, TermKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    pub can_hold: bool,
    pub can_fail: bool,
}

const EITHER: Truth = Truth { can_hold: true, can_fail: true };

/// What is known of signals and scores.
#[derive(Debug, Default)]
pub struct Facts {
    /// Signals that no event can match.
    pub dead: Vec<bool>,
    /// The range of each score.
    pub reach: Vec<Range>,
    /// The segments of each score that can be reached.
    pub segments: Vec<Vec<String>>,
    /// In a `where`: the call types the signal listens to, and the folded names of its events where it has some.
    pub types: Vec<&'static str>,
    pub events: Vec<String>,
}

impl Facts {
    /// Ranges of the scores, each after those it asks for.
    pub fn learn_scores(&mut self, playbook: &Playbook) {
        self.reach = playbook.scores.iter().map(|_| Range::between(0.0, 1.0)).collect();
        self.segments = playbook.scores.iter().map(names).collect();
        for score in &playbook.score_order {
            let (index, score) = (*score, &playbook.scores[*score]);
            self.reach[index] = self.score_range(score);
            let reach = self.reach[index];
            let reached = score.segments.iter().filter(|segment| reaches(reach, segment.threshold));
            self.segments[index] = reached.map(|segment| segment.name.clone()).collect();
        }
    }

    fn score_range(&self, score: &Score) -> Range {
        let most: Option<i64> = score
            .terms
            .iter()
            .filter(|term| term.points > 0)
            .map(|term| match &term.kind {
                TermKind::Behaviour { signal, .. } if self.is_dead(*signal) => Some(0),
                TermKind::Behaviour { cap, .. } => *cap,
                TermKind::Attribute { when } => Some(if self.truth(when).can_hold { term.points } else { 0 }),
            })
            .sum();
        match most {
            Some(thousandths) => {
                let raw = thousandths as f64 / 1_000.0;
                Range::between(0.0, raw / (raw + score.half))
            }
            None => Range::below(0.0, 1.0),
        }
    }

    fn is_dead(&self, signal: usize) -> bool {
        self.dead.get(signal).copied().unwrap_or(false)
    }

    pub fn truth(&self, expr: &Expr) -> Truth {
        match expr {
            Expr::Bool(value) => Truth { can_hold: *value, can_fail: !value },
            Expr::Not(one) => {
                let one = self.truth(one);
                Truth { can_hold: one.can_fail, can_fail: one.can_hold }
            }
            Expr::And(parts) => {
                let each: Vec<Truth> = parts.iter().map(|part| self.truth(part)).collect();
                Truth {
                    can_hold: each.iter().all(|part| part.can_hold) && !self.contradict(expr),
                    can_fail: each.iter().any(|part| part.can_fail),
                }
            }
            Expr::Or(parts) => {
                let each: Vec<Truth> = parts.iter().map(|part| self.truth(part)).collect();
                let opposites = parts.iter().map(|part| Expr::Not(Box::new(part.clone())));
                Truth {
                    can_hold: each.iter().any(|part| part.can_hold),
                    can_fail: each.iter().all(|part| part.can_fail)
                        && !self.contradict(&Expr::And(opposites.collect())),
                }
            }
            Expr::Signal(signal, SignalQuery::Seen | SignalQuery::Silent(_)) if self.is_dead(*signal) => {
                Truth { can_hold: false, can_fail: true }
            }
            Expr::Compare(compare, left, right) => self.comparison(*compare, left, right),
            Expr::In(left, list) => match &**list {
                Expr::List(items) => {
                    let can_be =
                        |item: &Expr| self.texts(Compare::Equal, left, item).is_none_or(|truth| truth.can_hold);
                    Truth { can_hold: items.iter().any(can_be), can_fail: !self.names_all_segments(left, items) }
                }
                _ => EITHER,
            },
            _ => EITHER,
        }
    }

    fn comparison(&self, compare: Compare, left: &Expr, right: &Expr) -> Truth {
        if let Some(truth) = self.texts(compare, left, right).or_else(|| self.texts(compare, right, left)) {
            return truth;
        }
        let Some((subject, compare, bound)) = against_number(compare, left, right) else { return EITHER };
        let Some(range) = self.range(subject) else { return EITHER };
        let held = bounded(subject, compare, bound);
        match compare {
            Compare::NotEqual => Truth {
                can_hold: !(range.is_one() && range.has(bound)),
                can_fail: range.has(bound) && !bounded(subject, Compare::Equal, bound).is_empty(),
            },
            _ => Truth { can_hold: !range.and(held).is_empty(), can_fail: !range.is_within(held) },
        }
    }

    /// Of a segment, or an event's type or name, against a text.
    fn texts(&self, compare: Compare, subject: &Expr, text: &Expr) -> Option<Truth> {
        let text = self.text(text)?;
        let can_be = match subject {
            Expr::Segment(score) => self.reached(*score, text),
            Expr::Path(Path { root: Root::Type, .. }) if !self.types.is_empty() => self.types.contains(&text),
            Expr::Path(Path { root: Root::Event, .. }) if !self.types.is_empty() => self.is_named(text),
            _ => return None,
        };
        let only = can_be && matches!(subject, Expr::Segment(score) if self.segments[*score].len() == 1);
        match compare {
            Compare::Equal => Some(Truth { can_hold: can_be, can_fail: !only }),
            Compare::NotEqual => Some(Truth { can_hold: !only, can_fail: can_be }),
            _ => None,
        }
    }

    /// Whether a list holds every segment that can be reached.
    fn names_all_segments(&self, subject: &Expr, items: &[Expr]) -> bool {
        let Expr::Segment(score) = subject else { return false };
        let is_named = |name: &String| items.iter().any(|item| self.text(item) == Some(name));
        self.segments.get(*score).is_some_and(|names| names.iter().all(is_named))
    }

    /// Whether an event that the signal listens to can have this name.
    fn is_named(&self, name: &str) -> bool {
        self.types.contains(&"track") && (self.events.is_empty() || self.events.contains(&fold(name)))
    }

    fn text<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        match expr {
            Expr::Text(text) => Some(text),
            _ => None,
        }
    }

    fn reached(&self, score: usize, segment: &str) -> bool {
        self.segments.get(score).is_none_or(|names| names.iter().any(|name| name == segment))
    }

    /// The numbers a part can be, where it is a number for certain.
    pub fn range(&self, expr: &Expr) -> Option<Range> {
        match expr {
            Expr::Number(number) => Some(Range::between(*number, *number)),
            Expr::Score(score) => self.reach.get(*score).copied(),
            Expr::Signal(signal, query) if is_count(query) => Some(match (self.is_dead(*signal), query) {
                (true, _) => Range::between(0.0, 0.0),
                (_, SignalQuery::Days { window, .. }) => Range::between(0.0, (window.length / window.bucket) as f64),
                (_, SignalQuery::Distinct(_)) => Range::between(0.0, 256.0),
                _ => Range::between(0.0, f64::INFINITY),
            }),
            _ => None,
        }
    }

    /// Whether the parts of an `&&` exclude each other.
    fn contradict(&self, expr: &Expr) -> bool {
        let parts = conjuncts(expr);
        let bounds = self.bounds(&parts);
        if bounds.values().any(|range| range.is_empty()) {
            return true;
        }
        let mut texts: BTreeMap<String, &str> = BTreeMap::new();
        for part in &parts {
            if let Expr::Compare(Compare::Equal, left, right) = part {
                let pair =
                    self.text(right).map(|text| (left, text)).or_else(|| self.text(left).map(|text| (right, text)));
                if let Some((subject, text)) = pair
                    && *texts.entry(key(subject)).or_insert(text) != text
                {
                    return true;
                }
            }
        }
        if (0..self.segments.len()).any(|score| self.no_segment_left(score, &parts)) {
            return true;
        }
        let keys: BTreeSet<String> = parts.iter().map(|part| key(part)).collect();
        parts.iter().any(|part| match part {
            Expr::Compare(Compare::NotEqual, left, right) => {
                keys.contains(&key(&Expr::Compare(Compare::Equal, left.clone(), right.clone())))
            }
            Expr::Signal(signal, SignalQuery::Silent(length)) => parts
                .iter()
                .any(|part| demands(part).is_some_and(|(other, window)| other == *signal && window <= *length)),
            Expr::Not(one) => keys.contains(&key(one)),
            _ => false,
        })
    }

    /// Whether the parts that name a score's segments leave none of them.
    fn no_segment_left(&self, score: usize, parts: &[&Expr]) -> bool {
        let is_asked = parts.iter().any(|part| allows(part, score, "").is_some());
        let is_left = |name: &String| parts.iter().all(|part| allows(part, score, name).unwrap_or(true));
        is_asked && !self.segments[score].iter().any(is_left)
    }

    /// For each value that is compared with numbers, what all comparisons together leave of it.
    pub fn bounds(&self, parts: &[&Expr]) -> BTreeMap<String, Range> {
        let mut bounds: BTreeMap<String, Range> = BTreeMap::new();
        for (subject, compare, bound) in parts.iter().filter_map(|part| compared(part)) {
            let range = bounds.entry(key(subject)).or_insert_with(|| self.range(subject).unwrap_or(Range::ALL));
            *range = range.and(bounded(subject, compare, bound));
        }
        // `!(x > 5)` holds of what is no number too: it says something only of what is one for certain.
        for part in parts {
            let Expr::Not(one) = part else { continue };
            let Some((subject, compare, bound)) = compared(one) else { continue };
            let key = key(subject);
            if let Some(known) = bounds.get(&key).copied().or_else(|| self.range(subject)) {
                bounds.insert(key, known.and(bounded(subject, opposite(compare), bound)));
            }
        }
        bounds
    }

    /// Whether one condition begins right where the other ends.
    pub fn is_opposite(&self, when: &Expr, then: &Expr) -> bool {
        if let (Some((a, compare, bound)), Some((b, then, other))) = (compared(when), compared(then)) {
            return key(a) == key(b) && bounded(a, opposite(compare), bound) == bounded(b, then, other);
        }
        matches!(then, Expr::Not(one) if key(one) == key(when))
    }

    /// Whether one condition holds whenever the other does.
    pub fn implies(&self, when: &Expr, then: &Expr) -> bool {
        match then {
            Expr::And(parts) => return parts.iter().all(|part| self.implies(when, part)),
            Expr::Or(parts) if parts.iter().any(|part| self.implies(when, part)) => return true,
            _ => {}
        }
        let parts = conjuncts(when);
        if !self.truth(then).can_fail || parts.iter().any(|part| key(part) == key(then)) {
            return true;
        }
        let Expr::Compare(compare, left, right) = then else { return false };
        let Some((subject, compare, bound)) = against_number(*compare, left, right) else { return false };
        let known = self.bounds(&parts).get(&key(subject)).copied();
        match compare {
            Compare::NotEqual => known.is_some_and(|range| !range.has(bound)),
            _ => known.is_some_and(|range| range.is_within(bounded(subject, compare, bound))),
        }
    }
}

/// Whether a range of scores comes up to a threshold.
pub fn reaches(range: Range, threshold: f64) -> bool {
    !range.and(Range::of(Compare::GreaterEqual, threshold)).is_empty()
}

/// The signal of which a part demands an occurrence, and within what time.
fn demands(part: &Expr) -> Option<(usize, Millis)> {
    let Expr::Compare(compare, left, right) = part else { return None };
    let (subject, compare, bound) = against_number(*compare, left, right)?;
    let Expr::Signal(signal, query) = subject else { return None };
    match query {
        SignalQuery::Count { window, ago: 0 }
        | SignalQuery::Days { window, ago: 0 }
        | SignalQuery::Sum(window)
        | SignalQuery::Distinct(window)
        | SignalQuery::Streak { window, .. } => (!holds_at_zero(compare, bound)).then_some((*signal, window.length)),
        _ => None,
    }
}

fn names(score: &Score) -> Vec<String> {
    score.segments.iter().map(|segment| segment.name.clone()).collect()
}

/// The same value asked twice has the same key.
pub fn key(expr: &Expr) -> String {
    format!("{expr:?}")
}

/// The parts that must all hold.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        _ => vec![expr],
    }
}

/// A comparison with a constant, the constant on the right.
pub fn against_number<'e>(compare: Compare, left: &'e Expr, right: &'e Expr) -> Option<(&'e Expr, Compare, f64)> {
    match (left, right) {
        (Expr::Number(_), Expr::Number(_)) => None,
        (subject, Expr::Number(bound)) => Some((subject, compare, *bound)),
        (Expr::Number(bound), subject) => Some((subject, turned(compare), *bound)),
        _ => None,
    }
}

/// A comparison with a number that only numbers meet.
fn compared(part: &Expr) -> Option<(&Expr, Compare, f64)> {
    match part {
        Expr::Compare(compare, left, right) if *compare != Compare::NotEqual => against_number(*compare, left, right),
        _ => None,
    }
}

/// What a part says of a segment; `None`: nothing of this score's.
fn allows(part: &Expr, score: usize, segment: &str) -> Option<bool> {
    let is_it = |subject: &Expr| matches!(subject, Expr::Segment(other) if *other == score);
    let is_named = |text: &Expr| matches!(text, Expr::Text(name) if **name == *segment);
    match part {
        Expr::Compare(compare, left, right) if is_it(left) || is_it(right) => {
            let named = is_named(left) || is_named(right);
            Some(if *compare == Compare::NotEqual { !named } else { named })
        }
        Expr::In(left, list) if is_it(left) => match &**list {
            Expr::List(items) => Some(items.iter().any(is_named)),
            _ => None,
        },
        Expr::Not(one) => allows(one, score, segment).map(|allowed| !allowed),
        _ => None,
    }
}

/// Of what is a number for certain.
fn opposite(compare: Compare) -> Compare {
    match compare {
        Compare::Equal => Compare::NotEqual,
        Compare::NotEqual => Compare::Equal,
        Compare::Less => Compare::GreaterEqual,
        Compare::LessEqual => Compare::Greater,
        Compare::Greater => Compare::LessEqual,
        Compare::GreaterEqual => Compare::Less,
    }
}

fn turned(compare: Compare) -> Compare {
    match compare {
        Compare::Less => Compare::Greater,
        Compare::LessEqual => Compare::GreaterEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterEqual => Compare::LessEqual,
        same => same,
    }
}

fn bounded(subject: &Expr, compare: Compare, bound: f64) -> Range {
    let range = Range::of(compare, bound);
    match subject {
        Expr::Signal(_, query) if is_count(query) && !matches!(query, SignalQuery::Sum(_)) => range.whole(),
        _ => range,
    }
}

pub fn holds_at_zero(compare: Compare, bound: f64) -> bool {
    match compare {
        Compare::NotEqual => bound != 0.0,
        _ => Range::of(compare, bound).has(0.0),
    }
}

/// Queries that count occurrences in some way: never null, whole, 0 without any.
pub fn is_count(query: &SignalQuery) -> bool {
    matches!(
        query,
        SignalQuery::Count { .. }
            | SignalQuery::Distinct(_)
            | SignalQuery::Days { .. }
            | SignalQuery::Total
            | SignalQuery::Streak { .. }
    )
}
