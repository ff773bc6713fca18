//! An engine's actions as Kafka messages: which topic, which partition, which headers. It must not know producers.

use super::batch::{Destination, Message};
use super::raw::Raw;
use crate::engine::{Action, DeadLetter, Outgoing, Partitioner, partition};

/// Where a worker's messages go.
pub struct Outlet {
    pub raw_topic: String,
    pub partitioner: Partitioner,
    pub outgoing_partitions: i32,
    pub dead_partitions: i32,
    /// What the dead-letter topic takes in one message.
    pub dead_bytes_max: usize,
}

/// Room for what Kafka and our headers put around a value.
const OVERHEAD: usize = 1_024;

impl Outlet {
    /// `cause`: the record being stepped, if one is.
    pub fn message(&self, origin: i32, action: Action, cause: Option<&Raw<'_>>) -> Message {
        match action {
            Action::Emit(outgoing) => self.emit(origin, outgoing),
            Action::DeadLetter(letter) => self.dead(origin, letter, cause),
        }
    }

    fn emit(&self, origin: i32, outgoing: Outgoing) -> Message {
        let mut headers = Vec::new();
        if outgoing.value.is_none() {
            headers.push(("kairos-kind", b"delete".to_vec()));
        }
        if let Some(offset) = outgoing.cause {
            headers.push(self.source(origin, offset));
        }
        let key = outgoing.key.into_bytes();
        Message {
            origin,
            destination: Destination::Outgoing,
            partition: partition::of_key(self.partitioner, &key, self.outgoing_partitions),
            key: Some(key),
            value: outgoing.value,
            headers,
        }
    }

    fn dead(&self, origin: i32, letter: DeadLetter, cause: Option<&Raw<'_>>) -> Message {
        let mut headers = vec![
            ("kairos-reason", letter.reason.as_str().as_bytes().to_vec()),
            ("kairos-detail", letter.detail.into_bytes()),
            self.source(origin, letter.offset),
        ];
        let cause = cause.filter(|raw| raw.offset == letter.offset);
        if let Some(times) = cause.and_then(replayed) {
            headers.push(("kairos-replayed", times.to_string().into_bytes()));
        }
        let mut value = cause.and_then(|raw| raw.value.map(<[u8]>::to_vec));
        if let Some((index, item)) = letter.item {
            headers.push(("kairos-item", index.to_string().into_bytes()));
            value = Some(item);
        }
        let mut key = cause.and_then(|raw| raw.key.map(<[u8]>::to_vec));
        let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        if size(&key) + size(&value) + OVERHEAD > self.dead_bytes_max {
            // The topic would refuse it for ever, and everything behind it would wait.
            headers.push(("kairos-size", size(&value).to_string().into_bytes()));
            let hash = blake3::hash(value.as_deref().unwrap_or_default());
            headers.push(("kairos-hash", hash.to_hex().as_bytes().to_vec()));
            value = Some(Vec::new());
            key = key.filter(|key| key.len() + OVERHEAD <= self.dead_bytes_max);
        }
        let partition = origin % self.dead_partitions;
        Message { origin, destination: Destination::Dead, partition, key, value, headers }
    }

    fn source(&self, partition: i32, offset: i64) -> (&'static str, Vec<u8>) {
        ("kairos-source", format!("{}/{partition}/{offset}", self.raw_topic).into_bytes())
    }
}

/// How often an operator has sent it again. Anybody can write headers, so it counts only as the number it should be.
fn replayed(cause: &Raw<'_>) -> Option<u32> {
    std::str::from_utf8(cause.header(c"kairos-replayed")?).ok()?.parse().ok()
}

/// Partition and offset that a `kairos-source` of this topic names.
pub fn source_in(source: &[u8], topic: &str) -> Option<(i32, i64)> {
    let rest = std::str::from_utf8(source).ok()?.strip_prefix(topic)?.strip_prefix('/')?;
    let (partition, offset) = rest.split_once('/')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Reason;

    fn outlet() -> Outlet {
        Outlet {
            raw_topic: "raw".to_owned(),
            partitioner: Partitioner::Murmur2,
            outgoing_partitions: 4,
            dead_partitions: 2,
            dead_bytes_max: 5_000,
        }
    }

    fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
        message.headers.iter().find(|header| header.0 == name).map(|header| std::str::from_utf8(&header.1).unwrap())
    }

    fn letter(item: Option<(u32, Vec<u8>)>) -> Action {
        Action::DeadLetter(DeadLetter { offset: 9, reason: Reason::NotJson, detail: "why".to_owned(), item })
    }

    #[test]
    fn an_outgoing_message_goes_where_its_key_belongs() {
        let emit = |value| Action::Emit(Outgoing { key: "21".to_owned(), value, cause: Some(9) });
        let message = outlet().message(3, emit(Some(b"{}".to_vec())), None);
        assert_eq!((message.partition, message.destination), (0, Destination::Outgoing));
        assert_eq!(header(&message, "kairos-source"), Some("raw/3/9"));
        assert_eq!(header(&message, "kairos-kind"), None);
        assert_eq!(header(&outlet().message(3, emit(None), None), "kairos-kind"), Some("delete"));
    }

    #[test]
    fn a_dead_letter_has_its_bytes_and_its_reason() {
        let raw = Raw { offset: 9, time: None, key: Some(b"k"), value: Some(b"\xff"), fetched: None };
        let message = outlet().message(3, letter(None), Some(&raw));
        assert_eq!((message.key.as_deref(), message.value.as_deref()), (Some(&b"k"[..]), Some(&b"\xff"[..])));
        assert_eq!(message.partition, 1);
        assert_eq!(header(&message, "kairos-reason"), Some("not_json"));
        assert_eq!(header(&message, "kairos-detail"), Some("why"));
        let item = outlet().message(3, letter(Some((2, b"item".to_vec()))), Some(&raw));
        assert_eq!(item.value.as_deref(), Some(&b"item"[..]));
        assert_eq!(header(&item, "kairos-item"), Some("2"));
    }

    #[test]
    fn what_does_not_fit_goes_without_its_bytes() {
        let raw = Raw { offset: 9, time: None, key: Some(&[1; 6_000]), value: Some(&[2; 6_000]), fetched: None };
        let message = outlet().message(0, letter(None), Some(&raw));
        assert_eq!((message.key.as_deref(), message.value.as_deref()), (None, Some(&b""[..])));
        assert_eq!(header(&message, "kairos-size"), Some("6000"));
        assert_eq!(header(&message, "kairos-hash").unwrap().len(), 64);
    }

    #[test]
    fn only_a_place_in_this_topic_counts() {
        assert_eq!(source_in(b"raw/3/17", "raw"), Some((3, 17)));
        for other in ["raw.dead/3/17", "row/3/17", "raw/3", "raw/x/17", ""] {
            assert_eq!(source_in(other.as_bytes(), "raw"), None, "{other}");
        }
    }
}
