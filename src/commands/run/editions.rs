//! From a playbook's file to what workers run. It must not know when playbooks change.

use std::path::PathBuf;
use std::sync::Arc;

use crate::commands::{Exit, playbook};
use crate::engine::playbook::program::{Cell, Program};
use crate::engine::{Engine, Millis, Options, Partitioner};
use crate::processor::{Edition, Editions};
use crate::settings::Settings;

/// Reads playbooks under one set of settings.
#[derive(Clone)]
pub struct Reader {
    path: PathBuf,
    template: Template,
}

/// An engine's options but for its partition.
#[derive(Clone)]
struct Template {
    partitioner: Partitioner,
    unwrap: Vec<String>,
    placeholders: Vec<String>,
    dedupe_window: Millis,
}

/// An edition, with the names that metrics want of it.
pub struct Read {
    pub edition: Edition,
    pub moments: Vec<String>,
}

impl Reader {
    pub fn new(settings: &Settings) -> Self {
        let raw = &settings.raw;
        let template = Template {
            partitioner: raw.partitioner,
            unwrap: raw.unwrap.clone(),
            placeholders: raw.placeholders.clone(),
            dedupe_window: raw.dedupe_window,
        };
        Self { path: settings.run.playbook.clone(), template }
    }

    pub fn text(&self) -> Result<String, Exit> {
        playbook::text(&self.path)
    }

    /// The playbook's file as an edition, or all its mistakes, drawn.
    pub fn read_file(&self) -> Result<Read, Exit> {
        let text = self.text()?;
        let playbook = playbook::load(&self.path)?;
        Ok(self.template.edition(text, playbook))
    }

    /// The editions of a run that begins with this one.
    pub fn editions(&self, first: Edition) -> Editions {
        let template = self.template.clone();
        let read = move |text: &str| {
            let playbook = crate::engine::playbook::read(text, "playbook").playbook?;
            Some(template.edition(text.to_owned(), playbook).edition)
        };
        Editions::new(first, Box::new(read))
    }
}

impl Template {
    fn edition(&self, text: String, playbook: crate::engine::playbook::meant::Playbook) -> Read {
        let moments = playbook.moments.iter().map(|moment| moment.name.clone()).collect();
        let (fingerprint, revision) = (playbook.fingerprint.clone(), playbook.revision);
        let program = Arc::new(Program::compile(playbook));
        let longest_window = longest_window(&program);
        let template = self.clone();
        let make = move |partition, partitions| {
            let options = template.options(partition, partitions);
            Box::new(Engine::new(Arc::clone(&program), options)) as Box<_>
        };
        let edition = Edition { fingerprint, revision, text, longest_window, make: Box::new(make) };
        Read { edition, moments }
    }

    fn options(&self, partition: i32, partitions: i32) -> Options {
        Options {
            partition,
            partitions,
            partitioner: self.partitioner,
            unwrap: self.unwrap.clone(),
            placeholders: self.placeholders.clone(),
            dedupe_window: self.dedupe_window,
        }
    }
}

/// How far back the playbook looks.
fn longest_window(program: &Program) -> Millis {
    let length = |cell: &Cell| match cell {
        Cell::Count(_, window) | Cell::Values(_, window) | Cell::Days(_, window) => window.length,
        Cell::Streak { window, .. } => window.length,
        _ => 0,
    };
    program.cells.iter().map(length).max().unwrap_or(0)
}
