//! One partition: its clock, who is who, and the order of everything (playbook.md, Time, Who is who, Moments, Old news).

use std::collections::BTreeMap;

use crate::model::agenda;
use crate::model::eval::Scope;
use crate::model::evaluate::{HoldBack, Now, evaluate};
use crate::model::event::{Dead, Event, Reading};
use crate::model::expr::Expr;
use crate::model::json::Json;
use crate::model::number::Decimal;
use crate::model::person::{Occurrence, Person, Scalar};
use crate::model::playbook::{Kind, Playbook, fold};
use crate::model::time::{HOUR, MINUTE};
use crate::model::touched;

/// What reaches a partition, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Record {
        offset: i64,
        time: i64,
        value: Option<Vec<u8>>,
    },
    /// The idle clock.
    Clock(i64),
    HoldBack {
        until: i64,
        resumed: bool,
    },
    /// The wall clock was this.
    Horizon(i64),
}

/// What leaves it, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// For the outgoing topic, without its messageId; no value for a `delete`.
    Message {
        key: String,
        value: Option<Json>,
        cause: Option<i64>,
    },
    Dead {
        offset: i64,
        dead: Dead,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minutes {
    /// Every user at every whole minute, as the page says.
    Each,
    /// Without those at which, by the dates of everything, nothing can change.
    Some,
}

pub struct Partition {
    playbook: Playbook,
    reading: Reading,
    dedupe_window: i64,
    minutes: Minutes,
    clock: Option<i64>,
    /// Record time of the first record.
    start: i64,
    horizon: Option<i64>,
    hold_back: Option<HoldBack>,
    users: BTreeMap<String, Person>,
    anonymous: BTreeMap<String, Person>,
    /// anonymousId → userId.
    links: BTreeMap<String, String>,
    arrivals: u64,
    out: Vec<Output>,
}

impl Partition {
    pub fn new(playbook: Playbook, reading: Reading, minutes: Minutes) -> Partition {
        Partition {
            playbook,
            reading,
            dedupe_window: 24 * HOUR,
            minutes,
            clock: None,
            start: 0,
            horizon: None,
            hold_back: None,
            users: BTreeMap::new(),
            anonymous: BTreeMap::new(),
            links: BTreeMap::new(),
            arrivals: 0,
            out: Vec::new(),
        }
    }

    /// Everything that one input brings about.
    pub fn step(&mut self, input: &Input) -> Vec<Output> {
        match input {
            Input::Record { offset, time, value } => self.record(*offset, *time, value.as_deref()),
            Input::Clock(time) => {
                touched::clause_if("the idle clock", self.clock.is_some_and(|clock| *time > clock));
                self.advance(*time);
            }
            Input::HoldBack { until, resumed } => {
                self.hold_back = Some(HoldBack { until: *until, resumed: *resumed });
            }
            Input::Horizon(wall) => self.horizon = Some(*wall),
        }
        std::mem::take(&mut self.out)
    }

    fn record(&mut self, offset: i64, time: i64, value: Option<&[u8]>) {
        // Time: more than 1 h ahead of the wall clock takes the clock, or the wall clock if there is none yet.
        let time = match self.horizon {
            Some(wall) if time > wall + HOUR => {
                touched::clause("a record far ahead");
                self.clock.unwrap_or(wall)
            }
            _ => time,
        };
        if self.clock.is_none() {
            self.start = time;
            self.clock = Some(time);
        }
        // Moments: first every whole minute, then the record.
        self.advance(time);
        touched::clause_if("a record of an earlier time", time < self.now());
        let Some(value) = value else { return touched::clause("a record without a value") };
        let messages = self.reading.record(value, time);
        touched::clause_if("a record with many messages", messages.len() > 1);
        touched::clause_if("a record with none", messages.is_empty());
        for message in messages {
            match message {
                Ok(Some(event)) => self.event(event, offset),
                Ok(None) => touched::clause("our own message"),
                Err(dead) => {
                    touched::clause(dead.reason);
                    touched::clause_if("an item that is a dead letter", dead.item.is_some());
                    self.out.push(Output::Dead { offset, dead });
                }
            }
        }
    }

    fn now(&self) -> i64 {
        self.clock.expect("set by the first record")
    }

    /// Moves the clock: every whole minute `m`, old clock < m ≤ new, in order, users in byte order of their ids.
    fn advance(&mut self, to: i64) {
        let Some(from) = self.clock.filter(|clock| *clock < to) else { return };
        match self.minutes {
            Minutes::Each => {
                let mut minute = from - from.rem_euclid(MINUTE) + MINUTE;
                while minute <= to {
                    self.clock = Some(minute);
                    let users: Vec<String> = self.users.keys().cloned().collect();
                    users.iter().for_each(|user| self.evaluate(user, true, None));
                    minute += MINUTE;
                }
            }
            Minutes::Some => self.advance_by_agenda(from, to),
        }
        self.clock = Some(to);
    }

    fn advance_by_agenda(&mut self, from: i64, to: i64) {
        let hold_back = self.hold_back.map(|hold_back| hold_back.until);
        let dates = agenda::Dates { playbook: &self.playbook, start: self.start, hold_back };
        let mut agenda = dates.all(&self.users, from, to);
        while let Some((minute, user)) = agenda.pop_first() {
            self.clock = Some(minute);
            let before = agenda::State::of(&self.users[&user]);
            self.evaluate(&user, true, None);
            let person = &self.users[&user];
            if before != agenda::State::of(person) {
                let dates = agenda::Dates { playbook: &self.playbook, start: self.start, hold_back };
                agenda.extend(dates.after_change(person, minute, to).into_iter().map(|m| (m, user.clone())));
            }
        }
    }

    fn evaluate(&mut self, user: &str, at_minute: bool, cause: Option<i64>) {
        let now = Now { clock: self.now(), history: self.now() - self.start, hold_back: self.hold_back };
        touched::clause_if("the hold-back minute", now.is_hold_back_minute(at_minute));
        let person = self.users.get_mut(user).expect("a user to evaluate");
        let mut messages = Vec::new();
        evaluate(&self.playbook, user, person, now, at_minute, &mut messages);
        touched::clause_if("a message at a minute", at_minute && !messages.is_empty());
        let send = |value| Output::Message { key: user.to_owned(), value: Some(value), cause };
        self.out.extend(messages.into_iter().map(send));
    }

    fn event(&mut self, mut event: Event, offset: i64) {
        // wire.md, table: a group call with nothing but a groupId is accepted and does nothing.
        if event.user.is_none() && event.anonymous.is_none() {
            return touched::clause("a group call without a person");
        }
        if self.is_repeat(&event) {
            return touched::clause("a repeat");
        }
        if event.call == "delete" {
            return self.delete(&event, offset);
        }
        if let (Some(user), Some(anonymous)) = (&event.user, &event.anonymous) {
            self.link(anonymous, user);
        }
        if let ("alias", Some(user), Some(previous)) = (event.call.as_str(), &event.user, &event.previous) {
            self.alias(previous, user);
        }
        // An event with only a linked anonymousId belongs to the linked user; ids are as resolved.
        let linked = event.anonymous.as_ref().and_then(|anonymous| self.links.get(anonymous)).cloned();
        touched::clause_if("a linked anonymousId alone", event.user.is_none() && linked.is_some());
        event.user = event.user.or(linked);
        touched::clause_if("an anonymous profile", event.user.is_none());
        touched::clause_if("an alias without a user", event.call == "alias" && event.user.is_none());
        let arrival = self.arrivals;
        self.arrivals += 1;
        let clock = self.now();
        let playbook = &self.playbook;
        let person = match (&event.user, &event.anonymous) {
            (Some(user), _) => self.users.entry(user.clone()),
            (None, Some(anonymous)) => self.anonymous.entry(anonymous.clone()),
            (None, None) => unreachable!("seen above"),
        };
        let person = person.or_insert_with(|| new_person(playbook));
        remember(playbook, person, &event, clock);
        count(playbook, person, &event, arrival, clock);
        // Moments: after each of their events; an anonymous profile is not evaluated.
        if let Some(user) = &event.user {
            self.evaluate(user, false, Some(offset));
        }
    }

    /// Small print, Repeats: looked up under the user alone where there is a userId.
    fn is_repeat(&self, event: &Event) -> bool {
        let Some(id) = &event.message_id else { return false };
        let person = match (&event.user, &event.anonymous) {
            (Some(user), _) => self.users.get(user),
            (None, Some(anonymous)) => match self.links.get(anonymous) {
                Some(user) => self.users.get(user),
                None => self.anonymous.get(anonymous),
            },
            (None, None) => None,
        };
        person.is_some_and(|person| person.knows(id, self.now(), self.dedupe_window))
    }

    /// The latest link wins; what the anonymous profile held is merged into the user's, once.
    fn link(&mut self, anonymous: &str, user: &str) {
        let before = self.links.insert(anonymous.to_owned(), user.to_owned());
        touched::clause_if("a link moves", before.is_some_and(|before| before != user));
        let held = self.anonymous.remove(anonymous);
        self.absorb(user, held);
    }

    /// `alias`: both a user and an anonymous profile of that text, the user first; links move to the survivor.
    fn alias(&mut self, previous: &str, user: &str) {
        if previous != user {
            let held = self.users.remove(previous);
            touched::clause_if("a user is merged", held.is_some());
            touched::clause_if("links move to the survivor", self.links.values().any(|owner| owner == previous));
            self.absorb(user, held);
            for owner in self.links.values_mut().filter(|owner| *owner == previous) {
                *owner = user.to_owned();
            }
        }
        self.link(previous, user);
    }

    fn absorb(&mut self, user: &str, other: Option<Person>) {
        if let Some(other) = other {
            touched::clause_if("two profiles are merged", self.users.contains_key(user));
            let playbook = &self.playbook;
            self.users.entry(user.to_owned()).or_insert_with(|| new_person(playbook)).merge(other);
        }
    }

    /// `delete` forgets the profile, its links, and the anonymous profiles of the ids on it.
    fn delete(&mut self, event: &Event, offset: i64) {
        let linked = event.anonymous.as_ref().and_then(|anonymous| self.links.get(anonymous)).cloned();
        touched::clause_if("a linked user is deleted by anonymousId", event.user.is_none() && linked.is_some());
        for id in [&event.user, &event.anonymous].into_iter().flatten() {
            let removed = self.anonymous.remove(id);
            touched::clause_if("an anonymous profile is deleted", removed.is_some());
        }
        let Some(user) = event.user.clone().or(linked) else { return };
        let removed = self.users.remove(&user);
        touched::clause_if("a user is deleted", removed.is_some());
        self.links.retain(|_, owner| *owner != user);
        self.out.push(Output::Message { key: user, value: None, cause: Some(offset) });
    }
}

fn new_person(playbook: &Playbook) -> Person {
    Person::new(playbook.signals.len(), playbook.scores.len(), playbook.moments.len())
}

/// What an event says about the person, apart from signals.
fn remember(playbook: &Playbook, person: &mut Person, event: &Event, clock: i64) {
    person.first.get_or_insert(clock);
    person.event_times.insert(event.time);
    if let Some(id) = &event.message_id {
        person.messages.insert(id.clone(), clock);
    }
    // Signals, "Also": from `context.traits`, then `traits`, the latter of any call but `group`.
    let traits = event.body.get("traits").filter(|_| event.call != "group");
    for source in [event.body.at(&["context", "traits"]), traits].into_iter().flatten() {
        overlay(&mut person.traits, source);
    }
    // The latest group; its traits are cleared when it changes.
    if let Some(group) = &event.group
        && person.account.as_ref() != Some(group)
    {
        touched::clause_if("the group changes", person.account.is_some());
        person.account = Some(group.clone());
        person.group_traits = Json::Object(Vec::new());
    }
    // Small print, Accounts: traits of a `group` call without an account go nowhere.
    if let ("group", Some(_), Some(traits)) = (event.call.as_str(), &person.account, event.body.get("traits")) {
        overlay(&mut person.group_traits, traits);
    }
    // Per context path that the playbook names: the last value that was there and not null.
    for path in playbook.traits.iter().flat_map(|(_, paths)| paths).filter(|path| path[0] == "context") {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some(value) = event.body.at(&keys) {
            touched::clause("a context path");
            person.context.insert(path.join("."), value.clone());
        }
    }
}

/// The latest value of each trait; null removes it; nested objects are replaced whole.
fn overlay(traits: &mut Json, source: &Json) {
    for (key, value) in source.members() {
        if value.is_null() {
            touched::clause_if("a trait is removed", traits.get(key).is_some());
            traits.remove(key);
        } else {
            traits.set(key, value.clone());
        }
    }
}

/// The signals that an event is an occurrence of.
fn count(playbook: &Playbook, person: &mut Person, event: &Event, arrival: u64, clock: i64) {
    let matched: Vec<bool> = playbook.signals.iter().map(|signal| matches(&signal.kind, event, clock)).collect();
    for (index, signal) in playbook.signals.iter().enumerate() {
        let occurrence = match &signal.kind {
            Kind::Plain { value, distinct, .. } => matched[index].then(|| Occurrence {
                arrival,
                time: event.time,
                value: value.as_ref().and_then(|path| millionths(event, path)),
                distinct: distinct.as_ref().and_then(|path| scalar(event, path)),
            }),
            Kind::Sequence { steps, within } => {
                let hit: Vec<bool> = steps.iter().map(|step| matched[*step]).collect();
                let occurs = person.sequence(index, &hit, *within, event.time);
                touched::clause_if("a sequence occurs", occurs);
                occurs.then_some(Occurrence { arrival, time: event.time, value: None, distinct: None })
            }
        };
        person.occurrences[index].extend(occurrence);
    }
}

fn matches(kind: &Kind, event: &Event, clock: i64) -> bool {
    let Kind::Plain { calls, events, filter, .. } = kind else { return false };
    let name = || event.body.get("event").and_then(Json::text).map(fold);
    calls.contains(&event.call)
        && events.as_ref().is_none_or(|events| name().is_some_and(|name| events.contains(&name)))
        && filter.as_ref().is_none_or(|filter| Scope::Event(event, clock).holds(filter))
}

/// `value`: a number or a text that is one, in whole millionths; beyond ±9.2e12 and anything else is ignored.
fn millionths(event: &Event, path: &Expr) -> Option<i128> {
    let millionths = match event.json(path)? {
        Json::Number(text) | Json::Text(text) => Decimal::parse(&text)?.scaled(6)?,
        _ => return None,
    };
    (millionths.abs() <= 9_200_000_000_000_000_000).then_some(millionths)
}

/// `distinct`: scalar values.
fn scalar(event: &Event, path: &Expr) -> Option<Scalar> {
    match event.json(path)? {
        Json::Bool(value) => Some(Scalar::Bool(value)),
        // Adding 0 makes -0 and 0 one value.
        Json::Number(text) => text.parse().ok().map(|number: f64| Scalar::Number((number + 0.0).to_bits())),
        Json::Text(text) => Some(Scalar::Text(text)),
        _ => None,
    }
}
