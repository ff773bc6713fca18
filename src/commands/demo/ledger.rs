//! What was written to the outgoing topic, read back from the topic itself: the other side of the account that the
//! endpoint keeps of what arrived. It knows nothing of what messages mean.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde::Deserialize;

const TIMEOUT: Duration = Duration::from_secs(5);

pub struct Ledger {
    consumer: BaseConsumer,
    topic: String,
    next: Vec<i64>,
    pub book: Book,
}

/// What lies on the topic, by `messageId`.
#[derive(Default)]
pub struct Book {
    pub messages: usize,
    pub doubled: usize,
    pub ids: HashSet<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "messageId")]
    message_id: String,
}

impl Ledger {
    pub fn open(mut client: ClientConfig, topic: &str, partitions: i32) -> Result<Self, KafkaError> {
        client.set("group.id", "kairos-demo-ledger").set("enable.auto.commit", "false");
        client.set("isolation.level", "read_committed").set("fetch.wait.max.ms", "50");
        let consumer: BaseConsumer = client.create()?;
        let mut from = TopicPartitionList::new();
        for partition in 0..partitions {
            from.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&from)?;
        Ok(Self { consumer, topic: topic.to_owned(), next: vec![0; partitions as usize], book: Book::default() })
    }

    /// Reads what there is, waiting up to `wait` for the first.
    pub fn read(&mut self, wait: Duration) {
        let mut wait = wait;
        while let Some(read) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            let Ok(record) = read else { continue };
            self.next[record.partition() as usize] = record.offset() + 1;
            self.book.note(record.payload());
        }
    }

    /// Reads up to where the topic ends now.
    pub fn finish(mut self) -> Book {
        let until = Instant::now() + TIMEOUT;
        for partition in 0..self.next.len() {
            let end = self.consumer.fetch_watermarks(&self.topic, partition as i32, TIMEOUT).map_or(0, |(_, end)| end);
            while self.next[partition] < end && Instant::now() < until {
                self.read(Duration::from_millis(50));
            }
        }
        self.book
    }
}

impl Book {
    fn note(&mut self, payload: Option<&[u8]>) {
        let Some(named) = payload.and_then(|payload| serde_json::from_slice::<Named>(payload).ok()) else { return };
        self.messages += 1;
        if !self.ids.insert(named.message_id) {
            self.doubled += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_lies_there_twice_is_seen() {
        let mut book = Book::default();
        for payload in [&br#"{"messageId":"a"}"#[..], br#"{"messageId":"b"}"#, br#"{"messageId":"a"}"#] {
            book.note(Some(payload));
        }
        book.note(None);
        assert_eq!((book.messages, book.doubled, book.ids.len()), (3, 1, 2));
    }
}
