//! The way into Kafka: is a broker reached, does it let us in, and may we do there what we have to? Also for the
//! forwarder's command. It must not know what the topics are for.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use super::Fault;
pub use super::raw::rights::Right;
use super::raw::rights::{self, Held};

const TIMEOUT: Duration = Duration::from_secs(15);
/// How often a broker that has not answered is looked at again.
const STEP: Duration = Duration::from_millis(250);

/// A topic, or a group, and what has to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub resource: Resource,
    pub rights: &'static [Right],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    Topic(String),
    Group(String),
}

impl Need {
    pub fn topic(name: impl Into<String>, rights: &'static [Right]) -> Self {
        Self { resource: Resource::Topic(name.into()), rights }
    }

    pub fn group(name: impl Into<String>, rights: &'static [Right]) -> Self {
        Self { resource: Resource::Group(name.into()), rights }
    }

    /// What is missing of it, in words; nothing where nothing is, or where the broker does not say.
    fn missing(&self, held: &Held) -> Option<String> {
        let missing: Vec<Right> = match held {
            Held::Unknown => return None,
            Held::Refused => self.rights.to_vec(),
            Held::Rights(held) => self.rights.iter().copied().filter(|right| !held.contains(right)).collect(),
        };
        let names: Vec<String> = missing.iter().map(|right| format!("{right:?}")).collect();
        (!names.is_empty())
            .then(|| format!("Kafka's ACLs do not allow {} on {}: grant it", names.join(", "), self.resource))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "the topic {name}"),
            Self::Group(name) => write!(f, "the group {name}"),
        }
    }
}

/// A client that has been let in.
pub struct Access {
    pub admin: AdminClient<DefaultClientContext>,
    pub cluster: String,
    /// Asked about topics: where brokers make what is asked for, as they do unless told otherwise, they do so for an admin
    /// client, and not for a consumer that asks them not to.
    looker: BaseConsumer,
}

impl Access {
    /// Until a broker answers, refuses us, or takes too long.
    pub fn open(client: &ClientConfig) -> Result<Self, Fault> {
        // A producer is the client that hands errors on; the admin client keeps them to itself.
        let door: BaseProducer<Heard> = client.create_with_context(Heard::default())?;
        let brokers = client.get("bootstrap.servers").unwrap_or_default();
        let started = Instant::now();
        loop {
            if let Some(cluster) = door.client().fetch_cluster_id(STEP) {
                let looker = client.clone().set("allow.auto.create.topics", "false").create()?;
                return Ok(Self { admin: client.create()?, cluster, looker });
            }
            door.poll(Duration::ZERO);
            let heard = door.context();
            if let Some(refusal) = heard.refusal() {
                return Err(Fault::Kafka(format!("no broker of {brokers} lets us in: {refusal}")));
            }
            if started.elapsed() > TIMEOUT {
                return Err(Fault::Kafka(format!(
                    "no broker of {brokers} answers{}. Look at kafka.brokers, and whether one is up",
                    heard.last()
                )));
            }
        }
    }

    /// How many partitions a topic has; `None`: there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, String> {
        let metadata = self.looker.fetch_metadata(Some(topic), TIMEOUT);
        let metadata = metadata.map_err(|error| format!("the topic {topic} can't be looked at: {error}"))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(i32::try_from(found.partitions().len()).expect("Kafka counts partitions in 32 bits"))),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
            Some(error) => Err(format!("the topic {topic} can't be used: {error}")),
        }
    }

    /// The same of the raw topic, which must be there: nobody but its owner knows how many it is to have.
    pub fn raw_partitions(&self, topic: &str) -> Result<i32, Fault> {
        let wrong = |what: String| Fault::Checks(vec![what]);
        let found = self.partitions(topic).map_err(wrong)?.filter(|count| *count > 0);
        found.ok_or_else(|| {
            wrong(format!("the raw topic {topic} is not there: create it, or name another by raw.topic"))
        })
    }

    /// All rights that are missing, in words.
    pub fn missing(&self, needs: &[Need]) -> Result<Vec<String>, Fault> {
        let mut missing = Vec::new();
        let client = self.admin.inner();
        fn topic(need: &Need) -> Option<&str> {
            match &need.resource {
                Resource::Topic(name) => Some(name.as_str()),
                Resource::Group(_) => None,
            }
        }
        let names: Vec<&str> = needs.iter().filter_map(topic).collect();
        if names.is_empty() {
            return Ok(missing); // an embedded broker could not say
        }
        let topics = rights::of_topics(client, &names, TIMEOUT).map_err(Fault::Kafka)?;
        for need in needs {
            missing.extend(match &need.resource {
                Resource::Topic(name) => {
                    topics.iter().find(|(found, _)| found == name).and_then(|(_, held)| need.missing(held))
                }
                Resource::Group(name) => need.missing(&rights::of_group(client, name, TIMEOUT).map_err(Fault::Kafka)?),
            });
        }
        Ok(missing)
    }
}

/// Reached and allowed, or what is in the way.
pub fn check(client: &ClientConfig, needs: &[Need]) -> Result<Access, Fault> {
    let access = Access::open(client)?;
    let missing = access.missing(needs)?;
    if missing.is_empty() { Ok(access) } else { Err(Fault::Checks(missing)) }
}

/// What librdkafka says aside, kept for the message of whoever waits.
#[derive(Default)]
pub struct Heard(Mutex<Said>);

#[derive(Default)]
struct Said {
    refusal: Option<String>,
    last: Option<String>,
}

impl Heard {
    fn refusal(&self) -> Option<String> {
        self.0.lock().expect("no one panics while holding it").refusal.clone()
    }

    fn last(&self) -> String {
        let said = self.0.lock().expect("no one panics while holding it");
        said.last.as_ref().map(|last| format!(": {last}")).unwrap_or_default()
    }
}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {} // it sends nothing
}

impl ClientContext for Heard {
    fn error(&self, error: KafkaError, reason: &str) {
        let mut said = self.0.lock().expect("no one panics while holding it");
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication) => {
                said.refusal = Some(format!("{reason}. Look at the user and its password in [kafka.properties]"));
            }
            Some(RDKafkaErrorCode::SSL) => said.refusal = Some(reason.to_owned()),
            Some(RDKafkaErrorCode::AllBrokersDown) => {} // others have said why
            _ => said.last = Some(reason.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        let need = Need::topic("raw", &[Right::Read, Right::DescribeConfigs]);
        let held = |rights: &[Right]| Held::Rights(rights.to_vec());
        assert_eq!(need.missing(&held(&[Right::DescribeConfigs, Right::Read, Right::Describe])), None);
        assert_eq!(need.missing(&Held::Unknown), None);
        let missing = need.missing(&held(&[Right::Read])).unwrap();
        assert!(missing.contains("DescribeConfigs on the topic raw") && !missing.contains("Read"), "{missing}");
        assert!(need.missing(&Held::Refused).unwrap().contains("Read, DescribeConfigs"));
    }
}
