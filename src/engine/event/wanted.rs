//! Which places of a message are wanted, compiled, and the one pass that finds them. All else is checked and skipped.
//!
//! Places form a tree of keys; each is numbered before its children, so a place with all below it is a range. It knows
//! nothing of envelopes or of what the places are for.

use std::collections::BTreeMap;

use super::json::{Fault, Kind, LEVELS_MAX, Scanner, Span, What};
use super::text::unescape;
use crate::engine::playbook::meant::{Path, Root};

/// What is read of each message.
#[derive(Debug, Clone)]
pub struct Wanted {
    places: Vec<Place>,
    pub(super) fixed: Fixed,
    /// Each key wanted directly in `context`: its range. A batch's own context is merged by these.
    pub(super) context_keys: Vec<std::ops::Range<usize>>,
}

/// A path of a playbook, found: what [`super::Event::value`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(super) Source);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    At(usize),
    /// In `traits` and the same in `context.traits`, each with the place of its top-level key.
    Trait {
        own: usize,
        own_key: usize,
        context: usize,
        context_key: usize,
    },
    AllTraits,
    AllContext,
    Type,
    Event,
    Name,
    UserId,
    AnonymousId,
    GroupId,
    PagePath,
}

/// Places that are read whatever a playbook says.
#[derive(Debug, Clone, Default)]
pub(super) struct Fixed {
    pub kind: usize,
    pub event: usize,
    pub name: usize,
    pub category: usize,
    pub user_id: usize,
    pub anonymous_id: usize,
    pub group_id: usize,
    pub previous_id: usize,
    pub message_id: usize,
    pub timestamp: usize,
    pub original_timestamp: usize,
    pub received_at: usize,
    pub traits: usize,
    pub company_id: usize,
    pub properties_name: usize,
    pub properties_path: usize,
    pub properties_url: usize,
    pub context: usize,
    pub context_traits: usize,
    pub context_group_id: usize,
    pub library_name: usize,
    pub page_path: usize,
}

impl Wanted {
    /// All that `paths` name, and what every message is read for.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut tree = Tree::default();
        // The list of fixed places is written once: a first walk plants them, a second one looks them up.
        Fixed::fill(|keys| {
            tree.plant(keys.iter().copied());
            0
        });
        tree.plant(["traits", "email"]);
        tree.plant(["context", "traits", "email"]);
        for path in paths {
            let keys = path.keys.iter().map(String::as_str);
            match path.root {
                Root::Properties => tree.plant(["properties"].into_iter().chain(keys)),
                Root::Context => tree.plant(["context"].into_iter().chain(keys)),
                Root::Traits | Root::Group => {
                    tree.plant(["traits"].into_iter().chain(keys.clone()));
                    tree.plant(["context", "traits"].into_iter().chain(keys));
                }
                _ => {}
            }
        }
        let mut places = Vec::new();
        tree.number(&mut places);
        let mut wanted = Self { places, fixed: Fixed::default(), context_keys: Vec::new() };
        wanted.fixed = Fixed::fill(|keys| wanted.place(keys.iter().copied()).expect("it was planted"));
        wanted.context_keys = wanted.below(wanted.fixed.context);
        wanted
    }

    /// `None` for a path that was not named when this was made.
    pub fn slot(&self, path: &Path) -> Option<Slot> {
        let keys = || path.keys.iter().map(String::as_str);
        let source = match path.root {
            Root::Properties => Source::At(self.place(["properties"].into_iter().chain(keys()))?),
            Root::Context if path.keys.is_empty() => Source::AllContext,
            Root::Context => Source::At(self.place(["context"].into_iter().chain(keys()))?),
            Root::Traits | Root::Group => match keys().next() {
                None => Source::AllTraits,
                Some(key) => Source::Trait {
                    own: self.place(["traits"].into_iter().chain(keys()))?,
                    own_key: self.place(["traits", key])?,
                    context: self.place(["context", "traits"].into_iter().chain(keys()))?,
                    context_key: self.place(["context", "traits", key])?,
                },
            },
            Root::Type => Source::Type,
            Root::Event => Source::Event,
            Root::Name => Source::Name,
            Root::Category => Source::At(self.fixed.category),
            Root::UserId => Source::UserId,
            Root::AnonymousId => Source::AnonymousId,
            Root::GroupId => Source::GroupId,
            Root::PagePath => Source::PagePath,
        };
        Some(Slot(source))
    }

    /// Checks the value at byte `at` and notes in `spans` where each wanted place lies. Of duplicate keys the last
    /// counts, with all that is below it. Returns the value's own span and where it ended.
    pub(super) fn scan(&self, text: &str, at: u32, spans: &mut Vec<Span>) -> Result<(Span, u32), Fault> {
        spans.clear();
        spans.resize(self.places.len(), Span::ABSENT);
        let mut pass = Pass { places: &self.places, scanner: Scanner::new(text, at), spans };
        pass.scanner.space();
        let span = pass.value(0, 0)?;
        Ok((span, pass.scanner.at()))
    }

    pub(super) fn range(&self, place: usize) -> std::ops::Range<usize> {
        place..self.places[place].end
    }

    fn place<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Option<usize> {
        keys.into_iter().try_fold(0, |place, key| self.places[place].find(key.as_bytes()))
    }

    fn below(&self, place: usize) -> Vec<std::ops::Range<usize>> {
        self.places[place].children.iter().map(|child| self.range(child.place)).collect()
    }
}

impl Fixed {
    fn fill(mut find: impl FnMut(&[&str]) -> usize) -> Self {
        Self {
            kind: find(&["type"]),
            event: find(&["event"]),
            name: find(&["name"]),
            category: find(&["category"]),
            user_id: find(&["userId"]),
            anonymous_id: find(&["anonymousId"]),
            group_id: find(&["groupId"]),
            previous_id: find(&["previousId"]),
            message_id: find(&["messageId"]),
            timestamp: find(&["timestamp"]),
            original_timestamp: find(&["originalTimestamp"]),
            received_at: find(&["receivedAt"]),
            traits: find(&["traits"]),
            company_id: find(&["traits", "company", "id"]),
            properties_name: find(&["properties", "name"]),
            properties_path: find(&["properties", "path"]),
            properties_url: find(&["properties", "url"]),
            context: find(&["context"]),
            context_traits: find(&["context", "traits"]),
            context_group_id: find(&["context", "groupId"]),
            library_name: find(&["context", "library", "name"]),
            page_path: find(&["context", "page", "path"]),
        }
    }
}

/// Keys while they are gathered.
#[derive(Default)]
struct Tree(BTreeMap<String, Tree>);

impl Tree {
    fn plant<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        keys.into_iter().fold(self, |tree, key| tree.0.entry(key.to_owned()).or_default());
    }

    fn number(self, places: &mut Vec<Place>) -> usize {
        let place = places.len();
        places.push(Place::default());
        let children = self.0.into_iter().map(|(key, tree)| Child {
            head: head(key.as_bytes()),
            tail: tail(key.as_bytes()),
            place: tree.number(places),
            key: key.into_bytes().into(),
        });
        let children = children.collect();
        places[place] = Place::new(children, places.len());
        place
    }
}

#[derive(Debug, Clone, Default)]
struct Place {
    /// Behind the last place below.
    end: usize,
    /// Shortest key first.
    children: Vec<Child>,
    /// Where the keys of each length begin among the children; the last of `LENGTHS` is for all that are longer.
    by_length: [u16; LENGTHS + 1],
}

const LENGTHS: usize = 24;

#[derive(Debug, Clone)]
struct Child {
    /// The first eight bytes, to compare at once.
    head: u64,
    /// The last eight, of a key of more.
    tail: u64,
    place: usize,
    key: Box<[u8]>,
}

impl Place {
    fn new(mut children: Vec<Child>, end: usize) -> Self {
        children.sort_by_key(|child| child.key.len());
        let mut by_length = [0; LENGTHS + 1];
        for (length, first) in by_length.iter_mut().enumerate() {
            let shorter = children.partition_point(|child| child.key.len().min(LENGTHS - 1) < length);
            *first = u16::try_from(shorter).expect("a playbook's size bounds its keys");
        }
        Self { end, children, by_length }
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Option<usize> {
        let length = key.len().min(LENGTHS - 1);
        let (first, last) = (self.by_length[length], self.by_length[length + 1]);
        if first == last {
            return None;
        }
        let (head, tail) = (head(key), tail(key));
        let alike = &self.children[usize::from(first)..usize::from(last)];
        // Sixteen bytes are compared by their two ends.
        let is_key = |child: &&Child| child.head == head && child.tail == tail && (length <= 16 || *child.key == *key);
        alike.iter().find(is_key).map(|child| child.place)
    }

    #[cold]
    fn find_escaped(&self, key: &[u8]) -> Option<usize> {
        self.find(unescape(std::str::from_utf8(key).ok()?).as_bytes())
    }
}

#[inline]
fn head(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => key.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte)),
    }
}

/// The last eight bytes, where there are more than eight.
#[inline]
fn tail(key: &[u8]) -> u64 {
    match key.last_chunk::<8>() {
        Some(eight) if key.len() > 8 => u64::from_le_bytes(*eight),
        _ => 0,
    }
}

/// One pass over one value.
struct Pass<'a> {
    places: &'a [Place],
    scanner: Scanner<'a>,
    spans: &'a mut [Span],
}

impl Pass<'_> {
    /// The value of a wanted place. Recursion is as deep as wanted paths are, and never deeper than the text may be.
    fn value(&mut self, place: usize, level: u32) -> Result<Span, Fault> {
        let end = self.places[place].end;
        let span = if end > place + 1 && self.scanner.peek() == b'{' {
            self.object(place, level)?
        } else {
            self.scanner.value(level)?
        };
        self.spans[place] = span;
        Ok(span)
    }

    fn object(&mut self, place: usize, level: u32) -> Result<Span, Fault> {
        if level >= LEVELS_MAX {
            return Err(self.scanner.fault(What::Levels));
        }
        let start = self.scanner.at();
        self.scanner.advance();
        self.scanner.space();
        if self.scanner.peek() != b'}' {
            self.members(place, level + 1)?;
        }
        self.scanner.advance();
        Ok(Span { start, end: self.scanner.at(), kind: Kind::Object })
    }

    fn members(&mut self, place: usize, level: u32) -> Result<(), Fault> {
        let places = self.places;
        loop {
            let key = self.scanner.key()?;
            let child = match key.kind {
                Kind::Text => places[place].find(self.scanner.bytes_of(key)),
                _ => places[place].find_escaped(self.scanner.bytes_of(key)),
            };
            match child {
                None => {
                    self.scanner.value(level)?;
                }
                Some(child) => {
                    if self.spans[child].kind != Kind::Absent {
                        self.spans[child..places[child].end].fill(Span::ABSENT);
                    }
                    self.value(child, level)?;
                }
            }
            if !self.scanner.goes_on(b'}')? {
                return Ok(());
            }
        }
    }
}
