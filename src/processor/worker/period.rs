//! When the next commit is due. It must not know what is committed.

use std::time::{Duration, Instant};

/// The time between two commits, counted from where the last one began, so that a commit's own time lengthens it only
/// where it would leave less than half of it for work.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    began: Instant,
}

impl Period {
    pub fn since(began: Instant) -> Self {
        Self { began }
    }

    /// The one after a commit that took from `began` until now.
    pub fn after_commit(began: Instant, now: Instant, interval: Duration) -> Self {
        Self::since(now.checked_sub(interval / 2).map_or(began, |soonest| began.max(soonest)))
    }

    /// How long until it is over, if it lasts so long. After a quiet time: not at all.
    pub fn left(self, length: Duration, now: Instant) -> Duration {
        length.saturating_sub(now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn left_after_a_commit_of(took: Duration) -> Duration {
        let began = Instant::now();
        Period::after_commit(began, began + took, INTERVAL).left(INTERVAL, began + took)
    }

    #[test]
    fn a_commits_own_time_counts_up_to_a_half() {
        let left = |ms| left_after_a_commit_of(Duration::from_millis(ms)).as_millis();
        assert_eq!([0, 8, 50, 51, 400].map(left), [100, 92, 50, 50, 50]);
    }

    #[test]
    fn what_comes_after_a_quiet_time_is_due_at_once() {
        let began = Instant::now();
        let period = Period::since(began);
        assert_eq!(period.left(INTERVAL, began + INTERVAL * 3), Duration::ZERO);
        assert_eq!(period.left(INTERVAL * 10, began + INTERVAL * 3), INTERVAL * 7);
    }
}
