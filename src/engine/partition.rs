//! Which partition a key belongs to, by the two rules producers use. It must not know topics or clients.

use super::Partitioner;

/// The partition of a key among `partitions`, of which there is at least one.
pub fn of_key(by: Partitioner, key: &[u8], partitions: i32) -> i32 {
    let hash = match by {
        // The Java client clears the sign bit instead of taking the absolute value.
        Partitioner::Murmur2 => murmur2(key) & 0x7fff_ffff,
        Partitioner::Crc32 => crc32fast::hash(key),
    };
    let partitions = u32::try_from(partitions).expect("a topic has a positive number of partitions");
    i32::try_from(hash % partitions).expect("smaller than a number of partitions")
}

/// MurmurHash2 with the Java client's seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).expect("keys are far below 4 GiB");
    let mut hash = 0x9747_b28c ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_the_java_clients() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn crc32_is_the_usual_one() {
        assert_eq!(of_key(Partitioner::Crc32, b"123456789", 1_000), i32::try_from(0xcbf4_3926_u32 % 1_000).unwrap());
    }

    #[test]
    fn every_partition_is_one_of_them() {
        for number in 0..500 {
            let key = format!("user-{number}");
            for by in [Partitioner::Murmur2, Partitioner::Crc32] {
                assert!((0..7).contains(&of_key(by, key.as_bytes(), 7)));
            }
        }
    }
}
