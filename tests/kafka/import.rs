//! `kairos import`: a group whose history came in files says of what comes after it what one says whose topic had it all.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::damage::wait_for_refusal;
use crate::equivalence::{Seen, compare, playbook, said};
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics::{self, Record};

/// Records are a little out of order; the log is to begin with one that is later than all of history.
const APART_MS: i64 = 5_000;

fn time(time: i64) -> String {
    kairos::engine::event::time::format(time)
}

/// Two parts of one stream: in both, each record says when it was received, as files must.
fn parts() -> (i64, Vec<Record>, Vec<Record>) {
    let records = input::records(17, 6_000, 400);
    let middle = records[records.len() * 2 / 3].time;
    let received = |record: Record| {
        let mut message: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        message.as_object_mut()?.insert("receivedAt".to_owned(), json!(time(record.time)));
        Some(Record { value: Some(message.to_string().into_bytes()), ..record })
    };
    let (before, after): (Vec<_>, Vec<_>) =
        records.into_iter().filter_map(received).partition(|record| record.time < middle);
    let before = before.into_iter().filter(|record| record.time < middle - APART_MS).collect();
    (middle, before, after)
}

fn site(stem: &str, middle: i64) -> Site {
    let silent = format!("hold_back_until = \"{}\"", time(middle));
    Site::new(shared(), stem, PARTITIONS, &playbook()).with("run", "hold_back = \"24h\"").with("run", &silent)
}

fn lines(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|record| [record.value.as_deref().unwrap_or_default(), b"\n"].concat()).collect()
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: Vec<u8>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

/// What was sent from the first message on, without the offsets it names. Deletions go out also where all else is held
/// back; those of history, of people nobody was told of, don't come from an import.
fn sent(site: &Site) -> BTreeMap<i32, Vec<Seen>> {
    let mut sent = said(site).outgoing;
    for seen in sent.values_mut() {
        let begins = seen.iter().position(|seen| seen.value.is_some()).unwrap_or(seen.len());
        seen.drain(..begins);
        seen.iter_mut().for_each(|seen| seen.headers.retain(|(name, _)| name != "kairos-source"));
    }
    sent
}

#[test]
fn what_comes_after_is_said_as_if_the_topic_had_all() {
    let (middle, before, after) = parts();
    let straight = site("straight", middle);
    straight.work_off(&[&before[..], &after].concat());
    let expected = sent(&straight);
    let count = expected.values().map(Vec::len).sum::<usize>();
    assert!(count > 500 && expected.len() == PARTITIONS as usize, "{count} messages");

    let site = site("imported", middle);
    let (some, rest) = after.split_at(after.len() / 2);
    topics::produce(shared(), &site.raw, some);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // What the log has too is left to it.
    let (early, late) = before.split_at(before.len() / 2);
    let paths = [
        file(&folder, "late.jsonl", lines(late)),
        file(&folder, "early.jsonl.zst", zstd::encode_all(&lines(early)[..], 1).expect("packed")),
        file(&folder, "too-late.jsonl", lines(&after[..50])),
    ];
    let output = site.command(&[&["import"], &paths.each_ref().map(String::as_str)[..]].concat());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let left = told.split_once("messages taken in, ").and_then(|(_, rest)| rest.split(' ').next());
    assert!(left.and_then(|left| left.parse().ok()).is_some_and(|left: u64| left >= 50), "{told}");
    assert!(said(&site).outgoing.is_empty(), "it sends nothing itself");

    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    instance.kill();
    site.work_off(rest);
    compare("what comes after", &sent(&site), &expected);
}

#[test]
fn it_comes_before_everything_else_and_its_snapshots_must_stay() {
    let (middle, before, after) = parts();
    let site = site("too-late", middle);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let history = file(&folder, "history.jsonl", lines(&before));
    let import = || site.command(&["import", &history]);
    assert!(import().status.success());
    let again = import();
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1), "{why}");
    assert!(why.contains("partition 3 has a committed position already") && why.contains("run.group"), "{why}");

    site.work_off(&after);
    site.snapshot_files().iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let instance = site.start("one");
    wait_for_refusal(&instance, "the log begins at 0, after -1");
    instance.kill();
}

/// What an import steps past the time until when nothing is sent would count as sent, and never go out.
#[test]
fn history_that_would_be_told_is_refused() {
    let (_, before, _) = parts();
    let site = site("inside", before[before.len() / 2].time);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let history = file(&folder, "history.jsonl", lines(&before));
    let output = site.command(&["import", &history]);
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{why}");
    assert!(why.contains("history reaches past") && why.contains("run.hold_back_until"), "{why}");
    assert!(site.snapshot_files().is_empty(), "it left something");
    assert!(topics::positions(shared(), &site.group, &site.raw).iter().all(Option::is_none), "it committed something");
    let pipe = site.command(&["import", "/dev/stdin"]);
    assert_eq!(pipe.status.code(), Some(2), "{}", String::from_utf8_lossy(&pipe.stderr));
}
