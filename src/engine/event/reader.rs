//! From a record's bytes to its messages: the byte-order mark, the wrapper, the batch, the limits of a record.
//! It knows nothing of what makes a single message good.

use super::dead::Outer;
use super::fields::Fields;
use super::ids::Placeholders;
use super::items::{Batch, Items, Rest};
use super::json::{Fault, Kind, Scanner, Span, What};
use super::judge;
use super::value::{Elements, Value, member};
use super::wanted::Wanted;
use crate::engine::Reason;

/// Bytes a record may have.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Items a batch may have: as many as the HTTP API takes.
pub const ITEMS_MAX: usize = 2_500;
/// Bytes that what a batch says once for all may grow to when it is merged into each of its items.
const MERGED_BYTES_MAX: usize = 64 << 20;

/// Why a record over the limit is refused.
pub(super) const OVER: &str = "a record of more than 1 MiB";

/// Reads records. Made once for a playbook and settings.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) wanted: Wanted,
    pub(super) placeholders: Placeholders,
    unwrap: Vec<String>,
}

/// What reading needs room for; kept from record to record, so that a plain event allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) spans: Vec<Span>,
    pub(super) outer: Vec<Span>,
    pub(super) folded: String,
    unwrapped: String,
}

impl Reader {
    /// `unwrap`: keys of the path to the message inside a record. `placeholders`: more ids that are no ids.
    pub fn new(wanted: Wanted, unwrap: &[String], placeholders: &[String]) -> Self {
        Self { wanted, unwrap: unwrap.to_vec(), placeholders: Placeholders::new(placeholders) }
    }

    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Checks the whole record; its items are then taken one by one.
    pub fn read<'s>(&'s self, value: Option<&'s [u8]>, scratch: &'s mut Scratch) -> Items<'s> {
        let Scratch { spans, outer, folded, unwrapped } = scratch;
        let is_over = value.is_some_and(|bytes| bytes.len() > RECORD_BYTES_MAX);
        let (text, rest) = match value.map(|bytes| self.open(bytes, spans, unwrapped)) {
            None => ("", Rest::Empty),
            Some(Err(fault)) => ("", Rest::Refused(Reason::NotJson, format!("not JSON: {fault}"))),
            Some(Ok((text, root))) => {
                let text = text.unwrap_or(unwrapped);
                (text, self.shape(text, root, spans, is_over))
            }
        };
        if matches!(rest, Rest::Batch(_)) {
            // What stands around the batch is kept aside: the items need the room.
            std::mem::swap(spans, outer);
        }
        Items { reader: self, text, spans, outer, folded, is_over, rest }
    }

    /// The text that holds the message or batch, where in it that lies, and its places in `spans`.
    /// Without a text: the one in `unwrapped`.
    fn open<'s>(
        &self,
        bytes: &'s [u8],
        spans: &mut Vec<Span>,
        unwrapped: &mut String,
    ) -> Result<(Option<&'s str>, Span), Fault> {
        let text = as_text(bytes)?;
        let root = self.scan_whole(text, spans)?;
        if self.unwrap.is_empty() || root.kind != Kind::Object || self.is_message(text, spans) {
            return Ok((Some(text), root));
        }
        let inner = self.unwrap.iter().fold(root, |span, key| member(text, span, key));
        match Value::of(text, inner) {
            Value::List(_) | Value::Object(_) => {
                self.wanted.scan(text, inner.start, spans)?;
                return Ok((Some(text), inner));
            }
            Value::Text(inner) => {
                if let Ok(inner) = as_text(inner.as_bytes())
                    && let Ok(root) = self.scan_whole(inner, spans)
                {
                    inner.clone_into(unwrapped);
                    return Ok((None, root));
                }
                // A text that is no JSON: nothing to unwrap.
                self.wanted.scan(text, root.start, spans)?;
            }
            _ => {}
        }
        Ok((Some(text), root))
    }

    fn scan_whole(&self, text: &str, spans: &mut Vec<Span>) -> Result<Span, Fault> {
        let (root, end) = self.wanted.scan(text, 0, spans)?;
        Scanner::new(text, end).end()?;
        Ok(root)
    }

    /// One message, or a batch, or neither.
    fn shape<'s>(&self, text: &'s str, root: Span, spans: &[Span], is_over: bool) -> Rest<'s> {
        let batch = match root.kind {
            Kind::List => root,
            Kind::Object if self.is_message(text, spans) => return Rest::One,
            Kind::Object => member(text, root, "batch"),
            kind => return Rest::Refused(Reason::NotAnObject, format!("the record is {}", kind.name())),
        };
        if batch.kind != Kind::List {
            return Rest::One;
        }
        let outer = (root.kind == Kind::Object).then(|| Outer::of(text, root));
        let count = Elements::new(text, batch.start).take(ITEMS_MAX + 1).count();
        match passed_limit(is_over, count, outer.map_or(0, |outer| outer.bytes())) {
            Some(limit) => Rest::Refused(Reason::TooLarge, limit),
            None if count == 0 => Rest::Empty,
            None => {
                Rest::Batch(Batch { elements: Elements::new(text, batch.start), next: 0, taken: Span::ABSENT, outer })
            }
        }
    }

    fn is_message(&self, text: &str, spans: &[Span]) -> bool {
        judge::call(&Fields { text, spans, wanted: &self.wanted, outer_context: Span::ABSENT }).is_some()
    }
}

/// Which limit a batch passes, as a sentence.
fn passed_limit(is_over: bool, count: usize, outer_bytes: usize) -> Option<String> {
    if is_over {
        Some(OVER.to_owned())
    } else if count > ITEMS_MAX {
        Some(format!("a batch of more than {ITEMS_MAX} items"))
    } else if count * outer_bytes > MERGED_BYTES_MAX {
        Some(format!("a batch whose outer keys would take {} bytes in its {count} items", count * outer_bytes))
    } else {
        None
    }
}

/// Without its byte-order mark, if it has one.
pub(super) fn as_text(bytes: &[u8]) -> Result<&str, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if u32::try_from(bytes.len()).is_err() {
        return Err(Fault { at: u32::MAX, what: What::Length });
    }
    std::str::from_utf8(bytes).map_err(|error| Fault { at: error.valid_up_to() as u32, what: What::Utf8 })
}
