//! The replay itself: records into one engine, or two side by side, and what came of each.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::block::Decoder;
use super::census::{Census, Found, number_paths};
use super::lane::{Merge, Taken};
use super::out::Out;
use super::side::Side;
use crate::commands::Exit;
use crate::commands::input::Blocks;
use crate::commands::progress::Progress;
use crate::engine::event::time;
use crate::engine::playbook::meant::Path;
use crate::engine::playbook::program::DAY;
use crate::engine::{Action, DeadLetter, Input, Mark, Millis, Outgoing, Record};
use crate::processor::{Clock as _, SystemClock};

/// A step of record time that is more likely a mistake than history.
const JUMP_MAX: Millis = 400 * DAY;
/// Places of bad lines that are shown, by reason.
const PLACES_MAX: usize = 3;

pub struct Replay {
    pub main: Side,
    pub other: Option<Side>,
    pub records: u64,
    pub bytes: u64,
    /// First and last record time.
    pub span: Option<(Millis, Millis)>,
    pub seconds: f64,
    /// The first places of bad lines, by reason.
    pub places: BTreeMap<&'static str, Vec<String>>,
    /// Paths that the playbook compares as numbers.
    pub number_paths: Vec<Path>,
    pub found: Found,
    rules: Rules,
    outs: Outs,
    actions: Vec<Action>,
}

/// What a record's time may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Of files: no jump beyond [`JUMP_MAX`], unless allowed.
    Lines { allow_jumps: bool },
    /// Of a topic: nothing far ahead of the wall clock.
    Topic,
}

/// Where messages and rejects go.
#[derive(Default)]
pub struct Outs {
    pub emit: Option<Out>,
    pub rejects: Option<Out>,
}

impl Replay {
    pub fn new(main: Side, other: Option<Side>, rules: Rules, outs: Outs) -> Self {
        Self {
            number_paths: number_paths(main.playbook()),
            main,
            other,
            records: 0,
            bytes: 0,
            span: None,
            seconds: 0.0,
            places: BTreeMap::new(),
            found: Found::default(),
            rules,
            outs,
            actions: Vec::new(),
        }
    }

    /// A topic's partitions will come one by one.
    pub fn spread_over(&mut self, partitions: i32) {
        self.sides().for_each(|side| side.spread_over(partitions));
    }

    /// Runs the inputs through as one partition with one clock.
    pub fn run(
        &mut self,
        partition: i32,
        inputs: Vec<Box<dyn Blocks>>,
        threads: usize,
        progress: &Progress,
    ) -> Result<(), Exit> {
        self.sides().for_each(|side| side.begin(partition));
        let wanted = &self.main.program.wanted;
        let readers = self.sides_ref().map(|side| side.engine.reader()).collect();
        let decoder = Decoder::new(readers, Census::new(&self.number_paths, wanted));
        let mut merge = Merge::new(inputs, &decoder, threads)?;
        let first = merge.first_time();
        while let Some(taken) = merge.take_next()? {
            let time = self.time(&taken, self.main.engine.clock().or(first))?;
            self.step(&taken, time)?;
            self.records += 1;
            self.bytes += u64::from(taken.entry.end - taken.entry.start);
            progress.at(self.records);
        }
        self.found.add(std::mem::take(&mut merge.found));
        self.sides().for_each(Side::end);
        Ok(())
    }

    /// Everything is written.
    pub fn finish(&mut self) -> Result<(), Exit> {
        [&mut self.outs.emit, &mut self.outs.rejects].into_iter().flatten().try_for_each(Out::finish)
    }

    fn sides(&mut self) -> impl Iterator<Item = &mut Side> {
        std::iter::once(&mut self.main).chain(&mut self.other)
    }

    fn sides_ref(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.main).chain(&self.other)
    }

    fn step(&mut self, taken: &Taken<'_>, time: Millis) -> Result<(), Exit> {
        let is_topic = self.rules == Rules::Topic;
        // Lines of several files are one partition: their order is that of their turn.
        let offset = if is_topic { taken.entry.number as i64 } else { self.records as i64 };
        let place = Place { offset, time, is_topic };
        let Self { main, other, outs, actions, places, .. } = self;
        step_side(main, 0, taken, place, actions);
        for action in actions.drain(..) {
            match action {
                Action::Emit(message) => {
                    main.note(&message);
                    if let Some(out) = &mut outs.emit {
                        out.write(|out| write_message(out, &message))?;
                    }
                }
                Action::DeadLetter(dead) => {
                    let places = places.entry(dead.reason.as_str()).or_default();
                    if places.len() < PLACES_MAX {
                        places.push(format!("{}:{}: {}", taken.input, taken.entry.number, dead.detail));
                    }
                    if let Some(out) = &mut outs.rejects {
                        out.write(|out| write_reject(out, taken, &dead))?;
                    }
                }
            }
        }
        main.look();
        if let Some(other) = other {
            step_side(other, 1, taken, place, actions);
            for action in actions.drain(..) {
                if let Action::Emit(message) = action {
                    other.note(&message);
                }
            }
        }
        Ok(())
    }

    /// The record's own time, else the clock.
    fn time(&mut self, taken: &Taken<'_>, clock: Option<Millis>) -> Result<Millis, Exit> {
        let at = taken.entry.time.or(clock).unwrap_or_else(wall);
        if let Some(clock) = clock.filter(|clock| at - clock > JUMP_MAX && self.rules == STRICT) {
            return Err(Exit::No(format!(
                "{}:{}: time jumps by {} days, from {} to {}: mend the line, or go on with --allow-jumps",
                taken.input,
                taken.entry.number,
                (at - clock) / DAY,
                time::format(clock),
                time::format(at),
            )));
        }
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        Ok(at)
    }
}

fn wall() -> Millis {
    SystemClock::default().wall()
}

/// Where a record stands in its partition.
#[derive(Clone, Copy)]
struct Place {
    offset: i64,
    time: Millis,
    is_topic: bool,
}

const STRICT: Rules = Rules::Lines { allow_jumps: false };

fn step_side(side: &mut Side, nth: usize, taken: &Taken<'_>, place: Place, actions: &mut Vec<Action>) {
    let Place { offset, time, is_topic } = place;
    if is_topic && side.engine.wants_horizon(time) {
        let _ = side.engine.step(Input::Mark(Mark::Horizon(wall())), usize::MAX, actions);
    }
    let record = Record { offset, time, key: None, value: taken.value };
    let input = match taken.block.ready(taken.at, nth) {
        Some(ready) => Input::Ready(record, ready),
        None => Input::Record(record),
    };
    let _ = side.engine.step(input, usize::MAX, actions);
}

/// A deletion has no message of its own on the outgoing topic; here it is a line that says as much.
fn write_message(out: &mut Vec<u8>, message: &Outgoing) {
    match &message.value {
        Some(value) => out.extend_from_slice(value),
        None => {
            let _ = write!(out, "{}", serde_json::json!({"type": "delete", "userId": message.key}));
        }
    }
}

fn write_reject(out: &mut Vec<u8>, taken: &Taken<'_>, dead: &DeadLetter) {
    let raw = dead.item.as_ref().map_or(taken.value.unwrap_or_default(), |(_, bytes)| bytes);
    let reject = serde_json::json!({
        "file": taken.input,
        "line": taken.entry.number,
        "item": dead.item.as_ref().map(|(index, _)| index),
        "reason": dead.reason.as_str(),
        "detail": dead.detail,
        "raw": String::from_utf8_lossy(raw),
    });
    let _ = write!(out, "{reject}");
}
