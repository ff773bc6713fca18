//! Tokens of an expression, with places, and words for the usual slips (`=`, `and`, `7d`, curly quotes).

use std::ops::Range;

use super::tree::SyntaxError;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Name(String),
    Number(f64),
    Text(String),
    /// An operator or bracket, as written.
    Sign(&'static str),
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", ",", ".",
];

/// All tokens, the last one `End`.
pub fn tokens(source: &str) -> Result<Vec<(Token, Range<usize>)>, SyntaxError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, start..lexer.at));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Result<Token, SyntaxError> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        match first {
            '"' | '\'' => self.text(false),
            'r' | 'R' if self.rest()[1..].starts_with(['"', '\'']) => {
                self.at += 1;
                self.text(true)
            }
            'b' | 'B' if self.rest()[1..].starts_with(['"', '\'']) => {
                Err(self.slip(2, "texts of bytes are not known here").help("write the text without the `b`"))
            }
            '0'..='9' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Name(self.take_while(is_word).to_string())),
            _ => self.sign(),
        }
    }

    fn sign(&mut self) -> Result<Token, SyntaxError> {
        if let Some(error) = self.known_slip() {
            return Err(error);
        }
        match SIGNS.into_iter().find(|sign| self.rest().starts_with(sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => {
                let sign = self.peek().unwrap_or(' ');
                Err(self.slip(sign.len_utf8(), format!("`{}` has no meaning here", sign.escape_debug())))
            }
        }
    }

    /// Signs people write that mean something elsewhere.
    fn known_slip(&self) -> Option<SyntaxError> {
        const SLIPS: [(&str, &str); 19] = [
            ("===", "use `==`"),
            ("!==", "use `!=`"),
            ("=>", "use `>=`"),
            ("=<", "use `<=`"),
            ("<>", "use `!=`"),
            ("=~", "use `text.matches(\"pattern\")`"),
            ("≥", "use `>=`"),
            ("≤", "use `<=`"),
            ("≠", "use `!=`"),
            ("×", "use `*`"),
            ("÷", "use `/`"),
            ("−", "use `-`"),
            ("–", "use `-`"),
            ("{", "maps and messages are not known here"),
            ("}", "maps and messages are not known here"),
            (";", "an expression is one condition, without `;`"),
            ("`", "use \"…\" or '…' around texts, and `x[\"key\"]` for keys with odd signs"),
            ("\u{a0}", "this is a no-break space: use a plain one"),
            ("$", "names stand alone, without `$`"),
        ];
        let rest = self.rest();
        if let Some((slip, help)) = SLIPS.into_iter().find(|(slip, _)| rest.starts_with(slip)) {
            return Some(
                self.slip(slip.len(), format!("`{}` is not an operator here", slip.escape_debug())).help(help),
            );
        }
        if rest.starts_with(['“', '”', '„', '‘', '’', '«', '»']) {
            let length = self.peek().map_or(1, char::len_utf8);
            return Some(self.slip(length, "curly quotes don't hold a text").help("use straight quotes: \"…\" or '…'"));
        }
        let single = |sign: &str| rest.starts_with(sign) && !rest[1..].starts_with(sign);
        match () {
            _ if single("=") => Some(self.slip(1, "`=` compares nothing").help("use `==`")),
            _ if single("&") => Some(self.slip(1, "`&` is not an operator here").help("use `&&`")),
            _ if single("|") => Some(self.slip(1, "`|` is not an operator here").help("use `||`")),
            _ => None,
        }
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        self.exponent();
        if self.peek().is_some_and(is_word) {
            self.take_while(is_word);
            return Err(number_with_letters(&self.source[start..self.at], start..self.at));
        }
        let text = &self.source[start..self.at];
        // Rust reads any run of decimal digits; one too large comes out as infinity, which the checker turns down.
        Ok(Token::Number(text.parse().unwrap_or(f64::INFINITY)))
    }

    fn exponent(&mut self) {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return };
        let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += rest.len() - digits.len();
            self.take_while(|c| c.is_ascii_digit());
        }
    }

    /// A quoted text; `raw` keeps backslashes.
    fn text(&mut self, raw: bool) -> Result<Token, SyntaxError> {
        let open = self.at;
        let quote = self.peek().expect("a quote was seen");
        let mut text = String::new();
        self.at += 1;
        if self.rest().starts_with([quote; 2].iter().collect::<String>().as_str()) {
            return Err(SyntaxError::new(open..self.at + 2, "texts in triple quotes are not known here")
                .help("use one quote on each side"));
        }
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => {
                    return Err(SyntaxError::new(open..self.at, "this text is never closed")
                        .help(format!("end it with {quote}")));
                }
                Some(sign) if sign == quote => {
                    self.at += 1;
                    return Ok(Token::Text(text));
                }
                Some('\\') if !raw => text.push(self.escape()?),
                Some(sign) => {
                    self.at += sign.len_utf8();
                    text.push(sign);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let sign = self.peek().unwrap_or('\n');
        let bad = |end: usize| {
            SyntaxError::new(start..end, "this escape is not known")
                .help("for a backslash as such write `\\\\`, or put `r` before the text: r\"\\d+\"")
        };
        let simple = match sign {
            '\\' | '"' | '\'' | '`' | '?' => Some(sign),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            _ => None,
        };
        if let Some(meant) = simple {
            self.at += 1;
            return Ok(meant);
        }
        let (skip, length, radix) = match sign {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return Err(bad((self.at + sign.len_utf8()).min(self.source.len()))),
        };
        let digits = self.rest().get(skip..skip + length).unwrap_or("");
        let whole = digits.len() == length && digits.chars().all(|digit| digit.is_digit(radix));
        let meant = u32::from_str_radix(digits, radix).ok().filter(|_| whole).and_then(char::from_u32);
        self.at += skip + digits.len();
        meant.ok_or_else(|| bad(self.at))
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
        &self.source[start..self.at]
    }

    fn slip(&self, length: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.at..self.at + length, message)
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
}

fn number_with_letters(text: &str, span: Range<usize>) -> SyntaxError {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let error = SyntaxError::new(span, format!("`{text}` is neither a number nor a name"));
    match unit {
        "s" | "m" | "h" | "d" | "w" => error.help(format!("durations are texts: \"{text}\"")),
        _ if text.starts_with("0x") || unit == "u" => error.help("numbers are decimal, without prefix or suffix"),
        _ => error.help("numbers are digits, perhaps with a fraction and an exponent: 12.5, 1e6"),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Token> {
        tokens(source).expect(source).into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn texts_and_numbers() {
        assert_eq!(kinds(r#""a\"b" '\x41\u00e9\101'"#)[..2], [Token::Text("a\"b".into()), Token::Text("AéA".into())]);
        assert_eq!(kinds(r#"r"\d+""#)[0], Token::Text("\\d+".into()));
        assert_eq!(kinds("1.5e3 7")[..2], [Token::Number(1500.0), Token::Number(7.0)]);
        assert_eq!(kinds("a // why\n b").len(), 3);
    }

    #[test]
    fn slips_are_explained() {
        let help = |source: &str| tokens(source).expect_err(source).help.unwrap_or_default();
        assert_eq!(help("a = 1"), "use `==`");
        assert_eq!(help("a & b"), "use `&&`");
        assert_eq!(help("count(7d)"), "durations are texts: \"7d\"");
        assert_eq!(help("a == “b”"), "use straight quotes: \"…\" or '…'");
        assert!(help(r#""\d""#).contains("put `r` before"));
    }
}
