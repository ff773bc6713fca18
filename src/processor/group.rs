//! Membership of the consumer group: what was given to this worker and what was taken away.
//!
//! Callbacks run inside `poll`. They hand partitions over to librdkafka's protocol at once and leave a note; the
//! worker reads the notes before it does anything else, so nothing of a partition that was taken is sent after it.
//! A partition that is given is not read before its state is there: only then it is assigned at its exact offset.
//! It must not know engines or transactions.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

/// A change of ownership, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Given(Vec<i32>),
    /// Also when they were lost long ago, as after a freeze: either way nothing of them is ours.
    Taken(Vec<i32>),
}

/// The consumer's context; also of one that reads aside, in no group.
#[derive(Default)]
pub struct Member {
    changes: Mutex<VecDeque<Change>>,
    /// When no broker could be reached the last time, and when that was last said.
    outage: Mutex<Option<Outage>>,
}

#[derive(Clone, Copy)]
struct Outage {
    last: Instant,
    said: Instant,
}

/// A client that can't reach a broker says so many times a second.
const SAY_EVERY: Duration = Duration::from_secs(10);

impl Member {
    pub fn next_change(&self) -> Option<Change> {
        self.changes.lock().expect("no one panics while holding it").pop_front()
    }

    pub fn had_outage_within(&self, time: Duration) -> bool {
        let outage = *self.outage.lock().expect("no one panics while holding it");
        outage.is_some_and(|outage| outage.last.elapsed() < time)
    }

    fn note_outage(&self, error: &KafkaError, reason: &str) {
        let now = Instant::now();
        let mut outage = self.outage.lock().expect("no one panics while holding it");
        let said = outage.map(|outage| outage.said).filter(|said| *said + SAY_EVERY > now);
        if said.is_none() {
            tracing::warn!(%error, reason, "no broker can be reached");
        }
        *outage = Some(Outage { last: now, said: said.unwrap_or(now) });
    }

    fn note(&self, change: Change) {
        self.changes.lock().expect("no one panics while holding it").push_back(change);
    }
}

impl ClientContext for Member {
    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, PartitionEOF, Resolve};
        match error {
            // Left over when a consumer goes: whoever wanted to know has heard it.
            KafkaError::Global(PartitionEOF) => {}
            KafkaError::Global(AllBrokersDown | BrokerTransportFailure | Resolve) => self.note_outage(&error, reason),
            _ => tracing::warn!(%error, reason, "consumer"),
        }
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        let result = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.note(Change::Given(partitions));
            consumer.incremental_assign(&TopicPartitionList::new())
        } else {
            let result = assigned_of(consumer, list).and_then(|assigned| consumer.incremental_unassign(&assigned));
            self.note(Change::Taken(partitions));
            result
        };
        if let Err(error) = result {
            tracing::error!(%error, "the group's assignment was not taken over");
        }
    }
}

/// Those of the list that were already being read.
fn assigned_of(consumer: &BaseConsumer<Member>, list: &TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    let assigned = consumer.assignment()?;
    let mut both = TopicPartitionList::new();
    for element in list.elements() {
        if assigned.find_partition(element.topic(), element.partition()).is_some() {
            both.add_partition(element.topic(), element.partition());
        }
    }
    Ok(both)
}
