//! Brings a batch to its commit, whatever goes wrong on the way.
//!
//! The batch is sent again as it was until the broker has it; engines are neither stepped nor rolled back meanwhile.
//! After any failure a new producer ends on the broker what the old one left open, and the committed position tells what
//! became of it. There is no second way: a transaction that was aborted and sent again under the same producer was seen
//! to lose messages that the broker had not taken, and joins, leaves and refusals are too rare for the way round to cost.
//! It must not know rdkafka: the calls are behind [`World`], so that each can be made to fail.

use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::{Batch, Committed, Message, Move};

/// What a failed call allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call again.
    Retriable,
    /// This transaction is finished, and perhaps what became of it is unknown.
    Final,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    /// Somebody took over the transactional id.
    pub fenced: bool,
    pub text: String,
}

/// An offset and its metadata as sent, by partition.
pub type Sent = BTreeMap<i32, (i64, String)>;

/// All that a transaction asks of a producer and its group.
pub trait World {
    fn begin(&mut self) -> Result<(), Failure>;
    fn produce(&mut self, message: &Message) -> Result<(), Failure>;
    /// Waits until the broker has every message. The offset of the last mark, by raw partition.
    fn drain(&mut self) -> Result<BTreeMap<i32, i64>, Failure>;
    /// Under the group generation that was taken with the batch, or after the last [`World::serve`].
    fn send_offsets(&mut self, offsets: &Sent) -> Result<(), Failure>;
    fn commit(&mut self) -> Result<(), Failure>;
    /// A new producer under the same name: whatever the old one left open is now committed or aborted.
    fn renew(&mut self) -> Result<(), Failure>;
    /// What the broker holds for these partitions; `None` when it can't be had now.
    fn committed(&mut self, partitions: &[i32]) -> Option<BTreeMap<i32, Committed>>;
    /// Lets the group go on, waits about as long as asked, takes the group's generation anew. Partitions that are no
    /// longer ours; an error when the worker is to give up.
    fn serve(&mut self, wait: Duration) -> Result<Vec<i32>, String>;
    fn now_ms(&self) -> i64;
    fn trouble(&mut self, doing: &'static str, failure: &Failure);
}

/// How a batch ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub sent: Sent,
    /// Stands at neither end of the batch: its engine must go, and be restored from what is there.
    pub astray: Vec<i32>,
}

/// Why a batch could not be brought to an end.
#[derive(Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Another instance took our name, again and again.
    Fenced(String),
    Told(String),
}

/// Why an attempt failed, doing what, and the positions it may have committed.
struct Failed {
    doing: &'static str,
    failure: Failure,
    sent: Sent,
}

/// A rival with our name fences us as often as we come back; a broker that ended a slow transaction does so once.
const FENCED_MAX: u32 = 5;
/// Each call has a time-out of its own.
const CALLS_MAX: u32 = 10;
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Sends the batch until it is committed or nothing of it is left to send.
pub fn send(batch: &mut Batch, world: &mut impl World) -> Result<Outcome, GaveUp> {
    let mut outcome = Outcome::default();
    let mut backoff = BACKOFF_MIN;
    let mut fenced = 0;
    while !batch.is_empty() {
        let Failed { doing, failure, sent } = match attempt(batch, world) {
            Ok(sent) => {
                outcome.sent.extend(sent);
                *batch = Batch::default();
                break;
            }
            Err(failed) => failed,
        };
        world.trouble(doing, &failure);
        fenced += u32::from(failure.fenced);
        if fenced >= FENCED_MAX {
            return Err(GaveUp::Fenced(failure.text));
        }
        settle(batch, world, &sent, &mut outcome)?;
        for lost in world.serve(backoff).map_err(GaveUp::Told)? {
            batch.forget(lost);
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
    Ok(outcome)
}

fn attempt(batch: &Batch, world: &mut impl World) -> Result<Sent, Failed> {
    let before_offsets = |doing| move |failure| Failed { doing, failure, sent: Sent::new() };
    repeat(|| world.begin()).map_err(before_offsets("beginning a transaction"))?;
    for message in &batch.messages {
        repeat(|| world.produce(message)).map_err(before_offsets("producing"))?;
    }
    let marks = world.drain().map_err(before_offsets("producing"))?;
    // An empty transaction is none; a batch of messages always moves a position.
    let sent = offsets(batch, &marks, world.now_ms());
    let end = repeat(|| world.send_offsets(&sent)).map_err(|failure| ("sending positions", failure));
    let end = end.and_then(|()| repeat(|| world.commit()).map_err(|failure| ("committing", failure)));
    match end {
        Ok(()) => Ok(sent),
        Err((doing, failure)) => Err(Failed { doing, failure, sent }),
    }
}

fn offsets(batch: &Batch, marks: &BTreeMap<i32, i64>, now_ms: i64) -> Sent {
    let position = |(partition, moved): (&i32, &Move)| {
        let mut after = moved.after.clone();
        after.wall = now_ms;
        after.last_mark = marks.get(partition).copied().or(after.last_mark);
        (*partition, (after.next, after.encode()))
    };
    batch.moves.iter().map(position).collect()
}

/// Calls again while that is what the error asks for, within a bound: after it the outcome counts as unknown, and the
/// group is served before anything else is tried.
fn repeat(mut call: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    for _ in 0..CALLS_MAX {
        match call() {
            Err(failure) if failure.class == Class::Retriable => std::thread::sleep(Duration::from_millis(1)),
            ended => return ended,
        }
    }
    let text = format!("still to be repeated after {CALLS_MAX} calls");
    Err(Failure { class: Class::Final, fenced: false, text })
}

/// Finds out what became of a transaction: the broker's position is the batch's, the one before, or neither.
fn settle(batch: &mut Batch, world: &mut impl World, sent: &Sent, outcome: &mut Outcome) -> Result<(), GaveUp> {
    let mut backoff = BACKOFF_MIN;
    let mut renewed = false;
    let found = loop {
        renewed = renewed || renew(world);
        let asked: Vec<_> = batch.moves.keys().copied().collect();
        if let Some(found) = renewed.then(|| world.committed(&asked)).flatten() {
            break found;
        }
        for lost in world.serve(backoff).map_err(GaveUp::Told)? {
            batch.forget(lost);
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    };
    for (partition, committed) in found {
        let Some(moved) = batch.moves.get(&partition) else { continue };
        match sent.get(&partition) {
            Some((offset, metadata)) if committed == Some((*offset, metadata.clone().into_bytes())) => {
                outcome.sent.insert(partition, (*offset, metadata.clone()));
                batch.forget(partition);
            }
            _ if committed == moved.before => {}
            _ => {
                outcome.astray.push(partition);
                batch.forget(partition);
            }
        }
    }
    Ok(())
}

fn renew(world: &mut impl World) -> bool {
    let renewed = world.renew();
    if let Err(failure) = &renewed {
        world.trouble("starting a new producer", failure);
    }
    renewed.is_ok()
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
