//! Connections: how many there are, what is spoken on them, and when there are new ones.

use super::{LANES, Setup, check};
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};
use crate::support::{tls, topics};

const KEY: &str = "a-key-of-tests";
/// As it goes over the line: `base64(KEY + ":")`.
const KEY_SENT: &str = "YS1rZXktb2YtdGVzdHM6";

/// With everything in its log that there is, which must not be the key.
#[test]
fn an_endpoint_that_offers_http_2_gets_all_requests_on_one_connection() {
    let segment = Segment::start_with_http2();
    let authority = tls::authority();
    let more = format!("rate = 1000000\nca_file = \"{}\"\n[log]\nlevel = \"trace\"\n", authority.display());
    let setup = Setup::new(shared(), &segment, &more);
    topics::produce(shared(), &setup.topic, &[super::message(0, 0)]);
    let sidecar = setup.start();
    // Before they know what is spoken there, several requests at a time may each begin a connection.
    setup.wait_for_distinct(&segment, 1);
    let rest: Vec<_> = (1..3_000).map(|n| super::message(n, n % 40)).collect();
    topics::produce(shared(), &setup.topic, &rest);
    setup.wait_for_committed(3_000);
    assert_eq!(check(&segment, 3_000), 0);
    assert!(segment.requests() > 60, "{}", segment.requests());
    assert_eq!(segment.connections(), 1);
    let log = setup.log_text();
    assert!(log.contains("TRACE") && log.contains("h2::"), "it logs less than it could");
    assert!(!log.contains(KEY) && !log.contains(KEY_SENT), "the key is in the log");
    sidecar.kill();
}

/// By an address without a path, as RudderStack and Jitsu give it.
#[test]
fn one_that_does_not_keeps_a_connection_for_each_request_at_a_time() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| text.replace("/v1/batch\"", "\""));
    setup.produce(3_000, 40);
    let sidecar = setup.start();
    setup.wait_for_committed(3_000);
    assert_eq!(check(&segment, 3_000), 0);
    assert!(segment.requests() >= 60 && segment.connections() <= LANES, "{} connections", segment.connections());
    assert_eq!(segment.paths(), ["/v1/batch"]);
    assert!(segment.tried().iter().all(|times| *times == 0));
    sidecar.kill();
}

/// A living connection asks for no address: where an endpoint has moved, its old place would be asked for ever. For how
/// the new address is found see the client's own test.
#[test]
fn after_each_failure_the_next_request_has_a_new_connection_and_says_which_try_it_is() {
    const FAILURES: usize = 4;
    let fails = |number, _: &[String]| match number {
        1..=FAILURES => Fault::Answer { status: 503, headers: vec![("retry-after", "1".into())] },
        _ => Fault::None,
    };
    let segment = Segment::start(fails);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| text.replace("concurrency = 4", "concurrency = 1"));
    setup.produce(200, 4);
    let sidecar = setup.start();
    setup.wait_for_committed(200);
    assert_eq!(check(&segment, 200), 0);
    assert_eq!(segment.connections(), FAILURES + 1);
    assert_eq!(segment.tried()[..FAILURES + 2], [0, 1, 2, 3, 4, 0]);
    sidecar.kill();
}
