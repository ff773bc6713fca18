//! Signals: what they listen to, and sequences of them.

use super::duration;
use super::expression::{self, Checked, Scope};
use super::{Check, settings};
use crate::engine::event::fold;
use crate::engine::playbook::meant::{Call, CallSet, Path, Root, Signal, SignalKind};
use crate::engine::playbook::mistake::{Code, Mistake};
use crate::engine::playbook::written::{self, At};

const CALLS: [(&str, Call); 6] = [
    ("track", Call::Track),
    ("page", Call::Page),
    ("screen", Call::Screen),
    ("identify", Call::Identify),
    ("group", Call::Group),
    ("alias", Call::Alias),
];

/// Most steps of a sequence: each is remembered for every user.
const STEPS_MAX: usize = 32;
const EVENTS_MAX: usize = 1_000;

/// A signal as meant, and its `where` with places.
pub fn signal(check: &mut Check<'_>, written: &written::Signal) -> (Signal, Option<Checked>) {
    name(check, written);
    let (kind, filter) = match &written.sequence {
        Some(steps) => (sequence(check, written, steps), None),
        None => plain(check, written),
    };
    (Signal { name: written.name.value.clone(), kind }, filter)
}

fn name(check: &mut Check<'_>, written: &written::Signal) {
    settings::identifier(check, &written.name, "a signal");
    if super::names::RESERVED.contains(&written.name.value.as_str()) {
        let message = format!("`{}` means something else in expressions", written.name.value);
        let mistake = Mistake::new(Code::BadName, written.name.span.clone(), message);
        check.mistakes.push(mistake.help("give the signal another name"));
    }
}

fn plain(check: &mut Check<'_>, written: &written::Signal) -> (SignalKind, Option<Checked>) {
    let filter = written.filter.as_ref().and_then(|source| check.condition(source, Scope::Event));
    let kind = SignalKind::Plain {
        calls: calls(check, written),
        events: events(check, written),
        filter: filter.as_ref().map(|filter| filter.expr().clone()),
        value: written.value.as_ref().and_then(|path| value_path(check, path)),
        distinct: written.distinct.as_ref().and_then(|path| value_path(check, path)),
    };
    (kind, filter)
}

fn value_path(check: &mut Check<'_>, source: &At<String>) -> Option<Path> {
    let path = expression::path(check.file, source, Scope::Event, &check.names, &mut check.mistakes)?;
    let whole = path.keys.is_empty() && matches!(path.root, Root::Properties | Root::Traits | Root::Context);
    if whole {
        let message = format!("`{}` is an object, which is no value", source.value);
        let mistake = Mistake::new(Code::BadPath, source.span.clone(), message);
        check.mistakes.push(mistake.help(format!("name a part of it, such as `{}.revenue`", source.value)));
    }
    (!whole).then_some(path)
}

fn calls(check: &mut Check<'_>, written: &written::Signal) -> CallSet {
    let Some(on) = &written.on else { return CallSet::of(&[Call::Track]) };
    let mut calls = Vec::new();
    for call in &on.value {
        match CALLS.into_iter().find(|(name, _)| *name == call.value) {
            Some((_, found)) => calls.push(found),
            None => {
                let known = CALLS.map(|(name, _)| name);
                let message = format!("there is no call type `{}`", call.value);
                let mistake = Mistake::new(Code::UnknownCall, call.span.clone(), message);
                let mistake = mistake.help(format!("known are {}", known.join(", ")));
                check.mistakes.push(mistake.nearest(&call.value, known));
            }
        }
    }
    if on.value.is_empty() {
        let mistake = Mistake::new(Code::UnknownCall, on.span.clone(), "`on` names no call type");
        check.mistakes.push(mistake.help("such as `on = \"page\"`"));
    }
    if written.event.is_some() && calls.iter().any(|call| *call != Call::Track) {
        let mistake = Mistake::new(Code::ConflictingKeys, on.span.clone(), "only track calls have event names");
        check.mistakes.push(mistake.help("leave `on` out, or make two signals"));
    }
    CallSet::of(&calls)
}

fn events(check: &mut Check<'_>, written: &written::Signal) -> Vec<String> {
    let Some(event) = &written.event else { return Vec::new() };
    if event.value.is_empty() || event.value.len() > EVENTS_MAX {
        let message = format!("`event` takes 1 to {EVENTS_MAX} names");
        check.mistakes.push(Mistake::new(Code::BadEventName, event.span.clone(), message));
    }
    let mut folded: Vec<String> = Vec::new();
    for name in &event.value {
        let fold = fold(&name.value);
        if fold.is_empty() {
            let message = format!("nothing is left of the event name `{}`", name.value);
            let mistake = Mistake::new(Code::BadEventName, name.span.clone(), message);
            check.mistakes.push(mistake.help("case, spaces, `_`, `-` and `.` don't count in event names"));
        } else if folded.contains(&fold) {
            let message = format!("`{}` is in the list already", name.value);
            let mistake = Mistake::new(Code::Repeated, name.span.clone(), message);
            check.mistakes.push(mistake.help("case, spaces, `_`, `-` and `.` don't count: one spelling is enough"));
        } else {
            folded.push(fold);
        }
    }
    folded
}

fn sequence(check: &mut Check<'_>, written: &written::Signal, steps: &At<Vec<At<String>>>) -> SignalKind {
    if !(2..=STEPS_MAX).contains(&steps.value.len()) {
        let message = format!("a sequence has 2 to {STEPS_MAX} steps, and here are {}", steps.value.len());
        check.mistakes.push(Mistake::new(Code::BadSequence, steps.span.clone(), message));
    }
    let within = written.within.as_ref().and_then(|within| check.duration(within));
    let steps = steps.value.iter().filter_map(|step| self::step(check, step));
    SignalKind::Sequence {
        steps: steps.collect::<Vec<_>>(),
        within: within.map_or(duration::DAY, |within| within.length),
    }
}

fn step(check: &mut Check<'_>, step: &At<String>) -> Option<usize> {
    let Some(index) = check.names.signal(&step.value) else {
        check.unknown_signal(step);
        return None;
    };
    if check.names.signals[index].is_sequence {
        let message = format!("`{}` is a sequence itself", step.value);
        let mistake = Mistake::new(Code::BadSequence, step.span.clone(), message);
        check.mistakes.push(mistake.help("the steps of a sequence are plain signals"));
    }
    Some(index)
}
