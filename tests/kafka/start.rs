//! What is looked at before anything starts, what a missing or unfit topic is told, what stands in the way of being ready,
//! and how it ends when it is asked twice.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::equivalence::playbook;
use crate::input::{PARTITIONS, partition_of};
use crate::support::broker::{Broker, shared};
use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{self, Record};

#[test]
fn topics_that_are_not_there_are_named_together_or_made() {
    named_or_made(shared());
}

/// Looking for a topic must not make it, with whatever settings the broker has.
#[test]
fn nor_are_they_made_by_looking() {
    named_or_made(&Broker::start_making_topics().bootstrap());
}

fn named_or_made(bootstrap: &str) {
    let site = Site::new(bootstrap, "missing", PARTITIONS, &playbook());
    let made = [site.outgoing.clone(), site.dead(), format!("{}.marks", site.group)];
    made.iter().for_each(|topic| topics::delete(bootstrap, topic));
    let mut instance = site.start("one");
    assert_eq!(instance.wait(), 2, "{}", instance.log_tail());
    let log = instance.log();
    for topic in &made {
        assert!(log.contains(&format!("the topic {topic} is not there: create it with {PARTITIONS}")), "{log}");
    }
    assert!(log.contains("create_topics = true"), "{log}");

    let site = site.with("run", "create_topics = true");
    visits(&site, 4);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();
    for topic in &made {
        assert_eq!(topics::partition_count(bootstrap, topic), Some(PARTITIONS), "{topic}");
    }
    let week = (7 * 86_400_000_i64).to_string();
    assert_eq!(topics::setting(bootstrap, &site.outgoing, "retention.ms"), week);
    // A dead letter is a whole record and its headers.
    assert_eq!(topics::setting(bootstrap, &site.dead(), "max.message.bytes"), (1_048_588 + 65_536).to_string());
    // As long as the raw topic, which keeps everything.
    assert_eq!(topics::setting(bootstrap, &made[2], "retention.ms"), "-1");
}

#[test]
fn unfit_topics_are_told_together_with_what_to_do() {
    let site = Site::new(shared(), "unfit", PARTITIONS, &playbook());
    let marks = format!("{}.marks", site.group);
    topics::set(shared(), &site.raw, &[("cleanup.policy", "compact"), ("retention.ms", "-1")]);
    topics::set(shared(), &site.dead(), &[("max.message.bytes", "1000")]);
    topics::set(shared(), &marks, &[("retention.ms", "60000")]);
    let mut instance = site.start("one");
    assert_eq!(instance.wait(), 2, "{}", instance.log_tail());
    let log = instance.log();
    for said in [
        format!("the raw topic {} is compacted", site.raw),
        format!("the topic {} takes messages of 1000 bytes", site.dead()),
        format!("the topic {marks} keeps less long than the raw topic: set its retention.ms to -1"),
    ] {
        assert!(log.contains(&said), "{said}:\n{log}");
    }
}

/// Events of as many users, where their keys belong.
fn visits(site: &Site, count: usize) {
    let visit = |n: usize| {
        let user = format!("user-{n}");
        record(partition_of(&user), &user, n)
    };
    topics::produce(&site.bootstrap, &site.raw, &(0..count).map(visit).collect::<Vec<_>>());
}

fn record(partition: i32, user: &str, n: usize) -> Record {
    let value = json!({ "type": "page", "userId": user, "messageId": format!("m-{n}") }).to_string().into_bytes();
    Record { partition, time: now() - 60_000, key: None, value: Some(value) }
}

#[test]
fn records_that_are_not_where_their_users_are_make_it_unready_with_the_way_out() {
    let site = Site::new(shared(), "scattered", PARTITIONS, &playbook());
    // As without keys: anywhere.
    let scattered: Vec<_> = (0..10_000).map(|n| record(n as i32 % PARTITIONS, &format!("user-{}", n / 7), n)).collect();
    topics::produce(shared(), &site.raw, &scattered);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    let answer = || instance.get("/readyz").unwrap_or_default();
    topics::wait_for("the reason", || answer().1.contains("key"));
    let (status, why) = answer();
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("key the raw topic by userId") && why.contains("kairos rekey"), "{why}");
    assert!(instance.metric("kairos_misrouted_total").is_some_and(|count| count > 5_000.0));
    instance.stop();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut broker = Broker::start();
    let site = Site::new(&broker.bootstrap(), "twice", PARTITIONS, &playbook());
    visits(&site, 100);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    broker.kill();
    // Without a broker the last commit and leaving the group take their time.
    instance.signal("TERM");
    topics::wait_for("it to begin to stop", || instance.log().contains("a second signal stops at once"));
    instance.signal("TERM");
    let asked = Instant::now();
    let code = instance.wait();
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    assert!(code == 0 || code == 3, "{code}:\n{}", instance.log_tail());
}
