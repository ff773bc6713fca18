//! Occurrences counted in buckets of time, oldest first: what `count`, `days` and behavioural terms read.
//!
//! Payload: the oldest bucket, then for each bucket the distance to the one before, doubled, plus 1 when a count follows.

use super::super::Millis;
use super::super::playbook::meant::Window;
use super::varint;

/// Number of a bucket: `floor(time / bucket)`, downwards also before 1970.
pub fn bucket(time: Millis, length: Millis) -> i64 {
    time.div_euclid(length)
}

/// Goes through (bucket, count), oldest first.
#[derive(Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
    at: i64,
}

pub fn entries(payload: Option<&[u8]>) -> Entries<'_> {
    let mut rest = payload.unwrap_or_default();
    let at = varint::take_signed(&mut rest);
    Entries { rest, at }
}

impl Iterator for Entries<'_> {
    type Item = (i64, u64);

    fn next(&mut self) -> Option<(i64, u64)> {
        if self.rest.is_empty() {
            return None;
        }
        let head = varint::take(&mut self.rest);
        self.at = self.at.wrapping_add((head >> 1) as i64);
        let count = if head & 1 == 1 { varint::take(&mut self.rest) } else { 1 };
        Some((self.at, count))
    }
}

pub fn write(out: &mut Vec<u8>, entries: &[(i64, u64)]) {
    let Some((first, _)) = entries.first() else { return };
    varint::put_signed(out, *first);
    let mut before = *first;
    for (at, count) in entries {
        let head = ((at - before) as u64) << 1;
        if *count == 1 {
            varint::put(out, head);
        } else {
            varint::put(out, head | 1);
            varint::put(out, *count);
        }
        before = *at;
    }
}

/// Adds `count` to bucket `at`; `most` limits a bucket's count (1 for days).
pub fn add(entries: &mut Vec<(i64, u64)>, at: i64, count: u64, most: u64) {
    let place = entries.partition_point(|(k, _)| *k < at);
    match entries.get_mut(place) {
        Some((k, n)) if *k == at => *n = n.saturating_add(count).min(most),
        _ => entries.insert(place, (at, count.min(most))),
    }
}

/// The buckets (after, up to and with) that a window holds at a clock.
pub fn span(window: Window, ago: Millis, clock: Millis) -> (i64, i64) {
    let last = bucket(clock - ago, window.bucket);
    (last - window.length / window.bucket, last)
}

pub fn count(payload: Option<&[u8]>, window: Window, ago: Millis, clock: Millis) -> u64 {
    let (after, last) = span(window, ago, clock);
    entries(payload).skip_while(|(k, _)| *k <= after).take_while(|(k, _)| *k <= last).map(|(_, n)| n).sum()
}

/// The moments at which a windowed count changes if nothing more happens, in order, with the count from then on.
pub struct Changes<'a> {
    entering: std::iter::Peekable<Entries<'a>>,
    leaving: std::iter::Peekable<Entries<'a>>,
    window: Window,
    ago: Millis,
    count: u64,
}

pub fn changes(payload: Option<&[u8]>, window: Window, ago: Millis, clock: Millis) -> Changes<'_> {
    let (after, last) = span(window, ago, clock);
    let mut leaving = entries(payload).peekable();
    while leaving.next_if(|(k, _)| *k <= after).is_some() {}
    let mut entering = leaving.clone();
    let mut count = 0;
    while let Some((_, n)) = entering.next_if(|(k, _)| *k <= last) {
        count += n;
    }
    Changes { entering, leaving, window, ago, count }
}

impl Iterator for Changes<'_> {
    type Item = (Millis, u64);

    fn next(&mut self) -> Option<(Millis, u64)> {
        let width = self.window.length / self.window.bucket;
        let time = |k: i64| k * self.window.bucket + self.ago;
        let enters = self.entering.peek().map_or(Millis::MAX, |(k, _)| time(*k));
        let leaves = self.leaving.peek().map_or(Millis::MAX, |(k, _)| time(*k + width));
        let at = enters.min(leaves);
        if at == Millis::MAX {
            return None;
        }
        if enters == at
            && let Some((_, n)) = self.entering.next()
        {
            self.count += n;
        }
        if leaves == at
            && let Some((_, n)) = self.leaving.next()
        {
            self.count -= n;
        }
        Some((at, self.count))
    }
}

/// How many changes of a count are looked ahead for the one that flips a test of it.
const LOOK_AHEAD: usize = 64;

/// Whether a windowed count passes a test, and the first time at which it may not (or may, if it does not now).
pub fn holds(
    payload: Option<&[u8]>,
    window: Window,
    ago: Millis,
    clock: Millis,
    test: impl Fn(u64) -> bool,
) -> (bool, Millis) {
    if payload.is_none() {
        return (test(0), Millis::MAX);
    }
    if ago == 0 {
        return holds_now(payload, window, clock, test);
    }
    let mut changes = changes(payload, window, ago, clock);
    let now = test(changes.count);
    let mut looked = 0;
    let flip = changes.find(|(_, count)| {
        looked += 1;
        looked > LOOK_AHEAD || test(*count) != now
    });
    (now, flip.map_or(Millis::MAX, |(at, _)| at))
}

/// The same of a window that ends at the clock: nothing enters it by itself.
fn holds_now(payload: Option<&[u8]>, window: Window, clock: Millis, test: impl Fn(u64) -> bool) -> (bool, Millis) {
    let (after, last) = span(window, 0, clock);
    let inside = entries(payload).skip_while(|(k, _)| *k <= after).take_while(|(k, _)| *k <= last);
    let mut left: u64 = inside.clone().map(|(_, n)| n).sum();
    let now = test(left);
    for (looked, (k, n)) in inside.enumerate() {
        left -= n;
        if looked == LOOK_AHEAD || test(left) != now {
            return (now, (k + window.length / window.bucket) * window.bucket);
        }
    }
    (now, Millis::MAX)
}

/// What a term's window holds: (occurrences, sum of (L − age in buckets)).
pub fn decayed(payload: Option<&[u8]>, window: Window, clock: Millis) -> (u64, i128) {
    let (after, last) = span(window, 0, clock);
    let (mut occurrences, mut weight) = (0, 0i128);
    for (k, n) in entries(payload).skip_while(|(k, _)| *k <= after).take_while(|(k, _)| *k <= last) {
        occurrences += n;
        weight += i128::from(n) * i128::from(k - after);
    }
    (occurrences, weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(entries: &[(i64, u64)]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, entries);
        out
    }

    #[test]
    fn a_window_ends_at_its_bucket() {
        let hour = 3_600_000;
        let day = Window { length: 24 * hour, bucket: hour };
        let bytes = packed(&[(-3, 1), (0, 2), (23, 1), (24, 5)]);
        assert_eq!(count(Some(&bytes), day, 0, 24 * hour - 1), 3);
        assert_eq!(count(Some(&bytes), day, 0, 24 * hour), 6);
        assert_eq!(count(Some(&bytes), day, 24 * hour, 24 * hour), 3);
        assert_eq!(count(None, day, 0, 24 * hour), 0);
    }

    #[test]
    fn changes_are_what_counting_anew_finds() {
        let minute = 60_000;
        let window = Window { length: 5 * minute, bucket: minute };
        let bytes = packed(&[(0, 1), (2, 3), (4, 1), (9, 2)]);
        let clock = 9 * minute + 17;
        for ago in [0, 2 * minute, 7 * minute] {
            let mut at = clock;
            let mut have = count(Some(&bytes), window, ago, clock);
            for (time, n) in changes(Some(&bytes), window, ago, clock) {
                while at < time {
                    assert_eq!(count(Some(&bytes), window, ago, at), have, "at {at}, ago {ago}");
                    at += 1_000;
                }
                assert_eq!(count(Some(&bytes), window, ago, time), n);
                (at, have) = (time, n);
            }
            assert_eq!(have, 0);
        }
    }

    #[test]
    fn fresh_weighs_most() {
        let hour = 3_600_000;
        let window = Window { length: 24 * hour, bucket: hour };
        let bytes = packed(&[(10, 1), (33, 2)]);
        assert_eq!(decayed(Some(&bytes), window, 33 * hour), (3, 1 + 48));
        assert_eq!(decayed(Some(&bytes), window, 34 * hour), (2, 46));
    }
}
