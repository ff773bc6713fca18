//! The forwarder's metrics and its readiness. Counters follow the core's tally, once a turn, not once a message.
//!
//! Decides nothing. Labels are closed enums; no user, event or key is among them.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Counter, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use super::answer::Why;
use super::dispatch::{Hindrance, Standing, Tally};
use super::record::DeadReason;

#[derive(Debug)]
pub struct Metrics {
    sent: IntCounter,
    skipped: IntCounter,
    forgotten: IntCounter,
    retried: IntCounterVec,
    dead: IntCounterVec,
    dead_again: IntCounter,
    rate_waited: Counter,
    pub request_seconds: Histogram,
    pub request_bytes: Histogram,
    pub request_items: Histogram,
    pub expired: IntCounter,
    pub commits_failed: IntCounter,
    in_flight: IntGauge,
    held: IntGauge,
    oldest: Gauge,
    halted: IntGauge,
    ready: IntGauge,
    hindrance: Mutex<Option<String>>,
}

impl Metrics {
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| registered(registry, IntCounter::with_opts(opts(name, help)));
        let by_reason = |name, help| registered(registry, IntCounterVec::new(opts(name, help), &["reason"]));
        let gauge = |name, help| registered(registry, IntGauge::with_opts(opts(name, help)));
        let histogram = |name, help, first, factor, count| {
            let buckets = exponential_buckets(first, factor, count)?;
            registered(registry, Histogram::with_opts(HistogramOpts::from(opts(name, help)).buckets(buckets)))
        };
        let (retried, dead) = (
            by_reason("retried_total", "Messages in requests that are tried again, by reason.")?,
            by_reason("dead_total", "Messages written to the dead-letter topic, by reason.")?,
        );
        // A rate needs a zero to start from.
        Why::ALL.iter().for_each(|why| drop(retried.with_label_values(&[why.name()])));
        DeadReason::ALL.iter().for_each(|reason| drop(dead.with_label_values(&[reason.name()])));
        Ok(Self {
            sent: counter("sent_total", "Messages that the endpoint accepted.")?,
            dead_again: counter("dead_again_total", "Dead letters that had been replayed and failed once more.")?,
            skipped: counter("skipped_total", "Records that are not for this destination, or hold nothing.")?,
            forgotten: counter("forgotten_total", "Messages dropped because their user was deleted.")?,
            retried,
            dead,
            rate_waited: registered(
                registry,
                Counter::with_opts(opts("rate_wait_seconds_total", "Time that batches waited for the rate limit.")),
            )?,
            request_seconds: histogram("request_seconds", "From sending a request to its answer.", 0.001, 2.0, 16)?,
            request_bytes: histogram("request_bytes", "Bytes of a request before compression.", 256.0, 2.0, 12)?,
            request_items: histogram("request_items", "Messages in a request.", 1.0, 2.0, 13)?,
            expired: counter("expired_total", "Offsets that the topic's retention deleted before delivery.")?,
            commits_failed: counter("commits_failed_total", "Commits of offsets that failed; they are repeated.")?,
            in_flight: gauge("in_flight_messages", "Messages in requests without an answer yet.")?,
            held: gauge("held_messages", "Records read and not settled.")?,
            oldest: registered(
                registry,
                Gauge::with_opts(opts(
                    "oldest_undelivered_seconds",
                    "Age of the oldest record that was read and not settled. Alert on this one.",
                )),
            )?,
            halted: gauge("halted", "1 while the endpoint refuses the write key or the address: nothing is sent.")?,
            ready: gauge("ready", "1: delivering; 0: stalled, or stopped by a refusal of the write key.")?,
            hindrance: Mutex::new(Some("starting".to_owned())),
        })
    }

    /// For `/readyz`: why not.
    pub fn hindrance(&self) -> Option<String> {
        self.hindrance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn follow(&self, tally: &Tally, standing: &Standing, now_ms: i64) {
        raise(&self.sent, tally.sent);
        raise(&self.skipped, tally.skipped);
        raise(&self.dead_again, tally.dead_again);
        raise(&self.forgotten, tally.forgotten);
        tally.retried.iter().for_each(|(why, n)| raise(&self.retried.with_label_values(&[why.name()]), *n));
        tally.dead.iter().for_each(|(why, n)| raise(&self.dead.with_label_values(&[why.name()]), *n));
        self.rate_waited.inc_by((tally.rate_waited.as_secs_f64() - self.rate_waited.get()).max(0.0));
        self.in_flight.set(standing.in_flight_messages as i64);
        self.held.set(standing.held as i64);
        let age_ms = standing.oldest_written_ms.map_or(0, |written| (now_ms - written).max(0));
        self.oldest.set(age_ms as f64 / 1e3);
        self.halted.set(i64::from(matches!(standing.hindrance, Some(Hindrance::Halted(_)))));
        let hindrance = standing.hindrance.as_ref().map(describe);
        self.ready.set(i64::from(hindrance.is_none()));
        *self.hindrance.lock().unwrap_or_else(PoisonError::into_inner) = hindrance;
    }
}

fn describe(hindrance: &Hindrance) -> String {
    match hindrance {
        Hindrance::Halted(refusal) => format!("the endpoint refused the write key or the address: {refusal}"),
        Hindrance::Stalled { since } => format!("nothing was delivered for {} s", since.as_secs()),
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("kairos_forward_{name}"), help)
}

fn registered<T: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<T, prometheus::Error>,
) -> Result<T, prometheus::Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
