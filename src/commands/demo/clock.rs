//! The simulated company's clock: it stands at `start` until the history has been told, then runs at its own speed.
//! It knows nothing of what is done by it.

use std::sync::OnceLock;
use std::time::Instant;

use crate::engine::Millis;
use crate::processor::Clock;

pub struct CompanyClock {
    start: Millis,
    /// Simulated seconds a second.
    speed: f64,
    live: OnceLock<Instant>,
}

impl CompanyClock {
    pub fn new(start: Millis, speed: f64) -> Self {
        Self { start, speed, live: OnceLock::new() }
    }

    /// The history is over: from now on time passes. Only the first call counts.
    pub fn go_live(&self) {
        self.live.get_or_init(Instant::now);
    }

    pub fn is_live(&self) -> bool {
        self.live.get().is_some()
    }
}

impl Clock for CompanyClock {
    fn wall(&self) -> Millis {
        self.start + self.elapsed()
    }

    fn elapsed(&self) -> Millis {
        self.live.get().map_or(0, |since| (since.elapsed().as_secs_f64() * 1_000.0 * self.speed) as Millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_the_history_is_told() {
        let clock = CompanyClock::new(1_000, 1e9);
        assert_eq!((clock.wall(), clock.is_live()), (1_000, false));
        clock.go_live();
        let first = clock.wall();
        while clock.wall() == first {
            std::thread::yield_now();
        }
        assert!(clock.wall() > first && first >= 1_000);
    }
}
