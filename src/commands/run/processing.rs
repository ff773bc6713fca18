//! The processor's figures: what workers tell, as metrics and readiness. It must not know how they work.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::people::People;
use crate::engine::census::Census;
use crate::engine::{Counts, Millis, Reason};
use crate::processor::Observer;
use crate::processor::observe::{Phase, Standing};
use crate::telemetry::{Health, Registry, metrics};

/// Listens to all workers of a process.
pub struct Processing {
    registry: Registry,
    health: Health,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Of the playbook in force, in file order.
    moments: Vec<String>,
    phases: BTreeMap<i32, Life>,
    routing: Routing,
    people: People,
}

struct Life {
    phase: &'static str,
    /// It had reached the end once: falling behind later is lag, not a reason to take it out of service.
    was_live: bool,
    stopped: bool,
}

/// Records since the last verdict on whether they lie in their users' partitions.
#[derive(Default)]
struct Routing {
    records: u64,
    misrouted: u64,
}

const ROUTING_RECORDS: u64 = 10_000;
const GROUP: &str = "group";

impl Processing {
    pub fn new(registry: Registry, health: Health, moments: Vec<String>) -> Self {
        health.set(GROUP, Some("no partition has been assigned yet".into()));
        let processing = Self { registry, health, seen: Mutex::new(Seen { moments, ..Seen::default() }) };
        processing.show_zeros();
        processing
    }

    /// An alert on the first of its kind needs the zero before it.
    fn show_zeros(&self) {
        self.count_totals(&Counts::default());
        for result in ["taken", "refused"] {
            self.registry.add(&metrics::PLAYBOOK_RELOADS, &[result], 0.0);
        }
        for moment in &self.lock().moments {
            self.registry.add(&metrics::MOMENTS, &[moment], 0.0);
            self.registry.add(&metrics::MOMENTS_ENDED, &[moment], 0.0);
        }
    }

    /// The playbook was replaced.
    pub fn playbook(&self, moments: Vec<String>) {
        self.lock().moments = moments;
        self.show_zeros();
    }

    /// An instance that got no partition in all this time is a stand-by, and well.
    pub fn waited_long(&self) {
        self.health.set(GROUP, None);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while holding it")
    }

    fn count_totals(&self, counts: &Counts) {
        let totals = [
            (&metrics::EVENTS, counts.events),
            (&metrics::EMPTY_RECORDS, counts.empty_records),
            (&metrics::DUPLICATES, counts.duplicates),
            (&metrics::OWN_MESSAGES, counts.own_messages),
            (&metrics::MISROUTED, counts.misrouted),
            (&metrics::CLAMPED_RECORDS, counts.clamped_records),
            (&metrics::CLAMPED_EVENTS, counts.clamped_events),
            (&metrics::HELD_BACK, counts.held_back),
            (&metrics::IDENTIFIES, counts.identifies),
            (&metrics::DELETES, counts.deletes),
        ];
        for (metric, count) in totals {
            self.registry.add(metric, &[], count as f64);
        }
        let refused = [
            ("distinct", counts.distinct_evicted),
            ("value", counts.values_ignored),
            ("trait", counts.traits_left_out),
        ];
        for (limit, count) in refused {
            self.registry.add(&metrics::REFUSED, &[limit], count as f64);
        }
        for (reason, count) in REASONS.iter().zip(counts.dead) {
            self.registry.add(&metrics::DEAD_LETTERS, &[reason.as_str()], count as f64);
        }
    }

    fn judge_routing(&self, seen: &mut Seen, counts: &Counts) {
        seen.routing.records += counts.records;
        seen.routing.misrouted += counts.misrouted;
        let Routing { records, misrouted } = seen.routing;
        if records < ROUTING_RECORDS {
            return;
        }
        seen.routing = Routing::default();
        let why = (misrouted * 100 > records).then(|| {
            "over 1% of the last 10,000 records are not in their user's partition, so that people are seen in pieces: \
             key the raw topic by userId, else anonymousId, and check raw.partitioner; where the producers can't, \
             `kairos rekey` makes a topic that is keyed"
                .to_owned()
        });
        if self.health.set("routing", why.clone())
            && let Some(why) = why
        {
            tracing::error!("{why}");
        }
    }

    fn show_phases(&self, phases: &BTreeMap<i32, Life>) {
        for phase in PHASES {
            let held = phases.values().filter(|life| life.phase == phase).count();
            self.registry.set(&metrics::PARTITIONS, &[phase], held as f64);
        }
    }
}

const REASONS: [Reason; 7] = [
    Reason::NotJson,
    Reason::NotAnObject,
    Reason::NoType,
    Reason::NoId,
    Reason::NoEvent,
    Reason::IdTooLong,
    Reason::TooLarge,
];
const PHASES: [&str; 5] = ["restoring", "replaying", "catching_up", "live", "stopped"];

fn label(phase: &Phase) -> &'static str {
    match phase {
        Phase::Restoring => "restoring",
        Phase::Replaying => "replaying",
        Phase::CatchingUp => "catching_up",
        Phase::Live => "live",
        Phase::Stopped(_) => "stopped",
    }
}

fn topic(partition: i32) -> String {
    format!("partition {partition}")
}

fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1_000.0
}

impl Observer for Processing {
    fn committed(&self, took: Duration, messages: usize) {
        self.registry.observe(&metrics::COMMIT_SECONDS, &[], took.as_secs_f64());
        self.registry.add(&metrics::COMMITTED_MESSAGES, &[], messages as f64);
    }

    fn counted(&self, partition: i32, counts: &Counts) {
        self.registry.add(&metrics::RECORDS, &[&partition.to_string()], counts.records as f64);
        self.count_totals(counts);
        let mut seen = self.lock();
        for (moment, (fired, ended)) in seen.moments.iter().zip(counts.fired.iter().zip(&counts.ended)) {
            self.registry.add(&metrics::MOMENTS, &[moment], *fired as f64);
            self.registry.add(&metrics::MOMENTS_ENDED, &[moment], *ended as f64);
        }
        self.judge_routing(&mut seen, counts);
    }

    fn standing(&self, partition: i32, standing: &Standing) {
        let number = partition.to_string();
        let set = |metric, value| self.registry.set(metric, &[&number], value);
        if let Some(end) = standing.end {
            set(&metrics::LAG, (end - standing.next).max(0) as f64);
        }
        if let Some(clock) = standing.clock {
            set(&metrics::CLOCK, seconds(clock));
        }
        if let Some(at) = standing.snapshot_at {
            set(&metrics::SNAPSHOT_TIME, seconds(at));
        }
        set(&metrics::IDLE_LIMIT, f64::from(standing.idle_limit));
        set(&metrics::PROFILES, standing.profiles as f64);
        set(&metrics::PROFILE_BYTES, standing.bytes as f64);

        let mut seen = self.lock();
        let before = seen.phases.remove(&partition);
        let was_live = before.as_ref().is_some_and(|life| life.was_live);
        let (life, why) = match &standing.phase {
            Phase::Live => (true, None),
            Phase::CatchingUp if was_live => (true, None),
            Phase::CatchingUp => (false, Some("catching up with the end of the log".to_owned())),
            Phase::Restoring => (false, Some("restoring its state".to_owned())),
            Phase::Replaying => (false, Some("replaying what was committed since its snapshot".to_owned())),
            Phase::Stopped(why) => (false, Some(format!("stopped: {why}"))),
        };
        let stopped = matches!(standing.phase, Phase::Stopped(_));
        if let Phase::Stopped(why) = &standing.phase
            && !before.is_some_and(|life| life.stopped)
        {
            tracing::error!(partition, "the partition is stopped: {why}");
        }
        seen.phases.insert(partition, Life { phase: label(&standing.phase), was_live: life, stopped });
        self.show_phases(&seen.phases);
        self.health.set(&topic(partition), why);
        self.health.set(GROUP, None);
    }

    fn census(&self, partition: i32, census: &Census) {
        self.lock().people.counted(partition, census, &self.registry);
    }

    fn gone(&self, partition: i32) {
        let number = partition.to_string();
        let gauges = [
            &metrics::LAG,
            &metrics::CLOCK,
            &metrics::SNAPSHOT_TIME,
            &metrics::IDLE_LIMIT,
            &metrics::PROFILES,
            &metrics::PROFILE_BYTES,
        ];
        for metric in gauges {
            self.registry.remove(metric, &[&number]);
        }
        let mut seen = self.lock();
        seen.phases.remove(&partition);
        seen.people.gone(partition, &self.registry);
        self.show_phases(&seen.phases);
        self.health.set(&topic(partition), None);
    }

    fn snapshot(&self, _partition: i32, took: Duration, bytes: usize) {
        self.registry.observe(&metrics::SNAPSHOT_SECONDS, &[], took.as_secs_f64());
        self.registry.observe(&metrics::SNAPSHOT_BYTES, &[], bytes as f64);
    }

    fn snapshot_failed(&self, partition: i32) {
        tracing::warn!(partition, "a snapshot could not be written; it is tried again");
        self.registry.add(&metrics::SNAPSHOT_FAILURES, &[], 1.0);
    }

    fn restored(&self, partition: i32, took: Duration) {
        tracing::info!(partition, seconds = took.as_secs_f64(), "the partition is restored");
        self.registry.observe(&metrics::RESTORE_SECONDS, &[], took.as_secs_f64());
    }

    fn trouble(&self, doing: &'static str) {
        tracing::warn!(doing, "a call to the broker failed and is dealt with");
        self.registry.add(&metrics::BROKER_TROUBLES, &[doing], 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(phase: Phase) -> Standing {
        Standing {
            phase,
            next: 90,
            end: Some(100),
            clock: Some(5_000),
            profiles: 3,
            bytes: 999,
            snapshot_at: None,
            idle_limit: false,
        }
    }

    fn processing() -> (Processing, Registry, Health) {
        let (registry, health) = (Registry::new(|_| true), Health::default());
        (Processing::new(registry.clone(), health.clone(), vec!["ready_to_buy".into()]), registry, health)
    }

    #[test]
    fn ready_is_when_all_partitions_have_been_at_the_end() {
        let (processing, registry, health) = processing();
        assert!(!health.is_ready());
        processing.standing(3, &standing(Phase::CatchingUp));
        assert_eq!(health.reasons(), ["partition 3: catching up with the end of the log"]);
        processing.standing(3, &standing(Phase::Live));
        assert!(health.is_ready());
        processing.standing(3, &standing(Phase::CatchingUp));
        assert!(health.is_ready(), "lag is a metric, not a reason");
        assert!(registry.text().contains("kairos_lag_records{partition=\"3\"} 10"));
        processing.standing(3, &standing(Phase::Stopped("a gap".into())));
        assert_eq!(health.reasons(), ["partition 3: stopped: a gap"]);
        processing.gone(3);
        assert!(health.is_ready());
        assert!(!registry.text().contains("kairos_lag_records{"));
    }

    #[test]
    fn misrouted_records_are_a_reason_with_a_way_out() {
        let (processing, _, health) = processing();
        processing.waited_long();
        let counts = |misrouted| Counts { records: 10_000, misrouted, ..Counts::default() };
        processing.counted(0, &counts(100));
        assert!(health.is_ready(), "1% is not over 1%");
        processing.counted(0, &counts(101));
        assert!(health.reasons()[0].contains("key the raw topic"));
        processing.counted(0, &counts(0));
        assert!(health.is_ready());
    }

    #[test]
    fn moments_are_counted_by_name_and_dead_letters_by_reason() {
        let (processing, registry, _) = processing();
        let dead = [0, 0, 0, 2, 0, 0, 0];
        processing.counted(0, &Counts { fired: vec![4], ended: vec![0], dead, ..Counts::default() });
        let text = registry.text();
        assert!(text.contains("kairos_moments_total{moment=\"ready_to_buy\"} 4"), "{text}");
        assert!(text.contains("kairos_dead_letters_total{reason=\"no_id\"} 2"), "{text}");
    }

    #[test]
    fn what_an_operator_asks_first_is_there() {
        let (processing, registry, _) = processing();
        let counts = Counts {
            records: 20,
            events: 19,
            duplicates: 2,
            misrouted: 3,
            clamped_records: 4,
            clamped_events: 5,
            ..Counts::default()
        };
        processing.counted(3, &counts);
        processing.committed(Duration::from_millis(20), 7);
        processing.standing(3, &Standing { snapshot_at: Some(1_000), ..standing(Phase::Live) });
        processing.snapshot(3, Duration::from_secs(2), 5_000);
        processing.snapshot_failed(3);
        processing.restored(3, Duration::from_secs(9));
        processing.trouble("commit");
        let text = registry.text();
        for line in [
            "kairos_records_total{partition=\"3\"} 20",
            "kairos_events_total 19",
            "kairos_duplicates_total 2",
            "kairos_misrouted_total 3",
            "kairos_clamped_records_total 4",
            "kairos_clamped_events_total 5",
            "kairos_commit_seconds_sum 0.02",
            "kairos_committed_messages_total 7",
            "kairos_lag_records{partition=\"3\"} 10",
            "kairos_clock_timestamp_seconds{partition=\"3\"} 5",
            "kairos_profiles{partition=\"3\"} 3",
            "kairos_profile_bytes{partition=\"3\"} 999",
            "kairos_snapshot_timestamp_seconds{partition=\"3\"} 1",
            "kairos_snapshot_seconds_sum 2",
            "kairos_snapshot_bytes_sum 5000",
            "kairos_snapshot_failures_total 1",
            "kairos_restore_seconds_sum 9",
            "kairos_broker_troubles_total{doing=\"commit\"} 1",
            "kairos_partitions{phase=\"live\"} 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
        }
    }
}
