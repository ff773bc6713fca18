//! Faults of processes and of the broker, while events arrive: what readers see is what they see without.

use std::thread;
use std::time::{Duration, Instant};

use crate::equivalence::{Feeder, assert_as_faultless, playbook, records};
use crate::input::PARTITIONS;
use crate::support::broker::{Broker, shared};
use crate::support::kairos::{Instance, SESSION_TIMEOUT, Site};
use crate::support::proxy::{self, Moment, Proxy};
use crate::support::random::Random;
use crate::support::topics;

const SPAN: Duration = Duration::from_secs(40);

fn nap(random: &mut Random, low: u64, high: u64) {
    thread::sleep(Duration::from_millis(random.between(low, high)));
}

/// An instance that is started again when it ends with a fault outside, as every supervisor does.
pub struct Supervised<'a> {
    site: &'a Site,
    name: &'static str,
    pub instance: Instance,
    restarts: u32,
}

impl<'a> Supervised<'a> {
    pub fn start(site: &'a Site, name: &'static str) -> Self {
        Self { site, name, instance: site.start(name), restarts: 0 }
    }

    pub fn look_after(&mut self) {
        let Some(code) = self.instance.ended() else { return };
        assert_eq!(code, 3, "only a fault outside may end it:\n{}", self.instance.log_tail());
        self.restarts += 1;
        assert!(self.restarts < 20, "it does not get going again:\n{}", self.instance.log_tail());
        self.instance = self.site.start(self.name);
    }

    pub fn look_after_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.look_after();
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Until all is committed; then stops it.
    pub fn finish(mut self) {
        let started = Instant::now();
        while !self.site.is_done() {
            self.look_after();
            assert!(started.elapsed() < Duration::from_secs(120), "not done:\n{}", self.instance.log_tail());
            thread::sleep(Duration::from_millis(50));
        }
        self.instance.stop();
    }
}

#[test]
fn killed_twenty_times() {
    let site = Site::new(shared(), "killed", PARTITIONS, &playbook());
    let mut random = Random::from_environment();
    let feeder = Feeder::start(&site, records(), SPAN * 3);
    let (mut kills, mut places) = (0, Vec::new());
    while feeder.is_feeding() || kills < 20 {
        let instance = site.start("one");
        nap(&mut random, 300, 2_400);
        instance.kill();
        if feeder.is_feeding() {
            kills += 1;
        }
        places.push(site.progress());
        assert!(feeder.is_feeding() || kills >= 20, "only {kills} kills while events arrived");
    }
    feeder.wait();
    let mut last = site.start("one");
    site.wait_until_done(&mut [&mut last]);
    last.stop();
    places.dedup();
    println!("{kills} kills, at {places:?}");
    assert!(places.len() >= 5, "it hardly got on between the kills: {places:?}");
    assert_as_faultless(&site);
}

#[test]
fn instances_join_and_leave() {
    let site = Site::new(shared(), "members", PARTITIONS, &playbook()).with("run", "threads = 1");
    let mut random = Random::from_environment();
    let feeder = Feeder::start(&site, records(), SPAN);
    let mut first = site.start("first");
    let mut rounds = 0;
    while feeder.is_feeding() {
        nap(&mut random, 500, 2_000);
        let second = site.start("second");
        nap(&mut random, 1_000, 3_500);
        let third = site.start("third");
        nap(&mut random, 1_000, 3_500);
        second.stop();
        nap(&mut random, 200, 1_500);
        if rounds % 2 == 0 {
            third.kill();
        } else {
            third.stop();
        }
        rounds += 1;
    }
    assert!(rounds >= 3, "only {rounds} rounds while events arrived");
    feeder.wait();
    site.wait_until_done(&mut [&mut first]);
    first.stop();
    assert_as_faultless(&site);
}

#[test]
fn a_zombie_is_fenced() {
    let site = Site::new(shared(), "zombie", PARTITIONS, &playbook()).with("run", "threads = 1");
    let mut random = Random::from_environment();
    let feeder = Feeder::start(&site, records(), SPAN);
    let (mut one, mut other) = (Supervised::start(&site, "one"), Supervised::start(&site, "other"));
    thread::sleep(Duration::from_secs(4));
    let mut frozen = 0;
    while feeder.is_feeding() {
        one.instance.freeze();
        let ends = topics::watermarks(&site.bootstrap, &site.raw);
        thread::sleep(SESSION_TIMEOUT + Duration::from_millis(random.between(1_500, 3_000)));
        // Past what the frozen one can have seen, in its own partitions too.
        topics::wait_for("the other one to take over", || {
            let positions = topics::positions(&site.bootstrap, &site.group, &site.raw);
            positions.iter().zip(&ends).all(|(at, (_, end))| at.as_ref().is_some_and(|(offset, _)| offset > end))
        });
        one.instance.thaw();
        frozen += 1;
        one.look_after_for(Duration::from_millis(random.between(1_500, 3_000)));
        other.look_after();
        std::mem::swap(&mut one, &mut other);
    }
    assert!(frozen >= 2, "not each of them was frozen while events arrived");
    feeder.wait();
    one.look_after_for(SESSION_TIMEOUT);
    other.look_after();
    other.instance.stop();
    one.finish();
    assert_as_faultless(&site);
}

#[test]
fn the_broker_restarts_under_it() {
    let mut broker = Broker::start();
    let site = Site::new(&broker.bootstrap(), "restarts", PARTITIONS, &playbook());
    let mut random = Random::from_environment();
    let feeder = Feeder::start(&site, records(), SPAN * 2);
    let mut one = Supervised::start(&site, "one");
    let mut restarts = 0;
    while feeder.is_feeding() {
        one.look_after_for(Duration::from_millis(random.between(2_500, 6_000)));
        broker.kill();
        one.look_after_for(Duration::from_millis(random.between(0, 1_500)));
        broker.resume();
        restarts += 1;
    }
    assert!(restarts >= 3, "only {restarts} restarts while events arrived");
    feeder.wait();
    one.finish();
    assert_as_faultless(&site);
}

#[test]
fn nobody_knows_how_a_transaction_ended() {
    let (proxy, broker) = Proxy::start();
    let site = Site::new(&broker.bootstrap(), "unknown", PARTITIONS, &playbook()).with("kafka", &proxy.setting());
    let feeder = Feeder::start(&site, records(), SPAN);
    let mut one = Supervised::start(&site, "one");
    let mut random = Random::from_environment();
    let kinds = [proxy::END_TRANSACTION, proxy::ADD_OFFSETS_TO_TRANSACTION, proxy::TRANSACTION_OFFSET_COMMIT];
    while feeder.is_feeding() {
        let kind = if random.below(2) == 0 { proxy::END_TRANSACTION } else { *random.pick(&kinds) };
        proxy.cut_next(kind, *random.pick(&[Moment::BeforeRequest, Moment::BeforeAnswer]));
        one.look_after_for(Duration::from_millis(random.between(200, 900)));
    }
    feeder.wait();
    one.finish();
    println!("{} lines cut", proxy.cuts());
    assert!(proxy.cuts() >= 20, "only {} lines were cut", proxy.cuts());
    assert_as_faultless(&site);
}
