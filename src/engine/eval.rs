//! Walks compiled expressions. Nothing fails: what isn't there is null. Beside a value, the walk says until which time
//! it stays what it is if nothing more happens, so that a person need not be looked at before.
//!
//! It knows nothing of where values come from: that is its [`Env`].

use std::borrow::Cow;

use super::Millis;
use super::event::{Slot, Value, number, time};
use super::playbook::code::{Code, Node, NodeId};
use super::playbook::meant::{Arith, Compare, Convert, SignalQuery, TextTest};
use super::playbook::program::CellId;

/// Numbers beyond this are null.
const NUMBER_MAX: f64 = 9_007_199_254_740_992.0;

/// For ever.
pub const NEVER: Millis = Millis::MAX;

/// From here on it is cheaper to look again than to find out that one need not.
const FAR: Millis = 86_400_000;

#[derive(Debug, Clone)]
pub enum Val<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Duration(Millis),
    /// A list or an object of an event.
    Json(Value<'a>),
    /// A list written in the playbook.
    Items(&'a Code, &'a [NodeId]),
}

/// A value, and the first time at which it may be another.
#[derive(Debug, Clone)]
pub struct Timed<'a> {
    pub value: Val<'a>,
    pub until: Millis,
}

/// Where the names in an expression get their values.
pub trait Env {
    fn event(&self, _slot: Slot) -> Val<'_> {
        Val::Null
    }
    fn kept(&self, _cell: CellId) -> Val<'_> {
        Val::Null
    }
    fn query(&self, _cell: CellId, _query: SignalQuery) -> Timed<'_> {
        Val::Null.always()
    }
    /// Whether `query op constant` holds, and until when.
    fn query_holds(&self, op: Compare, cell: CellId, query: SignalQuery, constant: f64) -> (bool, Millis) {
        let Timed { value, until } = self.query(cell, query);
        (compare(op, &value, &Val::Number(constant), self), until)
    }
    fn score(&self, _index: usize) -> Timed<'_> {
        Val::Null.always()
    }
    fn score_holds(&self, op: Compare, index: usize, constant: f64) -> (bool, Millis) {
        let Timed { value, until } = self.score(index);
        (compare(op, &value, &Val::Number(constant), self), until)
    }
    fn segment(&self, _index: usize) -> Timed<'_> {
        Val::Null.always()
    }
    /// The clock at the profile's first event.
    fn first(&self) -> Option<Millis> {
        None
    }
    fn clock(&self) -> Millis;
    fn email_domain(&self) -> Option<String> {
        None
    }
    fn is_free_mail(&self, _domain: &str) -> bool {
        false
    }
    fn account(&self) -> Val<'_> {
        Val::Null
    }
}

impl<'a> Val<'a> {
    fn always(self) -> Timed<'a> {
        Timed { value: self, until: NEVER }
    }

    pub fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub fn number(n: f64) -> Self {
        if n.abs() <= NUMBER_MAX { Self::Number(n) } else { Self::Null }
    }

    pub fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl<'a> From<Value<'a>> for Val<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(b),
            Value::Number(n) => Self::number(n.value),
            Value::Text(text) => Self::Text(text),
            value @ (Value::List(_) | Value::Object(_)) => Self::Json(value),
        }
    }
}

/// Whether the expression is exactly true, and until when that stays so.
pub fn holds<E: Env + ?Sized>(code: &Code, env: &E) -> (bool, Millis) {
    let timed = eval(code, code.root, env);
    (timed.value.is_true(), timed.until)
}

pub fn eval<'a, E: Env + ?Sized>(code: &'a Code, node: NodeId, env: &'a E) -> Timed<'a> {
    let walk = |node: NodeId| eval(code, node, env);
    let both = |a: NodeId, b: NodeId| {
        let (a, b) = (walk(a), walk(b));
        (a.value, b.value, a.until.min(b.until))
    };
    let bool = |value: bool, until: Millis| Timed { value: Val::Bool(value), until };
    match &code.nodes[usize::from(node)] {
        Node::Null => Val::Null.always(),
        Node::Bool(b) => Val::Bool(*b).always(),
        Node::Number(n) => Val::number(*n).always(),
        Node::Text(text) => Val::Text(Cow::Borrowed(text)).always(),
        Node::Duration(length) => Val::Duration(*length).always(),
        Node::DurationOf(a) => map(walk(*a), |v| {
            v.text().and_then(|text| super::playbook::duration(&text)).map_or(Val::Null, Val::Duration)
        }),
        Node::List(items) => {
            let until = items.iter().map(|item| if is_constant(code, *item) { NEVER } else { walk(*item).until });
            Timed { value: Val::Items(code, items), until: until.min().unwrap_or(NEVER) }
        }
        Node::Event(slot) => env.event(*slot).always(),
        Node::Kept(cell) => env.kept(*cell).always(),
        Node::Has(a) => map(walk(*a), |v| Val::Bool(!matches!(v, Val::Null))),
        Node::Index(a, b) => {
            let (a, b, until) = both(*a, *b);
            Timed { value: index(a, b, env), until }
        }
        Node::Not(a) => map(walk(*a), |v| Val::Bool(!v.is_true())),
        Node::Negate(a) => map(walk(*a), |v| if let Val::Number(n) = v { Val::number(-n) } else { Val::Null }),
        Node::And(all) => all_true(all.iter().map(|n| walk(*n)), env.clock().saturating_add(FAR)),
        Node::Or(all) => any_true(all.iter().map(|n| walk(*n))),
        Node::If(condition, yes, no) => {
            let condition = walk(*condition);
            let chosen = walk(if condition.value.is_true() { *yes } else { *no });
            Timed { until: chosen.until.min(condition.until), ..chosen }
        }
        Node::Compare(op, a, b) => {
            let (a, b, until) = both(*a, *b);
            bool(compare(*op, &a, &b, env), until)
        }
        Node::Arith(op, a, b) => {
            let (a, b, until) = both(*a, *b);
            Timed { value: arith(*op, a, b), until }
        }
        Node::In(a, b) => {
            let (a, b, until) = both(*a, *b);
            bool(is_in(&a, &b, env), until)
        }
        Node::TextTest(test, a, b) => {
            let (a, b, until) = both(*a, *b);
            let holds = match (a.text(), b.text()) {
                (Some(a), Some(b)) => match test {
                    TextTest::StartsWith => a.starts_with(&*b),
                    TextTest::EndsWith => a.ends_with(&*b),
                    TextTest::Contains => a.contains(&*b),
                },
                _ => false,
            };
            bool(holds, until)
        }
        Node::Matches(a, regex) => map(walk(*a), |v| Val::Bool(v.text().is_some_and(|text| regex.is_match(&text)))),
        Node::MatchesDynamic(a, b) => {
            let (a, b, until) = both(*a, *b);
            let holds = match (a.text(), b.text()) {
                (Some(a), Some(pattern)) => {
                    super::playbook::pattern::compile(&pattern).is_ok_and(|regex| regex.is_match(&a))
                }
                _ => false,
            };
            bool(holds, until)
        }
        Node::Convert(convert, a) => map(walk(*a), |v| converted(*convert, v)),
        Node::Query(cell, query) => env.query(*cell, *query),
        Node::QueryCompare(op, cell, query, constant) => {
            let (holds, until) = env.query_holds(*op, *cell, *query, *constant);
            bool(holds, until)
        }
        Node::Score(i) => env.score(*i),
        Node::ScoreCompare(op, i, constant) => {
            let (holds, until) = env.score_holds(*op, *i, *constant);
            bool(holds, until)
        }
        Node::Segment(i) => env.segment(*i),
        Node::Age | Node::Since(_) | Node::Until(_) => {
            let value = elapsed(code, node, env).0.map_or(Val::Null, |(length, _)| Val::Duration(length));
            Timed { value, until: env.clock().saturating_add(1) }
        }
        Node::TimeCompare(op, time, constant) => match elapsed(code, *time, env) {
            (None, until) => bool(compare(*op, &Val::Null, &Val::Duration(*constant), env), until),
            (Some((length, step)), until) => {
                let holds = compare(*op, &Val::Duration(length), &Val::Duration(*constant), env);
                bool(holds, next_meeting(env.clock(), length, step, *constant).min(until))
            }
        },
        Node::EmailDomain => env.email_domain().map_or(Val::Null, |domain| Val::Text(domain.into())).always(),
        Node::EmailIsPersonal => {
            env.email_domain().map_or(Val::Null, |domain| Val::Bool(env.is_free_mail(&domain))).always()
        }
        Node::Account => env.account().always(),
    }
}

fn map<'a>(timed: Timed<'a>, f: impl FnOnce(Val<'a>) -> Val<'a>) -> Timed<'a> {
    Timed { value: f(timed.value), until: timed.until }
}

/// True until the first of its parts may not be; else false until the last of those that are not may be. A part that
/// stays false until `far` decides it alone: the others may stay false for longer, but are not worth asking.
fn all_true<'a>(parts: impl Iterator<Item = Timed<'a>>, far: Millis) -> Timed<'a> {
    let (mut true_until, mut false_until) = (NEVER, None::<Millis>);
    for part in parts {
        if part.value.is_true() {
            true_until = true_until.min(part.until);
        } else {
            false_until = false_until.max(Some(part.until));
            if part.until >= far {
                break;
            }
        }
    }
    Timed { value: Val::Bool(false_until.is_none()), until: false_until.unwrap_or(true_until) }
}

fn any_true<'a>(parts: impl Iterator<Item = Timed<'a>>) -> Timed<'a> {
    let (mut false_until, mut true_until) = (NEVER, None::<Millis>);
    for part in parts {
        if part.value.is_true() {
            true_until = true_until.max(Some(part.until));
            if part.until == NEVER {
                break;
            }
        } else {
            false_until = false_until.min(part.until);
        }
    }
    Timed { value: Val::Bool(true_until.is_some()), until: true_until.unwrap_or(false_until) }
}

/// Whether it is written out in the playbook.
fn is_constant(code: &Code, node: NodeId) -> bool {
    matches!(code.nodes[usize::from(node)], Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_))
}

/// The duration that an age, `time_since` or `time_until` stands at, and by how much it goes on each millisecond; and until
/// when the time it counts from stays what it is.
fn elapsed<E: Env + ?Sized>(code: &Code, node: NodeId, env: &E) -> (Option<(Millis, Millis)>, Millis) {
    let clock = env.clock();
    let from = |node: NodeId, step: Millis| {
        let timed = eval(code, node, env);
        (point_in_time(timed.value).map(|at| ((clock - at) * step, step)), timed.until)
    };
    match &code.nodes[usize::from(node)] {
        Node::Age => (env.first().map(|first| (clock - first, 1)), NEVER),
        Node::Since(a) => from(*a, 1),
        Node::Until(a) => from(*a, -1),
        _ => (None, NEVER),
    }
}

/// When a duration that grows (or shrinks) with the clock next reaches or leaves `constant`.
fn next_meeting(clock: Millis, length: Millis, step: Millis, constant: Millis) -> Millis {
    let ahead = (constant - length) * step;
    match ahead {
        0 => clock + 1,
        1.. => clock + ahead,
        _ => NEVER,
    }
}

/// A text that parses as an event time, or a number of Unix seconds, milliseconds from 1e11.
fn point_in_time(value: Val<'_>) -> Option<Millis> {
    match value {
        Val::Text(text) => time::parse(&text),
        Val::Number(n) => {
            let millis = if n.abs() >= 1e11 { n } else { n * 1000.0 };
            Some(millis.trunc() as Millis)
        }
        _ => None,
    }
}

/// Whether `a op b` of two numbers.
pub fn compare_numbers(op: Compare, a: f64, b: f64) -> bool {
    match op {
        Compare::Equal => a == b,
        Compare::NotEqual => a != b,
        Compare::Less => a < b,
        Compare::LessEqual => a <= b,
        Compare::Greater => a > b,
        Compare::GreaterEqual => a >= b,
    }
}

pub fn compare<E: Env + ?Sized>(op: Compare, a: &Val<'_>, b: &Val<'_>, env: &E) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match op {
        Compare::Equal => return equal(a, b, env),
        Compare::NotEqual => return !equal(a, b, env),
        _ => match (a, b) {
            (Val::Number(a), Val::Number(b)) => a.partial_cmp(b),
            (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
            _ => None,
        },
    };
    match op {
        Compare::Less => order == Some(Less),
        Compare::LessEqual => matches!(order, Some(Less | Equal)),
        Compare::Greater => order == Some(Greater),
        _ => matches!(order, Some(Greater | Equal)),
    }
}

fn equal<E: Env + ?Sized>(a: &Val<'_>, b: &Val<'_>, env: &E) -> bool {
    match (a, b) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Number(a), Val::Number(b)) => a == b,
        (Val::Text(a), Val::Text(b)) => a == b,
        (Val::Duration(a), Val::Duration(b)) => a == b,
        (Val::Json(Value::List(a)), Val::Json(Value::List(b))) => a == b,
        (Val::Json(Value::Object(a)), Val::Json(Value::Object(b))) => a == b,
        (Val::Items(..) | Val::Json(Value::List(_)), Val::Items(..) | Val::Json(Value::List(_))) => {
            let (a, b) = (elements(a, env), elements(b, env));
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| equal(a, b, env))
        }
        _ => false,
    }
}

/// The elements of a list of either kind.
fn elements<'a, E: Env + ?Sized>(list: &'a Val<'_>, env: &'a E) -> Vec<Val<'a>> {
    match list {
        Val::Items(code, nodes) => nodes.iter().map(|node| eval(code, *node, env).value).collect(),
        Val::Json(Value::List(list)) => list.iter().map(Val::from).collect(),
        _ => Vec::new(),
    }
}

fn is_in<E: Env + ?Sized>(a: &Val<'_>, list: &Val<'_>, env: &E) -> bool {
    match (a, list) {
        (Val::Null, _) => false,
        (_, Val::Items(code, nodes)) => nodes.iter().any(|node| match (&code.nodes[usize::from(*node)], a) {
            // What lists are mostly made of.
            (Node::Text(text), Val::Text(a)) => **text == **a,
            (Node::Text(_), _) => false,
            _ => equal(a, &eval(code, *node, env).value, env),
        }),
        (_, Val::Json(Value::List(list))) => list.iter().any(|element| equal(a, &Val::from(element), env)),
        _ => false,
    }
}

fn index<'a, E: Env + ?Sized>(a: Val<'a>, b: Val<'_>, env: &'a E) -> Val<'a> {
    match (a, b) {
        (Val::Json(Value::Object(object)), Val::Text(key)) => object.get(&key).into(),
        (Val::Json(Value::List(list)), Val::Number(n)) => place(n).map_or(Val::Null, |n| list.index(n).into()),
        (Val::Items(code, nodes), Val::Number(n)) => {
            place(n).and_then(|n| nodes.get(n)).map_or(Val::Null, |node| eval(code, *node, env).value)
        }
        _ => Val::Null,
    }
}

fn place(n: f64) -> Option<usize> {
    (n >= 0.0 && n.fract() == 0.0).then_some(n as usize)
}

fn arith<'a>(op: Arith, a: Val<'a>, b: Val<'a>) -> Val<'a> {
    match (op, a, b) {
        (Arith::Add, Val::Text(a), Val::Text(b)) => Val::Text(Cow::Owned(a.into_owned() + &b)),
        (op, Val::Number(a), Val::Number(b)) => Val::number(match op {
            Arith::Add => a + b,
            Arith::Subtract => a - b,
            Arith::Multiply => a * b,
            Arith::Divide => a / b,
            Arith::Remainder => a % b,
        }),
        _ => Val::Null,
    }
}

fn converted(convert: Convert, value: Val<'_>) -> Val<'_> {
    match (convert, value) {
        (Convert::Size, Val::Text(text)) => Val::Number(text.chars().count() as f64),
        (Convert::Size, Val::Json(Value::List(list))) => Val::Number(list.len() as f64),
        (Convert::Size, Val::Json(Value::Object(object))) => Val::Number(object.len() as f64),
        (Convert::Size, Val::Items(_, nodes)) => Val::Number(nodes.len() as f64),
        (Convert::LowerAscii, Val::Text(text)) => Val::Text(text.to_ascii_lowercase().into()),
        (Convert::Double, n @ Val::Number(_)) => n,
        (Convert::Double, Val::Text(text)) => number::double(&text).map_or(Val::Null, Val::number),
        (Convert::Int, Val::Number(n)) => Val::Number(n.trunc()),
        (Convert::Int, Val::Text(text)) => number::double(&text).map_or(Val::Null, |n| Val::number(n.trunc())),
        (Convert::Text, Val::Bool(b)) => Val::Text(if b { "true" } else { "false" }.into()),
        // Adding 0 makes -0 a plain 0.
        (Convert::Text, Val::Number(n)) => Val::Text(format!("{}", n + 0.0).into()),
        _ => Val::Null,
    }
}
