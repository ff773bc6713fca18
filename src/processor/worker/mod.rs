//! A worker: one thread, one consumer, one transactional producer, the stages of its partitions.
//!
//! A turn: serve the group, take its generation, step what is there, and when it is time bring all of it to a commit.
//! Nothing is stepped while a commit is under way, so that after it every stage stands at its committed position.

mod assignment;
mod growth;
mod period;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::batch::Batch;
use super::kafka::{Kafka, is_fenced};
use super::look_up::Question;
use super::observe::Observer;
use super::partition::{Life, Partition, Reading, Restored, Shared, Turn};
use super::position::{Position, SNAPSHOTS_NAMED};
use super::raw;
use super::restore::Sources;
use super::snapshots::{Fresh, Job, Writer};
use super::transaction::{self, GaveUp, Outcome};
use super::{Fault, Shutdown};
use crate::engine::Progress;
use period::Period;

/// A position that moved is committed at least this often.
const POSITION_EVERY: Duration = Duration::from_secs(1);
/// The longest sleep: whatever does not wake the thread is looked at this often.
const NAP: Duration = Duration::from_millis(50);
/// How long the last snapshots may take when the process is told to stop.
const LAST_SNAPSHOTS: Duration = Duration::from_secs(15);
/// How long after an outage being fenced is taken for a consequence of it.
const OUTAGE_REMEMBERED: Duration = Duration::from_secs(60);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

pub struct Worker {
    pub sources: Sources,
    pub shared: Shared,
    pub kafka: Kafka,
    pub writer: Writer,
    pub observer: Arc<dyn Observer>,
    pub shutdown: Shutdown,
    pub look_ups: Receiver<Question>,
    pub partitions: BTreeMap<i32, Partition>,
    pub batch: Batch,
    births: u64,
    period: Period,
    reported_at: Instant,
    growth_asked_at: Instant,
}

impl Worker {
    pub fn new(
        sources: Sources,
        shared: Shared,
        kafka: Kafka,
        writer: Writer,
        observer: Arc<dyn Observer>,
        shutdown: Shutdown,
        look_ups: Receiver<Question>,
    ) -> Self {
        let now = Instant::now();
        Self {
            sources,
            shared,
            kafka,
            writer,
            observer,
            shutdown,
            look_ups,
            partitions: BTreeMap::new(),
            batch: Batch::default(),
            births: 0,
            period: Period::since(now),
            reported_at: now,
            growth_asked_at: now,
        }
    }

    /// Until told to stop. Then everything stepped is committed, snapshots are cut and named.
    pub fn run(mut self) -> Result<(), Fault> {
        let ended = self.work();
        if ended.is_err() {
            self.partitions.keys().for_each(|partition| self.observer.gone(*partition));
        }
        match ended {
            // What was done before the topic grew is good.
            Err(grown @ Fault::Grown(_)) => self.leave().and(Err(grown)),
            ended => ended.and_then(|()| self.leave()),
        }
    }

    fn work(&mut self) -> Result<(), Fault> {
        while !self.shutdown.is_stopping() {
            self.serve_group()?;
            self.look_for_growth()?;
            let began = !self.batch.is_empty() || self.reading().any(|reading| reading.moved);
            self.kafka.take_generation_unless(began);
            let worked = self.turns()?;
            self.answer_look_ups();
            self.snapshots();
            let wait = self.commit_when_due()?;
            self.take_over_edition()?;
            self.report();
            if !worked {
                std::thread::park_timeout(wait.min(NAP));
            }
        }
        Ok(())
    }

    fn serve_group(&mut self) -> Result<(), Fault> {
        self.kafka.poll().map_err(|error| self.ended(error.into()))?;
        self.take_changes();
        Ok(())
    }

    /// What this client says of its end, if it says anything.
    fn ended(&self, otherwise: Fault) -> Fault {
        match self.kafka.consumer.client().fatal_error() {
            Some((code, text)) if is_fenced(code) => self.fenced(text),
            Some((_, text)) => Fault::Kafka(text),
            None => otherwise,
        }
    }

    /// After an outage the rival may be our own past self: a broker that comes back may have given our place in the group
    /// to a request of ours whose answer was lost. A rival that lives fences us when no broker was away.
    fn fenced(&self, text: String) -> Fault {
        if self.kafka.consumer.context().had_outage_within(OUTAGE_REMEMBERED) {
            Fault::Disowned(text)
        } else {
            Fault::Fenced(text)
        }
    }

    /// One turn for each partition. True when there may be more to do at once.
    fn turns(&mut self) -> Result<bool, Fault> {
        let numbers: Vec<i32> = self.partitions.keys().copied().collect();
        let mut worked = false;
        for number in numbers {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            let turn = match &mut partition.life {
                Life::Stopped(_) => continue,
                Life::Restoring(restoring) => {
                    let restored = restoring.turn(number, self.sources.partitions);
                    worked |= !matches!(restored, Restored::Waiting);
                    self.restored(number, restored)?;
                    continue;
                }
                Life::Reading(reading) => reading.turn(&self.shared, &mut self.batch),
            };
            worked |= turn != Turn::Rested;
            match turn {
                Turn::Rested => self.idle_turn(number),
                Turn::Worked => {}
                // Others are served in the next round; this one goes on where it was.
                Turn::Full => self.commit()?,
                Turn::Live => self.live(number),
                Turn::Gap => self.gap(number)?,
            }
        }
        Ok(worked)
    }

    fn idle_turn(&mut self, number: i32) {
        let Some(Partition { life: Life::Reading(reading), .. }) = self.partitions.get_mut(&number) else { return };
        let (consumer, topic) = (&self.kafka.consumer, &self.shared.config.raw_topic);
        let confirm = |end: i64| {
            let stable = consumer.fetch_watermarks(topic, number, CONFIRM_TIMEOUT).map(|(_, stable)| stable);
            let written = raw::seen_watermarks(consumer, topic, number).map(|(_, high)| high);
            stable == Ok(end) && written == Some(end)
        };
        let progress = reading.idle_turn(&self.shared, &mut self.batch, confirm);
        if progress == Progress::Full {
            tracing::debug!(partition = number, "a minute of the idle clock goes over several transactions");
        }
    }

    /// Commits when there is something to say and it is time; else how long until then.
    fn commit_when_due(&mut self) -> Result<Duration, Fault> {
        let interval = self.shared.config.commit_interval;
        let moved = self.reading().any(|reading| reading.moved);
        let every = match self.batch.messages.is_empty() {
            false => interval,
            true if moved => POSITION_EVERY,
            true => return Ok(NAP),
        };
        let wait = self.period.left(every, Instant::now());
        if wait.is_zero() || self.batch.is_full() {
            self.commit()?;
        }
        Ok(wait)
    }

    pub fn commit(&mut self) -> Result<(), Fault> {
        let mut batch = std::mem::take(&mut self.batch);
        for reading in self.reading() {
            reading.collect(&mut batch);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let (started, messages) = (Instant::now(), batch.messages.len());
        let _span = tracing::info_span!("batch", records = batch.records, messages).entered();
        let outcome = transaction::send(&mut batch, &mut self.kafka).map_err(|gave_up| match gave_up {
            GaveUp::Fenced(text) => self.fenced(text),
            GaveUp::Told(text) => self.ended(Fault::Kafka(text)),
        })?;
        self.period = Period::after_commit(started, Instant::now(), self.shared.config.commit_interval);
        self.settled(outcome);
        tracing::debug!(took = ?started.elapsed(), "committed");
        self.observer.committed(started.elapsed(), messages);
        // Only now: a partition that was taken while the batch was sent has had its commit noted before it goes.
        self.take_changes();
        Ok(())
    }

    fn settled(&mut self, outcome: Outcome) {
        for (number, (offset, metadata)) in outcome.sent {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            let Life::Reading(reading) = &mut partition.life else { continue };
            let named_before = named(&reading.committed);
            reading.committed(offset, &metadata);
            self.observer.counted(number, &reading.stage.take_counts());
            if reading.now.snapshots.first() != named_before.as_ref() && !reading.now.snapshots.is_empty() {
                self.writer.send(Job::Prune { partition: number, named: reading.now.snapshots.clone() });
            }
            if reading.cutter.is_due() && reading.is_at_rest() {
                reading.cut();
            }
        }
        for number in outcome.astray {
            tracing::warn!(
                partition = number,
                "the committed position is another than this worker's: restoring from it"
            );
            self.kafka.unassign(number);
            self.partitions.remove(&number);
            self.begin(number, Vec::new());
        }
    }

    /// Goes on with cuts, and names what has been written.
    fn snapshots(&mut self) {
        for partition in self.partitions.values_mut() {
            let Life::Reading(reading) = &mut partition.life else { continue };
            reading.settle();
            if let Some(job) = reading.cutter.advance(reading.stage.as_mut(), partition.birth, false) {
                self.writer.send(job);
            }
        }
        while let Ok(written) = self.writer.done.try_recv() {
            self.name(written.partition, written.birth, &written.result);
        }
    }

    fn name(&mut self, number: i32, birth: u64, result: &Result<Fresh, String>) {
        let keep = self.shared.config.snapshots_keep.clamp(1, SNAPSHOTS_NAMED);
        let Some(partition) = self.partitions.get_mut(&number).filter(|partition| partition.birth == birth) else {
            return;
        };
        let Life::Reading(reading) = &mut partition.life else { return };
        reading.cutter.written(result);
        match result {
            Ok(fresh) => {
                tracing::debug!(partition = number, id = %fresh.id, bytes = fresh.bytes, "snapshot");
                self.observer.snapshot(number, fresh.took, fresh.bytes);
                reading.snapshot_at = Some(self.shared.clock.wall());
                reading.name_snapshot(fresh.id.clone(), keep);
            }
            Err(cause) => {
                tracing::error!(partition = number, cause, "a snapshot was not written; the next one will be whole");
                self.observer.snapshot_failed(number);
            }
        }
    }

    /// A playbook that was exchanged is taken over between two batches, on all partitions that are live.
    fn take_over_edition(&mut self) -> Result<(), Fault> {
        let edition = self.sources.editions.current();
        let stale: Vec<i32> = self
            .partitions
            .values()
            .filter(|partition| matches!(&partition.life, Life::Reading(reading) if reading.is_stale(&edition)))
            .map(|partition| partition.number)
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        self.commit()?;
        for number in stale {
            let Some(Partition { life: Life::Reading(reading), birth, .. }) = self.partitions.get_mut(&number) else {
                continue;
            };
            if !reading.is_at_rest() || !reading.is_stale(&edition) {
                continue;
            }
            // What is still being written of the life before is not named any more.
            self.births += 1;
            *birth = self.births;
            match reading.change(&edition) {
                Ok(()) => tracing::info!(partition = number, playbook = edition.fingerprint, "playbook taken over"),
                Err(stop) => self.stop(number, stop)?,
            }
        }
        Ok(())
    }

    fn reading(&mut self) -> impl Iterator<Item = &mut Reading> {
        self.partitions.values_mut().filter_map(|partition| match &mut partition.life {
            Life::Reading(reading) => Some(reading.as_mut()),
            _ => None,
        })
    }

    /// Finish the batch, commit, snapshot, leave.
    fn leave(mut self) -> Result<(), Fault> {
        self.commit()?;
        let until = Instant::now() + LAST_SNAPSHOTS;
        let mut cutting = 0;
        for partition in self.partitions.values_mut() {
            let Life::Reading(reading) = &mut partition.life else { continue };
            if reading.committed.is_none() || !reading.is_at_rest() || self.shutdown.is_urgent() {
                continue;
            }
            if reading.cutter.is_resting() {
                reading.cut();
            }
            if let Some(job) = reading.cutter.advance(reading.stage.as_mut(), partition.birth, true) {
                self.writer.send(job);
            }
            cutting += 1;
        }
        while cutting > 0 && !self.shutdown.is_urgent() {
            let Ok(written) = self.writer.done.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                break;
            };
            self.name(written.partition, written.birth, &written.result);
            cutting -= 1;
        }
        self.kafka.take_generation_unless(false);
        self.commit()?;
        // The queues go before the consumer they belong to.
        self.partitions.clear();
        Ok(())
    }
}

fn named(committed: &super::batch::Committed) -> Option<crate::storage::SnapshotId> {
    let (offset, metadata) = committed.as_ref()?;
    Position::decode(*offset, metadata).ok()?.snapshots.into_iter().next()
}
