//! What can be right but seldom is: rules that never or always hold, moments that flap, absences that are guesses,
//! things used by nothing.

use std::collections::BTreeSet;

use super::Check;
use super::duration::{self, DAY};
use super::expression::Checked;
use super::lasting::fed;
use super::moments::signals_of;
use super::range::Range;
use super::truth::{Facts, against_number, conjuncts, holds_at_zero, is_count, key, reaches};
use crate::engine::playbook::meant::{
    Call, Compare, Expr, Millis, Moment, Path, Playbook, Root, SignalKind, SignalQuery, TermKind,
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
                Expr::Or(parts) if !truth.can_fail && !parts.iter().any(|part| self.is_always(part)) => {
                    (Code::AlwaysTrue, "one of these always holds: this is always true")
                }
                Expr::Compare(..) | Expr::In(..) | Expr::Signal(..) if !truth.can_hold => {
                    (Code::NeverTrue, "this is never true")
                }
                Expr::Compare(..) | Expr::In(..) if !truth.can_fail => (Code::AlwaysTrue, "this is always true"),
                _ => continue,
            };
            let mistake = Mistake::new(code, checked.span(self.check.file, id), message);
            self.check.mistakes.push(match self.why(meaning) {
                Some(why) => mistake.help(why),
                None => mistake,
            });
        }
    }

    /// What was said of a part by itself.
    fn is_always(&self, part: &Expr) -> bool {
        matches!(part, Expr::Compare(..) | Expr::In(..)) && !self.facts.truth(part).can_fail
    }

    fn why(&self, meaning: &Expr) -> Option<String> {
        let dead = |signal: usize| {
            let name = || format!("no event matches the signal `{}`", self.playbook.signals[signal].name);
            self.facts.dead[signal].then(name)
        };
        let sides: Vec<&Expr> = match meaning {
            Expr::Signal(signal, _) => return dead(*signal),
            Expr::In(_, list) if matches!(&**list, Expr::List(items) if items.is_empty()) => {
                return Some("nothing is in an empty list".to_string());
            }
            Expr::And(parts) => {
                let silent = |part: &Expr| matches!(part, Expr::Signal(_, SignalQuery::Silent(_)));
                return parts
                    .iter()
                    .any(silent)
                    .then(|| "`silent` says that there was none within that time".to_string());
            }
            Expr::In(left, _) => vec![left],
            Expr::Compare(_, left, right) => vec![left, right],
            _ => return None,
        };
        sides.into_iter().find_map(|side| match side {
            Expr::Path(Path { root: Root::Type, .. }) => {
                Some(format!("this signal hears {} alone", self.facts.types.join(", ")))
            }
            Expr::Path(Path { root: Root::Event, .. }) => Some(match self.facts.types.contains(&"track") {
                true => "this signal hears events of other names alone".to_string(),
                false => "only track calls have event names".to_string(),
            }),
            Expr::Score(_) => Some("a score lies between 0 and 1, and not beyond what its terms can reach".to_string()),
            Expr::Segment(score) => {
                let names = self.facts.segments[*score].join("\" and \"");
                Some(format!("points reach no other segment than \"{names}\""))
            }
            Expr::Signal(signal, _) if self.facts.dead[*signal] => dead(*signal),
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
            } else if moment.cooldown == 0 && moment.hold == 0 && self.facts.is_opposite(when.expr(), until.expr()) {
                let message = "`until` begins right where `when` ends, and there is no `cooldown` and no `for`";
                let mistake = Mistake::new(Code::Flapping, until.span(self.check.file, until.tree.root), message);
                self.check
                    .mistakes
                    .push(mistake.help("leave a gap: begin above 0.7, end below 0.6; or add a `cooldown`"));
            }
        } else if moment.cooldown == 0 && moment.hold == 0 {
            let message =
                format!("`{}` has no `cooldown`, no `for` and no `until`: it can fire at every turn", moment.name);
            let mistake = Mistake::new(Code::Flapping, name.clone(), message);
            self.check.mistakes.push(mistake.help("add `cooldown = \"30d\"`, or an `until` with a gap"));
        }
        if matches!(when.expr(), Expr::Bool(true)) {
            let mistake =
                Mistake::new(Code::AlwaysTrue, when.span(self.check.file, when.tree.root), "this is always true");
            self.check.mistakes.push(mistake.help("the moment fires once for everybody"));
        }
        self.holds_too_long(moment, when);
        self.guesses(written, moment, when);
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
    fn guesses(&mut self, written: &written::Moment, moment: &Moment, when: &Checked) {
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
            if let (Some(needs), Some(text)) = (moment.needs_history, &written.needs_history) {
                // What is asked of all time is never known for certain: any history is somebody's choice.
                if needs < length && windowed(meaning) {
                    let message = format!("this is less than the {} that `when` looks back", duration::show(length));
                    let mistake = Mistake::new(Code::MissingHistory, text.span.clone(), message);
                    let mistake = mistake.help(format!("take at least \"{}\"", duration::show(length)));
                    self.check.mistakes.push(mistake.related(when.span(self.check.file, id), "what did not happen"));
                }
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

/// Whether a part asks of a window.
fn windowed(meaning: &Expr) -> bool {
    counted(meaning).is_some_and(|(query, ..)| length(query).is_some())
}

/// A count or a sum against a constant.
pub(super) fn counted(meaning: &Expr) -> Option<(&SignalQuery, Compare, f64)> {
    let Expr::Compare(compare, left, right) = meaning else { return None };
    match against_number(*compare, left, right)? {
        (Expr::Signal(_, query), compare, bound) if is_count(query) || matches!(query, SignalQuery::Sum(_)) => {
            Some((query, compare, bound))
        }
        _ => None,
    }
}

pub(super) fn length(query: &SignalQuery) -> Option<Millis> {
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

/// The call types a signal listens to, and the folded names of its events.
fn heard(kind: &SignalKind) -> (Vec<&'static str>, Vec<String>) {
    let SignalKind::Plain { calls, events, .. } = kind else { return (Vec::new(), Vec::new()) };
    let types = Call::ALL.into_iter().filter(|call| calls.has(*call)).map(Call::as_str);
    (types.collect(), events.clone())
}
