//! What can be right but seldom is: rules that never or always hold, moments that flap, absences that are guesses,
//! things used by nothing.

use std::collections::BTreeSet;

use super::Check;
use super::duration::{self, DAY};
use super::expression::Checked;
use super::moments::signals_of;
use super::range::Range;
use super::truth::{Facts, against_number, conjuncts, holds_at_zero, is_count, key, reaches};
use crate::engine::playbook::meant::{
    Call, Compare, Expr, Millis, Moment, Playbook, Score, SignalKind, SignalQuery, Term, TermKind,
};
use crate::engine::playbook::mistake::{Code, Mistake};
use crate::engine::playbook::written::{self, Written};

/// The expressions of a playbook with their places.
pub struct Conditions {
    pub filters: Vec<Option<Checked>>,
    pub whens: Vec<Vec<Option<Checked>>>,
    pub moments: Vec<[Option<Checked>; 2]>,
}

/// Adds the warnings. Asked only of playbooks without errors, so that nothing is blamed on a slip elsewhere.
pub fn suspect(check: &mut Check<'_>, written: &Written, playbook: &Playbook, conditions: &Conditions) {
    let mut suspect = Suspect { check, playbook, facts: Facts::default() };
    suspect.filters(&conditions.filters);
    suspect.steps(written);
    suspect.facts.learn_scores(playbook);
    suspect.thresholds(written);
    suspect.terms(written);
    for when in conditions.whens.iter().flatten().flatten() {
        suspect.parts(when);
    }
    for (index, conditions) in conditions.moments.iter().enumerate() {
        suspect.moment(&written.moments[index], &playbook.moments[index], conditions);
    }
    suspect.same_moments(written);
    suspect.unused(written);
}

struct Suspect<'a, 'c> {
    check: &'a mut Check<'c>,
    playbook: &'a Playbook,
    facts: Facts,
}

impl Suspect<'_, '_> {
    fn filters(&mut self, filters: &[Option<Checked>]) {
        for (signal, filter) in self.playbook.signals.iter().zip(filters) {
            let dead = filter.as_ref().is_some_and(|filter| {
                (self.facts.types, self.facts.events) = heard(&signal.kind);
                self.parts(filter);
                !self.facts.truth(filter.expr()).can_hold
            });
            (self.facts.types, self.facts.events) = (Vec::new(), Vec::new());
            self.facts.dead.push(dead);
        }
    }

    fn steps(&mut self, written: &Written) {
        for (index, signal) in self.playbook.signals.iter().enumerate() {
            let SignalKind::Sequence { steps, .. } = &signal.kind else { continue };
            let Some(names) = &written.signals[index].sequence else { continue };
            for (step, name) in steps.iter().zip(&names.value) {
                if self.facts.dead[*step] {
                    self.facts.dead[index] = true;
                    let message = format!("no event matches the step `{}`: the sequence never occurs", name.value);
                    self.check.mistakes.push(Mistake::new(Code::Unreachable, name.span.clone(), message));
                }
            }
        }
    }

    fn thresholds(&mut self, written: &Written) {
        for (index, score) in written.scores.iter().enumerate() {
            let reach = self.facts.reach[index];
            for (name, threshold) in score.segments.iter().flat_map(|segments| &segments.value) {
                if !reaches(reach, threshold.value.float) {
                    let message = format!("no points reach the segment \"{}\"", name.value);
                    let mistake = Mistake::new(Code::Unreachable, threshold.span.clone(), message);
                    let help = "all terms together stay below it: raise points or caps, lower `half`, or lower it";
                    self.check.mistakes.push(mistake.help(help));
                }
            }
        }
    }

    /// Terms that add nothing, or only within one bucket.
    fn terms(&mut self, written: &Written) {
        for (score, texts) in self.playbook.scores.iter().zip(&written.scores) {
            for (term, text) in score.terms.iter().zip(&texts.terms) {
                let TermKind::Behaviour { signal, lifespan, .. } = &term.kind else { continue };
                if let Some(name) = text.signal.as_ref().filter(|_| self.facts.dead[*signal]) {
                    let message = format!("no event matches `{}`: this term never adds points", name.value);
                    self.check.mistakes.push(Mistake::new(Code::Unreachable, name.span.clone(), message));
                }
                if let Some(place) = text.lifespan.as_ref().filter(|_| lifespan.length <= lifespan.bucket) {
                    let message = "this lifespan is no longer than its bucket: the points are gone at once";
                    self.check.mistakes.push(Mistake::new(Code::TinyWindow, place.span.clone(), message));
                }
            }
        }
    }

    /// Every part of a condition that never or always holds, the smallest ones only.
    fn parts(&mut self, checked: &Checked) {
        for (id, meaning) in checked.meanings.iter().enumerate() {
            let truth = self.facts.truth(meaning);
            let (code, message) = match meaning {
                Expr::Signal(_, query) if is_tiny(query) => {
                    (Code::TinyWindow, "this window is no longer than its bucket: it holds the present second only")
                }
                Expr::And(parts) if !truth.can_hold && parts.iter().all(|part| self.facts.truth(part).can_hold) => {
                    (Code::NeverTrue, "these conditions exclude each other: this is never true")
                }
                Expr::Compare(..) | Expr::In(..) | Expr::Signal(..) if !truth.can_hold => {
                    (Code::NeverTrue, "this is never true")
                }
                Expr::Compare(..) if !truth.can_fail => (Code::AlwaysTrue, "this is always true"),
                _ => continue,
            };
            let mistake = Mistake::new(code, checked.span(self.check.file, id), message);
            self.check.mistakes.push(match self.why(meaning) {
                Some(why) => mistake.help(why),
                None => mistake,
            });
        }
    }

    fn why(&self, meaning: &Expr) -> Option<String> {
        let Expr::Compare(_, left, right) = meaning else { return None };
        [left, right].into_iter().find_map(|side| match &**side {
            Expr::Score(_) => Some("a score lies between 0 and 1, and not beyond what its terms can reach".to_string()),
            Expr::Segment(_) => Some("no points reach this segment".to_string()),
            Expr::Signal(signal, _) if self.facts.dead[*signal] => {
                Some(format!("no event matches the signal `{}`", self.playbook.signals[*signal].name))
            }
            Expr::Signal(_, SignalQuery::Days { .. } | SignalQuery::Distinct(_)) => {
                Some("a window has so many days, and 256 values are remembered at most; none is below 0".to_string())
            }
            Expr::Signal(..) => Some("counts are never below 0".to_string()),
            _ => None,
        })
    }

    fn moment(&mut self, written: &written::Moment, moment: &Moment, [when, until]: &[Option<Checked>; 2]) {
        let Some(when) = when else { return };
        self.parts(when);
        let name = written.name.span.clone();
        if let Some(until) = until {
            self.parts(until);
            if self.facts.implies(when.expr(), until.expr()) {
                let message = "`until` is true whenever `when` is: the moment goes on and off in turn";
                let mistake = Mistake::new(Code::Flapping, until.span(self.check.file, until.tree.root), message);
                self.check.mistakes.push(mistake.help("leave a gap: begin above 0.7, end below 0.6"));
            }
        } else if moment.cooldown == 0 && moment.hold == 0 {
            let message =
                format!("`{}` has no `cooldown`, no `for` and no `until`: it can fire at every turn", moment.name);
            let mistake = Mistake::new(Code::Flapping, name.clone(), message);
            self.check.mistakes.push(mistake.help("add `cooldown = \"30d\"`, or an `until` with a gap"));
        }
        self.holds_too_long(moment, when);
        if moment.needs_history.is_none() {
            self.guesses(when);
        }
    }

    /// A `for` that outlasts the window, or the points, of what makes the condition true.
    fn holds_too_long(&mut self, moment: &Moment, when: &Checked) {
        let wanted: BTreeSet<String> = conjuncts(when.expr()).into_iter().map(key).collect();
        for (id, meaning) in when.meanings.iter().enumerate().filter(|(_, meaning)| wanted.contains(&key(meaning))) {
            let Some((what, lasting)) = fed(self.playbook, meaning).filter(|(_, lasting)| *lasting < moment.hold)
            else {
                continue;
            };
            let message =
                format!("`for` is longer than {what}: one occurrence is gone before {}", duration::show(moment.hold));
            let mistake = Mistake::new(Code::ForTooLong, when.span(self.check.file, id), message);
            let help = format!("take a `for` below {}, or let it last longer", duration::show(lasting));
            self.check.mistakes.push(mistake.help(help));
            return;
        }
    }

    /// "None in 90 days" is a guess until 90 days were recorded.
    fn guesses(&mut self, when: &Checked) {
        let bounds = self.facts.bounds(&conjuncts(when.expr()));
        let absent = |bounds: &std::collections::BTreeMap<String, Range>, meaning: &Expr| match meaning {
            Expr::Not(one) => match &**one {
                Expr::Signal(_, SignalQuery::Seen) => Some(90 * DAY),
                _ => None,
            },
            Expr::Compare(_, left, right) => {
                let (query, compare, bound) = counted(meaning)?;
                let subject = if matches!(**left, Expr::Number(_)) { right } else { left };
                let zero_left = bounds.get(&key(subject)).is_none_or(|range| range.has(0.0));
                (holds_at_zero(compare, bound) && zero_left).then(|| length(query).unwrap_or(90 * DAY))
            }
            _ => None,
        };
        for (id, meaning) in when.meanings.iter().enumerate() {
            let Some(length) = absent(&bounds, meaning) else { continue };
            if !self.facts.truth(meaning).can_fail || is_turned(when, id) {
                continue;
            }
            let message = "that something did not happen is a guess while the history is short";
            let mistake = Mistake::new(Code::MissingHistory, when.span(self.check.file, id), message);
            self.check.mistakes.push(mistake.help(format!("add `needs_history = \"{}\"`", duration::show(length))));
            return;
        }
    }

    fn same_moments(&mut self, written: &Written) {
        let keys: Vec<String> = self.playbook.moments.iter().map(|moment| key(&moment.when)).collect();
        for (index, own) in keys.iter().enumerate() {
            let Some(first) = keys[..index].iter().position(|other| other == own) else { continue };
            let (Some(when), Some(other)) = (&written.moments[index].when, &written.moments[first].when) else {
                continue;
            };
            let message = format!("`{}` has the same `when`", written.moments[first].name.value);
            let mistake = Mistake::new(Code::Repeated, when.span.clone(), message);
            self.check.mistakes.push(mistake.related(other.span.clone(), "the same condition"));
        }
    }

    fn unused(&mut self, written: &Written) {
        let mut used = BTreeSet::new();
        let terms = self.playbook.scores.iter().flat_map(|score| &score.terms);
        for term in terms {
            match &term.kind {
                TermKind::Behaviour { signal, .. } => drop(used.insert(*signal)),
                TermKind::Attribute { when } => used.extend(signals_of(when)),
            }
        }
        for moment in &self.playbook.moments {
            used.extend(signals_of(&moment.when));
            used.extend(moment.until.iter().flat_map(signals_of));
        }
        for signal in &self.playbook.signals {
            if let SignalKind::Sequence { steps, .. } = &signal.kind {
                used.extend(steps);
            }
        }
        for (index, signal) in written.signals.iter().enumerate() {
            if !used.contains(&index) {
                let message = format!("the signal `{}` is used by nothing", signal.name.value);
                let mistake = Mistake::new(Code::Unused, signal.name.span.clone(), message);
                self.check.mistakes.push(mistake.help("remove it, or use it in a score or a moment"));
            }
        }
    }
}

/// Whether a part stands under a `!`.
fn is_turned(checked: &Checked, id: usize) -> bool {
    use crate::engine::playbook::expression::{Kind, Unary};
    let parent = |id: usize| checked.tree.nodes.iter().position(|node| node.kind.children().contains(&id));
    let mut at = id;
    while let Some(above) = parent(at) {
        if matches!(checked.tree.node(above).kind, Kind::Unary(Unary::Not, _)) {
            return true;
        }
        at = above;
    }
    false
}

/// A count or a sum against a constant.
fn counted(meaning: &Expr) -> Option<(&SignalQuery, Compare, f64)> {
    let Expr::Compare(compare, left, right) = meaning else { return None };
    match against_number(*compare, left, right)? {
        (Expr::Signal(_, query), compare, bound) if is_count(query) || matches!(query, SignalQuery::Sum(_)) => {
            Some((query, compare, bound))
        }
        _ => None,
    }
}

fn length(query: &SignalQuery) -> Option<Millis> {
    match query {
        SignalQuery::Count { window, ago } | SignalQuery::Days { window, ago } => Some(window.length + ago),
        SignalQuery::Sum(window) | SignalQuery::Distinct(window) | SignalQuery::Streak { window, .. } => {
            Some(window.length)
        }
        _ => None,
    }
}

fn is_tiny(query: &SignalQuery) -> bool {
    match query {
        SignalQuery::Count { window, .. }
        | SignalQuery::Sum(window)
        | SignalQuery::Max(window)
        | SignalQuery::Avg(window)
        | SignalQuery::Distinct(window)
        | SignalQuery::Streak { window, .. } => window.length <= window.bucket,
        _ => false,
    }
}

/// How long one occurrence can keep a part true that needs one, and what ends then.
fn fed(playbook: &Playbook, part: &Expr) -> Option<(String, Millis)> {
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

/// The call types a signal listens to, and the folded names of its events.
fn heard(kind: &SignalKind) -> (Vec<&'static str>, Vec<String>) {
    let SignalKind::Plain { calls, events, .. } = kind else { return (Vec::new(), Vec::new()) };
    let types = Call::ALL.into_iter().filter(|call| calls.has(*call)).map(Call::as_str);
    (types.collect(), events.clone())
}
