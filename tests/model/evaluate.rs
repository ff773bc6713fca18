//! One evaluation of one user: scores, a step of each moment, messages (playbook.md, Scores, Moments, What goes out).

use std::collections::BTreeMap;

use crate::model::eval::{At, Scope};
use crate::model::json::{self, Json};
use crate::model::number;
use crate::model::person::{Person, Sent};
use crate::model::playbook::{Moment, Playbook, Score, TermKind};
use crate::model::time::{self, MINUTE};
use crate::model::touched;

/// What an evaluation is told beside the person.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub clock: i64,
    /// The clock less the record time of the partition's first record.
    pub history: i64,
    pub hold_back: Option<HoldBack>,
}

#[derive(Debug, Clone, Copy)]
pub struct HoldBack {
    pub until: i64,
    pub resumed: bool,
}

impl Now {
    /// Old news: an evaluation at a clock before the hold-back time sends nothing.
    fn held(&self) -> bool {
        self.hold_back.is_some_and(|hold_back| self.clock < hold_back.until)
    }

    /// Old news: the first whole minute not before the hold-back time.
    pub fn is_hold_back_minute(&self, at_minute: bool) -> bool {
        let due = |until: i64| until <= self.clock && self.clock < until + MINUTE;
        at_minute && self.hold_back.is_some_and(|hold_back| due(hold_back.until))
    }
}

/// A term's part in a score: its points, and how many occurrences they come from (none: an attribute).
struct Part {
    label: String,
    points: f64,
    occurrences: Option<usize>,
}

struct Computed {
    score: f64,
    segment: usize,
    parts: Vec<Part>,
}

/// Evaluates `user` and appends what goes out. `at_minute`: it is a whole minute of the clock, not an event's turn.
pub fn evaluate(playbook: &Playbook, user: &str, person: &mut Person, now: Now, at_minute: bool, out: &mut Vec<Json>) {
    let scores = compute_scores(playbook, person, now.clock);
    for (held, score) in person.segments.iter_mut().zip(&scores) {
        *held = Some(score.segment);
    }
    let steps = step_moments(playbook, person, &scores, now);
    if now.held() {
        touched::clause("before the hold-back time");
        let resumed = now.hold_back.is_some_and(|hold_back| hold_back.resumed);
        for (state, step) in person.moments.iter_mut().zip(&steps) {
            state.unsent |= *step == Some(Step::Fired) && resumed;
        }
        return;
    }
    let hold_back_minute = now.is_hold_back_minute(at_minute);
    if let Some(traits) = identify(playbook, person, &scores, now.clock, hold_back_minute) {
        out.push(message("identify", user, now.clock, [("traits", traits)]));
    }
    for (index, moment) in playbook.moments.iter().enumerate() {
        // Old news: a moment that fired meanwhile and is still on is sent at the hold-back minute too.
        let late = hold_back_minute && std::mem::take(&mut person.moments[index].unsent) && person.moments[index].on;
        let name = match steps[index] {
            Some(Step::Fired) => format!("mk_{}", moment.name),
            Some(Step::Ended) if moment.ended => format!("mk_{}_ended", moment.name),
            None if late => format!("mk_{}", moment.name),
            _ => continue,
        };
        touched::clause_if("a moment sent late", steps[index].is_none());
        touched::clause_if("an end sent", steps[index] == Some(Step::Ended) && moment.enabled);
        touched::clause_if("a step that is not enabled", !moment.enabled);
        // Moments: `enabled = false` keeps a moment's state and sends nothing.
        if moment.enabled {
            let mut properties = properties(playbook, moment, &scores);
            if steps[index].is_none() {
                properties.set("late", Json::Bool(true));
            }
            out.push(message("track", user, now.clock, [("event", json::text(name)), ("properties", properties)]));
        }
    }
}

fn compute_scores(playbook: &Playbook, person: &Person, clock: i64) -> Vec<Computed> {
    let mut known = vec![(0.0, String::new()); playbook.scores.len()];
    let mut computed: Vec<Option<Computed>> = playbook.scores.iter().map(|_| None).collect();
    for index in playbook.score_order() {
        let score = &playbook.scores[index];
        let at = At { playbook, person, clock, scores: &known };
        let result = compute_score(score, at, person.segments[index]);
        known[index] = (result.score, score.segments[result.segment].0.clone());
        computed[index] = Some(result);
    }
    computed.into_iter().map(|score| score.expect("the order holds each score")).collect()
}

fn compute_score(score: &Score, at: At<'_>, held: Option<usize>) -> Computed {
    let mut parts = Vec::new();
    for term in &score.terms {
        let (points, occurrences) = match &term.kind {
            TermKind::Behaviour { signal, lifespan, cap } => {
                let (n, left) = at.person.fading(*signal, *lifespan, at.clock);
                let length = i128::from(lifespan.length / lifespan.bucket);
                // Exact: thousandths × buckets; its sum goes no further from 0 than `cap`.
                let sum = term.points * left;
                let capped = cap.map_or(sum, |cap| sum.clamp(-cap * length, cap * length));
                touched::clause_if("cap", capped != sum);
                (number::divide(capped, length * 1000), Some(n))
            }
            TermKind::Attribute(when) => {
                let points = if Scope::Person(at).holds(when) { term.points } else { 0 };
                (number::divide(points, 1000), None)
            }
        };
        parts.push(Part { label: term.label.clone(), points, occurrences });
    }
    // Terms are added in file order; `raw` is not below 0.
    let raw = parts.iter().fold(0.0, |sum, part| sum + part.points);
    touched::clause_if("raw below 0", raw < 0.0);
    let raw = raw.max(0.0);
    let value = raw / (raw + score.half);
    Computed { score: value, segment: segment(score, value, held), parts }
}

/// The one with the highest threshold ≤ score; but left downwards only when below its threshold by more than `margin`.
fn segment(score: &Score, value: f64, held: Option<usize>) -> usize {
    let plain = score.segments.iter().rposition(|(_, threshold)| *threshold <= value).expect("a threshold is 0");
    match held {
        Some(held) if plain < held && score.segments[held].1 - value <= score.margin => {
            touched::clause("margin");
            held
        }
        _ => plain,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Fired,
    Ended,
}

/// For each moment, in file order, at most one step.
fn step_moments(playbook: &Playbook, person: &mut Person, scores: &[Computed], now: Now) -> Vec<Option<Step>> {
    let known: Vec<(f64, String)> = scores
        .iter()
        .zip(&playbook.scores)
        .map(|(computed, score)| (computed.score, score.segments[computed.segment].0.clone()))
        .collect();
    let mut steps = Vec::new();
    for (index, moment) in playbook.moments.iter().enumerate() {
        let scope = Scope::Person(At { playbook, person, clock: now.clock, scores: &known });
        let when = scope.holds(&moment.when);
        let until = moment.until.as_ref().map_or(!when, |until| scope.holds(until));
        let state = &mut person.moments[index];
        // `for` counts from the clock of the first evaluation of the unbroken run; small print: whether on or off.
        state.since = when.then(|| state.since.unwrap_or(now.clock));
        let held_long_enough = state.since.is_some_and(|since| now.clock - since >= moment.hold);
        let cooled = state.fired.is_none_or(|fired| now.clock - fired >= moment.cooldown);
        touched::clause_if("for waits", !state.on && when && !held_long_enough);
        touched::clause_if("for waited", !state.on && held_long_enough && moment.hold > 0);
        touched::clause_if("a run of for while on", state.on && when && moment.hold > 0);
        touched::clause_if("cooldown waits", !state.on && held_long_enough && !cooled);
        touched::clause_if("needs_history waits", !state.on && when && now.history < moment.needs_history);
        touched::clause_if("until keeps it on", state.on && !when && !until);
        touched::clause_if("until ends it while when is true", state.on && when && until);
        let step = if !state.on && held_long_enough && cooled && now.history >= moment.needs_history {
            state.on = true;
            state.fired = Some(now.clock);
            state.unsent = false;
            Some(Step::Fired)
        } else if state.on && until {
            state.on = false;
            Some(Step::Ended)
        } else {
            None
        };
        steps.push(step);
    }
    steps
}

/// The identify's traits, if it is to be sent now.
fn identify(
    playbook: &Playbook,
    person: &mut Person,
    scores: &[Computed],
    clock: i64,
    whatever_differs: bool,
) -> Option<Json> {
    let traits = output_traits(playbook, person, scores);
    // Scores have a rule of their own; signals are never a reason to send.
    let drifting = |name: &str| {
        let of = |suffix: &str| playbook.scores.iter().any(|score| name == format!("mk_{}_{suffix}", score.name));
        of("score") || of("signals")
    };
    let nothing = BTreeMap::new();
    let last = person.sent.as_ref().map_or(&nothing, |sent| &sent.traits);
    let names = || traits.keys().chain(last.keys());
    let differs = |name: &str| traits.get(name) != last.get(name);
    let plain = names().any(|name| !drifting(name) && differs(name));
    let scores_differ =
        whatever_differs && names().any(|name| name.ends_with("_score") && drifting(name) && differs(name));
    let rested = person.sent.as_ref().is_some_and(|sent| clock - sent.at >= playbook.min_interval);
    let moved = |(score, computed): (&Score, &Computed)| {
        let name = format!("mk_{}_score", score.name);
        let (Some(now), Some(then)) = (traits.get(&name), last.get(&name)) else { return false };
        computed.segment > 0 && (hundredths(now) - hundredths(then)).abs() >= score.min_delta
    };
    let any_moved = playbook.scores.iter().zip(scores).any(moved);
    let drifted = rested && any_moved;
    touched::clause_if("min_interval waits", any_moved && !rested && !plain);
    touched::clause_if("a score goes out alone", drifted && !plain);
    touched::clause_if("min_delta waits", !plain && !any_moved && names().any(|name| drifting(name) && differs(name)));
    touched::clause_if("a score at the hold-back minute", scores_differ && !plain && !drifted);
    if !(plain || scores_differ || drifted) {
        return None;
    }
    // A trait that was sent and has no value any more is sent as null, once.
    let mut all: Vec<(String, Json)> = traits.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    touched::clause_if("a trait goes out as null", last.keys().any(|name| !traits.contains_key(name)));
    all.extend(last.keys().filter(|name| !traits.contains_key(*name)).map(|name| (name.clone(), Json::Null)));
    person.sent = Some(Sent { at: clock, traits });
    Some(Json::Object(all))
}

fn hundredths(score: &Json) -> i128 {
    let digits: String = score.text().expect("a score is a text").chars().filter(|c| *c != '.').collect();
    digits.parse().expect("two decimals")
}

fn output_traits(playbook: &Playbook, person: &Person, scores: &[Computed]) -> BTreeMap<String, Json> {
    let mut traits = BTreeMap::new();
    if let Some(email @ Json::Text(_)) = person.traits.get("email") {
        traits.insert("email".to_owned(), email.clone());
    }
    for (name, paths) in &playbook.traits {
        let found = paths.iter().position(|path| kept(person, path).is_some_and(Json::is_scalar));
        touched::clause_if("a later path of a trait", found.is_some_and(|at| at > 0));
        if let Some(value) = found.and_then(|at| kept(person, &paths[at])) {
            touched::clause_if("a trait that is a number", matches!(value, Json::Number(_)));
            touched::clause_if("a trait that is true or false", matches!(value, Json::Bool(_)));
            traits.insert(name.clone(), value.clone());
        }
    }
    for (score, computed) in playbook.scores.iter().zip(scores) {
        traits.insert(format!("mk_{}_segment", score.name), json::text(&score.segments[computed.segment].0));
        if score.publish_score {
            traits.insert(format!("mk_{}_score", score.name), json::text(format!("{:.2}", computed.score)));
        }
        if score.publish_signals {
            let joined: String = reasons(computed).join("; ").chars().take(1024).collect();
            traits.insert(format!("mk_{}_signals", score.name), json::text(joined));
        }
    }
    for (moment, state) in playbook.moments.iter().zip(&person.moments) {
        if moment.in_traits && moment.enabled {
            traits.insert(format!("mk_{}", moment.name), Json::Bool(state.on));
            if let Some(fired) = state.fired {
                traits.insert(format!("mk_{}_at", moment.name), json::text(time::format(fired)));
            }
        }
    }
    traits
}

/// What is kept at a path of `[traits]`.
fn kept<'a>(person: &'a Person, path: &[String]) -> Option<&'a Json> {
    let keys: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
    match path[0].as_str() {
        "traits" => person.traits.at(&keys),
        "group" => person.group_traits.at(&keys),
        _ => person.context.get(&path.join(".")),
    }
}

/// The up to five terms with the largest points, largest first, of equal ones in file order.
fn reasons(computed: &Computed) -> Vec<String> {
    let mut parts: Vec<&Part> = computed.parts.iter().filter(|part| part.points != 0.0).collect();
    parts.sort_by(|a, b| b.points.total_cmp(&a.points));
    touched::clause_if("more reasons than five", parts.len() > 5);
    parts.truncate(5);
    let line = |part: &Part| match part.occurrences {
        Some(n) => format!("{} ×{n} ({:+.1})", part.label, part.points),
        None => format!("{} ({:+.1})", part.label, part.points),
    };
    parts.into_iter().map(line).collect()
}

fn properties(playbook: &Playbook, moment: &Moment, scores: &[Computed]) -> Json {
    let mut properties = Json::Object(Vec::new());
    if let Some(index) = moment.score {
        let (score, computed) = (&playbook.scores[index], &scores[index]);
        properties.set("score", json::text(format!("{:.2}", computed.score)));
        properties.set("segment", json::text(&score.segments[computed.segment].0));
        properties.set("signals", Json::List(reasons(computed).into_iter().map(json::text).collect()));
    }
    properties.set("playbook", json::text(&playbook.fingerprint));
    properties
}

/// wire.md, Out, without the `messageId`.
fn message<const N: usize>(kind: &str, user: &str, clock: i64, rest: [(&str, Json); N]) -> Json {
    let version = json::text(env!("CARGO_PKG_VERSION"));
    let library = json::object([("name", json::text("kairos")), ("version", version)]);
    let mut message = json::object([
        ("type", json::text(kind)),
        ("userId", json::text(user)),
        ("timestamp", json::text(time::format(clock))),
        ("context", json::object([("active", Json::Bool(false)), ("library", library)])),
    ]);
    for (key, value) in rest {
        message.set(key, value);
    }
    message
}
