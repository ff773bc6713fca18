//! The places of one kind of message: what stands there, how often, a few examples. It knows nothing of messages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::tally::Tally;
use crate::engine::event::{Value, number, time};

/// Paths that one name may have, and all together.
const PATHS_MAX: usize = 200;
const PATHS_ALL_MAX: usize = 5_000;
/// Levels of objects within objects that are looked into, and bytes of a path; what is more is left out.
const LEVELS_MAX: usize = 6;
const PATH_BYTES_MAX: usize = 200;
/// Different values that are remembered of a path, and characters of each.
pub const VALUES_MAX: usize = 20;
const VALUE_CHARS_MAX: usize = 60;

/// What a value can be, as a playbook would treat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Text,
    /// A text that is a number: compared as one by `double()`, and looked at by `value`.
    NumberInText,
    TimeInText,
    Number,
    Bool,
    List,
    Object,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::NumberInText => "number in a text",
            Self::TimeInText => "time in a text",
            Self::Number => "number",
            Self::Bool => "true/false",
            Self::List => "list",
            Self::Object => "object",
        }
    }

    fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::Text(text) if number::double(text).is_some() => Self::NumberInText,
            Value::Text(text) if time::parse(text).is_some() => Self::TimeInText,
            Value::Text(_) => Self::Text,
            Value::List(_) => Self::List,
            Value::Object(_) => Self::Object,
        })
    }
}

/// The members of an object.
type Entries<'a> = BTreeMap<Cow<'a, str>, Value<'a>>;

/// Room that is left for paths in the whole inventory.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(PATHS_ALL_MAX)
    }
}

/// The paths of one kind of message.
#[derive(Debug, Default)]
pub struct Paths {
    /// Messages that were looked at.
    pub messages: u64,
    pub seen: BTreeMap<String, Seen>,
    /// How often something stood at a path for which there was no room.
    pub left_out: u64,
}

/// What stood at one path.
#[derive(Debug, Default)]
pub struct Seen {
    /// Messages with something there, null not counted.
    pub count: u64,
    pub kinds: BTreeMap<Kind, u64>,
    /// Scalars with their counts: the first [`VALUES_MAX`] different ones.
    pub values: Tally,
}

impl Paths {
    /// All that stands in an object called `root`.
    pub fn entries(&mut self, room: &mut Room, root: &str, entries: Entries<'_>) {
        self.walk(room, &mut root.to_owned(), entries, 1);
    }

    fn walk(&mut self, room: &mut Room, path: &mut String, entries: Entries<'_>, level: usize) {
        let length = path.len();
        for (key, value) in entries {
            push_key(path, &key);
            match value {
                Value::Object(inner) if level < LEVELS_MAX && !inner.is_empty() => {
                    self.walk(room, path, inner.entries(), level + 1);
                }
                value => self.value(room, path, &value),
            }
            path.truncate(length);
        }
    }

    pub fn value(&mut self, room: &mut Room, path: &str, value: &Value<'_>) {
        let Some(kind) = Kind::of(value) else { return };
        if !self.seen.contains_key(path) {
            if self.seen.len() == PATHS_MAX || room.0 == 0 || path.len() > PATH_BYTES_MAX {
                self.left_out += 1;
                return;
            }
            room.0 -= 1;
            self.seen.insert(path.to_owned(), Seen::default());
        }
        let seen = self.seen.get_mut(path).expect("it is there or was just put there");
        seen.count += 1;
        *seen.kinds.entry(kind).or_default() += 1;
        match value {
            Value::Text(text) => seen.example(text),
            Value::Number(number) => seen.example(number.text),
            Value::Bool(bool) => seen.example(if *bool { "true" } else { "false" }),
            _ => {}
        }
    }
}

impl Seen {
    fn example(&mut self, text: &str) {
        match text.char_indices().nth(VALUE_CHARS_MAX) {
            Some((end, _)) => self.values.add(&format!("{}…", &text[..end]), VALUES_MAX),
            None => self.values.add(text, VALUES_MAX),
        }
    }
}

/// As an expression has it: `.key`, or `["a key"]`.
fn push_key(path: &mut String, key: &str) {
    let is_plain = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // Keywords are no names.
    if is_plain && !matches!(key, "in" | "true" | "false" | "null") {
        path.push('.');
        path.push_str(key);
    } else {
        path.push_str(&format!("[{}]", serde_json::Value::from(key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(objects: &[&str]) -> Paths {
        let (mut paths, mut room) = (Paths::default(), Room::default());
        for object in objects {
            let Value::Object(object) = Value::from_json(object) else { panic!("{object} is no object") };
            paths.messages += 1;
            paths.entries(&mut room, "properties", object.entries());
        }
        paths
    }

    #[test]
    fn what_stands_where() {
        let paths = paths(&[
            r#"{"a":1,"b":{"c d":"7.5","in":true},"x":null,"o":{}}"#,
            r#"{"a":"x","b":[1],"t":"2026-03-01","a":2}"#,
        ]);
        let shown: Vec<String> = paths
            .seen
            .iter()
            .map(|(path, seen)| {
                let kinds: Vec<_> = seen.kinds.keys().map(|kind| kind.as_str()).collect();
                format!("{path} {} {} {:?}", seen.count, kinds.join("+"), seen.values.common(3))
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"properties.a 2 number [("1", 1), ("2", 1)]"#,
                r#"properties.b 1 list []"#,
                r#"properties.b["c d"] 1 number in a text [("7.5", 1)]"#,
                r#"properties.b["in"] 1 true/false [("true", 1)]"#,
                r#"properties.o 1 object []"#,
                r#"properties.t 1 time in a text [("2026-03-01", 1)]"#,
            ]
        );
    }

    #[test]
    fn all_is_bounded() {
        let wide: Vec<String> = (0..300).map(|n| format!(r#""k{n}":{n}"#)).collect();
        let found = paths(&[&format!("{{{}}}", wide.join(","))]);
        assert_eq!((found.seen.len(), found.left_out), (PATHS_MAX, 100));
        let long = "y".repeat(500);
        let many: Vec<String> = (0..30).map(|n| format!(r#"{{"a":{n},"{long}":1,"b":"{long}"}}"#)).collect();
        let found = paths(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let a = &found.seen["properties.a"];
        assert_eq!((a.count, a.values.counts.len(), a.values.has_more), (30, VALUES_MAX, true));
        let b = &found.seen["properties.b"];
        assert_eq!(
            (b.values.counts.len(), b.values.counts[0].0.chars().count(), b.values.counts[0].1),
            (1, VALUE_CHARS_MAX + 1, 30)
        );
        assert_eq!((found.seen.len(), found.left_out), (2, 30));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(20), "}".repeat(20));
        assert_eq!(paths(&[&deep]).seen.keys().next().unwrap(), "properties.a.a.a.a.a.a");
    }
}
