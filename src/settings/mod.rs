//! The settings of all commands: `kairos.toml` and `KAIROS__SECTION__KEY`, as written, then as meant.
//!
//! [`resolve`] gives every setting with where it came from, or all mistakes at once; [`Settings`] is what commands
//! work with: nothing in it is unchecked, unnamed or without a unit. It must not know who uses a setting.

mod address;
mod flags;
mod keys;
mod kind;
mod librdkafka;
mod meant;
mod mistake;
mod properties;
mod secret;
mod units;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

pub use flags::{DedupeWindow, Unwrap};
pub use keys::{KEYS, Key, SECTIONS};
use kind::{Scalar, Value};
pub use meant::{Admin, Forward, Kafka, Log, LogFormat, OnChange, Outgoing, Raw, Run, Settings, Snapshots, Users};
pub use mistake::{Mistake, Mistakes, Origin, did_you_mean};
pub use properties::Property;
pub use secret::{MASK, Secret};
pub use units::{parse_duration, show_duration};
use written::Written;

/// Where commands look when no `--config` is given.
pub const DEFAULT_FILE: &str = "kairos.toml";

/// Every setting with its value and where it came from.
#[derive(Debug)]
pub struct Resolved {
    pub values: BTreeMap<&'static str, Setting>,
    pub properties: Vec<Property>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Setting {
    pub origin: Origin,
    /// As written; masked where it is a secret.
    pub shown: String,
    /// Whether it means something else than the default.
    pub is_changed: bool,
    value: Value,
}

/// What came of reading the settings: those that are right, and all that is wrong.
#[derive(Debug)]
pub struct Reading {
    settings: Resolved,
    pub mistakes: Vec<Mistake>,
}

impl Reading {
    /// The playbook, where that much is clear even beside mistakes. A default that isn't there is nobody's wish as
    /// long as the setting may stand where it could not be read.
    pub fn playbook(&self) -> Option<&Path> {
        let setting = self.settings.values.get("run.playbook")?;
        let Value::Text(path) = &setting.value else { return None };
        let path = Path::new(path);
        let is_meant = self.mistakes.is_empty() || setting.origin != Origin::Default || path.exists();
        is_meant.then_some(path)
    }

    fn into_result(self) -> Result<Resolved, Mistakes> {
        if self.mistakes.is_empty() { Ok(self.settings) } else { Err(Mistakes(self.mistakes)) }
    }
}

/// Every setting, or all that is wrong with them.
pub fn resolve(
    config: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Resolved, Mistakes> {
    read(config, environment).into_result()
}

/// Reads the file (the one named, else [`DEFAULT_FILE`] where it exists) and lays the environment over it.
pub fn read(config: Option<&Path>, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Reading {
    let mut written = Written::default();
    let default = Path::new(DEFAULT_FILE);
    let file = config.or_else(|| default.exists().then_some(default));
    if let Some(path) = file {
        match text(path) {
            Ok(text) => written.read_file(path, &text),
            Err(mistake) => written.mistakes.push(mistake),
        }
    }
    written.read_environment(environment);
    read_written(written, file)
}

fn text(path: &Path) -> Result<String, Mistake> {
    let mistake = |origin, what| Mistake { origin, key: None, what };
    let bytes = std::fs::read(path).map_err(|error| mistake(Origin::Whole(path.to_owned()), unreadable(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let right = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + right.iter().filter(|byte| **byte == b'\n').count();
        let origin = Origin::File { path: path.to_owned(), line };
        mistake(origin, "this is not UTF-8 text; save the file as UTF-8".into())
    })
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("can't read the settings: {error}; `kairos init` writes a file to begin with")
        }
        io::ErrorKind::IsADirectory => "this is a folder; the settings are read from a file".into(),
        _ => format!("can't read the settings: {error}"),
    }
}

fn read_written(written: Written, file: Option<&Path>) -> Reading {
    let mut mistakes = written.mistakes;
    let mut values = BTreeMap::new();
    for key in KEYS {
        let unset = || (Scalar::Plain(key.default.to_owned()), Origin::Default);
        let (scalar, origin) = written.values.get(key.name).cloned().unwrap_or_else(unset);
        match key.kind.read(&scalar) {
            Ok(value) => {
                let value = settle(value, key, &origin);
                let is_changed = Some(&value) != key.kind.read(&unset().0).ok().as_ref();
                values.insert(key.name, Setting { shown: show(&value, &scalar), is_changed, origin, value });
            }
            Err(what) => mistakes.push(Mistake { origin, key: Some(key.name.to_owned()), what }),
        }
    }
    let mut properties = Vec::new();
    for (name, (text, origin)) in written.properties {
        let folder = folder(&origin);
        match properties::read(&name, text, origin, &folder) {
            Ok(property) => properties.push(property),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    properties::complete(&mut properties);
    let resolved = Resolved { values, properties, file: file.map(Path::to_owned) };
    mistakes.extend(meant::conflicts(&resolved));
    mistakes.sort_by(|a, b| a.origin.cmp(&b.origin));
    Reading { settings: resolved, mistakes }
}

/// A relative path in the file starts from the file's folder, elsewhere from where the command was started.
fn settle(value: Value, key: &Key, origin: &Origin) -> Value {
    match (key.kind, value) {
        (kind::Kind::Path | kind::Kind::PathOrNone, Value::Text(path)) => {
            Value::Text(folder(origin).join(path).to_string_lossy().into_owned())
        }
        (_, value) => value,
    }
}

fn folder(origin: &Origin) -> PathBuf {
    match origin {
        // `./playbook.toml` is `playbook.toml`.
        Origin::File { path, .. } => {
            path.parent().filter(|folder| *folder != Path::new(".")).map(Path::to_owned).unwrap_or_default()
        }
        _ => PathBuf::new(),
    }
}

fn show(value: &Value, scalar: &Scalar) -> String {
    match (value, scalar) {
        (Value::Secret(_), _) => MASK.to_owned(),
        (_, Scalar::Plain(text) | Scalar::Text(text) | Scalar::Decimal(text)) => text.clone(),
        (_, Scalar::Whole(number)) => number.to_string(),
        (_, Scalar::Flag(flag)) => flag.to_string(),
        (_, Scalar::List(list)) => list.join(","),
        (_, Scalar::Other(_)) => unreachable!("no kind reads it"),
    }
}
