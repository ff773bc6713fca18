//! The first thing a live partition does: a hold-back, where one is due. It must not know what was restored, or how.

use super::{Reading, Shared};
use crate::engine::Mark;
use crate::processor::batch::Batch;

impl Reading {
    pub fn begin_live(&mut self, shared: &Shared, batch: &mut Batch) {
        self.moved |= self.committed.is_none();
        self.hold_back_due = self.due_hold_back(shared);
        self.hold_back(shared, batch);
    }

    fn due_hold_back(&self, shared: &Shared) -> Option<Mark> {
        let config = &shared.config;
        let hold_back = config.hold_back?;
        let wall = shared.clock.wall();
        if self.committed.is_none() {
            let until = config.hold_back_until.unwrap_or(wall - hold_back);
            return Some(Mark::HoldBack { until, resumed: false });
        }
        let until = wall - hold_back;
        let is_past_the_present_one = self.stage.clock() > self.now.hold_back;
        (self.now.wall < until && is_past_the_present_one).then_some(Mark::HoldBack { until, resumed: true })
    }

    /// Notes the hold-back that is due. A minute that was begun before ends as it began: a mark could not say after which
    /// user it came.
    pub(super) fn hold_back(&mut self, shared: &Shared, batch: &mut Batch) {
        let Some(mark) = self.hold_back_due.take_if(|_| self.ticking.is_none()) else { return };
        if std::mem::take(&mut self.clock_ahead) {
            self.mark_clock(self.now.next, shared, batch);
        }
        self.mark(mark, self.now.next, shared, batch);
    }
}
