//! Two playbooks on the same history: which moments only one of them found, and how much earlier or later.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::report::median;
use super::side::{Firing, Side};
use super::summary::days;
use crate::commands::Exit;
use crate::engine::Millis;
use crate::engine::playbook::program::DAY;

/// Firings further apart are not the same.
const PAIR_MAX: Millis = 30 * DAY;
/// User ids that are shown.
const SAMPLE: usize = 5;

/// What differs of one moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Difference {
    pub name: String,
    pub only_new: u64,
    pub only_old: u64,
    /// How much later the new one is, of each pair.
    pub later: Vec<Millis>,
    pub gained: Vec<String>,
    pub lost: Vec<String>,
}

pub struct Comparison {
    pub differences: Vec<Difference>,
    /// New, old.
    pub identifies: (u64, u64),
    pub moments: (u64, u64),
}

impl Comparison {
    pub fn new(new: &Side, old: &Side) -> Self {
        let names = new.playbook().moments.iter().chain(&old.playbook().moments).map(|m| m.name.clone());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.dedup();
        let (new_users, old_users) = (users(new), users(old));
        let none = Default::default();
        let differences = names
            .into_iter()
            .map(|name| {
                let cooldown = [new, old]
                    .iter()
                    .filter_map(|side| side.playbook().moments.iter().find(|m| m.name == name))
                    .map(|m| m.cooldown)
                    .max();
                let (a, b) = (by_user(new, &name), by_user(old, &name));
                let (was, is) =
                    (old_users.get(name.as_str()).unwrap_or(&none), new_users.get(name.as_str()).unwrap_or(&none));
                let gained = is.difference(was).map(|u| u.to_string()).collect();
                let lost = was.difference(is).map(|u| u.to_string()).collect();
                let mut difference = Difference { name, gained, lost, ..Difference::default() };
                let within = cooldown.unwrap_or(0).max(PAIR_MAX);
                let mut all: Vec<&&str> = a.keys().chain(b.keys()).collect();
                all.sort();
                all.dedup();
                for user in all {
                    let empty = Vec::new();
                    let (a, b) = (a.get(user).unwrap_or(&empty), b.get(user).unwrap_or(&empty));
                    let pairs = pairs(a, b, within);
                    difference.only_new += (a.len() - pairs.len()) as u64;
                    difference.only_old += (b.len() - pairs.len()) as u64;
                    difference.later.extend(pairs);
                }
                difference.later.sort_unstable();
                difference
            })
            .collect();
        let moments = (new.tally.firings.len() as u64, old.tally.firings.len() as u64);
        Self { differences, identifies: (new.tally.identifies, old.tally.identifies), moments }
    }

    pub fn text(&self) -> String {
        let mut out = String::from("\nagainst the other playbook\n");
        for d in &self.differences {
            let median = match median(&d.later) {
                None | Some(0) => String::new(),
                Some(later) if later > 0 => format!(", median {} later", days(later)),
                Some(earlier) => format!(", median {} earlier", days(-earlier)),
            };
            let (earlier, later) = (moved(d, |later| later < 0), moved(d, |later| later > 0));
            let _ = writeln!(
                out,
                "  {}: {} only in new, {} only in old, {} in both ({earlier} earlier, {later} later{median})",
                d.name,
                d.only_new,
                d.only_old,
                d.later.len(),
            );
            for (what, users) in [("gained", &d.gained), ("lost", &d.lost)] {
                if !users.is_empty() {
                    let sample: Vec<&str> = users.iter().take(SAMPLE).map(String::as_str).collect();
                    let more = if users.len() > SAMPLE { ", …" } else { "" };
                    let plural = if users.len() == 1 { "" } else { "s" };
                    let _ = writeln!(out, "    {} user{plural} {what}: {}{more}", users.len(), sample.join(", "));
                }
            }
        }
        let (new, old) = self.identifies;
        let change = match old {
            0 => String::new(),
            _ => format!(", {:+.1}%", 100.0 * (new as f64 - old as f64) / old as f64),
        };
        let _ = writeln!(out, "  identifies: {new} (was {old}{change})");
        out
    }
}

/// Pairs by how much later the new one is.
fn moved(difference: &Difference, how: impl Fn(Millis) -> bool) -> usize {
    difference.later.iter().filter(|later| how(**later)).count()
}

fn by_user<'a>(side: &'a Side, name: &str) -> BTreeMap<&'a str, Vec<Millis>> {
    let mut all: BTreeMap<&str, Vec<Millis>> = BTreeMap::new();
    for Firing { user, moment, at, .. } in &side.tally.firings {
        if side.playbook().moments[*moment].name == name {
            all.entry(user).or_default().push(*at);
        }
    }
    all
}

/// Users by moment.
fn users(side: &Side) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for firing in &side.tally.firings {
        all.entry(&side.playbook().moments[firing.moment].name).or_default().insert(&firing.user);
    }
    all
}

/// Pairs the nearest first, each firing once; how much later the new one of each pair is.
fn pairs(new: &[Millis], old: &[Millis], within: Millis) -> Vec<Millis> {
    let mut near: Vec<(Millis, usize, usize)> = Vec::new();
    for (i, a) in new.iter().enumerate() {
        near.extend(old.iter().enumerate().map(|(j, b)| ((a - b).abs(), i, j)).filter(|(d, ..)| *d <= within));
    }
    near.sort_unstable();
    let (mut new_done, mut old_done) = (vec![false; new.len()], vec![false; old.len()]);
    let mut later = Vec::new();
    for (_, i, j) in near {
        if !new_done[i] && !old_done[j] {
            (new_done[i], old_done[j]) = (true, true);
            later.push(new[i] - old[j]);
        }
    }
    later
}

/// A limit on what a new playbook may cost: `identifies > 1.4x`, `moments > 100`.
pub struct Budget {
    text: String,
    is_moments: bool,
    limit: f64,
    /// Of the old playbook's number.
    is_ratio: bool,
}

impl Budget {
    pub fn parse(text: &str) -> Result<Self, Exit> {
        let wrong = || Exit::Usage(format!("--fail-if '{text}': write 'identifies > 1.4x' or 'moments > 100'"));
        let (what, limit) = text.split_once('>').ok_or_else(wrong)?;
        let is_moments = match what.trim() {
            "identifies" => false,
            "moments" => true,
            _ => return Err(wrong()),
        };
        let limit = limit.trim();
        let number = limit.strip_suffix('x');
        let is_ratio = number.is_some();
        let limit = number.unwrap_or(limit).trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(wrong)?;
        Ok(Self { text: text.to_owned(), is_moments, limit, is_ratio })
    }

    /// Says so when it is passed.
    pub fn passed(&self, comparison: &Comparison) -> Option<String> {
        let (new, old) = if self.is_moments { comparison.moments } else { comparison.identifies };
        let limit = if self.is_ratio { self.limit * old as f64 } else { self.limit };
        (new as f64 > limit).then(|| format!("budget passed: {} ({new} against {old})", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pair_first_and_once() {
        assert_eq!(pairs(&[10, 20], &[19, 40], 100), [1, -30]);
        assert_eq!(pairs(&[10], &[200], 100), [] as [Millis; 0]);
    }

    #[test]
    fn budgets() {
        let comparison = Comparison { differences: vec![], identifies: (15, 10), moments: (3, 3) };
        let passed = |text| Budget::parse(text).ok().and_then(|budget| budget.passed(&comparison)).is_some();
        assert!(passed("identifies > 1.4x") && !passed("identifies > 1.5x") && passed("moments>2"));
        assert!(Budget::parse("identifies < 2").is_err() && Budget::parse("users > 2").is_err());
    }
}
