//! A playbook as meant: every name resolved, every duration in milliseconds, every pattern compiled.
//! Made by `check` from the file as written; what the rest of the engine is compiled from.
//! It knows nothing of TOML, of places in a file, or of profiles.

use std::sync::Arc;

/// Milliseconds since the Unix epoch, or a duration in milliseconds.
pub type Millis = i64;

/// Everything a playbook says, in file order throughout.
#[derive(Debug, Clone, Default)]
pub struct Playbook {
    pub traits: Vec<OutputTrait>,
    pub signals: Vec<Signal>,
    pub scores: Vec<Score>,
    /// Indices into `scores`, so that a score comes after those it asks for.
    pub score_order: Vec<usize>,
    pub moments: Vec<Moment>,
    /// Between two identifies that only a drifting score asks for.
    pub min_interval: Millis,
    /// Domains to add to the built-in free-mail list, lower case.
    pub free_mail: Vec<String>,
    pub revision: u64,
    /// 64 hex digits: blake3 of the file's text with line endings as `\n`.
    pub fingerprint: String,
}

/// A trait of the outgoing identify: the first path with a scalar value.
#[derive(Debug, Clone)]
pub struct OutputTrait {
    pub name: String,
    pub paths: Vec<Path>,
}

/// A place in an event or in what is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    pub root: Root,
    /// Object keys, outermost first; empty for the root itself (`userId`, or all of `properties`).
    pub keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// In `where`: the event's own. In scores, moments and `[traits]`: what the profile keeps.
    Traits,
    Context,
    /// The traits of the latest group. Only in scores, moments and `[traits]`.
    Group,
    // Only in `where`:
    Properties,
    Type,
    Event,
    Name,
    Category,
    UserId,
    AnonymousId,
    GroupId,
    /// `properties.path`, else `context.page.path`, else the path of `properties.url`.
    PagePath,
}

#[derive(Debug, Clone)]
pub struct Signal {
    pub name: String,
    pub kind: SignalKind,
}

#[derive(Debug, Clone)]
pub enum SignalKind {
    Plain {
        calls: CallSet,
        /// Folded event names; empty: any track event.
        events: Vec<String>,
        filter: Option<Expr>,
        value: Option<Path>,
        distinct: Option<Path>,
    },
    Sequence {
        steps: Vec<usize>,
        within: Millis,
    },
}

/// Which call types a signal listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct CallSet(pub u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Call {
    Track,
    Page,
    Screen,
    Identify,
    Group,
    Alias,
    /// Not a signal's: forgets a person.
    Delete,
}

impl Call {
    pub const ALL: [Self; 7] =
        [Self::Track, Self::Page, Self::Screen, Self::Identify, Self::Group, Self::Alias, Self::Delete];

    /// As `type` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
            Self::Delete => "delete",
        }
    }
}

impl CallSet {
    pub fn of(calls: &[Call]) -> Self {
        Self(calls.iter().fold(0, |set, call| set | 1 << *call as u8))
    }
    pub fn has(self, call: Call) -> bool {
        self.0 & (1 << call as u8) != 0
    }
}

#[derive(Debug, Clone)]
pub struct Score {
    pub name: String,
    pub half: f64,
    /// Lowest threshold first; the first is 0.
    pub segments: Vec<Segment>,
    pub terms: Vec<Term>,
    pub publish_score: bool,
    pub publish_signals: bool,
    /// Whole hundredths.
    pub min_delta: u32,
    pub margin: f64,
}

#[derive(Debug, Clone)]
pub struct Segment {
    pub name: String,
    pub threshold: f64,
}

#[derive(Debug, Clone)]
pub struct Term {
    pub label: String,
    /// Thousandths of a point.
    pub points: i64,
    pub kind: TermKind,
}

#[derive(Debug, Clone)]
pub enum TermKind {
    Behaviour {
        signal: usize,
        lifespan: Window,
        /// Thousandths of a point, above 0.
        cap: Option<i64>,
    },
    Attribute {
        when: Expr,
    },
}

/// A length of time with the bucket it is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    pub length: Millis,
    pub bucket: Millis,
}

#[derive(Debug, Clone)]
pub struct Moment {
    pub name: String,
    pub when: Expr,
    pub until: Option<Expr>,
    pub hold: Millis,
    pub cooldown: Millis,
    pub needs_history: Option<Millis>,
    /// The score whose figures go out with it, resolved by the rule of "what goes out".
    pub score: Option<usize>,
    pub in_traits: bool,
    pub ended: bool,
    pub enabled: bool,
    /// Signals its condition rests on, through scores too (for `needs_history`).
    pub rests_on: Vec<usize>,
}

/// An expression as a tree. Depth and size are limited where it is parsed.
#[derive(Debug, Clone)]
pub enum Expr {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    /// A constant `duration("…")`, or one computed (`null` when the text is none).
    Duration(Box<Expr>),
    List(Vec<Expr>),
    Path(Path),
    /// `has(path)`
    Has(Path),
    Index(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    Arith(Arith, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Box<Expr>),
    TextTest(TextTest, Box<Expr>, Box<Expr>),
    /// `matches` with a constant pattern, compiled once.
    Matches(Box<Expr>, Regex),
    /// `matches` with a pattern that is computed (compiled at each use, within limits; a bad one is false).
    MatchesDynamic(Box<Expr>, Box<Expr>),
    Convert(Convert, Box<Expr>),
    Signal(usize, SignalQuery),
    Score(usize),
    Segment(usize),
    ProfileAge,
    TimeSince(Box<Expr>),
    TimeUntil(Box<Expr>),
    EmailDomain,
    EmailIsPersonal,
    /// The latest group of a person (scores and moments; in `where` it is `Path` with `Root::GroupId`).
    AccountId,
}

#[derive(Debug, Clone)]
pub struct Regex(pub regex::Regex);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arith {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Convert {
    Size,
    LowerAscii,
    Double,
    Int,
    Text,
}

/// What an expression asks of a signal. Windows carry the bucket they are counted in (with `ago`: the smaller of the two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignalQuery {
    Count {
        window: Window,
        ago: Millis,
    },
    Sum(Window),
    Max(Window),
    Avg(Window),
    Last,
    Distinct(Window),
    /// Whole days; bucket is a day.
    Days {
        window: Window,
        ago: Millis,
    },
    Total,
    Seen,
    Silent(Millis),
    Streak {
        other: usize,
        window: Window,
    },
}
