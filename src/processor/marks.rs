//! Marks: the facts that reach an engine and are in no record, kept in a topic of their own so that a restore meets
//! them again where they were. It must not know when one is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::group::Member;
use super::{Config, raw};
use crate::engine::{Mark, Millis};

/// A mark with its place: before the record at `at`, the `number`th of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    pub number: u64,
    pub at: i64,
    pub mark: Mark,
}

/// The marks topic's wire form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    number: u64,
    at: i64,
    mark: WireMark,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WireMark {
    IdleClock { clock: Millis },
    HoldBack { until: Millis, resumed: bool },
    Horizon { wall: Millis },
}

const VERSION: u32 = 1;

impl Noted {
    pub fn encode(&self) -> Vec<u8> {
        let mark = match self.mark {
            Mark::IdleClock(clock) => WireMark::IdleClock { clock },
            Mark::HoldBack { until, resumed } => WireMark::HoldBack { until, resumed },
            Mark::Horizon(wall) => WireMark::Horizon { wall },
        };
        let wire = Wire { v: VERSION, number: self.number, at: self.at, mark };
        serde_json::to_vec(&wire).expect("a mark holds only whole numbers")
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        let mark = match wire.mark {
            WireMark::IdleClock { clock } => Mark::IdleClock(clock),
            WireMark::HoldBack { until, resumed } => Mark::HoldBack { until, resumed },
            WireMark::Horizon { wall } => Mark::Horizon(wall),
        };
        (wire.v == VERSION).then_some(Self { number: wire.number, at: wire.at, mark })
    }
}

/// Why marks could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MarksError {
    /// May pass.
    #[error("the marks can't be read now: {0}")]
    Unavailable(String),
    /// Will not.
    #[error("{0}")]
    Gone(String),
}

const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The committed marks of a partition after the offset `after` (all of them when `None`), to the end. `last`: the offset of the
/// last one that must be among them, where that is known.
pub fn read(
    config: &Arc<Config>,
    partition: i32,
    after: Option<i64>,
    last: Option<i64>,
) -> Result<Vec<Noted>, MarksError> {
    let unavailable = |error: KafkaError| MarksError::Unavailable(error.to_string());
    let topic = config.marks_topic();
    let consumer: BaseConsumer<Member> =
        config.consumer(None).create_with_context(Member::default()).map_err(unavailable)?;
    let mut list = TopicPartitionList::new();
    let start = after.map_or(Offset::Beginning, |after| Offset::Offset(after + 1));
    list.add_partition_offset(&topic, partition, start).map_err(unavailable)?;
    consumer.assign(&list).map_err(unavailable)?;
    let mut marks = Vec::new();
    let until = Instant::now() + READ_TIMEOUT;
    while Instant::now() < until {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_)))
                if last.is_some_and(|last| is_held_up(&consumer, &topic, partition, last)) =>
            {
                let why = format!("a transaction that is still open holds up {topic} partition {partition}");
                return Err(MarksError::Unavailable(why));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(marks),
            Some(Ok(message)) => {
                let bytes = message.payload().unwrap_or_default();
                let place = || format!("{topic} partition {partition} offset {}", message.offset());
                marks.push(Noted::decode(bytes).ok_or_else(|| MarksError::Gone(format!("{} holds no mark", place())))?);
            }
            Some(Err(error))
                if error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::AutoOffsetReset) =>
            {
                return Err(MarksError::Gone(format!(
                    "{topic} partition {partition} no longer reaches back to what is needed"
                )));
            }
            Some(Err(error)) => tracing::debug!(%error, topic, "reading marks"),
        }
    }
    Err(MarksError::Unavailable(format!("{topic} partition {partition} gave no end within {READ_TIMEOUT:?}")))
}

/// Whether an offset was written and can't be read yet: somebody who died has left a transaction open before it.
fn is_held_up(consumer: &BaseConsumer<Member>, topic: &str, partition: i32, offset: i64) -> bool {
    // Of a `read_committed` consumer the one is where stable records end, the other where all do.
    let stable = consumer.fetch_watermarks(topic, partition, READ_TIMEOUT).map(|(_, stable)| stable);
    let written = raw::seen_watermarks(consumer, topic, partition).map(|(_, high)| high);
    matches!((stable, written), (Ok(stable), Some(written)) if stable <= offset && offset < written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_comes_back() {
        for mark in [Mark::IdleClock(-5), Mark::HoldBack { until: 7, resumed: true }, Mark::Horizon(i64::MAX)] {
            let noted = Noted { number: 3, at: 12, mark };
            assert_eq!(Noted::decode(&noted.encode()), Some(noted));
        }
    }

    #[test]
    fn the_wire_form_stays_as_it_is() {
        let noted = Noted { number: 3, at: 12, mark: Mark::HoldBack { until: 7, resumed: false } };
        let text = r#"{"v":1,"number":3,"at":12,"mark":{"hold_back":{"until":7,"resumed":false}}}"#;
        assert_eq!(String::from_utf8(noted.encode()).unwrap(), text);
        for not_one in ["", "{}", r#"{"v":2,"number":3,"at":12,"mark":{"horizon":{"wall":1}}}"#] {
            assert_eq!(Noted::decode(not_one.as_bytes()), None, "{not_one}");
        }
    }
}
