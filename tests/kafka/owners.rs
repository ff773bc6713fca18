//! Every partition has an owner, also where the group's own rules leave one without.
//!
//! In a rebalance a partition that moves has no owner until the one who gives it away has joined again. A static member
//! killed in between comes back to its old place, nothing tells the group that anything happened, and it stays so.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::equivalence::playbook;
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

/// A group, and the one topic that it shares out.
pub struct Group {
    pub bootstrap: String,
    pub group: String,
    pub topic: String,
}

impl Group {
    fn member(&self, name: &str) -> BaseConsumer {
        let mut config = topics::client(&self.bootstrap);
        config.set("group.id", &self.group).set("group.instance.id", name).set("session.timeout.ms", "30000");
        config.set("partition.assignment.strategy", "cooperative-sticky").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[&self.topic]).expect("any topic can be subscribed to");
        consumer
    }

    /// How many partitions have an owner.
    pub fn owned(&self) -> usize {
        let client: BaseConsumer = topics::client(&self.bootstrap).create().expect("a client");
        let groups = client.fetch_group_list(Some(&self.group), Duration::from_secs(10)).expect("the broker answers");
        let members = groups.groups().iter().flat_map(|group| group.members());
        // Version, one topic with its name, and the count of its partitions before them.
        let count_at = 2 + 4 + 2 + self.topic.len();
        let count = |bytes: &[u8]| bytes.get(count_at..count_at + 4).map_or(0, |four| usize::from(four[3]));
        members.filter_map(|member| member.assignment()).map(count).sum()
    }

    /// Two members of these names who leave half of the partitions to nobody.
    pub fn leave_half_to_nobody(&self, names: [&str; 2]) {
        let (all, half) = (PARTITIONS as usize, PARTITIONS as usize / 2);
        let first = self.member(names[0]);
        topics::wait_for("the first to have all", || {
            first.poll(Duration::from_millis(50));
            first.assignment().expect("a list").count() == all
        });
        // The first one answers for the rebalance, but is not polled: it never says that it has let go.
        let second = self.member(names[1]);
        topics::wait_for("the group to wait for the first", || {
            second.poll(Duration::from_millis(50));
            self.owned() == half
        });
        // Nothing more is heard of them: who comes under their names takes their places, as after a kill. They are not
        // closed, for closing a client that has not answered a rebalance may never end (librdkafka 2.12).
        std::mem::forget((first, second));
    }
}

#[test]
fn partitions_given_away_in_a_life_that_ended_too_soon_are_taken_up() {
    let site = Site::new(shared(), "owners", PARTITIONS, &playbook()).with("run", "threads = 2");
    topics::produce(shared(), &site.raw, &input::records(5, 400, 60));
    let group = Group { bootstrap: site.bootstrap.clone(), group: site.group.clone(), topic: site.raw.clone() };
    group.leave_half_to_nobody(["one-0", "one-1"]);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    assert_eq!(group.owned(), PARTITIONS as usize);
    assert!(instance.log().contains("the group is made to share out anew"), "{}", instance.log_tail());
    instance.stop();
}
