//! What is read from a record, row by row of what comes in. Each case is a record and a line for each of its items.

mod any_input;
mod envelopes;
mod messages;
mod oracle;
mod values;

use kairos::engine::event::{Event, Item, Reader, Scratch, Wanted};
use kairos::engine::playbook::meant::{Path, Root};

fn path(root: Root, keys: &str) -> Path {
    Path { root, keys: keys.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect() }
}

fn reader(unwrap: &[&str]) -> Reader {
    let unwrap: Vec<String> = unwrap.iter().map(|key| key.to_string()).collect();
    Reader::new(Wanted::new(&[]), &unwrap, &[])
}

/// One line for each item of a record.
fn read(reader: &Reader, record: Option<&[u8]>) -> Vec<String> {
    let mut scratch = Scratch::default();
    let mut items = reader.read(record, &mut scratch);
    let mut lines = Vec::new();
    while let Some(item) = items.next_item() {
        lines.push(match item {
            Item::Event(event) => line(&event),
            Item::Own => "own".to_owned(),
            Item::Empty => "empty".to_owned(),
            Item::Rejected(rejected) => match rejected.item {
                None => rejected.reason.as_str().to_owned(),
                Some((index, json)) => {
                    format!("{} @{index} {}", rejected.reason.as_str(), String::from_utf8(json).unwrap())
                }
            },
        });
    }
    lines
}

/// The call, then what is there: user, anonymous, group, account (where it is another), previous, message, folded name.
fn line(event: &Event<'_>) -> String {
    let account = event.account.as_deref().filter(|_| event.account != event.group_id);
    let folded = Some(event.folded).filter(|folded| !folded.is_empty());
    let parts = [
        ("u", event.user_id.as_deref()),
        ("a", event.anonymous_id.as_deref()),
        ("g", event.group_id.as_deref()),
        ("acc", account),
        ("p", event.previous_id.as_deref()),
        ("m", event.message_id.as_deref()),
        ("e", folded),
    ];
    let there = parts.into_iter().filter_map(|(key, value)| value.map(|value| format!(" {key}={value}")));
    event.call.as_str().to_owned() + &there.collect::<String>()
}

#[track_caller]
fn check(record: &str, expected: &str) {
    check_with(&reader(&[]), record, &[expected]);
}

#[track_caller]
fn check_with(reader: &Reader, record: &str, expected: &[&str]) {
    assert_eq!(read(reader, Some(record.as_bytes())), expected, "{record}");
}

/// Reads a record that holds one good message and looks at it.
fn with_event<T>(reader: &Reader, record: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let mut scratch = Scratch::default();
    match reader.read(Some(record.as_bytes()), &mut scratch).next_item() {
        Some(Item::Event(event)) => look(&event),
        other => panic!("{record}: {other:?}"),
    }
}
