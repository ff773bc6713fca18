//! Records read ahead of the engine, on another thread say: where the wanted places of plain messages lie, so that the
//! engine need not look again. Envelopes are rare; their items are found when it is their turn.
//! It knows nothing of threads.

use std::borrow::Cow;

use super::fields::Fields;
use super::items::{Items, Rest};
use super::json::{Kind, Span};
use super::reader::{Reader, Scratch, as_text};
use super::wanted::{Slot, Source};
use crate::engine::Millis;

/// What was found in some records, in order.
#[derive(Debug, Default)]
pub struct Ahead {
    spans: Vec<Span>,
    /// Places of one message.
    stride: usize,
    /// Where each record's places begin, if they were kept.
    records: Vec<Option<u32>>,
}

/// The places of one plain message, found before.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a>(&'a [Span]);

/// One message on its way past, whether or not it can be used.
#[derive(Debug)]
pub struct Glance<'a>(Fields<'a>);

impl Ahead {
    /// `None`: the engine has to look itself.
    pub fn ready(&self, record: usize) -> Option<Ready<'_>> {
        let start = self.records[record]? as usize;
        Some(Ready(&self.spans[start..start + self.stride]))
    }
}

impl Glance<'_> {
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        self.0.text(self.0.wanted.fixed.event)
    }

    /// Whether a text stands at a path.
    pub fn holds_text(&self, slot: Slot) -> bool {
        let is_text = |place: usize| matches!(self.0.spans[place].kind, Kind::Text | Kind::Escaped);
        match slot.0 {
            Source::At(place) => is_text(place),
            Source::Trait { own, context, .. } => is_text(own) || is_text(context),
            _ => false,
        }
    }
}

impl Reader {
    /// Reads one more record ahead, shows its messages to `look`, and returns the record's time as files have it:
    /// `receivedAt`, else its event time; of a batch its own `receivedAt`, else the first item's that has one.
    pub fn read_ahead(
        &self,
        value: &[u8],
        scratch: &mut Scratch,
        ahead: &mut Ahead,
        look: &mut dyn FnMut(Glance<'_>),
    ) -> Option<Millis> {
        let mut items = self.read(Some(value), scratch);
        let time = items.file_time();
        // What was unwrapped from a text lies elsewhere.
        let is_same_text = value.as_ptr_range().contains(&items.text.as_ptr()) && !items.is_over;
        let start = match &items.rest {
            Rest::One if is_same_text => {
                let start = ahead.spans.len();
                ahead.spans.extend_from_slice(items.spans);
                ahead.stride = items.spans.len();
                u32::try_from(start).ok()
            }
            _ => None,
        };
        items.glances(look);
        ahead.records.push(start);
        time
    }

    /// A record that was read ahead, opened again without looking.
    pub fn read_ready<'s>(&'s self, value: &'s [u8], ready: Ready<'_>, scratch: &'s mut Scratch) -> Items<'s> {
        let Scratch { spans, outer, folded, .. } = scratch;
        spans.clear();
        spans.extend_from_slice(ready.0);
        let text = as_text(value).expect("it was read before");
        Items { reader: self, text, spans, outer, folded, is_over: false, rest: Rest::One }
    }
}

impl Items<'_> {
    fn glances(&mut self, look: &mut dyn FnMut(Glance<'_>)) {
        match &self.rest {
            Rest::One => look(Glance(self.fields(self.spans))),
            Rest::Batch(batch) => {
                for span in batch.elements.clone().filter(|span| span.kind == Kind::Object) {
                    self.scan(span);
                    look(Glance(self.fields(self.spans)));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Item, Wanted};

    fn read(reader: &Reader, value: &[u8]) -> (Option<Millis>, Vec<String>, Option<String>) {
        let (mut scratch, mut ahead, mut names) = (Scratch::default(), Ahead::default(), Vec::new());
        let time = reader.read_ahead(value, &mut scratch, &mut ahead, &mut |glance| {
            names.extend(glance.event_name().map(|name| name.into_owned()));
        });
        let again = ahead.ready(0).map(|ready| match reader.read_ready(value, ready, &mut scratch).next_item() {
            Some(Item::Event(event)) => format!("{:?} {:?}", event.user_id, event.folded),
            other => format!("{other:?}"),
        });
        (time, names, again)
    }

    #[test]
    fn a_plain_message_is_the_same_again() {
        let reader = Reader::new(Wanted::new(&[]), &["message".into()], &[]);
        let event = r#"{"type":"track","event":"A b","userId":"u","timestamp":"1970-01-01T00:00:01Z"}"#;
        let plain = (Some(1_000), vec!["A b".to_owned()], Some(r#"Some("u") "ab""#.to_owned()));
        assert_eq!(read(&reader, event.as_bytes()), plain);
        assert_eq!(read(&reader, format!("\u{feff}{event}").as_bytes()), plain);
        assert_eq!(read(&reader, format!(r#"{{"message":{event}}}"#).as_bytes()), plain);
        // A text inside the record, a batch: to be looked at again.
        let text = serde_json::json!({ "message": event }).to_string();
        assert_eq!(read(&reader, text.as_bytes()), (plain.0, plain.1.clone(), None));
        let batch = format!(r#"{{"batch":[1,{event}]}}"#);
        assert_eq!(read(&reader, batch.as_bytes()), (plain.0, plain.1, None));
        assert_eq!(read(&reader, b"{"), (None, vec![], None));
    }

    #[test]
    fn records_that_are_refused_have_a_time_too() {
        let reader = Reader::new(Wanted::new(&[]), &[], &[]);
        for record in [
            r#"{"batch":[],"receivedAt":"1970-01-01T00:00:01Z"}"#,
            r#"{"batch":7,"receivedAt":"1970-01-01T00:00:01Z"}"#,
            r#"{"type":"x","timestamp":"1970-01-01T00:00:01Z"}"#,
            r#"{"type":"x","timestamp":"1970-01-01T00:00:05Z","receivedAt":"1970-01-01T00:00:01Z"}"#,
            r#"{"batch":[{"type":1},{"sentAt":"1970-01-01T00:00:09Z","timestamp":"1970-01-01T00:00:01Z"}]}"#,
        ] {
            assert_eq!(read(&reader, record.as_bytes()).0, Some(1_000), "{record}");
        }
        for record in ["[]", "7", "", r#"{"receivedAt":"1970-01-01T00:00:01Z""#] {
            assert_eq!(read(&reader, record.as_bytes()).0, None, "{record}");
        }
    }
}
