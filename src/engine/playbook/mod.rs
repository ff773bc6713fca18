//! Playbooks: as written → checked, as meant → compiled.

mod cells;
mod check;
pub mod code;
pub mod cost;
pub mod expression;
pub mod meant;
pub mod mistake;
pub mod pattern;
pub mod program;
pub mod tests;
pub mod walk;
mod written;

use meant::{Millis, Playbook};
use mistake::Mistake;
use tests::TestCase;

/// What came of reading a playbook: data and all mistakes, never the first error alone.
#[derive(Debug)]
pub struct Reading {
    /// The name under which the text was given, for messages.
    pub file: String,
    /// There when nothing is wrong with it, whatever the warnings.
    pub playbook: Option<Playbook>,
    /// Its own tests, as far as they can be made out.
    pub tests: Vec<TestCase>,
    /// Errors and warnings, in the order of their places.
    pub mistakes: Vec<Mistake>,
}

/// Reads a playbook. `file` is its name, used in messages only.
pub fn read(text: &str, file: &str) -> Reading {
    let mut mistakes = Vec::new();
    let written = written::read(text, &mut mistakes);
    let (playbook, tests) = match &written {
        Some(written) => {
            let playbook = check::check(text, written, &mut mistakes);
            let tests = check::cases(text, &written.tests, &playbook, &mut mistakes);
            (Some(playbook), tests)
        }
        None => (None, Vec::new()),
    };
    in_order(&mut mistakes);
    let is_right = !mistakes.iter().any(Mistake::is_error);
    Reading { file: file.to_string(), playbook: playbook.filter(|_| is_right), tests, mistakes }
}

/// Reads a file that holds tests and nothing else, for a playbook that was read before.
pub fn read_tests(text: &str, playbook: &Playbook) -> (Vec<TestCase>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let written = written::read(text, &mut mistakes);
    let tests = written.map(|written| check::cases(text, &written.tests, playbook, &mut mistakes));
    in_order(&mut mistakes);
    (tests.unwrap_or_default(), mistakes)
}

/// Whether a file holds tests and nothing else, and so belongs to a playbook in another file.
pub fn holds_only_tests(text: &str) -> bool {
    let written = written::read(text, &mut Vec::new());
    written.is_some_and(|written| !written.tests.is_empty() && written.is_without_rules())
}

fn in_order(mistakes: &mut Vec<Mistake>) {
    mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end, mistake.code));
    mistakes.dedup();
}

/// A duration as playbooks write it, in milliseconds; `None` for any other text.
pub fn duration(text: &str) -> Option<Millis> {
    check::duration::parse(text).map(|duration| duration.length)
}

impl Reading {
    pub fn errors(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(|mistake| mistake.is_error())
    }

    pub fn warnings(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(|mistake| !mistake.is_error())
    }
}

#[cfg(test)]
mod reading {
    use super::*;

    const EXAMPLE: &str = r#"
[traits]
mk_job_title = ["traits.title", "traits.jobTitle"]
mk_country   = ["traits.address.country", "context.location.country"]

[signals.viewed_pricing]
on    = "page"
where = 'properties.path.startsWith("/pricing")'

[signals.invited_teammate]
event = ["Invite Sent", "Account Added User"]

[signals.purchased]
event    = "Order Completed"
value    = "properties.revenue"
distinct = "properties.order_id"

[signals.active]
on = ["track", "page", "screen"]

[signals.signed_up]
event = "Signed Up"

[signals.onboarded]
sequence = ["signed_up", "invited_teammate"]
within   = "7d"

[scores.likelihood_to_buy]
half = 20
segments = { low = 0.0, medium = 0.20, high = 0.45, "very high" = 0.70 }
terms = [
  { signal = "viewed_pricing",   points = 6, lifespan = "30d", label = "viewed pricing" },
  { signal = "invited_teammate", points = 2.125, lifespan = "12h", cap = 9 },
  { when = 'score.customer_fit > 0.5', points = 3, label = "fits" },
]

[scores.customer_fit]
half = 40
segments = { good = 0.50, low = 0.0 }
terms = [
  { when = 'traits.company.employees >= 50', points = 30, label = "50+ employees" },
  { when = 'email.is_personal', points = -20, label = "personal email" },
]

[moments.ready_to_buy]
when     = 'segment.likelihood_to_buy == "very high" && purchased.count("90d", "7d") == 0'
until    = 'score.likelihood_to_buy < 0.60'
for      = "15m"
cooldown = "30d"
needs_history = "90d"

[moments.at_risk]
when     = 'active.days("28d", "7d") >= 4 && active.silent("7d") && !onboarded.seen()'
cooldown = "30d"
trait    = true
"#;

    #[test]
    fn a_playbook_is_read() {
        use meant::*;
        let reading = read(EXAMPLE, "playbook.toml");
        assert_eq!(reading.errors().collect::<Vec<_>>(), Vec::<&Mistake>::new());
        let playbook = reading.playbook.expect("no errors");
        let names: Vec<_> = playbook.signals.iter().map(|signal| signal.name.as_str()).collect();
        assert_eq!(names, ["viewed_pricing", "invited_teammate", "purchased", "active", "signed_up", "onboarded"]);
        assert_eq!(playbook.score_order, [1, 0], "a score comes after what it asks for");
        let score = &playbook.scores[0];
        let TermKind::Behaviour { signal: 1, lifespan, cap: Some(9_000) } = score.terms[1].kind else { panic!() };
        assert_eq!((lifespan, score.terms[1].points), (Window { length: 43_200_000, bucket: 60_000 }, 2_125));
        assert_eq!(score.terms[1].label, "invited_teammate");
        assert_eq!(playbook.scores[1].segments[0].name, "low", "lowest threshold first");
        assert_eq!((playbook.scores[1].publish_score, score.publish_score), (false, true));
        let ready = &playbook.moments[0];
        assert_eq!((ready.score, ready.hold, ready.cooldown), (Some(0), 900_000, 2_592_000_000));
        assert_eq!(ready.rests_on, [0, 1, 2]);
        assert_eq!(playbook.moments[1].rests_on, [1, 3, 4, 5]);
        let Expr::And(parts) = &ready.when else { panic!("{:?}", ready.when) };
        let Expr::Compare(Compare::Equal, count, _) = &parts[1] else { panic!("{parts:?}") };
        let window = Window { length: 90 * 86_400_000, bucket: 3_600_000 };
        assert!(matches!(**count, Expr::Signal(2, SignalQuery::Count { window: w, ago: 604_800_000 }) if w == window));
    }

    #[test]
    fn tests_are_read() {
        use tests::*;
        let text = format!(
            r#"{EXAMPLE}
[[tests]]
name   = "five views"
start  = "2026-03-01T10:00:00Z"
events = [{{ at = "+1h", type = "page", userId = "u1", properties = {{ path = "/pricing" }}, times = 5, every = "1h" }}]
expect = [
  {{ not = "ready_to_buy", userId = "u1", before = 2026-03-02T00:00:00Z }},
  {{ score = "likelihood_to_buy", userId = "u1", at_least = 0.5 }},
]
"#
        );
        let reading = read(&text, "playbook.toml");
        assert_eq!(reading.errors().collect::<Vec<_>>(), Vec::<&Mistake>::new());
        let start = 1_772_359_200_000;
        let [case] = reading.tests.as_slice() else { panic!("{:?}", reading.tests) };
        assert_eq!((case.start, case.events[0].at, case.events[0].every), (start, start + 3_600_000, 3_600_000));
        assert_eq!(serde_json::to_string(&case.events[0].message).unwrap().len(), 62);
        let before = Some(start + 14 * 3_600_000);
        let not = Expected::Moment { moment: 0, ended: false, happens: false, after: None, before };
        assert_eq!(case.expect[0].expected, not);
        assert_eq!(case.expect[1].expected, Expected::Score { score: 0, least: 0.5, most: 1.0, at: None });
        assert!(!holds_only_tests(&text));
        assert!(holds_only_tests("[[tests]]\nname = 'x'"));
    }

    #[test]
    fn line_ends_change_no_fingerprint() {
        let fingerprint = |text: &str| read(text, "p").playbook.expect("no errors").fingerprint;
        assert_eq!(fingerprint(EXAMPLE), fingerprint(&EXAMPLE.replace('\n', "\r\n")));
        assert_ne!(fingerprint(EXAMPLE), fingerprint(&EXAMPLE.replace("15m", "16m")));
    }
}
