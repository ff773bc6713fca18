//! Two profiles become one: what an anonymous profile, or a user merged by an alias, brings to the survivor.

use super::playbook::meant::Root;
use super::playbook::program::{ACCOUNT, Cell, CellId, Program, Set};
use super::profile::body::Body;
use super::profile::numbers::{self, Basic, Last};
use super::profile::outbox::MomentState;
use super::profile::{distinct, seen, sequence, series, streak, values, varint};
use super::table::Kind;

/// Adds what `from` (of this kind) holds to `into`. True when limits refused something.
pub fn merge(program: &Program, into: &mut Body, from: &mut Body, kind: Kind) -> bool {
    let own_keys = top_level_keys(program, into);
    let takes_account = !into.has(ACCOUNT);
    let mut refused = false;
    for id in from.cells().to_vec() {
        let cell = &program.cells[usize::from(id)];
        let take = match cell {
            Cell::Kept(path) if path.root == Root::Traits => !own_keys.contains(path.keys[0].as_str()),
            Cell::Present(Root::Traits, key) => !own_keys.contains(key.as_str()),
            Cell::Kept(path) if path.root == Root::Context => !into.has(id),
            Cell::Account | Cell::Kept(_) | Cell::Present(..) => takes_account,
            // Of what was sent and evaluated the survivor's own counts.
            Cell::Messages | Cell::Sent | Cell::Score(_) | Cell::Known => false,
            Cell::Moment(_) if kind == Kind::Anonymous => false,
            _ if into.has(id) => {
                refused |= join(program, cell, id, into, from);
                false
            }
            _ => true,
        };
        if take && let Some(payload) = from.get(id) {
            into.set(id, |out| out.extend_from_slice(payload));
        }
    }
    refused
}

fn top_level_keys<'a>(program: &'a Program, body: &mut Body) -> Set<&'a str> {
    let keys = body.cells().iter().filter_map(|id| match &program.cells[usize::from(*id)] {
        Cell::Kept(path) if path.root == Root::Traits => path.keys.first().map(String::as_str),
        Cell::Present(Root::Traits, key) => Some(key.as_str()),
        _ => None,
    });
    keys.collect()
}

/// Joins a cell that both have.
fn join(program: &Program, cell: &Cell, id: CellId, into: &mut Body, from: &Body) -> bool {
    let mut out = Vec::new();
    let mut refused = false;
    let (mine, theirs) = (into.get(id), from.get(id));
    match cell {
        Cell::First => {
            varint::put_signed(&mut out, numbers::signed(mine).min(numbers::signed(theirs)).unwrap_or_default());
        }
        Cell::Seen => seen::write_merged(&mut out, mine, theirs),
        Cell::Basic(_) => {
            if let Some(theirs) = Basic::read(theirs) {
                Basic::join(Basic::read(mine), theirs).write(&mut out);
            }
        }
        Cell::Last(_) => {
            if let Some(later) = Last::read(mine).max(Last::read(theirs)) {
                later.write(&mut out);
            }
        }
        Cell::Count(..) | Cell::Days(..) => {
            let most = if matches!(cell, Cell::Days(..)) { 1 } else { u64::MAX };
            let mut all: Vec<_> = series::entries(mine).collect();
            series::entries(theirs).for_each(|(at, n)| series::add(&mut all, at, n, most));
            series::write(&mut out, &all);
        }
        Cell::Values(..) => {
            let mut all: Vec<_> = values::entries(mine).collect();
            values::entries(theirs).for_each(|(at, v)| values::add(&mut all, at, v));
            values::write(&mut out, &all);
        }
        Cell::Distinct(_) => {
            let mut all: Vec<_> = distinct::entries(mine).collect();
            for (hash, time) in distinct::entries(theirs) {
                refused |= distinct::add(&mut all, hash, time);
            }
            distinct::write(&mut out, &all);
        }
        Cell::Streak { .. } => {
            let mut all = streak::read(mine);
            all.merge(streak::read(theirs));
            all.write(&mut out);
        }
        Cell::Starts(s) => {
            let steps = program.steps(*s);
            let mut starts = sequence::read(mine, steps);
            sequence::merge(&mut starts, &sequence::read(theirs, steps));
            sequence::write(&mut out, &starts);
        }
        Cell::Moment(_) => MomentState::read(mine).merge(MomentState::read(theirs)).write(&mut out),
        Cell::Account
        | Cell::Kept(_)
        | Cell::Present(..)
        | Cell::Messages
        | Cell::Sent
        | Cell::Score(_)
        | Cell::Known => return false,
    }
    into.set(id, |bytes| bytes.extend_from_slice(&out));
    refused
}
