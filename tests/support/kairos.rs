//! The real program, run as its own process against real topics.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::leash::{Leash, Orders};
use super::topics::Record;
use super::{admin, ports, topics, unique};

/// Short enough to wait for, and what any broker accepts.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
const LIMIT: Duration = Duration::from_secs(120);

/// One group with its topics, settings and snapshots: what instances share.
pub struct Site {
    pub bootstrap: String,
    pub raw: String,
    pub outgoing: String,
    pub group: String,
    playbook: PathBuf,
    /// Settings that differ from the usual ones, as `key = value` lines by section.
    pub settings: Vec<(&'static str, String)>,
    /// `NAME=value` of the program's environment, beside our own.
    pub environment: Vec<String>,
    folder: TempDir,
}

impl Site {
    /// New topics on the broker. The raw topic keeps everything, whatever its time.
    pub fn new(bootstrap: &str, stem: &str, partitions: i32, playbook: &Path) -> Self {
        let group = unique(stem);
        let site = Self {
            bootstrap: bootstrap.to_owned(),
            raw: format!("{group}.raw"),
            outgoing: format!("{group}.out"),
            playbook: playbook.to_owned(),
            settings: Vec::new(),
            environment: Vec::new(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            group,
        };
        for topic in [site.raw.clone(), site.outgoing.clone(), site.dead(), format!("{}.marks", site.group)] {
            let size = if topic == site.raw { "1048588" } else { "1200000" };
            topics::create_on(bootstrap, &topic, partitions, &[("retention.ms", "-1"), ("max.message.bytes", size)]);
        }
        site
    }

    /// The topic of dead letters.
    pub fn dead(&self) -> String {
        format!("{}.dead", self.raw)
    }

    pub fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    /// All snapshot files, of whatever partition, oldest first.
    pub fn snapshot_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect_files(&self.snapshots(), &mut found);
        found.sort_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
        found
    }

    /// Sets a key of a section, over the usual ones.
    pub fn with(mut self, section: &'static str, line: &str) -> Self {
        self.settings.push((section, line.to_owned()));
        self
    }

    /// Starts an instance. The same name takes the place of one that was killed at once.
    pub fn start(&self, instance: &str) -> Instance {
        self.start_command(&["run"], instance)
    }

    /// The same with another command, and what it needs.
    pub fn start_command(&self, words: &[&str], instance: &str) -> Instance {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let admin_port = ports::free();
        let config = self.folder.path().join(format!("{instance}-{number}.toml"));
        let log = self.folder.path().join(format!("{instance}-{number}.log"));
        std::fs::write(&config, self.config(instance, admin_port)).expect("the settings can be written");
        let path = config.display().to_string();
        let program = [&[env!("CARGO_BIN_EXE_kairos")], words, &["--config", &path]].concat();
        let mut command = vec!["env".to_owned()];
        command.extend(self.environment.iter().cloned());
        command.extend(program.iter().map(|word| (*word).to_owned()));
        Instance { leash: Leash::start(&command, &log, &Orders::default()), config, log, admin_port }
    }

    /// Runs another command of the program to its end, with the same settings.
    pub fn command(&self, words: &[&str]) -> Output {
        let config = self.folder.path().join("command.toml");
        std::fs::write(&config, self.config("command", ports::free())).expect("the settings can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
        command.args(words).arg("--config").arg(config).output().expect("the program starts")
    }

    fn config(&self, instance: &str, admin_port: u16) -> String {
        let usual = [
            ("kafka", format!("brokers = \"{}\"", self.bootstrap)),
            ("kafka.properties", format!("\"session.timeout.ms\" = \"{}\"", SESSION_TIMEOUT.as_millis())),
            ("kafka.properties", "\"heartbeat.interval.ms\" = \"500\"".into()),
            ("kafka.properties", "\"reconnect.backoff.ms\" = \"10\"".into()),
            ("kafka.properties", "\"reconnect.backoff.max.ms\" = \"200\"".into()),
            ("raw", format!("topic = \"{}\"", self.raw)),
            ("outgoing", format!("topic = \"{}\"", self.outgoing)),
            ("run", format!("group = \"{}\"", self.group)),
            ("run", format!("instance = \"{instance}\"")),
            ("run", format!("playbook = \"{}\"", self.playbook.display())),
            ("run", "hold_back = \"off\"".into()),
            ("run", "idle_clock = false".into()),
            ("snapshots", format!("url = \"file://{}\"", self.snapshots().display())),
            ("snapshots", "interval = \"1s\"".into()),
            ("admin", format!("listen = \"127.0.0.1:{admin_port}\"")),
        ];
        let mut sections: Vec<(&str, Vec<String>)> = Vec::new();
        for (section, line) in usual.into_iter().chain(self.settings.iter().cloned()) {
            let at = sections.iter().position(|(name, _)| *name == section).unwrap_or_else(|| {
                sections.push((section, Vec::new()));
                sections.len() - 1
            });
            let key = line.split('=').next().unwrap_or_default().trim().to_owned();
            sections[at].1.retain(|old| old.split('=').next().unwrap_or_default().trim() != key);
            sections[at].1.push(line);
        }
        sections.iter().map(|(name, lines)| format!("[{name}]\n{}\n\n", lines.join("\n"))).collect()
    }

    /// Writes records, and has an instance process all there is.
    pub fn work_off(&self, records: &[Record]) {
        topics::produce(&self.bootstrap, &self.raw, records);
        let mut instance = self.start("one");
        self.wait_until_done(&mut [&mut instance]);
        instance.stop();
    }

    /// Is everything that the raw topic holds committed?
    pub fn is_done(&self) -> bool {
        let ends = topics::watermarks(&self.bootstrap, &self.raw);
        let positions = topics::positions(&self.bootstrap, &self.group, &self.raw);
        ends.iter().zip(&positions).all(|((start, end), position)| match position {
            Some((offset, _)) => offset == end,
            None => start == end,
        })
    }

    /// The `track` messages that are committed on the outgoing topic.
    pub fn tracks(&self) -> Vec<serde_json::Value> {
        let messages = topics::committed(&self.bootstrap, &self.outgoing);
        let messages = messages.iter().filter_map(|stored| serde_json::from_str(&stored.text()).ok());
        messages.filter(|message: &serde_json::Value| message["type"] == "track").collect()
    }

    /// Sum of the committed offsets.
    pub fn progress(&self) -> i64 {
        let positions = topics::positions(&self.bootstrap, &self.group, &self.raw);
        positions.into_iter().flatten().map(|(offset, _)| offset).sum()
    }

    /// Waits until all is committed, while these instances live.
    pub fn wait_until_done(&self, instances: &mut [&mut Instance]) {
        let started = Instant::now();
        while !self.is_done() {
            for instance in instances.iter_mut() {
                let status = instance.ended();
                assert!(status.is_none(), "kairos ended with {status:?}:\n{}", instance.log_tail());
            }
            let logs: String = instances.iter().map(|i| i.log_tail()).collect();
            let (ends, at) = (
                topics::watermarks(&self.bootstrap, &self.raw),
                topics::positions(&self.bootstrap, &self.group, &self.raw),
            );
            assert!(started.elapsed() < LIMIT, "not done after {LIMIT:?}: {at:?} of {ends:?}\n{logs}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What a failure leaves to look at: settings, logs and snapshots.
impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("{} is kept", self.folder.path().display());
        }
    }
}

/// One running `kairos run`.
pub struct Instance {
    leash: Leash,
    /// Its settings; some are read again on SIGHUP.
    pub config: PathBuf,
    log: PathBuf,
    pub admin_port: u16,
}

impl Instance {
    /// `kill -9`.
    pub fn kill(self) {
        self.leash.kill();
    }

    /// SIGTERM, and waits until it has left.
    pub fn stop(mut self) {
        self.leash.signal("TERM");
        let code = self.wait();
        assert_eq!(code, 0, "a stop on request is no fault:\n{}", self.log_tail());
    }

    /// Waits for its end; gives the exit code.
    pub fn wait(&mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(code) = self.ended() {
                return code;
            }
            assert!(started.elapsed() < LIMIT, "kairos did not end within {LIMIT:?}:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn ended(&mut self) -> Option<i32> {
        self.leash.status()
    }

    pub fn signal(&self, name: &str) {
        self.leash.signal(name);
    }

    pub fn pid(&self) -> u32 {
        self.leash.pid()
    }

    pub fn freeze(&self) {
        self.leash.signal("STOP");
    }

    pub fn thaw(&self) {
        self.leash.signal("CONT");
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Status and body of `GET path` on the admin port; `None` while nobody listens.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        admin::get(self.admin_port, path)
    }

    /// The value of a metric's first line that starts with `name` (with labels, if they matter).
    pub fn metric(&self, name: &str) -> Option<f64> {
        admin::metric(self.admin_port, name)
    }
}

fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, found);
        } else {
            found.push(path);
        }
    }
}
