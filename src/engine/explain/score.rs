//! A score taken apart: its terms, what lies behind them, how far the next segment is. It knows nothing of moments.

use super::super::Millis;
use super::super::playbook::meant::{self, TermKind, Window};
use super::super::playbook::program::TermPlan;
use super::super::profile::outbox::ScoreState;
use super::super::profile::{series, values};
use super::super::score::{ScoreNow, TermNow};
use super::BUCKETS_MAX;
use super::condition::Conditions;
use super::future::Question;
use super::said::{Behaviour, Bucket, Distance, Falls, Flip, Kind, Older, Score, Segment, Term, Time};
use super::say;

/// Explains one score; what its future is asked goes behind its terms' questions.
pub fn explain(nth: usize, now: &ScoreNow, conditions: &mut Conditions<'_>) -> Score {
    let program = conditions.person.program;
    let score = &program.playbook.scores[nth];
    let points: f64 = now.terms.iter().map(|term| term.points).sum();
    let here = usize::from(now.segment);
    let terms = score.terms.iter().zip(&program.terms[nth]).zip(&now.terms);
    let terms = terms.map(|((meant, plan), now)| term(meant, plan, now, conditions)).collect();
    let segment = |segment: &meant::Segment| Segment {
        name: segment.name.clone(),
        threshold: segment.threshold,
        points: points_at(segment.threshold, score.half),
    };
    let distance = |above: &meant::Segment| Distance {
        segment: above.name.clone(),
        score: above.threshold - now.value,
        points: points_at(above.threshold, score.half) - points,
    };
    let falls = (here > 0).then(|| {
        conditions.questions.push(Question::Below(nth, score.segments[here].threshold));
        conditions.questions.push(Question::Segment(nth));
        Falls { below_threshold: Flip::Never, left: Flip::Never, to: None }
    });
    let sent = ScoreState::read(conditions.person.body.get(program.score_cells[nth])).sent;
    Score {
        name: score.name.clone(),
        value: now.value,
        points,
        half: score.half,
        margin: score.margin,
        segment: score.segments[here].name.clone(),
        segments: score.segments.iter().map(segment).collect(),
        next_segment: score.segments.get(here + 1).map(distance),
        falls,
        sent: sent.map(|sent| format!("{}.{:02}", sent / 100, sent % 100)),
        terms,
    }
}

/// `threshold` is below 1: no points make a whole score.
fn points_at(threshold: f64, half: f64) -> f64 {
    threshold * half / (1.0 - threshold)
}

fn term(meant: &meant::Term, plan: &TermPlan, now: &TermNow, conditions: &mut Conditions<'_>) -> Term {
    let each = meant.points as f64 / 1000.0;
    let kind = match &meant.kind {
        TermKind::Attribute { when } => Kind::Attribute { each, when: conditions.truth(when) },
        TermKind::Behaviour { signal, lifespan, cap } => {
            let payload = plan.cell.and_then(|cell| conditions.person.body.get(cell));
            let (buckets, older) = buckets(payload, *lifespan, meant.points, conditions.person.clock);
            let uncapped: f64 = buckets.iter().map(|b| b.points).chain(older.iter().map(|o| o.points)).sum();
            let cap = cap.map(|cap| cap as f64 / 1000.0);
            Kind::Behaviour(Behaviour {
                signal: conditions.person.program.playbook.signals[*signal].name.clone(),
                each,
                lifespan: say::length(*lifespan),
                cap,
                // Sums of many differ from the exact sum in their last digits only.
                is_capped: cap.is_some_and(|cap| uncapped.abs() - cap > 1e-6),
                occurrences: now.occurrences.unwrap_or(0),
                kept_by_ms: lifespan.bucket,
                buckets,
                older,
            })
        }
    };
    Term { label: meant.label.clone(), points: now.points, kind }
}

/// What the term's window holds, the latest first, each with its points now.
fn buckets(payload: Option<&[u8]>, lifespan: Window, points: i64, clock: Millis) -> (Vec<Bucket>, Option<Older>) {
    let (after, last) = series::span(lifespan, 0, clock);
    let steps = (lifespan.length / lifespan.bucket) as u64;
    let worth =
        |k: i64, n: u64| values::ratio(i128::from(points) * i128::from(n) * i128::from(k - after), 1000 * steps);
    let mut all: Vec<(i64, u64)> =
        series::entries(payload).skip_while(|(k, _)| *k <= after).take_while(|(k, _)| *k <= last).collect();
    all.reverse();
    let older = all.split_off(all.len().min(BUCKETS_MAX));
    let shown = all.into_iter().map(|(k, n)| Bucket {
        from: Time(k * lifespan.bucket),
        occurrences: n,
        age_ms: (last - k) * lifespan.bucket,
        points: worth(k, n),
    });
    let rest = Older {
        occurrences: older.iter().map(|(_, n)| n).sum(),
        points: older.iter().map(|(k, n)| worth(*k, *n)).sum(),
    };
    (shown.collect(), (!older.is_empty()).then_some(rest))
}
