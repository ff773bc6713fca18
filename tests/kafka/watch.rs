//! What an operator sees of a running processor: users by segment, spans of batches, a log level that changes.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::broker::shared;
use crate::support::kairos::{Instance, Site};
use crate::support::topics::{self, Record};
use crate::support::{now, unique};

const PLAYBOOK: &str = "[signals.came]\non = \"page\"\n\n[scores.warmth]\nhalf = 10\npublish_score = true\n\
    segments = { cold = 0.0, warm = 0.40 }\nterms = [\n  { signal = \"came\", points = 10, lifespan = \"30d\", cap = 30, \
    label = \"came\" },\n]\n";

fn playbook(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("playbook.toml");
    std::fs::write(&path, PLAYBOOK).expect("a playbook is written");
    path
}

fn visit(site: &Site, user: &str) {
    let value = json!({ "type": "page", "userId": user, "messageId": unique(user) }).to_string().into_bytes();
    let partition = i32::from(user.as_bytes()[0] % 2);
    let record = Record { partition, time: now(), key: Some(user.as_bytes().to_vec()), value: Some(value) };
    topics::produce(shared(), &site.raw, &[record]);
}

/// The log's lines about commits, each with the span it lies in.
fn commits(instance: &Instance) -> Vec<Value> {
    let lines = instance.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<Value>>();
    lines.into_iter().filter(|line| line["message"] == "committed").collect()
}

#[test]
fn users_are_counted_by_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::new(shared(), "census", 2, &playbook(&folder));
    let mut instance = site.start("one");
    for user in ["ann", "bob", "cid"] {
        visit(&site, user);
    }
    site.wait_until_done(&mut [&mut instance]);
    let metric = |labels: &str| instance.metric(&format!("kairos_score_users{labels}"));
    topics::wait_for("all users to be counted", || {
        metric("{score=\"warmth\",segment=\"warm\"}") == Some(3.0)
            && metric("{score=\"warmth\",segment=\"cold\"}") == Some(0.0)
    });
    // 10 points of one visit, half way to 1 at 10.
    assert_eq!(metric("_at_most{le=\"0.4\",score=\"warmth\"}"), Some(0.0));
    assert_eq!(metric("_at_most{le=\"0.5\",score=\"warmth\"}"), Some(3.0));
    instance.stop();
}

#[test]
fn the_log_level_changes_on_a_signal_and_batches_have_spans() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::new(shared(), "level", 2, &playbook(&folder)).with("log", "format = \"json\"");
    let mut instance = site.start("one");
    visit(&site, "ann");
    site.wait_until_done(&mut [&mut instance]);
    assert!(commits(&instance).is_empty(), "{}", instance.log_tail());

    let settings = std::fs::read_to_string(&instance.config).expect("its settings");
    let louder = settings.replace("[log]\n", "[log]\nlevel = \"info,kairos=debug\"\n");
    std::fs::write(&instance.config, louder).expect("its settings are changed");
    instance.signal("HUP");
    topics::wait_for("a line at the new level", || {
        visit(&site, "bob");
        !commits(&instance).is_empty()
    });
    let line = commits(&instance).remove(0);
    assert_eq!(line["span"]["name"], "batch", "{line}");
    assert!(line["span"]["records"].is_u64() && line["took"].is_string(), "{line}");

    std::fs::write(&instance.config, "[log]\nlevel = 7\n").expect("its settings are spoiled");
    instance.signal("HUP");
    topics::wait_for("a complaint", || instance.log().contains("the log level stays as it was"));
    instance.stop();
}
