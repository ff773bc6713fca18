//! How well moments foretell an outcome: precision, lift and lead time, each with its uncertainty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::input::Line;
use super::replay::{Firing, Side};
use crate::commands::Exit;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::{Cell, FIRST};
use crate::engine::profile::numbers::{self, Basic};
use crate::engine::{Engine, Millis};

const DAY: Millis = 86_400_000;

pub struct Outcome {
    pub signal: usize,
    pub within: Millis,
    name: String,
    /// By user: when the outcome was seen.
    seen: BTreeMap<String, Vec<Millis>>,
    totals: BTreeMap<String, u64>,
    /// By user: the clock at the first event.
    known: BTreeMap<String, Millis>,
}

impl Outcome {
    pub fn new(playbook: &Playbook, name: &str, within: Option<&str>) -> Result<Self, Exit> {
        let signal = playbook.signals.iter().position(|s| s.name == name).ok_or_else(|| {
            let known: Vec<&str> = playbook.signals.iter().map(|s| s.name.as_str()).collect();
            Exit::Usage(format!("--outcome {name}: no such signal; there are {}", known.join(", ")))
        })?;
        let within = within.and_then(crate::engine::playbook::duration).filter(|length| *length > 0);
        let within = within.ok_or_else(|| Exit::Usage("--within: a duration like 30d".into()))?;
        let (seen, totals, known) = Default::default();
        Ok(Self { signal, within, name: name.to_owned(), seen, totals, known })
    }

    /// Looks at the users of a line just stepped for another occurrence.
    pub fn look(&mut self, engine: &Engine, line: &Line, at: Millis) {
        let Some(cell) = engine.program().id(&Cell::Basic(self.signal)) else { return };
        for user in users(&line.value) {
            let Some(body) = engine.find_user(&user) else { continue };
            let first = numbers::signed(body.get(FIRST)).unwrap_or(at);
            self.known.entry(user.clone()).or_insert(first);
            let total = Basic::read(body.get(cell)).map_or(0, |basic| basic.total);
            let before = self.totals.insert(user.clone(), total).unwrap_or(0);
            if total > before {
                self.seen.entry(user).or_default().push(at);
            }
        }
    }

    /// Whether the outcome came within the horizon after `at`, and how long after.
    fn follows(&self, user: &str, at: Millis) -> Option<Millis> {
        self.seen.get(user)?.iter().map(|seen| seen - at).find(|wait| *wait > 0 && *wait <= self.within)
    }

    /// Of all users known at a time, the share with the outcome within the horizon.
    fn base_rate(&self, at: Millis) -> f64 {
        let known = self.known.iter().filter(|(_, first)| **first <= at);
        let (all, with) = known
            .fold((0u64, 0u64), |(all, with), (user, _)| (all + 1, with + u64::from(self.follows(user, at).is_some())));
        with as f64 / all.max(1) as f64
    }

    pub fn text(&self, side: &Side, span: Option<(Millis, Millis)>) -> String {
        let mut out =
            format!("\noutcome: {} within {} d (95% intervals)\n", self.name, self.within as f64 / DAY as f64);
        let end = span.map_or(0, |(_, last)| last);
        for (i, moment) in side.playbook().moments.iter().enumerate() {
            let mut users = BTreeSet::new();
            let firsts: Vec<&Firing> =
                side.firings.iter().filter(|f| f.moment == i && users.insert(f.user.as_str())).collect();
            let (over, open): (Vec<&Firing>, Vec<&Firing>) =
                firsts.into_iter().partition(|f| f.at + self.within <= end);
            let mut waits: Vec<Millis> = over.iter().filter_map(|f| self.follows(&f.user, f.at)).collect();
            waits.sort_unstable();
            let days: BTreeSet<Millis> = over.iter().map(|f| f.at.div_euclid(DAY)).collect();
            let rates: BTreeMap<Millis, f64> = days.iter().map(|day| (*day, self.base_rate(day * DAY))).collect();
            let base = over.iter().map(|f| rates[&f.at.div_euclid(DAY)]).sum::<f64>() / over.len().max(1) as f64;
            let (hits, n) = (waits.len() as u64, over.len() as u64);
            let (low, high) = wilson(hits, n);
            let precision = hits as f64 / n.max(1) as f64;
            let outcomes = self.seen.len().max(1) as f64;
            let _ = writeln!(
                out,
                "  {}: {n} users; precision {:.0}% ({:.0}-{:.0}%), recall {:.0}%, base rate {:.1}%, lift {:.1}, median lead {}; {} whose horizon is not over left out",
                moment.name,
                100.0 * precision,
                100.0 * low,
                100.0 * high,
                100.0 * hits as f64 / outcomes,
                100.0 * base,
                if base > 0.0 { precision / base } else { f64::NAN },
                waits.get(waits.len() / 2).map_or("-".into(), |wait| format!("{:.1} d", *wait as f64 / DAY as f64)),
                open.len(),
            );
        }
        out
    }
}

/// The user ids a line names; good enough to know whose profiles to look at.
fn users(value: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(value) else { return Vec::new() };
    let id = |item: &serde_json::Value| item.get("userId").and_then(|id| id.as_str()).map(str::to_owned);
    match value.get("batch").and_then(|batch| batch.as_array()).or(value.as_array()) {
        Some(items) => items.iter().filter_map(id).collect(),
        None => id(&value).into_iter().collect(),
    }
}

/// Wilson's score interval at 95%.
fn wilson(hits: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let middle = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn wilsons_interval() {
        let (low, high) = super::wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4, "{low} {high}");
        assert_eq!(super::wilson(0, 0), (0.0, 1.0));
    }
}
