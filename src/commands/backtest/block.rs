//! A run of records of one input, and what was found in them ahead of the engine. It knows nothing of where they come
//! from.

use std::sync::Arc;

use super::census::{Census, Found};
use crate::commands::Exit;
use crate::engine::Millis;
use crate::engine::event::{Ahead, Reader, Ready, Scratch};

/// Bytes read at once: few enough to stay near the processor until they are used.
pub const BLOCK_BYTES: usize = 256 << 10;

/// Where records come from.
pub trait Blocks: Send {
    /// The next records, not decoded yet; `None`: that was all.
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
    /// One for each engine.
    pub ahead: Vec<Ahead>,
    pub found: Found,
}

/// One record of a block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    pub start: u32,
    pub end: u32,
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

    pub fn ready(&self, entry: usize, engine: usize) -> Option<Ready<'_>> {
        self.ahead[engine].ready(entry)
    }
}

/// Reads records ahead for each engine. Several may work side by side.
pub struct Decoder {
    readers: Vec<Arc<Reader>>,
    scratch: Scratch,
    census: Census,
}

impl Decoder {
    /// One reader for each engine; the first one's messages are looked at for the census.
    pub fn new(readers: Vec<Arc<Reader>>, census: Census) -> Self {
        Self { readers, scratch: Scratch::default(), census }
    }

    /// Another one of the same.
    pub fn again(&self) -> Self {
        Self::new(self.readers.clone(), self.census.again())
    }

    pub fn decode(&mut self, block: &mut Block) {
        let Block { bytes, entries, is_timed, ahead, found } = block;
        ahead.resize_with(self.readers.len(), Ahead::default);
        for (nth, (reader, ahead)) in self.readers.iter().zip(ahead).enumerate() {
            for entry in entries.iter_mut() {
                let value = &bytes[entry.start as usize..entry.end as usize];
                let census = &mut self.census;
                let time = reader.read_ahead(value, &mut self.scratch, ahead, &mut |message| {
                    if nth == 0 {
                        census.look(&message);
                    }
                });
                if nth == 0 && !*is_timed {
                    entry.time = time;
                }
            }
        }
        *found = self.census.take();
    }
}
