//! Inputs side by side, each read and decoded on threads of its own, merged by record time. The order in which records
//! come out depends on the inputs alone. It knows nothing of engines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::block::{Decoded, Decoder};
use super::census::Found;
use crate::commands::Exit;
use crate::commands::input::{Block, Blocks, Entry};
use crate::engine::Millis;

/// Blocks that wait between two threads.
const WAITING: usize = 4;

/// A block, or that there are no more.
type Next<B = Decoded> = Result<Option<B>, Exit>;

/// One input, decoded.
enum Lane {
    /// On the thread that asks.
    Here { blocks: Box<dyn Blocks>, decoder: Box<Decoder> },
    /// On others, which take turns.
    There { decoded: Vec<Receiver<Next>>, turn: usize },
}

impl Lane {
    /// `threads` beside the one that asks.
    fn new(blocks: Box<dyn Blocks>, decoder: &Decoder, threads: usize) -> Self {
        match threads {
            0 => Self::Here { blocks, decoder: Box::new(decoder.again()) },
            1 => {
                let (sender, receiver) = sync_channel(WAITING);
                let mut here = Self::Here { blocks, decoder: Box::new(decoder.again()) };
                thread::spawn(move || while send(&sender, here.next_block()) {});
                Self::There { decoded: vec![receiver], turn: 0 }
            }
            _ => {
                let (raw, decoded) = (1..threads).map(|_| spawn_decoder(decoder.again())).unzip();
                spawn_reader(blocks, raw);
                Self::There { decoded, turn: 0 }
            }
        }
    }

    fn next_block(&mut self) -> Next {
        match self {
            Self::Here { blocks, decoder } => {
                let block = blocks.next_block()?;
                Ok(block.map(|block| decoder.decode(block)))
            }
            Self::There { decoded, turn } => {
                let next = decoded[*turn].recv();
                *turn = (*turn + 1) % decoded.len();
                // Whoever ends well says so; the panic itself has been told by its thread.
                next.unwrap_or_else(|_| Err(Exit::Fault("a thread that reads the events broke down".into())))
            }
        }
    }
}

/// Whether there is more to send, and somebody who takes it.
fn send<B>(to: &SyncSender<Next<B>>, next: Next<B>) -> bool {
    let is_more = matches!(next, Ok(Some(_)));
    to.send(next).is_ok() && is_more
}

fn spawn_decoder(mut decoder: Decoder) -> (SyncSender<Next<Block>>, Receiver<Next>) {
    let (raw_to, raw) = sync_channel::<Next<Block>>(WAITING);
    let (decoded_to, decoded) = sync_channel(WAITING);
    thread::spawn(move || {
        while let Ok(next) = raw.recv() {
            let next = next.map(|block| block.map(|block| decoder.decode(block)));
            if !send(&decoded_to, next) {
                return;
            }
        }
    });
    (raw_to, decoded)
}

fn spawn_reader(mut blocks: Box<dyn Blocks>, to: Vec<SyncSender<Next<Block>>>) {
    thread::spawn(move || to.iter().cycle().all(|decoder| send(decoder, blocks.next_block())));
}

struct Head {
    name: Arc<str>,
    lane: Lane,
    block: Arc<Decoded>,
    at: usize,
}

/// All inputs as one stream.
pub struct Merge {
    heads: Vec<Head>,
    /// Time of the record at each input's head; of equal ones the first input's comes first.
    order: BinaryHeap<Reverse<(Option<Millis>, usize)>>,
    /// The input whose head was taken.
    taken: Option<usize>,
    pub found: Found,
}

/// The record at hand.
#[derive(Clone, Copy)]
pub struct Taken<'a> {
    pub input: &'a Arc<str>,
    pub entry: Entry,
    pub value: Option<&'a [u8]>,
    pub block: &'a Arc<Decoded>,
    /// In the block.
    pub at: usize,
}

impl Merge {
    /// `threads` in all, this one included; every input has at least one of its own unless there is just one in all.
    pub fn new(inputs: Vec<Box<dyn Blocks>>, decoder: &Decoder, threads: usize) -> Result<Self, Exit> {
        let each = if threads <= 1 { 0 } else { ((threads - 1) / inputs.len().max(1)).max(1) };
        let head = |blocks: Box<dyn Blocks>| Head {
            name: blocks.name().into(),
            lane: Lane::new(blocks, decoder, each),
            block: Arc::default(),
            at: 0,
        };
        let heads = inputs.into_iter().map(head).collect();
        let mut merge = Self { heads, order: BinaryHeap::new(), taken: None, found: Found::default() };
        for input in 0..merge.heads.len() {
            merge.refill(input)?;
        }
        Ok(merge)
    }

    /// The earliest time near the beginning, for records there that say none.
    pub fn first_time(&self) -> Option<Millis> {
        let first = |head: &Head| head.block.block.entries.iter().find_map(|entry| entry.time);
        self.heads.iter().filter_map(first).min()
    }

    /// Takes the next record in order of time; those of one input stay in theirs. One without a time goes first, for
    /// it takes the clock.
    pub fn take_next(&mut self) -> Result<Option<Taken<'_>>, Exit> {
        if let Some(input) = self.taken.take() {
            self.heads[input].at += 1;
            self.refill(input)?;
        }
        let Some(Reverse((_, input))) = self.order.pop() else { return Ok(None) };
        self.taken = Some(input);
        let Head { name, block, at, .. } = &self.heads[input];
        Ok(Some(Taken { input: name, entry: block.block.entries[*at], value: block.block.value(*at), block, at: *at }))
    }

    fn refill(&mut self, input: usize) -> Result<(), Exit> {
        let head = &mut self.heads[input];
        while head.at == head.block.block.entries.len() {
            let Some(mut block) = head.lane.next_block()? else { return Ok(()) };
            self.found.add(std::mem::take(&mut block.found));
            (head.block, head.at) = (Arc::new(block), 0);
        }
        self.order.push(Reverse((head.block.block.entries[head.at].time, input)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::census::Census;
    use super::*;
    use crate::engine::event::{Reader, Wanted};

    /// Made-up inputs: each record is the time it says, in blocks of two.
    struct Made(Vec<&'static str>, u64);

    impl Blocks for Made {
        fn next_block(&mut self) -> Result<Option<Block>, Exit> {
            let mut block = Block::default();
            for time in self.0.drain(..self.0.len().min(2)) {
                if time == "fault" {
                    return Err(Exit::Fault("a fault".into()));
                }
                let start = block.bytes.len();
                block.bytes.extend_from_slice(format!(r#"{{"timestamp":"{time}"}}"#).as_bytes());
                self.1 += 1;
                block.push(start, self.1);
            }
            Ok((!block.entries.is_empty()).then_some(block))
        }
        fn name(&self) -> &str {
            "made"
        }
    }

    fn merged(inputs: &[&[&'static str]], threads: usize) -> Result<Vec<(u64, Option<Millis>)>, Exit> {
        let reader = Arc::new(Reader::new(Wanted::new(&[]), &[], &[]));
        let decoder = Decoder::new(vec![reader.clone()], Census::new(&[], reader.wanted()));
        let inputs = inputs.iter().map(|times| Box::new(Made(times.to_vec(), 0)) as Box<dyn Blocks>).collect();
        let mut merge = Merge::new(inputs, &decoder, threads)?;
        let mut found = Vec::new();
        while let Some(taken) = merge.take_next()? {
            found.push((taken.entry.number, taken.entry.time.map(|time| time / 86_400_000)));
        }
        Ok(found)
    }

    #[test]
    fn merged_by_time_on_any_number_of_threads() {
        let one = ["1970-01-02", "1970-01-05", "?", "1970-01-03", "1970-01-04"];
        let inputs: [&[_]; 3] = [&one, &["1970-01-02", "1970-01-04", "1970-01-06"], &[]];
        let expected = [
            (1, Some(1)),
            (1, Some(1)),
            (2, Some(3)),
            (2, Some(4)),
            (3, None),
            (4, Some(2)),
            (5, Some(3)),
            (3, Some(5)),
        ];
        for threads in [1, 2, 3, 4, 9] {
            assert_eq!(merged(&inputs, threads).unwrap(), expected, "{threads} threads");
            assert_eq!(merged(&[&one], threads).unwrap().len(), 5, "{threads} threads");
            assert!(merged(&[&["1970-01-02", "1970-01-02", "fault"]], threads).is_err(), "{threads} threads");
        }
    }
}
