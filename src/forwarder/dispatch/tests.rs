//! The core beside an endpoint and a log that are simulated: random faults, rebalances, crashes; no IO.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    Limits {
        lanes: 3,
        items_max: 4,
        wait_max: Duration::from_secs(1),
        held_bytes_max: 1 << 20,
        held_max: 40,
        unconfirmed_max: 20,
        stalled_after: Duration::from_secs(60),
    }
}

fn pace() -> Pace {
    let [delay_first, delay_max] = [Duration::from_millis(500), Duration::from_secs(60)];
    Pace { rate: None, burst: 100.0, delay_first, delay_max, failures_max: 5 }
}

fn dispatch() -> Dispatch {
    let mut dispatch = Dispatch::new(limits(), pace(), Routing::default(), 7);
    dispatch.handle_assigned(0, 0, "");
    dispatch
}

fn record(partition: i32, offset: i64, user: &str) -> Record {
    let value = format!(r#"{{"type":"track","messageId":"{partition}/{offset}","userId":"{user}","event":"e"}}"#);
    Record {
        partition,
        offset,
        key: Some(user.as_bytes().to_vec()),
        value: Some(value.into_bytes()),
        ..Record::default()
    }
}

fn commits(dispatch: &mut Dispatch) -> Vec<(i32, i64)> {
    let commits = dispatch.take_commits().into_iter().map(|commit| (commit.partition, commit.next)).collect();
    dispatch.handle_committed();
    commits
}

fn ids(body: Body) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&body.sent_at("2026-11-23T22:00:00.000Z")).unwrap();
    body["batch"].as_array().unwrap().iter().map(|m| m["messageId"].as_str().unwrap().to_owned()).collect()
}

fn sends(dispatch: &mut Dispatch, now: Instant) -> Vec<(usize, Vec<String>)> {
    let action = || dispatch.poll_action(now);
    std::iter::from_fn(action)
        .filter_map(|action| match action {
            Action::Send { lane, body, .. } => Some((lane, ids(body))),
            _ => None,
        })
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

fn refusal(status: u16) -> Refusal {
    Refusal { status, excerpt: String::new() }
}

#[test]
fn a_full_batch_goes_at_once_and_another_after_its_wait() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..5).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, first) = sends(&mut d, now).pop().expect("full");
    assert_eq!(first, ["0/0", "0/1", "0/2", "0/3"]);
    d.handle_answer(lane, Answer::Accepted, now);
    assert_eq!(commits(&mut d), [(0, 4)]);
    assert!(sends(&mut d, now).is_empty());
    assert_eq!(d.poll_timeout(now), Some(now + SECOND));
    assert_eq!(sends(&mut d, now + SECOND).pop().expect("aged").1, ["0/4"]);
}

#[test]
fn the_bad_message_is_found_by_halves_and_the_others_arrive_in_order() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..4).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (mut arrived, mut letters, mut requests) = (Vec::new(), Vec::new(), 0);
    while let Some(action) = d.poll_action(now) {
        match action {
            Action::Send { lane, body, .. } => {
                requests += 1;
                let ids = ids(body);
                let bad = ids.iter().any(|id| id == "0/2");
                if !bad {
                    arrived.extend(ids);
                }
                d.handle_answer(lane, if bad { Answer::Divide(refusal(400)) } else { Answer::Accepted }, now);
            }
            Action::Bury(letter) => letters.push(letter),
            Action::Note(note) => panic!("{note:?}"),
        }
    }
    assert_eq!((arrived, requests), (vec!["0/0".to_owned(), "0/1".into(), "0/3".into()], 5));
    assert_eq!(commits(&mut d), [(0, 2)], "not past a letter the broker does not have");
    let letter = letters.pop().expect("one");
    assert_eq!((letter.reason, letter.detail.as_str(), letters.len()), (DeadReason::Refused, "400", 0));
    d.handle_buried(&letter, now);
    assert_eq!(commits(&mut d), [(0, 4)]);
    assert_eq!(d.standing(now).held_bytes, 0);
}

#[test]
fn too_many_requests_holds_every_lane() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..40).for_each(|offset| d.handle_record(record(0, offset, &format!("u{offset}")), now));
    let out = sends(&mut d, now);
    assert_eq!(out.len(), 3);
    let wait = Some(10 * SECOND);
    d.handle_answer(out[0].0, Answer::Again { why: Why::Throttled, wait }, now);
    d.handle_answer(out[1].0, Answer::Accepted, now);
    d.handle_answer(out[2].0, Answer::Accepted, now);
    assert!(sends(&mut d, now + 9 * SECOND).is_empty());
    assert_eq!(d.poll_timeout(now), Some(now + 10 * SECOND));
    assert_eq!(sends(&mut d, now + 10 * SECOND).len(), 1, "a single request asks");
}

#[test]
fn a_wrong_key_stops_sending_and_loses_nothing() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..8).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, first) = sends(&mut d, now).pop().expect("full");
    d.handle_answer(lane, Answer::Halt(refusal(401)), now);
    assert!(sends(&mut d, now + 3600 * SECOND).is_empty());
    assert_eq!(d.poll_timeout(now), None);
    assert_eq!(d.standing(now).hindrance, Some(Hindrance::Halted(refusal(401))));
    d.handle_new_key();
    assert_eq!(sends(&mut d, now).pop().expect("resumed").1, first);
    assert_eq!(d.standing(now).hindrance, None);
}

#[test]
fn a_delete_drops_what_waits_and_what_comes_back() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..6).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, _) = sends(&mut d, now).pop().expect("full");
    let delete = Record { key: Some(b"u".to_vec()), offset: 6, delete: true, ..Record::default() };
    d.handle_record(delete, now);
    d.handle_record(record(0, 7, "u"), now);
    d.handle_answer(lane, Answer::Again { why: Why::Server, wait: None }, now);
    assert_eq!((commits(&mut d), d.tally().forgotten), (vec![(0, 7)], 6));
    assert_eq!(sends(&mut d, now + 61 * SECOND).pop().expect("the new one").1, ["0/7"]);
}

#[test]
fn without_progress_it_is_not_ready() {
    let (mut d, now) = (dispatch(), Instant::now());
    assert_eq!(d.standing(now + 999 * SECOND).hindrance, None, "nothing waits");
    d.handle_record(record(0, 0, "u"), now);
    let (lane, _) = sends(&mut d, now + SECOND).pop().expect("sent");
    assert_eq!(d.standing(now + 59 * SECOND).hindrance, None);
    assert_eq!(d.standing(now + 60 * SECOND).hindrance, Some(Hindrance::Stalled { since: 60 * SECOND }));
    d.handle_answer(lane, Answer::Accepted, now + 61 * SECOND);
    assert_eq!(d.standing(now + 999 * SECOND).hindrance, None);
}

/// A broker that is away takes no commits: what is sent meanwhile would come again after a kill, or on losing the partition.
#[test]
fn sending_stops_while_too_much_is_not_committed() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..40).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let mut sent = 0;
    while let Some((lane, ids)) = sends(&mut d, now).pop() {
        sent += ids.len();
        d.handle_answer(lane, Answer::Accepted, now);
        d.take_commits();
        d.handle_commit_failed();
    }
    assert_eq!((sent, d.poll_timeout(now)), (limits().unconfirmed_max, None));
    assert_eq!(commits(&mut d), [(0, 20)]);
    assert_eq!(sends(&mut d, now).pop().expect("it goes on").1[0], "0/20");
}

#[test]
fn reading_stops_at_the_limit_and_goes_on_well_below_it() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..39).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    assert!(d.has_room() && !d.has_much_room());
    d.handle_record(record(0, 39, "u"), now);
    assert!(!d.has_room());
}

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
                Action::Send { lane, body, items } => {
                    let ids = ids(body);
                    assert_eq!(ids.len(), items);
                    assert!((1..=limits().items_max).contains(&items));
                    assert!(self.out.insert(lane, ids).is_none(), "two requests in one lane");
                }
                Action::Bury(letter) => self.letters.push(letter),
                Action::Note(_) => {}
            }
        }
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
