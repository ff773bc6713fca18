//! What a playbook makes Kairos remember of one user, in bytes, by signal: estimates for people, from the forms in which
//! profiles are kept. Nothing is decided by them.

use std::collections::BTreeMap;

use super::meant::{Expr, Millis, Playbook, SignalKind, SignalQuery, TermKind, Window};
use super::walk::each;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    pub signal: String,
    /// Of a user who does it once a day.
    pub typical: u64,
    /// Of a user who does it all the time.
    pub worst: u64,
}

const DAY: Millis = 86_400_000;
/// A series is kept with the number of its oldest bucket.
const SERIES_BYTES: u64 = 8;
/// Per bucket: its distance to the one before, and a count when it is not one.
const COUNT_BYTES: (u64, u64) = (2, 5);
/// Per bucket: also sum, largest and number of values.
const NUMBERS_BYTES: (u64, u64) = (12, 26);
const DISTINCT: (u64, u64) = (10, 256);
const DISTINCT_BYTES: u64 = 13;
const STREAK: (u64, u64) = (10, 10_000);
const STREAK_BYTES: u64 = 8;
/// One value: a time, a total, a step's start.
const VALUE_BYTES: u64 = 10;

/// Each signal's, in file order.
pub fn costs(playbook: &Playbook) -> Vec<Cost> {
    let mut kept: Vec<Kept> = playbook.signals.iter().map(|_| Kept::default()).collect();
    for (signal, kept) in playbook.signals.iter().zip(&mut kept) {
        if let SignalKind::Sequence { steps, .. } = &signal.kind {
            kept.values += steps.len() as u64;
        }
    }
    let mut asked = |signal: usize, query: SignalQuery| kept[signal].add(query);
    let mut look = |expr: &Expr| {
        each(expr, &mut |part| {
            if let Expr::Signal(signal, query) = part {
                asked(*signal, *query);
            }
        });
    };
    for term in playbook.scores.iter().flat_map(|score| &score.terms) {
        match &term.kind {
            TermKind::Behaviour { signal, lifespan, .. } => {
                look(&Expr::Signal(*signal, SignalQuery::Count { window: *lifespan, ago: 0 }));
            }
            TermKind::Attribute { when } => look(when),
        }
    }
    for moment in &playbook.moments {
        look(&moment.when);
        moment.until.iter().for_each(&mut look);
    }
    let cost = |(signal, kept): (&super::meant::Signal, &Kept)| {
        let (typical, worst) = kept.bytes();
        Cost { signal: signal.name.clone(), typical, worst }
    };
    playbook.signals.iter().zip(&kept).map(cost).collect()
}

/// What is kept for one signal: of series with one bucket only the longest.
#[derive(Debug, Default)]
struct Kept {
    counts: BTreeMap<Millis, Millis>,
    numbers: BTreeMap<Millis, Millis>,
    distinct: bool,
    streaks: u64,
    values: u64,
}

impl Kept {
    fn add(&mut self, query: SignalQuery) {
        let longest = |series: &mut BTreeMap<Millis, Millis>, window: Window, ago: Millis| {
            let length = series.entry(window.bucket).or_default();
            *length = (*length).max(window.length + ago);
        };
        match query {
            SignalQuery::Count { window, ago } | SignalQuery::Days { window, ago } => {
                longest(&mut self.counts, window, ago);
            }
            SignalQuery::Sum(window) | SignalQuery::Max(window) | SignalQuery::Avg(window) => {
                longest(&mut self.numbers, window, 0);
            }
            SignalQuery::Distinct(_) => self.distinct = true,
            SignalQuery::Streak { .. } => self.streaks += 1,
            SignalQuery::Last | SignalQuery::Total | SignalQuery::Seen | SignalQuery::Silent(_) => self.values += 1,
        }
    }

    fn bytes(&self) -> (u64, u64) {
        let (mut typical, mut worst) = (self.values * VALUE_BYTES, self.values * VALUE_BYTES);
        for (series, (little, much)) in [(&self.counts, COUNT_BYTES), (&self.numbers, NUMBERS_BYTES)] {
            for (bucket, length) in series {
                let buckets = (length / bucket) as u64 + 1;
                let days = (length / DAY) as u64 + 1;
                typical += SERIES_BYTES + buckets.min(days) * little;
                worst += SERIES_BYTES + buckets * much;
            }
        }
        if self.distinct {
            typical += DISTINCT.0 * DISTINCT_BYTES;
            worst += DISTINCT.1 * DISTINCT_BYTES;
        }
        typical += self.streaks * STREAK.0 * STREAK_BYTES;
        worst += self.streaks * STREAK.1 * STREAK_BYTES;
        (typical, worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_windows_and_smaller_buckets_cost_more() {
        let cost = |asked: &str| {
            let text = format!("[signals.a]\non = 'page'\n[moments.m]\ncooldown = '1d'\nwhen = '{asked} > 0'");
            let playbook = super::super::read(&text, "p").playbook.expect("no errors");
            costs(&playbook).remove(0)
        };
        assert_eq!(cost("a.total()").worst, VALUE_BYTES);
        assert!(cost(r#"a.count("30d")"#).worst > cost(r#"a.count("7d")"#).worst);
        assert!(cost(r#"a.count("168h")"#).worst > 50 * cost(r#"a.count("7d")"#).worst, "minutes, not hours");
        assert_eq!(cost(r#"a.count("7d") + a.count("3d")"#), cost(r#"a.count("7d")"#), "one series for both");
    }
}
