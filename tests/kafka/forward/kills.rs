//! Everything arrives, each user's messages in order, and what comes twice was under way, whatever is killed.

use super::{EXPOSED, Setup, check};
use crate::support::broker::Broker;
use crate::support::random::Random;
use crate::support::segment::{Fault, Segment};

/// The sidecar, the endpoint and the broker are killed in turn, each at random within a twentieth of the messages; a
/// second sidecar comes and goes. `KAIROS_SEED` repeats the times.
#[test]
fn nothing_is_lost_or_overtaken_when_everything_is_killed_in_turn() {
    const COUNT: usize = 20_000;
    let mut random = Random::from_environment();
    let segment = Segment::start(|_, _| Fault::None);
    let mut broker = Broker::start();
    let setup = Setup::new(&broker.bootstrap(), &segment, "rate = 1500\n");
    // A starved machine must not add time-outs of its own: what comes twice is to be the kills' work.
    setup.change(|text| text.replace("\ntimeout = \"1s\"", "\ntimeout = \"60s\""));
    setup.produce(COUNT as u64, 200);
    let mut sidecar = setup.start();
    let (mut kills, mut guest) = (0, None);
    for round in 0..9 {
        setup.wait_for_distinct(&segment, COUNT * (5 + round * 10) / 100 + random.below(COUNT as u64 / 20) as usize);
        match round % 4 {
            0 => {
                sidecar.kill();
                sidecar = setup.start();
                kills += 1;
            }
            1 => {
                segment.kill();
                segment.resume();
                kills += 1;
            }
            2 => guest = Some(setup.start()),
            _ => {
                broker.kill();
                broker.resume();
                guest.take().expect("it came in the round before").kill();
                kills += 1;
            }
        }
    }
    setup.wait_for_distinct(&segment, COUNT);
    setup.wait_for_committed(COUNT as i64);
    let doubles = check(&segment, COUNT);
    // A sidecar whose partitions the broker took away can't commit what it has delivered: as if killed.
    let losses = setup.log_text().matches("partitions lost").count();
    println!("{doubles} came twice; {kills} kills, {losses} losses of partitions");
    assert!(doubles <= (kills + losses) * EXPOSED, "{doubles} came twice by {kills} kills and {losses} losses");
    sidecar.kill();
}
