//! `kairos config`: the effective settings, secrets masked, and where each came from.

use std::fmt::Write as _;

use super::{ConfigArg, Exit, print};
use crate::settings::{KEYS, MASK, Origin, Resolved, resolve};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Only what differs from the defaults
    #[arg(long)]
    changed: bool,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let resolved = resolve(args.config.config.as_deref(), std::env::vars_os())
        .map_err(|mistakes| Exit::Usage(mistakes.to_string()))?;
    print(&show(&resolved, args.changed))
}

fn show(resolved: &Resolved, changed: bool) -> String {
    let mut rows: Vec<(String, String, String)> = Vec::new();
    // With `changed` only those that somebody wrote.
    for property in resolved.properties.iter().filter(|one| !changed || one.origin != Origin::Default) {
        let value = if property.is_secret() { MASK } else { property.value.expose() };
        rows.push((format!("kafka.properties.\"{}\"", property.name), quote(value), property.origin.to_string()));
    }
    for key in KEYS {
        let setting = &resolved.values[key.name];
        if !changed || setting.is_changed {
            rows.push((key.name.to_owned(), quote(&setting.shown), setting.origin.to_string()));
        }
    }
    let width = |of: fn(&(String, String, String)) -> &String| rows.iter().map(|row| of(row).len()).max().unwrap_or(0);
    let (names, values) = (width(|row| &row.0), width(|row| &row.1));
    let mut text = String::new();
    for (name, value, origin) in &rows {
        writeln!(text, "{name:names$} = {value:values$}  # {origin}").expect("a String takes all that is written");
    }
    text
}

fn quote(value: &str) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_origins_named() {
        let variables = [
            ("KAIROS__FORWARD__WRITE_KEY", "hunter2"),
            ("KAIROS__KAFKA__PROPERTIES__SASL_PASSWORD", "hunter3"),
            ("KAIROS__RUN__THREADS", "4"),
        ];
        let resolved = resolve(None, variables.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let text = show(&resolved, true);
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().any(|line| line.starts_with("run.threads ") && line.ends_with("# KAIROS__RUN__THREADS")));
        assert_eq!(show(&resolved, false).lines().count(), KEYS.len() + 1);
    }

    #[test]
    fn what_is_written_as_the_default_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kairos.toml");
        let text = "[kafka.properties]\n\"security.protocol\" = \"ssl\"\n[run]\nthreads = 2\nhold_back = \"1d\"\ngroup = \"mine\"\n";
        std::fs::write(&path, text).unwrap();
        let resolved = resolve(Some(&path), [("KAIROS__FORWARD__RATE".into(), "300.0".into())]).unwrap();
        let shown = show(&resolved, true);
        let names: Vec<&str> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["kafka.properties.\"security.protocol\"", "run.group"], "{shown}");
        assert!(show(&resolved, false).contains("ssl.ca.location"));
    }
}
