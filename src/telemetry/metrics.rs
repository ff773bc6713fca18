//! Every metric there is: name, form, labels, meaning. `docs/metrics.md` is checked against this table. It must not
//! know who counts.

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub form: Form,
    /// All have few values: partitions, and names from the playbook or a closed list.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const LONG_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0];
const BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

macro_rules! metrics {
    ($($id:ident: $form:expr, $name:literal, $labels:expr, $help:literal;)*) => {
        $(pub const $id: Metric = Metric { name: $name, form: $form, labels: &$labels, help: $help };)*
        /// The table, in the order of the reference page.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

#[rustfmt::skip]
mod table {
    use super::Form::{Counter, Gauge, Histogram};
    use super::{BYTES, LONG_SECONDS, Metric, SECONDS};

    metrics! {
        BUILD: Gauge, "kairos_build_info", ["version"], "Always 1; the version is the label.";
        READY: Gauge, "kairos_ready", [], "1 while /readyz says yes.";

        RECORDS: Counter, "kairos_records_total", ["partition"], "Records processed and committed.";
        EVENTS: Counter, "kairos_events_total", [], "Events applied to a profile.";
        EMPTY_RECORDS: Counter, "kairos_empty_records_total", [], "Records with nothing to do: no value, or an empty batch.";
        DUPLICATES: Counter, "kairos_duplicates_total", [], "Messages dropped because their messageId was seen before.";
        OWN_MESSAGES: Counter, "kairos_own_messages_total", [], "Messages dropped because Kairos itself had sent them.";
        MISROUTED: Counter, "kairos_misrouted_total", [], "Records that are not in their user's partition.";
        CLAMPED_RECORDS: Counter, "kairos_clamped_records_total", [], "Record times set back: more than 1 h ahead of the wall clock.";
        CLAMPED_EVENTS: Counter, "kairos_clamped_events_total", [], "Event times set back to their record's.";
        DEAD_LETTERS: Counter, "kairos_dead_letters_total", ["reason"], "Records or items written to the dead-letter topic.";
        REFUSED: Counter, "kairos_refused_total", ["limit"], "What a limit refused: distinct values evicted, amounts ignored, traits left out.";

        IDENTIFIES: Counter, "kairos_identifies_total", [], "Profiles sent.";
        MOMENTS: Counter, "kairos_moments_total", ["moment"], "Moments that fired.";
        MOMENTS_ENDED: Counter, "kairos_moments_ended_total", ["moment"], "Moments that ended.";
        SCORE_USERS: Gauge, "kairos_score_users", ["score", "segment"], "Users by the segment of their last evaluation; counted anew all the time, a round takes 15 s or more.";
        SCORE_USERS_AT_MOST: Gauge, "kairos_score_users_at_most", ["score", "le"], "Users whose score, as last sent, is at most this; for scores that are published.";
        DELETES: Counter, "kairos_deletes_total", [], "People forgotten on request.";
        HELD_BACK: Counter, "kairos_held_back_total", [], "Evaluations that sent nothing because they are old news.";

        COMMIT_SECONDS: Histogram(SECONDS), "kairos_commit_seconds", [], "From the begin of a transaction to its known commit.";
        COMMITTED_MESSAGES: Counter, "kairos_committed_messages_total", [], "Messages in committed transactions.";
        BROKER_TROUBLES: Counter, "kairos_broker_troubles_total", ["doing"], "Calls to the broker that failed and were dealt with.";
        LAG: Gauge, "kairos_lag_records", ["partition"], "Records between the next to process and the end of the partition.";
        CLOCK: Gauge, "kairos_clock_timestamp_seconds", ["partition"], "The partition's clock; time() less it is how far the clock lags.";
        IDLE_LIMIT: Gauge, "kairos_idle_limit", ["partition"], "1 while the idle clock stands at its limit: a dead pipe, not silent customers.";
        PARTITIONS: Gauge, "kairos_partitions", ["phase"], "Partitions held: restoring, replaying, catching_up, live or stopped.";

        PROFILES: Gauge, "kairos_profiles", ["partition"], "Profiles in memory.";
        PROFILE_BYTES: Gauge, "kairos_profile_bytes", ["partition"], "Estimate of the bytes they take.";
        SNAPSHOT_TIME: Gauge, "kairos_snapshot_timestamp_seconds", ["partition"], "When the newest snapshot that counts was taken; time() less it is its age.";
        SNAPSHOT_SECONDS: Histogram(LONG_SECONDS), "kairos_snapshot_seconds", [], "How long a snapshot took to write.";
        SNAPSHOT_BYTES: Histogram(BYTES), "kairos_snapshot_bytes", [], "Size of a snapshot as written.";
        SNAPSHOT_FAILURES: Counter, "kairos_snapshot_failures_total", [], "Snapshots that could not be written; tried again.";
        RESTORE_SECONDS: Histogram(LONG_SECONDS), "kairos_restore_seconds", [], "From taking a partition to processing it.";
        PLAYBOOK_RELOADS: Counter, "kairos_playbook_reloads_total", ["result"], "Playbooks read again while running: taken, or refused.";

        // The forwarder registers its own, with its own buckets; a test holds these rows against them.
        FORWARD_SENT: Counter, "kairos_forward_sent_total", [], "Messages that the endpoint accepted.";
        FORWARD_SKIPPED: Counter, "kairos_forward_skipped_total", [], "Records that are not for this destination, or hold nothing.";
        FORWARD_FORGOTTEN: Counter, "kairos_forward_forgotten_total", [], "Messages dropped because their user was deleted.";
        FORWARD_RETRIED: Counter, "kairos_forward_retried_total", ["reason"], "Messages in requests that are tried again, by reason.";
        FORWARD_DEAD: Counter, "kairos_forward_dead_total", ["reason"], "Messages written to the dead-letter topic, by reason.";
        FORWARD_DEAD_AGAIN: Counter, "kairos_forward_dead_again_total", [], "Dead letters that had been replayed and failed once more.";
        FORWARD_RATE_WAIT: Counter, "kairos_forward_rate_wait_seconds_total", [], "Time that batches waited for the rate limit.";
        FORWARD_REQUEST_SECONDS: Histogram(&[]), "kairos_forward_request_seconds", [], "From sending a request to its answer.";
        FORWARD_REQUEST_BYTES: Histogram(&[]), "kairos_forward_request_bytes", [], "Bytes of a request before compression.";
        FORWARD_REQUEST_ITEMS: Histogram(&[]), "kairos_forward_request_items", [], "Messages in a request.";
        FORWARD_EXPIRED: Counter, "kairos_forward_expired_total", [], "Offsets that the topic's retention deleted before delivery.";
        FORWARD_COMMITS_FAILED: Counter, "kairos_forward_commits_failed_total", [], "Commits of offsets that failed; they are repeated.";
        FORWARD_IN_FLIGHT: Gauge, "kairos_forward_in_flight_messages", [], "Messages in requests without an answer yet.";
        FORWARD_HELD: Gauge, "kairos_forward_held_messages", [], "Records read and not settled.";
        FORWARD_OLDEST: Gauge, "kairos_forward_oldest_undelivered_seconds", [], "Age of the oldest record that was read and not settled. Alert on this one.";
        FORWARD_HALTED: Gauge, "kairos_forward_halted", [], "1 while the endpoint refuses the write key or the address: nothing is sent.";
        FORWARD_READY: Gauge, "kairos_forward_ready", [], "1: delivering; 0: stalled, or stopped by a refusal of the write key.";
    }
}

pub use table::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_usual_rules() {
        for metric in ALL {
            assert!(metric.name.starts_with("kairos_"), "{}", metric.name);
            assert_eq!(metric.form == Form::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert_eq!(ALL.iter().filter(|other| other.name == metric.name).count(), 1, "{}", metric.name);
        }
    }
}
