//! Walks an expression over one event (`where`) or one person at a clock (scores and moments).

use std::borrow::Cow;

use crate::model::event::Event;
use crate::model::expr::Expr;
use crate::model::json::Json;
use crate::model::person::Person;
use crate::model::playbook::Playbook;
use crate::model::time::Span;
use crate::model::touched;
use crate::model::value::Value;

/// What names mean.
pub enum Scope<'a> {
    /// With the clock.
    Event(&'a Event, i64),
    Person(At<'a>),
}

/// A person at a clock, with the scores computed so far in this evaluation.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub playbook: &'a Playbook,
    pub person: &'a Person,
    pub clock: i64,
    /// By score: its value and the name of its segment.
    pub scores: &'a [(f64, String)],
}

impl Scope<'_> {
    /// A `where`, a `when` or an `until` holds when it is exactly true.
    pub fn holds(&self, expr: &Expr) -> bool {
        self.eval(expr).is_true()
    }

    pub fn eval(&self, expr: &Expr) -> Value {
        let value = self.value(expr);
        if let Some(name) = self.named(expr, &value) {
            touched::value(&name, &value);
        }
        value
    }

    fn value(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Null => Value::Null,
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Number(value) => Value::number(*value),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::List(items) => Value::List(items.iter().map(|item| self.eval(item)).collect()),
            Expr::Name(name) => self.root(name),
            Expr::Member(base, key) => self.member(base, key),
            Expr::Index(base, index) => self.eval(base).index(&self.eval(index)),
            Expr::Call(Some(target), name, args) => self.method(target, name, args),
            Expr::Call(None, name, args) => self.function(name, &args[0]),
            // `!x` is true for anything but true.
            Expr::Unary('!', inner) => Value::Bool(!self.holds(inner)),
            Expr::Unary(_, inner) => Value::Number(0.0).arithmetic("-", &self.eval(inner)),
            Expr::Binary(sign, left, right) => self.binary(sign, left, right),
            Expr::If(test, yes, no) => self.eval(if self.holds(test) { yes } else { no }),
        }
    }

    fn binary(&self, sign: &str, left: &Expr, right: &Expr) -> Value {
        match sign {
            "&&" => Value::Bool(self.holds(left) && self.holds(right)),
            "||" => Value::Bool(self.holds(left) || self.holds(right)),
            "in" => Value::Bool(self.eval(left).is_in(&self.eval(right))),
            "+" | "-" | "*" | "/" | "%" => self.eval(left).arithmetic(sign, &self.eval(right)),
            _ => Value::Bool(self.eval(left).compare(sign, &self.eval(right))),
        }
    }

    fn root(&self, name: &str) -> Value {
        match self {
            Scope::Event(event, _) => event.root(name),
            Scope::Person(at) => match name {
                "groupId" => Value::text(at.person.account.as_deref()),
                _ => at.place(name).map_or(Value::Null, |object| Value::of(Some(object))),
            },
        }
    }

    fn member(&self, base: &Expr, key: &str) -> Value {
        if let (Scope::Person(at), Expr::Name(root)) = (self, base) {
            match root.as_str() {
                "score" => return Value::number(at.scores[at.playbook.score_index(key)].0),
                "segment" => return Value::Text(at.scores[at.playbook.score_index(key)].1.clone()),
                "email" => return at.person.email_part(key, &at.playbook.free_mail),
                _ => {}
            }
        }
        self.eval(base).member(key)
    }

    fn function(&self, name: &str, arg: &Expr) -> Value {
        let value = self.eval(arg);
        let clock = match self {
            Scope::Event(_, clock) => *clock,
            Scope::Person(at) => at.clock,
        };
        match name {
            // `has(path)`: the path is there.
            "has" => Value::Bool(value != Value::Null),
            // Signals, `time_since(x)` and `time_until(x)`.
            "time_since" => value.instant().map_or(Value::Null, |t| Value::Duration(clock - t)),
            "time_until" => value.instant().map_or(Value::Null, |t| Value::Duration(t - clock)),
            _ => value.convert(name),
        }
    }

    fn method(&self, target: &Expr, name: &str, args: &[Expr]) -> Value {
        if let (Scope::Person(at), Expr::Name(root)) = (self, target) {
            if root == "profile" && name == "age" {
                return at.person.first.map_or(Value::Null, |first| Value::Duration(at.clock - first));
            }
            if let Some(signal) = at.playbook.signal(root) {
                return at.ask(signal, name, args);
            }
        }
        let target = self.eval(target);
        match args {
            [] => target.convert(name),
            [other, ..] => Value::Bool(target.text_test(name, &self.eval(other))),
        }
    }
}

impl Scope<'_> {
    /// What the pages call a part; `None`: nothing of its own.
    fn named<'e>(&self, expr: &'e Expr, value: &Value) -> Option<Cow<'e, str>> {
        Some(match (expr, self) {
            (Expr::Call(_, name, args), Scope::Person(_)) if args.len() == 2 && name != "streak" => {
                format!("{name}(w, ago)").into()
            }
            (Expr::Call(_, name, _), _) => format!("{name}()").into(),
            (Expr::Binary(sign, ..), _) if sign == "+" && matches!(value, Value::Text(_)) => "+ of texts".into(),
            (Expr::Binary(sign, ..), _) => sign.into(),
            (Expr::Unary('!', _), _) => "!".into(),
            (Expr::Unary(..), _) => "-x".into(),
            (Expr::If(..), _) => "?:".into(),
            (Expr::Index(_, key), _) if matches!(**key, Expr::Text(_)) => "x[\"key\"]".into(),
            (Expr::Index(..), _) => "x[0]".into(),
            (Expr::Name(root), Scope::Event(..)) => format!("where {root}").into(),
            (Expr::Name(root), _) if root == "groupId" => root.into(),
            (Expr::Member(base, key), Scope::Person(_)) => match &**base {
                Expr::Name(root) if root == "email" => format!("email.{key}").into(),
                Expr::Name(root) => format!("{root}.").into(),
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl At<'_> {
    fn place(&self, root: &str) -> Option<&Json> {
        match root {
            "traits" => Some(&self.person.traits),
            "group" => Some(&self.person.group_traits),
            _ => None,
        }
    }

    /// The table of what can be asked of a signal.
    fn ask(&self, signal: usize, name: &str, args: &[Expr]) -> Value {
        let (person, t) = (self.person, self.clock);
        let other = || match &args[0] {
            Expr::Name(other) => self.playbook.signal(other).expect("a checked playbook"),
            other => panic!("a signal, not {other:?}"),
        };
        let number = |n: usize| Value::Number(n as f64);
        match (name, args.len()) {
            ("count", 1) => number(person.count(signal, span(&args[0]), None, t)),
            ("count", _) => number(person.count(signal, span(&args[0]), Some(span(&args[1])), t)),
            ("days", 1) => number(person.days(signal, span(&args[0]), 0, t)),
            ("days", _) => number(person.days(signal, span(&args[0]), span(&args[1]).length, t)),
            ("sum", _) => Value::number(person.sum(signal, span(&args[0]), t)),
            ("max", _) => person.max(signal, span(&args[0]), t).map_or(Value::Null, Value::number),
            ("avg", _) => person.avg(signal, span(&args[0]), t).map_or(Value::Null, Value::number),
            ("last", _) => person.last(signal).map_or(Value::Null, Value::number),
            ("distinct", _) => number(person.distinct(signal, span(&args[0]), t)),
            ("total", _) => number(person.occurrences[signal].len()),
            ("seen", _) => Value::Bool(!person.occurrences[signal].is_empty()),
            ("silent", _) => Value::Bool(person.silent(signal, span(&args[0]).length, t)),
            ("streak", _) => number(person.streak(signal, other(), span(&args[1]), t)),
            _ => panic!("{name} is nothing that a signal can be asked"),
        }
    }
}

fn span(arg: &Expr) -> Span {
    match arg {
        Expr::Text(text) => Span::parse(text).expect("a checked playbook"),
        other => panic!("a duration, not {other:?}"),
    }
}
