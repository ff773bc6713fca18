//! What of a partition is settled, and so how far its offset may be committed.
//!
//! Knows nothing of how a message is settled. Offsets in a log of transactions have holes, so records are counted in
//! the order they were read and the offset is only carried along. What is settled beyond the first open record goes
//! into the commit's metadata, so that after a crash only what was under way is sent a second time.

use std::collections::{BTreeSet, VecDeque};

/// Which record, of which stay of its partition: one that was taken away and came back is another owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub partition: i32,
    pub stay: u64,
    pub number: u64,
}

#[derive(Debug)]
pub struct Offsets {
    stay: u64,
    /// Number of the first open record.
    first: u64,
    open: VecDeque<Open>,
    /// The next offset to read.
    position: i64,
    /// The next offset to commit: everything before it is settled.
    next: Option<i64>,
    /// Settled since the last commit was given out.
    fresh: Settled,
    /// Settled, in a commit that was given out and not yet confirmed.
    given: Settled,
    /// Offsets that an earlier owner settled ahead of its committed one.
    ahead: BTreeSet<i64>,
}

/// Tag and version of our commits' metadata; what doesn't begin with it is somebody else's and says nothing to us.
const TAG: &str = "kf2 ";
/// Kafka takes 4,096 bytes of metadata by default.
const METADATA_BYTES_MAX: usize = 4_000;
/// A character says of six offsets whether they are settled.
const BITS: i64 = 6;
const FIRST_CHARACTER: u8 = b'0';
/// So far from the first open record a commit can tell what is settled; beyond it nothing is read.
const REACH: i64 = (METADATA_BYTES_MAX - TAG.len()) as i64 * BITS;

/// What to commit for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub partition: i32,
    pub next: i64,
    pub metadata: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Settled {
    all: usize,
    /// Of these, what has left us: without its commit it leaves us once more.
    delivered: usize,
}

impl Settled {
    fn add(&mut self, more: Self) {
        self.all += more.all;
        self.delivered += more.delivered;
    }
}

#[derive(Debug)]
struct Open {
    offset: i64,
    written_ms: i64,
    settled: bool,
}

impl Offsets {
    /// `metadata`: of the commit that is begun from, at offset `next`.
    pub fn new(stay: u64, next: i64, metadata: &str) -> Self {
        let ahead = parse_ahead(next, metadata).unwrap_or_default();
        Self {
            stay,
            first: 0,
            open: VecDeque::new(),
            position: next,
            next: None,
            fresh: Settled::default(),
            given: Settled::default(),
            ahead,
        }
    }

    /// Settled by an earlier owner; asked once for each record.
    pub fn is_known(&mut self, offset: i64) -> bool {
        !self.ahead.is_empty() && self.ahead.remove(&offset)
    }

    pub fn stay(&self) -> u64 {
        self.stay
    }

    pub fn read(&mut self, partition: i32, offset: i64, written_ms: i64) -> Place {
        let number = self.first + self.open.len() as u64;
        self.position = offset + 1;
        self.open.push_back(Open { offset, written_ms, settled: false });
        Place { partition, stay: self.stay, number }
    }

    /// The first one of a place settles it; how many records the settled prefix grew by.
    pub fn settle(&mut self, place: Place, delivered: bool) -> usize {
        let at = place.number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some(open) = at.and_then(|at| self.open.get_mut(at)) else { return 0 };
        if !open.settled {
            self.fresh.add(Settled { all: 1, delivered: usize::from(delivered) });
        }
        open.settled = true;
        let mut grown = 0;
        while let Some(open) = self.open.pop_front_if(|open| open.settled) {
            self.first += 1;
            self.next = Some(open.offset + 1);
            grown += 1;
        }
        grown
    }

    pub fn skip_to(&mut self, offset: i64) {
        self.position = offset;
    }

    pub fn position(&self) -> i64 {
        self.position
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn oldest_written_ms(&self) -> Option<i64> {
        self.open.front().map(|open| open.written_ms)
    }

    /// What to commit, if anything was settled since the last time this was asked.
    pub fn take_commit(&mut self, partition: i32) -> Option<Commit> {
        if self.fresh.all == 0 {
            return None;
        }
        self.given.add(std::mem::take(&mut self.fresh));
        let next = self.next.or_else(|| self.open.front().map(|open| open.offset))?;
        Some(Commit { partition, next, metadata: self.metadata(next) })
    }

    /// What was given out is committed.
    pub fn committed(&mut self) {
        self.given = Settled::default();
    }

    /// What was given out did not arrive: it is due again.
    pub fn commit_failed(&mut self) {
        self.fresh.add(std::mem::take(&mut self.given));
    }

    /// What was delivered and comes again if this instance is killed now.
    pub fn unconfirmed(&self) -> usize {
        self.fresh.delivered + self.given.delivered
    }

    /// From the first open record to the next to read, as a share of what a commit can tell of.
    pub fn stretch(&self) -> f64 {
        self.open.front().map_or(0.0, |first| (self.position - first.offset) as f64 / REACH as f64)
    }

    /// `kf2 0G`: of `next` and the offsets behind it, six in a character, which ones are settled; up to the last such.
    fn metadata(&self, next: i64) -> String {
        let mut sixes = Vec::new();
        let settled = self.open.iter().filter(|open| open.settled).map(|open| open.offset);
        // What an earlier owner settled and we have not read yet is to be known to a later one too.
        for ahead in settled.chain(self.ahead.iter().copied()).map(|offset| offset - next) {
            if (0..REACH).contains(&ahead) {
                let at = (ahead / BITS) as usize;
                sixes.resize(sixes.len().max(at + 1), 0);
                sixes[at] |= 1 << (ahead % BITS);
            }
        }
        TAG.chars().chain(sixes.into_iter().map(|six: u8| char::from(FIRST_CHARACTER + six))).collect()
    }
}

fn parse_ahead(next: i64, metadata: &str) -> Option<BTreeSet<i64>> {
    let mut ahead = BTreeSet::new();
    for (character, at) in metadata.strip_prefix(TAG)?.bytes().zip((next..).step_by(BITS as usize)) {
        let six = character.checked_sub(FIRST_CHARACTER).filter(|six| *six < 1 << BITS)?;
        let last = at.checked_add(BITS)?;
        ahead.extend((at..last).zip(0..).filter(|(_, bit)| six & (1 << bit) != 0).map(|(offset, _)| offset));
    }
    Some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Beside a model that looks through everything; and the next owner knows exactly what was settled.
        #[test]
        fn the_commit_is_the_end_of_the_settled_prefix(gaps in prop::collection::vec(1i64..5, 1..60), picks in prop::collection::vec(0usize..60, 0..200)) {
            let mut offsets = Offsets::new(3, 0, "");
            let mut log: Vec<(i64, bool)> = Vec::new();
            let mut places = Vec::new();
            let mut offset = 100;
            for gap in gaps {
                offset += gap;
                places.push(offsets.read(0, offset, 0));
                log.push((offset, false));
            }
            for pick in picks {
                let at = pick % places.len();
                offsets.settle(places[at], true);
                log[at].1 = true;
                let prefix = log.iter().take_while(|(_, settled)| *settled).count();
                prop_assert_eq!(offsets.next, prefix.checked_sub(1).map(|last| log[last].0 + 1));
                prop_assert_eq!(offsets.open(), log.len() - prefix);
            }
            if let Some(commit) = offsets.take_commit(0) {
                let mut next = Offsets::new(4, commit.next, &commit.metadata);
                for (offset, settled) in log.iter().filter(|(offset, _)| *offset >= commit.next) {
                    prop_assert_eq!(next.is_known(*offset), *settled);
                }
            }
        }

        #[test]
        fn no_metadata_breaks_it(text in "(kf2 ?)?[0-z]{0,40}|\\PC*", next: i64) {
            Offsets::new(0, next, &text);
        }
    }

    #[test]
    fn a_commit_is_given_once_and_again_after_it_failed() {
        let mut offsets = Offsets::new(0, 0, "");
        let place = offsets.read(0, 41, 0);
        assert_eq!(offsets.take_commit(0), None);
        offsets.settle(place, true);
        let commit = Some(Commit { partition: 0, next: 42, metadata: "kf2 ".into() });
        assert_eq!(offsets.take_commit(0), commit);
        assert_eq!(offsets.take_commit(0), None);
        offsets.commit_failed();
        assert_eq!(offsets.take_commit(0), commit);
        assert_eq!(offsets.unconfirmed(), 1);
        offsets.committed();
        offsets.commit_failed();
        assert_eq!((offsets.take_commit(0), offsets.unconfirmed()), (None, 0));
    }

    #[test]
    fn a_commit_tells_of_all_that_its_reach_holds() {
        let mut offsets = Offsets::new(0, 0, "");
        let places: Vec<Place> = (0..REACH).map(|offset| offsets.read(0, offset, 0)).collect();
        assert_eq!(offsets.stretch(), 1.0);
        places.iter().skip(1).step_by(2).for_each(|place| assert_eq!(offsets.settle(*place, true), 0));
        let commit = offsets.take_commit(0).expect("something moved");
        assert_eq!((commit.next, commit.metadata.len()), (0, METADATA_BYTES_MAX));
        let mut next = Offsets::new(1, 0, &commit.metadata);
        assert!((0..REACH).all(|offset| next.is_known(offset) == (offset % 2 == 1)));
    }
}
