//! A topic read from a time to the end it has when it is opened. It joins no group and commits nothing.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::Place;
use crate::commands::Exit;
use crate::engine::Millis;
use crate::processor::Config;

const TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);
/// How long it may give nothing at all before its end.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub struct Topic {
    pub name: String,
    consumer: BaseConsumer,
    /// Of each partition the first offset and the one after the last.
    ranges: Vec<(i64, i64)>,
}

impl Topic {
    /// `None`: there is no such topic.
    pub fn open(config: &Config, name: &str, since: Option<Millis>) -> Result<Option<Self>, Exit> {
        let client = config.consumer(None);
        let fault = |error: KafkaError| Exit::Fault(format!("can't read the topic {name}: {error}"));
        let consumer: BaseConsumer = client.create().map_err(fault)?;
        let metadata = consumer.fetch_metadata(Some(name), TIMEOUT).map_err(fault)?;
        let count = metadata.topics().iter().find(|topic| topic.name() == name).map_or(0, |t| t.partitions().len());
        if count == 0 {
            return Ok(None);
        }
        let count = i32::try_from(count).expect("Kafka counts partitions in 32 bits");
        let ends = (0..count).map(|partition| consumer.fetch_watermarks(name, partition, TIMEOUT));
        let mut ranges = ends.collect::<Result<Vec<_>, _>>().map_err(fault)?;
        if let Some(since) = since {
            begin_at(&consumer, name, &mut ranges, since).map_err(fault)?;
        }
        Ok(Some(Self { name: name.to_owned(), consumer, ranges }))
    }

    pub fn partitions(&self) -> i32 {
        i32::try_from(self.ranges.len()).expect("Kafka counts partitions in 32 bits")
    }

    /// At most: offsets that hold no record count too.
    pub fn records(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| (end - start).unsigned_abs()).sum()
    }

    /// Hands over every record, each partition's in order.
    pub fn walk(&self, mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Exit>) -> Result<(), Exit> {
        let mut open: Vec<bool> = self.ranges.iter().map(|(start, end)| start < end).collect();
        let mut list = TopicPartitionList::new();
        for (partition, (start, _)) in (0..).zip(&self.ranges).filter(|(partition, _)| open[*partition as usize]) {
            list.add_partition_offset(&self.name, partition, Offset::Offset(*start)).map_err(|e| self.fault(e))?;
        }
        // What a walk before this one has paused would stay so.
        self.consumer.assign(&list).and_then(|()| self.consumer.resume(&list)).map_err(|e| self.fault(e))?;
        let mut heard = Instant::now();
        while open.contains(&true) {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let partition = message.partition() as usize;
                    let end = self.ranges[partition].1;
                    if message.offset() < end {
                        each(&message)?;
                    }
                    // It goes on beyond the end it had.
                    if message.offset() + 1 >= end && std::mem::take(&mut open[partition]) {
                        self.pause(message.partition())?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => open[partition as usize] = false,
                Some(Err(error)) if heard.elapsed() > SILENCE_MAX => return Err(self.fault(error)),
                None if heard.elapsed() > SILENCE_MAX => {
                    return Err(Exit::Fault(format!("the topic {} has given nothing for 60 s", self.name)));
                }
                Some(Err(_)) | None => {}
            }
        }
        Ok(())
    }

    fn pause(&self, partition: i32) -> Result<(), Exit> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.name, partition);
        self.consumer.pause(&list).map_err(|e| self.fault(e))
    }

    /// One record, by a walk that begins there and ends behind it.
    pub fn only(&mut self, place: Place) -> Result<(), Exit> {
        let partitions = self.partitions();
        let Some(range) = usize::try_from(place.partition).ok().and_then(|at| self.ranges.get_mut(at)) else {
            return Err(Exit::Usage(format!("{} has partitions 0 to {}, and no {place}", self.name, partitions - 1)));
        };
        let (low, end) = *range;
        if !(low..end).contains(&place.offset) {
            return Err(Exit::Usage(format!(
                "{} partition {} holds offsets {low} to {end} (that one excluded), and no {place}",
                self.name, place.partition
            )));
        }
        self.ranges.iter_mut().for_each(|range| range.1 = range.0);
        self.ranges[place.partition as usize] = (place.offset, place.offset + 1);
        Ok(())
    }

    fn fault(&self, error: KafkaError) -> Exit {
        Exit::Fault(format!("can't read the topic {}: {error}", self.name))
    }
}

/// Moves each beginning to the first record of that time or later.
fn begin_at(consumer: &BaseConsumer, name: &str, ranges: &mut [(i64, i64)], since: Millis) -> Result<(), KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in 0..ranges.len() {
        asked.add_partition_offset(name, partition as i32, Offset::Offset(since.max(0)))?;
    }
    for element in consumer.offsets_for_times(asked, TIMEOUT)?.elements() {
        let range = &mut ranges[element.partition() as usize];
        range.0 = match element.offset() {
            Offset::Offset(offset) => offset.clamp(range.0, range.1),
            _ => range.1,
        };
    }
    Ok(())
}
