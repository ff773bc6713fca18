//! One census after another, each in small steps between batches. It must not know what is counted.

use std::time::{Duration, Instant};

use super::stage::Stage;
use crate::engine::census::Census;

/// Places of the table at a step: about two milliseconds.
const STEP: u32 = 10_000;
const EVERY: Duration = Duration::from_secs(15);

#[derive(Default)]
pub struct Rounds {
    /// Where to go on, while one is under way.
    at: Option<u32>,
    began: Option<Instant>,
    counting: Census,
}

impl Rounds {
    /// Counts on. The whole, once the last step of a round is done.
    pub fn step(&mut self, stage: &dyn Stage) -> Option<&Census> {
        if self.at.is_none() && self.began.is_some_and(|began| began.elapsed() < EVERY) {
            return None;
        }
        let from = self.at.unwrap_or_else(|| {
            self.began = Some(Instant::now());
            0
        });
        self.at = stage.census(from, STEP, &mut self.counting);
        self.at.is_none().then_some(&self.counting)
    }

    /// The next step begins a round.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}
