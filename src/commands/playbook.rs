//! Playbook files for commands: read, and their mistakes drawn for a terminal. It knows nothing of any command.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Exit;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::mistake::{Mistake, Severity, Span};
use crate::engine::playbook::{self, Reading};

/// A playbook's text and what came of reading it.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    pub reading: Reading,
}

/// Reads a playbook with all that is wrong about it.
pub fn read(path: &Path) -> Result<Source, Exit> {
    let text = text(path)?;
    let reading = playbook::read(&text, &path.to_string_lossy());
    Ok(Source { text, reading })
}

/// A playbook without errors; with some, they are the reason for the command to end. Warnings are for `kairos check`.
pub fn load(path: &Path) -> Result<Playbook, Exit> {
    let Source { text, reading } = read(path)?;
    let errors: Vec<Mistake> = reading.errors().cloned().collect();
    reading.playbook.ok_or_else(|| Exit::Usage(draw(&text, &reading.file, &errors, io::stderr().is_terminal())))
}

/// A file's text; one that is no UTF-8 is told apart from one that can't be read.
pub fn text(path: &Path) -> Result<String, Exit> {
    let bytes = std::fs::read(path).map_err(|error| Exit::Usage(unreadable(path, &error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Exit::Usage(format!("{}:{line}: this is not UTF-8 text; save the file as UTF-8", path.display()))
    })?;
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::NotFound => "; `kairos init` writes one to begin with",
        _ => "",
    };
    format!("{}: can't read the playbook: {error}{way_out}", path.display())
}

/// Mistakes as a compiler shows them, each with its lines.
pub fn draw(text: &str, file: &str, mistakes: &[Mistake], colour: bool) -> String {
    let renderer =
        if colour && std::env::var_os("NO_COLOR").is_none() { Renderer::styled() } else { Renderer::plain() };
    let drawn = mistakes.iter().map(|mistake| renderer.render(&[group(text, file, mistake)]));
    drawn.collect::<Vec<_>>().join("\n\n")
}

fn group<'a>(text: &'a str, file: &'a str, mistake: &'a Mistake) -> Group<'a> {
    let level = match mistake.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let label = (!mistake.label.is_empty()).then_some(mistake.label.as_str());
    let mut snippet = Snippet::source(text).path(file);
    snippet = snippet.annotation(AnnotationKind::Primary.span(within(text, &mistake.span)).label(label));
    if let Some((span, why)) = &mistake.related {
        snippet = snippet.annotation(AnnotationKind::Context.span(within(text, span)).label(why.as_str()));
    }
    let group = level.primary_title(mistake.message.as_str()).id(mistake.code.as_str()).element(snippet);
    match &mistake.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// A place that the renderer can show: within the text, on character boundaries.
fn within(text: &str, span: &Span) -> Span {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

/// Line and column of a place, both from 1 on; columns count characters.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..within(text, &(at..at)).start];
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "a\nbé = c\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('=').unwrap()), (2, 4));
        assert_eq!(position(text, 1_000), (3, 1));
    }
}
