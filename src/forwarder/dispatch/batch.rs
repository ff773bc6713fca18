//! The bytes of a request's body, and how many messages fit.
//!
//! Knows nothing of when it is sent: `sentAt` is put in at the last moment, at a fixed width.

use super::lane::Held;

/// Where a batch is closed: well below the 500 KB (K is 1,000) from which on Segment answers 200 and drops.
pub const BODY_BYTES_MAX: usize = 450_000;
pub const ITEMS_MAX: usize = 2_500;

const HEAD: &[u8] = br#"{"batch":["#;
const MIDDLE: &[u8] = br#"],"sentAt":""#;
const TAIL: &[u8] = br#""}"#;
/// `2026-11-23T22:00:00.000Z`
const SENT_AT_BYTES: usize = 24;
const ENVELOPE_BYTES: usize = HEAD.len() + MIDDLE.len() + SENT_AT_BYTES + TAIL.len();

/// A body that wants only its `sentAt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    pub fn of<'a>(messages: impl Iterator<Item = &'a Held> + Clone) -> Self {
        let bytes: usize = messages.clone().map(|m| m.json().len() + 1).sum();
        let mut body = Vec::with_capacity(bytes + ENVELOPE_BYTES);
        body.extend_from_slice(HEAD);
        for (i, message) in messages.enumerate() {
            if i > 0 {
                body.push(b',');
            }
            body.extend_from_slice(message.json());
        }
        Self(body)
    }

    pub fn sent_at(mut self, sent_at: &str) -> Vec<u8> {
        debug_assert_eq!(sent_at.len(), SENT_AT_BYTES);
        self.0.extend_from_slice(MIDDLE);
        self.0.extend_from_slice(sent_at.as_bytes());
        self.0.extend_from_slice(TAIL);
        self.0
    }
}

/// Counts a body's bytes as messages come to it.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    items: usize,
    bytes: usize,
    items_max: usize,
}

impl Fill {
    pub fn new(items_max: usize) -> Self {
        Self { items: 0, bytes: ENVELOPE_BYTES, items_max: items_max.clamp(1, ITEMS_MAX) }
    }

    /// Takes one more, unless it does not fit. The first always does: an item is far smaller than a body.
    pub fn add(&mut self, json_bytes: usize) -> bool {
        let bytes = self.bytes + json_bytes + usize::from(self.items > 0);
        let fits = self.items == 0 || (self.items < self.items_max && bytes <= BODY_BYTES_MAX);
        if fits {
            self.items += 1;
            self.bytes = bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::record::ITEM_BYTES_END;
    use proptest::prelude::*;

    /// The same message with every character beyond ASCII written as an escape, as some producers do.
    fn escaped(json: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(json).unwrap();
        let escape = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escape(c) }).collect::<String>().into_bytes()
    }

    proptest! {
        #[test]
        fn a_body_keeps_every_limit_and_is_what_was_counted(
            texts in prop::collection::vec("(\\PC|[\"\\\\\u{1}é漢😀]){0,120}", 1..60),
            stretch in prop_oneof![Just(1), 1usize..200],
            copies in 1usize..80,
            escape: bool,
            items_max in prop_oneof![Just(3000), 1usize..3000],
        ) {
            let message = |t: &String| {
                let json = serde_json::to_vec(&serde_json::json!({"t": t.repeat(stretch)})).unwrap();
                if escape { escaped(&json) } else { json }
            };
            let messages = texts.iter().map(message).filter(|m| m.len() < ITEM_BYTES_END);
            let messages: Vec<Held> = messages.map(Held::of_json).collect();
            // Many small ones reach the limit of items, a few large ones that of bytes.
            let copies = copies.min(600_000 / messages.iter().map(|m| m.json().len()).sum::<usize>().max(1)).max(1);
            let messages: Vec<&Held> = (0..copies).flat_map(|_| &messages).collect();
            let mut fill = Fill::new(items_max);
            let taken: Vec<&Held> = messages.iter().copied().take_while(|m| fill.add(m.json().len())).collect();
            let body = Body::of(taken.iter().copied()).sent_at("2026-11-23T22:00:00.000Z");
            prop_assert_eq!(body.len(), fill.bytes);
            prop_assert!(body.len() <= BODY_BYTES_MAX);
            prop_assert!(taken.len() <= items_max.min(ITEMS_MAX));
            let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(parsed["batch"].as_array().unwrap().len(), taken.len());
            prop_assert_eq!(&parsed["sentAt"], "2026-11-23T22:00:00.000Z");
            if let Some(next) = messages.get(taken.len()) {
                prop_assert!(taken.len() == items_max.min(ITEMS_MAX) || body.len() + 1 + next.json().len() > BODY_BYTES_MAX, "closed too early");
            }
        }
    }
}
