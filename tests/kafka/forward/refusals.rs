//! What the endpoint refuses: a bad message, and a bad key.

use std::time::{Duration, Instant};

use super::{LANES, LIMIT, Setup, check, message};
use crate::support::broker::shared;
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

#[test]
fn a_refused_key_stops_it_until_another_is_written() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let refuse = Arc::new(AtomicBool::new(true));
    let refused = refuse.clone();
    let segment = Segment::start(move |_, _| {
        if refused.load(Ordering::SeqCst) { Fault::Answer { status: 401, headers: vec![] } } else { Fault::None }
    });
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(100, 4);
    let sidecar = setup.start();
    let started = Instant::now();
    while !setup.log_text().contains("sending has stopped") {
        assert!(started.elapsed() < LIMIT, "{}", setup.log_text());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(segment.items().is_empty() && segment.requests() <= LANES);
    refuse.store(false, Ordering::SeqCst);
    std::fs::write(setup.folder.path().join("key"), "another-key-of-tests\n").expect("the key is changed");
    setup.wait_for_committed(100);
    assert_eq!(check(&segment, 100), 0);
    sidecar.kill();
}
