//! A value kept of a person as it came: numbers with their text, lists and objects as JSON.
//!
//! Payload: one byte for the type, then the text.

use super::super::event::Value;

pub fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.push(b'0'),
        Value::Bool(b) => out.push(if *b { b't' } else { b'f' }),
        Value::Number(n) => {
            out.push(b'n');
            out.extend_from_slice(n.text.as_bytes());
        }
        Value::Text(text) => {
            out.push(b's');
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(list) => {
            out.push(b'j');
            out.extend_from_slice(list.raw().as_bytes());
        }
        Value::Object(object) => {
            out.push(b'j');
            out.extend_from_slice(object.raw().as_bytes());
        }
    }
}

/// Null for what is not there, and for bytes that make no sense.
pub fn read(payload: Option<&[u8]>) -> Value<'_> {
    let Some((kind, text)) = payload.and_then(|bytes| bytes.split_first()) else { return Value::Null };
    let Ok(text) = std::str::from_utf8(text) else { return Value::Null };
    match kind {
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b's' => Value::Text(text.into()),
        b'n' | b'j' => Value::from_json(text),
        _ => Value::Null,
    }
}

/// Whether a payload is a text's.
pub fn is_text(payload: &[u8]) -> bool {
    payload.first() == Some(&b's')
}
