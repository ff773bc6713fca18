//! Random playbooks and streams that shrink: lists of picks, told as a playbook's text and as inputs.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::Input;
use crate::model::time::{self, DAY, HOUR, MINUTE, SECOND};

/// What every random playbook counts; two of them mean the same.
const SIGNALS: &str = r#"
[traits]
mk_title = ["traits.title", "traits.other", "context.app"]
mk_plan = "group.plan"
[signals.buy]
event = "Order Completed"
value = "properties.amount"
distinct = "properties.item"
[signals.see]
on = ["page", "screen"]
[signals.again]
on = ["page", "screen"]
[signals.any]
on = ["track", "page", "identify", "group", "alias"]
[signals.rich]
event = ["order_completed"]
where = 'properties.amount > 5 || userId == "u1"'
[signals.pair]
sequence = ["buy", "see", "buy"]
within = "2h"
"#;

pub fn playbook() -> impl Strategy<Value = String> {
    rest().prop_map(|rest| SIGNALS.to_owned() + &rest)
}

/// What a change does to signals and traits: some mean something else, some are new, some have another number.
const EDITS: [(&str, &str); 7] = [
    ("> 5", "> 6"),
    ("on = [\"page\", \"screen\"]\n[signals.any]", "on = \"page\"\n[signals.any]"),
    ("\"2h\"", "\"3h\""),
    ("[signals.buy]", "[signals.early]\non = \"page\"\n[signals.buy]"),
    ("value = \"properties.amount\"", "value = \"properties.item\""),
    ("mk_plan = \"group.plan\"\n", "mk_plan = \"group.plan\"\nmk_late = \"traits.number\"\n"),
    ("\"group.plan\"", "\"group.other\""),
];

/// A playbook and what it is changed to: other signals or traits, other scores and moments, or all of them.
pub fn changed_playbook() -> impl Strategy<Value = (String, String)> {
    let edits = vec(select(EDITS.to_vec()), 0..3);
    (rest(), proptest::option::of(rest()), edits).prop_map(|(rest, other, edits)| {
        let signals = edits.iter().fold(SIGNALS.to_owned(), |text, (from, to)| text.replace(from, to));
        (SIGNALS.to_owned() + &rest, signals + other.as_ref().unwrap_or(&rest))
    })
}

fn rest() -> impl Strategy<Value = String> {
    (vec(score(), 0..3), vec(moment(), 1..4)).prop_map(|(scores, moments)| {
        let mut text = String::new();
        for (i, score) in scores.iter().enumerate() {
            text += &format!("[scores.s{i}]\n{score}\n");
        }
        for (i, moment) in moments.iter().enumerate() {
            // Conditions name a score only where there is one.
            let moment = if scores.is_empty() {
                moment.replace("score.s0", "0.4").replace("segment.s0", "traits.title")
            } else {
                moment.clone()
            };
            text += &format!("[moments.m{i}]\n{moment}\n");
        }
        text
    })
}

fn signal() -> impl Strategy<Value = &'static str> {
    select(vec!["buy", "see", "again", "any", "rich", "pair"])
}

fn window() -> impl Strategy<Value = &'static str> {
    select(vec!["45s", "10m", "90m", "1h", "3h", "26h", "1d", "2d", "1w"])
}

fn days() -> impl Strategy<Value = &'static str> {
    select(vec!["1d", "2d", "1w"])
}

fn sign() -> impl Strategy<Value = &'static str> {
    select(vec![">=", ">", "==", "<=", "<", "!="])
}

fn atom() -> impl Strategy<Value = String> {
    let s = signal;
    prop_oneof![
        (s(), window(), sign(), 1..4).prop_map(|(s, w, sign, n)| format!("{s}.count(\"{w}\") {sign} {n}")),
        (s(), window(), window(), sign(), 1..3)
            .prop_map(|(s, w, a, sign, n)| format!("{s}.count(\"{w}\", \"{a}\") {sign} {n}")),
        (window(), sign(), 1..20).prop_map(|(w, sign, n)| format!("buy.sum(\"{w}\") {sign} {n}")),
        (window(), sign(), 1..9).prop_map(|(w, sign, n)| format!("buy.max(\"{w}\") {sign} {n}.5")),
        (window(), sign(), 1..9).prop_map(|(w, sign, n)| format!("buy.avg(\"{w}\") {sign} {n}.5")),
        (sign(), 1..9).prop_map(|(sign, n)| format!("buy.last() {sign} {n}.5")),
        (window(), sign(), 1..3).prop_map(|(w, sign, n)| format!("buy.distinct(\"{w}\") {sign} {n}")),
        (s(), days(), sign(), 1..3).prop_map(|(s, w, sign, n)| format!("{s}.days(\"{w}\") {sign} {n}")),
        (s(), days(), days(), 1..3).prop_map(|(s, w, a, n)| format!("{s}.days(\"{w}\", \"{a}\") >= {n}")),
        (s(), sign(), 1..6).prop_map(|(s, sign, n)| format!("{s}.total() {sign} {n}")),
        s().prop_map(|s| format!("{s}.seen()")),
        (s(), window()).prop_map(|(s, w)| format!("{s}.silent(\"{w}\")")),
        (s(), s(), window(), 1..3).prop_map(|(s, o, w, n)| format!("{s}.streak({o}, \"{w}\") >= {n}")),
        (1..9).prop_map(|n| format!("score.s0 >= 0.{n}")),
        Just("segment.s0 == \"hot\"".to_owned()),
        (sign(), 1..4).prop_map(|(sign, n)| format!("traits.number {sign} {n}")),
        Just("traits.title == \"CTO\"".to_owned()),
        Just("groupId == \"g1\"".to_owned()),
        Just("group.plan == \"pro\"".to_owned()),
        Just("email.is_personal == true".to_owned()),
        Just("email.domain.endsWith(\"example\")".to_owned()),
        window().prop_map(|w| format!("profile.age() >= duration(\"{w}\")")),
        window().prop_map(|w| format!("time_since(traits.at) > duration(\"{w}\")")),
        window().prop_map(|w| format!("time_until(traits.at) <= duration(\"{w}\")")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => atom(),
        1 => atom().prop_map(|a| format!("!({a})")),
        2 => (atom(), atom()).prop_map(|(a, b)| format!("{a} && {b}")),
        1 => (atom(), atom()).prop_map(|(a, b)| format!("{a} || !({b})")),
    ]
}

fn score() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        (signal(), select(vec!["4", "7.5", "-3", "0.125"]), window(), select(vec!["", ", cap = 9"])).prop_map(
            |(s, p, w, cap)| format!(
                "{{ signal = \"{s}\", points = {p}, lifespan = \"{w}\"{cap}, label = \"{s} {w}\" }}"
            )
        ),
        (1..9, 1..4).prop_map(|(p, n)| format!("{{ when = 'traits.number >= {n}', points = {p}, label = \"n{n}\" }}")),
    ];
    let extra = select(vec![
        "",
        "margin = 0",
        "publish_signals = true",
        "min_delta = 0.01",
        "publish_score = false",
        "margin = 0.1",
    ]);
    (1..20, extra, vec(term, 1..5)).prop_map(|(half, extra, terms)| {
        format!(
            "half = {half}\nsegments = {{ cold = 0.0, warm = 0.25, hot = 0.5 }}\n{extra}\nterms = [\n{}\n]",
            terms.join(",\n")
        )
    })
}

fn moment() -> impl Strategy<Value = String> {
    let spans = || select(vec!["", "", "5m", "1h", "1d"]);
    let flag = |key: &'static str| {
        any::<bool>().prop_map(move |yes| if yes { format!("{key} = true\n") } else { String::new() })
    };
    let until = proptest::option::of(condition());
    let parts = (condition(), until, spans(), spans(), spans(), flag("trait"), flag("ended"));
    parts.prop_map(|(when, until, hold, cooldown, history, in_traits, ended)| {
        let mut text = format!("when = '''{when}'''\n");
        text += &until.map_or_else(String::new, |until| format!("until = '''{until}'''\n"));
        for (key, span) in [("for", hold), ("cooldown", cooldown), ("needs_history", history)] {
            text += &if span.is_empty() { String::new() } else { format!("{key} = \"{span}\"\n") };
        }
        text + &in_traits + &ended
    })
}

/// Numbers that choose one input: what, who, when, and details.
pub type Pick = (u8, u8, u8, u8, u8);

pub fn picks() -> impl Strategy<Value = Vec<Pick>> {
    vec((0..40u8, 0..4u8, 0..12u8, 0..8u8, 0..8u8), 1..40)
}

pub fn inputs(picks: &[Pick]) -> Vec<Input> {
    let mut clock = 1_772_409_600_000 + 9 * HOUR;
    let steps = [0, 700, 20 * SECOND, MINUTE, 59_999, 7 * MINUTE, HOUR, HOUR - 1, 5 * HOUR, DAY, -10 * MINUTE, 3 * DAY];
    let mut all = Vec::new();
    for (what, who, step, detail, more) in picks {
        clock += steps[usize::from(*step)];
        let (offset, hidden) = (all.len() as i64, 10 * MINUTE);
        all.push(match what {
            0 if !all.is_empty() => Input::Clock(clock),
            // Only before anything was sent: later ones meet the open difference of READINGS.md.
            1 if all.is_empty() => Input::HoldBack { until: clock + hidden * 9, resumed: *detail > 3 },
            2 => Input::Record { offset, time: clock, value: Some(b"{\"type\":7}".to_vec()) },
            _ => Input::Record {
                offset,
                time: clock,
                value: Some(message(*what, *who, *detail, *more, clock).into_bytes()),
            },
        });
    }
    all
}

fn message(what: u8, who: u8, detail: u8, more: u8, clock: i64) -> String {
    let ids = match more {
        0 | 1 => format!("\"anonymousId\":\"a{}\"", who % 3),
        2 => format!("\"userId\":\"u{who}\",\"anonymousId\":\"a{}\"", detail % 3),
        _ => format!("\"userId\":\"u{who}\",\"anonymousId\":null"),
    };
    let late = clock - i64::from(detail) * 17 * MINUTE;
    let time =
        if more.is_multiple_of(3) { format!(",\"timestamp\":\"{}\"", time::format(late)) } else { String::new() };
    let repeat = if more == 5 { format!(",\"messageId\":\"m{}\"", detail % 2) } else { String::new() };
    let amount = ["1", "2.5", "\"7.25\"", "null", "\"x\"", "12", "0.000001", "\"3e0\""][usize::from(detail)];
    let traits = [
        "\"number\":1",
        "\"number\":3,\"title\":\"CTO\"",
        "\"title\":null",
        "\"email\":\"a@gmail.com\"",
        "\"email\":\"a@b.example\"",
        "\"title\":1.50",
        "\"number\":null,\"company\":{\"id\":\"g2\"}",
        "\"at\":\"2026-03-03T10:00:00Z\"",
    ][usize::from(detail)];
    let rest = match what {
        3..=15 => format!(
            "\"type\":\"track\",\"event\":\"Order-Completed\",\"properties\":{{\"amount\":{amount},\"item\":{}}}",
            detail % 3
        ),
        16..=22 => format!("\"type\":\"page\",\"context\":{{\"app\":{amount}}}"),
        23..=31 => format!("\"type\":\"identify\",\"traits\":{{{traits}}}"),
        32..=34 => format!(
            "\"type\":\"group\",\"groupId\":\"g{}\",\"traits\":{{\"plan\":\"{}\"}}",
            detail % 2,
            ["pro", "free"][usize::from(detail / 4)]
        ),
        35 | 36 => {
            format!("\"type\":\"alias\",\"previousId\":\"{}{}\"", ["u", "a"][usize::from(detail % 2)], detail / 2)
        }
        37 => "\"type\":\"delete\"".to_owned(),
        _ => "\"type\":\"Track\",\"event\":\"Other\"".to_owned(),
    };
    format!("{{{ids}{time}{repeat},{rest}}}")
}
