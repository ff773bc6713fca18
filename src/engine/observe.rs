//! What one event changes in a profile: traits, account, occurrences of signals. It knows nothing of other profiles, of
//! scores or of messages.

use super::Millis;
use super::eval::{Env, Val, holds};
use super::event::{Event, Slot, Value, number};
use super::playbook::meant::{Call, Root, SignalKind, Window};
use super::playbook::program::{ACCOUNT, Cell, CellId, Program};
use super::profile::body::Body;
use super::profile::numbers::{Basic, Last};
use super::profile::streak::Arrival;
use super::profile::{distinct, kept, sequence, series, streak, values};

/// When an event happened, came, and what the clock then was.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// Event time.
    pub time: Millis,
    pub arrival: Arrival,
    pub clock: Millis,
}

/// What limits and rules refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refused {
    pub distinct: u64,
    pub values: u64,
}

struct EventEnv<'a> {
    event: &'a Event<'a>,
    clock: Millis,
}

impl Env for EventEnv<'_> {
    fn event(&self, slot: Slot) -> Val<'_> {
        self.event.value(slot).into()
    }
    fn clock(&self) -> Millis {
        self.clock
    }
}

/// Room used again for every event.
#[derive(Debug, Default)]
pub struct Observer {
    matched: Vec<u16>,
    steps: Vec<(usize, Vec<usize>)>,
    counts: Vec<(i64, u64)>,
    pub refused: Refused,
}

impl Observer {
    /// Notes the event in the profile that is open.
    pub fn observe(&mut self, program: &Program, body: &mut Body, event: &Event<'_>, when: When, counts: &mut [u64]) {
        keep_account(program, body, event);
        keep_values(program, body, event);
        self.matched.clear();
        self.steps.clear();
        let env = EventEnv { event, clock: when.clock };
        let by_event = if event.folded.is_empty() { None } else { program.by_event.get(event.folded) };
        for s in program.by_call[event.call as usize].iter().chain(by_event.into_iter().flatten()) {
            let plan = &program.signals[usize::from(*s)];
            if plan.filter.as_ref().is_none_or(|filter| holds(filter, &env).0) {
                self.matched.push(*s);
            }
        }
        if self.matched.is_empty() {
            return;
        }
        self.sequences(program, body, when);
        for i in 0..self.matched.len() {
            let s = usize::from(self.matched[i]);
            counts[s] += 1;
            self.occur(program, body, s, event, when);
        }
        // Last, so that an event that is both is not after itself.
        for s in &self.matched {
            for cell in &program.signals[usize::from(*s)].resets {
                let mut streak = streak::read(body.get(*cell));
                streak.break_at(when.arrival);
                body.set(*cell, |out| streak.write(out));
            }
        }
    }

    /// Offers the event to every sequence it is a step of; those that are completed are matched too.
    fn sequences(&mut self, program: &Program, body: &mut Body, when: When) {
        for s in &self.matched {
            for (sequence, steps) in &program.signals[usize::from(*s)].steps {
                match self.steps.iter_mut().find(|(have, _)| have == sequence) {
                    Some((_, all)) => all.extend(steps),
                    None => self.steps.push((*sequence, steps.clone())),
                }
            }
        }
        for (s, steps) in &self.steps {
            let SignalKind::Sequence { steps: all, within } = &program.playbook.signals[*s].kind else { continue };
            let Some(cell) = program.id(&Cell::Starts(*s)) else { continue };
            let mut starts = sequence::read(body.get(cell), all.len());
            if sequence::offer(&mut starts, steps, when.time, *within) {
                self.matched.push(*s as u16);
            }
            if starts.iter().all(Option::is_none) {
                body.remove(cell);
            } else {
                body.set(cell, |out| sequence::write(out, &starts));
            }
        }
    }

    fn occur(&mut self, program: &Program, body: &mut Body, s: usize, event: &Event<'_>, when: When) {
        let plan = &program.signals[s];
        let micros = plan.value.and_then(|slot| {
            let value = event.value(slot);
            let micros = match &value {
                Value::Number(n) => number::micros(n.text),
                Value::Text(text) => number::micros(text),
                _ => None,
            };
            self.refused.values += u64::from(micros.is_none() && !value.is_null());
            micros
        });
        for &cell in &plan.cells {
            match &program.cells[usize::from(cell)] {
                Cell::Basic(_) => {
                    let joined = Basic::join(Basic::read(body.get(cell)), Basic { total: 1, latest: when.time });
                    body.set(cell, |out| joined.write(out));
                }
                Cell::Last(_) => {
                    let this = micros.map(|micros| Last { time: when.time, arrival: when.arrival, micros });
                    if let Some(this) = this
                        && Some(this) > Last::read(body.get(cell))
                    {
                        body.set(cell, |out| this.write(out));
                    }
                }
                Cell::Count(_, window) => self.count(body, cell, *window, when, u64::MAX),
                Cell::Days(_, window) => self.count(body, cell, *window, when, 1),
                Cell::Values(_, window) => {
                    if let Some(micros) = micros {
                        value(body, cell, *window, when, micros);
                    }
                }
                Cell::Distinct(_) => {
                    if let Some(hash) = plan.distinct.and_then(|slot| hash(&event.value(slot))) {
                        let mut all: Vec<_> = distinct::entries(body.get(cell)).collect();
                        self.refused.distinct += u64::from(distinct::add(&mut all, hash, when.time));
                        body.set(cell, |out| distinct::write(out, &all));
                    }
                }
                Cell::Streak { window, .. } => {
                    let mut all = streak::read(body.get(cell));
                    all.drop_before(expired(*window, when.clock));
                    all.add(series::bucket(when.time, window.bucket), when.arrival);
                    body.set(cell, |out| all.write(out));
                }
                _ => {}
            }
        }
    }

    fn count(&mut self, body: &mut Body, cell: CellId, window: Window, when: When, most: u64) {
        let at = series::bucket(when.time, window.bucket);
        let after = expired(window, when.clock);
        // A day that is full already stays as it is, and whatever looks at it too.
        if at <= after || (most == 1 && series::entries(body.get(cell)).last().is_some_and(|(k, _)| k == at)) {
            return;
        }
        self.counts.clear();
        self.counts.extend(series::entries(body.get(cell)).filter(|(k, _)| *k > after));
        series::add(&mut self.counts, at, 1, most);
        body.set(cell, |out| series::write(out, &self.counts));
    }
}

/// The last bucket that no window of this length can hold any more.
fn expired(window: Window, clock: Millis) -> i64 {
    series::span(window, 0, clock).0
}

fn value(body: &mut Body, cell: CellId, window: Window, when: When, micros: i64) {
    let at = series::bucket(when.time, window.bucket);
    let after = expired(window, when.clock);
    if at > after {
        let mut all: Vec<_> = values::entries(body.get(cell)).filter(|(k, _)| *k > after).collect();
        values::add(&mut all, at, values::Values::one(micros));
        body.set(cell, |out| values::write(out, &all));
    }
}

/// Of a scalar: numbers by value, apart from texts.
fn hash(value: &Value<'_>) -> Option<u64> {
    let of = |kind: u8, bytes: &[u8]| {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&[kind]);
        hash.update(bytes);
        Some(hash.digest())
    };
    match value {
        Value::Bool(b) => of(b'b', &[u8::from(*b)]),
        // Adding 0 makes -0 a plain 0.
        Value::Number(n) => of(b'n', &(n.value + 0.0).to_bits().to_le_bytes()),
        Value::Text(text) => of(b's', text.as_bytes()),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// The latest account; its traits go with the one before.
fn keep_account(program: &Program, body: &mut Body, event: &Event<'_>) {
    let Some(account) = event.account.as_deref() else { return };
    if body.get(ACCOUNT) == Some(account.as_bytes()) {
        return;
    }
    for plan in program.kept.iter().filter(|plan| plan.root == Root::Group) {
        body.remove(plan.cell);
    }
    body.set(ACCOUNT, |out| out.extend_from_slice(account.as_bytes()));
}

fn keep_values(program: &Program, body: &mut Body, event: &Event<'_>) {
    let (of_person, of_group) = (event.has_traits(), event.call == Call::Group && body.has(ACCOUNT));
    for plan in &program.kept {
        let said = match plan.root {
            Root::Traits if of_person => event.person_trait(plan.slot),
            Root::Group if of_group => event.group_trait(plan.slot),
            // A path of context that is missing or null leaves what was there.
            Root::Context => Some(event.value(plan.slot)).filter(|value| !value.is_null()),
            _ => None,
        };
        let Some(value) = said else { continue };
        if value.is_null() {
            body.remove(plan.cell);
        } else if plan.is_presence {
            if !body.has(plan.cell) {
                body.set(plan.cell, |_| {});
            }
        } else {
            set_if_new(body, plan.cell, &value);
        }
    }
}

fn set_if_new(body: &mut Body, cell: CellId, value: &Value<'_>) {
    let mut payload = Vec::new();
    kept::write(&mut payload, value);
    if body.get(cell) != Some(&payload[..]) {
        body.set(cell, |out| out.extend_from_slice(&payload));
    }
}
