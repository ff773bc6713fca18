//! `kairos test` as people run it: what passes, what fails and with which words, and what CI reads.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

const PLAYBOOK: &str = r#"
[traits]
mk_plan = ["traits.plan"]

[signals.viewed]
on = "page"

[scores.interest]
half = 10
segments = { low = 0.0, high = 0.5 }
terms = [{ signal = "viewed", points = 4, lifespan = "10d", label = "viewed" }]

[moments.keen]
when = 'score.interest >= 0.5 && traits.plan != "free"'
until = 'viewed.silent("2d")'
ended = true
"#;

/// Two views make 4 + 4 × 239/240 points and a score of 0.4439; the third, at 12:00, makes it over 0.54.
const VIEWS: &str = r#"[{ at = "2026-03-01T10:00:00Z", type = "page", userId = "u1", times = 3, every = "1h" }]"#;

fn case(name: &str, events: &str, expect: &str) -> String {
    format!("[[tests]]\nname = \"{name}\"\nstart = \"2026-03-01T10:00:00Z\"\nevents = {events}\nexpect = [{expect}]\n")
}

fn run(files: &[(&str, &str)]) -> (Output, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.current_dir(folder.path()).args(["test", "--junit", "junit.xml", "--playbook"]);
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file can be written");
        command.arg(name);
    }
    (command.output().expect("the program starts"), folder)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_kind_of_expectation_can_be_met() {
    let expect = r#"
  { moment = "keen", userId = "u1", after = "2026-03-01T12:00:00Z", before = "+2h" },
  { not = "keen", userId = "u1", before = "+1h59m" },
  { not = "keen", userId = "u2" },
  { ended = "keen", userId = "u1", after = "+2d", before = 2026-03-03T12:00:00Z },
  { not_ended = "keen", userId = "u1", before = "+1d" },
  { score = "interest", userId = "u1", is = 0.44, at = "+1h" },
  { score = "interest", userId = "u1", at_least = 0.54, at_most = 0.55, at = "+2h" },
  { segment = "interest", userId = "u1", is = "low", at = "2026-03-01T11:59:59Z" },
  { segment = "interest", userId = "u1", is = "high", at = "+2h" },
  { trait = "mk_plan", userId = "u1", is = "pro", at = "+3h" },
  { trait = "mk_plan", userId = "u1", missing = true, at = "+2h" },
"#
    .replace("+1h59m", "+119m");
    let events =
        VIEWS.replace("}]", "}, { at = \"+3h\", type = \"identify\", userId = \"u1\", traits = { plan = \"pro\" } }]");
    let playbook = format!("{PLAYBOOK}{}", case("all", &events, &expect));
    let (output, folder) = run(&[("p.toml", &playbook)]);
    assert_eq!(text(&output), "ok   all\n1 passed, 0 failed\n");
    assert_eq!(output.status.code(), Some(0));
    let junit = fs::read_to_string(folder.path().join("junit.xml")).expect("it was written");
    assert!(junit.contains(r#"<testcase classname="p.toml" name="all""#), "{junit}");
}

/// Each fails, with what was expected, what happened, and what the score was made of at that time.
#[test]
fn a_failure_says_what_happened_instead() {
    for (expect, words) in [
        (
            r#"{ moment = "keen", userId = "u1", before = "+90m" }"#,
            &[
                "expected mk_keen for u1 to 2026-03-01T11:30:00.000Z; it was sent never",
                "at 2026-03-01T11:30:00.000Z:",
                "interest = 0.4439 (low): viewed ×2 (+8.0)",
                "score.interest >= 0.5: false (0.4439, 0.0561 below 0.5)",
            ][..],
        ),
        (
            r#"{ not = "keen", userId = "u1" }"#,
            &["expected no mk_keen for u1; it was sent at 2026-03-01T12:00:00.000Z (0.54 high: viewed ×3 (+11.9))"],
        ),
        (
            r#"{ ended = "keen", userId = "u1", after = "+1h", before = "+1d" }"#,
            &[
                "expected mk_keen_ended for u1 from 2026-03-01T11:00:00.000Z to 2026-03-02T10:00:00.000Z; it was sent never",
            ],
        ),
        (
            r#"{ score = "interest", userId = "u1", at_most = 0.1, at = "+1h" }"#,
            &["expected score interest of u1 from 0 to 0.1; it is 0.4439", "interest = 0.4439 (low): viewed ×2 (+8.0)"],
        ),
        (
            r#"{ segment = "interest", userId = "u1", is = "high", at = "+1h" }"#,
            &["expected segment interest of u1 to be \"high\"; it is \"low\""],
        ),
        (
            r#"{ trait = "mk_interest_score", userId = "u1", is = "0.10", at = "+2h" }"#,
            &["expected trait mk_interest_score of u1 to be \"0.10\"; it is \"0.54\""],
        ),
        (r#"{ segment = "interest", userId = "nobody", is = "low" }"#, &["it is \"none: no such user\""]),
    ] {
        let playbook = format!("{PLAYBOOK}{}", case("some", VIEWS, expect));
        let (output, folder) = run(&[("p.toml", &playbook)]);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{expect}: {text}");
        for words in words {
            assert!(text.contains(words), "{words}\n--- is not in\n{text}");
        }
        assert!(text.ends_with("0 passed, 1 failed\n"), "{text}");
        let junit = fs::read_to_string(folder.path().join("junit.xml")).expect("it was written");
        assert!(junit.contains("tests=\"1\" failures=\"1\""), "{junit}");
    }
}

#[test]
fn an_event_that_is_none_fails_its_test() {
    let events = r#"[{ at = "+0s", type = "track", userId = "u1" }]"#;
    let playbook = format!("{PLAYBOOK}{}", case("bad", events, r#"{ not = "keen", userId = "u1" }"#));
    let (output, _folder) = run(&[("p.toml", &playbook)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("an event of this test can't be used: no_event"), "{}", text(&output));
}

#[test]
fn tests_may_stand_in_files_of_their_own() {
    let good = case("apart", VIEWS, r#"{ moment = "keen", userId = "u1" }"#);
    let (output, _folder) = run(&[("p.toml", PLAYBOOK), ("more.toml", &good)]);
    assert_eq!(text(&output), "ok   apart\n1 passed, 0 failed\n");
    let (output, _folder) = run(&[("more.toml", &good)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("name the playbook they are for before it"), "{}", text(&output));
    let wrong = case("apart", VIEWS, r#"{ moment = "keeen", userId = "u1" }"#);
    let (output, _folder) = run(&[("p.toml", PLAYBOOK), ("more.toml", &wrong)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("there is no moment `keeen`"), "{}", text(&output));
}

#[test]
fn the_shipped_playbook_passes_its_own() {
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/b2b-saas.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_kairos")).args(["test", "--playbook", playbook]).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let passed = text(&output).lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= 15, "{passed} are few to read as documentation");
}
