//! How a worker's partitions stand, told once in a while. It must not know who listens.

use std::time::{Duration, Instant};

use super::Worker;
use crate::processor::kafka::Kafka;
use crate::processor::observe::{Phase, Standing};
use crate::processor::partition::{Life, Partition};

const EVERY: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) fn report(&mut self) {
        if self.reported_at.elapsed() < EVERY {
            return;
        }
        self.reported_at = Instant::now();
        for partition in self.partitions.values() {
            self.observer.standing(partition.number, &standing(partition, &self.kafka));
        }
        for partition in self.partitions.values_mut() {
            let Life::Reading(reading) = &mut partition.life else { continue };
            if let Some(census) = reading.census() {
                self.observer.census(partition.number, census);
            }
        }
    }
}

fn standing(partition: &Partition, kafka: &Kafka) -> Standing {
    let mut standing = Standing {
        phase: Phase::Restoring,
        next: 0,
        end: None,
        clock: None,
        profiles: 0,
        bytes: 0,
        snapshot_at: None,
        idle_limit: false,
    };
    match &partition.life {
        Life::Restoring(_) => {}
        Life::Stopped(stop) => standing.phase = Phase::Stopped(stop.to_string()),
        Life::Reading(reading) => {
            standing.phase = match () {
                () if reading.is_replaying() => Phase::Replaying,
                () if reading.is_caught_up() => Phase::Live,
                () => Phase::CatchingUp,
            };
            standing.next = reading.now.next;
            standing.end = kafka.end_of(partition.number).max(reading.end);
            standing.clock = reading.stage.clock();
            (standing.profiles, standing.bytes) = reading.stage.size();
            standing.snapshot_at = reading.snapshot_at;
            standing.idle_limit = reading.idle.is_at_limit();
        }
    }
    standing
}
