//! What the processor tells of itself, added up over its partitions. It knows nothing of the view.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::Counts;
use crate::processor::Observer;
use crate::processor::observe::{Phase, Standing};

#[derive(Default)]
pub struct Tally {
    processed: AtomicU64,
    dead: AtomicU64,
    partitions: Mutex<BTreeMap<i32, Standing>>,
}

impl Tally {
    /// Records done with: stepped and committed.
    pub fn processed(&self) -> u64 {
        self.processed.load(Ordering::Relaxed)
    }

    pub fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn profiles(&self) -> usize {
        self.standings().values().map(|standing| standing.profiles).sum()
    }

    /// Why a partition is not processed, where one is not.
    pub fn stopped(&self) -> Option<String> {
        self.standings().values().find_map(|standing| match &standing.phase {
            Phase::Stopped(why) => Some(why.clone()),
            _ => None,
        })
    }

    fn standings(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, Standing>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Tally {
    fn counted(&self, _partition: i32, counts: &Counts) {
        self.processed.fetch_add(counts.records, Ordering::Relaxed);
        self.dead.fetch_add(counts.dead.iter().sum(), Ordering::Relaxed);
    }

    fn standing(&self, partition: i32, standing: &Standing) {
        self.standings().insert(partition, standing.clone());
    }

    fn gone(&self, partition: i32) {
        self.standings().remove(&partition);
    }
}
