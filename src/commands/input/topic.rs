//! Records of a Kafka topic between two times, partition by partition. It joins no group and commits nothing.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{BLOCK_BYTES, Block, Blocks};
use crate::commands::{Exit, run};
use crate::engine::Millis;
use crate::processor::Config;
use crate::processor::access::{self, Need, Right};
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A topic with what of it is to be read.
pub struct Topic {
    pub client: ClientConfig,
    pub name: String,
    /// Of each partition the first offset and the one after the last.
    pub ranges: Vec<(i64, i64)>,
}

/// One partition's records.
pub struct Partition {
    name: String,
    consumer: BaseConsumer,
    /// The offset after the last record.
    end: i64,
    is_over: bool,
}

impl Topic {
    /// Finds what of the raw topic lies between two times, the second one excluded.
    pub fn find(settings: &Settings, from: Option<Millis>, to: Option<Millis>) -> Result<Self, Exit> {
        let name = &settings.raw.topic;
        let topic = Self::between(&run::config(settings), name, from, to)?;
        topic.ok_or_else(|| Exit::Usage(format!("the raw topic {name} is not there: name another by raw.topic")))
    }

    /// The same of any topic that may be read. `None`: there is no such topic.
    pub fn between(
        config: &Config,
        name: &str,
        from: Option<Millis>,
        to: Option<Millis>,
    ) -> Result<Option<Self>, Exit> {
        access::check(&config.client(), &[Need::topic(name, &[Right::Read])]).map_err(run::exit)?;
        // As `run` reads it; nothing joins the group that is named in it.
        let client = config.consumer(None);
        let fault = |e: KafkaError| Exit::Fault(format!("can't read the topic {name}: {e}"));
        let consumer: BaseConsumer = client.create().map_err(fault)?;
        let metadata = consumer.fetch_metadata(Some(name), TIMEOUT).map_err(fault)?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
        if count == 0 {
            return Ok(None);
        }
        let (starts, ends) = (at_time(&consumer, name, count, from), at_time(&consumer, name, count, to));
        let (starts, ends) = (starts.map_err(fault)?, ends.map_err(fault)?);
        let mut ranges = Vec::new();
        for partition in 0..count {
            let (low, high) = consumer.fetch_watermarks(name, partition, TIMEOUT).map_err(fault)?;
            let at = |found: &[Option<i64>], otherwise| found[partition as usize].unwrap_or(otherwise);
            let start = if from.is_none() { low } else { at(&starts, high) };
            ranges.push((start, at(&ends, high).max(start)));
        }
        Ok(Some(Self { client, name: name.to_owned(), ranges }))
    }

    pub fn records(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| (end - start) as u64).sum()
    }

    /// Leaves of each partition no more than the latest `records`; returns how many are left out in all.
    pub fn keep_latest(&mut self, records: u64) -> u64 {
        let cut = |(start, end): &mut (i64, i64)| {
            let kept = (*end).saturating_sub_unsigned(records).max(*start);
            (kept - std::mem::replace(start, kept)) as u64
        };
        self.ranges.iter_mut().map(cut).sum()
    }

    pub fn partition(&self, partition: i32) -> Result<Partition, Exit> {
        let (start, end) = self.ranges[partition as usize];
        let name = format!("{}/{partition}", self.name);
        let fault = |e: KafkaError| Exit::Fault(format!("can't read {name}: {e}"));
        let consumer: BaseConsumer = self.client.create().map_err(fault)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(start)).map_err(fault)?;
        consumer.assign(&list).map_err(fault)?;
        Ok(Partition { name, consumer, end, is_over: start >= end })
    }
}

/// The first offset of each partition at or after a time.
fn at_time(
    consumer: &BaseConsumer,
    topic: &str,
    count: i32,
    time: Option<Millis>,
) -> Result<Vec<Option<i64>>, KafkaError> {
    let Some(time) = time else { return Ok(vec![None; count as usize]) };
    let mut list = TopicPartitionList::new();
    for partition in 0..count {
        list.add_partition_offset(topic, partition, Offset::Offset(time.max(0)))?;
    }
    let found = consumer.offsets_for_times(list, TIMEOUT)?;
    let at = |partition: i32| match found.find_partition(topic, partition).map(|element| element.offset()) {
        Some(Offset::Offset(offset)) => Some(offset),
        _ => None,
    };
    Ok((0..count).map(at).collect())
}

impl Blocks for Partition {
    fn next_block(&mut self) -> Result<Option<Block>, Exit> {
        let mut block = Block { is_timed: true, ..Block::default() };
        while !self.is_over && block.bytes.len() < BLOCK_BYTES {
            match self.consumer.poll(TIMEOUT) {
                None => return Err(Exit::Fault(format!("{}: the broker has said nothing for 30 s", self.name))),
                Some(Err(KafkaError::PartitionEOF(_))) => self.is_over = true,
                Some(Err(error)) => return Err(Exit::Fault(format!("{}: {error}", self.name))),
                Some(Ok(message)) => {
                    self.is_over = message.offset() + 1 >= self.end;
                    // The log may have gone on past the end, or the record at the end may be gone.
                    if message.offset() < self.end {
                        block.bytes.extend_from_slice(message.key().unwrap_or_default());
                        let start = block.bytes.len();
                        block.bytes.extend_from_slice(message.payload().unwrap_or_default());
                        let entry = block.push(start, message.offset() as u64);
                        entry.key_bytes = message.key().map(|key| key.len() as u32);
                        entry.is_tombstone = message.payload().is_none();
                        entry.time = message.timestamp().to_millis().filter(|time| *time >= 0);
                    }
                }
            }
        }
        Ok((!block.entries.is_empty()).then_some(block))
    }

    fn name(&self) -> &str {
        &self.name
    }
}
