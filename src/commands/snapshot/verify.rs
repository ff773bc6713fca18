//! `kairos snapshot verify`: every byte read; what is damaged, what that means, and what to do.

use std::collections::{BTreeMap, BTreeSet};

use super::named;
use crate::commands::{Exit, print, run};
use crate::processor::Fault;
use crate::processor::survey::{Stored, Survey};
use crate::storage::{SnapshotId, Unreadable};

/// What is wrong in one partition, and the way out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    wrong: Vec<String>,
    advice: String,
    whole: usize,
}

pub fn run(survey: &Survey, partitions: &[i32]) -> Result<(), Exit> {
    let mut damaged = Vec::new();
    for partition in partitions {
        // What was written or pruned while we looked is no damage: a second look tells.
        let mut verdict = look(survey, *partition).map_err(run::exit)?;
        if !verdict.wrong.is_empty() {
            verdict = look(survey, *partition).map_err(run::exit)?;
        }
        print(&told(*partition, &verdict))?;
        if !verdict.wrong.is_empty() {
            damaged.push(partition.to_string());
        }
    }
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Exit::No(format!("snapshots are damaged or missing in partition {}", damaged.join(", "))))
}

fn look(survey: &Survey, partition: i32) -> Result<Verdict, Fault> {
    let stored = survey.checked_snapshots(partition)?;
    let named = named(survey)?.swap_remove(partition as usize);
    let mut without_text = BTreeSet::new();
    for fingerprint in stored.iter().filter_map(|stored| Some(&stored.header.as_ref().ok()?.fingerprint)) {
        if survey.playbook(fingerprint)?.is_none() {
            without_text.insert(fingerprint.clone());
        }
    }
    Ok(judge(&stored, &named, &without_text))
}

/// `without_text`: fingerprints whose playbook is not there.
fn judge(stored: &[Stored], named: &[SnapshotId], without_text: &BTreeSet<String>) -> Verdict {
    let by_id: BTreeMap<&SnapshotId, &Stored> = stored.iter().map(|stored| (&stored.id, stored)).collect();
    let mut verdict = Verdict::default();
    for stored in stored {
        match usable(&by_id, &stored.id) {
            Ok(()) => verdict.whole += 1,
            Err(why) => verdict.wrong.push(format!("{}: {why}", stored.id)),
        }
    }
    for gone in named.iter().filter(|id| !by_id.contains_key(id)) {
        verdict.wrong.push(format!("{gone}: the committed position names it, and it is not there"));
    }
    for fingerprint in without_text {
        verdict.wrong.push(format!(
            "the text of the playbook {fingerprint} is not there: what is replayed on top of its snapshots is replayed under the present playbook"
        ));
    }
    if verdict.wrong.is_empty() {
        return verdict;
    }
    let is_newer = stored.iter().any(|stored| matches!(stored.header, Err(Unreadable::Newer(_))));
    verdict.advice = match named.iter().find(|id| usable(&by_id, id).is_ok()) {
        _ if is_newer => "run the build that wrote it, or a newer one".to_owned(),
        Some(id) => format!(
            "a restart uses {id} and replays from offset {} on, so nothing is lost while the raw topic reaches back to there. Move the damaged files away; restart the owner, and it begins with a whole one",
            id.offset
        ),
        None if named.is_empty() => {
            "no committed position names any of these; `kairos state` shows whether there is one".to_owned()
        }
        None => "none that a committed position names can be used. Leave a running owner running: after at most ten differences it writes a whole one. A restart before that replays the raw topic from its start, if it and the marks reach back; else see `kairos reset --to committed`".to_owned(),
    };
    verdict
}

/// Is it whole, and all it rests on?
fn usable(by_id: &BTreeMap<&SnapshotId, &Stored>, id: &SnapshotId) -> Result<(), String> {
    let mut next = Some(id);
    // A parent's position is never later than its child's, but who knows what lies in a folder.
    for _ in 0..=by_id.len() {
        let Some(at) = next else { return Ok(()) };
        let rests = if at == id { String::new() } else { format!("it rests on {at}: ") };
        let stored = by_id.get(at).ok_or_else(|| format!("{rests}{}", Unreadable::Missing))?;
        let header = stored.header.as_ref().map_err(|error| format!("{rests}{error}"))?;
        next = header.parent.as_ref();
    }
    Err("it rests on itself".to_owned())
}

fn told(partition: i32, verdict: &Verdict) -> String {
    let mut text = format!("partition {partition}: {} whole, {} faults\n", verdict.whole, verdict.wrong.len());
    verdict.wrong.iter().for_each(|wrong| text.push_str(&format!("  - {wrong}\n")));
    if !verdict.advice.is_empty() {
        text.push_str(&format!("  what to do: {}\n", verdict.advice));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Header;

    fn id(offset: i64) -> SnapshotId {
        format!("{offset:019}-0123456789abcdef").parse().unwrap()
    }

    fn stored(offset: i64, parent: Option<i64>) -> Stored {
        let header = Header {
            partition: 0,
            offset,
            position: String::new(),
            fingerprint: "f".to_owned(),
            parent: parent.map(id),
        };
        Stored { id: id(offset), bytes: 1, format: Some(1), header: Ok(header) }
    }

    fn damaged(offset: i64) -> Stored {
        Stored { header: Err(Unreadable::Damaged("cut short")), ..stored(offset, None) }
    }

    #[test]
    fn a_whole_chain_has_no_faults() {
        let verdict = judge(&[stored(1, None), stored(2, Some(1))], &[id(2)], &BTreeSet::new());
        assert_eq!(verdict, Verdict { whole: 2, ..Verdict::default() });
    }

    #[test]
    fn what_rests_on_damage_is_named_with_what_a_restart_would_use() {
        let all = [stored(1, None), damaged(2), stored(3, Some(2))];
        let verdict = judge(&all, &[id(3), id(1)], &BTreeSet::new());
        assert_eq!((verdict.whole, verdict.wrong.len()), (1, 2));
        assert!(verdict.wrong[0].ends_with("it is damaged: cut short"), "{verdict:?}");
        assert!(verdict.wrong[1].contains("it rests on 0000000000000000002-"), "{verdict:?}");
        assert!(verdict.advice.contains("replays from offset 1 on"), "{verdict:?}");
    }

    #[test]
    fn without_a_usable_one_the_way_out_is_another() {
        let advice = |stored: &[Stored], named: &[SnapshotId]| judge(stored, named, &BTreeSet::new()).advice;
        assert!(advice(&[stored(3, Some(2))], &[id(3)]).contains("kairos reset --to committed"));
        assert!(advice(&[], &[id(3)]).contains("kairos reset --to committed"));
        assert!(advice(&[damaged(3)], &[]).contains("kairos state"));
        let newer = Stored { header: Err(Unreadable::Newer(9)), ..stored(4, None) };
        assert!(advice(&[newer], &[id(4)]).contains("newer one"));
        assert!(!judge(&[stored(1, Some(1))], &[], &BTreeSet::new()).wrong.is_empty());
    }

    #[test]
    fn a_playbook_without_its_text_is_a_fault() {
        let verdict = judge(&[stored(1, None)], &[id(1)], &["f".to_owned()].into());
        assert!(verdict.wrong[0].contains("the playbook f is not there"), "{verdict:?}");
    }
}
