//! `kairos init`: writes a `kairos.toml` and a playbook to begin with, explained. It overwrites nothing.

mod draft;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::inventory::Source;
use super::{Exit, print};
use crate::settings::{KEYS, SECTIONS};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// A folder to write to, made where it is missing [default: .], and files of events from which the playbook is made
    #[arg(value_name = "FOLDER|EVENTS")]
    paths: Vec<PathBuf>,
}

/// The shipped model, to be made one's own.
const PLAYBOOK: &str = include_str!("../../../playbooks/b2b-saas.toml");

pub fn run(args: Args) -> Result<(), Exit> {
    let (folders, events): (Vec<_>, Vec<_>) = args.paths.into_iter().partition(|path| is_folder(path));
    let folder = match &folders[..] {
        [] => Path::new("."),
        [one] => one,
        _ => return Err(Exit::Usage("one folder is enough to write to".into())),
    };
    let taken: Vec<String> = ["kairos.toml", "playbook.toml"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.exists())
        .map(|path| format!("{} is there already; nothing was written", path.display()))
        .collect();
    if !taken.is_empty() {
        return Err(Exit::Usage(taken.join("\n")));
    }
    let playbook = match &events[..] {
        [] => PLAYBOOK.to_owned(),
        events => draft::of(&args.source.take(events)?, PLAYBOOK),
    };
    std::fs::create_dir_all(folder).map_err(|e| Exit::Fault(format!("can't make {}: {e}", folder.display())))?;
    for (name, text) in [("kairos.toml", settings()), ("playbook.toml", playbook)] {
        let path = folder.join(name);
        write_new(&path, &text).map_err(|error| Exit::Fault(format!("can't write {}: {error}", path.display())))?;
        print(&format!("wrote {}\n", path.display()))?;
    }
    print("Set the brokers and the raw topic in kairos.toml, then: kairos check, kairos run\n")
}

/// Events are never a folder; what isn't there yet is one to be made, unless it is named like a file.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || (!path.exists() && path.extension().is_none() && path != Path::new("-"))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// Every setting with its meaning. Those most people must change are set, all others stand as comments with their
/// defaults.
fn settings() -> String {
    const SET: [&str; 4] = ["kafka.brokers", "raw.topic", "outgoing.topic", "run.playbook"];
    let mut text =
        String::from("# Settings of Kairos. Each can also be set as KAIROS__SECTION__KEY in the environment.\n");
    for (section, about) in SECTIONS {
        writeln!(text, "\n# {about}\n[{section}]").expect(TAKES);
        for key in KEYS.iter().filter(|key| key.section() == *section) {
            let name = key.name.rsplit('.').next().unwrap_or(key.name);
            writeln!(text, "# {} ({})", key.about, key.kind.describe()).expect(TAKES);
            match key.kind.as_toml(key.default) {
                Some(value) if SET.contains(&key.name) => writeln!(text, "{name} = {value}"),
                Some(value) => writeln!(text, "#{name} = {value}"),
                None => writeln!(text, "# (environment only: {})", key.variable()),
            }
            .expect(TAKES);
        }
        if *section == "kafka" {
            text.push_str(PROPERTIES);
        }
    }
    text
}

/// The way to brokers that ask who calls.
const PROPERTIES: &str = r##"
# Passed on to librdkafka, whose names these are: encryption, and who we are. The password never stands here: set
# KAIROS__KAFKA__PROPERTIES__SASL_PASSWORD, or name a file that holds it: "sasl.password_file" = "…"
#[kafka.properties]
# How to talk to the brokers (plaintext, ssl, sasl_plaintext or sasl_ssl)
#"security.protocol" = "sasl_ssl"
# How to prove who we are (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER)
#"sasl.mechanism" = "SCRAM-SHA-512"
# Who we are
#"sasl.username" = "kairos"
"##;

const TAKES: &str = "a String takes all that is written";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::resolve;

    /// As the command line would have it.
    fn args(folder: &Path) -> Args {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        use clap::Parser as _;
        Line::parse_from([Path::new("init"), folder]).args
    }

    #[test]
    fn what_is_written_reads_without_a_mistake_even_with_all_comments_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        run(args(folder.path())).unwrap();
        let path = folder.path().join("kairos.toml");
        resolve(Some(&path), []).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n#[kafka.properties]\n"), "{text}");
        let all: Vec<&str> =
            text.lines().map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line)).collect();
        std::fs::write(&path, all.join("\n")).unwrap();
        resolve(Some(&path), []).unwrap();
        let playbook = std::fs::read_to_string(folder.path().join("playbook.toml")).unwrap();
        assert!(crate::engine::playbook::read(&playbook, "playbook.toml").playbook.is_some());
    }

    #[test]
    fn a_missing_folder_is_made_but_no_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        run(args(&folder.path().join("new/one"))).unwrap();
        assert!(folder.path().join("new/one/kairos.toml").is_file());
        assert!(run(args(&folder.path().join("events.jsonl"))).is_err());
        assert!(!folder.path().join("events.jsonl").exists());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("playbook.toml"), "mine").unwrap();
        assert!(matches!(run(args(folder.path())), Err(Exit::Usage(_))));
        assert_eq!(std::fs::read_to_string(folder.path().join("playbook.toml")).unwrap(), "mine");
        assert!(!folder.path().join("kairos.toml").exists());
    }
}
