//! The forwarder's binary between a real Kafka and an endpoint with faults. Here: what its tests share.

mod connections;
mod dead_endpoint;
mod faults;
mod kills;
mod line;
mod owners;
mod refusals;
mod retention;
mod routing;
mod stop;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::admin;
use crate::support::leash::{Leash, Orders};
use crate::support::segment::Segment;
use crate::support::topics::{self, Record};
use crate::support::{now, ports, unique};

const LANES: usize = 4;
const ITEMS: usize = 50;
/// Under way, or delivered without a confirmed commit, in one sidecar: what a kill can repeat.
const EXPOSED: usize = LANES * ITEMS;
const SESSION_TIMEOUT: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(120);

/// A topic of messages, its dead letters, and settings that point at the endpoint.
struct Setup {
    bootstrap: String,
    topic: String,
    folder: tempfile::TempDir,
}

impl Setup {
    fn new(bootstrap: &str, segment: &Segment, more: &str) -> Self {
        let topic = unique("outgoing");
        topics::create_on(bootstrap, &topic, 4, &[]);
        topics::create_on(bootstrap, &format!("{topic}.dead"), 1, &[]);
        let folder = tempfile::tempdir().expect("a folder");
        let url = segment.url();
        let text = format!(
            "[kafka]\nbrokers = \"{bootstrap}\"\n[kafka.properties]\n\"session.timeout.ms\" = \"{}\"\n\
             \"heartbeat.interval.ms\" = \"300\"\n\"reconnect.backoff.max.ms\" = \"500\"\n\
             [outgoing]\ntopic = \"{topic}\"\n[admin]\nlisten = \"off\"\n\
             [forward]\ngroup = \"{topic}-group\"\nendpoint = \"{url}\"\nwrite_key_file = \"key\"\n\
             max_items = {ITEMS}\nmax_wait = \"20ms\"\nconcurrency = {LANES}\ntimeout = \"1s\"\n\
             stop_timeout = \"3s\"\n{more}",
            SESSION_TIMEOUT.as_millis()
        );
        std::fs::write(folder.path().join("kairos.toml"), text).expect("settings are written");
        let setup = Self { bootstrap: bootstrap.to_owned(), topic, folder };
        setup.write_key("a-key-of-tests\n");
        setup
    }

    fn write_key(&self, key: &str) {
        std::fs::write(self.folder.path().join("key"), key).expect("a key is written");
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn start(&self) -> Leash {
        self.start_from("kairos.toml")
    }

    /// With an admin port, which only one at a time can have.
    fn start_with_admin(&self) -> (Leash, Admin) {
        let admin = Admin(ports::free());
        let text = self.settings().replace("\"off\"", &format!("\"127.0.0.1:{}\"", admin.0));
        std::fs::write(self.folder.path().join("with-admin.toml"), text).expect("settings are written");
        (self.start_from("with-admin.toml"), admin)
    }

    fn start_from(&self, settings: &str) -> Leash {
        let settings = self.folder.path().join(settings).display().to_string();
        let command = [env!("CARGO_BIN_EXE_kairos"), "forward", "--config", &settings].map(str::to_owned);
        Leash::start(&command, &self.log(), &Orders::default())
    }

    /// What `--dry-run` prints.
    fn dry_run(&self) -> String {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kairos"));
        command.args(["forward", "--dry-run", "--config"]).arg(self.folder.path().join("kairos.toml"));
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("messages are text")
    }

    fn settings(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("kairos.toml")).expect("settings were written")
    }

    fn change(&self, change: impl Fn(String) -> String) {
        let text = change(self.settings());
        std::fs::write(self.folder.path().join("kairos.toml"), text).expect("settings are written");
    }

    fn dead_letters(&self) -> Vec<topics::Stored> {
        topics::committed(&self.bootstrap, &format!("{}.dead", self.topic))
    }

    /// Message `n` of user `n % users`.
    fn produce(&self, count: u64, users: u64) {
        let records: Vec<Record> = (0..count).map(|n| message(n, n % users)).collect();
        topics::produce(&self.bootstrap, &self.topic, &records);
    }

    /// Until so many messages have arrived, each counted once.
    fn wait_for_distinct(&self, segment: &Segment, count: usize) {
        let started = Instant::now();
        while segment.distinct_count() < count {
            let there = segment.distinct_count();
            assert!(started.elapsed() < LIMIT, "{there} of {count} arrived\n{}", self.log_text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn committed(&self) -> i64 {
        let positions = topics::positions(&self.bootstrap, &format!("{}-group", self.topic), &self.topic);
        positions.into_iter().flatten().map(|(offset, _)| offset).sum()
    }

    fn wait_for_committed(&self, count: i64) {
        let started = Instant::now();
        while self.committed() < count {
            assert!(started.elapsed() < LIMIT, "{} of {count} committed\n{}", self.committed(), self.log_text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The admin port of a sidecar.
struct Admin(u16);

impl Admin {
    fn status(&self, path: &str) -> Option<u16> {
        Some(admin::get(self.0, path)?.0)
    }

    fn metric(&self, name: &str) -> Option<f64> {
        admin::metric(self.0, name)
    }
}

fn message(n: u64, user: u64) -> Record {
    let json = format!(
        r#"{{"type":"track","messageId":"kairos-{n:08}","userId":"u{user}","event":"mk_ready_to_buy","properties":{{"n":{n}}}}}"#
    );
    Record {
        partition: (user % 4) as i32,
        time: now(),
        key: Some(format!("u{user}").into_bytes()),
        value: Some(json.into_bytes()),
    }
}

/// So many arrived, each user's first arrivals in order, no request over a limit; how many came twice.
fn check(segment: &Segment, count: usize) -> usize {
    assert_eq!(segment.distinct_count(), count);
    for (user, numbers) in segment.first_arrivals() {
        assert!(numbers.is_sorted(), "messages of {user} overtook each other: {numbers:?}");
    }
    let (items, bytes) = segment.most();
    assert!(items <= ITEMS && bytes < 500_000, "{items} items, {bytes} bytes");
    segment.items().len() - count
}
