//! The forwarder's core, as a value that is stepped: records and answers in, requests and dead letters out.
//!
//! No IO, no clock, no chance: time comes with each call, the jitter from a seed. Knows nothing of Kafka or HTTP.
//! Whoever steps it performs every action of [`Dispatch::poll_action`] and reports what became of it.

mod action;
mod batch;
mod bounds;
mod commits;
mod lane;
mod offsets;
mod pace;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world_tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::answer::{Answer, Refusal, Why};
use super::record::{DeadReason, Reading, Record, Routing, read};
pub use action::{Action, Hindrance, Letter, Limits, Note, Standing, Tally};
use batch::Body;
use lane::{Due, Held, Lane};
use offsets::Offsets;
pub use offsets::{Commit, Place};
pub use pace::Pace;
use pace::{Breaker, Bucket, Jitter};

#[derive(Debug)]
struct Partition {
    offsets: Offsets,
    leaving: bool,
}

#[derive(Debug)]
pub struct Dispatch {
    limits: Limits,
    pace: Pace,
    routing: Routing,
    lanes: Vec<Lane>,
    /// The lane that is asked first, so that none is served before the others for ever.
    turn: usize,
    partitions: BTreeMap<i32, Partition>,
    next_stay: u64,
    burying: BTreeSet<Place>,
    held_bytes: usize,
    bucket: Bucket,
    /// Since when, and until when, a batch waits for the rate.
    rate_wait: Option<(Instant, Instant)>,
    breaker: Breaker,
    jitter: Jitter,
    halted: Option<Refusal>,
    stopping: bool,
    actions: VecDeque<Action>,
    /// Since when something has been waiting without anything being settled.
    waiting_since: Option<Instant>,
    tally: Tally,
}

impl Dispatch {
    pub fn new(limits: Limits, pace: Pace, routing: Routing, seed: u64) -> Self {
        Self {
            lanes: (0..limits.lanes.max(1)).map(|_| Lane::default()).collect(),
            bucket: Bucket::new(&pace),
            limits,
            pace,
            routing,
            turn: 0,
            partitions: BTreeMap::new(),
            next_stay: 0,
            burying: BTreeSet::new(),
            held_bytes: 0,
            rate_wait: None,
            breaker: Breaker::new(),
            jitter: Jitter::new(seed),
            halted: None,
            stopping: false,
            actions: VecDeque::new(),
            waiting_since: None,
            tally: Tally::default(),
        }
    }

    // ---- partitions come and go

    /// Read from offset `next` on, as it was committed with this metadata.
    pub fn handle_assigned(&mut self, partition: i32, next: i64, metadata: &str) {
        self.handle_revoked(partition);
        let offsets = Offsets::new(self.next_stay, next, metadata);
        self.next_stay += 1;
        self.partitions.insert(partition, Partition { offsets, leaving: false });
    }

    /// Nothing new of it is sent; what is under way may still come home.
    pub fn handle_leaving(&mut self, partition: i32) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.leaving = true;
        }
        self.drop_strays();
    }

    pub fn is_drained(&self, partition: i32) -> bool {
        let flying = |lane: &Lane| lane.in_flight().iter().any(|(_, held)| held.place.partition == partition);
        !self.lanes.iter().any(flying) && !self.burying.iter().any(|place| place.partition == partition)
    }

    pub fn handle_revoked(&mut self, partition: i32) {
        self.partitions.remove(&partition);
        self.drop_strays();
        self.rest_if_idle();
    }

    // ---- records and answers

    pub fn handle_record(&mut self, record: Record, now: Instant) {
        let Some(partition) = self.partitions.get_mut(&record.partition).filter(|p| !p.leaving) else { return };
        let place = partition.offsets.read(record.partition, record.offset, record.written_ms);
        let known = partition.offsets.is_known(record.offset);
        self.waiting_since.get_or_insert(now);
        if known {
            return self.settle(place, false, now);
        }
        match read(&record, &self.routing) {
            Reading::Send { user, cut } => self.hold(Held { place, record, user, cut, came: now }),
            Reading::Delete { user } => {
                let lane = self.lane_of(&user);
                let gone = self.lanes[lane].forget(&user);
                self.forget(gone, now);
                self.settle(place, false, now);
            }
            Reading::Skip => {
                self.tally.skipped += 1;
                self.settle(place, false, now);
            }
            Reading::Dead { reason, detail } => {
                let bytes = record.value.as_ref().map_or(0, Vec::len);
                self.held_bytes += bytes;
                self.bury(Letter { place, record, reason, detail, bytes });
            }
        }
    }

    pub fn handle_answer(&mut self, lane: usize, answer: Answer, now: Instant) {
        match answer {
            Answer::Accepted => {
                let settled = self.lanes[lane].arrived();
                self.tally.sent += settled.len() as u64;
                self.settle_held(settled, true, now);
                self.endpoint_spoke();
            }
            Answer::Refused(refusal) => {
                self.bury_refused(lane, &refusal);
                self.endpoint_spoke();
            }
            Answer::Divide(refusal) if self.lanes[lane].in_flight().len() == 1 => {
                self.bury_refused(lane, &refusal);
                self.endpoint_spoke();
            }
            Answer::Divide(_) => {
                let gone = self.lanes[lane].divide();
                self.came_back(lane, gone, now);
                self.endpoint_spoke();
            }
            Answer::Halt(refusal) => {
                let gone = self.lanes[lane].come_back(None);
                self.came_back(lane, gone, now);
                self.endpoint_spoke();
                if self.halted.is_none() {
                    self.actions.push_back(Action::Note(Note::Halted(refusal.clone())));
                }
                self.halted = Some(refusal);
            }
            Answer::Again { why, wait } => self.again(lane, why, wait, now),
        }
    }

    /// The broker has the letter.
    pub fn handle_buried(&mut self, letter: &Letter, now: Instant) {
        self.burying.remove(&letter.place);
        self.held_bytes -= letter.bytes;
        *self.tally.dead.entry(letter.reason).or_default() += 1;
        self.tally.dead_again += u64::from(letter.record.replayed > 0);
        self.settle(letter.place, true, now);
    }

    /// Another write key: what was refused may go now.
    pub fn handle_new_key(&mut self) {
        if self.halted.take().is_some() {
            self.actions.push_back(Action::Note(Note::Resumed));
        }
    }

    /// No request goes out any more.
    pub fn handle_stop(&mut self) {
        self.stopping = true;
    }

    // ---- what is to be done

    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        self.actions.pop_front().or_else(|| self.depart(now))
    }

    /// When [`poll_action`](Self::poll_action) may have something without anything else happening first.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        if !self.actions.is_empty() {
            return Some(now);
        }
        if !self.may_send() {
            return None;
        }
        let lane = self.lanes.iter().filter_map(|lane| match self.due(lane, now) {
            Due::Now => Some(now),
            Due::At(at) => Some(at),
            Due::Never => None,
        });
        let at = lane.min()?;
        let gate = if self.breaker.is_open() { self.breaker.opens_at()? } else { at };
        let rate = self.rate_wait.map_or(at, |(_, until)| until);
        Some(at.max(gate).max(rate))
    }

    pub fn is_idle(&self) -> bool {
        !self.lanes.iter().any(Lane::is_in_flight) && self.burying.is_empty() && self.actions.is_empty()
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn standing(&self, now: Instant) -> Standing {
        let stalled = self.waiting_since.map(|since| now.saturating_duration_since(since));
        let stalled = stalled.filter(|since| *since >= self.limits.stalled_after);
        let halted = self.halted.clone().map(Hindrance::Halted);
        Standing {
            held: self.open(),
            held_bytes: self.held_bytes,
            in_flight_requests: self.lanes.iter().filter(|lane| lane.is_in_flight()).count(),
            in_flight_messages: self.in_flight(),
            oldest_written_ms: self.partitions.values().filter_map(|p| p.offsets.oldest_written_ms()).min(),
            hindrance: halted.or(stalled.map(|since| Hindrance::Stalled { since })),
        }
    }

    // ---- inside

    fn depart(&mut self, now: Instant) -> Option<Action> {
        if !self.may_send() || !self.breaker.may_send(now) {
            return None;
        }
        let count = self.lanes.len();
        let mut order = (0..count).map(|i| (self.turn + i) % count);
        let id = order.find(|&id| self.due(&self.lanes[id], now) == Due::Now)?;
        let items = self.lanes[id].next_len(self.limits.items_max);
        if let Some(wait) = self.bucket.wait(items, now) {
            let since = self.rate_wait.map_or(now, |(since, _)| since);
            self.rate_wait = Some((since, now + wait));
            return None;
        }
        if let Some((since, _)) = self.rate_wait.take() {
            self.tally.rate_waited += now.saturating_duration_since(since);
        }
        self.bucket.take(items);
        self.breaker.sent();
        self.turn = (id + 1) % count;
        self.tally.requests += 1;
        let tries = self.lanes[id].tries();
        let body = Body::of(self.lanes[id].depart(items));
        Some(Action::Send { lane: id, items, tries, body })
    }

    fn in_flight(&self) -> usize {
        self.lanes.iter().map(|lane| lane.in_flight().len()).sum()
    }

    fn due(&self, lane: &Lane, now: Instant) -> Due {
        lane.due(now, self.limits.items_max, self.limits.wait_max)
    }

    fn again(&mut self, lane: usize, why: Why, wait: Option<Duration>, now: Instant) {
        let items = self.lanes[lane].in_flight().len() as u64;
        *self.tally.retried.entry(why).or_default() += items;
        let tries = self.lanes[lane].count_try();
        let delay = wait.unwrap_or_else(|| self.jitter.delay(&self.pace, tries));
        // Too many requests is said to all of us, not to the one that heard it.
        let asked = wait.or((why == Why::Throttled).then_some(delay));
        let gone = self.lanes[lane].come_back(Some(now + delay));
        self.came_back(lane, gone, now);
        let was_open = self.breaker.is_open();
        if self.breaker.failed(asked, &self.pace, &mut self.jitter, now) && !was_open {
            let until = self.breaker.opens_at().unwrap_or(now);
            let wait = until.saturating_duration_since(now);
            self.actions.push_back(Action::Note(Note::Shut { why, wait }));
        }
    }

    fn endpoint_spoke(&mut self) {
        if self.breaker.succeeded() {
            self.actions.push_back(Action::Note(Note::Opened));
        }
    }

    fn hold(&mut self, held: Held) {
        self.held_bytes += held.bytes();
        let lane = self.lane_of(&held.user);
        self.lanes[lane].push(held);
    }

    fn lane_of(&self, user: &[u8]) -> usize {
        (xxhash_rust::xxh3::xxh3_64(user) % self.lanes.len() as u64) as usize
    }

    fn bury_refused(&mut self, lane: usize, refusal: &Refusal) {
        for held in self.lanes[lane].arrived() {
            let (bytes, place, record) = (held.bytes(), held.place, held.record);
            if is_current(&self.partitions, place) {
                self.bury(Letter { place, record, reason: DeadReason::Refused, detail: refusal.to_string(), bytes });
            } else {
                self.held_bytes -= bytes;
            }
        }
    }

    fn bury(&mut self, letter: Letter) {
        self.burying.insert(letter.place);
        self.actions.push_back(Action::Bury(letter));
    }

    fn came_back(&mut self, lane: usize, forgotten: Vec<Held>, now: Instant) {
        self.forget(forgotten, now);
        self.drop_strays_of(lane);
    }

    fn forget(&mut self, gone: Vec<Held>, now: Instant) {
        self.tally.forgotten += gone.len() as u64;
        self.settle_held(gone, false, now);
    }

    fn settle_held(&mut self, settled: Vec<Held>, delivered: bool, now: Instant) {
        for held in settled {
            self.held_bytes -= held.bytes();
            self.settle(held.place, delivered, now);
        }
    }

    fn settle(&mut self, place: Place, delivered: bool, now: Instant) {
        let Some(partition) = self.partitions.get_mut(&place.partition) else { return };
        if partition.offsets.stay() == place.stay && partition.offsets.settle(place, delivered) > 0 {
            self.waiting_since = Some(now);
            self.rest_if_idle();
        }
    }

    fn rest_if_idle(&mut self) {
        if self.open() == 0 {
            self.waiting_since = None;
        }
    }

    fn open(&self) -> usize {
        self.partitions.values().map(|partition| partition.offsets.open()).sum()
    }

    fn drop_strays(&mut self) {
        (0..self.lanes.len()).for_each(|lane| self.drop_strays_of(lane));
    }

    /// What waits of partitions that are no longer ours is the next owner's.
    fn drop_strays_of(&mut self, lane: usize) {
        let Self { partitions, lanes, .. } = self;
        let gone = lanes[lane].remove(|held| !is_current(partitions, held.place));
        self.held_bytes -= gone.iter().map(Held::bytes).sum::<usize>();
    }
}

fn is_current(partitions: &BTreeMap<i32, Partition>, place: Place) -> bool {
    partitions.get(&place.partition).is_some_and(|p| !p.leaving && p.offsets.stay() == place.stay)
}
