//! A playbook that changes under a running processor, and a processor that is asked to stop: over real Kafka.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::broker::shared;
use crate::support::kairos::{Instance, Site};
use crate::support::now;
use crate::support::topics::{self, Record};

const BEFORE: &str = "[signals.came]\non = \"page\"\n\n[moments.first_came]\nwhen = 'came.count(\"1d\") >= 1'\n";
const AFTER: &str = "[signals.came]\non = \"page\"\n\n[moments.second_came]\nwhen = 'came.count(\"1d\") >= 1'\n";
const WRONG: &str = "[moments.third]\nwhen = 'nobody.count(\"1d\") >= 1'\n";

fn page(user: &str, partition: i32) -> Record {
    let value = json!({ "type": "page", "userId": user, "messageId": format!("{user}-{}", now()) });
    let value = value.to_string().into_bytes();
    Record { partition, time: now(), key: Some(user.as_bytes().to_vec()), value: Some(value) }
}

/// One visitor in each partition.
fn visit(site: &Site, stem: &str) {
    let records: Vec<Record> = (0..2).map(|partition| page(&format!("{stem}{partition}"), partition)).collect();
    topics::produce(shared(), &site.raw, &records);
}

/// User and moment of all that fired, in the order of users.
fn fired(site: &Site) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut fired: Vec<_> =
        site.tracks().iter().map(|message| (text(&message["userId"]), text(&message["event"]))).collect();
    fired.sort();
    fired
}

fn write(path: &Path, playbook: &str) {
    let aside = path.with_extension("new");
    std::fs::write(&aside, playbook).expect("a playbook is written");
    std::fs::rename(aside, path).expect("and put in place whole");
}

fn wait_for_reloads(instance: &Instance, result: &str, count: f64) {
    let name = format!("kairos_playbook_reloads_total{{result=\"{result}\"}}");
    topics::wait_for(&format!("a playbook to be {result}"), || instance.metric(&name) == Some(count));
}

#[test]
fn a_changed_playbook_is_taken_over_and_a_wrong_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("playbook.toml");
    write(&path, BEFORE);
    let site = Site::new(shared(), "reload", 2, &path);
    let instance = site.start("one");
    visit(&site, "a");
    topics::wait_for("the first playbook's moments", || fired(&site).len() == 2);

    write(&path, WRONG);
    instance.signal("HUP");
    wait_for_reloads(&instance, "refused", 1.0);
    assert!(instance.log().contains("the old one stays in force"), "{}", instance.log_tail());
    visit(&site, "b");
    topics::wait_for("the first playbook's moments", || fired(&site).len() == 4);
    assert!(fired(&site).iter().all(|(_, event)| event.ends_with("first_came")), "{:?}", fired(&site));

    // Without a signal: the file is looked at every now and then.
    write(&path, AFTER);
    wait_for_reloads(&instance, "taken", 1.0);
    topics::wait_for("both partitions to fire by the new playbook", || {
        visit(&site, "c");
        let second = fired(&site).into_iter().filter(|(_, event)| event.ends_with("second_came"));
        let users: BTreeSet<String> = second.map(|(user, _)| user).collect();
        ["c0", "c1"].iter().all(|user| users.contains(*user))
    });
    instance.stop();
    // Whoever changes it again replays under this one what was done under it.
    let lies_there = |file: &PathBuf| std::fs::read_to_string(file).is_ok_and(|text| text == AFTER);
    assert!(site.snapshot_files().iter().any(lies_there), "the new playbook's text is not kept");
}

/// A visit some minutes ago.
fn visited(site: &Site, stem: &str, minutes_ago: i64) {
    let mut records: Vec<Record> = (0..2).map(|partition| page(&format!("{stem}{partition}"), partition)).collect();
    records.iter_mut().for_each(|record| record.time -= minutes_ago * 60_000);
    topics::produce(shared(), &site.raw, &records);
}

/// Files lie where the partitions' folders should be, or no longer.
fn block(folders: &[PathBuf], is_blocked: bool) {
    for folder in folders {
        let aside = folder.with_extension("aside");
        if is_blocked {
            std::fs::rename(folder, aside).expect("moved");
            std::fs::write(folder, "in the way").expect("written");
        } else {
            std::fs::remove_file(folder).expect("removed");
            std::fs::rename(aside, folder).expect("moved back");
        }
    }
}

/// A position of the new playbook that rests on a snapshot of the old one would replay what lies between under the wrong
/// one, in silence: the new moments of that time would never be sent.
#[test]
fn a_kill_between_a_change_and_its_first_snapshot_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("playbook.toml");
    write(&path, BEFORE);
    let site = Site::new(shared(), "between", 2, &path).with("snapshots", "interval = \"1d\"");
    let mut instance = site.start("one");
    visited(&site, "a", 10);
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();
    let mut instance = site.start("one");
    visited(&site, "b", 5);
    site.wait_until_done(&mut [&mut instance]);
    let files = site.snapshot_files();
    let files = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "kairos"));
    let folders: BTreeSet<PathBuf> = files.filter_map(|file| Some(file.parent()?.to_owned())).collect();
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    assert_eq!(folders.len(), 2, "a snapshot of each partition: {folders:?}");
    block(&folders, true);
    write(&path, AFTER);
    instance.signal("HUP");
    topics::wait_for("both snapshots to fail", || instance.log().matches("a snapshot was not written").count() >= 2);
    instance.kill();
    block(&folders, false);
    let mut instance = site.start("one");
    visit(&site, "c");
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();
    let second: Vec<String> =
        fired(&site).into_iter().filter(|(_, event)| event.ends_with("second_came")).map(|(user, _)| user).collect();
    assert_eq!(second, ["a0", "a1", "b0", "b1", "c0", "c1"]);
}

#[test]
fn a_processor_that_is_asked_to_stop_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("playbook.toml");
    write(&path, BEFORE);
    // Too long to come round by itself: what lies there at the end was written because of the stop.
    let site = Site::new(shared(), "drain", 2, &path).with("snapshots", "interval = \"1d\"");
    let mut instance = site.start("one");
    visit(&site, "a");
    site.wait_until_done(&mut [&mut instance]);
    let before = site.snapshot_files().len();
    visit(&site, "b");
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();
    assert!(site.snapshot_files().len() > before, "it left no snapshot of what it knew");
    let said = fired(&site);
    let mut next = site.start("two");
    visit(&site, "c");
    site.wait_until_done(&mut [&mut next]);
    next.stop();
    assert_eq!(fired(&site).len(), said.len() + 2, "said again, or lost: {:?}", fired(&site));
}
