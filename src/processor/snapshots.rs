//! When a partition's snapshot is cut, how it is written beside the worker, what is pruned.
//! It must not know what a block holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::position::Position;
use super::stage::{Edition, Stage, cut_whole};
use super::{Clock as _, Fault, SystemClock};
use crate::storage::{self, Header, SnapshotId, Store, StoreError};

/// A chain is begun anew when its differences weigh as much as its base, or there are this many.
const DELTAS_MAX: usize = 10;
const BLOCK_BYTES: usize = 1 << 20;
/// One slice of a cut between two turns: short, so that the stream does not stall.
const SLICE: Duration = Duration::from_millis(2);
const SLICE_PROFILES: usize = 100;

/// The snapshots of one partition, while it is live here.
pub struct Cutter {
    interval: Duration,
    due: Instant,
    state: State,
    /// The last snapshot that was cut here and is whole; the next may be the difference to it.
    newest: Option<SnapshotId>,
    base_bytes: usize,
    delta_bytes: usize,
    deltas: usize,
}

enum State {
    Resting,
    Cutting { header: Header, edition: Arc<Edition>, blocks: Vec<Vec<u8>>, block: Vec<u8>, since: Instant },
    Writing { delta: bool },
}

/// For the writer's thread.
pub enum Job {
    Write {
        partition: i32,
        birth: u64,
        header: Header,
        /// In force at its position.
        edition: Arc<Edition>,
        blocks: Vec<Vec<u8>>,
        since: Instant,
    },
    /// Everything older than the newest of these that none of them needs.
    Prune { partition: i32, named: Vec<SnapshotId> },
}

/// A snapshot that was written and read back, or was not.
pub struct Written {
    pub partition: i32,
    /// Which life of the partition here it belongs to.
    pub birth: u64,
    pub result: Result<Fresh, String>,
}

#[derive(Debug, Clone)]
pub struct Fresh {
    pub id: SnapshotId,
    pub bytes: usize,
    pub took: Duration,
}

impl Cutter {
    /// `now`: the first act after a change is a snapshot.
    pub fn new(interval: Duration, now: bool) -> Self {
        let wait = if now { Duration::ZERO } else { interval };
        let due = Instant::now() + wait;
        Self { interval, due, state: State::Resting, newest: None, base_bytes: 0, delta_bytes: 0, deltas: 0 }
    }

    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Resting) && Instant::now() >= self.due
    }

    pub fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting)
    }

    pub fn is_cutting(&self) -> bool {
        matches!(self.state, State::Cutting { .. })
    }

    /// Starts a cut at a committed position.
    pub fn begin(&mut self, stage: &mut dyn Stage, edition: &Arc<Edition>, partition: i32, at: &Position) {
        let full = self.newest.is_none() || self.deltas >= DELTAS_MAX || self.delta_bytes >= self.base_bytes;
        stage.begin_cut(full);
        let header = Header {
            partition,
            offset: at.next,
            position: at.encode(),
            fingerprint: at.fingerprint.clone(),
            parent: if full { None } else { self.newest.clone() },
        };
        let edition = Arc::clone(edition);
        self.state = State::Cutting { header, edition, blocks: Vec::new(), block: Vec::new(), since: Instant::now() };
        self.due = Instant::now() + self.interval;
    }

    /// Goes on with a cut for a moment (or to its end). When it is complete, what is to be written.
    pub fn advance(&mut self, stage: &mut dyn Stage, birth: u64, to_the_end: bool) -> Option<Job> {
        let State::Cutting { blocks, block, .. } = &mut self.state else { return None };
        let started = Instant::now();
        let mut complete = false;
        while !complete && (to_the_end || started.elapsed() < SLICE) {
            complete = stage.cut(SLICE_PROFILES, block);
            if block.len() >= BLOCK_BYTES || complete {
                blocks.push(std::mem::take(block));
            }
        }
        if !complete {
            return None;
        }
        let State::Cutting { header, edition, blocks, since, .. } = std::mem::replace(&mut self.state, State::Resting)
        else {
            unreachable!("it was being cut above")
        };
        self.state = State::Writing { delta: header.parent.is_some() };
        Some(Job::Write { partition: header.partition, birth, header, edition, blocks, since })
    }

    /// What became of the last one. After a failure the next is whole: it can't rest on what is not there.
    pub fn written(&mut self, result: &Result<Fresh, String>) {
        let State::Writing { delta } = std::mem::replace(&mut self.state, State::Resting) else { return };
        match result {
            Ok(fresh) if delta => {
                self.deltas += 1;
                self.delta_bytes += fresh.bytes;
                self.newest = Some(fresh.id.clone());
            }
            Ok(fresh) => {
                (self.deltas, self.delta_bytes, self.base_bytes) = (0, 0, fresh.bytes);
                self.newest = Some(fresh.id.clone());
            }
            Err(_) => self.newest = None,
        }
    }

    /// Another stage took over: nothing that was cut before is its parent.
    pub fn restart(&mut self) {
        *self = Self::new(self.interval, true);
    }
}

/// Writes and prunes on a thread of its own: a store may be slow, the stream may not.
pub struct Writer {
    jobs: Option<Sender<Job>>,
    pub done: Receiver<Written>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(store: Arc<Store>, wake: Thread) -> Self {
        let (jobs, todo) = channel::<Job>();
        let (tell, done) = channel();
        let work = move || {
            for job in todo {
                match job {
                    Job::Write { partition, birth, header, edition, blocks, since } => {
                        let text = if header.parent.is_none() { keep_playbook(&store, &edition) } else { Ok(()) };
                        let result = text.map_err(StoreOrDamage::from);
                        let result = result.and_then(|()| write(&store, &header, &blocks, since));
                        let result = result.map_err(|error| error.to_string());
                        if tell.send(Written { partition, birth, result }).is_err() {
                            return;
                        }
                        wake.unpark();
                    }
                    Job::Prune { partition, named } => {
                        if let Err(error) = prune(&store, partition, &named) {
                            tracing::warn!(partition, %error, "old snapshots stay for now");
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(work);
        Self { jobs: Some(jobs), done, thread: Some(thread.expect("the system has a thread for us")) }
    }

    pub fn send(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("it is there until the writer is dropped");
        if jobs.send(job).is_err() {
            tracing::error!("the snapshot writer ended early; no more snapshots are written");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Writes a snapshot and reads it back: only what was seen whole is ever named.
pub fn write(store: &Store, header: &Header, blocks: &[Vec<u8>], since: Instant) -> Result<Fresh, StoreOrDamage> {
    let (id, bytes) = storage::write(header, blocks);
    let length = bytes.len();
    let name = file_of(header.partition, &id);
    store.put(&name, bytes)?;
    let back = store.get(&name)?.ok_or(storage::Unreadable::Missing)?;
    storage::read(&id, &back)?;
    Ok(Fresh { id, bytes: length, took: since.elapsed() })
}

/// Cuts all of a stage at its position and writes that; the position then names it, and nothing else.
pub fn write_whole(store: &Store, partition: i32, stage: &mut dyn Stage, at: &mut Position) -> Result<Fresh, Fault> {
    let since = Instant::now();
    let blocks: Vec<_> = cut_whole(stage).collect();
    at.snapshots = Vec::new();
    // A snapshot's own time tells it from those of another life of these offsets.
    at.wall = SystemClock::default().wall();
    let (position, fingerprint) = (at.encode(), at.fingerprint.clone());
    let header = Header { partition, offset: at.next, position, fingerprint, parent: None };
    let fresh = write(store, &header, &blocks, since);
    let fresh = fresh.map_err(|error| Fault::Kafka(format!("the snapshot was not written: {error}")))?;
    at.snapshots = vec![fresh.id.clone()];
    Ok(fresh)
}

#[derive(Debug, thiserror::Error)]
pub enum StoreOrDamage {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a snapshot can't be used: {0}")]
    Damage(#[from] storage::Unreadable),
}

pub fn file_of(partition: i32, id: &SnapshotId) -> String {
    format!("{partition}/{}", id.file_name())
}

pub fn playbook_file(fingerprint: &str) -> String {
    format!("playbooks/{fingerprint}.toml")
}

/// What was done under a playbook is replayed under it, also when it is no longer in force: its text lies beside the
/// snapshots.
pub fn keep_playbook(store: &Store, edition: &Edition) -> Result<(), StoreError> {
    store.put(&playbook_file(&edition.fingerprint), edition.text.clone().into_bytes())
}

/// The snapshot and all it rests on, base first, each checked whole.
pub fn read_chain(store: &Store, partition: i32, id: &SnapshotId) -> Result<Vec<storage::Contents>, StoreOrDamage> {
    let mut chain = Vec::new();
    let mut next = Some(id.clone());
    while let Some(id) = next {
        let bytes = store.get(&file_of(partition, &id))?.ok_or(storage::Unreadable::Missing)?;
        let contents = storage::read(&id, &bytes)?;
        if contents.header.partition != partition || chain.len() > DELTAS_MAX {
            return Err(storage::Unreadable::Damaged("it is not of this partition, or has no base").into());
        }
        next = contents.header.parent.clone();
        chain.push(contents);
    }
    chain.reverse();
    Ok(chain)
}

/// Deletes what is older than the newest named one and no named one needs.
fn prune(store: &Store, partition: i32, named: &[SnapshotId]) -> Result<(), StoreOrDamage> {
    let Some(newest) = named.iter().map(|id| id.offset).max() else { return Ok(()) };
    let mut needed = BTreeSet::new();
    let mut open: Vec<SnapshotId> = named.to_vec();
    while let Some(id) = open.pop() {
        if !needed.insert(id.clone()) {
            continue;
        }
        match store.get(&file_of(partition, &id))? {
            Some(bytes) => open.extend(storage::read_header(&bytes)?.parent),
            None => tracing::warn!(partition, snapshot = %id, "a snapshot that a position names is not there"),
        }
    }
    for entry in store.list(&partition.to_string())? {
        let old = SnapshotId::of_file(&entry.name).filter(|id| id.offset < newest && !needed.contains(id));
        if let Some(id) = old {
            store.delete(&file_of(partition, &id))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(offset: i64, parent: Option<SnapshotId>) -> Header {
        Header { partition: 0, offset, position: String::new(), fingerprint: String::new(), parent }
    }

    fn names(store: &Store) -> Vec<i64> {
        let offset = |entry: storage::Entry| SnapshotId::of_file(&entry.name).unwrap().offset;
        store.list("0").unwrap().into_iter().map(offset).collect()
    }

    #[test]
    fn pruning_keeps_what_a_named_chain_needs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("file://{}", folder.path().display()), &["x"]).unwrap();
        let put = |offset, parent: Option<&SnapshotId>| {
            write(&store, &header(offset, parent.cloned()), &[vec![1]], Instant::now()).unwrap().id
        };
        let old = put(10, None);
        put(15, Some(&old));
        let base = put(20, None);
        let middle = put(30, Some(&base));
        let newest = put(40, Some(&middle));
        put(50, None); // written, not yet named
        prune(&store, 0, std::slice::from_ref(&newest)).unwrap();
        assert_eq!(names(&store), [20, 30, 40, 50]);
        let chain = read_chain(&store, 0, &newest).unwrap();
        assert_eq!(chain.iter().map(|part| part.header.offset).collect::<Vec<_>>(), [20, 30, 40]);
    }

    #[test]
    fn a_chain_with_a_hole_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("file://{}", folder.path().display()), &["x"]).unwrap();
        let base = write(&store, &header(20, None), &[], Instant::now()).unwrap().id;
        let delta = write(&store, &header(30, Some(base.clone())), &[], Instant::now()).unwrap().id;
        assert!(read_chain(&store, 0, &delta).is_ok());
        store.delete(&file_of(0, &base)).unwrap();
        assert!(read_chain(&store, 0, &delta).is_err());
    }
}
