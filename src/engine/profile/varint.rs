//! Numbers as few bytes: LEB128, signed ones in zigzag. Reading past the end gives 0: payloads are checksummed where they
//! enter, and no reader trusts a count without looking at what is left.

pub fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub fn put_signed(out: &mut Vec<u8>, n: i64) {
    put(out, ((n << 1) ^ (n >> 63)) as u64);
}

pub fn put_wide(out: &mut Vec<u8>, n: i128) {
    let zigzag = ((n << 1) ^ (n >> 127)) as u128;
    put(out, zigzag as u64);
    put(out, (zigzag >> 64) as u64);
}

pub fn take(from: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0u64, 0u32);
    while let Some((&byte, rest)) = from.split_first() {
        *from = rest;
        if shift < 64 {
            n |= u64::from(byte & 0x7f) << shift;
        }
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    n
}

pub fn take_signed(from: &mut &[u8]) -> i64 {
    let n = take(from);
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

pub fn take_wide(from: &mut &[u8]) -> i128 {
    let low = u128::from(take(from));
    let n = u128::from(take(from)) << 64 | low;
    (n >> 1) as i128 ^ -((n & 1) as i128)
}

/// Exactly `n` bytes, or what is left.
pub fn take_bytes<'a>(from: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, rest) = from.split_at(n.min(from.len()));
    *from = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(a: u64, b: i64, c: i128) {
            let mut bytes = Vec::new();
            put(&mut bytes, a);
            put_signed(&mut bytes, b);
            put_wide(&mut bytes, c);
            let mut from = &bytes[..];
            prop_assert_eq!((take(&mut from), take_signed(&mut from), take_wide(&mut from)), (a, b, c));
            prop_assert!(from.is_empty());
        }
    }
}
