//! History before the first record: stepped into stages of their own, one for each partition of the raw topic, and left
//! as snapshots at the log's beginning, which the group's first positions name. Whoever takes a partition then goes on as
//! if the log had begun with it. It must not know where history comes from, or whose is whose.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::position::Position;
use super::reset::{self, Failed};
use super::snapshots::{file_of, keep_playbook, write_whole};
use super::stage::{Edition, Editions, Stage};
use super::survey::Survey;
use super::{Clock as _, Config, Fault, SystemClock};
use crate::engine::event::time;
use crate::engine::{Action, Counts, Input, Mark, Millis, Progress, Record};
use crate::storage::{SnapshotId, Store};

const TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

pub struct Import {
    survey: Survey,
    edition: Arc<Edition>,
    /// Nothing is sent for what lies before.
    hold_back: Millis,
    parts: Vec<Part>,
    actions: Vec<Action>,
    /// The first record with which something would have been sent.
    too_late: Option<Millis>,
}

/// One partition.
struct Part {
    stage: Box<dyn Stage>,
    /// Where its log begins, and the time of what lies there: from then on the log itself tells.
    low: i64,
    begins: Option<Millis>,
    records: u64,
    left: u64,
}

/// What came of one partition.
#[derive(Debug)]
pub struct Done {
    pub partition: i32,
    /// Messages stepped, and those left to the log, which has them.
    pub records: u64,
    pub left: u64,
    pub profiles: usize,
    pub clock: Option<Millis>,
    pub counts: Counts,
    pub snapshot: SnapshotId,
    pub bytes: usize,
    /// Where processing begins.
    pub next: i64,
}

impl Import {
    /// Nothing may be there yet that this would replace.
    pub fn open(config: Config, editions: &Editions) -> Result<Self, Failed> {
        let survey = Survey::open(config)?;
        refuse_if_begun(&survey)?;
        survey.store.probe("import").map_err(Fault::from)?;
        let wall = SystemClock::default().wall();
        let hold_back = survey.config.hold_back_until.unwrap_or(wall);
        let (edition, mut parts) = (editions.current(), Vec::new());
        let consumer: BaseConsumer = survey.config.consumer(None).create().map_err(Fault::from)?;
        for partition in 0..survey.partitions {
            let mut stage = (edition.make)(partition, survey.partitions);
            for mark in [Mark::Horizon(wall), Mark::HoldBack { until: hold_back, resumed: false }] {
                stage.step(Input::Mark(mark), usize::MAX, &mut Vec::new());
            }
            let ((low, _), begins) = (survey.ends(partition)?, begins(&survey, &consumer, partition)?);
            parts.push(Part { stage, low, begins, records: 0, left: 0 });
        }
        Ok(Self { survey, edition, hold_back, parts, actions: Vec::new(), too_late: None })
    }

    pub fn partitions(&self) -> i32 {
        self.survey.partitions
    }

    /// One record of a partition, in order of time.
    pub fn step(&mut self, partition: i32, time: Millis, value: &[u8]) {
        let part = &mut self.parts[partition as usize];
        if part.begins.is_some_and(|begins| time >= begins) {
            part.left += 1;
            return;
        }
        let record = Record { offset: part.records as i64, time, key: None, value: Some(value) };
        while part.stage.step(Input::Record(record), usize::MAX, &mut self.actions) == Progress::Full {}
        // What can't be used is counted, deletions are of people whom nobody was told of, and all else is held back.
        let is_said = |action: &Action| matches!(action, Action::Emit(message) if message.value.is_some());
        if self.too_late.is_none() && self.actions.iter().any(is_said) {
            self.too_late = Some(time);
        }
        self.actions.clear();
        part.records += 1;
    }

    /// Writes all snapshots; commits all positions at once, last.
    pub fn finish(self) -> Result<Vec<Done>, Failed> {
        if let Some(at) = self.too_late {
            return Err(Failed::Refused(vec![format!(
                "history reaches past {}, until when nothing is sent: with a record of {} there is something to say, which an import can't. Leave out what is later, or set run.hold_back_until to after all of it",
                time::format(self.hold_back),
                time::format(at)
            )]));
        }
        refuse_if_begun(&self.survey)?;
        keep_playbook(&self.survey.store, &self.edition).map_err(Fault::from)?;
        let like = Position {
            hold_back: Some(self.hold_back),
            fingerprint: self.edition.fingerprint.clone(),
            revision: self.edition.revision,
            partitions: self.survey.partitions,
            ..Position::default()
        };
        let (mut done, mut positions) = (Vec::new(), Vec::new());
        for (partition, part) in (0..).zip(self.parts) {
            match part.finish(&self.survey.store, partition, like.clone()) {
                Ok((part, position)) => {
                    done.push(part);
                    positions.push((partition, position));
                }
                Err(fault) => {
                    // Where the store is away now, `kairos run` says what is left.
                    for Done { partition, snapshot, .. } in &done {
                        drop(self.survey.store.delete(&file_of(*partition, snapshot)));
                    }
                    return Err(fault.into());
                }
            }
        }
        // From here on nothing may be deleted: a commit that fails may have been done.
        reset::commit(&self.survey, &positions)?;
        Ok(done)
    }
}

impl Part {
    /// Leaves its state as a snapshot at the log's beginning. `like`: what all positions have in common.
    fn finish(mut self, store: &Store, partition: i32, like: Position) -> Result<(Done, Position), Fault> {
        self.stage.end_import(self.records);
        let clock = self.stage.clock();
        // The log alone is never enough to begin anew.
        let (next, first) = (self.low, self.low - 1);
        let mut position = Position { next, first, clock, last_record: clock, ..like };
        let fresh = write_whole(store, partition, self.stage.as_mut(), &mut position)?;
        let done = Done {
            partition,
            records: self.records,
            left: self.left,
            profiles: self.stage.size().0,
            clock,
            counts: self.stage.take_counts(),
            snapshot: fresh.id,
            bytes: fresh.bytes,
            next,
        };
        Ok((done, position))
    }
}

/// Nobody is in the group, and nobody has begun.
fn refuse_if_begun(survey: &Survey) -> Result<(), Failed> {
    reset::refuse_if_in_use(survey)?;
    let mut wrong = Vec::new();
    for (partition, committed) in (0..).zip(survey.committed()?) {
        let what = match () {
            () if committed.is_some() => "a committed position",
            () if !survey.snapshots(partition)?.is_empty() => "snapshots",
            () if survey.marks_end(partition).is_some_and(|end| end > 0) => "marks",
            () => continue,
        };
        wrong.push(format!("partition {partition} has {what} already"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.push(format!(
        "history comes before the first start of the group {}: import it under another run.group, or delete what this one has",
        survey.config.group
    ));
    Err(Failed::Refused(wrong))
}

/// The time of a partition's first record, where there is one.
fn begins(survey: &Survey, consumer: &BaseConsumer, partition: i32) -> Result<Option<Millis>, Fault> {
    let topic = &survey.config.raw_topic;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning)?;
    consumer.assign(&list)?;
    let until = Instant::now() + TIMEOUT;
    while Instant::now() < until {
        match consumer.poll(POLL) {
            Some(Ok(message)) if message.partition() == partition => return Ok(message.timestamp().to_millis()),
            Some(Err(KafkaError::PartitionEOF(ended))) if ended == partition => return Ok(None),
            _ => {}
        }
    }
    Err(Fault::Kafka(format!("the first record of {topic} partition {partition} did not come")))
}
