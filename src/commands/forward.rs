//! `kairos forward`: settings → the forwarder, until it is told to stop. It must not know how delivery works.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArg, Exit, print};
use crate::engine::Millis;
use crate::forwarder::{self, Config, Error, Kind, Metrics, Routing, WriteKeySource};
use crate::processor::access::{self, Need, Right};
use crate::processor::owners::Group;
use crate::settings::{self, Secret, Settings};
use crate::telemetry::admin::Sources;
use crate::telemetry::{Admin, Health, Log, Registry};

const HEALTH: &str = "forward";
const HEALTH_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Print what would be sent from here to the end of the topic, one message a line; send and commit nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    let log = Log::start(&settings.log);
    if args.dry_run {
        look(&settings, &[Need::topic(&settings.outgoing.topic, &[Right::Read])])?;
        // It needs no key, and must not ask for one.
        return forwarder::dry_run(&config(&settings, WriteKeySource::Given(Secret::new(""))), print);
    }
    let config = config(&settings, write_key(&settings)?);
    look(&settings, &needs(&settings))?;
    let _owners = members(&config).map(Group::watch).transpose().map_err(|error| Exit::Fault(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Exit::Fault(format!("no threads to run on: {e}")))?;
    let served = runtime.block_on(serve(config, &settings.admin, (args.config, log)));
    // A thread that still waits for a broker which is away must not hold up the end.
    runtime.shutdown_background();
    served
}

/// What delivery takes.
fn needs(settings: &Settings) -> [Need; 3] {
    let topic = &settings.outgoing.topic;
    [
        Need::topic(topic, &[Right::Read]),
        Need::topic(format!("{topic}.dead"), &[Right::Write]),
        Need::group(&settings.forward.group, &[Right::Read]),
    ]
}

/// Reached, let in, and allowed to do this.
fn look(settings: &Settings, needs: &[Need]) -> Result<(), Exit> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &settings.kafka.brokers);
    for property in &settings.kafka.properties {
        client.set(&property.name, property.value.expose());
    }
    access::check(&client, needs).map(drop).map_err(super::run::exit)
}

/// The forwarders, where they have stable names.
fn members(config: &Config) -> Option<Group> {
    let Config { group, topic, .. } = config;
    config.instance.as_ref().map(|_| Group {
        client: forwarder::member(config),
        group: group.clone(),
        topic: topic.clone(),
        other: config.dead_topic(),
    })
}

async fn serve(config: Config, admin: &settings::Admin, (arg, log): (ConfigArg, Log)) -> Result<(), Exit> {
    let no_signals = |e| Exit::Fault(format!("can't listen for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            arg.reload_level(&log);
        }
    });
    let registry = Registry::new(|_| false);
    let metrics = Metrics::register(registry.inner()).map_err(|e| Exit::Fault(format!("metrics: {e}")))?;
    let metrics = Arc::new(metrics);
    let health = Health::starting(HEALTH, "starting");
    tokio::spawn(follow_health(Arc::clone(&metrics), health.clone()));
    let _admin = Admin::start(admin, Sources { registry, health, look_up: None }).map_err(Exit::Fault)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(forwarder::run(config, metrics, stop).await?)
}

/// Keeps `/readyz` at what the forwarder says of itself.
async fn follow_health(metrics: Arc<Metrics>, health: Health) {
    loop {
        health.set(HEALTH, metrics.hindrance());
        tokio::time::sleep(HEALTH_EVERY).await;
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Settings(_) | Error::NoTopic(_) => Self::Usage(text),
            Error::Fenced(_) => Self::Fenced(text),
            Error::Kafka(_) | Error::StopTimeout(_) | Error::Broken(_) => Self::Fault(text),
        }
    }
}

fn write_key(settings: &Settings) -> Result<WriteKeySource, Exit> {
    let forward = &settings.forward;
    let given = forward.write_key.clone().map(WriteKeySource::Given);
    given.or_else(|| forward.write_key_file.clone().map(WriteKeySource::File)).ok_or_else(|| {
        Exit::Usage("no write key: set KAIROS__FORWARD__WRITE_KEY, or forward.write_key_file".to_owned())
    })
}

/// The settings as the forwarder means them.
fn config(settings: &Settings, write_key: WriteKeySource) -> Config {
    let forward = &settings.forward;
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.iter().cloned().collect());
    let kinds = (!forward.kinds.is_empty()).then(|| forward.kinds.iter().filter_map(|k| Kind::named(k)).collect());
    let instances = u32::try_from(forward.instances).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    Config {
        brokers: settings.kafka.brokers.clone(),
        properties: settings.kafka.properties.clone(),
        topic: settings.outgoing.topic.clone(),
        group: forward.group.clone(),
        instance: forward.instance.clone(),
        endpoint: endpoint(&forward.endpoint),
        write_key,
        ca_file: forward.ca_file.clone(),
        gzip: forward.gzip,
        timeout: duration(forward.timeout),
        routing: Routing { kinds, traits: list(&forward.traits), events: list(&forward.events) },
        max_items: forward.max_items,
        max_wait: duration(forward.max_wait),
        concurrency: forward.concurrency,
        rate: Some(forward.rate),
        instances,
        stalled_after: duration(forward.stalled_after),
        stop_timeout: duration(forward.stop_timeout),
    }
}

/// An address without a path is that of a server with Segment's: RudderStack's data plane, Jitsu's ingest.
fn endpoint(url: &str) -> String {
    let base = url.trim_end_matches('/');
    match base.split_once("://").is_some_and(|(_, rest)| !rest.contains('/')) {
        true => format!("{base}/v1/batch"),
        false => url.to_owned(),
    }
}

fn duration(millis: Millis) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_path_gets_segments() {
        assert_eq!(endpoint("http://rudder:8080"), "http://rudder:8080/v1/batch");
        assert_eq!(endpoint("https://jitsu.example.com/"), "https://jitsu.example.com/v1/batch");
        assert_eq!(endpoint("https://a.example.com/in/batch"), "https://a.example.com/in/batch");
    }
}
