//! `kairos init` with events: a playbook that checks, and that a backtest of the same events runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn kairos(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.current_dir(folder).env_remove("KAIROS_CONFIG").args(words).output().expect("the program starts")
}

#[test]
fn a_playbook_from_the_samples_checks_and_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = fs::read_to_string("tests/samples/events.jsonl").expect("the samples are there");
    let raw = cases.lines().map(|case| serde_json::from_str::<Value>(case).expect("a sample is JSON")["raw"].clone());
    let mut lines: Vec<String> = raw.map(|raw| raw.as_str().expect("a text").to_owned()).collect();
    lines.push(r#"{"type":"track","event":"Odd \"one\"\u007f\n","userId":"u","properties":{"a key":1}}"#.into());
    fs::write(folder.path().join("events.jsonl"), lines.join("\n")).expect("a file can be written");
    for words in [
        &["init", "events.jsonl"][..],
        &["check", "--playbook", "playbook.toml"],
        &["backtest", "--playbook", "playbook.toml", "events.jsonl"],
    ] {
        let out = kairos(folder.path(), words);
        let told = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(out.status.code(), Some(0), "{words:?}: {told:?}");
    }
    let playbook = fs::read_to_string(folder.path().join("playbook.toml")).expect("it was written");
    for line in [
        "[signals.purchased]",
        "# Not in force: no such event was seen.",
        "# [signals.signed_up]",
        "# [signals.odd__one___]",
    ] {
        assert!(playbook.lines().any(|found| found == line), "{line} is not in\n{playbook}");
    }
}
