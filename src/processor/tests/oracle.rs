//! One engine, stepped once through the log, the marks and the clocks of the committed positions. It must not know of
//! restores.

use std::sync::Arc;

use super::world::World;
use crate::engine::{Input, Progress, Record};
use crate::processor::batch::Message;
use crate::processor::outgoing::Outlet;
use crate::processor::position::Position;
use crate::processor::raw::Raw;
use crate::processor::{Edition, Stage, carry_over};

pub struct Oracle {
    stage: Box<dyn Stage>,
    fingerprint: String,
    next: i64,
    marks: u64,
    pub said: Vec<Message>,
}

impl Oracle {
    pub fn new(edition: &Arc<Edition>) -> Self {
        let fingerprint = edition.fingerprint.clone();
        Self { stage: (edition.make)(0, 1), fingerprint, next: 0, marks: 0, said: Vec::new() }
    }

    fn step(&mut self, input: Input<'_>, outlet: &Outlet, raw: Option<&Raw<'_>>) {
        let mut actions = Vec::new();
        while self.stage.step(input, usize::MAX, &mut actions) == Progress::Full {}
        self.said.extend(actions.into_iter().map(|action| outlet.message(0, action, raw)));
    }

    fn note(&mut self, world: &World, upto: &Position, at: i64) {
        for noted in &world.ledger.marks {
            if noted.number > self.marks && noted.number <= upto.marks && noted.at <= at {
                self.marks = noted.number;
                self.step(Input::Mark(noted.mark), &world.shared.outlet, None);
            }
        }
    }

    /// On to a committed position. Inside a minute it can't stop: then what is said runs ahead.
    pub fn follow(&mut self, world: &World, position: &Position) {
        if position.fingerprint != self.fingerprint {
            let edition = world.sources.editions.current();
            let mut stage = (edition.make)(0, 1);
            carry_over(self.stage.as_mut(), &self.fingerprint, stage.as_mut()).expect("it is an engine's own");
            (self.stage, self.fingerprint) = (stage, edition.fingerprint.clone());
        }
        for (offset, (time, value)) in (self.next..position.next).zip(&world.log[self.next as usize..]) {
            self.note(world, position, offset);
            let raw = Raw { offset, time: Some(*time), key: None, value: Some(value), fetched: None };
            let record = Record { offset, time: *time, key: None, value: Some(value) };
            self.step(Input::Record(record), &world.shared.outlet, Some(&raw));
        }
        self.next = position.next;
        self.note(world, position, i64::MAX);
        if let (Some(clock), None) = (position.clock, &position.cursor) {
            self.step(Input::Clock(clock), &world.shared.outlet, None);
        }
    }
}
