//! What was found in a block of records ahead of the engine. It knows nothing of where they come from.

use std::sync::Arc;

use super::census::{Census, Found};
use super::kin::{Parts, push_ids};
use crate::commands::input::Block;
use crate::engine::event::{Ahead, Items, Reader, Ready, Scratch};

/// A record whose ids are not all of one part.
pub const NOT_ONE: u8 = u8::MAX;

/// A block of records, read ahead.
#[derive(Debug, Default)]
pub struct Decoded {
    pub block: Block,
    /// One for each engine.
    ahead: Vec<Ahead>,
    pub found: Found,
    /// Whose part each record is of, where people are dealt out; 255: not of one alone.
    pub parts: Vec<u8>,
}

impl Decoded {
    pub fn ready(&self, entry: usize, engine: usize) -> Option<Ready<'_>> {
        self.ahead[engine].ready(entry)
    }

    /// The messages of a record. `reader`: the first engine's.
    pub fn items<'a>(&'a self, entry: usize, reader: &'a Reader, scratch: &'a mut Scratch) -> Items<'a> {
        match (self.block.value(entry), self.ready(entry, 0)) {
            (Some(value), Some(ready)) => reader.read_ready(value, ready, scratch),
            (value, _) => reader.read(value, scratch),
        }
    }
}

/// Reads records ahead for each engine. Several may work side by side.
pub struct Decoder {
    readers: Vec<Arc<Reader>>,
    scratch: Scratch,
    census: Census,
    parts: Option<Arc<Parts>>,
}

impl Decoder {
    /// One reader for each engine; the first one's messages are looked at for the census.
    pub fn new(readers: Vec<Arc<Reader>>, census: Census) -> Self {
        Self { readers, scratch: Scratch::default(), census, parts: None }
    }

    /// Also says whose part each record is of.
    pub fn dealing(mut self, parts: Arc<Parts>) -> Self {
        self.parts = Some(parts);
        self
    }

    /// Another one of the same.
    pub fn again(&self) -> Self {
        Self { parts: self.parts.clone(), ..Self::new(self.readers.clone(), self.census.again()) }
    }

    pub fn decode(&mut self, mut block: Block) -> Decoded {
        let Block { bytes, entries, is_timed } = &mut block;
        let mut ahead: Vec<Ahead> = self.readers.iter().map(|_| Ahead::default()).collect();
        for (nth, (reader, ahead)) in self.readers.iter().zip(&mut ahead).enumerate() {
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
        let mut decoded = Decoded { block, ahead, found: self.census.take(), parts: Vec::new() };
        if let Some(parts) = self.parts.clone() {
            decoded.parts = (0..decoded.block.entries.len()).map(|entry| self.part(&decoded, entry, &parts)).collect();
        }
        decoded
    }

    fn part(&mut self, decoded: &Decoded, entry: usize, parts: &Parts) -> u8 {
        let mut items = decoded.items(entry, &self.readers[0], &mut self.scratch);
        let mut ids = Vec::new();
        while let Some(item) = items.next_item() {
            push_ids(&item, &mut ids);
        }
        parts.of(&ids).unwrap_or(NOT_ONE)
    }
}
