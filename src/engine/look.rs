//! Looking at profiles without changing them, for those who explain and sum up. It knows nothing of how they came about.

use std::sync::Arc;

use super::Engine;
use super::evaluate::Evaluator;
use super::event::Reader;
use super::profile::body::Body;
use super::score::ScoreNow;
use super::table::Kind;

impl Engine {
    /// What reads this engine's records ahead.
    pub fn reader(&self) -> Arc<Reader> {
        self.reader.clone()
    }

    /// A user's profile, opened apart, for those who explain.
    pub fn find_user(&self, user: &str) -> Option<Body> {
        let at = self.table.find(Kind::User, user)?;
        let mut body = Body::new(self.program.cells.len());
        body.open(&self.table.profile(at).packed);
        Some(body)
    }

    /// A user as they stand at the clock: what is remembered, and the scores worked out from it. Changes nothing.
    pub fn standing(&self, user: &str) -> Option<(Body, Vec<ScoreNow>)> {
        let (clock, mut body) = (self.clock?, self.find_user(user)?);
        let scores = Evaluator::scores_of(&mut body, &self.program, clock);
        Some((body, scores))
    }

    /// Shows every user as they stand at the clock, in no order that means anything.
    pub fn each_user(&self, mut show: impl FnMut(&str, &Body, &[ScoreNow])) {
        let Some(clock) = self.clock else { return };
        let mut body = Body::new(self.program.cells.len());
        for at in 0..self.table.end() {
            if let Some(profile) = self.table.get(at).filter(|profile| profile.kind == Kind::User) {
                body.open(&profile.packed);
                let scores = Evaluator::scores_of(&mut body, &self.program, clock);
                show(&profile.id, &body, &scores);
            }
        }
    }

    /// What each kind of thing takes: of one user, or of all profiles. How many profiles there are (of users, and
    /// anonymous ones), and for each cell of the program how many of them have it, with how many bytes.
    pub fn parts(&self, user: Option<&str>) -> Parts {
        let mut parts = Parts { cells: vec![(0, 0); self.program.cells.len()], ..Parts::default() };
        let mut body = Body::new(self.program.cells.len());
        let one = user.map(|user| self.table.find(Kind::User, user));
        let range = one.map_or(0..self.table.end(), |found| found.map_or(0..0, |at| at..at + 1));
        for profile in range.filter_map(|at| self.table.get(at)) {
            match profile.kind {
                Kind::User => parts.users += 1,
                Kind::Anonymous => parts.anonymous += 1,
            }
            parts.id_bytes += profile.id.len() as u64;
            body.open(&profile.packed);
            for (id, (profiles, bytes)) in (0..).zip(&mut parts.cells) {
                if let Some(cell) = body.get(id) {
                    *profiles += 1;
                    *bytes += cell.len() as u64;
                }
            }
        }
        parts
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub users: u64,
    pub anonymous: u64,
    pub id_bytes: u64,
    pub cells: Vec<(u64, u64)>,
}
