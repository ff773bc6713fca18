//! A record by whose it is: the key that brings it to its user's partition, or, of a batch with messages of several, a
//! record for each. It knows nothing of topics.

use super::items::Item;
use super::reader::{Reader, Scratch};

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// `None`: nobody's, so it may lie anywhere.
    pub key: Option<String>,
    /// `None`: the record as it came.
    pub value: Option<Vec<u8>>,
}

impl Reader {
    /// At least one. Messages that can't be used, and our own, go with the rest: it is not for this stage to judge them.
    pub fn split(&self, value: Option<&[u8]>, scratch: &mut Scratch) -> Vec<Piece> {
        let mut items = self.read(value, scratch);
        let mut pieces: Vec<Piece> = Vec::new();
        while let Some(item) = items.next_item() {
            let key = match item {
                // The user where there is one, as whoever keys by person does.
                Item::Event(event) => event.user_id.or(event.anonymous_id).map(|id| id.into_owned()),
                Item::Own | Item::Empty | Item::Rejected(_) => None,
            };
            pieces.push(Piece { key, value: items.taken_alone() });
        }
        let mut keys = pieces.iter().filter_map(|piece| piece.key.as_ref());
        let first = keys.next().cloned();
        if keys.any(|key| Some(key) != first.as_ref()) { pieces } else { vec![Piece { key: first, value: None }] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Wanted;
    use super::*;

    fn split(value: &str) -> Vec<(String, String)> {
        let reader = Reader::new(Wanted::new([]), &[], &[]);
        let pieces = reader.split(Some(value.as_bytes()), &mut Scratch::default());
        let text = |piece: Piece| {
            let value = piece.value.map_or_else(|| "as it came".to_owned(), |v| String::from_utf8(v).expect("JSON"));
            (piece.key.unwrap_or_default(), value)
        };
        pieces.into_iter().map(text).collect()
    }

    fn whole(key: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), "as it came".to_owned())]
    }

    #[test]
    fn one_persons_record_stays_as_it_is() {
        assert_eq!(split(r#"{"type":"page","userId":"u","anonymousId":"a"}"#), whole("u"));
        assert_eq!(split(r#"{"type":"page","anonymousId":"a"}"#), whole("a"));
        assert_eq!(split(r#"{"type":"page","userId":7}"#), whole("7"));
        assert_eq!(split(r#"[{"type":"page","userId":"u"},{"type":"x"},{"type":"page","userId":"u"}]"#), whole("u"));
        for nobodys in ["no json", "", "[]", "{}", r#"{"type":"page"}"#, r#"{"type":"group","groupId":"g"}"#] {
            assert_eq!(split(nobodys), whole(""), "{nobodys}");
        }
        let reader = Reader::new(Wanted::new([]), &[], &[]);
        assert_eq!(reader.split(None, &mut Scratch::default()), [Piece { key: None, value: None }]);
    }

    #[test]
    fn a_batch_of_several_is_taken_apart_with_what_it_says_once() {
        let batch = r#"{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"v"},3],"sentAt":"2026-01-01"}"#;
        let expected = [
            ("u", r#"{"type":"page","userId":"u","sentAt":"2026-01-01"}"#),
            ("v", r#"{"type":"page","userId":"v","sentAt":"2026-01-01"}"#),
            ("", "3"),
        ];
        assert_eq!(split(batch), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
