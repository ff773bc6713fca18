//! Rules about the source itself, which no lint knows: sizes, first lines, what the engine may name, and which module
//! may name which.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 420;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// What no file under `src/engine` may name outside its tests.
const IMPURE: &[&str] = &[
    "std::time",
    "SystemTime",
    "Instant::",
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::thread",
    "rdkafka",
    "tokio",
    "tracing::",
    "reqwest",
    "prometheus",
    "object_store",
    "rand::",
    "RandomState",
    "Timestamp::now",
    "println!",
    "eprintln!",
    "dbg!",
];

/// Each module and those it may name; `main.rs` and `lib.rs` may name all.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("storage", &["telemetry"]),
    ("settings", &["engine"]),
    ("telemetry", &["engine", "settings"]),
    ("processor", &["engine", "storage", "settings", "telemetry"]),
    ("forwarder", &["settings", "telemetry"]),
];

/// A path within the repository, and the text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// What ships: tests stand last in a file.
    fn without_tests(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }

    /// Line number and text of what is no comment.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.without_tests().lines().enumerate();
        lines.map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_test_only(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs") || self.path.contains("/tests/")
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join(folder), &mut found);
    found.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("sources are text"),
        path: path.strip_prefix(root).expect("it lies in the repository").display().to_string(),
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn no_violations(found: &[String]) {
    assert!(found.is_empty(), "{} untidy:\n{}", found.len(), found.join("\n"));
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines = source.text.lines().count();
        let may_be_longer = LONGER.iter().any(|(path, _)| *path == source.path);
        if lines > LINES_MAX && !may_be_longer {
            found.push(format!("{}: {lines} lines; more than {LINES_MAX} hide a second noun", source.path));
        }
        if lines <= LINES_MAX && may_be_longer {
            found.push(format!("{}: short enough by now, take it off the list", source.path));
        }
    }
    no_violations(&found);
}

#[test]
fn modules_open_with_what_they_are_for() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let silent = all.filter(|source| !source.text.starts_with("//! "));
    let found: Vec<String> = silent.map(|source| format!("{}: does not open with `//! `", source.path)).collect();
    no_violations(&found);
}

#[test]
fn the_engine_is_pure() {
    let mut found = Vec::new();
    for source in sources("src/engine").iter().filter(|source| !source.is_test_only()) {
        for (number, line) in source.code() {
            let impure = IMPURE.iter().filter(|name| line.contains(**name));
            found.extend(impure.map(|name| format!("{}:{number}: the engine must not name {name}", source.path)));
        }
    }
    no_violations(&found);
}

#[test]
fn dependencies_point_one_way() {
    let mut found = Vec::new();
    let modules: Vec<&str> = MAY_NAME.iter().map(|(module, _)| *module).chain(["commands"]).collect();
    for source in sources("src") {
        let own = modules.iter().find(|m| in_module(&source.path, m));
        let Some((own, allowed)) = own.and_then(|own| MAY_NAME.iter().find(|(module, _)| module == own)) else {
            continue; // main.rs, lib.rs, commands
        };
        for (number, line) in source.code() {
            let names = |other: &&&str| line.contains(&format!("crate::{other}"));
            for other in modules.iter().filter(|m| *m != own && !allowed.contains(m)).filter(names) {
                found.push(format!("{}:{number}: {own} must not name {other}", source.path));
            }
        }
    }
    no_violations(&found);
}

fn in_module(path: &str, module: &str) -> bool {
    path.starts_with(&format!("src/{module}/")) || path == format!("src/{module}.rs")
}

#[test]
fn what_the_lists_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing = LONGER.iter().filter(|(path, _)| !root.join(path).is_file());
    let found: Vec<String> = missing.map(|(path, why)| format!("{path} is no more ({why})")).collect();
    no_violations(&found);
}

/// The broker that tests start, by any way, is the one that people are told to use.
#[test]
fn one_version_of_kafka() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let server = text("tests/support/server.rs");
    let version = server.split("const VERSION: &str = \"").nth(1).and_then(|rest| rest.split('"').next());
    let version = version.expect("tests/support/server.rs says which");
    for (path, told) in [
        ("tests/kafka/pom.xml", format!("<version>{version}</version>")),
        ("docker-compose.yml", format!("image: apache/kafka:{version}\n")),
        ("deploy/README.md", format!("Apache Kafka {version}")),
    ] {
        assert!(text(path).contains(&told), "{path} names another Kafka than {version}");
    }
}
