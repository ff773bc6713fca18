//! What is an id: texts and numbers, neither placeholders nor over 512 bytes. Knows nothing of who they belong to.

use std::borrow::Cow;

use super::json::{Kind, Span};
use super::number::as_id;
use super::text::unescape;

/// Bytes of UTF-8 an id may have.
pub(super) const BYTES_MAX: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id<'a> {
    /// There is none: the rest of a sentence that begins with the key.
    None(&'static str),
    TooLong,
    Is(Cow<'a, str>),
}

impl<'a> Id<'a> {
    /// What is used of an id that may be missing or too long without harm.
    pub fn usable(self) -> Option<Cow<'a, str>> {
        if let Self::Is(id) = self { Some(id) } else { None }
    }
}

/// Shared values that name nobody: they would merge strangers.
#[derive(Debug, Clone)]
pub(super) struct Placeholders {
    more: Vec<String>,
    /// First bytes of which some may begin a placeholder, or space before one. Most ids pass by this alone.
    suspects: [bool; 256],
}

const BUILT_IN: [&str; 9] = ["-1", "null", "undefined", "anonymous", "none", "nil", "nan", "(null)", "[object object]"];

impl Placeholders {
    pub fn new(more: &[String]) -> Self {
        let more: Vec<String> = more.iter().map(|text| text.trim().to_owned()).collect();
        let mut suspects = [false; 256];
        let first_bytes =
            BUILT_IN.iter().copied().chain(more.iter().map(String::as_str)).filter_map(|text| text.bytes().next());
        for byte in first_bytes.chain(*b"0- \t\n\x0b\x0c\r").chain(0x80..=0xff) {
            suspects[usize::from(byte.to_ascii_lowercase())] = true;
            suspects[usize::from(byte.to_ascii_uppercase())] = true;
        }
        Self { more, suspects }
    }

    pub fn read<'a>(&self, text: &'a str, span: Span) -> Id<'a> {
        let id = match span.kind {
            Kind::Text => Cow::Borrowed(span.of(text)),
            Kind::Escaped => unescape(span.of(text)),
            Kind::Number => match as_id(span.of(text), BYTES_MAX) {
                Some(id) => id,
                None => return Id::TooLong,
            },
            Kind::Absent | Kind::Null => return Id::None("is missing"),
            _ => return Id::None("is neither a text nor a number"),
        };
        if self.has(&id) {
            Id::None("is a placeholder, which is no id")
        } else if id.len() > BYTES_MAX {
            Id::TooLong
        } else {
            Id::Is(id)
        }
    }

    fn has(&self, id: &str) -> bool {
        let Some(first) = id.bytes().next() else { return true };
        if !self.suspects[usize::from(first)] {
            return false;
        }
        let id = id.trim();
        id.bytes().all(|byte| matches!(byte, b'0' | b'-'))
            || BUILT_IN.iter().any(|text| id.eq_ignore_ascii_case(text))
            || self.more.iter().any(|text| id.eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Scanner;
    use super::*;

    fn read(json: &str) -> Id<'_> {
        let span = Scanner::new(json, 0).value(0).unwrap();
        Placeholders::new(&["Guest ".into(), "ünknown".into()]).read(json, span)
    }

    #[test]
    fn placeholders_are_no_ids() {
        let built_in = BUILT_IN.iter().map(|text| format!("\"{text}\""));
        let more = [
            r#""""#,
            r#"" ""#,
            r#""\u00a0\t""#,
            r#""NULL""#,
            r#"" Undefined\n""#,
            r#""[Object object]""#,
            r#""0""#,
            r#""00000000-0000-0000-0000-000000000000""#,
            r#""-""#,
            "0",
            "-0",
            "0.0",
            "0e5",
            "-1",
            "-1.0",
            r#""guest""#,
            r#"" GUEST""#,
            r#""ünKNOWN""#,
            "\"\u{2003}nil\"",
        ];
        for json in built_in.chain(more.map(str::to_owned)) {
            assert_eq!(read(&json), Id::None("is a placeholder, which is no id"), "{json}");
        }
        let zeros = format!("\"{}\"", "0".repeat(600));
        assert!(matches!(read(&zeros), Id::None(_)));
    }

    #[test]
    fn all_else_is_as_written() {
        for (json, id) in [
            (r#""u1""#, "u1"),
            (r#"" u1 ""#, " u1 "),
            (r#""\u00e9\ud800\u0000""#, "é\u{fffd}\0"),
            (r#""null1""#, "null1"),
            (r#""0-1""#, "0-1"),
            (r#""ÜNKNOWN""#, "ÜNKNOWN"), // without regard to ASCII case only
            ("7.0", "7"),
            ("1.5", "1.5"),
            ("18446744073709551616", "18446744073709551616"),
        ] {
            assert_eq!(read(json), Id::Is(id.into()), "{json}");
        }
        for json in ["null", "true", "[]", "{}"] {
            assert!(matches!(read(json), Id::None(_)), "{json}");
        }
    }

    #[test]
    fn the_limit_is_in_bytes() {
        assert!(matches!(read(&format!("\"{}\"", "é".repeat(256))), Id::Is(_)));
        assert_eq!(read(&format!("\"{}x\"", "é".repeat(256))), Id::TooLong);
        assert_eq!(read("1e512"), Id::TooLong);
    }
}
