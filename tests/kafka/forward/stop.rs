//! Signals. A stop on request: what is under way comes home and is committed, and the process ends within `stop_timeout`.

use std::time::{Duration, Instant};

use super::{LIMIT, Setup, check};
use crate::support::broker::{Broker, shared};
use crate::support::leash::Leash;
use crate::support::segment::{Fault, Segment};
use crate::support::topics;

const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// What a loaded machine may take for ending a process, beside its own deadline.
const SLACK: Duration = Duration::from_secs(5);

/// The exit code, and how long it took.
fn stop(sidecar: &mut Leash, setup: &Setup) -> (i32, Duration) {
    let started = Instant::now();
    sidecar.signal("TERM");
    loop {
        if let Some(code) = sidecar.status() {
            return (code, started.elapsed());
        }
        assert!(started.elapsed() < LIMIT, "it does not end\n{}", setup.log_text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_under_way_comes_home_and_is_committed() {
    let segment = Segment::start(|_, _| Fault::Slow(Duration::from_millis(500)));
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(2_000, 40);
    let mut sidecar = setup.start();
    setup.wait_for_distinct(&segment, 1);
    let (code, took) = stop(&mut sidecar, &setup);
    assert_eq!(code, 0, "{}", setup.log_text());
    assert!(took < STOP_TIMEOUT + SLACK, "{took:?}");
    let arrived = segment.distinct_count();
    assert!(arrived < 2_000, "it went on sending");
    let mut next = setup.start();
    setup.wait_for_committed(2_000);
    assert_eq!(check(&segment, 2_000), 0, "what was committed at the stop does not come again");
    assert_eq!(stop(&mut next, &setup).0, 0);
}

#[test]
fn an_endpoint_that_hangs_does_not_hold_up_the_end() {
    let segment = Segment::start(|_, _| Fault::Slow(Duration::from_secs(60)));
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| text.replace("\ntimeout = \"1s\"", "\ntimeout = \"60s\""));
    setup.produce(100, 4);
    let mut sidecar = setup.start();
    setup.wait_for_distinct(&segment, 1);
    let (code, took) = stop(&mut sidecar, &setup);
    assert_eq!(code, 0, "{}", setup.log_text());
    assert!(took < STOP_TIMEOUT + SLACK, "{took:?}");
}

#[test]
fn a_broker_that_is_away_does_not_hold_up_the_end_which_is_a_fault() {
    let segment = Segment::start(|_, _| Fault::Slow(Duration::from_millis(500)));
    let mut broker = Broker::start();
    let setup = Setup::new(&broker.bootstrap(), &segment, "rate = 1000000\n");
    setup.produce(2_000, 40);
    let mut sidecar = setup.start();
    setup.wait_for_distinct(&segment, 1);
    broker.kill();
    let (code, took) = stop(&mut sidecar, &setup);
    assert_eq!(code, 3, "{}", setup.log_text());
    assert!(took < STOP_TIMEOUT + SLACK, "{took:?}");
    topics::wait_for("the reason in its log", || setup.log_text().contains("commit"));
}

#[test]
fn a_hangup_reads_the_log_level_again_and_ends_nothing() {
    let broken = |number, _: &[String]| if number == 2 { Fault::CutBefore } else { Fault::None };
    let segment = Segment::start(broken);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| text.replace("concurrency = 4", "concurrency = 1"));
    setup.produce(40, 4);
    let mut sidecar = setup.start();
    setup.wait_for_committed(40);
    setup.change(|text| text + "[log]\nlevel = \"info,kairos::forwarder=debug\"\n");
    sidecar.signal("HUP");
    topics::wait_for("the level", || setup.log_text().contains("the log level was read again"));
    assert!(!setup.log_text().contains("DEBUG"));
    let more: Vec<_> = (40..80).map(|n| super::message(n, n % 4)).collect();
    topics::produce(shared(), &setup.topic, &more);
    setup.wait_for_committed(80);
    assert!(setup.log_text().contains("request failed"), "{}", setup.log_text());
    assert_eq!(stop(&mut sidecar, &setup).0, 0);
}
