//! What would be sent from the group's position to the end of the topic, as it would be sent. Joins no group, commits
//! nothing, and opens no connection but to Kafka.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use super::config::Config;
use super::fault::Error;
use super::kafka;
use super::record::{Reading, read};

const POLL: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(30);

/// Each message on a line of its own; what would not be sent is told in the log.
pub fn dry_run<E: From<Error>>(config: &Config, mut print: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let fail = |e: KafkaError| E::from(Error::Kafka(e));
    let mut client = kafka::reader(config);
    let consumer: BaseConsumer = client.set("enable.partition.eof", "true").create().map_err(fail)?;
    let mut open = assign(&consumer, &config.topic)?;
    let [mut sent, mut dead, mut skipped] = [0u64; 3];
    while open > 0 {
        let record = match consumer.poll(POLL) {
            None => continue,
            Some(Err(KafkaError::PartitionEOF(_))) => {
                open -= 1;
                continue;
            }
            Some(message) => kafka::to_record(&message.map_err(fail)?),
        };
        match read(&record, &config.routing) {
            Reading::Send { cut, .. } => {
                let json = cut.or(record.value).unwrap_or_default();
                print(&format!("{}\n", String::from_utf8_lossy(&json)))?;
                sent += 1;
            }
            Reading::Dead { reason, detail } => {
                let (partition, offset) = (record.partition, record.offset);
                tracing::warn!(partition, offset, %reason, detail, "would be a dead letter");
                dead += 1;
            }
            Reading::Skip | Reading::Delete { .. } => skipped += 1,
        }
    }
    tracing::info!(sent, dead, skipped, "nothing was sent: this was a dry run");
    Ok(())
}

/// All partitions, at the group's position; how many they are.
fn assign(consumer: &BaseConsumer, topic: &str) -> Result<usize, Error> {
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let partitions = metadata.topics().iter().find(|t| t.name() == topic).map_or(0, |t| t.partitions().len());
    if partitions == 0 {
        return Err(Error::NoTopic(topic.to_owned()));
    }
    let mut list = rdkafka::TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition(topic, partition as i32);
    }
    consumer.assign(&kafka::positions(topic, &kafka::starts(consumer, &list)?)?)?;
    Ok(partitions)
}
