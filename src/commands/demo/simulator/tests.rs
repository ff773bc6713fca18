//! The company's behaviour, seen from outside.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn settings(seed: u64) -> Settings {
    Settings { seed, users: 60, start: 1_772_000_000_000, squeeze: 1.0 }
}

fn events(settings: Settings, steps: &[Millis]) -> Vec<Sent> {
    let start = settings.start;
    let mut simulator = Simulator::new(settings);
    steps
        .iter()
        .flat_map(|step| std::iter::from_fn(|| simulator.next_until(start + step)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_steps() {
    let straight = events(settings(3), &[5 * DAY]);
    let steps: Vec<Millis> = (-HISTORY / HOUR..=5 * 24).map(|hour| hour * HOUR).collect();
    assert_eq!(straight, events(settings(3), &steps));
    assert_ne!(straight, events(settings(4), &[5 * DAY]));
}

#[test]
fn events_come_in_the_order_of_their_record_times_and_none_after_the_asked_for() {
    let sent = events(settings(1), &[DAY]);
    assert!(sent.is_sorted_by_key(|sent| sent.time));
    assert!(sent.last().is_some_and(|sent| sent.time <= settings(1).start + DAY));
}

#[test]
fn messages_look_like_segments() {
    let sent = events(settings(1), &[0]);
    let bytes = sent.iter().map(|sent| sent.value.len()).sum::<usize>() / sent.len();
    assert!((700..1_100).contains(&bytes), "{bytes} bytes on average");
    for one in &sent {
        let message: Value = serde_json::from_slice(&one.value).unwrap();
        let id = message["userId"].as_str().or(message["anonymousId"].as_str()).unwrap();
        assert_eq!(id, one.key);
        assert!(message["messageId"].is_string() && message["timestamp"].is_string(), "{message}");
    }
}

#[test]
fn everything_that_a_company_sees_happens() {
    let sent = events(settings(1), &[30 * DAY]);
    let messages: Vec<Value> = sent.iter().map(|sent| serde_json::from_slice(&sent.value).unwrap()).collect();
    let seen: BTreeSet<&str> = messages.iter().filter_map(|m| m["event"].as_str().or(m["type"].as_str())).collect();
    for name in
        ["page", "identify", "group", "Signed Up", "Trial Started", "Trial Ended", "Invite Sent", "Limit Reached"]
    {
        assert!(seen.contains(name), "{name} is not in {seen:?}");
    }
    assert!(seen.contains("Order Completed") && seen.contains("Checkout Started"));
    let ids: BTreeSet<&str> = messages.iter().filter_map(|m| m["messageId"].as_str()).collect();
    assert!(ids.len() < messages.len(), "some come twice");
    let late = |m: &&Value| m["timestamp"].as_str().unwrap()[..16] != m["receivedAt"].as_str().unwrap()[..16];
    assert!(messages.iter().filter(late).count() > messages.len() / 100, "some are late");
}

#[test]
fn a_squeezed_company_stamps_slower_than_it_lives() {
    let day_in_an_hour = Settings { squeeze: 24.0, ..settings(1) };
    let start = day_in_an_hour.start;
    let sent = events(day_in_an_hour, &[10 * DAY]);
    assert!(sent.iter().all(|sent| sent.time <= start + 10 * HOUR));
    assert!(sent.iter().any(|sent| sent.time > start + 8 * HOUR));
}
