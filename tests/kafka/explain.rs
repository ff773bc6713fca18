//! `kairos explain` of one user from a running processor, from snapshots and from a file of the same events: one answer.

use std::process::Output;
use std::time::{Duration, Instant};

use kairos::engine::event::time;
use serde_json::{Value, json};

use crate::input::{PARTITIONS, partition_of};
use crate::support::broker::shared;
use crate::support::kairos::{Instance, Site};
use crate::support::{now, topics};

const LIMIT: Duration = Duration::from_secs(60);

const PLAYBOOK: &str = r#"
[traits]
mk_title = ["traits.title"]

[signals.viewed]
on = "page"

[scores.interest]
half = 10
segments = { low = 0.0, medium = 0.3, high = 0.6 }
terms = [
  { signal = "viewed", points = 4, lifespan = "10d", label = "viewed" },
  { when = 'traits.title == "CTO"', points = 3, label = "decides" },
]

[moments.keen]
when = 'score.interest >= 0.5 && traits.title.startsWith("C")'
until = 'viewed.silent("3d")'
cooldown = "5d"
"#;

/// Who they are, then views of pages, an hour apart; times of records as the events say them.
fn messages() -> Vec<(i64, Value)> {
    let start = now() - 8 * 3_600_000;
    (0..7)
        .map(|hour| {
            let at = start + hour * 3_600_000;
            let mut message = json!({"type": "page", "userId": "u1", "receivedAt": time::format(at)});
            if hour == 0 {
                message = json!({"type": "identify", "userId": "u1", "anonymousId": "a1", "receivedAt": time::format(at),
                    "traits": {"title": "CTO", "email": "jo@acme.example"}});
            }
            (at, message)
        })
        .collect()
}

fn produce(site: &Site, messages: &[(i64, Value)]) {
    let record = |(time, message): &(i64, Value)| topics::Record {
        partition: partition_of("u1"),
        time: *time,
        key: Some(b"u1".to_vec()),
        value: Some(message.to_string().into_bytes()),
    };
    topics::produce(shared(), &site.raw, &messages.iter().map(record).collect::<Vec<_>>());
}

fn ask(site: &Site, instance: &Instance, user: &str) -> Output {
    site.command(&["explain", user, "--json", "--url", &format!("127.0.0.1:{}", instance.admin_port)])
}

fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", words(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_user_is_explained_alike_wherever_they_are_held() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (playbook, events) = (folder.path().join("p.toml"), folder.path().join("events.jsonl"));
    let messages = messages();
    let lines: String = messages.iter().map(|(_, message)| format!("{message}\n")).collect();
    std::fs::write(&playbook, PLAYBOOK).expect("the playbook can be written");
    std::fs::write(&events, lines).expect("the events can be written");
    let site = Site::new(shared(), "explain", PARTITIONS, &playbook).with("run", "threads = 2");
    produce(&site, &messages);

    let paths = [&playbook, &events].map(|path| path.display().to_string());
    let from_file = said(&site.command(&["explain", "u1", "--json", "--playbook", &paths[0], &paths[1]]));
    assert_eq!(from_file["moments"][0]["on"], true, "{from_file}");

    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    let mut running = said(&ask(&site, &instance, "a1"));
    let (partition, next) = (partition_of("u1"), messages.len());
    let read_from = json!({"partition": partition, "next_offset": next, "snapshot": null, "also_in": []});
    assert_eq!(running["read_from"].take(), read_from);
    assert_eq!(running, from_file);

    let unknown = ask(&site, &instance, "u2");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(words(&unknown).contains("of this instance (0, 1, 2, 3). Other partitions"), "{}", words(&unknown));
    let log = instance.log();
    assert!(log.contains("user look-up") && !log.contains("u1"), "who asks is logged, not for whom: {log}");

    instance.stop();
    let mut kept = said(&site.command(&["explain", "u1", "--json"]));
    let read_from = kept["read_from"].take();
    assert_eq!((&read_from["partition"], &read_from["next_offset"]), (&json!(partition), &json!(next)));
    assert!(read_from["snapshot"].is_string(), "{read_from}");
    assert_eq!(kept, from_file);
    let unknown = site.command(&["explain", "u2"]);
    assert_eq!((unknown.status.code(), words(&unknown).contains("holds a user u2")), (Some(1), true));
}

#[test]
fn each_instance_tells_of_its_own_partitions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let playbook = folder.path().join("p.toml");
    std::fs::write(&playbook, PLAYBOOK).expect("the playbook can be written");
    let site =
        Site::new(shared(), "explain", PARTITIONS, &playbook).with("run", "threads = 1").with("admin", "redact = true");
    produce(&site, &messages());
    let (mut one, mut two) = (site.start("one"), site.start("two"));
    site.wait_until_done(&mut [&mut one, &mut two]);
    let started = Instant::now();
    // Partitions may still move from one to the other.
    let (known, unknown) = loop {
        let answers = [ask(&site, &one, "u1"), ask(&site, &two, "u1")];
        let [known, unknown] = match answers {
            [one, two] if one.status.success() => [one, two],
            [one, two] => [two, one],
        };
        let is_settled = words(&unknown).contains("no such user in the partitions of this instance");
        if known.status.success() && is_settled {
            break (known, unknown);
        }
        assert!(started.elapsed() < LIMIT, "{} {}", words(&known), words(&unknown));
    };
    assert!(words(&unknown).contains("Other partitions belong to other instances"), "{}", words(&unknown));
    let text = String::from_utf8_lossy(&known.stdout).into_owned();
    assert!(text.contains("[redacted]"), "{text}");
    assert!(!text.contains("jo@acme.example") && !text.contains("\"a1\""), "{text}");
    one.stop();
    two.stop();
}

#[test]
fn look_ups_can_be_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let playbook = folder.path().join("p.toml");
    std::fs::write(&playbook, PLAYBOOK).expect("the playbook can be written");
    let site = Site::new(shared(), "explain", 1, &playbook).with("admin", "users = \"off\"");
    let instance = site.start("one");
    let started = Instant::now();
    while instance.get("/healthz").is_none() {
        assert!(started.elapsed() < LIMIT, "{}", instance.log_tail());
    }
    let output = ask(&site, &instance, "u1");
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("admin.users"), "{}", words(&output));
    instance.stop();
}
