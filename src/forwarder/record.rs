//! A record of the outgoing topic, read as far as delivery needs: is it a message, whose, wanted here, and fit to send?
//!
//! Knows nothing of batches, time or HTTP. Bytes are sent as they came, save where the routing cuts traits out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Segment drops an item of 32 KB or more without a word; K is 1,000, so that every reading of the limit is kept.
pub const ITEM_BYTES_END: usize = 32_000;

/// One Kafka record, in our own memory: holding on to the client's would keep a whole fetch alive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// When it was written, in milliseconds since 1970; the age of what waits is counted from here.
    pub written_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Header `kairos-kind: delete`: what is still held of this user is to be dropped.
    pub delete: bool,
    /// Header `kairos-replayed`: how often it came back from the dead-letter topic.
    pub replayed: u32,
}

/// Segment's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Identify,
    Track,
    Page,
    Screen,
    Group,
    Alias,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Identify, Self::Track, Self::Page, Self::Screen, Self::Group, Self::Alias];

    pub fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// What of the topic goes to this destination. `None` lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    pub kinds: Option<BTreeSet<Kind>>,
    /// Of an `identify`, only these traits; without any of them it is not sent.
    pub traits: Option<BTreeSet<String>>,
    /// Of the `track`s, only these events.
    pub events: Option<BTreeSet<String>>,
}

/// Why a message is a dead letter; also the metric's label and the header `kairos-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadReason {
    NotJson,
    NotAnObject,
    NoType,
    NoMessageId,
    TooLarge,
    Refused,
}

impl DeadReason {
    pub const ALL: [Self; 6] =
        [Self::NotJson, Self::NotAnObject, Self::NoType, Self::NoMessageId, Self::TooLarge, Self::Refused];

    pub fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NoType => "no_type",
            Self::NoMessageId => "no_message_id",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a record asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// To be sent: whose it is, and its bytes where they are not the record's own.
    Send {
        user: Vec<u8>,
        cut: Option<Vec<u8>>,
    },
    /// Forget what is held of this user.
    Delete {
        user: Vec<u8>,
    },
    /// Not for this destination, or nothing in it.
    Skip,
    Dead {
        reason: DeadReason,
        detail: String,
    },
}

/// The part of a message that delivery looks at; the rest goes through unread.
#[derive(Deserialize)]
struct Looked<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "messageId")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "userId")]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "anonymousId")]
    anonymous_id: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

pub fn read(record: &Record, routing: &Routing) -> Reading {
    let Some(value) = &record.value else {
        let user = record.key.clone().unwrap_or_default();
        return if record.delete { Reading::Delete { user } } else { Reading::Skip };
    };
    match read_message(record, value, routing) {
        Ok(reading) => reading,
        Err((reason, detail)) => Reading::Dead { reason, detail },
    }
}

fn read_message(record: &Record, value: &[u8], routing: &Routing) -> Result<Reading, (DeadReason, String)> {
    let looked = look(value)?;
    let kind = text(looked.kind).and_then(|name| Kind::named(&name));
    let Some(kind) = kind else {
        return Err((DeadReason::NoType, "`type` is none of Segment's calls".to_owned()));
    };
    let message_id = text(looked.message_id).filter(|id| !id.is_empty()).ok_or_else(|| {
        (DeadReason::NoMessageId, "without a `messageId` a repeated delivery could not be recognised".to_owned())
    })?;
    if routing.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&kind)) {
        return Ok(Reading::Skip);
    }
    let mut cut = None;
    if let (Kind::Track, Some(events)) = (kind, &routing.events)
        && !text(looked.event).is_some_and(|event| events.contains(&event))
    {
        return Ok(Reading::Skip);
    }
    if let (Kind::Identify, Some(traits)) = (kind, &routing.traits) {
        match cut_traits(value, &message_id, traits) {
            Cut::Whole => {}
            Cut::Nothing => return Ok(Reading::Skip),
            Cut::Less(bytes) => cut = Some(bytes),
        }
    }
    let bytes = cut.as_ref().map_or(value.len(), Vec::len);
    if bytes >= ITEM_BYTES_END {
        return Err((DeadReason::TooLarge, format!("{bytes} bytes; an item must be below {ITEM_BYTES_END}")));
    }
    let user = record.key.clone().filter(|key| !key.is_empty());
    let user = user.or_else(|| text(looked.user_id).or_else(|| text(looked.anonymous_id)).map(String::into_bytes));
    Ok(Reading::Send { user: user.unwrap_or_default(), cut })
}

fn look(value: &[u8]) -> Result<Looked<'_>, (DeadReason, String)> {
    let not_json = |e: serde_json::Error| (DeadReason::NotJson, e.to_string());
    let first = value.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'{') {
        return serde_json::from_slice(value).map_err(not_json);
    }
    let _: serde::de::IgnoredAny = serde_json::from_slice(value).map_err(not_json)?;
    Err((DeadReason::NotAnObject, "a message is a JSON object".to_owned()))
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

enum Cut {
    Whole,
    Less(Vec<u8>),
    Nothing,
}

/// Raw values all the way: numbers and escapes of what stays are sent as they were written.
fn cut_traits(value: &[u8], message_id: &str, wanted: &BTreeSet<String>) -> Cut {
    type Fields<'a> = BTreeMap<String, &'a RawValue>;
    let Ok(mut message) = serde_json::from_slice::<Fields>(value) else { return Cut::Whole };
    let all: Fields = match message.get("traits").map(|raw| serde_json::from_str(raw.get())) {
        Some(Ok(traits)) => traits,
        Some(Err(_)) | None => return Cut::Nothing,
    };
    let kept: Fields = all.iter().filter(|(name, _)| wanted.contains(*name)).map(|(n, v)| (n.clone(), *v)).collect();
    if kept.is_empty() {
        return Cut::Nothing;
    }
    if kept.len() == all.len() {
        return Cut::Whole;
    }
    let traits = written(&kept);
    // The receiver de-duplicates over all of a workspace's sources: a part under the whole's id would be dropped
    // wherever another sidecar has delivered the other part.
    let names = kept.keys().fold(Vec::new(), |mut all, name| {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all
    });
    let id = format!("{message_id}-{:016x}", xxhash_rust::xxh3::xxh3_64(&names));
    let id = written(&id);
    message.insert("traits".to_owned(), &traits);
    message.insert("messageId".to_owned(), &id);
    Cut::Less(serde_json::to_vec(&message).expect("a map of raw values is always written"))
}

fn written(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts and maps of raw values are always written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> Record {
        Record { key: Some(b"u1".to_vec()), value: Some(value.as_bytes().to_vec()), ..Record::default() }
    }

    fn names(names: &[&str]) -> Option<BTreeSet<String>> {
        Some(names.iter().map(|&n| n.to_owned()).collect())
    }

    fn dead(value: &str) -> Option<DeadReason> {
        match read(&record(value), &Routing::default()) {
            Reading::Dead { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn a_message_goes_as_it_came() {
        let read = read(
            &record(r#"{"type":"track","messageId":"m","event":"e","n":1e400,"s":"\ud800"}"#),
            &Routing::default(),
        );
        assert_eq!(read, Reading::Send { user: b"u1".to_vec(), cut: None });
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        for (value, reason) in [
            ("{", DeadReason::NotJson),
            ("", DeadReason::NotJson),
            (r#"{"type":"track"} x"#, DeadReason::NotJson),
            ("[1]", DeadReason::NotAnObject),
            ("{}", DeadReason::NoType),
            (r#"{"type":"shout","messageId":"m"}"#, DeadReason::NoType),
            (r#"{"type":"track"}"#, DeadReason::NoMessageId),
            (r#"{"type":"track","messageId":7}"#, DeadReason::NoMessageId),
            (r#"{"type":"track","messageId":""}"#, DeadReason::NoMessageId),
        ] {
            assert_eq!(dead(value), Some(reason), "{value}");
        }
    }

    #[test]
    fn an_item_of_32_kb_is_too_large_and_one_byte_less_is_not() {
        let head = r#"{"type":"track","messageId":"m","x":""#;
        let of = |bytes: usize| format!("{head}{}\"}}", "é".repeat((bytes - head.len() - 2) / 2));
        let (fits, over) = (of(ITEM_BYTES_END - 1), of(ITEM_BYTES_END + 1));
        assert_eq!((fits.len(), over.len()), (ITEM_BYTES_END - 1, ITEM_BYTES_END + 1));
        assert_eq!(dead(&fits), None);
        assert_eq!(dead(&over), Some(DeadReason::TooLarge));
        assert_eq!(dead(&format!("{fits} ")), Some(DeadReason::TooLarge));
    }

    #[test]
    fn a_record_without_value_is_a_delete_only_by_its_header() {
        let mut tombstone = Record { key: Some(b"u1".to_vec()), ..Record::default() };
        assert_eq!(read(&tombstone, &Routing::default()), Reading::Skip);
        tombstone.delete = true;
        assert_eq!(read(&tombstone, &Routing::default()), Reading::Delete { user: b"u1".to_vec() });
    }

    #[test]
    fn routing_by_kind_and_event() {
        let track = record(r#"{"type":"Track","messageId":"m","event":"mk_ready_to_buy"}"#);
        let tracks = Routing { kinds: Some([Kind::Track].into()), ..Routing::default() };
        let identifies = Routing { kinds: Some([Kind::Identify].into()), ..Routing::default() };
        let other = Routing { events: names(&["other"]), ..Routing::default() };
        let this = Routing { events: names(&["mk_ready_to_buy"]), ..Routing::default() };
        assert!(matches!(read(&track, &tracks), Reading::Send { .. }));
        assert!(matches!(read(&track, &this), Reading::Send { .. }));
        assert_eq!(read(&track, &identifies), Reading::Skip);
        assert_eq!(read(&track, &other), Reading::Skip);
    }

    #[test]
    fn an_identify_keeps_the_listed_traits_exactly_under_an_id_of_its_own() {
        let routing = |list: &[&str]| Routing { traits: names(list), ..Routing::default() };
        let it = record(r#"{"type":"identify","messageId":"m","traits":{"a":18446744073709551617,"b":"\u00e9"}}"#);
        let Reading::Send { cut: Some(cut), .. } = read(&it, &routing(&["a"])) else { panic!("not cut") };
        let cut = String::from_utf8(cut).unwrap();
        assert!(cut.contains(r#""traits":{"a":18446744073709551617}"#), "{cut}");
        assert!(cut.contains(r#""messageId":"m-"#), "{cut}");
        assert_eq!(read(&it, &routing(&["z"])), Reading::Skip);
        assert_eq!(read(&it, &routing(&["a", "b"])), Reading::Send { user: b"u1".to_vec(), cut: None });
    }

    #[test]
    fn a_message_without_key_belongs_to_its_user_id() {
        let mut it = record(r#"{"type":"track","messageId":"m","userId":"u9"}"#);
        it.key = None;
        assert_eq!(read(&it, &Routing::default()), Reading::Send { user: b"u9".to_vec(), cut: None });
    }
}
