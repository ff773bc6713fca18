//! Where a partition stands, and how that is written into a committed offset's metadata.
//! It must not know who commits it or why.

use std::fmt::Write as _;

use crate::engine::Millis;
use crate::storage::SnapshotId;

/// Version of the text below. A newer one is an error, not a guess.
const VERSION: u32 = 1;
const TAG: &str = "kairos/";
/// The broker's own limit is 4,096 by default; ours leaves room for operators who halved it.
pub const METADATA_BYTES_MAX: usize = 2_047;
/// How many snapshots a position names.
pub const SNAPSHOTS_NAMED: usize = 3;

/// All that a commit says of one partition. Two of them are the same position only when all of it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The first offset that is not done.
    pub next: i64,
    /// Where the first record that was ever read lay: how far back the log must reach to begin anew.
    pub first: i64,
    pub clock: Option<Millis>,
    /// The last user done in the clock's minute, when that minute did not fit one transaction.
    pub cursor: Option<String>,
    /// Time of the last record, for the idle clock after a restart.
    pub last_record: Option<Millis>,
    pub hold_back: Option<Millis>,
    /// Marks so far, and where the last of them lies in the marks topic.
    pub marks: u64,
    pub last_mark: Option<i64>,
    pub fingerprint: String,
    pub revision: u64,
    /// Partitions of the raw topic.
    pub partitions: i32,
    /// Newest first.
    pub snapshots: Vec<SnapshotId>,
    /// Wall time of the commit.
    pub wall: Millis,
}

/// Why a committed position says nothing to us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("it was committed by something else (it does not carry the mark of Kairos)")]
    Untagged,
    #[error("it was committed by a newer Kairos (version {0} of the position, this build reads {VERSION})")]
    Newer(u32),
    #[error("its metadata is damaged at `{0}`")]
    Damaged(String),
}

impl Position {
    /// The metadata: ASCII, `key=value` fields between semicolons.
    pub fn encode(&self) -> String {
        let mut text = format!("{TAG}{VERSION};o={}", self.first);
        let mut field = |key: char, value: Option<String>| {
            if let Some(value) = value {
                write!(text, ";{key}={value}").expect("writing to a text does not fail");
            }
        };
        field('c', self.clock.map(|clock| clock.to_string()));
        field('u', self.cursor.as_deref().map(escape));
        field('t', self.last_record.map(|time| time.to_string()));
        field('h', self.hold_back.map(|time| time.to_string()));
        field('m', Some(self.marks.to_string()));
        field('l', self.last_mark.map(|offset| offset.to_string()));
        field('f', Some(self.fingerprint.clone()));
        field('r', Some(self.revision.to_string()));
        field('p', Some(self.partitions.to_string()));
        let named: Vec<_> = self.snapshots.iter().take(SNAPSHOTS_NAMED).map(SnapshotId::to_string).collect();
        field('s', (!named.is_empty()).then(|| named.join(",")));
        field('w', Some(self.wall.to_string()));
        debug_assert!(text.is_ascii() && text.len() <= METADATA_BYTES_MAX, "{} bytes", text.len());
        text
    }

    pub fn decode(next: i64, metadata: &[u8]) -> Result<Self, Foreign> {
        let text = std::str::from_utf8(metadata).map_err(|_| Foreign::Untagged)?;
        let mut fields = text.strip_prefix(TAG).ok_or(Foreign::Untagged)?.split(';');
        let version = fields.next().unwrap_or_default();
        let version: u32 = version.parse().map_err(|_| Foreign::Damaged(version.to_owned()))?;
        if version > VERSION {
            return Err(Foreign::Newer(version));
        }
        let mut position = Self { next, ..Self::default() };
        for field in fields {
            position.take(field).ok_or_else(|| Foreign::Damaged(field.to_owned()))?;
        }
        Ok(position)
    }

    fn take(&mut self, field: &str) -> Option<()> {
        let (key, value) = field.split_once('=')?;
        match key {
            "o" => self.first = value.parse().ok()?,
            "c" => self.clock = Some(value.parse().ok()?),
            "u" => self.cursor = Some(unescape(value)?),
            "t" => self.last_record = Some(value.parse().ok()?),
            "h" => self.hold_back = Some(value.parse().ok()?),
            "m" => self.marks = value.parse().ok()?,
            "l" => self.last_mark = Some(value.parse().ok()?),
            "f" => self.fingerprint = value.to_owned(),
            "r" => self.revision = value.parse().ok()?,
            "p" => self.partitions = value.parse().ok()?,
            "s" => self.snapshots = value.split(',').map(|id| id.parse().ok()).collect::<Option<_>>()?,
            "w" => self.wall = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

/// A user's id, of up to 512 bytes of anything, in ASCII that no field separator is part of.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'@' | b'+' | b':' | b'|' => {
                out.push(char::from(byte))
            }
            _ => write!(out, "%{byte:02x}").expect("writing to a text does not fail"),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(offset: i64) -> SnapshotId {
        format!("{offset:019}-0123456789abcdef").parse().unwrap()
    }

    #[test]
    fn the_longest_position_fits_and_comes_back() {
        let position = Position {
            next: i64::MAX,
            first: i64::MAX,
            clock: Some(i64::MIN),
            cursor: Some("\u{1}".repeat(512)),
            last_record: Some(i64::MIN),
            hold_back: Some(i64::MIN),
            marks: u64::MAX,
            last_mark: Some(i64::MAX),
            fingerprint: "f".repeat(64),
            revision: u64::MAX,
            partitions: i32::MAX,
            snapshots: vec![id(i64::MAX); 3],
            wall: i64::MIN,
        };
        let text = position.encode();
        assert!(text.is_ascii() && text.len() <= METADATA_BYTES_MAX, "{}", text.len());
        assert_eq!(Position::decode(i64::MAX, text.as_bytes()), Ok(position));
    }

    #[test]
    fn other_peoples_commits_are_told_apart() {
        assert_eq!(Position::decode(5, b""), Err(Foreign::Untagged));
        assert_eq!(Position::decode(5, b"\xff\xfe"), Err(Foreign::Untagged));
        assert_eq!(Position::decode(5, b"kairos/2;x=1"), Err(Foreign::Newer(2)));
        assert_eq!(Position::decode(5, b"kairos/1;c=soon"), Err(Foreign::Damaged("c=soon".to_owned())));
        assert_eq!(Position::decode(5, b"kairos/1;zz=1"), Err(Foreign::Damaged("zz=1".to_owned())));
    }

    proptest! {
        #[test]
        fn any_cursor_comes_back(cursor in "\\PC{0,80}|[\\x00-\\x7f]{0,80}") {
            let position = Position { cursor: Some(cursor), ..Position::default() };
            let text = position.encode();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(Position::decode(0, text.as_bytes()), Ok(position));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Position::decode(0, &bytes);
            let _ = Position::decode(0, &[b"kairos/1;".as_slice(), &bytes].concat());
        }
    }
}
