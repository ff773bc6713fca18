//! What is wrong with a playbook, as data: a kind, a place in the file, and words for the people who wrote it.
//! It knows nothing of terminals: drawing is the work of `kairos check`.

use std::ops::Range;

/// A range of bytes of the playbook's text.
pub type Span = Range<usize>;

/// Something that is wrong (an error) or looks wrong (a warning).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub code: Code,
    pub span: Span,
    /// One sentence: what is wrong.
    pub message: String,
    /// A few words at the underlined piece.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place that belongs to it, and why.
    pub related: Option<(Span, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Can't be right: the playbook is refused.
    Error,
    /// Can be right, but seldom is.
    Warning,
}

macro_rules! codes {
    ($($severity:ident { $($name:ident = $text:literal,)* })*) => {
        /// The closed list of kinds of mistakes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($($name,)*)* }

        impl Code {
            pub const ALL: &[Code] = &[$($(Self::$name,)*)*];

            /// The name that machines see.
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $text,)*)* }
            }

            pub fn severity(self) -> Severity {
                match self { $($(Self::$name)|* => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    Error {
    Toml = "toml",
    TooLarge = "too_large",
    UnknownKey = "unknown_key",
    MissingKey = "missing_key",
    WrongType = "wrong_type",
    ConflictingKeys = "conflicting_keys",
    BadName = "bad_name",
    NameTaken = "name_taken",
    BadDuration = "bad_duration",
    BadNumber = "bad_number",
    BadEventName = "bad_event_name",
    BadSegments = "bad_segments",
    BadSequence = "bad_sequence",
    BadPath = "bad_path",
    BadPattern = "bad_pattern",
    BadTest = "bad_test",
    Syntax = "syntax",
    NotYet = "not_yet",
    NotHere = "not_here",
    UnknownCall = "unknown_call",
    UnknownName = "unknown_name",
    UnknownSignal = "unknown_signal",
    UnknownScore = "unknown_score",
    UnknownSegment = "unknown_segment",
    UnknownFunction = "unknown_function",
    WrongArguments = "wrong_arguments",
    NeverMatches = "never_matches",
    Cycle = "cycle",
    }
    Warning {
    NeverTrue = "never_true",
    AlwaysTrue = "always_true",
    Unreachable = "unreachable",
    Unused = "unused",
    Repeated = "repeated",
    MissingHistory = "missing_history",
    Flapping = "flapping",
    ForTooLong = "for_too_long",
    TinyWindow = "tiny_window",
    OutOfRange = "out_of_range",
    TextOrder = "text_order",
    }
}

impl Mistake {
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), label: String::new(), help: None, related: None }
    }

    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean …" when a known name is near.
    pub fn nearest<'a>(mut self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(name) = nearest(wrong, known) {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    pub fn related(mut self, span: Span, why: impl Into<String>) -> Self {
        self.related = Some((span, why.into()));
        self
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }
}

/// The known name that was most likely meant; none when all are far off.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    if wrong.is_empty() || wrong.len() > 100 {
        return None;
    }
    known
        .into_iter()
        .filter(|name| name.len() <= 100)
        .map(|name| (distance(&wrong, &name.to_lowercase()), name))
        .filter(|(steps, name)| *steps <= 1.max(wrong.chars().count().max(name.chars().count()) / 3))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, name)| name)
}

/// Edits between two words: insert, remove, replace, or swap of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let plain = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if swapped { plain.min(rows[i - 2][j - 2] + 1) } else { plain }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let known = ["viewed_pricing", "purchased", "active"];
        assert_eq!(nearest("viewed_pricng", known), Some("viewed_pricing"));
        assert_eq!(nearest("Purchsaed", known), Some("purchased"));
        assert_eq!(nearest("invited", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("hgih", ["low", "high"]), Some("high"));
    }

    #[test]
    fn codes_are_distinct() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
