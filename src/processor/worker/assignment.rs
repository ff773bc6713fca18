//! Which partitions a worker has: what the group gave and took, what was restored, where a log has a hole.
//! It must not know batches or transactions beyond asking for a commit.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::Worker;
use crate::processor::Fault;
use crate::processor::config::OnTrouble;
use crate::processor::group::Change;
use crate::processor::partition::{Life, Partition, Reading, Restored, Restoring};
use crate::processor::raw::Queue;
use crate::processor::restore::{self, Stop};
use crate::storage::SnapshotId;

const WATERMARKS_TIMEOUT: Duration = Duration::from_secs(10);

impl Worker {
    pub(super) fn take_changes(&mut self) {
        for change in std::mem::take(&mut self.kafka.changes) {
            match change {
                Change::Taken(partitions) => {
                    partitions.into_iter().for_each(|partition| self.drop_partition(partition))
                }
                Change::Given(partitions) => {
                    partitions.into_iter().for_each(|partition| self.begin(partition, Vec::new()))
                }
            }
        }
    }

    /// The engine goes whole, with what was kept for it.
    fn drop_partition(&mut self, partition: i32) {
        self.batch.forget(partition);
        if self.partitions.remove(&partition).is_some() {
            tracing::info!(partition, "taken away");
            self.observer.gone(partition);
        }
    }

    pub(super) fn begin(&mut self, number: i32, unusable: Vec<SnapshotId>) {
        self.births += 1;
        tracing::info!(partition = number, "given");
        let steps = restore::start(self.sources.clone(), number, unusable.clone(), std::thread::current());
        let life = Life::Restoring(Restoring::new(steps, unusable));
        self.partitions.insert(number, Partition { number, birth: self.births, life, since: Instant::now() });
    }

    pub(super) fn restored(&mut self, number: i32, restored: Restored) -> Result<(), Fault> {
        let (stage, edition, plan) = match restored {
            Restored::Waiting | Restored::Working => return Ok(()),
            Restored::Stopped(stop) => return self.stop(number, stop),
            Restored::Refused(snapshots) => {
                self.begin(number, snapshots);
                return Ok(());
            }
            Restored::Ready(stage, edition, plan) => (stage, edition, plan),
        };
        let topic = &self.shared.config.raw_topic;
        let queue = Queue::open(&self.kafka.consumer, topic, number, std::thread::current());
        let queue = queue.ok_or_else(|| Fault::Kafka(format!("no queue for {topic} partition {number}")))?;
        let from = plan.from.next;
        let live = plan.target.is_none();
        let reading = Reading::new(number, stage, edition, *plan, queue, &self.shared);
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.life = Life::Reading(Box::new(reading));
        }
        self.kafka.assign(number, from)?;
        if live {
            self.live(number);
        }
        Ok(())
    }

    pub(super) fn live(&mut self, number: i32) {
        let Some(partition) = self.partitions.get_mut(&number) else { return };
        let Life::Reading(reading) = &mut partition.life else { return };
        reading.begin_live(&self.shared, &mut self.batch);
        let took = partition.since.elapsed();
        tracing::info!(partition = number, next = reading.now.next, took_ms = took.as_millis(), "live");
        self.observer.restored(number, took);
    }

    pub(super) fn stop(&mut self, number: i32, stop: Stop) -> Result<(), Fault> {
        if stop.is_for_all() {
            return Err(Fault::Stopped(number, stop));
        }
        tracing::error!(partition = number, reason = %stop, "this partition is not processed; the others go on");
        self.kafka.unassign(number);
        self.batch.forget(number);
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.life = Life::Stopped(stop);
        }
        Ok(())
    }

    pub(super) fn gap(&mut self, number: i32) -> Result<(), Fault> {
        // What was stepped before the hole is good.
        self.commit()?;
        let Some(Partition { life: Life::Reading(reading), .. }) = self.partitions.get_mut(&number) else {
            return Ok(());
        };
        let next = reading.now.next;
        let topic = &self.shared.config.raw_topic;
        let Ok((low, end)) = self.kafka.consumer.fetch_watermarks(topic, number, WATERMARKS_TIMEOUT) else {
            // The broker is away: the same offset is asked for again, and the error comes again if it must.
            return self.read_from(number, next);
        };
        if (low..=end).contains(&next) {
            // It is there: the client lost its place while the group changed, before the first record came.
            return self.read_from(number, next);
        }
        if next > end {
            return self.stop(number, Stop::BeyondEnd { end, next });
        }
        if self.shared.config.on_gap == OnTrouble::Stop || reading.is_replaying() {
            return self.stop(number, Stop::Gap { next, low });
        }
        tracing::warn!(partition = number, next, low, "records were gone before they were read; going on without them");
        reading.skip_to(low);
        self.read_from(number, low)
    }

    fn read_from(&self, number: i32, offset: i64) -> Result<(), Fault> {
        self.kafka.unassign(number);
        Ok(self.kafka.assign(number, offset)?)
    }
}
