//! Scores: segments, terms, and the order in which those that use each other are computed.

use super::expression::{Checked, Scope};
use super::{Check, settings};
use crate::engine::playbook::meant::{Score, Segment, Term, TermKind, Window};
use crate::engine::playbook::mistake::{Code, Mistake};
use crate::engine::playbook::written::{self, At, Number};

/// Points beyond this are a slip; far below what exact sums can hold.
const THOUSANDTHS_MAX: i64 = 1_000_000_000;
const TERMS_MAX: usize = 1_000;
const MARGIN: f64 = 0.03;
const MIN_DELTA: u32 = 5;

/// A score as meant, and for each of its terms the `when` with places.
pub fn score(check: &mut Check<'_>, written: &written::Score) -> (Score, Vec<Option<Checked>>) {
    settings::identifier(check, &written.name, "a score");
    if written.terms.len() > TERMS_MAX {
        let message = format!("a score has at most {TERMS_MAX} terms");
        check.mistakes.push(Mistake::new(Code::TooLarge, written.name.span.clone(), message));
    }
    let (terms, whens): (Vec<_>, Vec<_>) = written.terms.iter().map(|term| self::term(check, term)).unzip();
    let has_behaviour = terms.iter().any(|term| matches!(term.kind, TermKind::Behaviour { .. }));
    let score = Score {
        name: written.name.value.clone(),
        half: half(check, written.half.as_ref()),
        segments: written.segments.as_ref().map_or_else(Vec::new, |list| segments(check, list)),
        terms,
        publish_score: written.publish_score.unwrap_or(has_behaviour),
        publish_signals: written.publish_signals,
        min_delta: written.min_delta.as_ref().map_or(MIN_DELTA, |number| min_delta(check, number)),
        margin: written.margin.as_ref().map_or(MARGIN, |number| margin(check, number)),
    };
    (score, whens)
}

fn half(check: &mut Check<'_>, half: Option<&At<Number>>) -> f64 {
    let Some(half) = half else { return 1.0 };
    if half.value.float <= 0.0 {
        let mistake = Mistake::new(Code::BadNumber, half.span.clone(), "`half` is more than 0");
        check.mistakes.push(mistake.help("it is how many points make a score of 0.50"));
    }
    half.value.float
}

fn margin(check: &mut Check<'_>, margin: &At<Number>) -> f64 {
    if !(0.0..=1.0).contains(&margin.value.float) {
        let mistake = Mistake::new(Code::BadNumber, margin.span.clone(), "`margin` is from 0 to 1");
        check.mistakes.push(mistake.help("it is how far a score must fall below a threshold to leave the segment"));
    }
    margin.value.float
}

fn min_delta(check: &mut Check<'_>, delta: &At<Number>) -> u32 {
    match delta.value.scaled(2).and_then(|hundredths| u32::try_from(hundredths).ok()) {
        Some(hundredths @ 1..=100) => hundredths,
        _ => {
            let mistake =
                Mistake::new(Code::BadNumber, delta.span.clone(), "`min_delta` is in whole hundredths, 0.01 to 1");
            check.mistakes.push(mistake.help("scores are sent with two decimals: 0.05 is five hundredths"));
            MIN_DELTA
        }
    }
}

fn segments(check: &mut Check<'_>, written: &At<written::Segments>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (name, threshold) in &written.value {
        let value = threshold.value.float;
        if !(0.0..=1.0).contains(&value) {
            let message = format!("the threshold of \"{}\" is outside 0 to 1", name.value);
            let mistake = Mistake::new(Code::BadSegments, threshold.span.clone(), message);
            check.mistakes.push(mistake.help("thresholds are scores, and a score lies between 0 and 1"));
        } else if let Some(other) = segments.iter().find(|other| other.threshold == value) {
            let message = format!("\"{}\" and \"{}\" begin at the same score", other.name, name.value);
            check.mistakes.push(Mistake::new(Code::BadSegments, threshold.span.clone(), message));
        }
        segments.push(Segment { name: name.value.clone(), threshold: value });
    }
    if !segments.iter().any(|segment| segment.threshold == 0.0) {
        let mistake = Mistake::new(Code::BadSegments, written.span.clone(), "no segment begins at 0");
        check.mistakes.push(mistake.help("add the lowest one, such as `low = 0.0`: every score lies in some segment"));
    }
    // `-0.0` is a zero: in this order and in the comparison above.
    segments.sort_by(|a, b| a.threshold.partial_cmp(&b.threshold).expect("thresholds are finite"));
    segments
}

fn term(check: &mut Check<'_>, written: &written::Term) -> (Term, Option<Checked>) {
    let when = written.when.as_ref().and_then(|source| check.condition(source, Scope::Person));
    let kind = match &written.signal {
        Some(signal) => TermKind::Behaviour {
            signal: check.signal(signal).unwrap_or(0),
            lifespan: lifespan(check, written.lifespan.as_ref()),
            cap: written.cap.as_ref().and_then(|cap| self::cap(check, cap)),
        },
        None => TermKind::Attribute {
            when: when.as_ref().map_or(crate::engine::playbook::meant::Expr::Null, |when| when.expr().clone()),
        },
    };
    let named = written.label.as_ref().or(written.signal.as_ref()).or(written.when.as_ref());
    let label = named.map_or_else(String::new, |text| text.value.clone());
    (Term { label, points: written.points.as_ref().map_or(0, |points| self::points(check, points)), kind }, when)
}

fn lifespan(check: &mut Check<'_>, lifespan: Option<&At<String>>) -> Window {
    let nothing = Window { length: 1_000, bucket: 1_000 };
    lifespan.and_then(|text| check.window(text)).map_or(nothing, |found| found.window())
}

fn points(check: &mut Check<'_>, points: &At<Number>) -> i64 {
    let (message, help) = match points.value.scaled(3) {
        Some(0) => ("a term of 0 points does nothing", "remove it, or give it points"),
        Some(found) if found.abs() <= THOUSANDTHS_MAX => return found,
        _ if points.value.float.abs() > 1e6 => ("these are too many points", "a million is the most"),
        _ => ("points have at most three digits after the point", "such as 2.5 or 0.125"),
    };
    check.mistakes.push(Mistake::new(Code::BadNumber, points.span.clone(), message).help(help));
    0
}

fn cap(check: &mut Check<'_>, cap: &At<Number>) -> Option<i64> {
    match cap.value.scaled(3) {
        Some(found @ 1..) => Some(found),
        _ => {
            let message = "`cap` is more than 0, with at most three digits after the point";
            let mistake = Mistake::new(Code::BadNumber, cap.span.clone(), message);
            check.mistakes.push(mistake.help("for points below 0 too: the sum goes no further from 0 than `cap`"));
            None
        }
    }
}

/// Indices of the scores, each after those it asks for; in file order where nothing else says so. What asks for
/// itself, however far around, is a mistake.
pub fn order(asks: &[Vec<usize>], written: &[written::Score], mistakes: &mut Vec<Mistake>) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut left: Vec<usize> = (0..asks.len()).collect();
    while !left.is_empty() {
        let ready = left.iter().position(|score| asks[*score].iter().all(|other| order.contains(other)));
        match ready {
            Some(at) => order.push(left.remove(at)),
            None => {
                mistakes.push(cycle(asks, &left, written));
                break;
            }
        }
    }
    order
}

/// The first cycle among scores of which each asks for another one of them.
fn cycle(asks: &[Vec<usize>], left: &[usize], written: &[written::Score]) -> Mistake {
    let mut seen = Vec::new();
    let mut at = left[0];
    while !seen.contains(&at) {
        seen.push(at);
        at = *asks[at].iter().find(|other| left.contains(other)).expect("it waits for one that is left");
    }
    let start = seen.iter().position(|score| *score == at).expect("it was seen");
    let around = &seen[start..];
    let first = *around.iter().min().expect("a cycle is not empty");
    let at = around.iter().position(|score| *score == first).expect("it is one of them");
    let names: Vec<&str> =
        (0..=around.len()).map(|step| written[around[(at + step) % around.len()]].name.value.as_str()).collect();
    let message = format!("a score can't need itself: {}", names.join(" → "));
    let mistake = Mistake::new(Code::Cycle, written[first].name.span.clone(), message);
    mistake.help("take one of them out of the other's terms")
}
