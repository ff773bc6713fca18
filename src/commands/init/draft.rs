//! A playbook to begin with, from what events hold: the shipped one, with all that has no data commented out and what was
//! found written beside the rest. It knows nothing of where the events came from.

use std::collections::BTreeSet;

use crate::commands::inventory::{Inventory, Name, Paths};
use crate::engine::event::time;
use crate::engine::playbook::meant::{
    Call, Expr, Moment, Path, Playbook, Root, Score, Signal, SignalKind, Term, TermKind,
};
use crate::engine::playbook::read;
use crate::engine::playbook::walk::each;

/// Names and paths that are listed.
const NAMES_SHOWN: usize = 60;
const PATHS_SHOWN: usize = 12;

const HEAD: &str = "\
# A playbook drafted from events. What these events have data for is in force; the rest of the model stands as comments,
# each with its reason. Points and thresholds are the model's, not yet yours: try them on history with `kairos backtest`.
";

/// The sections of a playbook where its tests begin, which speak of the model's own signals.
const TESTS: &str = "# ── Tests";

pub fn of(inventory: &Inventory, model: &str) -> String {
    let playbook = read(model, "model").playbook.expect("the shipped playbook has no mistakes");
    let draft = Draft::new(inventory, &playbook);
    let rules = model.split(TESTS).next().unwrap_or_default();
    // What stands above the first heading speaks of the model.
    let rules = rules.find("# ──").map_or(rules, |start| &rules[start..]);
    let mut out = format!("{HEAD}\n");
    for section in sections(rules) {
        out.push_str(&draft.section(section));
    }
    out.push_str(&draft.other_names());
    // The one sign that JSON's texts may have and TOML, even in comments, may not.
    format!("{}\n", out.replace('\u{7f}', "\\u007f").trim_end())
}

struct Draft<'a> {
    inventory: &'a Inventory,
    playbook: &'a Playbook,
    /// By index: what there is data for.
    signals: Vec<bool>,
    scores: Vec<bool>,
}

impl<'a> Draft<'a> {
    fn new(inventory: &'a Inventory, playbook: &'a Playbook) -> Self {
        let mut draft = Self { inventory, playbook, signals: Vec::new(), scores: Vec::new() };
        let heard: Vec<bool> = playbook.signals.iter().map(|signal| draft.is_heard(signal)).collect();
        let is_on = |signal: &Signal, is_heard: bool| match &signal.kind {
            SignalKind::Plain { .. } => is_heard,
            SignalKind::Sequence { steps, .. } => steps.iter().all(|step| heard[*step]),
        };
        draft.signals = playbook.signals.iter().zip(&heard).map(|(signal, heard)| is_on(signal, *heard)).collect();
        draft.scores = playbook.scores.iter().map(|score| draft.has_points(score)).collect();
        draft
    }

    fn is_heard(&self, signal: &Signal) -> bool {
        !self.names_of(signal).is_empty()
    }

    /// The names found that a signal listens to.
    fn names_of(&self, signal: &Signal) -> Vec<(Call, &'a Name)> {
        let SignalKind::Plain { calls, events, .. } = &signal.kind else { return Vec::new() };
        let is_heard = |call: Call, folded: &String| calls.has(call) && (events.is_empty() || events.contains(folded));
        let names = self.inventory.names.iter();
        names.filter(|((call, folded), _)| is_heard(*call, folded)).map(|((call, _), name)| (*call, name)).collect()
    }

    fn has_points(&self, score: &Score) -> bool {
        score.terms.iter().any(|term| term.points > 0 && self.has_data(term))
    }

    fn has_data(&self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Behaviour { signal, .. } => self.signals[*signal],
            TermKind::Attribute { when } => paths_of(when).iter().any(|path| self.is_seen(path)),
        }
    }

    /// Whether something was ever at a path of `[traits]` or of a score, as text.
    fn is_seen(&self, path: &str) -> bool {
        let inventory = self.inventory;
        [&inventory.traits, &inventory.group, &inventory.context].iter().any(|paths| paths.seen.contains_key(path))
    }

    fn section(&self, section: &str) -> String {
        let Some(name) = section.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name) else {
            return section.to_owned();
        };
        match name.split_once('.') {
            None if name == "traits" => self.traits(section),
            Some(("signals", name)) => self.signal(section, name),
            Some(("scores", name)) => self.score(section, name),
            Some(("moments", name)) => self.moment(section, name),
            _ => section.to_owned(),
        }
    }

    /// Each trait where one of its paths was seen, and what else there is.
    fn traits(&self, section: &str) -> String {
        let line = |line: &str| match line.split_once('=') {
            Some((_, paths)) if !paths.split('"').any(|path| self.is_seen(path)) => {
                format!("# nothing was seen there: {line}\n")
            }
            _ => format!("{line}\n"),
        };
        let mut out: String = section.trim_end().lines().map(line).collect();
        for (what, paths) in [
            ("traits of people", &self.inventory.traits),
            ("traits of groups", &self.inventory.group),
            ("context", &self.inventory.context),
        ] {
            out.push_str(&listed(what, paths));
        }
        out.push('\n');
        out
    }

    fn signal(&self, section: &str, name: &str) -> String {
        let index = self.playbook.signals.iter().position(|signal| signal.name == name).expect("the model has it");
        if !self.signals[index] {
            let why = match self.playbook.signals[index].kind {
                SignalKind::Plain { .. } => "no such event was seen",
                SignalKind::Sequence { .. } => "not all of its steps were seen",
            };
            return off(section, why);
        }
        let found = self.names_of(&self.playbook.signals[index]);
        let mut out = String::new();
        for (call, name) in found.iter().filter(|_| found.len() <= 4) {
            out.push_str(&format!("# seen: {}\n", told(*call, name)));
            out.push_str(&listed("there", &name.paths));
        }
        out + section
    }

    fn score(&self, section: &str, name: &str) -> String {
        let index = self.playbook.scores.iter().position(|score| score.name == name).expect("the model has it");
        if !self.scores[index] {
            return off(section, "nothing was seen that would give points");
        }
        let mut terms = self.playbook.scores[index].terms.iter();
        let mut is_off = false;
        let mut out = String::new();
        for line in section.lines() {
            if line.trim_start().starts_with("{ ") {
                let has_data = terms.next().is_some_and(|term| self.has_data(term));
                is_off = !has_data;
            } else if line.starts_with(']') {
                is_off = false;
            }
            out.push_str(if is_off { "# no data: " } else { "" });
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    fn moment(&self, section: &str, name: &str) -> String {
        let moment = self.playbook.moments.iter().find(|moment| moment.name == name).expect("the model has it");
        match self.missing(moment) {
            missing if missing.is_empty() => section.to_owned(),
            missing => off(section, &format!("it asks for {}, which there is no data for", missing.join(", "))),
        }
    }

    /// The signals and scores that a moment names and that are commented out.
    fn missing(&self, moment: &Moment) -> Vec<&str> {
        let mut missing = BTreeSet::new();
        let score = |at: usize| (!self.scores[at]).then(|| self.playbook.scores[at].name.as_str());
        missing.extend(moment.score.and_then(score));
        for condition in [Some(&moment.when), moment.until.as_ref()].into_iter().flatten() {
            each(condition, &mut |part| match part {
                Expr::Signal(at, _) if !self.signals[*at] => drop(missing.insert(&self.playbook.signals[*at].name)),
                Expr::Score(at) | Expr::Segment(at) => missing.extend(score(*at)),
                _ => {}
            });
        }
        missing.into_iter().collect()
    }

    /// Events that the model has no signal for, ready to be made one.
    fn other_names(&self) -> String {
        let is_known = |folded: &String| {
            let lists = self.playbook.signals.iter().map(|signal| &signal.kind);
            lists.into_iter().any(|kind| matches!(kind, SignalKind::Plain { events, .. } if events.contains(folded)))
        };
        let mut others: Vec<&Name> = self
            .inventory
            .names
            .iter()
            .filter(|((call, folded), _)| *call == Call::Track && !is_known(folded))
            .map(|(_, name)| name)
            .collect();
        others.sort_by_key(|name| std::cmp::Reverse(name.count));
        if others.is_empty() {
            return String::new();
        }
        let mut out = String::from("# ── Events that no signal above listens to ──\n\n");
        for name in others.iter().take(NAMES_SHOWN) {
            let Some((spelling, _)) = name.spellings.common(1).first().copied() else { continue };
            out.push_str(&format!("# {}\n", told(Call::Track, name)));
            out.push_str(&listed("there", &name.paths));
            out.push_str(&format!("# [signals.{}]\n# event = {}\n\n", identifier(spelling), quoted(spelling)));
        }
        if others.len() > NAMES_SHOWN {
            out.push_str(&format!("# … and {} more: `kairos events` lists them\n", others.len() - NAMES_SHOWN));
        }
        out
    }
}

/// Parts that begin with a table's name or with a heading; what stands above a table as comments goes with the one before.
fn sections(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let begins = |line: &str| line.starts_with('[') || line.starts_with("# ──");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

/// A section as comments.
fn off(section: &str, why: &str) -> String {
    let lines = section.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line if line.starts_with('#') => format!("{line}\n"),
        line => format!("# {line}\n"),
    });
    format!("# Not in force: {why}.\n{}", lines.collect::<String>())
}

/// Paths of an expression, as text.
fn paths_of(expr: &Expr) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    each(expr, &mut |part| match part {
        Expr::Path(path) | Expr::Has(path) => paths.extend(as_text(path)),
        Expr::EmailDomain | Expr::EmailIsPersonal => drop(paths.insert("traits.email".to_owned())),
        _ => {}
    });
    paths
}

fn as_text(path: &Path) -> Option<String> {
    let root = match path.root {
        Root::Traits => "traits",
        Root::Group => "group",
        _ => return None,
    };
    Some(format!("{root}.{}", path.keys.join(".")))
}

fn told(call: Call, name: &Name) -> String {
    let spelling =
        name.spellings.common(1).first().map_or(String::new(), |(spelling, _)| format!(" {}", quoted(spelling)));
    let during =
        name.span.0.map(|(first, last)| format!(", {} to {}", &time::format(first)[..10], &time::format(last)[..10]));
    format!("{}{spelling} ×{}{}", call.as_str(), name.count, during.unwrap_or_default())
}

/// The fullest paths, as comments.
fn listed(what: &str, paths: &Paths) -> String {
    let mut seen: Vec<_> = paths.seen.iter().collect();
    seen.sort_by_key(|(path, seen)| (std::cmp::Reverse(seen.count), *path));
    let shown = seen.iter().take(PATHS_SHOWN).map(|(path, seen)| {
        let kinds: Vec<_> = seen.kinds.keys().map(|kind| kind.as_str()).collect();
        let share = seen.count as f64 * 100.0 / paths.messages.max(1) as f64;
        format!("#     {path}  {share:.0}%  {}\n", kinds.join(" or "))
    });
    let more = seen.len().saturating_sub(PATHS_SHOWN);
    match seen.len() {
        0 => String::new(),
        _ if more > 0 => format!("#   {what}:\n{}#     … and {more} more\n", shown.collect::<String>()),
        _ => format!("#   {what}:\n{}", shown.collect::<String>()),
    }
}

/// A name for a signal.
fn identifier(name: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// JSON's texts are TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
