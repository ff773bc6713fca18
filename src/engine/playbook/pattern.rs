//! Patterns of `matches`: RE2's syntax on the `regex` crate, whose time is linear in the text too.
//!
//! The two differ in what the short classes mean: in RE2 `\d`, `\w`, `\s` and `\b` are about ASCII.

use regex::{Regex, RegexBuilder};

/// Longest pattern in bytes.
const PATTERN_BYTES_MAX: usize = 2_000;
/// Most memory of one compiled pattern.
const COMPILED_BYTES_MAX: usize = 1 << 20;
const NESTED_MAX: u32 = 50;

/// The pattern compiled, or why it can't be.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("it has {} bytes; {PATTERN_BYTES_MAX} is the most", pattern.len()));
    }
    let built = RegexBuilder::new(&translated(pattern))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NESTED_MAX)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large when compiled".to_string(),
        // The last line says what is wrong; those before draw the translated pattern.
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_string(),
    })
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut signs = pattern.chars();
    let mut in_class = false;
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => escape(signs.next(), in_class, &mut out),
            '[' if in_class && !signs.as_str().starts_with(':') => out.push_str("\\["),
            '[' if in_class => {
                // `[:alpha:]` ends with the next `]`, which does not end the class around it.
                let end = signs.as_str().find(":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(&signs.as_str()[..end]);
                signs = signs.as_str()[end..].chars();
            }
            '[' => {
                in_class = true;
                out.push('[');
                for first in ['^', ']'] {
                    if let Some(rest) = signs.as_str().strip_prefix(first) {
                        out.push_str(if first == ']' { "\\]" } else { "^" });
                        signs = rest.chars();
                    }
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            // Set operations of the crate are plain signs in RE2.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(sign);
            }
            _ => out.push(sign),
        }
    }
    out
}

fn escape(sign: Option<char>, in_class: bool, out: &mut String) {
    match sign {
        Some('d') => out.push_str("[0-9]"),
        Some('D') => out.push_str("[^0-9]"),
        Some('w') => out.push_str("[0-9A-Za-z_]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
        Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
        Some('b') if !in_class => out.push_str("(?-u:\\b)"),
        // Signs that mean a word's edge to the crate, and themselves to RE2.
        Some(sign @ ('<' | '>')) => out.push(sign),
        Some(sign) => {
            out.push('\\');
            out.push(sign);
        }
        None => out.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_classes_are_ascii() {
        for (pattern, text, holds) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"\w", "é", false),
            (r"[\w.]+@", "a.b@", true),
            (r"^[^\s]$", "\u{a0}", true),
            (r"\bcto\b", "the cto", true),
            (r"^[[:alpha:]]+$", "ab", true),
            (r"^[]a]+$", "]a", true),
            (r"^[[a]+$", "[a", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"a|b", "xb", true),
            (r"(?i)CTO", "cto", true),
            (r"\.com$", "x.com", true),
        ] {
            let compiled = compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
            assert_eq!(compiled.is_match(text), holds, "{pattern} on {text}");
        }
    }

    #[test]
    fn bad_patterns_say_why() {
        assert!(compile("(").unwrap_err().contains("unclosed group"));
        assert!(compile("(?=a)").is_err(), "no look-around");
        assert!(compile(r"(a)\1").is_err(), "no back-references");
        assert!(compile("(a{1000}){1000}").unwrap_err().contains("too large"));
        assert!(compile(&"a".repeat(3000)).is_err());
        assert!(compile("[").is_err());
        assert!(compile("\\").is_err());
    }
}
