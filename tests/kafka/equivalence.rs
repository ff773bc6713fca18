//! What it means that a fault changed nothing: a `read_committed` reader of the outgoing topic and of the dead letters
//! sees, record for record and byte for byte, what it sees after a run without faults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use std::sync::Arc;

use crate::input;
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics::{self, Record, Stored};

const COUNT: usize = 52_000;
const USERS: u64 = 2_600;
const SEED: u64 = 20_261_123;

/// One message as a reader sees it. Where it lies and when it was written is not part of what it says; the source is,
/// without the topic's name, which differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// All that one run said.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// By partition, in order.
    pub outgoing: BTreeMap<i32, Vec<Seen>>,
    /// By the place of the record that is dead; several of a batch in order.
    pub dead: BTreeMap<String, Vec<Seen>>,
}

pub fn playbook() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/faults.toml")
}

/// The input of all these tests, in order.
pub fn records() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| input::records(SEED, COUNT, USERS))
}

/// What a run without faults says, all of the input there before it begins.
pub fn faultless() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| {
        let site = Site::new(shared(), "faultless", input::PARTITIONS, &playbook());
        topics::produce(shared(), &site.raw, records());
        let mut instance = site.start("one");
        site.wait_until_done(&mut [&mut instance]);
        instance.stop();
        let said = said(&site);
        assert_worth_comparing(&said);
        said
    })
}

pub fn said(site: &Site) -> Said {
    topics::wait_until_settled(&site.bootstrap, &site.outgoing);
    topics::wait_until_settled(&site.bootstrap, &site.dead());
    collect(site, &topics::committed(&site.bootstrap, &site.outgoing))
}

/// The same from a reading of the outgoing topic at another time.
pub fn collect(site: &Site, outgoing: &[Stored]) -> Said {
    let mut said = Said { outgoing: BTreeMap::new(), dead: BTreeMap::new() };
    for stored in outgoing {
        said.outgoing.entry(stored.partition).or_default().push(seen(stored, &site.raw));
    }
    for stored in topics::committed(&site.bootstrap, &site.dead()) {
        let seen = seen(&stored, &site.raw);
        said.dead.entry(source(&seen)).or_default().push(seen);
    }
    said
}

/// Fails with the first difference, not with a hundred thousand lines.
pub fn assert_as_faultless(site: &Site) {
    assert_same(&said(site), faultless());
}

pub fn assert_same(found: &Said, expected: &Said) {
    compare("outgoing", &found.outgoing, &expected.outgoing);
    compare("dead letters", &found.dead, &expected.dead);
}

pub fn compare<K: Ord + std::fmt::Debug>(
    what: &str,
    found: &BTreeMap<K, Vec<Seen>>,
    expected: &BTreeMap<K, Vec<Seen>>,
) {
    let empty = Vec::new();
    for place in found.keys().chain(expected.keys()) {
        let (found, expected) = (found.get(place).unwrap_or(&empty), expected.get(place).unwrap_or(&empty));
        let same = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
        assert!(
            same == found.len() && same == expected.len(),
            "{what} of {place:?} differ after {same} of {} (found {}; {} missing, {} not expected):\n  expected {}\n  found    {}",
            expected.len(),
            found.len(),
            without(expected, found),
            without(found, expected),
            show(expected.get(same)),
            show(found.get(same)),
        );
    }
}

/// How many of `these` are not among `those`.
fn without(these: &[Seen], those: &[Seen]) -> usize {
    let those: std::collections::BTreeSet<&Seen> = those.iter().collect();
    these.iter().filter(|seen| !those.contains(seen)).count()
}

fn show(seen: Option<&Seen>) -> String {
    let Some(seen) = seen else { return "nothing".into() };
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| String::from_utf8_lossy(b).into_owned());
    let headers: Vec<_> = seen.headers.iter().map(|(name, value)| (name, text(value))).collect();
    format!("{:?} {:?} {headers:?}", text(&seen.key), text(&seen.value))
}

fn seen(stored: &Stored, raw: &str) -> Seen {
    let nameless = |(name, value): &(String, Option<Vec<u8>>)| {
        let bytes = value.as_deref().unwrap_or_default();
        let short = bytes.strip_prefix(raw.as_bytes()).filter(|_| name == "kairos-source");
        (name.clone(), short.map(<[u8]>::to_vec).or_else(|| value.clone()))
    };
    Seen {
        key: stored.key.clone(),
        value: stored.value.clone(),
        headers: stored.headers.iter().map(nameless).collect(),
    }
}

fn source(seen: &Seen) -> String {
    let source = seen.headers.iter().find(|(name, _)| name == "kairos-source");
    let value = source.and_then(|(_, value)| value.as_deref()).expect("a dead letter says where it came from");
    String::from_utf8_lossy(value).into_owned()
}

/// An empty output equals an empty output: the input must make it talk.
fn assert_worth_comparing(said: &Said) {
    let texts: Vec<String> = said.outgoing.values().flatten().map(|seen| show(Some(seen))).collect();
    assert_eq!(said.outgoing.len(), input::PARTITIONS as usize, "some partitions said nothing");
    for moment in ["ready_to_buy", "ready_to_buy_ended", "big_spender", "burst", "at_risk", "at_risk_ended", "streaky"]
    {
        let name = format!("\\\"event\\\":\\\"mk_{moment}\\\"");
        let count = texts.iter().filter(|text| text.contains(&name)).count();
        assert!(count >= 10, "mk_{moment} went out {count} times only");
    }
    let identifies = texts.iter().filter(|text| text.contains("\\\"type\\\":\\\"identify\\\"")).count();
    assert!(identifies > 5_000, "{identifies} identifies only");
    let reasons: std::collections::BTreeSet<_> = said
        .dead
        .values()
        .flatten()
        .flat_map(|seen| {
            seen.headers.iter().filter(|(name, _)| name == "kairos-reason").map(|(_, value)| value.clone())
        })
        .collect();
    assert_eq!(reasons.len(), 6, "every reason but too_large: {reasons:?}");
}

/// Writes records at a steady pace from a thread of its own.
pub struct Feeder {
    thread: JoinHandle<()>,
    fed: Arc<AtomicUsize>,
    paused: Arc<AtomicBool>,
    total: usize,
}

impl Feeder {
    /// Takes about `span` for all the records.
    pub fn start(site: &Site, records: &'static [Record], span: Duration) -> Self {
        let (bootstrap, topic) = (site.bootstrap.clone(), site.raw.clone());
        let (fed, paused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, pause) = (fed.clone(), paused.clone());
        let thread = thread::spawn(move || {
            let producer = topics::Writer::new(&bootstrap);
            let tick = Duration::from_millis(20);
            let chunk = (records.len() as u128 * tick.as_millis() / span.as_millis()).max(1) as usize;
            let mut next = Instant::now();
            for some in records.chunks(chunk) {
                while pause.load(Ordering::SeqCst) {
                    thread::sleep(tick);
                    next = Instant::now();
                }
                producer.send_all(&topic, some);
                count.fetch_add(some.len(), Ordering::SeqCst);
                next += tick;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            producer.finish();
        });
        Self { thread, fed, paused, total: records.len() }
    }

    pub fn is_feeding(&self) -> bool {
        self.fed.load(Ordering::SeqCst) < self.total
    }

    pub fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
    }

    pub fn go_on(&self) {
        self.paused.store(false, Ordering::SeqCst);
    }

    pub fn wait(self) {
        self.thread.join().expect("the feeder does not fail");
    }
}
