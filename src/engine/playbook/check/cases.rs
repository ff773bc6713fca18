//! `[[tests]]`: times made absolute, names resolved.

use super::duration;
use crate::engine::event::time;
use crate::engine::playbook::meant::{Millis, Playbook};
use crate::engine::playbook::mistake::{Code, Mistake, Span};
use crate::engine::playbook::tests::{Expectation, Expected, TestCase, TestEvent};
use crate::engine::playbook::written::{self, At, ExpectedKind, Number};

/// What relative times count from in a test that does not say: 2026-01-01T00:00:00Z.
const START: Millis = 1_767_225_600_000;
const TESTS_MAX: usize = 10_000;
/// Most events of one test, repetitions counted.
const EVENTS_MAX: i64 = 100_000;
/// What Kairos reads of a message.
const MEMBERS: [&str; 14] = [
    "type",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "messageId",
    "event",
    "name",
    "category",
    "properties",
    "traits",
    "context",
    "timestamp",
    "receivedAt",
];
const TYPES: [&str; 7] = ["track", "page", "screen", "identify", "group", "alias", "delete"];

/// The tests of a file, of whatever can be made out of them.
pub fn cases(file: &str, written: &[written::Test], playbook: &Playbook, mistakes: &mut Vec<Mistake>) -> Vec<TestCase> {
    let mut cases = Cases { file, playbook, mistakes, start: START };
    if written.len() > TESTS_MAX {
        cases.say(
            Code::TooLarge,
            written[TESTS_MAX].span.clone(),
            &format!("{TESTS_MAX} tests are the most in one file"),
        );
    }
    written.iter().map(|test| cases.case(test)).collect()
}

struct Cases<'a> {
    file: &'a str,
    playbook: &'a Playbook,
    mistakes: &'a mut Vec<Mistake>,
    start: Millis,
}

impl Cases<'_> {
    fn case(&mut self, written: &written::Test) -> TestCase {
        self.start = START;
        self.start = written.start.as_ref().and_then(|start| self.absolute(start)).unwrap_or(START);
        let events = written.events.iter().map(|event| self.event(event)).collect::<Vec<_>>();
        let count: i64 = events.iter().map(|event| i64::from(event.times)).sum();
        if count > EVENTS_MAX {
            self.say(
                Code::TooLarge,
                written.span.clone(),
                &format!("a test has at most {EVENTS_MAX} events, not {count}"),
            );
        }
        TestCase {
            name: written.name.as_ref().map_or_else(String::new, |name| name.value.clone()),
            line: self.line(&written.span),
            start: self.start,
            events,
            expect: written.expect.iter().filter_map(|expected| self.expectation(expected)).collect(),
        }
    }

    fn event(&mut self, written: &written::Event) -> TestEvent {
        self.message_type(written);
        self.spelling(written);
        let times = written.times.as_ref().map_or(1, |times| self.times(times));
        let every = written.every.as_ref().map_or(0, |every| self.length(every));
        if times > 1 && written.every.is_none() {
            let mistake = Mistake::new(Code::MissingKey, written.span.clone(), "`times` needs `every`");
            self.mistakes.push(mistake.help("such as `every = \"1h\"`"));
        }
        let at = written.at.as_ref().and_then(|at| self.time(at)).unwrap_or(self.start);
        TestEvent { at, times, every, message: written.message.clone() }
    }

    fn message_type(&mut self, written: &written::Event) {
        let Some(found) = written.message.get("type") else { return };
        let known = found.as_str().is_some_and(|found| TYPES.contains(&found.to_ascii_lowercase().as_str()));
        if !known {
            let mistake =
                Mistake::new(Code::UnknownCall, written.span.clone(), format!("there is no call type {found}"));
            let mistake = mistake.help(format!("known are {}", TYPES.join(", ")));
            self.mistakes.push(mistake.nearest(found.as_str().unwrap_or_default(), TYPES));
        }
    }

    /// Keys that nobody would read, since their letters are of another case.
    fn spelling(&mut self, written: &written::Event) {
        for key in written.message.keys() {
            let known = MEMBERS.into_iter().find(|known| known.eq_ignore_ascii_case(key));
            if let Some(known) = known.filter(|known| known != key) {
                let message = format!("`{key}` means nothing in an event");
                let mistake = Mistake::new(Code::BadTest, written.span.clone(), message);
                self.mistakes.push(mistake.help(format!("did you mean `{known}`?")));
            }
        }
    }

    fn times(&mut self, times: &At<Number>) -> u32 {
        match times.value.scaled(0) {
            Some(count @ 1..=EVENTS_MAX) => count as u32,
            _ => {
                let message = format!("`times` is a whole number from 1 to {EVENTS_MAX}");
                self.say(Code::BadNumber, times.span.clone(), &message);
                1
            }
        }
    }

    fn length(&mut self, text: &At<String>) -> Millis {
        match duration::parse(&text.value) {
            Some(found) if found.length > 0 => found.length,
            _ => {
                let (message, help) = duration::why_not(&text.value);
                self.mistakes.push(Mistake::new(Code::BadDuration, text.span.clone(), message).help(help));
                1
            }
        }
    }

    fn expectation(&mut self, written: &written::Expected) -> Option<Expectation> {
        let (kind, name) = written.kind.as_ref()?;
        let expected = match kind {
            ExpectedKind::Moment => self.moment(written, name, false, true),
            ExpectedKind::Ended => self.moment(written, name, true, true),
            ExpectedKind::NotMoment => self.moment(written, name, false, false),
            ExpectedKind::NotEnded => self.moment(written, name, true, false),
            ExpectedKind::Score => self.score(written, name),
            ExpectedKind::Segment => self.segment(written, name),
            ExpectedKind::Trait => self.output_trait(written, name),
        };
        let user = written.user.as_ref()?.value.clone();
        Some(Expectation { line: self.line(&written.span), user, expected: expected? })
    }

    fn moment(
        &mut self,
        written: &written::Expected,
        name: &At<String>,
        ended: bool,
        happens: bool,
    ) -> Option<Expected> {
        let unfit = [written.at.is_some(), written.is.is_some(), written.least.is_some() || written.most.is_some()];
        self.unfit(
            written,
            unfit.contains(&true),
            "a moment is expected from `after` to `before`; no other key goes with it",
        );
        let found = self.playbook.moments.iter().position(|moment| moment.name == name.value);
        let Some(moment) = found else {
            let mistake =
                Mistake::new(Code::UnknownName, name.span.clone(), format!("there is no moment `{}`", name.value));
            let known = self.playbook.moments.iter().map(|moment| moment.name.as_str());
            self.mistakes.push(mistake.label("unknown moment").nearest(&name.value, known));
            return None;
        };
        if ended && happens && !self.playbook.moments[moment].ended {
            let message = format!("the end of `{}` is never sent", name.value);
            let mistake = Mistake::new(Code::BadTest, name.span.clone(), message);
            self.mistakes.push(mistake.help(format!("add `ended = true` to [moments.{}]", name.value)));
        }
        let after = written.after.as_ref().and_then(|after| self.time(after));
        let before = written.before.as_ref().and_then(|before| self.time(before));
        if after.is_some_and(|after| before.is_some_and(|before| before < after)) {
            self.say(Code::BadTest, written.span.clone(), "`before` lies before `after`: nothing can be between");
        }
        Some(Expected::Moment { moment, ended, happens, after, before })
    }

    fn score(&mut self, written: &written::Expected, name: &At<String>) -> Option<Expected> {
        self.without_interval(written);
        let score = self.score_named(name)?;
        let number = |number: &Option<At<Number>>| number.as_ref().map(|number| number.value.float);
        let is = written.is.as_ref().and_then(|is| is.value.as_f64());
        // As sent: two decimals.
        let (least, most) = match is {
            Some(is) => (Some(is - 0.005), Some(is + 0.005)),
            None => (number(&written.least), number(&written.most)),
        };
        if least.is_none() && most.is_none() {
            let mistake = Mistake::new(Code::MissingKey, written.span.clone(), "how high is the score expected to be?");
            self.mistakes.push(mistake.help("add `at_least = 0.5`, `at_most = 0.7`, or `is = 0.62`"));
        }
        Some(Expected::Score { score, least: least.unwrap_or(0.0), most: most.unwrap_or(1.0), at: self.at(written) })
    }

    fn segment(&mut self, written: &written::Expected, name: &At<String>) -> Option<Expected> {
        self.without_interval(written);
        let score = self.score_named(name)?;
        let is = self.need_is(written)?;
        let segments = || self.playbook.scores[score].segments.iter().map(|segment| segment.name.as_str());
        let text = is.value.as_str().unwrap_or_default();
        if !segments().any(|segment| segment == text) {
            let message = format!("`{}` has no segment {}", name.value, is.value);
            let known: Vec<&str> = segments().collect();
            let mistake = Mistake::new(Code::UnknownSegment, is.span.clone(), message);
            let mistake = mistake.help(format!("it has {}", known.join(", "))).nearest(text, known.iter().copied());
            self.mistakes.push(mistake);
        }
        Some(Expected::Segment { score, is: text.to_string(), at: self.at(written) })
    }

    fn output_trait(&mut self, written: &written::Expected, name: &At<String>) -> Option<Expected> {
        self.without_interval(written);
        let known = output_traits(self.playbook);
        if !known.contains(&name.value) {
            let message = format!("the trait `{}` is never sent", name.value);
            let mistake = Mistake::new(Code::UnknownName, name.span.clone(), message).label("unknown trait");
            self.mistakes.push(mistake.nearest(&name.value, known.iter().map(String::as_str)));
        }
        let is = match (written.missing, &written.is) {
            (true, None) => None,
            (true, Some(is)) => {
                self.say(
                    Code::ConflictingKeys,
                    is.span.clone(),
                    "what is missing has no value: take `is` or `missing`",
                );
                None
            }
            (false, _) => Some(self.need_is(written)?.value),
        };
        Some(Expected::Trait { name: name.value.clone(), is, at: self.at(written) })
    }

    fn need_is(&mut self, written: &written::Expected) -> Option<At<serde_json::Value>> {
        if written.is.is_none() {
            let mistake = Mistake::new(Code::MissingKey, written.span.clone(), "what is expected is not said");
            self.mistakes.push(mistake.help("add `is = \"…\"`"));
        }
        written.is.clone()
    }

    fn score_named(&mut self, name: &At<String>) -> Option<usize> {
        let found = self.playbook.scores.iter().position(|score| score.name == name.value);
        if found.is_none() {
            let mistake =
                Mistake::new(Code::UnknownScore, name.span.clone(), format!("there is no score `{}`", name.value));
            let known = self.playbook.scores.iter().map(|score| score.name.as_str());
            self.mistakes.push(mistake.label("unknown score").nearest(&name.value, known));
        }
        found
    }

    fn without_interval(&mut self, written: &written::Expected) {
        let unfit = written.after.is_some() || written.before.is_some();
        self.unfit(written, unfit, "this is expected `at` a time; `after` and `before` are for moments");
    }

    fn unfit(&mut self, written: &written::Expected, unfit: bool, message: &str) {
        if unfit {
            self.say(Code::ConflictingKeys, written.span.clone(), message);
        }
    }

    fn at(&mut self, written: &written::Expected) -> Option<Millis> {
        written.at.as_ref().and_then(|at| self.time(at))
    }

    /// An absolute time, or `+` and a duration after the start.
    fn time(&mut self, text: &At<String>) -> Option<Millis> {
        match text.value.strip_prefix('+') {
            Some(after) => match duration::parse(after) {
                Some(after) => Some(self.start + after.length),
                None => {
                    let (message, help) = duration::why_not(after);
                    self.mistakes.push(Mistake::new(Code::BadDuration, text.span.clone(), message).help(help));
                    None
                }
            },
            None => self.absolute(text),
        }
    }

    fn absolute(&mut self, text: &At<String>) -> Option<Millis> {
        let found = time::parse(&text.value);
        if found.is_none() {
            let mistake = Mistake::new(Code::BadTest, text.span.clone(), format!("`{}` is not a time", text.value));
            self.mistakes.push(mistake.help("such as \"2026-03-01T10:00:00Z\", or \"+2h\" after the test's start"));
        }
        found
    }

    fn line(&self, span: &Span) -> usize {
        1 + self.file.as_bytes()[..span.start.min(self.file.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    fn say(&mut self, code: Code, span: Span, message: &str) {
        self.mistakes.push(Mistake::new(code, span, message));
    }
}

/// Every trait that an outgoing identify can have.
pub fn output_traits(playbook: &Playbook) -> Vec<String> {
    let mut names = vec!["email".to_string()];
    names.extend(playbook.traits.iter().map(|output| output.name.clone()));
    for score in &playbook.scores {
        names.push(format!("mk_{}_segment", score.name));
        names.extend(score.publish_score.then(|| format!("mk_{}_score", score.name)));
        names.extend(score.publish_signals.then(|| format!("mk_{}_signals", score.name)));
    }
    for moment in playbook.moments.iter().filter(|moment| moment.in_traits) {
        names.extend([format!("mk_{}", moment.name), format!("mk_{}_at", moment.name)]);
    }
    names
}
