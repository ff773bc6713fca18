//! From before a record is sent to when a `read_committed` reader has what it caused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{Writer, client};
use crate::{PARTITIONS, events};

/// Not counted: clients connect, the group forms.
const WARM_UP: Duration = Duration::from_secs(8);

pub fn measure(what: &str, site: &Site, rate: usize, span: Duration) {
    let (bootstrap, raw) = (site.bootstrap.clone(), site.raw.clone());
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let writer = thread::spawn(move || {
        let writer = Writer::new(&bootstrap);
        let (started, mut sent) = (Instant::now(), 0);
        while !is_over.load(Ordering::SeqCst) {
            let due = (started.elapsed().as_secs_f64() * rate as f64) as usize;
            let records: Vec<_> = (sent..due).map(|n| events::record(n, n * 7_919 % 20_000, now())).collect();
            writer.send_all(&raw, &records);
            sent = due;
            thread::sleep(Duration::from_millis(2));
        }
        writer.finish();
    });
    let mut took = arrivals(site, span);
    over.store(true, Ordering::SeqCst);
    writer.join().expect("the writer does not fail");
    took.sort_unstable();
    let at = |share: f64| took.get(((took.len() - 1) as f64 * share) as usize).copied().unwrap_or(-1);
    let (half, most, worst) = (at(0.5), at(0.99), at(1.0));
    println!("  {what:<20} p50 {half} ms   p99 {most} ms   worst {worst} ms   ({} messages)", took.len());
}

/// Milliseconds that each message took which came after the warm-up.
fn arrivals(site: &Site, span: Duration) -> Vec<i64> {
    let reader: BaseConsumer = client(&site.bootstrap)
        .set("group.id", "reader")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "5")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(&site.outgoing, partition, Offset::End).expect("a valid offset");
    }
    reader.assign(&list).expect("partitions can be assigned");
    let started = Instant::now();
    let mut took = Vec::new();
    while started.elapsed() < WARM_UP + span {
        let Some(Ok(message)) = reader.poll(Duration::from_millis(20)) else { continue };
        let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
        let sent = text.split_once("sent\":\"").and_then(|(_, rest)| rest.split_once('"'));
        // What no record of this run caused, a person's first identify say, tells nothing.
        let Some(sent) = sent.and_then(|(sent, _)| sent.parse::<i64>().ok()) else { continue };
        if started.elapsed() > WARM_UP {
            took.push(now() - sent);
        }
    }
    assert!(!took.is_empty(), "nothing arrived");
    took
}
