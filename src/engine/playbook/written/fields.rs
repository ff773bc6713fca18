//! One TOML table, taken apart key by key. What is of the wrong type, missing or unknown becomes a mistake; the rest
//! is handed on.

use toml::de::{DeTable, DeValue};

use super::At;
use super::number::Number;
use crate::engine::playbook::mistake::{Code, Mistake, Span};

type Value<'i> = toml::Spanned<DeValue<'i>>;

/// A table with the keys asked for so far.
pub struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table is named: mistakes about the whole of it are shown there.
    pub span: Span,
    /// What the table is, for messages: "a signal".
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub fn new(table: &'t DeTable<'t>, span: Span, what: &'static str) -> Self {
        Self { table, span, what, known: Vec::new() }
    }

    /// The value of a key, which from here on is known.
    pub fn value(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.known.push(key);
        self.table.get(key)
    }

    pub fn text(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<String>> {
        let value = self.value(key)?;
        text(value).or_else(|| wrong_type(value, key, "a text", mistakes))
    }

    /// A text that is a duration: a number in its stead lacks its unit.
    pub fn duration(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<String>> {
        let before = mistakes.len();
        let found = self.text(key, mistakes);
        if let (Some(mistake), Some(DeValue::Integer(number))) =
            (mistakes.get_mut(before), self.table.get(key).map(toml::Spanned::get_ref))
        {
            mistake.help = Some(format!("durations are texts with a unit: `{key} = \"{}d\"`", number.as_str()));
        }
        found
    }

    /// One text, or a list of them.
    pub fn texts(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<Vec<At<String>>>> {
        let value = self.value(key)?;
        texts(value, key, mistakes)
    }

    pub fn flag(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(At { value: *flag, span: value.span() }),
            _ => wrong_type(value, key, "true or false", mistakes),
        }
    }

    pub fn number(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<Number>> {
        let value = self.value(key)?;
        number(value).or_else(|| wrong_type(value, key, "a number", mistakes))
    }

    pub fn tables(&mut self, key: &'static str, what: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<Fields<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            return wrong_type(value, key, "a list of tables", mistakes).unwrap_or_default();
        };
        let table = |item: &'t Value<'t>| match item.get_ref() {
            DeValue::Table(table) => Some(Fields::new(table, item.span(), what)),
            _ => wrong_type(item, key, "a table: { … }", mistakes),
        };
        items.iter().filter_map(table).collect()
    }

    /// The entries of a table of names, in file order.
    pub fn entries(&mut self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<At<Entries<'t>>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(At { value: in_file_order(table), span: value.span() }),
            _ => wrong_type(value, key, "a table", mistakes),
        }
    }

    /// Reports a key that must be there and is not.
    pub fn require(&self, key: &str, example: &str, mistakes: &mut Vec<Mistake>) {
        if !self.table.contains_key(key) {
            let message = format!("{} needs `{key}`", self.what);
            mistakes.push(Mistake::new(Code::MissingKey, self.span.clone(), message).help(format!("add {example}")));
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key that is there stands.
    pub fn key_span(&self, key: &str) -> Span {
        self.table.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// The keys that nobody asked for, in file order.
    pub fn others(&self) -> Entries<'t> {
        let mut others = in_file_order(self.table);
        others.retain(|(key, _)| !self.known.contains(&key.value.as_str()));
        others
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, mistakes: &mut Vec<Mistake>) {
        for (key, _) in self.others() {
            let message = format!("{} has no key `{}`", self.what, key.value);
            let known = format!("known are {}", self.known.join(", "));
            let mistake = Mistake::new(Code::UnknownKey, key.span, message).label("unknown key").help(known);
            mistakes.push(mistake.nearest(&key.value, self.known.iter().copied()));
        }
    }
}

/// Names with their values, in file order.
pub type Entries<'t> = Vec<(At<String>, &'t Value<'t>)>;

pub fn in_file_order<'t>(table: &'t DeTable<'t>) -> Entries<'t> {
    let at =
        |key: &toml::Spanned<_>| At { value: String::from(std::borrow::Cow::as_ref(key.get_ref())), span: key.span() };
    let mut entries: Entries<'t> = table.iter().map(|(key, value)| (at(key), value)).collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    entries
}

pub fn text(value: &Value<'_>) -> Option<At<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(At { value: text.to_string(), span: value.span() }),
        _ => None,
    }
}

pub fn texts(value: &Value<'_>, key: &str, mistakes: &mut Vec<Mistake>) -> Option<At<Vec<At<String>>>> {
    let list = match value.get_ref() {
        DeValue::Array(items) => {
            let one = |item| text(item).or_else(|| wrong_type(item, key, "a text", mistakes));
            items.iter().filter_map(one).collect()
        }
        DeValue::String(_) => text(value).into_iter().collect(),
        _ => return wrong_type(value, key, "a text or a list of texts", mistakes),
    };
    Some(At { value: list, span: value.span() })
}

pub fn number(value: &Value<'_>) -> Option<At<Number>> {
    let number = match value.get_ref() {
        DeValue::Integer(digits) => Number::from_integer(digits.as_str(), digits.radix()),
        DeValue::Float(text) => Number::from_float(text.as_str()),
        _ => None,
    };
    number.map(|number| At { value: number, span: value.span() })
}

pub fn wrong_type<T>(value: &Value<'_>, key: &str, wanted: &str, mistakes: &mut Vec<Mistake>) -> Option<T> {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) if number(value).is_none() => "a number that is out of range",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("`{key}` takes {wanted}, not {found}");
    mistakes.push(Mistake::new(Code::WrongType, value.span(), message).label(format!("this is {found}")));
    None
}
