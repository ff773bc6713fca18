//! The shipped playbook, compiled in: what demo runs, and what `kairos init` can start people with.

use std::sync::Arc;

use crate::engine::playbook::{self, program::Program};

pub const TEXT: &str = include_str!("../../../playbooks/b2b-saas.toml");

pub fn program() -> Arc<Program> {
    let reading = playbook::read(TEXT, "playbooks/b2b-saas.toml");
    Arc::new(Program::compile(reading.playbook.expect("a test reads the shipped playbook: it has no mistakes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_playbook_has_no_mistakes_and_no_warnings() {
        let reading = playbook::read(TEXT, "b2b-saas.toml");
        assert!(reading.mistakes.is_empty(), "{:#?}", reading.mistakes);
        let moments: Vec<String> = reading.playbook.unwrap().moments.into_iter().map(|moment| moment.name).collect();
        assert_eq!(moments, ["new_qualified_lead", "ready_to_buy", "upsell_opportunity", "at_risk"]);
    }
}
