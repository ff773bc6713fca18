//! What a setting may hold, and how its value is read. It must not know any setting by name.

use std::collections::BTreeSet;

use super::address;
use super::mistake::{did_you_mean, is};
use super::secret::Secret;
use super::units::{parse_duration, show_duration};

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// From the environment or a default: the kind decides how to read it.
    Plain(String),
    // From the file, where the form already says something:
    Text(String),
    Whole(i64),
    /// A number with a fraction, as written.
    Decimal(String),
    Flag(bool),
    List(Vec<String>),
    /// Anything a setting can't be, in words.
    Other(&'static str),
}

/// A value as meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Text(String),
    Secret(Secret),
    Flag(bool),
    Count(u64),
    Number(f64),
    /// A duration, or a time since the epoch.
    Millis(i64),
    Texts(Vec<String>),
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `host:port`, separated by commas.
    Brokers,
    /// What Kafka takes as the name of a topic.
    Name,
    NameOrNone,
    Path,
    PathOrNone,
    /// Only by the environment.
    Secret,
    Flag,
    Count {
        least: u64,
        most: u64,
    },
    /// Above 0.
    Number,
    Duration {
        least: i64,
        most: i64,
    },
    /// A duration in whole hours, at least one.
    Hours {
        most: i64,
    },
    DurationOrOff {
        most: i64,
    },
    TimeOrNone,
    Choice(&'static [&'static str]),
    Choices(&'static [&'static str]),
    Texts,
    /// Keys of nested objects, dots between them.
    Keys,
    /// URL of a snapshot store.
    Store,
    Http,
    /// `host:port` or `off`.
    Listen,
    LogFilter,
}

impl Kind {
    /// The kind in words, for people and for the reference page.
    pub fn describe(self) -> String {
        match self {
            Self::Brokers => "text".into(),
            Self::Name => "name".into(),
            Self::NameOrNone => "name, or empty".into(),
            Self::Path => "path".into(),
            Self::PathOrNone => "path, or empty".into(),
            Self::Secret => "secret".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Count { least, most } => format!("whole number, {least} to {most}"),
            Self::Number => "number above 0".into(),
            Self::Duration { least, most } => {
                format!("duration, {} to {}", show_duration(least), show_duration(most))
            }
            Self::Hours { most } => format!("duration, 1h to {}", show_duration(most)),
            Self::DurationOrOff { most } => format!("duration up to {}, or `off`", show_duration(most)),
            Self::TimeOrNone => "time, or empty".into(),
            Self::Choice(all) => all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or "),
            Self::Choices(all) => {
                format!("list of {}", all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", "))
            }
            Self::Texts => "list of texts".into(),
            Self::Keys => "keys, or empty".into(),
            Self::Store | Self::Http => "URL".into(),
            Self::Listen => "`host:port`, or `off`".into(),
            Self::LogFilter => "level".into(),
        }
    }

    /// A default as it would be written in the file; `None` for what must not stand there.
    pub fn as_toml(self, default: &str) -> Option<String> {
        let quoted = |text: &str| format!("{text:?}");
        match self {
            Self::Secret => None,
            Self::Flag | Self::Count { .. } | Self::Number => Some(default.to_owned()),
            Self::Choices(_) | Self::Texts => {
                let items: Vec<String> = default.split(',').filter(|item| !item.is_empty()).map(quoted).collect();
                Some(format!("[{}]", items.join(", ")))
            }
            _ => Some(quoted(default)),
        }
    }

    /// The value as meant, or what is wrong with it.
    pub fn read(self, scalar: &Scalar) -> Result<Value, String> {
        match self {
            Self::Flag => flag(scalar).map(Value::Flag),
            Self::Count { least, most } => count(scalar, least, most).map(Value::Count),
            Self::Number => number(scalar).map(Value::Number),
            Self::Texts => texts(scalar).map(Value::Texts),
            Self::Choices(all) => choices(&texts(scalar)?, all),
            _ => self.read_text(text(scalar)?),
        }
    }

    fn read_text(self, text: &str) -> Result<Value, String> {
        let value = || Ok(Value::Text(text.to_owned()));
        match self {
            Self::NameOrNone | Self::PathOrNone | Self::Secret | Self::TimeOrNone if text.is_empty() => Ok(Value::None),
            Self::Secret if text.trim().is_empty() => Err("is blank; no secret is".into()),
            Self::Secret => Ok(Value::Secret(Secret::new(text))),
            Self::Brokers => not_empty(text).and_then(|()| address::brokers(text)).and_then(|()| value()),
            Self::Path | Self::PathOrNone => not_empty(text).and_then(|()| value()),
            Self::Name | Self::NameOrNone => name(text).and_then(|()| value()),
            Self::Duration { least, most } => within(parse_duration(text)?, least, most),
            Self::Hours { most } => hours(parse_duration(text)?, most),
            Self::DurationOrOff { .. } if text == "off" => Ok(Value::None),
            Self::DurationOrOff { most } => within(parse_duration(text)?, 0, most),
            Self::TimeOrNone => time(text).map(Value::Millis),
            Self::Choice(all) => one_of(text, all).and_then(|()| value()),
            Self::Keys => keys(text),
            Self::Store => address::store(text).and_then(|()| value()),
            Self::Http => address::http(text).and_then(|()| value()),
            Self::Listen if text == "off" => Ok(Value::None),
            Self::Listen => address::listen(text).and_then(|()| value()),
            Self::LogFilter => log_filter(text).and_then(|()| value()),
            Self::Flag | Self::Count { .. } | Self::Number | Self::Texts | Self::Choices(_) => {
                unreachable!("read() takes these before it asks for a text")
            }
        }
    }
}

impl Scalar {
    fn form(&self) -> &'static str {
        match self {
            Self::Plain(_) | Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Decimal(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(form) => form,
        }
    }
}

fn text(scalar: &Scalar) -> Result<&str, String> {
    match scalar {
        Scalar::Plain(text) | Scalar::Text(text) => Ok(text),
        Scalar::Whole(_) | Scalar::Decimal(_) => {
            Err(format!("is {}, but wants a text in quotes, with its unit if it has one", scalar.form()))
        }
        _ => Err(format!("is {}, but wants a text in quotes", scalar.form())),
    }
}

fn flag(scalar: &Scalar) -> Result<bool, String> {
    match scalar {
        Scalar::Flag(flag) => Ok(*flag),
        Scalar::Plain(text) if text == "true" => Ok(true),
        Scalar::Plain(text) if text == "false" => Ok(false),
        Scalar::Plain(text) => Err(format!("{}, but wants `true` or `false`", is(text))),
        _ => Err(format!("is {}, but wants true or false without quotes", scalar.form())),
    }
}

fn count(scalar: &Scalar, least: u64, most: u64) -> Result<u64, String> {
    let (shown, number) = match scalar {
        Scalar::Whole(number) => (number.to_string(), u64::try_from(*number).ok()),
        Scalar::Plain(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            (text.clone(), text.parse().ok())
        }
        Scalar::Plain(text) => return Err(format!("{}, but wants a whole number", is(text))),
        _ => return Err(format!("is {}, but wants a whole number without quotes", scalar.form())),
    };
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("is {shown}, but must be from {least} to {most}"))
}

fn number(scalar: &Scalar) -> Result<f64, String> {
    let text = match scalar {
        Scalar::Whole(number) => number.to_string(),
        Scalar::Plain(text) | Scalar::Decimal(text) => text.replace('_', ""),
        _ => return Err(format!("is {}, but wants a number without quotes", scalar.form())),
    };
    let number: f64 = text.parse().map_err(|_| format!("{}, but wants a number", is(&text)))?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err(format!("is {text}, but must be above 0")) }
}

fn texts(scalar: &Scalar) -> Result<Vec<String>, String> {
    match scalar {
        Scalar::List(list) => Ok(list.clone()),
        Scalar::Plain(text) => {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        _ => Err(format!("is {}, but wants a list of texts: [\"…\", \"…\"]", scalar.form())),
    }
}

fn choices(list: &[String], all: &[&str]) -> Result<Value, String> {
    list.iter().try_for_each(|one| one_of(one, all))?;
    if list.is_empty() {
        return Err(format!("is empty, but wants at least one of: {}", all.join(", ")));
    }
    let chosen: BTreeSet<&String> = list.iter().collect();
    Ok(Value::Texts(chosen.into_iter().cloned().collect()))
}

fn one_of(text: &str, all: &[&str]) -> Result<(), String> {
    if all.contains(&text) {
        return Ok(());
    }
    let hint = did_you_mean(text, all.iter().copied());
    Err(format!("{}, but must be one of: {}{hint}", is(text), all.join(", ")))
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(()) }
}

fn name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // 249 is Kafka's limit; the rest is for ".marks", ".dead" and a thread's number.
    if text.is_empty() || text.len() > 200 || !text.chars().all(allowed) || text == "." || text == ".." {
        return Err(format!("{}, but must be 1 to 200 of: letters, digits, `.`, `_`, `-`", is(text)));
    }
    Ok(())
}

fn within(millis: i64, least: i64, most: i64) -> Result<Value, String> {
    if (least..=most).contains(&millis) {
        return Ok(Value::Millis(millis));
    }
    let [is, least, most] = [millis, least, most].map(show_duration);
    Err(format!("is {is}, but must be from {least} to {most}"))
}

fn hours(millis: i64, most: i64) -> Result<Value, String> {
    const HOUR: i64 = 3_600_000;
    if millis % HOUR != 0 {
        return Err(format!("is {}, but must be in whole hours", show_duration(millis)));
    }
    within(millis, HOUR, most)
}

fn time(text: &str) -> Result<i64, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| time.as_millisecond())
        .map_err(|_| format!("{}, but wants a time with its zone, such as 2026-03-01T00:00:00Z", is(text)))
}

fn keys(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Texts(Vec::new()));
    }
    let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) || keys.len() > 16 {
        return Err(format!("{}, but wants up to 16 keys with dots between them, such as payload.message", is(text)));
    }
    Ok(Value::Texts(keys))
}

fn log_filter(text: &str) -> Result<(), String> {
    const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
    for part in text.split(',') {
        let (module, level) = part.split_once('=').unwrap_or(("kairos", part));
        one_of(level, LEVELS)?;
        if module.is_empty() || !module.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_')) {
            return Err(format!("`{module}` is no module, as in info,kairos::processor=debug"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(kind: Kind, text: &str) -> Result<Value, String> {
        kind.read(&Scalar::Plain(text.into()))
    }

    #[test]
    fn nothing_is_coerced() {
        let count = Kind::Count { least: 1, most: 9 };
        assert_eq!(count.read(&Scalar::Whole(3)), Ok(Value::Count(3)));
        assert_eq!(plain(count, "3"), Ok(Value::Count(3)));
        for bad in [Scalar::Decimal("3.7".into()), Scalar::Flag(true), Scalar::Text("3".into()), Scalar::Whole(-1)] {
            assert!(count.read(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(plain(count, ""), Err("is empty, but wants a whole number".into()));
        for bad in ["", "3.0", "+3", "10", "0", "99999999999999999999"] {
            assert!(plain(count, bad).is_err(), "{bad}");
        }
        assert!(Kind::Brokers.read(&Scalar::Flag(true)).is_err());
        assert_eq!(plain(Kind::Brokers, "007"), Ok(Value::Text("007".into())));
        assert_eq!(plain(Kind::Brokers, "1e3"), Ok(Value::Text("1e3".into())));
    }

    #[test]
    fn each_kind_refuses_what_it_is_not() {
        let refused = [
            (Kind::Name, "a b"),
            (Kind::Name, ""),
            (Kind::Path, ""),
            (Kind::Flag, "yes"),
            (Kind::Secret, " \n"),
            (Kind::Number, "0"),
            (Kind::Number, "inf"),
            (Kind::Duration { least: 5, most: 10 }, "11ms"),
            (Kind::Hours { most: 86_400_000 }, "90m"),
            (Kind::DurationOrOff { most: 1 }, "of"),
            (Kind::TimeOrNone, "2026-03-01"),
            (Kind::Choice(&["stop"]), "halt"),
            (Kind::Choices(&["track"]), ""),
            (Kind::Choices(&["track"]), "track,page"),
            (Kind::Keys, "a..b"),
            (Kind::Store, "/var/lib"),
            (Kind::Store, "file://here"),
            (Kind::Http, "ftp://x"),
            (Kind::Listen, "9464"),
            (Kind::Listen, "host:99999"),
            (Kind::LogFilter, "loud"),
            (Kind::LogFilter, "info,kairos=loud"),
        ];
        for (kind, text) in refused {
            assert!(plain(kind, text).is_err(), "{kind:?} {text}");
        }
    }

    #[test]
    fn each_kind_takes_what_it_is() {
        assert_eq!(plain(Kind::Texts, "a, b,"), Ok(Value::Texts(vec!["a".into(), "b".into()])));
        assert_eq!(
            plain(Kind::Keys, "payload.message").map(|v| matches!(v, Value::Texts(k) if k.len() == 2)),
            Ok(true)
        );
        assert_eq!(plain(Kind::DurationOrOff { most: 1 }, "off"), Ok(Value::None));
        assert_eq!(plain(Kind::TimeOrNone, "1970-01-01T00:00:01Z"), Ok(Value::Millis(1000)));
        assert_eq!(plain(Kind::Number, "0.5"), Ok(Value::Number(0.5)));
        assert!(plain(Kind::LogFilter, "info,kairos::processor=debug").is_ok());
    }
}
