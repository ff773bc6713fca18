//! The floor: what reading, transactions and writing cost when nothing is done between. One message out for each
//! record that says when it was sent: the record itself. Run as a process of its own, so that its CPU and memory can be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::support::kairos::Site;
use crate::support::leash::{Leash, Orders};
use crate::support::topics::client;
use crate::usage::Usage;
use crate::{PARTITIONS, browser};

const THREADS: i32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// To the end of the topic, as fast as it goes.
    Nothing,
    /// The same, and each record is parsed.
    Parse,
    /// As `Nothing`, until stopped.
    Forever,
}

pub struct Floor {
    leash: Leash,
    done: tempfile::NamedTempFile,
    started: Instant,
}

impl Floor {
    pub fn start(site: &Site, work: Work, interval: Duration) -> Self {
        let done = tempfile::NamedTempFile::new().expect("a temporary file");
        let myself = std::env::current_exe().expect("this program has a path");
        let words = [
            &myself.display().to_string(),
            "floor",
            &site.bootstrap,
            &site.raw,
            &site.outgoing,
            &format!("{work:?}"),
            &interval.as_millis().to_string(),
        ];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let leash = Leash::start(&words, done.path(), &Orders::default());
        Self { leash, done, started: Instant::now() }
    }

    /// Until it has read everything and said so.
    pub fn wait(mut self) -> Usage {
        loop {
            let said = std::fs::read_to_string(self.done.path()).unwrap_or_default();
            if said.contains("done") {
                return Usage::of(self.leash.pid(), self.started.elapsed());
            }
            assert!(!self.leash.has_ended(), "the floor ended: {said}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn stop(self) {
        self.leash.kill();
    }
}

/// `floor BOOTSTRAP RAW OUTGOING WORK INTERVAL_MS`
pub fn main(words: &[String]) {
    let [bootstrap, raw, outgoing, work, interval] = words else { panic!("five words: {words:?}") };
    let interval = Duration::from_millis(interval.parse().expect("milliseconds"));
    let work = match work.as_str() {
        "Nothing" => Work::Nothing,
        "Parse" => Work::Parse,
        _ => Work::Forever,
    };
    let at_end = Arc::new(AtomicUsize::new(0));
    let worker = |number| {
        let (bootstrap, raw, outgoing, at_end) = (bootstrap.clone(), raw.clone(), outgoing.clone(), at_end.clone());
        thread::spawn(move || Loop::new(&bootstrap, &raw, number).run(&raw, &outgoing, work, interval, &at_end))
    };
    let _workers: Vec<_> = (0..THREADS).map(worker).collect();
    while at_end.load(Ordering::SeqCst) < THREADS as usize {
        thread::sleep(Duration::from_millis(5));
    }
    println!("done");
    thread::sleep(Duration::from_secs(600)); // ended by whoever measures
}

struct Loop {
    consumer: BaseConsumer,
    producer: BaseProducer,
    partitions: Vec<i32>,
}

impl Loop {
    fn new(bootstrap: &str, raw: &str, number: i32) -> Self {
        let consumer: BaseConsumer = client(bootstrap)
            .set("group.id", format!("floor-{number}"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.wait.max.ms", "100")
            .create()
            .expect("a consumer");
        let producer: BaseProducer = client(bootstrap)
            .set("transactional.id", crate::support::unique("floor"))
            .set("transaction.timeout.ms", "15000")
            .set("message.timeout.ms", "10000")
            .set("linger.ms", "1")
            .create()
            .expect("a producer");
        producer.init_transactions(Duration::from_secs(20)).expect("a transactional producer");
        let partitions: Vec<i32> = (0..PARTITIONS).filter(|partition| partition % THREADS == number).collect();
        let mut list = TopicPartitionList::new();
        for partition in &partitions {
            list.add_partition_offset(raw, *partition, Offset::Beginning).expect("a valid offset");
        }
        consumer.assign(&list).expect("partitions can be assigned");
        Self { consumer, producer, partitions }
    }

    fn run(self, raw: &str, outgoing: &str, work: Work, interval: Duration, at_end: &AtomicUsize) {
        let mut next = vec![-1; PARTITIONS as usize];
        let (mut ended, mut said_so, mut is_open, mut committed) = (0, false, false, Instant::now());
        loop {
            match self.consumer.poll(Duration::from_millis(1)) {
                Some(Ok(message)) => {
                    let value = message.payload().unwrap_or_default();
                    next[message.partition() as usize] = message.offset() + 1;
                    if work == Work::Parse {
                        browser::typed_parse(std::str::from_utf8(value).expect("an event is text"));
                    }
                    if memchr::memmem::find(value, b"\"sent\":\"").is_some() {
                        if !std::mem::replace(&mut is_open, true) {
                            self.producer.begin_transaction().expect("begun");
                        }
                        let out = BaseRecord::<[u8], [u8]>::to(outgoing).payload(value).partition(message.partition());
                        self.producer.send(out).map_err(|(error, _)| error).expect("queued");
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
            let is_last = work != Work::Forever && ended >= self.partitions.len() && !said_so;
            if is_open && (is_last || committed.elapsed() >= interval) {
                self.commit(raw, &next);
                (is_open, committed) = (false, Instant::now());
            }
            if is_last {
                said_so = true;
                at_end.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn commit(&self, raw: &str, next: &[i64]) {
        let mut list = TopicPartitionList::new();
        for (partition, next) in next.iter().enumerate().filter(|(_, next)| **next >= 0) {
            list.add_partition_offset(raw, partition as i32, Offset::Offset(*next)).expect("a valid offset");
        }
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
        }
        let group = self.consumer.group_metadata().expect("a group");
        self.producer.send_offsets_to_transaction(&list, &group, Duration::from_secs(10)).expect("positions sent");
        self.producer.commit_transaction(Duration::from_secs(10)).expect("committed");
    }
}
