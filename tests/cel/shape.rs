//! What is an expression, and its tree: right ones printed in many ways, damaged ones, and words in any order.

use std::cell::Cell;

use cel::common::ast::{CallExpr, Expr, LiteralValue};
use kairos::engine::playbook::expression::{Binary, Kind, NodeId, Tree, Unary, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;

use crate::{on_a_large_stack, runner};

/// Both trees drawn alike, brackets around everything; `None`: refused.
fn ours(source: &str) -> Option<String> {
    parse(source).ok().map(|tree| draw(&tree, tree.root))
}

fn theirs(source: &str) -> Option<String> {
    let tree = cel::parser::Parser::new().parse(source).ok()?;
    Some(draw_theirs(&tree.expr))
}

fn draw(tree: &Tree, id: NodeId) -> String {
    let all = |ids: &[NodeId]| ids.iter().map(|id| draw(tree, *id)).collect::<Vec<_>>();
    match &tree.node(id).kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(value) => number(*value),
        Kind::Text(text) => format!("{text:?}"),
        Kind::List(items) => format!("[{}]", all(items).join(", ")),
        Kind::Name(name) => name.clone(),
        Kind::Member { of, name, .. } => format!("{}.{name}", draw(tree, *of)),
        Kind::Index { of, key } => operation("_[_]", &all(&[*of, *key])),
        Kind::Call { of, name, arguments, .. } => called(of.map(|of| draw(tree, of)), name, &all(arguments)),
        Kind::Unary(Unary::Not, one) => operation("!_", &all(&[*one])),
        Kind::Unary(Unary::Negate, one) => operation("-_", &all(&[*one])),
        Kind::Binary(operator, left, right) => operation(sign(*operator), &all(&[*left, *right])),
        Kind::And(parts) => operation("_&&_", &all(parts)),
        Kind::Or(parts) => operation("_||_", &all(parts)),
        Kind::If(test, yes, no) => operation("_?_:_", &all(&[*test, *yes, *no])),
    }
}

fn sign(operator: Binary) -> &'static str {
    match operator {
        Binary::Equal => "_==_",
        Binary::NotEqual => "_!=_",
        Binary::Less => "_<_",
        Binary::LessEqual => "_<=_",
        Binary::Greater => "_>_",
        Binary::GreaterEqual => "_>=_",
        Binary::In => "@in",
        Binary::Add => "_+_",
        Binary::Subtract => "_-_",
        Binary::Multiply => "_*_",
        Binary::Divide => "_/_",
        Binary::Remainder => "_%_",
    }
}

fn draw_theirs(expr: &Expr) -> String {
    match expr {
        Expr::Literal(literal) => match literal {
            LiteralValue::Null => "null".to_owned(),
            LiteralValue::Boolean(value) => value.inner().to_string(),
            LiteralValue::Int(value) => number(*value.inner() as f64),
            LiteralValue::Double(value) => number(*value.inner()),
            LiteralValue::String(text) => format!("{:?}", text.inner()),
            other => format!("{other:?}"),
        },
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => {
            let path = format!("{}.{}", draw_theirs(&select.operand.expr), select.field);
            if select.test { called(None, "has", &[path]) } else { path }
        }
        Expr::List(list) => {
            let items: Vec<String> = list.elements.iter().map(|item| draw_theirs(&item.expr)).collect();
            format!("[{}]", items.join(", "))
        }
        Expr::Call(call @ CallExpr { func_name, target, args }) => {
            let all: Vec<String> = match func_name.as_str() {
                // Theirs is a balanced tree of twos; a chain is one here.
                "_&&_" | "_||_" => {
                    let mut parts = Vec::new();
                    chain(call, &mut parts);
                    parts
                }
                _ => args.iter().map(|arg| draw_theirs(&arg.expr)).collect(),
            };
            match func_name.contains(['_', '@']) {
                true if OPERATORS.contains(&func_name.as_str()) => operation(func_name, &all),
                _ => called(target.as_ref().map(|of| draw_theirs(&of.expr)), func_name, &all),
            }
        }
        other => format!("{other:?}"),
    }
}

const OPERATORS: [&str; 18] = [
    "_[_]", "!_", "-_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_+_", "_-_", "_*_", "_/_", "_%_", "_&&_",
    "_||_", "_?_:_",
];

/// The parts of a chain of one operator. A chain in brackets within one of the same reads alike, so [`operation`] makes
/// those one too.
fn chain(call: &CallExpr, parts: &mut Vec<String>) {
    for part in &call.args {
        match &part.expr {
            Expr::Call(inner) if inner.func_name == call.func_name => chain(inner, parts),
            other => parts.push(draw_theirs(other)),
        }
    }
}

fn operation(name: &str, parts: &[String]) -> String {
    match (name, parts) {
        // A literal with a minus, and signs that lift each other.
        ("-_", [one]) if one.parse::<f64>().is_ok() => number(-one.parse::<f64>().expect("just seen")),
        ("-_" | "!_", [one]) if one.starts_with(&format!("({name} ")) => one[name.len() + 2..one.len() - 1].to_owned(),
        ("_&&_" | "_||_", _) => {
            let opening = format!("({name} ");
            let flat = parts.iter().map(|part| match part.strip_prefix(&opening) {
                Some(inner) => &inner[..inner.len() - 1],
                None => part,
            });
            format!("({name} {})", flat.collect::<Vec<_>>().join(" , "))
        }
        _ => format!("({name} {})", parts.join(" , ")),
    }
}

fn called(of: Option<String>, name: &str, arguments: &[String]) -> String {
    let of = of.map_or(String::new(), |of| of + ".");
    format!("{of}{name}({})", arguments.join(", "))
}

/// A whole 0 has no sign there.
fn number(value: f64) -> String {
    format!("{:?}", value + 0.0)
}

/// An expression as words, so that blanks may stand between any two.
type Words = Vec<String>;

fn words(text: &str) -> Words {
    text.split(' ').map(str::to_owned).collect()
}

fn leaf() -> impl Strategy<Value = Words> {
    let literals =
        "0 1 2.5 1e3 0.125 12E-1 true false null 'it' \"a\\\"b\" r'\\d' '\\u00e9\\n\\x41\\101' properties traits s";
    select(words(literals)).prop_map(|word| vec![word])
}

fn right() -> impl Strategy<Value = Words> {
    leaf().prop_recursive(6, 40, 4, |inner| {
        let operator = select(words("&& || == != < <= > >= in + - * / % && ||"));
        let method = select(words("startsWith endsWith contains matches count lowerAscii"));
        let member = select(words("plan a_b x1"));
        let listed = |items: Vec<Words>| items.join(&",".to_owned());
        prop_oneof![
            4 => (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| [a, vec![op], b].concat()),
            1 => (select(words("! -")), inner.clone()).prop_map(|(sign, a)| [vec![sign], a].concat()),
            2 => inner.clone().prop_map(|a| [words("("), a, words(")")].concat()),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| [a, words("?"), b, words(":"), c].concat()),
            1 => (inner.clone(), member).prop_map(|(a, name)| [words("("), a, words(") ."), vec![name]].concat()),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| [words("("), a, words(") ["), b, words("]")].concat()),
            1 => vec(inner.clone(), 0..3).prop_map(move |items| [words("["), listed(items), words("]")].concat()),
            1 => (select(words("size string time_since")), vec(inner.clone(), 0..3))
                .prop_map(move |(f, items)| [vec![f], words("("), listed(items), words(")")].concat()),
            1 => (inner.clone(), method, vec(inner, 0..3))
                .prop_map(move |(a, f, items)| [words("("), a, words(") ."), vec![f], words("("), listed(items), words(")")].concat()),
            1 => Just(words("has ( traits . plan )")),
        ]
    })
}

/// What may happen to a right one: a word taken out, doubled, exchanged or replaced.
fn damaged() -> impl Strategy<Value = Words> {
    let strays = "( ) [ ] , . ? : ! - && || == < in + has size 1 2.5 'x' a";
    (right(), any::<Index>(), any::<Index>(), select(words(strays)), 0..5u8).prop_map(
        |(mut all, at, other, stray, how)| {
            let (at, other) = (at.index(all.len()), other.index(all.len()));
            match how {
                0 => drop(all.remove(at)),
                1 => all.insert(at, all[other].clone()),
                2 => all.swap(at, other),
                3 => all[at] = stray,
                _ => all.insert(at, stray),
            }
            all
        },
    )
}

fn source() -> impl Strategy<Value = String> {
    let soup = vec(select(words("a s . ( ) [ ] 1 2.5 'x' ! - && || == <= in + * ? : , true null has size")), 0..9);
    let all = prop_oneof![3 => right(), 3 => damaged(), 2 => soup];
    (all, select(vec![" ", "", "\n\t"])).prop_map(|(words, blank)| {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let mut text = String::new();
        for word in &words {
            // Two names or numbers need something between them; `r'…'` begins like a name.
            let apart = is_word(text.chars().last()) && (is_word(word.chars().next()) || word.starts_with('\''));
            text += if apart && blank.is_empty() { " " } else { blank };
            text += word;
        }
        text
    })
}

/// Refused by one of the two on purpose.
fn is_apart(source: &str, theirs: Option<&str>) -> bool {
    // A name that begins with a dot is one of the outermost there.
    let outermost = |tree: &str| tree.starts_with('.') || [" .", "(.", "[."].iter().any(|dot| tree.contains(dot));
    if theirs.is_some_and(outermost) {
        return true;
    }
    let source: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    if source.contains("[,]") {
        return true;
    }
    // `has` takes a path of any kind here, and only `a.b` there.
    source.split("has").skip(1).any(|rest| rest.starts_with('(') && !rest.starts_with("(traits.plan)"))
}

#[test]
fn trees_are_the_same() {
    on_a_large_stack(|| {
        let (same, refused) = (Cell::new(0), Cell::new(0));
        let outcome = runner(4_000).run(&source(), |source| {
            let (ours, theirs) = (ours(&source), theirs(&source));
            if is_apart(&source, theirs.as_deref()) {
                return Ok(());
            }
            let count = if ours.is_some() { &same } else { &refused };
            count.set(count.get() + 1);
            if ours == theirs {
                Ok(())
            } else {
                Err(TestCaseError::fail(format!("{source}\nours:   {ours:?}\ntheirs: {theirs:?}")))
            }
        });
        println!("{} trees compared, {} texts refused by both", same.get(), refused.get());
        if let Err(error) = outcome {
            panic!("{error}");
        }
        assert!(same.get() > 100 && refused.get() > 100, "a comparison of nothing");
    });
}
