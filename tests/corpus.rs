//! Events in the forms of client libraries, each compared with what is to be read from it: samples of our own, and
//! real ones where `KAIROS_CORPUS` names a folder of them (`events.jsonl`, `envelopes.jsonl`).

use std::path::PathBuf;

use kairos::engine::event::{Event, Item, Reader, Rejected, Scratch, Value, Wanted};
use kairos::engine::playbook::meant::{Path, Root};
use serde_json::Value as Json;

#[test]
fn samples() {
    check("tests/samples".into(), "events.jsonl");
}

#[test]
fn corpus() {
    let Some(folder) = std::env::var_os("KAIROS_CORPUS") else {
        println!("skipped: KAIROS_CORPUS is not set");
        return;
    };
    for file in ["events.jsonl", "envelopes.jsonl"] {
        check(PathBuf::from(&folder), file);
    }
}

fn check(folder: PathBuf, file: &str) {
    let lines = std::fs::read_to_string(folder.join(file)).unwrap();
    let paths = ["a", "address", "company"].map(|key| Path { root: Root::Traits, keys: vec![key.into()] });
    let reader = Reader::new(Wanted::new(&paths), &[], &[]);
    let mut scratch = Scratch::default();
    let mut wrong = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let case: Json = serde_json::from_str(line).unwrap();
        let raw = case["raw"].as_str().unwrap();
        let expected = match case.get("items") {
            Some(items) => items.as_array().unwrap().clone(),
            None => vec![case.clone()],
        };
        let mut items = reader.read(Some(raw.as_bytes()), &mut scratch);
        for (index, expected) in expected.iter().enumerate() {
            let item = items.next_item();
            if let Err(difference) = compare(expected, item) {
                wrong.push(format!("{file}:{} item {index}: {difference}", number + 1));
            }
        }
        if items.next_item().is_some() {
            wrong.push(format!("{file}:{}: more items than expected", number + 1));
        }
    }
    println!("{} lines of {file}", lines.lines().count());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(expected: &Json, item: Option<Item<'_>>) -> Result<(), String> {
    match (expected["expect"].as_str().unwrap(), item) {
        ("accept", Some(Item::Event(event))) => same_fields(expected, &event),
        ("reject", Some(Item::Rejected(rejected))) => same_reason(expected, &rejected),
        ("drop", Some(Item::Own)) | ("empty", Some(Item::Empty)) => Ok(()),
        (expect, item) => Err(format!("{expect} expected, got {item:?}")),
    }
}

/// Only the first reason that applies counts, whatever others would be right too.
fn same_reason(expected: &Json, rejected: &Rejected) -> Result<(), String> {
    let reason = expected["reason"].as_str().unwrap();
    if rejected.reason.as_str() == reason { Ok(()) } else { Err(format!("{reason} expected, got {rejected:?}")) }
}

fn same_fields(expected: &Json, event: &Event<'_>) -> Result<(), String> {
    let text = |text: &str| Json::String(text.to_owned());
    let name = match event.event() {
        Value::Text(name) => text(&name),
        _ => Json::Null,
    };
    let read = [
        ("type", text(event.call.as_str())),
        ("userId", event.user_id.as_deref().map_or(Json::Null, text)),
        ("anonymousId", event.anonymous_id.as_deref().map_or(Json::Null, text)),
        ("groupId", event.group_id.as_deref().map_or(Json::Null, text)),
        ("event", name),
    ];
    for (key, value) in read {
        if expected.get(key).is_some_and(|expected| *expected != value) {
            return Err(format!("{key}: {} expected, got {value}", expected[key]));
        }
    }
    Ok(())
}
