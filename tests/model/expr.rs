//! Expressions as text → tree (playbook.md, Expressions). Refuses nothing that a checked playbook can hold and says
//! nothing helpful about the rest: telling mistakes is the checker's work.

use crate::model::number;

#[derive(Debug, Clone)]
pub enum Expr {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Expr>),
    /// The first name of a path, or of a call: `traits`, `score`, a signal.
    Name(String),
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    /// `f(args)`, or `target.f(args)`.
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    Unary(char, Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Number(String),
    Text(String),
    Sign(String),
}

/// From weakest to strongest, left-associative, as in CEL. Above them stands `?:`, below them `!` and `-`.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

pub fn parse(source: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0 };
    let expr = parser.conditional()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expr),
        Some(token) => Err(format!("{token:?} after the end of {source}")),
    }
}

impl Expr {
    /// Names of the scores asked for, in the order of the text.
    pub fn scores(&self) -> Vec<&str> {
        if let Expr::Member(base, name) = self
            && matches!(&**base, Expr::Name(root) if root == "score" || root == "segment")
        {
            return vec![name];
        }
        self.parts().into_iter().flat_map(Expr::scores).collect()
    }

    /// In the order of the text.
    pub fn parts(&self) -> Vec<&Expr> {
        match self {
            Expr::Null | Expr::Bool(_) | Expr::Number(_) | Expr::Text(_) | Expr::Name(_) => Vec::new(),
            Expr::List(items) => items.iter().collect(),
            Expr::Member(base, _) | Expr::Unary(_, base) => vec![base],
            Expr::Index(a, b) | Expr::Binary(_, a, b) => vec![a, b],
            Expr::If(a, b, c) => vec![a, b, c],
            Expr::Call(target, _, args) => target.iter().map(|t| &**t).chain(args).collect(),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn take(&mut self, sign: &str) -> bool {
        let found = match self.tokens.get(self.at) {
            Some(Token::Sign(text)) => text == sign,
            Some(Token::Name(text)) => text == sign && sign == "in",
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("{sign} expected, not {:?}", self.tokens.get(self.at))) }
    }

    fn conditional(&mut self) -> Result<Expr, String> {
        let test = self.binary(0)?;
        if !self.take("?") {
            return Ok(test);
        }
        let yes = self.binary(0)?;
        self.need(":")?;
        let no = self.conditional()?;
        Ok(Expr::If(Box::new(test), Box::new(yes), Box::new(no)))
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.take(sign)) {
            let right = self.binary(level + 1)?;
            left = Expr::Binary((*sign).to_owned(), Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        for sign in ['!', '-'] {
            if self.take(&sign.to_string()) {
                return Ok(Expr::Unary(sign, Box::new(self.unary()?)));
            }
        }
        let mut expr = self.primary()?;
        loop {
            if self.take(".") {
                let Some(Token::Name(name)) = self.tokens.get(self.at).cloned() else {
                    return Err("a name after the point".to_owned());
                };
                self.at += 1;
                expr = if self.take("(") {
                    Expr::Call(Some(Box::new(expr)), name, self.list(")")?)
                } else {
                    Expr::Member(Box::new(expr), name)
                };
            } else if self.take("[") {
                let index = self.conditional()?;
                self.need("]")?;
                expr = Expr::Index(Box::new(expr), Box::new(index));
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("an expression that ends too early")?;
        self.at += 1;
        Ok(match token {
            Token::Number(text) => Expr::Number(number::text_to_f64(&text).ok_or("a number")?),
            Token::Text(text) => Expr::Text(text),
            Token::Name(name) => match name.as_str() {
                "null" => Expr::Null,
                "true" => Expr::Bool(true),
                "false" => Expr::Bool(false),
                _ if self.take("(") => Expr::Call(None, name, self.list(")")?),
                _ => Expr::Name(name),
            },
            Token::Sign(sign) if sign == "(" => {
                let inner = self.conditional()?;
                self.need(")")?;
                inner
            }
            Token::Sign(sign) if sign == "[" => Expr::List(self.list("]")?),
            Token::Sign(sign) => return Err(format!("{sign} where a value should be")),
        })
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.conditional()?);
            if self.take(end) {
                return Ok(items);
            }
            self.need(",")?;
        }
    }
}

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        if c.is_whitespace() {
            at += 1;
        } else if matches!(c, '"' | '\'') || c == 'r' && matches!(rest.get(1), Some('"' | '\'')) {
            let (text, length) = quoted(rest)?;
            tokens.push(Token::Text(text));
            at += length;
        } else if c.is_ascii_digit() {
            let length = number_length(rest);
            tokens.push(Token::Number(rest[..length].iter().collect()));
            at += length;
        } else if c.is_alphabetic() || c == '_' {
            let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            tokens.push(Token::Name(rest[..length].iter().collect()));
            at += length;
        } else {
            let two: String = rest.iter().take(2).collect();
            let length = if ["&&", "||", "==", "!=", "<=", ">="].contains(&two.as_str()) { 2 } else { 1 };
            tokens.push(Token::Sign(rest[..length].iter().collect()));
            at += length;
        }
    }
    Ok(tokens)
}

fn number_length(chars: &[char]) -> usize {
    let digits = |from: usize| chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut length = digits(0);
    if chars.get(length) == Some(&'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(chars.get(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(length + 1), Some('+' | '-')));
        if chars.len() > length + 1 + sign && digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    length
}

/// A text in either quotes, raw after `r`: what it says, and how many characters it takes.
fn quoted(chars: &[char]) -> Result<(String, usize), String> {
    let raw = chars[0] == 'r';
    let start = usize::from(raw);
    let (quote, mut at, mut text) = (chars[start], start + 1, String::new());
    loop {
        let c = *chars.get(at).ok_or("a text without its end")?;
        at += 1;
        if c == quote {
            return Ok((text, at));
        }
        if c != '\\' || raw {
            text.push(c);
            continue;
        }
        let escaped = *chars.get(at).ok_or("a text without its end")?;
        at += 1;
        text.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '\\' | '"' | '\'' | '?' | '`' => escaped,
            'u' => {
                let code: String = chars.get(at..at + 4).ok_or("four digits")?.iter().collect();
                at += 4;
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).ok_or("a character")?
            }
            other => return Err(format!("the escape \\{other}")),
        });
    }
}
