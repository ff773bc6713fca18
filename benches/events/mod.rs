//! Events for the benches, and the typed parse they are compared with.

use std::borrow::Cow;
use std::hint::black_box;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A parse by serde_json that borrows what it can and leaves open parts as raw text.
pub fn typed_parse(event: &str) -> usize {
    let event: Typed<'_> = serde_json::from_slice(event.as_bytes()).expect("events are good");
    let length = event.user_id.as_ref().map_or(0, |id| id.len());
    black_box(&event);
    length
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    group_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    original_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    received_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    traits: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

const AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36";
const PATHS: [&str; 6] =
    ["/", "/dashboard", "/projects/overview", "/settings/team", "/docs/getting-started", "/blog/how-we-scale"];
const USES: [&str; 6] =
    ["Feature Used", "Report Viewed", "Button Clicked", "Search Performed", "File Uploaded", "Comment Added"];

/// Most pages say little: 6% are about prices.
fn path(n: u64) -> &'static str {
    if n % 100 < 6 { "/pricing/enterprise" } else { PATHS[(n / 100 % 6) as usize] }
}

/// Most calls are everyday use: of 1,000, 85 are a step that scores.
fn name(n: u64) -> &'static str {
    match n % 1_000 {
        0..20 => "Invite Sent",
        20..45 => "Signed Up",
        45..75 => "Project Created",
        75..85 => "order_completed",
        _ => USES[(n / 1_000 % 6) as usize],
    }
}

/// Numbers that look random and are always the same, from those of the `n`th event on, which takes three.
pub fn numbers(n: u64) -> impl FnMut() -> u64 {
    let mut numbers = (n * 3..).map(|n: u64| {
        (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 8
    });
    move || numbers.next().expect("there is no last one")
}

/// The `n`th event, of a user at a time.
pub fn event(n: u64, time: i64, user: u64, number: &mut impl FnMut() -> u64) -> String {
    let (a, b, c) = (number(), number(), number());
    let path = path(a);
    let time = kairos::engine::event::time::format(time);
    let (kind, body) = match b % 100 {
        0..50 => (
            r#""type":"page","name":"Page""#.to_owned(),
            format!(
                r#""properties":{{"path":"{path}","referrer":"https://app.example.com/","search":"","title":"Example - Acme Analytics","url":"https://app.example.com{path}","duration_ms":{}}}"#,
                c % 90_000
            ),
        ),
        50..90 => (
            format!(r#""type":"track","event":"{}""#, name(c)),
            format!(
                r#""properties":{{"order_id":"o-{n}","revenue":{}.{:02},"workspace":"ws-{}","source":"web","experiment":"variant-b","duration_ms":{},"items":[{},{}],"path":"{path}"}}"#,
                c % 400,
                a % 100,
                c % 997,
                a % 9_000,
                a % 99,
                c % 99
            ),
        ),
        90..95 => (
            r#""type":"identify""#.to_owned(),
            format!(
                r#""traits":{{"email":"{user:06x}@initech.com","title":"CTO","address":{{"city":"Springfield","country":"Canada"}},"company":{{"id":"c-{}","name":"Company {}","employees":{}}},"createdAt":"2025-11-02T08:00:00Z"}}"#,
                user % 4_999,
                user % 4_999,
                user % 900
            ),
        ),
        95..98 => (
            r#""type":"screen","name":"Home""#.to_owned(),
            format!(
                r#""properties":{{"path":"/home","variation":"blue","duration_ms":{},"workspace":"ws-{}","source":"ios"}}"#,
                c % 9_000,
                c % 997
            ),
        ),
        _ => (
            format!(r#""type":"group","groupId":"c-{}""#, user % 4_999),
            format!(
                r#""traits":{{"name":"Company {}","employees":{},"plan":"team","industry":"Software","website":"https://example.com"}}"#,
                user % 4_999,
                user % 900
            ),
        ),
    };
    message(&kind, &body, &format!("ajs-next-{a:016x}{b:016x}"), &format!("{user:013x}"), path, &time)
}

/// What a browser puts around a call.
pub fn message(kind: &str, body: &str, message_id: &str, user_id: &str, path: &str, time: &str) -> String {
    format!(
        r#"{{"anonymousId":"3f2504e0-4f89-41d3-9a0c-{user_id:0>12}","channel":"client","context":{{"ip":"203.0.113.7","library":{{"name":"analytics.js","version":"2.11.1"}},"locale":"en-US","page":{{"path":"{path}","referrer":"https://app.example.com/dashboard","search":"","title":"Example - Acme Analytics","url":"https://app.example.com{path}"}},"screen":{{"width":1440,"height":900}},"userAgent":"{AGENT}"}},{kind},"integrations":{{}},"messageId":"{message_id}","originalTimestamp":"{time}",{body},"receivedAt":"{time}","sentAt":"{time}","timestamp":"{time}","userId":"{user_id}","version":2}}"#
    )
}
