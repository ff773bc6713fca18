//! Everything arrives, each user's messages in order, whatever the endpoint does.

use std::sync::Mutex;
use std::time::Duration;

use super::{ITEMS, Setup, check};
use crate::support::broker::shared;
use crate::support::random::Random;
use crate::support::segment::{Fault, Segment};

fn fault_of(number: usize) -> Fault {
    let answer = |status, headers| Fault::Answer { status, headers };
    match number {
        2 => answer(429, vec![("retry-after", "1".into())]),
        4 => answer(429, vec![("retry-after", httpdate::fmt_http_date(std::time::SystemTime::now()))]),
        6 => answer(500, vec![]),
        8 => Fault::CutBefore,
        10 => Fault::CutAfter,
        12 => Fault::Half,
        14 => Fault::Page,
        16 => answer(408, vec![]),
        18 => answer(460, vec![]),
        20 => Fault::Slow(Duration::from_secs(3)),
        22 => answer(503, vec![("retry-after", "1".into())]),
        24 => answer(429, vec![("x-ratelimit-reset", "1".into())]),
        26 => answer(410, vec![]),
        28 => answer(502, vec![]),
        _ => Fault::None,
    }
}

/// All records wait before the sidecar starts, so that it reads in full turns: one that took a record more than it
/// handled lost five of these.
#[test]
fn everything_arrives_whatever_the_endpoint_does() {
    let segment = Segment::start(|number, _| fault_of(number));
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(3_000, 40);
    let sidecar = setup.start();
    setup.wait_for_distinct(&segment, 3_000);
    setup.wait_for_committed(3_000);
    let doubles = check(&segment, 3_000);
    assert!((1..=3 * ITEMS).contains(&doubles), "three requests arrived unheard: {doubles} came twice");
    assert!(!setup.log_text().contains("a-key-of-tests"));
    sidecar.kill();
}

/// Another mixture in each run; `KAIROS_SEED` repeats one. Compressed.
#[test]
fn everything_arrives_through_faults_at_random() {
    let random = Mutex::new(Random::from_environment());
    let segment = Segment::start(move |_, _| {
        let mut random = random.lock().expect("nobody panics");
        if random.below(4) > 0 {
            return Fault::None;
        }
        fault_of(*random.pick(&[4, 6, 8, 10, 12, 14, 16, 18, 20, 26, 28]))
    });
    let setup = Setup::new(shared(), &segment, "rate = 1000000\ngzip = true\n");
    setup.produce(3_000, 40);
    let sidecar = setup.start();
    setup.wait_for_committed(3_000);
    check(&segment, 3_000);
    assert!(setup.dead_letters().is_empty());
    sidecar.kill();
}
