//! What an engine counts on the way. It knows nothing of metrics.

use super::Millis;
use super::playbook::meant::Playbook;

/// Counters since they were last taken. Moved to metrics after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub events: u64,
    pub empty_records: u64,
    pub duplicates: u64,
    pub own_messages: u64,
    pub misrouted: u64,
    /// Record times set back because they were more than 1 h ahead of the wall clock.
    pub clamped_records: u64,
    /// Event times set back to record time.
    pub clamped_events: u64,
    pub held_back: u64,
    pub identifies: u64,
    pub deletes: u64,
    /// By moment, in file order.
    pub fired: Vec<u64>,
    pub ended: Vec<u64>,
    /// How long moments were on that ended, by moment.
    pub on_for: Vec<Millis>,
    /// Occurrences, by signal.
    pub matched: Vec<u64>,
    /// By reason, in the order of `Reason`.
    pub dead: [u64; 7],
    /// What limits refused.
    pub distinct_evicted: u64,
    pub values_ignored: u64,
    pub traits_left_out: u64,
    pub ids_forgotten: u64,
}

impl Counts {
    /// Adds what another engine of the same playbook counted.
    pub fn add(&mut self, other: &Self) {
        for (all, more) in [
            (&mut self.records, other.records),
            (&mut self.events, other.events),
            (&mut self.empty_records, other.empty_records),
            (&mut self.duplicates, other.duplicates),
            (&mut self.own_messages, other.own_messages),
            (&mut self.misrouted, other.misrouted),
            (&mut self.clamped_records, other.clamped_records),
            (&mut self.clamped_events, other.clamped_events),
            (&mut self.held_back, other.held_back),
            (&mut self.identifies, other.identifies),
            (&mut self.deletes, other.deletes),
            (&mut self.distinct_evicted, other.distinct_evicted),
            (&mut self.values_ignored, other.values_ignored),
            (&mut self.traits_left_out, other.traits_left_out),
            (&mut self.ids_forgotten, other.ids_forgotten),
        ] {
            *all += more;
        }
        add(&mut self.fired, &other.fired);
        add(&mut self.ended, &other.ended);
        add(&mut self.on_for, &other.on_for);
        add(&mut self.matched, &other.matched);
        add(&mut self.dead, &other.dead);
    }

    pub fn of(playbook: &Playbook) -> Self {
        let (moments, signals) = (playbook.moments.len(), playbook.signals.len());
        Self {
            fired: vec![0; moments],
            ended: vec![0; moments],
            on_for: vec![0; moments],
            matched: vec![0; signals],
            ..Self::default()
        }
    }
}

fn add<T: Copy + std::ops::AddAssign>(all: &mut [T], more: &[T]) {
    all.iter_mut().zip(more).for_each(|(all, more)| *all += *more);
}
