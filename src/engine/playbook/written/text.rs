//! Where a byte of a TOML text lies in the file: quotes and escapes shift everything behind them.

use super::At;
use crate::engine::playbook::mistake::Span;

/// The place in the file of a range of bytes of a text's value. `file` is the whole file.
pub fn place(file: &str, text: &At<String>, inner: Span) -> Span {
    let Some(raw) = file.get(text.span.clone()) else { return text.span.clone() };
    match offsets(raw, &text.value) {
        Some(offsets) => {
            let at = |inner: usize| text.span.start + offsets[inner.min(text.value.len())];
            let start = at(inner.start);
            // The end of the last byte in it, so that an escape right behind is not part of it.
            let end = if inner.end > inner.start {
                at(inner.end - 1) + step(raw, at(inner.end - 1) - text.span.start)
            } else {
                start
            };
            start..floor(file, end.max(start))
        }
        None => text.span.clone(),
    }
}

/// For each byte of the value, and its end, the offset in the text as written. `None` when the two don't fit
/// together, which a text that TOML accepted never shows.
fn offsets(raw: &str, value: &str) -> Option<Vec<usize>> {
    let (open, escapes) = opening(raw)?;
    let mut offsets = Vec::with_capacity(value.len() + 1);
    let mut at = open;
    for sign in value.chars() {
        at += skipped(&raw[at..], escapes);
        let rest = &raw[at..];
        offsets.extend(std::iter::repeat_n(at, sign.len_utf8()));
        at += match rest.chars().next()? {
            '\\' if escapes => escape_length(rest),
            // TOML reads either line ending as it finds it, or as `\n`.
            '\r' if sign == '\n' => 2,
            found if found == sign => sign.len_utf8(),
            _ => return None,
        };
    }
    offsets.push(at);
    Some(offsets)
}

/// Length of the opening quotes (a first line break belongs to them), and whether escapes count.
fn opening(raw: &str) -> Option<(usize, bool)> {
    let quote = raw.chars().next()?;
    let long = ["\"\"\"", "'''"].iter().any(|quotes| raw.starts_with(quotes)) && raw.len() >= 6;
    let mut open = if long { 3 } else { 1 };
    if long {
        open += ["\r\n", "\n"].iter().find(|end| raw[open..].starts_with(**end)).map_or(0, |end| end.len());
    }
    matches!(quote, '"' | '\'').then_some((open, quote == '"'))
}

/// A backslash at a line's end and all blanks behind it stand for nothing.
fn skipped(rest: &str, escapes: bool) -> usize {
    let mut skipped = 0;
    while escapes && rest[skipped..].starts_with('\\') {
        let behind = &rest[skipped + 1..];
        let blanks = behind.len() - behind.trim_start_matches([' ', '\t', '\r', '\n']).len();
        if !behind[..blanks].contains('\n') {
            break;
        }
        skipped += 1 + blanks;
    }
    skipped
}

fn escape_length(rest: &str) -> usize {
    let length = match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    };
    length.min(rest.len())
}

/// Bytes that the sign at `at` takes as written.
fn step(raw: &str, at: usize) -> usize {
    let rest = &raw[at..];
    match rest.chars().next() {
        Some('\\') if raw.starts_with('"') => escape_length(rest),
        Some(sign) => sign.len_utf8(),
        None => 0,
    }
}

/// The nearest character boundary not behind `at`.
fn floor(file: &str, at: usize) -> usize {
    let at = at.min(file.len());
    (0..=at).rev().find(|at| file.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the file shows at the place of `wanted` in the value.
    fn shown(file: &str, value: &str, wanted: &str) -> String {
        let start = file.find(['"', '\'']).unwrap();
        let text = At { value: value.to_string(), span: start..file.len() };
        let inner = value.find(wanted).unwrap();
        file[place(file, &text, inner..inner + wanted.len())].to_string()
    }

    #[test]
    fn places_in_texts() {
        assert_eq!(shown("k = 'ab cd'", "ab cd", "cd"), "cd");
        assert_eq!(shown(r#"k = "x == \"é\" && cd""#, "x == \"é\" && cd", "cd"), "cd");
        assert_eq!(shown(r#"k = "x == \"é\" && cd""#, "x == \"é\" && cd", "\"é\""), r#"\"é\""#);
        assert_eq!(shown("k = '''\nab\ncd'''", "ab\ncd", "cd"), "cd");
        assert_eq!(shown("k = \"\"\"ab \\\n   cd\"\"\"", "ab cd", "cd"), "cd");
        assert_eq!(shown(r#"k = "\u00e9 cd""#, "é cd", "cd"), "cd");
    }

    #[test]
    fn a_text_that_does_not_fit_is_shown_whole() {
        let text = At { value: "something else".into(), span: 0..4 };
        assert_eq!(place("'ab'", &text, 3..5), 0..4);
        assert_eq!(place("'ab'", &At { value: String::new(), span: 0..9 }, 0..0), 0..9);
    }
}
