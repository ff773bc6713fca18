//! Brings what the simulated company does into the raw topic: first its history, as fast as it is taken, then what
//! happens as its clock passes. It knows nothing of what becomes of the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use super::clock::CompanyClock;
use super::simulator::{Sent, Simulator};
use crate::processor::{Clock as _, Shutdown, written_at};

/// Records on their way that nobody has processed yet; the embedded broker forgets what lies too long.
pub const AHEAD_MAX: u64 = 10_000;
const PAUSE: Duration = Duration::from_millis(4);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Source {
    producer: ThreadedProducer<Answers>,
    topic: String,
    simulator: Simulator,
}

/// How far the source is, for those who watch.
#[derive(Default)]
pub struct Pace {
    pub sent: AtomicU64,
    pub failed: AtomicU64,
    pub people: AtomicU64,
}

struct Answers(Arc<Pace>);

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if written_at(result).is_err() {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Source {
    pub fn open(
        mut client: ClientConfig,
        topic: String,
        simulator: Simulator,
        pace: Arc<Pace>,
    ) -> Result<Self, KafkaError> {
        client.set("partitioner", "murmur2").set("compression.type", "zstd").set("linger.ms", "5");
        client.set("enable.idempotence", "true");
        Ok(Self { producer: client.create_with_context(Answers(pace))?, topic, simulator })
    }

    /// Until told to stop; then what is under way is brought home. `processed`: how many records are done with.
    pub fn run(mut self, clock: &CompanyClock, stop: &Shutdown, processed: impl Fn() -> u64) {
        while !stop.is_stopping() {
            let Some(sent) = self.simulator.next_until(clock.wall()) else {
                clock.go_live();
                std::thread::sleep(PAUSE);
                continue;
            };
            self.send(&sent, stop);
            let pace = &self.producer.context().0;
            pace.people.store(self.simulator.arrived(), Ordering::Relaxed);
            while pace.sent.load(Ordering::Relaxed).saturating_sub(processed()) > AHEAD_MAX && !stop.is_stopping() {
                std::thread::sleep(PAUSE);
            }
        }
        // What can't be brought home in time is counted as failed by its delivery report.
        let _ = self.producer.flush(FLUSH_TIMEOUT);
    }

    fn send(&self, sent: &Sent, stop: &Shutdown) {
        let pace = &self.producer.context().0;
        let mut record = BaseRecord::to(&self.topic).key(&sent.key).payload(&sent.value).timestamp(sent.time);
        while let Err((error, back)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || stop.is_urgent() {
                pace.failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            std::thread::sleep(PAUSE);
            record = back;
        }
        pace.sent.fetch_add(1, Ordering::Relaxed);
    }
}
