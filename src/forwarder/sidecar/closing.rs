//! The end: waits for what is under way, commits what is settled, leaves the group; all before one deadline.

use rdkafka::consumer::{CommitMode, Consumer as _};
use tokio::time::{self, Instant};

use super::Sidecar;
use crate::forwarder::fault::Error;
use crate::forwarder::kafka;

impl Sidecar {
    pub(super) async fn close(mut self) -> Result<(), Error> {
        let (stop_timeout, stopped) = (self.config.stop_timeout, Instant::now());
        self.core.handle_stop();
        // The rest is for the commit, without which what is delivered now would come again.
        self.come_home(stopped + stop_timeout * 4 / 5).await?;
        self.report();
        let left = self.core.standing(std::time::Instant::now());
        tracing::info!(undelivered = left.held, in_flight = left.in_flight_messages, "stopping");
        let leaving = tokio::task::spawn_blocking(move || self.leave());
        match time::timeout_at(stopped + stop_timeout, leaving).await {
            Ok(left) => left?,
            Err(_) => Err(Error::StopTimeout(stop_timeout)),
        }
    }

    async fn come_home(&mut self, deadline: Instant) -> Result<(), Error> {
        loop {
            self.act()?;
            if self.core.is_idle() {
                return Ok(());
            }
            tokio::select! {
                () = time::sleep_until(deadline) => return Ok(()),
                Some(done) = self.requests.join_next() => self.handle_outcome(done?),
                Some(done) = self.burials.join_next() => self.handle_burial(done?)?,
                Some(done) = self.committing.join_next() => self.handle_commit(done?),
            }
        }
    }

    /// Commits what is settled, and leaves the group. Blocks.
    fn leave(mut self) -> Result<(), Error> {
        // Of a commit that is still under way nobody hears any more: it is part of this one.
        self.core.handle_commit_failed();
        let commits = self.core.take_commits();
        let committed = match commits.is_empty() {
            true => Ok(()),
            false => kafka::commit(&self.consumer, &self.config.topic, &commits, CommitMode::Sync),
        };
        self.consumer.context().close();
        // A rebalance that still waits for our answer would keep the consumer from closing.
        if let Some(partitions) = self.assigning.take() {
            self.consumer.incremental_assign(&partitions)?;
        }
        if let Some(leaving) = self.leaving.take() {
            self.consumer.incremental_unassign(&leaving.partitions)?;
        }
        Ok(committed?)
    }
}
