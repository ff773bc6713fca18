//! What is remembered of one person: raw lists of everything, and the questions that can be asked of them. Every answer is
//! computed from the lists, each time (playbook.md, Windows, Signals, Who is who).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::json::Json;
use crate::model::number;
use crate::model::time::{DAY, HOUR, Span};
use crate::model::value::Value;

#[derive(Debug, Clone)]
pub struct Occurrence {
    /// Its event's place in the order of the partition.
    pub arrival: u64,
    /// Its event's time.
    pub time: i64,
    /// Whole millionths.
    pub value: Option<i128>,
    pub distinct: Option<Scalar>,
}

/// Signals, `s.distinct`: numbers by value; text and number differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    Bool(bool),
    /// The bits of the 64-bit float.
    Number(u64),
    Text(String),
}

#[derive(Debug, Clone, Default)]
pub struct MomentState {
    pub on: bool,
    pub fired: Option<i64>,
    /// The clock of the first evaluation of the unbroken run in which `when` was true.
    pub since: Option<i64>,
    /// It fired while nothing was sent, after a resume.
    pub unsent: bool,
}

/// The last identify.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: i64,
    /// As it was, without what was null.
    pub traits: BTreeMap<String, Json>,
}

#[derive(Debug, Clone)]
pub struct Person {
    /// By signal.
    pub occurrences: Vec<Vec<Occurrence>>,
    /// By signal; of a sequence, by step.
    pub starts: Vec<Vec<Option<i64>>>,
    /// Remembered messageIds and the clock at which each was taken.
    pub messages: BTreeMap<String, i64>,
    /// The clock at the profile's first event.
    pub first: Option<i64>,
    pub traits: Json,
    /// The latest group.
    pub account: Option<String>,
    pub group_traits: Json,
    /// By path as `[traits]` names it.
    pub context: BTreeMap<String, Json>,
    pub moments: Vec<MomentState>,
    /// By score: the segment at the last evaluation.
    pub segments: Vec<Option<usize>>,
    pub sent: Option<Sent>,
    /// Times of all its events, for the agenda of minutes alone.
    pub event_times: BTreeSet<i64>,
}

const FREE_MAIL: [&str; 20] = [
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "proton.me",
    "protonmail.com",
    "gmx.com",
    "gmx.de",
    "web.de",
    "mail.ru",
    "yandex.ru",
    "qq.com",
    "163.com",
    "naver.com",
];

/// Signals, `s.distinct`: how many values are remembered.
const DISTINCT_KEPT: usize = 256;

impl Person {
    pub fn new(signals: usize, scores: usize, moments: usize) -> Person {
        Person {
            occurrences: vec![Vec::new(); signals],
            starts: vec![Vec::new(); signals],
            messages: BTreeMap::new(),
            first: None,
            traits: Json::Object(Vec::new()),
            account: None,
            group_traits: Json::Object(Vec::new()),
            context: BTreeMap::new(),
            moments: vec![MomentState::default(); moments],
            segments: vec![None; scores],
            sent: None,
            event_times: BTreeSet::new(),
        }
    }

    /// Windows: the events whose bucket `k` satisfies `floor(t/b) − n < k ≤ floor(t/b)`.
    fn within(&self, signal: usize, span: Span, t: i64) -> Vec<&Occurrence> {
        let (now, n) = (t.div_euclid(span.bucket), span.length / span.bucket);
        let holds = |time: i64| {
            let k = time.div_euclid(span.bucket);
            now - n < k && k <= now
        };
        self.occurrences[signal].iter().filter(|occurrence| holds(occurrence.time)).collect()
    }

    /// `s.count(w, ago)`: with `t − ago` for `t`; bucket: the smaller of the two durations' buckets.
    pub fn count(&self, signal: usize, window: Span, ago: Option<Span>, t: i64) -> usize {
        let bucket = ago.map_or(window.bucket, |ago| ago.bucket.min(window.bucket));
        let back = ago.map_or(0, |ago| ago.length);
        self.within(signal, Span { length: window.length, bucket }, t - back).len()
    }

    /// `s.days(w, ago)`: UTC days with at least one occurrence, in 1-day buckets.
    pub fn days(&self, signal: usize, window: Span, ago: i64, t: i64) -> usize {
        let window = Span { length: window.length, bucket: DAY };
        let days: BTreeSet<i64> = self.within(signal, window, t - ago).iter().map(|o| o.time.div_euclid(DAY)).collect();
        days.len()
    }

    fn values(&self, signal: usize, window: Span, t: i64) -> Vec<i128> {
        self.within(signal, window, t).iter().filter_map(|occurrence| occurrence.value).collect()
    }

    /// Without any value the sum is 0.
    pub fn sum(&self, signal: usize, window: Span, t: i64) -> f64 {
        number::divide(self.values(signal, window, t).iter().sum(), 1_000_000)
    }

    pub fn max(&self, signal: usize, window: Span, t: i64) -> Option<f64> {
        self.values(signal, window, t).into_iter().max().map(|value| number::divide(value, 1_000_000))
    }

    /// avg = exact sum / count, rounded once.
    pub fn avg(&self, signal: usize, window: Span, t: i64) -> Option<f64> {
        let values = self.values(signal, window, t);
        let count = values.len() as i128;
        (count > 0).then(|| number::divide(values.iter().sum(), count * 1_000_000))
    }

    /// `s.last()`: of the occurrence with the latest event time (of equal ones, the latest to arrive) that has a value.
    pub fn last(&self, signal: usize) -> Option<f64> {
        let valued = self.occurrences[signal].iter().filter(|occurrence| occurrence.value.is_some());
        let last = valued.max_by_key(|occurrence| (occurrence.time, occurrence.arrival))?;
        last.value.map(|value| number::divide(value, 1_000_000))
    }

    /// `s.distinct(w)`: values whose latest occurrence is in the window; the 256 latest values are remembered.
    pub fn distinct(&self, signal: usize, window: Span, t: i64) -> usize {
        let mut latest: BTreeMap<&Scalar, &Occurrence> = BTreeMap::new();
        for occurrence in &self.occurrences[signal] {
            let Some(value) = &occurrence.distinct else { continue };
            let known = latest.entry(value).or_insert(occurrence);
            if (occurrence.time, occurrence.arrival) > (known.time, known.arrival) {
                *known = occurrence;
            }
        }
        let mut latest: Vec<&Occurrence> = latest.into_values().collect();
        latest.sort_by_key(|occurrence| std::cmp::Reverse((occurrence.time, occurrence.arrival)));
        latest.truncate(DISTINCT_KEPT);
        let inside = self.within(signal, window, t);
        latest.iter().filter(|occurrence| inside.iter().any(|o| o.arrival == occurrence.arrival)).count()
    }

    /// `s.silent(w)`: seen, and `t − (latest event time) ≥ w`, exactly.
    pub fn silent(&self, signal: usize, length: i64, t: i64) -> bool {
        self.occurrences[signal].iter().map(|o| o.time).max().is_some_and(|latest| t - latest >= length)
    }

    /// `s.streak(other, w)`: occurrences in the window that arrived after the last arrival of `other`.
    pub fn streak(&self, signal: usize, other: usize, window: Span, t: i64) -> usize {
        let last = self.occurrences[other].iter().map(|occurrence| occurrence.arrival).max();
        self.within(signal, window, t).iter().filter(|o| last.is_none_or(|last| o.arrival > last)).count()
    }

    /// Scores: occurrences of age `0 ≤ a < L`, and the sum of their `L − a`.
    pub fn fading(&self, signal: usize, lifespan: Span, t: i64) -> (usize, i128) {
        let length = lifespan.length / lifespan.bucket;
        let age = |o: &Occurrence| t.div_euclid(lifespan.bucket) - o.time.div_euclid(lifespan.bucket);
        let left: Vec<i128> = self.occurrences[signal]
            .iter()
            .map(age)
            .filter(|age| (0..length).contains(age))
            .map(|age| i128::from(length - age))
            .collect();
        (left.len(), left.iter().sum())
    }

    /// `email.domain`, `email.is_personal`; small print: something, the last `@`, and something without spaces.
    pub fn email_part(&self, part: &str, more_free_mail: &[String]) -> Value {
        let email = self.traits.get("email").and_then(Json::text).unwrap_or_default();
        let Some((before, domain)) = email.rsplit_once('@') else { return Value::Null };
        if before.is_empty() || domain.is_empty() || domain.contains(' ') {
            return Value::Null;
        }
        let domain = domain.to_lowercase();
        match part {
            "domain" => Value::Text(domain),
            _ => Value::Bool(
                FREE_MAIL.contains(&domain.as_str()) || more_free_mail.iter().any(|more| more.to_lowercase() == domain),
            ),
        }
    }

    /// One step of a sequence's rule for an event at `time` that matches the steps in `hit` (Signals; small print,
    /// Sequences). True when the sequence occurs.
    pub fn sequence(&mut self, signal: usize, hit: &[bool], within: i64, time: i64) -> bool {
        let last = hit.len() - 1;
        let mut starts = std::mem::take(&mut self.starts[signal]);
        starts.resize(hit.len(), None);
        // Each step sees the starts as they were before the event.
        let before = starts.clone();
        let reached = |step: usize| match step {
            0 => Some(time),
            _ => before[step - 1].filter(|start| *start <= time && time <= start + within),
        };
        if hit[last] && reached(last).is_some() {
            // All starts are cleared; the event that completes a sequence starts nothing.
            self.starts[signal] = vec![None; hit.len()];
            return true;
        }
        for step in (0..last).rev().filter(|step| hit[*step]) {
            starts[step] = starts[step].max(reached(step));
        }
        self.starts[signal] = starts;
        false
    }

    /// Who is who: what another profile held is merged into this one, once.
    pub fn merge(&mut self, other: Person) {
        for (mine, theirs) in self.occurrences.iter_mut().zip(other.occurrences) {
            mine.extend(theirs);
            mine.sort_by_key(|occurrence| occurrence.arrival);
        }
        for (mine, theirs) in self.starts.iter_mut().zip(other.starts) {
            let steps = mine.len().max(theirs.len());
            let at = |starts: &[Option<i64>], step: usize| starts.get(step).copied().flatten();
            *mine = (0..steps).map(|step| at(mine, step).max(at(&theirs, step))).collect();
        }
        // Small print, Repeats: of two memories of one id, the later is kept.
        for (id, clock) in other.messages {
            let mine = self.messages.entry(id).or_insert(clock);
            *mine = clock.max(*mine);
        }
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.event_times.extend(other.event_times);
        // The user's traits win, by top-level key; small print: context paths merge as traits do.
        for (key, value) in other.traits.members() {
            if self.traits.get(key).is_none() {
                self.traits.set(key, value.clone());
            }
        }
        for (path, value) in other.context {
            self.context.entry(path).or_insert(value);
        }
        // The account with its traits is the user's, else the other's.
        if self.account.is_none() {
            self.account = other.account;
            self.group_traits = other.group_traits;
        }
        // `fired` is the later, on holds if either was, of two running `for`s the earlier counts; what was last sent and
        // the segments held are the survivor's.
        for (mine, theirs) in self.moments.iter_mut().zip(other.moments) {
            mine.fired = mine.fired.max(theirs.fired);
            mine.on |= theirs.on;
            mine.since = [mine.since, theirs.since].into_iter().flatten().min();
            mine.unsent |= theirs.unsent;
        }
    }

    /// The same message again within the dedupe window: `floor(clock/1h)` differs by less than its hours.
    pub fn knows(&self, message_id: &str, clock: i64, dedupe_window: i64) -> bool {
        let hour = |clock: i64| clock.div_euclid(HOUR);
        self.messages.get(message_id).is_some_and(|then| hour(clock) - hour(*then) < dedupe_window / HOUR)
    }
}
