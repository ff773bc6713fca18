//! What is remembered of a person, as numbered *cells*: which of them a playbook needs, and what each means. A cell's
//! fingerprint says that meaning, so that state outlives edits of the playbook that leave it alone. It knows nothing of
//! what a cell holds in bytes.

use std::hash::Hash as _;

use super::meant::{Expr, Millis, Path, Playbook, Root, Signal, SignalKind, SignalQuery, TermKind, Window};
use super::walk::each;

/// Number of a cell.
pub type CellId = u16;

/// Cells that every playbook has, by their numbers.
pub const FIRST: CellId = 0;
pub const MESSAGES: CellId = 1;
pub const SEEN: CellId = 2;
pub const ACCOUNT: CellId = 3;
pub const SENT: CellId = 4;
pub const EMAIL: CellId = 5;
pub const KNOWN: CellId = 6;

/// What one cell of a profile holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The clock at the profile's first event.
    First,
    /// How many messages were sent for this profile.
    Messages,
    /// Message ids of the last dedupe window.
    Seen,
    /// The latest group's id.
    Account,
    /// The value at a path of traits, context or group.
    Kept(Path),
    /// That a top-level key of traits or group is there, when only parts of it are kept.
    Present(Root, String),
    /// Occurrences ever and the latest event time.
    Basic(usize),
    /// The value of the latest occurrence that has one.
    Last(usize),
    Count(usize, Window),
    /// Sum, number and maximum of values.
    Values(usize, Window),
    /// UTC days with an occurrence.
    Days(usize, Window),
    Distinct(usize),
    /// Occurrences since the last arrival of the other signal.
    Streak {
        signal: usize,
        other: usize,
        window: Window,
    },
    /// Latest start of each step of a sequence but the last.
    Starts(usize),
    /// The last evaluation's segment and what was last sent of a score.
    Score(usize),
    Moment(usize),
    /// What the last identify said.
    Sent,
    /// What the last evaluation found that it need not look for again.
    Known,
}

/// What the expressions of a playbook ask to be remembered.
#[derive(Default)]
pub struct Needs {
    cells: Vec<Cell>,
}

impl Needs {
    pub fn of(playbook: &Playbook, watched: &[usize]) -> Self {
        let mut needs = Self::default();
        // In the order of the numbers above.
        needs.cells.extend([
            Cell::First,
            Cell::Messages,
            Cell::Seen,
            Cell::Account,
            Cell::Sent,
            Cell::Kept(email_path()),
            Cell::Known,
        ]);
        for signal in watched {
            needs.add(Cell::Basic(*signal));
        }
        for path in playbook.traits.iter().flat_map(|t| &t.paths) {
            needs.kept(path);
        }
        for (i, score) in playbook.scores.iter().enumerate() {
            needs.add(Cell::Score(i));
            for term in &score.terms {
                match &term.kind {
                    TermKind::Behaviour { signal, lifespan, .. } => needs.add(Cell::Count(*signal, *lifespan)),
                    TermKind::Attribute { when } => needs.expression(when),
                }
            }
        }
        for (i, moment) in playbook.moments.iter().enumerate() {
            needs.add(Cell::Moment(i));
            needs.expression(&moment.when);
            moment.until.iter().for_each(|u| needs.expression(u));
        }
        for (i, signal) in playbook.signals.iter().enumerate() {
            if let SignalKind::Sequence { .. } = signal.kind {
                needs.add(Cell::Starts(i));
            }
        }
        needs
    }

    fn add(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    fn kept(&mut self, path: &Path) {
        if path.keys.len() > 1 && path.root != Root::Context {
            self.add(Cell::Present(path.root, path.keys[0].clone()));
        }
        self.add(Cell::Kept(path.clone()));
    }

    fn expression(&mut self, expr: &Expr) {
        each(expr, &mut |e| match e {
            Expr::Path(path) | Expr::Has(path) => self.kept(path),
            Expr::Signal(s, query) => self.add(cell_of(*s, *query)),
            _ => {}
        });
    }

    /// Each cell once, series of one signal and bucket joined to the longest, in an order of their own.
    pub fn cells(self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for cell in self.cells {
            let joined = cells.iter_mut().find_map(|have| joined(have, &cell).map(|wide| (have, wide)));
            match joined {
                Some((have, wide)) => *have = wide,
                None => cells.push(cell),
            }
        }
        cells
    }
}

/// The cell that serves both, if one can.
fn joined(a: &Cell, b: &Cell) -> Option<Cell> {
    let longer = |a: &Window, b: &Window| (a.bucket == b.bucket).then_some(if a.length >= b.length { *a } else { *b });
    match (a, b) {
        (Cell::Count(s, v), Cell::Count(t, w)) if s == t => longer(v, w).map(|w| Cell::Count(*s, w)),
        (Cell::Values(s, v), Cell::Values(t, w)) if s == t => longer(v, w).map(|w| Cell::Values(*s, w)),
        (Cell::Days(s, v), Cell::Days(t, w)) if s == t => longer(v, w).map(|w| Cell::Days(*s, w)),
        (Cell::Streak { signal: s, other: o, window: v }, Cell::Streak { signal: t, other: p, window: w })
            if s == t && o == p =>
        {
            longer(v, w).map(|window| Cell::Streak { signal: *s, other: *o, window })
        }
        _ => (a == b).then(|| a.clone()),
    }
}

/// The trait that always goes out, and that `email.domain` reads.
pub fn email_path() -> Path {
    Path { root: Root::Traits, keys: vec!["email".into()] }
}

/// Series of one signal and bucket share one cell, as long as the longest asked for.
pub fn widest(cells: &[Cell], signal: usize, window: Window) -> Window {
    cells
        .iter()
        .filter_map(|cell| match cell {
            Cell::Count(s, w) if *s == signal && w.bucket == window.bucket => Some(*w),
            _ => None,
        })
        .next()
        .unwrap_or(window)
}

/// The cell a query reads; its window is as long as the query looks back.
pub fn cell_of(s: usize, query: SignalQuery) -> Cell {
    let back = |w: Window, ago: Millis| Window { length: w.length + ago, bucket: w.bucket };
    match query {
        SignalQuery::Count { window, ago } => Cell::Count(s, back(window, ago)),
        SignalQuery::Sum(w) | SignalQuery::Max(w) | SignalQuery::Avg(w) => Cell::Values(s, w),
        SignalQuery::Days { window, ago } => Cell::Days(s, back(window, ago)),
        SignalQuery::Last => Cell::Last(s),
        SignalQuery::Distinct(_) => Cell::Distinct(s),
        SignalQuery::Total | SignalQuery::Seen | SignalQuery::Silent(_) => Cell::Basic(s),
        SignalQuery::Streak { other, window } => Cell::Streak { signal: s, other, window },
    }
}

/// What a cell means, as a number that outlives edits elsewhere in the playbook. Signals count by what they match, scores
/// and moments by name: people know them by it, and a cooldown should survive an edited threshold.
pub fn fingerprint(playbook: &Playbook, cell: &Cell) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut put = |text: String| {
        text.hash(&mut hash);
    };
    match cell {
        Cell::First | Cell::Messages | Cell::Seen | Cell::Account | Cell::Kept(_) | Cell::Present(..) => {
            put(format!("{cell:?}"));
        }
        Cell::Basic(s) => put(format!("basic {}", meaning(playbook, *s))),
        Cell::Last(s) => put(format!("last {}", meaning(playbook, *s))),
        Cell::Count(s, w) => put(format!("count {w:?} {}", meaning(playbook, *s))),
        Cell::Values(s, w) => put(format!("values {w:?} {}", meaning(playbook, *s))),
        Cell::Days(s, w) => put(format!("days {w:?} {}", meaning(playbook, *s))),
        Cell::Distinct(s) => put(format!("distinct {}", meaning(playbook, *s))),
        Cell::Streak { signal, other, window } => {
            put(format!("streak {window:?} {} {}", meaning(playbook, *signal), meaning(playbook, *other)));
        }
        Cell::Starts(s) => put(format!("starts {}", meaning(playbook, *s))),
        Cell::Score(i) => {
            let score = &playbook.scores[*i];
            let names: Vec<&str> = score.segments.iter().map(|s| s.name.as_str()).collect();
            put(format!("score {} {names:?}", score.name));
        }
        Cell::Moment(i) => put(format!("moment {}", playbook.moments[*i].name)),
        // Another playbook finds out anew, and so does a program that means something else by it.
        Cell::Known => put(format!("known 2 {}", playbook.fingerprint)),
        Cell::Sent => {
            let traits: Vec<&str> = playbook.traits.iter().map(|t| t.name.as_str()).collect();
            let moments: Vec<&str> =
                playbook.moments.iter().filter(|m| m.in_traits && m.enabled).map(|m| m.name.as_str()).collect();
            put(format!("sent {traits:?} {moments:?}"));
        }
    }
    hash.digest()
}

fn meaning(playbook: &Playbook, s: usize) -> String {
    let Signal { kind, .. } = &playbook.signals[s];
    match kind {
        SignalKind::Plain { .. } => format!("{kind:?}"),
        SignalKind::Sequence { steps, within } => {
            let steps: Vec<String> = steps.iter().map(|s| meaning(playbook, *s)).collect();
            format!("sequence {within} {steps:?}")
        }
    }
}
