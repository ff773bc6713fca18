//! An item of a batch as it goes to the dead letters: alone, with what its batch said once for all merged in, so that
//! it reads the same when it comes again by itself. Not on the hot path.

use std::collections::BTreeSet;

use super::json::{Kind, Span};
use super::text::write_text;
use super::value::{Members, last_member};

/// The item's JSON. `batch` is the object that the item's batch stood in, if it did.
pub(super) fn alone(text: &str, item: Span, batch: Option<Span>) -> Vec<u8> {
    let (Kind::Object, Some(batch)) = (item.kind, batch) else { return item_json(text, item) };
    let (item, batch) = (item.of(text), batch.of(text));
    let (context, outer_context) = (last_member(item, "context"), last_member(batch, "context"));
    let mut out = Json::new();
    let is_merged =
        outer_context.kind == Kind::Object && matches!(context.kind, Kind::Absent | Kind::Null | Kind::Object);
    let defaults = ["integrations", "sentAt"].map(|key| (key, last_member(batch, key)));
    let is_defaulted = |key: &str| {
        defaults.iter().any(|(name, outer)| *name == key && outer.is_there() && !last_member(item, key).is_there())
    };
    for (key, span) in Members::new(item) {
        if !(is_merged && key == "context" || is_defaulted(&key)) {
            out.member(&key, item, span);
        }
    }
    if is_merged {
        out.key("context");
        out.0.extend(merged(batch, outer_context, item, context));
    }
    for (key, span) in defaults.into_iter().filter(|(key, _)| is_defaulted(key)) {
        out.member(key, batch, span);
    }
    out.end()
}

/// The outer context's keys that the item's own does not have, then the item's.
fn merged(batch: &str, outer: Span, item: &str, own: Span) -> Vec<u8> {
    let (outer, own) = (outer.of(batch), if own.kind == Kind::Object { own.of(item) } else { "{}" });
    let names: BTreeSet<_> = Members::new(own).map(|(key, _)| key).collect();
    let mut out = Json::new();
    for (key, span) in Members::new(outer).filter(|(key, _)| !names.contains(key)) {
        out.member(&key, outer, span);
    }
    for (key, span) in Members::new(own) {
        out.member(&key, own, span);
    }
    out.end()
}

fn item_json(text: &str, item: Span) -> Vec<u8> {
    let mut out = Vec::new();
    write_raw(&mut out, text, item);
    out
}

/// A text's span lies between its quotes: they are put back.
fn write_raw(out: &mut Vec<u8>, text: &str, span: Span) {
    let quote: &[u8] = if matches!(span.kind, Kind::Text | Kind::Escaped) { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(span.of(text).as_bytes());
    out.extend_from_slice(quote);
}

/// An object under construction.
struct Json(Vec<u8>);

impl Json {
    fn new() -> Self {
        Self(vec![b'{'])
    }
    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        write_text(&mut self.0, key);
        self.0.push(b':');
    }
    fn member(&mut self, key: &str, text: &str, span: Span) {
        self.key(key);
        write_raw(&mut self.0, text, span);
    }
    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}
