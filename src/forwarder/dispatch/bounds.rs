//! How much is held and how much is at stake, against the limits. Knows nothing of what is done when one is reached.

use super::{Dispatch, Partition};

impl Dispatch {
    pub fn has_room(&self) -> bool {
        self.fullness() < 1.0
    }

    /// Well below the limits, so that reading on is worth a new fetch.
    pub fn has_much_room(&self) -> bool {
        self.fullness() < 0.5
    }

    /// Not by the time: what forbids it ends with an event.
    pub(super) fn may_send(&self) -> bool {
        let fits = self.exposed() + self.limits.items_max <= self.limits.exposed_max;
        !self.stopping && self.halted.is_none() && fits
    }

    /// What comes again if this instance is killed now.
    pub(super) fn exposed(&self) -> usize {
        let unconfirmed = self.partitions.values().map(|partition| partition.offsets.unconfirmed());
        unconfirmed.sum::<usize>() + self.in_flight() + self.burying.len()
    }

    /// Of what may be held: bytes, records, and how far one that waits may be overtaken by others of its partition.
    fn fullness(&self) -> f64 {
        let bytes = self.held_bytes as f64 / self.limits.held_bytes_max as f64;
        let stretch = |partition: &Partition| partition.offsets.stretch();
        let records = self.open() as f64 / self.limits.held_max as f64;
        self.partitions.values().map(stretch).fold(bytes.max(records), f64::max)
    }
}
