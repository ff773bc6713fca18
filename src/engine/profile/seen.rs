//! Message ids of the last dedupe window, as 64-bit hashes under the hour of the clock at which each was first seen.
//!
//! Payload: for each hour, oldest first, the distance to the one before, how many ids, 8 bytes each.

use super::super::Millis;
use super::varint;

const HOUR: Millis = 3_600_000;

/// How many ids of one person are remembered; the oldest hours give way.
pub const MOST: usize = 50_000;

/// Hour of a clock, and how many hours are remembered.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub hour: i64,
    pub hours: i64,
}

impl Span {
    pub fn new(clock: Millis, window: Millis) -> Self {
        Self { hour: clock.div_euclid(HOUR), hours: (window + HOUR - 1) / HOUR }
    }

    fn holds(self, hour: i64) -> bool {
        self.hour - hour < self.hours
    }
}

fn hours(payload: Option<&[u8]>) -> impl Iterator<Item = (i64, &[u8])> {
    let mut rest = payload.unwrap_or_default();
    let mut hour = 0i64;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        hour = hour.wrapping_add(varint::take_signed(&mut rest));
        let count = varint::take(&mut rest) as usize;
        Some((hour, varint::take_bytes(&mut rest, count.saturating_mul(8))))
    })
}

pub fn contains(payload: Option<&[u8]>, id: u64, span: Span) -> bool {
    let id = id.to_le_bytes();
    hours(payload).any(|(hour, ids)| span.holds(hour) && ids.chunks_exact(8).any(|have| have == id))
}

/// Appends the payload with one id more and the expired hours left out. True when ids still wanted had to go.
pub fn write_with(out: &mut Vec<u8>, payload: Option<&[u8]>, id: u64, span: Span) -> bool {
    let mut before = 0;
    let mut done = false;
    let mut total: usize = hours(payload).filter(|(h, _)| span.holds(*h)).map(|(_, ids)| ids.len() / 8).sum();
    let mut refused = false;
    let mut put = |out: &mut Vec<u8>, hour: i64, ids: &[u8], more: Option<u64>| {
        varint::put_signed(out, hour - before);
        varint::put(out, (ids.len() / 8 + usize::from(more.is_some())) as u64);
        out.extend_from_slice(ids);
        if let Some(more) = more {
            out.extend_from_slice(&more.to_le_bytes());
        }
        before = hour;
    };
    for (hour, ids) in hours(payload).filter(|(h, _)| span.holds(*h)) {
        if total >= MOST && hour != span.hour {
            total -= ids.len() / 8;
            refused = true;
            continue;
        }
        if hour == span.hour {
            let ids = if total >= MOST { &ids[8..] } else { ids };
            put(out, hour, ids, Some(id));
            done = true;
        } else {
            put(out, hour, ids, None);
        }
    }
    if !done {
        put(out, span.hour, &[], Some(id));
    }
    refused
}

/// Appends what both remember; of an id in both, the later hour.
pub fn write_merged(out: &mut Vec<u8>, a: Option<&[u8]>, b: Option<&[u8]>) {
    let mut all: Vec<(u64, i64)> = [a, b]
        .into_iter()
        .flat_map(hours)
        .flat_map(|(hour, ids)| {
            ids.chunks_exact(8).map(move |id| (u64::from_le_bytes(id.try_into().expect("chunks of 8")), hour))
        })
        .collect();
    all.sort_unstable_by_key(|(id, hour)| (*id, -hour));
    all.dedup_by_key(|(id, _)| *id);
    all.sort_unstable_by_key(|(id, hour)| (*hour, *id));
    let over = all.len().saturating_sub(MOST);
    let mut before = 0;
    for group in all[over..].chunk_by(|a, b| a.1 == b.1) {
        varint::put_signed(out, group[0].1 - before);
        varint::put(out, group.len() as u64);
        group.iter().for_each(|(id, _)| out.extend_from_slice(&id.to_le_bytes()));
        before = group[0].1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(payload: &[u8], id: u64, hour: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write_with(&mut out, Some(payload), id, Span { hour, hours: 24 });
        out
    }

    #[test]
    fn an_id_is_forgotten_after_the_window() {
        let bytes = with(&with(&with(&[], 7, 0), 8, 0), 9, 5);
        let at = |id, hour| contains(Some(&bytes), id, Span { hour, hours: 24 });
        assert!(at(7, 23) && at(8, 23) && at(9, 28));
        assert!(!at(7, 24) && !at(9, 29) && !at(1, 0));
        assert_eq!(hours(Some(&with(&bytes, 1, 24))).count(), 2, "what expired is dropped");
    }

    #[test]
    fn a_merge_keeps_the_later_memory() {
        let (a, b) = (with(&with(&[], 7, 0), 8, 1), with(&[], 7, 3));
        let mut both = Vec::new();
        write_merged(&mut both, Some(&a), Some(&b));
        assert!(contains(Some(&both), 7, Span { hour: 26, hours: 24 }));
        assert!(!contains(Some(&both), 8, Span { hour: 26, hours: 24 }));
        assert!(contains(Some(&both), 8, Span { hour: 24, hours: 24 }));
    }
}
