//! A playbook's own tests as meant: events at times, and what is expected to come of them. It knows nothing of how
//! they are run.

use super::meant::Millis;

#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    pub name: String,
    /// Where it stands in its file, from 1 on.
    pub line: usize,
    /// What relative times count from.
    pub start: Millis,
    /// As written; their times may be in any order.
    pub events: Vec<TestEvent>,
    pub expect: Vec<Expectation>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TestEvent {
    /// The record time of the first.
    pub at: Millis,
    pub times: u32,
    /// Between two of them; 0 when there is one.
    pub every: Millis,
    /// A Segment message.
    pub message: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub line: usize,
    pub user: String,
    pub expected: Expected,
}

/// What is expected of one user. `at: None` is the end of the test: after its last event.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// That a moment is sent (with `ended`: that its end is), or that none is, from `after` to `before`, both included.
    Moment {
        moment: usize,
        ended: bool,
        happens: bool,
        after: Option<Millis>,
        before: Option<Millis>,
    },
    /// A score from `least` to `most`, both included.
    Score {
        score: usize,
        least: f64,
        most: f64,
        at: Option<Millis>,
    },
    Segment {
        score: usize,
        is: String,
        at: Option<Millis>,
    },
    /// The value of an output trait; `None`: it has none.
    Trait {
        name: String,
        is: Option<serde_json::Value>,
        at: Option<Millis>,
    },
}
