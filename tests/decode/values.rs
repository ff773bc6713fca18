//! What expressions and profiles see of a message.

use kairos::engine::event::{Event, Reader, Value, Wanted};
use kairos::engine::playbook::meant::Root;

use super::{path, with_event};

/// Short texts, so that cases fit on a line.
fn show(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("{} as {}", number.value, number.text),
        Value::Text(text) => format!("{text:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Object(object) => {
            let members = object.entries().into_iter().map(|(key, value)| format!("{key}: {}", show(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Of a message with these members: what is at a path, by some way of asking.
fn ask<T>(root: Root, keys: &str, members: &str, look: impl FnOnce(&Event<'_>, kairos::engine::event::Slot) -> T) -> T {
    let path = path(root, keys);
    let reader = Reader::new(Wanted::new([&path]), &[], &[]);
    let slot = reader.wanted().slot(&path).unwrap();
    let record = if members.contains("\"type\"") {
        format!("{{{members}}}")
    } else {
        format!(r#"{{"type":"page","userId":"u",{members}}}"#)
    };
    with_event(&reader, &record, |event| look(event, slot))
}

#[track_caller]
fn check(root: Root, keys: &str, members: &str, expected: &str) {
    let seen = ask(root, keys, members, |event, slot| show(event.value(slot)));
    assert_eq!(seen, expected, "{keys} of {members}");
}

#[test]
fn properties_and_context() {
    let members = r#""properties":{"a":{"b":[1,"x",null],"a long key of more than twenty-four bytes":true},"n":1.50,"h":1e400,"t":"\u00e9\ud800","z":"","f":false,"N":-0}"#;
    for (keys, expected) in [
        ("a.b", "[1 as 1, \"x\", null]"),
        ("a.a long key of more than twenty-four bytes", "true"),
        ("a.a long key of more than twenty-four byteS", "null"),
        ("n", "1.5 as 1.50"),
        ("N", "-0 as -0"),
        ("h", "null"),
        ("t", "\"é\u{fffd}\""),
        ("z", "\"\""),
        ("f", "false"),
        ("a.b.c", "null"),
        ("n.x", "null"),
        ("missing.x", "null"),
        ("a", "{a long key of more than twenty-four bytes: true, b: [1 as 1, \"x\", null]}"),
    ] {
        check(Root::Properties, keys, members, expected);
    }
    check(Root::Properties, "", r#""properties":{"a":1,"a":2}"#, "{a: 2 as 2}");
    check(Root::Properties, "", r#""properties":null"#, "null");
    check(Root::Properties, "a", r#""properties":"a""#, "null");
    check(Root::Properties, "k\u{e9}y", r#""properties":{"k\u00e9y":1}"#, "1 as 1");
    check(Root::Context, "location.country", r#""context":{"location":{"country":"Canada"}}"#, "\"Canada\"");
    check(Root::Context, "", r#""context":{"a":1}"#, "{a: 1 as 1}");
    check(Root::Context, "traits.x", r#""context":{"traits":{"x":1}},"traits":{"x":2}"#, "1 as 1");
}

#[test]
fn of_duplicates_the_last_with_all_that_is_in_it() {
    check(Root::Properties, "a.b", r#""properties":{"a":{"b":1},"a":{"c":2}}"#, "null");
    check(Root::Properties, "a.b", r#""properties":{"a":{"b":1},"a":2}"#, "null");
    check(Root::Properties, "a.b", r#""properties":{"a":{"b":1}},"properties":{}"#, "null");
    check(Root::Properties, "a", r#""properties":{"a":1,"a":2}"#, "2 as 2");
    check(Root::Properties, "a", r#""properties":{"a":1,"\u0061":2}"#, "2 as 2");
}

#[test]
fn traits_of_a_message() {
    let both = r#""context":{"traits":{"a":{"x":1,"y":1},"b":1,"c":1}},"traits":{"a":{"x":2},"b":null}"#;
    check(Root::Traits, "a.x", both, "2 as 2");
    check(Root::Traits, "a.y", both, "null");
    check(Root::Traits, "b", both, "null");
    check(Root::Traits, "c", both, "null");
    check(Root::Traits, "", both, "{a: {x: 2 as 2}, b: null}");
    check(Root::Traits, "", r#""traits":{"a":1}"#, "{a: 1 as 1}");
    check(Root::Traits, "", r#""traits":5,"context":{"traits":{"a":1}}"#, "5 as 5");
    check(Root::Traits, "", r#""context":{"traits":{"a":1}}"#, "null");
    check(Root::Traits, "c", r#""type":"group","userId":"u","traits":{"c":1}"#, "1 as 1");
}

#[test]
fn traits_for_profiles() {
    let person =
        |keys: &str, members: &str| ask(Root::Traits, keys, members, |event, slot| event.person_trait(slot).map(show));
    let some = |text: &str| Some(text.to_owned());
    let both = r#""context":{"traits":{"a":{"x":1,"y":1},"b":1,"c":1}},"traits":{"a":{"x":2},"b":null}"#;
    assert_eq!(person("a.x", both), some("2 as 2"));
    assert_eq!(person("a.y", both), some("null"), "replaced whole");
    assert_eq!(person("b", both), some("null"), "taken away");
    assert_eq!(person("c", both), some("1 as 1"));
    assert_eq!(person("d", both), None);
    assert_eq!(person("a.x", r#""traits":{"a":null}"#), some("null"));
    assert_eq!(person("a.x", r#""traits":{"a":"text"}"#), some("null"));
    assert_eq!(person("a.x", r#""traits":{"b":1}"#), None);
    assert_eq!(person("a", r#""traits":null"#), None);
    let group = r#""type":"group","userId":"u","context":{"traits":{"a":1}},"traits":{"a":2,"b":3}"#;
    assert_eq!(person("a", group), some("1 as 1"), "a group's own traits are not the person's");
    assert_eq!(person("b", group), None);
    let of_group =
        |keys: &str, members: &str| ask(Root::Group, keys, members, |event, slot| event.group_trait(slot).map(show));
    assert_eq!(of_group("a", group), some("2 as 2"));
    assert_eq!(of_group("b", group), some("3 as 3"));
    assert_eq!(of_group("c", group), None);
    assert_eq!(of_group("a", both), None, "no group call");
}

#[test]
fn fields_of_a_message() {
    check(Root::Type, "", r#""type":"PAGE","userId":"u""#, "\"page\"");
    check(Root::Event, "", r#""type":"track","userId":"u","event":"Order Completed""#, "\"Order Completed\"");
    check(Root::Event, "", r#""event":"x""#, "null");
    check(Root::Name, "", r#""name":"n","properties":{"name":"p"}"#, "\"n\"");
    check(Root::Name, "", r#""name":"","properties":{"name":"p"}"#, "\"\"");
    check(Root::Name, "", r#""name":null,"properties":{"name":"p"}"#, "\"p\"");
    check(Root::Name, "", r#""properties":{"name":5}"#, "5 as 5");
    check(Root::Category, "", r#""category":"c""#, "\"c\"");
    check(Root::UserId, "", r#""type":"page","userId":7.0"#, "\"7\"");
    check(Root::AnonymousId, "", r#""anonymousId":"none""#, "null");
    check(Root::GroupId, "", r#""groupId":"g","context":{"groupId":"c"}"#, "\"g\"");
    check(Root::GroupId, "", r#""context":{"groupId":"c"}"#, "null");
}

#[test]
fn the_path_of_a_page() {
    for (members, expected) in [
        (r#""properties":{"path":"/p","url":"https://x/u"},"context":{"page":{"path":"/c"}}"#, "\"/p\""),
        (r#""properties":{"path":5,"url":"https://x/u"},"context":{"page":{"path":"/c"}}"#, "\"/c\""),
        (r#""properties":{"url":"https://x/u?a=/b#c"},"context":{"page":{"path":null}}"#, "\"/u\""),
        (r#""properties":{"url":"https:\/\/x"}"#, "\"/\""),
        (r#""properties":{"path":""}"#, "\"\""),
        (r#""properties":{"url":5}"#, "null"),
    ] {
        check(Root::PagePath, "", members, expected);
    }
}

#[test]
fn event_times() {
    for (members, expected) in [
        (r#""timestamp":"2026-03-01","originalTimestamp":"2026-03-02","receivedAt":"2026-03-03""#, Some("2026-03-01")),
        (r#""timestamp":"no","originalTimestamp":"2026-03-02","receivedAt":"2026-03-03""#, Some("2026-03-02")),
        (r#""timestamp":1772366400000,"receivedAt":"2026-03-03""#, Some("2026-03-03")),
        (r#""timestamp":"2026\u002d03-04""#, Some("2026-03-04")),
        (r#""sentAt":"2026-03-03""#, None),
    ] {
        let time = ask(Root::Type, "", members, |event, _| event.event_time());
        assert_eq!(time, expected.and_then(kairos::engine::event::time::parse), "{members}");
    }
}

#[test]
fn lists_and_objects_are_walked() {
    ask(
        Root::Properties,
        "x",
        r#""properties":{"x":{"l":[ 1 , {"a":[]} , "b" ],"o":{ "a" : 1 , "b" : [ ] , "a" : 2 },"e":[ ],"f":{ }}}"#,
        |event, slot| {
            let Value::Object(object) = event.value(slot) else { panic!("an object") };
            let Value::List(list) = object.get("l") else { panic!("a list") };
            assert_eq!((list.len(), show(list.index(2)), show(list.index(3))), (3, "\"b\"".into(), "null".into()));
            let Value::Object(inner) = object.get("o") else { panic!("an object") };
            assert_eq!((inner.len(), show(inner.get("a")), show(inner.get("c"))), (2, "2 as 2".into(), "null".into()));
            let Value::List(empty) = object.get("e") else { panic!("a list") };
            let Value::Object(bare) = object.get("f") else { panic!("an object") };
            assert!(empty.is_empty() && bare.is_empty() && !list.is_empty());
        },
    );
}

#[test]
fn equality_is_of_meaning() {
    let equal = |a: &str, b: &str| {
        let members = format!(r#""properties":{{"x":[{a},{b}]}}"#);
        ask(Root::Properties, "x", &members, |event, slot| {
            let Value::List(list) = event.value(slot) else { panic!("a list") };
            list.index(0) == list.index(1)
        })
    };
    for (a, b) in [
        ("1", "1.0"),
        ("1e2", "100"),
        ("0", "-0"),
        (r#""a""#, r#""\u0061""#),
        ("[1,[2]]", "[ 1.0 , [ 2 ] ]"),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ("null", "1e400"),
        ("{}", "{}"),
        ("[]", "[]"),
    ] {
        assert!(equal(a, b), "{a} == {b}");
    }
    for (a, b) in [
        ("1", r#""1""#),
        ("[1]", "[1,1]"),
        ("[1,2]", "[2,1]"),
        (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
        ("[]", "{}"),
        ("true", "1"),
        ("null", "false"),
    ] {
        assert!(!equal(a, b), "{a} != {b}");
    }
}
