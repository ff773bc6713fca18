//! What can be asked of signals: windows, and what a signal must have for it.

use std::ops::Range;

use super::calls::{NOTHING, OF_SIGNALS};
use super::duration::{self, Duration};
use super::expression::Checker;
use super::types::Types;
use crate::engine::playbook::expression::{Kind, NodeId};
use crate::engine::playbook::meant::{Expr, SignalQuery, Window};
use crate::engine::playbook::mistake::Code;

impl Checker<'_> {
    /// `signal.name(…)`
    pub(super) fn ask(
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
                    SignalQuery::Count { window: Window { bucket, ..window }, ago: ago.length }
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
        let window = Window { length: lengths[0].length, bucket: duration::DAY };
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

    pub(super) fn constant_duration(&mut self, id: NodeId) -> Option<Duration> {
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
}
