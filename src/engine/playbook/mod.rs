//! Playbooks: as written → checked, as meant → compiled.

mod check;
mod expression;
pub mod meant;
pub mod mistake;
pub mod pattern;
pub mod program;
mod written;

use meant::Playbook;
use mistake::Mistake;

/// What came of reading a playbook: data and all mistakes, never the first error alone.
#[derive(Debug)]
pub struct Reading {
    /// The name under which the text was given, for messages.
    pub file: String,
    /// There when nothing is wrong with it, whatever the warnings.
    pub playbook: Option<Playbook>,
    /// Errors and warnings, in the order of their places.
    pub mistakes: Vec<Mistake>,
}

/// Reads a playbook. `file` is its name, used in messages only.
pub fn read(text: &str, file: &str) -> Reading {
    let mut mistakes = Vec::new();
    let written = written::read(text, &mut mistakes);
    let playbook = written.map(|written| check::check(text, &written, &mut mistakes));
    mistakes.sort_by(|a, b| (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code)));
    mistakes.dedup();
    let is_right = !mistakes.iter().any(Mistake::is_error);
    Reading { file: file.to_string(), playbook: playbook.filter(|_| is_right), mistakes }
}

impl Reading {
    pub fn errors(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(|mistake| mistake.is_error())
    }

    pub fn warnings(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(|mistake| !mistake.is_error())
    }
}
