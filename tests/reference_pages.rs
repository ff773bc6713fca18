//! The reference pages under `docs/` say what the program does: they are made from its own tables.
//! `KAIROS_UPDATE_DOCS=1 cargo test --test reference_pages` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use kairos::forwarder::Metrics;
use kairos::settings::{KEYS, SECTIONS};
use kairos::telemetry::{ALL, Form};

#[test]
fn settings_page() {
    let mut page = String::from(
        "# Settings\n\nOne file, `kairos.toml`, serves all commands: `--config FILE`, else `KAIROS_CONFIG`, else \
         `./kairos.toml` where it exists. Each key can be set in the environment too, which wins over the file; lists \
         are separated by commas there. `kairos config` shows what is in force and where it came from. Relative paths \
         in the file start from the file's folder.\n\nDurations are whole numbers with a unit: `ms`, `s`, `m`, `h`, \
         `d`, `w`.\n",
    );
    for (section, about) in SECTIONS {
        writeln!(page, "\n## `[{section}]`\n\n{about}\n\n| key | kind | default | environment | meaning |").unwrap();
        writeln!(page, "| --- | --- | --- | --- | --- |").unwrap();
        for key in KEYS.iter().filter(|key| key.section() == *section) {
            let name = key.name.rsplit('.').next().unwrap();
            let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
            let kind = key.kind.describe();
            writeln!(page, "| `{name}` | {kind} | {default} | `{}` | {} |", key.variable(), key.about).unwrap();
        }
    }
    page.push_str(
        "\n## `[kafka.properties]`\n\nPassed on to librdkafka, for every client: `\"security.protocol\" = \"sasl_ssl\"`, \
         in the environment `KAIROS__KAFKA__PROPERTIES__SECURITY_PROTOCOL`. What exactly-once rests on, or another \
         setting decides, is refused with the reason. Secrets (`sasl.password`, `ssl.key.password` and their like) never \
         stand in the file: set them in the environment, or name a file with `\"sasl.password_file\" = \"…\"`.\n",
    );
    check("settings.md", &page);
}

#[test]
fn metrics_page() {
    let mut page = String::from(
        "# Metrics\n\nServed as `/metrics` on the admin port. A process has only those of the part it runs, beside \
         `process_*` (CPU, memory, file descriptors, threads, start time) of the Prometheus client.\n\n\
         | metric | form | labels | meaning |\n| --- | --- | --- | --- |\n",
    );
    for metric in ALL {
        let form = match metric.form {
            Form::Counter => "counter",
            Form::Gauge => "gauge",
            Form::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{}` | {form} | {} | {} |", metric.name, labels.join(", "), metric.help).unwrap();
    }
    check("metrics.md", &page);
}

#[test]
fn the_forwarders_own_metrics_are_in_the_table() {
    let registry = prometheus::Registry::new();
    Metrics::register(&registry).unwrap();
    for family in registry.gather() {
        let known = ALL.iter().find(|metric| metric.name == family.name());
        assert_eq!(known.map(|metric| metric.help), Some(family.help()), "{}", family.name());
    }
}

fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("KAIROS_UPDATE_DOCS").is_some() {
        return std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/{name} is not what the program does; see the top of this test for how to update it");
}
