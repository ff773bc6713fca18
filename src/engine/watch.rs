//! Looking on at one signal: who had it, and when. It changes nothing.

use super::playbook::program::{Cell, CellId};
use super::profile::body::Body;
use super::profile::numbers::Basic;
use super::{Engine, Millis};

/// The signal looked on at, and what was seen since it was last asked.
#[derive(Debug)]
pub(super) struct Watch {
    cell: CellId,
    /// The user and the event time.
    seen: Vec<(String, Millis)>,
}

impl Engine {
    /// Notes from here on each user's occurrences of a signal, also those that come to them with an anonymous
    /// profile. The program must have been compiled watching it.
    pub fn watch(&mut self, signal: usize) {
        self.watch = self.program.id(&Cell::Basic(signal)).map(|cell| Watch { cell, seen: Vec::new() });
    }

    /// Users and event times since this was last asked.
    pub fn take_seen(&mut self) -> impl Iterator<Item = (String, Millis)> + '_ {
        self.watch.iter_mut().flat_map(|watch| watch.seen.drain(..))
    }
}

impl Watch {
    /// How often the profile that is open has had it.
    pub fn total(&self, body: &Body) -> u64 {
        Basic::read(body.get(self.cell)).map_or(0, |basic| basic.total)
    }

    /// Another profile was merged into the open one: of its occurrences the latest of all is known.
    pub fn merge(&mut self, body: &Body, before: u64, user: &str) {
        if let Some(basic) = Basic::read(body.get(self.cell)).filter(|basic| basic.total > before) {
            self.seen.push((user.to_owned(), basic.latest));
        }
    }

    /// An event at this time came to the open profile.
    pub fn event(&mut self, body: &Body, before: u64, user: &str, at: Millis) {
        if self.total(body) > before {
            self.seen.push((user.to_owned(), at));
        }
    }
}
