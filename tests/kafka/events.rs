//! What `kairos events` finds on a topic beyond what a file has: keys, partitions, and how far each is read.

use serde_json::{Value, json};

use crate::equivalence::playbook;
use crate::input::{PARTITIONS, partition_of};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{self, Record};

fn page(id: &str, of: &str, key: Option<&str>, partition: i32) -> Record {
    let value = json!({ "type": "page", id: of, "properties": { "path": "/pricing" } }).to_string();
    Record { partition, time: now(), key: key.map(Into::into), value: Some(value.into_bytes()) }
}

fn found(site: &Site, words: &[&str]) -> Value {
    let output = site.command(&[&["events", "--json"], words].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn keys_and_partitions_of_the_topic_are_told() {
    let site = Site::new(shared(), "events", PARTITIONS, &playbook());
    let [one, two, a] = ["u1", "u2", "a1"].map(partition_of);
    let astray = (two + 1) % PARTITIONS;
    let records = [
        page("userId", "u1", Some("u1"), one),
        page("userId", "u1", Some("u1"), one),
        page("userId", "u1", Some("u1"), one),
        page("userId", "u1", Some("elsewhere"), one),
        page("userId", "u2", Some("u2"), two),
        page("userId", "u2", None, astray),
        page("anonymousId", "a1", Some("a1"), a),
    ];
    topics::produce(shared(), &site.raw, &records);
    let all = found(&site, &[]);
    assert_eq!((&all["records"], &all["messages"], &all["not_read"]), (&json!(7), &json!(7), &json!(0)));
    assert_eq!(all["names"][0]["paths"][0]["values"], json!([{ "value": "/pricing", "count": 7 }]));
    let ids = &all["ids"];
    assert_eq!(ids["user_ids"], json!({ "different": 2, "more": false, "in_several_partitions": 1 }));
    assert_eq!(ids["anonymous_ids"], json!({ "different": 1, "more": false, "in_several_partitions": 0 }));
    assert_eq!(ids["topic"]["keys"], json!({ "user_id": 4, "anonymous_id": 1, "other": 1, "none": 1 }));
    assert_eq!(ids["topic"]["misrouted"], 1);
    let mut by_partition = vec![0; PARTITIONS as usize];
    records.iter().for_each(|record| by_partition[record.partition as usize] += 1);
    assert_eq!(ids["topic"]["partitions"], json!(by_partition));

    let latest = found(&site, &["--latest", "1"]);
    let partitions = by_partition.iter().filter(|records| **records > 0).count();
    assert_eq!((&latest["records"], &latest["not_read"]), (&json!(partitions), &json!(7 - partitions)));
    let older = found(&site, &["--to", "2026-01-01"]);
    assert_eq!((&older["records"], &older["not_read"]), (&json!(0), &json!(0)));
}
