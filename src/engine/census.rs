//! How users are spread over the segments and values of the scores: counted now and then, some profiles at a time, from
//! what profiles remember of their last evaluation. No event pays for it. It must not know who asks.

use super::playbook::program::Program;
use super::profile::body;
use super::profile::outbox::ScoreState;
use super::state::Engine;
use super::table::{Kind, ProfileId};

/// The distribution's upper bounds, in hundredths: scores lie between 0 and 1.
pub const BOUNDS: [u32; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/// Users of a partition, as far as they have been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    pub scores: Vec<Spread>,
}

/// The users of one score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    pub score: String,
    /// Name, and users whose last evaluation fell there; lowest threshold first.
    pub segments: Vec<(String, u64)>,
    /// Users by the score last sent, up to each of [`BOUNDS`]; empty for a score that is not published.
    pub values: Vec<u64>,
}

impl Census {
    fn of(program: &Program) -> Self {
        let scores = program.playbook.scores.iter().map(|score| Spread {
            score: score.name.clone(),
            segments: score.segments.iter().map(|segment| (segment.name.clone(), 0)).collect(),
            values: if score.publish_score { vec![0; BOUNDS.len()] } else { Vec::new() },
        });
        Self { scores: scores.collect() }
    }
}

impl Spread {
    fn add(&mut self, state: ScoreState) {
        if let Some((_, users)) = state.segment.and_then(|segment| self.segments.get_mut(usize::from(segment))) {
            *users += 1;
        }
        if let Some(hundredths) = state.sent {
            let part = BOUNDS.partition_point(|bound| *bound < hundredths);
            if let Some(users) = self.values.get_mut(part) {
                *users += 1;
            }
        }
    }
}

impl Engine {
    /// Counts on, over at most so many places of the table. `from` 0 begins anew; where to go on, `None` at the end.
    pub fn census(&self, from: ProfileId, places: u32, census: &mut Census) -> Option<ProfileId> {
        if from == 0 {
            *census = Census::of(&self.program);
        }
        let until = from.saturating_add(places).min(self.table.end());
        let users = (from..until).filter_map(|at| self.table.get(at)).filter(|profile| profile.kind == Kind::User);
        for profile in users {
            for (spread, cell) in census.scores.iter_mut().zip(&self.program.score_cells) {
                spread.add(ScoreState::read(body::payload(&profile.packed, *cell)));
            }
        }
        (until < self.table.end()).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_part_below_it() {
        let mut spread = Spread { score: "s".into(), segments: vec![("low".into(), 0)], values: vec![0; 10] };
        for hundredths in [0, 10, 11, 99, 100] {
            spread.add(ScoreState { segment: Some(0), sent: Some(hundredths) });
        }
        spread.add(ScoreState { segment: None, sent: None });
        assert_eq!(spread.segments[0].1, 5);
        assert_eq!(spread.values, [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
