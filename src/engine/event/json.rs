//! The scanner: checks every byte of a JSON text once and says where values lie; copies and converts nothing.
//!
//! Our own, because the rules for records are exact and no parser has all of them: the last of duplicate keys wins at
//! every level, lone surrogates are allowed, numbers may be of any size, 128 levels are allowed and 129 are not.
//! It knows nothing of events. It takes text that is known to be UTF-8.

use std::fmt;

/// Levels of `[` and `{` a text may have.
pub(super) const LEVELS_MAX: u32 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No such key.
    Absent,
    Null,
    True,
    False,
    Number,
    /// A text without escapes: its bytes are its value.
    Text,
    Escaped,
    List,
    Object,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::Null => "null",
            Self::True | Self::False => "true or false",
            Self::Number => "a number",
            Self::Text | Self::Escaped => "a text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// Where a value lies in its text. Of a text value: between the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
}

impl Span {
    pub const ABSENT: Self = Self { start: 0, end: 0, kind: Kind::Absent };

    /// The bytes of the value. Offsets come from the scanner, so they are always inside and between characters.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
    /// Is there something other than null?
    pub fn is_there(&self) -> bool {
        !matches!(self.kind, Kind::Absent | Kind::Null)
    }
}

/// What is wrong with a text that is no JSON, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: u32,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Value,
    Key,
    Colon,
    CommaOrEnd,
    Number,
    Text,
    Escape,
    Levels,
    Trailing,
    Utf8,
    Length,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Value => "a value was expected",
            What::Key => "a key in quotes was expected",
            What::Colon => "a colon was expected",
            What::CommaOrEnd => "a comma or the end of the list or object was expected",
            What::Number => "a number goes wrong",
            What::Text => "a text has no end, or a control character in it",
            What::Escape => "a text has an escape that does not exist",
            What::Levels => "more than 128 levels",
            What::Trailing => "something follows the end",
            What::Utf8 => "not UTF-8",
            What::Length => return f.write_str("longer than 4 GiB"),
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

/// A position in a text.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Scan<T> = Result<T, Fault>;

impl<'a> Scanner<'a> {
    /// Starts at byte `at` of a text shorter than 4 GiB.
    pub fn new(text: &'a str, at: u32) -> Self {
        Self { bytes: text.as_bytes(), at: at as usize }
    }

    pub fn at(&self) -> u32 {
        self.at as u32
    }

    #[cold]
    pub fn fault(&self, what: What) -> Fault {
        Fault { at: self.at as u32, what }
    }

    /// The byte here; 0, which begins nothing, at the end.
    #[inline(always)]
    pub fn peek(&self) -> u8 {
        if self.at < self.bytes.len() { self.bytes[self.at] } else { 0 }
    }

    #[inline(always)]
    pub fn advance(&mut self) {
        self.at += 1;
    }

    #[inline(always)]
    pub fn space(&mut self) {
        // Nearly always there is none.
        if self.peek() <= b' ' {
            while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
                self.at += 1;
            }
        }
    }

    /// After the value of the whole text: nothing but space.
    pub fn end(&mut self) -> Scan<()> {
        self.space();
        if self.at < self.bytes.len() { Err(self.fault(What::Trailing)) } else { Ok(()) }
    }

    /// `"key" :` and the space behind it; where the key lies.
    #[inline(always)]
    pub fn key(&mut self) -> Scan<Span> {
        if self.peek() != b'"' {
            return Err(self.fault(What::Key));
        }
        let key = self.text()?;
        if self.peek() != b':' {
            self.space();
            if self.peek() != b':' {
                return Err(self.fault(What::Colon));
            }
        }
        self.at += 1;
        self.space();
        Ok(key)
    }

    #[inline(always)]
    pub fn bytes_of(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// After a value: a comma, with what follows it, or the end of the object or list, which stays unread.
    #[inline(always)]
    pub fn goes_on(&mut self, end: u8) -> Scan<bool> {
        if self.peek() != b',' {
            self.space();
            match self.peek() {
                b',' => {}
                byte if byte == end => return Ok(false),
                _ => return Err(self.fault(What::CommaOrEnd)),
            }
        }
        self.at += 1;
        self.space();
        Ok(true)
    }

    /// A value of any kind, inside `level` levels that are open already.
    #[inline]
    pub fn value(&mut self, level: u32) -> Scan<Span> {
        match self.peek() {
            b'"' => self.text(),
            b'{' | b'[' => self.container(level),
            _ => self.plain(),
        }
    }

    /// A number, `true`, `false` or `null`.
    #[inline]
    fn plain(&mut self) -> Scan<Span> {
        match self.peek() {
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Kind::True),
            b'f' => self.word(b"false", Kind::False),
            b'n' => self.word(b"null", Kind::Null),
            _ => Err(self.fault(What::Value)),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Scan<Span> {
        let start = self.at;
        if self.bytes.get(start..start + word.len()) != Some(word) {
            return Err(self.fault(What::Value));
        }
        self.at += word.len();
        Ok(self.span(start, kind))
    }

    fn span(&self, start: usize, kind: Kind) -> Span {
        Span { start: start as u32, end: self.at as u32, kind }
    }

    /// A list or an object with all that is in it. No recursion: one bit per open level says which of the two it is.
    fn container(&mut self, level: u32) -> Scan<Span> {
        let start = self.at;
        let kind = if self.peek() == b'{' { Kind::Object } else { Kind::List };
        let (mut objects, mut open) = (0u128, 0u32);
        loop {
            // Here a value begins.
            match self.peek() {
                b'"' => {
                    self.text()?;
                }
                opening @ (b'{' | b'[') => {
                    if level + open >= LEVELS_MAX {
                        return Err(self.fault(What::Levels));
                    }
                    open += 1;
                    self.at += 1;
                    self.space();
                    let object = opening == b'{';
                    objects = objects << 1 | u128::from(object);
                    // `}` and `]` lie two behind their openings.
                    if self.peek() != opening + 2 {
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => {
                    self.plain()?;
                }
            }
            // Here one has ended, or an empty container has its end before it.
            loop {
                let object = objects & 1 == 1;
                if self.goes_on(if object { b'}' } else { b']' })? {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                self.at += 1;
                objects >>= 1;
                open -= 1;
                if open == 0 {
                    return Ok(self.span(start, kind));
                }
            }
        }
    }

    /// From the opening quote to behind the closing one.
    #[inline]
    fn text(&mut self) -> Scan<Span> {
        self.at += 1;
        let start = self.at;
        self.at = plain_end(self.bytes, start);
        if self.peek() == b'"' {
            let span = self.span(start, Kind::Text);
            self.at += 1;
            return Ok(span);
        }
        self.escaped_text(start)
    }

    #[cold]
    fn escaped_text(&mut self, start: usize) -> Scan<Span> {
        loop {
            match self.peek() {
                b'"' => {
                    let span = self.span(start, Kind::Escaped);
                    self.at += 1;
                    return Ok(span);
                }
                b'\\' => self.escape()?,
                _ => return Err(self.fault(What::Text)),
            }
            self.at = plain_end(self.bytes, self.at);
        }
    }

    fn escape(&mut self) -> Scan<()> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if self.bytes[self.at + 2..].iter().take(4).filter(|b| b.is_ascii_hexdigit()).count() == 4 => 6,
            _ => return Err(self.fault(What::Escape)),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Scan<Span> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.span(start, Kind::Number))
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Scan<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.fault(What::Number)) } else { Ok(()) }
    }
}

/// From `at` on: the first quote, backslash or control character, or the end. Eight bytes a step.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The lowest byte that is marked is right, whatever borrows do above it.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes were taken"));
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = (below(word, b' ') | below(quote, 1) | below(backslash, 1)) & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && !matches!(bytes[at], b'"' | b'\\' | 0..=0x1f) {
        at += 1;
    }
    at
}
