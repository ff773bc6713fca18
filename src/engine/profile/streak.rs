//! Occurrences since the last arrival of another signal. Each keeps its place in the partition, so that a merge can tell
//! which of two people's came after the other's.
//!
//! Payload: the other's last arrival (0: never), then bucket and arrival of each occurrence.

use super::super::Millis;
use super::super::playbook::meant::Window;
use super::series::span;
use super::varint;

/// How many occurrences a streak can hold; older ones give way.
pub const MOST: usize = 10_000;

/// Place of an event in its partition; counts up, starts above 0.
pub type Arrival = u64;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Streak {
    pub broken: Arrival,
    /// (bucket, arrival), in order of arrival.
    pub occurrences: Vec<(i64, Arrival)>,
}

pub fn read(payload: Option<&[u8]>) -> Streak {
    let mut rest = payload.unwrap_or_default();
    let mut streak = Streak { broken: varint::take(&mut rest), occurrences: Vec::new() };
    let mut arrival = 0u64;
    while !rest.is_empty() {
        let bucket = varint::take_signed(&mut rest);
        arrival = arrival.wrapping_add(varint::take(&mut rest));
        streak.occurrences.push((bucket, arrival));
    }
    streak
}

impl Streak {
    pub fn write(&self, out: &mut Vec<u8>) {
        varint::put(out, self.broken);
        let mut before = 0;
        for (bucket, arrival) in &self.occurrences {
            varint::put_signed(out, *bucket);
            varint::put(out, arrival - before);
            before = *arrival;
        }
    }

    /// Forgets what arrived up to and with `arrival`.
    pub fn break_at(&mut self, arrival: Arrival) {
        self.broken = self.broken.max(arrival);
        self.occurrences.retain(|(_, a)| *a > self.broken);
    }

    /// True when an older occurrence had to go.
    pub fn add(&mut self, bucket: i64, arrival: Arrival) -> bool {
        self.occurrences.push((bucket, arrival));
        let full = self.occurrences.len() > MOST;
        if full {
            self.occurrences.remove(0);
        }
        full
    }

    pub fn merge(&mut self, other: Self) {
        self.occurrences.extend(other.occurrences);
        self.occurrences.sort_unstable_by_key(|(_, arrival)| *arrival);
        self.break_at(other.broken);
        let over = self.occurrences.len().saturating_sub(MOST);
        self.occurrences.drain(..over);
    }

    pub fn drop_before(&mut self, after: i64) {
        self.occurrences.retain(|(k, _)| *k > after);
    }
}

pub fn count(payload: Option<&[u8]>, window: Window, clock: Millis) -> u64 {
    let (after, last) = span(window, 0, clock);
    read(payload).occurrences.iter().filter(|(k, _)| after < *k && *k <= last).count() as u64
}

/// The next time at which an occurrence leaves the window.
pub fn next_change(payload: Option<&[u8]>, window: Window, clock: Millis) -> Millis {
    let (after, _) = span(window, 0, clock);
    let width = window.length / window.bucket;
    read(payload)
        .occurrences
        .iter()
        .map(|(k, _)| *k)
        .filter(|k| *k > after)
        .min()
        .map_or(Millis::MAX, |k| (k + width) * window.bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_goes_by_arrival() {
        let window = Window { length: 100, bucket: 1 };
        let mut a = Streak::default();
        a.add(3, 5);
        a.add(1, 9);
        let mut b = Streak { broken: 6, occurrences: vec![] };
        b.add(2, 7);
        a.merge(b);
        let mut bytes = Vec::new();
        a.write(&mut bytes);
        assert_eq!(read(Some(&bytes)), a);
        assert_eq!(a, Streak { broken: 6, occurrences: vec![(2, 7), (1, 9)] });
        assert_eq!(count(Some(&bytes), window, 50), 2);
        assert_eq!(next_change(Some(&bytes), window, 50), 101);
    }
}
