//! The replay itself: records into one engine, or two side by side, and what came of each.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use super::block::{Decoder, NOT_ONE};
use super::census::{Census, Found, number_paths};
use super::kin::Parts;
use super::lane::{Merge, Taken};
use super::out::Out;
use super::side::Side;
use super::times::{Rules, Times, wall};
use super::workers::{Job, Said, Workers};
use crate::commands::Exit;
use crate::commands::input::{Blocks, Entry};
use crate::commands::progress::Progress;
use crate::engine::playbook::meant::Path;
use crate::engine::{Action, DeadLetter, Input, Mark, Millis, Outgoing, Record};

/// Records that are handed to the workers at once.
const JOBS: usize = 1_024;
/// Places of bad lines that are shown, by reason.
const PLACES_MAX: usize = 3;

pub struct Replay {
    pub main: Side,
    pub other: Option<Side>,
    pub records: u64,
    pub bytes: u64,
    pub times: Times,
    pub seconds: f64,
    /// The first places of bad lines, by reason.
    pub places: BTreeMap<&'static str, Vec<String>>,
    /// Paths that the playbook compares as numbers.
    pub number_paths: Vec<Path>,
    pub found: Found,
    outs: Outs,
    actions: Vec<Action>,
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
            times: Times { rules, span: None },
            seconds: 0.0,
            places: BTreeMap::new(),
            found: Found::default(),
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
            let time = self.times.of(&taken, self.main.engine.clock().or(first))?;
            self.step(&taken, time)?;
            self.records += 1;
            self.bytes += u64::from(taken.entry.end - taken.entry.start);
            progress.at(self.records);
        }
        self.found.add(std::mem::take(&mut merge.found));
        self.sides().for_each(Side::end);
        Ok(())
    }

    /// The same with the people dealt out to engines of their own. The messages and figures are those of one engine.
    pub fn run_apart(
        &mut self,
        inputs: Vec<Box<dyn Blocks>>,
        parts: Parts,
        threads: usize,
        progress: &Progress,
    ) -> Result<(), Exit> {
        let readers = self.sides_ref().map(|side| side.engine.reader()).collect();
        let census = Census::new(&self.number_paths, &self.main.program.wanted);
        let sides: Vec<Vec<Side>> = (0..parts.count()).map(|_| self.sides_ref().map(Side::fork).collect()).collect();
        let mut workers = Workers::start(sides.into_iter());
        let decoder = Decoder::new(readers, census).dealing(Arc::new(parts));
        let mut merge = Merge::new(inputs, &decoder, threads)?;
        let ended = self.deal(&mut merge, &mut workers, progress);
        // What was said before something went wrong is written all the same.
        while let Some((jobs, answer)) = workers.receive()? {
            self.take(&jobs, answer)?;
        }
        ended?;
        self.found.add(std::mem::take(&mut merge.found));
        for sides in workers.finish()? {
            self.sides().zip(sides).for_each(|(all, side)| all.join(side));
        }
        Ok(())
    }

    /// Hands all records to the workers, in order.
    fn deal(&mut self, merge: &mut Merge, workers: &mut Workers, progress: &Progress) -> Result<(), Exit> {
        let (first, mut clock, mut jobs) = (merge.first_time(), None::<Millis>, Vec::new());
        loop {
            let next = match merge.take_next() {
                Ok(Some(taken)) => self.job(&taken, clock, first).map(Some),
                Ok(None) => Ok(None),
                Err(fault) => Err(fault),
            };
            let is_over = !matches!(next, Ok(Some(_)));
            let next = next.map(|job| jobs.extend(job));
            if let Some(job) = jobs.last() {
                clock = Some(job.clock);
            }
            if jobs.len() == JOBS || (is_over && !jobs.is_empty()) {
                progress.at(self.records);
                if let Some((jobs, answer)) = workers.send(std::mem::take(&mut jobs))? {
                    self.take(&jobs, answer)?;
                }
            }
            next?;
            if is_over {
                return Ok(());
            }
        }
    }

    fn job(&mut self, taken: &Taken<'_>, clock: Option<Millis>, first: Option<Millis>) -> Result<Job, Exit> {
        let time = self.times.of(taken, clock.or(first))?;
        let part = taken.block.parts[taken.at];
        if part == NOT_ONE {
            return Err(Exit::Fault(format!("{}: it changed while it was read", taken.input)));
        }
        let job = Job {
            input: Arc::clone(taken.input),
            entry: taken.entry,
            block: Arc::clone(taken.block),
            at: taken.at,
            offset: self.records as i64,
            time,
            clock: clock.map_or(time, |clock| clock.max(time)),
            part,
        };
        self.records += 1;
        self.bytes += u64::from(taken.entry.end - taken.entry.start);
        Ok(job)
    }

    /// Takes what the engines said of some records.
    fn take(&mut self, jobs: &[Job], answer: Vec<Vec<Said>>) -> Result<(), Exit> {
        for (nth, said) in answer.into_iter().enumerate() {
            for Said { job, action, noted, .. } in said {
                if nth == 0 {
                    let Job { input, entry, block, at, .. } = &jobs[job];
                    self.write(input, entry, block.block.value(*at), &action)?;
                }
                if let (Action::Emit(message), Some(noted)) = (action, noted)
                    && let Some(side) = self.sides().nth(nth)
                {
                    side.tally.add(&message.key, noted);
                }
            }
        }
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
        let is_topic = self.times.rules == Rules::Topic;
        // Lines of several files are one partition: their order is that of their turn.
        let offset = if is_topic { taken.entry.number as i64 } else { self.records as i64 };
        let place = Place { offset, time, is_topic };
        let mut actions = std::mem::take(&mut self.actions);
        step_side(&mut self.main, 0, taken, place, &mut actions);
        for action in actions.drain(..) {
            self.write(taken.input, &taken.entry, taken.value, &action)?;
        }
        self.main.look();
        if let Some(other) = &mut self.other {
            step_side(other, 1, taken, place, &mut actions);
            actions.clear();
        }
        self.actions = actions;
        Ok(())
    }

    /// Writes down what was said of a record.
    fn write(&mut self, input: &str, entry: &Entry, value: Option<&[u8]>, action: &Action) -> Result<(), Exit> {
        match (action, &mut self.outs) {
            (Action::Emit(message), Outs { emit: Some(out), .. }) => out.write(|out| write_message(out, message)),
            (Action::Emit(_), _) => Ok(()),
            (Action::DeadLetter(dead), Outs { rejects, .. }) => {
                let places = self.places.entry(dead.reason.as_str()).or_default();
                if places.len() < PLACES_MAX {
                    places.push(format!("{input}:{}: {}", entry.number, dead.detail));
                }
                rejects.as_mut().map_or(Ok(()), |out| out.write(|out| write_reject(out, input, entry, value, dead)))
            }
        }
    }
}

/// Where a record stands in its partition.
#[derive(Clone, Copy)]
struct Place {
    offset: i64,
    time: Millis,
    is_topic: bool,
}

/// The record on one side, its messages noted. What the clock alone brings is noted first, of people as they are before
/// the record: it may merge or delete them.
fn step_side(side: &mut Side, nth: usize, taken: &Taken<'_>, place: Place, actions: &mut Vec<Action>) {
    let Place { offset, time, is_topic } = place;
    if is_topic && side.engine.wants_horizon(time) {
        let _ = side.engine.step(Input::Mark(Mark::Horizon(wall())), usize::MAX, actions);
    }
    let _ = side.engine.step(Input::Clock(side.engine.taken_time(time)), usize::MAX, actions);
    side.note(actions);
    let noted = actions.len();
    let record = Record { offset, time, key: None, value: taken.value };
    let input = match taken.block.ready(taken.at, nth) {
        Some(ready) => Input::Ready(record, ready),
        None => Input::Record(record),
    };
    let _ = side.engine.step(input, usize::MAX, actions);
    side.note(&actions[noted..]);
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

fn write_reject(out: &mut Vec<u8>, input: &str, entry: &Entry, value: Option<&[u8]>, dead: &DeadLetter) {
    let raw = dead.item.as_ref().map_or(value.unwrap_or_default(), |(_, bytes)| bytes);
    let reject = serde_json::json!({
        "file": input,
        "line": entry.number,
        "item": dead.item.as_ref().map(|(index, _)| index),
        "reason": dead.reason.as_str(),
        "detail": dead.detail,
        "raw": String::from_utf8_lossy(raw),
    });
    let _ = write!(out, "{reject}");
}
