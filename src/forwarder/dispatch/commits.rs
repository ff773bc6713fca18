//! What the core says and hears of commits and positions. Knows nothing of how they reach the broker.

use super::{Commit, Dispatch, Partition};

impl Dispatch {
    /// For the partitions in which something was settled since this was last asked.
    pub fn take_commits(&mut self) -> Vec<Commit> {
        let moved = |(id, p): (&i32, &mut Partition)| p.offsets.take_commit(*id);
        self.partitions.iter_mut().filter_map(moved).collect()
    }

    /// All that [`take_commits`](Self::take_commits) gave is committed.
    pub fn handle_committed(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.offsets.committed());
    }

    pub fn handle_commit_failed(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.offsets.commit_failed());
    }

    /// The log has nothing between what was read and this offset any more.
    pub fn handle_skipped(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.offsets.skip_to(offset);
        }
    }

    /// Of each partition, the next offset to read.
    pub fn positions(&self) -> Vec<(i32, i64)> {
        self.partitions.iter().map(|(id, partition)| (*id, partition.offsets.position())).collect()
    }
}
