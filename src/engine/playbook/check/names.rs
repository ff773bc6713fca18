//! The names a playbook gives, for those that use them.

use crate::engine::playbook::written::Written;

/// Names that stand for something in every expression, so that no signal can have them.
pub const RESERVED: [&str; 22] = [
    "traits",
    "group",
    "groupId",
    "score",
    "segment",
    "profile",
    "email",
    "properties",
    "context",
    "type",
    "event",
    "name",
    "category",
    "path",
    "userId",
    "anonymousId",
    "account",
    "table",
    "true",
    "false",
    "null",
    "in",
];

#[derive(Debug, Default)]
pub struct Names {
    pub signals: Vec<SignalName>,
    pub scores: Vec<ScoreName>,
}

#[derive(Debug)]
pub struct SignalName {
    pub name: String,
    pub is_sequence: bool,
    pub has_value: bool,
    pub has_distinct: bool,
}

#[derive(Debug)]
pub struct ScoreName {
    pub name: String,
    pub segments: Vec<String>,
}

impl Names {
    pub fn of(written: &Written) -> Self {
        let signals = written.signals.iter().map(|signal| SignalName {
            name: signal.name.value.clone(),
            is_sequence: signal.sequence.is_some(),
            has_value: signal.value.is_some(),
            has_distinct: signal.distinct.is_some(),
        });
        let segments = |score: &crate::engine::playbook::written::Score| {
            let segments = score.segments.iter().flat_map(|list| &list.value);
            segments.map(|(name, _)| name.value.clone()).collect()
        };
        let scores =
            written.scores.iter().map(|score| ScoreName { name: score.name.value.clone(), segments: segments(score) });
        Self { signals: signals.collect(), scores: scores.collect() }
    }

    pub fn signal(&self, name: &str) -> Option<usize> {
        self.signals.iter().position(|signal| signal.name == name)
    }

    pub fn score(&self, name: &str) -> Option<usize> {
        self.scores.iter().position(|score| score.name == name)
    }

    pub fn signal_names(&self) -> impl Iterator<Item = &str> {
        self.signals.iter().map(|signal| signal.name.as_str())
    }

    pub fn score_names(&self) -> impl Iterator<Item = &str> {
        self.scores.iter().map(|score| score.name.as_str())
    }
}
