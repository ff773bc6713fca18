//! One partition in the hands of a worker: being restored, replaying in silence, live, or stopped.
//! It steps its stage and says what is to be sent. It must not know transactions.

mod beginning;
mod replay;
mod restoring;
mod takeover;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;

use super::batch::{Batch, Committed, Destination, Message};
use super::idle::Idle;
use super::marks::Noted;
use super::outgoing::Outlet;
use super::position::Position;
use super::raw::{Fetched, Queue, Raw, Signal};
use super::restore::{Plan, Stop};
use super::rounds::Rounds;
use super::snapshots::Cutter;
use super::stage::{Edition, Stage};
use super::{Clock, Config};
use crate::engine::census::Census;
use crate::engine::{Action, Input, Mark, Millis, Progress, Record};
use crate::storage::SnapshotId;
use replay::Replay;
pub use restoring::{Restored, Restoring};

/// Records of one partition between looks at the others.
const TURN_RECORDS: usize = 1_000;
/// The wall clock is asked for a horizon at most this often.
const HORIZON_EVERY: Millis = 60_000;

/// What all partitions of a worker share.
pub struct Shared {
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub outlet: Outlet,
    /// Of the raw topic.
    pub partitions: i32,
}

pub struct Partition {
    pub number: i32,
    /// Which life here this is: the same partition may be taken and come straight back.
    pub birth: u64,
    pub life: Life,
    pub since: Instant,
}

pub enum Life {
    Restoring(Restoring),
    Reading(Box<Reading>),
    Stopped(Stop),
}

/// A partition whose records are read: first what was done already, then live.
pub struct Reading {
    number: i32,
    pub stage: Box<dyn Stage>,
    pub edition: Arc<Edition>,
    // Before the queue: records on loan go back while their client is alive.
    backlog: VecDeque<Fetched>,
    queue: Queue,
    replay: Option<Replay>,
    /// Where the stage stands.
    pub now: Position,
    /// What the broker says.
    pub committed: Committed,
    pub cutter: Cutter,
    pub snapshot_at: Option<Millis>,
    pub idle: Idle,
    rounds: Rounds,
    /// A minute of the idle clock that did not fit one transaction.
    ticking: Option<Millis>,
    /// The clock went on by itself since the last record.
    clock_ahead: bool,
    horizon_asked: Option<Millis>,
    /// A hold-back that waits for the end of a minute that was begun before.
    hold_back_due: Option<Mark>,
    /// Another playbook took over, and nothing is stepped under it before its first snapshot is named: it could not be
    /// had again from one under the playbook before. When that is to be tried.
    unsettled: Option<Instant>,
    /// The position is another than the committed one.
    pub moved: bool,
    /// The end of the log, once seen.
    pub end: Option<i64>,
    actions: Vec<Action>,
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Nothing there to do.
    Rested,
    /// There may be more at once.
    Worked,
    /// The batch must be committed before this partition goes on.
    Full,
    /// Just became live.
    Live,
    /// What comes next is gone from the log.
    Gap,
}

impl Reading {
    pub fn new(
        number: i32,
        stage: Box<dyn Stage>,
        edition: Arc<Edition>,
        plan: Plan,
        queue: Queue,
        shared: &Shared,
    ) -> Self {
        Self {
            number,
            stage,
            edition,
            queue,
            backlog: VecDeque::new(),
            now: plan.from,
            committed: plan.committed,
            replay: plan.target.map(|target| Replay { target, marks: plan.marks }),
            cutter: Cutter::new(shared.config.snapshot_interval, false),
            snapshot_at: None,
            idle: Idle::new(shared.clock.elapsed()),
            rounds: Rounds::default(),
            ticking: None,
            clock_ahead: false,
            horizon_asked: None,
            hold_back_due: None,
            unsettled: None,
            moved: false,
            end: None,
            actions: Vec::new(),
        }
    }

    /// Live, and under another playbook than the one in force.
    pub fn is_stale(&self, current: &Edition) -> bool {
        self.replay.is_none() && self.edition.fingerprint != current.fingerprint
    }

    pub fn is_unsettled(&self) -> bool {
        self.unsettled.is_some()
    }

    pub fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    pub fn is_caught_up(&self) -> bool {
        self.replay.is_none() && self.idle.is_at_end()
    }

    /// Steps what is there, up to a bound.
    pub fn turn(&mut self, shared: &Shared, batch: &mut Batch) -> Turn {
        if self.replay.is_some() {
            return self.replay_turn(shared);
        }
        if self.is_unsettled() {
            return if self.cutter.is_cutting() { Turn::Worked } else { Turn::Rested };
        }
        if let Some(minute) = self.ticking
            && self.tick(minute, shared, batch) == Progress::Full
        {
            return Turn::Full;
        }
        self.hold_back(shared, batch);
        self.fetch();
        let before = self.backlog.len();
        while let Some(fetched) = self.backlog.pop_front() {
            match fetched.read() {
                Ok(record) if record.offset < self.now.next => {}
                Ok(record) => {
                    let progress = self.record(record, shared, batch);
                    if progress == Progress::Full {
                        self.backlog.push_front(fetched);
                        return Turn::Full;
                    }
                }
                Err(Signal::End(offset)) => self.at_end(offset, shared),
                Err(Signal::Error(code)) if self.is_gap(code) => return Turn::Gap,
                Err(Signal::Error(_)) => {}
            }
            if batch.is_full() {
                return Turn::Full;
            }
        }
        if before == 0 { Turn::Rested } else { Turn::Worked }
    }

    fn fetch(&mut self) {
        if self.backlog.is_empty() {
            self.backlog.extend(self.queue.take(TURN_RECORDS));
        }
    }

    fn record(&mut self, raw: Raw<'_>, shared: &Shared, batch: &mut Batch) -> Progress {
        let time = self.time_of(&raw);
        self.idle.record(shared.clock.elapsed());
        if self.stage.wants_horizon(time) {
            self.ask_horizon(raw.offset, shared, batch);
        }
        let taken = self.stage.taken_time(time);
        if self.clock_ahead && self.stage.clock().is_some_and(|clock| taken <= clock) {
            // No record says how far the clock had come when this one was applied.
            self.mark_clock(raw.offset, shared, batch);
        }
        self.clock_ahead = false;
        let record = Record { offset: raw.offset, time, key: raw.key, value: raw.value };
        let progress = self.stage.step(Input::Record(record), batch.room(), &mut self.actions);
        self.hand_over(Some(&raw), shared, batch);
        if progress == Progress::Done {
            self.now.next = raw.offset + 1;
            self.now.last_record = Some(self.stage.clock().map_or(time, |clock| time.min(clock)));
            batch.records += 1;
        }
        self.moved = true;
        progress
    }

    /// A record without a time takes the clock's.
    fn time_of(&self, raw: &Raw<'_>) -> Millis {
        raw.time.or_else(|| self.stage.clock()).unwrap_or(0)
    }

    fn ask_horizon(&mut self, at: i64, shared: &Shared, batch: &mut Batch) {
        let now = shared.clock.elapsed();
        if self.horizon_asked.is_some_and(|asked| now - asked < HORIZON_EVERY) {
            return;
        }
        self.horizon_asked = Some(now);
        self.mark(Mark::Horizon(shared.clock.wall()), at, shared, batch);
    }

    fn mark_clock(&mut self, at: i64, shared: &Shared, batch: &mut Batch) {
        if let Some(clock) = self.stage.clock() {
            self.mark(Mark::IdleClock(clock), at, shared, batch);
        }
    }

    /// Notes a fact that is in no record, and lets the stage know it.
    fn mark(&mut self, mark: Mark, at: i64, shared: &Shared, batch: &mut Batch) {
        self.now.marks += 1;
        if let Mark::HoldBack { until, .. } = mark {
            self.now.hold_back = Some(until);
        }
        let noted = Noted { number: self.now.marks, at, mark };
        batch.push(Message {
            origin: self.number,
            destination: Destination::Marks,
            partition: self.number,
            key: None,
            value: Some(noted.encode()),
            headers: Vec::new(),
        });
        let _sends_nothing = self.stage.step(Input::Mark(mark), batch.room(), &mut self.actions);
        self.hand_over(None, shared, batch);
        self.moved = true;
    }

    fn hand_over(&mut self, cause: Option<&Raw<'_>>, shared: &Shared, batch: &mut Batch) {
        for action in self.actions.drain(..) {
            batch.push(shared.outlet.message(self.number, action, cause));
        }
    }

    /// Puts the position that was reached into the batch. Once a commit, not once a record.
    pub fn collect(&mut self, batch: &mut Batch) {
        if !std::mem::take(&mut self.moved) {
            return;
        }
        self.now.clock = self.stage.clock();
        self.now.cursor = self.stage.cursor().map(str::to_owned);
        batch.moved(self.number, &self.committed, &self.now);
    }

    /// Says that the position is to be committed though no record moved it.
    pub fn name_snapshot(&mut self, id: SnapshotId, keep: usize) {
        self.unsettled = None;
        self.now.snapshots.insert(0, id);
        self.now.snapshots.truncate(keep);
        self.moved = true;
    }

    fn at_end(&mut self, offset: i64, shared: &Shared) {
        self.end = Some(offset);
        self.idle.at_end(offset, shared.clock.elapsed());
    }

    /// Whatever went wrong with a fetch, the broker did not confirm that there is nothing.
    fn is_gap(&mut self, code: RDKafkaErrorCode) -> bool {
        self.idle.interrupted();
        tracing::warn!(partition = self.number, error = %code, "fetching");
        matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
    }

    /// Goes on at `low`, where the log begins now; what lay before is given up.
    pub fn skip_to(&mut self, low: i64) {
        self.backlog.clear();
        self.now.next = low;
        self.moved = true;
    }

    /// Lets the idle clock go on, where the broker has confirmed that there is nothing to read.
    pub fn idle_turn(&mut self, shared: &Shared, batch: &mut Batch, confirm: impl FnOnce(i64) -> bool) -> Progress {
        let config = &shared.config;
        let is_busy = self.replay.is_some() || self.ticking.is_some() || self.is_unsettled();
        if !config.idle_clock || is_busy || !self.backlog.is_empty() {
            return Progress::Done;
        }
        let Some(minute) = self.idle.minute(config, shared.clock.elapsed(), self.now.last_record, confirm) else {
            return Progress::Done;
        };
        if self.stage.clock().is_some_and(|clock| clock < minute) {
            self.tick(minute, shared, batch)
        } else {
            Progress::Done
        }
    }

    fn tick(&mut self, minute: Millis, shared: &Shared, batch: &mut Batch) -> Progress {
        let progress = self.stage.step(Input::Clock(minute), batch.room(), &mut self.actions);
        self.clock_ahead = true;
        self.ticking = (progress == Progress::Full).then_some(minute);
        self.hand_over(None, shared, batch);
        self.moved = true;
        progress
    }

    /// Its commit is known: what the broker says now.
    pub fn committed(&mut self, offset: i64, metadata: &str) {
        self.committed = Some((offset, metadata.as_bytes().to_vec()));
        if let Ok(position) = Position::decode(offset, metadata.as_bytes()) {
            self.now.last_mark = position.last_mark;
            self.now.wall = position.wall;
        }
    }

    /// Everything the stage did is committed, and it is between two minutes' firings.
    pub fn is_at_rest(&self) -> bool {
        self.replay.is_none() && self.stage.cursor().is_none() && self.ticking.is_none() && !self.moved
    }

    /// Begins a snapshot of where it stands, which must be committed.
    pub fn cut(&mut self) {
        self.cutter.begin(self.stage.as_mut(), &self.edition, self.number, &self.now);
    }

    /// Counts on how users are spread; all of it once a round is done.
    pub fn census(&mut self) -> Option<&Census> {
        if self.is_replaying() { None } else { self.rounds.step(self.stage.as_ref()) }
    }
}
