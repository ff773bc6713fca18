//! A playbook compiled: what the engine runs. Made once, shared by all partitions, never changed.

use super::meant::Playbook;

#[derive(Debug)]
pub struct Program {
    pub playbook: Playbook,
}

impl Program {
    pub fn compile(playbook: Playbook) -> Self {
        Self { playbook }
    }
}
