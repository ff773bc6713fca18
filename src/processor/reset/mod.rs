//! Puts a group's positions where an operator says, with the state that belongs there: the one way past a partition
//! that has stopped. The state is made here, once, and left as a snapshot at the new position, which the commit names:
//! whoever takes the partition next has nothing to decide. It must not know why anybody resets.

mod place;
mod rebuild;
mod said;

use std::sync::Arc;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::members::Holder;
use super::position::Position;
use super::stage::Editions;
use super::survey::Survey;
use super::{Config, Fault};
use place::{Look, Place};

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The offset that is committed, whoever committed it.
    Committed,
    /// The newest snapshot that reads.
    Snapshot,
    Offset(i64),
}

#[derive(Debug, Clone)]
pub struct Request {
    pub to: To,
    /// What lies between the snapshot and the place asked for is said once more, instead of replayed in silence.
    pub emit: bool,
    /// Empty: all that have anything to reset.
    pub partitions: Vec<i32>,
}

/// What was done to one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub partition: i32,
    /// The offset committed before.
    pub was: Option<i64>,
    /// Where it goes on.
    pub next: i64,
    /// Where the state comes from, and what is missing in it.
    pub how: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// All reasons at once; nothing was changed.
    #[error("nothing was changed:\n{}", .0.iter().map(|why| format!("  - {why}")).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<String>),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Looks at everything first; writes snapshots; commits all positions at once, last.
pub fn reset(config: Config, editions: Arc<Editions>, request: &Request) -> Result<Vec<Done>, Failed> {
    let survey = Survey::open(config)?;
    refuse_if_in_use(&survey)?;
    let places = places(&survey, request)?;
    let sources = survey.sources(editions);
    let (mut done, mut positions) = (Vec::new(), Vec::new());
    for place in places {
        let rebuilt = rebuild::rebuild(&survey, &sources, &place)?;
        let (partition, was, next) = (place.partition, place.was, rebuilt.position.next);
        positions.push((partition, rebuilt.position));
        done.push(Done { partition, was, next, how: [place.how, rebuilt.how].concat() });
    }
    commit(&survey, &positions)?;
    Ok(done)
}

/// All at once. The broker refuses it while the group has members: one that joined meanwhile keeps what is its own.
pub fn commit(survey: &Survey, positions: &[(i32, Position)]) -> Result<(), Fault> {
    let mut list = TopicPartitionList::new();
    for (partition, position) in positions {
        let mut element = list.add_partition(&survey.config.raw_topic, *partition);
        element.set_offset(Offset::Offset(position.next))?;
        element.set_metadata(position.encode());
    }
    let told =
        |error| format!("the broker did not say that it took the positions ({error}): `kairos state` shows whether");
    survey.consumer.commit(&list, CommitMode::Sync).map_err(|error| Fault::Kafka(told(error)))
}

/// What is to be changed must belong to nobody at the moment.
pub fn refuse_if_in_use(survey: &Survey) -> Result<(), Failed> {
    let live: Vec<String> = survey.holders()?.iter().map(Holder::to_string).collect();
    if live.is_empty() {
        return Ok(());
    }
    let why = format!(
        "the group {} has live members ({}): stop them first; one with a name stays a member until its session time-out (10 s unless set), however it ended",
        survey.config.group,
        live.join(", ")
    );
    Err(Failed::Refused(vec![why]))
}

/// Where each partition goes, or everything that stands against it.
fn places(survey: &Survey, request: &Request) -> Result<Vec<Place>, Failed> {
    let count = survey.partitions;
    let named = !request.partitions.is_empty();
    let mut wrong: Vec<String> = request
        .partitions
        .iter()
        .filter(|partition| !(0..count).contains(partition))
        .map(|partition| format!("there is no partition {partition}: the raw topic has {count}, from 0 on"))
        .collect();
    if matches!(request.to, To::Offset(_)) && !named && count > 1 {
        wrong.push("an offset means something in one partition only: say which with `--partition`".to_owned());
    }
    if !wrong.is_empty() {
        return Err(Failed::Refused(wrong));
    }
    let committed = survey.committed()?;
    let mut looks = Vec::new();
    for (partition, committed) in (0..count).zip(committed) {
        if named && !request.partitions.contains(&partition) {
            continue;
        }
        let snapshots = survey.snapshots(partition)?;
        let has_marks = survey.marks_end(partition).is_some_and(|end| end > 0);
        if !named && committed.is_none() && snapshots.is_empty() && !has_marks {
            // It has done nothing yet, and begins anew by itself.
            continue;
        }
        looks.push(Look { partition, committed, ends: survey.ends(partition)?, snapshots });
    }
    let said = said::said(survey, request, &looks)?;
    let mut places = Vec::new();
    for look in looks {
        match place::place(survey, request, look, &said)? {
            Ok(place) => places.push(place),
            Err(why) => wrong.push(why),
        }
    }
    if places.is_empty() && wrong.is_empty() {
        wrong.push(format!(
            "the group {} has neither positions nor snapshots: it begins anew by itself",
            survey.config.group
        ));
    }
    if wrong.is_empty() { Ok(places) } else { Err(Failed::Refused(wrong)) }
}
