//! How well moments and scores foretell an outcome: precision, recall, lift and lead time, with their uncertainty.
//! It knows nothing of records.

use std::collections::{BTreeMap, BTreeSet};

use super::report::median;
use super::side::{Firing, Side};
use crate::commands::Exit;
use crate::engine::Millis;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::DAY;

/// What is noted of users on the way.
#[derive(Debug, Default)]
pub struct Sightings {
    pub signal: usize,
    pub within: Millis,
    /// By user: when the outcome was, in order of arrival.
    seen: BTreeMap<String, Vec<Millis>>,
    /// By user: the clock at the first event.
    known: BTreeMap<String, Millis>,
    /// By user: the segments of every identify that changed one.
    segments: BTreeMap<String, Vec<(Millis, Vec<u8>)>>,
}

/// What came of it.
pub struct Outcome {
    pub name: String,
    pub within: Millis,
    pub users: u64,
    pub moments: Vec<Foretold>,
    /// Where the scores of the table stood: a horizon before the end.
    pub at: Millis,
    pub scores: Vec<Vec<BySegment>>,
}

/// One moment as a prediction; its unit is a user's first firing.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Foretold {
    pub name: String,
    /// Firings whose horizon is over, and how many of them the outcome followed.
    pub firings: u64,
    pub hits: u64,
    /// Left out: the horizon is not over; the outcome had come before.
    pub open: u64,
    pub after: u64,
    /// Users with the outcome.
    pub outcomes: u64,
    pub base_rate: f64,
    pub median_lead: Option<Millis>,
}

/// Users in one segment of a score, and how many of them the outcome followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BySegment {
    pub users: u64,
    pub outcomes: u64,
}

impl Sightings {
    pub fn new(playbook: &Playbook, name: &str, within: Option<&str>) -> Result<Self, Exit> {
        let signal = playbook.signals.iter().position(|s| s.name == name).ok_or_else(|| {
            let known: Vec<&str> = playbook.signals.iter().map(|s| s.name.as_str()).collect();
            Exit::Usage(format!("--outcome {name}: no such signal; there are {}", known.join(", ")))
        })?;
        let within = within.and_then(crate::engine::playbook::duration).filter(|length| *length > 0);
        let within = within.ok_or_else(|| Exit::Usage("--within: a duration like 30d".into()))?;
        Ok(Self { signal, within, ..Self::default() })
    }

    /// Another one of the same outcome that has seen nothing yet.
    pub fn again(&self) -> Self {
        Self { signal: self.signal, within: self.within, ..Self::default() }
    }

    /// What was seen of other people.
    pub fn join(&mut self, other: Self) {
        self.seen.extend(other.seen);
        self.known.extend(other.known);
        self.segments.extend(other.segments);
    }

    pub fn seen(&mut self, seen: impl Iterator<Item = (String, Millis)>) {
        seen.for_each(|(user, at)| self.seen.entry(user).or_default().push(at));
    }

    pub fn known(&mut self, user: &str, first: Millis) {
        self.known.insert(user.to_owned(), first);
    }

    pub fn identify(&mut self, playbook: &Playbook, user: &str, at: Millis, message: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Identify {
            traits: serde_json::Map<String, serde_json::Value>,
        }
        let said: Identify = serde_json::from_slice(message).expect("our own messages are JSON");
        let segment = |score: &crate::engine::playbook::meant::Score| {
            let name = said.traits.get(&format!("mk_{}_segment", score.name)).and_then(|name| name.as_str());
            score.segments.iter().position(|segment| Some(segment.name.as_str()) == name).unwrap_or(0) as u8
        };
        let segments: Vec<u8> = playbook.scores.iter().map(segment).collect();
        let all = self.segments.entry(user.to_owned()).or_default();
        if all.last().is_none_or(|(_, before)| *before != segments) {
            all.push((at, segments));
        }
    }

    /// How long after `at` the outcome came, within the horizon.
    fn follows(&self, user: &str, at: Millis) -> Option<Millis> {
        let waits = self.seen.get(user)?.iter().map(|seen| seen - at);
        waits.filter(|wait| *wait > 0 && *wait <= self.within).min()
    }

    fn came_before(&self, user: &str, at: Millis) -> bool {
        self.seen.get(user).is_some_and(|all| all.iter().any(|seen| *seen <= at))
    }

    /// Of all users known at a time, the share with the outcome within the horizon.
    fn base_rate(&self, at: Millis) -> f64 {
        let known = self.known.iter().filter(|(_, first)| **first <= at);
        let (all, with) = known
            .fold((0u64, 0u64), |(all, with), (user, _)| (all + 1, with + u64::from(self.follows(user, at).is_some())));
        with as f64 / all.max(1) as f64
    }

    fn segments_at(&self, user: &str, at: Millis) -> Option<&[u8]> {
        let before = self.segments.get(user)?.iter().rev().find(|(since, _)| *since <= at);
        before.map(|(_, segments)| &segments[..])
    }
}

impl Outcome {
    pub fn new(side: &Side, end: Millis) -> Option<Self> {
        let sightings = side.sightings.as_ref()?;
        let playbook = side.playbook();
        let mut rates = BTreeMap::new();
        let mut base_rate = |day: Millis| *rates.entry(day).or_insert_with(|| sightings.base_rate(day * DAY + DAY - 1));
        let moments = playbook.moments.iter().enumerate().map(|(i, moment)| {
            let mut users = BTreeSet::new();
            let firsts = side.tally.firings.iter().filter(|f| f.moment == i && users.insert(f.user.as_str()));
            let foretold = foretold(sightings, firsts, end, &mut base_rate);
            Foretold { name: moment.name.clone(), ..foretold }
        });
        let moments = moments.collect();
        let at = end - sightings.within;
        let scores = playbook.scores.iter().enumerate().map(|(i, score)| {
            let mut rows = vec![BySegment::default(); score.segments.len()];
            for (user, _) in sightings.known.iter().filter(|(_, first)| **first <= at) {
                let segment = sightings.segments_at(user, at).map_or(0, |segments| segments[i]);
                let row = &mut rows[usize::from(segment)];
                row.users += 1;
                row.outcomes += u64::from(sightings.follows(user, at).is_some());
            }
            rows
        });
        let scores = scores.collect();
        let name = playbook.signals[sightings.signal].name.clone();
        Some(Self { name, within: sightings.within, users: sightings.seen.len() as u64, moments, at, scores })
    }
}

fn foretold<'a>(
    sightings: &Sightings,
    firsts: impl Iterator<Item = &'a Firing>,
    end: Millis,
    base_rate: &mut dyn FnMut(Millis) -> f64,
) -> Foretold {
    let mut foretold = Foretold::default();
    let (mut waits, mut base) = (Vec::new(), 0.0);
    for firing in firsts {
        if sightings.came_before(&firing.user, firing.at) {
            foretold.after += 1;
        } else if firing.at + sightings.within > end {
            foretold.open += 1;
        } else {
            foretold.firings += 1;
            waits.extend(sightings.follows(&firing.user, firing.at));
            base += base_rate(firing.at.div_euclid(DAY));
        }
    }
    waits.sort_unstable();
    foretold.hits = waits.len() as u64;
    foretold.outcomes = sightings.seen.len() as u64;
    foretold.base_rate = base / foretold.firings.max(1) as f64;
    foretold.median_lead = median(&waits);
    foretold
}

/// A share with its uncertainty: Wilson's score interval at 95%.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Foretold {
    /// Of the firings, how many the outcome followed.
    pub fn precision(&self) -> Option<Share> {
        Share::of(self.hits, self.firings)
    }

    /// Of the users with the outcome, how many it was foretold of.
    pub fn recall(&self) -> Option<Share> {
        Share::of(self.hits, self.outcomes)
    }

    /// How much likelier the outcome is than for anybody; `None` when it never follows anybody.
    pub fn lift(&self) -> Option<Share> {
        let Share { value, low, high } = self.precision().filter(|_| self.base_rate > 0.0)?;
        let of = |share: f64| share / self.base_rate;
        Some(Share { value: of(value), low: of(low), high: of(high) })
    }
}

impl Share {
    /// `None`: of nothing.
    pub fn of(hits: u64, all: u64) -> Option<Self> {
        const Z: f64 = 1.959_963_984_540_054;
        let (n, value) = (all as f64, hits as f64 / all as f64);
        let middle = value + Z * Z / (2.0 * n);
        let spread = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        let (low, high) = (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0));
        (all > 0).then_some(Self { value, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval() {
        let Share { value, low, high } = Share::of(8, 10).expect("a share");
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4, "{low} {high}");
        assert_eq!((value, Share::of(0, 0)), (0.8, None));
    }

    #[test]
    fn first_firings_as_predictions() {
        let mut sightings = Sightings { within: 10 * DAY, ..Sightings::default() };
        for user in ["hit", "miss", "late", "open", "quiet"] {
            sightings.known(user, 0);
        }
        let seen = [("hit", 7 * DAY), ("hit", 5 * DAY), ("miss", 30 * DAY), ("late", DAY)];
        sightings.seen(seen.into_iter().map(|(user, at)| (user.to_owned(), at)));
        let firings: Vec<Firing> = [("hit", 2), ("miss", 2), ("late", 2), ("open", 35)]
            .map(|(user, day)| Firing { user: user.into(), moment: 0, at: day * DAY, first: 0 })
            .into();
        let mut rate = |day: Millis| sightings.base_rate(day * DAY);
        let found = foretold(&sightings, firings.iter(), 40 * DAY, &mut rate);
        let expected = Foretold {
            firings: 2,
            hits: 1,
            open: 1,
            after: 1,
            outcomes: 3,
            base_rate: 0.2,
            median_lead: Some(3 * DAY),
            ..Foretold::default()
        };
        assert_eq!(found, expected);
        let value = |share: Option<Share>| share.map(|share| share.value);
        let (precision, recall, lift) = (found.precision(), found.recall(), found.lift());
        assert_eq!((value(precision), value(recall), value(lift)), (Some(0.5), Some(1.0 / 3.0), Some(2.5)));
        let ends = lift.zip(precision).map(|(lift, precision)| lift.high - 5.0 * precision.high);
        assert!(ends.is_some_and(|ends| ends.abs() < 1e-9), "its ends are those of the precision");
        assert_eq!(Foretold::default().lift(), None);
    }
}
