//! What was found in a block of records ahead of the engine. It knows nothing of where they come from.

use std::sync::Arc;

use super::census::{Census, Found};
use crate::commands::input::Block;
use crate::engine::event::{Ahead, Reader, Ready, Scratch};

/// A block of records, read ahead.
#[derive(Debug, Default)]
pub struct Decoded {
    pub block: Block,
    /// One for each engine.
    ahead: Vec<Ahead>,
    pub found: Found,
}

impl Decoded {
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
        Decoded { block, ahead, found: self.census.take() }
    }
}
