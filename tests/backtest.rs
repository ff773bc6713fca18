//! `kairos backtest` as people run it: files in whatever form, on any number of threads, one answer.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

const PLAYBOOK: &str = r#"
[settings]
min_interval = "0s"

[traits]
mk_plan = ["traits.plan"]

[signals.viewed]
on = "page"
where = 'properties.depth >= 2'

[signals.bought]
event = "Order Completed"

[signals.left]
event = "Account Closd"

[scores.interest]
half = 10
margin = 0
segments = { low = 0.0, medium = 0.3, high = 0.6 }
terms = [{ signal = "viewed", points = 5, lifespan = "10d", label = "viewed" }]

[moments.keen]
when = 'score.interest >= 0.5'
until = 'score.interest < 0.3'
cooldown = "5d"
ended = true

[moments.gone]
when = 'viewed.silent("3d")'
"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.write("playbook.toml", PLAYBOOK.as_bytes());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("a file can be written");
        self.path(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
        command
            .current_dir(self.0.path())
            .args(["backtest", "--playbook", "playbook.toml", "--emit", "out"])
            .args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the program starts")
    }

    /// The messages of a run that must end well.
    fn emitted(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.text("out")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it was written")
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

/// A time within the history of these tests.
fn time(minutes: u32) -> String {
    format!("2026-03-{:02}T{:02}:{:02}:00.000Z", 1 + minutes / 1_440, minutes / 60 % 24, minutes % 60)
}

fn view(user: &str, minutes: u32) -> String {
    json!({"type": "page", "userId": user, "properties": {"depth": 3}, "receivedAt": time(minutes)}).to_string()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn each_line_is_a_record_and_messages_come_in_order() {
    let folder = Folder::new();
    let lines = [
        view("a", 0),
        String::new(),
        format!("\u{feff}{}\r", view("a", 1)),
        json!({"batch": [{"type": "page", "userId": "b", "properties": {"depth": 2}}, {"type": "identify"}],
               "receivedAt": time(2)})
        .to_string(),
        "{".to_owned(),
        json!({"type": "delete", "userId": "b", "timestamp": time(9)}).to_string(),
        // The clock alone does the rest.
        json!({"type": "screen", "anonymousId": "x", "timestamp": time(5 * 1_440)}).to_string(),
    ];
    folder.write("events.jsonl", lines.join("\n").as_bytes());
    folder.emitted(&["--rejects", "rejects", "events.jsonl"]);
    let told: Vec<String> = folder
        .lines("out")
        .iter()
        .map(|m| {
            let what = m["event"].as_str().or(m["traits"]["mk_interest_score"].as_str()).unwrap_or_default();
            format!("{} {} {what}", m["timestamp"].as_str().unwrap_or("-"), m["userId"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "2026-03-01T00:00:00.000Z a 0.33".to_owned(),
        "2026-03-01T00:01:00.000Z a 0.50".to_owned(),
        "2026-03-01T00:01:00.000Z a mk_keen".to_owned(),
        "2026-03-01T00:02:00.000Z b 0.33".to_owned(),
        "- b ".to_owned(),
    ];
    assert_eq!(told[..5], expected);
    assert!(told.contains(&"2026-03-04T00:01:00.000Z a mk_gone".to_owned()), "{told:?}");
    let rejects: Vec<Value> = folder.lines("rejects");
    let short: Vec<_> =
        rejects.iter().map(|r| json!([r["file"], r["line"], r["item"], r["reason"], r["raw"]])).collect();
    let item = format!(r#"{{"type":"identify","receivedAt":"{}"}}"#, time(2));
    assert_eq!(short[0], json!(["events.jsonl", 4, 1, "no_id", r#"{"type":"identify"}"#]), "{item}");
    assert_eq!(short[1], json!(["events.jsonl", 5, null, "not_json", "{"]));
    assert_eq!(rejects.len(), 2);
}

#[test]
fn packed_piped_and_merged_files_say_the_same() {
    let folder = Folder::new();
    let lines: Vec<String> = (0..600).map(|n| view(["a", "b", "c"][n as usize % 3], n * 7)).collect();
    let all = lines.join("\n");
    folder.write("plain", all.as_bytes());
    let expected = folder.emitted(&["plain"]);
    assert!(expected.lines().count() > 20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(all.as_bytes()).unwrap();
    folder.write("events.gz", &gzip.finish().unwrap());
    folder.write("events.zst", &zstd::encode_all(all.as_bytes(), 1).unwrap());
    assert_eq!(folder.emitted(&["events.gz"]), expected);
    assert_eq!(folder.emitted(&["events.zst"]), expected);
    for part in 0..3 {
        let some: Vec<&str> = lines.iter().skip(part).step_by(3).map(String::as_str).collect();
        folder.write(&format!("part{part}"), some.join("\n").as_bytes());
    }
    assert_eq!(folder.emitted(&["part2", "part0", "part1"]), expected);
    let mut child = folder.command(&["-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(folder.path("events.gz")).unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.text("out"), expected);
    assert_eq!(folder.run(&["-", "-"]).status.code(), Some(2));
    assert_eq!(folder.run(&["nowhere.jsonl"]).status.code(), Some(3));
}

#[test]
fn a_jump_in_time_stops_with_its_place() {
    let folder = Folder::new();
    let late = json!({"type": "page", "userId": "a", "timestamp": "2027-05-01T00:00:00Z"}).to_string();
    folder.write("events", format!("{}\n\n{late}\n", view("a", 0)).as_bytes());
    let output = folder.run(&["events"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("events:3: time jumps by 426 days"), "{text}");
    folder.emitted(&["--allow-jumps", "events"]);
}

#[test]
fn nothing_is_written_twice_or_over_what_is_read() {
    let folder = Folder::new();
    folder.write("events", view("a", 0).as_bytes());
    for (words, expected) in [
        (&["--rejects", "./out", "events"][..], "--emit and --rejects are both ./out"),
        (&["--html", "events", "events"], "--html events: this is read"),
    ] {
        let output = folder.run(words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(expected), "{text}");
    }
    assert_eq!(folder.text("events"), view("a", 0));
    folder.emitted(&["--rejects", "/dev/null", "--html", "/dev/null", "events"]);
}

#[test]
fn lines_before_the_first_time_take_that_time() {
    let folder = Folder::new();
    let timeless = json!({"type": "page", "userId": "a", "properties": {"depth": 2}}).to_string();
    folder.write("events", format!("?\n{timeless}\n{}\n", view("b", 3)).as_bytes());
    folder.emitted(&["events"]);
    let times: Vec<Value> = folder.lines("out").iter().map(|m| json!([m["userId"], m["timestamp"]])).collect();
    assert_eq!(times, [json!(["a", time(3)]), json!(["b", time(3)])]);
}

#[test]
fn the_summary_and_the_page_tell_what_matters() {
    let folder = Folder::new();
    let mut lines: Vec<String> = (0..40).map(|n| view(["a", "b"][n % 2], n as u32 * 500)).collect();
    let track = |name: &str, user: &str, minutes: u32| {
        json!({"type": "track", "event": name, "userId": user, "receivedAt": time(minutes)}).to_string()
    };
    lines.push(track("Account Closed", "a", 20_001));
    lines.push(track("Order Completed", "a", 20_002));
    lines.push(
        json!({"type": "page", "userId": "b", "properties": {"depth": "9"}, "receivedAt": time(40_000)}).to_string(),
    );
    lines.push("[".to_owned());
    folder.write("events", lines.join("\n").as_bytes());
    let output = folder.run(&["--summary", "--html", "page.html", "--outcome", "bought", "--within", "14d", "events"]);
    let text = stdout(&output);
    for part in [
        "44 records, 43 events, 2 users",
        "1 rejected 1 not_json events:44: not JSON",
        "keen 2 2 0 1.4 d 18.7 d 0 █···",
        "left: did you mean \"Account Closed\"?",
        "properties.depth is compared as a number, but held a text 1 times",
        "outcome: bought within 14.0 d, 1 users had it",
        "keen 2 1 50% (9-91%) 100% (21-100%) 50.0% 1.0 (0.2-1.8) 12.5 d 0 0",
        "interest low ",
        "by day ",
    ] {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(part.trim()), "{part}\n{text}");
    }
    let page = folder.text("page.html");
    for part in
        ["<!doctype html>", "<h3>keen per week</h3>", "<rect", "did you mean <code>Account Closed</code>?", "</html>"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http"), "it needs nothing else");
}

/// What each moment foretold, a row each, as words.
fn foretold(text: &str, moment: &str) -> Vec<String> {
    let rows = text.split("outcome: ").nth(1).expect("an outcome").lines();
    let row = rows.map(str::trim).find(|row| row.starts_with(&format!("{moment} "))).expect("a row");
    row.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn an_outcome_that_comes_in_late_counts_when_it_was() {
    let folder = Folder::new();
    let bought = |days: u32, at: u32| json!({"type": "track", "event": "Order Completed", "userId": "a", "timestamp": time(days * 1_440), "receivedAt": time(at * 1_440)});
    // Keen on the first day; bought on the tenth, and on the third, which is known on the twelfth.
    let mut lines: Vec<String> = (0..4).map(|n| view("a", n * 60)).collect();
    lines.extend([bought(10, 10), bought(3, 12)].map(|event| event.to_string()));
    lines.push(view("b", 20 * 1_440));
    folder.write("events", lines.join("\n").as_bytes());
    let text = stdout(&folder.run(&["--outcome", "bought", "--within", "5d", "events"]));
    assert_eq!(foretold(&text, "keen")[1..4], ["1", "1", "100%"], "{text}");
    // Nobody's firing is left for a horizon that is longer than what there is.
    let text = stdout(&folder.run(&["--outcome", "bought", "--within", "25d", "events"]));
    assert_eq!(foretold(&text, "keen")[1..4], ["0", "0", "-"], "{text}");
}

#[test]
fn two_playbooks_are_compared_and_budgets_kept() {
    let folder = Folder::new();
    let later = PLAYBOOK
        .replace("score.interest >= 0.5'", "score.interest >= 0.65'")
        .replace("[moments.gone]", "[moments.away]");
    folder.write("other.toml", later.as_bytes());
    let lines: Vec<String> = (0..8).map(|n| view("a", n * 60)).chain((0..2).map(|n| view("b", 600 + n))).collect();
    folder.write("events", lines.join("\n").as_bytes());
    let output = folder.run(&["--against", "other.toml", "--fail-if", "moments > 1.9x", "events"]);
    let text = stdout(&output);
    assert!(
        text.contains("  keen: 1 only in new, 0 only in old, 1 in both (1 earlier, 0 later, median 1.0 h earlier)"),
        "{text}"
    );
    assert!(text.contains("    1 user gained: b\n"), "{text}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "budget passed: moments > 1.9x (2 against 1)\n");
    assert!(folder.run(&["--against", "other.toml", "--fail-if", "moments > 2x", "events"]).status.success());
    assert_eq!(folder.run(&["--fail-if", "moments > 2x", "events"]).status.code(), Some(2));
}

/// A line of a made-up history: most good, some envelopes, some bad.
fn line() -> impl Strategy<Value = (u32, u8, u8, u8)> {
    (0..20_000u32, 0..5u8, 0..12u8, 0..5u8)
}

fn written((minutes, user, shape, depth): (u32, u8, u8, u8)) -> String {
    let (user, at) = (format!("u{user}"), time(minutes));
    let page = json!({"type": "page", "userId": user, "properties": {"depth": depth}});
    let with = |key: &str, value: Value| {
        let mut message = page.clone();
        message[key] = value;
        message
    };
    match shape {
        0 => json!({"batch": [page, {"type": "track"}, with("userId", json!("other"))], "receivedAt": at}).to_string(),
        1 => format!("{{\"receivedAt\":\"{at}\""),
        2 => page.to_string(),
        3 => json!({"type": "identify", "userId": user, "anonymousId": format!("an{depth}"), "traits": {"plan": depth}, "receivedAt": at}).to_string(),
        4 => json!({"type": "page", "anonymousId": format!("an{depth}"), "properties": {"depth": 2}, "receivedAt": at}).to_string(),
        5 => json!({"type": "alias", "userId": user, "previousId": format!("u{depth}"), "receivedAt": at}).to_string(),
        6 => json!({"type": "delete", "userId": user, "receivedAt": at}).to_string(),
        7 => with("messageId", json!(depth)).to_string().replace(&format!("\"messageId\":{depth}"), &format!("\"messageId\":\"m{depth}\",\"receivedAt\":\"{at}\"")),
        _ => with("receivedAt", json!(at)).to_string(),
    }
}

fn by_time(lines: &mut [(u32, u8, u8, u8)]) {
    lines.sort_by_key(|line| line.0);
}

fn same(folder: &Folder, words: &[&str], expected: &(String, String)) -> Result<(), TestCaseError> {
    let emitted = folder.emitted(&[&["--rejects", "rejects"], words].concat());
    prop_assert_eq!(&emitted, &expected.0, "{:?}", words);
    let reasons = |text: &str| text.lines().map(|line| line.replace("part0", "whole")).collect::<Vec<_>>();
    if words.last() != Some(&"part1") {
        prop_assert_eq!(reasons(&folder.text("rejects")), reasons(&expected.1), "{:?}", words);
    }
    Ok(())
}

/// What is told at the end, save what is measured.
fn summary(folder: &Folder, threads: &str) -> Vec<String> {
    let other = PLAYBOOK.replace("score.interest >= 0.5'", "score.interest >= 0.65'");
    folder.write("other.toml", other.as_bytes());
    let words = ["--threads", threads, "--against", "other.toml", "--outcome", "bought", "--within", "2d", "whole"];
    let text = stdout(&folder.run(&words));
    let lines = text.lines().filter(|line| !line.contains("records/s"));
    // Several tables of profiles take more than one.
    lines.map(|line| line.split_once(" profiles (").map_or(line, |(profiles, _)| profiles).to_owned()).collect()
}

/// `u1` is silent until `gone` fires; then comes the record that says an older anonymous id was theirs.
#[test]
fn a_moment_is_told_of_people_before_what_comes_next() {
    let folder = Folder::new();
    let lines = [(0, 0, 4, 0), (776, 3, 11, 2), (8_980, 1, 10, 4), (13_740, 1, 3, 0)];
    folder.write("whole", lines.map(written).join("\n").as_bytes());
    for threads in ["1", "2"] {
        let summary = summary(&folder, threads);
        let gone = summary.iter().find(|line| line.starts_with("gone ")).expect("the table of moments");
        assert_eq!(gone.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["3.0", "d"], "{threads}: {gone}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any number of threads gives what one gives; files that are merged what one sorted file gives.
    #[test]
    fn threads_and_files_do_not_show(mut lines in prop::collection::vec(line(), 1..400), picks in prop::collection::vec(any::<bool>(), 400)) {
        let folder = Folder::new();
        by_time(&mut lines);
        let whole: Vec<String> = lines.iter().map(|line| written(*line)).collect();
        folder.write("whole", whole.join("\n").as_bytes());
        let emitted = folder.emitted(&["--threads", "1", "--rejects", "rejects", "whole"]);
        let expected = (emitted, folder.text("rejects"));
        let summary = summary(&folder, "1");
        for threads in ["2", "3", "5"] {
            same(&folder, &["--threads", threads, "whole"], &expected)?;
            prop_assert_eq!(&self::summary(&folder, threads), &summary);
        }
        // Lines that say no time go with the file they are in, so they would show where it is cut.
        let timed: Vec<_> = lines.into_iter().filter(|line| !matches!(line.2, 1 | 2)).collect();
        let mut timed: Vec<_> = timed.into_iter().enumerate().map(|(n, line)| (n as u32 * 40, line.1, line.2, line.3)).collect();
        by_time(&mut timed);
        let written: Vec<String> = timed.iter().map(|line| written(*line)).collect();
        folder.write("whole", written.join("\n").as_bytes());
        let expected = (folder.emitted(&["--threads", "1", "--rejects", "rejects", "whole"]), folder.text("rejects"));
        let part = |side: bool| {
            let some = written.iter().zip(&picks).filter(|(_, pick)| **pick == side).map(|(line, _)| line.as_str());
            some.collect::<Vec<_>>().join("\n")
        };
        folder.write("part0", part(false).as_bytes());
        folder.write("part1", part(true).as_bytes());
        for threads in ["1", "2", "7"] {
            same(&folder, &["--threads", threads, "part0", "part1"], &expected)?;
        }
    }
}
