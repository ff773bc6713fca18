//! Reads tokens into a tree, by precedence climbing. Every recursion and every link of a chain counts towards a limit.

use std::ops::Range;

use super::lexer::{Token, tokens};
use super::tree::{Binary, Kind, Node, NodeId, SyntaxError, Tree, Unary};
use super::{DEPTH_MAX, NODES_MAX, SOURCE_BYTES_MAX};

type Parsed<T = NodeId> = Result<T, SyntaxError>;

/// The tree of one expression, or the first thing that can't be read.
pub fn parse(source: &str) -> Result<Tree, SyntaxError> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("this expression has {} bytes; {SOURCE_BYTES_MAX} is the most", source.len());
        return Err(SyntaxError::new(0..source.len(), message).help("split it over several signals or scores"));
    }
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nodes: Vec::new(), open: 0 };
    let root = parser.expression()?;
    match parser.token() {
        Token::End => Ok(Tree { nodes: parser.nodes, root }),
        _ => Err(parser.unexpected("the expression should end here, or go on with an operator")),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    nodes: Vec<Node>,
    /// Brackets and calls open around the present token.
    open: usize,
}

impl Parser {
    /// `test ? yes : no`, or less.
    fn expression(&mut self) -> Parsed {
        self.open += 1;
        if self.open > DEPTH_MAX {
            return Err(self.too_deep(self.span()));
        }
        let test = self.either()?;
        let result = if self.take("?") {
            let yes = self.either()?;
            self.need(":", "`a ? b : c` needs its `:`")?;
            let no = self.expression()?;
            self.node(Kind::If(test, yes, no), self.around(test, no))
        } else {
            Ok(test)
        };
        self.open -= 1;
        result
    }

    fn either(&mut self) -> Parsed {
        self.chain("||", Self::both, Kind::Or)
    }

    fn both(&mut self) -> Parsed {
        self.chain("&&", |parser| parser.binary(0), Kind::And)
    }

    fn chain(&mut self, sign: &str, part: fn(&mut Self) -> Parsed, kind: fn(Vec<NodeId>) -> Kind) -> Parsed {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take(sign) {
            parts.push(part(self)?);
        }
        match parts.len() {
            1 => Ok(first),
            n => {
                let span = self.around(first, parts[n - 1]);
                self.node(kind(parts), span)
            }
        }
    }

    /// Comparisons (0), sums (1), products (2): all from left to right.
    fn binary(&mut self, level: usize) -> Parsed {
        if level > 2 {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = self.node(Kind::Binary(operator, left, right), self.around(left, right))?;
        }
        Ok(left)
    }

    fn operator(&self, level: usize) -> Option<Binary> {
        let sign = match self.token() {
            Token::Sign(sign) => sign,
            Token::Name(name) if name == "in" => "in",
            _ => return None,
        };
        let (operator, at) = match sign {
            "==" => (Binary::Equal, 0),
            "!=" => (Binary::NotEqual, 0),
            "<" => (Binary::Less, 0),
            "<=" => (Binary::LessEqual, 0),
            ">" => (Binary::Greater, 0),
            ">=" => (Binary::GreaterEqual, 0),
            "in" => (Binary::In, 0),
            "+" => (Binary::Add, 1),
            "-" => (Binary::Subtract, 1),
            "*" => (Binary::Multiply, 2),
            "/" => (Binary::Divide, 2),
            "%" => (Binary::Remainder, 2),
            _ => return None,
        };
        (at == level).then_some(operator)
    }

    /// A run of one sign before an operand: `!x`, `--x`. As in CEL, the two don't mix without brackets, and a minus right
    /// before a number is a part of it.
    fn unary(&mut self) -> Parsed {
        let (sign, operator) = match self.token() {
            Token::Sign("!") => ("!", Unary::Not),
            Token::Sign("-") => ("-", Unary::Negate),
            _ => return self.postfix(),
        };
        let mut starts = Vec::new();
        while self.token() == &Token::Sign(sign) && !self.is_minus_of_number() {
            starts.push(self.span().start);
            self.at += 1;
        }
        let mut operand = self.postfix()?;
        for start in starts.into_iter().rev() {
            let span = start..self.nodes[operand].span.end;
            operand = match (operator, &self.nodes[operand].kind) {
                (Unary::Negate, Kind::Number(number)) => self.node(Kind::Number(-number), span)?,
                _ => self.node(Kind::Unary(operator, operand), span)?,
            };
        }
        Ok(operand)
    }

    fn postfix(&mut self) -> Parsed {
        let mut operand = self.operand()?;
        loop {
            let start = self.nodes[operand].span.start;
            if self.take(".") {
                let (name, name_span) = self.member_name()?;
                let kind = match self.take("(") {
                    true => {
                        let arguments = self.list(")")?;
                        Kind::Call { of: Some(operand), name, name_span, arguments }
                    }
                    false => Kind::Member { of: operand, name, name_span },
                };
                operand = self.node(kind, start..self.previous_end())?;
            } else if self.take("[") {
                let key = self.expression()?;
                self.need("]", "this `[` is never closed")?;
                operand = self.node(Kind::Index { of: operand, key }, start..self.previous_end())?;
            } else {
                return Ok(operand);
            }
        }
    }

    fn operand(&mut self) -> Parsed {
        let (token, span) = self.tokens[self.at].clone();
        match token {
            Token::Number(number) => self.leaf(Kind::Number(number)),
            Token::Sign("-") if self.is_minus_of_number() => {
                self.at += 1;
                let number = self.operand()?;
                self.nodes[number].span.start = span.start;
                if let Kind::Number(number) = &mut self.nodes[number].kind {
                    *number = -*number;
                }
                Ok(number)
            }
            Token::Text(text) => self.leaf(Kind::Text(text)),
            Token::Name(name) => self.name(name, span),
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.need_closed(")", span.clone())?;
                self.nodes[inner].span = span.start..self.previous_end();
                Ok(inner)
            }
            Token::Sign("[") => {
                self.at += 1;
                let items = self.list("]")?;
                self.node(Kind::List(items), span.start..self.previous_end())
            }
            Token::End if self.nodes.is_empty() && self.at == 0 => {
                Err(SyntaxError::new(span, "there is no expression here"))
            }
            Token::End => Err(self.unexpected("something is missing at the end")),
            Token::Sign(_) => Err(self.unexpected("a value should stand here")),
        }
    }

    fn name(&mut self, name: String, span: Range<usize>) -> Parsed {
        match name.as_str() {
            "true" => self.leaf(Kind::Bool(true)),
            "false" => self.leaf(Kind::Bool(false)),
            "null" => self.leaf(Kind::Null),
            "in" => Err(self.unexpected("a value should stand here")),
            _ if self.starts_operand(self.at + 1) && name.eq_ignore_ascii_case("not") => {
                Err(SyntaxError::new(span, "`not` is not an operator here").help("use `!`: `!x.seen()`"))
            }
            _ => {
                self.at += 1;
                if !self.take("(") {
                    return self.node(Kind::Name(name), span);
                }
                let arguments = self.list(")")?;
                let whole = span.start..self.previous_end();
                self.node(Kind::Call { of: None, name, name_span: span, arguments }, whole)
            }
        }
    }

    /// Expressions between commas up to the closing sign; one comma may trail in `[…]`.
    fn list(&mut self, close: &'static str) -> Parsed<Vec<NodeId>> {
        let opened = self.tokens[self.at - 1].1.clone();
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() {
                if self.token() != &Token::Sign(",") {
                    self.need_closed(close, opened)?;
                    return Ok(items);
                }
                self.at += 1;
                if close == "]" && self.take(close) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn member_name(&mut self) -> Parsed<(String, Range<usize>)> {
        let (token, span) = self.tokens[self.at].clone();
        match token {
            Token::Name(name) if ["in", "true", "false", "null"].contains(&name.as_str()) => {
                let help = format!("use brackets: x[\"{name}\"]");
                Err(SyntaxError::new(span, format!("`{name}` can't stand after a dot")).help(help))
            }
            Token::Name(name) => {
                self.at += 1;
                Ok((name, span))
            }
            _ => Err(self
                .unexpected("a name should follow the dot")
                .help("keys with other signs go in brackets: x[\"my key\"]")),
        }
    }

    fn leaf(&mut self, kind: Kind) -> Parsed {
        let span = self.span();
        self.at += 1;
        self.node(kind, span)
    }

    fn node(&mut self, kind: Kind, span: Range<usize>) -> Parsed {
        let below = kind.children().into_iter().map(|child| self.nodes[child].depth).max().unwrap_or(0);
        let depth = below + 1;
        if depth > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        if self.nodes.len() == NODES_MAX {
            let message = format!("this expression has more than {NODES_MAX} parts");
            return Err(SyntaxError::new(span, message).help("split it over several signals or scores"));
        }
        self.nodes.push(Node { kind, span, depth });
        Ok(self.nodes.len() - 1)
    }

    fn too_deep(&self, span: Range<usize>) -> SyntaxError {
        SyntaxError::new(span, format!("this is nested more than {DEPTH_MAX} deep"))
            .help("split it over several signals or scores")
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.token(), Token::Sign(at) if *at == sign);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &str, otherwise: &str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(otherwise)) }
    }

    fn need_closed(&mut self, close: &'static str, opened: Range<usize>) -> Parsed<()> {
        match self.token() {
            Token::Sign(sign) if *sign == close => self.need(close, ""),
            Token::End => Err(SyntaxError::new(opened, format!("this bracket is never closed: `{close}` is missing"))),
            _ => Err(self.unexpected(&format!("`{close}` or an operator should stand here"))),
        }
    }

    /// An error at the present token, with the fix for words that other languages have.
    fn unexpected(&self, message: &str) -> SyntaxError {
        let error = SyntaxError::new(self.span(), message);
        match self.token() {
            Token::Name(name) => match name.to_ascii_lowercase().as_str() {
                "and" => error.help("use `&&`"),
                "or" => error.help("use `||`"),
                "not" => error.help("use `!`, as in `!(x in [1, 2])`"),
                "is" | "equals" | "eq" => error.help("use `==`"),
                "mod" => error.help("use `%`"),
                "then" | "else" => error.help("use `test ? yes : no`"),
                _ => error,
            },
            Token::Sign(",") => error.help("numbers have no commas: 1000, not 1,000"),
            Token::Sign(".") => error.help("a number has digits before its point: 0.5"),
            _ => error,
        }
    }

    fn is_minus_of_number(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        self.token() == &Token::Sign("-") && matches!(next, Some((Token::Number(_), _)))
    }

    fn starts_operand(&self, at: usize) -> bool {
        match self.tokens.get(at) {
            Some((Token::Name(name), _)) => name != "in",
            Some((Token::Number(_) | Token::Text(_), _)) => true,
            _ => false,
        }
    }

    fn around(&self, first: NodeId, last: NodeId) -> Range<usize> {
        self.nodes[first].span.start..self.nodes[last].span.end
    }

    fn token(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn previous_end(&self) -> usize {
        self.tokens[self.at - 1].1.end
    }
}

// What tree comes of which text, `tests/cel` asks beside another parser.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_brackets() {
        let tree = parse("(a + b) * c").unwrap();
        assert_eq!(tree.node(tree.root).span, 0..11);
    }

    #[test]
    fn errors_help() {
        let error = |source: &str| parse(source).expect_err(source);
        assert_eq!(error("a and b").help.as_deref(), Some("use `&&`"));
        assert_eq!(error("not x.seen()").help.as_deref(), Some("use `!`: `!x.seen()`"));
        assert_eq!(error("(a == 1").span, 0..1);
        assert_eq!(error("a ==").span, 4..4);
        assert_eq!(error("").message, "there is no expression here");
        assert_eq!(error("a > 1,000").help.as_deref(), Some("numbers have no commas: 1000, not 1,000"));
        assert!(parse("!-x").is_err() && parse("!-1").is_ok(), "as in CEL");
    }

    #[test]
    fn limits_hold() {
        assert!(parse(&format!("{}1{}", "(".repeat(60), ")".repeat(60))).is_ok());
        for source in [
            format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
            format!("x{}", ".x".repeat(1000)),
            format!("x{}", "[x".repeat(1000)),
            format!("1{}", "+1".repeat(1500)),
            "!".repeat(4000) + "x",
            "-".repeat(4000) + "x",
            format!("a{}", "?a:a".repeat(900)),
            format!("a{}", "&&a".repeat(1200)),
            "a".repeat(5000),
        ] {
            assert!(parse(&source).is_err(), "{}…", &source[..20]);
        }
        assert!(parse(&format!("a{}", "&&a".repeat(900))).is_ok(), "chains of && are flat");
    }
}
