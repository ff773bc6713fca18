//! Why a user has these scores and moments, as plain data: a pure function of what an engine holds of them and its clock.
//! It knows nothing of terminals, ports or files.
//!
//! What is needed is copied out of the engine first ([`Subject`]), so that explaining takes no time of whoever steps it.

mod condition;
mod future;
pub mod said;
mod say;
mod score;

use std::sync::Arc;

use serde_json::{Value, json};

use super::eval::Env as _;
use super::evaluate::{Around, Evaluator, Hold};
use super::identify::scalar;
use super::person::Person;
use super::playbook::meant;
use super::playbook::program::{Cell, EMAIL, FIRST, MESSAGES, Program, SENT};
use super::profile::body::Body;
use super::profile::outbox::{MomentState, Sent};
use super::profile::{kept, numbers};
use super::score::ScoreNow;
use super::table::Kind;
use super::{Engine, Millis};
use condition::Conditions;
use future::{Answer, Question, answer};
use said::{Explanation, Flip, Moment, Named, Next, Part, REDACTED, Time};

/// Anonymous ids of a user that are shown.
pub const IDS_MAX: usize = 100;
/// Buckets of a term that are shown one by one.
pub const BUCKETS_MAX: usize = 100;

/// All of an engine that an explanation of one user needs.
pub struct Subject {
    program: Arc<Program>,
    user: String,
    anonymous_ids: Vec<String>,
    anonymous_ids_not_shown: usize,
    packed: Box<[u8]>,
    clock: Millis,
    held_back_until: Option<Millis>,
    /// Since when there is history, by moment.
    histories: Vec<Option<Millis>>,
}

/// Whether an id is one that can be explained.
pub enum Found {
    User(Box<Subject>),
    /// A profile that no user owns yet: it gathers signals and is not evaluated.
    Anonymous,
    Nobody,
}

impl Engine {
    /// Finds a user by their id, or by an anonymous id that is linked to them.
    pub fn find_subject(&self, id: &str) -> Found {
        let user = self.table.find(Kind::User, id).or_else(|| self.table.linked(id));
        let (Some(at), Some(clock)) = (user, self.clock) else {
            let is_anonymous = self.table.find(Kind::Anonymous, id).is_some();
            return if is_anonymous { Found::Anonymous } else { Found::Nobody };
        };
        let profile = self.table.profile(at);
        let links = self.table.links_of(at);
        let held = self.hold_back.map(|held| held.until).filter(|until| clock < *until);
        Found::User(Box::new(Subject {
            program: Arc::clone(&self.program),
            user: profile.id.to_string(),
            anonymous_ids: links.take(IDS_MAX).map(str::to_owned).collect(),
            anonymous_ids_not_shown: self.table.links_of(at).skip(IDS_MAX).count(),
            packed: profile.packed.clone(),
            clock,
            held_back_until: held,
            histories: self.program.playbook.moments.iter().map(|moment| self.history_of(moment)).collect(),
        }))
    }
}

impl Subject {
    /// `redact`: values that come from the person's own data are not shown, nor are their other ids.
    pub fn explain(self, redact: bool) -> Explanation {
        let program = Arc::clone(&self.program);
        let mut body = Body::new(program.cells.len());
        body.open(&self.packed);
        let scores = Evaluator::scores_of(&mut body, &program, self.clock);
        let person = Person { program: &program, body: &body, clock: self.clock, scores: &scores };
        let mut conditions = Conditions { person, redact, questions: Vec::new() };
        let mut said = self.person(&conditions.person, redact);
        said.scores = (0..scores.len()).map(|i| score::explain(i, &scores[i], &mut conditions)).collect();
        said.moments = (0..program.playbook.moments.len()).map(|i| self.moment(i, &mut conditions)).collect();
        let questions = conditions.questions;
        let mut answers = self.answers(questions, &mut body, scores).into_iter();
        fill(&mut said, &program, &mut answers);
        said
    }

    fn answers(&self, questions: Vec<Question>, body: &mut Body, scores: Vec<ScoreNow>) -> Vec<Answer> {
        let history = |moment: &meant::Moment| {
            let moments = self.program.playbook.moments.iter();
            let nth = moments.zip(&self.histories).find(|(other, _)| other.name == moment.name);
            nth.and_then(|(_, history)| *history)
        };
        let mut around = Around {
            program: &self.program,
            user: &self.user,
            clock: self.clock,
            history: &history,
            // What is held back changes state as always.
            hold: Hold::Open,
            is_release: false,
        };
        answer(questions, body, scores, &mut around)
    }

    fn person(&self, person: &Person<'_>, redact: bool) -> Explanation {
        let (body, playbook) = (person.body, &self.program.playbook);
        let shown = |value: Value| if redact && !value.is_null() { REDACTED.into() } else { value };
        let named = |name: &str, payload: Option<&[u8]>| Named {
            name: name.to_owned(),
            value: shown(condition::json(&kept::read(payload))),
        };
        let email = named("email", body.get(EMAIL).filter(|payload| kept::is_text(payload)));
        let traits = playbook.traits.iter().zip(&self.program.traits);
        let traits = traits.map(|(meant, cells)| named(&meant.name, scalar(body, cells)));
        let remembered = self.program.cells.iter().enumerate().filter_map(|(cell, what)| match what {
            Cell::Kept(path) if body.has(cell as u16) => Some(named(&say::path(path), body.get(cell as u16))),
            _ => None,
        });
        let group = match person.account() {
            super::eval::Val::Text(id) => shown(json!(id)),
            _ => Value::Null,
        };
        let ids = if redact { Vec::new() } else { self.anonymous_ids.clone() };
        Explanation {
            user: self.user.clone(),
            anonymous_ids_not_shown: self.anonymous_ids_not_shown + self.anonymous_ids.len() - ids.len(),
            anonymous_ids: ids,
            group,
            at: Time(self.clock),
            read_from: None,
            since: numbers::signed(body.get(FIRST)).map(Time),
            playbook: self.program.short.clone(),
            held_back_until: self.held_back_until.map(Time),
            messages_sent: numbers::unsigned(body.get(MESSAGES)).unwrap_or(0),
            last_identify: Sent::read(body.get(SENT)).map(|sent| Time(sent.at)),
            output_traits: std::iter::once(email).chain(traits).collect(),
            remembered: remembered.collect(),
            scores: Vec::new(),
            moments: Vec::new(),
        }
    }

    fn moment(&self, nth: usize, conditions: &mut Conditions<'_>) -> Moment {
        let moment = &self.program.playbook.moments[nth];
        let state = MomentState::read(conditions.person.body.get(self.program.moment_cells[nth]));
        let ahead = |time: Option<Millis>| time.filter(|time| *time > self.clock).map(Time);
        let when = conditions.truth(&moment.when);
        let until = moment.until.as_ref().map(|until| conditions.truth(until));
        conditions.questions.push(Question::Step(nth, state));
        let history = moment.needs_history.zip(self.histories[nth]);
        Moment {
            name: moment.name.clone(),
            enabled: moment.enabled,
            on: state.on,
            last_fired: state.fired.map(Time),
            cooldown_ends: ahead(state.fired.map(|fired| fired.saturating_add(moment.cooldown))),
            holds_since: state.since.map(Time),
            held_enough: state.since.map(|since| Time(since + moment.hold)),
            history_enough: ahead(history.map(|(needs, since)| since.saturating_add(needs))),
            next: if state.on { Next::Ends(Flip::Never) } else { Next::Fires(Flip::Never) },
            when,
            until,
        }
    }
}

const ASKED: &str = "each question was asked where its answer is filled in, in the same order";

/// Puts the answers where they were asked for.
fn fill(said: &mut Explanation, program: &Program, answers: &mut impl Iterator<Item = Answer>) {
    for (score, meant) in said.scores.iter_mut().zip(&program.playbook.scores) {
        for term in &mut score.terms {
            if let said::Kind::Attribute { when, .. } = &mut term.kind {
                fill_part(when, answers);
            }
        }
        if let Some(falls) = &mut score.falls {
            falls.below_threshold = answers.next().expect(ASKED).0;
            let (left, to) = answers.next().expect(ASKED);
            falls.left = left;
            falls.to = matches!(left, Flip::At(_)).then(|| meant.segments[to as usize].name.clone());
        }
    }
    for moment in &mut said.moments {
        fill_part(&mut moment.when, answers);
        moment.until.iter_mut().for_each(|until| fill_part(until, answers));
        let (flip, _) = answers.next().expect(ASKED);
        match &mut moment.next {
            Next::Fires(at) | Next::Ends(at) => *at = flip,
        }
    }
}

fn fill_part(part: &mut Part, answers: &mut impl Iterator<Item = Answer>) {
    if part.flips.is_some() {
        part.flips = Some(answers.next().expect(ASKED).0);
    }
    part.parts.iter_mut().for_each(|part| fill_part(part, answers));
}
