//! All profiles of a partition, found by id, and the links from anonymous ids to users. It knows nothing of what a
//! profile holds beyond its packed bytes.

use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

use super::Millis;

/// Number of a profile; used again after it is gone.
pub type ProfileId = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    User,
    Anonymous,
}

const NONE: u32 = u32::MAX;
/// Profiles are kept in blocks, so that growing never moves them all at once.
const BLOCK: usize = 4_096;

#[derive(Debug)]
pub struct Profile {
    pub id: CompactString,
    pub kind: Kind,
    pub packed: Box<[u8]>,
    /// The minute its timer is set to; `Millis::MAX`: none.
    pub due: Millis,
    /// Number of the cut that follows its last change, and of the last cut it was written to.
    pub changed: u32,
    pub written: u32,
    first_link: u32,
    /// Hash of the first link's id: that one is asked for with nearly every event, and lies far away.
    first_link_hash: u64,
}

#[derive(Debug)]
struct Link {
    anonymous: CompactString,
    owner: ProfileId,
    next: u32,
}

#[derive(Debug, Default)]
pub struct Table {
    blocks: Vec<Vec<Option<Profile>>>,
    free: Vec<ProfileId>,
    by_id: HashTable<ProfileId>,
    links: Vec<Option<Link>>,
    free_links: Vec<u32>,
    by_anonymous: HashTable<u32>,
    bytes: usize,
}

/// Only places in a table depend on it, never an output.
fn hash(kind: Kind, id: &str) -> u64 {
    FixedState::with_seed(kind as u64).hash_one(id)
}

impl Table {
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// About how many bytes profiles and links take, tables included.
    pub fn bytes(&self) -> usize {
        self.bytes
            + self.blocks.len() * BLOCK * size_of::<Option<Profile>>()
            + self.by_id.capacity() * 5
            + self.links.capacity() * size_of::<Option<Link>>()
            + self.by_anonymous.capacity() * 5
    }

    /// Numbers in use lie below this.
    pub fn end(&self) -> ProfileId {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len()) as ProfileId
    }

    pub fn get(&self, id: ProfileId) -> Option<&Profile> {
        self.blocks.get(id as usize / BLOCK)?.get(id as usize % BLOCK)?.as_ref()
    }

    pub fn profile(&self, id: ProfileId) -> &Profile {
        self.get(id).expect("numbers of profiles are dropped with the profile")
    }

    pub fn profile_mut(&mut self, id: ProfileId) -> &mut Profile {
        self.blocks[id as usize / BLOCK][id as usize % BLOCK]
            .as_mut()
            .expect("numbers of profiles are dropped with the profile")
    }

    pub fn find(&self, kind: Kind, id: &str) -> Option<ProfileId> {
        self.by_id.find(hash(kind, id), |at| self.is(*at, kind, id)).copied()
    }

    fn is(&self, at: ProfileId, kind: Kind, id: &str) -> bool {
        let profile = self.profile(at);
        profile.kind == kind && profile.id == id
    }

    /// A new profile with nothing in it.
    pub fn insert(&mut self, kind: Kind, id: &str) -> ProfileId {
        let profile = Profile {
            id: id.into(),
            kind,
            packed: Box::default(),
            due: Millis::MAX,
            changed: 0,
            written: 0,
            first_link: NONE,
            first_link_hash: 0,
        };
        let at = self.free.pop().unwrap_or_else(|| {
            if self.blocks.last().is_none_or(|last| last.len() == BLOCK) {
                self.blocks.push(Vec::with_capacity(BLOCK));
            }
            let block = self.blocks.len() - 1;
            self.blocks[block].push(None);
            (block * BLOCK + self.blocks[block].len() - 1) as ProfileId
        });
        self.blocks[at as usize / BLOCK][at as usize % BLOCK] = Some(profile);
        let blocks = &self.blocks;
        self.by_id.insert_unique(hash(kind, id), at, |at| {
            let profile = blocks[*at as usize / BLOCK][*at as usize % BLOCK].as_ref().expect("it is in the table");
            hash(profile.kind, &profile.id)
        });
        self.bytes += heap(id);
        at
    }

    /// Forgets a profile and its links.
    pub fn remove(&mut self, at: ProfileId) -> Profile {
        self.unlink_all(at);
        let profile = self.blocks[at as usize / BLOCK][at as usize % BLOCK].take().expect("it is removed once");
        let place = self.by_id.find_entry(hash(profile.kind, &profile.id), |have| *have == at);
        place.expect("every profile is in the table").remove();
        self.free.push(at);
        self.bytes -= heap(&profile.id) + profile.packed.len();
        profile
    }

    pub fn set_packed(&mut self, at: ProfileId, packed: &[u8]) {
        let profile = self.profile_mut(at);
        let before = profile.packed.len();
        if before == packed.len() {
            profile.packed.copy_from_slice(packed);
        } else {
            profile.packed = packed.into();
            self.bytes = self.bytes + packed.len() - before;
        }
    }

    /// The user an anonymous id belongs to.
    pub fn linked(&self, anonymous: &str) -> Option<ProfileId> {
        self.link_at(anonymous).map(|at| self.link(at).owner)
    }

    fn link(&self, at: u32) -> &Link {
        self.links[at as usize].as_ref().expect("links are unlinked before they go")
    }

    fn link_at(&self, anonymous: &str) -> Option<u32> {
        let hash = hash(Kind::Anonymous, anonymous);
        self.by_anonymous.find(hash, |at| self.link(*at).anonymous == anonymous).copied()
    }

    /// Links an anonymous id to a user; a link it had before moves.
    pub fn set_link(&mut self, anonymous: &str, owner: ProfileId) {
        self.unlink(anonymous);
        let next = std::mem::replace(&mut self.profile_mut(owner).first_link, NONE);
        let link = Some(Link { anonymous: anonymous.into(), owner, next });
        let at = match self.free_links.pop() {
            Some(at) => {
                self.links[at as usize] = link;
                at
            }
            None => {
                self.links.push(link);
                (self.links.len() - 1) as u32
            }
        };
        self.set_first_link(owner, at);
        let links = &self.links;
        self.by_anonymous.insert_unique(hash(Kind::Anonymous, anonymous), at, |at| {
            hash(Kind::Anonymous, &links[*at as usize].as_ref().expect("it is in the table").anonymous)
        });
        self.bytes += heap(anonymous);
    }

    pub fn unlink(&mut self, anonymous: &str) {
        let Some(at) = self.link_at(anonymous) else { return };
        let (owner, next) = (self.link(at).owner, self.link(at).next);
        let mut before = self.profile(owner).first_link;
        if before == at {
            self.set_first_link(owner, next);
        } else {
            while self.link(before).next != at {
                before = self.link(before).next;
            }
            self.links[before as usize].as_mut().expect("it was just followed").next = next;
        }
        self.drop_link(at);
    }

    fn drop_link(&mut self, at: u32) -> u32 {
        let link = self.links[at as usize].take().expect("it is dropped once");
        let entry = self.by_anonymous.find_entry(hash(Kind::Anonymous, &link.anonymous), |have| *have == at);
        entry.expect("every link is in the table").remove();
        self.free_links.push(at);
        self.bytes -= heap(&link.anonymous);
        link.next
    }

    fn unlink_all(&mut self, owner: ProfileId) {
        let mut at = std::mem::replace(&mut self.profile_mut(owner).first_link, NONE);
        while at != NONE {
            at = self.drop_link(at);
        }
    }

    /// Gives all links of one user to another.
    pub fn move_links(&mut self, from: ProfileId, to: ProfileId) {
        let mut at = std::mem::replace(&mut self.profile_mut(from).first_link, NONE);
        while at != NONE {
            let first = self.profile(to).first_link;
            let link = self.links[at as usize].as_mut().expect("it is in the list");
            link.owner = to;
            let next = std::mem::replace(&mut link.next, first);
            self.set_first_link(to, at);
            at = next;
        }
    }

    fn set_first_link(&mut self, owner: ProfileId, at: u32) {
        let hash = if at == NONE { 0 } else { hash(Kind::Anonymous, &self.link(at).anonymous) };
        let profile = self.profile_mut(owner);
        (profile.first_link, profile.first_link_hash) = (at, hash);
    }

    /// Whether this id was the last to be linked to a user. Found by 64 bits of its hash.
    pub fn is_latest_link(&self, owner: ProfileId, anonymous: &str) -> bool {
        let profile = self.profile(owner);
        profile.first_link != NONE && profile.first_link_hash == hash(Kind::Anonymous, anonymous)
    }

    /// The anonymous ids linked to a user, the latest first.
    pub fn links_of(&self, owner: ProfileId) -> impl Iterator<Item = &str> {
        let mut at = self.profile(owner).first_link;
        std::iter::from_fn(move || {
            let link = self.links.get(at as usize)?.as_ref()?;
            at = link.next;
            Some(&*link.anonymous)
        })
    }
}

/// Bytes an id takes outside its own place.
fn heap(id: &str) -> usize {
    if id.len() > 24 { id.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_move_and_go() {
        let mut table = Table::default();
        let (a, b) = (table.insert(Kind::User, "a"), table.insert(Kind::User, "b"));
        assert_eq!(table.find(Kind::Anonymous, "a"), None);
        for id in ["x", "y", "z"] {
            table.set_link(id, a);
        }
        table.set_link("y", b);
        assert_eq!(table.links_of(a).collect::<Vec<_>>(), ["z", "x"]);
        assert!(table.is_latest_link(a, "z") && table.is_latest_link(b, "y") && !table.is_latest_link(a, "x"));
        table.move_links(a, b);
        assert!(table.is_latest_link(b, "x") && !table.is_latest_link(a, "z"));
        table.unlink("x");
        assert!(table.is_latest_link(b, "z"));
        table.set_link("x", b);
        assert_eq!((table.linked("x"), table.links_of(a).count(), table.links_of(b).count()), (Some(b), 0, 3));
        table.remove(b);
        assert_eq!((table.linked("x"), table.find(Kind::User, "b"), table.count()), (None, None, 1));
        let c = table.insert(Kind::Anonymous, "c");
        assert_eq!((c, table.find(Kind::Anonymous, "c")), (b, Some(c)));
    }
}
