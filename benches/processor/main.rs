//! What the whole process costs beside a bare loop with the same transactions (the floor), on a real broker.
//!
//!   cargo bench --bench processor                    everything
//!   cargo bench --bench processor -- catch-up        one part: catch-up, latency, restore
//!
//! Catch-up: events that lie there already, to the last commit: rate, CPU and memory of each process. Latency: from before
//! a record is sent to when a `read_committed` reader has what it caused, at 2,000 events/s. Restore: a million users from
//! their snapshots; then how long the stream stalls while all of them are cut. Only ratios within one run mean anything:
//! broker, readers and writers share the machine.

#[path = "../events/mod.rs"]
mod browser;
mod events;
mod floor;
mod latency;
#[path = "../../tests/support/mod.rs"]
mod support;
mod usage;

use std::io::Write as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::broker::shared;
use support::kairos::{Instance, Site};
use support::{now, topics};
use usage::Usage;

const PARTITIONS: i32 = 4;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.first().is_some_and(|word| word == "floor") {
        return floor::main(&words[1..]);
    }
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wanted("catch-up") {
        catch_up(number("KAIROS_BENCH_EVENTS", 400_000));
    }
    if wanted("latency") {
        latency();
    }
    if wanted("restore") {
        restore(number("KAIROS_BENCH_USERS", 1_000_000));
    }
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn catch_up(count: usize) {
    let users = count / 20;
    println!("catch-up: {count} events of {users} users, {PARTITIONS} partitions, 2 threads, the shipped playbook");
    let site = Site::new(shared(), "bench", PARTITIONS, &shipped()).with("snapshots", "interval = \"60s\"");
    // As many lie before them that are not measured: what is said of everybody at first is said, and profiles are there.
    let start = now() - 2 * count as i64 * events::APART_MS;
    events::write(&site.raw, 0..count, users, start);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();
    let bytes = events::write(&site.raw, count..2 * count, users, start);
    println!("  {} bytes an event", bytes / count);
    for _ in 0..2 {
        for (what, work) in [("floor: no work", floor::Work::Nothing), ("floor: typed parse", floor::Work::Parse)] {
            report(what, 2 * count, floor::Floor::start(&site, work, Duration::from_millis(100)).wait());
        }
    }
    let before = topics::committed(shared(), &site.outgoing).len(); // the floor wrote there too
    let mut instance = site.start("one");
    let started = Instant::now();
    site.wait_until_done(&mut [&mut instance]);
    let usage = Usage::of(instance.pid(), started.elapsed());
    report("kairos run", count, usage);
    let messages = topics::committed(shared(), &site.outgoing).len() - before;
    println!("  one message out for {:.1} events", count as f64 / messages as f64);
    commits(&instance.get("/metrics").expect("metrics").1);
    instance.stop();
}

fn report(what: &str, count: usize, usage: Usage) {
    let count = count as f64;
    let (rate, cpu) = (count / usage.wall.as_secs_f64(), usage.cpu.as_secs_f64() * 1e6 / count);
    println!("  {what:<20} {rate:>9.0} events/s   {cpu:>6.2} µs of CPU an event   {:>5} MB at most", usage.peak_mb);
}

/// The bounds between which a share of the commits took their time.
fn commits(metrics: &str) {
    let of = |line: &str| -> Option<(f64, f64)> {
        let (bound, count) = line.strip_prefix("kairos_commit_seconds_bucket{le=\"")?.split_once("\"} ")?;
        Some((bound.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
    };
    let buckets: Vec<(f64, f64)> = metrics.lines().filter_map(of).collect();
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let bound = |share: f64| buckets.iter().find(|(_, count)| *count >= all * share).map_or(0.0, |(bound, _)| *bound);
    println!("  {all} commits: half within {} ms, 99% within {} ms", bound(0.5) * 1e3, bound(0.99) * 1e3);
}

fn latency() {
    const RATE: usize = 2_000;
    const SPAN: Duration = Duration::from_secs(30);
    println!("latency: {RATE} events/s for {} s, commits every 20 ms", SPAN.as_secs());
    let (_folder, playbook) = playbook("[settings]\nmin_interval = \"0s\"\n[traits]\nmk_sent = [\"traits.sent\"]\n");
    let site = |stem| {
        let site = Site::new(shared(), stem, PARTITIONS, &playbook).with("run", "commit_interval = \"20ms\"");
        site.with("snapshots", "interval = \"60s\"")
    };
    let bare = site("bench-floor");
    let floor = floor::Floor::start(&bare, floor::Work::Forever, Duration::from_millis(20));
    latency::measure("floor: no work", &bare, RATE, SPAN);
    floor.stop();
    let site = site("bench-latency");
    let instance = site.start("one");
    latency::measure("kairos run", &site, RATE, SPAN);
    commits(&instance.get("/metrics").expect("metrics").1);
    instance.stop();
}

fn restore(users: usize) {
    println!("restore: {users} users, {PARTITIONS} partitions, 2 threads, the shipped playbook");
    // With one trait more, by which a message tells when its record was sent.
    let shipped = std::fs::read_to_string(shipped()).expect("the shipped playbook is there");
    let (_folder, playbook) = playbook(&shipped.replacen("[traits]", "[traits]\nmk_sent = [\"traits.sent\"]", 1));
    let mut site = Site::new(shared(), "bench-restore", PARTITIONS, &playbook).with("snapshots", "interval = \"1d\"");
    events::write(&site.raw, 0..users, users, now() - users as i64 * events::APART_MS);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    let full = Usage::of(instance.pid(), Duration::ZERO);
    println!("  {} MB resident with all of them", full.now_mb);
    // Stopping takes the last snapshots.
    let stopping = Instant::now();
    instance.stop();
    let bytes: u64 = site.snapshot_files().iter().filter_map(|path| path.metadata().ok()).map(|data| data.len()).sum();
    println!(
        "  stopped in {:.1} s; {} bytes of snapshots a user",
        stopping.elapsed().as_secs_f64(),
        bytes / users as u64
    );
    let started = Instant::now();
    let instance = site.start("one");
    while instance.get("/readyz").is_none_or(|(status, _)| status != 200) {
        sleep(Duration::from_millis(20));
        assert!(started.elapsed() < Duration::from_secs(120), "not ready:\n{}", instance.log_tail());
    }
    let took = started.elapsed();
    let usage = Usage::of(instance.pid(), took);
    println!("  ready {:.1} s after the start, {:.1} s of CPU", took.as_secs_f64(), usage.cpu.as_secs_f64());
    for line in instance.log().lines().filter(|line| line.contains("the partition is restored")) {
        println!("    {}", &line[line.find("partition=").unwrap_or(0)..]);
    }
    stall("no snapshot", &site, instance);
    site.settings.push(("snapshots", "interval = \"12s\"".to_owned()));
    stall("all of them cut", &site, site.start("one"));
}

/// The longest that a message took, with what is cut meanwhile.
fn stall(what: &str, site: &Site, instance: Instance) {
    topics::wait_for("the instance to be ready", || instance.get("/readyz").is_some_and(|(status, _)| status == 200));
    latency::measure(what, site, 2_000, Duration::from_secs(30));
    let metric = |name: &str| instance.metric(name).unwrap_or_default();
    let (count, took) = (metric("kairos_snapshot_seconds_count"), metric("kairos_snapshot_seconds_sum"));
    println!("    {count} snapshots, {:.1} s each", took / count.max(1.0));
    // Nothing of this run is to shorten the next one's restore.
    instance.kill();
}

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("playbooks/b2b-saas.toml")
}

fn playbook(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("playbook.toml");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    (folder, path)
}
