//! An item of a batch as it goes to the dead letters: alone, with what its batch said once for all merged in, so that
//! it reads the same when it comes again by itself. Not on the hot path.

use std::collections::BTreeSet;

use super::json::{Kind, Span};
use super::text::write_text;
use super::value::{Members, member};

/// What a batch says once for all its items. Found once, however many of them are dead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outer {
    context: Span,
    integrations: Span,
    sent_at: Span,
}

impl Outer {
    /// Of the object that the batch stands in.
    pub fn of(text: &str, envelope: Span) -> Self {
        let find = |key| member(text, envelope, key);
        Self { context: find("context"), integrations: find("integrations"), sent_at: find("sentAt") }
    }

    /// What it adds to an item, at most.
    pub fn bytes(&self) -> usize {
        [self.context, self.integrations, self.sent_at].iter().map(|span| (span.end - span.start) as usize).sum()
    }
}

/// The item's JSON. `outer`: when its batch stands in an object.
pub(super) fn alone(text: &str, item: Span, outer: Option<&Outer>) -> Vec<u8> {
    let (Kind::Object, Some(outer)) = (item.kind, outer) else { return item_json(text, item) };
    let context = member(text, item, "context");
    let is_merged =
        outer.context.kind == Kind::Object && matches!(context.kind, Kind::Absent | Kind::Null | Kind::Object);
    let lacks = |key: &str| !member(text, item, key).is_there();
    let defaults = [("integrations", outer.integrations), ("sentAt", outer.sent_at)];
    let defaults = defaults.map(|(key, span)| (key, span, span.is_there() && lacks(key)));
    let mut out = Json::new();
    let raw = item.of(text);
    for (key, span) in Members::new(raw) {
        let is_replaced =
            is_merged && key == "context" || defaults.iter().any(|(name, _, is_taken)| *is_taken && *name == key);
        if !is_replaced {
            out.member(&key, raw, span);
        }
    }
    if is_merged {
        out.key("context");
        out.0.extend(merged(text, outer.context, context));
    }
    for (key, span, _) in defaults.into_iter().filter(|(_, _, is_taken)| *is_taken) {
        out.member(key, text, span);
    }
    out.end()
}

/// The outer context's keys that the item's own does not have, then the item's.
fn merged(text: &str, outer: Span, own: Span) -> Vec<u8> {
    let (outer, own) = (outer.of(text), if own.kind == Kind::Object { own.of(text) } else { "{}" });
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
