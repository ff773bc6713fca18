//! Partitions come and go, run full, and are committed. What is asked of the broker is asked on threads aside: the loop
//! goes on delivering meanwhile.

use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinSet;

use super::{Leaving, Sidecar, TICK, ids};
use crate::forwarder::fault::Error;
use crate::forwarder::kafka::{self, Reach, Start};

impl Sidecar {
    /// Where the partitions begin that the group gave us. Asked again at the next tick if the broker is away.
    pub(super) fn ask_for_starts(&mut self) {
        let Some(partitions) = self.assigning.as_ref().filter(|_| self.starts.is_empty()) else { return };
        let (consumer, partitions) = (self.consumer.clone(), partitions.clone());
        self.starts.spawn_blocking(move || kafka::starts(consumer.as_ref(), &partitions));
    }

    pub(super) fn handle_starts(&mut self, starts: Result<Vec<Start>, KafkaError>) -> Result<(), Error> {
        let starts = match starts {
            Ok(starts) => starts,
            Err(error) => {
                tracing::warn!(%error, "positions not known yet; asking again");
                return Ok(());
            }
        };
        self.assigning = None;
        for start in &starts {
            if start.expired > 0 {
                self.tell_expired(start.partition, start.expired);
            }
            self.core.handle_assigned(start.partition, start.next, &start.metadata);
        }
        let positions = kafka::positions(&self.config.topic, &starts)?;
        self.take(&positions)?;
        tracing::info!(partitions = starts.len(), "partitions assigned");
        Ok(())
    }

    /// A partition's place is out of its log, or was forgotten by the client: how far the logs reach.
    pub(super) fn ask_for_reaches(&mut self) {
        if self.displaced && self.reaches.is_empty() {
            let (consumer, topic) = (self.consumer.clone(), self.config.topic.clone());
            let positions = self.core.positions();
            self.reaches.spawn_blocking(move || kafka::reaches(&consumer, &topic, &positions));
        }
    }

    /// Takes all partitions anew, each from the next record to read: the client does not say which one stands still.
    pub(super) fn handle_reaches(&mut self, reaches: Result<Vec<Reach>, KafkaError>) -> Result<(), Error> {
        let reaches = match reaches {
            Ok(reaches) => reaches,
            Err(error) => {
                tracing::warn!(%error, "what the log still has is not known yet; asking again");
                return Ok(());
            }
        };
        // A rebalance would take what follows for its answer: after it the positions are looked up anew.
        if self.assigning.is_some() || self.leaving.is_some() || !self.events.is_empty() {
            return Ok(());
        }
        self.displaced = false;
        for Reach { partition, position, low, high } in reaches {
            if position < low {
                self.tell_expired(partition, low - position);
                self.core.handle_skipped(partition, low);
            } else if position > high {
                tracing::error!(partition, position, high, "the topic was cut or made anew: reading from its start");
                self.core.handle_skipped(partition, low);
            }
        }
        let mut list = TopicPartitionList::new();
        for (partition, position) in self.core.positions() {
            list.add_partition_offset(&self.config.topic, partition, Offset::Offset(position))?;
        }
        // A seek is refused here: the client has stopped reading.
        self.consumer.incremental_unassign(&list)?;
        self.take(&list)
    }

    fn take(&self, positions: &TopicPartitionList) -> Result<(), Error> {
        self.consumer.incremental_assign(positions)?;
        if self.paused {
            self.consumer.pause(positions)?;
        }
        Ok(())
    }

    fn tell_expired(&self, partition: i32, offsets: i64) {
        self.metrics.expired.inc_by(u64::try_from(offsets).unwrap_or_default());
        tracing::error!(partition, offsets, "the topic's retention deleted records before they were delivered");
    }

    pub(super) fn finish_leaving(&mut self, now: Instant) -> Result<(), Error> {
        let home = |leaving: &Leaving| ids(&leaving.partitions).all(|id| self.core.is_drained(id));
        if !self.leaving.as_ref().is_some_and(|leaving| now >= leaving.deadline || home(leaving)) {
            return Ok(());
        }
        let Some(leaving) = self.leaving.take() else { return Ok(()) };
        // On the same connection as what follows, so it arrives before the next owner asks.
        let commits = self.core.take_commits();
        if !commits.is_empty() {
            kafka::commit(&self.consumer, &self.config.topic, &commits, CommitMode::Async)?;
            // Nobody hears what became of it: for what stays ours it is repeated.
            self.core.handle_commit_failed();
        }
        self.give_up(&leaving.partitions)
    }

    pub(super) fn give_up(&mut self, partitions: &TopicPartitionList) -> Result<(), Error> {
        ids(partitions).for_each(|id| self.core.handle_revoked(id));
        (self.assigning, self.starts) = (None, JoinSet::new());
        self.consumer.incremental_unassign(partitions)?;
        tracing::info!(partitions = partitions.count(), "partitions given up");
        Ok(())
    }

    /// One commit at a time: the next one holds what was settled meanwhile.
    pub(super) fn commit(&mut self) {
        if !self.committing.is_empty() {
            return;
        }
        let commits = self.core.take_commits();
        if !commits.is_empty() {
            let (consumer, topic) = (self.consumer.clone(), self.config.topic.clone());
            self.committing.spawn_blocking(move || {
                let done = kafka::commit(&consumer, &topic, &commits, CommitMode::Sync);
                // A broker that is away is not asked again at once.
                done.inspect_err(|_| std::thread::sleep(TICK))
            });
        }
    }

    /// Full, we go on polling with everything paused: so the group keeps us.
    pub(super) fn pause_or_resume(&mut self) -> Result<(), Error> {
        let change = if self.paused { self.core.has_much_room() } else { !self.core.has_room() };
        if change {
            let assigned = self.consumer.assignment()?;
            if self.paused {
                self.consumer.resume(&assigned)?
            } else {
                self.consumer.pause(&assigned)?
            }
            self.paused = !self.paused;
        }
        Ok(())
    }
}
