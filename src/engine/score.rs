//! Scores: points from what a person is and does, the segment they fall into, and how long both stay as they are.
//!
//! A behavioural term fades by one step a bucket, so between events a sum is bounded by straight lines: that gives times
//! before which no threshold can be crossed, without trying them.

use std::borrow::Cow;

use super::Millis;
use super::eval::{NEVER, holds};
use super::person::Person;
use super::playbook::meant::{Score, TermKind};
use super::playbook::program::TermPlan;
use super::profile::{series, values};

/// Room for rounding when a bound is worked out, in points. Looking too early costs little; too late would be wrong.
const SLACK: f64 = 1e-6;

/// One term at one clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TermNow {
    /// Occurrences in the window; `None` for an attribute that holds. Terms that say nothing have `Some(0)`.
    pub occurrences: Option<u64>,
    pub points: f64,
}

/// One score at one clock.
#[derive(Debug, Clone, Default)]
pub struct ScoreNow {
    pub value: f64,
    pub segment: u8,
    /// First time at which the segment may be another.
    pub segment_until: Millis,
    pub terms: Vec<TermNow>,
    clock: Millis,
    half: f64,
    /// Sum of the terms, which may be below 0.
    sum: f64,
    /// First time at which an attribute term may change.
    attributes_until: Millis,
    slopes: [Slope; 3],
}

/// Terms that kept values alone decide: how they stood in the last evaluation, if they stand so still, and how they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    pub known: Option<u64>,
    pub now: u64,
}

impl Facts {
    /// Whether a term holds, and until when.
    fn get_or(&mut self, fact: Option<usize>, look: impl FnOnce() -> (bool, Millis)) -> (bool, Millis) {
        let Some(bit) = fact.map(|fact| 1 << fact) else { return look() };
        let holds = self.known.map_or_else(|| look().0, |known| known & bit != 0);
        self.now |= if holds { bit } else { 0 };
        (holds, NEVER)
    }
}

/// How fast terms of one bucket can move the sum, in points a bucket.
#[derive(Debug, Clone, Copy, Default)]
struct Slope {
    bucket: Millis,
    fall: f64,
    rise: f64,
}

impl ScoreNow {
    /// Works a score out. `held`: the segment of the last evaluation.
    pub fn work_out(
        &mut self,
        score: &Score,
        plans: &[TermPlan],
        person: &Person<'_>,
        facts: &mut Facts,
        held: Option<u8>,
    ) {
        self.clock = person.clock;
        self.half = score.half;
        self.attributes_until = NEVER;
        self.slopes = Default::default();
        self.terms.clear();
        self.sum = 0.0;
        for (term, plan) in score.terms.iter().zip(plans) {
            let now = match (&term.kind, plan) {
                (TermKind::Behaviour { .. }, TermPlan { cell: Some(cell), .. }) if !person.body.has(*cell) => {
                    TermNow { occurrences: Some(0), points: 0.0 }
                }
                (TermKind::Behaviour { lifespan, cap, .. }, TermPlan { cell: Some(cell), .. }) => {
                    let buckets = lifespan.length / lifespan.bucket;
                    let (occurrences, weight) = series::decayed(person.body.get(*cell), *lifespan, person.clock);
                    let mut exact = i128::from(term.points) * weight;
                    if let Some(cap) = cap {
                        let most = i128::from(*cap) * i128::from(buckets);
                        exact = exact.clamp(-most, most);
                    }
                    self.slope(lifespan.bucket, occurrences as f64 * term.points as f64 / (1000 * buckets) as f64);
                    TermNow { occurrences: Some(occurrences), points: values::ratio(exact, 1000 * buckets as u64) }
                }
                (_, TermPlan { when: Some(when), .. }) => {
                    let (is, until) = facts.get_or(plan.fact, || holds(when, person));
                    self.attributes_until = self.attributes_until.min(until);
                    if is {
                        TermNow { occurrences: None, points: term.points as f64 / 1000.0 }
                    } else {
                        TermNow { occurrences: Some(0), points: 0.0 }
                    }
                }
                _ => TermNow { occurrences: Some(0), points: 0.0 },
            };
            self.sum += now.points;
            self.terms.push(now);
        }
        let raw = self.sum.max(0.0);
        self.value = raw / (raw + score.half);
        self.segment = segment(score, self.value, held);
        self.segment_until = self.segment_until(score);
    }

    /// Notes that terms of this bucket move the sum by up to `points` at each of its ends.
    fn slope(&mut self, bucket: Millis, points: f64) {
        if points == 0.0 {
            return;
        }
        let place = self.slopes.iter_mut().find(|s| s.bucket == bucket || s.bucket == 0);
        let slope = place.expect("buckets are hours, minutes or seconds");
        slope.bucket = bucket;
        // Positive points fade downwards.
        slope.fall += points.max(0.0);
        slope.rise += (-points).max(0.0);
    }

    fn segment_until(&self, score: &Score) -> Millis {
        let threshold = |i: usize| score.segments.get(i).map(|s| s.threshold);
        let here = usize::from(self.segment);
        let left = if here == 0 { NEVER } else { self.falls_to(threshold(here).unwrap_or(0.0) - score.margin) };
        left.min(threshold(here + 1).map_or(NEVER, |above| self.rises_to(above))).min(self.attributes_until)
    }

    /// First time at which the score may be anything else.
    pub fn next_change(&self) -> Millis {
        self.next_bucket().min(self.attributes_until)
    }

    /// First time at which it may be on the other side of `constant`, or leave it.
    pub fn stays_on_its_side_of(&self, constant: f64) -> Millis {
        let next = if self.value > constant {
            self.falls_to(constant)
        } else if self.value < constant {
            self.rises_to(constant)
        } else {
            self.next_bucket()
        };
        next.min(self.attributes_until)
    }

    pub fn attributes_until(&self) -> Millis {
        self.attributes_until
    }

    /// First time at which the score may be as low as `value`, attributes aside.
    pub fn falls_to(&self, value: f64) -> Millis {
        // A score is never below 0, and 0 is reached when the sum is.
        if value < 0.0 { NEVER } else { self.after(self.sum - self.points_at(value), |s| s.fall) }
    }

    /// First time at which the score may be as high as `value`, attributes aside.
    pub fn rises_to(&self, value: f64) -> Millis {
        if value >= 1.0 { NEVER } else { self.after(self.points_at(value) - self.sum, |s| s.rise) }
    }

    /// How many points make this score.
    fn points_at(&self, value: f64) -> f64 {
        if value >= 1.0 { f64::INFINITY } else { value.max(0.0) * self.half / (1.0 - value) }
    }

    /// First time at which the sum may have moved by `distance`, when it moves by at most `of` a bucket.
    fn after(&self, distance: f64, of: impl Fn(&Slope) -> f64) -> Millis {
        let moving = || self.slopes.iter().filter(|s| of(s) > 0.0);
        let next = moving().map(|s| end_of_bucket(self.clock, s.bucket)).min().unwrap_or(NEVER);
        let distance = distance - SLACK;
        if next == NEVER || distance <= 0.0 {
            return next;
        }
        let mut all = moving();
        let (first, others) = (all.next(), all.next());
        let time = match (first, others) {
            (Some(only), None) => {
                let steps = (distance / of(only)).ceil().min(1e9) as Millis;
                (self.clock.div_euclid(only.bucket) + steps.max(1)).saturating_mul(only.bucket)
            }
            _ => {
                // Each bucket may end at once, then once a length.
                let at_once: f64 = moving().map(&of).sum();
                let a_millisecond: f64 = moving().map(|s| of(s) / s.bucket as f64).sum();
                self.clock.saturating_add(((distance - at_once) / a_millisecond).clamp(0.0, 1e15) as Millis)
            }
        };
        time.max(next)
    }

    fn next_bucket(&self) -> Millis {
        let moving = self.slopes.iter().filter(|s| s.bucket > 0);
        moving.map(|s| end_of_bucket(self.clock, s.bucket)).min().unwrap_or(NEVER)
    }

    /// As sent: the nearest hundredth, half to even on the exact binary value.
    pub fn hundredths(&self) -> u32 {
        hundredths(self.value)
    }

    /// The terms that count, at most five, those with the most points first.
    pub fn reasons(&self, score: &Score) -> Vec<String> {
        let mut terms: Vec<(&TermNow, &str)> = self
            .terms
            .iter()
            .zip(score.terms.iter().map(|t| t.label.as_str()))
            .filter(|(t, _)| t.occurrences != Some(0))
            .collect();
        terms.sort_by(|(a, _), (b, _)| b.points.total_cmp(&a.points));
        terms.truncate(5);
        terms
            .iter()
            .map(|(term, label)| match term.occurrences {
                Some(n) => format!("{label} ×{n} ({:+.1})", term.points),
                None => format!("{label} ({:+.1})", term.points),
            })
            .collect()
    }
}

fn end_of_bucket(clock: Millis, bucket: Millis) -> Millis {
    (clock.div_euclid(bucket) + 1) * bucket
}

/// The highest threshold the score reaches; but the segment held is left downwards only by more than the margin.
fn segment(score: &Score, value: f64, held: Option<u8>) -> u8 {
    let reached = score.segments.iter().rposition(|s| s.threshold <= value).unwrap_or(0);
    let held = held.map(usize::from).filter(|held| *held > reached && *held < score.segments.len());
    let stays = held.filter(|held| score.segments[*held].threshold - value <= score.margin);
    stays.unwrap_or(reached) as u8
}

/// A score of 0 to 1 in hundredths, as `{:.2}` prints it.
pub fn hundredths(value: f64) -> u32 {
    let scaled = value * 100.0;
    if (scaled.fract() - 0.5).abs() > 1e-6 {
        return scaled.round() as u32;
    }
    // Near a tie the product's rounding could decide; the formatter knows the exact value.
    let text = format!("{value:.2}");
    text.bytes().filter(u8::is_ascii_digit).fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
}

/// Hundredths as they go out.
pub fn decimals(hundredths: u32) -> Cow<'static, str> {
    format!("{}.{:02}", hundredths / 100, hundredths % 100).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hundredths_are_what_is_printed(value in 0.0..1.0f64, whole in 0u32..1000) {
            for value in [value, f64::from(whole) / 1000.0, f64::from(whole) / 1024.0] {
                let n = hundredths(value);
                prop_assert_eq!(format!("{}.{:02}", n / 100, n % 100), format!("{value:.2}"));
            }
        }
    }
}
