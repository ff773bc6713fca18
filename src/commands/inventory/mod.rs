//! What events hold: names, paths, ids, keys, and what can't be used. Counted in bounded memory, whatever comes. It
//! knows nothing of playbooks, and nothing of how it is shown.

mod ids;
mod paths;
mod source;
mod tally;

use std::collections::BTreeMap;

use crate::engine::event::{Event, Item, Object, Reader, Scratch, Slot, Value, Wanted};
use crate::engine::playbook::meant::{Call, Path, Root};
use crate::engine::{Millis, Reason};

pub use ids::{Ids, People, Spread};
use paths::Room;
pub use paths::{Kind, Paths, Seen, VALUES_MAX};
pub use source::Source;
pub use tally::Tally;

/// Names that are told apart, bytes of a name, and its spellings.
const NAMES_MAX: usize = 500;
const NAME_BYTES_MAX: usize = 256;
const SPELLINGS_MAX: usize = 8;
/// Places of what can't be used that are remembered, by reason.
const PLACES_MAX: usize = 3;

#[derive(Debug, Default)]
pub struct Inventory {
    pub records: u64,
    /// Records of a topic before those that were asked for by number.
    pub not_read: u64,
    /// Records with nothing in them.
    pub empty: u64,
    /// Our own messages that came back.
    pub own: u64,
    pub messages: u64,
    /// Messages that say no time, in records that have none.
    pub untimed: u64,
    pub span: Span,
    pub rejected: BTreeMap<Reason, Rejects>,
    /// By call, a `track` also by the folded name of its event.
    pub names: BTreeMap<(Call, String), Name>,
    /// Messages whose names found no room.
    pub more_names: u64,
    /// Of people: of messages that have traits.
    pub traits: Paths,
    /// Of `group` calls.
    pub group: Paths,
    /// Of all messages, without `context.traits`.
    pub context: Paths,
    pub ids: Ids,
    room: Room,
}

/// First and last event time.
#[derive(Debug, Default, Clone, Copy)]
pub struct Span(pub Option<(Millis, Millis)>);

#[derive(Debug, Default)]
pub struct Rejects {
    pub count: u64,
    pub places: Vec<String>,
}

/// Messages of one call, or of one event.
#[derive(Debug, Default)]
pub struct Name {
    pub count: u64,
    pub span: Span,
    /// As written.
    pub spellings: Tally,
    pub paths: Paths,
}

/// One record.
pub struct Record<'a> {
    /// What people look it up by.
    pub place: &'a dyn Fn() -> String,
    /// `None`: as its messages say, as in files.
    pub time: Option<Millis>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub partition: i32,
}

/// Looks into records.
pub struct Looker {
    reader: Reader,
    scratch: Scratch,
    slots: [Slot; 4],
    pub inventory: Inventory,
}

impl Looker {
    pub fn new(unwrap: &[String], placeholders: &[String], ids: Ids) -> Self {
        let of = |root, keys: &[&str]| Path { root, keys: keys.iter().map(|key| (*key).to_owned()).collect() };
        let paths =
            [of(Root::Properties, &[]), of(Root::Traits, &[]), of(Root::Context, &["traits"]), of(Root::Context, &[])];
        let reader = Reader::new(Wanted::new(&paths), unwrap, placeholders);
        let slots = paths.map(|path| reader.wanted().slot(&path).expect("it was named"));
        let inventory = Inventory { ids, ..Inventory::default() };
        Self { reader, scratch: Scratch::default(), slots, inventory }
    }

    pub fn record(&mut self, record: &Record<'_>) {
        self.inventory.records += 1;
        let mut items = self.reader.read(record.value, &mut self.scratch);
        let time = record.time.or_else(|| items.file_time());
        while let Some(item) = items.next_item() {
            match item {
                Item::Event(event) => self.inventory.message(&event, self.slots, time, record),
                Item::Own => self.inventory.own += 1,
                Item::Empty => self.inventory.empty += 1,
                Item::Rejected(rejected) => {
                    let rejects = self.inventory.rejected.entry(rejected.reason).or_default();
                    rejects.count += 1;
                    if rejects.places.len() < PLACES_MAX {
                        rejects.places.push(format!("{}: {}", (record.place)(), rejected.detail));
                    }
                }
            }
        }
    }
}

impl Inventory {
    /// Names by call, the most frequent first.
    pub fn by_count(&self) -> Vec<(Call, &Name)> {
        let mut names: Vec<_> = self.names.iter().map(|((call, _), name)| (*call, name)).collect();
        names.sort_by_key(|(call, name)| (*call, std::cmp::Reverse(name.count)));
        names
    }

    /// `slots`: of `properties`, `traits`, `context.traits` and `context`.
    fn message(&mut self, event: &Event<'_>, slots: [Slot; 4], record_time: Option<Millis>, record: &Record<'_>) {
        self.messages += 1;
        // An event is not later than its record.
        let time = event.event_time().map(|own| own.min(record_time.unwrap_or(own))).or(record_time);
        self.untimed += u64::from(time.is_none());
        self.span.meet(time);
        self.ids.look(event, record.key, record.partition);
        let [properties, traits, context_traits, context] = slots.map(|slot| match event.value(slot) {
            Value::Object(object) => Some(object),
            _ => None,
        });
        self.name(event, properties, time);
        let room = &mut self.room;
        let (own, of_group) = if event.call == Call::Group { (None, traits) } else { (traits, None) };
        if own.is_some() || context_traits.is_some() {
            self.traits.messages += 1;
            // As a profile takes them: key by key, the call's own first.
            let under = context_traits.map(Object::entries).unwrap_or_default();
            let all = under.into_iter().chain(own.map(Object::entries).unwrap_or_default()).collect();
            self.traits.entries(room, "traits", all);
        }
        if let Some(object) = of_group {
            self.group.messages += 1;
            self.group.entries(room, "group", object.entries());
        }
        self.context.messages += 1;
        if let Some(object) = context {
            let mut entries = object.entries();
            entries.remove("traits");
            self.context.entries(room, "context", entries);
        }
    }

    fn name(&mut self, event: &Event<'_>, properties: Option<Object<'_>>, time: Option<Millis>) {
        let key = (event.call, event.folded.to_owned());
        let is_known = self.names.contains_key(&key);
        if !is_known
            && (self.names.len() == NAMES_MAX
                || event.event().as_text().is_some_and(|name| name.len() > NAME_BYTES_MAX))
        {
            self.more_names += 1;
            return;
        }
        let name = self.names.entry(key).or_default();
        name.count += 1;
        name.span.meet(time);
        if let Value::Text(text) = event.event() {
            name.spellings.add(&text, SPELLINGS_MAX);
        }
        let (paths, room) = (&mut name.paths, &mut self.room);
        paths.messages += 1;
        if matches!(event.call, Call::Page | Call::Screen) {
            paths.value(room, "name", &event.name());
            paths.value(room, "category", &event.category());
            paths.value(room, "path", &event.page_path().map_or(Value::Null, Value::Text));
        }
        if let Some(object) = properties {
            paths.entries(room, "properties", object.entries());
        }
    }
}

impl Span {
    fn meet(&mut self, time: Option<Millis>) {
        let Some(time) = time else { return };
        let (first, last) = self.0.unwrap_or((time, time));
        self.0 = Some((first.min(time), last.max(time)));
    }
}
