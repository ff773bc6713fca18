//! Every partition has an owner, also where the group's own rules leave one without.

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;

use crate::equivalence::playbook;
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

/// A member as `kairos run` has them, with nothing behind it.
fn member(site: &Site, name: &str) -> BaseConsumer {
    let mut config = topics::client(&site.bootstrap);
    config.set("group.id", &site.group).set("group.instance.id", name).set("session.timeout.ms", "30000");
    config.set("partition.assignment.strategy", "cooperative-sticky").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[&site.raw]).expect("any topic can be subscribed to");
    consumer
}

fn unowned(site: &Site) -> usize {
    let output = site.command(&["state", "--json"]);
    let state: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let partitions = state["partitions"].as_array().expect("a list");
    partitions.iter().filter(|partition| partition["owner"].is_null()).count()
}

/// In a rebalance a partition that moves has no owner until the one who gives it away has joined again. A static member
/// killed in between comes back to its old place, nothing tells the group that anything happened, and it stays so.
#[test]
fn partitions_given_away_in_a_life_that_ended_too_soon_are_taken_up() {
    let site = Site::new(shared(), "owners", PARTITIONS, &playbook()).with("run", "threads = 2");
    topics::produce(shared(), &site.raw, &input::records(5, 400, 60));
    let first = member(&site, "one-0");
    topics::wait_for("the first to have all", || {
        first.poll(std::time::Duration::from_millis(50));
        first.assignment().expect("a list").count() == PARTITIONS as usize
    });
    // The first one answers for the rebalance, but is not polled: it never says that it has let go.
    let second = member(&site, "one-1");
    topics::wait_for("the group to wait for the first", || {
        second.poll(std::time::Duration::from_millis(50));
        unowned(&site) == PARTITIONS as usize / 2
    });
    drop((first, second));
    assert_eq!(unowned(&site), PARTITIONS as usize / 2, "static members leave without a word");
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    assert_eq!(unowned(&site), 0);
    instance.stop();
}
