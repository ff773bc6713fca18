//! Writes copies of letters, in order, and knows which of them the broker has for certain. It must not know why one is
//! sent.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use super::Place;
use crate::commands::Exit;
use crate::processor::{Config, enqueue, written_at};

/// What is sent for a letter.
pub struct Copy {
    pub topic: String,
    pub partition: i32,
    pub letter: Place,
    /// The letter, as the copy's `kairos-source`.
    pub source: String,
    pub replayed: u32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

pub struct Sender(BaseProducer<Answers>);

/// So many failures are told.
const TOLD_MAX: usize = 100;

#[derive(Default)]
struct Answers(Mutex<Answered>);

#[derive(Default)]
struct Answered {
    /// By partition of the letters: how many the broker has, and the last of them.
    sent: BTreeMap<i32, (u64, i64)>,
    failed: Failed,
}

/// Letters that may not have been written.
#[derive(Debug, Default, Clone)]
pub struct Failed {
    pub count: u64,
    /// The first of them, and why.
    pub told: Vec<(Place, String)>,
}

impl ClientContext for Answers {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "producer");
    }
}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<Place>;

    fn delivery(&self, result: &DeliveryResult<'_>, letter: Box<Place>) {
        let mut answered = self.0.lock().expect("no one panics while holding it");
        match written_at(result) {
            Ok(_) => {
                let sent = answered.sent.entry(letter.partition).or_insert((0, letter.offset));
                *sent = (sent.0 + 1, sent.1.max(letter.offset));
            }
            Err(why) => answered.failed.add(*letter, why),
        }
    }
}

impl Failed {
    fn add(&mut self, letter: Place, why: String) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push((letter, why));
        }
    }
}

impl Sender {
    pub fn open(config: &Config) -> Result<Self, Exit> {
        let producer = config.plain_producer().create_with_context(Answers::default());
        producer.map(Self).map_err(|error| Exit::Fault(format!("can't write to Kafka: {error}")))
    }

    pub fn send(&mut self, copy: Copy) {
        let replayed = copy.replayed.to_string();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "kairos-source", value: Some(&copy.source) })
            .insert(Header { key: "kairos-replayed", value: Some(&replayed) });
        let mut record = BaseRecord::<[u8], [u8], Box<Place>>::with_opaque_to(&copy.topic, Box::new(copy.letter))
            .partition(copy.partition)
            .headers(headers);
        record.key = copy.key.as_deref();
        record.payload = copy.value.as_deref();
        match enqueue(&self.0, record) {
            Ok(()) => {
                self.0.poll(Duration::ZERO);
            }
            // The others may still go: each letter stands for itself.
            Err(error) => {
                let answers = self.0.context();
                let why = format!("{} partition {}: {error}", copy.topic, copy.partition);
                answers.0.lock().expect("no one panics while holding it").failed.add(copy.letter, why);
            }
        }
    }

    /// Waits for all answers, which come within `message.timeout.ms`.
    pub fn finish(&mut self) -> Failed {
        while self.0.in_flight_count() > 0 {
            self.0.poll(Duration::from_millis(1));
        }
        self.0.context().0.lock().expect("no one panics while holding it").failed.clone()
    }

    pub fn acknowledged(&self) -> BTreeMap<i32, (u64, i64)> {
        self.0.context().0.lock().expect("no one panics while holding it").sent.clone()
    }
}
