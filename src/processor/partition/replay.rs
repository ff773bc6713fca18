//! What was committed after the snapshot, stepped again with nothing sent, up to the committed position.
//! It must not know what happens live.

use std::collections::VecDeque;

use super::{Reading, Shared, Turn};
use crate::engine::{Input, Progress, Record};
use crate::processor::marks::Noted;
use crate::processor::position::Position;
use crate::processor::raw::{Raw, Signal};

pub(super) struct Replay {
    pub target: Position,
    pub marks: VecDeque<Noted>,
}

impl Reading {
    pub(super) fn replay_turn(&mut self, shared: &Shared) -> Turn {
        self.fetch();
        let mut worked = Turn::Rested;
        loop {
            let Some(replay) = &self.replay else { return Turn::Live };
            if self.now.next >= replay.target.next {
                self.go_live(shared);
                return Turn::Live;
            }
            let Some(fetched) = self.backlog.pop_front() else { return worked };
            worked = Turn::Worked;
            match fetched.read() {
                Ok(record) if record.offset < self.now.next => {}
                Ok(record) if record.offset >= replay.target.next => {
                    self.now.next = replay.target.next;
                    self.backlog.push_front(fetched);
                }
                Ok(record) => self.replay_record(record),
                // The position lies behind the last record: only what ends transactions is between.
                Err(Signal::End(offset)) => {
                    self.now.next = replay.target.next;
                    self.at_end(offset, shared);
                }
                Err(Signal::Error(code)) if self.is_gap(code) => return Turn::Gap,
                Err(Signal::Error(_)) => {}
            }
        }
    }

    fn replay_record(&mut self, raw: Raw<'_>) {
        self.replay_marks(raw.offset);
        let time = self.time_of(&raw);
        let record = Record { offset: raw.offset, time, key: raw.key, value: raw.value };
        while self.stage.step(Input::Record(record), usize::MAX, &mut self.actions) == Progress::Full {}
        // All of it was sent before.
        self.actions.clear();
        self.now.next = raw.offset + 1;
    }

    fn replay_marks(&mut self, offset: i64) {
        let Some(replay) = &mut self.replay else { return };
        while let Some(noted) = replay.marks.pop_front_if(|noted| noted.at <= offset) {
            let _sends_nothing = self.stage.step(Input::Mark(noted.mark), usize::MAX, &mut self.actions);
        }
        self.actions.clear();
    }

    /// The stage is as it was at the commit; from here on things are sent.
    fn go_live(&mut self, shared: &Shared) {
        self.replay_marks(i64::MAX);
        let Some(Replay { target, .. }) = self.replay.take() else { return };
        if let Some(clock) = target.clock {
            self.stage.resume(clock, target.cursor.as_deref(), &mut self.actions);
            self.actions.clear();
        }
        let _counted_before = self.stage.take_counts();
        // What is left of a minute comes before any record or mark: neither says how far into it they came.
        self.ticking = target.clock.filter(|_| target.cursor.is_some());
        // A snapshot's own clock may stand further than the log tells, so an older one must be told by a mark.
        self.clock_ahead = target.clock != target.last_record;
        // Growth that was accepted is committed, so that it is none from now on.
        self.moved |= target.partitions != shared.partitions;
        self.now = Position { partitions: shared.partitions, ..target };
        self.idle.live(shared.clock.elapsed());
    }
}
