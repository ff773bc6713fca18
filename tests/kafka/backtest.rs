//! A backtest of a topic says what `run` committed for the same records: byte for byte, per partition.

use std::fs;

use crate::equivalence::{faultless, playbook, records, said};
use crate::input::{PARTITIONS, partition_of};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

/// The messages of a backtest of the site's topic, by the partition of their user.
fn backtest(site: &Site, words: &[&str]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (emitted, playbook) = (folder.path().join("out").display().to_string(), playbook().display().to_string());
    let output =
        site.command(&[&["backtest", "--playbook", playbook.as_str(), "--emit", emitted.as_str()], words].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut by_partition = vec![Vec::new(); PARTITIONS as usize];
    for line in fs::read_to_string(&emitted).expect("it was written").lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let user = message["userId"].as_str().expect("a message is about a user");
        by_partition[partition_of(user) as usize].push(line.to_owned());
    }
    by_partition
}

#[test]
fn a_backtest_of_the_topic_says_what_run_committed() {
    let site = Site::new(shared(), "backtest", PARTITIONS, &playbook());
    topics::produce(shared(), &site.raw, records());
    let found = backtest(&site, &["--threads", "3"]);
    for (partition, expected) in &faultless().outgoing {
        let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| String::from_utf8(b.clone()).expect("text"));
        let expected: Vec<String> = expected
            .iter()
            .map(|seen| {
                // A deletion has no value; a backtest writes a line for it.
                let key = text(&seen.key).expect("every message has a key");
                text(&seen.value).unwrap_or_else(|| serde_json::json!({"type": "delete", "userId": key}).to_string())
            })
            .collect();
        let found = &found[*partition as usize];
        let same = found.iter().zip(&expected).take_while(|(one, other)| one == other).count();
        assert!(
            same == expected.len() && same == found.len(),
            "partition {partition} differs after {same} of {}:\n  expected {:?}\n  found    {:?}",
            expected.len(),
            expected.get(same),
            found.get(same)
        );
    }
    assert_eq!(found.iter().map(Vec::len).sum::<usize>(), faultless().outgoing.values().map(Vec::len).sum::<usize>());
    assert!(said(&site).outgoing.is_empty(), "a backtest sends nothing");
}

#[test]
fn only_what_lies_between_two_times_is_read() {
    let site = Site::new(shared(), "between", PARTITIONS, &playbook());
    topics::produce(shared(), &site.raw, records());
    let middle = records()[records().len() / 2].time;
    let day = |time: i64| kairos::engine::event::time::format(time);
    let count = |words: &[&str]| backtest(&site, words).iter().map(Vec::len).sum::<usize>();
    let (all, first, last) = (count(&[]), count(&["--to", &day(middle)]), count(&["--from", &day(middle)]));
    assert!(first > all / 5 && last > all / 5 && first < all && last < all, "{first} and {last} of {all}");
    assert_eq!(count(&["--from", "1m"]), 0, "nothing is so new");
}
