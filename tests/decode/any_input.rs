//! Whatever the bytes are, each record ends as events or reasons, and nothing panics.

use kairos::engine::event::{Ahead, Item, Reader, Scratch, Value, Wanted};
use kairos::engine::playbook::meant::Root;
use proptest::prelude::*;

use super::path;

const SEEDS: [&str; 4] = [
    r#"{"anonymousId":"a-1","context":{"ip":"8.8.8.8","library":{"name":"analytics.js","version":"2.11.1"},"page":{"path":"/x"},"traits":{"email":"x@example.com"}},"type":"track","event":"Order \u0043ompleted","messageId":"m1","properties":{"revenue":39.95,"items":[1,{"a":[]},null],"url":"https://example.com/a?b"},"timestamp":"2026-03-01T10:00:00.123Z","userId":12.0}"#,
    r#"{"batch":[{"type":"page","userId":"u","context":{"page":{"path":"/i"}}},{"type":"identify","traits":{"company":{"id":5}}},7],"context":{"groupId":"g"},"sentAt":"2026-03-01"}"#,
    r#"[{"type":"group","groupId":"g","traits":{"plan":"x"}},{"type":"alias","userId":"é","previousId":"\ud83d\ude00"}]"#,
    r#"{"message":"{\"type\":\"screen\",\"userId\":\"u\",\"name\":null,\"properties\":{\"name\":\"Home\"}}"}"#,
];

/// Reads all there is to read; the number of items.
fn exhaust(record: &[u8]) -> usize {
    let roots = [Root::Properties, Root::Context, Root::Traits, Root::Name, Root::Event, Root::PagePath];
    let paths: Vec<_> = roots
        .into_iter()
        .map(|root| path(root, ""))
        .chain([path(Root::Properties, "items"), path(Root::Traits, "company.id")])
        .collect();
    let reader = Reader::new(Wanted::new(&paths), &["message".to_owned()], &["guest".to_owned()]);
    let mut scratch = Scratch::default();
    let _ = reader.read_ahead(record, &mut scratch, &mut Ahead::default(), &mut |_| {});
    let mut items = reader.read(Some(record), &mut scratch);
    let mut count = 0;
    while let Some(item) = items.next_item() {
        count += 1;
        if let Item::Event(event) = item {
            let _ = (event.event_time(), event.received_at(), event.category(), event.page_path());
            for path in &paths {
                let slot = reader.wanted().slot(path).unwrap();
                let value = event.value(slot);
                assert!(value == value.clone() || matches!(value, Value::Null));
                let _ = (event.person_trait(slot), event.group_trait(slot));
            }
        }
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn bytes(record in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(exhaust(&record) >= 1);
    }

    #[test]
    fn text(record in "\\PC{0,80}") {
        prop_assert!(exhaust(record.as_bytes()) >= 1);
    }

    #[test]
    fn changed_events(seed in prop::sample::select(SEEDS.to_vec()), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6)) {
        let mut record = seed.as_bytes().to_vec();
        for (at, byte, kind) in changes {
            let at = at.index(record.len());
            match kind {
                0 => record[at] = byte,
                1 => record.insert(at, byte),
                2 => drop(record.remove(at)),
                _ => record.truncate(at.max(8)),
            }
        }
        prop_assert!(exhaust(&record) >= 1);
    }

    #[test]
    fn swapped_parts(seed in prop::sample::select(SEEDS.to_vec()), other in prop::sample::select(SEEDS.to_vec()), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let (head, tail) = (&seed.as_bytes()[..a.index(seed.len())], &other.as_bytes()[b.index(other.len())..]);
        prop_assert!(exhaust(&[head, tail].concat()) >= 1);
    }
}

#[test]
fn the_seeds_are_read() {
    assert_eq!(SEEDS.map(|seed| exhaust(seed.as_bytes())), [1, 3, 2, 1]);
}
