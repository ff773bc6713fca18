//! What a worker drives: the state of one partition, stepped, cut and loaded. The engine is one; others may follow.
//! It must not know Kafka.

use std::sync::{Arc, RwLock};

use crate::engine::census::Census;
use crate::engine::explain::Found;
use crate::engine::{Action, Counts, Damage, Engine, Input, Millis, Progress};

/// Profiles of a block where nothing waits for it.
const BLOCK_PROFILES: usize = 1_000;

/// See [`Engine`] for what each of these promises.
pub trait Stage {
    fn clock(&self) -> Option<Millis>;
    fn cursor(&self) -> Option<&str>;
    fn wants_horizon(&self, time: Millis) -> bool;
    fn taken_time(&self, time: Millis) -> Millis;
    fn step(&mut self, input: Input<'_>, room: usize, actions: &mut Vec<Action>) -> Progress;
    fn resume(&mut self, clock: Millis, cursor: Option<&str>, actions: &mut Vec<Action>);
    fn take_counts(&mut self) -> Counts;
    fn size(&self) -> (usize, usize);
    fn begin_cut(&mut self, full: bool);
    fn cut(&mut self, profiles: usize, block: &mut Vec<u8>) -> bool;
    fn abandon_cut(&mut self);
    fn load(&mut self, block: &[u8]) -> Result<(), Damage>;
    fn finish_load(&mut self, playbook: &str);
    fn end_import(&mut self, records: u64);
    fn find_subject(&self, id: &str) -> Found;
    /// A stage that has no users counts none.
    fn census(&self, _from: u32, _places: u32, _census: &mut Census) -> Option<u32> {
        None
    }
}

impl Stage for Engine {
    fn clock(&self) -> Option<Millis> {
        self.clock()
    }
    fn cursor(&self) -> Option<&str> {
        self.cursor()
    }
    fn wants_horizon(&self, time: Millis) -> bool {
        self.wants_horizon(time)
    }
    fn taken_time(&self, time: Millis) -> Millis {
        self.taken_time(time)
    }
    fn step(&mut self, input: Input<'_>, room: usize, actions: &mut Vec<Action>) -> Progress {
        self.step(input, room, actions)
    }
    fn resume(&mut self, clock: Millis, cursor: Option<&str>, actions: &mut Vec<Action>) {
        self.resume(clock, cursor, actions);
    }
    fn take_counts(&mut self) -> Counts {
        self.take_counts()
    }
    fn size(&self) -> (usize, usize) {
        self.size()
    }
    fn begin_cut(&mut self, full: bool) {
        self.begin_cut(full);
    }
    fn cut(&mut self, profiles: usize, block: &mut Vec<u8>) -> bool {
        self.cut(profiles, block)
    }
    fn abandon_cut(&mut self) {
        self.abandon_cut();
    }
    fn load(&mut self, block: &[u8]) -> Result<(), Damage> {
        self.load(block)
    }
    fn finish_load(&mut self, playbook: &str) {
        self.finish_load(playbook);
    }
    fn end_import(&mut self, records: u64) {
        self.end_import(records);
    }
    fn find_subject(&self, id: &str) -> Found {
        self.find_subject(id)
    }
    fn census(&self, from: u32, places: u32, census: &mut Census) -> Option<u32> {
        self.census(from, places, census)
    }
}

/// Makes the stage of a partition (its number, of how many).
pub type Make = Box<dyn Fn(i32, i32) -> Box<dyn Stage> + Send + Sync>;

/// One playbook in force: how to make stages of it, and how it is told from others.
pub struct Edition {
    pub fingerprint: String,
    pub revision: u64,
    /// As written; kept beside the snapshots.
    pub text: String,
    /// How far back it looks.
    pub longest_window: Millis,
    pub make: Make,
}

/// Reads a playbook's text as an edition: one that is no longer in force, for what was done under it.
pub type ReadEdition = Box<dyn Fn(&str) -> Option<Edition> + Send + Sync>;

/// The edition in force, which may be replaced while workers run.
pub struct Editions {
    current: RwLock<Arc<Edition>>,
    read: ReadEdition,
}

impl Editions {
    pub fn new(edition: Edition, read: ReadEdition) -> Self {
        Self { current: RwLock::new(Arc::new(edition)), read }
    }

    pub fn current(&self) -> Arc<Edition> {
        Arc::clone(&self.current.read().expect("no one panics while holding it"))
    }

    /// Workers take it over at their next batch boundary, on all their partitions.
    pub fn replace(&self, edition: Edition) {
        *self.current.write().expect("no one panics while holding it") = Arc::new(edition);
    }

    /// The edition of an older text, where it still reads.
    pub fn of_text(&self, text: &str) -> Option<Arc<Edition>> {
        (self.read)(text).map(Arc::new)
    }
}

/// Carries the state over from a stage of the playbook with this fingerprint: what means the same is kept.
pub fn carry_over(from: &mut dyn Stage, playbook: &str, to: &mut dyn Stage) -> Result<(), Damage> {
    cut_whole(from).try_for_each(|block| to.load(&block))?;
    to.finish_load(playbook);
    Ok(())
}

/// Everything, cut at once, block by block.
pub fn cut_whole(stage: &mut dyn Stage) -> impl Iterator<Item = Vec<u8>> {
    stage.begin_cut(true);
    let mut complete = false;
    std::iter::from_fn(move || {
        let mut block = Vec::new();
        (!complete).then(|| {
            complete = stage.cut(BLOCK_PROFILES, &mut block);
            block
        })
    })
}
