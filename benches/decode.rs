//! What decoding costs beside a typed parse of the same events by serde_json, which borrows what it can and leaves
//! open parts as raw text. Figures are only meant as a ratio within one run.
//!
//!   cargo bench --bench decode                          both, by turns, nanoseconds per event
//!   cargo bench --bench decode -- ours|serde|found N    one of them N times over, to count instructions

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use kairos::engine::event::{Item, Reader, Scratch, Wanted};
use kairos::engine::playbook::meant::{Path, Root};
use serde::Deserialize;
use serde_json::value::RawValue;

fn main() {
    let events = events(2_000);
    let bytes: usize = events.iter().map(String::len).sum();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let paths = paths();
    let reader = Reader::new(Wanted::new(&paths), &[], &[]);
    let slots: Vec<_> = paths.iter().filter_map(|path| reader.wanted().slot(path)).collect();
    let mut scratch = Scratch::default();
    let mut run = |what: &str| match what {
        "ours" => events.iter().map(|event| ours(&reader, &mut scratch, event, &[])).sum::<usize>(),
        "found" => events.iter().map(|event| ours(&reader, &mut scratch, event, &slots)).sum(),
        _ => events.iter().map(|event| serde(event)).sum(),
    };
    if let [what, times] = &arguments[..] {
        for _ in 0..times.parse().expect("a number") {
            black_box(run(what));
        }
        return;
    }
    println!("{} events of {} bytes", events.len(), bytes / events.len());
    let mut best = [("serde", f64::MAX), ("ours", f64::MAX), ("found", f64::MAX)];
    for _ in 0..100 {
        for (what, least) in &mut best {
            let start = Instant::now();
            black_box(run(what));
            *least = least.min(start.elapsed().as_nanos() as f64 / events.len() as f64);
        }
    }
    let typed = best[0].1;
    for (what, least) in best {
        println!("{what:>6} {least:6.0} ns per event  {:.2} of a typed parse", least / typed);
    }
}

/// Decodes one event, folds its name, parses its time, and asks for the values at `slots`.
fn ours(reader: &Reader, scratch: &mut Scratch, event: &str, slots: &[kairos::engine::event::Slot]) -> usize {
    let mut items = reader.read(Some(event.as_bytes()), scratch);
    match items.next_item() {
        Some(Item::Event(event)) => {
            black_box(event.event_time());
            slots.iter().for_each(|slot| drop(black_box(event.value(*slot))));
            event.user_id.map_or(0, |id| id.len()) + event.folded.len()
        }
        other => panic!("{other:?}"),
    }
}

fn serde(event: &str) -> usize {
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

/// What a playbook of a dozen signals names.
fn paths() -> Vec<Path> {
    let path = |root, keys: &str| Path { root, keys: keys.split('.').map(str::to_owned).collect() };
    vec![
        path(Root::Properties, "path"),
        path(Root::Properties, "revenue"),
        path(Root::Properties, "order_id"),
        path(Root::Properties, "plan"),
        path(Root::Traits, "title"),
        path(Root::Traits, "jobTitle"),
        path(Root::Traits, "email"),
        path(Root::Traits, "address.country"),
        path(Root::Traits, "company.employees"),
        path(Root::Context, "location.country"),
        path(Root::Group, "plan"),
        path(Root::Group, "employees"),
    ]
}

const AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36";
const PATHS: [&str; 6] =
    ["/", "/dashboard", "/projects/overview", "/pricing/enterprise", "/docs/getting-started", "/blog/how-we-scale"];
const NAMES: [&str; 6] =
    ["Feature Used", "Report Viewed", "Button Clicked", "order_completed", "Invite Sent", "Signed Up"];

/// Events as a browser sends them: half pages, most others tracks, some identifies, screens and groups.
fn events(count: u64) -> Vec<String> {
    let mut numbers = (0..).map(|n: u64| {
        (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 8
    });
    let mut number = move || numbers.next().expect("there is no last one");
    (0..count).map(|n| event(n, &mut number)).collect()
}

fn event(n: u64, number: &mut impl FnMut() -> u64) -> String {
    let (a, b, c) = (number(), number(), number());
    let path = PATHS[(a % 6) as usize];
    let time = kairos::engine::event::time::format(1_772_323_200_000 + (n * 1_297) as i64);
    let (kind, body) = match b % 100 {
        0..50 => (
            r#""type":"page","name":"Page""#.to_owned(),
            format!(
                r#""properties":{{"path":"{path}","referrer":"https://app.example.com/","search":"","title":"Example - Acme Analytics","url":"https://app.example.com{path}","duration_ms":{}}}"#,
                c % 90_000
            ),
        ),
        50..90 => (
            format!(r#""type":"track","event":"{}""#, NAMES[(c % 6) as usize]),
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
                r#""traits":{{"email":"{c:06x}.{n}@initech.com","title":"CTO","address":{{"city":"Springfield","country":"Canada"}},"company":{{"id":"c-{}","name":"Company {}","employees":{}}},"createdAt":"2025-11-02T08:00:00Z"}}"#,
                c % 4_999,
                c % 4_999,
                c % 900
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
            format!(r#""type":"group","groupId":"c-{}""#, c % 4_999),
            format!(
                r#""traits":{{"name":"Company {}","employees":{},"plan":"team","industry":"Software","website":"https://example.com"}}"#,
                c % 4_999,
                c % 900
            ),
        ),
    };
    let mut out = String::new();
    write!(
        out,
        r#"{{"anonymousId":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","channel":"client","context":{{"ip":"{}.{}.{}.{}","library":{{"name":"analytics.js","version":"2.11.1"}},"locale":"en-US","page":{{"path":"{path}","referrer":"https://app.example.com/dashboard","search":"","title":"Example - Acme Analytics","url":"https://app.example.com{path}"}},"screen":{{"width":1440,"height":900}},"userAgent":"{AGENT}"}},{kind},"integrations":{{}},"messageId":"ajs-next-{a:016x}{b:016x}","originalTimestamp":"{time}",{body},"receivedAt":"{time}","sentAt":"{time}","timestamp":"{time}","userId":"{:013x}","version":2}}"#,
        a & 0xffff_ffff, b & 0xffff, c & 0xfff, a >> 40 & 0xfff, b & 0xffff_ffff_ffff,
        a % 200 + 11, b % 256, c % 256, a % 254 + 1, c & 0xf_ffff_ffff_ffff
    )
    .expect("a string takes all");
    out
}
