//! The processor without a broker of its own: its settings, and a partition in a simulated world.

mod given;
mod ledger;
mod lives;
mod oracle;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::engine::Partitioner;

pub fn config() -> Config {
    Config {
        brokers: "localhost:9092".to_owned(),
        kafka: BTreeMap::new(),
        embedded_broker: false,
        raw_topic: "raw".to_owned(),
        outgoing_topic: "out".to_owned(),
        partitioner: Partitioner::Murmur2,
        unwrap: Vec::new(),
        placeholders: Vec::new(),
        dedupe_window: 86_400_000,
        group: "kairos".to_owned(),
        instance: None,
        threads: 1,
        commit_interval: Duration::from_millis(100),
        hold_back: None,
        hold_back_until: None,
        idle_clock: true,
        idle_grace: 60_000,
        idle_max: 6 * 3_600_000,
        create_topics: false,
        on_growth: OnTrouble::Stop,
        on_gap: OnTrouble::Stop,
        snapshots_url: "file:///nowhere".to_owned(),
        snapshot_interval: Duration::from_secs(60),
        snapshots_keep: 3,
    }
}

#[test]
fn what_exactly_once_rests_on_can_not_be_overridden() {
    let mut config = config();
    for key in FIXED {
        config.kafka.insert(key.to_owned(), "nonsense".to_owned());
    }
    let (consumer, producer) = (config.consumer(None), config.producer("id"));
    for (key, value) in [("isolation.level", "read_committed"), ("auto.offset.reset", "error"), ("group.id", "kairos")]
    {
        assert_eq!(consumer.get(key), Some(value));
    }
    assert_eq!(producer.get("acks"), Some("all"));
    assert_eq!(producer.get("transactional.id"), Some("id"));
}

#[test]
fn every_client_has_the_password() {
    let mut config = config();
    config.kafka.insert("sasl.password".to_owned(), "hunter2".to_owned());
    for client in [config.client(), config.consumer(None), config.producer("id")] {
        assert_eq!(client.get("sasl.password"), Some("hunter2"));
    }
}
