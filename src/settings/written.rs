//! Settings as written: the file with its lines, then the environment over it. It must not know what values mean.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::keys::{self, KEYS, SECTIONS};
use super::kind::{Kind, Scalar};
use super::mistake::{Mistake, Origin, did_you_mean};
use super::properties;

/// All values that were written, the environment's in place of the file's, and what could not be placed.
#[derive(Debug, Default)]
pub struct Written {
    pub values: BTreeMap<&'static str, (Scalar, Origin)>,
    pub properties: BTreeMap<String, (String, Origin)>,
    pub mistakes: Vec<Mistake>,
}

pub const PROPERTIES: &str = "kafka.properties";

impl Written {
    pub fn read_file(&mut self, path: &Path, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut file = File { path: path.to_owned(), text, written: self };
        for error in errors {
            file.broken(&error);
        }
        for (section, value) in table.get_ref() {
            file.read_section(section, value);
        }
    }

    pub fn read_environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("KAIROS_")) else { continue };
            match (name.strip_prefix("KAIROS__"), value.into_string()) {
                // `KAIROS_RUN__THREADS` must not be passed over in silence; `KAIROS_CONFIG` is none of ours.
                (None, _) if name.contains("__") => {
                    self.unknown_variable(name, &format!("KAIROS__{}", &name["KAIROS_".len()..]));
                }
                (None, _) => {}
                (Some(_), Err(_)) => {
                    let origin = Origin::Variable(name.to_owned());
                    self.mistakes.push(Mistake { origin, key: None, what: "the value is not UTF-8".into() });
                }
                (Some(rest), Ok(value)) => self.read_variable(name, rest, value),
            }
        }
    }

    fn read_variable(&mut self, name: &str, rest: &str, value: String) {
        let origin = Origin::Variable(name.to_owned());
        if let Some(part) = rest.strip_prefix("KAFKA__PROPERTIES__").filter(|part| !part.is_empty()) {
            self.properties.insert(properties::from_variable(part), (value, origin));
        } else if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            self.values.insert(key.name, (Scalar::Plain(value), origin));
        } else if rest.starts_with("KAFKA__PROPERTIES") {
            let what = "a property's name must follow two underscores, as in KAIROS__KAFKA__PROPERTIES__SASL_USERNAME";
            self.mistakes.push(Mistake { origin, key: None, what: what.into() });
        } else {
            self.unknown_variable(name, name);
        }
    }

    fn unknown_variable(&mut self, name: &str, like: &str) {
        let known: Vec<String> = KEYS.iter().map(|key| key.variable()).collect();
        let hint = did_you_mean(&like.to_ascii_uppercase(), known.iter().map(String::as_str));
        let what = format!("no such setting{hint}");
        self.mistakes.push(Mistake { origin: Origin::Variable(name.to_owned()), key: None, what });
    }
}

/// One file while it is read.
struct File<'a> {
    path: PathBuf,
    text: &'a str,
    written: &'a mut Written,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File { path: self.path.clone(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
    }

    fn mistake(&mut self, origin: Origin, key: Option<String>, what: String) {
        self.written.mistakes.push(Mistake { origin, key, what });
    }

    fn broken(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let origin = self.origin(span.start);
        match self.text.get(span.clone()) {
            Some(name) if !name.is_empty() && error.message() == "duplicate key" => {
                let (key, what) = twice(self.text, span.start, name);
                self.mistake(origin, key, what);
            }
            _ => self.mistake(origin, None, error.message().to_owned()),
        }
    }

    fn read_section(&mut self, section: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) {
        let origin = self.origin(section.span().start);
        let name = section.get_ref().as_ref();
        let known = SECTIONS.iter().map(|(known, _)| *known);
        match value.get_ref() {
            DeValue::Table(table) if known.clone().any(|known| known == name) => {
                for (key, value) in table {
                    self.read_key(name, key, value);
                }
            }
            DeValue::Table(_) => {
                self.mistake(origin, None, format!("no section [{name}]{}", did_you_mean(name, known)));
            }
            _ => {
                let homes = KEYS.iter().filter(|key| key.name.rsplit('.').next() == Some(name));
                let home = homes.map(|key| format!("; it belongs under [{}]", key.section())).next();
                let home = home.unwrap_or_else(|| did_you_mean(name, known));
                self.mistake(origin, Some(name.to_owned()), format!("stands outside of every section{home}"));
            }
        }
    }

    fn read_key(&mut self, section: &str, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) {
        let name = format!("{section}.{}", key.get_ref());
        let origin = self.origin(key.span().start);
        if name == PROPERTIES {
            return self.read_properties(origin, value.get_ref());
        }
        let Some(known) = keys::find(&name) else {
            let hint = did_you_mean(&name, KEYS.iter().map(|key| key.name).chain([PROPERTIES]));
            return self.mistake(origin, Some(name), format!("no such setting{hint}"));
        };
        if matches!(known.kind, Kind::Secret) {
            let what = format!("a secret must not stand in the file: set {} or {name}_file", known.variable());
            return self.mistake(origin, Some(name), what);
        }
        self.written.values.insert(known.name, (scalar(value.get_ref()), origin));
    }

    fn read_properties(&mut self, origin: Origin, value: &DeValue<'_>) {
        let DeValue::Table(table) = value else {
            return self.mistake(origin, Some(PROPERTIES.into()), "wants a table of librdkafka's properties".into());
        };
        for (key, value) in table {
            let origin = self.origin(key.span().start);
            let name = key.get_ref().to_string();
            let text = match scalar(value.get_ref()) {
                Scalar::Text(text) | Scalar::Decimal(text) => text,
                Scalar::Whole(number) => number.to_string(),
                Scalar::Flag(flag) => flag.to_string(),
                _ => {
                    let what = "wants a text, a number, true or false; put quotes around the whole name: \"a.b.c\" = …";
                    self.mistake(origin, Some(format!("{PROPERTIES}.\"{name}\"")), what.into());
                    continue;
                }
            };
            self.written.properties.insert(name, (text, origin));
        }
    }
}

/// What stands a second time at `at`: its whole name where it is a key, and what to say, with the first one's line where
/// that is plain to see.
fn twice(text: &str, at: usize, name: &str) -> (Option<String>, String) {
    fn header(line: &str) -> Option<&str> {
        line.trim_start().strip_prefix('[')?.split(']').next()
    }
    let number = text[..at].matches('\n').count();
    let lines: Vec<&str> = text.lines().take(number + 1).collect();
    let told = |what: &str, first: Option<usize>| match first {
        Some(index) => format!("{what} twice; line {} has it first", index + 1),
        None => format!("{what} twice"),
    };
    if let Some(section) = header(lines[number]) {
        let first = lines[..number].iter().position(|line| header(line) == Some(section));
        return (None, told(&format!("section [{section}] is there"), first));
    }
    let start = lines.iter().rposition(|line| header(line).is_some());
    let is_it =
        |line: &&str| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
    let from = start.map_or(0, |start| start + 1);
    let first = lines[from..number].iter().position(is_it).map(|index| from + index);
    let section = start.and_then(|start| header(lines[start]));
    let key = section.map_or_else(|| name.to_owned(), |section| format!("{section}.{name}"));
    (Some(key), told("is written", first))
}

fn scalar(value: &DeValue<'_>) -> Scalar {
    match value {
        DeValue::String(text) => Scalar::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Scalar::Other("a number too large"), Scalar::Whole),
        DeValue::Float(number) => Scalar::Decimal(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Scalar::Flag(*flag),
        DeValue::Datetime(_) => Scalar::Other("a date without quotes"),
        DeValue::Table(_) => Scalar::Other("a table"),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Scalar::Other("a list of other things than texts"), Scalar::List)
        }
    }
}
