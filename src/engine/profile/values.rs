//! Values of occurrences in buckets of time: sums, maxima and numbers, in whole millionths, exact.
//!
//! Payload: the oldest bucket, then for each the distance to the one before, how many values, their sum, their maximum.

use super::super::Millis;
use super::super::playbook::meant::Window;
use super::series::span;
use super::varint;

/// What one bucket, or a whole window, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values {
    pub count: u64,
    /// Millionths.
    pub sum: i128,
    /// Millionths.
    pub max: i64,
}

impl Values {
    pub fn one(micros: i64) -> Self {
        Self { count: 1, sum: i128::from(micros), max: micros }
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

pub fn entries(payload: Option<&[u8]>) -> impl Iterator<Item = (i64, Values)> + '_ {
    let mut rest = payload.unwrap_or_default();
    let mut at = varint::take_signed(&mut rest);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        at = at.wrapping_add(varint::take(&mut rest) as i64);
        let count = varint::take(&mut rest);
        let sum = varint::take_wide(&mut rest);
        Some((at, Values { count, sum, max: varint::take_signed(&mut rest) }))
    })
}

pub fn write(out: &mut Vec<u8>, entries: &[(i64, Values)]) {
    let Some((first, _)) = entries.first() else { return };
    varint::put_signed(out, *first);
    let mut before = *first;
    for (at, values) in entries {
        varint::put(out, (at - before) as u64);
        varint::put(out, values.count);
        varint::put_wide(out, values.sum);
        varint::put_signed(out, values.max);
        before = *at;
    }
}

pub fn add(entries: &mut Vec<(i64, Values)>, at: i64, values: Values) {
    let place = entries.partition_point(|(k, _)| *k < at);
    match entries.get_mut(place) {
        Some((k, have)) if *k == at => have.join(values),
        _ => entries.insert(place, (at, values)),
    }
}

/// What the window holds; `None` without any value.
pub fn within(payload: Option<&[u8]>, window: Window, clock: Millis) -> Option<Values> {
    let (after, last) = span(window, 0, clock);
    entries(payload).filter(|(k, _)| after < *k && *k <= last).map(|(_, v)| v).reduce(|mut all, one| {
        all.join(one);
        all
    })
}

/// The next time at which a bucket leaves the window.
pub fn next_change(payload: Option<&[u8]>, window: Window, clock: Millis) -> Millis {
    let (after, _) = span(window, 0, clock);
    let width = window.length / window.bucket;
    entries(payload).find(|(k, _)| *k > after).map_or(Millis::MAX, |(k, _)| (k + width) * window.bucket)
}

/// `numerator / denominator` as the nearest 64-bit float, ties to even: rounded once.
pub fn ratio(numerator: i128, denominator: u64) -> f64 {
    let n = numerator.unsigned_abs();
    if n < 1 << 53 && denominator < 1 << 53 {
        // Both are exact as floats, and the division rounds once.
        return numerator as f64 / denominator as f64;
    }
    // With all 128 bits in use the quotient has at least 64; a bit for the rest is far below the 53 that count.
    let up = n.leading_zeros();
    let (n, d) = (n << up, u128::from(denominator));
    let quotient = (n / d) | u128::from(n % d != 0);
    let size = quotient as f64 * 2f64.powi(-(up as i32));
    if numerator < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_of_values() {
        let window = Window { length: 10, bucket: 1 };
        let mut all = Vec::new();
        for (at, micros) in [(5, 2_000_000), (3, -1), (5, 7)] {
            add(&mut all, at, Values::one(micros));
        }
        let mut bytes = Vec::new();
        write(&mut bytes, &all);
        assert_eq!(entries(Some(&bytes)).collect::<Vec<_>>(), all);
        assert_eq!(within(Some(&bytes), window, 12), Some(Values { count: 3, sum: 2_000_006, max: 2_000_000 }));
        assert_eq!(next_change(Some(&bytes), window, 12), 13);
        assert_eq!(within(Some(&bytes), window, 13).map(|v| v.count), Some(2));
        assert_eq!(within(Some(&bytes), window, 15), None);
    }

    proptest! {
        #[test]
        fn a_ratio_is_rounded_once(n in -9_000_000_000_000_000i64..9_000_000_000_000_000, d in 1u32..2_000_000) {
            // Both are exact as floats, so the hardware's division rounds once too.
            prop_assert_eq!(ratio(i128::from(n), u64::from(d)), n as f64 / f64::from(d));
        }

        #[test]
        fn a_large_ratio_is_near(n: i64, d in 1u64..10_000_000_000) {
            let near = n as f64 / d as f64;
            prop_assert!((ratio(i128::from(n), d) - near).abs() <= near.abs() * 1e-15);
        }
    }
}
