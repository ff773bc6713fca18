//! A lane: the users of one shard, in order, one request at a time. So nobody's messages overtake each other, also
//! when a request is tried again.
//!
//! Knows nothing of other lanes, of the rate or of partitions' offsets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::{BODY_BYTES_MAX, Fill};
use super::offsets::Place;
use crate::forwarder::record::Record;

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Held {
    pub place: Place,
    pub record: Record,
    pub user: Vec<u8>,
    /// What is sent, where it is not the record's own value.
    pub cut: Option<Vec<u8>>,
    pub came: Instant,
}

impl Held {
    pub fn json(&self) -> &[u8] {
        self.cut.as_deref().or(self.record.value.as_deref()).unwrap_or_default()
    }

    /// What it weighs here, with all that comes with it.
    pub fn bytes(&self) -> usize {
        let lengths = [&self.record.key, &self.record.value, &self.cut].map(|part| part.as_ref().map_or(0, Vec::len));
        size_of::<Self>() + self.user.len() + lengths.iter().sum::<usize>() + 64
    }

    #[cfg(test)]
    pub fn of_json(json: Vec<u8>) -> Self {
        let record = Record { value: Some(json), ..Record::default() };
        let place = Place { partition: 0, stay: 0, number: 0 };
        Self { place, record, user: Vec::new(), cut: None, came: Instant::now() }
    }
}

#[derive(Debug, Default)]
pub struct Lane {
    /// Waiting, each with its number in this lane.
    queue: VecDeque<(u64, Held)>,
    queued_bytes: usize,
    next_number: u64,
    flight: Option<Vec<(u64, Held)>>,
    /// Users to forget, with the number from which on they are wanted again: for what is in flight and may come back.
    forgotten: Vec<(Vec<u8>, u64)>,
    /// Where the batches end that look for a bad message: the innermost last.
    ends: Vec<u64>,
    tries: u32,
    retry_at: Option<Instant>,
}

/// When a lane has something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Now,
    At(Instant),
    Never,
}

impl Lane {
    pub fn push(&mut self, held: Held) {
        self.queued_bytes += held.json().len() + 1;
        self.queue.push_back((self.next_number, held));
        self.next_number += 1;
    }

    pub fn in_flight(&self) -> &[(u64, Held)] {
        self.flight.as_deref().unwrap_or_default()
    }

    pub fn is_in_flight(&self) -> bool {
        self.flight.is_some()
    }

    pub fn due(&self, now: Instant, items_max: usize, wait_max: Duration) -> Due {
        let Some((_, first)) = self.queue.front() else { return Due::Never };
        if self.flight.is_some() {
            return Due::Never;
        }
        let again = self.tries > 0 || !self.ends.is_empty();
        let full = again || self.queue.len() >= items_max || self.queued_bytes >= BODY_BYTES_MAX;
        let at = if full { now } else { first.came + wait_max };
        let at = self.retry_at.map_or(at, |retry| at.max(retry));
        if at <= now { Due::Now } else { Due::At(at) }
    }

    /// How many messages the next request would take.
    pub fn next_len(&self, items_max: usize) -> usize {
        let end = self.end();
        let mut fill = Fill::new(items_max);
        self.queue.iter().take_while(|(n, held)| *n < end && fill.add(held.json().len())).count()
    }

    pub fn depart(&mut self, len: usize) -> impl Iterator<Item = &Held> + Clone {
        let batch: Vec<(u64, Held)> = self.queue.drain(..len).collect();
        self.queued_bytes -= batch.iter().map(|(_, held)| held.json().len() + 1).sum::<usize>();
        self.retry_at = None;
        self.flight.insert(batch).iter().map(|(_, held)| held)
    }

    /// The request was settled; its messages are handed out, the forgotten ones with them.
    pub fn arrived(&mut self) -> Vec<Held> {
        self.tries = 0;
        self.forgotten.clear();
        let batch = self.flight.take().unwrap_or_default();
        self.drop_passed_ends();
        batch.into_iter().map(|(_, held)| held).collect()
    }

    /// Something in the batch is bad: its halves next. Alone, it is handed out. The others given back are forgotten ones.
    pub fn divide(&mut self) -> Vec<Held> {
        let batch = self.in_flight();
        if batch.len() <= 1 {
            return self.arrived();
        }
        let (middle, end) = (batch[batch.len() / 2].0, batch[batch.len() - 1].0 + 1);
        if self.ends.last() != Some(&end) {
            self.ends.push(end);
        }
        self.ends.push(middle);
        self.tries = 0;
        self.put_back()
    }

    /// To be tried again from `at` on. Handed out: what was forgotten meanwhile.
    pub fn come_back(&mut self, at: Option<Instant>) -> Vec<Held> {
        self.retry_at = at;
        self.put_back()
    }

    pub fn tries(&self) -> u32 {
        self.tries
    }

    pub fn count_try(&mut self) -> u32 {
        self.tries = self.tries.saturating_add(1);
        self.tries
    }

    fn put_back(&mut self) -> Vec<Held> {
        let batch = self.flight.take().unwrap_or_default();
        let forgotten = std::mem::take(&mut self.forgotten);
        let is_forgotten = |n: u64, held: &Held| forgotten.iter().any(|(user, end)| n < *end && *user == held.user);
        let (gone, back): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(n, held)| is_forgotten(*n, held));
        for (number, held) in back.into_iter().rev() {
            self.queued_bytes += held.json().len() + 1;
            self.queue.push_front((number, held));
        }
        self.drop_passed_ends();
        gone.into_iter().map(|(_, held)| held).collect()
    }

    /// Hands out what waits of this user, and what is in flight will not come back.
    pub fn forget(&mut self, user: &[u8]) -> Vec<Held> {
        if self.in_flight().iter().any(|(_, held)| held.user == user) {
            self.forgotten.push((user.to_vec(), self.next_number));
        }
        self.remove(|held| held.user == user)
    }

    /// Hands out what waits and answers to this.
    pub fn remove(&mut self, is_one: impl Fn(&Held) -> bool) -> Vec<Held> {
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = self.queue.drain(..).partition(|(_, held)| is_one(held));
        self.queue = kept;
        self.queued_bytes = self.queue.iter().map(|(_, held)| held.json().len() + 1).sum();
        if self.flight.is_none() {
            self.drop_passed_ends();
        }
        gone.into_iter().map(|(_, held)| held).collect()
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(u64::MAX)
    }

    /// Ends at or before the next number to send have nothing left before them: sent, forgotten or taken away.
    fn drop_passed_ends(&mut self) {
        let next = self.queue.front().map_or(self.next_number, |(n, _)| *n);
        self.ends.retain(|end| *end > next);
    }
}
