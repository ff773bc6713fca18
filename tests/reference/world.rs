//! A shell around the engine, small enough to be right by looking at it: a log of what was said, a committed position,
//! snapshots cut while it goes on, crashes. It keeps the processor's rules (architecture.md, exactly once): only records
//! and marks are replayed, a cut begins at a committed position, nothing is sent twice.

use std::sync::Arc;

use kairos::engine::playbook::program::Program;
use kairos::engine::{Action, Engine, Mark, Millis, Progress};

use crate::engine;
use crate::model::{Input, Reading};

/// What a restore meets again: records by their place among the inputs, and marks.
#[derive(Debug, Clone, Copy)]
enum Fact {
    Record(usize),
    Mark(Mark),
}

#[derive(Debug, Clone, Default)]
struct Position {
    /// The next input, and how many facts came before.
    next: usize,
    facts: usize,
    clock: Option<Millis>,
    cursor: Option<String>,
    is_changed: bool,
}

struct Snapshot {
    facts: usize,
    parent: Option<usize>,
    blocks: Vec<Vec<u8>>,
}

pub struct World<'a> {
    program: Arc<Program>,
    /// The playbook that takes over before this input.
    change: Option<(usize, Arc<Program>)>,
    is_changed: bool,
    inputs: &'a [Input],
    engine: Engine,
    next: usize,
    facts: Vec<Fact>,
    /// A minute that was committed in part: it comes before anything else.
    unfinished: Option<Millis>,
    /// The clock may stand further than the facts say.
    clock_ahead: bool,
    batch: Vec<Action>,
    committed: Position,
    /// What was committed, in order.
    pub said: Vec<Action>,
    snapshots: Vec<Snapshot>,
    /// The first under the playbook in force, once it was changed.
    oldest: Option<usize>,
    /// How many of them a committed position names.
    named: usize,
    cutting: Option<Snapshot>,
    /// What the next delta is the difference to.
    newest: Option<usize>,
    pub seen: Seen,
}

/// How often each thing happened, so that a test of nothing is noticed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub restores: u32,
    pub from_deltas: u32,
    pub inside_a_minute: u32,
    pub steps_inside_a_cut: u32,
}

impl std::ops::Add for Seen {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            restores: self.restores + other.restores,
            from_deltas: self.from_deltas + other.from_deltas,
            inside_a_minute: self.inside_a_minute + other.inside_a_minute,
            steps_inside_a_cut: self.steps_inside_a_cut + other.steps_inside_a_cut,
        }
    }
}

impl<'a> World<'a> {
    pub fn new(program: Arc<Program>, change: Option<(usize, Arc<Program>)>, inputs: &'a [Input]) -> Self {
        let engine = engine::start(program.clone(), &Reading::default());
        Self {
            program,
            change,
            is_changed: false,
            inputs,
            engine,
            next: 0,
            facts: Vec::new(),
            unfinished: None,
            clock_ahead: false,
            batch: Vec::new(),
            committed: Position::default(),
            said: Vec::new(),
            snapshots: Vec::new(),
            oldest: None,
            named: 0,
            cutting: None,
            newest: None,
            seen: Seen::default(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.next == self.inputs.len() && self.unfinished.is_none() && self.is_changed == self.change.is_some()
    }

    /// Goes on with the next input, for at most about `room` messages.
    pub fn step(&mut self, room: usize) {
        self.seen.steps_inside_a_cut += u32::from(self.cutting.is_some());
        if let Some(minute) = self.unfinished.take()
            && self.tick(minute, room) == Progress::Full
        {
            self.unfinished = Some(minute);
            return;
        }
        self.change_when_due();
        let Some(input) = self.inputs.get(self.next) else { return };
        match input {
            Input::Clock(time) => {
                if self.tick(*time, room) == Progress::Done {
                    self.next += 1;
                }
            }
            Input::Record { time, .. } => {
                let clock = self.engine.clock();
                if self.clock_ahead && clock.is_some_and(|clock| self.engine.taken_time(*time) <= clock) {
                    self.mark_clock();
                }
                self.clock_ahead = false;
                if self.engine.step(engine::meant(input), room, &mut self.batch) == Progress::Done {
                    self.facts.push(Fact::Record(self.next));
                    self.next += 1;
                }
            }
            Input::HoldBack { until, resumed } => {
                if std::mem::take(&mut self.clock_ahead) {
                    self.mark_clock();
                }
                self.mark(Mark::HoldBack { until: *until, resumed: *resumed });
                self.next += 1;
            }
            Input::Horizon(wall) => {
                self.mark(Mark::Horizon(*wall));
                self.next += 1;
            }
        }
    }

    /// Between two inputs: nothing is stepped under the other playbook before its first snapshot is named.
    fn change_when_due(&mut self) {
        let due = self.change.as_ref().filter(|(at, _)| *at == self.next && !self.is_changed);
        let Some(program) = due.map(|(_, program)| program.clone()) else { return };
        if self.engine.cursor().is_some() {
            return;
        }
        self.abandon_cut();
        self.commit();
        self.engine = changed(&mut self.engine, program);
        self.is_changed = true;
        self.oldest = Some(self.snapshots.len());
        self.begin_cut(true);
        self.cut(usize::MAX);
        self.commit();
    }

    fn tick(&mut self, time: Millis, room: usize) -> Progress {
        let progress = self.engine.step(kairos::engine::Input::Clock(time), room, &mut self.batch);
        self.clock_ahead = true;
        progress
    }

    fn mark_clock(&mut self) {
        if let Some(clock) = self.engine.clock() {
            self.mark(Mark::IdleClock(clock));
        }
    }

    fn mark(&mut self, mark: Mark) {
        let before = self.batch.len();
        assert_eq!(self.engine.step(kairos::engine::Input::Mark(mark), 1, &mut self.batch), Progress::Done, "{mark:?}");
        assert_eq!(self.batch.len(), before, "a mark sends nothing: {mark:?}");
        self.facts.push(Fact::Mark(mark));
    }

    pub fn commit(&mut self) {
        self.said.append(&mut self.batch);
        self.named = self.snapshots.len();
        self.committed = Position {
            next: self.next,
            facts: self.facts.len(),
            clock: self.engine.clock(),
            cursor: self.engine.cursor().map(str::to_owned),
            is_changed: self.is_changed,
        };
    }

    /// Begins a cut, at a commit between two minutes; a delta where there is something it is the difference to.
    pub fn begin_cut(&mut self, full: bool) {
        if self.engine.cursor().is_some() || self.cutting.is_some() {
            return;
        }
        // Only what is committed is cut.
        self.commit();
        let parent = self.newest.filter(|_| !full);
        self.engine.begin_cut(parent.is_none());
        self.cutting = Some(Snapshot { facts: self.facts.len(), parent, blocks: Vec::new() });
    }

    /// Goes on with it by some profiles.
    pub fn cut(&mut self, profiles: usize) {
        let Some(cutting) = &mut self.cutting else { return };
        let mut block = Vec::new();
        let is_complete = self.engine.cut(profiles, &mut block);
        cutting.blocks.push(block);
        if is_complete {
            self.newest = Some(self.snapshots.len());
            self.snapshots.extend(self.cutting.take());
        }
    }

    pub fn abandon_cut(&mut self) {
        if self.cutting.take().is_some() {
            self.engine.abandon_cut();
            self.newest = None;
        }
    }

    /// Everything in memory goes; back to the committed position by the snapshot before `skip` newer ones, or by the log
    /// alone.
    pub fn crash(&mut self, skip: usize) {
        self.batch.clear();
        self.snapshots.truncate(self.named);
        (self.cutting, self.newest) = (None, None);
        let target = self.committed.clone();
        self.facts.truncate(target.facts);
        self.is_changed = target.is_changed;
        self.oldest = self.oldest.filter(|_| target.is_changed);
        let from = self.named.checked_sub(1 + skip).max(self.oldest);
        let program = self.change.as_ref().filter(|_| target.is_changed).map_or(&self.program, |(_, program)| program);
        self.engine = engine::start(program.clone(), &Reading::default());
        let fingerprint = program.playbook.fingerprint.clone();
        let first = from.map_or(0, |at| self.load(at));
        self.engine.finish_load(&fingerprint);
        for fact in self.facts[first..].iter().copied() {
            let input = match fact {
                Fact::Record(at) => engine::meant(&self.inputs[at]),
                Fact::Mark(mark) => kairos::engine::Input::Mark(mark),
            };
            while self.engine.step(input, usize::MAX, &mut Vec::new()) == Progress::Full {}
        }
        if let Some(clock) = target.clock {
            self.engine.resume(clock, target.cursor.as_deref(), &mut Vec::new());
        }
        assert_eq!(self.engine.clock(), target.clock);
        // A snapshot does not tell how much of its clock the facts tell.
        self.clock_ahead = true;
        self.unfinished = target.clock.filter(|_| target.cursor.is_some());
        self.next = target.next;
        self.seen.restores += 1;
        self.seen.inside_a_minute += u32::from(target.cursor.is_some());
    }

    /// Loads a snapshot with all it rests on; how many facts it holds.
    fn load(&mut self, at: usize) -> usize {
        let snapshot = &self.snapshots[at];
        let facts = snapshot.facts;
        if let Some(parent) = snapshot.parent {
            self.seen.from_deltas += 1;
            self.load(parent);
        }
        for block in &self.snapshots[at].blocks {
            self.engine.load(block).expect("it is the engine's own");
        }
        facts
    }

    /// The clock goes on by itself, to its end.
    pub fn fall_silent(&mut self, until: Millis) {
        assert_eq!(self.tick(until, usize::MAX), Progress::Done);
        self.commit();
    }

    pub fn is_inside_a_minute(&self) -> bool {
        self.engine.cursor().is_some()
    }

    pub fn state(&mut self) -> Vec<Entry> {
        state(&mut self.engine)
    }
}

/// The same state under another playbook.
pub fn changed(engine: &mut Engine, program: Arc<Program>) -> Engine {
    let before = engine.program().playbook.fingerprint.clone();
    let mut after = engine::start(program, &Reading::default());
    after.load(&whole(engine)).expect("it is the engine's own");
    after.finish_load(&before);
    after
}

pub fn whole(engine: &mut Engine) -> Vec<u8> {
    let mut block = Vec::new();
    engine.begin_cut(true);
    while !engine.cut(1_000, &mut block) {}
    block
}

/// One entry of a cut, the timer left out: looking at somebody in vain is no state.
pub type Entry = (u8, Vec<u8>, Vec<u8>);

/// All that an engine holds, sorted.
pub fn state(engine: &mut Engine) -> Vec<Entry> {
    let block = whole(engine);
    let mut from = &block[..];
    let mut entries = Vec::new();
    while let Some((&kind, rest)) = from.split_first() {
        from = rest;
        let length = number(&mut from);
        let (mut bytes, rest) = from.split_at(length);
        from = rest;
        let mut id = Vec::new();
        if kind != 0 {
            let length = number(&mut bytes);
            id = bytes[..length].to_vec();
            bytes = &bytes[length..];
            let _due = number(&mut bytes);
        }
        entries.push((kind, id, bytes.to_vec()));
    }
    entries.sort();
    entries
}

/// LEB128; in zigzag it is another number, which no one here looks at.
fn number(from: &mut &[u8]) -> usize {
    let length = from.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes.iter().rev().fold(0, |n, byte| n << 7 | usize::from(byte & 0x7f))
}
