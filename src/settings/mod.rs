//! The settings of all commands: `kairos.toml` and `KAIROS__SECTION__KEY`, as written, then as meant.
//!
//! [`resolve`] gives every setting with where it came from, or all mistakes at once; [`Settings`] is what commands
//! work with: nothing in it is unchecked, unnamed or without a unit. It must not know who uses a setting.

mod keys;
mod kind;
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
use std::path::{Path, PathBuf};

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
    value: Value,
}

/// Reads the file (the one named, else [`DEFAULT_FILE`] where it exists) and lays the environment over it.
pub fn resolve(
    config: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Resolved, Mistakes> {
    let mut written = Written::default();
    let default = Path::new(DEFAULT_FILE);
    let file = config.or_else(|| default.exists().then_some(default));
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => written.read_file(path, &text),
            Err(error) => written.mistakes.push(unreadable(path, &error)),
        }
    }
    written.read_environment(environment);
    resolve_written(written, file)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    let what = format!("can't read the settings: {error}; `kairos init` writes a file to begin with");
    Mistake { origin: Origin::File { path: path.to_owned(), line: 1 }, key: None, what }
}

fn resolve_written(written: Written, file: Option<&Path>) -> Result<Resolved, Mistakes> {
    let mut mistakes = written.mistakes;
    let mut values = BTreeMap::new();
    for key in KEYS {
        let unset = || (Scalar::Plain(key.default.to_owned()), Origin::Default);
        let (scalar, origin) = written.values.get(key.name).cloned().unwrap_or_else(unset);
        match key.kind.read(&scalar) {
            Ok(value) => {
                let value = settle(value, key, &origin);
                values.insert(key.name, Setting { shown: show(&value, &scalar), origin, value });
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
    if mistakes.is_empty() { Ok(resolved) } else { Err(Mistakes(mistakes)) }
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
        Origin::File { path, .. } => path.parent().map(Path::to_owned).unwrap_or_default(),
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
