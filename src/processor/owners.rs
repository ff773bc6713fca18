//! That every partition has an owner.
//!
//! In a cooperative rebalance a partition that moves has none until the member that gives it away has joined again. A
//! static member that ends in between comes back to its old place: its coordinator sees nothing new, nobody is told to
//! share anything out, and what was given away stays with no one. Who sees that joins the group for a moment, which is
//! a rebalance. It must not know what members do with their partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::group::Member;
use super::kafka::partitions;
use super::members::Members;

/// A rebalance takes owners away as well, but gives others before it is looked at a second time.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(3);
/// Until all members have answered a rebalance.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// A group whose members have stable names, and the topic that they share out.
pub struct Group {
    /// Of a member without a name.
    pub client: ClientConfig,
    pub group: String,
    pub topic: String,
    /// Another topic that we may describe: who is in the group for that one takes no partition from anybody.
    pub other: String,
}

/// The thread that watches. It is told to end when this is dropped, and not waited for: it may wait for a broker that is
/// away, and that must not hold up the end.
pub struct Watching {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

impl Group {
    pub fn watch(self) -> Result<Watching, KafkaError> {
        let looker: BaseConsumer<Member> = self.client.create_with_context(Member::default())?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = move || self.keep_owned(&looker, &stopped);
        let thread = std::thread::Builder::new().name("owners".into()).spawn(watch);
        let thread = thread.expect("the system has a thread for us").thread().clone();
        Ok(Watching { stop, thread })
    }

    fn keep_owned(&self, looker: &BaseConsumer<Member>, stopped: &AtomicBool) {
        let mut before = Vec::new();
        while rested(stopped) {
            // Whatever the client has to say lies there until somebody takes it.
            while looker.poll(Duration::ZERO).is_some() {}
            let unowned = self.unowned(looker).unwrap_or_else(|error| {
                tracing::debug!(%error, group = self.group, "who owns what can't be seen");
                Vec::new()
            });
            if unowned.is_empty() || unowned != before {
                before = unowned;
                continue;
            }
            tracing::warn!(partitions = ?unowned, topic = self.topic, "nobody owns these: the group is made to share out anew");
            if let Err(error) = self.join_for_a_moment(stopped) {
                tracing::warn!(%error, "the group could not be joined; it is tried again");
            }
            before.clear();
        }
    }

    /// Nothing while a rebalance is under way, or where there is no group.
    fn unowned(&self, looker: &BaseConsumer<Member>) -> Result<Vec<i32>, KafkaError> {
        let members = Members::of(looker.client(), &self.group, &self.topic, TIMEOUT)?;
        if !members.is_stable {
            return Ok(Vec::new());
        }
        Ok(members.unowned(partitions(looker, &self.topic, TIMEOUT).unwrap_or_default()))
    }

    /// In, which makes the group share out all there is, and out again.
    fn join_for_a_moment(&self, stopped: &AtomicBool) -> Result<(), KafkaError> {
        let guest: BaseConsumer<Member> = self.client.create_with_context(Member::default())?;
        guest.subscribe(&[&self.other])?;
        let (until, mut last) = (Instant::now() + JOIN_TIMEOUT, None);
        while !stopped.load(Ordering::Relaxed) {
            if guest.context().next_change().is_some() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(last.unwrap_or(KafkaError::Global(RDKafkaErrorCode::OperationTimedOut)));
            }
            if let Some(Err(error)) = guest.poll(POLL) {
                last = Some(error);
            }
        }
        Ok(())
    }
}

/// After a while, unless it is the end.
fn rested(stopped: &AtomicBool) -> bool {
    let until = Instant::now() + LOOK_EVERY;
    while !stopped.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::park_timeout(left);
    }
    false
}
