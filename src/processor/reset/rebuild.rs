//! The state at a place: a snapshot's, or a new one, and what the log has from there on, replayed in silence; left
//! behind as a snapshot of its own. It must not know which place is wanted, or why.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::place::Place;
use crate::engine::{Input, Mark, Progress, Record};
use crate::processor::Fault;
use crate::processor::group::Member;
use crate::processor::marks::{self, MarksError, Noted};
use crate::processor::position::Position;
use crate::processor::restore::{Sources, edition_of};
use crate::processor::snapshots::{self, keep_playbook};
use crate::processor::stage::Stage;
use crate::processor::survey::Survey;

/// How long the log may give nothing at all before its end.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub struct Rebuilt {
    pub position: Position,
    pub how: Vec<String>,
}

pub fn rebuild(survey: &Survey, sources: &Sources, place: &Place) -> Result<Rebuilt, Fault> {
    let (low, _) = place.ends;
    let now = sources.editions.current();
    let mut how = Vec::new();
    let (mut at, chain) = place.base.clone().unwrap_or_else(|| (begin(place, low), Vec::new()));
    let edition = if place.base.is_some() { edition_of(sources, &at, &now) } else { now };
    let mut stage = (edition.make)(place.partition, survey.partitions);
    for block in chain.into_iter().flat_map(|contents| contents.blocks) {
        stage.load(&block).map_err(|damage| Fault::Kafka(format!("partition {}: {damage}", place.partition)))?;
    }
    stage.finish_load(&at.fingerprint);
    how.push(match &place.base {
        Some((position, _)) => format!("state of the snapshot at {}", position.next),
        None => format!("a new state from {low} on: what was known before is given up"),
    });
    if at.next < low {
        how.push(format!("records {} to {low} are gone from the log and missing in it", at.next));
    }
    let marks = known_marks(survey, place, &at, &mut how)?;
    let from = at.next.max(low);
    if from < place.live {
        let replayed = replay(survey, place, from, stage.as_mut(), &marks, &mut at)?;
        how.push(format!("{replayed} records from {from} to {} replayed with nothing sent", place.live));
    }
    let newest_mark = marks.last().map_or(0, |mark| mark.number);
    at.next = place.live;
    // Beyond all that were ever noted: those of now must not be taken for those of then.
    at.marks = newest_mark.max(at.marks).max(place.ours.as_ref().map_or(0, |ours| ours.marks));
    at.last_mark = survey.marks_end(place.partition).filter(|end| *end > 0).map(|end| end - 1).or(at.last_mark);
    at.clock = stage.clock();
    at.cursor = None;
    at.fingerprint.clone_from(&edition.fingerprint);
    at.revision = edition.revision;
    at.partitions = survey.partitions;
    keep_playbook(&survey.store, &edition)?;
    keep(survey, place, stage.as_mut(), at, &mut how)
}

fn begin(place: &Place, low: i64) -> Position {
    let first = place.ours.as_ref().map_or(low, |ours| ours.first.max(low));
    Position { next: low, first, ..Position::default() }
}

/// All marks from the state on. What can't be had is missing in the state, and is said.
fn known_marks(survey: &Survey, place: &Place, at: &Position, how: &mut Vec<String>) -> Result<Vec<Noted>, Fault> {
    let (config, partition) = (&survey.config, place.partition);
    let read = match marks::read(config, partition, at.last_mark, None) {
        // Behind where its topic begins now: what is still there.
        Err(MarksError::Gone(_)) => marks::read(config, partition, None, None),
        read => read,
    };
    let mut marks = match read {
        Ok(marks) => marks,
        Err(MarksError::Unavailable(cause)) => return Err(Fault::Kafka(cause)),
        Err(MarksError::Gone(cause)) => {
            how.push(format!("without marks: {cause}"));
            Vec::new()
        }
    };
    marks.retain(|mark| mark.number > at.marks);
    let known = place.ours.as_ref().map_or(0, |ours| ours.marks).saturating_sub(at.marks);
    let missing = known.saturating_sub(marks.len() as u64);
    if missing > 0 {
        how.push(format!("{missing} marks are gone: what they said is missing in it"));
    }
    Ok(marks)
}

/// Steps all that lies between; the number of records.
fn replay(
    survey: &Survey,
    place: &Place,
    from: i64,
    stage: &mut dyn Stage,
    marks: &[Noted],
    at: &mut Position,
) -> Result<u64, Fault> {
    let consumer: BaseConsumer<Member> = survey.config.consumer(None).create_with_context(Member::default())?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&survey.config.raw_topic, place.partition, Offset::Offset(from))?;
    consumer.assign(&list)?;
    let (mut actions, mut records, mut heard) = (Vec::new(), 0, Instant::now());
    let mut marks = marks.iter().filter(|noted| was_before(noted, place)).peekable();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) if message.offset() >= place.live => break,
            Some(Ok(message)) => {
                heard = Instant::now();
                records += 1;
                while let Some(noted) = marks.next_if(|noted| noted.at <= message.offset()) {
                    note(noted, stage, at);
                }
                let time = message.timestamp().to_millis().or_else(|| stage.clock()).unwrap_or(0);
                let record = Record { offset: message.offset(), time, key: message.key(), value: message.payload() };
                while stage.step(Input::Record(record), usize::MAX, &mut actions) == Progress::Full {}
                actions.clear();
                at.last_record = Some(stage.clock().map_or(time, |clock| time.min(clock)));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error))
                if error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::AutoOffsetReset) =>
            {
                return Err(Fault::Kafka(format!("partition {}: the log changed while it was read", place.partition)));
            }
            Some(Err(_)) | None if heard.elapsed() < SILENCE_MAX => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Fault::Kafka(format!("partition {} gives no records", place.partition))),
        }
    }
    marks.for_each(|noted| note(noted, stage, at));
    Ok(records)
}

fn note(noted: &Noted, stage: &mut dyn Stage, at: &mut Position) {
    if let Mark::HoldBack { until, .. } = noted.mark {
        at.hold_back = Some(until);
    }
    stage.step(Input::Mark(noted.mark), usize::MAX, &mut Vec::new());
}

/// Was it noted before the record at the new place? One at that very place may belong to the record itself, which comes
/// again with marks of its own; a committed position that ends there knows by number.
fn was_before(noted: &Noted, place: &Place) -> bool {
    match place.ours_there() {
        Some(ours) => noted.number <= ours.marks,
        None => noted.at < place.live || noted.at == place.live && matches!(noted.mark, Mark::HoldBack { .. }),
    }
}

/// Leaves the state as a whole snapshot, which the position then names.
fn keep(
    survey: &Survey,
    place: &Place,
    stage: &mut dyn Stage,
    mut at: Position,
    how: &mut Vec<String>,
) -> Result<Rebuilt, Fault> {
    let last_commit = place.ours.as_ref().map_or(at.wall, |ours| ours.wall);
    let fresh = snapshots::write_whole(&survey.store, place.partition, stage, &mut at)?;
    how.push(format!("left as snapshot {} ({} bytes)", fresh.id, fresh.bytes));
    // How long nothing was sent counts for a hold-back; not where all is to be said again.
    at.wall = if place.emit { at.wall } else { last_commit };
    if let Some(ours) = place.ours_there() {
        // In the middle of a minute, or with an idle clock: whoever restores goes on there.
        (at.clock, at.cursor) = (ours.clock, ours.cursor.clone());
        at.last_record = ours.last_record;
    }
    Ok(Rebuilt { position: at, how: std::mem::take(how) })
}
