//! Where events come from, for the commands that read history: files of lines and the raw topic, block by block. It
//! knows nothing of what a record says.

mod lines;
mod topic;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Exit;
use super::progress::{Progress, Whole};
use crate::engine::Millis;

pub use topic::Topic;

/// Bytes read at once: few enough to stay near the processor until they are used.
const BLOCK_BYTES: usize = 256 << 10;

/// Where records come from.
pub trait Blocks: Send {
    /// The next records; `None`: that was all.
    fn next_block(&mut self) -> Result<Option<Block>, Exit>;
    /// What people call it: a file's path.
    fn name(&self) -> &str;
}

/// Some records in order.
#[derive(Debug, Default)]
pub struct Block {
    pub bytes: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Whether records have a time of their own, beside what they say.
    pub is_timed: bool,
}

/// One record of a block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    pub start: u32,
    pub end: u32,
    /// Bytes of the key, which stand before `start`; files have none.
    pub key_bytes: Option<u32>,
    /// There is a key only.
    pub is_tombstone: bool,
    /// Of a line, from 1 on; the offset of a topic's record.
    pub number: u64,
    pub time: Option<Millis>,
}

impl Block {
    /// Adds the record that ends the bytes and begins at `start`.
    pub fn push(&mut self, start: usize, number: u64) -> &mut Entry {
        let entry = Entry { start: start as u32, end: self.bytes.len() as u32, number, ..Entry::default() };
        self.entries.push(entry);
        self.entries.last_mut().expect("it was just pushed")
    }

    pub fn value(&self, entry: usize) -> Option<&[u8]> {
        let entry = self.entries[entry];
        (!entry.is_tombstone).then(|| &self.bytes[entry.start as usize..entry.end as usize])
    }

    pub fn key(&self, entry: usize) -> Option<&[u8]> {
        let Entry { start, key_bytes, .. } = self.entries[entry];
        key_bytes.map(|bytes| &self.bytes[(start - bytes) as usize..start as usize])
    }
}

/// Files of events, and how far they are read.
pub fn files(paths: &[PathBuf]) -> Result<(Vec<Box<dyn Blocks>>, Progress), Exit> {
    if paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Exit::Usage("standard input (-) can be read once only".into()));
    }
    let read = Arc::new(AtomicU64::new(0));
    let open = |path: &PathBuf| Ok(Box::new(lines::Lines::open(path, &read)?) as Box<dyn Blocks>);
    let inputs = paths.iter().map(open).collect::<Result<Vec<_>, Exit>>()?;
    let sizes: Option<Vec<u64>> = paths.iter().map(|path| size(path)).collect();
    let whole = sizes.map_or(Whole::Unknown, |sizes| Whole::Bytes { size: sizes.iter().sum(), read });
    Ok((inputs, Progress::new(whole)))
}

/// Can be read twice, as a pipe can't.
pub fn is_plain(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file())
}

/// Of a plain file.
fn size(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().filter(|data| data.is_file()).map(|data| data.len())
}
