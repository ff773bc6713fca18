//! How far a person is in a sequence: for each step but the last, the latest start that reached it.
//!
//! Payload: for each such step 0, or its start in zigzag plus 1.

use super::super::Millis;
use super::varint;

pub fn read(payload: Option<&[u8]>, steps: usize) -> Vec<Option<Millis>> {
    let mut rest = payload.unwrap_or_default();
    (1..steps)
        .map(|_| match varint::take(&mut rest) {
            0 => None,
            n => Some(((n - 1) >> 1) as i64 ^ -(((n - 1) & 1) as i64)),
        })
        .collect()
}

pub fn write(out: &mut Vec<u8>, starts: &[Option<Millis>]) {
    for start in starts {
        varint::put(out, start.map_or(0, |s| ((s << 1) ^ (s >> 63)) as u64 + 1));
    }
}

/// Offers an event to the steps it matches. True when the sequence occurs; the starts are then cleared.
pub fn offer(starts: &mut [Option<Millis>], matched: &[usize], time: Millis, within: Millis) -> bool {
    let before = starts.to_vec();
    let reached = |step: usize| before[step - 1].filter(|s| *s <= time && time <= *s + within);
    let last = starts.len();
    if matched.contains(&last) && last > 0 && reached(last).is_some() {
        starts.fill(None);
        return true;
    }
    for &step in matched.iter().filter(|step| **step < last) {
        let start = if step == 0 { Some(time) } else { reached(step) };
        starts[step] = starts[step].max(start);
    }
    last == 0 && matched.contains(&0)
}

/// Joins two people's: the later start of each step.
pub fn merge(starts: &mut [Option<Millis>], other: &[Option<Millis>]) {
    for (mine, theirs) in starts.iter_mut().zip(other) {
        *mine = (*mine).max(*theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_in_order_and_in_time() {
        let mut starts = vec![None; 2];
        assert!(!offer(&mut starts, &[1], 5, 10));
        assert!(!offer(&mut starts, &[0], 10, 10));
        assert!(!offer(&mut starts, &[1], 9, 10), "before the start");
        assert!(!offer(&mut starts, &[1], 20, 10));
        assert!(!offer(&mut starts, &[2], 21, 10), "too late");
        assert!(offer(&mut starts, &[2], 20, 10));
        assert_eq!(starts, [None, None]);
    }

    #[test]
    fn an_event_is_one_step_at_a_time() {
        let mut starts = vec![None];
        assert!(!offer(&mut starts, &[1, 0], 1, 10));
        assert!(offer(&mut starts, &[1, 0], 2, 10));
        assert_eq!(starts, [None], "what completes starts nothing");
        let mut bytes = Vec::new();
        write(&mut bytes, &[Some(-5), None, Some(7)]);
        assert_eq!(read(Some(&bytes), 4), [Some(-5), None, Some(7)]);
    }
}
