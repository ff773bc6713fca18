//! One record's events, each to the profile it belongs to: repeats, links, merges, deletion. It knows nothing of what a
//! profile says or scores.

use super::event::{Event, Item, Ready, Rejected};
use super::merge::merge;
use super::observe::When;
use super::playbook::meant::Call;
use super::playbook::program::{FIRST, SEEN};
use super::profile::{seen, varint};
use super::state::Engine;
use super::table::{Kind, ProfileId};
use super::{Action, DeadLetter, Millis, Outgoing, Record, partition};

/// Items of a record are told apart in an arrival by its low bits.
const ITEMS: u64 = 4_096;

impl Engine {
    /// The records stepped so far, under offsets from 0 on, were history: those of the log arrive after them.
    pub fn end_import(&mut self, records: u64) {
        self.imported = records;
    }

    /// Applies a record under a clock that has reached its time.
    pub(super) fn apply(
        &mut self,
        record: &Record<'_>,
        ready: Option<Ready<'_>>,
        time: Millis,
        actions: &mut Vec<Action>,
    ) {
        let reader = self.reader.clone();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut items = match (record.value, ready) {
            (Some(value), Some(ready)) => reader.read_ready(value, ready, &mut scratch),
            (value, _) => reader.read(value, &mut scratch),
        };
        let mut is_misrouted = false;
        let mut arrival = (record.offset as u64).wrapping_add(self.imported).wrapping_add(1).wrapping_mul(ITEMS);
        while let Some(item) = items.next_item() {
            match item {
                Item::Event(event) => {
                    self.counts.events += 1;
                    is_misrouted |= self.is_elsewhere(&event);
                    self.apply_event(event, record.offset, time, arrival, actions);
                }
                Item::Own => self.counts.own_messages += 1,
                Item::Empty => self.counts.empty_records += 1,
                Item::Rejected(Rejected { reason, detail, item }) => {
                    self.counts.dead[reason as usize] += 1;
                    actions.push(Action::DeadLetter(DeadLetter { offset: record.offset, reason, detail, item }));
                }
            }
            arrival += 1;
        }
        self.counts.misrouted += u64::from(is_misrouted);
        self.scratch = scratch;
    }

    /// By what is on the record: would its producer's partitioner have put this user here?
    fn is_elsewhere(&self, event: &Event<'_>) -> bool {
        let Some(id) = event.user_id.as_deref().or(event.anonymous_id.as_deref()) else { return false };
        let partitions = self.options.partitions;
        let theirs = partition::of_key(self.options.partitioner, id.as_bytes(), partitions);
        partitions > 1 && theirs != self.options.partition
    }

    fn apply_event(
        &mut self,
        mut event: Event<'_>,
        offset: i64,
        record_time: Millis,
        arrival: u64,
        actions: &mut Vec<Action>,
    ) {
        let clock = self.clock.expect("the record has set it");
        let found = match (&event.user_id, &event.anonymous_id) {
            (Some(user), _) => self.table.find(Kind::User, user),
            (None, Some(anonymous)) => {
                self.table.linked(anonymous).or_else(|| self.table.find(Kind::Anonymous, anonymous))
            }
            // A `group` with nothing but its own id.
            (None, None) => return,
        };
        let span = seen::Span::new(clock, self.options.dedupe_window);
        let message = event.message_id.as_deref().map(|id| xxhash_rust::xxh3::xxh3_64(id.as_bytes()));
        if let Some(at) = found {
            self.open(at);
            if message.is_some_and(|id| seen::contains(self.body.get(SEEN), id, span)) {
                self.counts.duplicates += 1;
                return;
            }
        }
        if event.call == Call::Delete {
            self.delete(&event, found, offset, actions);
            return;
        }
        let at = found.unwrap_or_else(|| self.create(&event, clock));
        if let Some(id) = message {
            self.packed.clear();
            let refused = seen::write_with(&mut self.packed, self.body.get(SEEN), id, span);
            self.counts.ids_forgotten += u64::from(refused);
            self.body.set(SEEN, |out| out.extend_from_slice(&self.packed));
        }
        let before = self.watch.as_ref().map_or(0, |watch| watch.total(&self.body));
        self.link_and_merge(at, &event);
        let kind = self.table.profile(at).kind;
        let watched = self.watch_merge(at, before);
        if kind == Kind::User && event.user_id.is_none() {
            event.user_id = Some(self.table.profile(at).id.to_string().into());
        }
        let own = event.event_time().unwrap_or(record_time);
        self.counts.clamped_events += u64::from(own > record_time);
        let when = When { time: own.min(record_time), arrival, clock };
        self.observer.observe(&self.program, &mut self.body, &event, when, &mut self.counts.matched);
        if let (Some(watch), Kind::User) = (&mut self.watch, kind) {
            watch.event(&self.body, watched, &self.table.profile(at).id, when.time);
        }
        match kind {
            Kind::User => self.evaluate(at, Some(offset), actions),
            Kind::Anonymous => self.keep(at),
        }
    }

    /// A new profile, open.
    fn create(&mut self, event: &Event<'_>, clock: Millis) -> ProfileId {
        let at = match (&event.user_id, &event.anonymous_id) {
            (Some(user), _) => self.table.insert(Kind::User, user),
            (None, anonymous) => self.table.insert(Kind::Anonymous, anonymous.as_deref().unwrap_or_default()),
        };
        self.born(at);
        self.body.clear();
        self.body.set(FIRST, |out| varint::put_signed(out, clock));
        at
    }

    /// What came to the signal that is looked on at with another profile; how often it occurred by then.
    fn watch_merge(&mut self, at: ProfileId, before: u64) -> u64 {
        let Some(watch) = &mut self.watch else { return before };
        watch.merge(&self.body, before, &self.table.profile(at).id);
        watch.total(&self.body)
    }

    fn link_and_merge(&mut self, at: ProfileId, event: &Event<'_>) {
        if event.user_id.is_none() {
            return;
        }
        // Nearly always the link is there, and was the last to be made. An id that is linked has no profile of its own.
        if let Some(anonymous) = &event.anonymous_id
            && !self.table.is_latest_link(at, anonymous)
        {
            self.absorb(at, Kind::Anonymous, anonymous);
            self.link(anonymous, at);
        }
        if event.call == Call::Alias
            && let Some(previous) = &event.previous_id
        {
            self.absorb(at, Kind::User, previous);
            self.absorb(at, Kind::Anonymous, previous);
            self.link(previous, at);
        }
    }

    fn link(&mut self, anonymous: &str, to: ProfileId) {
        let before = self.table.linked(anonymous);
        if before != Some(to) {
            before.iter().for_each(|owner| self.touch(*owner));
            self.touch(to);
            self.table.set_link(anonymous, to);
        }
    }

    /// Merges another profile into the one that is open, if there is one.
    fn absorb(&mut self, into: ProfileId, kind: Kind, id: &str) {
        let Some(from) = self.table.find(kind, id).filter(|from| *from != into) else { return };
        self.other.open(&self.table.profile(from).packed);
        let refused = merge(&self.program, &mut self.body, &mut self.other, kind);
        self.counts.distinct_evicted += u64::from(refused);
        self.touch(from);
        self.touch(into);
        self.table.move_links(from, into);
        self.forget(from);
    }

    fn delete(&mut self, event: &Event<'_>, found: Option<ProfileId>, offset: i64, actions: &mut Vec<Action>) {
        self.counts.deletes += 1;
        let of_user = found.filter(|at| self.table.profile(*at).kind == Kind::User);
        let user = match (&event.user_id, of_user) {
            (Some(user), _) => Some(user.to_string()),
            (None, at) => at.map(|at| self.table.profile(at).id.to_string()),
        };
        if let Some(at) = found {
            self.touch(at);
            self.forget(at);
        }
        for id in [&event.user_id, &event.anonymous_id].into_iter().flatten() {
            if let Some(at) = self.table.find(Kind::Anonymous, id) {
                self.touch(at);
                self.forget(at);
            }
        }
        if let Some(key) = user {
            actions.push(Action::Emit(Outgoing { key, value: None, cause: Some(offset) }));
        }
    }
}
