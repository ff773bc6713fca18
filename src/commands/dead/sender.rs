//! Writes copies of letters, each once and in order, and knows which of them the broker has. It must not know why one is
//! sent.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use super::Place;
use crate::commands::Exit;
use crate::processor::{Config, enqueue, offset};

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

/// So many failures are told in words.
const TOLD_MAX: usize = 10;

#[derive(Default)]
struct Answers(Mutex<Answered>);

#[derive(Default)]
struct Answered {
    /// By partition of the letters: how many the broker has, and the last of them.
    sent: BTreeMap<i32, (u64, i64)>,
    failed: u64,
    why: Vec<String>,
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
        match offset(result) {
            Ok(_) => {
                let sent = answered.sent.entry(letter.partition).or_insert((0, letter.offset));
                *sent = (sent.0 + 1, sent.1.max(letter.offset));
            }
            Err(why) => answered.fail(*letter, &why),
        }
    }
}

impl Answered {
    fn fail(&mut self, letter: Place, cause: &dyn Display) {
        self.failed += 1;
        if self.why.len() < TOLD_MAX {
            self.why.push(format!("letter {letter}: {cause}"));
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
                answers.0.lock().expect("no one panics while holding it").fail(copy.letter, &error);
            }
        }
    }

    /// Waits for all answers, which come within `message.timeout.ms`; what was not sent, in words.
    pub fn finish(&mut self) -> Vec<String> {
        while self.0.in_flight_count() > 0 {
            self.0.poll(Duration::from_millis(1));
        }
        let answered = self.0.context().0.lock().expect("no one panics while holding it");
        let more = answered.failed - answered.why.len() as u64;
        let more = (more > 0).then(|| format!("{more} more"));
        answered.why.iter().cloned().chain(more).collect()
    }

    pub fn acknowledged(&self) -> BTreeMap<i32, (u64, i64)> {
        self.0.context().0.lock().expect("no one panics while holding it").sent.clone()
    }
}
