//! When a silent partition's clock may go on by itself, and how far. It must not know brokers: whether there is really
//! nothing to read is asked of the caller.

use super::Config;
use crate::engine::Millis;

const MINUTE: Millis = 60_000;

/// Times here are of a monotonic clock in milliseconds, save where they are said to be a partition's.
pub struct Idle {
    /// When the last record came, or the partition was taken.
    since: Millis,
    /// The end of the log that was reached, and since when it has been confirmed.
    end: Option<(i64, Millis)>,
    confirmed: Millis,
    at_limit: bool,
}

impl Idle {
    pub fn new(now: Millis) -> Self {
        Self { since: now, end: None, confirmed: now, at_limit: false }
    }

    pub fn live(&mut self, now: Millis) {
        self.since = now;
    }

    pub fn record(&mut self, now: Millis) {
        self.since = now;
        self.end = None;
        self.at_limit = false;
    }

    pub fn at_end(&mut self, offset: i64, now: Millis) {
        if self.end.is_none_or(|(end, _)| end != offset) {
            self.end = Some((offset, now));
            self.confirmed = now;
        }
    }

    /// The broker was away or in trouble: silence began at the earliest when it is back.
    pub fn interrupted(&mut self) {
        if let Some((_, since)) = &mut self.end {
            *since = Millis::MAX;
        }
    }

    pub fn is_at_end(&self) -> bool {
        self.end.is_some()
    }

    /// The clock stands still though time passes: nothing was heard for longer than is believed.
    pub fn is_at_limit(&self) -> bool {
        self.at_limit
    }

    /// The whole minute up to which the partition's clock may go now. `confirm`: is the given offset still the end,
    /// stable and all?
    pub fn minute(
        &mut self,
        config: &Config,
        now: Millis,
        last_record: Option<Millis>,
        confirm: impl FnOnce(i64) -> bool,
    ) -> Option<Millis> {
        let (end, since) = self.end?;
        let last_record = last_record?;
        let every = (config.idle_grace / 6).clamp(100, 10_000);
        if now - self.confirmed >= every {
            self.confirmed = now;
            if !confirm(end) {
                self.end = Some((end, Millis::MAX));
                return None;
            }
            if since == Millis::MAX {
                self.end = Some((end, now));
                return None;
            }
        }
        if since == Millis::MAX || now - since < config.idle_grace {
            return None;
        }
        let passed = now - self.since - config.idle_grace;
        self.at_limit = passed > config.idle_max;
        let clock = last_record + passed.min(config.idle_max);
        (passed > 0).then(|| clock.div_euclid(MINUTE) * MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::tests::config;

    const HOUR: Millis = 60 * MINUTE;

    fn idle() -> (Config, Idle) {
        let mut idle = Idle::new(0);
        idle.record(1_000);
        idle.at_end(7, 1_000);
        (config(), idle)
    }

    #[test]
    fn the_clock_follows_the_time_that_passed_less_the_grace() {
        let (config, mut idle) = idle();
        let last = Some(10 * HOUR);
        assert_eq!(idle.minute(&config, 60_000, last, |_| true), None, "within the grace");
        assert_eq!(idle.minute(&config, 1_000 + 2 * MINUTE, last, |_| true), Some(10 * HOUR + MINUTE));
        assert_eq!(idle.minute(&config, 1_000 + 2 * MINUTE + 59_999, last, |_| true), Some(10 * HOUR + MINUTE));
        assert_eq!(idle.minute(&config, 1_000 + 11 * MINUTE, last, |_| true), Some(10 * HOUR + 10 * MINUTE));
    }

    #[test]
    fn it_stops_at_its_limit_and_says_so() {
        let (config, mut idle) = idle();
        let minute = idle.minute(&config, 100 * HOUR, Some(0), |_| true);
        assert_eq!((minute, idle.is_at_limit()), (Some(config.idle_max), true));
        idle.record(101 * HOUR);
        assert!(!idle.is_at_limit());
    }

    #[test]
    fn a_broker_that_is_away_confirms_nothing() {
        let (config, mut idle) = idle();
        let (last, back) = (Some(0), 5 * HOUR);
        assert_eq!(idle.minute(&config, HOUR, last, |_| false), None);
        assert_eq!(idle.minute(&config, HOUR + 1, last, |_| panic!("not asked again at once")), None);
        assert_eq!(idle.minute(&config, back, last, |end| end == 7), None, "silence begins anew");
        assert_eq!(idle.minute(&config, back + 59_000, last, |_| true), None);
        assert_eq!(
            idle.minute(&config, back + 60_000, last, |_| true),
            Some(5 * HOUR - MINUTE + MINUTE - 1_000 - 59_000)
        );
    }

    #[test]
    fn nothing_moves_before_the_end_was_seen() {
        let mut idle = Idle::new(0);
        assert_eq!(idle.minute(&config(), HOUR, Some(0), |_| true), None);
    }
}
