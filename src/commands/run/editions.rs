//! From a playbook's file to what workers run. It must not know when playbooks change.

use std::path::PathBuf;
use std::sync::Arc;

use crate::commands::{Exit, playbook};
use crate::engine::playbook::program::Program;
use crate::processor::playbook::edition;
use crate::processor::{Config, Edition};

/// Reads the playbook's file under one set of settings.
pub struct Reader {
    path: PathBuf,
    config: Config,
}

/// A playbook ready to run.
pub struct Ready {
    pub program: Arc<Program>,
    pub text: String,
}

impl Reader {
    pub fn new(path: PathBuf, config: Config) -> Self {
        Self { path, config }
    }

    pub fn text(&self) -> Result<String, Exit> {
        playbook::text(&self.path)
    }

    /// The playbook, or all its mistakes, drawn.
    pub fn read(&self) -> Result<Ready, Exit> {
        let text = self.text()?;
        let program = Arc::new(Program::compile(playbook::load(&self.path)?));
        Ok(Ready { program, text })
    }

    pub fn edition(&self, ready: Ready) -> Edition {
        edition(ready.program, ready.text, &self.config)
    }
}

impl Ready {
    /// Names of the moments, in file order.
    pub fn moments(&self) -> Vec<String> {
        self.program.playbook.moments.iter().map(|moment| moment.name.clone()).collect()
    }
}
