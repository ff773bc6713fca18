//! What a restart finds is not what was left: snapshots gone, cut short, altered, too new; a position set by others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::equivalence::{assert_as_faultless, playbook, records};
use crate::input::PARTITIONS;
use crate::support::broker::shared;
use crate::support::kairos::{Instance, Site};
use crate::support::topics::{self, Record};
use crate::support::unique;

/// Where the format's version stands in a file: after eight bytes that say whose it is.
const VERSION_AT: usize = 8;

/// A part of the input; with what came before it is written, worked off and snapshotted.
fn work_off(site: &Site, part: &[Record]) {
    site.work_off(part);
    assert!(!site.snapshot_files().is_empty(), "it left no snapshot");
}

fn change_files(site: &Site, change: impl Fn(&Path, Vec<u8>)) {
    for path in site.snapshot_files() {
        let bytes = fs::read(&path).expect("a snapshot can be read");
        change(&path, bytes);
    }
}

#[test]
fn damaged_snapshots_change_nothing() {
    let site = Site::new(shared(), "damaged", PARTITIONS, &playbook());
    let parts: Vec<&[Record]> = records().chunks(records().len().div_ceil(5)).collect();
    work_off(&site, parts[0]);
    change_files(&site, |path, _| fs::remove_file(path).expect("removed"));
    work_off(&site, parts[1]);
    change_files(&site, |path, bytes| fs::write(path, &bytes[..bytes.len() / 2]).expect("written"));
    work_off(&site, parts[2]);
    change_files(&site, |path, mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(path, bytes).expect("written");
    });
    work_off(&site, parts[3]);
    let newest = site.snapshot_files().pop().expect("there is one");
    fs::write(&newest, []).expect("written");
    work_off(&site, parts[4]);
    assert_as_faultless(&site);
}

#[test]
fn a_snapshot_of_a_newer_version_is_not_guessed_at() {
    let site = Site::new(shared(), "newer", PARTITIONS, &playbook());
    let (first, rest) = records().split_at(records().len() / 2);
    work_off(&site, first);
    let kept: Vec<(PathBuf, Vec<u8>)> =
        site.snapshot_files().into_iter().map(|path| (path.clone(), fs::read(&path).expect("read"))).collect();
    change_files(&site, |path, mut bytes| {
        bytes[VERSION_AT..VERSION_AT + 2].copy_from_slice(&999_u16.to_le_bytes());
        fs::write(path, bytes).expect("written");
    });
    topics::produce(shared(), &site.raw, rest);
    let instance = site.start("one");
    wait_for_refusal(&instance, "999");
    instance.kill();
    for (path, bytes) in kept {
        fs::write(path, bytes).expect("written");
    }
    work_off(&site, &[]);
    assert_as_faultless(&site);
}

/// As after a restored backup, or a commit that never came: files of a later position lie there, which nothing names.
#[test]
fn snapshots_newer_than_the_commit_are_ignored() {
    let ahead = Site::new(shared(), "ahead", PARTITIONS, &playbook());
    work_off(&ahead, records());
    let site = Site::new(shared(), "behind", PARTITIONS, &playbook());
    let (first, rest) = records().split_at(records().len() / 3);
    work_off(&site, first);
    for path in ahead.snapshot_files() {
        let inner = path.strip_prefix(ahead.snapshots()).expect("it lies there").display().to_string();
        let inner = inner.replace(&ahead.group, &site.group).replace(&ahead.raw, &site.raw);
        let copy = site.snapshots().join(inner);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
        if !copy.exists() {
            fs::copy(path, copy).expect("copied");
        }
    }
    work_off(&site, rest);
    assert_as_faultless(&site);
}

#[test]
fn a_position_set_from_outside_stops_and_names_the_way_out() {
    let site = Site::new(shared(), "foreign", PARTITIONS, &playbook());
    let (first, rest) = records().split_at(records().len() / 2);
    work_off(&site, first);
    let positions = topics::positions(shared(), &site.group, &site.raw);
    let (offset, ours) = positions[2].clone().expect("it was committed");
    topics::set_position(shared(), &site.group, &site.raw, 2, offset / 2);
    topics::produce(shared(), &site.raw, rest);
    let instance = site.start("one");
    wait_for_refusal(&instance, "kairos reset");
    topics::wait_for("the other partitions to go on", || {
        let ends = topics::watermarks(shared(), &site.raw);
        let positions = topics::positions(shared(), &site.group, &site.raw);
        [0, 1, 3].iter().all(|p| positions[*p].as_ref().is_some_and(|(at, _)| *at == ends[*p].1))
    });
    let now = topics::positions(shared(), &site.group, &site.raw);
    assert_eq!(now[2], Some((offset / 2, String::new())), "it must not commit over what it does not understand");
    instance.kill();
    // Once the position is what it was, nothing has happened.
    topics::set_position_with(shared(), &site.group, &site.raw, 2, offset, &ours);
    work_off(&site, &[]);
    assert_as_faultless(&site);
}

/// Not ready, with these words in the reason, and in the log.
pub fn wait_for_refusal(instance: &Instance, words: &str) {
    let mut last = None;
    let is_said = |last: &Option<(u16, String)>| {
        last.as_ref().is_some_and(|(status, body)| *status == 503 && body.contains(words))
    };
    let started = std::time::Instant::now();
    while !is_said(&last) {
        assert!(started.elapsed().as_secs() < 60, "/readyz never said {words:?}: {last:?}\n{}", instance.log_tail());
        std::thread::sleep(std::time::Duration::from_millis(50));
        last = instance.get("/readyz");
    }
    assert!(instance.log().contains(words), "{}", instance.log_tail());
}

/// A worker that died with a transaction open holds up the marks that were committed behind it: those are not gone.
#[test]
fn marks_behind_an_open_transaction_are_waited_for() {
    let site = Site::new(shared(), "held-up", PARTITIONS, &playbook()).with("snapshots", "interval = \"1h\"");
    let open: BaseProducer =
        topics::client(shared()).set("transactional.id", unique("dead")).create().expect("a producer");
    open.init_transactions(Duration::from_secs(20)).expect("a transactional producer");
    open.begin_transaction().expect("begun");
    let marks = format!("{}.marks", site.group);
    for partition in 0..PARTITIONS {
        let record = BaseRecord::<[u8], [u8]>::to(&marks).partition(partition).payload(b"of the dead");
        open.send(record).map_err(|(error, _)| error).expect("queued");
    }
    while open.in_flight_count() > 0 {
        open.poll(Duration::from_millis(1));
    }
    topics::produce(shared(), &site.raw, &records()[..1_000]);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    instance.kill();

    let instance = site.start("one");
    topics::wait_for("it to wait", || instance.log().contains("a transaction that is still open holds up"));
    assert!(instance.get("/readyz").is_none_or(|(status, _)| status != 200));
    open.abort_transaction(Duration::from_secs(20)).expect("aborted");
    topics::wait_for("it to be ready", || instance.get("/readyz").is_some_and(|(status, _)| status == 200));
    assert!(!instance.log().contains("are not all in"), "{}", instance.log_tail());
    instance.stop();
}
