//! What brokers hold beside the log, and how their calls fail: by chance, before or after they took effect. It must not
//! know what a message says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::given::{Random, Time};
use crate::engine::Millis;
use crate::processor::batch::{Committed, Destination, Message};
use crate::processor::marks::Noted;
use crate::processor::transaction::{Class, Failure, Sent, World};
use crate::processor::{Clock, Config};

pub struct Ledger {
    random: Random,
    time: Arc<Time>,
    producer: BaseProducer,
    marks_topic: String,
    pub marks: Vec<Noted>,
    pub said: Vec<Message>,
    pub committed: Committed,
    open: (Vec<Message>, Sent),
    pub is_faulty: bool,
    is_dead: bool,
    /// The worker is told to stop in the middle of its troubles.
    pub gives_up: bool,
}

impl Ledger {
    pub fn new(seed: u64, config: &Config, time: &Arc<Time>) -> Self {
        let mut producer = ClientConfig::new();
        producer.set("bootstrap.servers", &config.brokers).set("linger.ms", "0");
        Self {
            random: Random(seed ^ 0x5555),
            time: Arc::clone(time),
            producer: producer.create().expect("a producer"),
            marks_topic: config.marks_topic(),
            marks: Vec::new(),
            said: Vec::new(),
            committed: None,
            open: Default::default(),
            is_faulty: true,
            is_dead: false,
            gives_up: false,
        }
    }

    /// A record for the log.
    pub fn append(&self, topic: &str, time: Millis, value: &[u8]) {
        send(&self.producer, topic, Some(time), value);
    }

    /// Whatever a producer left open, once it is gone.
    pub fn abort(&mut self) {
        (self.open, self.is_dead) = Default::default();
    }

    /// A call that may fail, before or after it took effect.
    fn call(&mut self, effect: impl FnOnce(&mut Self)) -> Result<(), Failure> {
        let failed = |class| Err(Failure { class, fenced: false, text: "by chance".to_owned() });
        if self.is_dead {
            return failed(Class::Final);
        }
        if !self.is_faulty || !self.random.one_in(8) {
            effect(self);
            return Ok(());
        }
        if self.random.one_in(2) {
            return failed(Class::Retriable);
        }
        if self.random.one_in(2) {
            effect(self);
        }
        self.is_dead = true;
        failed(Class::Final)
    }

    fn apply(&mut self) {
        let (messages, sent) = std::mem::take(&mut self.open);
        for message in messages {
            if message.destination == Destination::Marks {
                let value = message.value.expect("a mark has a value");
                self.marks.push(Noted::decode(&value).expect("it is a mark"));
                send(&self.producer, &self.marks_topic, None, &value);
            } else {
                self.said.push(message);
            }
        }
        if let Some((offset, metadata)) = sent.get(&0) {
            self.committed = Some((*offset, metadata.clone().into_bytes()));
        }
    }
}

impl World for Ledger {
    fn begin(&mut self) -> Result<(), Failure> {
        self.call(|ledger| ledger.open = Default::default())
    }
    fn produce(&mut self, message: &Message) -> Result<(), Failure> {
        self.call(|ledger| ledger.open.0.push(message.clone()))
    }
    fn drain(&mut self) -> Result<BTreeMap<i32, i64>, Failure> {
        self.call(|_| {})?;
        let marks = self.open.0.iter().filter(|message| message.destination == Destination::Marks).count();
        let last = (self.marks.len() + marks) as i64 - 1;
        Ok(if marks > 0 { BTreeMap::from([(0, last)]) } else { BTreeMap::new() })
    }
    fn send_offsets(&mut self, offsets: &Sent) -> Result<(), Failure> {
        self.call(|ledger| ledger.open.1.clone_from(offsets))
    }
    fn commit(&mut self) -> Result<(), Failure> {
        self.call(Self::apply)
    }
    fn renew(&mut self) -> Result<(), Failure> {
        self.abort();
        Ok(())
    }
    fn committed(&mut self, _: &[i32]) -> Option<BTreeMap<i32, Committed>> {
        (!self.random.one_in(4)).then(|| BTreeMap::from([(0, self.committed.clone())]))
    }
    fn serve(&mut self, _: Duration) -> Result<Vec<i32>, String> {
        if self.gives_up { Err("told to stop".to_owned()) } else { Ok(Vec::new()) }
    }
    fn now_ms(&self) -> i64 {
        self.time.wall()
    }
    fn trouble(&mut self, _: &'static str, _: &Failure) {}
}

fn send(producer: &BaseProducer, topic: &str, time: Option<Millis>, value: &[u8]) {
    let record = BaseRecord::<[u8], [u8]>::to(topic).partition(0).payload(value);
    let record = BaseRecord { timestamp: time, ..record };
    producer.send(record).map_err(|(error, _)| error).expect("it is queued");
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(1));
    }
}
