//! How a Kafka server is had: a container, or the jars. Made ready once in the target directory, for all runs: the
//! jars, an archive of loaded classes (it saves two thirds of the start), and a formatted, never started data folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::leash::{Leash, Orders};
use super::secure::Secure;
use super::{ports, unique};

/// As in `tests/kafka/pom.xml`. Not 4.3.0 or 4.3.1: where a partition has no leader while a transaction ends, as when an
/// only broker comes back from a crash, they take it for deleted and leave it without that end (KAFKA-20734).
const VERSION: &str = "4.2.1";
const CLUSTER: &str = "a2Fpcm9zLXRlc3RzLWth";

/// Apart from ports and folders. One node, quick to start, small, and with no patience for the dead.
const SETTINGS: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("num.partitions", "4"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "500"),
    ("transaction.max.timeout.ms", "900000"),
    // By the records' own times, which lie days back here: a producer that is forgotten may write twice, and with gaps.
    ("producer.id.expiration.ms", "2147483647"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"),
    ("log.retention.check.interval.ms", "500"),
    ("log.initial.task.delay.ms", "500"),
    ("log.segment.delete.delay.ms", "0"),
    ("log.cleaner.backoff.ms", "500"),
    ("log.cleaner.dedupe.buffer.size", "2097152"),
    ("log.cleaner.io.buffer.size", "65536"),
    ("log.index.size.max.bytes", "1048576"),
    ("num.network.threads", "2"),
    ("num.io.threads", "2"),
    ("background.threads", "2"),
    ("num.recovery.threads.per.data.dir", "1"),
    ("broker.heartbeat.interval.ms", "200"),
    ("broker.session.timeout.ms", "3000"), // shorter restarts sooner, but fences a live broker on a starved machine
    ("controlled.shutdown.enable", "false"),
    ("controller.quorum.election.timeout.ms", "200"),
    ("controller.quorum.election.backoff.max.ms", "100"),
];

const JVM: &[&str] = &["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

#[derive(Debug, Clone)]
pub enum Server {
    Docker,
    Jars { home: PathBuf },
}

/// Where one broker listens and keeps its data.
#[derive(Debug, Clone)]
pub struct Place {
    pub name: String,
    pub port: u16,
    controller_port: u16,
    pub folder: PathBuf,
    /// A second way in, advertised under a port on which somebody stands between (see `proxy`).
    detour: Option<(u16, u16)>,
    /// A way in over TLS for those who have a password, and rights that are asked for.
    pub secure: Option<Secure>,
    /// Whoever asks for a topic that is not there has it made, as a broker does unless told otherwise.
    makes_topics: bool,
}

impl Server {
    /// The one to use on this machine, ready to start; or what to install.
    pub fn find() -> Result<Self, String> {
        if docker_has_kafka() {
            return Ok(Self::Docker);
        }
        let home = target().join(format!("kafka-{VERSION}"));
        fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
        let lock = File::create(home.join("lock")).map_err(|e| format!("{}: {e}", home.display()))?;
        lock.lock().map_err(|e| format!("{}: {e}", home.display()))?; // two test processes may start at once
        fetch_jars(&home)?;
        format_template(&home)?;
        archive_classes(&home);
        Ok(Self::Jars { home })
    }

    /// A new place; `detour`: the port to advertise to those who come in by [`Place::detour_port`].
    pub fn place(&self, detour: Option<u16>) -> Place {
        self.place_with(detour, None, false)
    }

    pub fn place_with(&self, detour: Option<u16>, secure: Option<Secure>, makes_topics: bool) -> Place {
        let name = unique("kairos-broker");
        let folder = target().join("brokers").join(&name);
        let place = Place {
            port: ports::free(),
            controller_port: ports::free(),
            detour: detour.map(|advertised| (ports::free(), advertised)),
            folder,
            secure,
            makes_topics,
            name,
        };
        fs::create_dir_all(place.folder.join("data")).expect("a folder for the broker");
        match self {
            Self::Jars { home } => place.prepare_folder(home),
            Self::Docker => place.create_container(),
        }
        place
    }

    /// Starts a broker, which goes on with what the place holds. With `for_good` the place goes when the broker ends.
    pub fn start(&self, place: &Place, for_good: bool) -> Leash {
        let (command, mut orders) = match self {
            Self::Jars { home } => (java(home, &archive_flags(home), &place.properties_path()), Orders::default()),
            Self::Docker => (words(&["docker", "start", "-a", &place.name]), place.container_orders()),
        };
        orders.clean = if for_good { self.clean(place) } else { String::new() };
        Leash::start(&command, &place.log_path(), &orders)
    }

    pub fn remove(&self, place: &Place) {
        let done = Command::new("sh").args(["-c", &self.clean(place)]).status();
        assert!(done.is_ok_and(|status| status.success()), "{} could not be removed", place.folder.display());
    }

    fn clean(&self, place: &Place) -> String {
        let container = match self {
            Self::Jars { .. } => String::new(),
            Self::Docker => format!("docker rm -f {} >/dev/null; ", place.name),
        };
        format!("{container}rm -rf '{}'", place.folder.display())
    }
}

impl Place {
    pub fn detour_port(&self) -> Option<u16> {
        self.detour.map(|(port, _)| port)
    }

    /// The end of what the broker printed, for the message of a test that fails.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    fn properties_path(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn prepare_folder(&self, home: &Path) {
        for entry in fs::read_dir(home.join("formatted")).expect("the formatted folder is there") {
            let entry = entry.expect("the formatted folder can be read");
            fs::copy(entry.path(), self.folder.join("data").join(entry.file_name())).expect("a file of a few bytes");
        }
        write_properties(&self.properties_path(), &self.settings("127.0.0.1", &self.folder.join("data")));
    }

    fn create_container(&self) {
        let mut create = Command::new("docker");
        create.args(["create", "--name", &self.name, "-e", &format!("CLUSTER_ID={CLUSTER}")]);
        for port in
            [Some(self.port), self.detour_port(), self.secure.as_ref().map(|secure| secure.port)].into_iter().flatten()
        {
            create.args(["-p", &format!("127.0.0.1:{port}:{port}")]);
        }
        for (key, value) in self.settings("0.0.0.0", Path::new("/tmp/kafka-data")) {
            create.args(["-e", &format!("KAFKA_{}={value}", key.to_uppercase().replace('.', "_"))]);
        }
        let made = create.arg(image()).stdout(Stdio::null()).status().expect("docker starts");
        assert!(made.success(), "docker could not create a container of {}", image());
    }

    fn container_orders(&self) -> Orders {
        Orders { kill: format!("docker kill {}", self.name), clean: String::new() }
    }

    fn settings(&self, host: &str, data: &Path) -> Vec<(String, String)> {
        let (port, controller) = (self.port, self.controller_port);
        let mut listeners = format!("PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller}");
        let mut advertised = format!("PLAINTEXT://127.0.0.1:{port}");
        if let Some((inner, outer)) = self.detour {
            listeners += &format!(",DETOUR://{host}:{inner}");
            advertised += &format!(",DETOUR://127.0.0.1:{outer}");
        }
        let mut more = Vec::new();
        if let Some(secure) = &self.secure {
            listeners += &format!(",SECURE://{host}:{}", secure.port);
            advertised += &format!(",SECURE://127.0.0.1:{}", secure.port);
            more = secure.settings();
        }
        let own = [
            ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
            ("listeners", listeners),
            ("advertised.listeners", advertised),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT,SECURE:SASL_SSL".into(),
            ),
            ("log.dirs", data.display().to_string()),
            ("auto.create.topics.enable", self.makes_topics.to_string()),
        ];
        let fixed = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        fixed.chain(own.map(|(key, value)| (key.to_owned(), value))).chain(more).collect()
    }
}

/// The target directory of this build: the parent of the folder that cargo gives to integration tests.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder within the target directory").to_owned()
}

fn image() -> String {
    format!("apache/kafka:{VERSION}")
}

fn docker_has_kafka() -> bool {
    let ask = |args: &[&str]| {
        let mut docker = Command::new("docker");
        docker.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        docker.status().is_ok_and(|status| status.success())
    };
    ask(&["info"]) && (ask(&["image", "inspect", &image()]) || ask(&["pull", &image()]))
}

fn fetch_jars(home: &Path) -> Result<(), String> {
    let lib = home.join("lib");
    if lib.is_dir() {
        return Ok(());
    }
    let install = "install Java 17 or newer and Maven (Debian: apt-get install default-jdk-headless maven), start a \
                   docker daemon, or set KAFKA_BOOTSTRAP to the address of an Apache Kafka";
    let part = home.join("lib.part");
    let _ = fs::remove_dir_all(&part); // what an interrupted run left
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/pom.xml");
    let mvn = Command::new("mvn")
        .args(["-B", "-q", "-f"])
        .arg(pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", part.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("the tests need Apache Kafka, and mvn does not start ({e}): {install}"))?;
    if !mvn.status.success() {
        let said = String::from_utf8_lossy(&mvn.stdout);
        return Err(format!("the tests need Apache Kafka, and Maven could not fetch it:\n{said}\n{install}"));
    }
    fs::rename(&part, &lib).map_err(|e| format!("{}: {e}", lib.display()))
}

fn format_template(home: &Path) -> Result<(), String> {
    let formatted = home.join("formatted");
    if formatted.is_dir() {
        return Ok(());
    }
    let part = home.join("formatted.part");
    let _ = fs::remove_dir_all(&part); // what an interrupted run left
    let place = Place {
        name: String::new(),
        port: 1,
        controller_port: 2,
        folder: home.into(),
        detour: None,
        secure: None,
        makes_topics: false,
    };
    let properties = home.join("format.properties");
    write_properties(&properties, &place.settings("127.0.0.1", &part));
    let words = [class_path(home), words(&["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])].concat();
    let java = Command::new("java").args(JVM).args(words).arg(properties).stdin(Stdio::null()).output();
    let java = java.map_err(|e| format!("the tests need Java 17 or newer, and java does not start: {e}"))?;
    if !java.status.success() {
        let said = [java.stdout, java.stderr].concat();
        return Err(format!("Kafka's data folder could not be formatted:\n{}", String::from_utf8_lossy(&said)));
    }
    fs::rename(&part, &formatted).map_err(|e| format!("{}: {e}", formatted.display()))
}

/// Runs a broker once for the archive of its classes. Where that fails, brokers start more slowly, and that is all.
fn archive_classes(home: &Path) {
    let (archive, part) = (home.join("kafka.jsa"), home.join("kafka.jsa.part"));
    if archive.is_file() {
        return;
    }
    let server = Server::Jars { home: home.into() };
    let place = server.place(None);
    let flags = [format!("-XX:ArchiveClassesAtExit={}", part.display())];
    let leash = Leash::start(&java(home, &flags, &place.properties_path()), &place.log_path(), &Orders::default());
    let mut leash = leash;
    if super::broker::wait_until_up(place.port, &mut leash, Duration::from_secs(60)).is_ok() {
        leash.signal("TERM");
        let started = Instant::now();
        while !leash.has_ended() && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::rename(part, archive); // absent if the JVM could not write it
    }
    leash.kill();
    server.remove(&place);
}

fn archive_flags(home: &Path) -> Vec<String> {
    vec![format!("-XX:SharedArchiveFile={}", home.join("kafka.jsa").display()), "-Xshare:auto".into()]
}

fn java(home: &Path, flags: &[String], properties: &Path) -> Vec<String> {
    let last = [String::from("kafka.Kafka"), properties.display().to_string()];
    [words(&["java"]), words(JVM), flags.to_vec(), class_path(home), last.to_vec()].concat()
}

/// The jars by name: an archive of classes asks for the same order each time.
fn class_path(home: &Path) -> Vec<String> {
    let lib = fs::read_dir(home.join("lib")).expect("the jars are there");
    let mut jars: Vec<String> = lib.map(|jar| jar.expect("a jar").path().display().to_string()).collect();
    jars.sort();
    vec!["-cp".into(), jars.join(":")]
}

fn write_properties(path: &Path, settings: &[(String, String)]) {
    let text: String = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    fs::write(path, text).expect("the broker's settings can be written");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
