//! `kairos rekey`: from a topic that is keyed by nothing to one keyed by user, each record once, whatever is killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::equivalence::playbook;
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics::{self, Record, Stored};
use crate::support::{now, unique};

const USERS: usize = 150;
/// No multiple of the users: the two of a batch are different people.
const RECORDS: usize = 12_001;
const FROM: i32 = 3;
const TO: i32 = 4;

fn event(n: usize) -> String {
    let user = n % USERS;
    let id =
        if user.is_multiple_of(5) { format!(r#""anonymousId":"a{user}""#) } else { format!(r#""userId":"u{user}""#) };
    format!(r#"{{"type":"track","event":"Signed In","messageId":"m{n}",{id}}}"#)
}

/// Each tenth record is a batch of two people's; one is no JSON; all of a user's lie in one partition, in order.
fn records(start: i64) -> Vec<Record> {
    let record = |n: usize| {
        let value = match n {
            77 => "no json".to_owned(),
            n if n % 10 == 3 => format!(r#"{{"batch":[{},{}]}}"#, event(n), event(n + RECORDS)),
            n => event(n),
        };
        let partition = ((n % USERS) % FROM as usize) as i32;
        Record { partition, time: start + n as i64, key: Some(b"one for all".to_vec()), value: Some(value.into()) }
    };
    (0..RECORDS).map(record).collect()
}

fn number(stored: &Stored) -> Option<usize> {
    serde_json::from_str::<serde_json::Value>(&stored.text()).ok()?["messageId"].as_str()?[1..].parse().ok()
}

fn written(site: &Site) -> Vec<Stored> {
    topics::committed(shared(), &site.raw)
}

#[test]
fn each_record_reaches_its_users_partition_once_whatever_is_killed() {
    let site = Site::new(shared(), "rekey", TO, &playbook());
    let from = unique("any-keys");
    topics::create_on(shared(), &from, FROM, &[("retention.ms", "-1")]);
    let (start, third) = (now() - 60_000, RECORDS / 3);
    let records = records(start);
    let words = ["rekey", "--from", &from];
    // What is killed has something to do: the next part is written while it works.
    for part in [&records[..third], &records[third..2 * third]] {
        let before = written(&site).len();
        let instance = site.start_command(&words, "one");
        topics::produce(shared(), &from, part);
        let started = Instant::now();
        while written(&site).len() == before {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing was written:\n{}", instance.log_tail());
        }
        instance.kill();
    }
    topics::produce(shared(), &from, &records[2 * third..]);
    let mut last = site.start_command(&["rekey", "--from", &from, "--until-end"], "one");
    assert_eq!(last.wait(), 0, "{}", last.log_tail());
    topics::wait_until_settled(shared(), &site.raw);

    let written = written(&site);
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    let mut of_user: BTreeMap<Vec<u8>, (i32, usize)> = BTreeMap::new();
    for stored in written.iter().filter(|stored| number(stored).is_some()) {
        let n = number(stored).expect("filtered");
        *counts.entry(n).or_default() += 1;
        let user = n % USERS;
        let key = if user.is_multiple_of(5) { format!("a{user}") } else { format!("u{user}") };
        assert_eq!(stored.key.as_deref(), Some(key.as_bytes()));
        assert_eq!(stored.time, start + (n % RECORDS) as i64);
        assert!(stored.header("kairos-source").is_some_and(|source| source.starts_with(&from)));
        let (partition, latest) = of_user.entry(key.into_bytes()).or_insert((stored.partition, 0));
        assert_eq!(*partition, stored.partition, "a user is in two partitions");
        // The second of a batch came through another partition than that user's other records.
        if n < RECORDS {
            assert!(*latest <= n, "messages of a user overtook each other");
            *latest = n;
        }
    }
    let mut expected: BTreeMap<usize, u32> = (0..RECORDS).filter(|n| *n != 77).map(|n| (n, 1)).collect();
    expected.extend((0..RECORDS).filter(|n| n % 10 == 3).map(|n| (n + RECORDS, 1)));
    assert!(counts == expected, "some are missing or came twice");
    let odd: Vec<&Stored> = written.iter().filter(|stored| number(stored).is_none()).collect();
    assert_eq!((odd.len(), odd[0].text().as_str(), odd[0].key.as_deref()), (1, "no json", Some(&b"one for all"[..])));
    let partitions: std::collections::BTreeSet<i32> = of_user.values().map(|(partition, _)| *partition).collect();
    assert_eq!(partitions.len(), TO as usize);

    let instance = site.start("one");
    // A transaction's end takes an offset that is never read.
    let ends: i64 = topics::watermarks(shared(), &site.raw).iter().map(|(_, end)| end - 1).sum();
    topics::wait_for("all to be processed", || site.progress() >= ends);
    assert_eq!(instance.metric("kairos_misrouted_total"), Some(0.0));
    instance.stop();
    assert_eq!(topics::committed(shared(), &site.dead()).len(), 1);
}

#[test]
fn instances_that_come_and_go_lose_and_double_nothing() {
    let site = Site::new(shared(), "rekey-group", TO, &playbook());
    let from = unique("any-keys");
    topics::create_on(shared(), &from, FROM, &[("retention.ms", "-1")]);
    let (words, records) = (["rekey", "--from", &from], records(now() - 60_000));
    let has_grown = |before: usize| topics::wait_for("more to be written", || written(&site).len() > before);
    let mut one = site.start_command(&words, "one");
    let mut two = None;
    for (turn, part) in records.chunks(RECORDS.div_ceil(4)).enumerate() {
        let before = written(&site).len();
        topics::produce(shared(), &from, part);
        has_grown(before);
        if turn == 0 {
            two = Some(site.start_command(&words, "two"));
        }
        if turn == 2 {
            one.signal("TERM");
            assert_eq!(one.wait(), 0, "{}", one.log_tail());
        }
    }
    let singles = (0..RECORDS).filter(|n| *n != 77 && n % 10 != 3).count();
    let all = singles + 1 + 2 * (0..RECORDS).filter(|n| n % 10 == 3).count();
    topics::wait_for("all to be written", || written(&site).len() >= all);
    let mut numbers: Vec<usize> = written(&site).iter().filter_map(number).collect();
    numbers.sort_unstable();
    let found = numbers.len();
    numbers.dedup();
    assert_eq!((found, numbers.len()), (all - 1, all - 1), "some are missing or came twice");
    two.expect("it was started").kill();
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let site = Site::new(shared(), "rekey-none", 1, &playbook());
    let output = site.command(&["rekey", "--from", "no-such-topic"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the topic no-such-topic is not there"), "{output:?}");
}
