//! What decoding costs beside a typed parse of the same events by serde_json, which borrows what it can and leaves
//! open parts as raw text. Figures are only meant as a ratio within one run.
//!
//!   cargo bench --bench decode                          both, by turns, nanoseconds per event
//!   cargo bench --bench decode -- ours|serde|found N    one of them N times over, to count instructions

mod events;

use std::hint::black_box;
use std::time::Instant;

use kairos::engine::event::{Item, Reader, Scratch, Wanted};
use kairos::engine::playbook::meant::{Path, Root};

use events::typed_parse;

fn main() {
    let events = browser_events(2_000);
    let bytes: usize = events.iter().map(String::len).sum();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let paths = paths();
    let reader = Reader::new(Wanted::new(&paths), &[], &[]);
    let slots: Vec<_> = paths.iter().filter_map(|path| reader.wanted().slot(path)).collect();
    let mut scratch = Scratch::default();
    let mut run = |what: &str| match what {
        "ours" => events.iter().map(|event| ours(&reader, &mut scratch, event, &[])).sum::<usize>(),
        "found" => events.iter().map(|event| ours(&reader, &mut scratch, event, &slots)).sum(),
        _ => events.iter().map(|event| typed_parse(event)).sum(),
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

/// Events as a browser sends them: half pages, most others tracks, some identifies, screens and groups.
fn browser_events(count: u64) -> Vec<String> {
    let mut number = events::numbers(0);
    let time = |n: u64| 1_772_323_200_000 + (n * 1_297) as i64;
    (0..count).map(|n| events::event(n, time(n), number() & 0xf_ffff_ffff_ffff, &mut number)).collect()
}
