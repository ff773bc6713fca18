//! What becomes of a user if nothing more happens, found by evaluating them minute by minute, save those minutes at which
//! nothing can change. It knows nothing of how an answer is shown.

use super::super::Millis;
use super::super::eval::{NEVER, holds};
use super::super::evaluate::{Around, Evaluator, Step, step};
use super::super::person::Person;
use super::super::playbook::code::Code;
use super::super::playbook::program::Program;
use super::super::profile::body::Body;
use super::super::profile::outbox::MomentState;
use super::super::score::ScoreNow;
use super::said::{Flip, Time};

const MINUTE: Millis = 60_000;
/// Minutes that are evaluated at most: far more than the hours of the longest window.
const LOOKS_MAX: usize = 50_000;

/// Something that is one way now: when is it another?
pub enum Question {
    /// Whether a condition holds.
    Holds(Code),
    /// Whether a score is below a value.
    Below(usize, f64),
    Segment(usize),
    /// A moment's next step.
    Step(usize, MomentState),
}

/// When, and what it is then (a segment's number).
pub type Answer = (Flip, u32);

struct Open {
    question: Question,
    place: usize,
    first: u32,
    until: Millis,
}

/// Answers all questions from one walk through the minutes ahead. The profile is used up: segments are held in it.
pub fn answer(
    questions: Vec<Question>,
    body: &mut Body,
    scores: Vec<ScoreNow>,
    around: &mut Around<'_>,
) -> Vec<Answer> {
    let mut scores = scores;
    let mut answers = vec![(Flip::Never, 0); questions.len()];
    let mut open: Vec<Open> = questions
        .into_iter()
        .enumerate()
        .map(|(place, mut question)| {
            let (first, until) = look(&mut question, body, &scores, around, true);
            Open { question, place, first, until }
        })
        .collect();
    for _ in 0..LOOKS_MAX {
        let Some(minute) = next_minute(&open, &scores, around.clock) else { return answers };
        around.clock = minute;
        scores = Evaluator::scores_of(body, around.program, minute);
        open.retain_mut(|asked| {
            if asked.until > minute {
                return true;
            }
            let (now, until) = look(&mut asked.question, body, &scores, around, false);
            asked.until = until;
            if now != asked.first {
                answers[asked.place] = (Flip::At(Time(minute)), now);
            }
            now == asked.first
        });
    }
    for asked in open.iter().filter(|asked| asked.until != NEVER) {
        answers[asked.place].0 = Flip::NotBefore(Time(around.clock));
    }
    answers
}

/// The next minute at which an answer may be another, or a segment, which later ones are held against.
fn next_minute(open: &[Open], scores: &[ScoreNow], clock: Millis) -> Option<Millis> {
    let asked = open.iter().map(|asked| asked.until).min().filter(|until| *until != NEVER)?;
    let next = scores.iter().map(|now| now.segment_until).fold(asked, Millis::min).max(clock + 1);
    (next < NEVER - MINUTE).then(|| (next + MINUTE - 1).div_euclid(MINUTE) * MINUTE)
}

/// How it stands, and until when for sure. A moment took its last step before the first look.
fn look(
    question: &mut Question,
    body: &Body,
    scores: &[ScoreNow],
    around: &Around<'_>,
    is_first: bool,
) -> (u32, Millis) {
    let program: &Program = around.program;
    let person = Person { program, body, clock: around.clock, scores };
    match question {
        Question::Holds(code) => {
            let (is, until) = holds(code, &person);
            (u32::from(is), until)
        }
        Question::Below(score, value) => {
            let now = &scores[*score];
            (u32::from(now.value < *value), now.stays_on_its_side_of(*value))
        }
        Question::Segment(score) => {
            let now = &scores[*score];
            (u32::from(now.segment), now.segment_until)
        }
        Question::Step(..) if is_first => (0, around.clock + 1),
        Question::Step(moment, state) => {
            let meant = &program.playbook.moments[*moment];
            let (taken, until) = step(*moment, meant, state, &person, around);
            (u32::from(matches!(taken, Step::Fired | Step::Ended)), until)
        }
    }
}
