//! `kairos test`: a playbook's own test cases through the engine, for CI.

mod case;
mod junit;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::commands::{Exit, playbook, print};
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::Program;
use crate::engine::playbook::tests::TestCase;
use crate::engine::playbook::{holds_only_tests, read_tests};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Playbooks; a file with nothing but tests belongs to the playbook before it
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    playbook: Vec<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// How one case ended.
pub struct Outcome {
    pub file: String,
    pub name: String,
    pub seconds: f64,
    /// What was expected and did not happen, each after its line in the file; empty: it passed.
    pub failures: Vec<String>,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let mut outcomes = Vec::new();
    let mut before: Option<(Playbook, Arc<Program>)> = None;
    for path in &args.playbook {
        let file = path.display().to_string();
        let text = playbook::text(path)?;
        let cases = if holds_only_tests(&text) {
            let Some((playbook, _)) = &before else {
                return Err(Exit::Usage(format!("{file}: holds only tests; name the playbook they are for before it")));
            };
            let (cases, mistakes) = read_tests(&text, playbook);
            if mistakes.iter().any(|mistake| mistake.is_error()) {
                return Err(Exit::Usage(playbook::draw(&text, &file, &mistakes, false)));
            }
            cases
        } else {
            let source = playbook::read(path)?;
            let playbook = playbook::load(path)?;
            before = Some((playbook.clone(), Arc::new(Program::compile(playbook))));
            source.reading.tests
        };
        if let Some((_, program)) = &before {
            outcomes.extend(cases.iter().map(|case| outcome(&file, program, case)));
        }
    }
    print(&report(&outcomes))?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::xml(&outcomes))
            .map_err(|e| Exit::Fault(format!("can't write {}: {e}", path.display())))?;
    }
    if outcomes.iter().all(|outcome| outcome.failures.is_empty()) { Ok(()) } else { Err(Exit::No(String::new())) }
}

fn outcome(file: &str, program: &Arc<Program>, case: &TestCase) -> Outcome {
    let started = Instant::now();
    let failures = case::run(program, case);
    Outcome { file: file.to_owned(), name: case.name.clone(), seconds: started.elapsed().as_secs_f64(), failures }
}

fn report(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    for outcome in outcomes {
        let sign = if outcome.failures.is_empty() { "ok  " } else { "FAIL" };
        let _ = writeln!(out, "{sign} {}", outcome.name);
        for failure in &outcome.failures {
            let _ = writeln!(out, "     {}:{}", outcome.file, failure.replace('\n', "\n     "));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    let _ = writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed);
    out
}
