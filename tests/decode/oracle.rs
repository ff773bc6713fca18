//! Against another parser: what is JSON and what it says. Where the two are meant to differ, the cases keep away:
//! 128 levels, lone surrogates, numbers that no double holds, the byte-order mark.

use kairos::engine::Reason;
use kairos::engine::event::{Item, Reader, Scratch, Value, Wanted};
use kairos::engine::playbook::meant::Root;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::path;

/// What our reader makes of a document that stands as a property; `None` when it is no JSON.
fn ours(document: &str) -> Option<Json> {
    let x = path(Root::Properties, "x");
    let reader = Reader::new(Wanted::new([&x]), &[], &[]);
    let slot = reader.wanted().slot(&x).unwrap();
    let record = format!(r#"{{"type":"page","userId":"u","properties":{{"x":{document}}}}}"#);
    let mut scratch = Scratch::default();
    match reader.read(Some(record.as_bytes()), &mut scratch).next_item() {
        Some(Item::Event(event)) => Some(plain(event.value(slot))),
        Some(Item::Rejected(rejected)) if rejected.reason == Reason::NotJson => None,
        other => panic!("{record}: {other:?}"),
    }
}

/// The same document in the same place for the other parser.
fn theirs(document: &str) -> Option<Json> {
    let record: Json = serde_json::from_str(&format!(r#"{{"properties":{{"x":{document}}}}}"#)).ok()?;
    Some(floats(record["properties"]["x"].clone()))
}

fn plain(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Number(number) => number.value.into(),
        Value::Text(text) => text.into_owned().into(),
        Value::List(list) => list.iter().map(plain).collect(),
        Value::Object(object) => {
            Json::Object(object.entries().into_iter().map(|(key, value)| (key.into(), plain(value))).collect())
        }
    }
}

fn floats(json: Json) -> Json {
    match json {
        Json::Number(number) => number.as_f64().unwrap().into(),
        Json::Array(list) => list.into_iter().map(floats).collect(),
        Json::Object(object) => Json::Object(object.into_iter().map(|(key, value)| (key, floats(value))).collect()),
        other => other,
    }
}

/// Is there an exponent of three digits? `1e400` is JSON for us alone.
fn may_pass_a_double(document: &str) -> bool {
    document.split(['e', 'E']).skip(1).any(|rest| {
        let digits = rest.trim_start_matches(['+', '-']);
        digits.len() >= 3 && digits.bytes().take(3).all(|byte| byte.is_ascii_digit())
    })
}

/// A document of few kinds of tokens, so that many are nearly right.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\"",
        "\"\\n\\u00e9\"",
        "\"é😀\"",
        "1",
        "-0.5",
        "1e5",
        "01",
        "1.",
        "-",
        ".5",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\"",
        "\\",
        "\u{1}",
        "\"\\x\"",
        "\"\\u12\"",
        "NaN",
        "1E+2",
        "\u{a0}",
        "/",
        "\"k\":",
        "[1,2]",
        "{}",
    ]);
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

/// A right document in many spellings.
fn json() -> impl Strategy<Value = String> {
    let space = prop::sample::select(vec!["", "", "", " ", "\n\t", "\r "]);
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,17})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,20}",
        "-?[1-9](\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,2}"
    ];
    let text = prop_oneof![
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"([ -!#-\\[\\]-~éß😀]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-fA-F]{2}){0,40}\"",
    ];
    let key = prop_oneof![text.clone(), prop::sample::select(vec!["\"a\"".to_owned(), "\"\\u0061\"".to_owned()])];
    let leaf =
        prop_oneof![number, text, prop::sample::select(vec!["true".to_owned(), "false".to_owned(), "null".to_owned()])];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let (space, key) = (space.clone(), key.clone());
        let padded = (space.clone(), inner, space.clone()).prop_map(|(a, value, b)| a.to_owned() + &value + b);
        let member =
            (space.clone(), key, space, padded.clone()).prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        prop_oneof![
            prop::collection::vec(padded, 0..6).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_same_is_json(document in nearly_json()) {
        prop_assume!(!may_pass_a_double(&document));
        prop_assert_eq!(ours(&document), theirs(&document), "{}", document);
    }

    #[test]
    fn the_same_is_read(document in json()) {
        let theirs = theirs(&document);
        prop_assert!(theirs.is_some());
        prop_assert_eq!(ours(&document), theirs, "{}", document);
    }

    #[test]
    fn one_byte_off_is_judged_alike(document in json(), at in any::<prop::sample::Index>(), with in prop::sample::select(b" \"\\{}[],:0e.-xu\n\x01".to_vec())) {
        let mut bytes = document.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(document) = String::from_utf8(bytes) && !document.contains("\\u") {
            prop_assume!(!may_pass_a_double(&document));
            prop_assert_eq!(ours(&document), theirs(&document), "{}", document);
        }
    }
}

#[test]
fn where_we_differ() {
    assert_eq!(ours("1e400"), Some(Json::Null));
    assert_eq!(theirs("1e400"), None);
    assert_eq!(ours(r#""\ud800""#), Some("\u{fffd}".into()));
    assert_eq!(theirs(r#""\ud800""#), None);
}
