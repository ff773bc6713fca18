//! What must be true of the broker before anything is processed: rights, topics, their sizes, how long they keep what a
//! restore needs. All mistakes are found before the first is reported. It must not know workers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::access::{self, Access, Need, Right};
use super::{Config, Fault};
use crate::engine::Millis;

const TIMEOUT: Duration = Duration::from_secs(15);
const WAIT: Duration = Duration::from_millis(50);
/// How much more than a raw record a dead letter may take: its headers.
const DEAD_MARGIN: i64 = 64 * 1_024;
const DAY: Millis = 86_400_000;
/// What Kafka takes in one message unless told otherwise.
const MESSAGE_BYTES: i64 = 1_048_588;

/// The broker as found.
#[derive(Debug, Clone)]
pub struct Found {
    pub cluster: String,
    pub raw_partitions: i32,
    pub outgoing_partitions: i32,
    pub dead_partitions: i32,
    pub dead_bytes_max: usize,
}

type Settings = HashMap<String, String>;

struct Broker<'a> {
    config: &'a Config,
    access: Access,
    runtime: tokio::runtime::Runtime,
}

/// Least privilege: `SECURITY.md` has this as a table, and a test holds the two together.
fn needs(config: &Config) -> [Need; 5] {
    use Right::{DescribeConfigs, Read, Write};
    [
        Need::topic(&config.raw_topic, &[Read, DescribeConfigs]),
        Need::topic(&config.outgoing_topic, &[Write]),
        Need::topic(config.dead_topic(), &[Write, DescribeConfigs]),
        Need::topic(config.marks_topic(), &[Read, Write, DescribeConfigs]),
        Need::group(&config.group, &[Read]),
    ]
}

/// Looks at everything, creates what may be created. All that is wrong, in words.
pub fn look(config: &Config, longest_window: Millis) -> Result<Found, Fault> {
    if config.embedded_broker {
        return look_only(config);
    }
    let broker = Broker::open(config, &needs(config))?;
    let one = |wrong: String| Fault::Checks(vec![wrong]);
    let raw_partitions = broker.access.raw_partitions(&config.raw_topic)?;
    let raw = broker.settings(&config.raw_topic).map_err(one)?;
    let mut wrong = Vec::new();
    let mut ensure = |topic: &str, settings: &[(&str, String)], least: i32| {
        broker.ensure(topic, raw_partitions, settings, least).unwrap_or_else(|error| {
            wrong.push(error);
            raw_partitions
        })
    };
    let week = (7 * DAY).to_string();
    let dead_bytes = number(&raw, "max.message.bytes").unwrap_or(MESSAGE_BYTES) + DEAD_MARGIN;
    let outgoing = ensure(&config.outgoing_topic, &[("retention.ms", week.clone())], 1);
    let dead_settings = [("retention.ms", week), ("max.message.bytes", dead_bytes.to_string())];
    let dead = ensure(&config.dead_topic(), &dead_settings, 1);
    // Marks are as old as the oldest record a restore may need.
    let keep = number(&raw, "retention.ms").unwrap_or(-1);
    let keep = if keep < 0 { keep } else { keep.max(7 * DAY) };
    let marks_settings = [("retention.ms", keep.to_string()), ("cleanup.policy", "delete".to_owned())];
    ensure(&config.marks_topic(), &marks_settings, raw_partitions);
    let dead_bytes_max = broker.check_settings(&raw, longest_window, &mut wrong);
    if !wrong.is_empty() {
        return Err(Fault::Checks(wrong));
    }
    let cluster = broker.access.cluster;
    Ok(Found { cluster, raw_partitions, outgoing_partitions: outgoing, dead_partitions: dead, dead_bytes_max })
}

/// The same without the calls that an embedded broker does not have.
fn look_only(config: &Config) -> Result<Found, Fault> {
    let broker = Broker::open(config, &[])?;
    let count = |topic: &str| {
        let found =
            broker.access.partitions(topic).and_then(|count| count.ok_or(format!("the topic {topic} is not there")));
        found.map_err(|wrong| Fault::Checks(vec![wrong]))
    };
    Ok(Found {
        raw_partitions: count(&config.raw_topic)?,
        outgoing_partitions: count(&config.outgoing_topic)?,
        dead_partitions: count(&config.dead_topic())?,
        dead_bytes_max: usize::try_from(MESSAGE_BYTES).expect("it is positive"),
        cluster: broker.access.cluster,
    })
}

impl<'a> Broker<'a> {
    fn open(config: &'a Config, needs: &[Need]) -> Result<Self, Fault> {
        let access = access::check(&config.client(), needs)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Kafka(format!("no thread to ask the broker on: {error}")))?;
        Ok(Self { config, access, runtime })
    }

    /// Makes sure of a topic; the number of its partitions.
    fn ensure(&self, topic: &str, partitions: i32, settings: &[(&str, String)], least: i32) -> Result<i32, String> {
        match self.access.partitions(topic)? {
            Some(count) if count < least => Err(format!("the topic {topic} has {count} partitions and needs {least}")),
            Some(count) => Ok(count),
            None if !self.config.create_topics => Err(format!(
                "the topic {topic} is not there: create it with {partitions} partitions, or set `create_topics = true` under [run]"
            )),
            None => self.create(topic, partitions, settings).map(|()| partitions),
        }
    }

    fn create(&self, topic: &str, partitions: i32, settings: &[(&str, String)]) -> Result<(), String> {
        // -1: as many replicas as the broker makes by default.
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        for (key, value) in settings {
            new = new.set(key, value);
        }
        let created = self
            .runtime
            .block_on(self.access.admin.create_topics(&[new], &AdminOptions::new().operation_timeout(Some(TIMEOUT))));
        let one = created.map_err(|error| format!("the topic {topic} can't be created: {error}"))?.into_iter().next();
        match one {
            None | Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
                tracing::info!(topic, partitions, "topic created");
                self.wait_for(topic)
            }
            Some(Err((_, error))) => Err(format!("the topic {topic} can't be created: {error}")),
        }
    }

    /// A topic that was just made is not known to every broker at once.
    fn wait_for(&self, topic: &str) -> Result<(), String> {
        let until = Instant::now() + TIMEOUT;
        loop {
            let unknown = match (self.access.partitions(topic), self.settings(topic)) {
                (Ok(Some(_)), Ok(_)) => return Ok(()),
                (Err(error), _) | (_, Err(error)) => error,
                (Ok(None), _) => "it is not listed".to_owned(),
            };
            if Instant::now() > until {
                return Err(format!("the topic {topic} was created and can't be used: {unknown}"));
            }
            std::thread::sleep(WAIT);
        }
    }

    fn settings(&self, topic: &str) -> Result<Settings, String> {
        let wrong = |error: String| format!("the settings of topic {topic} can't be read: {error}");
        let found = self
            .runtime
            .block_on(self.access.admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &AdminOptions::new()));
        let one = found.map_err(|error| wrong(error.to_string()))?.into_iter().next();
        let resource = one.ok_or_else(|| wrong("no answer".to_owned()))?.map_err(|error| wrong(error.to_string()))?;
        Ok(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    /// What topics that were there before must keep to. The dead-letter topic's size.
    fn check_settings(&self, raw: &Settings, longest_window: Millis, wrong: &mut Vec<String>) -> usize {
        let raw_topic = &self.config.raw_topic;
        if raw.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
            wrong.push(format!("the raw topic {raw_topic} is compacted: records a restore needs would be gone. Set its cleanup.policy to delete"));
        }
        let raw_keeps = number(raw, "retention.ms").unwrap_or(-1);
        if raw_keeps >= 0 && raw_keeps < longest_window {
            let (days, window) = (raw_keeps / DAY, longest_window / DAY);
            tracing::warn!(
                "{raw_topic} keeps {days} days, the playbook looks back {window}: without snapshots the state could not be had again"
            );
        }
        let (marks, dead) = (self.config.marks_topic(), self.config.dead_topic());
        match self.settings(&marks) {
            Ok(settings) => check_marks(&marks, &settings, raw_keeps, wrong),
            Err(error) => wrong.push(error),
        }
        let needed = number(raw, "max.message.bytes").unwrap_or(MESSAGE_BYTES) + DEAD_MARGIN;
        let takes = match self.settings(&dead) {
            Ok(settings) => number(&settings, "max.message.bytes").unwrap_or(MESSAGE_BYTES),
            Err(error) => {
                wrong.push(error);
                needed
            }
        };
        if takes < needed {
            wrong.push(format!("the topic {dead} takes messages of {takes} bytes, less than what {raw_topic} may hold with its reason: set its max.message.bytes to {needed}"));
        }
        usize::try_from(takes).unwrap_or(0)
    }
}

fn check_marks(topic: &str, settings: &Settings, raw_keeps: i64, wrong: &mut Vec<String>) {
    if settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
        wrong.push(format!("the topic {topic} is compacted: set its cleanup.policy to delete"));
    }
    let keeps = number(settings, "retention.ms").unwrap_or(-1);
    if keeps >= 0 && (raw_keeps < 0 || keeps < raw_keeps) {
        wrong
            .push(format!("the topic {topic} keeps less long than the raw topic: set its retention.ms to {raw_keeps}"));
    }
}

fn number(settings: &Settings, key: &str) -> Option<i64> {
    settings.get(key)?.parse().ok()
}
