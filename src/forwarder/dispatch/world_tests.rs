//! The core beside an endpoint and a log that are simulated: random faults, rebalances, crashes; no IO.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{SECOND, dispatch, ids, limits, record, refusal};
use super::*;

/// What the world does next.
#[derive(Debug, Clone)]
enum Step {
    Read(usize),
    Answer(usize, u8),
    Pass(u16),
    /// The broker takes the letters.
    Bury,
    /// The partition goes: at once, or in good order; and comes back.
    Lose,
    Leave,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1usize..6).prop_map(Step::Read),
        8 => (0usize..3, 0u8..12).prop_map(|(lane, kind)| Step::Answer(lane, kind)),
        3 => (0u16..3000).prop_map(Step::Pass),
        2 => Just(Step::Bury),
        1 => Just(Step::Lose),
        1 => Just(Step::Leave),
        1 => Just(Step::Crash),
    ]
}

/// A log of 60 records, an endpoint that notes what arrives, and the committed offset.
struct World {
    core: Dispatch,
    now: Instant,
    read: usize,
    committed: i64,
    metadata: String,
    out: BTreeMap<usize, Vec<String>>,
    letters: Vec<Letter>,
    settled: BTreeSet<i64>,
    arrivals: Vec<i64>,
}

const LOG: usize = 60;
/// These are refused whatever they come with.
const BAD: [i64; 3] = [5, 6, 33];

impl World {
    fn new() -> Self {
        Self {
            core: dispatch(),
            now: Instant::now(),
            read: 0,
            committed: 0,
            metadata: String::new(),
            out: BTreeMap::new(),
            letters: Vec::new(),
            settled: BTreeSet::new(),
            arrivals: Vec::new(),
        }
    }

    fn user(offset: i64) -> String {
        format!("u{}", offset * 7 % 5)
    }

    fn act(&mut self) {
        while let Some(action) = self.core.poll_action(self.now) {
            match action {
                Action::Send { lane, body, items, .. } => {
                    let ids = ids(body);
                    assert_eq!(ids.len(), items);
                    assert!((1..=limits().items_max).contains(&items));
                    assert!(self.out.insert(lane, ids).is_none(), "two requests in one lane");
                }
                Action::Bury(letter) => self.letters.push(letter),
                Action::Note(_) => {}
            }
        }
        assert!(self.core.exposed() <= limits().exposed_max);
    }

    /// Every commit lies within what is settled.
    fn commit(&mut self) {
        for Commit { next, metadata, .. } in self.core.take_commits() {
            self.metadata = metadata;
            assert!(next >= self.committed, "a commit went back");
            assert!((0..next).all(|offset| self.settled.contains(&offset)), "{next} commits what is not settled");
            self.committed = next;
        }
        self.core.handle_committed();
    }

    fn answer(&mut self, lane: usize, kind: u8) {
        let Some(ids) = self.out.remove(&lane) else { return };
        let offsets: Vec<i64> = ids.iter().map(|id| id[2..].parse().unwrap()).collect();
        let bad = offsets.iter().any(|offset| BAD.contains(offset));
        let arrives = !bad && kind != 1;
        if arrives {
            self.arrivals.extend(&offsets);
            self.settled.extend(&offsets);
        }
        let again = |why, wait| Answer::Again { why, wait };
        let answer = match kind {
            // Two ways a request fails: before it arrived, and after.
            1 => again(Why::Network, None),
            2 => again(Why::Network, None),
            3 => again(Why::Throttled, Some(SECOND)),
            4 => again(Why::Server, None),
            _ if bad => Answer::Divide(refusal(400)),
            _ => Answer::Accepted,
        };
        self.core.handle_answer(lane, answer, self.now);
    }

    fn bury(&mut self) {
        for letter in std::mem::take(&mut self.letters) {
            assert!(BAD.contains(&letter.record.offset));
            self.settled.insert(letter.record.offset);
            self.core.handle_buried(&letter, self.now);
        }
    }

    /// The partition comes back from what is committed.
    fn come_back(&mut self) {
        self.core.handle_assigned(0, self.committed, &self.metadata);
        self.read = self.committed as usize;
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read(count) => {
                for _ in 0..count {
                    if self.read < LOG && self.core.has_room() {
                        let offset = self.read as i64;
                        self.core.handle_record(record(0, offset, &Self::user(offset)), self.now);
                        self.read += 1;
                    }
                }
            }
            Step::Answer(lane, kind) => self.answer(lane, kind),
            Step::Pass(ms) => self.now += Duration::from_millis(ms.into()),
            Step::Bury => self.bury(),
            Step::Lose => {
                self.core.handle_revoked(0);
                self.come_back();
            }
            Step::Leave => {
                self.core.handle_leaving(0);
                self.act();
                for lane in 0..3 {
                    self.answer(lane, 9);
                    self.act();
                }
                self.bury();
                assert!(self.core.is_drained(0));
                self.commit();
                self.core.handle_revoked(0);
                self.come_back();
            }
            Step::Crash => {
                // What was out when it fell arrives or doesn't; nobody hears of it.
                (self.core, self.out, self.letters) = (dispatch(), BTreeMap::new(), Vec::new());
                self.come_back();
            }
        }
        self.act();
        self.commit();
    }

    fn finish(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "it does not come to an end: {:?}", self.core.standing(self.now));
            self.step(&Step::Read(5));
            (0..3).for_each(|lane| self.step(&Step::Answer(lane, 9)));
            self.step(&Step::Bury);
            if self.committed == LOG as i64 {
                break;
            }
            // Only by its own word: a wrong timeout would stand still here.
            if let Some(at) = self.core.poll_timeout(self.now) {
                self.now = self.now.max(at);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn every_message_arrives_and_each_users_first_arrivals_are_in_order(steps in prop::collection::vec(step(), 0..150)) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.finish();
        let mut seen = BTreeSet::new();
        let firsts: Vec<i64> = world.arrivals.iter().copied().filter(|offset| seen.insert(*offset)).collect();
        let good: BTreeSet<i64> = (0..LOG as i64).filter(|offset| !BAD.contains(offset)).collect();
        prop_assert_eq!(&seen, &good);
        for user in 0..5 {
            let of_user: Vec<i64> = firsts.iter().copied().filter(|o| World::user(*o) == format!("u{user}")).collect();
            prop_assert!(of_user.is_sorted(), "{:?} overtook each other", of_user);
        }
        let standing = world.core.standing(world.now);
        prop_assert_eq!((standing.held, standing.held_bytes, standing.in_flight_messages), (0, 0, 0));
    }
}
