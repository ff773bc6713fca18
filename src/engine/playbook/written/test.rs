//! A `[[tests]]` table as written: events with times, and what is expected of them.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::fields::{self, Fields};
use super::{At, Number};
use crate::engine::playbook::mistake::{Code, Mistake, Span};

#[derive(Debug)]
pub struct Test {
    pub span: Span,
    pub name: Option<At<String>>,
    pub start: Option<At<String>>,
    pub events: Vec<Event>,
    pub expect: Vec<Expected>,
}

#[derive(Debug)]
pub struct Event {
    pub span: Span,
    pub at: Option<At<String>>,
    pub times: Option<At<Number>>,
    pub every: Option<At<String>>,
    /// All other keys: the Segment message.
    pub message: Map<String, Value>,
}

#[derive(Debug)]
pub struct Expected {
    pub span: Span,
    pub user: Option<At<String>>,
    pub kind: Option<(ExpectedKind, At<String>)>,
    pub after: Option<At<String>>,
    pub before: Option<At<String>>,
    pub at: Option<At<String>>,
    pub is: Option<At<Value>>,
    pub missing: bool,
    pub least: Option<At<Number>>,
    pub most: Option<At<Number>>,
}

/// The key that says what is expected; its value is a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedKind {
    Moment,
    Ended,
    NotMoment,
    NotEnded,
    Score,
    Segment,
    Trait,
}

impl ExpectedKind {
    const KEYS: [(&'static str, Self); 7] = [
        ("moment", Self::Moment),
        ("ended", Self::Ended),
        ("not", Self::NotMoment),
        ("not_ended", Self::NotEnded),
        ("score", Self::Score),
        ("segment", Self::Segment),
        ("trait", Self::Trait),
    ];
}

pub fn read(mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Test {
    fields.require("name", "`name = \"what this shows\"`", mistakes);
    fields.require("events", "`events = [ { at = \"…\", type = \"track\", … } ]`", mistakes);
    fields.require("expect", "`expect = [ { moment = \"…\", userId = \"…\" } ]`", mistakes);
    let test = Test {
        span: fields.span.clone(),
        name: fields.text("name", mistakes),
        start: time(&mut fields, "start", mistakes),
        events: fields
            .tables("events", "an event", mistakes)
            .into_iter()
            .map(|event| self::event(event, mistakes))
            .collect(),
        expect: fields
            .tables("expect", "an expectation", mistakes)
            .into_iter()
            .map(|one| expected(one, mistakes))
            .collect(),
    };
    fields.finish(mistakes);
    test
}

fn event(mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Event {
    fields.require("at", "`at = \"2026-03-01T10:00:00Z\"`, or `at = \"+2h\"` after the test's start", mistakes);
    fields.require("type", "`type = \"track\"`", mistakes);
    if fields.has("every") && !fields.has("times") {
        fields.require("times", "`times = 8`", mistakes);
    }
    Event {
        span: fields.span.clone(),
        at: time(&mut fields, "at", mistakes),
        times: fields.number("times", mistakes),
        every: fields.duration("every", mistakes),
        message: fields.others().into_iter().map(|(key, value)| (key.value, json(value.get_ref()))).collect(),
    }
}

fn expected(mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Expected {
    fields.require("userId", "`userId = \"u1\"`: of whom it is expected", mistakes);
    let kind = kind(&mut fields, mistakes);
    let expected = Expected {
        span: fields.span.clone(),
        user: fields.text("userId", mistakes),
        kind,
        after: time(&mut fields, "after", mistakes),
        before: time(&mut fields, "before", mistakes),
        at: time(&mut fields, "at", mistakes),
        is: fields.value("is").map(|value| At { value: json(value.get_ref()), span: value.span() }),
        missing: fields.flag("missing", mistakes).is_some_and(|flag| flag.value),
        least: fields.number("at_least", mistakes),
        most: fields.number("at_most", mistakes),
    };
    fields.finish(mistakes);
    expected
}

/// The one key that says what is expected.
fn kind(fields: &mut Fields<'_>, mistakes: &mut Vec<Mistake>) -> Option<(ExpectedKind, At<String>)> {
    let there: Vec<_> = ExpectedKind::KEYS.into_iter().filter(|(key, _)| fields.has(key)).collect();
    let names: Vec<_> = ExpectedKind::KEYS.into_iter().map(|(key, _)| fields.text(key, mistakes)).collect();
    match there.as_slice() {
        [(_, kind)] => Some((*kind, names.into_iter().flatten().next()?)),
        [] => {
            let known = ExpectedKind::KEYS.map(|(key, _)| format!("`{key}`")).join(", ");
            let mistake = Mistake::new(Code::MissingKey, fields.span.clone(), "this expects nothing");
            mistakes.push(mistake.help(format!("name one of {known}")));
            None
        }
        [_, (key, _), ..] => {
            let message = "an expectation is about one thing";
            mistakes.push(Mistake::new(Code::ConflictingKeys, fields.key_span(key), message).help("make it two"));
            None
        }
    }
}

/// A time as a text, or as TOML's own date with time.
fn time(fields: &mut Fields<'_>, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<String>> {
    let value = fields.value(key)?;
    match value.get_ref() {
        DeValue::Datetime(time) => Some(At { value: time.to_string(), span: value.span() }),
        _ => fields::text(value).or_else(|| fields::wrong_type(value, key, "a time", mistakes)),
    }
}

/// A TOML value as JSON. Nesting is limited by the TOML parser.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(text) => text.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    fields::in_file_order(table).into_iter().map(|(key, value)| (key.value, json(value.get_ref()))).collect()
}
