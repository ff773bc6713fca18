//! The consumer of the outgoing topic: reads what is committed, and hands rebalances over as events, so that a
//! partition is given away only when its requests have come home.
//!
//! Knows nothing of what a record means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::config::Config;
use super::dispatch::Commit;
use super::record::Record;

/// What the group and the broker say beside records. Few: a rebalance waits for its answer.
#[derive(Debug)]
pub enum Event {
    Assign(TopicPartitionList),
    /// `lost`: another may have them already.
    Revoke {
        partitions: TopicPartitionList,
        lost: bool,
    },
}

pub type Consumer = StreamConsumer<Context>;

pub struct Context {
    events: UnboundedSender<Event>,
    closing: AtomicBool,
}

impl Context {
    /// From now on partitions are given away at once: nobody answers events any more.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    fn tell(&self, event: Event) {
        // Without a listener the process is on its way out.
        let _ = self.events.send(event);
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka");
    }
}

impl ConsumerContext for Context {
    /// The group goes on when [`StreamConsumer::incremental_assign`] or its opposite is called, not when this returns.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assign = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::SeqCst) {
            let done = if assign { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
            if let Err(error) = done {
                tracing::warn!(%error, "leaving the group");
            }
        } else if assign {
            self.tell(Event::Assign(list.clone()));
        } else {
            self.tell(Event::Revoke { partitions: list.clone(), lost: consumer.assignment_lost() });
        }
    }
}

/// The brokers and the user's own properties.
pub fn client(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    for property in &config.properties {
        client.set(&property.name, property.value.expose());
    }
    client.set("bootstrap.servers", &config.brokers);
    client
}

/// Reads the group's position without being a member of it.
pub fn reader(config: &Config) -> ClientConfig {
    let mut client = client(config);
    client.set("group.id", &config.group);
    client.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    client.set("isolation.level", "read_committed").set("auto.offset.reset", "error");
    // A small queue that is filled again quickly: what waits should wait in Kafka.
    client.set("queued.max.messages.kbytes", "8192").set("queued.min.messages", "5000");
    client.set("fetch.message.max.bytes", "1048576").set("fetch.max.bytes", "8388608");
    client.set("fetch.queue.backoff.ms", "20").set("fetch.wait.max.ms", "100");
    client
}

/// One that may join the group.
pub fn member(config: &Config) -> ClientConfig {
    let mut client = reader(config);
    client.set("partition.assignment.strategy", "cooperative-sticky");
    client
}

pub fn subscribe(config: &Config) -> Result<(Consumer, UnboundedReceiver<Event>), KafkaError> {
    let mut client = member(config);
    if let Some(instance) = &config.instance {
        client.set("group.instance.id", instance);
    }
    let (events, receiver) = unbounded_channel();
    let consumer: Consumer = client.create_with_context(Context { events, closing: AtomicBool::new(false) })?;
    consumer.subscribe(&[&config.topic])?;
    Ok((consumer, receiver))
}

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub partition: i32,
    pub next: i64,
    pub metadata: String,
    /// So many offsets were deleted by the topic's retention before they were delivered.
    pub expired: i64,
}

const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// The committed positions, else the start of the log. Blocks.
pub fn starts<C: ConsumerContext>(
    consumer: &impl rdkafka::consumer::Consumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<Vec<Start>> {
    let committed = consumer.committed_offsets(partitions.clone(), LOOK_UP_TIMEOUT)?;
    let start = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        element.error()?;
        let (low, _) = consumer.fetch_watermarks(element.topic(), element.partition(), LOOK_UP_TIMEOUT)?;
        let (next, expired) = match element.offset() {
            Offset::Offset(next) if next < low => (low, low - next),
            Offset::Offset(next) => (next, 0),
            _ => (low, 0),
        };
        let metadata = if expired > 0 { String::new() } else { element.metadata().to_owned() };
        Ok(Start { partition: element.partition(), next, metadata, expired })
    };
    committed.elements().iter().map(start).collect()
}

/// How far a partition's log reaches, and where we are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub partition: i32,
    /// The next offset to read.
    pub position: i64,
    pub low: i64,
    pub high: i64,
}

/// Blocks.
pub fn reaches(consumer: &Consumer, topic: &str, positions: &[(i32, i64)]) -> KafkaResult<Vec<Reach>> {
    let reach = |&(partition, position): &(i32, i64)| {
        let (low, high) = consumer.fetch_watermarks(topic, partition, LOOK_UP_TIMEOUT)?;
        Ok(Reach { partition, position, low, high })
    };
    positions.iter().map(reach).collect()
}

pub fn positions(topic: &str, starts: &[Start]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(starts.len());
    for start in starts {
        list.add_partition_offset(topic, start.partition, Offset::Offset(start.next))?;
    }
    Ok(list)
}

pub fn commit(consumer: &Consumer, topic: &str, commits: &[Commit], mode: CommitMode) -> KafkaResult<()> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for commit in commits {
        let mut element = list.add_partition(topic, commit.partition);
        element.set_offset(Offset::Offset(commit.next))?;
        element.set_metadata(commit.metadata.as_str());
    }
    consumer.commit(&list, mode)
}

pub fn to_record(message: &BorrowedMessage<'_>) -> Record {
    let mut record = Record {
        partition: message.partition(),
        offset: message.offset(),
        written_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        ..Record::default()
    };
    for header in message.headers().iter().flat_map(|headers| headers.iter()) {
        match (header.key, header.value) {
            ("kairos-kind", Some(b"delete")) => record.delete = true,
            ("kairos-replayed", Some(count)) => {
                record.replayed = std::str::from_utf8(count).ok().and_then(|c| c.parse().ok()).unwrap_or(1);
            }
            _ => {}
        }
    }
    record
}
