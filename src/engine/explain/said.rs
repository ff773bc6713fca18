//! An explanation as plain data: what the JSON view is and the text view reads. It knows nothing of how it came about.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::super::Millis;
use super::super::event::time;

/// What stands in the place of a value that is not to be shown.
pub const REDACTED: &str = "[redacted]";

/// A user as they stand at one clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub user: String,
    /// The latest first; at most [`IDS_MAX`](super::IDS_MAX).
    pub anonymous_ids: Vec<String>,
    pub anonymous_ids_not_shown: usize,
    pub group: Value,
    /// The clock.
    pub at: Time,
    /// Of a topic: where it was found.
    pub read_from: Option<ReadFrom>,
    /// The clock at their first event.
    pub since: Option<Time>,
    /// The first digits of the playbook's fingerprint.
    pub playbook: String,
    /// Nothing is sent before this time.
    pub held_back_until: Option<Time>,
    pub messages_sent: u64,
    pub last_identify: Option<Time>,
    /// What the next identify would say about the person.
    pub output_traits: Vec<Named>,
    /// What is remembered because the playbook asks for it.
    pub remembered: Vec<Named>,
    pub scores: Vec<Score>,
    pub moments: Vec<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadFrom {
    pub partition: i32,
    /// Everything before this offset is in it.
    pub next_offset: i64,
    /// Its name, when that is where it was read.
    pub snapshot: Option<String>,
    /// Other partitions that hold a part of the same user, whose records are not where they should be.
    pub also_in: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub name: String,
    pub value: f64,
    /// Sum of the terms; a score counts it as 0 when it is below.
    pub points: f64,
    pub half: f64,
    pub margin: f64,
    pub segment: String,
    /// All of them, lowest first.
    pub segments: Vec<Segment>,
    pub next_segment: Option<Distance>,
    /// Of a segment above the lowest, if nothing more happens.
    pub falls: Option<Falls>,
    /// The hundredths last sent, as text.
    pub sent: Option<String>,
    pub terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub name: String,
    pub threshold: f64,
    /// Points that make the threshold.
    pub points: f64,
}

/// What is missing to the next segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    pub segment: String,
    pub score: f64,
    pub points: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Falls {
    /// The score is below the segment's threshold.
    pub below_threshold: Flip,
    /// The segment is left, which the margin delays.
    pub left: Flip,
    /// The segment they are in then.
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    pub label: String,
    /// Points now.
    pub points: f64,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Behaviour(Behaviour),
    /// Holds or not.
    Attribute {
        each: f64,
        when: Part,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Behaviour {
    pub signal: String,
    /// Points of a fresh occurrence.
    pub each: f64,
    pub lifespan: String,
    pub cap: Option<f64>,
    pub is_capped: bool,
    pub occurrences: u64,
    /// Single events are not kept, only how many fell into each stretch of this length.
    pub kept_by_ms: Millis,
    /// The latest first; at most [`BUCKETS_MAX`](super::BUCKETS_MAX).
    pub buckets: Vec<Bucket>,
    /// What all older ones hold together.
    pub older: Option<Older>,
}

/// Occurrences of one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub from: Time,
    pub occurrences: u64,
    /// In whole buckets, as the points go.
    pub age_ms: Millis,
    /// Points now, before the cap.
    pub points: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Older {
    pub occurrences: u64,
    pub points: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    pub name: String,
    pub enabled: bool,
    pub on: bool,
    pub last_fired: Option<Time>,
    /// There when it has fired and the cooldown is not over.
    pub cooldown_ends: Option<Time>,
    /// There while `when` holds and `for` counts.
    pub holds_since: Option<Time>,
    /// When that has been long enough.
    pub held_enough: Option<Time>,
    /// There while too little history is known.
    pub history_enough: Option<Time>,
    /// What happens next if nothing more comes in.
    pub next: Next,
    pub when: Part,
    /// None written: it ends when `when` is false.
    pub until: Option<Part>,
}

/// A moment's next step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    Fires(Flip),
    Ends(Flip),
}

/// One part of a condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// As a playbook writes it.
    pub text: String,
    pub value: Value,
    /// `ms` for durations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// There for a part that is to be true or false: when it is the other, if nothing more happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flips: Option<Flip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// The two sides of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    pub value: Value,
    pub is: String,
    pub threshold: Value,
    /// Value less threshold, of numbers and durations.
    pub gap: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The first whole minute at which something is another than it is now, if nothing more happens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    At(Time),
    Never,
    /// It was looked ahead to here and no further.
    NotBefore(Time),
}

/// Written as events write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Millis);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time::format(self.0))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        time::parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom(format!("{text} is no time")))
    }
}
