//! When the next request may go: the rate in events a second, the delays between tries, and the breaker.
//!
//! Knows nothing of messages. Time and the seed come in, so that every schedule can be stepped in a test.

use std::time::{Duration, Instant};

/// The schedule's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Events a second of this instance; `None` is without limit.
    pub rate: Option<f64>,
    /// Events that may go at once after a pause. At least one whole batch, or that could never go.
    pub burst: f64,
    /// The ceiling of the first delay; it doubles with each try.
    pub delay_first: Duration,
    pub delay_max: Duration,
    /// Failures in a row, over all lanes, after which a single request asks for all.
    pub failures_max: u32,
}

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    rate: Option<f64>,
    burst: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    pub fn new(pace: &Pace) -> Self {
        Self { rate: pace.rate, burst: pace.burst, tokens: pace.burst, filled: None }
    }

    /// When `events` may go, if not yet.
    pub fn wait(&mut self, events: usize, now: Instant) -> Option<Duration> {
        let rate = self.rate?;
        let since = self.filled.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.tokens = (self.tokens + since.as_secs_f64() * rate).min(self.burst);
        let missing = (events as f64).min(self.burst) - self.tokens;
        // A hair's breadth of rounding must not cost a wait that rounds to nothing, again and again.
        (missing > 1e-6).then(|| Duration::from_secs_f64(missing / rate) + Duration::from_micros(1))
    }

    pub fn take(&mut self, events: usize) {
        if self.rate.is_some() {
            self.tokens -= events as f64;
        }
    }
}

/// SplitMix64: enough to spread retries, and the same for the same seed.
#[derive(Debug)]
pub struct Jitter(u64);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Exponential with full jitter: anything from nothing to the doubled ceiling, so that many senders never meet again.
    pub fn delay(&mut self, pace: &Pace, tries: u32) -> Duration {
        let doubled = pace.delay_first.as_secs_f64() * 2f64.powi(tries.saturating_sub(1).min(40) as i32);
        Duration::from_secs_f64(doubled.min(pace.delay_max.as_secs_f64()) * self.unit())
    }

    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One gate before all lanes. Shut after failures in a row or at the endpoint's own request; then a single request
/// asks for all.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One request is out to ask.
    HalfOpen,
}

impl Breaker {
    pub fn new() -> Self {
        Self { failures: 0, state: State::Closed }
    }

    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    pub fn may_send(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } => now >= until,
            State::HalfOpen => false,
        }
    }

    pub fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    pub fn sent(&mut self) {
        if self.is_open() {
            self.state = State::HalfOpen;
        }
    }

    /// The endpoint answered as it should. Whether that closed an open gate. An answer to a request that was under way
    /// when the gate shut doesn't open it: the wait asked for is kept.
    pub fn succeeded(&mut self) -> bool {
        match self.state {
            State::Closed => {
                self.failures = 0;
                false
            }
            State::Open { .. } => false,
            State::HalfOpen => {
                *self = Self::new();
                true
            }
        }
    }

    /// Whether this shut the gate, or moved it further off. `asked` is the endpoint's own word and shuts it at once.
    pub fn failed(&mut self, asked: Option<Duration>, pace: &Pace, jitter: &mut Jitter, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let shut = asked.is_some() || self.state == State::HalfOpen || self.failures >= pace.failures_max;
        let delay = match (asked, self.state) {
            (Some(asked), _) => asked,
            (None, State::Open { .. }) => return false,
            (None, _) if shut => jitter.delay(pace, self.failures),
            (None, _) => return false,
        };
        let until = self.opens_at().map_or(now + delay, |until| until.max(now + delay));
        self.state = State::Open { until };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace() -> Pace {
        let [delay_first, delay_max] = [Duration::from_millis(500), Duration::from_secs(60)];
        Pace { rate: Some(100.0), burst: 100.0, delay_first, delay_max, failures_max: 3 }
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_burst_and_rate(steps in prop::collection::vec((0u64..500, 1usize..60), 1..200)) {
            let mut bucket = Bucket::new(&pace());
            let mut now = Instant::now();
            let mut sent: Vec<(Instant, usize)> = Vec::new();
            for (ms, events) in steps {
                now += Duration::from_millis(ms);
                if bucket.wait(events, now).is_none() {
                    bucket.take(events);
                    sent.push((now, events));
                }
            }
            for (i, (from, _)) in sent.iter().enumerate() {
                let mut total = 0;
                for (at, events) in &sent[i..] {
                    total += events;
                    let allowed = 100.0 + 100.0 * (*at - *from).as_secs_f64();
                    prop_assert!(total as f64 <= allowed + 1e-3, "{total} in a window of {allowed}");
                }
            }
        }

        #[test]
        fn a_wait_that_is_waited_out_is_enough(events in 1usize..100, before in 1usize..100) {
            let mut bucket = Bucket::new(&pace());
            let now = Instant::now();
            prop_assert!(bucket.wait(before, now).is_none());
            bucket.take(before);
            if let Some(wait) = bucket.wait(events, now) {
                prop_assert!(bucket.wait(events, now + wait).is_none());
            }
        }

        #[test]
        fn delays_stay_below_the_doubled_ceiling(seed: u64, tries in 1u32..2000) {
            let ceiling = (0.5 * 2f64.powi(tries.min(30) as i32 - 1)).min(60.0);
            let delay = Jitter::new(seed).delay(&pace(), tries).as_secs_f64();
            prop_assert!((0.0..=ceiling).contains(&delay));
        }
    }

    #[test]
    fn the_jitter_uses_the_whole_range() {
        let mut jitter = Jitter::new(1);
        let delays: Vec<f64> = (0..1000).map(|_| jitter.delay(&pace(), 100).as_secs_f64()).collect();
        assert!(delays.iter().any(|d| *d < 3.0) && delays.iter().any(|d| *d > 57.0));
        let mean = delays.iter().sum::<f64>() / 1000.0;
        assert!((27.0..33.0).contains(&mean), "{mean}");
    }

    #[test]
    fn failures_in_a_row_shut_the_gate_and_one_request_opens_it() {
        let (mut breaker, mut jitter, now) = (Breaker::new(), Jitter::new(7), Instant::now());
        assert!(!breaker.failed(None, &pace(), &mut jitter, now));
        assert!(!breaker.failed(None, &pace(), &mut jitter, now));
        assert!(breaker.failed(None, &pace(), &mut jitter, now));
        let until = breaker.opens_at().expect("shut");
        assert!(until <= now + Duration::from_secs(2), "the third try's ceiling");
        assert!(breaker.may_send(until));
        breaker.sent();
        assert!(!breaker.may_send(until + Duration::from_secs(999)), "one request only");
        assert!(breaker.failed(None, &pace(), &mut jitter, until));
        breaker.sent();
        assert!(breaker.succeeded());
        assert!(breaker.may_send(until));
    }

    #[test]
    fn a_wait_asked_for_holds_all_and_no_late_answer_cuts_it_short() {
        let (mut breaker, mut jitter, now) = (Breaker::new(), Jitter::new(7), Instant::now());
        let ten = Duration::from_secs(10);
        assert!(breaker.failed(Some(ten), &pace(), &mut jitter, now));
        assert!(!breaker.succeeded());
        assert!(!breaker.failed(None, &pace(), &mut jitter, now));
        assert!(breaker.failed(Some(Duration::from_secs(2)), &pace(), &mut jitter, now));
        assert_eq!(breaker.opens_at(), Some(now + ten));
        assert!(!breaker.may_send(now + ten - Duration::from_millis(1)));
    }
}
