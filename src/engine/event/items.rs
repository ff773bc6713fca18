//! The items of a record, one after the other. It knows nothing of how the record was opened.

use super::dead::{self, Outer};
use super::fields::{Event, Fields};
use super::json::{Kind, Span};
use super::judge::{Verdict, judge};
use super::reader::{OVER, Reader};
use super::value::Elements;
use crate::engine::{Millis, Reason};

/// What a record held.
#[derive(Debug)]
pub enum Item<'a> {
    Event(Event<'a>),
    /// A message of ours that came back.
    Own,
    /// There is nothing in this record: a tombstone, or a batch without items.
    Empty,
    Rejected(Rejected),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    pub reason: Reason,
    /// A sentence: what was wrong, where.
    pub detail: String,
    /// For one item of a batch: its index, and the item with the outer context merged in.
    pub item: Option<(u32, Vec<u8>)>,
}

/// An opened record.
#[derive(Debug)]
pub struct Items<'s> {
    pub(super) reader: &'s Reader,
    pub(super) text: &'s str,
    /// Of the message at hand.
    pub(super) spans: &'s mut Vec<Span>,
    /// Of the object around a batch.
    pub(super) outer: &'s mut Vec<Span>,
    pub(super) folded: &'s mut String,
    /// Is the record over its limit?
    pub(super) is_over: bool,
    pub(super) rest: Rest<'s>,
}

/// What is still to come.
#[derive(Debug)]
pub(super) enum Rest<'s> {
    Nothing,
    Empty,
    Refused(Reason, String),
    One,
    Batch(Batch<'s>),
}

#[derive(Debug)]
pub(super) struct Batch<'s> {
    pub elements: Elements<'s>,
    pub next: u32,
    /// The item that was taken last.
    pub taken: Span,
    /// When the batch stands in an object.
    pub outer: Option<Outer>,
}

impl Items<'_> {
    /// Not an iterator: an event lies in the scratch that the next one overwrites.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        if let Rest::Batch(batch) = &mut self.rest {
            let span = batch.elements.next()?;
            let (index, outer) = (batch.next, batch.outer);
            (batch.next, batch.taken) = (index + 1, span);
            return Some(self.batch_item(span, index, outer));
        }
        match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing | Rest::Batch(_) => None,
            Rest::Empty => Some(Item::Empty),
            Rest::Refused(reason, detail) => Some(Item::Rejected(Rejected { reason, detail, item: None })),
            Rest::One => Some(self.one()),
        }
    }

    /// Of a batch, the item that was taken last as a record of its own: with what the batch says once for all.
    pub fn taken_alone(&self) -> Option<Vec<u8>> {
        match &self.rest {
            Rest::Batch(batch) => Some(dead::alone(self.text, batch.taken, batch.outer.as_ref())),
            _ => None,
        }
    }

    fn one(&mut self) -> Item<'_> {
        let is_over = self.is_over;
        match self.judge(Span::ABSENT) {
            Verdict::Own => Item::Own,
            Verdict::Rejected(reason, detail) => Item::Rejected(Rejected { reason, detail, item: None }),
            Verdict::Event(_) if is_over => {
                Item::Rejected(Rejected { reason: Reason::TooLarge, detail: OVER.to_owned(), item: None })
            }
            Verdict::Event(event) => Item::Event(event),
        }
    }

    fn batch_item(&mut self, span: Span, index: u32, outer: Option<Outer>) -> Item<'_> {
        let text = self.text;
        let rejected = |reason, detail| {
            Item::Rejected(Rejected { reason, detail, item: Some((index, dead::alone(text, span, outer.as_ref()))) })
        };
        if span.kind != Kind::Object {
            return rejected(Reason::NotAnObject, format!("the item is {}", span.kind.name()));
        }
        self.scan(span);
        let outer_context = if outer.is_some() { self.merge_context() } else { Span::ABSENT };
        match self.judge(outer_context) {
            Verdict::Event(event) => Item::Event(event),
            Verdict::Own => Item::Own,
            Verdict::Rejected(reason, detail) => rejected(reason, detail),
        }
    }

    fn judge(&mut self, outer_context: Span) -> Verdict<'_> {
        let wanted = &self.reader.wanted;
        let fields = Fields { text: self.text, spans: self.spans, wanted, outer_context };
        judge(fields, &self.reader.placeholders, self.folded)
    }

    pub(super) fn scan(&mut self, item: Span) {
        let found = self.reader.wanted.scan(self.text, item.start, self.spans);
        debug_assert!(found.is_ok(), "the whole record was checked before: {found:?}");
    }

    /// Puts the outer context under the item's: key by key where that is an object, else where there is none.
    fn merge_context(&mut self) -> Span {
        let wanted = &self.reader.wanted;
        let (own, outer) = (self.spans[wanted.fixed.context], self.outer[wanted.fixed.context]);
        let is_merged = outer.kind == Kind::Object && matches!(own.kind, Kind::Object | Kind::Null | Kind::Absent);
        if !is_merged {
            return Span::ABSENT;
        }
        for key in &wanted.context_keys {
            if self.spans[key.start].kind == Kind::Absent {
                self.spans[key.clone()].copy_from_slice(&self.outer[key.clone()]);
            }
        }
        outer
    }

    /// The record's time as files have it, see [`Reader::read_ahead`]. Asked before the first item.
    pub fn file_time(&mut self) -> Option<Millis> {
        match &self.rest {
            Rest::One => own_time(&self.fields(self.spans)),
            Rest::Batch(batch) => {
                let elements = batch.elements.clone();
                let outer = self.fields(self.outer);
                outer.time(self.reader.wanted.fixed.received_at).or_else(|| self.first_time(elements))
            }
            Rest::Nothing | Rest::Refused(Reason::NotJson, _) => None,
            // A batch that is empty or too large still says when it came.
            Rest::Empty | Rest::Refused(..) => self.fields(self.spans).time(self.reader.wanted.fixed.received_at),
        }
    }

    fn first_time(&mut self, elements: Elements<'_>) -> Option<Millis> {
        elements.filter(|span| span.kind == Kind::Object).find_map(|span| {
            self.scan(span);
            own_time(&self.fields(self.spans))
        })
    }

    pub(super) fn fields<'a>(&'a self, spans: &'a [Span]) -> Fields<'a> {
        Fields { text: self.text, spans, wanted: &self.reader.wanted, outer_context: Span::ABSENT }
    }
}

fn own_time(fields: &Fields<'_>) -> Option<Millis> {
    fields.time(fields.wanted.fixed.received_at).or_else(|| fields.event_time())
}
