//! Several engines side by side, each for a part of the people; their messages come out in the order in which one engine
//! would have said them. It knows nothing of files.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::block::Decoded;
use super::side::{Noted, Side};
use crate::commands::Exit;
use crate::commands::input::Entry;
use crate::engine::{Action, Input, Millis, Record};

/// Jobs that wait for a worker.
const WAITING: usize = 4;

/// One record.
pub struct Job {
    pub input: Arc<str>,
    pub entry: Entry,
    pub block: Arc<Decoded>,
    /// In the block.
    pub at: usize,
    pub offset: i64,
    pub time: Millis,
    /// Of the whole partition once it has this record.
    pub clock: Millis,
    /// Whose record it is.
    pub part: u8,
}

/// What one engine said: for which job, in which minute before it, or with it.
pub struct Said {
    pub job: usize,
    minute: Option<Millis>,
    pub action: Action,
    pub noted: Option<Noted>,
}

/// By side.
type Answer = Vec<Vec<Said>>;

/// Jobs, and what came of them.
type Done = (Arc<Vec<Job>>, Answer);

struct Worker {
    jobs: SyncSender<Arc<Vec<Job>>>,
    answers: Receiver<Answer>,
    thread: JoinHandle<Vec<Side>>,
}

pub struct Workers {
    workers: Vec<Worker>,
    /// What was sent and not answered yet, oldest first.
    open: std::collections::VecDeque<Arc<Vec<Job>>>,
}

impl Workers {
    /// One for each list of sides.
    pub fn start(sides: impl Iterator<Item = Vec<Side>>) -> Self {
        let workers = sides.enumerate().map(|(part, sides)| start(part as u8, sides)).collect();
        Self { workers, open: std::collections::VecDeque::new() }
    }

    /// Sends jobs to all; gives back what came of older ones, once enough are under way.
    pub fn send(&mut self, jobs: Vec<Job>) -> Result<Option<Done>, Exit> {
        let jobs = Arc::new(jobs);
        for worker in &self.workers {
            worker.jobs.send(Arc::clone(&jobs)).map_err(|_| broke())?;
        }
        self.open.push_back(jobs);
        if self.open.len() < WAITING { Ok(None) } else { self.receive() }
    }

    /// What came of the oldest jobs.
    pub fn receive(&mut self) -> Result<Option<Done>, Exit> {
        let Some(jobs) = self.open.pop_front() else { return Ok(None) };
        let mut all: Answer = Vec::new();
        for worker in &self.workers {
            let answer = worker.answers.recv().map_err(|_| broke())?;
            all.resize_with(answer.len(), Vec::new);
            all.iter_mut().zip(answer).for_each(|(all, said)| all.extend(said));
        }
        all.iter_mut().for_each(|said| in_order(said));
        Ok(Some((jobs, all)))
    }

    /// The sides of each worker, as they stand at the end.
    pub fn finish(self) -> Result<Vec<Vec<Side>>, Exit> {
        let finish = |worker: Worker| {
            drop(worker.jobs);
            worker.thread.join().map_err(|_| broke())
        };
        self.workers.into_iter().map(finish).collect()
    }
}

fn broke() -> Exit {
    Exit::Fault("a thread that applies the playbook broke down".into())
}

/// Minutes before the record, users in byte order within each; what one engine said of one of them stays in its order.
fn in_order(said: &mut [Said]) {
    said.sort_by(|a, b| {
        let key = |said: &Said| (said.job, said.minute.unwrap_or(Millis::MAX));
        key(a).cmp(&key(b)).then_with(|| match (&a.action, &b.action) {
            (Action::Emit(first), Action::Emit(second)) if a.minute.is_some() => first.key.cmp(&second.key),
            _ => std::cmp::Ordering::Equal,
        })
    });
}

fn start(part: u8, mut sides: Vec<Side>) -> Worker {
    let (jobs, to_do) = sync_channel::<Arc<Vec<Job>>>(WAITING);
    let (done, answers) = sync_channel(WAITING);
    let thread = thread::spawn(move || {
        for jobs in to_do {
            let answer = sides.iter_mut().enumerate().map(|(nth, side)| work(side, nth, part, &jobs)).collect();
            if done.send(answer).is_err() {
                break;
            }
        }
        sides
    });
    Worker { jobs, answers, thread }
}

/// All jobs move the clock; those of the part are applied.
fn work(side: &mut Side, nth: usize, part: u8, jobs: &[Job]) -> Vec<Said> {
    let (mut all, mut actions) = (Vec::new(), Vec::new());
    for (number, job) in jobs.iter().enumerate() {
        side.engine.begin_history(job.time);
        while let Some(minute) = side.engine.next_due().filter(|minute| *minute <= job.clock) {
            let _ = side.engine.step(Input::Clock(minute), usize::MAX, &mut actions);
            keep(side, number, Some(minute), &mut actions, &mut all);
        }
        if job.part == part {
            let _ = side.engine.step(Input::Clock(job.clock), usize::MAX, &mut actions);
            let record = Record { offset: job.offset, time: job.time, key: None, value: job.block.block.value(job.at) };
            let input = match job.block.ready(job.at, nth) {
                Some(ready) => Input::Ready(record, ready),
                None => Input::Record(record),
            };
            let _ = side.engine.step(input, usize::MAX, &mut actions);
            keep(side, number, None, &mut actions, &mut all);
            side.look();
        }
    }
    if let Some(last) = jobs.last() {
        // Nothing is due any more; how long things have lasted is asked at this clock.
        let _ = side.engine.step(Input::Clock(last.clock), usize::MAX, &mut actions);
    }
    all
}

fn keep(side: &mut Side, job: usize, minute: Option<Millis>, actions: &mut Vec<Action>, all: &mut Vec<Said>) {
    all.extend(actions.drain(..).map(|action| {
        let noted = match &action {
            Action::Emit(message) => side.read(message),
            Action::DeadLetter(_) => None,
        };
        Said { job, minute, action, noted }
    }));
}
