//! A partition and all it rests on: a log that grows, a clock, a ledger of what is committed, snapshots, crashes.
//! What must come of it, the oracle says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;

use super::given::{HOUR, MINUTE, PLAYBOOK, Random, SECOND, START, Time, changed_playbook, program};
use super::ledger::Ledger;
use super::oracle::Oracle;
use crate::engine::{Millis, Progress};
use crate::processor::batch::{Batch, Message};
use crate::processor::group::Member;
use crate::processor::outgoing::Outlet;
use crate::processor::partition::{Reading, Restored, Restoring, Shared, Turn};
use crate::processor::position::Position;
use crate::processor::raw::Queue;
use crate::processor::restore::{Sources, Teller, from_committed};
use crate::processor::snapshots::{Job, Writer, file_of, keep_playbook};
use crate::processor::transaction::{self, GaveUp};
use crate::processor::{Clock, Config, playbook};
use crate::storage::Store;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    random: Random,
    time: Arc<Time>,
    pub shared: Shared,
    pub sources: Sources,
    pub ledger: Ledger,
    pub log: Vec<(Millis, Vec<u8>)>,
    batch: Batch,
    reading: Option<Box<Reading>>,
    writer: Writer,
    birth: u64,
    /// Snapshots that are being written.
    written: u32,
    /// Away while it follows.
    oracle: Option<Oracle>,
    pub seen: Seen,
}

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Seen {
    pub crashes: u32,
    pub inside_a_minute: u32,
    pub inside_a_commit: u32,
    pub snapshots: u32,
    pub damaged: u32,
    pub marks: u32,
    pub changes: u32,
    pub messages: u32,
}

impl World {
    pub fn new(brokers: String, folder: &std::path::Path, seed: u64) -> Self {
        let time = Arc::new(Time { wall: AtomicI64::new(START) });
        let quick = ["fetch.wait.max.ms", "fetch.queue.backoff.ms"].map(|key| (key.to_owned(), "1".to_owned()));
        let config = Config {
            brokers,
            kafka: BTreeMap::from(quick),
            raw_topic: format!("raw-{seed}"),
            group: format!("group-{seed}"),
            hold_back: Some(HOUR),
            ..super::config()
        };
        let config = Arc::new(config);
        let store = Store::open(&format!("file://{}", folder.display()), &[&config.group]).expect("a folder");
        let store = Arc::new(store);
        let editions = playbook::editions(program(PLAYBOOK), PLAYBOOK.to_owned(), &config);
        keep_playbook(&store, &editions.current()).expect("written");
        let consumer = config.consumer(None).create_with_context(Member::default()).expect("a consumer");
        let ledger = Ledger::new(seed, &config, &time);
        let outlet = Outlet {
            raw_topic: config.raw_topic.clone(),
            partitioner: config.partitioner,
            outgoing_partitions: 1,
            dead_partitions: 1,
            dead_bytes_max: 100_000,
        };
        let clock = Arc::clone(&time) as Arc<dyn Clock>;
        let shared = Shared { config: Arc::clone(&config), clock, outlet, partitions: 1 };
        let writer = Writer::start(Arc::clone(&store), std::thread::current());
        let oracle = Some(Oracle::new(&editions.current()));
        Self {
            random: Random(seed),
            time,
            shared,
            sources: Sources { config, consumer: Arc::new(consumer), store, editions, partitions: 1 },
            ledger,
            log: Vec::new(),
            batch: Batch::default(),
            reading: None,
            writer,
            birth: 0,
            written: 0,
            oracle,
            seen: Seen::default(),
        }
    }

    fn reading(&mut self) -> &mut Reading {
        self.reading.as_mut().expect("it is restored before anything else")
    }

    /// All that is in memory goes; back to what is committed.
    pub fn crash(&mut self) {
        self.seen.crashes += 1;
        let position = self.committed();
        self.seen.inside_a_minute += u32::from(position.is_some_and(|position| position.cursor.is_some()));
        self.restore();
    }

    fn committed(&self) -> Option<Position> {
        let (next, metadata) = self.ledger.committed.as_ref()?;
        Some(Position::decode(*next, metadata).expect("it is ours"))
    }

    pub fn restore(&mut self) {
        (self.reading, self.batch) = (None, Batch::default());
        self.ledger.abort();
        self.sources.consumer.unassign().expect("it lets go");
        let mut unusable = Vec::new();
        let (stage, edition, plan) = loop {
            let (tell, steps) = sync_channel(10_000);
            let teller = Teller { tell, wake: std::thread::current() };
            let committed = self.ledger.committed.clone();
            from_committed(&self.sources, 0, committed, &unusable, &teller).expect("there is a way back");
            let mut restoring = Restoring::new(steps, unusable);
            match std::iter::repeat_with(|| restoring.turn(0, 1)).find(|turn| !matches!(turn, Restored::Working)) {
                Some(Restored::Ready(stage, edition, plan)) => break (stage, edition, plan),
                Some(Restored::Refused(snapshots)) => unusable = snapshots,
                _ => panic!("it is neither ready nor refused"),
            }
        };
        self.birth += 1;
        let topic = &self.shared.config.raw_topic;
        let queue = Queue::open(&self.sources.consumer, topic, 0, std::thread::current()).expect("a queue");
        let (from, is_fresh) = (plan.from.next, plan.target.is_none());
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, rdkafka::Offset::Offset(from)).expect("an offset");
        let mut reading = Reading::new(0, stage, edition, *plan, queue, &self.shared);
        if is_fresh {
            reading.begin_live(&self.shared, &mut self.batch);
        }
        self.reading = Some(Box::new(reading));
        self.sources.consumer.assign(&list).expect("it is assigned");
    }

    /// Up to the end of the log; a commit where a minute does not fit.
    pub fn turns(&mut self) {
        let patience = Instant::now() + PATIENCE;
        loop {
            self.take_over();
            let end = self.log.len() as i64;
            let (shared, batch) = (&self.shared, &mut self.batch);
            let reading = self.reading.as_mut().expect("it is restored before anything else");
            match reading.turn(shared, batch) {
                Turn::Live => reading.begin_live(shared, batch),
                Turn::Full => {
                    if !self.commit() {
                        return;
                    }
                    if self.random.one_in(4) {
                        return self.crash();
                    }
                }
                Turn::Worked => {}
                Turn::Rested if reading.is_unsettled() || reading.now.next == end && reading.end == Some(end) => return,
                Turn::Rested => {
                    assert!(Instant::now() < patience, "{:?} of {end}, end {:?}", reading.now, reading.end);
                    std::thread::sleep(Duration::from_micros(200));
                }
                Turn::Gap => panic!("the log has no hole"),
            }
        }
    }

    /// As a worker does between two batches.
    fn take_over(&mut self) {
        let edition = self.sources.editions.current();
        if self.reading().is_stale(&edition) && self.commit() {
            let reading = self.reading();
            if reading.is_at_rest() && reading.is_stale(&edition) {
                reading.change(&edition).expect("the state is carried over");
                self.birth += 1;
                self.seen.changes += 1;
            }
        }
    }

    /// False: all was lost in the middle of it.
    pub fn commit(&mut self) -> bool {
        let reading = self.reading.as_mut().expect("it is restored before anything else");
        reading.collect(&mut self.batch);
        self.ledger.gives_up = self.ledger.is_faulty && self.random.one_in(6);
        let ended = transaction::send(&mut self.batch, &mut self.ledger);
        match ended {
            Ok(outcome) => {
                assert_eq!(outcome.astray, [0; 0], "nobody else commits");
                for (offset, metadata) in outcome.sent.values() {
                    reading.committed(*offset, metadata);
                    let named = reading.now.snapshots.clone();
                    self.writer.send(Job::Prune { partition: 0, named });
                }
                self.check();
                true
            }
            Err(GaveUp::Told(_)) => {
                self.seen.inside_a_commit += 1;
                self.check();
                self.crash();
                false
            }
            Err(GaveUp::Fenced(text)) => panic!("{text}"),
        }
    }

    /// What is committed is what the oracle says, up to the same position.
    fn check(&mut self) {
        let Some(position) = self.committed() else { return };
        let mut oracle = self.oracle.take().expect("it is only away while it follows");
        oracle.follow(self, &position);
        let same = oracle.said.iter().zip(&self.ledger.said).take_while(|(a, b)| a == b).count();
        let is_whole = position.cursor.is_some() || self.ledger.said.len() == same;
        if same < oracle.said.len() || !is_whole {
            let text = |said: &[Message]| {
                let value = said.get(same).and_then(|message| message.value.clone()).unwrap_or_default();
                String::from_utf8_lossy(&value).into_owned()
            };
            panic!(
                "at {position:?}\nmarks {:?}\noracle: {}\ncommitted: {}",
                self.ledger.marks,
                text(&oracle.said),
                text(&self.ledger.said)
            );
        }
        self.oracle = Some(oracle);
    }

    /// Records near the present, some late, some far ahead, some of no use.
    fn append(&mut self) {
        for _ in 0..=self.random.below(3) {
            let user = self.random.below(7);
            let away = [0, 0, 0, -20, -90, -400, 600, 5_400][self.random.below(8) as usize] * SECOND;
            let text = match self.random.below(16) {
                0 => r#"{"type":7}"#.to_owned(),
                1 => format!(r#"{{"type":"delete","userId":"u{user}"}}"#),
                2 => format!(r#"{{"type":"identify","userId":"u{user}","anonymousId":"a{}"}}"#, user % 2),
                3 => format!(r#"{{"type":"page","anonymousId":"a{}"}}"#, user % 2),
                _ => format!(r#"{{"type":"page","userId":"u{user}"}}"#),
            };
            self.say(away, text);
        }
    }

    /// A record, so long from now.
    pub fn say(&mut self, away: Millis, text: String) {
        let time = self.time.wall() + away;
        self.ledger.append(&self.shared.config.raw_topic, time, text.as_bytes());
        self.log.push((time, text.into_bytes()));
    }

    /// A snapshot of here and now, named by a commit.
    pub fn snapshot(&mut self) {
        assert!(self.commit());
        self.cut();
        self.name();
        assert!(self.commit());
    }

    fn pass(&mut self, time: Millis) {
        self.time.wall.fetch_add(time, Ordering::Relaxed);
    }

    pub fn idle(&mut self) {
        let end = self.log.len() as i64;
        for time in [10 * SECOND, 2 * MINUTE, 20 * MINUTE] {
            self.pass(time);
            let reading = self.reading.as_mut().expect("it is restored before anything else");
            if reading.idle_turn(&self.shared, &mut self.batch, |at| at == end) == Progress::Full && !self.commit() {
                return;
            }
            self.turns();
        }
    }

    /// Goes on with a snapshot, or begins one; it is written beside.
    fn cut(&mut self) {
        let birth = self.birth;
        let reading = self.reading();
        reading.settle();
        if reading.cutter.is_resting() && reading.is_at_rest() && reading.committed.is_some() {
            reading.cut();
        }
        if let Some(job) = reading.cutter.advance(reading.stage.as_mut(), birth, true) {
            self.writer.send(job);
            self.seen.snapshots += 1;
            self.written += 1;
        }
    }

    /// Names what was written, unless it was cut in a life before.
    fn name(&mut self) {
        while self.written > 0 {
            self.written -= 1;
            let written = self.writer.done.recv_timeout(PATIENCE).expect("it is written");
            let fresh = written.result.clone().expect("the folder can be written to");
            if written.birth == self.birth {
                let reading = self.reading();
                reading.cutter.written(&written.result);
                reading.name_snapshot(fresh.id, 3);
            }
        }
    }

    /// The newest snapshot is gone. What was done before a changed playbook could only be had again from it.
    pub fn damage(&mut self) {
        let position = self.committed().filter(|_| self.seen.changes == 0);
        let Some(id) = position.and_then(|position| position.snapshots.into_iter().next()) else { return };
        self.seen.damaged += 1;
        self.sources.store.delete(&file_of(0, &id)).expect("it is deleted");
    }

    fn change(&mut self) {
        let text = changed_playbook();
        let edition = playbook::edition(program(&text), text, &self.shared.config);
        self.sources.editions.replace(edition);
    }

    pub fn step(&mut self) {
        match self.random.below(18) {
            0..=4 => {
                self.append();
                self.turns();
            }
            5 => self.pass(45 * SECOND),
            6 => self.pass(HOUR / 2),
            7 | 8 => self.idle(),
            9 => drop(self.commit()),
            10..=12 => self.cut(),
            13 => {
                self.name();
                self.commit();
            }
            14 => self.crash(),
            15 => {
                self.damage();
                self.pass(3 * HOUR);
                self.crash();
            }
            16 if self.random.one_in(3) => self.change(),
            _ => self.append(),
        }
    }

    /// Nothing goes wrong any more, and all that is due comes out.
    pub fn end(&mut self) {
        self.ledger.is_faulty = false;
        for _ in 0..3 {
            self.turns();
            self.snapshot();
        }
        self.pass(3 * HOUR);
        self.idle();
        self.turns();
        assert!(self.commit());
        self.seen.messages = self.ledger.said.len() as u32;
        self.seen.marks = self.ledger.marks.len() as u32;
    }
}
