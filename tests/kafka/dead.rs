//! `kairos dead`: letters of both topics, listed, shown and sent again, once, and seen when they fail again.

use std::process::Output;

use crate::equivalence::playbook;
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{self, Record};

const PARTITIONS: i32 = 3;

fn record(partition: i32, key: Option<&str>, value: &str) -> Record {
    let key = key.map(|key| key.as_bytes().to_vec());
    Record { partition, time: now(), key, value: Some(value.as_bytes().to_vec()) }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn dead(site: &Site, words: &[&str]) -> String {
    let output = site.command(&[&["dead"], words].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    text(&output)
}

/// `21` belongs to partition 0 of 3 by Java's rule, wherever it came in.
fn expected_partition() -> i32 {
    (-973_932_308_i32 & 0x7fff_ffff) % PARTITIONS
}

#[test]
fn what_the_processor_refused_is_sent_again_once_and_seen_to_fail_again() {
    let site = Site::new(shared(), "dead-raw", PARTITIONS, &playbook());
    let wrapped = r#"{"payload":{"type":"track","event":"Signed Up","userId":"21","messageId":"m1"}}"#;
    topics::produce(
        shared(),
        &site.raw,
        &[
            record(1, Some("21"), wrapped),
            record(1, Some("21"), "no json"),
            record(2, None, r#"{"payload":{"type":"track","event":"x"}}"#),
        ],
    );
    assert!(dead(&site, &["ls"]).contains("0 letters"));
    site.work_off(&[]);
    let listed = dead(&site, &["ls", "raw", "--each"]);
    assert!(listed.contains("3 letters, 0 of them failed again"), "{listed}");
    assert!(listed.contains("no_type                2       0 again"), "{listed}");
    let shown = dead(&site, &["show", "raw", "1/0"]);
    assert!(shown.contains("no_type: without a `type`") && shown.contains(&format!("{}/1/0", site.raw)), "{shown}");
    assert!(shown.contains(wrapped), "{shown}");
    assert_eq!(dead(&site, &["show", "raw", "1/0", "--value"]), wrapped);

    let site = site.with("raw", "unwrap = \"payload\"");
    let ends = topics::watermarks(shared(), &site.raw);
    let tried = dead(&site, &["replay", "raw", "--reason", "no_type", "--dry-run"]);
    assert!(tried.contains("2 would be sent") && tried.contains("nothing was sent"), "{tried}");
    assert_eq!(topics::watermarks(shared(), &site.raw), ends);
    let sent = dead(&site, &["replay", "raw", "--reason", "no_type"]);
    assert!(sent.contains("2 of 2 sent") && sent.contains("letters of partition 1: 1, the last at offset 0"), "{sent}");
    let again = dead(&site, &["replay", "raw", "--reason", "no_type"]);
    assert!(again.contains("2 chosen, 2 sent before and left out") && again.contains("0 of 0 sent"), "{again}");
    let copies: Vec<_> = topics::committed(shared(), &site.raw).into_iter().filter(|r| !r.headers.is_empty()).collect();
    let places: Vec<_> = copies.iter().map(|copy| (copy.partition, copy.text().contains("Signed Up"))).collect();
    let mut expected = vec![(expected_partition(), true), (2, false)];
    expected.sort_unstable();
    assert_eq!(places, expected);
    let copy = copies.iter().find(|copy| copy.key.is_some()).expect("it has its key");
    assert_eq!((copy.text().as_str(), copy.header("kairos-replayed").as_deref()), (wrapped, Some("1")));
    assert_eq!(copy.header("kairos-source"), Some(format!("{}/1/0", site.dead())));

    site.work_off(&[]);
    let listed = dead(&site, &["ls", "raw"]);
    assert!(listed.contains("4 letters, 1 of them failed again"), "{listed}");
    assert!(listed.contains("no_id                  1       1 again"), "{listed}");
    let second = topics::committed(shared(), &site.dead()).into_iter().find(|l| l.header("kairos-replayed").is_some());
    let second = second.expect("the second failure is marked");
    assert_eq!(second.header("kairos-replayed").as_deref(), Some("1"));
    // The first letter stays what it is: only the newer one is left to send.
    let third = dead(&site, &["replay", "raw", "--reason", "no_type", "--reason", "no_id"]);
    assert!(third.contains("3 chosen, 2 sent before and left out\n1 of 1 sent"), "{third}");
}

#[test]
fn what_the_forwarder_refused_goes_back_to_its_users_partition() {
    let site = Site::new(shared(), "dead-out", PARTITIONS, &playbook());
    let letters = format!("{}.dead", site.outgoing);
    topics::create_on(shared(), &letters, 1, &[]);
    let message = r#"{"type":"track","messageId":"kairos-1","userId":"21","event":"mk_x"}"#;
    let source = format!("{}/2/8", site.outgoing);
    let headers: [(&str, &[u8]); 3] =
        [("kairos-reason", b"refused"), ("kairos-detail", b"400: no"), ("kairos-source", source.as_bytes())];
    topics::produce_with_headers(shared(), &letters, &record(0, Some("21"), message), &headers);
    let left_out = Record { value: None, ..record(0, Some("21"), "") };
    topics::produce_with_headers(shared(), &letters, &left_out, &headers);
    let refused = site.command(&["dead", "replay", "outgoing"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    let sent = dead(&site, &["replay", "outgoing", "0/0"]);
    assert!(sent.contains("1 of 1 sent"), "{sent}");
    let rest = site.command(&["dead", "replay", "outgoing", "--all"]);
    assert_eq!(rest.status.code(), Some(1), "{}", text(&rest));
    assert!(text(&rest).contains("2 chosen, 1 sent before") && text(&rest).contains("1 can't be sent"), "{rest:?}");
    let copies = topics::committed(shared(), &site.outgoing);
    assert_eq!(copies.len(), 1);
    assert_eq!((copies[0].partition, copies[0].text().as_str()), (expected_partition(), message));
    assert_eq!(copies[0].header("kairos-replayed").as_deref(), Some("1"));
    assert!(dead(&site, &["replay", "outgoing", "0/0", "--again"]).contains("1 of 1 sent"));
    assert_eq!(topics::committed(shared(), &site.outgoing).len(), 2);
}
