//! Which partition a key falls into, as the two usual clients work it out.

/// The Java client's default for records with a key.
pub fn murmur2(key: &[u8], partitions: i32) -> i32 {
    (murmur2_hash(key) & 0x7fff_ffff) as i32 % partitions.max(1)
}

/// librdkafka's `consistent`.
pub fn crc32(key: &[u8], partitions: i32) -> i32 {
    (crc32fast::hash(key) % partitions.max(1) as u32) as i32
}

/// MurmurHash2, 32 bits, with the seed that Kafka's Java client uses.
fn murmur2_hash(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut chunks = key.chunks_exact(4);
    for four in &mut chunks {
        let mut k = u32::from_le_bytes(four.try_into().expect("chunks of 4")).wrapping_mul(M);
        k = (k ^ k >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_is_the_java_clients() {
        // Values of the Kafka project's own test of its hash.
        for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)]
        {
            assert_eq!(murmur2_hash(key.as_bytes()) as i32, hash, "{key}");
        }
        // The usual check value, 0xcbf43926.
        assert_eq!(crc32(b"123456789", 1_000), 262);
    }
}
