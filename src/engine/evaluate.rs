//! One evaluation of one user at one clock: scores, then each moment's step, then what goes out, then when to look again.

use super::eval::{NEVER, holds};
use super::message::{self, Field, FieldValue, Identity, What};
use super::person::Person;
use super::playbook::meant::{Moment, Playbook};
use super::playbook::program::{Feeds, KNOWN, MESSAGES, MomentPlan, Program};
use super::profile::body::Body;
use super::profile::outbox::{Known, MomentState, ScoreState};
use super::profile::{numbers, varint};
use super::score::{Facts, ScoreNow, decimals};
use super::{Counts, Millis};

/// What an evaluation must know beside the profile.
pub struct Around<'a> {
    pub program: &'a Program,
    pub user: &'a str,
    pub clock: Millis,
    /// Since when there is history, by moment.
    pub history: &'a dyn Fn(&Moment) -> Option<Millis>,
    pub hold: Hold,
    /// This is the minute at which a hold-back ends: whatever differs from what was sent is sent.
    pub is_release: bool,
}

/// Whether something may be sent at this clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    Open,
    /// Until this whole minute. `resumed`: what fires is sent then, if still on.
    Back {
        minute: Millis,
        resumed: bool,
    },
}

/// What a moment did in its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Stayed,
    Fired,
    Ended,
    /// It fired while held back after a resume, and is still on.
    Late,
}

/// When a moment may take its next step, by whether it asks for scores; and whether one that is a trait took one now.
struct Next {
    with_scores: Millis,
    without: Millis,
    is_trait_moved: bool,
}

/// Room used again for every evaluation.
#[derive(Debug, Default)]
pub struct Evaluator {
    pub(super) scores: Vec<ScoreNow>,
    pub(super) steps: Vec<(Step, MomentState)>,
    facts: Facts,
    /// How many were sent for this profile.
    pub(super) messages: u64,
}

impl Evaluator {
    /// Evaluates the profile that is open. Messages go to `emit`. Returns the first time at which anything may change.
    pub fn evaluate(
        &mut self,
        body: &mut Body,
        around: &Around<'_>,
        counts: &mut Counts,
        emit: &mut dyn FnMut(Vec<u8>),
    ) -> Millis {
        let program = around.program;
        self.messages = numbers::unsigned(body.get(MESSAGES)).unwrap_or(0);
        let sent_before = self.messages;
        let known = Known::read(body.get(KNOWN));
        let fed = program.fed_by(body.touched());
        let is_moved = self.work_out_scores(body, program, around.clock, known.filter(|_| !fed.facts));
        let moments = self.step_moments(body, around, counts);
        let is_said = known.is_some_and(|known| known.is_said) && !(fed.identify || is_moved || moments.is_trait_moved);
        let (is_said, next) = self.identify(is_said, body, around, counts, emit);
        // A segment is sent, and held against the next one, whether or not a moment asks for it.
        let segments = self.scores.iter().map(|now| now.segment_until);
        let steady_until = segments.fold(moments.with_scores.min(next), Millis::min);
        let now = Known::new(is_said, self.facts.now, steady_until);
        if known != Some(now) {
            body.set(KNOWN, |out| now.write(out));
        }
        for (i, moment) in program.playbook.moments.iter().enumerate() {
            self.track(i, moment, around, counts, emit);
        }
        if self.messages != sent_before {
            body.set(MESSAGES, |out| varint::put(out, self.messages));
        }
        steady_until.min(moments.without)
    }

    /// Until when there is nothing to find: all that may differ are moments that ask for no score, and those stay as they
    /// are. `None`: the profile must be evaluated.
    pub fn steady_until(body: &Body, around: &Around<'_>) -> Option<Millis> {
        let program = around.program;
        let known = Known::read(body.get(KNOWN))?;
        let fed = program.fed_by(body.touched());
        if !known.is_said || fed != Feeds::default() || around.clock >= known.steady_until || around.is_release {
            return None;
        }
        let person = Person { program, body, clock: around.clock, scores: &[] };
        let mut until = known.steady_until;
        let moments = program.playbook.moments.iter().enumerate();
        for (i, moment) in moments.filter(|(i, _)| !program.moments[*i].asks_for_scores) {
            let before = MomentState::read(body.get(program.moment_cells[i]));
            let mut state = before;
            let (step, next) = step(i, moment, &mut state, &person, around);
            if step != Step::Stayed || state != before {
                return None;
            }
            until = until.min(next);
        }
        Some(until)
    }

    /// The scores of a profile at a clock.
    pub fn scores_of(body: &mut Body, program: &Program, clock: Millis) -> Vec<ScoreNow> {
        let mut evaluator = Self::default();
        let known = Known::read(body.get(KNOWN)).filter(|_| !program.fed_by(body.touched()).facts);
        evaluator.work_out_scores(body, program, clock, known);
        evaluator.scores
    }

    /// True when a segment is another than before.
    fn work_out_scores(&mut self, body: &mut Body, program: &Program, clock: Millis, known: Option<Known>) -> bool {
        let playbook = &program.playbook;
        self.facts = Facts { known: known.map(|known| known.facts), now: 0 };
        let mut is_moved = false;
        self.scores.resize_with(playbook.scores.len(), ScoreNow::default);
        for &i in &playbook.score_order {
            let cell = program.score_cells[i];
            let held = ScoreState::read(body.get(cell));
            let mut now = std::mem::take(&mut self.scores[i]);
            let person = Person { program, body, clock, scores: &self.scores };
            now.work_out(&playbook.scores[i], &program.terms[i], &person, &mut self.facts, held.segment);
            if held.segment != Some(now.segment) {
                is_moved = true;
                body.set(cell, |out| ScoreState { segment: Some(now.segment), ..held }.write(out));
            }
            self.scores[i] = now;
        }
        is_moved
    }

    fn step_moments(&mut self, body: &mut Body, around: &Around<'_>, counts: &mut Counts) -> Next {
        self.steps.clear();
        let mut all = Next { with_scores: NEVER, without: NEVER, is_trait_moved: false };
        for (i, moment) in around.program.playbook.moments.iter().enumerate() {
            let cell = around.program.moment_cells[i];
            let before = MomentState::read(body.get(cell));
            let mut state = before;
            let person = Person { program: around.program, body, clock: around.clock, scores: &self.scores };
            let (step, next) = step(i, moment, &mut state, &person, around);
            let until = if around.program.moments[i].asks_for_scores { &mut all.with_scores } else { &mut all.without };
            *until = next.min(*until);
            match step {
                Step::Fired if moment.enabled => counts.fired[i] += 1,
                Step::Ended if moment.enabled => {
                    counts.ended[i] += 1;
                    counts.on_for[i] += state.fired.map_or(0, |fired| around.clock - fired);
                }
                _ => {}
            }
            if state != before {
                all.is_trait_moved |= moment.in_traits;
                body.set(cell, |out| state.write(out));
            }
            self.steps.push((step, state));
        }
        all
    }

    fn track(
        &mut self,
        i: usize,
        moment: &Moment,
        around: &Around<'_>,
        counts: &mut Counts,
        emit: &mut dyn FnMut(Vec<u8>),
    ) {
        let (step, _) = self.steps[i];
        let names = &around.program.moment_names[i];
        let event = match step {
            Step::Fired | Step::Late => &names.event,
            Step::Ended if moment.ended => &names.ended,
            Step::Ended | Step::Stayed => return,
        };
        if !moment.enabled {
            return;
        }
        if around.hold != Hold::Open {
            counts.held_back += 1;
            return;
        }
        let mut fields = self.properties(moment, &around.program.playbook);
        fields.push(Field { name: "playbook", value: FieldValue::Text(around.program.short.as_str().into()) });
        if step == Step::Late {
            fields.push(Field { name: "late", value: FieldValue::Bool(true) });
        }
        let (message, left_out) = message::write(What::Track(event), self.identity(around), &mut fields);
        counts.traits_left_out += left_out;
        self.messages += 1;
        emit(message);
    }

    fn properties<'b>(&self, moment: &Moment, playbook: &'b Playbook) -> Vec<Field<'b>> {
        let Some(i) = moment.score else { return Vec::new() };
        let (score, now) = (&playbook.scores[i], &self.scores[i]);
        let segment = &score.segments[usize::from(now.segment)].name;
        vec![
            Field { name: "score", value: FieldValue::Text(decimals(now.hundredths())) },
            Field { name: "segment", value: FieldValue::Text(segment.as_str().into()) },
            Field { name: "signals", value: FieldValue::Texts(now.reasons(score)) },
        ]
    }

    pub(super) fn identity<'b>(&self, around: &Around<'b>) -> Identity<'b> {
        Identity {
            user: around.user,
            at: around.clock,
            playbook: &around.program.playbook.fingerprint,
            before: self.messages,
        }
    }
}

/// At most one step of a moment, and the first time at which it may take one.
pub(super) fn step(
    i: usize,
    moment: &Moment,
    state: &mut MomentState,
    person: &Person<'_>,
    around: &Around<'_>,
) -> (Step, Millis) {
    let clock = around.clock;
    let plan = &around.program.moments[i];
    let (when, when_until) = holds(&plan.when, person);
    // A run is only worth remembering where something counts from its start.
    state.since = if when && moment.hold > 0 { state.since.or(Some(clock)) } else { None };
    if !state.on {
        if !when {
            return (Step::Stayed, when_until);
        }
        let held = state.since.map_or(clock, |since| since + moment.hold);
        let cooled = state.fired.map_or(clock, |fired| fired.saturating_add(moment.cooldown));
        let known = match moment.needs_history {
            Some(needs) => (around.history)(moment).map_or(clock, |since| since.saturating_add(needs)),
            None => clock,
        };
        let due = held.max(cooled).max(known);
        if due > clock {
            return (Step::Stayed, due.min(when_until));
        }
        state.on = true;
        state.fired = Some(clock);
        state.unsent = matches!(around.hold, Hold::Back { resumed: true, .. });
        let left = until(plan, person, when, when_until);
        // It may end in the next evaluation, be it of an event at this very clock.
        return (Step::Fired, if left.0 { clock } else { left.1 }.min(run_until(moment, when_until)));
    }
    let (leaves, until) = until(plan, person, when, when_until);
    let next = until.min(run_until(moment, when_until));
    if leaves {
        state.on = false;
        state.unsent = false;
        return (Step::Ended, if when { clock } else { when_until });
    }
    let is_late = around.is_release && std::mem::take(&mut state.unsent);
    (if is_late { Step::Late } else { Step::Stayed }, next)
}

/// While a moment is on, a change of its condition matters only where a run is counted.
fn run_until(moment: &Moment, when_until: Millis) -> Millis {
    if moment.hold > 0 { when_until } else { NEVER }
}

fn until(plan: &MomentPlan, person: &Person<'_>, when: bool, when_until: Millis) -> (bool, Millis) {
    match &plan.until {
        Some(until) => holds(until, person),
        None => (!when, when_until),
    }
}
