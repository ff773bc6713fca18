//! From a playbook as written to one as meant: names resolved, durations in milliseconds, patterns compiled. All that
//! is wrong comes back together; nothing here stops at the first mistake.

mod calls;
mod cases;
mod comparisons;
pub mod duration;
mod expression;
mod lasting;
mod moments;
mod names;
mod queries;
mod range;
mod roots;
mod scores;
mod settings;
mod signals;
mod suspicion;
mod truth;
mod types;

pub use cases::cases;
use duration::Duration;
use expression::{Checked, Scope};
use names::Names;

use super::meant::{Playbook, Term, TermKind};
use super::mistake::{Code, Mistake};
use super::written::{At, Written};

/// Most signals, scores and moments together.
const NAMES_MAX: usize = 2_000;

/// What is known while a playbook is checked.
struct Check<'a> {
    file: &'a str,
    names: Names,
    mistakes: Vec<Mistake>,
}

/// The playbook, worth something only when no error is among the mistakes.
pub fn check(file: &str, written: &Written, mistakes: &mut Vec<Mistake>) -> Playbook {
    let mut check = Check { file, names: Names::of(written), mistakes: std::mem::take(mistakes) };
    let count = written.signals.len() + written.scores.len() + written.moments.len();
    if count > NAMES_MAX {
        let message = format!("{count} signals, scores and moments are too many: {NAMES_MAX} are the most");
        check.mistakes.push(Mistake::new(Code::TooLarge, 0..0, message));
    }
    let (signals, filters): (Vec<_>, Vec<_>) =
        written.signals.iter().map(|signal| signals::signal(&mut check, signal)).unzip();
    let (scores, whens): (Vec<_>, Vec<_>) = written.scores.iter().map(|score| scores::score(&mut check, score)).unzip();
    let (moments, conditions): (Vec<_>, Vec<_>) =
        written.moments.iter().map(|moment| moments::moment(&mut check, moment)).unzip();
    let asks: Vec<Vec<usize>> =
        scores.iter().map(|score| score.terms.iter().flat_map(scores_asked).collect()).collect();
    let mut playbook = Playbook {
        traits: written.traits.iter().map(|(name, paths)| settings::output_trait(&mut check, name, paths)).collect(),
        score_order: scores::order(&asks, &written.scores, &mut check.mistakes),
        min_interval: settings::min_interval(&mut check, &written.settings),
        free_mail: settings::free_mail(&mut check, &written.settings),
        revision: settings::revision(&mut check, &written.settings),
        fingerprint: fingerprint(file),
        signals,
        scores,
        moments,
    };
    settings::names_of_traits(&mut check, &written.traits, &playbook);
    settings::names_going_out(&mut check, written, &playbook);
    for moment in &mut playbook.moments {
        moment.rests_on = moments::rests_on(&moment.when, &playbook.scores, &playbook.signals);
    }
    if !check.mistakes.iter().any(Mistake::is_error) {
        let conditions = suspicion::Conditions { filters, whens, moments: conditions };
        suspicion::suspect(&mut check, written, &playbook, &conditions);
    }
    *mistakes = check.mistakes;
    playbook
}

fn scores_asked(term: &Term) -> Vec<usize> {
    match &term.kind {
        TermKind::Behaviour { .. } => Vec::new(),
        TermKind::Attribute { when } => moments::scores_of(when).into_iter().collect(),
    }
}

/// Of the text with plain line ends, so that a checkout on another system is the same playbook.
fn fingerprint(file: &str) -> String {
    blake3::hash(file.replace("\r\n", "\n").as_bytes()).to_hex().to_string()
}

impl Check<'_> {
    fn condition(&mut self, source: &At<String>, scope: Scope) -> Option<Checked> {
        expression::condition(self.file, source, scope, &self.names, &mut self.mistakes)
    }

    /// A duration above zero.
    fn duration(&mut self, text: &At<String>) -> Option<Duration> {
        let (message, help) = match duration::parse(&text.value) {
            Some(found) if found.length > 0 => return Some(found),
            Some(_) => {
                ("a duration of zero is nothing".to_string(), "leave it out, or take at least \"1s\"".to_string())
            }
            None => duration::why_not(&text.value),
        };
        self.mistakes.push(Mistake::new(Code::BadDuration, text.span.clone(), message).help(help));
        None
    }

    /// A duration no longer than the longest window.
    fn window(&mut self, text: &At<String>) -> Option<Duration> {
        let found = self.duration(text)?;
        if found.length > duration::WINDOW_MAX {
            let message = format!("a window of {} is too long", duration::show(found.length));
            let mistake = Mistake::new(Code::BadDuration, text.span.clone(), message);
            self.mistakes.push(mistake.help("400 days are the most"));
            return None;
        }
        Some(found)
    }

    fn signal(&mut self, name: &At<String>) -> Option<usize> {
        let found = self.names.signal(&name.value);
        if found.is_none() {
            self.unknown_signal(name);
        }
        found
    }

    fn unknown_signal(&mut self, name: &At<String>) {
        let message = format!("there is no signal `{}`", name.value);
        let mistake = Mistake::new(Code::UnknownSignal, name.span.clone(), message).label("unknown signal");
        self.mistakes.push(mistake.nearest(&name.value, self.names.signal_names()));
    }
}
