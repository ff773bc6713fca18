//! A playbook as written: the tables of the file, in file order, each value with its place. Nothing is resolved here:
//! what a duration, an expression or a name means is decided by [`super::check`].

mod fields;
mod number;
mod test;
mod text;

use toml::de::{DeTable, DeValue};

pub use fields::Fields;
pub use number::Number;
pub use test::{Event, Expected, ExpectedKind, Test};
pub use text::place;

use super::mistake::{Code, Mistake, Span};

/// Longest playbook in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

#[derive(Debug, Default)]
pub struct Written {
    pub settings: Settings,
    pub traits: Vec<(At<String>, Vec<At<String>>)>,
    pub signals: Vec<Signal>,
    pub scores: Vec<Score>,
    pub moments: Vec<Moment>,
    pub tests: Vec<Test>,
}

#[derive(Debug, Default)]
pub struct Settings {
    pub min_interval: Option<At<String>>,
    pub free_mail: Vec<At<String>>,
    pub revision: Option<At<Number>>,
}

#[derive(Debug)]
pub struct Signal {
    pub name: At<String>,
    pub on: Option<At<Vec<At<String>>>>,
    pub event: Option<At<Vec<At<String>>>>,
    pub sequence: Option<At<Vec<At<String>>>>,
    pub within: Option<At<String>>,
    pub filter: Option<At<String>>,
    pub value: Option<At<String>>,
    pub distinct: Option<At<String>>,
}

#[derive(Debug)]
pub struct Score {
    pub name: At<String>,
    pub half: Option<At<Number>>,
    pub segments: Option<At<Segments>>,
    pub terms: Vec<Term>,
    pub publish_score: Option<bool>,
    pub publish_signals: bool,
    pub min_delta: Option<At<Number>>,
    pub margin: Option<At<Number>>,
}

/// Names with their thresholds.
pub type Segments = Vec<(At<String>, At<Number>)>;

#[derive(Debug)]
pub struct Term {
    pub label: Option<At<String>>,
    pub points: Option<At<Number>>,
    pub signal: Option<At<String>>,
    pub lifespan: Option<At<String>>,
    pub cap: Option<At<Number>>,
    pub when: Option<At<String>>,
}

#[derive(Debug)]
pub struct Moment {
    pub name: At<String>,
    pub when: Option<At<String>>,
    pub until: Option<At<String>>,
    pub hold: Option<At<String>>,
    pub cooldown: Option<At<String>>,
    pub needs_history: Option<At<String>>,
    pub score: Option<At<String>>,
    pub in_traits: bool,
    pub ended: bool,
    pub enabled: bool,
}

impl Written {
    /// Whether it says nothing about people: no traits, signals, scores or moments.
    pub fn is_without_rules(&self) -> bool {
        self.traits.is_empty() && self.signals.is_empty() && self.scores.is_empty() && self.moments.is_empty()
    }
}

/// The file's tables, and all that is wrong with their shape. With broken TOML there are no tables.
pub fn read(file: &str, mistakes: &mut Vec<Mistake>) -> Option<Written> {
    if file.len() > FILE_BYTES_MAX {
        let message = format!("a playbook has at most {FILE_BYTES_MAX} bytes; this one has {}", file.len());
        mistakes.push(Mistake::new(Code::TooLarge, 0..0, message));
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(file);
    for error in &errors {
        mistakes.push(toml_mistake(file, error));
    }
    errors.is_empty().then(|| whole(table.get_ref(), mistakes))
}

fn toml_mistake(file: &str, error: &toml::de::Error) -> Mistake {
    let span = error.span().unwrap_or(0..0);
    let span = span.start.min(file.len())..span.end.min(file.len());
    Mistake::new(Code::Toml, span, format!("this is not TOML: {}", error.message()))
}

fn whole(table: &DeTable<'_>, mistakes: &mut Vec<Mistake>) -> Written {
    let mut fields = Fields::new(table, 0..0, "a playbook");
    let written = Written {
        settings: fields.value("settings").and_then(|value| settings(value, mistakes)).unwrap_or_default(),
        traits: traits(&mut fields, mistakes),
        signals: named(&mut fields, "signals", "a signal", signal, mistakes),
        scores: named(&mut fields, "scores", "a score", score, mistakes),
        moments: named(&mut fields, "moments", "a moment", moment, mistakes),
        tests: fields
            .tables("tests", "a test", mistakes)
            .into_iter()
            .map(|table| test::read(table, mistakes))
            .collect(),
    };
    for reserved in ["accounts", "account", "tables", "table"] {
        if fields.value(reserved).is_some() {
            let message = format!("`[{reserved}]` is reserved for later: not yet");
            mistakes.push(Mistake::new(Code::NotYet, fields.key_span(reserved), message));
        }
    }
    fields.finish(mistakes);
    written
}

fn settings(value: &toml::Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Option<Settings> {
    let DeValue::Table(table) = value.get_ref() else {
        return fields::wrong_type(value, "settings", "a table", mistakes);
    };
    let mut fields = Fields::new(table, value.span(), "`[settings]`");
    let settings = Settings {
        min_interval: fields.duration("min_interval", mistakes),
        free_mail: fields.texts("free_mail", mistakes).map_or_else(Vec::new, |list| list.value),
        revision: fields.number("revision", mistakes),
    };
    fields.finish(mistakes);
    Some(settings)
}

fn traits(fields: &mut Fields<'_>, mistakes: &mut Vec<Mistake>) -> Vec<(At<String>, Vec<At<String>>)> {
    let entries = fields.entries("traits", mistakes).map_or_else(Vec::new, |entries| entries.value);
    let paths = |(name, value): (At<String>, _)| {
        let paths = fields::texts(value, &name.value, mistakes)?;
        if paths.value.is_empty() {
            let message = format!("the trait `{}` needs at least one path", name.value);
            mistakes.push(Mistake::new(Code::MissingKey, paths.span, message).help("such as \"traits.title\""));
        }
        Some((name, paths.value))
    };
    entries.into_iter().filter_map(paths).collect()
}

/// The tables `[section.NAME]`, in file order.
fn named<'t, T>(
    fields: &mut Fields<'t>,
    section: &'static str,
    what: &'static str,
    read: fn(At<String>, Fields<'t>, &mut Vec<Mistake>) -> T,
    mistakes: &mut Vec<Mistake>,
) -> Vec<T> {
    let entries = fields.entries(section, mistakes).map_or_else(Vec::new, |entries| entries.value);
    let one = |(name, value): (At<String>, &'t toml::Spanned<DeValue<'t>>)| match value.get_ref() {
        DeValue::Table(table) => {
            let fields = Fields::new(table, name.span.clone(), what);
            Some(read(name, fields, mistakes))
        }
        _ => fields::wrong_type(value, &name.value, &format!("a table: `[{section}.{}]`", name.value), mistakes),
    };
    entries.into_iter().filter_map(one).collect()
}

fn signal(name: At<String>, mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Signal {
    let signal = Signal {
        on: fields.texts("on", mistakes),
        event: fields.texts("event", mistakes),
        sequence: fields.texts("sequence", mistakes),
        within: fields.duration("within", mistakes),
        filter: fields.text("where", mistakes),
        value: fields.text("value", mistakes),
        distinct: fields.text("distinct", mistakes),
        name,
    };
    if !["on", "event", "sequence"].iter().any(|key| fields.has(key)) {
        let message = format!("the signal `{}` listens to nothing", signal.name.value);
        let help = "add `on = \"page\"`, `event = \"Order Completed\"`, or `sequence = [\"a\", \"b\"]` with `within`";
        mistakes.push(Mistake::new(Code::MissingKey, fields.span.clone(), message).help(help));
    }
    if fields.has("sequence") {
        fields.require("within", "`within = \"7d\"`: how long after the step before it a step still counts", mistakes);
        for key in ["on", "event", "where", "value", "distinct"] {
            if fields.has(key) {
                let message = format!("a sequence takes no `{key}`");
                let help = "put it on the signals that are its steps";
                mistakes.push(Mistake::new(Code::BadSequence, fields.key_span(key), message).help(help));
            }
        }
    } else if fields.has("within") {
        let message = "`within` belongs to a `sequence`";
        mistakes.push(Mistake::new(Code::ConflictingKeys, fields.key_span("within"), message));
    }
    fields.finish(mistakes);
    signal
}

fn score(name: At<String>, mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Score {
    fields.require("half", "`half = 20`: how many points make a score of 0.50", mistakes);
    fields.require("segments", "`segments = { low = 0.0, high = 0.5 }`", mistakes);
    fields.require("terms", "`terms = [ … ]`", mistakes);
    let score = Score {
        half: fields.number("half", mistakes),
        segments: segments(&mut fields, mistakes),
        terms: fields.tables("terms", "a term", mistakes).into_iter().map(|fields| term(fields, mistakes)).collect(),
        publish_score: fields.flag("publish_score", mistakes).map(|flag| flag.value),
        publish_signals: fields.flag("publish_signals", mistakes).is_some_and(|flag| flag.value),
        min_delta: fields.number("min_delta", mistakes),
        margin: fields.number("margin", mistakes),
        name,
    };
    fields.finish(mistakes);
    score
}

fn segments(fields: &mut Fields<'_>, mistakes: &mut Vec<Mistake>) -> Option<At<Segments>> {
    let entries = fields.entries("segments", mistakes)?;
    let one = |(name, value): (At<String>, &toml::Spanned<DeValue<'_>>)| match fields::number(value) {
        Some(number) => Some((name, number)),
        None => fields::wrong_type(value, &name.value, "a number from 0 to 1", mistakes),
    };
    Some(At { value: entries.value.into_iter().filter_map(one).collect(), span: entries.span })
}

fn term(mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Term {
    fields.require("points", "`points = 5`", mistakes);
    let term = Term {
        label: fields.text("label", mistakes),
        points: fields.number("points", mistakes),
        signal: fields.text("signal", mistakes),
        lifespan: fields.duration("lifespan", mistakes),
        cap: fields.number("cap", mistakes),
        when: fields.text("when", mistakes),
    };
    match (fields.has("signal"), fields.has("when")) {
        (true, true) => {
            let message = "a term has either `signal` or `when`, not both";
            mistakes
                .push(Mistake::new(Code::ConflictingKeys, fields.key_span("when"), message).help("make it two terms"));
        }
        (true, false) => fields.require("lifespan", "`lifespan = \"30d\"`: how long an occurrence counts", mistakes),
        (false, true) => {
            for key in ["lifespan", "cap"].into_iter().filter(|key| fields.has(key)) {
                let message = format!("`{key}` belongs to a term with `signal`: points for a `when` don't fade");
                mistakes.push(Mistake::new(Code::ConflictingKeys, fields.key_span(key), message));
            }
        }
        (false, false) => {
            let help = "add `signal = \"…\"` with `lifespan`, or `when = '…'`";
            let message = "a term needs `signal` or `when`";
            mistakes.push(Mistake::new(Code::MissingKey, fields.span.clone(), message).help(help));
        }
    }
    fields.finish(mistakes);
    term
}

fn moment(name: At<String>, mut fields: Fields<'_>, mistakes: &mut Vec<Mistake>) -> Moment {
    fields.require("when", "`when = '…'`", mistakes);
    let moment = Moment {
        when: fields.text("when", mistakes),
        until: fields.text("until", mistakes),
        hold: fields.duration("for", mistakes),
        cooldown: fields.duration("cooldown", mistakes),
        needs_history: fields.duration("needs_history", mistakes),
        score: fields.text("score", mistakes),
        in_traits: fields.flag("trait", mistakes).is_some_and(|flag| flag.value),
        ended: fields.flag("ended", mistakes).is_some_and(|flag| flag.value),
        enabled: fields.flag("enabled", mistakes).is_none_or(|flag| flag.value),
        name,
    };
    if fields.has("of") {
        let span = fields.key_span("of");
        fields.value("of");
        mistakes.push(Mistake::new(Code::NotYet, span, "`of` is reserved for later: not yet"));
    }
    fields.finish(mistakes);
    moment
}
