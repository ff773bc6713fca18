//! What a replay amounts to, as figures: what text and page are written from. It knows nothing of either.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Comparison;
use super::outcome::{BySegment, Outcome};
use super::replay::Replay;
use super::side::{Firing, STEPS, Side};
use crate::engine::Millis;
use crate::engine::event::fold;
use crate::engine::playbook::meant::{Path, Score, SignalKind};
use crate::engine::playbook::mistake::nearest;
use crate::engine::playbook::program::DAY;

const WEEK: Millis = 7 * DAY;
/// Bars of a histogram.
const BARS: usize = 20;

pub struct Report {
    pub records: u64,
    pub bytes: u64,
    pub events: u64,
    pub users: u64,
    pub profiles: u64,
    pub profile_bytes: u64,
    pub seconds: f64,
    /// First and last record time.
    pub span: Option<(Millis, Millis)>,
    /// What was counted beside, in words.
    pub notes: Vec<(u64, &'static str)>,
    pub rejects: Vec<Rejects>,
    pub moments: Vec<MomentReport>,
    pub bill: Bill,
    pub scores: Vec<ScoreReport>,
    pub silent: Vec<Silent>,
    /// Paths compared as numbers, and how many messages held a text there.
    pub texts: Vec<(String, u64)>,
    pub outcome: Option<Outcome>,
    pub comparison: Option<Comparison>,
}

pub struct Rejects {
    pub reason: &'static str,
    pub count: u64,
    /// The first few.
    pub places: Vec<String>,
}

pub struct MomentReport {
    pub name: String,
    pub fired: u64,
    pub users: u64,
    /// By week from the first record on.
    pub weeks: Vec<u64>,
    /// From a user's first event to their first firing.
    pub median_wait: Option<Millis>,
    /// How long it stays on, on average, and for how many it is on at the end.
    pub mean_on: Option<Millis>,
    pub on: u64,
}

/// What an API that bills by the call would count.
#[derive(Debug, Default)]
pub struct Bill {
    pub identifies: u64,
    pub tracks: u64,
    pub deletes: u64,
    pub identifies_a_day: f64,
    pub busiest_day: Option<(Millis, u64)>,
    pub identifies_by_day: Vec<u64>,
    pub identifies_a_user: f64,
    pub most_of_one_user: u64,
}

pub struct ScoreReport {
    pub name: String,
    pub bars: Vec<u64>,
    /// Highest first: name, threshold, users, and the share of users and threshold that would be a pyramid.
    pub segments: Vec<SegmentReport>,
}

pub struct SegmentReport {
    pub name: String,
    pub threshold: f64,
    pub users: u64,
    /// Of the users, if one were asked for, and the threshold that would give it; none does where too many stand at 0.
    pub fair_share: f64,
    pub fair_threshold: Option<f64>,
}

/// A signal that matched nothing.
pub struct Silent {
    pub name: String,
    /// For each event it listens to, the nearest name that was seen.
    pub nearest: Vec<(String, String)>,
    pub is_sequence: bool,
}

impl Report {
    pub fn new(replay: &Replay) -> Self {
        let side = &replay.main;
        let (counts, standing) = (&side.standing.counts, &side.standing);
        let notes = [
            (counts.duplicates, "repeats"),
            (counts.own_messages, "messages of our own"),
            (counts.empty_records, "records with nothing in them"),
            (counts.clamped_records, "records from the future, taken at the clock"),
            (counts.clamped_events, "event times later than their record, set back"),
            (counts.values_ignored, "values that are no numbers, ignored"),
            (counts.distinct_evicted, "distinct values beyond what is remembered of a user"),
            (counts.ids_forgotten, "message ids beyond what is remembered of a user"),
        ];
        Self {
            records: replay.records,
            bytes: replay.bytes,
            events: counts.events,
            users: standing.users,
            profiles: standing.profiles,
            profile_bytes: standing.bytes,
            seconds: replay.seconds,
            span: replay.times.span,
            notes: notes.into_iter().filter(|(count, _)| *count > 0).collect(),
            rejects: rejects(replay),
            moments: (0..side.playbook().moments.len()).map(|i| moment(side, i, replay.times.span)).collect(),
            bill: bill(side, replay.times.span),
            scores: side.playbook().scores.iter().enumerate().map(|(i, s)| score(side, i, s)).collect(),
            silent: silent(side, &replay.found.names),
            texts: texts(&replay.number_paths, &replay.found.texts),
            outcome: Outcome::new(side, replay.times.span.map_or(0, |(_, last)| last)),
            comparison: replay.other.as_ref().map(|other| Comparison::new(side, other)),
        }
    }
}

impl ScoreReport {
    /// Users at the end.
    pub fn users(&self) -> u64 {
        self.segments.iter().map(|segment| segment.users).sum()
    }
}

impl Report {
    /// What came of the users of each score's segments, as (score, segment, outcome), the highest segment first.
    pub fn by_segment<'a>(
        &'a self,
        outcome: &'a Outcome,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a BySegment)> + 'a {
        self.scores.iter().zip(&outcome.scores).flat_map(|(score, rows)| {
            let segments = score.segments.iter().zip(rows.iter().rev());
            segments.map(|(segment, row)| (score.name.as_str(), segment.name.as_str(), row))
        })
    }
}

fn rejects(replay: &Replay) -> Vec<Rejects> {
    let counts = replay.main.standing.counts.dead.iter().zip(crate::engine::Reason::ALL);
    let rejects = counts.filter(|(count, _)| **count > 0).map(|(count, reason)| Rejects {
        reason: reason.as_str(),
        count: *count,
        places: replay.places.get(reason.as_str()).cloned().unwrap_or_default(),
    });
    rejects.collect()
}

fn moment(side: &Side, i: usize, span: Option<(Millis, Millis)>) -> MomentReport {
    let firings: Vec<&Firing> = side.tally.firings.iter().filter(|firing| firing.moment == i).collect();
    let (start, end) = span.unwrap_or_default();
    let week = |at: Millis| ((at - start) / WEEK).max(0) as usize;
    let mut weeks = vec![0; week(end) + 1];
    let mut users = BTreeSet::new();
    let mut waits = Vec::new();
    for firing in &firings {
        weeks[week(firing.at.min(end))] += 1;
        if users.insert(firing.user.as_str()) {
            waits.push(firing.at - firing.first);
        }
    }
    waits.sort_unstable();
    let fired = firings.len() as u64;
    MomentReport {
        name: side.playbook().moments[i].name.clone(),
        fired,
        users: users.len() as u64,
        weeks,
        median_wait: median(&waits),
        mean_on: (fired > 0).then(|| side.standing.counts.on_for[i] / fired as i64),
        on: side.standing.on[i],
    }
}

/// Of values in order; of an even number the middle of the two in the middle.
pub fn median(values: &[Millis]) -> Option<Millis> {
    let upper = values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(lower + (upper - lower) / 2)
}

fn bill(side: &Side, span: Option<(Millis, Millis)>) -> Bill {
    let (tally, counts) = (&side.tally, &side.standing.counts);
    let days = span.map_or(1.0, |(first, last)| ((last - first) as f64 / DAY as f64).max(1.0));
    let by_day = &tally.identifies_by_day;
    let first_day = by_day.keys().next().copied().unwrap_or(0);
    let last_day = by_day.keys().next_back().copied().unwrap_or(-1).max(first_day - 1);
    Bill {
        identifies: tally.identifies,
        tracks: counts.fired.iter().sum::<u64>() + ended(side),
        deletes: counts.deletes,
        identifies_a_day: tally.identifies as f64 / days,
        busiest_day: by_day.iter().max_by_key(|(_, count)| **count).map(|(day, count)| (day * DAY, *count)),
        identifies_by_day: (first_day..=last_day).map(|day| by_day.get(&day).copied().unwrap_or(0)).collect(),
        identifies_a_user: tally.identifies as f64 / side.standing.users.max(1) as f64,
        most_of_one_user: tally.most_of_one_user(),
    }
}

/// Endings that were sent.
fn ended(side: &Side) -> u64 {
    let moments = side.playbook().moments.iter().zip(&side.standing.counts.ended);
    moments.filter(|(moment, _)| moment.ended).map(|(_, count)| count).sum()
}

fn score(side: &Side, i: usize, score: &Score) -> ScoreReport {
    let steps = &side.standing.scores[i];
    let mut bars = vec![0; BARS];
    steps.iter().enumerate().for_each(|(step, users)| bars[(step * BARS / STEPS).min(BARS - 1)] += users);
    let count = score.segments.len();
    let fair = fair_thresholds(steps, count);
    let segments = score.segments.iter().enumerate().rev().zip(fair).map(|((s, segment), (share, threshold))| {
        let users = side.standing.segments[i][s];
        SegmentReport {
            name: segment.name.clone(),
            threshold: segment.threshold,
            users,
            fair_share: share,
            fair_threshold: threshold,
        }
    });
    ScoreReport { name: score.name.clone(), bars, segments: segments.collect() }
}

/// Shares of a pyramid, the smallest on top (10, 20, 30 and 40% of four), and the thresholds that come nearest.
fn fair_thresholds(steps: &[u64], count: usize) -> Vec<(f64, Option<f64>)> {
    let users: u64 = steps.iter().sum();
    let whole = (count * (count + 1) / 2) as f64;
    let mut above = 0.0;
    let threshold = |above: f64| {
        let wanted = (above * users as f64).round() as u64;
        let mut have = 0;
        let step = steps.iter().enumerate().rev().find(|(_, n)| {
            have += **n;
            have >= wanted.max(1)
        });
        step.filter(|(step, _)| *step > 0).map(|(step, _)| step as f64 / STEPS as f64)
    };
    let mut one = |nth: usize| {
        let share = nth as f64 / whole;
        above += share;
        (share, if nth == count { Some(0.0) } else { threshold(above) })
    };
    (1..=count).map(&mut one).collect()
}

fn silent(side: &Side, names: &[String]) -> Vec<Silent> {
    // The order of the names is that of the threads that found them.
    let mut folded: BTreeMap<String, &String> = names.iter().rev().map(|name| (fold(name), name)).collect();
    // What some signal listens to was not meant by another.
    for signal in &side.playbook().signals {
        if let SignalKind::Plain { events, .. } = &signal.kind {
            folded.retain(|name, _| !events.contains(name));
        }
    }
    let signals = side.playbook().signals.iter().zip(&side.standing.counts.matched);
    let silent = signals.filter(|(_, matched)| **matched == 0).map(|(signal, _)| {
        let near = |event: &String| {
            let found = nearest(event, folded.keys().map(String::as_str))?;
            Some((event.clone(), folded[found].clone()))
        };
        let (nearest, is_sequence) = match &signal.kind {
            SignalKind::Plain { events, .. } => (events.iter().filter_map(near).collect(), false),
            SignalKind::Sequence { .. } => (Vec::new(), true),
        };
        Silent { name: signal.name.clone(), nearest, is_sequence }
    });
    silent.collect()
}

fn texts(paths: &[Path], counts: &[u64]) -> Vec<(String, u64)> {
    let name = |path: &Path| format!("{}.{}", format!("{:?}", path.root).to_lowercase(), path.keys.join("."));
    let found = paths.iter().zip(counts).filter(|(_, count)| **count > 0);
    found.map(|(path, count)| (name(path), *count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_middle() {
        assert_eq!(
            (median(&[1, 2, 9]), median(&[1, 2, 5, 9]), median(&[-4]), median(&[])),
            (Some(2), Some(3), Some(-4), None)
        );
    }

    #[test]
    fn a_pyramid_of_four() {
        // One user at each of 1,000 values.
        let steps: Vec<u64> = (0..=STEPS).map(|step| u64::from(step > 0)).collect();
        let fair = fair_thresholds(&steps, 4);
        let rounded: Vec<_> = fair.iter().map(|(share, threshold)| ((share * 100.0).round(), *threshold)).collect();
        assert_eq!(rounded, [(10.0, Some(0.901)), (20.0, Some(0.701)), (30.0, Some(0.401)), (40.0, Some(0.0))]);
        assert_eq!(fair_thresholds(&[0; STEPS + 1], 2)[0].1, None, "nobody");
        let most_at_0: Vec<u64> =
            (0..=STEPS).map(|step| if step == 0 { 9_000 } else { u64::from(step > 500) }).collect();
        let fair = fair_thresholds(&most_at_0, 3);
        assert_eq!((fair[0].1, fair[1].1, fair[2].1), (None, None, Some(0.0)));
    }
}
