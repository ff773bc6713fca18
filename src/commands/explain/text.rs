//! An explanation as a page of text for people. It knows nothing of where the explanation came from.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::engine::Millis;
use crate::engine::event::time;
use crate::engine::explain::said::{
    Behaviour, Compared, Explanation, Falls, Flip, Kind, Moment, Named, Next, Part, ReadFrom, Score, Term, Time,
};

/// Stretches of time of a term that are shown; JSON has more.
const BUCKETS_SHOWN: usize = 10;

pub fn page(said: &Explanation) -> String {
    let mut page = Page { out: String::new(), now: said.at.0 };
    page.person(said);
    page.list("Sent about them", &said.output_traits);
    page.list("Remembered of them", &said.remembered);
    said.scores.iter().for_each(|score| page.score(score));
    said.moments.iter().for_each(|moment| page.moment(moment));
    page.out
}

/// One moment's condition alone.
pub fn condition(said: &Explanation, moment: usize) -> String {
    let mut page = Page { out: String::new(), now: said.at.0 };
    page.part(0, &said.moments[moment].when);
    page.out
}

struct Page {
    out: String,
    now: Millis,
}

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "", indent = depth * 2);
    }

    fn person(&mut self, said: &Explanation) {
        self.line(0, &format!("{} at {}", said.user, clock(said.at)));
        if let Some(since) = said.since {
            self.line(1, &format!("known for {} (since {})", span(self.now - since.0), clock(since)));
        }
        if let Some(ReadFrom { partition, next_offset, snapshot, also_in }) = &said.read_from {
            let held = snapshot.as_ref().map(|id| format!(", as snapshot {id} holds it"));
            let from =
                format!("read from partition {partition} up to offset {next_offset}{}", held.unwrap_or_default());
            self.line(1, &from);
            if !also_in.is_empty() {
                self.line(
                    1,
                    &format!("a part of this user lies in other partitions, where it is not seen: {also_in:?}"),
                );
            }
        }
        if !said.group.is_null() {
            self.line(1, &format!("group {}", plain(&said.group)));
        }
        let mut ids = said.anonymous_ids.join(", ");
        if said.anonymous_ids_not_shown > 0 {
            let _ = write!(ids, "{}{} more", if ids.is_empty() { "" } else { " and " }, said.anonymous_ids_not_shown);
        }
        if !ids.is_empty() {
            self.line(1, &format!("anonymous ids: {ids}"));
        }
        let last = said.last_identify.map(|at| format!(", the last identify at {}", clock(at)));
        self.line(1, &format!("{} messages sent{}", said.messages_sent, last.unwrap_or_default()));
        if let Some(until) = said.held_back_until {
            self.line(1, &format!("nothing is sent before {} (hold-back)", self.ahead(until)));
        }
        self.line(1, &format!("playbook {}", said.playbook));
    }

    fn list(&mut self, title: &str, all: &[Named]) {
        let known: Vec<&Named> = all.iter().filter(|named| !named.value.is_null()).collect();
        if known.is_empty() {
            return;
        }
        self.line(0, &format!("\n{title}"));
        let width = known.iter().map(|named| named.name.chars().count()).max().unwrap_or(0);
        for Named { name, value } in known {
            self.line(1, &format!("{name:width$}  {}", plain(value)));
        }
    }

    fn score(&mut self, score: &Score) {
        let Score { name, value, segment, points, half, .. } = score;
        self.line(0, &format!("\n{name} = {value:.4}, {segment}: {points:.2} points ({half} make 0.50)"));
        if let Some(next) = &score.next_segment {
            let missing = format!("{:.4} ({:.2} points) short of {}", next.score, next.points, next.segment);
            self.line(1, &missing);
        }
        if let Some(falls) = &score.falls {
            self.falls(score, falls);
        }
        score.terms.iter().for_each(|term| self.term(term));
        let counted = score.terms.iter().filter_map(|term| match &term.kind {
            Kind::Behaviour(of) if of.occurrences > 0 => Some(of.kept_by_ms),
            _ => None,
        });
        let units: BTreeSet<Millis> = counted.collect();
        if !units.is_empty() {
            let units = units.into_iter().map(unit).collect::<Vec<_>>().join(" or ");
            self.line(1, &format!("(single events are not kept, only how many there were each {units})"));
        }
    }

    fn falls(&mut self, score: &Score, falls: &Falls) {
        let threshold = score.segments.iter().find(|segment| segment.name == score.segment);
        let threshold = threshold.map_or(0.0, |segment| segment.threshold);
        let below = match falls.below_threshold {
            Flip::At(at) => format!("falls below {threshold} {}; ", self.ahead(at)),
            Flip::Never | Flip::NotBefore(_) => String::new(),
        };
        let left = match (falls.left, &falls.to) {
            (Flip::At(at), Some(to)) => {
                format!("{} becomes {to} {} (margin {})", score.segment, self.ahead(at), score.margin)
            }
            (Flip::NotBefore(at), _) => format!("{} stays until {} at least", score.segment, clock(at)),
            _ => format!("{} stays", score.segment),
        };
        self.line(1, &format!("if nothing more happens: {below}{left}"));
    }

    fn term(&mut self, term: &Term) {
        let Term { label, points, kind } = term;
        match kind {
            Kind::Attribute { each, when } => {
                self.line(1, &format!("{points:+8.2}  {label} ({each:+} while it holds)"));
                self.part(7, when);
            }
            Kind::Behaviour(of) => {
                let cap = match (of.cap, of.is_capped) {
                    (Some(cap), true) => format!(", held at its cap of {cap}"),
                    (Some(cap), false) => format!(", at most {cap}"),
                    (None, _) => String::new(),
                };
                let each = format!("{} at {:+} each, fading over {}{cap}", of.signal, of.each, of.lifespan);
                self.line(1, &format!("{points:+8.2}  {label} ×{} ({each})", of.occurrences));
                self.buckets(of);
            }
        }
    }

    fn buckets(&mut self, of: &Behaviour) {
        let shown = of.buckets.len().min(BUCKETS_SHOWN);
        for bucket in &of.buckets[..shown] {
            let (times, age) = (bucket.occurrences, span(bucket.age_ms));
            self.line(
                6,
                &format!(
                    "{:+8.2}  ×{times} in the {} from {}, {age} old",
                    bucket.points,
                    unit(of.kept_by_ms),
                    clock(bucket.from)
                ),
            );
        }
        let rest = &of.buckets[shown..];
        let times = rest.iter().map(|b| b.occurrences).chain(of.older.iter().map(|o| o.occurrences)).sum::<u64>();
        let points = rest.iter().map(|b| b.points).chain(of.older.iter().map(|o| o.points)).sum::<f64>();
        if times > 0 {
            self.line(6, &format!("{points:+8.2}  ×{times} before that"));
        }
    }

    fn moment(&mut self, moment: &Moment) {
        let state = if moment.on { "on" } else { "off" };
        let enabled = if moment.enabled { "" } else { ", not enabled: it keeps its state and sends nothing" };
        self.line(0, &format!("\n{} is {state}{enabled}", moment.name));
        let fired = moment.last_fired.map_or("never fired".into(), |at| format!("last fired {}", self.ago(at)));
        self.line(1, &fired);
        let waits = [
            (moment.cooldown_ends, "the cooldown ends"),
            (moment.held_enough.filter(|at| at.0 > self.now), "`for` is running; it has been long enough"),
            (moment.history_enough, "too little history for needs_history; there is enough"),
        ];
        for (at, what) in waits {
            if let Some(at) = at {
                self.line(1, &format!("{what} {}", self.ahead(at)));
            }
        }
        if let Some(since) = moment.holds_since {
            self.line(1, &format!("the condition has held since {}", clock(since)));
        }
        let (step, flip) = match moment.next {
            Next::Fires(flip) => ("fire", flip),
            Next::Ends(flip) => ("end", flip),
        };
        let next = match flip {
            Flip::At(at) => format!("will {step} {}", self.ahead(at)),
            Flip::Never => format!("will not {step}"),
            Flip::NotBefore(at) => format!("will not {step} before {}", clock(at)),
        };
        self.line(1, &format!("if nothing more happens it {next}"));
        self.line(1, "when");
        self.part(2, &moment.when);
        if let Some(until) = &moment.until {
            self.line(1, "until");
            self.part(2, until);
        }
    }

    fn part(&mut self, depth: usize, part: &Part) {
        let value = shown(&part.value, part.unit.as_deref());
        let mut text = format!("{}: {value}", part.text);
        if let Some(compared) = &part.compared {
            let _ = write!(text, " ({})", gap(compared));
        }
        match part.flips {
            Some(Flip::At(at)) => {
                let _ = write!(text, "; flips {}", self.ahead(at));
            }
            Some(Flip::NotBefore(at)) => {
                let _ = write!(text, "; stays until {} at least", clock(at));
            }
            Some(Flip::Never) | None => {}
        }
        self.line(depth, &text);
        part.parts.iter().for_each(|part| self.part(depth + 1, part));
    }

    fn ahead(&self, at: Time) -> String {
        format!("at {} (in {})", clock(at), span(at.0 - self.now))
    }

    fn ago(&self, at: Time) -> String {
        format!("at {} ({} ago)", clock(at), span(self.now - at.0))
    }
}

fn gap(compared: &Compared) -> String {
    let Compared { value, threshold, gap, unit, .. } = compared;
    let (value, threshold) = (shown(value, unit.as_deref()), shown(threshold, unit.as_deref()));
    let Some(number) = gap.as_f64() else {
        // A time is null where there never was one.
        let value = if unit.as_deref() == Some("ms") && compared.value.is_null() { "never".to_owned() } else { value };
        return format!("{value} against {threshold}");
    };
    let size = match gap.as_i64() {
        Some(whole) => shown(&whole.abs().into(), unit.as_deref()),
        None => shown(&number.abs().into(), unit.as_deref()),
    };
    match number {
        0.0 => format!("{value}, exactly"),
        ..0.0 => format!("{value}, {size} below {threshold}"),
        _ => format!("{value}, {size} above {threshold}"),
    }
}

/// A value with its unit; numbers are rounded for the eye.
fn shown(value: &Value, unit: Option<&str>) -> String {
    match (value.as_i64(), value.as_f64(), unit) {
        (Some(length), _, Some("ms")) => span(length),
        (None, Some(number), _) => {
            let text = format!("{number:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn clock(at: Time) -> String {
    time::format(at.0).replace(".000Z", "Z")
}

/// A length of time by its two largest units.
fn span(length: Millis) -> String {
    let sign = if length < 0 { "-" } else { "" };
    let seconds = length.unsigned_abs() / 1_000;
    let units = [(86_400, 86_400, "d"), (3_600, 24, "h"), (60, 60, "m"), (1, 60, "s")];
    let parts = units
        .iter()
        .map(|(size, most, letter)| (if *size == 86_400 { seconds / size } else { seconds / size % most }, letter));
    let parts: Vec<String> = parts
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, letter)| format!("{n}{letter}"))
        .collect();
    if parts.is_empty() { "0s".into() } else { format!("{sign}{}", parts.join(" ")) }
}

fn unit(bucket: Millis) -> &'static str {
    match bucket {
        1_000 => "second",
        60_000 => "minute",
        3_600_000 => "hour",
        _ => "day",
    }
}
