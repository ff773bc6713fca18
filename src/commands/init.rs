//! `kairos init`: writes a `kairos.toml` and a playbook to begin with, explained. It overwrites nothing.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Exit, print};
use crate::settings::{KEYS, SECTIONS};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write to
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The shipped model, to be made one's own.
const PLAYBOOK: &str = include_str!("../../playbooks/b2b-saas.toml");

pub fn run(args: Args) -> Result<(), Exit> {
    let files = [("kairos.toml", settings()), ("playbook.toml", PLAYBOOK.to_owned())];
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| args.folder.join(name))
        .filter(|path| path.exists())
        .map(|path| format!("{} is there already; nothing was written", path.display()))
        .collect();
    if !taken.is_empty() {
        return Err(Exit::Usage(taken.join("\n")));
    }
    for (name, text) in &files {
        let path = args.folder.join(name);
        write_new(&path, text).map_err(|error| Exit::Fault(format!("can't write {}: {error}", path.display())))?;
        print(&format!("wrote {}\n", path.display()))?;
    }
    print("Set the brokers and the raw topic in kairos.toml, then: kairos check, kairos run\n")
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
    }
    text
}

const TAKES: &str = "a String takes all that is written";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::resolve;

    #[test]
    fn what_is_written_reads_without_a_mistake_even_with_all_comments_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        run(Args { folder: folder.path().to_owned() }).unwrap();
        let path = folder.path().join("kairos.toml");
        resolve(Some(&path), []).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let all: Vec<&str> =
            text.lines().map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line)).collect();
        std::fs::write(&path, all.join("\n")).unwrap();
        resolve(Some(&path), []).unwrap();
        let playbook = std::fs::read_to_string(folder.path().join("playbook.toml")).unwrap();
        assert!(crate::engine::playbook::read(&playbook, "playbook.toml").playbook.is_some());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("playbook.toml"), "mine").unwrap();
        assert!(matches!(run(Args { folder: folder.path().to_owned() }), Err(Exit::Usage(_))));
        assert_eq!(std::fs::read_to_string(folder.path().join("playbook.toml")).unwrap(), "mine");
        assert!(!folder.path().join("kairos.toml").exists());
    }
}
