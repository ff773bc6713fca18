//! What was found, in the three forms it can be shown in.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::playbook::{Source, draw, position};
use super::{Format, cost};
use crate::engine::playbook::mistake::{Mistake, Severity};
use crate::settings::{self, Origin};

#[derive(Debug, Default)]
pub struct Report {
    /// All errors.
    pub settings: Vec<settings::Mistake>,
    pub unusable: Vec<Unusable>,
    pub playbooks: Vec<Source>,
}

/// A file that can't be read or judged as a playbook: an error.
#[derive(Debug)]
pub struct Unusable {
    pub path: PathBuf,
    /// The whole sentence, with the path.
    pub what: String,
}

impl Report {
    pub fn errors(&self) -> usize {
        let others = self.settings.len() + self.unusable.len();
        others + self.playbooks.iter().map(|source| source.reading.errors().count()).sum::<usize>()
    }

    pub fn warnings(&self) -> usize {
        self.playbooks.iter().map(|source| source.reading.warnings().count()).sum()
    }

    pub fn show(&self, format: Format, colour: bool) -> String {
        match format {
            Format::Text => self.text(colour),
            Format::Json => self.json(),
            Format::Github => self.github(),
        }
    }

    fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for mistake in &self.settings {
            let _ = writeln!(text, "error: {mistake}\n");
        }
        for Unusable { what, .. } in &self.unusable {
            let _ = writeln!(text, "error: {what}\n");
        }
        for Source { text: file, reading } in &self.playbooks {
            if !reading.mistakes.is_empty() {
                let _ = writeln!(text, "{}\n", draw(file, &reading.file, &reading.mistakes, colour));
            }
            if let Some(playbook) = &reading.playbook {
                text.push_str(&cost::show(playbook, &reading.file));
            }
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn summary(&self) -> String {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        match (self.errors(), self.warnings()) {
            (0, 0) => "all is well".to_string(),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        }
    }

    fn json(&self) -> String {
        let mut mistakes: Vec<Value> = self.settings.iter().map(of_settings).collect();
        mistakes.extend(self.unusable.iter().map(of_unusable));
        for Source { text, reading } in &self.playbooks {
            mistakes.extend(reading.mistakes.iter().map(|mistake| of_playbook(text, &reading.file, mistake)));
        }
        let cost = self.playbooks.iter().filter_map(|source| {
            source.reading.playbook.as_ref().map(|playbook| cost::json(playbook, &source.reading.file))
        });
        let report = json!({
            "errors": self.errors(),
            "warnings": self.warnings(),
            "mistakes": mistakes,
            "cost": cost.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }

    fn github(&self) -> String {
        let mut lines = String::new();
        for mistake in &self.settings {
            let _ =
                writeln!(lines, "::error {}::{}", place(&mistake.origin, "settings"), escaped(&mistake.to_string()));
        }
        for Unusable { path, what } in &self.unusable {
            let _ = writeln!(lines, "::error {}::{}", place(&Origin::Whole(path.clone()), "file"), escaped(what));
        }
        for Source { text, reading } in &self.playbooks {
            for mistake in &reading.mistakes {
                let (line, column) = position(text, mistake.span.start);
                let (end_line, end_column) = position(text, mistake.span.end);
                let message = sentences(mistake);
                let _ = writeln!(
                    lines,
                    "::{} file={},line={line},col={column},endLine={end_line},endColumn={end_column},title={}::{}",
                    name(mistake.severity()),
                    property(&reading.file),
                    mistake.code.as_str(),
                    escaped(&message)
                );
            }
        }
        lines
    }
}

fn of_settings(mistake: &settings::Mistake) -> Value {
    let mut value = json!({ "severity": "error", "code": "settings", "key": mistake.key, "message": mistake.what });
    match &mistake.origin {
        Origin::Whole(path) => value["file"] = json!(path.to_string_lossy()),
        Origin::File { path, line } => {
            value["file"] = json!(path.to_string_lossy());
            value["line"] = json!(line);
        }
        Origin::Variable(name) => value["variable"] = json!(name),
        Origin::Default => {}
    }
    value
}

fn of_unusable(Unusable { path, what }: &Unusable) -> Value {
    json!({ "severity": "error", "code": "file", "file": path.to_string_lossy(), "message": what })
}

/// Where a mistake is, as GitHub's properties; variables and defaults stand in no file.
fn place(origin: &Origin, title: &str) -> String {
    match origin {
        Origin::Whole(path) => format!("file={},title={title}", property(&path.to_string_lossy())),
        Origin::File { path, line } => format!("file={},line={line},title={title}", property(&path.to_string_lossy())),
        Origin::Variable(_) | Origin::Default => format!("title={title}"),
    }
}

fn of_playbook(text: &str, file: &str, mistake: &Mistake) -> Value {
    let (line, column) = position(text, mistake.span.start);
    let (end_line, end_column) = position(text, mistake.span.end);
    json!({
        "severity": name(mistake.severity()),
        "code": mistake.code.as_str(),
        "file": file,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "message": mistake.message,
        "label": mistake.label,
        "help": mistake.help,
    })
}

fn sentences(mistake: &Mistake) -> String {
    match &mistake.help {
        Some(help) => format!("{}\n{help}", mistake.message),
        None => mistake.message.clone(),
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// GitHub's escapes of a message.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// GitHub's escapes of a property, which ends at a comma or colon.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::playbook;

    const WRONG: &str = "[signals.paid]\nevent = \"Order Completed\"\n\n[moments.buyer]\nwhen = \"paid.cuont(\\\"7d\\\") > 2\"\ncooldown = \"30d\"\n";

    fn report() -> Report {
        let reading = playbook::read(WRONG, "dir/my,playbook.toml");
        Report { playbooks: vec![Source { text: WRONG.to_string(), reading }], ..Report::default() }
    }

    #[test]
    fn text_underlines_the_piece() {
        let expected = r#"error[unknown_function]: a signal has no `cuont`
 --> dir/my,playbook.toml:5:14
  |
5 | when = "paid.cuont(\"7d\") > 2"
  |              ^^^^^ unknown function
  |
  = help: did you mean `count`?

1 error, 0 warnings
"#;
        assert_eq!(report().text(false), expected);
    }

    #[test]
    fn github_gets_annotations() {
        let expected = "::error file=dir/my%2Cplaybook.toml,line=5,col=14,endLine=5,endColumn=19,title=unknown_function::a signal has no `cuont`%0Adid you mean `count`?\n";
        assert_eq!(report().github(), expected);
    }

    #[test]
    fn json_has_places() {
        let value: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(value["errors"], 1);
        assert_eq!(value["mistakes"][0]["code"], "unknown_function");
        assert_eq!((&value["mistakes"][0]["line"], &value["mistakes"][0]["column"]), (&json!(5), &json!(14)));
    }
}
