//! A playbook compiled: what the engine runs. Made once, shared by all partitions, never changed.
//!
//! Everything that is remembered of a person is a numbered *cell* (see `cells`). It knows nothing of profiles or events.

use foldhash::fast::FixedState;

pub use super::cells::{ACCOUNT, Cell, CellId, EMAIL, FIRST, KNOWN, MESSAGES, SEEN, SENT, cell_of};
use super::cells::{Needs, fingerprint, widest};
use super::code::{Code, Scope};
use super::meant::{Call, Expr, Millis, Path, Playbook, Root, SignalKind, TermKind};
use super::walk::each;
use crate::engine::event::{Slot, Wanted};
use crate::engine::profile::outbox::Known;

/// Milliseconds in a UTC day: the bucket of `days`.
pub const DAY: Millis = 86_400_000;

/// Maps and sets that are the same in every process. They are looked up in, never walked.
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
pub type Set<K> = hashbrown::HashSet<K, FixedState>;

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
    /// Which of the facts it is, where kept values alone decide it.
    pub fact: Option<usize>,
}

/// What a change of a cell makes worth looking at again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Feeds {
    pub facts: bool,
    pub identify: bool,
    /// Scores, or a moment that asks for one.
    pub scores: bool,
}

impl Feeds {
    fn and(self, other: Self) -> Self {
        Self {
            facts: self.facts | other.facts,
            identify: self.identify | other.identify,
            scores: self.scores | other.scores,
        }
    }
}

#[derive(Debug)]
pub struct MomentPlan {
    pub when: Code,
    pub until: Option<Code>,
    /// Of those that do not, nothing need be known but what happened.
    pub asks_for_scores: bool,
}

impl MomentPlan {
    fn new(when: Code, until: Option<Code>) -> Self {
        let asks_for_scores = when.reads().scores || until.as_ref().is_some_and(|until| until.reads().scores);
        Self { when, until, asks_for_scores }
    }
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
    /// By cell.
    feeds: Vec<Feeds>,
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
        let mut terms: Vec<Vec<TermPlan>> = playbook
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
                            fact: None,
                        },
                        TermKind::Attribute { when } => TermPlan { cell: None, when: Some(state(when)), fact: None },
                    })
                    .collect()
            })
            .collect();
        let moments: Vec<MomentPlan> =
            playbook.moments.iter().map(|m| MomentPlan::new(state(&m.when), m.until.as_ref().map(state))).collect();
        let traits: Vec<Vec<CellId>> =
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
        let feeds = feeds(cells.len(), &mut terms, &moments, traits.iter().flatten().chain(&moment_cells));
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
            feeds,
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

    /// What a change of these cells makes worth looking at again.
    pub fn fed_by(&self, cells: &[CellId]) -> Feeds {
        cells.iter().map(|cell| self.feeds[usize::from(*cell)]).fold(Feeds::default(), Feeds::and)
    }

    /// The number of a cell the playbook needs.
    pub fn id(&self, cell: &Cell) -> Option<CellId> {
        self.ids.get(cell).copied()
    }
}

/// Numbers the terms that are facts, and notes what each cell feeds. `shown`: cells that an identify reads, beside the
/// email.
fn feeds<'a>(
    cells: usize,
    terms: &mut [Vec<TermPlan>],
    moments: &[MomentPlan],
    shown: impl Iterator<Item = &'a CellId>,
) -> Vec<Feeds> {
    let mut feeds = vec![Feeds::default(); cells];
    let mut facts = 0..Known::FACTS_MAX;
    for term in terms.iter_mut().flatten() {
        let reads = term.when.as_ref().map(Code::reads).unwrap_or_default();
        if term.when.is_some() && !(reads.scores || reads.clock) {
            term.fact = facts.next();
        }
        for cell in reads.cells.iter().chain(&term.cell) {
            let feeds = &mut feeds[usize::from(*cell)];
            if term.fact.is_some() { feeds.facts = true } else { feeds.scores = true }
        }
    }
    for moment in moments.iter().filter(|moment| moment.asks_for_scores) {
        for code in [&moment.when].into_iter().chain(&moment.until) {
            code.reads().cells.iter().for_each(|cell| feeds[usize::from(*cell)].scores = true);
        }
    }
    shown.chain([&EMAIL]).for_each(|cell| feeds[usize::from(*cell)].identify = true);
    feeds
}

/// Free-mail providers, one domain a line.
const FREE_MAIL: &str = include_str!("free_mail.txt");

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
