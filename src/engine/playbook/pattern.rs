//! Patterns of `matches`: RE2's syntax on the `regex` crate, whose time is linear in the text too.
//!
//! The two differ in what the short classes mean: in RE2 `\d`, `\w`, `\s`, `\b` and `\B` are about ASCII. And RE2 has
//! `\Q…\E`, octal codes, and takes a brace that counts nothing as itself; it has no operations on sets, no flags but
//! four, and refuses to repeat what is repeated.

use regex::{Regex, RegexBuilder};

/// Longest pattern in bytes.
const PATTERN_BYTES_MAX: usize = 2_000;
/// Most memory of one compiled pattern.
const COMPILED_BYTES_MAX: usize = 1 << 20;
const NESTED_MAX: u32 = 50;
/// As in RE2.
const REPEATED_MAX: u32 = 1_000;
const NAMED: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// The pattern compiled, or why it can't be.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("it has {} bytes; {PATTERN_BYTES_MAX} is the most", pattern.len()));
    }
    let built = RegexBuilder::new(&translated(pattern)?)
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

fn translated(pattern: &str) -> Result<String, String> {
    let out = String::with_capacity(pattern.len() + 16);
    let mut translation = Translation { rest: pattern, in_class: false, is_repeated: false, out };
    while let Some(sign) = translation.next() {
        translation.sign(sign)?;
    }
    Ok(translation.out)
}

struct Translation<'a> {
    rest: &'a str,
    /// Between `[` and `]`.
    in_class: bool,
    /// What stands last says how often.
    is_repeated: bool,
    out: String,
}

impl Translation<'_> {
    fn next(&mut self) -> Option<char> {
        let mut signs = self.rest.chars();
        let sign = signs.next();
        self.rest = signs.as_str();
        sign
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match sign {
            '*' | '+' | '?' => return self.repeat(&sign.to_string()),
            '{' => {
                if let Some(count) = count(self.rest)? {
                    self.rest = &self.rest[count.len()..];
                    return self.repeat(&format!("{{{count}"));
                }
                // A brace that counts nothing is a plain sign in RE2.
                self.literal(sign);
            }
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' if self.takes('?') => self.group()?,
            _ => self.out.push(sign),
        }
        self.is_repeated = false;
        Ok(())
    }

    fn repeat(&mut self, how_often: &str) -> Result<(), String> {
        if std::mem::replace(&mut self.is_repeated, true) {
            return Err(format!("`{how_often}` repeats what is repeated already"));
        }
        self.out.push_str(how_often);
        if self.takes('?') {
            self.out.push('?');
        }
        Ok(())
    }

    /// What stands behind `(?`: a name, or flags, of which RE2 has four and takes each as often as it comes.
    fn group(&mut self) -> Result<(), String> {
        self.out.push_str("(?");
        if self.rest.starts_with(['P', '<']) {
            return Ok(());
        }
        let end = self.rest.find([':', ')']).unwrap_or(self.rest.len());
        let (flags, rest) = self.rest.split_at(end);
        if let Some(wrong) = flags.chars().find(|flag| !"imsU-".contains(*flag)) {
            return Err(format!("`(?{wrong}` is none of RE2's groups"));
        }
        let halves: Vec<String> = flags.split('-').map(each_once).collect();
        self.out.push_str(&halves.join("-"));
        self.rest = rest;
        Ok(())
    }

    /// Signs, ranges of them, and named classes, up to `]`. Set operations of the crate are plain signs in RE2.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        self.in_class = true;
        if self.takes('^') {
            self.out.push('^');
        }
        let mut is_first = true;
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            if self.named_class()? {
                continue;
            }
            let Some(is_one) = self.class_sign()? else { return Ok(()) };
            let is_range = is_one && self.rest.starts_with('-') && !self.rest[1..].starts_with(']');
            if is_range && self.rest.len() > 1 {
                self.rest = &self.rest[1..];
                self.out.push('-');
                self.class_sign()?;
            }
        }
        self.takes(']');
        self.out.push(']');
        self.in_class = false;
        Ok(())
    }

    /// `[:alpha:]`. A `[` that opens none is a sign.
    fn named_class(&mut self) -> Result<bool, String> {
        let Some(end) = self.rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) else { return Ok(false) };
        let (named, rest) = self.rest.split_at(end + 4);
        if !NAMED.contains(&named[2..end + 2].trim_start_matches('^')) {
            return Err(format!("there is no class {named}"));
        }
        self.out.push_str(named);
        self.rest = rest;
        Ok(true)
    }

    /// True for a single one, which may begin a range; `None` at the pattern's end.
    fn class_sign(&mut self) -> Result<Option<bool>, String> {
        match self.next() {
            None => return Ok(None),
            Some('\\') => {
                let is_one = !self.rest.starts_with(['d', 'D', 'w', 'W', 's', 'S', 'p', 'P']);
                self.escape()?;
                return Ok(Some(is_one));
            }
            Some(sign @ ('[' | ']' | '-' | '&' | '~' | '^')) => self.literal(sign),
            Some(sign) => self.out.push(sign),
        }
        Ok(Some(true))
    }

    fn escape(&mut self) -> Result<(), String> {
        let digits = octal(self.rest);
        if digits > 0 {
            let code = u32::from_str_radix(&self.rest[..digits], 8).expect("octal digits");
            self.out.push_str(&format!("\\x{{{code:x}}}"));
            self.rest = &self.rest[digits..];
            return Ok(());
        }
        let Some(sign) = self.next() else {
            self.out.push('\\');
            return Ok(());
        };
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
            'u' => return Err("`\\u` is none of RE2's codes: say `\\x{…}`".to_owned()),
            // Their braces name something.
            'p' | 'P' | 'x' if self.rest.starts_with('{') => self.braced(sign),
            _ => self.literal(sign),
        }
        Ok(())
    }

    /// `\p{Greek}`, `\x{41}`. RE2 turns a property round by `^`, too.
    fn braced(&mut self, sign: char) {
        let is_turned = sign != 'x' && self.rest.starts_with("{^");
        self.literal(match sign {
            'p' if is_turned => 'P',
            'P' if is_turned => 'p',
            _ => sign,
        });
        if is_turned {
            self.out.push('{');
            self.rest = &self.rest[2..];
        }
        let (copied, rest) = self.rest.split_at(self.rest.find('}').map_or(self.rest.len(), |at| at + 1));
        self.out.push_str(copied);
        self.rest = rest;
    }

    fn literal(&mut self, sign: char) {
        self.out.push('\\');
        self.out.push(sign);
    }
}

fn each_once(flags: &str) -> String {
    let is_first = |(at, flag): &(usize, char)| !flags[..*at].contains(*flag);
    flags.char_indices().filter(is_first).map(|(_, flag)| flag).collect()
}

/// What says how often behind a brace, with the one that closes it: `2}`, `2,}` or `2,3}`.
fn count(rest: &str) -> Result<Option<&str>, String> {
    let Some(end) = rest.find('}') else { return Ok(None) };
    let (least, most) = rest[..end].split_once(',').unwrap_or((&rest[..end], ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if least.is_empty() || !is_number(least) || !is_number(most) {
        return Ok(None);
    }
    let is_too_often = |text: &str| !text.is_empty() && text.parse().unwrap_or(u32::MAX) > REPEATED_MAX;
    if is_too_often(least) || is_too_often(most) {
        return Err(format!("`{{{}` repeats more than {REPEATED_MAX} times", &rest[..=end]));
    }
    Ok(Some(&rest[..=end]))
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
            (r"^[+--]$", "-", true),
            (r"^[a-z--9]+$", "-./5b", true),
            (r"^[a-]+$", "-a", true),
            (r"^[[:]$", ":", true),
            (r"^[[:a]$", "[", true),
            (r"^[[:^alpha:]_]+$", "12_", true),
            (r"^[]-a]+$", "]^_`a", true),
            (r"^[\d-z]+$", "1-z", true),
            (r"^\p{^Greek}\P{^Greek}$", "Aα", true),
            (r"(?ii)cto", "CTO", true),
            (r"^(?P<x>a)(?<y>b)(?:c)(?i-s:D)$", "abcd", true),
            (r"^a*?b+?c??d{1,2}?$", "abd", true),
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
        assert_eq!(compile("[[:foo:]]").unwrap_err(), "there is no class [:foo:]");
        for wrong in
            ["[a--b]", "(?x)a", "(?ux)", r"\u0071", "a++", "a**", "a{2}{3}", "a{1001}", "a{1,1001}", "[z-a]", "a*??"]
        {
            assert!(compile(wrong).is_err(), "{wrong}");
        }
        assert!(compile("(a{1000}){1000}").unwrap_err().contains("too large"));
        assert!(compile(&"a".repeat(3000)).is_err());
        assert!(compile("[").is_err());
        assert!(compile("\\").is_err());
    }
}
