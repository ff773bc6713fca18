//! A dead letter as it lies in its topic, and its place there. It must not know what a reason means.

use std::fmt;
use std::str::FromStr;

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::engine::Millis;

/// Partition and offset, written `3/17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub place: Place,
    /// When it was written.
    pub time: Millis,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Letter {
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            place: Place::of(message),
            time: message.timestamp().to_millis().unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect(),
        }
    }

    /// Of a header that comes more than once, the last.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rfind(|(header, _)| header == name).map(|(_, value)| value.as_slice())
    }

    /// For people.
    pub fn text(&self, name: &str) -> Option<String> {
        self.header(name).map(super::show::readable)
    }

    pub fn reason(&self) -> String {
        self.text("kairos-reason").unwrap_or_else(|| "(none)".to_owned())
    }

    /// How often it had been sent again when it failed.
    pub fn replayed(&self) -> u32 {
        self.header("kairos-replayed").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()).unwrap_or(0)
    }

    /// It did not fit into its topic, which has only where it came from.
    pub fn is_left_out(&self) -> bool {
        self.value.is_none() || self.header("kairos-size").is_some()
    }
}

impl Place {
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        Self { partition: message.partition(), offset: message.offset() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(partition, offset)| {
            Some(Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
        });
        numbers
            .filter(|place| place.partition >= 0 && place.offset >= 0)
            .ok_or_else(|| "say partition and offset, such as `3/17`".to_owned())
    }
}

#[cfg(test)]
pub fn sample(offset: i64, headers: &[(&str, &str)]) -> Letter {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Letter {
        place: Place { partition: 1, offset },
        time: 1_000 * offset,
        key: Some(b"u1".to_vec()),
        value: Some(b"{}".to_vec()),
        headers: headers.iter().map(header).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        assert_eq!("3/17".parse(), Ok(Place { partition: 3, offset: 17 }));
        assert_eq!(Place { partition: 3, offset: 17 }.to_string(), "3/17");
        for wrong in ["", "3", "3/", "/17", "-1/17", "3/-1", "a/b", "3/17/1"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_letter_knows_how_often_it_was_sent_and_whether_it_is_all_there() {
        assert_eq!(sample(1, &[]).replayed(), 0);
        assert_eq!(sample(1, &[("kairos-replayed", "1"), ("kairos-replayed", "2")]).replayed(), 2);
        assert!(!sample(1, &[]).is_left_out());
        assert!(sample(1, &[("kairos-size", "9")]).is_left_out());
        assert!(Letter { value: None, ..sample(1, &[]) }.is_left_out());
    }
}
