//! What may stand around messages: batches, wrappers, nothing at all.

use kairos::engine::event::{Ahead, Reader, Scratch, Wanted, time};
use kairos::engine::playbook::meant::Root;

use super::{check, check_with, path, read, reader, with_event};

const A: &str = r#"{"type":"page","userId":"a"}"#;
const B: &str = r#"{"type":"page","userId":"b"}"#;

#[test]
fn nothing_to_do() {
    assert_eq!(read(&reader(&[]), None), ["empty"]);
    for record in ["[]", " [ ] ", r#"{"batch":[]}"#, r#"{"batch":[],"sentAt":"x","context":{}}"#] {
        check(record, "empty");
    }
}

#[test]
fn batches() {
    let plain = reader(&[]);
    check_with(&plain, &format!("[{A},{B}]"), &["page u=a", "page u=b"]);
    check_with(&plain, &format!(r#"{{"batch" : [ {A} , {B} ] }}"#), &["page u=a", "page u=b"]);
    check_with(&plain, &format!(r#"{{"type":"bulk","batch":[{A}]}}"#), &["page u=a"]);
    check_with(&plain, &format!(r#"{{"batch":5,"batch":[{A}]}}"#), &["page u=a"]);
    check_with(&plain, r#"{"batch":{}}"#, &["no_type"]);
    check_with(&plain, r#"{"batch":null}"#, &["no_type"]);
    // A known type makes one message, whatever else is there.
    check_with(&plain, &format!(r#"{{"type":"page","userId":"u","batch":[{A}]}}"#), &["page u=u"]);
}

#[test]
fn bad_items_are_alone_in_that() {
    let record = format!(r#"[{A},5,"x",null,[{B}],{{"batch":[{B}]}},{{"type":"track","userId":"u"}},{B}]"#);
    let expected = [
        "page u=a",
        "not_an_object @1 5",
        "not_an_object @2 \"x\"",
        "not_an_object @3 null",
        r#"not_an_object @4 [{"type":"page","userId":"b"}]"#,
        r#"no_type @5 {"batch":[{"type":"page","userId":"b"}]}"#,
        r#"no_event @6 {"type":"track","userId":"u"}"#,
        "page u=b",
    ];
    check_with(&reader(&[]), &record, &expected);
}

#[test]
fn the_outer_context_lies_under_the_items() {
    let batch =
        |outer: &str, item: &str| format!(r#"{{"context":{outer},"batch":[{{"type":"page","userId":"u"{item}}}]}}"#);
    let plain = reader(&[]);
    let outer = r#"{"groupId":"o","page":{"path":"/o","title":"o"},"ip":"1"}"#;
    check_with(&plain, &batch(outer, ""), &["page u=u acc=o"]);
    check_with(&plain, &batch(outer, r#","context":null"#), &["page u=u acc=o"]);
    check_with(&plain, &batch(outer, r#","context":{"ip":"2"}"#), &["page u=u acc=o"]);
    check_with(&plain, &batch(outer, r#","context":{"groupId":"i"}"#), &["page u=u acc=i"]);
    check_with(&plain, &batch(outer, r#","context":{"groupId":null}"#), &["page u=u"]);
    check_with(&plain, &batch(outer, r#","context":"none""#), &["page u=u"]);
    check_with(&plain, &batch(r#""none""#, r#","context":{"groupId":"i"}"#), &["page u=u acc=i"]);
    // A top-level key is replaced whole.
    let title = path(Root::Context, "page.title");
    let reader = Reader::new(Wanted::new([&title]), &[], &[]);
    let slot = reader.wanted().slot(&title).unwrap();
    let seen = |item: &str| {
        with_event(&reader, &batch(outer, item), |event| {
            (format!("{:?}", event.value(slot)), event.page_path().map(String::from))
        })
    };
    assert_eq!(seen(""), ("Text(\"o\")".into(), Some("/o".into())));
    assert_eq!(seen(r#","context":{"page":{"path":"/i"}}"#), ("Null".into(), Some("/i".into())));
    assert_eq!(seen(r#","context":{"page":{}}"#), ("Null".into(), None));
}

#[test]
fn an_outer_library_of_ours_marks_each_item_without_its_own() {
    let record = format!(
        r#"{{"batch":[{A},{{"context":{{"library":{{"name":"x"}}}},"type":"page","userId":"b"}}],"context":{{"library":{{"name":"kairos"}}}}}}"#
    );
    check_with(&reader(&[]), &record, &["own", "page u=b"]);
}

#[test]
fn nothing_else_merges() {
    let record = r#"{"userId":"u","anonymousId":"a","type":"bulk","event":"e","timestamp":"2026-03-01","batch":[{"type":"page"}]}"#;
    check_with(&reader(&[]), record, &[r#"no_id @0 {"type":"page"}"#]);
}

#[test]
fn dead_items_take_what_was_said_once_for_all() {
    let outer = r#""context":{"ip":"1","page":{"a":1}},"integrations":{"All":false},"sentAt":"s","writeKey":"w""#;
    let check = |item: &str, expected: &str| {
        let record = format!(r#"{{{outer},"batch":[{item}]}}"#);
        check_with(&reader(&[]), &record, &[&format!("no_type @0 {expected}")]);
    };
    check("{}", r#"{"context":{"ip":"1","page":{"a":1}},"integrations":{"All":false},"sentAt":"s"}"#);
    check(
        r#"{"userId":"ü\n","context":{"page":{"b":2},"x":1},"integrations":{},"sentAt":"mine"}"#,
        r#"{"userId":"ü\n","integrations":{},"sentAt":"mine","context":{"ip":"1","page":{"b":2},"x":1}}"#,
    );
    check(
        r#"{"context":null,"sentAt":null,"integrations":null,"a":1}"#,
        r#"{"a":1,"context":{"ip":"1","page":{"a":1}},"integrations":{"All":false},"sentAt":"s"}"#,
    );
    check(r#"{"context":"odd"}"#, r#"{"context":"odd","integrations":{"All":false},"sentAt":"s"}"#);
}

#[test]
fn items_have_a_limit() {
    let batch = |count: usize| format!("[{}]", vec![A; count].join(","));
    assert_eq!(read(&reader(&[]), Some(batch(2_500).as_bytes())).len(), 2_500);
    check(&batch(2_501), "too_large");
    // Some 30 kB in each of 2,500 dead letters would be 75 MB.
    let wide = format!(r#"{{"context":{{"x":"{}"}},"batch":[{}]}}"#, "x".repeat(30_000), vec!["{}"; 2_500].join(","));
    check(&wide, "too_large");
    check(&format!("[{A}{}]", " ".repeat(1 << 20)), "too_large");
}

#[test]
fn wrappers() {
    let wrapped = reader(&["data", "message"]);
    let check = |record: &str, expected: &[&str]| check_with(&wrapped, record, expected);
    check(&format!(r#"{{"data":{{"message":{A}}}}}"#), &["page u=a"]);
    check(&format!(r#"{{"data":{{"message":{B},"message":{A}}}}}"#), &["page u=a"]);
    check(&format!(r#"{{"data":{{"message":[{A},{B}]}}}}"#), &["page u=a", "page u=b"]);
    check(&format!(r#"{{"data":{{"message":{{"batch":[{A},1]}}}}}}"#), &["page u=a", "not_an_object @1 1"]);
    check(r#"{"data":{"message":[]}}"#, &["empty"]);
    let text = serde_json::to_string(&format!(" {A} ")).unwrap();
    check(&format!(r#"{{"data":{{"message":{text}}}}}"#), &["page u=a"]);
    let batch = serde_json::to_string(&format!(r#"{{"batch":[{A},1],"context":{{"ip":"é"}}}}"#)).unwrap();
    check(&format!(r#"{{"data":{{"message":{batch}}}}}"#), &["page u=a", "not_an_object @1 1"]);
    check(r#"{"data":{"message":"5"}}"#, &["not_an_object"]);
    // Type comes first.
    check(&format!(r#"{{"type":"page","userId":"u","data":{{"message":{A}}}}}"#), &["page u=u"]);
    check(&format!(r#"{{"type":"record","data":{{"message":{A}}}}}"#), &["page u=a"]);
}

#[test]
fn without_its_wrapper_a_record_is_taken_itself() {
    let wrapped = reader(&["data", "message"]);
    let check = |record: &str, expected: &[&str]| check_with(&wrapped, record, expected);
    check(A, &["page u=a"]);
    check(&format!("[{A}]"), &["page u=a"]);
    check(&format!(r#"{{"batch":[{A}],"data":{{"message":7}}}}"#), &["page u=a"]);
    check(&format!(r#"{{"batch":[{A}],"data":{{"message":"no json","x":{B}}}}}"#), &["page u=a"]);
    check(&format!(r#"{{"batch":[{A}],"data":"x"}}"#), &["page u=a"]);
    check(r#"{"data":{"message":null}}"#, &["no_type"]);
    // What is inside counts from its own first level, and only items that are wrapped themselves stay so.
    check(&format!(r#"[{{"data":{{"message":{A}}}}}]"#), &[&format!(r#"no_type @0 {{"data":{{"message":{A}}}}}"#)]);
}

#[test]
fn ours_inside_a_wrapper() {
    let ours = r#"{"type":"x","context":{"library":{"name":"kairos"}}}"#;
    check_with(&reader(&["message"]), &format!(r#"{{"message":{ours}}}"#), &["own"]);
    check_with(&reader(&[]), &format!("[{ours},{A}]"), &["own", "page u=a"]);
}

#[test]
fn times_of_records_in_files() {
    let t = |day: u32| format!("\"2026-03-0{day}\"");
    let item = |times: &str| format!(r#"{{"type":"page","userId":"u"{times}}}"#);
    let received = format!(r#","receivedAt":{},"timestamp":{}"#, t(1), t(2));
    for (record, day) in [
        (item(&received), Some(1)),
        (item(&format!(r#","receivedAt":"x","originalTimestamp":{},"timestamp":"y""#, t(2))), Some(2)),
        (item(""), None),
        (format!(r#"{{"type":"nonsense","receivedAt":{}}}"#, t(3)), Some(3)),
        (format!(r#"{{"batch":[{}],"receivedAt":{}}}"#, item(&received), t(4)), Some(4)),
        (format!(r#"{{"batch":[1,{},{}],"receivedAt":"x"}}"#, item(""), item(&received)), Some(1)),
        (format!("[{},{}]", item(&format!(r#","timestamp":{}"#, t(5))), item(&received)), Some(5)),
        ("[]".to_owned(), None),
        (format!(r#"{{"batch":[],"receivedAt":{}}}"#, t(6)), Some(6)),
        ("nope".to_owned(), None),
    ] {
        let expected = day.and_then(|day: u32| time::parse(&format!("2026-03-0{day}")));
        assert_eq!(
            reader(&[]).read_ahead(record.as_bytes(), &mut Scratch::default(), &mut Ahead::default(), &mut |_| {}),
            expected,
            "{record}"
        );
    }
}

/// Finding what is merged anew for each dead item would take seconds.
#[test]
fn a_batch_of_nothing_but_dead_items_is_quick() {
    let item = format!(r#"{{"x":"{}"}}"#, "x".repeat(390));
    let record = format!(r#"{{"sentAt":"s","batch":[{}],"context":{{"ip":"1"}}}}"#, vec![item; 2_500].join(","));
    assert!(record.len() < 1 << 20);
    let start = std::time::Instant::now();
    assert_eq!(read(&reader(&[]), Some(record.as_bytes())).len(), 2_500);
    assert!(start.elapsed().as_millis() < 4_000, "{:?}", start.elapsed());
}
