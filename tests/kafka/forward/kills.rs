//! Everything arrives, each user's messages in order, and what comes twice was under way, whatever is killed.

use super::{ITEMS, LANES, Setup, check};
use crate::support::broker::Broker;
use crate::support::segment::{Fault, Segment};

/// Under way in one sidecar at a time.
const UNDER_WAY: usize = LANES * ITEMS;
/// Delivered, and its commit not confirmed: the sidecar sends no more beyond twice what may be under way.
const UNCONFIRMED: usize = 2 * UNDER_WAY;

/// The sidecar, the endpoint and the broker are killed in turn; a second sidecar comes and goes.
#[test]
fn nothing_is_lost_or_overtaken_when_everything_is_killed_in_turn() {
    const COUNT: usize = 20_000;
    let segment = Segment::start(|_, _| Fault::None);
    let mut broker = Broker::start();
    let setup = Setup::new(&broker.bootstrap(), &segment, "rate = 1500\n");
    setup.produce(COUNT as u64, 200);
    let mut sidecar = setup.start();
    let (mut doubles_max, mut guest) = (0, None);
    for round in 0..9 {
        setup.wait_for_distinct(&segment, COUNT * (5 + round * 10) / 100);
        match round % 4 {
            0 => {
                sidecar.kill();
                sidecar = setup.start();
                doubles_max += UNDER_WAY + UNCONFIRMED;
            }
            1 => {
                segment.kill();
                segment.resume();
                doubles_max += 2 * UNDER_WAY;
            }
            2 => guest = Some(setup.start()),
            _ => {
                // Both lose their partitions; then one of them dies.
                broker.kill();
                broker.resume();
                guest.take().expect("it came in the round before").kill();
                doubles_max += 3 * (UNDER_WAY + UNCONFIRMED);
            }
        }
    }
    setup.wait_for_distinct(&segment, COUNT);
    setup.wait_for_committed(COUNT as i64);
    let doubles = check(&segment, COUNT);
    assert!(doubles <= doubles_max, "{doubles} came twice, {doubles_max} could");
    sidecar.kill();
}
