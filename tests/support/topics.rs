//! Topics: create, change, write, and read to the end as a `read_committed` reader does.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

const LIMIT: Duration = Duration::from_secs(60);

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    /// Milliseconds since 1970.
    pub time: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub partition: i32,
    pub offset: i64,
    pub time: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Stored {
    /// The value as text, for messages and simple checks.
    pub fn text(&self) -> String {
        self.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        found.1.as_deref().map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// Creates a topic under a name of its own, made from `stem`, on the shared broker.
pub fn create(stem: &str, partitions: i32) -> String {
    let name = super::unique(stem);
    create_on(super::broker::shared(), &name, partitions, &[]);
    name
}

pub fn create_on(bootstrap: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let results = block_on(admin(bootstrap).create_topics([&topic], &options())).expect("the broker answers");
    for result in results {
        result.unwrap_or_else(|(name, code)| panic!("topic {name} was not created: {code}"));
    }
    wait_for(&format!("topic {name}"), || partition_count(bootstrap, name) == Some(partitions));
}

/// Gives a topic more partitions.
pub fn grow(bootstrap: &str, name: &str, partitions: i32) {
    let wanted = NewPartitions::new(name, partitions as usize);
    let results = block_on(admin(bootstrap).create_partitions([&wanted], &options())).expect("the broker answers");
    for result in results {
        result.unwrap_or_else(|(name, code)| panic!("topic {name} did not grow: {code}"));
    }
    wait_for(&format!("topic {name} to grow"), || partition_count(bootstrap, name) == Some(partitions));
}

pub fn delete(bootstrap: &str, name: &str) {
    let results = block_on(admin(bootstrap).delete_topics(&[name], &options())).expect("the broker answers");
    for result in results {
        result.unwrap_or_else(|(name, code)| panic!("topic {name} was not deleted: {code}"));
    }
    wait_for(&format!("the end of topic {name}"), || partition_count(bootstrap, name).is_none());
}

/// Deletes all records before these offsets, by partition.
pub fn delete_before(bootstrap: &str, name: &str, offsets: &[(i32, i64)]) {
    let mut before = TopicPartitionList::new();
    for (partition, offset) in offsets {
        before.add_partition_offset(name, *partition, Offset::Offset(*offset)).expect("a valid offset");
    }
    block_on(admin(bootstrap).delete_records(&before, &options())).expect("the broker answers");
}

/// Forgets a group with all its positions, once its last member is gone.
pub fn delete_group(bootstrap: &str, group: &str) {
    wait_for("the group to be deleted", || {
        let results = block_on(admin(bootstrap).delete_groups(&[group], &options())).expect("the broker answers");
        results.into_iter().all(|result| result.is_ok())
    });
}

/// Sets the topic's own settings to exactly these.
pub fn set(bootstrap: &str, name: &str, settings: &[(&str, &str)]) {
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(name));
    for (key, value) in settings {
        change = change.set(key, value);
    }
    let results = block_on(admin(bootstrap).alter_configs([&change], &options())).expect("the broker answers");
    for result in results {
        result.unwrap_or_else(|(_, code)| panic!("settings of {name} were not changed: {code}"));
    }
}

/// What a setting of the topic is.
pub fn setting(bootstrap: &str, name: &str, key: &str) -> String {
    let asked = [ResourceSpecifier::Topic(name)];
    let found = block_on(admin(bootstrap).describe_configs(&asked, &options())).expect("the broker answers").remove(0);
    let entries = found.expect("the topic is there").entries;
    entries.into_iter().find(|entry| entry.name == key).and_then(|entry| entry.value).expect("every topic has it")
}

/// `None`: there is no such topic.
pub fn partition_count(bootstrap: &str, name: &str) -> Option<i32> {
    let consumer = reader(bootstrap);
    let metadata = consumer.fetch_metadata(Some(name), LIMIT).expect("the broker answers");
    let topic = metadata.topics().iter().find(|topic| topic.name() == name)?;
    (topic.error().is_none() && !topic.partitions().is_empty()).then(|| topic.partitions().len() as i32)
}

/// Writes the records in order and waits until the broker has them all.
pub fn produce(bootstrap: &str, topic: &str, records: &[Record]) {
    let writer = Writer::new(bootstrap);
    writer.send_all(topic, records);
    writer.finish();
}

/// A producer that keeps order and loses nothing, whatever the broker does meanwhile.
pub struct Writer(BaseProducer<Strict>);

/// Fails the test over a record of which it is not certain that the broker has it.
struct Strict;

impl ClientContext for Strict {}

impl ProducerContext for Strict {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(record) => assert!(record.offset() >= 0, "{} was not written for certain", record.topic()),
            Err((error, record)) => panic!("a record was not written to {}: {error}", record.topic()),
        }
    }
}

impl Writer {
    pub fn new(bootstrap: &str) -> Self {
        let mut config = client(bootstrap);
        config.set("acks", "all").set("enable.idempotence", "true").set("linger.ms", "5");
        // A broker that comes back from a crash knows a producer's last batch only.
        config.set("max.in.flight.requests.per.connection", "1");
        Self(config.create_with_context(Strict).expect("a producer"))
    }

    pub fn send_all(&self, topic: &str, records: &[Record]) {
        for record in records {
            send(&self.0, topic, record, OwnedHeaders::new());
        }
    }

    /// Lets it work, where there are pauses between the records.
    pub fn poll(&self) {
        self.0.poll(Duration::ZERO);
    }

    /// Waits until the broker has them all.
    pub fn finish(self) {
        self.0.flush(LIMIT).expect("all records are written");
    }
}

/// One record, with headers.
pub fn produce_with_headers(bootstrap: &str, topic: &str, record: &Record, headers: &[(&str, &[u8])]) {
    let producer: BaseProducer = client(bootstrap).set("acks", "all").create().expect("a producer");
    let headers =
        headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
    send(&producer, topic, record, headers);
    producer.flush(LIMIT).expect("the record is written");
}

fn send<C: ProducerContext<DeliveryOpaque = ()>>(
    producer: &BaseProducer<C>,
    topic: &str,
    record: &Record,
    headers: OwnedHeaders,
) {
    loop {
        let mut next = BaseRecord::<[u8], [u8]>::to(topic).partition(record.partition).timestamp(record.time);
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        next.headers = (headers.count() > 0).then(|| headers.clone());
        match producer.send(next) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => panic!("a record for {topic} could not be queued: {error}"),
        };
    }
    producer.poll(Duration::ZERO);
}

/// Waits until no transaction is open on the topic: positions may be seen as committed before the last messages are.
pub fn wait_until_settled(bootstrap: &str, topic: &str) {
    let written: BaseConsumer =
        client(bootstrap).set("isolation.level", "read_uncommitted").create().expect("a consumer");
    let count = partition_count(bootstrap, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
    wait_for(&format!("the transactions on {topic} to end"), || {
        let end = |partition| written.fetch_watermarks(topic, partition, LIMIT).expect("the broker answers");
        let ends: Vec<_> = (0..count).map(end).collect();
        watermarks(bootstrap, topic) == ends
    });
}

/// All that a `read_committed` reader sees at this moment, by partition, in order.
pub fn committed(bootstrap: &str, topic: &str) -> Vec<Stored> {
    let consumer = reader(bootstrap);
    let count = partition_count(bootstrap, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
    let mut all = TopicPartitionList::new();
    for partition in 0..count {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
    }
    consumer.assign(&all).expect("partitions can be assigned");
    let (mut read, mut ended, started) = (Vec::new(), vec![false; count as usize], Instant::now());
    while !ended.iter().all(|end| *end) {
        assert!(started.elapsed() < LIMIT, "{topic} could not be read to its end; partitions at their end: {ended:?}");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => read.push(stored(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => ended[partition as usize] = true,
            Some(Err(_)) | None => {} // a broker that restarts: the limit above holds
        }
    }
    read.sort_by_key(|stored| (stored.partition, stored.offset));
    read
}

fn stored<M: Message>(message: &M) -> Stored {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
    });
    Stored {
        partition: message.partition(),
        offset: message.offset(),
        time: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

/// What a group has committed: offset and metadata by partition; `None` where it has committed nothing.
pub fn positions(bootstrap: &str, group: &str, topic: &str) -> Vec<Option<(i64, String)>> {
    let consumer: BaseConsumer = client(bootstrap).set("group.id", group).create().expect("a consumer");
    let count = partition_count(bootstrap, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
    let mut asked = TopicPartitionList::new();
    for partition in 0..count {
        asked.add_partition(topic, partition);
    }
    let answer = consumer.committed_offsets(asked, LIMIT).expect("the broker answers");
    let elements = answer.elements();
    let mut found: Vec<_> = elements.iter().map(|e| (e.partition(), e.offset(), e.metadata().to_owned())).collect();
    found.sort_by_key(|(partition, ..)| *partition);
    let offset = |offset: Offset, metadata| offset.to_raw().filter(|raw| *raw >= 0).map(|raw| (raw, metadata));
    found.into_iter().map(|(_, at, metadata)| offset(at, metadata)).collect()
}

/// Commits a position as a foreign tool does: from a client of the group that has no partitions.
pub fn set_position(bootstrap: &str, group: &str, topic: &str, partition: i32, offset: i64) {
    set_position_with(bootstrap, group, topic, partition, offset, "");
}

/// The same, with metadata.
pub fn set_position_with(bootstrap: &str, group: &str, topic: &str, partition: i32, offset: i64, metadata: &str) {
    let consumer: BaseConsumer = client(bootstrap).set("group.id", group).create().expect("a consumer");
    let mut positions = TopicPartitionList::new();
    let mut position = positions.add_partition(topic, partition);
    position.set_offset(Offset::Offset(offset)).expect("a valid offset");
    position.set_metadata(metadata);
    wait_for("a commit from outside", || {
        consumer.commit(&positions, rdkafka::consumer::CommitMode::Sync).is_ok() // refused while the group has members
    });
}

/// Log start and end of each partition.
pub fn watermarks(bootstrap: &str, topic: &str) -> Vec<(i64, i64)> {
    let consumer = reader(bootstrap);
    let count = partition_count(bootstrap, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
    let of = |partition| consumer.fetch_watermarks(topic, partition, LIMIT).expect("the broker answers");
    (0..count).map(of).collect()
}

/// Asks again until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "waited {} s in vain for {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "200");
    config
}

fn reader(bootstrap: &str) -> BaseConsumer {
    client(bootstrap)
        .set("group.id", "reader-without-commits")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .create()
        .expect("a consumer")
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    client(bootstrap).create().expect("an admin client")
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}
