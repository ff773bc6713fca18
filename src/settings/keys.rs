//! Every setting there is: name, kind, default and meaning, in one table. The file, the environment, `kairos config`
//! and `docs/settings.md` are all read against it. It must not know where a value came from or who uses it.

use super::kind::Kind;

/// One setting. `kafka.properties` is no row here: its names are librdkafka's.
#[derive(Debug)]
pub struct Key {
    /// `section.key`, as in the file.
    pub name: &'static str,
    pub kind: Kind,
    /// As it would be written in the environment.
    pub default: &'static str,
    pub about: &'static str,
}

impl Key {
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// `KAIROS__SECTION__KEY`
    pub fn variable(&self) -> String {
        format!("KAIROS__{}", self.name.replace('.', "__").to_ascii_uppercase())
    }
}

pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

pub const SECTIONS: &[(&str, &str)] = &[
    ("kafka", "How to reach the brokers."),
    ("raw", "What comes in."),
    ("outgoing", "What goes out."),
    ("run", "The processor, `kairos run`."),
    ("snapshots", "Where state is saved."),
    ("forward", "The sidecar, `kairos forward`."),
    ("admin", "The port for metrics, probes and look-ups."),
    ("log", "What is logged, to standard error."),
];

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

macro_rules! key {
    ($name:literal, $kind:expr, $default:literal, $about:literal) => {
        Key { name: $name, kind: $kind, default: $default, about: $about }
    };
}

#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key!("kafka.brokers", Kind::Brokers, "localhost:9092", "Brokers to begin with, `host:port`, separated by commas."),

    key!("raw.topic", Kind::Name, "segment-events", "The topic of Segment events. Dead letters go to `<topic>.dead`."),
    key!("raw.partitioner", Kind::Choice(&["murmur2", "crc32"]), "murmur2",
        "How the producers choose a partition from a key: `murmur2` as Java does, `crc32` as librdkafka does. Also used for what Kairos writes."),
    key!("raw.unwrap", Kind::Keys, "", "Where the message lies inside a record, as keys with dots between them. Empty: the record is the message."),
    key!("raw.placeholders", Kind::Texts, "", "More ids that stand for nobody, beside the built-in ones."),
    key!("raw.dedupe_window", Kind::Hours { most: 30 * DAY }, "24h", "For how long a `messageId` is remembered, in whole hours."),

    key!("outgoing.topic", Kind::Name, "kairos-outgoing", "The topic of messages for Segment. What the forwarder can't deliver goes to `<topic>.dead`."),

    key!("run.group", Kind::Name, "kairos", "The consumer group; also the first part of the marks topic's and the transactional ids' names."),
    key!("run.instance", Kind::NameOrNone, "", "A stable name of this process: static membership and transactional ids. Empty: host name and a random part."),
    key!("run.threads", Kind::Count { least: 1, most: 256 }, "2", "Workers in this process; each has a consumer and a producer."),
    key!("run.playbook", Kind::Path, "playbook.toml", "The playbook's file."),
    key!("run.commit_interval", Kind::Duration { least: 5, most: 5 * SECOND }, "100ms", "How often a transaction is committed while there are events."),
    key!("run.hold_back", Kind::DurationOrOff { most: 400 * DAY }, "24h", "What happened this long before a partition is first read is taken in silently; `off` sends everything."),
    key!("run.hold_back_until", Kind::TimeOrNone, "", "Take in silently all that happened before this time (RFC 3339), in place of `hold_back`: for a replay of history."),
    key!("run.idle_clock", Kind::Flag, "true", "Let time go on in a partition to which no events come."),
    key!("run.idle_grace", Kind::Duration { least: SECOND, most: HOUR }, "60s", "How long a partition must have been read to its end before it counts as idle."),
    key!("run.idle_max", Kind::Duration { least: MINUTE, most: 30 * DAY }, "6h", "How far the clock of an idle partition goes on past its last record."),
    key!("run.create_topics", Kind::Flag, "false", "Create the topics that are missing (never the raw one)."),
    key!("run.on_growth", Kind::Choice(&["stop", "continue"]), "stop", "When the raw topic has got more partitions: `stop`, or `continue` with histories split."),
    key!("run.on_gap", Kind::Choice(&["stop", "continue"]), "stop", "When records that were not read yet are gone: `stop`, or `continue` after the gap."),

    key!("snapshots.url", Kind::Store, "file:///var/lib/kairos", "Where snapshots lie: `file:///folder`, `s3://bucket/prefix`, `gs://…` or `az://…`. Credentials come from the environment variables that each cloud's own tools use."),
    key!("snapshots.interval", Kind::Duration { least: SECOND, most: DAY }, "60s", "How often a partition's state is saved."),
    key!("snapshots.keep", Kind::Count { least: 1, most: 100 }, "3", "How many generations to keep."),

    key!("forward.group", Kind::Name, "kairos-forward", "The forwarder's consumer group."),
    key!("forward.endpoint", Kind::Http, "https://api.segment.io/v1/batch", "Where batches are posted; in the EU `https://events.eu1.segmentapis.com/v1/batch`. An address without a path, as that of a RudderStack data plane or of Jitsu, gets `/v1/batch`."),
    key!("forward.write_key", Kind::Secret, "", "The source's write key. Never in the file: by `KAIROS__FORWARD__WRITE_KEY`, or `write_key_file`."),
    key!("forward.write_key_file", Kind::PathOrNone, "", "A file that holds the write key; read again when it changes."),
    key!("forward.kinds", Kind::Choices(&["identify", "track", "page", "screen", "group", "alias"]), "identify,track", "Which messages to deliver."),
    key!("forward.traits", Kind::Texts, "", "Of an `identify`, only these traits; empty: all. One that is cut so has a `messageId` of its own, as another forwarder may deliver the other part."),
    key!("forward.events", Kind::Texts, "", "Of the `track`s, only these events; empty: all."),
    key!("forward.max_items", Kind::Count { least: 1, most: 2_500 }, "100", "Most messages in one request."),
    key!("forward.max_wait", Kind::Duration { least: 1, most: MINUTE }, "1s", "How long a message waits for company."),
    key!("forward.rate", Kind::Number, "300", "Events a second at most, over all `instances`. Segment's limit is for the whole workspace, which other senders share."),
    key!("forward.instances", Kind::Count { least: 1, most: 1_000 }, "1", "How many forwarders share `rate`: each takes its part of it."),
    key!("forward.instance", Kind::NameOrNone, "", "A stable name of this forwarder: with it a restart moves no partitions. Empty: none."),
    key!("forward.concurrency", Kind::Count { least: 1, most: 64 }, "4", "Requests at a time. A user's messages are always in one of them, so none overtakes another."),
    key!("forward.timeout", Kind::Duration { least: SECOND / 10, most: 5 * MINUTE }, "10s", "How long a request may take, to the last byte of the answer."),
    key!("forward.stop_timeout", Kind::Duration { least: 0, most: MINUTE }, "15s", "Within this time the forwarder ends when it is stopped: four fifths for requests under way, the rest for their commit. As long it waits for them before it gives a partition away."),
    key!("forward.stalled_after", Kind::Duration { least: SECOND, most: DAY }, "5m", "Without any delivery for so long while something waits, `/readyz` says no."),
    key!("forward.ca_file", Kind::PathOrNone, "", "Certificates (PEM) to trust beside the system's."),
    key!("forward.gzip", Kind::Flag, "false", "Compress requests."),

    key!("admin.listen", Kind::Listen, "127.0.0.1:9464", "Address of `/metrics`, `/healthz`, `/readyz` and `/users/{id}`; `off` for none."),
    key!("admin.users", Kind::Choice(&["loopback", "any", "off"]), "loopback", "Who may ask for `/users/{id}`: callers on this machine, `any` that reach the port, or nobody."),
    key!("admin.redact", Kind::Flag, "false", "Leave the values of traits out of what `/users/{id}` answers."),

    key!("log.format", Kind::Choice(&["text", "json"]), "text", "Lines for people, or JSON objects for machines."),
    key!("log.level", Kind::LogFilter, "info", "`error`, `warn`, `info`, `debug`, `trace` or `off`; also by module: `info,kairos::processor=debug`."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::kind::Scalar;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for key in KEYS {
            assert!(key.kind.read(&Scalar::Plain(key.default.into())).is_ok(), "{}", key.name);
        }
    }

    #[test]
    fn every_key_has_a_section_and_a_sentence() {
        for key in KEYS {
            assert!(SECTIONS.iter().any(|(name, _)| *name == key.section()), "{}", key.name);
            assert!(key.about.ends_with('.'), "{}", key.name);
        }
    }
}
