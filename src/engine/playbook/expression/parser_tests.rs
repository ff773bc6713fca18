//! Trees drawn with brackets around everything, and what is said of what does not parse.

use super::*;

/// The tree with brackets around everything.
fn shape(source: &str) -> String {
    let tree = parse(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    draw(&tree, tree.root)
}

fn draw(tree: &Tree, id: NodeId) -> String {
    let all = |ids: &[NodeId], sep: &str| ids.iter().map(|id| draw(tree, *id)).collect::<Vec<_>>().join(sep);
    match &tree.node(id).kind {
        Kind::Null => "null".into(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(value) => value.to_string(),
        Kind::Text(text) => format!("{text:?}"),
        Kind::List(items) => format!("[{}]", all(items, ", ")),
        Kind::Name(name) => name.clone(),
        Kind::Member { of, name, .. } => format!("{}.{name}", draw(tree, *of)),
        Kind::Index { of, key } => format!("{}[{}]", draw(tree, *of), draw(tree, *key)),
        Kind::Call { of, name, arguments, .. } => {
            let of = of.map_or(String::new(), |of| draw(tree, of) + ".");
            format!("{of}{name}({})", all(arguments, ", "))
        }
        Kind::Unary(operator, one) => format!("({operator:?} {})", draw(tree, *one)),
        Kind::Binary(operator, left, right) => {
            format!("({operator:?} {} {})", draw(tree, *left), draw(tree, *right))
        }
        Kind::And(parts) => format!("({})", all(parts, " && ")),
        Kind::Or(parts) => format!("({})", all(parts, " || ")),
        Kind::If(test, yes, no) => {
            format!("({} ? {} : {})", draw(tree, *test), draw(tree, *yes), draw(tree, *no))
        }
    }
}

#[test]
fn precedence() {
    assert_eq!(shape("a || b && c == 1 + 2 * -3"), "(a || (b && (Equal c (Add 1 (Multiply 2 -3)))))");
    assert_eq!(shape("a - b - c"), "(Subtract (Subtract a b) c)");
    assert_eq!(shape("a ? b : c ? d : e"), "(a ? b : (c ? d : e))");
    assert_eq!(shape("!a.b(1) in [x, 'y']"), "(In (Not a.b(1)) [x, \"y\"])");
    assert_eq!(shape("x[\"a b\"][0].c"), "x[\"a b\"][0].c");
}

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
