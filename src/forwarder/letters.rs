//! Writes dead letters: key and value as they came, and why in the headers.
//!
//! Knows nothing of what is settled by it: it returns once the broker has the letter.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;

use super::config::Config;
use super::dispatch::Letter;
use super::kafka;

#[derive(Clone)]
pub struct Letters {
    producer: FutureProducer,
    topic: String,
    source: String,
}

/// Between tries, while the broker is away.
const PAUSE: Duration = Duration::from_millis(500);
const WRITE_TIMEOUT_MS: &str = "30000";

impl Letters {
    pub fn new(config: &Config) -> Result<Self, KafkaError> {
        let mut client = kafka::client(config);
        client.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "5");
        client.set("message.timeout.ms", WRITE_TIMEOUT_MS).set("compression.type", "zstd");
        client.set("queue.buffering.max.kbytes", "8192");
        Ok(Self { producer: client.create()?, topic: config.dead_topic(), source: config.topic.clone() })
    }

    /// Until the broker has it. Only an error that can't heal is returned.
    pub async fn write(self, letter: &Letter) -> Result<(), KafkaError> {
        let mut whole = true;
        loop {
            let headers = self.headers(letter, whole);
            let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
            record.key = letter.record.key.as_deref();
            record.payload = letter.record.value.as_deref().filter(|_| whole);
            match self.producer.send(record, Timeout::Never).await {
                Ok(written) if written.offset >= 0 => return Ok(()),
                // librdkafka infers it from a later letter's, which a broker may have taken alone. Twice is no harm.
                Ok(_) => {
                    tracing::warn!(topic = %self.topic, "dead letter acknowledged without a place in the log; once more")
                }
                Err((e, _)) if whole && e.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    whole = false;
                }
                Err((e, _)) if self.is_final(&e) => return Err(e),
                Err((error, _)) => {
                    tracing::warn!(%error, topic = %self.topic, "dead letter not written yet; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn is_final(&self, error: &KafkaError) -> bool {
        let refused = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed)
        );
        refused || self.producer.client().fatal_error().is_some()
    }

    fn headers(&self, letter: &Letter, whole: bool) -> OwnedHeaders {
        let record = &letter.record;
        let source = format!("{}/{}/{}", self.source, record.partition, record.offset);
        let detail = if whole {
            letter.detail.clone()
        } else {
            let value = record.value.as_deref().unwrap_or_default();
            format!("{}; left out: {} bytes, blake3 {}", letter.detail, value.len(), blake3::hash(value).to_hex())
        };
        let replayed = (record.replayed > 0).then(|| record.replayed.to_string());
        let all = [
            ("kairos-reason", Some(letter.reason.name().to_owned())),
            ("kairos-detail", Some(detail)),
            ("kairos-source", Some(source)),
            ("kairos-replayed", replayed),
        ];
        all.iter()
            .filter(|(_, value)| value.is_some())
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: value.as_deref() }))
    }
}
