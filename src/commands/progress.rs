//! How far a replay is, for people at a terminal: rate and time left. It knows nothing of what is replayed.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

/// Records between two looks at the time.
const EVERY: u64 = 16_384;

/// What is counted towards the end.
pub enum Whole {
    /// Bytes of files, of which this many were read.
    Bytes {
        size: u64,
        read: Arc<AtomicU64>,
    },
    Records(u64),
    /// Standard input: nobody knows.
    Unknown,
}

pub struct Progress {
    bar: Option<ProgressBar>,
    whole: Whole,
}

impl Progress {
    /// Shows nothing where nobody looks.
    pub fn new(whole: Whole) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(&whole));
        Self { bar, whole }
    }

    /// This many records are done.
    pub fn at(&self, records: u64) {
        if let Some(bar) = self.bar.as_ref().filter(|_| records.is_multiple_of(EVERY)) {
            bar.set_position(match &self.whole {
                Whole::Bytes { read, .. } => read.load(Ordering::Relaxed),
                Whole::Records(_) | Whole::Unknown => records,
            });
            let rate = records as f64 / bar.elapsed().as_secs_f64().max(1e-3);
            bar.set_message(format!("{records} records, {rate:.0}/s"));
        }
    }

    pub fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn bar(whole: &Whole) -> ProgressBar {
    let (bar, template) = match whole {
        Whole::Bytes { size, .. } => {
            (ProgressBar::new(*size), "{bar:40} {percent:>3}% of {total_bytes}  {msg}  {eta} left")
        }
        Whole::Records(count) => (ProgressBar::new(*count), "{bar:40} {percent:>3}% of {len}  {msg}  {eta} left"),
        Whole::Unknown => (ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is good"))
}
