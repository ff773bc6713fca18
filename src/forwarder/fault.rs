//! Why the forwarder can't go on, and which of Kafka's errors are such a reason.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::task::JoinError;

use super::kafka::Consumer;

/// Why the sidecar can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Settings(String),
    #[error(
        "there is no topic {0}: create it, with as much room per message as the topic it serves, or name another by outgoing.topic"
    )]
    NoTopic(String),
    #[error("another instance has the name this one was given: {0}")]
    Fenced(KafkaError),
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error(
        "the broker did not take the last commit within forward.stop_timeout ({} ms): what it would have held is \
         delivered again by the next instance",
        .0.as_millis()
    )]
    StopTimeout(Duration),
    #[error("a task broke: {0}")]
    Broken(#[from] JoinError),
}

const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(30);

/// Most errors heal while we go on polling.
pub fn judge(error: KafkaError) -> Result<(), Error> {
    let code = error.rdkafka_error_code();
    match code {
        Some(RDKafkaErrorCode::FencedInstanceId) => Err(Error::Fenced(error)),
        Some(
            RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => Err(Error::Kafka(error)),
        _ => {
            // Told once already, by the client's own word.
            tracing::debug!(%error, "reading");
            Ok(())
        }
    }
}

pub fn check_topic(consumer: &Consumer, topic: String) -> Result<(), Error> {
    let metadata = consumer.fetch_metadata(Some(&topic), LOOK_UP_TIMEOUT)?;
    let found =
        metadata.topics().iter().any(|t| t.name() == topic && t.error().is_none() && !t.partitions().is_empty());
    if found { Ok(()) } else { Err(Error::NoTopic(topic)) }
}
