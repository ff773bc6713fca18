//! Each call of a transaction made to fail, in each class, before and after it took effect: nothing lost, nothing doubled.

use super::super::batch::Destination;
use super::*;
use crate::processor::position::Position;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Begin,
    Produce,
    Drain,
    SendOffsets,
    Commit,
    Renew,
    Committed,
}

/// A broker small enough to be right by looking at it: what is open, what is committed.
#[derive(Default)]
struct Broker {
    log: Vec<Message>,
    positions: BTreeMap<i32, (i64, Vec<u8>)>,
    open: Option<(Vec<Message>, Sent)>,
    /// The producer is finished until it is renewed.
    dead: bool,
    /// Calls that will fail: which, as what, whether it took effect all the same, how often still.
    faults: Vec<(Call, Class, bool, u32)>,
    fenced: bool,
    lost: Vec<i32>,
    told: Option<String>,
    served: u32,
}

impl Broker {
    fn call(&mut self, call: Call, effect: impl FnOnce(&mut Self)) -> Result<(), Failure> {
        let failure = |class, fenced| Failure { class, fenced, text: format!("{call:?}") };
        if self.dead && !matches!(call, Call::Renew | Call::Committed) {
            return Err(failure(Class::Final, false));
        }
        let fault = self.faults.iter_mut().find(|fault| fault.0 == call && fault.3 > 0);
        let Some((_, class, took_effect, left)) = fault else {
            effect(self);
            return Ok(());
        };
        *left -= 1;
        let (class, took_effect) = (*class, *took_effect);
        if took_effect {
            effect(self);
        }
        // The committed position is the consumer's to ask for.
        self.dead |= class == Class::Final && call != Call::Committed;
        Err(failure(class, self.fenced))
    }

    fn apply(&mut self) {
        if let Some((messages, sent)) = self.open.take() {
            self.log.extend(messages);
            self.positions.extend(sent.into_iter().map(|(p, (offset, text))| (p, (offset, text.into_bytes()))));
        }
    }
}

impl World for Broker {
    fn begin(&mut self) -> Result<(), Failure> {
        self.call(Call::Begin, |broker| broker.open = Some(Default::default()))
    }
    fn produce(&mut self, message: &Message) -> Result<(), Failure> {
        self.call(Call::Produce, |broker| {
            if let Some(open) = &mut broker.open {
                open.0.push(message.clone());
            }
        })
    }
    fn drain(&mut self) -> Result<BTreeMap<i32, i64>, Failure> {
        self.call(Call::Drain, |_| {}).map(|()| BTreeMap::from([(1, 77)]))
    }
    fn send_offsets(&mut self, offsets: &Sent) -> Result<(), Failure> {
        self.call(Call::SendOffsets, |broker| {
            if let Some(open) = &mut broker.open {
                open.1.clone_from(offsets);
            }
        })
    }
    fn commit(&mut self) -> Result<(), Failure> {
        self.call(Call::Commit, Broker::apply)
    }
    fn renew(&mut self) -> Result<(), Failure> {
        self.call(Call::Renew, |broker| {
            broker.open = None;
            broker.dead = false;
        })
    }
    fn committed(&mut self, partitions: &[i32]) -> Option<BTreeMap<i32, Committed>> {
        self.call(Call::Committed, |_| {}).ok()?;
        Some(partitions.iter().map(|partition| (*partition, self.positions.get(partition).cloned())).collect())
    }
    fn serve(&mut self, _: Duration) -> Result<Vec<i32>, String> {
        self.served += 1;
        assert!(self.served < 1_000, "for ever");
        self.told.clone().map_or(Ok(()), Err)?;
        Ok(std::mem::take(&mut self.lost))
    }
    fn now_ms(&self) -> i64 {
        i64::from(self.served)
    }
    fn trouble(&mut self, _: &'static str, _: &Failure) {}
}

fn message(origin: i32, text: &str) -> Message {
    let value = Some(text.as_bytes().to_vec());
    Message { origin, destination: Destination::Outgoing, partition: 0, key: None, value, headers: vec![] }
}

fn batch(broker: &Broker) -> Batch {
    let mut batch = Batch::default();
    for (origin, text) in [(1, "one"), (2, "two"), (1, "three")] {
        batch.push(message(origin, text));
    }
    for partition in [1, 2] {
        let after = Position { next: 10, ..Position::default() };
        batch.moved(partition, &broker.positions.get(&partition).cloned(), &after);
    }
    batch
}

fn texts(broker: &Broker) -> Vec<&str> {
    broker.log.iter().map(|message| std::str::from_utf8(message.value.as_ref().unwrap()).unwrap()).collect()
}

const CALLS: [Call; 7] =
    [Call::Begin, Call::Produce, Call::Drain, Call::SendOffsets, Call::Commit, Call::Renew, Call::Committed];

#[test]
fn any_call_may_fail_in_any_class_any_number_of_times() {
    for call in CALLS {
        for class in [Class::Retriable, Class::Final] {
            for took_effect in [false, true] {
                for times in [1, 3, 12] {
                    // The contract of these classes: what was not done can be asked for again.
                    let contradiction = took_effect && class != Class::Final;
                    if contradiction {
                        continue;
                    }
                    // A call that settles a transaction fails together with a reason to make it.
                    let mut faults = vec![(call, class, took_effect, times)];
                    if matches!(call, Call::Renew | Call::Committed) {
                        faults.push((Call::Commit, Class::Final, true, 1));
                    }
                    let mut broker = Broker { faults, ..Broker::default() };
                    let outcome = send(&mut batch(&broker), &mut broker).unwrap();
                    let case = format!("{call:?} {class:?} took effect: {took_effect} × {times}");
                    assert_eq!(texts(&broker), ["one", "two", "three"], "{case}");
                    assert_eq!(outcome.sent.keys().copied().collect::<Vec<_>>(), [1, 2], "{case}");
                    assert_eq!(outcome.astray, [0; 0], "{case}");
                    assert_eq!(broker.positions[&1].1, outcome.sent[&1].1.as_bytes(), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_commit_that_was_done_is_not_sent_again() {
    let mut broker = Broker { faults: vec![(Call::Commit, Class::Final, true, 1)], ..Broker::default() };
    let mut batch = batch(&broker);
    send(&mut batch, &mut broker).unwrap();
    assert!(batch.is_empty());
    assert_eq!(texts(&broker), ["one", "two", "three"]);
}

#[test]
fn the_last_marks_offset_goes_into_the_position() {
    let mut broker = Broker::default();
    let outcome = send(&mut batch(&broker), &mut broker).unwrap();
    let position = Position::decode(10, outcome.sent[&1].1.as_bytes()).unwrap();
    assert_eq!(position.last_mark, Some(77));
    assert_eq!(Position::decode(10, outcome.sent[&2].1.as_bytes()).unwrap().last_mark, None);
}

#[test]
fn a_lost_partition_is_left_out_of_the_second_try() {
    let faults = vec![(Call::SendOffsets, Class::Final, false, 1)];
    let mut broker = Broker { faults, lost: vec![1], ..Broker::default() };
    let outcome = send(&mut batch(&broker), &mut broker).unwrap();
    assert_eq!(texts(&broker), ["two"]);
    assert_eq!(outcome.sent.keys().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(broker.positions.keys().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn when_all_partitions_are_lost_nothing_is_sent() {
    let faults = vec![(Call::SendOffsets, Class::Final, false, 1)];
    let mut broker = Broker { faults, lost: vec![1, 2], ..Broker::default() };
    assert_eq!(send(&mut batch(&broker), &mut broker), Ok(Outcome::default()));
    assert!(broker.log.is_empty() && broker.positions.is_empty());
}

#[test]
fn a_position_from_elsewhere_drops_the_engine_and_sends_nothing_of_it() {
    let mut broker = Broker { faults: vec![(Call::Commit, Class::Final, false, 1)], ..Broker::default() };
    let mut batch = batch(&broker);
    broker.positions.insert(1, (500, b"somebody".to_vec()));
    let outcome = send(&mut batch, &mut broker).unwrap();
    assert_eq!(outcome.astray, [1]);
    assert_eq!(texts(&broker), ["two"]);
    assert_eq!(broker.positions[&1], (500, b"somebody".to_vec()));
}

#[test]
fn a_rival_of_the_same_name_ends_the_worker() {
    let faults = vec![(Call::Commit, Class::Final, false, 100)];
    let mut broker = Broker { faults, fenced: true, ..Broker::default() };
    assert!(matches!(send(&mut batch(&broker), &mut broker), Err(GaveUp::Fenced(_))));
    assert!(broker.log.is_empty());
}

#[test]
fn a_worker_that_is_told_to_stop_does_not_try_for_ever() {
    let faults = vec![(Call::Renew, Class::Final, false, 100), (Call::Commit, Class::Final, false, 1)];
    let mut broker = Broker { faults, told: Some("stop".to_owned()), ..Broker::default() };
    assert_eq!(send(&mut batch(&broker), &mut broker), Err(GaveUp::Told("stop".to_owned())));
}
