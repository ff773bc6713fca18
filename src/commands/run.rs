//! `kairos run`: the processor. A straight line: settings, playbook, processor, until a signal. It must not know how
//! any of them work.

use std::sync::Arc;
use std::time::Duration;

use super::{ConfigArg, Exit};
use crate::engine::playbook::{self, program::Program};
use crate::processor::{self, Config, Fault, OnTrouble, Outside, Shutdown, SystemClock};
use crate::settings::{LogFormat, OnChange, Settings};

/// A stop that takes longer than this is made short.
const STOP_WITHIN: Duration = Duration::from_secs(28);

/// Process the raw topic until told to stop
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    log(&settings);
    let (program, text) = read_playbook(&settings)?;
    let config = config(&settings);
    let shutdown = Shutdown::default();
    stop_on_signals(&shutdown)?;
    let outside = Outside {
        editions: processor::playbook::editions(program, text, &config),
        clock: Arc::new(SystemClock::default()),
        observer: Arc::new(()),
        shutdown,
    };
    processor::run(config, &outside).map_err(exit)
}

fn log(settings: &Settings) {
    let level = tracing_subscriber::EnvFilter::new(&settings.log.level);
    let lines = tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr);
    let set = match settings.log.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.expect("it is set once, here");
}

fn read_playbook(settings: &Settings) -> Result<(Arc<Program>, String), Exit> {
    let path = &settings.run.playbook;
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Exit::Usage(format!("the playbook {name} ([run] playbook) can't be read: {error}")))?;
    let reading = playbook::read(&text, &name);
    let Some(playbook) = reading.playbook else {
        let mistakes: Vec<_> = reading.errors().map(|mistake| mistake.message.clone()).collect();
        return Err(Exit::Usage(format!("{name}: {}\n`kairos check` shows where", mistakes.join("\n"))));
    };
    Ok((Arc::new(Program::compile(playbook)), text))
}

/// The settings as the processor wants them.
pub fn config(settings: &Settings) -> Config {
    let Settings { kafka, raw, outgoing, run, snapshots, .. } = settings;
    let properties = kafka.properties.iter();
    Config {
        brokers: kafka.brokers.clone(),
        kafka: properties.map(|property| (property.name.clone(), property.value.expose().to_owned())).collect(),
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
        commit_interval: processor::playbook::duration(run.commit_interval),
        hold_back: run.hold_back,
        hold_back_until: run.hold_back_until,
        idle_clock: run.idle_clock,
        idle_grace: run.idle_grace,
        idle_max: run.idle_max,
        create_topics: run.create_topics,
        on_growth: on_trouble(run.on_growth),
        on_gap: on_trouble(run.on_gap),
        snapshots_url: snapshots.url.clone(),
        snapshot_interval: processor::playbook::duration(snapshots.interval),
        snapshots_keep: snapshots.keep,
    }
}

fn on_trouble(change: OnChange) -> OnTrouble {
    match change {
        OnChange::Stop => OnTrouble::Stop,
        OnChange::Continue => OnTrouble::Continue,
    }
}

fn exit(fault: Fault) -> Exit {
    match fault {
        Fault::Fenced(_) => Exit::Fenced(fault.to_string()),
        _ => Exit::Fault(fault.to_string()),
    }
}

/// SIGTERM or SIGINT: finish and leave. A second one: at once.
fn stop_on_signals(shutdown: &Shutdown) -> Result<(), Exit> {
    let failed = |error: std::io::Error| Exit::Fault(format!("signals can't be listened to: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let shutdown = shutdown.clone();
    let listen = move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                tracing::error!("signals can't be listened to");
                return;
            };
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("told to stop: finishing the batch");
            shutdown.stop();
            tokio::select! {
                _ = terminate.recv() => std::process::exit(3),
                _ = interrupt.recv() => std::process::exit(3),
                () = tokio::time::sleep(STOP_WITHIN) => shutdown.hurry(),
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop).map_err(failed)
}
