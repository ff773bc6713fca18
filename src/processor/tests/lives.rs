//! A partition in a world stepped by seed: a log that grows, a clock, an idle partition, transactions whose calls fail
//! and whose outcomes are lost, snapshots that are damaged or never named, another playbook, crashes at any time. Whatever
//! happens, what was committed is what one engine says that is stepped once through the log, the marks and the clocks of
//! the committed positions. Only the group, the worker's loop and the broker's own transactions are not in it: those the
//! tests on real Kafka have. `KAIROS_SEED` and `KAIROS_CASES` as elsewhere.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::world::{Seen, World};

/// One life of a partition.
fn case(brokers: &str, seed: u64) -> Seen {
    println!("KAIROS_SEED={seed} KAIROS_CASES=1");
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(brokers.to_owned(), folder.path(), seed);
    world.restore();
    (0..60).for_each(|_| world.step());
    world.end();
    world.seen
}

#[test]
fn what_is_committed_is_what_one_engine_says() {
    // They wait for brokers most of the time.
    const AT_ONCE: usize = 8;
    let (seed, cases) = (number("KAIROS_SEED", 1), number("KAIROS_CASES", 24));
    let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
    let seeds: Vec<u64> = (seed..seed + cases).collect();
    for topic in seeds.iter().flat_map(|seed| [format!("raw-{seed}"), format!("group-{seed}.marks")]) {
        cluster.create_topic(&topic, 1, 1).expect("a topic");
    }
    let brokers = cluster.bootstrap_servers();
    let mut all = Vec::new();
    for some in seeds.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let lives: Vec<_> = some.iter().map(|seed| scope.spawn(|| case(&brokers, *seed))).collect();
            all.extend(lives.into_iter().map(|life| life.join().expect("its seed is told above")));
        });
    }
    let sum = |of: fn(&Seen) -> u32| all.iter().map(of).sum::<u32>();
    let sums = [
        ("crashes", sum(|seen| seen.crashes)),
        ("crashes inside a minute", sum(|seen| seen.inside_a_minute)),
        ("crashes inside a commit", sum(|seen| seen.inside_a_commit)),
        ("snapshots", sum(|seen| seen.snapshots)),
        ("damaged snapshots", sum(|seen| seen.damaged)),
        ("marks", sum(|seen| seen.marks)),
        ("changed playbooks", sum(|seen| seen.changes)),
        ("messages", sum(|seen| seen.messages)),
    ];
    println!("{sums:?}");
    assert!(cases < 20 || sums.iter().all(|(_, count)| *count > 0), "something never happened: {sums:?}");
}

/// Restored from a snapshot that was cut in a silence, a partition does not know how far its log alone would bring the
/// clock. The late record it meets must be met under the same clock again by whoever begins from an older snapshot.
#[test]
fn a_late_record_after_a_restore_keeps_its_clock() {
    let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
    for topic in ["raw-0", "group-0.marks"] {
        cluster.create_topic(topic, 1, 1).expect("a topic");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(cluster.bootstrap_servers(), folder.path(), 0);
    world.ledger.is_faulty = false;
    world.restore();
    let page = || r#"{"type":"page","userId":"u"}"#.to_owned();
    world.say(0, page());
    world.turns();
    world.snapshot();
    world.idle();
    world.snapshot();
    world.crash();
    world.say(-15 * 60_000, page());
    world.turns();
    assert!(world.commit());
    world.damage();
    world.crash();
    world.end();
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
