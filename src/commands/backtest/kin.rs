//! Who belongs together: people whose ids ever stand in one record, directly or over others. What happens to some never
//! touches what is known of the others, so their records may be worked on side by side. It knows nothing of engines.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::commands::Exit;
use crate::commands::input::{Block, Blocks};
use crate::engine::event::{Item, Reader, Scratch};
use crate::engine::playbook::program::Map;

/// Ids, by hash, in groups. Two ids of one hash count as one, which only joins groups.
#[derive(Default)]
pub struct Kin {
    numbers: Map<u64, u32>,
    /// Of each number, one nearer to the head of its group; a head's is its own.
    nearer: Vec<u32>,
}

/// A part of the people for each of some workers.
pub struct Parts {
    count: u64,
    of: Map<u64, u8>,
}

/// Reads all inputs once, on several threads, for the ids in their records.
pub fn look(inputs: Vec<Box<dyn Blocks>>, reader: &Reader, threads: usize) -> Result<Kin, Exit> {
    let inputs = Mutex::new(inputs);
    let one = || -> Result<Kin, Exit> {
        let (mut kin, mut scratch, mut ids) = (Kin::default(), Scratch::default(), Vec::new());
        while let Some(block) = next(&inputs)? {
            for entry in 0..block.entries.len() {
                ids_of(&block, entry, reader, &mut scratch, &mut ids);
                kin.unite(&ids);
            }
        }
        Ok(kin)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
        let mut kin = one()?;
        for other in others {
            let other = other.join().map_err(|_| Exit::Fault("a thread that reads the events broke down".into()))??;
            kin.join(&other);
        }
        Ok(kin)
    })
}

fn next(inputs: &Mutex<Vec<Box<dyn Blocks>>>) -> Result<Option<Block>, Exit> {
    // Who broke down while reading has said so.
    let mut inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(input) = inputs.last_mut() {
        if let Some(block) = input.next_block()? {
            return Ok(Some(block));
        }
        inputs.pop();
    }
    Ok(None)
}

fn ids_of(block: &Block, entry: usize, reader: &Reader, scratch: &mut Scratch, ids: &mut Vec<u64>) {
    ids.clear();
    let mut items = reader.read(block.value(entry), scratch);
    while let Some(item) = items.next_item() {
        push_ids(&item, ids);
    }
}

/// A user's and an anonymous id of the same text count as one: `alias` and `delete` may mean both.
pub fn push_ids(item: &Item<'_>, ids: &mut Vec<u64>) {
    if let Item::Event(event) = item {
        let all = [&event.user_id, &event.anonymous_id, &event.previous_id];
        ids.extend(all.into_iter().flatten().map(|id| xxhash_rust::xxh3::xxh3_64(id.as_bytes())));
    }
}

impl Kin {
    fn number(&mut self, id: u64) -> u32 {
        let new = self.nearer.len() as u32;
        let number = *self.numbers.entry(id).or_insert(new);
        if number == new {
            self.nearer.push(new);
        }
        number
    }

    fn head(&mut self, mut number: u32) -> u32 {
        while self.nearer[number as usize] != number {
            let nearer = self.nearer[self.nearer[number as usize] as usize];
            self.nearer[number as usize] = nearer;
            number = nearer;
        }
        number
    }

    fn unite(&mut self, ids: &[u64]) {
        let Some((first, others)) = ids.split_first() else { return };
        let first = self.number(*first);
        for other in others {
            let other = self.number(*other);
            let (a, b) = (self.head(first), self.head(other));
            // The lower number becomes the head: groups are the same in whatever order they are joined.
            self.nearer[a.max(b) as usize] = a.min(b);
        }
    }

    fn join(&mut self, other: &Self) {
        let mut ids = vec![0; other.nearer.len()];
        other.sorted().into_iter().for_each(|(number, id)| ids[number as usize] = id);
        for (number, nearer) in other.nearer.iter().enumerate() {
            self.unite(&[ids[number], ids[*nearer as usize]]);
        }
    }

    fn sorted(&self) -> Vec<(u32, u64)> {
        let mut all: Vec<(u32, u64)> = self.numbers.iter().map(|(id, number)| (*number, *id)).collect();
        all.sort_unstable();
        all
    }

    /// Deals the groups out to this many workers.
    pub fn parts(mut self, count: usize) -> Parts {
        let count = count as u64;
        let all = self.sorted();
        let part = |head: u32| (u64::from(head) % count) as u8;
        let of = all.into_iter().map(|(number, id)| (id, part(self.head(number)))).collect();
        Parts { count, of }
    }
}

impl Parts {
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Whose record it is; one without ids is anybody's. `None`: its ids are not of one part, or new.
    pub fn of(&self, ids: &[u64]) -> Option<u8> {
        let Some((first, others)) = ids.split_first() else { return Some(0) };
        let part = self.of.get(first)?;
        others.iter().all(|id| self.of.get(id) == Some(part)).then_some(*part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(records: &[&[u64]]) -> Kin {
        let mut kin = Kin::default();
        records.iter().for_each(|ids| kin.unite(ids));
        kin
    }

    #[test]
    fn ids_that_are_linked_over_others_stay_together() {
        let mut kin = kin(&[&[1], &[2, 3], &[4], &[3, 4], &[], &[5, 6]]);
        kin.join(&self::kin(&[&[7, 6], &[8, 1]]));
        let parts = kin.parts(200);
        let of = |id: u64| parts.of(&[id]);
        assert!(of(2) == of(3) && of(3) == of(4) && of(5) == of(7) && of(8) == of(1));
        assert!(of(1) != of(2) && of(2) != of(5) && of(1) != of(5));
        assert_eq!((parts.of(&[]), parts.of(&[1, 2]), parts.of(&[9])), (Some(0), None, None));
    }
}
