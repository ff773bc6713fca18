//! The idle clock: what falls due in silence fires once, and not because a broker was away.

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::broker::{Broker, shared};
use crate::support::kairos::Site;
use crate::support::now;
use crate::support::topics::{self, Record};

const GRACE: Duration = Duration::from_secs(2);

/// A user who was there and then is silent for ten seconds, seen at the next whole minute.
fn playbook() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("idle.toml");
    let mut file = std::fs::File::create(&path).expect("a file");
    let text = "[signals.active]\non = \"page\"\n\n[moments.gone_quiet]\nwhen = 'active.silent(\"10s\")'\n";
    file.write_all(text.as_bytes()).expect("written");
    (folder, path)
}

fn page(user: &str, time: i64) -> Record {
    let value = json!({ "type": "page", "userId": user, "messageId": format!("{user}-{time}") });
    let value = value.to_string().into_bytes();
    Record { partition: 0, time, key: Some(user.as_bytes().to_vec()), value: Some(value) }
}

fn site(bootstrap: &str, stem: &str, playbook: &std::path::Path) -> Site {
    let grace = format!("idle_grace = \"{}s\"", GRACE.as_secs());
    Site::new(bootstrap, stem, 1, playbook).with("run", "idle_clock = true").with("run", &grace)
}

/// Twelve seconds before the newest whole minute that has not come when the clock stands at `time`.
fn before_a_minute(time: i64) -> i64 {
    time - time.rem_euclid(60_000) + 60_000 - 12_000
}

fn fired(site: &Site) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    site.tracks().iter().map(|message| (text(&message["userId"]), text(&message["timestamp"]))).collect()
}

#[test]
fn what_falls_due_in_silence_fires_once() {
    let (_folder, path) = playbook();
    let site = site(shared(), "idle", &path);
    let time = before_a_minute(now() - 120_000);
    topics::produce(shared(), &site.raw, &[page("ann", time), page("bob", time + 500)]);
    let first = site.start("one");
    let started = Instant::now();
    topics::wait_for("both to go quiet", || fired(&site).len() == 2);
    assert!(started.elapsed() > GRACE, "it fired before the partition could be called idle");
    let minute = jiff::Timestamp::from_millisecond(time + 12_000).expect("a time of our days");
    let minute = minute.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let expected = [("ann".to_owned(), minute.clone()), ("bob".to_owned(), minute)];
    assert_eq!(fired(&site), expected);
    first.kill();
    let second = site.start("one");
    thread::sleep(GRACE * 3);
    assert_eq!(fired(&site), expected, "a restart says it again");
    // A record whose time lies under the idle clock, and then the same after a restart from nothing but marks.
    topics::produce(shared(), &site.raw, &[page("ann", time + 1_000)]);
    topics::wait_for("the record", || site.is_done());
    second.kill();
    for file in site.snapshot_files() {
        std::fs::remove_file(file).expect("removed");
    }
    let third = site.start("one");
    topics::produce(shared(), &site.raw, &[page("cid", time + 70_000)]);
    topics::wait_for("the last record", || site.is_done());
    assert_eq!(fired(&site), expected, "a replay says it again");
    third.stop();
}

#[test]
fn a_broker_that_is_away_is_no_silence() {
    let (_folder, path) = playbook();
    let mut broker = Broker::start();
    let site = site(&broker.bootstrap(), "away", &path);
    let time = before_a_minute(now() - 120_000);
    topics::produce(&broker.bootstrap(), &site.raw, &[page("ann", time)]);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    broker.kill();
    thread::sleep(Duration::from_secs(14)); // longer than what was missing to the minute
    broker.resume();
    // The event that was on its way while the broker was away: she was not quiet.
    topics::produce(&broker.bootstrap(), &site.raw, &[page("ann", time + 11_000)]);
    site.wait_until_done(&mut [&mut instance]);
    assert_eq!(fired(&site), [], "nobody was silent");
    instance.stop();
}
