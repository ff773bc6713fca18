//! What an expression comes to, and the plain operations on it (playbook.md, Expressions and Small print).

use crate::model::json::Json;
use crate::model::{number, time};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    Duration(i64),
}

use Value::{Bool, Duration, Null, Number, Text};

impl Value {
    pub fn is_true(&self) -> bool {
        *self == Bool(true)
    }

    /// Expressions: a number or result outside ±2^53, NaN or infinity is null.
    pub fn number(value: f64) -> Value {
        if value.is_finite() && value.abs() <= 9_007_199_254_740_992.0 { Number(value) } else { Null }
    }

    pub fn text(value: Option<&str>) -> Value {
        value.map_or(Null, |text| Text(text.to_owned()))
    }

    pub fn of(json: Option<&Json>) -> Value {
        match json {
            None | Some(Json::Null) => Null,
            Some(Json::Bool(value)) => Bool(*value),
            Some(Json::Number(text)) => text.parse().map_or(Null, Value::number),
            Some(Json::Text(text)) => Text(text.clone()),
            Some(Json::List(items)) => Value::List(items.iter().map(|item| Value::of(Some(item))).collect()),
            Some(Json::Object(members)) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), Value::of(Some(value)))).collect())
            }
        }
    }

    /// `x.key` and `x["key"]`: a path that isn't there is null.
    pub fn member(&self, key: &str) -> Value {
        let Value::Object(members) = self else { return Null };
        members.iter().find(|(name, _)| name == key).map_or(Null, |(_, value)| value.clone())
    }

    /// Small print, Expressions: `x["key"]` and `x[0]`; out of range or wrong type: null.
    pub fn index(&self, index: &Value) -> Value {
        match (self, index) {
            (Value::Object(_), Text(key)) => self.member(key),
            (Value::List(items), Number(at)) if at.fract() == 0.0 && *at >= 0.0 => {
                items.get(*at as usize).cloned().unwrap_or(Null)
            }
            _ => Null,
        }
    }

    /// `== !=` compare as they are; an order of null, of different types or of types without one is false.
    pub fn compare(&self, sign: &str, other: &Value) -> bool {
        match sign {
            "==" => return self.same(other),
            "!=" => return !self.same(other),
            _ => {}
        }
        let order = match (self, other) {
            (Number(a), Number(b)) => a.partial_cmp(b),
            (Text(a), Text(b)) => Some(a.cmp(b)),
            (Duration(a), Duration(b)) => Some(a.cmp(b)),
            _ => None,
        };
        order.is_some_and(|order| match sign {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        })
    }

    /// Objects are the same whatever the order of their keys.
    fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, value)| b.iter().any(|(k, v)| k == key && v.same(value)))
            }
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            _ => self == other,
        }
    }

    /// `in`: lists hold values; a test given null is false.
    pub fn is_in(&self, list: &Value) -> bool {
        *self != Null && matches!(list, Value::List(items) if items.iter().any(|item| item.same(self)))
    }

    /// Arithmetic on anything but numbers is null, save that `+` joins two texts.
    pub fn arithmetic(&self, sign: &str, other: &Value) -> Value {
        match (self, other) {
            (Number(a), Number(b)) => Value::number(match sign {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                _ => a % b,
            }),
            (Text(a), Text(b)) if sign == "+" => Text(format!("{a}{b}")),
            _ => Null,
        }
    }

    /// `startsWith endsWith contains matches`: false given null or the wrong type.
    pub fn text_test(&self, name: &str, other: &Value) -> bool {
        let (Text(text), Text(other)) = (self, other) else { return false };
        match name {
            "startsWith" => text.starts_with(other),
            "endsWith" => text.ends_with(other),
            "contains" => text.contains(other.as_str()),
            _ => regex::Regex::new(&re2(other)).is_ok_and(|pattern| pattern.is_match(text)),
        }
    }

    /// `size lowerAscii double int string duration`: null given null or the wrong type.
    pub fn convert(&self, name: &str) -> Value {
        match (name, self) {
            ("size", Text(text)) => Number(text.chars().count() as f64),
            ("size", Value::List(items)) => Number(items.len() as f64),
            ("size", Value::Object(members)) => Number(members.len() as f64),
            ("lowerAscii", Text(text)) => Text(text.to_ascii_lowercase()),
            ("double", Number(number)) => Number(*number),
            ("double", Text(text)) => number::text_to_f64(text).map_or(Null, Value::number),
            // Small print, Expressions: `int()` cuts.
            ("int", Number(number)) => Number(number.trunc()),
            ("int", Text(_)) => self.convert("double").convert("int"),
            // Small print, Expressions: shortest decimal text without exponent.
            ("string", Number(number)) => Text(format!("{number}")),
            ("string", Bool(value)) => Text(value.to_string()),
            ("duration", Text(text)) => time::Span::parse(text).map_or(Null, |span| Duration(span.length)),
            _ => Null,
        }
    }

    /// Signals, `time_since`: a text that parses as an event time, or a number of Unix seconds, milliseconds from 1e11;
    /// small print, Paths and times: a fraction of a millisecond is cut.
    pub fn instant(&self) -> Option<i64> {
        match self {
            Text(text) => time::parse(text),
            Number(number) if *number >= 1e11 => Some(number.trunc() as i64),
            Number(number) => Some((number * 1000.0).trunc() as i64),
            _ => None,
        }
    }
}

/// Expressions, `matches` (RE2 syntax): there the short classes are of ASCII alone.
fn re2(pattern: &str) -> String {
    let short = [(r"\d", "[0-9]"), (r"\w", "[0-9A-Za-z_]"), (r"\s", r"[\t\n\f\r ]"), (r"\b", r"(?-u:\b)")];
    short.iter().fold(pattern.to_owned(), |pattern, (short, long)| pattern.replace(short, long))
}
