//! A playbook that changes under a running processor, and a processor that is asked to stop: over real Kafka.

use std::path::Path;

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
        let users: std::collections::BTreeSet<String> = second.map(|(user, _)| user).collect();
        ["c0", "c1"].iter().all(|user| users.contains(*user))
    });
    instance.stop();
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
