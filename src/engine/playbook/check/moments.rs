//! Moments: conditions, durations, and what they rest on.

use std::collections::BTreeSet;

use super::expression::{Checked, Scope};
use super::{Check, settings};
use crate::engine::playbook::meant::{Expr, Millis, Moment, Score, Signal, SignalKind, SignalQuery, TermKind};
use crate::engine::playbook::mistake::{Code, Mistake};
use crate::engine::playbook::walk::each;
use crate::engine::playbook::written::{self, At};

/// A moment as meant (what it rests on is filled in later), and its conditions with places.
pub fn moment(check: &mut Check<'_>, written: &written::Moment) -> (Moment, [Option<Checked>; 2]) {
    settings::event_name(check, &written.name);
    let when = written.when.as_ref().and_then(|source| check.condition(source, Scope::Person));
    let until = written.until.as_ref().and_then(|source| check.condition(source, Scope::Person));
    let expr = |checked: &Option<Checked>| checked.as_ref().map(|checked| checked.expr().clone());
    let moment = Moment {
        name: written.name.value.clone(),
        until: expr(&until),
        hold: length(check, written.hold.as_ref()),
        cooldown: length(check, written.cooldown.as_ref()),
        needs_history: written.needs_history.as_ref().and_then(|text| check.duration(text)).map(|found| found.length),
        score: written
            .score
            .as_ref()
            .map_or_else(|| when.as_ref().and_then(|when| first_score(when.expr())), |name| self::score(check, name)),
        in_traits: written.in_traits,
        ended: written.ended,
        enabled: written.enabled,
        rests_on: Vec::new(),
        when: expr(&when).unwrap_or(Expr::Null),
    };
    (moment, [when, until])
}

fn length(check: &mut Check<'_>, text: Option<&At<String>>) -> Millis {
    text.and_then(|text| check.duration(text)).map_or(0, |found| found.length)
}

fn score(check: &mut Check<'_>, name: &At<String>) -> Option<usize> {
    let found = check.names.score(&name.value);
    if found.is_none() {
        let message = format!("there is no score `{}`", name.value);
        let mistake = Mistake::new(Code::UnknownScore, name.span.clone(), message).label("unknown score");
        check.mistakes.push(mistake.nearest(&name.value, check.names.score_names()));
    }
    found
}

/// The first score that a condition names, by its figure or its segment.
fn first_score(expr: &Expr) -> Option<usize> {
    let mut first = None;
    each(expr, &mut |part| {
        if let Expr::Score(score) | Expr::Segment(score) = part {
            first.get_or_insert(*score);
        }
    });
    first
}

/// The scores an expression asks for.
pub fn scores_of(expr: &Expr) -> BTreeSet<usize> {
    let mut scores = BTreeSet::new();
    each(expr, &mut |part| {
        if let Expr::Score(score) | Expr::Segment(score) = part {
            scores.insert(*score);
        }
    });
    scores
}

/// The signals an expression asks by itself.
pub fn signals_of(expr: &Expr) -> BTreeSet<usize> {
    let mut signals = BTreeSet::new();
    each(expr, &mut |part| {
        if let Expr::Signal(signal, query) = part {
            signals.insert(*signal);
            if let SignalQuery::Streak { other, .. } = query {
                signals.insert(*other);
            }
        }
    });
    signals
}

/// The signals a condition rests on: its own, those of the scores it asks for, and the steps of sequences.
pub fn rests_on(when: &Expr, scores: &[Score], signals: &[Signal]) -> Vec<usize> {
    let mut found = signals_of(when);
    let mut waiting: Vec<usize> = scores_of(when).into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(score) = waiting.pop() {
        if !seen.insert(score) {
            continue;
        }
        for term in &scores[score].terms {
            match &term.kind {
                TermKind::Behaviour { signal, .. } => drop(found.insert(*signal)),
                TermKind::Attribute { when } => {
                    found.extend(signals_of(when));
                    waiting.extend(scores_of(when));
                }
            }
        }
    }
    for signal in found.clone() {
        if let Some(SignalKind::Sequence { steps, .. }) = signals.get(signal).map(|signal| &signal.kind) {
            found.extend(steps);
        }
    }
    found.into_iter().collect()
}
