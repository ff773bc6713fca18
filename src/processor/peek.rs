//! A user as the newest snapshots hold them, looked at from outside: it joins nothing, replays nothing and changes
//! nothing. It must not know what is to be told of the user.

use std::sync::Arc;

use super::position::Position;
use super::restore::{Sources, edition_of};
use super::snapshots::{StoreOrDamage, read_chain};
use super::stage::{Editions, Stage};
use super::survey::{Stored, Survey};
use super::{Config, Fault};
use crate::engine::explain::{Found, Subject};
use crate::engine::partition::of_key;
use crate::storage::SnapshotId;

/// Where a user was found.
pub struct Sighting {
    pub partition: i32,
    pub next: i64,
    pub snapshot: String,
    pub subject: Box<Subject>,
}

/// What came of looking into every partition.
pub enum Seen {
    At(Sighting),
    Nowhere {
        /// Those without a snapshot that could be looked into, and why not.
        without: Vec<(i32, String)>,
        is_anonymous: bool,
    },
}

/// Looks first where the user's key belongs, then everywhere, for records may lie elsewhere.
pub fn look(config: Config, editions: Arc<Editions>, user: &str) -> Result<Seen, Fault> {
    let survey = Survey::open(config)?;
    let sources = survey.sources(editions);
    let likely = of_key(survey.config.partitioner, user.as_bytes(), survey.partitions);
    let others = (0..survey.partitions).filter(|partition| *partition != likely);
    let (mut without, mut is_anonymous) = (Vec::new(), false);
    for partition in std::iter::once(likely).chain(others) {
        let (next, snapshot, stage) = match newest(&survey, &sources, partition)? {
            Ok(state) => state,
            Err(why) => {
                without.push((partition, why));
                continue;
            }
        };
        match stage.find_subject(user) {
            Found::User(subject) => {
                return Ok(Seen::At(Sighting { partition, next, snapshot: snapshot.to_string(), subject }));
            }
            Found::Anonymous => is_anonymous = true,
            Found::Nobody => {}
        }
    }
    without.sort();
    Ok(Seen::Nowhere { without, is_anonymous })
}

type State = (i64, SnapshotId, Box<dyn Stage>);

/// The state of the newest snapshot that reads, under the playbook it was written under; or why there is none.
fn newest(survey: &Survey, sources: &Sources, partition: i32) -> Result<Result<State, String>, Fault> {
    let mut why = "no snapshot".to_owned();
    for stored in survey.snapshots(partition)?.iter().rev() {
        match load(survey, sources, partition, stored) {
            Ok(state) => return Ok(Ok(state)),
            Err(Unusable::Fault(fault)) => return Err(fault),
            Err(Unusable::Damaged(cause)) => why = format!("{}: {cause}", stored.id),
        }
    }
    Ok(Err(why))
}

enum Unusable {
    Fault(Fault),
    Damaged(String),
}

fn load(survey: &Survey, sources: &Sources, partition: i32, stored: &Stored) -> Result<State, Unusable> {
    let damaged = |cause: String| Unusable::Damaged(cause);
    let position: Position = stored.position().ok_or_else(|| damaged("its header does not read".into()))?;
    let chain = read_chain(&survey.store, partition, &stored.id).map_err(|error| match error {
        StoreOrDamage::Store(error) => Unusable::Fault(error.into()),
        StoreOrDamage::Damage(cause) => Unusable::Damaged(cause.to_string()),
    })?;
    let now = sources.editions.current();
    let mut stage = (edition_of(sources, &position, &now).make)(partition, survey.partitions);
    for block in chain.into_iter().flat_map(|contents| contents.blocks) {
        stage.load(&block).map_err(|damage| damaged(damage.to_string()))?;
    }
    stage.finish_load(&position.fingerprint);
    Ok((position.next, stored.id.clone(), stage))
}
