//! Where one partition goes on, and which state that rests on. It only decides: what is read again is `rebuild`'s.

use std::collections::BTreeMap;

use super::{Request, To};
use crate::processor::Fault;
use crate::processor::batch::Committed;
use crate::processor::position::Position;
use crate::processor::snapshots::{StoreOrDamage, read_chain};
use crate::processor::survey::{Stored, Survey};
use crate::storage::Contents;

/// What is there of a partition.
pub struct Look {
    pub partition: i32,
    pub committed: Committed,
    /// Begin and end of its log.
    pub ends: (i64, i64),
    /// Oldest first.
    pub snapshots: Vec<Stored>,
}

impl Look {
    /// The committed position where it is one of ours.
    pub fn ours(&self) -> Option<Position> {
        let (offset, metadata) = self.committed.as_ref()?;
        Position::decode(*offset, metadata).ok()
    }
}

/// Decided.
pub struct Place {
    pub partition: i32,
    pub was: Option<i64>,
    pub ours: Option<Position>,
    pub ends: (i64, i64),
    /// The position of the snapshot the state begins with, and its blocks. None: a new state.
    pub base: Option<(Position, Vec<Contents>)>,
    /// The first offset that is processed with its messages sent.
    pub live: i64,
    pub emit: bool,
    pub how: Vec<String>,
}

impl Place {
    /// The committed position, where it is ours and the very place.
    pub fn ours_there(&self) -> Option<&Position> {
        self.ours.as_ref().filter(|ours| ours.next == self.live)
    }
}

/// The place, or why there is none.
pub fn place(
    survey: &Survey,
    request: &Request,
    look: Look,
    said: &BTreeMap<i32, i64>,
) -> Result<Result<Place, String>, Fault> {
    let (low, end) = look.ends;
    let (partition, ours) = (look.partition, look.ours());
    let was = look.committed.as_ref().map(|(offset, _)| *offset);
    let most = match request.to {
        To::Snapshot => i64::MAX,
        To::Committed => match was {
            None => return Ok(Err(format!("partition {partition} has no committed position: use `--to snapshot`"))),
            Some(was) => was,
        },
        To::Offset(offset) => offset,
    };
    if most != i64::MAX && !(low..=end).contains(&most) {
        return Ok(Err(format!(
            "partition {partition}: offset {most} is not in its log, which goes from {low} to {end}"
        )));
    }
    let mut how = Vec::new();
    let base = newest(survey, &look, most, &mut how)?;
    let begin = base.as_ref().map_or(low, |(position, _)| position.next);
    let mut live = match request.to {
        To::Snapshot if base.is_none() => {
            let least = said.get(&partition).map_or(low, |said| *said);
            return Ok(Err(format!(
                "partition {partition} has no snapshot that reads: {}. Name an offset: `--to offset={least}` or later, by what is on the outgoing topics",
                list(&how)
            )));
        }
        To::Snapshot => begin.max(ours.as_ref().map_or(i64::MIN, |ours| ours.next)),
        To::Committed | To::Offset(_) => most,
    };
    if request.to == To::Snapshot
        && ours.is_none()
        && !request.emit
        && let Some(said) = said.get(&partition).filter(|said| **said > live)
    {
        how.push(format!("what is on the outgoing topics comes from records before {said}"));
        live = *said;
    }
    if request.emit {
        live = begin.min(live).max(low);
    }
    if !(low..=end).contains(&live) {
        return Ok(Err(format!(
            "partition {partition}: its newest snapshot stands at {live}, and its log goes from {low} to {end}: `--to offset={}` accepts that",
            live.clamp(low, end)
        )));
    }
    Ok(Ok(Place { partition, was, ours, ends: look.ends, base, live, emit: request.emit, how }))
}

fn list(how: &[String]) -> String {
    if how.is_empty() { "none is there".to_owned() } else { how.join("; ") }
}

/// The newest snapshot that reads, of those at most `reach`.
fn newest(
    survey: &Survey,
    look: &Look,
    reach: i64,
    how: &mut Vec<String>,
) -> Result<Option<(Position, Vec<Contents>)>, Fault> {
    for stored in look.snapshots.iter().rev().filter(|stored| stored.id.offset <= reach) {
        match read_chain(&survey.store, look.partition, &stored.id) {
            Ok(chain) => match stored.position() {
                Some(position) => return Ok(Some((position, chain))),
                None => how.push(format!("left out snapshot {}: its position does not read", stored.id)),
            },
            Err(StoreOrDamage::Store(error)) => return Err(error.into()),
            Err(StoreOrDamage::Damage(damage)) => how.push(format!("left out snapshot {}: {damage}", stored.id)),
        }
    }
    Ok(None)
}
