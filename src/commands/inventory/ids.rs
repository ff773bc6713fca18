//! How messages say whose they are, and whether the records of one person lie together. It knows nothing of what
//! messages hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::engine::event::Event;
use crate::engine::{Partitioner, partition};

/// People that are remembered, by a hash of their id.
const PEOPLE_MAX: usize = 1_000_000;

#[derive(Debug, Default)]
pub struct Ids {
    pub both: u64,
    pub user_only: u64,
    pub anonymous_only: u64,
    /// A `group` with nothing but its own id.
    pub neither: u64,
    pub without_message_id: u64,
    pub users: People,
    pub anonymous: People,
    /// Of a topic alone: files have neither keys nor partitions.
    pub topic: Option<Spread>,
}

/// Different ids, and for a topic where they were seen.
#[derive(Debug, Default)]
pub struct People {
    partitions: HashMap<u64, i32>,
    /// Ids whose messages lie in more than one partition.
    pub scattered: u64,
    /// There was no room for more.
    pub is_full: bool,
}

/// How a topic's messages are spread over it.
#[derive(Debug)]
pub struct Spread {
    partitioner: Partitioner,
    /// Messages by partition.
    pub messages: Vec<u64>,
    /// Messages by what their record's key is.
    pub keys: Keys,
    /// Messages that the partitioner would have put elsewhere, by what they say: by `userId`, else `anonymousId`.
    pub misrouted: u64,
}

#[derive(Debug, Default)]
pub struct Keys {
    pub user_id: u64,
    pub anonymous_id: u64,
    pub other: u64,
    pub none: u64,
}

/// Marks an id that was seen in several partitions.
const SEVERAL: i32 = -1;

impl Ids {
    pub fn of_topic(partitions: usize, partitioner: Partitioner) -> Self {
        let spread = Spread { partitioner, messages: vec![0; partitions], keys: Keys::default(), misrouted: 0 };
        Self { topic: Some(spread), ..Self::default() }
    }

    pub fn look(&mut self, event: &Event<'_>, key: Option<&[u8]>, partition: i32) {
        let (user, anonymous) = (event.user_id.as_deref(), event.anonymous_id.as_deref());
        *match (user, anonymous) {
            (Some(_), Some(_)) => &mut self.both,
            (Some(_), None) => &mut self.user_only,
            (None, Some(_)) => &mut self.anonymous_only,
            (None, None) => &mut self.neither,
        } += 1;
        self.without_message_id += u64::from(event.message_id.is_none());
        user.iter().for_each(|id| self.users.meet(id, partition));
        anonymous.iter().for_each(|id| self.anonymous.meet(id, partition));
        if let Some(topic) = &mut self.topic {
            topic.look(user, anonymous, key, partition);
        }
    }
}

impl People {
    pub fn count(&self) -> usize {
        self.partitions.len()
    }

    fn meet(&mut self, id: &str, partition: i32) {
        let is_full = self.partitions.len() == PEOPLE_MAX;
        match self.partitions.entry(xxhash_rust::xxh3::xxh3_64(id.as_bytes())) {
            Slot::Occupied(mut seen) => {
                if ![partition, SEVERAL].contains(seen.get()) {
                    seen.insert(SEVERAL);
                    self.scattered += 1;
                }
            }
            Slot::Vacant(_) if is_full => self.is_full = true,
            Slot::Vacant(free) => drop(free.insert(partition)),
        }
    }
}

impl Spread {
    fn look(&mut self, user: Option<&str>, anonymous: Option<&str>, key: Option<&[u8]>, partition: i32) {
        let is_key = |id: Option<&str>| id.is_some_and(|id| Some(id.as_bytes()) == key);
        *match key {
            None => &mut self.keys.none,
            Some(_) if is_key(user) => &mut self.keys.user_id,
            Some(_) if is_key(anonymous) => &mut self.keys.anonymous_id,
            Some(_) => &mut self.keys.other,
        } += 1;
        let partitions = self.messages.len() as i32;
        if let Some(id) = user.or(anonymous) {
            let theirs = partition::of_key(self.partitioner, id.as_bytes(), partitions);
            self.misrouted += u64::from(theirs != partition);
        }
        if let Some(count) = self.messages.get_mut(partition as usize) {
            *count += 1;
        }
    }
}
