//! One playbook's run: its engine, and what is noted of the messages and, at the end, of the users. It knows nothing of
//! inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::outcome::Sightings;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::{DAY, FIRST, Map, Program};
use crate::engine::profile::numbers;
use crate::engine::profile::outbox::MomentState;
use crate::engine::{Action, Counts, Engine, Millis, Options, Outgoing};

/// Steps of a score that are told apart in histograms and thresholds.
pub const STEPS: usize = 1_000;

/// A moment that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    pub user: String,
    pub moment: usize,
    pub at: Millis,
    /// The clock at the user's first event.
    pub first: Millis,
}

/// A message that counts.
pub enum Noted {
    Identify { at: Millis },
    Moment(Firing),
}

pub struct Side {
    pub program: Arc<Program>,
    pub engine: Engine,
    options: Options,
    pub tally: Tally,
    pub standing: Standing,
    /// When somebody asks for an outcome.
    pub sightings: Option<Sightings>,
    events: BTreeMap<String, usize>,
}

/// Of the messages.
#[derive(Debug, Default)]
pub struct Tally {
    pub firings: Vec<Firing>,
    pub identifies: u64,
    /// By UTC day.
    pub identifies_by_day: BTreeMap<i64, u64>,
    pub identifies_by_user: Map<String, u32>,
}

/// Of the users, where the history ends.
#[derive(Debug, Default)]
pub struct Standing {
    pub users: u64,
    pub profiles: u64,
    pub bytes: u64,
    /// By score: how many users stand at each of [`STEPS`] + 1 values.
    pub scores: Vec<Vec<u64>>,
    /// By score and segment: users.
    pub segments: Vec<Vec<u64>>,
    /// By moment: for how many it is on.
    pub on: Vec<u64>,
    pub counts: Counts,
}

/// What tells a message of ours.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: &'a str,
    event: Option<String>,
}

impl Side {
    pub fn new(playbook: Playbook, options: Options, sightings: Option<Sightings>) -> Self {
        let events = playbook.moments.iter().enumerate().map(|(i, m)| (format!("mk_{}", m.name), i)).collect();
        let watched = sightings.as_ref().map(|sightings| sightings.signal);
        let program = Arc::new(Program::compile_watching(playbook, watched.as_slice()));
        let mut side = Self {
            engine: Engine::new(program.clone(), options.clone()),
            standing: Standing::of(&program.playbook),
            tally: Tally::default(),
            program,
            options,
            sightings,
            events,
        };
        side.begin(0);
        side
    }

    pub fn playbook(&self) -> &Playbook {
        &self.program.playbook
    }

    /// Of a topic with so many partitions.
    pub fn spread_over(&mut self, partitions: i32) {
        self.options.partitions = partitions;
    }

    /// Begins another partition, with nobody in it.
    pub fn begin(&mut self, partition: i32) {
        let options = Options { partition, ..self.options.clone() };
        self.engine = Engine::new(self.program.clone(), options);
        if let Some(sightings) = &self.sightings {
            self.engine.watch(sightings.signal);
        }
    }

    /// Another one of the same playbook, with nobody in it.
    pub fn fork(&self) -> Self {
        let sightings = self.sightings.as_ref().map(Sightings::again);
        let mut side = Self {
            engine: Engine::new(self.program.clone(), self.options.clone()),
            standing: Standing::of(&self.program.playbook),
            tally: Tally::default(),
            program: self.program.clone(),
            options: self.options.clone(),
            sightings,
            events: self.events.clone(),
        };
        side.begin(self.options.partition);
        side
    }

    /// Takes over what another one of the same playbook has seen of other people, at its end.
    pub fn join(&mut self, mut other: Self) {
        other.end();
        self.standing.add(&other.standing);
        if let (Some(all), Some(more)) = (&mut self.sightings, other.sightings) {
            all.join(more);
        }
    }

    /// Counts the messages among what the engine said.
    pub fn note(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Emit(message) = action
                && let Some(noted) = self.read(message)
            {
                self.tally.add(&message.key, noted);
            }
        }
    }

    /// What a message is about, as far as it counts.
    pub fn read(&mut self, message: &Outgoing) -> Option<Noted> {
        let value = message.value.as_ref()?;
        let said: Said<'_> = serde_json::from_slice(value).expect("our own messages are JSON");
        let at = crate::engine::event::time::parse(said.timestamp).expect("our own times parse");
        if said.kind == "identify" {
            if let Some(sightings) = &mut self.sightings {
                sightings.identify(&self.program.playbook, &message.key, at, value);
            }
            return Some(Noted::Identify { at });
        }
        let moment = said.event.and_then(|event| self.events.get(&event).copied())?;
        let first = self.engine.find_user(&message.key).and_then(|body| numbers::signed(body.get(FIRST)));
        Some(Noted::Moment(Firing { user: message.key.clone(), moment, at, first: first.unwrap_or(at) }))
    }

    /// After each record.
    pub fn look(&mut self) {
        if let Some(sightings) = &mut self.sightings {
            sightings.seen(self.engine.take_seen());
        }
    }

    /// The partition is over: sums up its users.
    pub fn end(&mut self) {
        let standing = &mut self.standing;
        let (profiles, bytes) = self.engine.size();
        standing.profiles += profiles as u64;
        standing.bytes += bytes as u64;
        standing.counts.add(&self.engine.take_counts());
        let clock = self.engine.clock().unwrap_or_default();
        let program = &self.program;
        let mut sightings = self.sightings.as_mut();
        self.engine.each_user(|user, body, scores| {
            standing.users += 1;
            for (i, score) in scores.iter().enumerate() {
                standing.scores[i][(score.value * STEPS as f64) as usize] += 1;
                standing.segments[i][usize::from(score.segment)] += 1;
            }
            for (i, cell) in program.moment_cells.iter().enumerate() {
                let state = MomentState::read(body.get(*cell));
                if state.on {
                    standing.on[i] += 1;
                    standing.counts.on_for[i] += state.fired.map_or(0, |fired| clock - fired);
                }
            }
            if let Some(sightings) = &mut sightings {
                sightings.known(user, numbers::signed(body.get(FIRST)).unwrap_or(clock));
            }
        });
    }
}

impl Tally {
    pub fn most_of_one_user(&self) -> u64 {
        self.identifies_by_user.values().max().map_or(0, |count| u64::from(*count))
    }

    pub fn add(&mut self, user: &str, noted: Noted) {
        match noted {
            Noted::Identify { at } => self.identify(user, at),
            Noted::Moment(firing) => self.firings.push(firing),
        }
    }

    fn identify(&mut self, user: &str, at: Millis) {
        self.identifies += 1;
        *self.identifies_by_day.entry(at.div_euclid(DAY)).or_default() += 1;
        match self.identifies_by_user.get_mut(user) {
            Some(count) => *count += 1,
            None => {
                self.identifies_by_user.insert(user.to_owned(), 1);
            }
        }
    }
}

impl Standing {
    fn of(playbook: &Playbook) -> Self {
        let scores = vec![vec![0; STEPS + 1]; playbook.scores.len()];
        let segments = playbook.scores.iter().map(|score| vec![0; score.segments.len()]).collect();
        Self { scores, segments, on: vec![0; playbook.moments.len()], counts: Counts::of(playbook), ..Self::default() }
    }

    /// Of other people under the same playbook.
    fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.profiles += other.profiles;
        self.bytes += other.bytes;
        self.counts.add(&other.counts);
        let all = self.scores.iter_mut().chain(&mut self.segments).chain(std::iter::once(&mut self.on));
        let more = other.scores.iter().chain(&other.segments).chain(std::iter::once(&other.on));
        for (all, more) in all.zip(more) {
            all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        }
    }
}
