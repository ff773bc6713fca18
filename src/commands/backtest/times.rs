//! The time that a record of history has. It knows nothing of what is done with it.

use super::lane::Taken;
use crate::commands::Exit;
use crate::engine::Millis;
use crate::engine::event::time;
use crate::engine::playbook::program::DAY;
use crate::processor::{Clock as _, SystemClock};

/// A step of record time that is more likely a mistake than history.
const JUMP_MAX: Millis = 400 * DAY;

/// What a record's time may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Of files: no jump of more than 400 days, unless allowed.
    Lines { allow_jumps: bool },
    /// Of a topic: nothing far ahead of the wall clock.
    Topic,
}

pub struct Times {
    pub rules: Rules,
    /// First and last so far.
    pub span: Option<(Millis, Millis)>,
}

impl Times {
    /// The record's own time, else the clock.
    pub fn of(&mut self, taken: &Taken<'_>, clock: Option<Millis>) -> Result<Millis, Exit> {
        let at = taken.entry.time.or(clock).unwrap_or_else(wall);
        let is_strict = self.rules == Rules::Lines { allow_jumps: false };
        if let Some(clock) = clock.filter(|clock| is_strict && at - clock > JUMP_MAX) {
            return Err(Exit::No(format!(
                "{}:{}: time jumps by {} days, from {} to {}: mend the line, or go on with --allow-jumps",
                taken.input,
                taken.entry.number,
                (at - clock) / DAY,
                time::format(clock),
                time::format(at),
            )));
        }
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        Ok(at)
    }
}

pub fn wall() -> Millis {
    SystemClock::default().wall()
}
