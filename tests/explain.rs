//! `kairos explain`: figures worked out by hand, and a future that comes true.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use kairos::engine::explain::Found;
use kairos::engine::explain::said::{Explanation, Flip, Next, Time};
use kairos::engine::playbook::program::Program;
use kairos::engine::{Action, Engine, Input, Options, Record, playbook};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

const PLAYBOOK: &str = r#"
[traits]
mk_title = ["traits.title"]

[signals.viewed]
on = "page"
where = 'properties.path.startsWith("/pricing")'

[signals.bought]
event = "Order Completed"

[scores.fit]
half = 40
segments = { low = 0.0, good = 0.4 }
terms = [
  { when = 'traits.employees >= 50', points = 30, label = "50+ employees" },
  { when = 'email.is_personal', points = -20, label = "personal email" },
]

[scores.buy]
half = 20
segments = { low = 0.0, medium = 0.20, high = 0.45, "very high" = 0.70 }
terms = [
  { signal = "viewed", points = 6, lifespan = "30d", label = "viewed pricing" },
  { signal = "bought", points = 9, lifespan = "90d", cap = 10 },
]

[moments.ready]
when = 'segment.buy == "high" && bought.count("90d") == 0'
until = 'score.buy < 0.30'
for = "15m"
cooldown = "30d"

[moments.quiet]
when = 'viewed.silent("7d") && !(traits.employees < 5 || profile.age() < duration("9d"))'
"#;

/// Five views of the prices, one an hour, then who it was: the clock stands at half past two.
fn events() -> String {
    let mut lines: Vec<Value> = (10..15)
        .map(|hour| {
            json!({"type": "page", "userId": "u1", "anonymousId": "a1", "properties": {"path": "/pricing"},
                "receivedAt": format!("2026-03-01T{hour}:00:00Z")})
        })
        .collect();
    lines.push(json!({"type": "identify", "userId": "u1", "receivedAt": "2026-03-01T14:30:00Z",
        "traits": {"employees": 80, "title": "CTO", "email": "jo@acme.com"}}));
    lines.push(json!({"type": "page", "anonymousId": "a2", "receivedAt": "2026-03-01T14:30:00Z"}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn explain(words: &[&str]) -> Output {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("p.toml"), PLAYBOOK).expect("a file can be written");
    fs::write(folder.path().join("events.jsonl"), events()).expect("a file can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.current_dir(folder.path()).arg("explain").args(words);
    command.args(["--playbook", "p.toml", "events.jsonl"]).output().expect("the program starts")
}

fn json_of(user: &str) -> Value {
    let output = explain(&[user, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// By hand: five views at 6 points lose 6/720 each hour, so after h more hours there are 30 − (10 + 5h)/120 points.
#[test]
fn a_score_is_taken_apart() {
    let said = json_of("u1");
    let score = &said["scores"][1];
    assert_eq!((&score["name"], &score["segment"], &score["sent"]), (&json!("buy"), &json!("high"), &json!("0.60")));
    let close = |value: &Value, to: f64| (value.as_f64().expect("a number") - to).abs() < 1e-9;
    assert!(close(&score["points"], 30.0 - 10.0 / 120.0));
    assert!(close(&score["value"], (30.0 - 10.0 / 120.0) / (50.0 - 10.0 / 120.0)));
    // 20 × 0.7 / 0.3 points make 0.70.
    assert_eq!(score["next_segment"]["segment"], "very high");
    assert!(close(&score["next_segment"]["points"], 140.0 / 3.0 - 30.0 + 10.0 / 120.0));
    // Below 0.45 is below 16.3636 points: h = 326. More than the margin below is below 14.4828: h = 371.
    let falls = json!({"below_threshold": {"at": "2026-03-15T04:00:00.000Z"}, "left": {"at": "2026-03-17T01:00:00.000Z"}, "to": "medium"});
    assert_eq!(score["falls"], falls);
    let viewed = &score["terms"][0];
    assert_eq!(viewed["label"], "viewed pricing");
    let behaviour = &viewed["kind"]["behaviour"];
    assert_eq!((&behaviour["occurrences"], &behaviour["lifespan"]), (&json!(5), &json!("30d")));
    let oldest = &behaviour["buckets"][4];
    assert_eq!((&oldest["from"], &oldest["age_ms"]), (&json!("2026-03-01T10:00:00.000Z"), &json!(4 * 3_600_000)));
    assert!(close(&oldest["points"], 6.0 * 716.0 / 720.0));
}

#[test]
fn attributes_say_why_they_count() {
    let fit = &json_of("u1")["scores"][0];
    assert_eq!((&fit["points"], &fit["segment"]), (&json!(30.0), &json!("good")));
    let when = &fit["terms"][0]["kind"]["attribute"]["when"];
    assert_eq!(when["text"], "traits.employees >= 50");
    assert_eq!(when["compared"], json!({"value": 80, "is": ">=", "threshold": 50, "gap": 30}));
    assert_eq!((&when["value"], &when["flips"]), (&json!(true), &json!("never")));
    assert_eq!(fit["terms"][1]["points"], 0.0);
    assert_eq!(fit["falls"], json!({"below_threshold": "never", "left": "never", "to": null}));
}

#[test]
fn a_moment_is_taken_apart() {
    let said = json_of("u1");
    let ready = &said["moments"][0];
    // High from the third view on, for 15 minutes at a quarter past.
    assert_eq!((&ready["on"], &ready["last_fired"]), (&json!(true), &json!("2026-03-01T12:15:00.000Z")));
    assert_eq!(ready["holds_since"], "2026-03-01T12:00:00.000Z");
    assert_eq!(ready["cooldown_ends"], "2026-03-31T12:15:00.000Z");
    // Below 0.30 is below 8.5714 points: h = 513.
    assert_eq!(ready["next"], json!({"ends": {"at": "2026-03-22T23:00:00.000Z"}}));
    assert_eq!(ready["when"]["flips"], json!({"at": "2026-03-17T01:00:00.000Z"}));
    let counted = &ready["when"]["parts"][1];
    assert_eq!((&counted["text"], &counted["flips"]), (&json!("bought.count(\"90d\") == 0"), &json!("never")));
    assert_eq!(counted["compared"], json!({"value": 0, "is": "==", "threshold": 0, "gap": 0}));

    let quiet = &said["moments"][1];
    assert_eq!((&quiet["on"], &quiet["last_fired"]), (&json!(false), &Value::Null));
    // Silent for seven days after two o'clock on the 8th, but known for nine only on the 10th.
    assert_eq!(quiet["next"], json!({"fires": {"at": "2026-03-10T10:00:00.000Z"}}));
    let silent = &quiet["when"]["parts"][0];
    assert_eq!(silent["flips"], json!({"at": "2026-03-08T14:00:00.000Z"}));
    let half_an_hour = 1_800_000;
    let week = 7 * 86_400_000;
    let gap = json!({"value": half_an_hour, "is": ">=", "threshold": week, "gap": half_an_hour - week, "unit": "ms"});
    assert_eq!(silent["compared"], gap);
    let tree = &quiet["when"]["parts"][1]["parts"][0];
    assert_eq!(tree["text"], "traits.employees < 5 || profile.age() < duration(\"9d\")");
    assert_eq!(tree["parts"].as_array().map(Vec::len), Some(2));
}

#[test]
fn people_read_it_as_text() {
    let output = explain(&["a1"]);
    let text = String::from_utf8(output.stdout).expect("text");
    for line in [
        "u1 at 2026-03-01T14:30:00Z",
        "  anonymous ids: a1",
        "  mk_title  CTO",
        "buy = 0.5993, high: 29.92 points (20 make 0.50)",
        "  0.1007 (16.75 points) short of very high",
        "    +29.92  viewed pricing ×5 (viewed at +6 each, fading over 30d)",
        "               +5.97  ×1 in the hour from 2026-03-01T10:00:00Z, 4h old",
        "ready is on",
        "  last fired at 2026-03-01T12:15:00Z (2h 15m ago)",
        "  if nothing more happens it will end at 2026-03-22T23:00:00Z (in 21d 8h)",
        "      viewed.silent(\"7d\"): false (30m, 6d 23h below 7d); flips at 2026-03-08T14:00:00Z (in 6d 23h)",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n--- is not in\n{text}");
    }
}

#[test]
fn whoever_is_not_there_is_said_to_be() {
    for (user, words) in
        [("nobody", "no event is of a user `nobody`"), ("a2", "an anonymous id that no user has claimed")]
    {
        let output = explain(&[user]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(words), "{error}");
    }
}

const MINUTE: i64 = 60_000;
const START: i64 = 1_772_359_200_000;

/// An engine after views and orders, this many minutes after one another.
fn engine(text: &str, happened: &[(bool, u16)]) -> Engine {
    let playbook = playbook::read(text, "p.toml").playbook.expect("the playbook is right");
    let mut engine = Engine::new(Arc::new(Program::compile(playbook)), Options::default());
    let mut time = START;
    for (nth, (is_order, minutes)) in happened.iter().enumerate() {
        time += i64::from(*minutes) * MINUTE + 1_234;
        let message = match is_order {
            true => json!({"type": "track", "event": "Order Completed", "userId": "u1"}),
            false => json!({"type": "page", "userId": "u1", "properties": {"path": "/pricing"},
                "context": {"traits": {"email": "jo@gmail.com"}}}),
        };
        let value = message.to_string().into_bytes();
        let record = Record { offset: nth as i64, time, key: None, value: Some(&value) };
        let _ = engine.step(Input::Record(record), usize::MAX, &mut Vec::new());
    }
    engine
}

fn subject(engine: &Engine, redact: bool) -> Explanation {
    let Found::User(subject) = engine.find_subject("u1") else { panic!("the user is there") };
    subject.explain(redact)
}

/// Shorter windows than above, so that all is over within days, and terms that pull both ways.
const QUICK: &str = r#"
[signals.viewed]
on = "page"
[signals.bought]
event = "Order Completed"

[scores.buy]
half = 10
segments = { low = 0.0, medium = 0.2, high = 0.45, "very high" = 0.7 }
terms = [
  { signal = "viewed", points = 4, lifespan = "2d" },
  { signal = "bought", points = -7.5, lifespan = "20h" },
  { when = 'viewed.count("6h") > 2', points = 3 },
]

[moments.keen]
when = 'segment.buy in ["high", "very high"] && bought.count("1d", "3h") < 2'
until = 'score.buy < 0.3 || viewed.silent("5h")'
for = "20m"
cooldown = "1d"
ended = true

[moments.gone]
when = 'viewed.silent("1d") && (score.buy < 0.25 || bought.days("2d") == 0)'
ended = true
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Stepping the engine through the minutes ahead does what was foretold, at the minute that was foretold.
    #[test]
    fn what_is_foretold_comes_true(happened in prop::collection::vec((prop::bool::weighted(0.3), 0u16..240), 1..25)) {
        let mut engine = engine(QUICK, &happened);
        let said = subject(&engine, false);
        let foretold: Vec<Flip> =
            said.moments.iter().map(|m| match m.next { Next::Fires(flip) | Next::Ends(flip) => flip }).collect();
        let whens: Vec<Flip> = said.moments.iter().map(|m| m.when.flips.expect("a condition flips or not")).collect();
        let (segment, falls) = (said.scores[0].segment.clone(), said.scores[0].falls.clone());
        // A segment may be left and come back between two looks.
        let foreseen: Vec<Flip> = whens.iter().copied().chain(falls.as_ref().map(|falls| falls.left)).collect();
        let mut first = vec![Flip::Never; 2];
        let mut flipped = [Flip::Never; 2];
        let mut left = Flip::Never;
        let clock = engine.clock().expect("records have come");
        let mut minute = clock.div_euclid(MINUTE) * MINUTE;
        while minute < clock + 4 * 86_400_000 {
            minute += MINUTE;
            let mut actions = Vec::new();
            let _ = engine.step(Input::Clock(minute), usize::MAX, &mut actions);
            for action in actions {
                let Action::Emit(message) = action else { continue };
                let value: Value = serde_json::from_slice(&message.value.expect("a message")).expect("JSON");
                let event = value["event"].as_str().unwrap_or_default();
                let Some(nth) = ["mk_keen", "mk_gone"].iter().position(|name| event.starts_with(name)) else { continue };
                if first[nth] == Flip::Never {
                    first[nth] = Flip::At(Time(minute));
                }
            }
            if minute % (20 * MINUTE) == 0 || foreseen.contains(&Flip::At(Time(minute))) || minute < clock + 40 * MINUTE {
                let now = subject(&engine, false);
                for (nth, flipped) in flipped.iter_mut().enumerate() {
                    if *flipped == Flip::Never && now.moments[nth].when.value != said.moments[nth].when.value {
                        *flipped = Flip::At(Time(minute));
                    }
                }
                if left == Flip::Never && now.scores[0].segment != segment {
                    left = Flip::At(Time(minute));
                }
            }
        }
        prop_assert_eq!(first, foretold);
        for nth in 0..2 {
            // Looked at every 20 minutes and at the minute itself: never before, and then for sure.
            match whens[nth] {
                Flip::At(_) => prop_assert_eq!(flipped[nth], whens[nth]),
                _ => prop_assert_eq!(flipped[nth], Flip::Never),
            }
        }
        if let Some(falls) = falls {
            let later = |a: Flip, b: Flip| matches!((a, b), (Flip::At(a), Flip::At(b)) if a.0 - b.0 < 20 * MINUTE && a >= b);
            prop_assert!(falls.left == left || later(left, falls.left), "{:?} {:?}", falls.left, left);
        }
    }
}

#[test]
fn what_is_personal_can_be_left_out() {
    let text = PLAYBOOK.replace("email.is_personal", "traits.email.endsWith(\"@gmail.com\")");
    let engine = engine(&text, &[(false, 0)]);
    let open = serde_json::to_string(&subject(&engine, false)).expect("JSON");
    assert!(open.contains("jo@gmail.com"));
    let said = subject(&engine, true);
    let redacted = serde_json::to_string(&said).expect("JSON");
    assert!(!redacted.contains("jo@gmail.com"), "{redacted}");
    assert_eq!(said.scores[0].terms[1].points, -20.0, "why there are points is still said");
}
