//! Records that the topic's retention deletes before they are delivered: told, counted, and the rest is delivered.

use std::time::Duration;

use super::{Setup, message};
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};
use crate::support::topics;

/// Longer than a fetch waits at the broker: after it none is under way.
const FETCH_OVER: Duration = Duration::from_millis(500);

#[test]
fn what_retention_deletes_under_a_running_sidecar_is_told_and_counted() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.produce(40, 4);
    let (sidecar, admin) = setup.start_with_admin();
    setup.wait_for_committed(40);
    // It stands still, as a machine that is starved, while retention passes its position.
    sidecar.signal("STOP");
    std::thread::sleep(FETCH_OVER);
    let later: Vec<_> = (40..120).map(|n| message(n, n % 4)).collect();
    topics::produce(shared(), &setup.topic, &later);
    topics::delete_before(shared(), &setup.topic, &[(0, 25), (1, 28)]);
    sidecar.signal("CONT");
    setup.wait_for_distinct(&segment, 120 - 15 - 18);
    setup.wait_for_committed(120);
    let expired = || admin.metric("kairos_forward_expired_total");
    topics::wait_for("the metric", || expired() == Some(33.0));
    assert_eq!(setup.log_text().matches("retention deleted records before they were delivered").count(), 2);
    assert_eq!(segment.distinct_count(), 87);
    sidecar.kill();
}
