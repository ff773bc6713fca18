//! What a simulated world is given: chance, time, playbooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::engine::Millis;
use crate::engine::playbook::program::Program;
use crate::processor::Clock;

pub const START: Millis = 1_772_409_600_000;
pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60_000;
pub const HOUR: Millis = 60 * MINUTE;

pub const PLAYBOOK: &str = r#"
[signals.came]
on = "page"
[scores.heat]
half = 3
segments = { cold = 0.0, hot = 0.5 }
terms = [{ signal = "came", points = 2, lifespan = "2h", label = "came" }]
[moments.busy]
when = 'came.count("10m") >= 2'
trait = true
ended = true
[moments.quiet]
when = 'came.silent("1h")'
"#;

/// The same cells, other moments.
pub fn changed_playbook() -> String {
    PLAYBOOK.replace(">= 2", ">= 1").replace("points = 2", "points = 1")
}

/// Numbers that look random and are the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 2) as i64 % limit
    }

    pub fn one_in(&mut self, of: i64) -> bool {
        self.below(of) == 0
    }
}

pub struct Time {
    pub wall: AtomicI64,
}

impl Clock for Time {
    fn wall(&self) -> Millis {
        self.wall.load(Ordering::Relaxed)
    }
    fn elapsed(&self) -> Millis {
        self.wall() - START
    }
}

pub fn program(text: &str) -> Arc<Program> {
    let read = crate::engine::playbook::read(text, "playbook.toml");
    Arc::new(Program::compile(read.playbook.expect("it has no mistakes")))
}
