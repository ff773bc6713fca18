//! An explanation from the newest snapshots of a group. It knows nothing of how it is shown.

use std::sync::Arc;

use crate::commands::{ConfigArg, Exit, playbook, run};
use crate::engine::explain::said::{Explanation, ReadFrom};
use crate::engine::playbook::program::Program;
use crate::processor::peek::{Seen, look};
use crate::processor::playbook::editions;
use crate::telemetry::Log;

pub fn find(config: &ConfigArg, user: &str) -> Result<Explanation, Exit> {
    let settings = config.load()?;
    let _log = Log::start(&settings.log);
    let config = run::config(&settings);
    let path = &settings.run.playbook;
    let program = Arc::new(Program::compile(playbook::load(path)?));
    let editions = editions(program, playbook::text(path)?, &config);
    match look(config, editions, user).map_err(run::exit)? {
        Seen::At(found) => {
            let read_from = ReadFrom {
                partition: found.partition,
                next_offset: found.next,
                snapshot: Some(found.snapshot),
                also_in: Vec::new(),
            };
            Ok(Explanation { read_from: Some(read_from), ..found.subject.explain(false) })
        }
        Seen::Nowhere { is_anonymous: true, .. } => Err(Exit::No(super::unclaimed(user))),
        Seen::Nowhere { without, .. } => Err(Exit::No(nowhere(user, &without))),
    }
}

fn nowhere(user: &str, without: &[(i32, String)]) -> String {
    let without: Vec<String> =
        without.iter().map(|(partition, why)| format!("\n  partition {partition}: {why}")).collect();
    let rest = if without.is_empty() { String::new() } else { format!("; not looked into:{}", without.concat()) };
    format!("no newest snapshot holds a user {user}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_were_not_looked_into_are_named() {
        assert_eq!(nowhere("u1", &[]), "no newest snapshot holds a user u1");
        let said = nowhere("u1", &[(2, "no snapshot".into())]);
        assert_eq!(said, "no newest snapshot holds a user u1; not looked into:\n  partition 2: no snapshot");
    }
}
