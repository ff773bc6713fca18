//! Settings as meant: what commands work with. It must not know how settings are written.

use std::path::PathBuf;

use super::kind::Value;
use super::mistake::{Mistake, Mistakes};
use super::properties::{Property, read_file};
use super::secret::Secret;
use super::{OsString, Path, Resolved, resolve};
use crate::engine::{Millis, Partitioner};

#[derive(Debug, Clone)]
pub struct Settings {
    pub kafka: Kafka,
    pub raw: Raw,
    pub outgoing: Outgoing,
    pub run: Run,
    pub snapshots: Snapshots,
    pub forward: Forward,
    pub admin: Admin,
    pub log: Log,
}

#[derive(Debug, Clone)]
pub struct Kafka {
    pub brokers: String,
    /// For every client, checked.
    pub properties: Vec<Property>,
}

#[derive(Debug, Clone)]
pub struct Raw {
    pub topic: String,
    pub partitioner: Partitioner,
    pub unwrap: Vec<String>,
    pub placeholders: Vec<String>,
    pub dedupe_window: Millis,
}

#[derive(Debug, Clone)]
pub struct Outgoing {
    pub topic: String,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub group: String,
    pub instance: Option<String>,
    pub threads: usize,
    pub playbook: PathBuf,
    pub commit_interval: Millis,
    /// `None`: nothing is held back.
    pub hold_back: Option<Millis>,
    pub hold_back_until: Option<Millis>,
    pub idle_clock: bool,
    pub idle_grace: Millis,
    pub idle_max: Millis,
    pub create_topics: bool,
    pub on_growth: OnChange,
    pub on_gap: OnChange,
}

/// What to do when the raw topic is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    Stop,
    Continue,
}

#[derive(Debug, Clone)]
pub struct Snapshots {
    pub url: String,
    pub interval: Millis,
    pub keep: usize,
}

#[derive(Debug, Clone)]
pub struct Forward {
    pub group: String,
    pub endpoint: String,
    pub write_key: Option<Secret>,
    pub write_key_file: Option<PathBuf>,
    pub kinds: Vec<String>,
    /// Empty: all.
    pub traits: Vec<String>,
    /// Empty: all.
    pub events: Vec<String>,
    pub max_items: usize,
    pub max_wait: Millis,
    pub rate: f64,
    pub instances: usize,
    pub instance: Option<String>,
    pub concurrency: usize,
    pub timeout: Millis,
    pub stop_timeout: Millis,
    pub stalled_after: Millis,
    pub ca_file: Option<PathBuf>,
    pub gzip: bool,
}

#[derive(Debug, Clone)]
pub struct Admin {
    /// `host:port`; `None`: no admin port.
    pub listen: Option<String>,
    pub users: Users,
    pub redact: bool,
}

/// Who may look users up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    Loopback,
    Any,
    Nobody,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// From the file named (else the default one where it exists) and the environment.
    pub fn load(
        config: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Mistakes> {
        resolve(config, environment).map(|resolved| Self::from(&resolved))
    }
}

impl From<&Resolved> for Settings {
    fn from(all: &Resolved) -> Self {
        Self {
            kafka: Kafka { brokers: all.text("kafka.brokers"), properties: all.properties.clone() },
            raw: raw(all),
            outgoing: Outgoing { topic: all.text("outgoing.topic") },
            run: run(all),
            snapshots: Snapshots {
                url: all.text("snapshots.url"),
                interval: all.millis("snapshots.interval"),
                keep: all.count("snapshots.keep"),
            },
            forward: forward(all),
            admin: admin(all),
            log: Log {
                format: if all.text("log.format") == "json" { LogFormat::Json } else { LogFormat::Text },
                level: all.text("log.level"),
            },
        }
    }
}

fn raw(all: &Resolved) -> Raw {
    Raw {
        topic: all.text("raw.topic"),
        partitioner: match all.text("raw.partitioner").as_str() {
            "crc32" => Partitioner::Crc32,
            _ => Partitioner::Murmur2,
        },
        unwrap: all.texts("raw.unwrap"),
        placeholders: all.texts("raw.placeholders"),
        dedupe_window: all.millis("raw.dedupe_window"),
    }
}

fn run(all: &Resolved) -> Run {
    Run {
        group: all.text("run.group"),
        instance: all.text_or_none("run.instance"),
        threads: all.count("run.threads"),
        playbook: all.text("run.playbook").into(),
        commit_interval: all.millis("run.commit_interval"),
        hold_back: all.millis_or_none("run.hold_back"),
        hold_back_until: all.millis_or_none("run.hold_back_until"),
        idle_clock: all.flag("run.idle_clock"),
        idle_grace: all.millis("run.idle_grace"),
        idle_max: all.millis("run.idle_max"),
        create_topics: all.flag("run.create_topics"),
        on_growth: on_change(&all.text("run.on_growth")),
        on_gap: on_change(&all.text("run.on_gap")),
    }
}

fn on_change(text: &str) -> OnChange {
    if text == "continue" { OnChange::Continue } else { OnChange::Stop }
}

fn forward(all: &Resolved) -> Forward {
    Forward {
        group: all.text("forward.group"),
        endpoint: all.text("forward.endpoint"),
        write_key: match all.value("forward.write_key") {
            Value::Secret(secret) => Some(secret.clone()),
            _ => None,
        },
        write_key_file: all.text_or_none("forward.write_key_file").map(PathBuf::from),
        kinds: all.texts("forward.kinds"),
        traits: all.texts("forward.traits"),
        events: all.texts("forward.events"),
        max_items: all.count("forward.max_items"),
        max_wait: all.millis("forward.max_wait"),
        rate: match all.value("forward.rate") {
            Value::Number(rate) => *rate,
            other => wrong_kind("forward.rate", other),
        },
        instances: all.count("forward.instances"),
        instance: all.text_or_none("forward.instance"),
        concurrency: all.count("forward.concurrency"),
        timeout: all.millis("forward.timeout"),
        stop_timeout: all.millis("forward.stop_timeout"),
        stalled_after: all.millis("forward.stalled_after"),
        ca_file: all.text_or_none("forward.ca_file").map(PathBuf::from),
        gzip: all.flag("forward.gzip"),
    }
}

fn admin(all: &Resolved) -> Admin {
    Admin {
        listen: all.text_or_none("admin.listen"),
        users: match all.text("admin.users").as_str() {
            "any" => Users::Any,
            "off" => Users::Nobody,
            _ => Users::Loopback,
        },
        redact: all.flag("admin.redact"),
    }
}

/// What each value allows alone but not together.
pub fn conflicts(all: &Resolved) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut conflict = |key: &'static str, what: String| {
        let origin = all.values[key].origin.clone();
        mistakes.push(Mistake { origin, key: Some(key.to_owned()), what });
    };
    let text = |key: &str| match all.values.get(key).map(|setting| &setting.value) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    if let (Some(raw), Some(outgoing)) = (text("raw.topic"), text("outgoing.topic"))
        && raw == outgoing
    {
        conflict("outgoing.topic", format!("is `{raw}` as raw.topic is: what goes out would come in again"));
    }
    if let (Some(run), Some(forward)) = (text("run.group"), text("forward.group"))
        && run == forward
    {
        conflict("forward.group", format!("is `{run}` as run.group is: each needs its own"));
    }
    if let Some(path) = text("forward.write_key_file") {
        let given = matches!(all.values.get("forward.write_key").map(|s| &s.value), Some(Value::Secret(_)));
        if given {
            conflict("forward.write_key_file", "forward.write_key is set too: give one of them".into());
        } else if let Some(what) = no_key(Path::new(path)) {
            conflict("forward.write_key_file", what);
        }
    }
    mistakes
}

/// Why a file gives no write key.
fn no_key(path: &Path) -> Option<String> {
    match read_file(path) {
        Ok(text) if text.trim().is_empty() => Some(format!("{} is empty; it must hold the write key", path.display())),
        Ok(_) => None,
        Err(what) => Some(what),
    }
}

/// Typed access; the table of keys says which kind each one is, and a test reads them all.
impl Resolved {
    fn value(&self, key: &'static str) -> &Value {
        &self.values[key].value
    }

    fn text_or_none(&self, key: &'static str) -> Option<String> {
        match self.value(key) {
            Value::Text(text) => Some(text.clone()),
            Value::None => None,
            other => wrong_kind(key, other),
        }
    }

    fn text(&self, key: &'static str) -> String {
        self.text_or_none(key).expect("the kind of the key has no empty value")
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        match self.value(key) {
            Value::Texts(texts) => texts.clone(),
            other => wrong_kind(key, other),
        }
    }

    fn flag(&self, key: &'static str) -> bool {
        match self.value(key) {
            Value::Flag(flag) => *flag,
            other => wrong_kind(key, other),
        }
    }

    fn count(&self, key: &'static str) -> usize {
        match self.value(key) {
            Value::Count(count) => usize::try_from(*count).expect("counts have small bounds"),
            other => wrong_kind(key, other),
        }
    }

    fn millis_or_none(&self, key: &'static str) -> Option<Millis> {
        match self.value(key) {
            Value::Millis(millis) => Some(*millis),
            Value::None => None,
            other => wrong_kind(key, other),
        }
    }

    fn millis(&self, key: &'static str) -> Millis {
        self.millis_or_none(key).expect("the kind of the key has no empty value")
    }
}

fn wrong_kind(key: &str, value: &Value) -> ! {
    unreachable!("{key} was read as {value:?}")
}
