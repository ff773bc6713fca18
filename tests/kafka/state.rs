//! `kairos state`: how a group stands, while it runs and after it.

use serde_json::Value;

use crate::equivalence::playbook;
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

fn state(site: &Site) -> Value {
    let output = site.command(&["state", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn positions_owners_snapshots_and_lag() {
    let site = Site::new(shared(), "state", PARTITIONS, &playbook()).with("run", "threads = 1");
    let records = input::records(11, 800, 60);
    topics::produce(shared(), &site.raw, &records[..400]);
    assert_eq!(state(&site)["partitions"][0]["position"], Value::Null);
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    let ends = topics::watermarks(shared(), &site.raw);
    let now = state(&site);
    for (partition, (_, end)) in now["partitions"].as_array().expect("a list").iter().zip(&ends) {
        assert_eq!((&partition["position"], &partition["lag"]), (&Value::from(*end), &Value::from(0)), "{partition}");
        assert!(partition["owner"].as_str().expect("owned").starts_with("one-0 on "), "{partition}");
        assert!(partition["clock_ms"].is_i64() && partition["marks"].is_u64(), "{partition}");
    }
    instance.stop();
    topics::produce(shared(), &site.raw, &records[400..]);
    topics::set_position(shared(), &site.group, &site.raw, 1, 3);
    let after = state(&site);
    let more = topics::watermarks(shared(), &site.raw);
    for (number, ((_, before), (_, now))) in ends.iter().zip(&more).enumerate().filter(|(number, _)| *number != 1) {
        let partition = &after["partitions"][number];
        assert_eq!(partition["lag"], Value::from(now - before), "{partition}");
        assert_eq!(partition["owner"], Value::Null, "{partition}");
        let snapshots = partition["snapshots"].as_array().expect("a list");
        assert!(snapshots.iter().any(|snapshot| snapshot["named"] == true), "{partition}");
    }
    let foreign = &after["partitions"][1];
    assert_eq!(foreign["position"], 3, "{foreign}");
    assert!(foreign["foreign"].as_str().expect("said").contains("something else"), "{foreign}");
    let text = site.command(&["state"]).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("partition 1: not a position of Kairos"), "{text}");
}
