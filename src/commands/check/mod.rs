//! `kairos check`: settings and playbooks read, every mistake shown at once, and what a playbook costs.

mod cost;
mod report;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use super::playbook;
use super::{ConfigArg, Exit, print};
use crate::settings::{self, Mistake};
use report::Unusable;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A playbook to check, instead of the settings and the one they name; may be given again
    #[arg(long, value_name = "FILE")]
    playbook: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// End with exit code 1 when there are warnings
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: the lines, underlined
    #[default]
    Text,
    /// One JSON object
    Json,
    /// Annotations of GitHub Actions
    Github,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let (settings, paths) = subjects(&args);
    let mut report = report::Report { settings, ..Default::default() };
    for path in paths {
        match playbook::read(&path) {
            Ok(source) if crate::engine::playbook::holds_only_tests(&source.text) => {
                report.unusable.push(only_tests(&path));
            }
            Ok(source) => report.playbooks.push(source),
            Err(exit) => report.unusable.push(Unusable { path, what: exit.to_string() }),
        }
    }
    print(&report.show(args.format, io::stdout().is_terminal()))?;
    match (report.errors(), report.warnings()) {
        (1.., _) => Err(Exit::Usage(String::new())),
        (0, 1..) if args.deny_warnings => Err(Exit::No(String::new())),
        _ => Ok(()),
    }
}

/// What is wrong with the settings, and the playbooks to look at. Playbooks named on the command line stand for
/// themselves; settings are then looked at only when they are named too.
fn subjects(args: &Args) -> (Vec<Mistake>, Vec<PathBuf>) {
    if !args.playbook.is_empty() && args.config.config.is_none() {
        return (Vec::new(), args.playbook.clone());
    }
    let reading = settings::read(args.config.config.as_deref(), std::env::vars_os());
    let playbooks = match reading.playbook() {
        Some(path) if args.playbook.is_empty() => vec![path.to_owned()],
        _ => args.playbook.clone(),
    };
    (reading.mistakes, playbooks)
}

/// A file that holds only tests belongs to a playbook elsewhere, and can't be judged alone.
fn only_tests(path: &Path) -> Unusable {
    let name = path.display();
    let what = format!(
        "{name}: this holds tests and no rules: run it with `kairos test --playbook PLAYBOOK --playbook {name}`"
    );
    Unusable { path: path.to_owned(), what }
}
