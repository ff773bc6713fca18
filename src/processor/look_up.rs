//! Look-ups of users: asked on any thread, answered between two batches by the workers, each for its partitions. A worker
//! copies out what an explanation needs and goes on. It must not know what an explanation says.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use super::partition::Life;
use super::worker::Worker;
use crate::engine::explain::{Found, Subject};

/// Questions that wait for a worker; more are not asked.
const WAITING_MAX: usize = 16;

/// Where workers are asked.
#[derive(Default)]
pub struct LookUps {
    workers: Mutex<BTreeMap<usize, SyncSender<Question>>>,
}

/// To one worker. Whoever drops it has no more to say.
pub struct Question {
    user: String,
    answers: Sender<Answer>,
}

struct Answer {
    partition: i32,
    next: i64,
    /// `None`: the partition is not there to be looked into yet, or any more.
    found: Option<Found>,
}

/// A user as a partition holds them, and the offset up to which it has been read.
pub struct Holding {
    pub partition: i32,
    pub next: i64,
    pub subject: Box<Subject>,
}

/// What came of asking all workers.
pub enum Known {
    /// Partitions in order: more than one where records are not where their user's partition is.
    As(Vec<Holding>),
    Nowhere {
        partitions: Vec<i32>,
        /// Being restored, or stopped.
        unread: Vec<i32>,
        is_anonymous: bool,
    },
    /// A worker did not answer in time.
    Unsure,
}

impl LookUps {
    /// A worker begins, in the place of whoever had its number.
    pub fn join(&self, worker: usize) -> Receiver<Question> {
        let (ask, asked) = sync_channel(WAITING_MAX);
        self.workers.lock().expect("nothing panics while holding it").insert(worker, ask);
        asked
    }

    /// Asks all workers for a user.
    pub fn ask(&self, user: &str, within: Duration) -> Known {
        let until = Instant::now() + within;
        let (answers, answered) = channel();
        let mut is_sure = true;
        for ask in self.workers.lock().expect("nothing panics while holding it").values() {
            let question = Question { user: user.to_owned(), answers: answers.clone() };
            // A worker that has gone, or has too many waiting: its partitions are not asked.
            is_sure &= ask.try_send(question).is_ok();
        }
        drop(answers);
        let (mut all, mut holdings) = (Vec::new(), Vec::new());
        loop {
            match answered.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Answer { partition, next, found: Some(Found::User(subject)) }) => {
                    holdings.push(Holding { partition, next, subject });
                }
                Ok(answer) => all.push(answer),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    is_sure = false;
                    break;
                }
            }
        }
        holdings.sort_by_key(|holding| holding.partition);
        match (holdings.is_empty(), is_sure) {
            (false, _) => Known::As(holdings),
            (true, true) => nowhere(&all),
            (true, false) => Known::Unsure,
        }
    }
}

fn nowhere(answers: &[Answer]) -> Known {
    let numbers = |is_read: bool| {
        let mut numbers: Vec<i32> =
            answers.iter().filter(|answer| answer.found.is_some() == is_read).map(|answer| answer.partition).collect();
        numbers.sort_unstable();
        numbers
    };
    Known::Nowhere {
        partitions: numbers(true),
        unread: numbers(false),
        is_anonymous: answers.iter().any(|answer| matches!(answer.found, Some(Found::Anonymous))),
    }
}

impl Worker {
    /// Answers what was asked since the last turn.
    pub(super) fn answer_look_ups(&self) {
        for Question { user, answers } in self.look_ups.try_iter().take(WAITING_MAX) {
            for (&partition, held) in &self.partitions {
                let (next, found) = match &held.life {
                    Life::Reading(reading) if !reading.is_replaying() => {
                        (reading.now.next, Some(reading.stage.find_subject(&user)))
                    }
                    _ => (0, None),
                };
                // Whoever asked may have stopped waiting.
                let _ = answers.send(Answer { partition, next, found });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn said(known: &Known) -> String {
        match known {
            Known::As(holdings) => format!("{} holdings", holdings.len()),
            Known::Nowhere { partitions, unread, is_anonymous } => format!("{partitions:?} {unread:?} {is_anonymous}"),
            Known::Unsure => "unsure".into(),
        }
    }

    #[test]
    fn all_workers_are_asked() {
        let look_ups = LookUps::default();
        assert_eq!(said(&look_ups.ask("u1", SOON)), "[] [] false", "nobody is there to ask");
        let workers: Vec<_> = (0..2).map(|worker| look_ups.join(worker)).collect();
        let answering = std::thread::spawn(move || {
            for (worker, asked) in (0..).zip(&workers) {
                let Question { user, answers } = asked.recv().expect("a question");
                assert_eq!(user, "u1");
                for (partition, found) in [(worker, Some(Found::Anonymous)), (worker + 2, None)] {
                    answers.send(Answer { partition, next: 0, found }).expect("somebody waits");
                }
            }
        });
        let known = look_ups.ask("u1", Duration::from_secs(30));
        answering.join().expect("it answered");
        assert_eq!(said(&known), "[0, 1] [2, 3] true");
    }

    #[test]
    fn a_worker_that_does_not_answer_is_not_waited_for() {
        let look_ups = LookUps::default();
        let asked = look_ups.join(0);
        assert_eq!(said(&look_ups.ask("u1", SOON)), "unsure");
        drop(asked);
        assert_eq!(said(&look_ups.ask("u1", SOON)), "unsure", "it may come back");
        for _ in 0..2 {
            let _asked = look_ups.join(0);
            (0..WAITING_MAX + 1).for_each(|_| drop(look_ups.ask("u1", Duration::ZERO)));
        }
    }
}
