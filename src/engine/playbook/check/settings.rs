//! `[settings]`, `[traits]`, and the rules for names.

use std::collections::BTreeMap;

use super::Check;
use super::cases::output_traits;
use super::duration;
use super::expression::{self, Scope};
use crate::engine::playbook::meant::{Millis, OutputTrait, Path, Playbook, Root};
use crate::engine::playbook::mistake::{Code, Mistake, nearest};
use crate::engine::playbook::written::{self, At, Written};

const MIN_INTERVAL: Millis = 3_600_000;
/// Longest name of anything in a playbook, in bytes.
const NAME_BYTES_MAX: usize = 200;

pub fn min_interval(check: &mut Check<'_>, settings: &written::Settings) -> Millis {
    match &settings.min_interval {
        // The one duration that may be zero: then nothing is held.
        Some(text) if duration::parse(&text.value).is_some_and(|found| found.length == 0) => 0,
        Some(text) => check.duration(text).map_or(MIN_INTERVAL, |found| found.length),
        None => MIN_INTERVAL,
    }
}

pub fn revision(check: &mut Check<'_>, settings: &written::Settings) -> u64 {
    let Some(revision) = &settings.revision else { return 0 };
    let found = revision.value.scaled(0).and_then(|whole| u64::try_from(whole).ok());
    if found.is_none() {
        let mistake = Mistake::new(Code::BadNumber, revision.span.clone(), "`revision` is a whole number from 0 on");
        check.mistakes.push(mistake.help("raise it by 1 with each change that is rolled out"));
    }
    found.unwrap_or(0)
}

pub fn free_mail(check: &mut Check<'_>, settings: &written::Settings) -> Vec<String> {
    let domain = |domain: &At<String>| {
        let text = domain.value.to_lowercase();
        let is_domain = text.contains('.') && !text.contains(|c: char| c == '@' || c.is_whitespace());
        if !is_domain {
            let message = format!("`{}` is not a mail domain", domain.value);
            let mistake = Mistake::new(Code::BadName, domain.span.clone(), message);
            check.mistakes.push(mistake.help("what stands behind the @, such as \"example.com\""));
        }
        text
    };
    settings.free_mail.iter().map(domain).collect()
}

pub fn output_trait(check: &mut Check<'_>, name: &At<String>, paths: &[At<String>]) -> OutputTrait {
    if name.value.trim().is_empty() || name.value.len() > NAME_BYTES_MAX {
        let message = format!("a trait's name has 1 to {NAME_BYTES_MAX} bytes");
        check.mistakes.push(Mistake::new(Code::BadName, name.span.clone(), message));
    }
    let paths = paths.iter().filter_map(|path| trait_path(check, path));
    OutputTrait { name: name.value.clone(), paths: paths.collect::<Vec<_>>() }
}

/// No trait may be called what an identify holds anyway: it would be there twice.
pub fn names_of_traits(check: &mut Check<'_>, traits: &[(At<String>, Vec<At<String>>)], playbook: &Playbook) {
    let all = output_traits(playbook);
    for (name, _) in traits.iter().filter(|(name, _)| all.iter().filter(|other| **other == name.value).count() > 1) {
        let message = format!("`{}` goes out without being named", name.value);
        check
            .mistakes
            .push(Mistake::new(Code::BadName, name.span.clone(), message).help("give the trait another name"));
    }
}

/// No two scores or moments may say something by one name: nobody could tell them apart.
pub fn names_going_out(check: &mut Check<'_>, written: &Written, playbook: &Playbook) {
    let scores = playbook.scores.iter().zip(&written.scores).flat_map(|(score, text)| {
        let figure = score.publish_score.then(|| format!("mk_{}_score", score.name));
        let names = [Some(format!("mk_{}_segment", score.name)), figure];
        names.into_iter().flatten().map(|name| ("trait", name, &text.name))
    });
    let moments = playbook.moments.iter().zip(&written.moments).filter(|(moment, _)| moment.enabled);
    let moments = moments.flat_map(|(moment, text)| {
        let event = format!("mk_{}", moment.name);
        let names = [
            Some(("event", event.clone())),
            moment.ended.then(|| ("event", format!("{event}_ended"))),
            moment.in_traits.then(|| ("trait", event.clone())),
            moment.in_traits.then(|| ("trait", format!("{event}_at"))),
        ];
        names.into_iter().flatten().map(|(what, name)| (what, name, &text.name))
    });
    let mut taken = BTreeMap::new();
    for (what, name, place) in scores.chain(moments) {
        if let Some(first) = taken.insert((what, name.clone()), place) {
            let message =
                format!("the {what} `{name}` goes out twice: for `{}` and for `{}`", first.value, place.value);
            let mistake = Mistake::new(Code::NameTaken, place.span.clone(), message).help("give one another name");
            check.mistakes.push(mistake.related(first.span.clone(), "the other one"));
        }
    }
}

/// A path into what is kept: `traits.…`, `context.…`, `group.…`.
fn trait_path(check: &mut Check<'_>, source: &At<String>) -> Option<Path> {
    // `context` is not known to scores and moments, but here it is; the event's scope knows the other roots' forms.
    let root = source.value.split(['.', '[']).next().unwrap_or_default().trim();
    let scope = if root == "context" { Scope::Event } else { Scope::Person };
    if !["traits", "context", "group"].contains(&root) {
        let mistake =
            Mistake::new(Code::BadPath, source.span.clone(), format!("`{}` is not kept of a person", source.value));
        let mistake = mistake.help("paths begin with `traits.`, `context.` or `group.`");
        let mistake = match nearest(root, ["traits", "context", "group"]) {
            Some(known) => mistake.help(format!("did you mean `{known}{}`?", &source.value.trim()[root.len()..])),
            None => mistake,
        };
        check.mistakes.push(match root {
            "properties" => mistake.help("properties belong to one event; `traits.`, `context.` and `group.` are kept"),
            "account" | "table" => Mistake { code: Code::NotYet, ..mistake },
            _ => mistake,
        });
        return None;
    }
    let path = expression::path(check.file, source, scope, &check.names, &mut check.mistakes)?;
    if path.root == Root::Context && path.keys.is_empty() {
        let mistake = Mistake::new(Code::BadPath, source.span.clone(), "`context` is an object, which is no value");
        check.mistakes.push(mistake.help("name a part of it, such as `context.location.country`"));
        return None;
    }
    Some(path)
}

/// Names used in expressions.
pub fn identifier(check: &mut Check<'_>, name: &At<String>, what: &str) {
    let text = &name.value;
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || text.len() > NAME_BYTES_MAX {
        let message = format!("`{text}` can't be the name of {what}");
        let mistake = Mistake::new(Code::BadName, name.span.clone(), message);
        let fixed: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        check.mistakes.push(match fixed.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => mistake.help(format!("letters, digits and `_` only, such as `{fixed}`")),
            false => mistake.help("letters, digits and `_` only, a letter first"),
        });
    }
}

/// Names that become part of an event's name.
pub fn event_name(check: &mut Check<'_>, name: &At<String>) {
    let text = &name.value;
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if text.is_empty() || !plain || text.len() > NAME_BYTES_MAX {
        let message = format!("`{text}` can't be the name of a moment");
        let mistake = Mistake::new(Code::BadName, name.span.clone(), message);
        check.mistakes.push(mistake.help("letters, digits, `_` and `-` only: it goes out as the event `mk_NAME`"));
    }
}
