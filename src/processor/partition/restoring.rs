//! A partition whose state is being brought back: a thread of its own reads, the worker makes and loads the stage.
//! It must not know where snapshots lie.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use crate::processor::restore::{Plan, Step, Stop};
use crate::processor::stage::{Edition, Stage};
use crate::storage::SnapshotId;

/// A partition whose state is being brought back.
pub struct Restoring {
    pub steps: Receiver<Step>,
    made: Option<(Box<dyn Stage>, Arc<Edition>)>,
    snapshot: Option<SnapshotId>,
    /// Snapshots whose blocks were refused before.
    unusable: Vec<SnapshotId>,
}

/// How a restore went on.
pub enum Restored {
    Waiting,
    Working,
    /// Blocks of a snapshot did not read: to be tried without it.
    Refused(Vec<SnapshotId>),
    /// The stage is made and loaded: to be read from `plan.from`.
    Ready(Box<dyn Stage>, Arc<Edition>, Box<Plan>),
    Stopped(Stop),
}

impl Restoring {
    pub fn new(steps: Receiver<Step>, unusable: Vec<SnapshotId>) -> Self {
        Self { steps, made: None, snapshot: None, unusable }
    }

    /// Takes what the restoring thread has ready.
    pub fn turn(&mut self, partition: i32, partitions: i32) -> Restored {
        match self.steps.try_recv() {
            Ok(Step::Begin(edition, snapshot)) => {
                self.made = Some(((edition.make)(partition, partitions), edition));
                self.snapshot = snapshot;
                Restored::Working
            }
            Ok(Step::Block(block)) => self.load(partition, &block),
            Ok(Step::Ready(plan)) => {
                let (mut stage, edition) = self.made.take().expect("the thread begins before it is ready");
                stage.finish_load(&plan.from.fingerprint);
                Restored::Ready(stage, edition, plan)
            }
            Ok(Step::Stopped(stop)) => Restored::Stopped(stop),
            Err(TryRecvError::Empty) => Restored::Waiting,
            Err(TryRecvError::Disconnected) => {
                Restored::Stopped(Stop::Damage("restoring ended without a result".to_owned()))
            }
        }
    }

    fn load(&mut self, partition: i32, block: &[u8]) -> Restored {
        let loaded = match &mut self.made {
            Some((stage, _)) if !block.is_empty() => stage.load(block),
            _ => Ok(()),
        };
        match loaded {
            Ok(()) => Restored::Working,
            Err(damage) => {
                tracing::warn!(partition, %damage, "a snapshot does not read; trying an older one, else the log");
                let mut refused = std::mem::take(&mut self.unusable);
                refused.extend(self.snapshot.take());
                Restored::Refused(refused)
            }
        }
    }
}
