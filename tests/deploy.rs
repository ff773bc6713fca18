//! What lies under `deploy/` names only what the program has: metrics that it exports, rules that are defined, alerts
//! that the runbook explains. That the rules do what they say is promtool's part, in `scripts/check`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kairos::telemetry::{ALL, Form};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Path and text of each file of the folder that ends so.
fn files(folder: &str, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.expect("a folder can be read").file_name().to_string_lossy().into_owned());
    let mut paths: Vec<String> = names.filter(|name| name.ends_with(end)).map(|n| format!("{folder}/{n}")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no {end} in {folder}");
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// What follows `- alert:`, `- record:` or `### ` on lines of their own.
fn named<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(before)).map(str::trim).collect()
}

/// Every word of a text that is a metric's name or a rule's.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|word| word.starts_with("kairos_") || word.contains(":kairos_")).collect()
}

fn exported() -> BTreeSet<String> {
    let names = |metric: &kairos::telemetry::Metric| match metric.form {
        Form::Histogram(_) => ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", metric.name)).to_vec(),
        Form::Counter | Form::Gauge => vec![metric.name.to_owned()],
    };
    ALL.iter().flat_map(names).collect()
}

#[test]
fn rules_and_dashboards_name_what_is_exported() {
    let recording = read("deploy/prometheus/recording.yml");
    let (exported, recorded) = (exported(), named(&recording, "- record:"));
    let mut wrong = Vec::new();
    for (path, text) in files("deploy/prometheus", ".yml").into_iter().chain(dashboards()) {
        for name in metrics_in(&text) {
            if !exported.contains(name) && !recorded.contains(name) {
                wrong.push(format!("{path} names {name}, which the program does not export"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_metric_is_of_use_to_somebody() {
    let texts: String =
        files("deploy/prometheus", ".yml").into_iter().chain(dashboards()).map(|(_, text)| text).collect();
    let used = metrics_in(&texts);
    let unused: Vec<_> =
        ALL.iter().map(|metric| metric.name).filter(|name| !used.iter().any(|u| u.starts_with(name))).collect();
    assert!(unused.is_empty(), "neither a dashboard nor a rule shows {}", unused.join(", "));
}

#[test]
fn each_alert_is_tested_and_in_the_runbook() {
    let (alerts, runbook) = (read("deploy/prometheus/alerts.yml"), read("docs/runbook.md"));
    let alerts = named(&alerts, "- alert:");
    let explained: BTreeSet<&str> =
        named(&runbook, "### ").into_iter().filter(|head| head.starts_with("Kairos")).collect();
    assert_eq!(alerts, explained, "the alerts, and the headings of the runbook");
    let tests: String = files("deploy/prometheus", ".test.yml").into_iter().map(|(_, text)| text).collect();
    let untested: Vec<_> = alerts.iter().filter(|alert| !tests.contains(&format!("\"{alert}\""))).collect();
    assert!(untested.is_empty(), "no test sets off {untested:?}");
}

/// Where the sentences stand that the program stops with.
const ENDS: [&str; 4] =
    ["src/processor/mod.rs", "src/processor/restore.rs", "src/storage/mod.rs", "src/forwarder/fault.rs"];

#[test]
fn each_error_it_stops_with_is_in_the_runbook() {
    let runbook = read("docs/runbook.md");
    let mut missing = Vec::new();
    let mut found = 0;
    for path in ENDS {
        let text = read(path);
        for error in text.split("#[error(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')) {
            let error = error.split('"').next().unwrap_or_default();
            let Some(said) = what_it_says(error) else { continue };
            found += 1;
            if !runbook.contains(&said) {
                missing.push(format!("{path}: \"{said}\""));
            }
        }
    }
    assert!(found > 15, "the errors are written in another way now: {found}");
    assert!(missing.is_empty(), "no entry in the runbook for\n{}", missing.join("\n"));
}

/// The first part of an error's text that is words of its own, with dots for what is put in.
fn what_it_says(error: &str) -> Option<String> {
    let dotted: String = error
        .split('{')
        .enumerate()
        .map(|(i, part)| {
            let part = if i == 0 { part } else { part.split_once('}').map_or(part, |(_, after)| after) };
            if i == 0 { part.to_owned() } else { format!("…{part}") }
        })
        .collect();
    let mut parts = dotted.split([',', ':', '.', ';']).flat_map(|part| part.split("\\n")).map(str::trim);
    parts.find(|part| part.chars().filter(|c| c.is_alphabetic()).count() >= 10).map(str::to_owned)
}

/// Cargo wants to see each target that the manifest names, also those that an image never builds.
#[test]
fn the_image_is_built_from_all_that_the_build_needs() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("the manifest is TOML");
    let benches = manifest.get("bench").and_then(toml::Value::as_array).map_or(0, Vec::len);
    let mut needed =
        BTreeSet::from(["Cargo.toml", "Cargo.lock", "build.rs", "src", "deploy/rootfs"].map(str::to_owned));
    needed.extend((benches > 0).then(|| "benches".to_owned()));
    needed.extend(included(&root().join("src")));
    let ignored = read(".dockerignore");
    let let_through: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let missing: Vec<_> = needed
        .iter()
        .filter(|path| !let_through.iter().any(|way| path.as_str() == *way || path.starts_with(&format!("{way}/"))))
        .collect();
    assert!(ignored.starts_with("*\n") && missing.is_empty(), ".dockerignore keeps {missing:?} from the build");
}

/// What sources take in from outside their folder, tests aside.
fn included(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            found.extend(included(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let shipped = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        for part in ["include_str!(\"", "include_bytes!(\""].iter().flat_map(|call| shipped.split(call).skip(1)) {
            let Some((name, _)) = part.split_once("\")") else { continue };
            let up = name.matches("../").count();
            let from = path.ancestors().nth(1 + up).expect("within the repository");
            let at = from.join(name.trim_start_matches("../"));
            found.push(at.strip_prefix(root()).expect("within the repository").display().to_string());
        }
    }
    found
}

#[test]
fn the_example_for_kubernetes_has_the_playbook_as_it_is() {
    // Kustomize takes no file from outside its folder.
    assert_eq!(read("deploy/kubernetes/example/playbook.toml"), read("playbooks/b2b-saas.toml"));
}

fn dashboards() -> Vec<(String, String)> {
    files("deploy/grafana/dashboards", ".json")
}
