//! Settings from text and variables to what is meant, and every mistake on the way.

use super::*;

const PAGE: &str = r#"
[kafka]
brokers = "localhost:9092"
[kafka.properties]
"security.protocol" = "plaintext"
[raw]
topic       = "segment-events"
partitioner = "murmur2"
unwrap      = ""
placeholders = []
dedupe_window = "24h"
[outgoing]
topic       = "kairos-outgoing"
[run]
group       = "kairos"
instance    = ""
threads     = 2
playbook    = "playbook.toml"
commit_interval = "100ms"
hold_back   = "24h"
hold_back_until = ""
idle_clock  = true
idle_grace  = "60s"
idle_max    = "6h"
create_topics = false
on_growth   = "stop"
on_gap      = "stop"
[snapshots]
url         = "file:///var/lib/kairos"
interval    = "60s"
keep        = 3
[forward]
group       = "kairos-forward"
endpoint    = "https://api.segment.io/v1/batch"
write_key_file = ""
kinds       = ["identify", "track"]
max_items   = 100
max_wait    = "1s"
rate        = 300
gzip        = false
[admin]
listen      = "127.0.0.1:9464"
[log]
format      = "text"
level       = "info"
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Resolved, Mistakes> {
    let mut written = Written::default();
    let path = Path::new("etc/kairos.toml");
    written.read_file(path, text);
    written.read_environment(variables.iter().map(|(name, value)| (name.into(), value.into())));
    read_written(written, Some(path)).into_result()
}

fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    read(text, variables).unwrap_err().0.iter().map(Mistake::to_string).collect()
}

#[test]
fn a_file_that_writes_all_defaults_out_means_the_same_as_none() {
    let written = read(PAGE, &[]).unwrap();
    let empty = read("", &[]).unwrap();
    for (key, setting) in &empty.values {
        let same = matches!(*key, "run.playbook") || setting.value == written.values[key].value;
        assert!(same, "{key}: {setting:?} {:?}", written.values[key]);
    }
    let settings = Settings::from(&written);
    assert_eq!(settings.run.hold_back, Some(86_400_000));
    assert_eq!(settings.run.playbook, Path::new("etc/playbook.toml"));
    assert_eq!(Settings::from(&empty).run.playbook, Path::new("playbook.toml"));
    assert_eq!(settings.kafka.properties.len(), 1);
}

#[test]
fn the_environment_goes_over_the_file() {
    let variables = [
        ("KAIROS__RUN__THREADS", "7"),
        ("KAIROS__RUN__HOLD_BACK", "off"),
        ("KAIROS__RAW__PLACEHOLDERS", "guest,visitor"),
        ("KAIROS__KAFKA__PROPERTIES__SASL_PASSWORD", "007"),
        ("KAIROS__FORWARD__WRITE_KEY", "1e3"),
        ("KAIROS_CONFIG", "elsewhere"),
        ("PATH", "/bin"),
    ];
    let resolved = read(PAGE, &variables).unwrap();
    let settings = Settings::from(&resolved);
    assert_eq!(settings.run.threads, 7);
    assert_eq!(settings.run.hold_back, None);
    assert_eq!(settings.raw.placeholders, ["guest", "visitor"]);
    assert_eq!(settings.forward.write_key, Some(Secret::new("1e3")));
    assert_eq!(settings.kafka.properties[0].value.expose(), "007");
    assert_eq!(resolved.values["run.threads"].origin.to_string(), "KAIROS__RUN__THREADS");
    assert_eq!(resolved.values["run.group"].origin.to_string(), "etc/kairos.toml:15");
    let shown = format!("{settings:?} {resolved:?}");
    assert!(!shown.contains("007") && !shown.contains("1e3\""), "a secret shows: {shown}");
}

#[test]
fn all_mistakes_come_at_once_with_their_places() {
    let text = "threads = 3\n[run]\nthread = 3\nthreads = 3.7\nhold_back = 24\n[runn]\n\n[kafka.properties]\n\"acks\" = \"1\"\n";
    let variables = [("KAIROS__RUN__TREADS", "1"), ("KAIROS_RUN__THREADS", "1"), ("KAIROS__RUN__IDLE_CLOCK", "yes")];
    let found = mistakes(text, &variables);
    let expected = [
        "etc/kairos.toml:1: threads: stands outside of every section; it belongs under [run]",
        "etc/kairos.toml:3: run.thread: no such setting; did you mean `run.threads`?",
        "etc/kairos.toml:4: run.threads: is a number with a fraction, but wants a whole number without quotes",
        "etc/kairos.toml:5: run.hold_back: is a whole number, but wants a text in quotes, with its unit if it has one",
        "etc/kairos.toml:6: no section [runn]; did you mean `run`?",
        "etc/kairos.toml:9: kafka.properties.\"acks\": can't be set: exactly-once needs all of them",
        "KAIROS_RUN__THREADS: no such setting; did you mean `KAIROS__RUN__THREADS`?",
        "KAIROS__RUN__IDLE_CLOCK: run.idle_clock: is `yes`, but wants `true` or `false`",
        "KAIROS__RUN__TREADS: no such setting; did you mean `KAIROS__RUN__THREADS`?",
    ];
    assert_eq!(found, expected);
}

#[test]
fn broken_toml_is_a_mistake_beside_the_others() {
    let found = mistakes("[run]\nthreads = = 2\ngroup = 1\n", &[]);
    assert!(found.iter().any(|one| one.starts_with("etc/kairos.toml:2: ")), "{found:?}");
    assert!(found.iter().any(|one| one.starts_with("etc/kairos.toml:3: run.group: ")), "{found:?}");
}

#[test]
fn secrets_in_the_file_and_values_at_odds_are_refused() {
    let text =
        "[raw]\ntopic = \"x\"\n[outgoing]\ntopic = \"x\"\n[forward]\nwrite_key = \"hunter2\"\ngroup = \"kairos\"\n";
    let found = mistakes(text, &[]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[1].contains("KAIROS__FORWARD__WRITE_KEY") && !found[1].contains("hunter2"), "{found:?}");
    let text = "[forward]\nwrite_key_file = \"no-such-file\"\n";
    assert!(mistakes(text, &[])[0].contains("etc/no-such-file"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = [("KAIROS__FORWARD__WRITE_KEY_FILE", file.path().to_str().unwrap())];
    assert!(mistakes("", &empty)[0].ends_with("is empty; it must hold the write key"));
    assert!(mistakes(text, &[("KAIROS__FORWARD__WRITE_KEY", "k")])[0].contains("give one of them"));
    let found = mistakes("[forward]\nendpoint = \"https://hunter2:@example.com/v1/batch\"\n", &[]);
    assert!(found[0].contains("no user and no password") && !found[0].contains("hunter2"), "{found:?}");
}

#[test]
fn what_is_written_twice_is_named_with_its_first_line() {
    let text = "[raw]\ntopic = \"a\"\n[run]\nthreads = 2\ngroup = \"g\"\nthreads = 3\n[kafka.properties]\n\"debug\" = \"all\"\n\"debug\" = \"all\"\n[raw]\n";
    let expected = [
        "etc/kairos.toml:6: run.threads: is written twice; line 4 has it first",
        "etc/kairos.toml:9: kafka.properties.\"debug\": is written twice; line 8 has it first",
        "etc/kairos.toml:10: section [raw] is there twice; line 1 has it first",
    ];
    assert_eq!(mistakes(text, &[]), expected);
}

#[test]
fn a_variable_of_properties_needs_a_name() {
    for name in ["KAIROS__KAFKA__PROPERTIES", "KAIROS__KAFKA__PROPERTIES__", "KAIROS__KAFKA__PROPERTIES_DEBUG"] {
        let found = mistakes("", &[(name, "x")]);
        assert!(found[0].starts_with(&format!("{name}: a property's name must follow")), "{found:?}");
    }
}

#[test]
fn addresses_hold_no_secrets() {
    let text = "[kafka]\nbrokers = \"me:hunter2@b:9092\"\n[snapshots]\nurl = \"s3://me:hunter2@b\"\n[forward]\nendpoint = \"https://x/?key=hunter2\"\n";
    let found = mistakes(text, &[]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|one| one.contains("must hold no") && !one.contains("hunter2")), "{found:?}");
}
