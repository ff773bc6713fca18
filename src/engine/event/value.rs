//! Values of a message as expressions see them. Lists and objects stay the text they were and are walked when asked.
//! It knows nothing of where in a message a value stood.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::json::{Kind, Scanner, Span};
use super::text::unescape;

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Also what isn't there, and a number that no double holds.
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(Cow<'a, str>),
    List(List<'a>),
    Object(Object<'a>),
}

/// A number that a double holds, with its text.
#[derive(Debug, Clone, Copy)]
pub struct Number<'a> {
    pub value: f64,
    pub text: &'a str,
}

/// Equal when their elements are, in order.
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(&'a str);

/// Equal when they have the same keys with equal values.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    over: &'a str,
    /// Top-level keys that `over` doesn't have are taken from here (a batch's context under an item's).
    under: &'a str,
}

impl<'a> Value<'a> {
    pub(super) fn of(text: &'a str, span: Span) -> Self {
        let raw = span.of(text);
        match span.kind {
            Kind::Absent | Kind::Null => Self::Null,
            Kind::True => Self::Bool(true),
            Kind::False => Self::Bool(false),
            Kind::Number => match raw.parse() {
                Ok(value) if f64::is_finite(value) => Self::Number(Number { value, text: raw }),
                _ => Self::Null,
            },
            Kind::Text => Self::Text(Cow::Borrowed(raw)),
            Kind::Escaped => Self::Text(unescape(raw)),
            Kind::List => Self::List(List(raw)),
            Kind::Object => Self::Object(Object::new(raw)),
        }
    }

    /// A value whose JSON was taken from a checked message before.
    pub fn from_json(text: &'a str) -> Self {
        Scanner::new(text, 0).value(0).map_or(Self::Null, |span| Self::of(text, span))
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
    /// Neither null nor a list nor an object.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Bool(_) | Self::Number(_) | Self::Text(_))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<'a> List<'a> {
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        Elements::new(self.0, 0).map(move |span| Value::of(self.0, span))
    }
    pub fn len(self) -> usize {
        Elements::new(self.0, 0).count()
    }
    pub fn is_empty(self) -> bool {
        Elements::new(self.0, 0).next().is_none()
    }
    /// Null when there is none.
    pub fn index(self, index: usize) -> Value<'a> {
        self.iter().nth(index).unwrap_or(Value::Null)
    }
    pub fn raw(self) -> &'a str {
        self.0
    }
}

impl PartialEq for List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a> Object<'a> {
    pub(super) fn new(raw: &'a str) -> Self {
        Self { over: raw, under: "{}" }
    }
    pub(super) fn overlay(over: &'a str, under: &'a str) -> Self {
        Self { over, under }
    }
    /// Null when there is none. Of duplicates the last counts.
    pub fn get(self, key: &str) -> Value<'a> {
        match last_member(self.over, key) {
            Span::ABSENT => Value::of(self.under, last_member(self.under, key)),
            span => Value::of(self.over, span),
        }
    }
    pub fn has(self, key: &str) -> bool {
        [self.over, self.under].into_iter().any(|raw| Members::new(raw).any(|(name, _)| name == key))
    }
    /// Its JSON; of two laid over each other, the upper one's.
    pub fn raw(self) -> &'a str {
        self.over
    }
    /// Different keys.
    pub fn len(self) -> usize {
        self.entries().len()
    }
    pub fn is_empty(self) -> bool {
        self.entries().is_empty()
    }
    /// Each key once, in order of keys.
    pub fn entries(self) -> BTreeMap<Cow<'a, str>, Value<'a>> {
        let of = |raw: &'a str| Members::new(raw).map(move |(name, span)| (name, Value::of(raw, span)));
        of(self.under).chain(of(self.over)).collect()
    }
}

impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

/// The elements of a list that the scanner has checked before.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a>(Scanner<'a>);

impl<'a> Elements<'a> {
    /// Of the list whose `[` is at byte `at`.
    pub fn new(text: &'a str, at: u32) -> Self {
        Self(Scanner::new(text, at + 1))
    }
}

impl Iterator for Elements<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        next_begins(&mut self.0).then(|| self.0.value(0).ok()).flatten()
    }
}

/// The members of an object that the scanner has checked before, duplicates too.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
}

impl<'a> Members<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, scanner: Scanner::new(text, 1) }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Span);

    fn next(&mut self) -> Option<Self::Item> {
        if !next_begins(&mut self.scanner) {
            return None;
        }
        let key = self.scanner.key().ok()?;
        let span = self.scanner.value(0).ok()?;
        Some((unescape(key.of(self.text)), span))
    }
}

/// Of duplicates the last counts.
fn last_member(object: &str, key: &str) -> Span {
    Members::new(object).filter(|(name, _)| name == key).last().map_or(Span::ABSENT, |(_, span)| span)
}

/// The last member of that name of an object; absent from anything else.
pub(super) fn member(text: &str, object: Span, key: &str) -> Span {
    match object.kind {
        Kind::Object => {
            let span = last_member(object.of(text), key);
            Span { start: span.start + object.start, end: span.end + object.start, kind: span.kind }
        }
        _ => Span::ABSENT,
    }
}

/// Steps over space and a comma; is there something before the end?
fn next_begins(scanner: &mut Scanner<'_>) -> bool {
    scanner.space();
    if scanner.peek() == b',' {
        scanner.advance();
        scanner.space();
    }
    !matches!(scanner.peek(), b']' | b'}' | 0)
}
