//! What an identify says of a person, and when it is due: what differs from what was sent, and scores that drift.
//! It must not know how scores and moments came to stand where they do.

use std::borrow::Cow;

use super::eval::NEVER;
use super::evaluate::{Around, Evaluator, Hold};
use super::event::{Value, time};
use super::message::{self, Field, FieldValue, What};
use super::playbook::meant::Score;
use super::playbook::program::{EMAIL, Program, SENT};
use super::profile::body::Body;
use super::profile::kept;
use super::profile::outbox::{ScoreState, Sent};
use super::score::decimals;
use super::{Counts, Millis};

const SIGNALS_CHARS_MAX: usize = 1_024;

impl Evaluator {
    /// Sends the profile if it must be. `is_said`: all but its scores is known to be what was sent. Returns whether that is
    /// so now, and when a score that drifts would make it due.
    pub(super) fn identify(
        &mut self,
        is_said: bool,
        body: &mut Body,
        around: &Around<'_>,
        counts: &mut Counts,
        emit: &mut dyn FnMut(Vec<u8>),
    ) -> (bool, Millis) {
        let program = around.program;
        if is_said && !around.is_release {
            let drift = self.drift(body, around, Sent::time(body.get(SENT)));
            if drift > around.clock {
                return (true, drift);
            }
        }
        let sent = Sent::read(body.get(SENT));
        let (hash, values) = self.fingerprint(body, program);
        let differs = match &sent {
            // What was never sent and has nothing to say stays unsaid.
            None => program.says_something || values.contains(&true),
            Some(sent) => sent.hash != hash || (around.is_release && self.shows_other_scores(body, program)),
        };
        let drift = if differs { NEVER } else { self.drift(body, around, sent.as_ref().map(|sent| sent.at)) };
        if !differs && drift > around.clock {
            return (true, drift);
        }
        if let Hold::Back { minute, .. } = around.hold {
            counts.held_back += 1;
            // Not known to be said: the hold may end before its minute, and whatever comes then is looked at.
            return (false, minute);
        }
        let mut fields = self.fields(body, program, sent.as_ref());
        let (message, left_out) = message::write(What::Identify, self.identity(around), &mut fields);
        drop(fields);
        counts.traits_left_out += left_out;
        counts.identifies += 1;
        self.messages += 1;
        emit(message);
        self.remember(body, program, Sent { at: around.clock, hash, values });
        (true, self.drift(body, around, Some(around.clock)))
    }

    fn remember(&self, body: &mut Body, program: &Program, sent: Sent) {
        body.set(SENT, |out| sent.write(out));
        for (i, score) in program.playbook.scores.iter().enumerate() {
            if score.publish_score {
                let state =
                    ScoreState { segment: Some(self.scores[i].segment), sent: Some(self.scores[i].hundredths()) };
                if ScoreState::read(body.get(program.score_cells[i])) != state {
                    body.set(program.score_cells[i], |out| state.write(out));
                }
            }
        }
    }

    /// Whether a published score would read differently from what was sent.
    fn shows_other_scores(&self, body: &Body, program: &Program) -> bool {
        let published = program.playbook.scores.iter().enumerate().filter(|(_, score)| score.publish_score);
        let mut pairs = published.map(|(i, _)| (i, ScoreState::read(body.get(program.score_cells[i])).sent));
        pairs.any(|(i, sent)| sent.is_some_and(|sent| sent != self.scores[i].hundredths()))
    }

    /// First time at which a published score is far enough from what was sent; the clock if it is now.
    fn drift(&self, body: &Body, around: &Around<'_>, sent: Option<Millis>) -> Millis {
        let Some(sent) = sent else { return NEVER };
        let playbook = &around.program.playbook;
        let may = sent.saturating_add(playbook.min_interval);
        let of = |(i, score): (usize, &Score)| {
            let now = &self.scores[i];
            let last = ScoreState::read(body.get(around.program.score_cells[i])).sent;
            let Some(last) = last.filter(|_| score.publish_score && now.segment > 0) else { return NEVER };
            let due = if now.hundredths().abs_diff(last) >= score.min_delta {
                around.clock
            } else {
                // Where rounding to hundredths turns to the ones that count.
                let (last, delta) = (f64::from(last), f64::from(score.min_delta));
                now.falls_to((last - delta + 0.5) / 100.0)
                    .min(now.rises_to((last + delta - 0.5) / 100.0))
                    .min(now.attributes_until())
            };
            if due == NEVER { NEVER } else { due.max(may) }
        };
        playbook.scores.iter().enumerate().map(of).min().unwrap_or(NEVER)
    }

    /// Of all that makes an identify due when it differs, and which traits have a value.
    fn fingerprint(&self, body: &Body, program: &Program) -> (u64, Vec<bool>) {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        let mut values = Vec::with_capacity(1 + program.traits.len());
        let mut part = |payload: Option<&[u8]>| {
            hash.update(&(payload.map_or(u64::MAX, |p| p.len() as u64)).to_le_bytes());
            hash.update(payload.unwrap_or_default());
            values.push(payload.is_some());
        };
        part(body.get(EMAIL).filter(|payload| kept::is_text(payload)));
        for cells in &program.traits {
            part(scalar(body, cells));
        }
        for now in &self.scores {
            hash.update(&[now.segment]);
        }
        for (moment, (_, state)) in program.playbook.moments.iter().zip(&self.steps) {
            if moment.in_traits && moment.enabled {
                hash.update(&[u8::from(state.on)]);
                hash.update(&state.fired.unwrap_or(NEVER).to_le_bytes());
            }
        }
        (hash.digest(), values)
    }

    /// The traits of an identify, in order.
    fn fields<'b>(&self, body: &'b Body, program: &'b Program, sent: Option<&Sent>) -> Vec<Field<'b>> {
        let mut fields = Vec::new();
        let was_sent = |i: usize| sent.is_some_and(|sent| sent.values.get(i) == Some(&true));
        let names = std::iter::once("email").chain(program.playbook.traits.iter().map(|t| t.name.as_str()));
        for (i, name) in names.enumerate() {
            let payload = match i {
                0 => body.get(EMAIL).filter(|payload| kept::is_text(payload)),
                _ => scalar(body, &program.traits[i - 1]),
            };
            match payload.and_then(|payload| FieldValue::scalar(kept::read(Some(payload)))) {
                Some(value) => fields.push(Field { name, value }),
                None if was_sent(i) => fields.push(Field { name, value: FieldValue::Null }),
                None => {}
            }
        }
        for (i, score) in program.playbook.scores.iter().enumerate() {
            let (now, names) = (&self.scores[i], &program.score_names[i]);
            let segment = &score.segments[usize::from(now.segment)].name;
            fields.push(Field { name: &names.segment, value: FieldValue::Text(Cow::Borrowed(segment)) });
            if score.publish_score {
                fields.push(Field { name: &names.score, value: FieldValue::Text(decimals(now.hundredths())) });
            }
            if score.publish_signals {
                let reasons = now.reasons(score).join("; ").chars().take(SIGNALS_CHARS_MAX).collect::<String>();
                fields.push(Field { name: &names.signals, value: FieldValue::Text(reasons.into()) });
            }
        }
        for (i, (_, state)) in self.steps.iter().enumerate() {
            let moment = &program.playbook.moments[i];
            if moment.in_traits && moment.enabled {
                let names = &program.moment_names[i];
                fields.push(Field { name: &names.event, value: FieldValue::Bool(state.on) });
                if let Some(fired) = state.fired {
                    fields.push(Field { name: &names.at, value: FieldValue::Text(time::format(fired).into()) });
                }
            }
        }
        fields
    }
}

/// The payload at the first of the paths that holds a scalar.
pub(super) fn scalar<'a>(body: &'a Body, cells: &[u16]) -> Option<&'a [u8]> {
    cells
        .iter()
        .filter_map(|cell| body.get(*cell))
        .find(|payload| matches!(kept::read(Some(payload)), Value::Bool(_) | Value::Number(_) | Value::Text(_)))
}
