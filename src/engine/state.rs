//! The engine of one partition: what a shell holds and steps.
//!
//! Inputs are records, marks and the clock, nothing else; the same inputs in the same order give the same actions,
//! byte for byte, whatever the batch sizes, restarts or snapshots between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evaluate::{Around, Evaluator, Hold};
use super::event::{Reader, Ready, Scratch};
use super::observe::Observer;
use super::playbook::meant::Moment;
use super::playbook::program::{CellId, Program};
use super::profile::body::Body;
use super::snapshot::Cut;
use super::table::{Kind, ProfileId, Table};
use super::watch::Watch;
use super::{Action, Counts, Millis, Outgoing, Record};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 3_600_000;

/// What the worker's settings say about reading records.
#[derive(Debug, Clone)]
pub struct Options {
    pub partition: i32,
    pub partitions: i32,
    pub partitioner: Partitioner,
    /// Keys of the path to the message inside a record; empty: the record itself.
    pub unwrap: Vec<String>,
    /// Ids that are no ids, beside the built-in ones; compared trimmed, without regard to ASCII case.
    pub placeholders: Vec<String>,
    pub dedupe_window: Millis,
}

/// One partition of messages as they are, with the settings' own defaults.
impl Default for Options {
    fn default() -> Self {
        Self {
            partition: 0,
            partitions: 1,
            partitioner: Partitioner::Murmur2,
            unwrap: Vec::new(),
            placeholders: Vec::new(),
            dedupe_window: 24 * HOUR,
        }
    }
}

/// How producers choose a partition from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// The Java client's default.
    Murmur2,
    /// librdkafka's `consistent`.
    Crc32,
}

/// Facts that reach an engine and are in no record (the marks topic keeps them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The clock stood at least here when the next record was applied.
    IdleClock(Millis),
    /// Nothing is sent for evaluations before this time. `resumed`: not the first one of this partition.
    HoldBack { until: Millis, resumed: bool },
    /// The wall clock at this offset, against record times far ahead.
    Horizon(Millis),
}

#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Record(Record<'a>),
    /// The same of a record that was read ahead, by this engine's own reader.
    Ready(Record<'a>, Ready<'a>),
    /// The idle clock, or the clock of a committed position during a restore.
    Clock(Millis),
    Mark(Mark),
}

/// Whether a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// `room` is used up inside a minute: commit what there is (with `cursor`), then step the same input again.
    Full,
}

/// The state of one partition.
pub struct Engine {
    pub(super) program: Arc<Program>,
    pub(super) options: Options,
    pub(super) reader: Arc<Reader>,
    pub(super) scratch: Scratch,
    pub(super) table: Table,
    /// Users to look at, by whole minute. An entry counts only if the profile's own time agrees.
    timers: BTreeMap<Millis, Vec<ProfileId>>,
    wave: Option<Wave>,
    pub(super) clock: Option<Millis>,
    pub(super) hold_back: Option<HoldBack>,
    pub(super) horizon: Option<Millis>,
    /// Record time of the partition's first record.
    pub(super) history: Option<Millis>,
    /// Records of history that came before all that are in the log.
    pub(super) imported: u64,
    /// The clock at which a cell was added to a playbook already running; `None`: it was always there.
    pub(super) added: Vec<Option<Millis>>,
    pub(super) body: Body,
    pub(super) other: Body,
    pub(super) observer: Observer,
    evaluator: Evaluator,
    /// Room for a profile, or a part of one, that is being put together.
    pub(super) packed: Vec<u8>,
    pub(super) counts: Counts,
    pub(super) cut: Cut,
    pub(super) watch: Option<Watch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HoldBack {
    pub until: Millis,
    pub resumed: bool,
}

/// A minute whose users are not all done: those left, the next one last.
struct Wave {
    left: Vec<ProfileId>,
    cursor: Option<String>,
}

impl Engine {
    pub fn new(program: Arc<Program>, options: Options) -> Self {
        let reader = Reader::new(program.wanted.clone(), &options.unwrap, &options.placeholders);
        let cells = program.cells.len();
        Self {
            options,
            reader: Arc::new(reader),
            scratch: Scratch::default(),
            table: Table::default(),
            timers: BTreeMap::new(),
            wave: None,
            clock: None,
            hold_back: None,
            horizon: None,
            history: None,
            imported: 0,
            added: vec![None; cells],
            body: Body::new(cells),
            other: Body::new(cells),
            observer: Observer::default(),
            evaluator: Evaluator::default(),
            packed: Vec::new(),
            counts: Counts::of(&program.playbook),
            cut: Cut::default(),
            watch: None,
            program,
        }
    }

    /// `None` before the first record.
    pub fn clock(&self) -> Option<Millis> {
        self.clock
    }

    /// The last user done in a minute (the clock's) that is not done yet.
    pub fn cursor(&self) -> Option<&str> {
        self.wave.as_ref()?.cursor.as_deref()
    }

    /// Does a record of this time need a fresh wall clock (`Mark::Horizon`) before it is stepped?
    /// True when it lies more than 1 h past the last horizon. The shell asks the clock at most once a minute.
    pub fn wants_horizon(&self, time: Millis) -> bool {
        self.horizon.is_none_or(|horizon| time > horizon.saturating_add(HOUR))
    }

    /// Steps one input; appends what is to be done. Emits at most about `room` messages before it says `Full`
    /// (one user's and one record's own messages are never split).
    pub fn step(&mut self, input: Input<'_>, room: usize, actions: &mut Vec<Action>) -> Progress {
        let most = actions.len().saturating_add(room.max(1));
        match input {
            Input::Clock(time) | Input::Mark(Mark::IdleClock(time)) => self.advance(time, most, actions),
            Input::Mark(Mark::Horizon(wall)) => {
                self.horizon = Some(wall);
                Progress::Done
            }
            Input::Mark(Mark::HoldBack { until, resumed }) => {
                self.hold_back = Some(HoldBack { until, resumed });
                self.arm_release();
                Progress::Done
            }
            Input::Record(record) => self.step_record(&record, None, most, actions),
            Input::Ready(record, ready) => self.step_record(&record, Some(ready), most, actions),
        }
    }

    fn step_record(
        &mut self,
        record: &Record<'_>,
        ready: Option<Ready<'_>>,
        most: usize,
        actions: &mut Vec<Action>,
    ) -> Progress {
        let (time, is_ahead) = self.record_time(record.time);
        if self.advance(time, most, actions) == Progress::Full {
            return Progress::Full;
        }
        self.counts.records += 1;
        self.counts.clamped_records += u64::from(is_ahead);
        self.history.get_or_insert(time);
        self.apply(record, ready, time, actions);
        Progress::Done
    }

    /// The time to which a record of this time moves the clock.
    pub fn taken_time(&self, time: Millis) -> Millis {
        self.record_time(time).0
    }

    /// A record time far ahead of the wall clock would move everybody's clock for good: it gives way to the clock.
    fn record_time(&self, time: Millis) -> (Millis, bool) {
        match self.horizon {
            Some(wall) if time > wall.saturating_add(HOUR) => (self.clock.unwrap_or(wall), true),
            _ => (time, false),
        }
    }

    /// During a restore: goes on inside minute `clock` after user `cursor`, as a committed position says. Everything a
    /// minute had sent before is taken as sent; what this appends must be dropped.
    pub fn resume(&mut self, clock: Millis, cursor: Option<&str>, actions: &mut Vec<Action>) {
        let Some(cursor) = cursor else {
            self.advance(clock, usize::MAX, actions);
            return;
        };
        self.advance(clock - 1, usize::MAX, actions);
        let mut wave = self.begin_minute(clock);
        while let Some(next) = wave.left.pop_if(|next| self.table.profile(*next).id.as_str() <= cursor) {
            self.evaluate_due(next, actions);
        }
        wave.cursor = Some(cursor.to_owned());
        self.wave = (!wave.left.is_empty()).then_some(wave);
    }

    /// Moves the clock: every whole minute up to `to`, in order, in each the users that are due, in byte order of ids.
    fn advance(&mut self, to: Millis, most: usize, actions: &mut Vec<Action>) -> Progress {
        let Some(clock) = self.clock else {
            self.clock = Some(to);
            return Progress::Done;
        };
        loop {
            if let Some(mut wave) = self.wave.take() {
                while let Some(next) = wave.left.pop() {
                    if actions.len() >= most {
                        wave.left.push(next);
                        self.wave = Some(wave);
                        return Progress::Full;
                    }
                    self.evaluate_due(next, actions);
                    wave.cursor = Some(self.table.profile(next).id.to_string());
                }
            }
            let Some((&minute, _)) = self.timers.first_key_value() else { break };
            if minute > to {
                break;
            }
            // A minute begins only with room for its first user: its position could not tell it from one that is done.
            if actions.len() >= most {
                return Progress::Full;
            }
            self.wave = Some(self.begin_minute(minute));
        }
        self.clock = Some(clock.max(to).max(self.clock.unwrap_or(to)));
        Progress::Done
    }

    fn begin_minute(&mut self, minute: Millis) -> Wave {
        self.clock = self.clock.max(Some(minute));
        let mut left = self.timers.remove(&minute).unwrap_or_default();
        left.retain(|at| self.table.get(*at).is_some_and(|profile| profile.due == minute));
        // Taken from the end: the first in order lies last.
        left.sort_unstable_by(|a, b| self.table.profile(*b).id.cmp(&self.table.profile(*a).id));
        left.dedup();
        Wave { left, cursor: None }
    }

    fn evaluate_due(&mut self, at: ProfileId, actions: &mut Vec<Action>) {
        self.open(at);
        self.evaluate(at, None, actions);
    }

    /// Opens a profile for work.
    pub(super) fn open(&mut self, at: ProfileId) {
        self.body.open(&self.table.profile(at).packed);
    }

    /// Evaluates the user that is open, keeps what changed, and sets the timer.
    pub(super) fn evaluate(&mut self, at: ProfileId, cause: Option<i64>, actions: &mut Vec<Action>) {
        let clock = self.clock.expect("a record or a timer has set it");
        let profile = self.table.profile(at);
        let history = |moment: &Moment| history(&self.program, &self.added, self.history, moment);
        let around = Around {
            program: &self.program,
            user: &profile.id,
            clock,
            history: &history,
            hold: hold(self.hold_back, clock),
            // An event at that very clock comes after the minute, and is like any other.
            is_release: self.release() == Some(clock) && cause.is_none(),
        };
        let mut emit = |value: Vec<u8>| {
            actions.push(Action::Emit(Outgoing { key: profile.id.to_string(), value: Some(value), cause }));
        };
        let until = match Evaluator::steady_until(&self.body, &around) {
            // To look once too early costs less than to set the timer anew with each event.
            Some(until) if cause.is_some() => until.min(profile.due),
            Some(until) => until,
            None => self.evaluator.evaluate(&mut self.body, &around, &mut self.counts, &mut emit),
        };
        let release = self.release().filter(|release| clock < *release);
        self.keep(at);
        self.arm(at, release.map_or(until, |release| until.min(release)).max(clock + 1));
    }

    /// Stores the profile that is open.
    pub(super) fn keep(&mut self, at: ProfileId) {
        if self.body.changed() {
            self.packed.clear();
            self.body.pack(&mut self.packed);
            if *self.table.profile(at).packed != *self.packed {
                self.touch(at);
                self.table.set_packed(at, &self.packed);
            }
        }
    }

    /// Sets the timer to the first whole minute from `time` on.
    pub(super) fn arm(&mut self, at: ProfileId, time: Millis) {
        let due =
            if time > Millis::MAX - MINUTE { Millis::MAX } else { (time + MINUTE - 1).div_euclid(MINUTE) * MINUTE };
        let profile = self.table.profile_mut(at);
        if std::mem::replace(&mut profile.due, due) != due && due != Millis::MAX {
            self.timers.entry(due).or_default().push(at);
        }
    }

    /// The minute at which a hold-back ends. It may lie ahead of a clock that is past the hold-back itself.
    fn release(&self) -> Option<Millis> {
        self.hold_back.map(|held| minute_from(held.until))
    }

    /// Everybody is looked at in the minute a hold-back ends: a score that faded meanwhile may differ from what was sent.
    /// One that has passed is not made up for.
    pub(super) fn arm_release(&mut self) {
        let Some(release) = self.release().filter(|release| self.clock.is_none_or(|clock| clock < *release)) else {
            return;
        };
        for at in 0..self.table.end() {
            if self.table.get(at).is_some_and(|profile| profile.kind == Kind::User && profile.due > release) {
                self.arm(at, release);
            }
        }
    }

    pub fn take_counts(&mut self) -> Counts {
        let refused = std::mem::take(&mut self.observer.refused);
        self.counts.distinct_evicted += refused.distinct;
        self.counts.values_ignored += refused.values;
        std::mem::replace(&mut self.counts, Counts::of(&self.program.playbook))
    }

    /// Profiles held and an estimate of their bytes.
    pub fn size(&self) -> (usize, usize) {
        (self.table.count(), self.table.bytes())
    }

    /// The earliest whole minute at which the clock alone would do something.
    pub fn next_due(&self) -> Option<Millis> {
        let unfinished = self.wave.as_ref().and(self.clock);
        unfinished.or_else(|| self.timers.first_key_value().map(|(minute, _)| *minute))
    }

    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The partition's first record came at this time, if none came before; for those who hand it to another engine.
    pub fn begin_history(&mut self, at: Millis) {
        self.history.get_or_insert(at);
    }

    /// Takes it that all history is there, for tries on made-up events: `needs_history` then always has enough.
    pub fn assume_history(&mut self) {
        self.history = Some(Millis::MIN);
    }

    /// Since when there is history for a moment.
    pub fn history_of(&self, moment: &Moment) -> Option<Millis> {
        history(&self.program, &self.added, self.history, moment)
    }
}

fn history(program: &Program, added: &[Option<Millis>], first: Option<Millis>, moment: &Moment) -> Option<Millis> {
    let rests = moment.rests_on.iter().flat_map(|s| &program.signals[*s].cells);
    rests.filter_map(|cell: &CellId| added[usize::from(*cell)]).max().max(first)
}

fn hold(hold_back: Option<HoldBack>, clock: Millis) -> Hold {
    match hold_back {
        Some(HoldBack { until, resumed }) if clock < until => Hold::Back { minute: minute_from(until), resumed },
        _ => Hold::Open,
    }
}

/// The first whole minute not before a time.
fn minute_from(time: Millis) -> Millis {
    time.saturating_add(MINUTE - 1).div_euclid(MINUTE) * MINUTE
}
