//! Patterns of `matches`: RE2's syntax on the `regex` crate, whose time is linear in the text too.
//!
//! The two differ in what the short classes mean: in RE2 `\d`, `\w`, `\s`, `\b` and `\B` are about ASCII. And RE2 has
//! `\Q…\E`, octal codes, and takes a brace that counts nothing as itself.

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
    let out = String::with_capacity(pattern.len() + 16);
    let mut translation = Translation { rest: pattern, in_class: false, out };
    while let Some(sign) = translation.rest.chars().next() {
        translation.rest = &translation.rest[sign.len_utf8()..];
        translation.sign(sign);
    }
    translation.out
}

struct Translation<'a> {
    rest: &'a str,
    /// Between `[` and `]`.
    in_class: bool,
    out: String,
}

impl Translation<'_> {
    fn sign(&mut self, sign: char) {
        match sign {
            '\\' => self.escape(),
            '[' if self.in_class && !self.rest.starts_with(':') => self.out.push_str("\\["),
            '[' if self.in_class => {
                // `[:alpha:]` ends with the next `]`, which does not end the class around it.
                self.out.push('[');
                self.copy(self.rest.find(":]").map_or(0, |at| at + 2));
            }
            '[' => self.class(),
            ']' => {
                self.in_class = false;
                self.out.push(']');
            }
            // Set operations of the crate are plain signs in RE2, and so is a brace that counts nothing.
            '&' | '~' if self.in_class => self.literal(sign),
            '{' if !self.in_class && !counts(self.rest) => self.literal(sign),
            _ => self.out.push(sign),
        }
    }

    fn class(&mut self) {
        self.in_class = true;
        self.out.push('[');
        for first in ['^', ']'] {
            if let Some(rest) = self.rest.strip_prefix(first) {
                self.out.push_str(if first == ']' { "\\]" } else { "^" });
                self.rest = rest;
            }
        }
    }

    fn escape(&mut self) {
        let digits = octal(self.rest);
        if digits > 0 {
            let code = u32::from_str_radix(&self.rest[..digits], 8).expect("octal digits");
            self.out.push_str(&format!("\\x{{{code:x}}}"));
            self.rest = &self.rest[digits..];
            return;
        }
        let mut signs = self.rest.chars();
        let Some(sign) = signs.next() else { return self.out.push('\\') };
        self.rest = signs.as_str();
        match sign {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            's' => self.out.push_str("[\\t\\n\\f\\r ]"),
            'S' => self.out.push_str("[^\\t\\n\\f\\r ]"),
            'b' if !self.in_class => self.out.push_str("(?-u:\\b)"),
            'B' if !self.in_class => self.out.push_str("(?-u:\\B)"),
            'Q' if !self.in_class => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(quoted));
                self.rest = rest;
            }
            // Signs that mean a word's edge to the crate, and themselves to RE2.
            '<' | '>' => self.out.push(sign),
            // Their braces name something.
            'p' | 'P' | 'x' if self.rest.starts_with('{') => {
                self.literal(sign);
                self.copy(self.rest.find('}').map_or(1, |at| at + 1));
            }
            _ => self.literal(sign),
        }
    }

    fn literal(&mut self, sign: char) {
        self.out.push('\\');
        self.out.push(sign);
    }

    fn copy(&mut self, bytes: usize) {
        let (copied, rest) = self.rest.split_at(bytes);
        self.out.push_str(copied);
        self.rest = rest;
    }
}

/// Whether the brace before this says how often: `{2}`, `{2,}` or `{2,3}`.
fn counts(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        None => is_number(inside),
    }
}

/// How many digits of a sign's octal code stand here: up to three; one alone is a code only when it is 0.
fn octal(rest: &str) -> usize {
    let digits = rest.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if digits == 1 && !rest.starts_with('0') { 0 } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_re2() {
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
            (r"^\p{Greek}\x{41}[\x{42}]$", "αAB", true),
            (r"\Bto", "éto", false),
            (r"\Bto", "into", true),
            (r"^{{name}}$", "{{name}}", true),
            (r"^a{,2}{$", "a{,2}{", true),
            (r"^a{2,3}{2}$", "aaaa", true),
            (r"^\Qa.b|[\E.$", "a.b|[c", true),
            (r"\Q(", "(", true),
            (r"^\101[\102]\0$", "AB\0", true),
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
        assert!(compile(r"a{2,1}").is_err());
        assert!(compile("(a{1000}){1000}").unwrap_err().contains("too large"));
        assert!(compile(&"a".repeat(3000)).is_err());
        assert!(compile("[").is_err());
        assert!(compile("\\").is_err());
    }
}
