//! The core, stepped by hand: one behaviour each.

use super::*;
use crate::forwarder::record::Kind;

pub fn limits() -> Limits {
    Limits {
        lanes: 3,
        items_max: 4,
        wait_max: Duration::from_secs(1),
        held_bytes_max: 1 << 20,
        held_max: 40,
        exposed_max: 12,
        stalled_after: Duration::from_secs(60),
    }
}

pub fn pace() -> Pace {
    let [delay_first, delay_max] = [Duration::from_millis(500), Duration::from_secs(60)];
    Pace { rate: None, burst: 100.0, delay_first, delay_max, failures_max: 5 }
}

pub fn dispatch() -> Dispatch {
    let mut dispatch = Dispatch::new(limits(), pace(), Routing::default(), 7);
    dispatch.handle_assigned(0, 0, "");
    dispatch
}

pub fn record(partition: i32, offset: i64, user: &str) -> Record {
    let value = format!(r#"{{"type":"track","messageId":"{partition}/{offset}","userId":"{user}","event":"e"}}"#);
    Record {
        partition,
        offset,
        key: Some(user.as_bytes().to_vec()),
        value: Some(value.into_bytes()),
        ..Record::default()
    }
}

fn commits(dispatch: &mut Dispatch) -> Vec<(i32, i64)> {
    let commits = dispatch.take_commits().into_iter().map(|commit| (commit.partition, commit.next)).collect();
    dispatch.handle_committed();
    commits
}

pub fn ids(body: Body) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&body.sent_at("2026-11-23T22:00:00.000Z")).unwrap();
    body["batch"].as_array().unwrap().iter().map(|m| m["messageId"].as_str().unwrap().to_owned()).collect()
}

fn sends(dispatch: &mut Dispatch, now: Instant) -> Vec<(usize, Vec<String>)> {
    let action = || dispatch.poll_action(now);
    std::iter::from_fn(action)
        .filter_map(|action| match action {
            Action::Send { lane, body, .. } => Some((lane, ids(body))),
            _ => None,
        })
        .collect()
}

pub const SECOND: Duration = Duration::from_secs(1);

pub fn refusal(status: u16) -> Refusal {
    Refusal { status, excerpt: String::new() }
}

#[test]
fn a_full_batch_goes_at_once_and_another_after_its_wait() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..5).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, first) = sends(&mut d, now).pop().expect("full");
    assert_eq!(first, ["0/0", "0/1", "0/2", "0/3"]);
    d.handle_answer(lane, Answer::Accepted, now);
    assert_eq!(commits(&mut d), [(0, 4)]);
    assert!(sends(&mut d, now).is_empty());
    assert_eq!(d.poll_timeout(now), Some(now + SECOND));
    assert_eq!(sends(&mut d, now + SECOND).pop().expect("aged").1, ["0/4"]);
}

#[test]
fn the_bad_message_is_found_by_halves_and_the_others_arrive_in_order() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..4).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (mut arrived, mut letters, mut requests) = (Vec::new(), Vec::new(), 0);
    while let Some(action) = d.poll_action(now) {
        match action {
            Action::Send { lane, body, .. } => {
                requests += 1;
                let ids = ids(body);
                let bad = ids.iter().any(|id| id == "0/2");
                if !bad {
                    arrived.extend(ids);
                }
                d.handle_answer(lane, if bad { Answer::Divide(refusal(400)) } else { Answer::Accepted }, now);
            }
            Action::Bury(letter) => letters.push(letter),
            Action::Note(note) => panic!("{note:?}"),
        }
    }
    assert_eq!((arrived, requests), (vec!["0/0".to_owned(), "0/1".into(), "0/3".into()], 5));
    assert_eq!(commits(&mut d), [(0, 2)], "not past a letter the broker does not have");
    let letter = letters.pop().expect("one");
    assert_eq!((letter.reason, letter.detail.as_str(), letters.len()), (DeadReason::Refused, "400", 0));
    d.handle_buried(&letter, now);
    assert_eq!(commits(&mut d), [(0, 4)]);
    assert_eq!(d.standing(now).held_bytes, 0);
}

#[test]
fn too_many_requests_holds_every_lane() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..40).for_each(|offset| d.handle_record(record(0, offset, &format!("u{offset}")), now));
    let out = sends(&mut d, now);
    assert_eq!(out.len(), 3);
    let wait = Some(10 * SECOND);
    d.handle_answer(out[0].0, Answer::Again { why: Why::Throttled, wait }, now);
    d.handle_answer(out[1].0, Answer::Accepted, now);
    d.handle_answer(out[2].0, Answer::Accepted, now);
    assert!(sends(&mut d, now + 9 * SECOND).is_empty());
    assert_eq!(d.poll_timeout(now), Some(now + 10 * SECOND));
    assert_eq!(sends(&mut d, now + 10 * SECOND).len(), 1, "a single request asks");
}

#[test]
fn a_wrong_key_stops_sending_and_loses_nothing() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..8).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, first) = sends(&mut d, now).pop().expect("full");
    d.handle_answer(lane, Answer::Halt(refusal(401)), now);
    assert!(sends(&mut d, now + 3600 * SECOND).is_empty());
    assert_eq!(d.poll_timeout(now), None);
    assert_eq!(d.standing(now).hindrance, Some(Hindrance::Halted(refusal(401))));
    d.handle_new_key();
    assert_eq!(sends(&mut d, now).pop().expect("resumed").1, first);
    assert_eq!(d.standing(now).hindrance, None);
}

#[test]
fn a_delete_drops_what_waits_and_what_comes_back() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..6).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let (lane, _) = sends(&mut d, now).pop().expect("full");
    let delete = Record { key: Some(b"u".to_vec()), offset: 6, delete: true, ..Record::default() };
    d.handle_record(delete, now);
    d.handle_record(record(0, 7, "u"), now);
    d.handle_answer(lane, Answer::Again { why: Why::Server, wait: None }, now);
    assert_eq!((commits(&mut d), d.tally().forgotten), (vec![(0, 7)], 6));
    assert_eq!(sends(&mut d, now + 61 * SECOND).pop().expect("the new one").1, ["0/7"]);
}

#[test]
fn without_progress_it_is_not_ready() {
    let (mut d, now) = (dispatch(), Instant::now());
    assert_eq!(d.standing(now + 999 * SECOND).hindrance, None, "nothing waits");
    d.handle_record(record(0, 0, "u"), now);
    let (lane, _) = sends(&mut d, now + SECOND).pop().expect("sent");
    assert_eq!(d.standing(now + 59 * SECOND).hindrance, None);
    assert_eq!(d.standing(now + 60 * SECOND).hindrance, Some(Hindrance::Stalled { since: 60 * SECOND }));
    d.handle_answer(lane, Answer::Accepted, now + 61 * SECOND);
    assert_eq!(d.standing(now + 999 * SECOND).hindrance, None);
}

/// A broker that is away takes no commits: what is sent meanwhile would come again after a kill, or on losing the partition.
#[test]
fn sending_stops_while_too_much_is_not_committed() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..40).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    let mut sent = 0;
    while let Some((lane, ids)) = sends(&mut d, now).pop() {
        sent += ids.len();
        d.handle_answer(lane, Answer::Accepted, now);
        d.take_commits();
        d.handle_commit_failed();
    }
    assert_eq!((sent, d.poll_timeout(now)), (limits().exposed_max, None));
    assert_eq!(commits(&mut d), [(0, 12)]);
    assert_eq!(sends(&mut d, now).pop().expect("it goes on").1[0], "0/12");
}

/// A kill never repeats more than what can be under way at a time: skipped records are no part of that.
#[test]
fn what_was_not_delivered_exposes_nothing() {
    let routing = Routing { kinds: Some([Kind::Identify].into()), ..Routing::default() };
    let mut d = Dispatch::new(limits(), pace(), routing, 7);
    d.handle_assigned(0, 0, "");
    let now = Instant::now();
    (0..30).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    assert_eq!((d.tally().skipped, d.exposed()), (30, 0));
}

#[test]
fn the_rate_is_kept_and_used() {
    let mut d = Dispatch::new(limits(), Pace { rate: Some(20.0), burst: 20.0, ..pace() }, Routing::default(), 7);
    d.handle_assigned(0, 0, "");
    let started = Instant::now();
    let (mut now, mut read, mut sent) = (started, 0, 0);
    while now < started + 60 * SECOND {
        while d.has_room() {
            d.handle_record(record(0, read, &format!("u{read}")), now);
            read += 1;
        }
        for (lane, ids) in sends(&mut d, now) {
            sent += ids.len();
            let allowed = 20.0 + 20.0 * (now - started).as_secs_f64();
            assert!(sent as f64 <= allowed + 1e-3, "{sent} sent, {allowed} allowed");
            d.handle_answer(lane, Answer::Accepted, now);
        }
        commits(&mut d);
        now = d.poll_timeout(now).expect("something waits").max(now);
    }
    assert!(sent >= 20 * 60, "only {sent} sent");
    assert!(d.tally().rate_waited > 50 * SECOND, "{:?}", d.tally().rate_waited);
}

#[test]
fn a_request_says_how_often_it_was_tried() {
    let (mut d, mut now) = (dispatch(), Instant::now());
    (0..4).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    for wanted in 0..4 {
        let Some(Action::Send { lane, tries, .. }) = d.poll_action(now) else { panic!("nothing to send") };
        assert_eq!(tries, wanted);
        d.handle_answer(lane, Answer::Again { why: Why::Server, wait: None }, now);
        now += 61 * SECOND;
    }
}

#[test]
fn reading_stops_at_the_limit_and_goes_on_well_below_it() {
    let (mut d, now) = (dispatch(), Instant::now());
    (0..39).for_each(|offset| d.handle_record(record(0, offset, "u"), now));
    assert!(d.has_room() && !d.has_much_room());
    d.handle_record(record(0, 39, "u"), now);
    assert!(!d.has_room());
}
