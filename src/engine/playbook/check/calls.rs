//! Functions: what can be asked of values.

use std::ops::Range;

use super::expression::{Checker, Scope};
use super::types::Types;
use crate::engine::playbook::expression::{Kind, NodeId};
use crate::engine::playbook::meant::{Compare, Convert, Expr, Regex, TextTest};
use crate::engine::playbook::mistake::Code;
use crate::engine::playbook::pattern;

pub(super) const OF_SIGNALS: [&str; 11] =
    ["count", "sum", "max", "avg", "last", "distinct", "days", "total", "seen", "silent", "streak"];
const OF_VALUES: [&str; 6] = ["startsWith", "endsWith", "contains", "matches", "lowerAscii", "size"];
const PLAIN: [&str; 8] = ["has", "size", "double", "int", "string", "duration", "time_since", "time_until"];
/// CEL's functions that are not part of this language.
const OTHER_CEL: [&str; 13] = [
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
];

const MACROS: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];

pub(super) const NOTHING: (Expr, Types) = (Expr::Null, Types::ANY);

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
            _ if !OF_VALUES.contains(&name) => {
                // What is wrong with the value itself shows in the same go.
                self.check(of);
                self.unknown_function(name, name_span, &OF_VALUES, arguments)
            }
            _ => self.method(id, of, name, arguments),
        }
    }

    pub(super) fn unknown_signal(&mut self, id: NodeId, name: &str) {
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
            _ => Expr::Compare(Compare::NotEqual, self.boxed(argument), Box::new(Expr::Null)),
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
    fn method(&mut self, id: NodeId, of: NodeId, name: &str, arguments: &[NodeId]) -> (Expr, Types) {
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
            _ => mistake.help(format!("there are {}", known.join(", "))).nearest(name, all),
        };
        self.mistakes.push(mistake.label("unknown function"));
        // Their own mistakes show in the same go, save those of variables that a macro would have made.
        if !MACROS.contains(&name) {
            self.check_all(arguments);
        }
        NOTHING
    }

    /// Whether the number of arguments is right; reports it when not.
    pub(super) fn take_arguments(
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
