//! What a client takes for written although the broker never had it: a later message of the partition was, and the broker
//! knew nothing yet of who wrote it. Such a message goes out again, with all of its transaction.

use crate::equivalence::{assert_same, playbook, records, said};
use crate::input::PARTITIONS;
use crate::support::broker::{Broker, shared};
use crate::support::kairos::Site;
use crate::support::proxy::Proxy;
use crate::support::topics::{self, Record};
use crate::support::{now, unique};

const UNPLACED: &str = "acknowledged without a place in the log";
/// librdkafka has several requests to a partition on the way while fewer than five messages are.
const SMALL: &str = "\"batch.num.messages\" = \"2\"";

fn behind_a_proxy(stem: &str) -> (Proxy, Broker, Site) {
    let (proxy, broker) = Proxy::start();
    let site = Site::new(&broker.bootstrap(), stem, PARTITIONS, &playbook());
    let site = site.with("kafka", &proxy.setting()).with("kafka.properties", SMALL);
    (proxy, broker, site)
}

#[test]
fn what_is_acknowledged_without_a_place_is_sent_again() {
    let input = &records()[..4_000];
    let straight = Site::new(shared(), "acks-straight", PARTITIONS, &playbook());
    straight.work_off(input);

    let (proxy, broker, site) = behind_a_proxy("acks");
    topics::produce(&broker.bootstrap(), &site.raw, input);
    proxy.lose_next_write(&site.outgoing);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    assert!(proxy.has_lost() && instance.log().contains(UNPLACED), "{}", instance.log_tail());
    instance.stop();
    assert_same(&said(&site), &said(&straight));
}

#[test]
fn rekey_sends_it_again_too() {
    let (proxy, broker, site) = behind_a_proxy("acks-rekey");
    let from = unique("any-keys");
    topics::create_on(&broker.bootstrap(), &from, 1, &[("retention.ms", "-1")]);
    let value = |n: i64| format!(r#"{{"type":"track","event":"Signed In","messageId":"m{n}","userId":"u{}"}}"#, n % 7);
    let record = |n| Record { partition: 0, time: now(), key: None, value: Some(value(n).into_bytes()) };
    topics::produce(&broker.bootstrap(), &from, &(0..1_000).map(record).collect::<Vec<_>>());
    proxy.lose_next_write(&site.raw);
    let mut rekey = site.start_command(&["rekey", "--from", &from, "--until-end"], "one");
    assert_eq!(rekey.wait(), 0, "{}", rekey.log_tail());
    assert!(proxy.has_lost() && rekey.log().contains(UNPLACED), "{}", rekey.log_tail());
    topics::wait_until_settled(&broker.bootstrap(), &site.raw);
    let mut found: Vec<String> = topics::committed(&broker.bootstrap(), &site.raw).iter().map(|s| s.text()).collect();
    let mut expected: Vec<String> = (0..1_000).map(value).collect();
    found.sort();
    expected.sort();
    assert!(found == expected, "some are missing or came twice: {} of 1000", found.len());
}

#[test]
fn replay_says_which_letters_may_not_be_there_and_sends_them_when_it_is_run_again() {
    let (proxy, broker, site) = behind_a_proxy("acks-replay");
    let source = format!("{}/1/0", site.raw);
    let headers: [(&str, &[u8]); 2] = [("kairos-reason", b"no_type"), ("kairos-source", source.as_bytes())];
    for n in 0..40 {
        let record = Record { partition: 0, time: now(), key: None, value: Some(format!("letter {n}").into_bytes()) };
        topics::produce_with_headers(&broker.bootstrap(), &site.dead(), &record, &headers);
    }
    proxy.lose_next_write(&site.raw);
    let replay = || {
        let output = site.command(&["dead", "replay", "raw", "--all"]);
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, told) = replay();
    assert!(code == Some(3) && told.contains("38 of 40 sent") && told.contains("2 may not have been sent"), "{told}");
    assert!(told.contains("- letter 0/0: ") && told.contains(UNPLACED), "{told}");
    let (code, told) = replay();
    assert!(code == Some(0) && told.contains("2 of 2 sent"), "{told}");
    let mut copies: Vec<_> = topics::committed(&broker.bootstrap(), &site.raw).iter().map(|s| s.text()).collect();
    copies.sort();
    let found = copies.len();
    copies.dedup();
    assert_eq!((found, copies.len()), (40, 40), "each letter once");
}
