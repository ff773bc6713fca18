//! Functions: what can be asked of values, and of signals.

use std::ops::Range;

use super::duration::{self, Duration};
use super::expression::{Checker, Scope};
use super::types::Types;
use crate::engine::playbook::expression::{Kind, NodeId};
use crate::engine::playbook::meant::{Convert, Expr, Regex, SignalQuery, TextTest};
use crate::engine::playbook::mistake::Code;
use crate::engine::playbook::pattern;

const OF_SIGNALS: [&str; 11] =
    ["count", "sum", "max", "avg", "last", "distinct", "days", "total", "seen", "silent", "streak"];
const OF_VALUES: [&str; 6] = ["startsWith", "endsWith", "contains", "matches", "lowerAscii", "size"];
const PLAIN: [&str; 8] = ["has", "size", "double", "int", "string", "duration", "time_since", "time_until"];
/// CEL's functions that are not part of this language.
const OTHER_CEL: [&str; 14] = [
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "timestamp",
    "type",
    "dyn",
    "bool",
    "uint",
    "bytes",
    "optional",
    "upperAscii",
    "matches",
];

const NOTHING: (Expr, Types) = (Expr::Null, Types::ANY);

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        id: NodeId,
        of: Option<NodeId>,
        name: &str,
        name_span: Range<usize>,
        arguments: &[NodeId],
    ) -> (Expr, Types) {
        let Some(of) = of else { return self.function(id, name, name_span, arguments) };
        match self.tree.node(of).kind.clone() {
            Kind::Name(signal) if self.scope == Scope::Person && self.names.signal(&signal).is_some() => {
                self.ask(id, &signal, name, name_span, arguments)
            }
            Kind::Name(root) if self.scope == Scope::Person && root == "profile" => {
                if name != "age" {
                    let mistake =
                        self.mistake_at(Code::UnknownFunction, name_span, format!("a profile has no `{name}`"));
                    self.mistakes.push(mistake.help("use `profile.age()`"));
                    return NOTHING;
                }
                self.take_arguments(id, "profile.age()", arguments, 0..=0);
                (Expr::ProfileAge, Types::DURATION)
            }
            Kind::Name(unknown) if OF_SIGNALS.contains(&name) => {
                self.unknown_signal(of, &unknown);
                NOTHING
            }
            _ => self.method(id, of, name, name_span, arguments),
        }
    }

    fn unknown_signal(&mut self, id: NodeId, name: &str) {
        if self.scope == Scope::Event || ["account", "table"].contains(&name) {
            self.unknown(id, name);
            return;
        }
        let mistake = self.mistake(Code::UnknownSignal, id, format!("there is no signal `{name}`"));
        self.mistakes.push(mistake.label("unknown signal").nearest(name, self.names.signal_names()));
    }

    /// `name(…)`
    fn function(&mut self, id: NodeId, name: &str, name_span: Range<usize>, arguments: &[NodeId]) -> (Expr, Types) {
        if !PLAIN.contains(&name) {
            return self.unknown_function(name, name_span, &PLAIN, arguments);
        }
        if !self.take_arguments(id, name, arguments, 1..=1) {
            return NOTHING;
        }
        let argument = arguments[0];
        let number_or_text = Types::NUMBER | Types::TEXT;
        let nullable = |types| types | Types::NULL;
        match name {
            "has" => self.has(argument),
            "size" => self.size(argument),
            "double" => {
                self.demand(argument, number_or_text, "`double` takes a number or a text");
                (Expr::Convert(Convert::Double, self.boxed(argument)), nullable(Types::NUMBER))
            }
            "int" => {
                self.demand(argument, number_or_text, "`int` takes a number or a text");
                (Expr::Convert(Convert::Int, self.boxed(argument)), nullable(Types::NUMBER))
            }
            "string" => {
                self.demand(argument, number_or_text | Types::BOOL, "`string` takes a number, true or false");
                (Expr::Convert(Convert::Text, self.boxed(argument)), nullable(Types::TEXT))
            }
            "duration" => self.duration(argument),
            _ => {
                self.demand(argument, number_or_text, &format!("`{name}` takes a time: a text or a number"));
                if !self.time_may_stand(id) {
                    let message = format!("`{name}` must be compared with a constant duration here");
                    let help = format!("as in `{name}(…) > duration(\"7d\")`, with `<`, `<=`, `>` or `>=`");
                    let mistake = self.mistake(Code::WrongArguments, id, message);
                    self.mistakes.push(mistake.help(help));
                }
                let time = self.boxed(argument);
                let expr = if name == "time_since" { Expr::TimeSince(time) } else { Expr::TimeUntil(time) };
                (expr, nullable(Types::DURATION))
            }
        }
    }

    fn has(&mut self, argument: NodeId) -> (Expr, Types) {
        let kind = &self.tree.node(argument).kind;
        if !matches!(kind, Kind::Name(_) | Kind::Member { .. } | Kind::Index { .. }) {
            let mistake = self.mistake(Code::WrongArguments, argument, "`has` takes a path");
            self.mistakes.push(mistake.help("such as `has(traits.plan)`"));
            return NOTHING;
        }
        self.check(argument);
        let expr = match &self.meanings[argument] {
            Expr::Path(path) => Expr::Has(path.clone()),
            // What can be named but is no path is there when it is not null.
            _ => Expr::Compare(super::Compare::NotEqual, self.boxed(argument), Box::new(Expr::Null)),
        };
        (expr, Types::BOOL)
    }

    fn size(&mut self, of: NodeId) -> (Expr, Types) {
        self.demand(of, Types::TEXT | Types::LIST | Types::OBJECT, "`size` takes a text or a list");
        (Expr::Convert(Convert::Size, self.boxed(of)), Types::NUMBER | Types::NULL)
    }

    fn duration(&mut self, argument: NodeId) -> (Expr, Types) {
        match self.tree.text(argument) {
            Some(_) => {
                self.constant_duration(argument);
                self.check(argument);
                (Expr::Duration(self.boxed(argument)), Types::DURATION)
            }
            None => {
                self.demand(argument, Types::TEXT, "`duration` takes a text such as \"7d\"");
                (Expr::Duration(self.boxed(argument)), Types::DURATION | Types::NULL)
            }
        }
    }

    /// `value.name(…)`
    fn method(
        &mut self,
        id: NodeId,
        of: NodeId,
        name: &str,
        name_span: Range<usize>,
        arguments: &[NodeId],
    ) -> (Expr, Types) {
        if !OF_VALUES.contains(&name) {
            return self.unknown_function(name, name_span, &OF_VALUES, arguments);
        }
        let takes = usize::from(!["lowerAscii", "size"].contains(&name));
        if !self.take_arguments(id, name, arguments, takes..=takes) {
            return NOTHING;
        }
        if name == "size" {
            return self.size(of);
        }
        self.demand(of, Types::TEXT, &format!("`{name}` is asked of a text"));
        if name == "lowerAscii" {
            return (Expr::Convert(Convert::LowerAscii, self.boxed(of)), Types::TEXT | Types::NULL);
        }
        let argument = arguments[0];
        self.demand(argument, Types::TEXT, &format!("`{name}` takes a text"));
        let test = |test| Expr::TextTest(test, self.boxed(of), self.boxed(argument));
        let expr = match name {
            "startsWith" => test(TextTest::StartsWith),
            "endsWith" => test(TextTest::EndsWith),
            "contains" => test(TextTest::Contains),
            _ => self.matches(of, argument),
        };
        (expr, Types::BOOL)
    }

    fn matches(&mut self, of: NodeId, argument: NodeId) -> Expr {
        let Some(constant) = self.tree.text(argument) else {
            return Expr::MatchesDynamic(self.boxed(of), self.boxed(argument));
        };
        match pattern::compile(constant) {
            Ok(regex) => Expr::Matches(self.boxed(of), Regex(regex)),
            Err(why) => {
                let mistake = self.mistake(Code::BadPattern, argument, format!("this pattern can't be used: {why}"));
                self.mistakes.push(mistake.help("patterns are written as RE2 has them, best as r\"…\""));
                Expr::Bool(false)
            }
        }
    }

    fn unknown_function(
        &mut self,
        name: &str,
        span: Range<usize>,
        known: &[&str],
        arguments: &[NodeId],
    ) -> (Expr, Types) {
        let mistake = self.mistake_at(Code::UnknownFunction, span, format!("there is no function `{name}`"));
        let all = known.iter().chain(&OF_VALUES).chain(&PLAIN).chain(&OF_SIGNALS).copied();
        let mistake = match () {
            _ if OF_SIGNALS.contains(&name) => {
                mistake.help(format!("`{name}` is asked of a signal: `my_signal.{name}(…)`"))
            }
            _ if OF_VALUES.contains(&name) => mistake.help(format!("write `x.{name}(…)`")),
            _ if PLAIN.contains(&name) => mistake.help(format!("write `{name}(x)`")),
            _ if OTHER_CEL.contains(&name) => mistake.help(format!("`{name}` of CEL is not part of this language")),
            _ => mistake.nearest(name, all),
        };
        self.mistakes.push(mistake.label("unknown function"));
        // Their own mistakes show in the same go.
        self.check_all(arguments);
        NOTHING
    }

    /// `signal.name(…)`
    fn ask(
        &mut self,
        id: NodeId,
        signal: &str,
        name: &str,
        name_span: Range<usize>,
        arguments: &[NodeId],
    ) -> (Expr, Types) {
        let index = self.names.signal(signal).expect("the caller found it");
        if !OF_SIGNALS.contains(&name) {
            let message = format!("a signal has no `{name}`");
            let mistake = self.mistake_at(Code::UnknownFunction, name_span, message).label("unknown function");
            let mistake = mistake.help(format!("it has {}", OF_SIGNALS.join(", ")));
            self.mistakes.push(mistake.nearest(name, OF_SIGNALS));
            return NOTHING;
        }
        let takes = match name {
            "total" | "seen" | "last" => 0..=0,
            "count" | "days" => 1..=2,
            "streak" => 2..=2,
            _ => 1..=1,
        };
        self.needs_key(signal, index, name, name_span);
        if !self.take_arguments(id, name, arguments, takes) {
            return NOTHING;
        }
        let types = match name {
            "seen" | "silent" => Types::BOOL,
            "max" | "avg" => Types::NUMBER | Types::NULL,
            "last" => Types::NUMBER | Types::TEXT | Types::BOOL | Types::NULL,
            _ => Types::NUMBER,
        };
        match self.query(name, arguments) {
            Some(query) => (Expr::Signal(index, query), types),
            None => (Expr::Null, types),
        }
    }

    /// `sum` and its like look at a `value` that the signal must name.
    fn needs_key(&mut self, signal: &str, index: usize, name: &str, name_span: Range<usize>) {
        let known = &self.names.signals[index];
        let (missing, key) = match name {
            "sum" | "max" | "avg" | "last" => (!known.has_value, "value"),
            "distinct" => (!known.has_distinct, "distinct"),
            _ => (false, ""),
        };
        if missing {
            let message = format!("`{name}` looks at the `{key}` of a signal, and `{signal}` has none");
            let help = match known.is_sequence {
                true => "a sequence has neither value nor distinct: ask one of its steps".to_string(),
                false => format!("add `{key} = \"properties.…\"` to [signals.{signal}]"),
            };
            let mistake = self.mistake_at(Code::MissingKey, name_span, message);
            self.mistakes.push(mistake.help(help));
        }
    }

    fn query(&mut self, name: &str, arguments: &[NodeId]) -> Option<SignalQuery> {
        match name {
            "total" => return Some(SignalQuery::Total),
            "seen" => return Some(SignalQuery::Seen),
            "last" => return Some(SignalQuery::Last),
            "streak" => return self.streak(arguments[0], arguments[1]),
            "days" => return self.days(arguments),
            _ => {}
        }
        let length = self.constant_window(arguments[0]);
        let ago = arguments.get(1).map(|ago| self.constant_window(*ago));
        let window = length?.window();
        Some(match name {
            "count" => match ago {
                Some(ago) => {
                    let ago = ago?;
                    let bucket = window.bucket.min(ago.bucket());
                    SignalQuery::Count { window: super::Window { bucket, ..window }, ago: ago.length }
                }
                None => SignalQuery::Count { window, ago: 0 },
            },
            "sum" => SignalQuery::Sum(window),
            "max" => SignalQuery::Max(window),
            "avg" => SignalQuery::Avg(window),
            "distinct" => SignalQuery::Distinct(window),
            _ => SignalQuery::Silent(window.length),
        })
    }

    fn days(&mut self, arguments: &[NodeId]) -> Option<SignalQuery> {
        let mut lengths = Vec::new();
        for argument in arguments {
            let found = self.constant_window(*argument);
            if found.is_some_and(|found| !found.is_in_days()) {
                let mistake = self.mistake(Code::BadDuration, *argument, "`days` counts whole days");
                self.mistakes.push(mistake.help("write the duration in d or w: \"7d\""));
                lengths.push(None);
            } else {
                lengths.push(found);
            }
        }
        let lengths: Vec<Duration> = lengths.into_iter().collect::<Option<_>>()?;
        let window = super::Window { length: lengths[0].length, bucket: duration::DAY };
        Some(SignalQuery::Days { window, ago: lengths.get(1).map_or(0, |ago| ago.length) })
    }

    fn streak(&mut self, other: NodeId, window: NodeId) -> Option<SignalQuery> {
        let window = self.constant_window(window);
        let Kind::Name(name) = self.tree.node(other).kind.clone() else {
            let mistake = self.mistake(Code::WrongArguments, other, "`streak` takes the name of another signal first");
            self.mistakes.push(mistake.help("without quotes: `failed.streak(succeeded, \"7d\")`"));
            return None;
        };
        match self.names.signal(&name) {
            Some(other) => Some(SignalQuery::Streak { other, window: window?.window() }),
            None => {
                self.unknown_signal(other, &name);
                None
            }
        }
    }

    /// A duration that is not longer than the longest window.
    fn constant_window(&mut self, id: NodeId) -> Option<Duration> {
        let found = self.constant_duration(id)?;
        if found.length > duration::WINDOW_MAX {
            let message = format!("a window of {} is too long", duration::show(found.length));
            let mistake = self.mistake(Code::BadDuration, id, message);
            self.mistakes.push(mistake.help("400 days are the most"));
            return None;
        }
        Some(found)
    }

    fn constant_duration(&mut self, id: NodeId) -> Option<Duration> {
        let Some(text) = self.tree.text(id) else {
            let mistake = self.mistake(Code::BadDuration, id, "a duration should stand here");
            let help = match &self.tree.node(id).kind {
                Kind::Number(number) => format!("with its unit, as a text: \"{number}d\""),
                Kind::Call { name, .. } if name == "duration" => "as a text alone, such as \"7d\"".to_string(),
                _ => "as a constant text, such as \"7d\"".to_string(),
            };
            self.mistakes.push(mistake.help(help));
            return None;
        };
        let (message, help) = match duration::parse(text) {
            Some(found) if found.length > 0 => return Some(found),
            Some(_) => ("a duration of zero is nothing".to_string(), "the least is \"1s\"".to_string()),
            None => duration::why_not(text),
        };
        let mistake = self.mistake(Code::BadDuration, id, message);
        self.mistakes.push(mistake.help(help));
        None
    }

    /// Whether the number of arguments is right; reports it when not.
    fn take_arguments(
        &mut self,
        id: NodeId,
        name: &str,
        arguments: &[NodeId],
        takes: std::ops::RangeInclusive<usize>,
    ) -> bool {
        if takes.contains(&arguments.len()) {
            return true;
        }
        let mistake = self.mistake(Code::WrongArguments, id, wrong_count(name, &takes, arguments.len()));
        self.mistakes.push(match usage(name) {
            Some(usage) => mistake.help(usage),
            None => mistake,
        });
        false
    }
}

fn wrong_count(name: &str, takes: &std::ops::RangeInclusive<usize>, found: usize) -> String {
    let takes = match (takes.start(), takes.end()) {
        (0, 0) => "nothing in its brackets".to_string(),
        (1, 1) => "one value".to_string(),
        (least, most) if least == most => format!("{least} values"),
        (least, most) => format!("{least} or {most} values"),
    };
    format!("`{name}` takes {takes}, and here are {found}")
}

fn usage(name: &str) -> Option<String> {
    Some(match name {
        "count" | "days" => format!("as in `s.{name}(\"28d\")`, or `s.{name}(\"28d\", \"7d\")` as it was 7 days ago"),
        "sum" | "max" | "avg" | "distinct" | "silent" => format!("as in `s.{name}(\"7d\")`"),
        "streak" => "as in `s.streak(other, \"7d\")`".to_string(),
        "total" | "seen" | "last" => "it is about all time: for a window use `s.count(\"7d\")`".to_string(),
        _ => return None,
    })
}
