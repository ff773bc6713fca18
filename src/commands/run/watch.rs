//! What reaches a running processor from outside: the signals to stop, and a playbook that changed. It must not know
//! what workers do about it.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::editions::Reader;
use super::processing::Processing;
use crate::commands::{ConfigArg, Exit};
use crate::processor::{Editions, Shutdown};
use crate::telemetry::{Log, Registry, metrics};

/// After this time workers no longer wait for broker or store.
const HURRY_AFTER: Duration = Duration::from_secs(25);
/// After this one the process ends. Nothing is lost: what is not committed is done again.
const END_AFTER: Duration = Duration::from_secs(30);
/// How often the playbook's file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// An instance without a partition after this time is a stand-by.
const STAND_BY_AFTER: Duration = Duration::from_secs(60);

pub struct Watch {
    pub shutdown: Shutdown,
    pub reader: Reader,
    pub editions: Arc<Editions>,
    pub observer: Arc<Processing>,
    pub registry: Registry,
    pub log: Log,
    pub config: ConfigArg,
}

/// The thread that watches; it ends when this is dropped.
pub struct Watching {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Watch {
    pub fn start(self) -> io::Result<Watching> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals {
                term: signal(SignalKind::terminate())?,
                int: signal(SignalKind::interrupt())?,
                hup: signal(SignalKind::hangup())?,
            }
        };
        let (stop, stopped) = oneshot::channel();
        let watch = async move {
            tokio::select! {
                _ = stopped => {}
                () = self.watch(signals) => {}
            }
        };
        let thread = std::thread::Builder::new().name("watch".into()).spawn(move || runtime.block_on(watch))?;
        Ok(Watching { stop: Some(stop), thread: Some(thread) })
    }

    async fn watch(self, mut signals: Signals) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stand_by = sleep(STAND_BY_AFTER);
        tokio::pin!(stand_by);
        let mut waiting = true;
        let mut tried = self.editions.current().text.clone();
        loop {
            tokio::select! {
                _ = signals.term.recv() => break,
                _ = signals.int.recv() => break,
                _ = signals.hup.recv() => {
                    self.config.reload_level(&self.log);
                    self.reload(&mut tried, true);
                }
                _ = look.tick() => self.reload(&mut tried, false),
                () = &mut stand_by, if waiting => {
                    waiting = false;
                    self.observer.waited_long();
                }
            }
        }
        self.drain(signals).await;
    }

    /// Workers finish, commit, snapshot and leave. A second signal, or too long a time, ends it at once.
    async fn drain(self, mut signals: Signals) {
        tracing::info!("stopping: finishing what was begun; a second signal stops at once");
        self.shutdown.stop();
        let hurry = sleep(HURRY_AFTER);
        tokio::pin!(hurry);
        let end = sleep(END_AFTER);
        tokio::pin!(end);
        loop {
            tokio::select! {
                _ = signals.term.recv() => break,
                _ = signals.int.recv() => break,
                () = &mut hurry, if !self.shutdown.is_urgent() => self.shutdown.hurry(),
                () = &mut end => break,
            }
        }
        tracing::warn!("stopped before all was finished; what was not committed is done again at the next start");
        std::process::exit(i32::from(Exit::Fault(String::new()).code()));
    }

    /// Takes a changed playbook; a bad one leaves the old one in force, and is reported once.
    fn reload(&self, tried: &mut String, asked: bool) {
        let text = match self.reader.text() {
            Ok(text) if text == *tried && !asked => return,
            Ok(text) => text,
            // An editor may be between removing and writing; only one who asked wants to know.
            Err(_) if !asked => return,
            Err(error) => return tracing::error!("the playbook stays as it was: {error}"),
        };
        if text == self.editions.current().text {
            *tried = text;
            return;
        }
        *tried = text;
        match self.reader.read() {
            Ok(ready) => {
                let fingerprint = &ready.program.playbook.fingerprint;
                tracing::info!(fingerprint, "the playbook has changed and is taken over");
                self.registry.add(&metrics::PLAYBOOK_RELOADS, &["taken"], 1.0);
                self.observer.playbook(ready.moments());
                self.editions.replace(self.reader.edition(ready));
            }
            Err(mistakes) => {
                tracing::error!("the playbook has changed but is wrong; the old one stays in force:\n{mistakes}");
                self.registry.add(&metrics::PLAYBOOK_RELOADS, &["refused"], 1.0);
            }
        }
    }
}
