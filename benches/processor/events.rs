//! The benches' events as records, of users who come back.

use std::ops::Range;

use crate::PARTITIONS;
use crate::browser;
use crate::support::broker::shared;
use crate::support::topics::{Record, Writer};

/// How far the times of events lie apart.
pub const APART_MS: i64 = 10;

/// Writes the events of these numbers, the first of all of them at `start`; returns their bytes.
pub fn write(topic: &str, numbers: Range<usize>, users: usize, start: i64) -> usize {
    let writer = Writer::new(shared());
    let mut bytes = 0;
    let numbers: Vec<usize> = numbers.collect();
    for some in numbers.chunks(1_000) {
        let time = |n: usize| start + n as i64 * APART_MS;
        let records: Vec<Record> = some.iter().map(|n| record(*n, n * 7_919 % users, time(*n))).collect();
        bytes += records.iter().filter_map(|record| record.value.as_ref()).map(Vec::len).sum::<usize>();
        writer.send_all(topic, &records);
    }
    writer.finish();
    bytes
}

/// Event number `n`, of a user, at a time in milliseconds: every twentieth an identify that says when it was sent.
pub fn record(n: usize, user: usize, time: i64) -> Record {
    let id = format!("{user:013x}");
    let text = if n.is_multiple_of(20) {
        let traits = format!(r#""traits":{{"email":"{id}@initech.com","title":"CTO","sent":"{time}"}}"#);
        let at = kairos::engine::event::time::format(time);
        browser::message(r#""type":"identify""#, &traits, &format!("bench-{time}-{n}"), &id, "/dashboard", &at)
    } else {
        browser::event(n as u64, time, user as u64, &mut browser::numbers(n as u64))
    };
    // Spread over the partitions as the default partitioner does, so that no one is counted as misrouted.
    let partition = kairos::engine::partition::of_key(kairos::engine::Partitioner::Murmur2, id.as_bytes(), PARTITIONS);
    Record { partition, time, key: Some(id.into_bytes()), value: Some(text.into_bytes()) }
}
