//! Texts of JSON: from their escaped form to the characters they mean, and back. It knows nothing of events.

use std::borrow::Cow;

/// The characters of a text that the scanner has checked. A lone surrogate becomes U+FFFD.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = one_escape(&rest[at + 1..], &mut out);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Takes what follows a backslash; returns the rest.
fn one_escape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let mut chars = rest.chars();
    let char = match chars.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return one_unit(chars.as_str(), out),
        Some(itself) => itself,
        None => return "",
    };
    out.push(char);
    chars.as_str()
}

/// Takes the four digits behind `\u`, and a second such escape when the two are a pair of surrogates.
fn one_unit<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let Some((unit, rest)) = hex(rest) else { return "" };
    if (0xd800..0xdc00).contains(&unit)
        && let Some((low, behind)) = rest.strip_prefix("\\u").and_then(hex)
        && (0xdc00..0xe000).contains(&low)
    {
        let pair = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        out.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
        return behind;
    }
    out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

fn hex(rest: &str) -> Option<(u32, &str)> {
    let (digits, rest) = rest.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends a text as JSON, in quotes: the one form in which we write it. Only what must be escaped is.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // Without an early end, many bytes are looked at in one step; nearly no text has anything to escape.
    if text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
        write_escaped(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| is_escaped(*byte)) {
        out.extend_from_slice(&text.as_bytes()[done..at]);
        done = at + 1;
        write_escape(out, byte);
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_their_characters() {
        for (raw, means) in [
            (r"plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e9\u0000!", "é\0!"),
            (r"\ud83d\ude00 \uD83D\uDE00", "😀 😀"),
            (r"\ud800", "\u{fffd}"),
            (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
            (r"\ud800\ud83d\ude00", "\u{fffd}😀"),
            (r"\ud800x\n", "\u{fffd}x\n"),
            (r"\ud800\u0041", "\u{fffd}A"),
        ] {
            assert_eq!(unescape(raw), means, "{raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_what_serde_writes(text in ".*") {
            let mut out = Vec::new();
            write_text(&mut out, &text);
            proptest::prop_assert_eq!(&out, &serde_json::to_vec(&text).unwrap());
            let inner = std::str::from_utf8(&out[1..out.len() - 1]).unwrap();
            proptest::prop_assert_eq!(unescape(inner), text);
        }
    }
}
