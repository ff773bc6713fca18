//! Forwarders with stable names that came back in the middle of a rebalance.

use super::Setup;
use crate::owners::Group;
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};

#[test]
fn partitions_that_nobody_owns_are_delivered_all_the_same() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, "rate = 1000000\ninstance = \"one\"\n");
    setup.produce(400, 40);
    let group = format!("{}-group", setup.topic);
    let group = Group { bootstrap: setup.bootstrap.clone(), group, topic: setup.topic.clone() };
    group.leave_half_to_nobody(["one", "two"]);
    let other = setup.settings().replace("\"one\"", "\"two\"");
    std::fs::write(setup.folder.path().join("two.toml"), other).expect("settings are written");
    let (one, two) = (setup.start(), setup.start_from("two.toml"));
    setup.wait_for_committed(400);
    assert_eq!(group.owned(), 4);
    assert!(setup.log_text().contains("the group is made to share out anew"), "{}", setup.log_text());
    one.kill();
    two.kill();
}
