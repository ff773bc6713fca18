//! `kairos check` as people and pipelines run it: formats and exit codes.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const CLEAN: &str = r#"
[signals.viewed]
on = "page"
[scores.buy]
half = 20
segments = { low = 0.0, high = 0.5 }
terms = [{ signal = "viewed", points = 5, lifespan = "30d" }]
"#;
const UNUSED: &str = "[signals.idle]\non = 'screen'\n";
const WRONG: &str = "[moments.x]\nwhen = 'veiwed.count(\"7d\") > 1'\n";

fn check(playbook: &str, words: &[&str]) -> (Option<i32>, String) {
    run(&[("p.toml", playbook)], &[&["--playbook", "p.toml"], words].concat())
}

/// In a folder with these files.
fn run(files: &[(&str, &str)], words: &[&str]) -> (Option<i32>, String) {
    let folder: TempDir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.current_dir(folder.path()).env_remove("KAIROS_CONFIG").env_remove("NO_COLOR");
    command.env("KAIROS__RUN__IDLE_CLOCK", "yes");
    let Output { status, stdout, stderr } = command.arg("check").args(words).output().expect("the program starts");
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn exit_codes_tell_clean_from_suspicious_from_wrong() {
    let (suspicious, wrong) = (format!("{CLEAN}{UNUSED}"), format!("{CLEAN}{UNUSED}{WRONG}"));
    for (playbook, words, code) in [
        (CLEAN, &[][..], 0),
        (CLEAN, &["--deny-warnings"], 0),
        (&suspicious, &[], 0),
        (&suspicious, &["--deny-warnings"], 1),
        (&wrong, &[], 2),
        (&wrong, &["--deny-warnings"], 2),
    ] {
        for format in ["text", "json", "github"] {
            let (found, text) = check(playbook, &[words, &["--format", format]].concat());
            assert_eq!(found, Some(code), "{words:?} {format}: {text}");
        }
    }
}

#[test]
fn text_underlines_and_says_what_each_signal_costs() {
    let (_, text) = check(&format!("{CLEAN}{WRONG}"), &[]);
    for piece in [
        "error[unknown_signal]",
        "p.toml:9:9",
        "^^^^^^ unknown signal",
        "did you mean `viewed`?",
        "1 error, 0 warnings",
    ] {
        assert!(text.contains(piece), "{piece} is not in\n{text}");
    }
    let (_, text) = check(CLEAN, &[]);
    assert!(text.contains("p.toml: bytes per user, by signal") && text.contains("all is well"), "{text}");
}

#[test]
fn json_for_programs() {
    let (_, text) = check(&format!("{CLEAN}{UNUSED}"), &["--format", "json"]);
    let found: Value = serde_json::from_str(&text).expect("it prints JSON");
    let mistake = &found["mistakes"][0];
    assert_eq!((found["errors"].as_u64(), found["warnings"].as_u64()), (Some(0), Some(1)));
    assert_eq!(
        (mistake["code"].as_str(), mistake["line"].as_u64(), mistake["column"].as_u64()),
        (Some("unused"), Some(8), Some(10))
    );
    assert_eq!(found["cost"][0]["signals"][0]["signal"], "viewed");
}

#[test]
fn annotations_for_github() {
    let (_, text) = check(&format!("{CLEAN}{UNUSED}"), &["--format", "github"]);
    let expected = "::warning file=p.toml,line=8,col=10,endLine=8,endColumn=14,title=unused::the signal `idle` is used by \
                    nothing%0Aremove it, or use it in a score or a moment\n";
    assert_eq!(text, expected);
}

/// Settings, the playbook they name, and a file of tests beside it, each with a mistake.
#[test]
fn all_mistakes_of_all_files_at_once() {
    let settings = "[run]\nthread = 3\nplaybook = \"p.toml\"\n";
    let files = [("kairos.toml", settings), ("p.toml", WRONG), ("t.toml", "[[tests]]\nname = \"one\"\n")];
    let (code, text) = run(&files, &["--format", "json"]);
    let found: Value = serde_json::from_str(&text).expect("it prints JSON");
    let mistakes = found["mistakes"].as_array().expect("a list");
    let places: Vec<_> =
        mistakes.iter().map(|one| (one["file"].as_str(), one["line"].as_u64(), one["variable"].as_str())).collect();
    let variable = "KAIROS__RUN__IDLE_CLOCK";
    let expected =
        [(Some("kairos.toml"), Some(2), None), (None, None, Some(variable)), (Some("p.toml"), Some(2), None)];
    assert_eq!((code, &places[..]), (Some(2), &expected[..]), "{text}");
    assert_eq!(mistakes[0]["key"], "run.thread");
    assert_eq!(mistakes[0]["message"], "no such setting; did you mean `run.threads`?");

    let (_, text) = run(&files, &["--format", "github"]);
    let line = "::error file=kairos.toml,line=2,title=settings::kairos.toml:2: run.thread: no such setting;";
    assert!(text.starts_with(line) && text.contains("\n::error title=settings::KAIROS__RUN__IDLE_CLOCK: "), "{text}");

    let (code, text) = run(&files, &["--playbook", "t.toml", "--playbook", "p.toml"]);
    assert_eq!(code, Some(2));
    for piece in ["t.toml: this holds tests and no rules", "error[unknown_signal]", "2 errors, 0 warnings"] {
        assert!(text.contains(piece), "{piece} is not in\n{text}");
    }
}

#[test]
fn settings_that_are_no_text_say_only_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("latin.toml"), b"[run]\ngroup = \"\xe9\"\n").expect("a file can be written");
    fs::create_dir(folder.path().join("kairos.toml")).expect("a folder can be made");
    for (words, expected) in [
        (&[][..], "error: kairos.toml: this is a folder; the settings are read from a file\n"),
        (&["--config", "latin.toml"], "error: latin.toml:2: this is not UTF-8 text; save the file as UTF-8\n"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
        command.current_dir(folder.path()).env_remove("KAIROS_CONFIG").arg("check").args(words);
        let out = command.output().expect("the program starts");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(text.starts_with(expected) && text.contains("1 error,"), "{text}");
    }
}
