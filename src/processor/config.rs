//! What the processor needs to be told, as meant, and the Kafka clients' settings that follow from it.
//! It must not know where settings come from (files, environment, flags).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;

use super::owners::Group;
use crate::engine::{Millis, Partitioner};

/// Everything decided, nothing optional that has a default.
#[derive(Clone)]
pub struct Config {
    pub brokers: String,
    /// Passed on to librdkafka. Those in [`FIXED`] must have been refused before.
    pub kafka: BTreeMap<String, String>,
    /// An in-process broker without administration calls: nothing is checked or created, and nothing is durable.
    pub embedded_broker: bool,
    pub raw_topic: String,
    pub outgoing_topic: String,
    pub partitioner: Partitioner,
    pub unwrap: Vec<String>,
    pub placeholders: Vec<String>,
    pub dedupe_window: Millis,
    pub group: String,
    /// A stable name: static membership and transactional ids. `None`: a new one each start.
    pub instance: Option<String>,
    pub threads: usize,
    pub commit_interval: Duration,
    /// `None`: nothing is held back.
    pub hold_back: Option<Millis>,
    pub hold_back_until: Option<Millis>,
    pub idle_clock: bool,
    pub idle_grace: Millis,
    pub idle_max: Millis,
    pub create_topics: bool,
    pub on_growth: OnTrouble,
    pub on_gap: OnTrouble,
    pub snapshots_url: String,
    pub snapshot_interval: Duration,
    /// How many of the newest snapshots are kept, with what they need.
    pub snapshots_keep: usize,
}

/// What to do where going on would change what state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTrouble {
    Stop,
    Continue,
}

/// Exactly once rests on these: they can't be set.
pub const FIXED: [&str; 16] = [
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "acks",
    "request.required.acks",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "message.max.bytes",
    "partition.assignment.strategy",
    "transactional.id",
    "transaction.timeout.ms",
];

/// An open transaction stops every `read_committed` reader of its topics, so a dead worker's must end soon.
const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// Below the transaction's, or librdkafka refuses.
const MESSAGE_TIMEOUT_MS: u32 = 10_000;
/// The largest record that the dead-letter topic may be asked to take.
const MESSAGE_BYTES_MAX: u32 = 100 << 20;

impl Config {
    pub fn dead_topic(&self) -> String {
        format!("{}.dead", self.raw_topic)
    }

    pub fn marks_topic(&self) -> String {
        format!("{}.marks", self.group)
    }

    /// What all clients have in common.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        self.lay_over(&mut client, &[]);
        client
    }

    pub fn consumer(&self, member: Option<&str>) -> ClientConfig {
        let mut client = ClientConfig::new();
        // Slower than 20 ms here starves a consumer that is slower than its fetches.
        client.set("fetch.queue.backoff.ms", "10").set("queued.max.messages.kbytes", "8192");
        client.set("fetch.wait.max.ms", "100").set("check.crcs", "true").set("session.timeout.ms", "10000");
        client.set("heartbeat.interval.ms", "1000");
        self.lay_over(
            &mut client,
            &["transaction.", "linger.", "batch.", "compression.", "queue.buffering.", "retry.backoff"],
        );
        client.set("group.id", &self.group).set("group.protocol", "classic");
        client.set("partition.assignment.strategy", "cooperative-sticky");
        client.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        client.set("auto.offset.reset", "error").set("isolation.level", "read_committed");
        client.set("enable.partition.eof", "true");
        if let Some(member) = member {
            client.set("group.instance.id", member);
        }
        client
    }

    /// Our group, if its members have stable names.
    pub fn members(&self) -> Option<Group> {
        self.instance.as_ref().map(|_| Group {
            client: self.consumer(None),
            group: self.group.clone(),
            topic: self.raw_topic.clone(),
            other: self.marks_topic(),
        })
    }

    pub fn producer(&self, transactional_id: &str) -> ClientConfig {
        let mut client = self.plain_producer();
        client.set("transactional.id", transactional_id);
        client.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        client
    }

    /// One that writes each message once and in order, outside of transactions.
    pub fn plain_producer(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("linger.ms", "1").set("retry.backoff.ms", "5").set("retry.backoff.max.ms", "20");
        self.lay_over(
            &mut client,
            &["fetch.", "queued.", "session.", "heartbeat.", "check.crcs", "max.poll.", "max.partition."],
        );
        client.set("enable.idempotence", "true").set("acks", "all");
        client.set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string());
        client.set("message.max.bytes", MESSAGE_BYTES_MAX.to_string());
        client
    }

    /// People's settings over our defaults, without those that are the other kind of client's. From our own map:
    /// [`ClientConfig::config_map`] has a placeholder where a password should be.
    fn lay_over(&self, client: &mut ClientConfig, not: &[&str]) {
        client.set("bootstrap.servers", &self.brokers).set("client.id", "kairos");
        client.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "2000");
        if self.uses_tls() {
            // OpenSSL compiled in looks for certificates in a folder of its own; the system's are meant.
            client.set("ssl.ca.location", "probe");
        }
        for (key, value) in &self.kafka {
            if !not.iter().any(|prefix| key.starts_with(prefix)) {
                client.set(key, value);
            }
        }
    }

    fn uses_tls(&self) -> bool {
        self.kafka.get("security.protocol").is_some_and(|protocol| protocol.to_ascii_lowercase().contains("ssl"))
    }
}
