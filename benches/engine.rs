//! What the whole engine costs beside a typed parse of the same events, and what a profile weighs, with the shipped
//! playbook: decode, identity, profile, scores, moments, messages. Figures of time are only meant as a ratio within one
//! run; bytes are those the allocator has handed out. Then nothing more happens for two days: how long the clock alone
//! takes, minute by minute.
//!
//!   cargo bench --bench engine                          100,000 users with 100 events each in 90 days
//!   cargo bench --bench engine -- USERS EVENTS          another number of users, and of events of each
//!   cargo bench --bench engine -- USERS EVENTS SIGNALS  with so many signals more, which nothing matches, in a score

mod events;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kairos::engine::playbook::{self, program::Program};
use kairos::engine::{Engine, Input, Options, Record};
use kairos::storage::{self, Header};

/// The system's allocator, counting.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const START: i64 = 1_772_323_200_000;
const SPAN: u64 = 90 * DAY as u64;
const CHUNK: u64 = 10_000;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (users, each, signals) = match numbers[..] {
        [users, each] => (users, each, 0),
        [users, each, signals] => (users, each, signals),
        _ => (100_000, 100, 0),
    };
    let count = users * each;
    let mut engine = engine(signals);
    let before = LIVE.load(Ordering::Relaxed);
    let (mut stepped, mut parsed, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    let mut number = events::numbers(0);
    let mut actions = Vec::new();
    let mut messages = 0;
    for first in (0..count).step_by(CHUNK as usize) {
        let some: Vec<(i64, String)> = (first..(first + CHUNK).min(count))
            .map(|n| {
                let time = START + (SPAN / count * n) as i64;
                let user = (number() % users).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12;
                (time, events::event(n, time, user, &mut number))
            })
            .collect();
        bytes += some.iter().map(|(_, event)| event.len()).sum::<usize>();
        let start = Instant::now();
        black_box(some.iter().map(|(_, event)| events::typed_parse(event)).sum::<usize>());
        parsed += start.elapsed();
        let start = Instant::now();
        for (n, (time, event)) in some.iter().enumerate() {
            let offset = first as i64 + n as i64;
            let record = Record { offset, time: *time, key: None, value: Some(event.as_bytes()) };
            let _ = engine.step(Input::Record(record), usize::MAX, &mut actions);
            messages += actions.len();
            actions.clear();
        }
        stepped += start.elapsed();
    }
    drop(actions);
    let weight = LIVE.load(Ordering::Relaxed) - before;
    let (profiles, estimate) = engine.size();
    let nanos = |took: Duration| took.as_nanos() as f64 / count as f64;
    println!("{count} events of {} bytes, {profiles} profiles, {messages} messages", bytes / count as usize);
    println!("typed parse {:6.0} ns per event", nanos(parsed));
    println!("engine      {:6.0} ns per event  {:.2} of a typed parse", nanos(stepped), nanos(stepped) / nanos(parsed));
    println!(
        "memory      {:6} bytes per profile by the allocator, {} by the engine's own estimate",
        weight / profiles.max(1),
        estimate / profiles.max(1)
    );
    snapshot(&mut engine);
    waves(&mut engine);
}

/// What a whole snapshot takes, as it is stored.
fn snapshot(engine: &mut Engine) {
    let profiles = engine.size().0;
    let started = Instant::now();
    let mut blocks = Vec::new();
    engine.begin_cut(true);
    loop {
        blocks.push(Vec::new());
        if engine.cut(2_000, blocks.last_mut().expect("it was just pushed")) {
            break;
        }
    }
    let header = Header { partition: 0, offset: 0, position: String::new(), fingerprint: String::new(), parent: None };
    let (_, bytes) = storage::write(&header, &blocks);
    println!(
        "snapshot    {:6} bytes per profile, {:.0} ns",
        bytes.len() / profiles,
        started.elapsed().as_nanos() as f64 / profiles as f64
    );
}

/// The clock alone, from minute to minute.
fn waves(engine: &mut Engine) {
    let from = engine.clock().expect("events have set it") / MINUTE + 1;
    let mut actions = Vec::new();
    let (mut longest, mut all, mut messages) = ((Duration::ZERO, 0), Duration::ZERO, 0);
    for minute in from..from + 2 * DAY / MINUTE {
        let start = Instant::now();
        let _ = engine.step(Input::Clock(minute * MINUTE), usize::MAX, &mut actions);
        let took = start.elapsed();
        longest = longest.max((took, actions.len()));
        all += took;
        messages += actions.len();
        actions.clear();
    }
    println!(
        "clock       {:6.1} ms at most for a minute, with {} messages; {:.0} ms for all of two days, with {messages}",
        longest.0.as_secs_f64() * 1e3,
        longest.1,
        all.as_secs_f64() * 1e3
    );
}

fn engine(signals: u64) -> Engine {
    let shipped = include_str!("../playbooks/b2b-saas.toml");
    let more: String = (0..signals).map(|n| format!("[signals.more{n}]\nevent = \"More {n}\"\n")).collect();
    let term = |n| format!("{{ signal = \"more{n}\", points = 1, lifespan = \"30d\", label = \"{n}\" }},\n");
    let terms: String = (0..signals).map(term).collect();
    let score = format!("[scores.more]\nhalf = 20\nsegments = {{ low = 0.0, high = 0.5 }}\nterms = [\n{terms}]\n");
    let text = if signals == 0 { shipped.to_owned() } else { format!("{more}{score}{shipped}") };
    let playbook = playbook::read(&text, "b2b-saas.toml").playbook.expect("the shipped playbook is good");
    Engine::new(Arc::new(Program::compile(playbook)), Options::default())
}
