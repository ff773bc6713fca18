//! The harness itself: what the other tests rely on.

use crate::support::broker::{Broker, shared};
use crate::support::now;
use crate::support::topics::{self, Record};

/// Times just before now: a broker soon drops what is older than it keeps.
fn records(now: i64) -> Vec<Record> {
    let record = |n: i32| Record {
        partition: n % 3,
        time: now - 10 + i64::from(n),
        key: Some(format!("key {n}").into_bytes()),
        value: (n != 4).then(|| format!("value {n}").into_bytes()),
    };
    (0..10).map(record).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let topic = topics::create("harness", 3);
    let mut expected = records(now());
    topics::produce(shared(), &topic, &expected);
    expected.sort_by_key(|record| record.partition);
    let read: Vec<Record> = topics::committed(shared(), &topic)
        .into_iter()
        .map(|s| Record { partition: s.partition, time: s.time, key: s.key, value: s.value })
        .collect();
    assert_eq!(read, expected);
    assert_eq!(topics::watermarks(shared(), &topic), [(0, 4), (0, 3), (0, 3)]);
}

#[test]
fn positions_are_per_group_and_partition() {
    let topic = topics::create("harness", 2);
    topics::produce(shared(), &topic, &records(now()).into_iter().filter(|r| r.partition < 2).collect::<Vec<_>>());
    let group = crate::support::unique("group");
    topics::set_position(shared(), &group, &topic, 1, 2);
    assert_eq!(topics::positions(shared(), &group, &topic), [None, Some((2, String::new()))]);
}

#[test]
fn a_killed_broker_comes_back_with_its_data() {
    let mut broker = Broker::start();
    topics::create_on(&broker.bootstrap(), "kept", 3, &[("max.message.bytes", "2000")]);
    topics::produce(&broker.bootstrap(), "kept", &records(now()));
    broker.kill();
    broker.resume();
    assert_eq!(topics::committed(&broker.bootstrap(), "kept").len(), 10);
    topics::delete(&broker.bootstrap(), "kept");
    assert_eq!(topics::partition_count(&broker.bootstrap(), "kept"), None);
}
