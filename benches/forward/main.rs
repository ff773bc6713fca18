//! What delivery costs, on a real broker and against an endpoint on loopback that only counts.
//!
//!   cargo bench --bench forward                    everything
//!   cargo bench --bench forward -- drain           one part: drain, latency, memory
//!
//! Drain: messages that lie there already, to the last commit: rate, CPU and memory. Latency: from before a message is
//! written to its arrival, at a low rate. Memory: a million messages and an endpoint that is dead. Broker, endpoint and
//! sidecar share the machine.

mod sink;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../processor/usage.rs"]
mod usage;

use std::thread::sleep;
use std::time::{Duration, Instant};

use sink::Sink;
use support::broker::shared;
use support::leash::{Leash, Orders};
use support::topics::{self, Record, Writer};
use support::{now, ports, unique};
use usage::Usage;

const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(300);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wanted("drain") {
        let count = number("KAIROS_BENCH_MESSAGES", 400_000);
        println!(
            "drain: {count} messages of {} bytes, {PARTITIONS} partitions, 4 requests at a time",
            message(0).len()
        );
        drain("100 a request", count, "max_items = 100");
        drain("500 a request", count, "max_items = 500");
        drain("500 a request, gzip", count, "max_items = 500\ngzip = true");
    }
    if wanted("latency") {
        println!("latency: 20 messages/s for 30 s");
        latency("max_wait = 1s", "max_wait = \"1s\"");
        latency("max_wait = 50ms", "max_wait = \"50ms\"");
    }
    if wanted("memory") {
        memory(number("KAIROS_BENCH_WAITING", 1_000_000));
    }
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// As the processor writes them: an identify with the usual traits.
fn message(n: usize) -> String {
    format!(
        r#"{{"type":"identify","messageId":"kairos-{n:032x}","userId":"user-{}","timestamp":"2026-03-12T19:11:01.266Z","traits":{{"email":"peter@initech.com","mk_customer_fit_segment":"medium","mk_likelihood_to_buy_segment":"very high","mk_likelihood_to_buy_score":"0.72","mk_job_title":"CTO","mk_country":"Canada","sent":"{}"}},"context":{{"active":false,"library":{{"name":"kairos","version":"0.1.0"}}}}}}"#,
        n % 20_000,
        now()
    )
}

fn record(n: usize) -> Record {
    Record {
        partition: (n % 20_000 % PARTITIONS as usize) as i32,
        time: now(),
        key: Some(format!("user-{}", n % 20_000).into_bytes()),
        value: Some(message(n).into_bytes()),
    }
}

/// A topic and settings that point at an endpoint.
struct Site {
    topic: String,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(endpoint: &str, more: &str) -> Self {
        let site = Self { topic: unique("bench-out"), folder: tempfile::tempdir().expect("a folder") };
        for topic in [site.topic.clone(), format!("{}.dead", site.topic)] {
            topics::create_on(shared(), &topic, PARTITIONS, &[("retention.ms", "-1")]);
        }
        let text = format!(
            "[kafka]\nbrokers = \"{}\"\n[outgoing]\ntopic = \"{topic}\"\n[admin]\nlisten = \"off\"\n[forward]\n\
             group = \"{topic}-group\"\nendpoint = \"{endpoint}\"\nwrite_key_file = \"key\"\nrate = 1000000000\n{more}\n",
            shared(),
            topic = site.topic
        );
        std::fs::write(site.folder.path().join("kairos.toml"), text).expect("settings are written");
        std::fs::write(site.folder.path().join("key"), "key\n").expect("a key is written");
        site
    }

    fn start(&self) -> Leash {
        let settings = self.folder.path().join("kairos.toml").display().to_string();
        let command = [env!("CARGO_BIN_EXE_kairos"), "forward", "--config", &settings].map(str::to_owned);
        Leash::start(&command, &self.folder.path().join("log"), &Orders::default())
    }

    fn fill(&self, count: usize) {
        let writer = Writer::new(shared());
        for start in (0..count).step_by(1_000) {
            let records: Vec<Record> = (start..count.min(start + 1_000)).map(record).collect();
            writer.send_all(&self.topic, &records);
        }
        writer.finish();
    }
}

fn drain(what: &str, count: usize, settings: &str) {
    let sink = Sink::start();
    let site = Site::new(&sink.url(), settings);
    site.fill(count);
    let sidecar = site.start();
    sink.wait_for(1, LIMIT);
    let first = Instant::now();
    sink.wait_for(count, LIMIT);
    let usage = Usage::of(sidecar.pid(), first.elapsed());
    let rate = count as f64 / usage.wall.as_secs_f64();
    let cpu = usage.cpu.as_secs_f64() * 1e6 / count as f64;
    println!("  {what:<20} {rate:>9.0} messages/s   {cpu:>6.2} µs of CPU a message   {:>4} MB at most", usage.peak_mb);
    sidecar.kill();
}

fn latency(what: &str, settings: &str) {
    const RATE: usize = 20;
    const COUNT: usize = 30 * RATE;
    let sink = Sink::start();
    let site = Site::new(&sink.url(), settings);
    let sidecar = site.start();
    topics::produce(shared(), &site.topic, &[record(0)]);
    sink.wait_for(1, LIMIT);
    sink.forget();
    let (writer, started) = (Writer::new(shared()), Instant::now());
    for n in 1..=COUNT {
        sleep((started + Duration::from_millis((n * 1_000 / RATE) as u64)).saturating_duration_since(Instant::now()));
        writer.send_all(&site.topic, &[record(n)]);
        writer.poll();
    }
    writer.finish();
    sink.wait_for(COUNT, LIMIT);
    let mut took = sink.took();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let (half, most, worst) = (at(0.5), at(0.99), at(1.0));
    println!("  {what:<20} p50 {half} ms   p99 {most} ms   worst {worst} ms   ({} messages)", took.len());
    sidecar.kill();
}

/// Whether the endpoint refuses connections or takes them and never answers, what waits waits in Kafka.
fn memory(count: usize) {
    println!("memory: {count} messages wait");
    let hangs = Sink::start_hanging();
    let refuses = format!("http://127.0.0.1:{}/v1/batch", ports::free());
    for (what, endpoint) in [("refuses connections", &refuses), ("never answers", &hangs.url())] {
        let site = Site::new(endpoint, "max_items = 500");
        site.fill(count);
        let sidecar = site.start();
        sleep(Duration::from_secs(60));
        let usage = Usage::of(sidecar.pid(), Duration::ZERO);
        println!("  {what:<20} {} MB after a minute, {} MB at most", usage.now_mb, usage.peak_mb);
        assert!(usage.peak_mb < 100, "more than was promised");
        sidecar.kill();
    }
}
