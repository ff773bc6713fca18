//! Another playbook takes over, with all that means the same under it; its first act is a snapshot.
//!
//! Nothing is stepped or committed under it before that snapshot is named. A position of the new playbook that rests on
//! a snapshot of the old one would have the records between them replayed, in silence, under a playbook that was not in
//! force: what it would have said of them would never be sent. It must not know where snapshots lie.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Reading;
use crate::processor::restore::Stop;
use crate::processor::stage::{Edition, carry_over};

/// After a snapshot that was not written.
const AGAIN: Duration = Duration::from_secs(5);

impl Reading {
    pub fn change(&mut self, edition: &Arc<Edition>) -> Result<(), Stop> {
        if !self.cutter.is_resting() {
            self.stage.abandon_cut();
        }
        let mut stage = (edition.make)(self.number, self.now.partitions);
        carry_over(self.stage.as_mut(), &self.edition.fingerprint, stage.as_mut())
            .map_err(|damage| Stop::Damage(damage.to_string()))?;
        self.stage = stage;
        self.edition = Arc::clone(edition);
        self.now.fingerprint.clone_from(&edition.fingerprint);
        self.now.revision = edition.revision;
        self.cutter.restart();
        self.rounds.restart();
        self.unsettled = Some(Instant::now());
        Ok(())
    }

    /// Begins the first snapshot after a change, again and again until one is written.
    pub fn settle(&mut self) {
        if self.cutter.is_resting() && self.unsettled.is_some_and(|due| due <= Instant::now()) {
            self.unsettled = Some(Instant::now() + AGAIN);
            self.cut();
        }
    }
}
