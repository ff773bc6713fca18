//! Profiles to bytes and back: cuts of the state at one position, whole or only what changed. While a cut is taken, a
//! profile about to change is written first, so the stream never waits for one.
//!
//! A block is a list of entries: a kind (1 byte), a length, that many bytes. The first entry of a cut says what the cell
//! numbers mean, so that state outlives a changed playbook. It knows nothing of files, compression or checksums.

use super::Millis;
use super::profile::varint;
use super::state::{Engine, HoldBack};
use super::table::{Kind, ProfileId};

/// Version of this format, in the first entry.
const VERSION: u64 = 1;
/// The same with how many records were imported, where some were.
const VERSION_IMPORTED: u64 = 2;
const HEAD: u8 = 0;
const USER: u8 = 1;
const ANONYMOUS: u8 = 2;
const GONE_USER: u8 = 3;
const GONE_ANONYMOUS: u8 = 4;

/// A snapshot block that does not read: what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("damaged snapshot block: {0}")]
pub struct Damage(pub String);

/// Where a cut stands.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// Number of the cut that is being taken, or of the last one.
    number: u32,
    active: Option<Active>,
    /// Profiles that went since the last cut began.
    gone: Vec<(Kind, String)>,
    /// Of blocks being loaded: how many cells they know, and which of them each cell here goes on from.
    theirs: usize,
    sources: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Active {
    is_full: bool,
    /// Profiles below this are written.
    next: ProfileId,
    end: ProfileId,
    /// Written before its turn came, and the head.
    early: Vec<u8>,
}

impl Engine {
    /// Starts a cut at the present state, which must be a committed one. `full`: a base, else a delta of what changed
    /// since the last cut began. From now on a profile about to change is serialised first.
    pub fn begin_cut(&mut self, full: bool) {
        self.cut.number += 1;
        let mut early = Vec::new();
        let head = self.head();
        entry(&mut early, HEAD, &head);
        let gone = std::mem::take(&mut self.cut.gone);
        if !full {
            for (kind, id) in gone {
                let tag = if kind == Kind::User { GONE_USER } else { GONE_ANONYMOUS };
                entry(&mut early, tag, id.as_bytes());
            }
        }
        self.cut.active = Some(Active { is_full: full, next: 0, end: self.table.end(), early });
    }

    /// Appends up to about `profiles` profiles of the cut to `block`. True when the cut is complete.
    pub fn cut(&mut self, profiles: usize, block: &mut Vec<u8>) -> bool {
        let Some(mut active) = self.cut.active.take() else { return true };
        block.append(&mut active.early);
        let mut left = profiles.max(1);
        // Profiles that need no writing are passed over quickly, but not without end.
        let mut looked = left.saturating_mul(64);
        while active.next < active.end && left > 0 && looked > 0 {
            if self.is_of(&active, active.next) {
                self.write_profile(active.next, block);
                left -= 1;
            }
            active.next += 1;
            looked -= 1;
        }
        let done = active.next >= active.end;
        self.cut.active = (!done).then_some(active);
        done
    }

    /// Gives up a cut; the next must be full.
    pub fn abandon_cut(&mut self) {
        self.cut.active = None;
    }

    /// Is this profile of the cut, and not written yet?
    fn is_of(&self, active: &Active, at: ProfileId) -> bool {
        let number = self.cut.number;
        self.table.get(at).is_some_and(|p| p.written != number && (active.is_full || p.changed == number))
    }

    fn write_profile(&mut self, at: ProfileId, out: &mut Vec<u8>) {
        let profile = self.table.profile(at);
        let mut bytes = Vec::with_capacity(profile.packed.len() + 64);
        text(&mut bytes, &profile.id);
        varint::put_signed(&mut bytes, profile.due);
        let links: Vec<&str> = self.table.links_of(at).collect();
        varint::put(&mut bytes, links.len() as u64);
        // The latest lies first; loading puts each before those it has.
        links.iter().rev().for_each(|link| text(&mut bytes, link));
        bytes.extend_from_slice(&profile.packed);
        entry(out, if profile.kind == Kind::User { USER } else { ANONYMOUS }, &bytes);
        self.table.profile_mut(at).written = self.cut.number;
    }

    /// To be called before a profile, or its links, change.
    pub(super) fn touch(&mut self, at: ProfileId) {
        if let Some(mut active) = self.cut.active.take() {
            if at >= active.next && at < active.end && self.is_of(&active, at) {
                self.write_profile(at, &mut active.early);
            }
            self.cut.active = Some(active);
        }
        // A change belongs to the cut after the one under way.
        self.table.profile_mut(at).changed = self.cut.number + 1;
    }

    /// A profile just made: not of a cut under way.
    pub(super) fn born(&mut self, at: ProfileId) {
        let number = self.cut.number;
        let profile = self.table.profile_mut(at);
        profile.written = number;
        profile.changed = number + 1;
    }

    /// Forgets a profile that was touched.
    pub(super) fn forget(&mut self, at: ProfileId) {
        let profile = self.table.remove(at);
        self.cut.gone.push((profile.kind, profile.id.into()));
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        varint::put(&mut head, if self.imported > 0 { VERSION_IMPORTED } else { VERSION });
        for time in [self.clock, self.horizon, self.history, self.hold_back.map(|h| h.until)] {
            optional(&mut head, time);
        }
        varint::put(&mut head, u64::from(self.hold_back.is_some_and(|h| h.resumed)));
        varint::put(&mut head, self.program.cells.len() as u64);
        for (fingerprint, added) in self.program.fingerprints.iter().zip(&self.added) {
            head.extend_from_slice(&fingerprint.to_le_bytes());
            optional(&mut head, *added);
        }
        if self.imported > 0 {
            varint::put(&mut head, self.imported);
        }
        head
    }

    /// Takes back one block of a cut. Blocks in order, a base's first, then each delta's.
    pub fn load(&mut self, block: &[u8]) -> Result<(), Damage> {
        let mut from = block;
        while !from.is_empty() {
            let kind = varint::take_bytes(&mut from, 1)[0];
            let length = varint::take(&mut from) as usize;
            if length > from.len() {
                return Err(Damage(format!("an entry of {length} bytes where {} are left", from.len())));
            }
            let bytes = varint::take_bytes(&mut from, length);
            match kind {
                HEAD => self.load_head(bytes)?,
                USER => self.load_profile(Kind::User, bytes)?,
                ANONYMOUS => self.load_profile(Kind::Anonymous, bytes)?,
                GONE_USER | GONE_ANONYMOUS => {
                    let kind = if kind == GONE_USER { Kind::User } else { Kind::Anonymous };
                    if let Some(at) = self.table.find(kind, as_text(bytes)?) {
                        self.table.remove(at);
                    }
                }
                other => return Err(Damage(format!("an entry of unknown kind {other}"))),
            }
        }
        Ok(())
    }

    fn load_head(&mut self, mut from: &[u8]) -> Result<(), Damage> {
        let from = &mut from;
        let version = varint::take(from);
        if ![VERSION, VERSION_IMPORTED].contains(&version) {
            return Err(Damage(format!("format {version}, this program reads {VERSION} and {VERSION_IMPORTED}")));
        }
        self.clock = take_optional(from);
        self.horizon = take_optional(from);
        self.history = take_optional(from);
        let until = take_optional(from);
        let resumed = varint::take(from) == 1;
        self.hold_back = until.map(|until| HoldBack { until, resumed });
        let (mut prints, mut added) = (Vec::new(), Vec::new());
        for _ in 0..varint::take(from) {
            let Ok(print) = varint::take_bytes(from, 8).try_into() else {
                return Err(Damage("the list of cells ends too soon".into()));
            };
            prints.push(u64::from_le_bytes(print));
            added.push(take_optional(from));
        }
        self.imported = if version == VERSION_IMPORTED { varint::take(from) } else { 0 };
        self.cut.theirs = prints.len();
        self.cut.sources = sources(&self.program.fingerprints, &prints);
        // What the snapshot did not have begins now.
        self.added = self.cut.sources.iter().map(|source| source.map_or(self.clock, |theirs| added[theirs])).collect();
        Ok(())
    }

    fn load_profile(&mut self, kind: Kind, mut from: &[u8]) -> Result<(), Damage> {
        let id = take_text(&mut from)?;
        if let Some(at) = self.table.find(kind, id) {
            self.table.remove(at);
        }
        let at = self.table.insert(kind, id);
        let due = varint::take_signed(&mut from);
        for _ in 0..varint::take(&mut from) {
            let link = take_text(&mut from)?;
            self.table.set_link(link, at);
        }
        if self.has_same_cells() {
            self.table.set_packed(at, from);
        } else {
            let packed = self.renumbered(from);
            self.table.set_packed(at, &packed);
        }
        self.table.profile_mut(at).due = due;
        Ok(())
    }

    /// Whether cell numbers of the blocks being loaded mean the same here.
    fn has_same_cells(&self) -> bool {
        let same = self.cut.sources.iter().enumerate().all(|(mine, theirs)| *theirs == Some(mine));
        same && self.cut.theirs == self.program.cells.len()
    }

    /// Cells under the numbers they have here; those the playbook no longer asks for are left out.
    fn renumbered(&self, mut from: &[u8]) -> Vec<u8> {
        let mut theirs = vec![None; self.cut.theirs];
        while !from.is_empty() {
            let id = varint::take(&mut from) as usize;
            let length = varint::take(&mut from) as usize;
            let payload = varint::take_bytes(&mut from, length);
            if let Some(place) = theirs.get_mut(id) {
                *place = Some(payload);
            }
        }
        let mut packed = Vec::new();
        for (id, source) in self.cut.sources.iter().enumerate() {
            if let Some(payload) = source.and_then(|source| theirs[source]) {
                varint::put(&mut packed, id as u64);
                varint::put(&mut packed, payload.len() as u64);
                packed.extend_from_slice(payload);
            }
        }
        packed
    }

    /// After the last block: arms timers. `playbook`: the fingerprint of the one it was cut under. Then records and marks
    /// from the cut's position on.
    pub fn finish_load(&mut self, playbook: &str) {
        let is_same = playbook == self.program.playbook.fingerprint && self.has_same_cells();
        let clock = self.clock.unwrap_or_default();
        for at in 0..self.table.end() {
            let Some(profile) = self.table.get(at) else { continue };
            if profile.kind == Kind::Anonymous {
                continue;
            }
            // Another playbook may find something in anybody, so everybody is looked at in the next minute.
            // A time that has passed was looked at then and changed nothing: looking again off the minute would evaluate
            // at a clock that no straight run evaluates at. One that is the clock's own minute may not be done yet.
            let due = if is_same && profile.due >= clock { profile.due } else { clock + 1 };
            self.table.profile_mut(at).due = Millis::MAX;
            self.arm(at, due);
        }
        self.arm_release();
        self.cut = Cut::default();
    }
}

/// Which of their cells each cell here goes on from, by what they mean. Two signals of one playbook may mean the same:
/// the first is the first, and one more than they had knows what the last of them knew.
fn sources(mine: &[u64], theirs: &[u64]) -> Vec<Option<usize>> {
    let source = |at: usize| {
        let nth = mine[..at].iter().filter(|print| **print == mine[at]).count();
        let mut same = (0..theirs.len()).filter(|i| theirs[*i] == mine[at]);
        same.clone().nth(nth).or_else(|| same.next_back())
    };
    (0..mine.len()).map(source).collect()
}

fn entry(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(from: &mut &'a [u8]) -> Result<&'a str, Damage> {
    let length = varint::take(from) as usize;
    as_text(varint::take_bytes(from, length))
}

fn as_text(bytes: &[u8]) -> Result<&str, Damage> {
    std::str::from_utf8(bytes).map_err(|error| Damage(format!("an id that is no text: {error}")))
}

fn optional(out: &mut Vec<u8>, time: Option<Millis>) {
    varint::put(out, u64::from(time.is_some()));
    time.iter().for_each(|time| varint::put_signed(out, *time));
}

fn take_optional(from: &mut &[u8]) -> Option<Millis> {
    (varint::take(from) == 1).then(|| varint::take_signed(from))
}
