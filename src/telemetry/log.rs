//! Logs, to standard error, as text or JSON; the level can change while the program runs. It must not know who logs.
//!
//! Levels mean what an operator does: an error wakes someone, a warning is looked at tomorrow, info tells what the
//! process is about. What users did or are is never logged above debug.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::settings::{Log as Settings, LogFormat};

/// The logs of this process.
#[derive(Clone)]
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl Log {
    /// Once per process; a second call leaves the first in force.
    pub fn start(settings: &Settings) -> Self {
        let (filter, handle) = reload::Layer::new(filter(&settings.level));
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines: Box<dyn Layer<_> + Send + Sync> = match settings.format {
            LogFormat::Text => Box::new(lines.with_ansi(colours)),
            LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        };
        // It fails only where a subscriber is set already, as in tests.
        let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
        Self(handle)
    }

    pub fn set_level(&self, level: &str) {
        if self.0.reload(filter(level)).is_err() {
            tracing::warn!("the log level could not be changed");
        }
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(level)
}
