//! Letters and their copies, each record handed over with its headers, to the end their topic had when it was opened. It
//! joins no group and commits nothing.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::Place;
use crate::commands::{Exit, input};
use crate::engine::Millis;
use crate::processor::Config;

const POLL: Duration = Duration::from_millis(100);
/// How long it may give nothing at all before its end.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub struct Topic {
    of: input::Topic,
    consumer: BaseConsumer,
}

impl Topic {
    /// `None`: there is no such topic.
    pub fn open(config: &Config, name: &str, since: Option<Millis>) -> Result<Option<Self>, Exit> {
        let Some(of) = input::Topic::between(config, name, since, None)? else { return Ok(None) };
        let consumer = of.client.create().map_err(|error| fault(name, &error))?;
        Ok(Some(Self { of, consumer }))
    }

    pub fn partitions(&self) -> i32 {
        i32::try_from(self.of.ranges.len()).expect("Kafka counts partitions in 32 bits")
    }

    /// At most: offsets that hold no record count too.
    pub fn records(&self) -> u64 {
        self.of.records()
    }

    /// Hands over every record, each partition's in order.
    pub fn walk(&self, mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Exit>) -> Result<(), Exit> {
        let mut open: Vec<bool> = self.of.ranges.iter().map(|(start, end)| start < end).collect();
        let mut list = TopicPartitionList::new();
        for (partition, (start, _)) in (0..).zip(&self.of.ranges).filter(|(partition, _)| open[*partition as usize]) {
            list.add_partition_offset(&self.of.name, partition, Offset::Offset(*start)).map_err(|e| self.fault(e))?;
        }
        // What a walk before this one has paused would stay so.
        self.consumer.assign(&list).and_then(|()| self.consumer.resume(&list)).map_err(|e| self.fault(e))?;
        let mut heard = Instant::now();
        while open.contains(&true) {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let partition = message.partition() as usize;
                    let end = self.of.ranges[partition].1;
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
                    return Err(Exit::Fault(format!("the topic {} has given nothing for 60 s", self.of.name)));
                }
                Some(Err(_)) | None => {}
            }
        }
        Ok(())
    }

    fn pause(&self, partition: i32) -> Result<(), Exit> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.of.name, partition);
        self.consumer.pause(&list).map_err(|e| self.fault(e))
    }

    /// One record, by a walk that begins there and ends behind it.
    pub fn only(&mut self, place: Place) -> Result<(), Exit> {
        let partitions = self.partitions();
        let Some(range) = usize::try_from(place.partition).ok().and_then(|at| self.of.ranges.get_mut(at)) else {
            return Err(Exit::Usage(format!(
                "{} has partitions 0 to {}, and no {place}",
                self.of.name,
                partitions - 1
            )));
        };
        let (low, end) = *range;
        if !(low..end).contains(&place.offset) {
            return Err(Exit::Usage(format!(
                "{} partition {} holds offsets {low} to {end} (that one excluded), and no {place}",
                self.of.name, place.partition
            )));
        }
        self.of.ranges.iter_mut().for_each(|range| range.1 = range.0);
        self.of.ranges[place.partition as usize] = (place.offset, place.offset + 1);
        Ok(())
    }

    fn fault(&self, error: KafkaError) -> Exit {
        fault(&self.of.name, &error)
    }
}

fn fault(name: &str, error: &KafkaError) -> Exit {
    Exit::Fault(format!("can't read the topic {name}: {error}"))
}
