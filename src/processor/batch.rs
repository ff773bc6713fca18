//! What engines asked for since the last commit, kept as bytes until its commit is known.
//! A batch that failed is sent again from here, never by stepping an engine once more. It must not know Kafka.

use std::collections::BTreeMap;

use super::position::Position;

/// The topics a worker writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    Outgoing,
    Dead,
    Marks,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The raw partition it came out of: when that is lost, so is this.
    pub origin: i32,
    pub destination: Destination,
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// An offset with its metadata, as the broker keeps it.
pub type Committed = Option<(i64, Vec<u8>)>;

/// How far one partition's position goes in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What the broker says as long as the batch is not committed.
    pub before: Committed,
    pub after: Position,
}

#[derive(Debug, Default)]
pub struct Batch {
    pub messages: Vec<Message>,
    pub moves: BTreeMap<i32, Move>,
    /// Records stepped for it.
    pub records: u64,
    bytes: usize,
}

/// A transaction stays well below what a broker takes in one go, and its memory is bounded.
const MESSAGES_MAX: usize = if cfg!(test) { 4 } else { 20_000 };
const BYTES_MAX: usize = 16 << 20;
const RECORDS_MAX: u64 = 100_000;

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.moves.is_empty()
    }

    pub fn push(&mut self, message: Message) {
        let len = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        self.bytes += len(&message.key) + len(&message.value) + 128;
        self.messages.push(message);
    }

    /// Nothing more should go into it.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX || self.bytes >= BYTES_MAX || self.records >= RECORDS_MAX
    }

    /// How many more messages an engine may emit in one step.
    pub fn room(&self) -> usize {
        MESSAGES_MAX.saturating_sub(self.messages.len()).max(1)
    }

    /// The position `partition` has reached; `before` is only taken the first time.
    pub fn moved(&mut self, partition: i32, before: &Committed, after: &Position) {
        match self.moves.get_mut(&partition) {
            Some(known) => known.after.clone_from(after),
            None => drop(self.moves.insert(partition, Move { before: before.clone(), after: after.clone() })),
        }
    }

    /// Forgets all of a partition that is no longer ours, or whose commit is known.
    pub fn forget(&mut self, partition: i32) {
        self.messages.retain(|message| message.origin != partition);
        self.moves.remove(&partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn message(origin: i32) -> Message {
        Message { origin, destination: Destination::Outgoing, partition: 0, key: None, value: None, headers: vec![] }
    }

    #[test]
    fn a_lost_partition_takes_what_is_its_own() {
        let mut batch = Batch::default();
        batch.push(message(1));
        batch.push(message(2));
        batch.moved(1, &None, &Position::default());
        batch.moved(2, &None, &Position::default());
        batch.forget(1);
        assert_eq!(batch.messages, [message(2)]);
        assert_eq!(batch.moves.keys().copied().collect::<Vec<_>>(), [2]);
        assert!(!batch.is_empty());
        batch.forget(2);
        assert!(batch.is_empty());
    }

    #[test]
    fn the_position_before_is_that_of_the_last_commit() {
        let mut batch = Batch::default();
        let at = |next| Position { next, ..Position::default() };
        batch.moved(1, &Some((5, b"x".to_vec())), &at(7));
        batch.moved(1, &Some((6, b"y".to_vec())), &at(9));
        assert_eq!(batch.moves[&1], Move { before: Some((5, b"x".to_vec())), after: at(9) });
    }
}
