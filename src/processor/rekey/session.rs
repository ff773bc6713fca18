//! One life of a consumer and a producer: batches, each in a transaction with the positions it moves. It must not know
//! what comes after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::{Done, Request};
use crate::engine::event::{Reader, Scratch, Wanted};
use crate::engine::partition;
use crate::processor::kafka::{enqueue, is_fenced, written_at};
use crate::processor::{Config, Fault, Shutdown};

const CALL_TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);
const CALLS_MAX: u32 = 10;
/// What one transaction holds at most.
const BATCH_RECORDS: usize = 10_000;
const BATCH_BYTES: usize = 16 << 20;

/// Why a session ended.
pub enum Broken {
    /// The next may do better.
    Now(String),
    /// So may it, unless somebody has our name.
    Fenced(String),
    /// None will.
    For(Fault),
}

impl From<KafkaError> for Broken {
    fn from(error: KafkaError) -> Self {
        let code = match &error {
            KafkaError::Transaction(inner) => Some(inner.code()),
            _ => error.rdkafka_error_code(),
        };
        if code.is_some_and(is_fenced) { Self::Fenced(error.to_string()) } else { Self::Now(error.to_string()) }
    }
}

pub struct Session<'a> {
    config: &'a Config,
    request: &'a Request,
    consumer: BaseConsumer<Membership>,
    producer: BaseProducer<Deliveries>,
    /// Of the topic that is written.
    partitions: i32,
    reader: Reader,
    scratch: Scratch,
    /// By partition: the end it had, until it was reached.
    ends: BTreeMap<i32, i64>,
    reached: BTreeSet<i32>,
    batch: Batch,
}

/// Says whether the group has changed: what was read before belongs to nobody any more.
#[derive(Default)]
struct Membership(AtomicBool);

impl ClientContext for Membership {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "consumer");
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err(why) = written_at(result) {
            self.0.lock().expect("no one panics while holding it").get_or_insert(why);
        }
    }
}

/// What one transaction writes.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    next: BTreeMap<i32, i64>,
    /// Taken with the first record.
    member: Option<ConsumerGroupMetadata>,
    since: Option<Instant>,
    bytes: usize,
    done: Done,
}

struct Write {
    partition: i32,
    time: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
}

impl<'a> Session<'a> {
    pub fn open(config: &'a Config, request: &'a Request, instance: &str, partitions: i32) -> Result<Self, Broken> {
        let member = config.instance.as_ref().map(|instance| format!("{instance}-rekey"));
        let mut client = config.consumer(member.as_deref());
        // All is given back at each change of the group, and read again from the committed position.
        client.set("group.id", &request.group).set("partition.assignment.strategy", "range");
        let producer: BaseProducer<Deliveries> =
            config.producer(&format!("{}-{instance}", request.group)).create_with_context(Deliveries::default())?;
        // Whatever a life before this one left open is over after this.
        producer.init_transactions(CALL_TIMEOUT)?;
        let consumer: BaseConsumer<Membership> = client.create_with_context(Membership::default())?;
        let ends = begin(&consumer, request)?;
        consumer.subscribe(&[&request.from])?;
        let reader = Reader::new(Wanted::new([]), &config.unwrap, &config.placeholders);
        let (scratch, reached, batch) = (Scratch::default(), BTreeSet::new(), Batch::default());
        Ok(Self { config, request, consumer, producer, partitions, reader, scratch, ends, reached, batch })
    }

    pub fn run(&mut self, shutdown: &Shutdown, done: &mut Done) -> Result<(), Broken> {
        while !(shutdown.is_stopping() || self.request.until_end && self.is_at_end()?) {
            self.poll()?;
            if self.batch.is_due(self.config.commit_interval) {
                self.commit(done)?;
            }
        }
        if self.batch.writes.is_empty() { Ok(()) } else { self.commit(done) }
    }

    fn is_at_end(&self) -> Result<bool, Broken> {
        let mine = self.consumer.assignment()?;
        let reached = |partition: i32| self.reached.contains(&partition);
        Ok(mine.count() > 0 && mine.elements().iter().all(|element| reached(element.partition())))
    }

    fn poll(&mut self) -> Result<(), Broken> {
        let polled = self.consumer.poll(POLL);
        // What the same call gives after a change of the group is already read anew.
        if self.consumer.context().0.swap(false, Ordering::SeqCst) {
            self.batch = Batch::default();
            self.reached.clear();
        }
        let message = match polled {
            None => return Ok(()),
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.reached.insert(partition);
                return Ok(());
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error.into()),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                return Err(error.into());
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "consumer");
                return Ok(());
            }
        };
        if self.batch.member.is_none() {
            self.batch.member = self.consumer.group_metadata();
            self.batch.since = Some(Instant::now());
        }
        let (partition, next) = (message.partition(), message.offset() + 1);
        self.batch.next.insert(partition, next);
        if self.ends.get(&partition).is_some_and(|end| next >= *end) {
            self.reached.insert(partition);
        }
        self.batch.done.records += 1;
        for piece in self.reader.split(message.payload(), &mut self.scratch) {
            let write = write(self.config, self.request, self.partitions, &message, piece.key, piece.value);
            self.batch.done.nobodys += u64::from(write.1);
            self.batch.push(write.0);
        }
        Ok(())
    }

    fn commit(&mut self, done: &mut Done) -> Result<(), Broken> {
        let batch = std::mem::take(&mut self.batch);
        let Some(member) = &batch.member else {
            return Err(Broken::Now("in no generation of the group at the moment".to_owned()));
        };
        self.producer.begin_transaction()?;
        for write in &batch.writes {
            self.produce(write)?;
        }
        // The crate's own flush takes 100 ms whenever a message is not yet acknowledged.
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
        }
        if let Some(cause) = self.producer.context().0.lock().expect("no one panics while holding it").take() {
            let fatal = self.producer.client().fatal_error();
            let is_taken_over = fatal.is_some_and(|(code, _)| is_fenced(code));
            return Err(if is_taken_over { Broken::Fenced(cause) } else { Broken::Now(cause) });
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &batch.next {
            offsets.add_partition_offset(&self.request.from, *partition, Offset::Offset(*next))?;
        }
        repeat(|| self.producer.send_offsets_to_transaction(&offsets, member, CALL_TIMEOUT))?;
        repeat(|| self.producer.commit_transaction(CALL_TIMEOUT))?;
        done.records += batch.done.records;
        done.written += batch.done.written;
        done.nobodys += batch.done.nobodys;
        Ok(())
    }

    fn produce(&self, write: &Write) -> Result<(), Broken> {
        let mut record =
            BaseRecord::<[u8], [u8]>::to(&self.request.to).partition(write.partition).headers(write.headers.clone());
        record.key = write.key.as_deref();
        record.payload = write.value.as_deref();
        record.timestamp = write.time;
        Ok(enqueue(&self.producer, record)?)
    }
}

impl Batch {
    fn push(&mut self, write: Write) {
        self.bytes += write.value.as_ref().map_or(0, Vec::len);
        self.done.written += 1;
        self.writes.push(write);
    }

    fn is_due(&self, interval: Duration) -> bool {
        let is_full = self.writes.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES;
        is_full || self.since.is_some_and(|since| since.elapsed() >= interval)
    }
}

/// The record to write; is it nobody's?
fn write(
    config: &Config,
    request: &Request,
    partitions: i32,
    message: &BorrowedMessage<'_>,
    key: Option<String>,
    value: Option<Vec<u8>>,
) -> (Write, bool) {
    let is_nobodys = key.is_none();
    let key = key.map(String::into_bytes).or_else(|| message.key().map(<[u8]>::to_vec));
    let partition = match &key {
        Some(key) => partition::of_key(config.partitioner, key, partitions),
        None => message.partition() % partitions,
    };
    let source = format!("{}/{}/{}", request.from, message.partition(), message.offset());
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.fold(OwnedHeaders::new(), |all, header| all.insert(header));
    let headers = headers.insert(Header { key: "kairos-source", value: Some(&source) });
    let value = value.or_else(|| message.payload().map(<[u8]>::to_vec));
    // A time from before 1970 can't be written; the broker's own can.
    let time = message.timestamp().to_millis().filter(|time| *time >= 0);
    (Write { partition, time, key, value, headers }, is_nobodys)
}

/// Gives every partition a committed position, so that none is ever guessed; the ends they have.
fn begin(consumer: &BaseConsumer<Membership>, request: &Request) -> Result<BTreeMap<i32, i64>, Broken> {
    let mut asked = TopicPartitionList::new();
    let metadata = consumer.fetch_metadata(Some(&request.from), CALL_TIMEOUT)?;
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        asked.add_partition(&request.from, partition.id());
    }
    let committed = consumer.committed_offsets(asked, CALL_TIMEOUT)?;
    let (mut ends, mut first) = (BTreeMap::new(), TopicPartitionList::new());
    for element in committed.elements() {
        let partition = element.partition();
        let (low, end) = consumer.fetch_watermarks(&request.from, partition, CALL_TIMEOUT)?;
        ends.insert(partition, end);
        match element.offset() {
            Offset::Offset(next) if next < low => {
                return Err(Broken::For(Fault::Kafka(format!(
                    "records {next} to {low} of {} partition {partition} are gone before they were read. To go on without them, set the position of the group {} to {low}",
                    request.from, request.group
                ))));
            }
            Offset::Offset(_) => {}
            _ => first.add_partition_offset(&request.from, partition, Offset::Offset(low))?,
        }
    }
    if first.count() > 0 {
        // Refused while others are members: they have done it, or will.
        consumer.commit(&first, CommitMode::Sync)?;
    }
    Ok(ends)
}

fn repeat(mut call: impl FnMut() -> Result<(), KafkaError>) -> Result<(), Broken> {
    for _ in 0..CALLS_MAX {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && !error.txn_requires_abort() => {}
            ended => return Ok(ended?),
        }
    }
    Err(Broken::Now("the broker did not answer in time, again and again".to_owned()))
}
