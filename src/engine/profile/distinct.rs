//! The latest occurrence of each different value, the 256 latest of them, oldest first.
//!
//! Payload: for each, 8 bytes of the value's hash, then its time as the distance to the one before.

use super::super::Millis;
use super::varint;

/// How many values are remembered.
pub const MOST: usize = 256;

pub fn entries(payload: Option<&[u8]>) -> impl Iterator<Item = (u64, Millis)> + '_ {
    let mut rest = payload.unwrap_or_default();
    let mut time = 0i64;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut hash = [0; 8];
        let bytes = varint::take_bytes(&mut rest, 8);
        hash[..bytes.len()].copy_from_slice(bytes);
        time = time.wrapping_add(varint::take_signed(&mut rest));
        Some((u64::from_le_bytes(hash), time))
    })
}

pub fn write(out: &mut Vec<u8>, entries: &[(u64, Millis)]) {
    let mut before = 0;
    for (hash, time) in entries {
        out.extend_from_slice(&hash.to_le_bytes());
        varint::put_signed(out, time.wrapping_sub(before));
        before = *time;
    }
}

/// Notes an occurrence. True when an older value had to go.
pub fn add(entries: &mut Vec<(u64, Millis)>, hash: u64, time: Millis) -> bool {
    let mut latest = time;
    if let Some(at) = entries.iter().position(|(have, _)| *have == hash) {
        latest = latest.max(entries.remove(at).1);
    }
    let place = entries.partition_point(|(_, t)| *t <= latest);
    entries.insert(place, (hash, latest));
    let full = entries.len() > MOST;
    if full {
        entries.remove(0);
    }
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let mut all = Vec::new();
        for i in 0..300u64 {
            assert_eq!(add(&mut all, i, i as Millis), i >= 256);
        }
        add(&mut all, 50, 1_000);
        assert_eq!((all.len(), all[0], all[255]), (256, (44, 44), (50, 1_000)));
        let mut bytes = Vec::new();
        write(&mut bytes, &all);
        assert_eq!(entries(Some(&bytes)).collect::<Vec<_>>(), all);
    }
}
