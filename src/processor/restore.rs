//! How a partition that was given to us comes back to its committed position: which snapshot, which marks, what to
//! replay, or why not. It runs beside the worker, on a thread of its own, and only reads.
//! It must not know what the blocks it hands over mean.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::batch::Committed;
use super::config::OnTrouble;
use super::group::Member;
use super::marks::{self, MarksError, Noted};
use super::position::{Foreign, Position};
use super::snapshots::{StoreOrDamage, playbook_file, read_chain};
use super::stage::{Edition, Editions};
use super::{Config, raw};
use crate::storage::{Contents, SnapshotId, Store, Unreadable};

/// Why a partition is not processed. Each says the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error(
        "the committed position {offset} can't be taken over: {cause}. To go on from it all the same, with what snapshots hold: `kairos reset --to committed`; from somewhere else: `--to snapshot` or `--to offset=N`"
    )]
    Foreign { offset: i64, cause: Foreign },
    #[error(
        "there is no committed position, but {what}: beginning anew would send everything a second time. `kairos reset --to snapshot` goes on from the newest snapshot, `--to offset=N` from an offset"
    )]
    NoCommit { what: &'static str },
    #[error(
        "the playbook here has revision {ours}, but the partition was last processed under revision {theirs}: deploy the newer playbook here too, or raise `revision` in the older one if it is meant to win"
    )]
    Superseded { ours: u64, theirs: u64 },
    #[error(
        "the raw topic had {was} partitions and has {now}: users have moved between partitions, away from their histories. To accept split histories set `on_growth = \"continue\"` under [run]"
    )]
    Growth { was: i32, now: i32 },
    #[error(
        "no snapshot can be used ({snapshots}) and {log}, so the state can't be had again. Restore the snapshots, or give the history up: `kairos reset --to committed`"
    )]
    NoWayBack { snapshots: String, log: String },
    #[error(
        "{0}, so the state can't be had again exactly. `kairos reset --to committed` goes on without what the marks said"
    )]
    Marks(String),
    #[error(
        "the log ends at {end}, before the committed position {next}: the topic was made anew or cut. `kairos reset --to offset={end}` goes on with what is there"
    )]
    BeyondEnd { end: i64, next: i64 },
    #[error(
        "records from {next} on are gone from the log before they were read: it now begins at {low}. To go on without them set `on_gap = \"continue\"` under [run], or `kairos reset --to offset={low}`"
    )]
    Gap { next: i64, low: i64 },
    #[error(
        "the snapshot {id} can't be read: {cause}. Run the newer Kairos that wrote it, or go on without it: `kairos reset --to committed`"
    )]
    NewerFormat { id: String, cause: Unreadable },
    #[error("the engine does not take its own snapshots: {0}")]
    Damage(String),
}

impl Stop {
    /// Ends the whole run, not only this partition.
    pub fn is_for_all(&self) -> bool {
        matches!(self, Self::Growth { .. })
    }
}

/// Where a partition begins and what is done again in silence.
#[derive(Debug)]
pub struct Plan {
    /// The state that the blocks hold, or that of a new stage.
    pub from: Position,
    /// As committed; `None`: nothing was ever done.
    pub target: Option<Position>,
    pub committed: Committed,
    pub marks: VecDeque<Noted>,
}

/// What the restoring thread hands over, in order.
pub enum Step {
    /// Make a stage of this edition.
    Begin(Arc<Edition>, Option<SnapshotId>),
    Block(Vec<u8>),
    Ready(Box<Plan>),
    Stopped(Stop),
}

/// All that a restore reads from.
#[derive(Clone)]
pub struct Sources {
    pub config: Arc<Config>,
    pub consumer: Arc<BaseConsumer<Member>>,
    pub store: Arc<Store>,
    pub editions: Arc<Editions>,
    pub partitions: i32,
}

/// Starts to restore a partition. `unusable`: snapshots that were tried and whose blocks the engine refused.
pub fn start(sources: Sources, partition: i32, unusable: Vec<SnapshotId>, wake: Thread) -> Receiver<Step> {
    // Few: what is read ahead lies in memory.
    let (tell, steps) = sync_channel(4);
    let work = move || {
        let mut wait = Duration::from_millis(50);
        let tell = Teller { tell, wake };
        // Ends also when the worker no longer listens: the partition was taken away.
        while let Some(cause) = restore(&sources, partition, &unusable, &tell) {
            tracing::warn!(partition, cause, "restoring is tried again");
            std::thread::sleep(wait);
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    };
    let name = format!("restore-{partition}");
    std::thread::Builder::new().name(name).spawn(work).expect("the system has a thread for us");
    steps
}

pub(super) struct Teller {
    pub tell: SyncSender<Step>,
    pub wake: Thread,
}

impl Teller {
    fn step(&self, step: Step) -> Result<(), Failed> {
        let sent = self.tell.send(step).map_err(|_| Failed::NotWanted);
        self.wake.unpark();
        sent
    }
}

#[derive(Debug)]
pub(super) enum Failed {
    Stop(Stop),
    /// May be better next time.
    Now(String),
    NotWanted,
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// The cause, when it is to be tried again.
fn restore(sources: &Sources, partition: i32, unusable: &[SnapshotId], tell: &Teller) -> Option<String> {
    match go(sources, partition, unusable, tell) {
        Ok(()) | Err(Failed::NotWanted) => None,
        Err(Failed::Now(cause)) => {
            // An empty block does nothing; it fails when nobody waits for us any more.
            tell.step(Step::Block(Vec::new())).ok().map(|()| cause)
        }
        Err(Failed::Stop(stop)) => {
            let _not_wanted = tell.step(Step::Stopped(stop));
            None
        }
    }
}

fn go(sources: &Sources, partition: i32, unusable: &[SnapshotId], tell: &Teller) -> Result<(), Failed> {
    let topic = &sources.config.raw_topic;
    // A time-out here means a pending transaction: it is asked again, and never means that there is none.
    let committed = raw::committed(&sources.consumer, topic, &[partition], TIMEOUT).map_err(Failed::Now)?;
    let committed = committed.into_iter().next().and_then(|(_, committed)| committed);
    from_committed(sources, partition, committed, unusable, tell)
}

/// The way back to what is committed.
pub(super) fn from_committed(
    sources: &Sources,
    partition: i32,
    committed: Committed,
    unusable: &[SnapshotId],
    tell: &Teller,
) -> Result<(), Failed> {
    let topic = &sources.config.raw_topic;
    let (low, end) = sources
        .consumer
        .fetch_watermarks(topic, partition, TIMEOUT)
        .map_err(|error| Failed::Now(format!("the ends of {topic} partition {partition}: {error}")))?;
    let Some((next, metadata)) = committed else {
        return fresh(sources, partition, low, tell);
    };
    let target = Position::decode(next, &metadata).map_err(|cause| Stop::Foreign { offset: next, cause })?;
    let now = sources.editions.current();
    check(&sources.config, &target, &now, sources.partitions, end)?;
    let Usable { id, chain, why } = newest_usable(sources, partition, &target, unusable)?;
    let from = if id.is_some() { position_of(&chain)? } else { beginning(target.first, &target) };
    if low > from.next && from.next < target.next {
        let log = format!("the log begins at {low}, after {}", from.next);
        return Err(Stop::NoWayBack { snapshots: why, log }.into());
    }
    if from.fingerprint != target.fingerprint {
        tracing::warn!(
            partition,
            "what is replayed from before a change of the playbook is replayed under the newer one"
        );
    }
    let marks = marks_between(&sources.config, partition, &from, &target)?;
    tell.step(Step::Begin(edition_of(sources, &target, &now), id))?;
    for block in chain.into_iter().flat_map(|contents| contents.blocks) {
        tell.step(Step::Block(block))?;
    }
    let plan = Plan { from, target: Some(target), committed: Some((next, metadata)), marks };
    tell.step(Step::Ready(Box::new(plan)))
}

/// Only where there is neither commit nor snapshot nor mark.
fn fresh(sources: &Sources, partition: i32, low: i64, tell: &Teller) -> Result<(), Failed> {
    let entries = sources.store.list(&partition.to_string()).map_err(|error| Failed::Now(error.to_string()))?;
    if !entries.is_empty() {
        return Err(Stop::NoCommit { what: "a snapshot" }.into());
    }
    if !read_marks(&sources.config, partition, None, None)?.is_empty() {
        return Err(Stop::NoCommit { what: "a mark" }.into());
    }
    let edition = sources.editions.current();
    let like = Position {
        fingerprint: edition.fingerprint.clone(),
        revision: edition.revision,
        partitions: sources.partitions,
        ..Position::default()
    };
    let plan = Plan { from: beginning(low, &like), target: None, committed: None, marks: VecDeque::new() };
    tell.step(Step::Begin(edition, None))?;
    tell.step(Step::Ready(Box::new(plan)))
}

fn beginning(first: i64, like: &Position) -> Position {
    Position {
        next: first,
        first,
        fingerprint: like.fingerprint.clone(),
        revision: like.revision,
        partitions: like.partitions,
        ..Position::default()
    }
}

fn check(config: &Config, target: &Position, now: &Edition, partitions: i32, end: i64) -> Result<(), Stop> {
    if target.revision > now.revision && target.fingerprint != now.fingerprint {
        return Err(Stop::Superseded { ours: now.revision, theirs: target.revision });
    }
    if target.partitions != partitions && config.on_growth == OnTrouble::Stop {
        return Err(Stop::Growth { was: target.partitions, now: partitions });
    }
    if target.next > end {
        return Err(Stop::BeyondEnd { end, next: target.next });
    }
    Ok(())
}

/// A snapshot with all it rests on, base first; nothing where there is none, and what was wrong with those named.
struct Usable {
    id: Option<SnapshotId>,
    chain: Vec<Contents>,
    why: String,
}

/// The newest snapshot that the position names and that is whole.
fn newest_usable(
    sources: &Sources,
    partition: i32,
    target: &Position,
    unusable: &[SnapshotId],
) -> Result<Usable, Failed> {
    let mut why = Vec::new();
    for id in target.snapshots.iter().filter(|id| id.offset <= target.next) {
        if unusable.contains(id) {
            why.push(format!("{id}: its blocks do not read"));
            continue;
        }
        match read_chain(&sources.store, partition, id) {
            Ok(chain) => return Ok(Usable { id: Some(id.clone()), chain, why: String::new() }),
            Err(StoreOrDamage::Store(error)) => return Err(Failed::Now(error.to_string())),
            Err(StoreOrDamage::Damage(cause @ Unreadable::Newer(_))) => {
                return Err(Stop::NewerFormat { id: id.to_string(), cause }.into());
            }
            Err(StoreOrDamage::Damage(damage)) => {
                tracing::warn!(partition, snapshot = %id, %damage, "a snapshot can't be used; trying an older one, else the log");
                why.push(format!("{id}: {damage}"));
            }
        }
    }
    let why = if why.is_empty() { "none is named".to_owned() } else { why.join("; ") };
    Ok(Usable { id: None, chain: Vec::new(), why })
}

fn position_of(chain: &[Contents]) -> Result<Position, Stop> {
    let header = &chain.last().expect("a chain has its own snapshot at least").header;
    Position::decode(header.offset, header.position.as_bytes()).map_err(|cause| Stop::Damage(cause.to_string()))
}

/// All marks from one position to the other: a missing one is an error.
fn marks_between(
    config: &Arc<Config>,
    partition: i32,
    from: &Position,
    to: &Position,
) -> Result<VecDeque<Noted>, Failed> {
    if from.marks == to.marks {
        return Ok(VecDeque::new());
    }
    let mut marks: VecDeque<_> = read_marks(config, partition, from.last_mark, to.last_mark)?.into();
    marks.retain(|noted| noted.number > from.marks && noted.number <= to.marks);
    let whole = marks.iter().map(|noted| noted.number).eq(from.marks + 1..=to.marks);
    if whole {
        return Ok(marks);
    }
    let (first, last, topic) = (from.marks + 1, to.marks, config.marks_topic());
    Err(Stop::Marks(format!("marks {first} to {last} of partition {partition} are not all in {topic}")).into())
}

fn read_marks(
    config: &Arc<Config>,
    partition: i32,
    after: Option<i64>,
    last: Option<i64>,
) -> Result<Vec<Noted>, Failed> {
    marks::read(config, partition, after, last).map_err(|error| match error {
        MarksError::Unavailable(cause) => Failed::Now(cause),
        MarksError::Gone(cause) => Failed::Stop(Stop::Marks(cause)),
    })
}

/// What was done under another playbook is done again under that one, where its text is still there; the state is
/// carried over afterwards.
pub fn edition_of(sources: &Sources, target: &Position, now: &Arc<Edition>) -> Arc<Edition> {
    if target.fingerprint == now.fingerprint {
        return Arc::clone(now);
    }
    let text = sources.store.get(&playbook_file(&target.fingerprint)).ok().flatten();
    let old = text.and_then(|text| String::from_utf8(text).ok()).and_then(|text| sources.editions.of_text(&text));
    old.unwrap_or_else(|| {
        tracing::warn!(
            fingerprint = target.fingerprint,
            "the text of the playbook that was in force is not there; what is replayed is replayed under the present one"
        );
        Arc::clone(now)
    })
}
