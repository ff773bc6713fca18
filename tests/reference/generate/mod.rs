//! Random playbooks and streams that shrink: a playbook's text, and lists of picks told as inputs.

mod expression;
mod stream;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub use stream::{Pick, inputs, picks};

use expression::{SIGNALS, WINDOWS};

pub fn playbook() -> impl Strategy<Value = String> {
    (head(), rest()).prop_map(|(head, rest)| head + &rest)
}

/// What a change does to signals and traits: some mean something else, some are new, some have another number.
const EDITS: [(&str, &str); 7] = [
    ("event = \"Order Completed\"", "event = \"Other\""),
    ("on = [\"page\", \"screen\"]", "on = \"page\""),
    ("\"2h\"", "\"3h\""),
    ("[signals.buy]", "[signals.early]\non = \"page\"\n[signals.buy]"),
    ("value = \"properties.amount\"", "value = \"properties.item\""),
    ("[traits]\n", "[traits]\nmk_late = \"traits.number\"\n"),
    ("\"group.plan\"", "\"group.other\""),
];

/// A playbook and what it is changed to: other signals or traits, other scores and moments, or all of them.
pub fn changed_playbook() -> impl Strategy<Value = (String, String)> {
    let edits = vec(select(EDITS.to_vec()), 0..3);
    (head(), rest(), proptest::option::of(rest()), edits).prop_map(|(head, rest, other, edits)| {
        let changed = edits.iter().fold(head.clone(), |text, (from, to)| text.replacen(from, to, 1));
        (head + &rest, changed + other.as_ref().unwrap_or(&rest))
    })
}

/// Settings, traits and signals.
fn head() -> impl Strategy<Value = String> {
    (settings(), traits(), signals()).prop_map(|(settings, traits, signals)| settings + &traits + &signals)
}

/// Scores, and moments that ask for them.
fn rest() -> impl Strategy<Value = String> {
    (0..4usize).prop_flat_map(|scores| {
        let all: Vec<_> = (0..scores).map(|index| score(index, scores).boxed()).collect();
        (all, vec(moment(scores), 1..4)).prop_map(|(scores, moments)| {
            let mut text = String::new();
            for (i, score) in scores.iter().enumerate() {
                text += &format!("[scores.s{i}]\n{score}\n");
            }
            for (i, moment) in moments.iter().enumerate() {
                text += &format!("[moments.m{i}]\n{moment}\n");
            }
            text
        })
    })
}

fn settings() -> impl Strategy<Value = String> {
    let interval =
        select(vec!["", "", "min_interval = \"0s\"\n", "min_interval = \"10m\"\n", "min_interval = \"3h\"\n"]);
    let mail = select(vec!["", "", "free_mail = [\"b.example\"]\n"]);
    (interval, mail).prop_map(|(interval, mail)| format!("[settings]\n{interval}{mail}"))
}

/// Output traits of each type, from each place.
fn traits() -> impl Strategy<Value = String> {
    let paths = || {
        let all = vec![
            "traits.title",
            "traits.number",
            "traits.flag",
            "traits.nested",
            "traits.nested.deep",
            "traits.other",
            "context.app",
            "context.place.city",
            "context.traits.title",
            "group.plan",
            "group.seats",
        ];
        vec(select(all), 1..4).prop_map(|paths| format!("{paths:?}"))
    };
    vec(paths(), 0..4).prop_map(|all| {
        let lines = all.iter().enumerate().map(|(i, paths)| format!("mk_t{i} = {paths}\n"));
        format!("[traits]\n{}", lines.collect::<String>())
    })
}

/// What a playbook counts: some always the same, two of which mean the same, and some with a condition, a value and
/// steps of their own.
fn signals() -> impl Strategy<Value = String> {
    let calls = select(vec![
        "[\"track\", \"page\", \"identify\", \"group\", \"alias\"]",
        "[\"track\", \"page\", \"screen\"]",
        "\"identify\"",
        "[\"alias\", \"group\"]",
        "\"track\"",
    ]);
    let value = select(vec![
        "properties.amount",
        "properties.deep[\"a b\"].c",
        "traits.number",
        "context.app",
        "properties[\"n\"]",
    ]);
    let distinct = select(vec!["properties.item", "userId", "type", "groupId", "properties.yes"]);
    let condition = || expression::of_event().prop_map(|filter| format!("where = '''{filter}'''\n"));
    let maybe = proptest::option::of(condition()).prop_map(Option::unwrap_or_default);
    let steps = vec(select(vec!["buy", "see", "own", "rich", "same"]), 2..4).prop_map(|steps| format!("{steps:?}"));
    let within = select(vec!["20m", "2h", "3d"]);
    (calls, value, distinct, maybe, condition(), steps, within).prop_map(
        |(calls, value, distinct, filter, rich, steps, within)| {
            format!(
                r#"
[signals.buy]
event = "Order Completed"
value = "properties.amount"
distinct = "properties.item"
[signals.see]
on = ["page", "screen"]
[signals.again]
on = ["page", "screen"]
[signals.any]
on = {calls}
[signals.rich]
event = ["order_completed", "Other"]
{rich}
[signals.own]
on = ["track", "identify", "page"]
value = '{value}'
distinct = '{distinct}'
{filter}
[signals.same]
event = ["ORDER COMPLETED"]
value = "properties.amount"
[signals.pair]
sequence = ["buy", "see", "buy"]
within = "2h"
[signals.trip]
sequence = {steps}
within = "{within}"
"#
            )
        },
    )
}

/// Of `scores` in all; a score asks only those after it, so that there is no cycle, and the file's order is not that in
/// which they must be computed.
fn score(index: usize, scores: usize) -> impl Strategy<Value = String> {
    let points = || select(vec!["4", "7.5", "-3", "0.125", "20"]);
    let cap = select(vec!["", "", ", cap = 9", ", cap = 0.5"]);
    let behaviour = (select(SIGNALS.to_vec()), points(), select(WINDOWS.to_vec()), cap).prop_map(|(s, p, w, cap)| {
        format!("{{ signal = \"{s}\", points = {p}, lifespan = \"{w}\"{cap}, label = \"{s} {w}\" }}")
    });
    let when = expression::of_person((index + 1..scores).collect());
    let attribute = (points(), when).prop_map(|(p, when)| format!("{{ when = '''{when}''', points = {p} }}"));
    let term = prop_oneof![2 => behaviour, 1 => attribute];
    let extra = vec(
        select(vec![
            "margin = 0",
            "margin = 0.1",
            "publish_signals = true",
            "min_delta = 0.01",
            "min_delta = 0.2",
            "publish_score = false",
            "publish_score = true",
        ]),
        0..3,
    );
    let half = select(vec!["1", "6.5", "20"]);
    (half, extra, vec(term, 1..9)).prop_map(|(half, mut extra, terms)| {
        // One of each key.
        extra.sort_unstable();
        extra.dedup_by_key(|line| line.split(' ').next());
        let (extra, terms) = (extra.join("\n"), terms.join(",\n"));
        format!("half = {half}\nsegments = {{ cold = 0.0, warm = 0.25, hot = 0.5 }}\n{extra}\nterms = [\n{terms}\n]")
    })
}

fn moment(scores: usize) -> impl Strategy<Value = String> {
    let spans = || select(vec!["", "", "5m", "1h", "1d"]);
    let flag = |key: &'static str| {
        any::<bool>().prop_map(move |yes| if yes { format!("{key} = true\n") } else { String::new() })
    };
    let enabled = select(vec!["", "", "", "", "enabled = false\n", "enabled = true\n"]);
    let score = match scores {
        0 => Just(String::new()).boxed(),
        _ => proptest::option::of(0..scores)
            .prop_map(|score| score.map_or_else(String::new, |score| format!("score = \"s{score}\"\n")))
            .boxed(),
    };
    let condition = || expression::of_person((0..scores).collect());
    let until = proptest::option::of(condition());
    let flags = (flag("trait"), flag("ended"), enabled, score).prop_map(|(a, b, c, d)| a + &b + c + &d);
    (condition(), until, spans(), spans(), spans(), flags).prop_map(|(when, until, hold, cooldown, history, flags)| {
        let mut text = format!("when = '''{when}'''\n");
        text += &until.map_or_else(String::new, |until| format!("until = '''{until}'''\n"));
        for (key, span) in [("for", hold), ("cooldown", cooldown), ("needs_history", history)] {
            text += &if span.is_empty() { String::new() } else { format!("{key} = \"{span}\"\n") };
        }
        text + &flags
    })
}
