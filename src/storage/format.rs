//! The frame of a snapshot file: magic, format version, a checked header, compressed and checked blocks, a checked end.
//! It must not know what a block holds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The format this build writes. A file of a newer one is refused by name, never guessed at.
pub const FORMAT: u16 = 1;
const MAGIC: &[u8; 8] = b"KAIROSNP";
const LEVEL: i32 = 1;
/// No block of ours is near this; a length beyond it is damage, not a reason to allocate.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Says what a snapshot is a snapshot of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub partition: i32,
    /// Next offset of the position it was cut at.
    pub offset: i64,
    /// The rest of that position, as it was committed.
    pub position: String,
    /// Of the playbook in force.
    pub fingerprint: String,
    /// The snapshot this one is the difference to; none: it is whole by itself.
    pub parent: Option<SnapshotId>,
}

/// Position and content hash: the name of a snapshot, in a file name and in a committed position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId {
    pub offset: i64,
    hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub header: Header,
    pub blocks: Vec<Vec<u8>>,
}

/// Why a snapshot can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not there")]
    Missing,
    #[error("it is no snapshot of Kairos")]
    NotOurs,
    #[error("its format is version {0}, newer than the {FORMAT} this build reads")]
    Newer(u16),
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// The bytes of a snapshot and its name.
pub fn write(header: &Header, blocks: &[Vec<u8>]) -> (SnapshotId, Vec<u8>) {
    let head = serde_json::to_vec(header).expect("a header holds only texts and whole numbers");
    let mut bytes = Vec::with_capacity(64 + head.len() + blocks.iter().map(|block| block.len() / 3).sum::<usize>());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    section(&mut bytes, &head);
    for block in blocks.iter().filter(|block| !block.is_empty()) {
        let packed = zstd::encode_all(block.as_slice(), LEVEL).expect("writing to memory does not fail");
        section(&mut bytes, &packed);
    }
    section(&mut bytes, &[]);
    (SnapshotId { offset: header.offset, hash: hash(&bytes) }, bytes)
}

/// Takes a snapshot apart, having checked all of it.
pub fn read(id: &SnapshotId, bytes: &[u8]) -> Result<Contents, Unreadable> {
    let (header, mut rest) = head(bytes)?;
    if hash(bytes) != id.hash {
        return Err(Unreadable::Damaged("its contents are not those its name says"));
    }
    let mut blocks = Vec::new();
    loop {
        let packed = take_section(&mut rest)?;
        if packed.is_empty() {
            break;
        }
        blocks.push(zstd::decode_all(packed).map_err(|_| Unreadable::Damaged("a block does not unpack"))?);
    }
    if !rest.is_empty() {
        return Err(Unreadable::Damaged("bytes after its end"));
    }
    Ok(Contents { header, blocks })
}

/// Only the header: what it is, not whether the rest is whole.
pub fn read_header(bytes: &[u8]) -> Result<Header, Unreadable> {
    head(bytes).map(|(header, _)| header)
}

/// The format's version that a file says it has; `None`: it is no snapshot.
pub fn version(bytes: &[u8]) -> Option<u16> {
    bytes.strip_prefix(MAGIC)?.first_chunk::<2>().map(|version| u16::from_le_bytes(*version))
}

fn head(bytes: &[u8]) -> Result<(Header, &[u8]), Unreadable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::NotOurs)?;
    let (version, mut rest) = rest.split_first_chunk::<2>().ok_or(Unreadable::Damaged("cut short"))?;
    let version = u16::from_le_bytes(*version);
    if version > FORMAT {
        return Err(Unreadable::Newer(version));
    }
    let head = take_section(&mut rest)?;
    let header = serde_json::from_slice(head).map_err(|_| Unreadable::Damaged("its header does not read"))?;
    Ok((header, rest))
}

/// Length, checksum, bytes. The empty section is the end.
fn section(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("blocks are cut long before 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Unreadable> {
    const SHORT: Unreadable = Unreadable::Damaged("cut short");
    let (length, after) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let (crc, after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > BLOCK_BYTES_MAX {
        return Err(Unreadable::Damaged("a length that can't be"));
    }
    let (bytes, after) = after.split_at_checked(length).ok_or(SHORT)?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return Err(Unreadable::Damaged("a checksum is wrong"));
    }
    *rest = after;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

impl SnapshotId {
    pub fn file_name(&self) -> String {
        format!("{self}.kairos")
    }

    pub fn of_file(name: &str) -> Option<Self> {
        name.strip_suffix(".kairos")?.parse().ok()
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:019}-{}", self.offset, self.hash)
    }
}

impl FromStr for SnapshotId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a snapshot's name is its offset, a dash and 16 hex digits";
        let (offset, hash) = text.split_once('-').ok_or(WRONG)?;
        let digits = |part: &str, length, of: fn(&u8) -> bool| part.len() == length && part.as_bytes().iter().all(of);
        if !digits(offset, 19, u8::is_ascii_digit) || !digits(hash, 16, u8::is_ascii_hexdigit) {
            return Err(WRONG);
        }
        Ok(Self { offset: offset.parse().map_err(|_| WRONG)?, hash: hash.to_owned() })
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            partition: 3,
            offset: 1_234,
            position: "kairos/1;c=5".to_owned(),
            fingerprint: "ab".repeat(32),
            parent: None,
        }
    }

    fn sample() -> (SnapshotId, Vec<u8>) {
        write(&header(), &[b"profiles ".repeat(20), b"more".to_vec()])
    }

    #[test]
    fn what_was_written_reads_back() {
        let (id, bytes) = sample();
        let contents = read(&id, &bytes).unwrap();
        assert_eq!(contents.header, header());
        assert_eq!(contents.blocks, [b"profiles ".repeat(20), b"more".to_vec()]);
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_eq!(SnapshotId::of_file(&id.file_name()), Some(id));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (id, bytes) = sample();
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 4;
            assert!(read(&id, &bent).is_err(), "byte {at} flipped");
            assert!(read(&id, &bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(read(&id, &longer).is_err());
    }

    #[test]
    fn a_newer_format_is_named() {
        let (id, mut bytes) = sample();
        bytes[8] = 9;
        assert_eq!(read(&id, &bytes), Err(Unreadable::Newer(9)));
    }

    /// Files of format 1 lie in people's buckets: this build and all later ones read them.
    #[test]
    fn format_1_reads_for_ever() {
        let golden = include_bytes!("../../tests/golden/snapshot-v1.kairos");
        let id = SnapshotId::of_file("0000000000000001234-ed609c357d5465c5.kairos").unwrap();
        let contents = read(&id, golden).unwrap();
        assert_eq!(contents.header, header());
        assert_eq!(contents.blocks, [b"profiles ".repeat(20), b"more".to_vec()]);
    }
}
