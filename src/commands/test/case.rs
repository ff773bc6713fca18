//! One test case: its events into an engine of its own, and what was expected held against what came out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::commands::explain;
use crate::engine::event::time;
use crate::engine::explain::Found;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::Program;
use crate::engine::playbook::tests::{Expectation, Expected, TestCase};
use crate::engine::{Action, Engine, Input, Millis, Options, Record};

/// What was sent of one user.
#[derive(Default)]
struct Sent {
    tracks: Vec<Track>,
    traits: Map<String, Value>,
}

/// A message about a moment: what it said of the score then.
struct Track {
    event: String,
    at: Millis,
    score: Option<String>,
}

struct Run<'a> {
    engine: Engine,
    playbook: &'a Playbook,
    sent: BTreeMap<String, Sent>,
    refused: Vec<String>,
    offset: i64,
}

/// What failed, each with what happened instead.
pub fn run(program: &Arc<Program>, case: &TestCase) -> Vec<String> {
    let mut engine = Engine::new(program.clone(), Options::default());
    engine.assume_history();
    let (sent, refused) = Default::default();
    let mut run = Run { engine, playbook: &program.playbook, sent, refused, offset: 0 };
    let mut records: Vec<(Millis, Vec<u8>)> = Vec::new();
    for event in &case.events {
        for i in 0..event.times {
            let at = event.at + Millis::from(i) * event.every;
            let mut message = event.message.clone();
            message.entry("timestamp").or_insert_with(|| time::format(at).into());
            records.push((at, serde_json::to_vec(&message).expect("a map of values is JSON")));
        }
    }
    records.sort_by_key(|(at, _)| *at);
    let end = records.last().map_or(case.start, |(at, _)| *at);
    let end = case.expect.iter().filter_map(|e| latest(&e.expected)).fold(end, Millis::max);
    // Each is looked at when the clock has got as far as it speaks of; those of no time at the end.
    let mut checks: Vec<(Millis, &Expectation)> =
        case.expect.iter().map(|e| (due(&e.expected).unwrap_or(end), e)).collect();
    checks.sort_by_key(|(at, _)| *at);
    let mut failures = Vec::new();
    let mut records = records.into_iter().peekable();
    for (at, expectation) in checks {
        while let Some((time, value)) = records.next_if(|(time, _)| *time <= at) {
            run.record(time, &value);
        }
        run.step(Input::Clock(at));
        failures.extend(run.check(expectation));
    }
    records.for_each(|(time, value)| run.record(time, &value));
    failures.extend(run.refused.iter().map(|why| format!("{}: an event of this test can't be used: {why}", case.line)));
    failures
}

/// When it is known whether an expectation was met.
fn due(expected: &Expected) -> Option<Millis> {
    match expected {
        Expected::Moment { before, .. } => *before,
        Expected::Score { at, .. } | Expected::Segment { at, .. } | Expected::Trait { at, .. } => *at,
    }
}

/// The last time an expectation speaks of: the clock must get there.
fn latest(expected: &Expected) -> Option<Millis> {
    match expected {
        Expected::Moment { before: None, after, .. } => *after,
        other => due(other),
    }
}

impl Run<'_> {
    fn record(&mut self, time: Millis, value: &[u8]) {
        let record = Record { offset: self.offset, time, key: None, value: Some(value) };
        self.offset += 1;
        self.step(Input::Record(record));
    }

    fn step(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        let _ = self.engine.step(input, usize::MAX, &mut actions);
        for action in actions {
            match action {
                Action::Emit(message) => {
                    if let Some(value) = message.value.and_then(|value| serde_json::from_slice(&value).ok()) {
                        self.note(message.key, value);
                    }
                }
                Action::DeadLetter(dead) => self.refused.push(format!("{}: {}", dead.reason.as_str(), dead.detail)),
            }
        }
    }

    fn note(&mut self, user: String, message: Value) {
        let sent = self.sent.entry(user).or_default();
        if let Some(traits) = message.get("traits").and_then(Value::as_object) {
            sent.traits.extend(traits.clone());
        } else if let (Some(event), Some(at)) = (message["event"].as_str(), message["timestamp"].as_str()) {
            let at = time::parse(at).unwrap_or_default();
            sent.tracks.push(Track { event: event.to_owned(), at, score: score_of(&message["properties"]) });
        }
    }

    /// What is wrong, if something is.
    fn check(&self, expectation: &Expectation) -> Option<String> {
        let user = &expectation.user;
        let none = Sent::default();
        let sent = self.sent.get(user).unwrap_or(&none);
        let scores = self.engine.standing(user).map(|(_, scores)| scores).unwrap_or_default();
        let wrong = match &expectation.expected {
            Expected::Moment { moment, ended, happens, after, before } => {
                let name = format!("mk_{}{}", self.playbook.moments[*moment].name, if *ended { "_ended" } else { "" });
                let inside =
                    |at: &Millis| after.is_none_or(|after| after <= *at) && before.is_none_or(|before| *at <= before);
                let all: Vec<&Track> = sent.tracks.iter().filter(|track| track.event == name).collect();
                if all.iter().any(|track| inside(&track.at)) == *happens {
                    return None;
                }
                let expected = if *happens { "expected" } else { "expected no" };
                format!("{expected} {name} for {user}{}; it was sent {}", interval(*after, *before), times(&all))
            }
            Expected::Score { score, least, most, .. } => {
                let value = scores.get(*score).map_or(0.0, |now| now.value);
                if *least <= value && value <= *most {
                    return None;
                }
                let name = &self.playbook.scores[*score].name;
                format!("expected score {name} of {user} from {least} to {most}; it is {value:.4}")
            }
            Expected::Segment { score, is, .. } => {
                let segments = &self.playbook.scores[*score].segments;
                let here = scores.get(*score).map(|now| segments[usize::from(now.segment)].name.as_str());
                if here == Some(is) {
                    return None;
                }
                let name = &self.playbook.scores[*score].name;
                format!(
                    "expected segment {name} of {user} to be {is:?}; it is {:?}",
                    here.unwrap_or("none: no such user")
                )
            }
            Expected::Trait { name, is, .. } => {
                let here = sent.traits.get(name).filter(|value| !value.is_null());
                if here == is.as_ref() {
                    return None;
                }
                let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
                format!("expected trait {name} of {user} to be {}; it is {}", shown(is.as_ref()), shown(here))
            }
        };
        let clock = self.engine.clock().map(time::format).unwrap_or_default();
        let mut text = format!("{}: {wrong}\nat {clock}:", expectation.line);
        for (score, now) in self.playbook.scores.iter().zip(&scores) {
            let segment = &score.segments[usize::from(now.segment)].name;
            let reasons = now.reasons(score);
            let reasons = if reasons.is_empty() { "no points".to_owned() } else { reasons.join("; ") };
            text += &format!("\n  {} = {:.4} ({segment}): {reasons}", score.name, now.value);
        }
        if let Expected::Moment { moment, .. } = &expectation.expected {
            text += &self.condition(user, *moment);
        }
        Some(text)
    }

    /// What a moment's condition came to, part by part.
    fn condition(&self, user: &str, moment: usize) -> String {
        let Found::User(subject) = self.engine.find_subject(user) else { return "\n  there is no such user".into() };
        let said = subject.explain(false);
        let name = &said.moments[moment].name;
        let tree = explain::condition(&said, moment);
        tree.lines().fold(format!("\n  {name}, when:"), |text, line| text + "\n    " + line)
    }
}

fn interval(after: Option<Millis>, before: Option<Millis>) -> String {
    let after = after.map(|at| format!(" from {}", time::format(at)));
    let before = before.map(|at| format!(" to {}", time::format(at)));
    after.unwrap_or_default() + &before.unwrap_or_default()
}

fn times(all: &[&Track]) -> String {
    if all.is_empty() {
        return "never".into();
    }
    let one = |track: &&Track| {
        let score = track.score.as_ref().map(|score| format!(" ({score})"));
        format!("at {}{}", time::format(track.at), score.unwrap_or_default())
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Of a message's properties: the score, its segment and what made it.
fn score_of(properties: &Value) -> Option<String> {
    let (score, segment) = (properties["score"].as_str()?, properties["segment"].as_str()?);
    let signals: Vec<&str> = properties["signals"].as_array()?.iter().filter_map(Value::as_str).collect();
    Some(format!("{score} {segment}: {}", signals.join("; ")))
}
