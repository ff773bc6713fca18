//! Single messages: types, ids, the reasons against them and their order.

use super::{check, read, reader};

#[test]
fn types_in_any_case() {
    check(r#"{"type":"track","userId":"u","event":"Order Completed"}"#, "track u=u e=ordercompleted");
    check(r#"{"type":"PAGE","userId":"u"}"#, "page u=u");
    check(r#"{"type":"Screen","userId":"u"}"#, "screen u=u");
    check(r#"{"type":"identify","userId":"u"}"#, "identify u=u");
    check(r#"{"type":"group","userId":"u","groupId":"g"}"#, "group u=u g=g");
    check(r#"{"type":"alias","userId":"u","previousId":"p"}"#, "alias u=u p=p");
    check(r#"{"type":"delete","userId":"u"}"#, "delete u=u");
    check(r#"{"type":"tr\u0061ck","userId":"u","event":"x"}"#, "track u=u e=x");
    for kind in [
        r#"" track""#,
        r#""trac""#,
        r#""tracK\u0131""#,
        r#""İdentify""#,
        "null",
        "1",
        "[]",
        r#"{"type":"track"}"#,
        r#""""#,
    ] {
        check(&format!(r#"{{"type":{kind},"userId":"u","event":"x"}}"#), "no_type");
    }
    check(r#"{"userId":"u","event":"x"}"#, "no_type");
    check("{}", "no_type");
}

#[test]
fn ids() {
    check(r#"{"type":"page","userId":null,"anonymousId":"a"}"#, "page a=a");
    check(r#"{"type":"page","userId":7,"anonymousId":7.0}"#, "page u=7 a=7");
    check(r#"{"type":"page","userId":1e3}"#, "page u=1000");
    check(r#"{"type":"page","userId":18446744073709551616}"#, "page u=18446744073709551616");
    check(r#"{"type":"page","userId":1.50}"#, "page u=1.50");
    check(r#"{"type":"page","userId":" u "}"#, "page u= u ");
    check(r#"{"type":"page","userId":"Ü"}"#, "page u=Ü");
    check(r#"{"type":"page","userId":"undefined","anonymousId":"a"}"#, "page a=a");
    check(r#"{"type":"page","userId":"u","anonymousId":"00000000-0000-0000-0000-000000000000"}"#, "page u=u");
    check(r#"{"type":"page","userId":"\ud800"}"#, "page u=\u{fffd}");
    check(r#"{"type":"page","userId":"a\u0000b"}"#, "page u=a\0b");
    let huge = format!("page u=1{}", "0".repeat(400));
    check(r#"{"type":"page","userId":1e400}"#, &huge);
    for id in ["true", "[1]", r#"{"id":1}"#, "null", r#""""#, r#"" NaN ""#, r#""(null)""#, "-1", "0", "0.00", r#""-1""#]
    {
        check(&format!(r#"{{"type":"page","userId":{id},"anonymousId":{id}}}"#), "no_id");
    }
}

#[test]
fn which_call_needs_which_id() {
    for kind in ["track", "page", "screen", "identify", "alias", "delete", "group"] {
        check(&format!(r#"{{"type":"{kind}","event":"x"}}"#), "no_id");
    }
    check(r#"{"type":"alias","previousId":"p"}"#, "no_id");
    check(r#"{"type":"alias","userId":"u"}"#, "alias u=u");
    check(r#"{"type":"alias","anonymousId":"a","previousId":"p"}"#, "alias a=a p=p");
    check(r#"{"type":"group","groupId":"g"}"#, "group g=g");
    check(r#"{"type":"group","groupId":5}"#, "group g=5");
    check(r#"{"type":"group","userId":"u","traits":{"plan":"x"}}"#, "group u=u");
    check(r#"{"type":"group","groupId":"none"}"#, "no_id");
    check(r#"{"type":"group","context":{"groupId":"g"}}"#, "no_id");
    check(r#"{"type":"track","event":"x","groupId":"g"}"#, "no_id");
    check(r#"{"type":"page","userId":"u","previousId":"p"}"#, "page u=u");
    check(r#"{"type":"delete","anonymousId":"a"}"#, "delete a=a");
}

#[test]
fn ids_have_a_limit() {
    let (fits, long) = ("x".repeat(512), "x".repeat(513));
    check(&format!(r#"{{"type":"page","userId":"{fits}"}}"#), &format!("page u={fits}"));
    for record in [
        format!(r#"{{"type":"page","userId":"{long}"}}"#),
        format!(r#"{{"type":"page","userId":"u","anonymousId":"{long}"}}"#),
        format!(r#"{{"type":"group","userId":"u","groupId":"{long}"}}"#),
        format!(r#"{{"type":"group","groupId":"{long}"}}"#),
        format!(r#"{{"type":"alias","userId":"u","previousId":"{long}"}}"#),
        r#"{"type":"page","userId":1e512}"#.to_owned(),
        format!(r#"{{"type":"page","userId":"{}x"}}"#, "é".repeat(256)),
    ] {
        check(&record, "id_too_long");
    }
    // Where it isn't what the call is about it is only no id.
    check(&format!(r#"{{"type":"page","userId":"u","groupId":"{long}","previousId":"{long}"}}"#), "page u=u");
    check(&format!(r#"{{"type":"page","userId":"u","context":{{"groupId":"{long}"}}}}"#), "page u=u");
    check(&format!(r#"{{"type":"page","userId":"u","messageId":"{long}"}}"#), &format!("page u=u m={long}"));
}

#[test]
fn accounts() {
    let all = r#""groupId":"g","context":{"groupId":"c"},"traits":{"company":{"id":"t"}}"#;
    check(&format!(r#"{{"type":"page","userId":"u",{all}}}"#), "page u=u g=g");
    check(r#"{"type":"page","userId":"u","groupId":null,"context":{"groupId":"c"}}"#, "page u=u acc=c");
    check(r#"{"type":"page","userId":"u","groupId":"null","traits":{"company":{"id":12.0}}}"#, "page u=u acc=12");
    check(r#"{"type":"group","userId":"u","traits":{"company":{"id":"t"}}}"#, "group u=u acc=t");
    check(r#"{"type":"page","userId":"u","context":{"traits":{"company":{"id":"t"}}}}"#, "page u=u");
    check(r#"{"type":"page","userId":"u","traits":{"company":"t"}}"#, "page u=u");
    check(r#"{"type":"page","userId":"u","traits":{"company.id":"t"}}"#, "page u=u");
}

#[test]
fn events_need_a_name() {
    for event in ["null", r#""""#, r#"" \t\u00a0""#, "1", "true", "{}", r#"["x"]"#] {
        check(&format!(r#"{{"type":"track","userId":"u","event":{event}}}"#), "no_event");
        check(&format!(r#"{{"type":"page","userId":"u","event":{event}}}"#), "page u=u");
    }
    check(r#"{"type":"track","userId":"u"}"#, "no_event");
    check(r#"{"type":"track","userId":"u","event":"-.-"}"#, "track u=u");
    check(r#"{"type":"track","userId":"u","event":"Ünï_Code"}"#, "track u=u e=ünïcode");
    check(r#"{"type":"track","userId":"u","event":"a\u0042"}"#, "track u=u e=ab");
}

#[test]
fn message_ids_are_texts() {
    check(r#"{"type":"page","userId":"u","messageId":"m"}"#, "page u=u m=m");
    check(r#"{"type":"page","userId":"u","messageId":" "}"#, "page u=u m= ");
    for none in ["null", r#""""#, "5", "{}"] {
        check(&format!(r#"{{"type":"page","userId":"u","messageId":{none}}}"#), "page u=u");
    }
}

#[test]
fn the_first_reason_counts() {
    let long = "x".repeat(513);
    check(r#"{"type":"tracks"}"#, "no_type");
    check(r#"{"type":"track"}"#, "no_id");
    check(&format!(r#"{{"type":"track","userId":"{long}"}}"#), "no_event");
    check(&format!(r#"{{"type":"track","userId":"{long}","event":"x"}}"#), "id_too_long");
    let over = " ".repeat(1 << 20);
    check(&format!("nope{over}"), "not_json");
    check(&format!("1{over}"), "not_an_object");
    check(&format!("{{{over}}}"), "no_type");
    check(&format!(r#"{{"type":"page"{over}}}"#), "no_id");
    check(&format!(r#"{{"type":"page","userId":"{long}"{over}}}"#), "id_too_long");
    check(&format!(r#"{{"type":"page","userId":"u"{over}}}"#), "too_large");
}

#[test]
fn a_record_may_have_a_mebibyte() {
    let message = r#"{"type":"page","userId":"u"}"#;
    let fits = message.to_owned() + &" ".repeat((1 << 20) - message.len());
    check(&fits, "page u=u");
    check(&(fits + " "), "too_large");
}

#[test]
fn our_own_come_back() {
    let ours = r#""context":{"library":{"name":"kairos"}}"#;
    check(&format!(r#"{{"type":"track","userId":"u","event":"mk_x",{ours}}}"#), "own");
    check(&format!("{{{ours}}}"), "own");
    check(&format!(r#"{{{ours},"type":5,"x":"{}"}}"#, "x".repeat(1 << 20)), "own");
    check(r#"{"type":"page","userId":"u","context":{"library":{"name":"kairos2"}}}"#, "page u=u");
    check(r#"{"type":"page","userId":"u","context":{"library":"kairos"}}"#, "page u=u");
    check(&format!(r#"{{{ours},"type":"page","userId":"u","context":{{}}}}"#), "page u=u");
}

#[test]
fn details_say_what_and_where() {
    let detail = |record: &str| {
        let mut scratch = kairos::engine::event::Scratch::default();
        match reader(&[]).read(Some(record.as_bytes()), &mut scratch).next_item() {
            Some(kairos::engine::event::Item::Rejected(rejected)) => rejected.detail,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(detail(r#"{"a" 1}"#), "not JSON: a colon was expected at byte 5");
    assert_eq!(detail("[1]x"), "not JSON: something follows the end at byte 3");
    assert_eq!(detail(""), "not JSON: a value was expected at byte 0");
    assert_eq!(detail("5"), "the record is a number");
    assert_eq!(
        detail(r#"{"type":"page","userId":"-1"}"#),
        "`userId` is a placeholder, which is no id, `anonymousId` is missing"
    );
    let detail = detail(&format!(r#"{{"type":"{}"}}"#, "é".repeat(100)));
    assert!(detail.starts_with("`type` is \"éé") && detail.len() < 200, "{detail}");
}

#[test]
fn of_duplicate_keys_the_last_counts() {
    check(r#"{"type":"track","type":"page","userId":"a","userId":"b"}"#, "page u=b");
    check(r#"{"type":"page","userId":"a","userId":null,"anonymousId":"x"}"#, "page a=x");
    check(r#"{"type":"page","userId":"a","u\u0073erId":"b"}"#, "page u=b");
    check(r#"{"type":"page","userId":"u","context":{"groupId":"c"},"context":{"ip":"1"}}"#, "page u=u");
    check(r#"{"type":"page","userId":"u","traits":{"company":{"id":1},"company":{}}}"#, "page u=u");
    check(r#"{"type":"page","userId":"u","traits":{"company":{"id":1},"company":{"id":2,"id":3}}}"#, "page u=u acc=3");
}

#[test]
fn what_is_no_json() {
    let records: [&[u8]; 14] = [
        b"",
        b"  ",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"{\"type\":\"page\",\"userId\":\"\xff\"}",
        b"{\"type\":\"page\",\"userId\":\"\xed\xa0\x80\"}",
        br#"{"type":"page","userId":"u"}x"#,
        br#"{"type":"page","userId":"u"}{}"#,
        br#"{"type":"page","userId":"u","x":NaN}"#,
        br#"{"type":"page","userId":"u","x":-Infinity}"#,
        br#"{"type":"page","userId":"u",}"#,
        b"{\"type\":\"page\",\"userId\":\"a\nb\"}",
        br#"{"type":"page" "userId":"u"}"#,
        br#"{'type':'page'}"#,
    ];
    for record in records {
        assert_eq!(read(&reader(&[]), Some(record)), ["not_json"], "{}", String::from_utf8_lossy(record));
    }
    check("\u{feff} {\"type\":\"page\",\"userId\":\"u\"}\r\n\t ", "page u=u");
}

#[test]
fn levels_have_a_limit() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    for inner in [&nested, &objects] as [&dyn Fn(usize) -> String; 2] {
        check(&format!(r#"{{"type":"page","userId":"u","x":{}}}"#, inner(127)), "page u=u");
        check(&format!(r#"{{"type":"page","userId":"u","x":{}}}"#, inner(128)), "not_json");
        check(&format!(r#"{{"type":"page","userId":"u","context":{{"page":{}}}}}"#, inner(126)), "page u=u");
        check(&format!(r#"{{"type":"page","userId":"u","context":{{"page":{}}}}}"#, inner(127)), "not_json");
    }
    check(&nested(100_000), "not_json");
    check(&"[".repeat(1_000_000), "not_json");
}

#[test]
fn what_is_no_object() {
    for record in ["null", "5", "\"text\"", "true", "1e400"] {
        check(record, "not_an_object");
    }
}
