//! The broker refuses what is written, for a while: nothing is lost and nothing is said twice.

use std::time::Duration;

use crate::equivalence::{Feeder, assert_as_faultless, assert_same, collect, faultless, playbook, records};
use crate::faults::Supervised;
use crate::input::PARTITIONS;
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

const SPAN: Duration = Duration::from_secs(50);
const USUAL: &[(&str, &str)] = &[("retention.ms", "-1"), ("max.message.bytes", "1200000")];

#[test]
fn messages_are_too_large_for_a_while() {
    let site = Site::new(shared(), "refused", PARTITIONS, &playbook());
    let feeder = Feeder::start(&site, records(), SPAN);
    let mut one = Supervised::start(&site, "one");
    for _ in 0..3 {
        one.look_after_for(Duration::from_secs(4));
        topics::set(shared(), &site.outgoing, &[("retention.ms", "-1"), ("max.message.bytes", "200")]);
        one.look_after_for(Duration::from_secs(2));
        let stuck_at = site.progress();
        one.look_after_for(Duration::from_secs(2));
        assert_eq!(site.progress(), stuck_at, "it committed what it could not have said");
        topics::set(shared(), &site.outgoing, USUAL);
    }
    assert!(feeder.is_feeding(), "the events were over before the faults");
    feeder.wait();
    one.finish();
    assert_as_faultless(&site);
}

#[test]
fn the_outgoing_topic_is_gone_for_a_while() {
    let site = Site::new(shared(), "gone", PARTITIONS, &playbook());
    let feeder = Feeder::start(&site, records(), SPAN);
    let mut one = Supervised::start(&site, "one");
    one.look_after_for(Duration::from_secs(8));
    // What was acknowledged and not yet committed when a topic goes, goes with it: so let all be committed first.
    feeder.pause();
    topics::wait_for("all that was written to be committed", || site.is_done());
    topics::wait_until_settled(shared(), &site.outgoing);
    let before = topics::committed(shared(), &site.outgoing);
    topics::delete(shared(), &site.outgoing);
    feeder.go_on();
    one.look_after_for(Duration::from_secs(6));
    topics::create_on(shared(), &site.outgoing, PARTITIONS, USUAL);
    assert!(feeder.is_feeding(), "the events were over before the faults");
    feeder.wait();
    one.finish();
    let after = topics::committed(shared(), &site.outgoing);
    assert!(!before.is_empty() && !after.is_empty());
    assert_same(&collect(&site, &[before, after].concat()), faultless());
}
