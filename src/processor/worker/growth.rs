//! Whether the raw topic has got more partitions since this worker began: from then on producers send users to other
//! partitions, away from their histories. It must not know what is done about it.

use std::time::{Duration, Instant};

use super::Worker;
use crate::processor::Fault;
use crate::processor::restore::Stop;

const EVERY: Duration = Duration::from_secs(60);

impl Worker {
    /// The broker is asked once in a while, and at once when the group has given us a partition that was not there.
    pub(super) fn look_for_growth(&mut self) -> Result<(), Fault> {
        let was = self.sources.partitions;
        let given = self.partitions.keys().next_back().map(|last| last + 1).filter(|count| *count > was);
        if given.is_none() && self.growth_asked_at.elapsed() < EVERY {
            return Ok(());
        }
        self.growth_asked_at = Instant::now();
        // A broker that is away is asked again the next time.
        match self.kafka.raw_partitions().max(given) {
            Some(now) if now > was => Err(Fault::Grown(Stop::Growth { was, now })),
            _ => Ok(()),
        }
    }
}
