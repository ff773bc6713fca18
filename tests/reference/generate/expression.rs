//! Random conditions of one type each, over an event or over a person, so that few are refused and few are of no account.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Windows, with each kind of bucket.
pub const WINDOWS: [&str; 9] = ["45s", "10m", "90m", "1h", "3h", "26h", "1d", "2d", "1w"];
/// Signals that every playbook has.
pub const SIGNALS: [&str; 9] = ["buy", "see", "again", "any", "rich", "own", "same", "pair", "trip"];

/// What can stand for a number, a text and a truth.
#[derive(Clone)]
pub struct Typed {
    number: BoxedStrategy<String>,
    text: BoxedStrategy<String>,
    truth: BoxedStrategy<String>,
}

/// A `where`.
pub fn of_event() -> impl Strategy<Value = String> {
    let plain = Typed {
        number: of(&[
            "properties.amount",
            "properties.n",
            "size(properties.tags)",
            "properties.tags[1]",
            "traits.number",
            "properties.deep[\"a b\"].c",
        ]),
        text: of(&[
            "type",
            "event",
            "name",
            "category",
            "userId",
            "anonymousId",
            "groupId",
            "path",
            "properties.amount",
            "properties.tags[0]",
            "traits.title",
            "context.app",
            "context.traits.title",
        ]),
        truth: of(&[
            "properties.yes",
            "context.active",
            "has(properties.amount)",
            "has(traits.title)",
            "properties.yes == null",
        ]),
    };
    let dated =
        (select(vec!["since", "until"]), select(vec!["traits.at", "traits.number", "properties.n"]), sign(), window())
            .prop_map(|(f, x, sign, w)| format!("time_{f}({x}) {sign} duration(\"{w}\")"));
    prop_oneof![6 => wider(&wider(&plain)).truth, 1 => dated]
}

/// A `when` or an `until`; `scores`: those it may ask, by their numbers.
pub fn of_person(scores: Vec<usize>) -> BoxedStrategy<String> {
    let base = wider(&person(&scores));
    let deep = wider(&base).truth;
    let asked = asked();
    let leaf = prop_oneof![4 => asked, 2 => deep, 1 => dated(), 2 => scored(scores)].boxed();
    let (a, b) = (leaf.clone(), leaf.clone());
    prop_oneof![
        4 => leaf.clone(),
        1 => leaf.clone().prop_map(|a| format!("!({a})")),
        2 => (a.clone(), b.clone()).prop_map(|(a, b)| format!("{a} && {b}")),
        1 => (a.clone(), b.clone()).prop_map(|(a, b)| format!("{a} || !({b})")),
        1 => (a, b, leaf).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
    ]
    .boxed()
}

fn of(all: &[&'static str]) -> BoxedStrategy<String> {
    select(all.to_vec()).prop_map(str::to_owned).boxed()
}

fn person(scores: &[usize]) -> Typed {
    let mut texts = vec![
        "traits.title",
        "traits.other",
        "group.plan",
        "groupId",
        "email.domain",
        "traits.list[0]",
        "traits[\"a b\"]",
    ];
    let segments: Vec<String> = scores.iter().map(|score| format!("segment.s{score}")).collect();
    let asked = prop_oneof![
        (signal(), window()).prop_map(|(s, w)| format!("{s}.count(\"{w}\")")),
        window().prop_map(|w| format!("buy.sum(\"{w}\")")),
        signal().prop_map(|s| format!("{s}.total()")),
        window().prop_map(|w| format!("buy.avg(\"{w}\")")),
        Just("buy.last()".to_owned()),
    ];
    let numbers = of(&["traits.number", "group.seats", "traits.list[1]", "size(traits.list)", "traits.title"]);
    texts.push("traits.number");
    let texts = of(&texts);
    let texts = match segments.is_empty() {
        true => texts,
        // A segment can be joined and searched, but has no order and only its own names: see `scored`.
        false => prop_oneof![3 => texts, 1 => select(segments).prop_map(|s| format!("({s} + \"\")"))].boxed(),
    };
    Typed {
        number: prop_oneof![2 => numbers, 1 => asked].boxed(),
        text: texts,
        truth: of(&[
            "email.is_personal",
            "traits.flag",
            "has(traits.number)",
            "has(group.plan)",
            "has(groupId)",
            "traits.flag == null",
        ]),
    }
}

/// Functions and operators around what is there.
fn wider(inner: &Typed) -> Typed {
    let Typed { number, text, truth } = inner.clone();
    let (n, t, b) = (|| number.clone(), || text.clone(), || truth.clone());
    let literal = of(&["0", "1", "2", "2.5", "-3", "7.25", "1e1"]);
    let word = of(&["\"CTO\"", "'pro'", "\"u1\"", "\"g1\"", "\"\"", "\"gmail.com\"", "'page'", "\"2.5\"", "r'/a'"]);
    let choice =
        |of: BoxedStrategy<String>| (b(), of.clone(), of).prop_map(|(test, a, b)| format!("({test} ? {a} : {b})"));
    let numbers = prop_oneof![
        4 => n(),
        2 => (n(), select(vec!["+", "-", "*", "/", "%", "%"]), literal.clone()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        1 => (n(), select(vec!["+", "-", "/"]), n()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        1 => n().prop_map(|a| format!("-({a})")),
        1 => (select(vec!["int", "double"]), n()).prop_map(|(f, a)| format!("{f}({a})")),
        1 => (select(vec!["int", "double", "size"]), t()).prop_map(|(f, a)| format!("{f}({a})")),
        1 => choice(n()),
    ];
    let texts = prop_oneof![
        4 => t(),
        1 => (t(), word.clone()).prop_map(|(a, c)| format!("({a} + {c})")),
        1 => t().prop_map(|a| format!("{a}.lowerAscii()")),
        1 => n().prop_map(|a| format!("string({a})")),
        1 => b().prop_map(|a| format!("string({a})")),
        1 => choice(t()),
    ];
    let patterns = of(&["r'^\\d'", "'o$'", "'(?i)cto'", "'a|b'", "'.'"]);
    let truths = prop_oneof![
        2 => b(),
        3 => (n(), sign(), literal.clone()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        1 => (n(), sign(), n()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        2 => (t(), sign(), word.clone()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        1 => (t(), select(vec!["==", "!="])).prop_map(|(a, op)| format!("({a} {op} null)")),
        2 => (t(), select(vec!["startsWith", "endsWith", "contains"]), of(&["\"p\"", "'O'", "\"/\"", "\"\"", "\"mple\""]))
            .prop_map(|(a, f, c)| format!("{a}.{f}({c})")),
        1 => (t(), patterns).prop_map(|(a, c)| format!("{a}.matches({c})")),
        1 => (t(), vec(word.clone(), 0..3)).prop_map(|(a, list)| format!("({a} in [{}])", list.join(", "))),
        1 => (n(), vec(literal.clone(), 0..3)).prop_map(|(a, list)| format!("({a} in [{}])", list.join(", "))),
        1 => (b(), select(vec!["&&", "||"]), b()).prop_map(|(a, op, c)| format!("({a} {op} {c})")),
        1 => b().prop_map(|a| format!("!({a})")),
        1 => choice(b()),
    ];
    Typed { number: numbers.boxed(), text: texts.boxed(), truth: truths.boxed() }
}

fn signal() -> impl Strategy<Value = &'static str> {
    select(SIGNALS.to_vec())
}

fn window() -> impl Strategy<Value = &'static str> {
    select(WINDOWS.to_vec())
}

fn days() -> impl Strategy<Value = &'static str> {
    select(vec!["1d", "2d", "1w"])
}

fn sign() -> impl Strategy<Value = &'static str> {
    select(vec![">=", ">", "==", "<=", "<", "!="])
}

/// What a signal can be asked, against a number near what it comes to.
fn asked() -> BoxedStrategy<String> {
    let s = signal;
    prop_oneof![
        (s(), window(), sign(), 1..4).prop_map(|(s, w, sign, n)| format!("{s}.count(\"{w}\") {sign} {n}")),
        (s(), window(), window(), sign(), 1..3)
            .prop_map(|(s, w, a, sign, n)| format!("{s}.count(\"{w}\", \"{a}\") {sign} {n}")),
        (window(), sign(), 1..20).prop_map(|(w, sign, n)| format!("buy.sum(\"{w}\") {sign} {n}")),
        (select(vec!["buy", "own"]), window(), sign(), 1..9)
            .prop_map(|(s, w, sign, n)| format!("{s}.max(\"{w}\") {sign} {n}.5")),
        (window(), sign(), 1..9).prop_map(|(w, sign, n)| format!("same.avg(\"{w}\") {sign} {n}.5")),
        (select(vec!["buy", "own"]), sign(), 1..9).prop_map(|(s, sign, n)| format!("{s}.last() {sign} {n}.5")),
        (select(vec!["buy", "own"]), window(), sign(), 1..3)
            .prop_map(|(s, w, sign, n)| format!("{s}.distinct(\"{w}\") {sign} {n}")),
        (s(), days(), sign(), 1..3).prop_map(|(s, w, sign, n)| format!("{s}.days(\"{w}\") {sign} {n}")),
        (s(), days(), days(), 1..3).prop_map(|(s, w, a, n)| format!("{s}.days(\"{w}\", \"{a}\") >= {n}")),
        (s(), sign(), 1..6).prop_map(|(s, sign, n)| format!("{s}.total() {sign} {n}")),
        s().prop_map(|s| format!("{s}.seen()")),
        (s(), window()).prop_map(|(s, w)| format!("{s}.silent(\"{w}\")")),
        (s(), s(), window(), 1..3).prop_map(|(s, o, w, n)| format!("{s}.streak({o}, \"{w}\") >= {n}")),
    ]
    .boxed()
}

/// Durations against constant ones.
fn dated() -> BoxedStrategy<String> {
    let order = || select(vec![">=", ">", "<=", "<"]);
    let path = || select(vec!["traits.at", "traits.number", "group.until", "traits.list[2]"]);
    prop_oneof![
        (order(), window()).prop_map(|(sign, w)| format!("profile.age() {sign} duration(\"{w}\")")),
        (path(), order(), window()).prop_map(|(x, sign, w)| format!("time_since({x}) {sign} duration(\"{w}\")")),
        (path(), order(), window()).prop_map(|(x, sign, w)| format!("time_until({x}) {sign} duration(\"{w}\")")),
        (window(), path()).prop_map(|(w, x)| format!("duration(\"{w}\") < time_since({x})")),
        window().prop_map(|w| format!("duration(traits.long) == duration(\"{w}\")")),
    ]
    .boxed()
}

/// Scores and segments, where there are some.
fn scored(scores: Vec<usize>) -> BoxedStrategy<String> {
    if scores.is_empty() {
        return asked();
    }
    let s = || select(scores.clone());
    let segment = || select(vec!["cold", "warm", "hot"]);
    prop_oneof![
        (s(), sign(), 1..9).prop_map(|(s, sign, n)| format!("score.s{s} {sign} 0.{n}")),
        (s(), select(vec!["==", "!="]), segment())
            .prop_map(|(s, sign, name)| format!("segment.s{s} {sign} \"{name}\"")),
        s().prop_map(|s| format!("segment.s{s} in [\"warm\", \"hot\"]")),
    ]
    .boxed()
}
