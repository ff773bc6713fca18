//! Users by segment and score, over all partitions of the process, as gauges. It must not know how they are counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::census::{BOUNDS, Census};
use crate::telemetry::{Metric, Registry, metrics};

#[derive(Default)]
pub struct People {
    /// The latest census of each partition.
    counted: BTreeMap<i32, Census>,
    /// What is shown now; the names come from the playbook, which may change.
    shown: BTreeSet<(&'static str, [String; 2])>,
}

impl People {
    pub fn counted(&mut self, partition: i32, census: &Census, registry: &Registry) {
        self.counted.insert(partition, census.clone());
        self.show(registry);
    }

    pub fn gone(&mut self, partition: i32, registry: &Registry) {
        if self.counted.remove(&partition).is_some() {
            self.show(registry);
        }
    }

    fn show(&mut self, registry: &Registry) {
        let mut sums: BTreeMap<(&'static str, [String; 2]), u64> = BTreeMap::new();
        for spread in self.counted.values().flat_map(|census| &census.scores) {
            let mut add = |metric: &Metric, label: &str, users: u64| {
                *sums.entry((metric.name, [spread.score.clone(), label.to_owned()])).or_default() += users;
            };
            for (segment, users) in &spread.segments {
                add(&metrics::SCORE_USERS, segment, *users);
            }
            let mut so_far = 0;
            for (bound, users) in BOUNDS.iter().zip(&spread.values) {
                so_far += users;
                add(&metrics::SCORE_USERS_AT_MOST, &(f64::from(*bound) / 100.0).to_string(), so_far);
            }
        }
        for (name, [score, label]) in self.shown.iter().filter(|shown| !sums.contains_key(*shown)) {
            registry.remove(metric(name), &[score, label]);
        }
        for ((name, [score, label]), users) in &sums {
            registry.set(metric(name), &[score, label], *users as f64);
        }
        self.shown = sums.into_keys().collect();
    }
}

fn metric(name: &str) -> &'static Metric {
    if name == metrics::SCORE_USERS.name { &metrics::SCORE_USERS } else { &metrics::SCORE_USERS_AT_MOST }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::census::Spread;

    fn census(segment: &str, users: u64) -> Census {
        let mut values = vec![0; BOUNDS.len()];
        values[2] = users;
        values[9] = 1;
        Census { scores: vec![Spread { score: "fit".into(), segments: vec![(segment.into(), users)], values }] }
    }

    #[test]
    fn partitions_are_summed_and_old_names_go() {
        let (mut people, registry) = (People::default(), Registry::new(|_| true));
        people.counted(0, &census("high", 3), &registry);
        people.counted(1, &census("high", 4), &registry);
        let text = registry.text();
        for line in [
            "kairos_score_users{score=\"fit\",segment=\"high\"} 7",
            "kairos_score_users_at_most{le=\"0.2\",score=\"fit\"} 0",
            "kairos_score_users_at_most{le=\"0.3\",score=\"fit\"} 7",
            "kairos_score_users_at_most{le=\"1\",score=\"fit\"} 9",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        people.counted(0, &census("top", 3), &registry);
        people.gone(1, &registry);
        let text = registry.text();
        assert!(text.contains("segment=\"top\"} 3") && !text.contains("segment=\"high\""), "{text}");
        people.gone(0, &registry);
        assert!(!registry.text().contains("kairos_score_users"));
    }
}
