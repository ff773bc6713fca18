//! Editions made of playbooks: the one place where the worker's world meets the engine's. It must not know Kafka.

use std::sync::Arc;

use super::{Config, Edition, Editions, Make, ReadEdition};
use crate::engine::playbook::{self, meant::Window, program::Cell, program::Program};
use crate::engine::{Engine, Millis, Options};

/// A playbook's text, compiled, as what workers make engines of.
pub fn edition(program: Arc<Program>, text: String, config: &Config) -> Edition {
    let longest_window = program.cells.iter().filter_map(window).map(|window| window.length).max();
    Edition {
        fingerprint: program.playbook.fingerprint.clone(),
        revision: program.playbook.revision,
        text,
        longest_window: longest_window.unwrap_or(0),
        make: make(program, config),
    }
}

/// The edition in force, and how older ones are read.
pub fn editions(program: Arc<Program>, text: String, config: &Config) -> Arc<Editions> {
    let older = config.clone();
    let read: ReadEdition = Box::new(move |text| {
        let playbook = playbook::read(text, "an earlier playbook").playbook?;
        Some(edition(Arc::new(Program::compile(playbook)), text.to_owned(), &older))
    });
    Arc::new(Editions::new(edition(program, text, config), read))
}

fn make(program: Arc<Program>, config: &Config) -> Make {
    let (partitioner, dedupe_window) = (config.partitioner, config.dedupe_window);
    let (unwrap, placeholders) = (config.unwrap.clone(), config.placeholders.clone());
    Box::new(move |partition, partitions| {
        let options = Options {
            partition,
            partitions,
            partitioner,
            unwrap: unwrap.clone(),
            placeholders: placeholders.clone(),
            dedupe_window,
        };
        Box::new(Engine::new(Arc::clone(&program), options))
    })
}

fn window(cell: &Cell) -> Option<Window> {
    match cell {
        Cell::Count(_, window) | Cell::Values(_, window) | Cell::Days(_, window) | Cell::Streak { window, .. } => {
            Some(*window)
        }
        _ => None,
    }
}

/// Milliseconds as the standard library has them.
pub fn duration(millis: Millis) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
