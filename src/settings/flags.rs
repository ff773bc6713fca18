//! Settings that commands take as flags, too: read and judged as where they are written. It must not know the commands.

use std::str::FromStr;

use super::keys;
use super::kind::{Scalar, Value};

/// `raw.unwrap`: keys of the path to the message inside a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwrap(pub Vec<String>);

/// `raw.dedupe_window`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupeWindow(pub i64);

impl FromStr for Unwrap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match read("raw.unwrap", text)? {
            Value::Texts(keys) => Ok(Self(keys)),
            _ => Ok(Self(Vec::new())),
        }
    }
}

impl FromStr for DedupeWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match read("raw.dedupe_window", text)? {
            Value::Millis(window) => Ok(Self(window)),
            _ => Err("wants a duration".to_owned()),
        }
    }
}

fn read(name: &str, text: &str) -> Result<Value, String> {
    keys::find(name).expect("it is among the settings").kind.read(&Scalar::Plain(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_judged_as_settings_are() {
        assert_eq!("a.b".parse(), Ok(Unwrap(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!("".parse(), Ok(Unwrap(Vec::new())));
        assert_eq!("48h".parse(), Ok(DedupeWindow(48 * 3_600_000)));
        for wrong in ["a..b", ".a", "a.", "."] {
            assert!(wrong.parse::<Unwrap>().is_err(), "{wrong}");
        }
        for wrong in ["10m", "90m", "0s", "31d", "soon", ""] {
            assert!(wrong.parse::<DedupeWindow>().is_err(), "{wrong}");
        }
    }
}
