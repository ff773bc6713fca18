//! The program itself, asked about itself: its version, its manual, its completions, and how it ends.

use std::process::{Command, Output};

fn kairos(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.args(words).env_remove("KAIROS_CONFIG").output().expect("the program starts")
}

fn said(words: &[&str]) -> String {
    let output = kairos(words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_version_has_the_commit_it_was_built_from() {
    assert_eq!(said(&["--version"]), format!("kairos {}\n", env!("KAIROS_VERSION")));
    if let Ok(commit) = std::env::var("KAIROS_COMMIT") {
        assert!(env!("KAIROS_VERSION").ends_with(&format!("({commit})")), "{}", env!("KAIROS_VERSION"));
    }
}

#[test]
fn every_shell_has_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for command in ["backtest", "snapshot", "dead", "rekey", "import"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    assert_eq!(kairos(&["completions", "abacus"]).status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let manual = said(&["man"]);
    for page in ["kairos", "kairos-run", "kairos-dead", "kairos-dead-replay", "kairos-snapshot-verify", "kairos-rekey"]
    {
        assert!(manual.contains(&format!("\n.TH {page} 1")), "no page {page}");
    }
}

#[test]
fn it_ends_with_the_documented_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|at| at.local_addr()).expect("a port").port();
    let nobody = file(
        "nobody.toml",
        &format!("[kafka]\nbrokers = \"127.0.0.1:{port}\"\n[admin]\nlisten = \"127.0.0.1:{port}\"\n"),
    );
    let wrong = file("wrong.toml", "[kafka]\nbroker = 1\n");
    let failing = file(
        "failing.toml",
        "[signals.s]\nevent = \"E\"\n[scores.a]\nhalf = 1\nsegments = { low = 0.0, high = 0.5 }\nterms = [{ signal = \"s\", points = 1, lifespan = \"1d\", label = \"s\" }]\n\
         [moments.m]\nwhen = 'segment.a == \"high\"'\ncooldown = \"1d\"\n\
         [[tests]]\nname = \"no\"\nevents = []\nexpect = [{ moment = \"m\", userId = \"u\", after = \"2026-03-01T10:00:00Z\", before = \"2026-03-02T10:00:00Z\" }]\n",
    );
    for (code, words) in [
        (0, vec!["--help"]),
        (1, vec!["test", "--playbook", &failing]),
        (1, vec!["health", "--config", &nobody]),
        (2, vec!["no-such-command"]),
        (2, vec!["state", "--config", &wrong]),
        (2, vec!["state", "--config", "/no/such/file.toml"]),
        (3, vec!["state", "--config", &nobody]),
    ] {
        let output = kairos(&words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        assert!(code < 1 || !output.stderr.is_empty() || !output.stdout.is_empty(), "{words:?} says nothing");
    }
}
