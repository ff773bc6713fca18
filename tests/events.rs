//! `kairos events` as people run it: what a file holds, as text and as JSON, whatever it is packed in.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The samples' messages, one a line.
fn samples(folder: &TempDir) -> PathBuf {
    let cases = fs::read_to_string("tests/samples/events.jsonl").expect("the samples are there");
    let raw = cases.lines().map(|case| {
        let case: Value = serde_json::from_str(case).expect("a sample is JSON");
        format!("{}\n", case["raw"].as_str().expect("a sample has `raw`"))
    });
    let path = folder.path().join("events.jsonl");
    fs::write(&path, raw.collect::<String>()).expect("a file can be written");
    path
}

fn events(words: &[&str], input: Option<&[u8]>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kairos"));
    command.arg("events").args(words).env_remove("KAIROS_CONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("it is piped").write_all(input.unwrap_or_default());
    child.wait_with_output().expect("the program ends")
}

fn found(words: &[&str], input: Option<&[u8]>) -> Value {
    let out = events(&[words, &["--json"]].concat(), input);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("it prints JSON")
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[test]
fn what_the_samples_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let found = found(&[shown(&samples(&folder))], None);
    let count = |of: &Value| of["count"].as_u64().expect("a count");
    let rejected: Vec<_> = found["rejected"].as_array().expect("a list").iter().collect();
    let reasons: Vec<_> = rejected.iter().map(|reject| (reject["reason"].as_str().unwrap(), count(reject))).collect();
    let expected =
        [("not_json", 1), ("not_an_object", 1), ("no_type", 1), ("no_id", 1), ("no_event", 2), ("id_too_long", 1)];
    assert_eq!(reasons, expected);
    assert!(rejected[3]["places"][0].as_str().unwrap().contains("events.jsonl:8: `userId` is a placeholder"));
    let totals = ["records", "messages", "empty", "own"].map(|key| found[key].as_u64().unwrap());
    assert_eq!(totals, [16, 9, 1, 1]);
    let names: Vec<_> =
        found["names"].as_array().unwrap().iter().map(|name| (name["type"].as_str().unwrap(), count(name))).collect();
    let expected =
        [("track", 1), ("page", 3), ("screen", 1), ("identify", 1), ("group", 1), ("alias", 1), ("delete", 1)];
    assert_eq!(names, expected);
    let track = &found["names"][0];
    assert_eq!((&track["event"], &track["first"]), (&json!("Order Completed"), &json!("2026-03-01T04:30:00.000Z")));
    let revenue = &track["paths"][1];
    let expected = json!({
        "path": "properties.revenue", "count": 1, "fill": 1.0, "types": { "number in a text": 1 },
        "values": [{ "value": "39.95", "count": 1 }], "more_values": false,
    });
    assert_eq!(revenue, &expected);
    let traits: Vec<_> = found["traits"]["paths"].as_array().unwrap().iter().map(|path| &path["path"]).collect();
    assert_eq!(traits, ["traits.email"]);
    assert_eq!(found["group"]["paths"][0]["path"], "group.name");
    let ids = &found["ids"];
    let ids = ["both", "user_id_only", "anonymous_id_only", "neither"].map(|key| ids[key].as_u64().unwrap());
    assert_eq!(ids, [1, 6, 2, 0]);
}

#[test]
fn names_are_folded_and_shown_as_they_are_mostly_written() {
    let line = |event: &str| format!("{}\n", json!({ "type": "track", "event": event, "userId": "u" }));
    let lines: String = ["order_completed", "Order Completed", "Order Completed", "Signed Up"].map(line).concat();
    let found = found(&["-"], Some(lines.as_bytes()));
    let names: Vec<_> =
        found["names"].as_array().unwrap().iter().map(|name| (&name["event"], &name["count"])).collect();
    assert_eq!(names, [(&json!("Order Completed"), &json!(3)), (&json!("Signed Up"), &json!(1))]);
    assert_eq!(found["names"][0]["spellings"][1], json!({ "value": "order_completed", "count": 1 }));
    assert_eq!(found["untimed"], 4);
}

/// The same whether plain or packed, in one file or several.
#[test]
fn packing_does_not_show() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plain = samples(&folder);
    let bytes = fs::read(&plain).unwrap();
    let expected = found(&[shown(&plain)], None);
    let without_places = |mut found: Value| {
        found["rejected"].as_array_mut().unwrap().iter_mut().for_each(|reject| reject["places"] = json!(null));
        found
    };
    let zstd = folder.path().join("events.zst");
    fs::write(&zstd, zstd::encode_all(&bytes[..], 1).unwrap()).unwrap();
    assert_eq!(without_places(found(&[shown(&zstd)], None)), without_places(expected.clone()));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(without_places(found(&["-"], Some(&gzip))), without_places(expected.clone()));
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let parts = [folder.path().join("a"), folder.path().join("b")];
    fs::write(&parts[0], lines[..7].concat()).unwrap();
    fs::write(&parts[1], lines[7..].concat()).unwrap();
    let both = found(&[shown(&parts[0]), shown(&parts[1])], None);
    assert_eq!(without_places(both), without_places(expected));
}

#[test]
fn text_for_people() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = events(&[shown(&samples(&folder))], None);
    let text = String::from_utf8(out.stdout).expect("text");
    for line in [
        "16 records, 9 messages, 2026-03-01T04:30:00.000Z to 2026-03-01T10:00:00.123Z",
        "7 rejected",
        "track \"Order Completed\": 1, 2026-03-01T04:30:00.000Z to 2026-03-01T04:30:00.000Z",
        "  properties.revenue    100%  number in a text  \"39.95\" ×1",
        "         1    11%  with userId and anonymousId, which links them",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_can_not_be_read_is_told() {
    for (words, code, told) in [
        (&["nothing.jsonl"][..], 3, "can't read nothing.jsonl"),
        (&["-", "-"], 2, "can be read once only"),
        (&["--from", "30d", "-"], 2, "--from, --to and --latest are for the raw topic"),
        (&["--latest", "5", "-"], 2, "--from, --to and --latest are for the raw topic"),
        (&["--from", "x"], 2, "x: neither a time"),
    ] {
        let out = events(words, None);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!((out.status.code(), text.contains(told)), (Some(code), true), "{words:?}: {text}");
    }
}
