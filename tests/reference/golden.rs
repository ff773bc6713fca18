//! Golden cases: a playbook, what comes in, what goes out, worked out by hand from the pages. Each is run through the model
//! and through the engine. The files under `tests/golden` hold them; a line of input or output begins with its time, on
//! Monday 2026-03-02 unless it says `dN` for N days later.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::engine;
use crate::model::json::{self, Json};
use crate::model::time::{self, DAY, HOUR, MINUTE, SECOND};
use crate::model::{Input, Minutes, Output, Partition, Playbook, Reading};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    playbook: String,
    #[serde(default)]
    when: Option<String>,
    /// Show identifies too, not only moments.
    #[serde(default)]
    identifies: bool,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Instead of the file's.
    playbook: Option<String>,
    /// More of a playbook.
    #[serde(default)]
    more: String,
    /// The condition of a moment `m`, also sent when it ends.
    when: Option<String>,
    #[serde(default)]
    identifies: bool,
    #[serde(default)]
    unwrap: String,
    #[serde(default)]
    placeholders: Vec<String>,
    input: Vec<String>,
    expect: Vec<String>,
}

const FILES: [&str; 8] = ["time", "signals", "expressions", "scores", "moments", "people", "messages", "wire"];

#[test]
fn model_every_minute() {
    run_all(|playbook, reading, inputs| by_model(playbook, reading, inputs, Minutes::Each));
}

#[test]
fn model_by_agenda() {
    run_all(|playbook, reading, inputs| by_model(playbook, reading, inputs, Minutes::Some));
}

#[test]
fn engine() {
    run_all(engine::run);
}

fn by_model(playbook: &str, reading: &Reading, inputs: &[Input], minutes: Minutes) -> Result<Vec<Output>, String> {
    let mut partition = Partition::new(Playbook::read(playbook)?, reading.clone(), minutes);
    Ok(inputs.iter().flat_map(|input| partition.step(input)).collect())
}

/// All cases; all that differ, in one message.
fn run_all(run: impl Fn(&str, &Reading, &[Input]) -> Result<Vec<Output>, String>) {
    let mut report = String::new();
    for name in FILES {
        let path = format!("{}/tests/golden/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("the golden file is there");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for case in &file.case {
            let shown = check(&file, case, &run);
            if let Err(difference) = shown {
                writeln!(report, "\n{name}: {}\n{difference}", case.name).expect("a text");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn check(
    file: &File,
    case: &Case,
    run: impl Fn(&str, &Reading, &[Input]) -> Result<Vec<Output>, String>,
) -> Result<(), String> {
    let mut playbook = format!("{}{}", case.playbook.as_ref().unwrap_or(&file.playbook), case.more);
    if let Some(when) = case.when.as_ref().or(file.when.as_ref()) {
        write!(playbook, "[moments.m]\nwhen = '''{when}'''\nended = true\n").expect("a text");
    }
    let mut offset = -1;
    let lines = case.input.iter().flat_map(|line| repeated(line));
    let inputs: Vec<Input> = lines.map(|line| input(&long(&line), &mut offset)).collect();
    let unwrap = case.unwrap.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    let reading = Reading { unwrap, placeholders: case.placeholders.clone() };
    let outputs = run(&playbook, &reading, &inputs)?;
    let identifies = file.identifies || case.identifies;
    let shown: Vec<Shown> =
        outputs.iter().filter_map(show).filter(|s| identifies || !s.head.ends_with("identify")).collect();
    let expected: Vec<Shown> = case.expect.iter().map(|line| expectation(&long(line))).collect();
    let same = shown.len() == expected.len() && shown.iter().zip(&expected).all(|(a, b)| a.is(b));
    let lines = |all: &[Shown]| all.iter().map(|s| format!("    {} {}\n", s.head, s.json())).collect::<String>();
    if same { Ok(()) } else { Err(format!("  happened:\n{}  expected:\n{}", lines(&shown), lines(&expected))) }
}

/// An output as one line: its head, and what it holds.
struct Shown {
    head: String,
    holds: Option<Json>,
}

impl Shown {
    fn is(&self, expected: &Shown) -> bool {
        self.head == expected.head && (expected.holds.is_none() || self.holds == expected.holds)
    }

    fn json(&self) -> String {
        self.holds.as_ref().map_or_else(String::new, Json::to_string)
    }
}

fn show(output: &Output) -> Option<Shown> {
    match output {
        Output::Message { key, value: None, .. } => Some(Shown { head: format!("{key} deleted"), holds: None }),
        Output::Message { key, value: Some(value), .. } => {
            let time = value.get("timestamp").and_then(Json::text).and_then(time::parse).expect("a timestamp");
            let name = value.get("event").or(value.get("type")).and_then(Json::text).expect("a name");
            let mut holds = value.get("properties").or(value.get("traits")).cloned();
            holds.as_mut().map(|holds| holds.remove("playbook"));
            Some(Shown { head: format!("{} {key} {name}", clock(time)), holds })
        }
        Output::Dead { offset, dead } => {
            let item = dead.item.as_ref().map_or_else(String::new, |(index, _)| format!(" {index}"));
            let holds = dead.item.as_ref().map(|(_, item)| item.clone());
            Some(Shown { head: format!("dead {offset} {}{item}", dead.reason), holds })
        }
    }
}

fn expectation(line: &str) -> Shown {
    let (head, holds) = match line.split_once(" {") {
        Some((head, rest)) => (head, Some(Json::parse(format!("{{{rest}").as_bytes()).expect("JSON"))),
        None => (line, None),
    };
    if head.starts_with("dead ") || head.ends_with(" deleted") {
        return Shown { head: head.to_owned(), holds };
    }
    let (at, rest) = timed(head);
    Shown { head: format!("{} {rest}", clock(at)), holds }
}

/// `… *300`: so many of one line, `#` in each its number.
fn repeated(line: &str) -> Vec<String> {
    match line.rsplit_once(" *").and_then(|(line, times)| Some((line, times.parse::<u32>().ok()?))) {
        Some((line, times)) => (1..=times).map(|nth| line.replace('#', &nth.to_string())).collect(),
        None => vec![line.to_owned()],
    }
}

/// `<x*513>`: so many of one text.
fn long(line: &str) -> String {
    let Some((before, rest)) = line.split_once('<') else { return line.to_owned() };
    let spelled = rest.split_once('>').and_then(|(inner, after)| Some((inner.rsplit_once('*')?, after)));
    match spelled.and_then(|((text, times), after)| Some((text.repeat(times.parse().ok()?), after))) {
        Some((text, after)) => format!("{before}{text}{}", long(after)),
        None => format!("{before}<{}", long(rest)),
    }
}

const MONDAY: i64 = 1_772_409_600_000;

/// The time at the start of a line, and the rest.
fn timed(line: &str) -> (i64, &str) {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    if let Some(at) = time::parse(first) {
        return (at, rest);
    }
    if let Some(days) = first.strip_prefix('d') {
        let (at, rest) = timed(rest);
        return (at + days.parse::<i64>().expect("a number of days") * DAY, rest);
    }
    (time::parse(&format!("2026-03-02T{first}")).unwrap_or_else(|| panic!("no time: {line}")), rest)
}

fn clock(at: i64) -> String {
    let (day, rest) = ((at - MONDAY).div_euclid(DAY), (at - MONDAY).rem_euclid(DAY));
    let (h, m, s) = (rest / HOUR, rest / MINUTE % 60, rest % MINUTE);
    format!("d{day} {h:02}:{m:02}:{:02}.{:03}", s / SECOND, s % SECOND)
}

fn input(line: &str, offset: &mut i64) -> Input {
    let (at, rest) = timed(line);
    let value = match rest {
        "tick" => return Input::Clock(at),
        "hold-back" => return Input::HoldBack { until: at, resumed: false },
        "resume" => return Input::HoldBack { until: at, resumed: true },
        "horizon" => return Input::Horizon(at),
        "empty" => None,
        _ if rest.starts_with(['{', '[']) => Some(rest.to_owned()),
        _ => Some(rest.strip_prefix("raw ").map_or_else(|| message(rest).to_string(), str::to_owned)),
    };
    *offset += 1;
    Input::Record { offset: *offset, time: at, value: value.map(String::into_bytes) }
}

/// `USER~ANONYMOUS WHAT {…} + {…}`: a call by its name in lower case, with a group or a previous id, else a track; its
/// properties or traits; more members.
fn message(line: &str) -> Json {
    let (line, more) = line.split_once(" + ").unwrap_or((line, "{}"));
    let (line, holds) = line.split_once(" {").map_or((line, None), |(line, rest)| (line, Some(format!("{{{rest}"))));
    let (ids, what) = line.split_once(' ').unwrap_or_else(|| panic!("ids and what: {line}"));
    let (user, anonymous) = ids.split_once('~').unwrap_or((ids, ""));
    let mut message = json::object([]);
    let mut set = |key: &str, value: &str| {
        if !value.is_empty() {
            message.set(key, json::text(value));
        }
    };
    set("userId", user);
    set("anonymousId", anonymous);
    let (call, rest) = what.split_once(' ').unwrap_or((what, ""));
    let place = match call {
        "page" | "screen" | "identify" | "delete" => {
            set("type", call);
            if call == "identify" { "traits" } else { "properties" }
        }
        "group" | "alias" => {
            set("type", call);
            set(if call == "group" { "groupId" } else { "previousId" }, rest);
            "traits"
        }
        _ => {
            set("type", "track");
            set("event", what);
            "properties"
        }
    };
    let parse = |text: &str| Json::parse(text.as_bytes()).unwrap_or_else(|| panic!("not JSON: {text}"));
    if let Some(holds) = holds {
        message.set(place, parse(&holds));
    }
    parse(more).members().iter().for_each(|(key, value)| message.set(key, value.clone()));
    message
}
