//! `kairos reset`: each stop whose way out it is, stopped, reset, and going on with the right output.

use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;

use crate::damage::wait_for_refusal;
use crate::equivalence::{Said, assert_same, playbook, said};
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics::{self, Record};

/// Less than the fault tests take: what a position does to the output shows soon.
fn records() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| input::records(7, 6_000, 400))
}

fn faultless() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| straight("unreset", &[records()]))
}

/// What a group says that these records come to, one part after the other, and nothing else happens to.
fn straight(stem: &str, parts: &[&[Record]]) -> Said {
    let site = site(stem);
    parts.iter().for_each(|part| site.work_off(part));
    said(&site)
}

fn site(stem: &str) -> Site {
    // One worker: a partition that moves between two just before the end is not snapshotted again.
    Site::new(shared(), stem, PARTITIONS, &playbook()).with("run", "threads = 1")
}

fn halves() -> (&'static [Record], &'static [Record]) {
    records().split_at(records().len() / 2)
}

/// Starts, waits for the stop with these words, and ends it.
fn see_it_stopped(site: &Site, words: &str) {
    let instance = site.start("one");
    wait_for_refusal(&instance, words);
    instance.kill();
}

/// Once the group has no members any more.
fn reset(site: &Site, words: &[&str]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut told = String::new();
    topics::wait_for("the members to be gone", || {
        let output = site.command(&[&["reset"], words].concat());
        let why = text(&output.stderr);
        told = text(&output.stdout);
        assert!(output.status.success() || why.contains("live members"), "{why}");
        output.status.success()
    });
    told
}

fn refused(site: &Site, words: &[&str]) -> String {
    let output = site.command(&[&["reset"], words].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Keys and values, without where from, without doubles.
fn distinct(said: &Said) -> BTreeSet<String> {
    let all = said.outgoing.values().flatten();
    all.map(|seen| format!("{:?} {:?}", seen.key, seen.value)).collect()
}

fn count(said: &Said) -> usize {
    said.outgoing.values().map(Vec::len).sum()
}

fn assert_equal_without_places(found: &Said, expected: &Said) {
    for (partition, expected) in &expected.outgoing {
        let values = |all: &[crate::equivalence::Seen]| all.iter().map(|seen| seen.value.clone()).collect::<Vec<_>>();
        let (found, expected) = (values(&found.outgoing[partition]), values(expected));
        let same = found.iter().zip(&expected).take_while(|(one, other)| one == other).count();
        assert!(same == expected.len() && same == found.len(), "partition {partition} differs after {same}");
    }
}

#[test]
fn a_foreign_position_is_left_for_the_newest_snapshot() {
    let site = site("reset-foreign");
    let (first, rest) = halves();
    site.work_off(first);
    let (offset, _) = topics::positions(shared(), &site.group, &site.raw)[2].clone().expect("it was committed");
    topics::set_position(shared(), &site.group, &site.raw, 2, offset / 2);
    let instance = site.start("one");
    wait_for_refusal(&instance, "kairos reset --to committed");
    let why = refused(&site, &["--to", "snapshot"]);
    assert!(why.contains("live members") && why.contains("one-0"), "{why}");
    instance.stop();
    let told = reset(&site, &["--to", "snapshot", "--partition", "2"]);
    assert!(told.contains(&format!("partition 2: goes on at {offset} (committed before: {})", offset / 2)), "{told}");
    site.work_off(rest);
    assert_same(&said(&site), faultless());
}

#[test]
fn a_foreign_position_is_taken_over() {
    let site = site("reset-over");
    let (first, rest) = halves();
    site.work_off(first);
    let (offset, _) = topics::positions(shared(), &site.group, &site.raw)[2].clone().expect("it was committed");
    topics::set_position(shared(), &site.group, &site.raw, 2, offset / 2);
    see_it_stopped(&site, "kairos reset --to committed");
    let told = reset(&site, &["--to", "committed", "--partition", "2"]);
    assert!(told.contains(&format!("partition 2: goes on at {}", offset / 2)), "{told}");
    assert!(told.contains("replayed with nothing sent"), "{told}");
    let why = refused(&site, &["--to", "offset=5"]);
    assert!(why.contains("--partition"), "{why}");
    site.work_off(rest);
    let found = said(&site);
    // From there on all was said once more, word for word: what came before was not.
    assert_eq!(distinct(&found), distinct(faultless()));
    let (more, all) = (count(&found) - count(faultless()), faultless().outgoing[&2].len());
    assert!(more > all / 20 && more < all * 3 / 4, "{more} of {all} were said again");
}

#[test]
fn snapshots_without_a_commit() {
    let site = site("reset-group");
    let (first, rest) = halves();
    site.work_off(first);
    topics::delete_group(shared(), &site.group);
    topics::produce(shared(), &site.raw, rest);
    see_it_stopped(&site, "kairos reset --to snapshot");
    let told = reset(&site, &["--to", "snapshot"]);
    assert!(told.contains("committed before: none"), "{told}");
    site.work_off(&[]);
    assert_same(&said(&site), faultless());
}

/// The snapshot is older than what was said last: with `--emit` that is said again, else the messages themselves tell.
#[test]
fn an_old_snapshot_without_a_commit() {
    for emit in [false, true] {
        let site = site("reset-old").with("snapshots", "interval = \"1h\"");
        let (first, rest) = halves();
        let (early, late) = first.split_at(first.len() / 2);
        site.work_off(early);
        topics::produce(shared(), &site.raw, late);
        let mut instance = site.start("one");
        site.wait_until_done(&mut [&mut instance]);
        instance.kill();
        topics::delete_group(shared(), &site.group);
        let before = count(&said(&site));
        see_it_stopped(&site, "kairos reset --to snapshot");
        let told = reset(&site, if emit { &["--to", "snapshot", "--emit"] } else { &["--to", "snapshot"] });
        assert_eq!(told.contains("what is on the outgoing topics"), !emit, "{told}");
        site.work_off(&[]);
        let again = count(&said(&site)) - before;
        assert!(if emit { again > before / 4 } else { again < before / 50 }, "{again} of {before} came again: {told}");
        site.work_off(rest);
        assert_eq!(distinct(&said(&site)), distinct(faultless()));
    }
}

#[test]
fn a_snapshot_of_a_newer_version_is_gone_without() {
    let site = site("reset-newer");
    let (first, rest) = halves();
    site.work_off(first);
    for path in site.snapshot_files() {
        let mut bytes = fs::read(&path).expect("read");
        bytes[8..10].copy_from_slice(&999_u16.to_le_bytes());
        fs::write(path, bytes).expect("written");
    }
    see_it_stopped(&site, "kairos reset --to committed");
    let told = reset(&site, &["--to", "committed"]);
    assert!(told.contains("left out snapshot") && told.contains("999"), "{told}");
    site.work_off(rest);
    assert_same(&said(&site), faultless());
}

#[test]
fn marks_that_are_gone() {
    let site = site("reset-marks");
    let (first, rest) = halves();
    site.work_off(first);
    site.snapshot_files().iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let marks = format!("{}.marks", site.group);
    let ends: Vec<(i32, i64)> =
        (0..).zip(topics::watermarks(shared(), &marks)).map(|(partition, (_, end))| (partition, end)).collect();
    topics::delete_before(shared(), &marks, &ends);
    see_it_stopped(&site, "goes on without what the marks said");
    let told = reset(&site, &["--to", "committed"]);
    assert!(told.contains("marks are gone"), "{told}");
    site.work_off(rest);
    // In this input the marks say nothing that changes anything.
    assert_same(&said(&site), faultless());
}

#[test]
fn a_history_that_is_gone() {
    let site = site("reset-history");
    let (first, rest) = halves();
    site.work_off(first);
    site.snapshot_files().iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let half: Vec<(i32, i64)> =
        (0..).zip(topics::watermarks(shared(), &site.raw)).map(|(partition, (_, end))| (partition, end / 2)).collect();
    topics::delete_before(shared(), &site.raw, &half);
    see_it_stopped(&site, "give the history up");
    let before = said(&site);
    let told = reset(&site, &["--to", "committed"]);
    assert!(told.contains("what was known before is given up"), "{told}");
    site.work_off(&[]);
    assert_same(&said(&site), &before);
    site.work_off(rest);
    let after = said(&site);
    for (partition, said) in &before.outgoing {
        let now = &after.outgoing[partition];
        assert!(now.len() > said.len() && now.starts_with(said), "partition {partition} does not go on");
    }
}

#[test]
fn records_that_went_before_they_were_read() {
    let site = site("reset-gap");
    let third = records().len() / 3;
    let (first, second, rest) = (&records()[..third], &records()[third..2 * third], &records()[2 * third..]);
    site.work_off(first);
    topics::produce(shared(), &site.raw, second);
    let lows: Vec<(i32, i64)> =
        (0..).zip(topics::watermarks(shared(), &site.raw)).map(|(partition, (_, end))| (partition, end)).collect();
    topics::delete_before(shared(), &site.raw, &lows);
    topics::produce(shared(), &site.raw, rest);
    for (partition, low) in &lows {
        see_it_stopped(&site, &format!("kairos reset --to offset={low}"));
        let told = reset(&site, &["--to", &format!("offset={low}"), "--partition", &partition.to_string()]);
        assert!(told.contains("are gone from the log and missing in it"), "{told}");
    }
    site.work_off(&[]);
    assert_equal_without_places(&said(&site), &straight("ungapped", &[first, rest]));
}

#[test]
fn a_raw_topic_made_anew() {
    let site = site("reset-anew");
    let (first, rest) = halves();
    site.work_off(first);
    topics::delete(shared(), &site.raw);
    topics::create_on(shared(), &site.raw, PARTITIONS, &[("retention.ms", "-1")]);
    // With its topic a group's positions go too.
    see_it_stopped(&site, "no committed position, but a snapshot");
    for partition in 0..PARTITIONS {
        let told = reset(&site, &["--to", "offset=0", "--partition", &partition.to_string()]);
        assert!(told.contains("what was known before is given up"), "{told}");
    }
    let before = said(&site);
    site.work_off(rest);
    let mut expected = before;
    for (partition, all) in straight("anew", &[rest]).outgoing {
        expected.outgoing.entry(partition).or_default().extend(all);
    }
    assert_equal_without_places(&said(&site), &expected);
}

#[test]
fn a_topic_that_is_not_there_is_a_mistake_in_the_settings() {
    let site = site("reset-none").with("raw", "topic = \"no-such-topic\"");
    let output = site.command(&["reset", "--to", "committed"]);
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{why}");
    assert!(why.contains("the raw topic no-such-topic is not there"), "{why}");
}
