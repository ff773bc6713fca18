//! How far the messages on the outgoing topics show that a partition had come, where no committed position says it:
//! each names the record that caused it. It must not know positions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::place::Look;
use super::{Request, To};
use crate::engine::Millis;
use crate::processor::group::Member;
use crate::processor::survey::Survey;
use crate::processor::{Fault, source_in};

const TIMEOUT: Duration = Duration::from_secs(15);
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Clocks of producers and brokers differ.
const MARGIN: Millis = 3_600_000;

/// By partition, the first offset after the last that caused a message since the newest snapshots.
pub fn said(survey: &Survey, request: &Request, looks: &[Look]) -> Result<BTreeMap<i32, i64>, Fault> {
    let unknown = looks.iter().filter(|look| look.ours().is_none());
    let cut = |look: &Look| look.snapshots.last().and_then(|stored| stored.position()).map_or(0, |at| at.wall);
    let Some(since) = unknown.map(cut).min().filter(|_| request.to == To::Snapshot && !request.emit) else {
        return Ok(BTreeMap::new());
    };
    let consumer: BaseConsumer<Member> = survey.config.consumer(None).create_with_context(Member::default())?;
    let from = starts(&consumer, &[&survey.config.outgoing_topic, &survey.config.dead_topic()], since - MARGIN)?;
    consumer.assign(&from)?;
    let (mut open, mut heard, mut said) = (from.count(), Instant::now(), BTreeMap::new());
    while open > 0 {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let headers = message.headers();
                let source = headers.and_then(|all| all.iter().find(|header| header.key == "kairos-source")?.value);
                if let Some((partition, offset)) = source.and_then(|source| source_in(source, &survey.config.raw_topic))
                {
                    let next = said.entry(partition).or_insert(offset + 1);
                    *next = (*next).max(offset + 1);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(_)) | None if heard.elapsed() < SILENCE_MAX => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Fault::Kafka("the outgoing topics give no end".to_owned())),
        }
    }
    Ok(said)
}

/// Where each partition of these topics was at a time.
fn starts(consumer: &BaseConsumer<Member>, topics: &[&str], since: Millis) -> Result<TopicPartitionList, Fault> {
    let mut asked = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
            asked.add_partition_offset(topic, partition.id(), Offset::Offset(since.max(0)))?;
        }
    }
    Ok(consumer.offsets_for_times(asked, TIMEOUT)?)
}
