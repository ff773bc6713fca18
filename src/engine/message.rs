//! Outgoing messages as bytes: what Segment's HTTP API takes. It knows nothing of why one is sent.

use super::Millis;
use super::event::{Value, time, write_text};

/// Bytes a message may have; Segment drops items of 32 KB without a word.
const BYTES_MAX: usize = 31_000;

/// One trait or property.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    pub name: &'a str,
    pub value: FieldValue<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    Null,
    Bool(bool),
    /// A number as it came.
    Number(&'a str),
    Text(std::borrow::Cow<'a, str>),
    Texts(Vec<String>),
}

impl<'a> FieldValue<'a> {
    /// A scalar; `None` for anything else.
    pub fn scalar(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(Self::Bool(b)),
            Value::Number(n) => Some(Self::Number(n.text)),
            Value::Text(text) => Some(Self::Text(text)),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => write_text(out, text),
            Self::Texts(texts) => {
                out.push(b'[');
                for (i, text) in texts.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_text(out, text);
                }
                out.push(b']');
            }
        }
    }
}

/// What makes a message this one and no other.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub user: &'a str,
    pub at: Millis,
    pub playbook: &'a str,
    /// Messages sent for this profile before.
    pub before: u64,
}

/// What a message is.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    Identify,
    /// The event's name.
    Track(&'a str),
}

/// The message, and how many values were left out to keep it within limits.
pub fn write(what: What<'_>, identity: Identity<'_>, fields: &mut Vec<Field<'_>>) -> (Vec<u8>, u64) {
    let mut left_out = 0;
    loop {
        let message = write_all(what, identity, fields);
        if message.len() <= BYTES_MAX {
            return (message, left_out);
        }
        let size = |field: &Field<'_>| {
            let mut bytes = Vec::new();
            field.value.write(&mut bytes);
            bytes.len()
        };
        // The first of the longest.
        let Some(longest) = (0..fields.len()).rev().max_by_key(|i| size(&fields[*i])) else {
            return (message, left_out);
        };
        fields.remove(longest);
        left_out += 1;
    }
}

fn write_all(what: What<'_>, identity: Identity<'_>, fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(768);
    out.extend_from_slice(match what {
        What::Identify => b"{\"type\":\"identify\",\"messageId\":\"kairos-",
        What::Track(_) => b"{\"type\":\"track\",\"messageId\":\"kairos-",
    });
    let id = out.len();
    out.extend_from_slice(&[b'0'; ID_DIGITS]);
    out.extend_from_slice(b"\",\"userId\":");
    write_text(&mut out, identity.user);
    out.extend_from_slice(b",\"timestamp\":\"");
    out.extend_from_slice(time::format(identity.at).as_bytes());
    match what {
        What::Identify => out.extend_from_slice(b"\",\"traits\":"),
        What::Track(event) => {
            out.extend_from_slice(b"\",\"event\":");
            write_text(&mut out, event);
            out.extend_from_slice(b",\"properties\":");
        }
    }
    let body = out.len();
    write_object(&mut out, fields);
    let hash = message_id(what, identity, &out[body..]);
    for (nth, place) in out[id..id + ID_DIGITS].iter_mut().enumerate() {
        *place = b"0123456789abcdef"[(hash >> (4 * (ID_DIGITS - 1 - nth)) & 15) as usize];
    }
    out.extend_from_slice(CONTEXT.as_bytes());
    // It may wait for its commit among thousands.
    out.shrink_to_fit();
    out
}

/// Hex digits of a message's id.
const ID_DIGITS: usize = 32;

/// `active: false` keeps a message from counting as activity of the user; the library's name is the loop guard.
const CONTEXT: &str = concat!(
    r#","context":{"active":false,"library":{"name":"kairos","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);

fn write_object(out: &mut Vec<u8>, fields: &[Field<'_>]) {
    out.push(b'{');
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(out, field.name);
        out.push(b':');
        field.value.write(out);
    }
    out.push(b'}');
}

/// Segment drops a second message of the same id, so it must say all that makes one message another.
fn message_id(what: What<'_>, identity: Identity<'_>, body: &[u8]) -> u128 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match what {
        What::Identify => {
            part(b"identify");
            part(body);
        }
        What::Track(event) => {
            part(b"track");
            part(event.as_bytes());
        }
    }
    part(identity.user.as_bytes());
    part(identity.playbook.as_bytes());
    part(&identity.at.to_le_bytes());
    part(&identity.before.to_le_bytes());
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Identity<'_> = Identity { user: "u\"1", at: 1_457_809_861_266, playbook: "3f9a", before: 0 };

    #[test]
    fn an_identify() {
        let mut fields = vec![
            Field { name: "email", value: FieldValue::Text("a@b.c".into()) },
            Field { name: "n", value: FieldValue::Number("1.0") },
            Field { name: "gone", value: FieldValue::Null },
        ];
        let (bytes, _) = write(What::Identify, WHO, &mut fields);
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        let (head, tail) = text.split_at(text.find("kairos-").expect("an id") + 7 + 32);
        assert!(head.starts_with(r#"{"type":"identify","messageId":"kairos-"#), "{head}");
        assert_eq!(
            tail,
            concat!(
                r#"","userId":"u\"1","timestamp":"2016-03-12T19:11:01.266Z","traits":{"email":"a@b.c","n":1.0,"gone":null},"#,
                r#""context":{"active":false,"library":{"name":"kairos","version":"0.1.0"}}}"#
            )
        );
    }

    #[test]
    fn the_longest_values_are_left_out() {
        let long = "x".repeat(20_000);
        let mut fields: Vec<Field<'_>> =
            ["a", "b", "c"].map(|name| Field { name, value: FieldValue::Text(long.as_str().into()) }).into();
        fields[2].value = FieldValue::Text("short".into());
        let (bytes, left_out) = write(What::Identify, WHO, &mut fields);
        assert_eq!((left_out, fields.len()), (1, 2));
        assert!(bytes.len() <= BYTES_MAX);
    }

    #[test]
    fn ids_tell_messages_apart() {
        let id = |what, who| message_id(what, who, b"{}");
        let first = id(What::Track("mk_a"), WHO);
        assert_eq!(first, id(What::Track("mk_a"), WHO));
        assert_ne!(first, id(What::Track("mk_b"), WHO));
        assert_ne!(first, id(What::Track("mk_a"), Identity { before: 1, ..WHO }));
        assert_ne!(first, id(What::Identify, WHO));
    }
}
