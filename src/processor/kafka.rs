//! The worker's two Kafka clients: a consumer in the group, a transactional producer, and the [`World`] a transaction
//! needs, made of them. It must not know engines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::batch::{Committed, Destination, Message};
use super::group::{Change, Member};
use super::observe::Observer;
use super::raw;
use super::transaction::{Class, Failure, Sent, World};
use super::{Clock, Config, Fault, Shutdown};

const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The stream waits for it.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// A new producer may have to wait for the broker to end what the old one left open.
const RENEW_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Kafka {
    config: Arc<Config>,
    pub consumer: Arc<BaseConsumer<Member>>,
    producer: BaseProducer<Deliveries>,
    transactional_id: String,
    generation: Option<ConsumerGroupMetadata>,
    /// Ownership that changed and the worker has yet to act on.
    pub changes: Vec<Change>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    shutdown: Shutdown,
}

/// What came of the messages of the open transaction.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Option<String>>,
    marks: Mutex<BTreeMap<i32, i64>>,
}

/// The delivery's tag: a mark carries its partition, so that its offset can be committed.
const NO_MARK: usize = usize::MAX;

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        match written_at(result) {
            Ok(offset) => {
                if let Ok(partition) = i32::try_from(tag) {
                    self.marks.lock().expect("no one panics while holding it").insert(partition, offset);
                }
            }
            Err(why) => {
                self.failed.lock().expect("no one panics while holding it").get_or_insert(why);
            }
        }
    }
}

impl Kafka {
    /// Opens both clients of worker `number`; joins the group. The thread that calls is the one that is woken.
    pub fn open(
        config: &Arc<Config>,
        instance: &str,
        number: usize,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        shutdown: Shutdown,
    ) -> Result<Self, KafkaError> {
        let member = config.instance.as_ref().map(|instance| format!("{instance}-{number}"));
        let mut consumer: BaseConsumer<Member> =
            config.consumer(member.as_deref()).create_with_context(Member::default())?;
        let thread = std::thread::current();
        consumer.set_nonempty_callback(move || thread.unpark());
        let transactional_id = format!("{}-{instance}-{number}", config.group);
        let producer = config.producer(&transactional_id).create_with_context(Deliveries::default())?;
        Ok(Self {
            config: Arc::clone(config),
            consumer: Arc::new(consumer),
            producer,
            transactional_id,
            generation: None,
            changes: Vec::new(),
            clock,
            observer,
            shutdown,
        })
    }

    /// Fences whoever had our name before, and joins the group.
    pub fn start(&mut self) -> Result<(), Fault> {
        self.producer.init_transactions(RENEW_TIMEOUT).map_err(|error| self.not_begun(error))?;
        Ok(self.consumer.subscribe(&[&self.config.raw_topic])?)
    }

    fn not_begun(&self, error: KafkaError) -> Fault {
        match &error {
            KafkaError::Transaction(inner) if inner.code() == RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
                let (own, group) = (&self.transactional_id, &self.config.group);
                Fault::Checks(vec![format!(
                    "Kafka's ACLs do not allow Write on the transactional id {own}: grant it for the prefix {group}-"
                )])
            }
            _ => error.into(),
        }
    }

    /// Serves callbacks and collects changes of ownership. An error is the end of this member.
    pub fn poll(&mut self) -> Result<(), KafkaError> {
        // One event a call: a rebalance is followed by others.
        let polled = self.consumer.poll(Duration::ZERO).map(|result| result.map(drop));
        while let Some(change) = self.consumer.context().next_change() {
            self.changes.push(change);
        }
        match polled {
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error),
            // Without it nothing is ever given to us; the next start says what to grant.
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                Err(error)
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "consumer");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes the group's generation for a batch that is about to begin. Without one nothing is sent.
    pub fn take_generation_unless(&mut self, batch_began: bool) {
        if !batch_began {
            self.take_generation();
        }
    }

    fn take_generation(&mut self) {
        let before = raw::generation(&self.consumer);
        let metadata = self.consumer.group_metadata();
        let same = before >= 0 && before == raw::generation(&self.consumer);
        self.generation = metadata.filter(|_| same);
    }

    /// Begins to read a partition at an exact offset.
    pub fn assign(&self, partition: i32, offset: i64) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.config.raw_topic, partition, Offset::Offset(offset))?;
        self.consumer.incremental_assign(&list)
    }

    /// Stops to read a partition that is still ours.
    pub fn unassign(&self, partition: i32) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.config.raw_topic, partition);
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::debug!(%error, partition, "was not being read");
        }
    }

    /// How many partitions the raw topic has now, if a broker says so.
    pub fn raw_partitions(&self) -> Option<i32> {
        partitions(&self.consumer, &self.config.raw_topic, METADATA_TIMEOUT)
    }

    /// The end of a partition's log as the last fetch saw it.
    pub fn end_of(&self, partition: i32) -> Option<i64> {
        raw::seen_watermarks(&self.consumer, &self.config.raw_topic, partition).map(|(_, high)| high)
    }

    fn topic(&self, destination: Destination) -> String {
        match destination {
            Destination::Outgoing => self.config.outgoing_topic.clone(),
            Destination::Dead => self.config.dead_topic(),
            Destination::Marks => self.config.marks_topic(),
        }
    }

    fn fatal(&self) -> Option<Failure> {
        let (code, text) = self.producer.client().fatal_error()?;
        Some(Failure { class: Class::Final, fenced: is_fenced(code), text })
    }
}

impl World for Kafka {
    fn begin(&mut self) -> Result<(), Failure> {
        let deliveries = self.producer.context();
        *deliveries.failed.lock().expect("no one panics while holding it") = None;
        deliveries.marks.lock().expect("no one panics while holding it").clear();
        self.producer.begin_transaction().map_err(failure)
    }

    fn produce(&mut self, message: &Message) -> Result<(), Failure> {
        let topic = self.topic(message.destination);
        let tag = match message.destination {
            Destination::Marks => usize::try_from(message.origin).unwrap_or(NO_MARK),
            _ => NO_MARK,
        };
        let headers = message
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&topic, tag).partition(message.partition);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        if !message.headers.is_empty() {
            record = record.headers(headers);
        }
        enqueue(&self.producer, record).map_err(|error| {
            self.fatal().unwrap_or(Failure { class: Class::Final, fenced: false, text: format!("{topic}: {error}") })
        })
    }

    fn drain(&mut self) -> Result<BTreeMap<i32, i64>, Failure> {
        // The crate's own flush takes 100 ms whenever a message is not yet acknowledged. Every message ends within
        // `message.timeout.ms`.
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
        }
        if let Some(fatal) = self.fatal() {
            return Err(fatal);
        }
        let deliveries = self.producer.context();
        if let Some(text) = deliveries.failed.lock().expect("no one panics while holding it").clone() {
            return Err(Failure { class: Class::Final, fenced: false, text });
        }
        Ok(deliveries.marks.lock().expect("no one panics while holding it").clone())
    }

    fn send_offsets(&mut self, offsets: &Sent) -> Result<(), Failure> {
        let Some(generation) = &self.generation else {
            let text = "this worker is in no generation of the group at the moment".to_owned();
            return Err(Failure { class: Class::Final, fenced: false, text });
        };
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, (offset, metadata)) in offsets {
            let mut element = list.add_partition(&self.config.raw_topic, *partition);
            element.set_offset(Offset::Offset(*offset)).map_err(failure)?;
            element.set_metadata(metadata);
        }
        self.producer.send_offsets_to_transaction(&list, generation, CALL_TIMEOUT).map_err(failure)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.producer.commit_transaction(CALL_TIMEOUT).map_err(failure)
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let producer = self.config.producer(&self.transactional_id).create_with_context(Deliveries::default());
        self.producer = producer.map_err(failure)?;
        self.producer.init_transactions(RENEW_TIMEOUT).map_err(failure)
    }

    fn committed(&mut self, partitions: &[i32]) -> Option<BTreeMap<i32, Committed>> {
        let found = raw::committed(&self.consumer, &self.config.raw_topic, partitions, CALL_TIMEOUT);
        found
            .inspect_err(|cause| tracing::warn!(cause, "the committed position can't be read yet"))
            .ok()
            .map(BTreeMap::from_iter)
    }

    fn serve(&mut self, wait: Duration) -> Result<Vec<i32>, String> {
        if self.shutdown.is_urgent() {
            return Err("told to stop".to_owned());
        }
        let seen = self.changes.len();
        let until = Instant::now() + wait;
        loop {
            self.poll().map_err(|error| error.to_string())?;
            self.producer.poll(Duration::ZERO);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::park_timeout(left.min(Duration::from_millis(20)));
        }
        self.take_generation();
        let lost = self.changes[seen..].iter().filter_map(|change| match change {
            Change::Taken(partitions) => Some(partitions.clone()),
            Change::Given(_) => None,
        });
        Ok(lost.flatten().collect())
    }

    fn now_ms(&self) -> i64 {
        self.clock.wall()
    }

    fn trouble(&mut self, doing: &'static str, failure: &Failure) {
        tracing::warn!(doing, class = ?failure.class, cause = failure.text, "a call to the broker failed; nothing is lost");
        self.observer.trouble(doing);
    }
}

/// Where a message lies in its partition's log, or why it may not lie there.
///
/// An acknowledgement without an offset proves nothing. librdkafka infers it from that of a later message of the
/// partition (`rd_kafka_dr_implicit_ack`), and a broker takes the later one alone where it knows nothing of the
/// producer: at its first messages there, or, outside of transactions, when it has forgotten it after
/// `producer.id.expiration.ms`, which it counts by the records' times.
pub fn written_at(result: &DeliveryResult<'_>) -> Result<i64, String> {
    let (message, cause) = match result {
        Ok(message) if message.offset() >= 0 => return Ok(message.offset()),
        Ok(message) => (message, "acknowledged without a place in the log, so it may not be there".to_owned()),
        Err((error, message)) => (message, error.to_string()),
    };
    Err(format!("{} partition {}: {cause}", message.topic(), message.partition()))
}

/// How many partitions a topic has now, if a broker says so.
pub fn partitions(consumer: &BaseConsumer<Member>, topic: &str, timeout: Duration) -> Option<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), timeout);
    let metadata = metadata.inspect_err(|error| tracing::debug!(%error, topic, "its partitions")).ok()?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none())?;
    i32::try_from(found.partitions().len()).ok()
}

fn failure(error: KafkaError) -> Failure {
    let text = error.to_string();
    let (class, code) = match &error {
        KafkaError::Transaction(inner) => {
            let class = match inner {
                inner if inner.is_fatal() || inner.txn_requires_abort() => Class::Final,
                inner if inner.is_retriable() => Class::Retriable,
                _ => Class::Final,
            };
            (class, Some(inner.code()))
        }
        KafkaError::Flush(_) => (Class::Retriable, None),
        _ => (Class::Final, error.rdkafka_error_code()),
    };
    Failure { class, fenced: code.is_some_and(is_fenced), text }
}

/// Hands a record to a producer's queue, waiting while it is full: that is pressure, not a failure.
pub fn enqueue<C: ProducerContext>(
    producer: &BaseProducer<C>,
    mut record: BaseRecord<'_, [u8], [u8], C::DeliveryOpaque>,
) -> Result<(), KafkaError> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error),
        }
    }
}

pub fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Fenced, FencedInstanceId, InvalidProducerEpoch, ProducerFenced};
    [Fenced, FencedInstanceId, InvalidProducerEpoch, ProducerFenced].contains(&code)
}
