//! `kairos run`: configure → check → build → watch → process → drain. It must not know how records are processed.

mod editions;
mod look_up;
mod people;
mod processing;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use super::{ConfigArg, Exit};
use crate::processor::reset::Failed;
use crate::processor::{self, Config, Fault, LookUps, OnTrouble, Outside, Shutdown, SystemClock};
use crate::settings::{OnChange, Settings};
use crate::telemetry::admin::Sources;
use crate::telemetry::{Admin, Health, Log, Registry};
use editions::Reader;
use processing::Processing;
use watch::Watch;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    let config = config(&settings);
    let reader = Reader::new(settings.run.playbook.clone(), config.clone());
    let playbook = reader.read()?;

    let log = Log::start(&settings.log);
    let registry = Registry::new(|metric| !metric.name.starts_with("kairos_forward_"));
    let health = Health::default();
    let observer = Arc::new(Processing::new(registry.clone(), health.clone(), playbook.moments()));
    let look_ups = Arc::<LookUps>::default();
    let look_up = look_up::start(Arc::clone(&look_ups), settings.admin.redact).map_err(Exit::Fault)?;
    let sources = Sources { registry: registry.clone(), health, look_up: Some(look_up) };
    let admin = Admin::start(&settings.admin, sources).map_err(Exit::Fault)?;

    let shutdown = Shutdown::default();
    let editions = processor::playbook::editions(playbook.program, playbook.text, &config);
    let outside = Outside {
        editions: Arc::clone(&editions),
        clock: Arc::new(SystemClock::default()),
        observer: observer.clone(),
        shutdown: shutdown.clone(),
        look_ups,
    };
    let watch = Watch { shutdown, reader, editions, observer, registry, log, config: args.config };
    let watch = watch.start().map_err(|error| Exit::Fault(format!("can't wait for signals: {error}")))?;
    tracing::info!(
        version = env!("KAIROS_VERSION"),
        topic = settings.raw.topic,
        group = settings.run.group,
        admin = admin.as_ref().map(|admin| admin.address.to_string()),
        "processing"
    );
    let ended = processor::run(config, &outside);
    drop((watch, admin));
    ended.map_err(exit)
}

/// How a command ends that met one; also for those that look after the processor's state.
pub fn exit(fault: Fault) -> Exit {
    let text = fault.to_string();
    match fault {
        Fault::Fenced(_) => Exit::Fenced(text),
        Fault::Checks(_) => Exit::Usage(text),
        Fault::Disowned(_) | Fault::Kafka(_) | Fault::Store(_) | Fault::Stopped(..) | Fault::Grown(_) => {
            Exit::Fault(text)
        }
    }
}

/// The same for those that may refuse.
impl From<Failed> for Exit {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(_) => Self::No(failed.to_string()),
            Failed::Fault(fault) => exit(fault),
        }
    }
}

/// What the processor needs of the settings; also for the commands that look after its state.
pub fn config(settings: &Settings) -> Config {
    let Settings { kafka, raw, outgoing, run, snapshots, .. } = settings;
    let property = |property: &crate::settings::Property| (property.name.clone(), property.value.expose().to_owned());
    Config {
        brokers: kafka.brokers.clone(),
        kafka: kafka.properties.iter().map(property).collect(),
        embedded_broker: false,
        raw_topic: raw.topic.clone(),
        outgoing_topic: outgoing.topic.clone(),
        partitioner: raw.partitioner,
        unwrap: raw.unwrap.clone(),
        placeholders: raw.placeholders.clone(),
        dedupe_window: raw.dedupe_window,
        group: run.group.clone(),
        instance: run.instance.clone(),
        threads: run.threads,
        commit_interval: duration(run.commit_interval),
        hold_back: run.hold_back,
        hold_back_until: run.hold_back_until,
        idle_clock: run.idle_clock,
        idle_grace: run.idle_grace,
        idle_max: run.idle_max,
        create_topics: run.create_topics,
        on_growth: on_trouble(run.on_growth),
        on_gap: on_trouble(run.on_gap),
        snapshots_url: snapshots.url.clone(),
        snapshot_interval: duration(snapshots.interval),
        snapshots_keep: snapshots.keep,
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn on_trouble(choice: OnChange) -> OnTrouble {
    match choice {
        OnChange::Stop => OnTrouble::Stop,
        OnChange::Continue => OnTrouble::Continue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_ends_with_its_documented_code() {
        let cause = || "cause".to_owned();
        for (fault, code) in [
            (Fault::Checks(vec![cause()]), 2),
            (Fault::Disowned(cause()), 3),
            (Fault::Kafka(cause()), 3),
            (Fault::Store(crate::storage::StoreError::Url(cause())), 3),
            (Fault::Fenced(cause()), 4),
        ] {
            let ended = exit(fault);
            assert_eq!(ended.code(), code, "{ended}");
            assert!(ended.to_string().contains("cause"), "{ended}");
        }
    }
}
