//! The raw topic gets more partitions while it is processed: users move away from their histories.

use serde_json::json;

use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{self, Record};

const PLAYBOOK: &str = "[signals.came]\non = \"page\"\n\n[moments.came_twice]\nwhen = 'came.count(\"1d\") >= 2'\n";

fn playbook() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("playbook.toml");
    std::fs::write(&path, PLAYBOOK).expect("a playbook is written");
    (folder, path)
}

/// One visit of a user in each of these partitions.
fn visit(site: &Site, partitions: std::ops::Range<i32>, stem: &str) {
    let page = |partition| {
        let user = format!("{stem}{partition}");
        let value = json!({ "type": "page", "userId": user }).to_string().into_bytes();
        Record { partition, time: now(), key: Some(user.into_bytes()), value: Some(value) }
    };
    topics::produce(shared(), &site.raw, &partitions.map(page).collect::<Vec<_>>());
}

fn users(site: &Site) -> Vec<String> {
    let mut users: Vec<String> =
        site.tracks().iter().map(|message| message["userId"].as_str().unwrap_or_default().to_owned()).collect();
    users.sort();
    users
}

#[test]
fn growth_that_is_met_live_ends_the_run_and_names_the_way_out() {
    let (_folder, path) = playbook();
    let site = Site::new(shared(), "growth", 2, &path);
    let mut instance = site.start("one");
    visit(&site, 0..2, "a");
    site.wait_until_done(&mut [&mut instance]);
    topics::grow(shared(), &site.raw, 3);
    assert_eq!(instance.wait(), 3, "{}", instance.log_tail());
    let log = instance.log();
    assert!(log.contains("the raw topic had 2 partitions and has 3"), "{}", instance.log_tail());
    assert!(log.contains("on_growth"), "{}", instance.log_tail());
    // A restart notices it as well.
    topics::grow(shared(), &format!("{}.marks", site.group), 3);
    let mut again = site.start("one");
    assert_eq!(again.wait(), 3, "a restart must not go on by itself: {}", again.log_tail());
}

#[test]
fn growth_that_is_accepted_goes_on_with_the_new_partitions() {
    let (_folder, path) = playbook();
    let site = Site::new(shared(), "grown", 2, &path)
        .with("run", "on_growth = \"continue\"")
        .with("kafka.properties", "\"topic.metadata.refresh.interval.ms\" = \"1000\"");
    let mut instance = site.start("one");
    visit(&site, 0..2, "a");
    site.wait_until_done(&mut [&mut instance]);
    topics::grow(shared(), &format!("{}.marks", site.group), 3);
    topics::grow(shared(), &site.raw, 3);
    visit(&site, 0..3, "a");
    visit(&site, 2..3, "a");
    topics::wait_for("the users of old and new partitions", || users(&site) == ["a0", "a1", "a2"]);
    site.wait_until_done(&mut [&mut instance]);
    assert!(instance.log().contains("had 2 partitions and has 3"), "{}", instance.log_tail());
    topics::wait_for("every position to know three partitions", || {
        let positions = topics::positions(shared(), &site.group, &site.raw);
        positions.iter().all(|position| position.as_ref().is_some_and(|(_, text)| text.contains(";p=3;")))
    });
    instance.stop();
    // What was accepted is no growth any more, however it is set.
    let site = site.with("run", "on_growth = \"stop\"");
    let mut next = site.start("two");
    visit(&site, 2..3, "b");
    visit(&site, 2..3, "b");
    site.wait_until_done(&mut [&mut next]);
    next.stop();
    assert_eq!(users(&site), ["a0", "a1", "a2", "b2"]);
}
