//! A playbook compiled: what the engine runs. Made once, shared by all partitions, never changed.
//!
//! Everything that is remembered of a person is a numbered *cell*; a cell's fingerprint says what it means, so that
//! state outlives edits of the playbook that leave its meaning alone. It knows nothing of profiles or events.

use std::hash::Hash as _;

use foldhash::fast::FixedState;

use super::code::{Code, Scope};
use super::meant::{Call, Expr, Millis, Path, Playbook, Root, Signal, SignalKind, SignalQuery, TermKind, Window};
use super::walk::each;
use crate::engine::event::{Slot, Wanted};

/// Milliseconds in a UTC day: the bucket of `days`.
pub const DAY: Millis = 86_400_000;

/// Maps and sets that are the same in every process. They are looked up in, never walked.
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
pub type Set<K> = hashbrown::HashSet<K, FixedState>;

/// Number of a cell.
pub type CellId = u16;

/// Cells that every playbook has, by their numbers.
pub const FIRST: CellId = 0;
pub const MESSAGES: CellId = 1;
pub const SEEN: CellId = 2;
pub const ACCOUNT: CellId = 3;
pub const SENT: CellId = 4;
pub const EMAIL: CellId = 5;

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
}

#[derive(Debug)]
pub struct SignalPlan {
    pub filter: Option<Code>,
    pub value: Option<Slot>,
    pub distinct: Option<Slot>,
    /// Cells that an occurrence adds to.
    pub cells: Vec<CellId>,
    /// Streaks that an arrival of this signal starts anew.
    pub resets: Vec<CellId>,
    /// Sequences it is a step of, with its step numbers there, the last first.
    pub steps: Vec<(usize, Vec<usize>)>,
}

/// A cell that keeps a value, or the presence of a key.
#[derive(Debug)]
pub struct KeptPlan {
    pub cell: CellId,
    pub root: Root,
    pub slot: Slot,
    pub is_presence: bool,
}

#[derive(Debug)]
pub struct TermPlan {
    /// The occurrences of a behavioural term.
    pub cell: Option<CellId>,
    pub when: Option<Code>,
}

#[derive(Debug)]
pub struct MomentPlan {
    pub when: Code,
    pub until: Option<Code>,
}

#[derive(Debug)]
pub struct Program {
    pub playbook: Playbook,
    pub cells: Vec<Cell>,
    pub fingerprints: Vec<u64>,
    ids: Map<Cell, CellId>,
    pub signals: Vec<SignalPlan>,
    /// By call type: plain signals without event names.
    pub by_call: [Vec<u16>; 6],
    /// By folded event name.
    pub by_event: Map<String, Vec<u16>>,
    pub terms: Vec<Vec<TermPlan>>,
    pub moments: Vec<MomentPlan>,
    pub score_cells: Vec<CellId>,
    pub moment_cells: Vec<CellId>,
    pub score_names: Vec<ScoreNames>,
    pub moment_names: Vec<MomentNames>,
    /// Whether an identify has something to say of everybody: a segment, or a moment's trait.
    pub says_something: bool,
    /// Cells of each output trait's paths, in order.
    pub traits: Vec<Vec<CellId>>,
    /// What is read of each event.
    pub wanted: Wanted,
    /// Where each cell that keeps a value gets it.
    pub kept: Vec<KeptPlan>,
    pub free_mail: Set<String>,
    /// The first 12 hex digits of the fingerprint.
    pub short: String,
}

impl Program {
    pub fn compile(playbook: Playbook) -> Self {
        Self::compile_watching(playbook, &[])
    }

    /// The same, and counts all occurrences of some signals, for those who look on.
    pub fn compile_watching(playbook: Playbook, watched: &[usize]) -> Self {
        let cells = Needs::of(&playbook, watched).cells();
        let ids: Map<Cell, CellId> = cells.iter().enumerate().map(|(i, c)| (c.clone(), i as CellId)).collect();
        let fingerprints = cells.iter().map(|cell| fingerprint(&playbook, cell)).collect();
        let state = |e: &Expr| Code::compile(e, Scope::State(&ids));
        let terms = playbook
            .scores
            .iter()
            .map(|score| {
                score
                    .terms
                    .iter()
                    .map(|term| match &term.kind {
                        TermKind::Behaviour { signal, lifespan, .. } => TermPlan {
                            cell: Some(ids[&Cell::Count(*signal, widest(&cells, *signal, *lifespan))]),
                            when: None,
                        },
                        TermKind::Attribute { when } => TermPlan { cell: None, when: Some(state(when)) },
                    })
                    .collect()
            })
            .collect();
        let moments = playbook
            .moments
            .iter()
            .map(|m| MomentPlan { when: state(&m.when), until: m.until.as_ref().map(state) })
            .collect();
        let traits =
            playbook.traits.iter().map(|t| t.paths.iter().map(|p| ids[&Cell::Kept(p.clone())]).collect()).collect();
        let (by_call, by_event) = routes(&playbook);
        let wanted = Wanted::new(&event_paths(&playbook, &cells));
        let kept = kept_plans(&cells, &wanted);
        let signals = (0..playbook.signals.len()).map(|s| signal_plan(&playbook, s, &cells, &wanted)).collect();
        let free_mail = FREE_MAIL
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .map(str::to_owned)
            .chain(playbook.free_mail.iter().cloned())
            .collect();
        let score_cells = cells_of(&cells, playbook.scores.len(), Cell::Score);
        let moment_cells = cells_of(&cells, playbook.moments.len(), Cell::Moment);
        let score_names = playbook.scores.iter().map(|s| ScoreNames::new(&s.name)).collect();
        let moment_names = playbook.moments.iter().map(|m| MomentNames::new(&m.name)).collect();
        let says_something = !playbook.scores.is_empty() || playbook.moments.iter().any(|m| m.in_traits && m.enabled);
        let short = playbook.fingerprint.chars().take(12).collect();
        Self {
            playbook,
            cells,
            fingerprints,
            ids,
            signals,
            by_call,
            by_event,
            terms,
            moments,
            traits,
            wanted,
            kept,
            score_cells,
            moment_cells,
            score_names,
            moment_names,
            says_something,
            free_mail,
            short,
        }
    }

    /// How many steps a sequence has.
    pub fn steps(&self, signal: usize) -> usize {
        match &self.playbook.signals[signal].kind {
            SignalKind::Sequence { steps, .. } => steps.len(),
            SignalKind::Plain { .. } => 0,
        }
    }

    /// A part of a score's or a moment's condition, compiled by itself.
    pub fn part(&self, expr: &Expr) -> Code {
        Code::compile(expr, Scope::State(&self.ids))
    }

    /// The number of a cell the playbook needs.
    pub fn id(&self, cell: &Cell) -> Option<CellId> {
        self.ids.get(cell).copied()
    }
}

/// Free-mail providers, one domain a line.
const FREE_MAIL: &str = include_str!("free_mail.txt");

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

fn routes(playbook: &Playbook) -> ([Vec<u16>; 6], Map<String, Vec<u16>>) {
    let mut by_call: [Vec<u16>; 6] = Default::default();
    let mut by_event: Map<String, Vec<u16>> = Map::default();
    for (i, signal) in playbook.signals.iter().enumerate() {
        let SignalKind::Plain { calls, events, .. } = &signal.kind else { continue };
        if events.is_empty() {
            for call in [Call::Track, Call::Page, Call::Screen, Call::Identify, Call::Group, Call::Alias] {
                if calls.has(call) {
                    by_call[call as usize].push(i as u16);
                }
            }
        }
        for event in events {
            let list = by_event.entry(event.clone()).or_default();
            if !list.contains(&(i as u16)) {
                list.push(i as u16);
            }
        }
    }
    (by_call, by_event)
}

fn signal_plan(playbook: &Playbook, s: usize, cells: &[Cell], wanted: &Wanted) -> SignalPlan {
    let ids = |test: &dyn Fn(&Cell) -> bool| -> Vec<CellId> {
        (0..cells.len()).filter(|i| test(&cells[*i])).map(|i| i as CellId).collect()
    };
    let (filter, value, distinct) = match &playbook.signals[s].kind {
        SignalKind::Plain { filter, value, distinct, .. } => {
            let slot = |path: &Option<Path>| path.as_ref().and_then(|path| wanted.slot(path));
            (filter.as_ref().map(|f| Code::compile(f, Scope::Event(wanted))), slot(value), slot(distinct))
        }
        SignalKind::Sequence { .. } => (None, None, None),
    };
    let steps = playbook
        .signals
        .iter()
        .enumerate()
        .filter_map(|(q, signal)| match &signal.kind {
            SignalKind::Sequence { steps, .. } => {
                let mine: Vec<usize> = (0..steps.len()).rev().filter(|j| steps[*j] == s).collect();
                (!mine.is_empty()).then_some((q, mine))
            }
            SignalKind::Plain { .. } => None,
        })
        .collect();
    SignalPlan {
        filter,
        value,
        distinct,
        cells: ids(&|c| match c {
            Cell::Basic(i)
            | Cell::Last(i)
            | Cell::Count(i, _)
            | Cell::Values(i, _)
            | Cell::Days(i, _)
            | Cell::Distinct(i) => *i == s,
            Cell::Streak { signal, other, .. } => *signal == s && *other != s,
            _ => false,
        }),
        resets: ids(&|c| matches!(c, Cell::Streak { other, .. } if *other == s)),
        steps,
    }
}

fn event_paths(playbook: &Playbook, cells: &[Cell]) -> Vec<Path> {
    let mut paths: Vec<Path> = cells
        .iter()
        .filter_map(|c| match c {
            Cell::Kept(p) => Some(p.clone()),
            Cell::Present(root, key) => Some(Path { root: *root, keys: vec![key.clone()] }),
            _ => None,
        })
        .collect();
    for signal in &playbook.signals {
        let SignalKind::Plain { filter, value, distinct, .. } = &signal.kind else { continue };
        paths.extend(value.iter().chain(distinct).cloned());
        if let Some(filter) = filter {
            each(filter, &mut |e| {
                if let Expr::Path(p) | Expr::Has(p) = e {
                    paths.push(p.clone())
                }
            });
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

fn kept_plans(cells: &[Cell], wanted: &Wanted) -> Vec<KeptPlan> {
    let plan = |(id, cell): (usize, &Cell)| {
        let (path, is_presence) = match cell {
            Cell::Kept(path) => (path.clone(), false),
            Cell::Present(root, key) => (Path { root: *root, keys: vec![key.clone()] }, true),
            _ => return None,
        };
        Some(KeptPlan { cell: id as CellId, root: path.root, slot: wanted.slot(&path)?, is_presence })
    };
    cells.iter().enumerate().filter_map(plan).collect()
}

/// What the expressions of a playbook ask to be remembered.
#[derive(Default)]
struct Needs {
    cells: Vec<Cell>,
}

impl Needs {
    fn of(playbook: &Playbook, watched: &[usize]) -> Self {
        let mut needs = Self::default();
        // In the order of the numbers above.
        needs.cells.extend([
            Cell::First,
            Cell::Messages,
            Cell::Seen,
            Cell::Account,
            Cell::Sent,
            Cell::Kept(email_path()),
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
    fn cells(self) -> Vec<Cell> {
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
fn fingerprint(playbook: &Playbook, cell: &Cell) -> u64 {
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

/// Names as they go out, made once.
#[derive(Debug)]
pub struct ScoreNames {
    pub segment: String,
    pub score: String,
    pub signals: String,
}

#[derive(Debug)]
pub struct MomentNames {
    pub event: String,
    pub ended: String,
    pub at: String,
}

impl ScoreNames {
    pub fn new(name: &str) -> Self {
        Self {
            segment: format!("mk_{name}_segment"),
            score: format!("mk_{name}_score"),
            signals: format!("mk_{name}_signals"),
        }
    }
}

impl MomentNames {
    pub fn new(name: &str) -> Self {
        Self { event: format!("mk_{name}"), ended: format!("mk_{name}_ended"), at: format!("mk_{name}_at") }
    }
}

/// Cells by score and by moment.
fn cells_of(program_cells: &[Cell], count: usize, of: impl Fn(usize) -> Cell) -> Vec<u16> {
    (0..count)
        .map(|i| {
            let wanted = of(i);
            program_cells.iter().position(|cell| *cell == wanted).expect("every score and moment has a cell") as u16
        })
        .collect()
}
