//! What the endpoint refuses: a bad message, and a bad key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ITEMS, LANES, SESSION_TIMEOUT, Setup, check, message};
use crate::support::broker::shared;
use crate::support::proxy::Proxy;
use crate::support::segment::{Fault, Segment};
use crate::support::topics::{self, Record};

#[test]
fn a_bad_message_is_a_dead_letter_and_the_others_arrive() {
    let bad = |ids: &[String]| ids.iter().any(|id| id == "kairos-00000033");
    let segment = Segment::start(
        move |_, ids| {
            if bad(ids) { Fault::Answer { status: 400, headers: vec![] } } else { Fault::None }
        },
    );
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(100, 4);
    let huge = format!(r#"{{"type":"track","messageId":"huge","x":"{}"}}"#, "x".repeat(32_000));
    let huge = Record { value: Some(huge.into_bytes()), ..message(100, 1) };
    topics::produce(&setup.bootstrap, &setup.topic, &[huge]);
    let sidecar = setup.start();
    setup.wait_for_committed(101);
    check(&segment, 99);
    let letters = topics::committed(&setup.bootstrap, &format!("{}.dead", setup.topic));
    let mut reasons: Vec<_> = letters.iter().map(|letter| letter.header("kairos-reason").expect("a reason")).collect();
    reasons.sort();
    assert_eq!(reasons, ["refused", "too_large"]);
    let refused = letters.iter().find(|letter| letter.header("kairos-reason").as_deref() == Some("refused"));
    let refused = refused.expect("it is there");
    assert_eq!(refused.header("kairos-detail").as_deref(), Some(r#"400: {"success":false}"#));
    assert_eq!(refused.header("kairos-source"), Some(format!("{}/1/8", setup.topic)));
    assert!(refused.text().contains("kairos-00000033"));
    sidecar.kill();
}

/// Nothing says that a smaller request would be taken: all of this one are dead letters, at once.
#[test]
fn a_refusal_for_good_is_not_tried_again() {
    for status in [422, 501, 505, 511] {
        let segment = Segment::start(move |number, _| match number {
            1 => Fault::Answer { status, headers: vec![] },
            _ => Fault::None,
        });
        let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
        setup.change(|text| text.replace("concurrency = 4", "concurrency = 1"));
        setup.produce(150, 4);
        let sidecar = setup.start();
        setup.wait_for_committed(150);
        let letters = setup.dead_letters();
        assert!((1..=ITEMS).contains(&letters.len()), "{}", letters.len());
        let detail = format!(r#"{status}: {{"success":false}}"#);
        assert!(letters.iter().all(|letter| letter.header("kairos-detail").as_ref() == Some(&detail)));
        assert_eq!(check(&segment, 150 - letters.len()), 0);
        sidecar.kill();
    }
}

/// `another-key-of-tests` as user name, an empty password.
const ANOTHER_KEY: &str = "Basic YW5vdGhlci1rZXktb2YtdGVzdHM6";

#[test]
fn a_refused_key_stops_it_until_another_is_written() {
    for status in [401, 403] {
        let segment = Segment::start(|_, _| Fault::None);
        segment.want(status, ANOTHER_KEY);
        let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
        setup.produce(100, 4);
        let (sidecar, admin) = setup.start_with_admin();
        topics::wait_for("the halt", || admin.metric("kairos_forward_halted") == Some(1.0));
        topics::wait_for("readiness to go", || admin.status("/readyz") == Some(503));
        assert!(segment.items().is_empty() && segment.requests() <= LANES);
        assert!(setup.log_text().contains("sending has stopped"), "{}", setup.log_text());
        setup.write_key("another-key-of-tests\n");
        setup.wait_for_committed(100);
        assert_eq!(check(&segment, 100), 0);
        assert!(setup.dead_letters().is_empty());
        topics::wait_for("readiness", || admin.status("/readyz") == Some(200));
        for secret in ["a-key-of-tests", "another-key-of-tests", ANOTHER_KEY] {
            assert!(!setup.log_text().contains(secret));
        }
        sidecar.kill();
    }
}

/// The refusal of the key before comes in when its successor is known already.
#[test]
fn a_late_refusal_of_the_old_key_does_not_stop_the_new_one() {
    let (arrived, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (note, wait) = (arrived.clone(), told.clone());
    let segment = Segment::start(move |number, _| {
        if number > 1 {
            return Fault::None;
        }
        note.store(true, Ordering::SeqCst);
        topics::wait_for("the new key to be known", || wait.load(Ordering::SeqCst));
        Fault::Answer { status: 401, headers: vec![] }
    });
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| {
        text.replace("\ntimeout = \"1s\"", "\ntimeout = \"60s\"").replace("concurrency = 4", "concurrency = 1")
    });
    setup.produce(100, 4);
    let sidecar = setup.start();
    topics::wait_for("a request", || arrived.load(Ordering::SeqCst));
    setup.write_key("another-key-of-tests\n");
    topics::wait_for("the new key", || setup.log_text().contains("the write key has changed"));
    told.store(true, Ordering::SeqCst);
    setup.wait_for_committed(100);
    assert_eq!(check(&segment, 100), 0);
    assert!(!setup.log_text().contains("sending has stopped"));
    sidecar.kill();
}

/// More than is held at a time: reading pauses for longer than the group waits for a sign of life, and goes on.
#[test]
fn a_full_sidecar_stays_in_its_group() {
    const HELD_MAX: u64 = 20_000;
    let segment = Segment::start(|_, _| Fault::None);
    segment.want(401, ANOTHER_KEY);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(HELD_MAX + 5_000, 40);
    let (sidecar, admin) = setup.start_with_admin();
    topics::wait_for("it to be full", || admin.metric("kairos_forward_held_messages") >= Some(HELD_MAX as f64));
    std::thread::sleep(SESSION_TIMEOUT + SESSION_TIMEOUT / 2);
    assert!(admin.metric("kairos_forward_held_messages") < Some(HELD_MAX as f64 + 1_000.0), "it went on reading");
    setup.write_key("another-key-of-tests\n");
    setup.wait_for_committed(HELD_MAX as i64 + 5_000);
    assert_eq!(check(&segment, HELD_MAX as usize + 5_000), 0);
    assert_eq!(setup.log_text().matches("partitions assigned").count(), 1, "it kept its partitions");
    sidecar.kill();
}

/// What it takes over is paused before its first record came, where the client forgets its place.
#[test]
fn a_full_sidecar_takes_over_from_one_that_died() {
    const COUNT: u64 = 48_000;
    let segment = Segment::start(|_, _| Fault::None);
    segment.want(401, ANOTHER_KEY);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(COUNT, 40);
    let (other, others) = setup.start_with_admin();
    topics::wait_for("it to be full", || others.metric("kairos_forward_held_messages") >= Some(20_000.0));
    let (sidecar, admin) = setup.start_with_admin();
    let held = |admin: &super::Admin| admin.metric("kairos_forward_held_messages").unwrap_or_default();
    topics::wait_for("its share to fill it", || held(&admin) >= 20_000.0);
    let assigned = setup.log_text().matches("partitions assigned").count();
    other.kill();
    topics::wait_for("the rest", || setup.log_text().matches("partitions assigned").count() > assigned);
    setup.write_key("another-key-of-tests\n");
    setup.wait_for_committed(COUNT as i64);
    assert_eq!(check(&segment, COUNT as usize), 0);
    sidecar.kill();
}

#[test]
fn a_dry_run_prints_what_would_be_sent_and_sends_nothing() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, "kinds = [\"track\"]\n");
    setup.produce(100, 4);
    let identify = br#"{"type":"identify","messageId":"i","userId":"u1","traits":{}}"#;
    topics::produce(shared(), &setup.topic, &[Record { value: Some(identify.to_vec()), ..message(100, 1) }]);
    let printed = setup.dry_run();
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort();
    assert_eq!(lines.len(), 100);
    assert!(lines[0].contains("\"messageId\":\"kairos-00000000\"") && lines[99].contains("kairos-00000099"));
    assert_eq!((segment.requests(), setup.committed()), (0, 0));
}

#[test]
fn a_delete_drops_what_is_still_held_of_that_user() {
    let segment = Segment::start(|_, _| Fault::None);
    segment.want(401, ANOTHER_KEY);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(100, 4);
    let delete = Record { value: None, ..message(100, 1) };
    topics::produce_with_headers(shared(), &setup.topic, &delete, &[("kairos-kind", b"delete")]);
    let (sidecar, admin) = setup.start_with_admin();
    topics::wait_for("the halt", || admin.metric("kairos_forward_halted") == Some(1.0));
    topics::wait_for("the delete", || admin.metric("kairos_forward_forgotten_total") == Some(25.0));
    setup.write_key("another-key-of-tests\n");
    setup.wait_for_committed(101);
    assert_eq!(check(&segment, 75), 0);
    assert!(!segment.first_arrivals().contains_key("u1"));
    sidecar.kill();
}

#[test]
fn a_replayed_message_that_fails_once_more_is_seen() {
    let segment = Segment::start(|_, _| Fault::Answer { status: 400, headers: vec![] });
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    topics::produce_with_headers(shared(), &setup.topic, &message(0, 0), &[("kairos-replayed", b"1")]);
    topics::produce(shared(), &setup.topic, &[message(1, 1)]);
    let (sidecar, admin) = setup.start_with_admin();
    setup.wait_for_committed(2);
    topics::wait_for("the metric", || admin.metric("kairos_forward_dead_again_total") == Some(1.0));
    let mut marks: Vec<_> = setup.dead_letters().iter().map(|letter| letter.header("kairos-replayed")).collect();
    marks.sort();
    assert_eq!(marks, [None, Some("1".to_owned())]);
    sidecar.kill();
}

/// Of a letter that librdkafka takes for written because a later one is, while the broker never had it.
#[test]
fn a_dead_letter_without_a_place_is_written_again() {
    let segment = Segment::start(|_, _| Fault::Answer { status: 422, headers: vec![] });
    let (proxy, broker) = Proxy::start();
    let setup = Setup::new(&broker.bootstrap(), &segment, "rate = 1000000\n");
    let directly = format!("brokers = \"{}\"", broker.bootstrap());
    setup.change(|text| {
        let small = "[kafka.properties]\n\"batch.num.messages\" = \"2\"";
        text.replace(&directly, &proxy.setting()).replace("[kafka.properties]", small)
    });
    setup.produce(200, 4);
    proxy.lose_next_write(&format!("{}.dead", setup.topic));
    let sidecar = setup.start();
    setup.wait_for_committed(200);
    assert!(proxy.has_lost() && setup.log_text().contains("without a place in the log"), "{}", setup.log_text());
    let letters = setup.dead_letters();
    let sources: BTreeSet<_> = letters.iter().filter_map(|letter| letter.header("kairos-source")).collect();
    assert_eq!(sources.len(), 200, "{} letters", letters.len());
    sidecar.kill();
}
