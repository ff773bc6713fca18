//! `kairos snapshot inspect`: what a snapshot holds, profile by profile, and what takes the bytes. It reads it as a
//! restart does, under the playbook that wrote it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Partitions, named};
use crate::commands::{Exit, print, run};
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::{Cell, Program};
use crate::engine::playbook::{self};
use crate::engine::{Engine, Options, Parts};
use crate::processor::survey::Survey;
use crate::storage::{Contents, SnapshotId};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    partitions: Partitions,
    /// This one, as `ls` names it [default: of each partition the newest that its committed position names]
    #[arg(value_name = "SNAPSHOT")]
    id: Option<SnapshotId>,
    /// Only this user's profile, piece by piece
    #[arg(long, value_name = "ID")]
    user: Option<String>,
}

pub fn run(survey: &Survey, args: &Args) -> Result<(), Exit> {
    let named = named(survey).map_err(run::exit)?;
    let mut looked = 0;
    for partition in args.partitions.of(survey)? {
        let id = match &args.id {
            Some(id) => survey
                .snapshots(partition)
                .map_err(run::exit)?
                .into_iter()
                .map(|stored| stored.id)
                .find(|stored| stored == id),
            None => named[partition as usize].first().cloned(),
        };
        let Some(id) = id else { continue };
        looked += 1;
        let engine = load(survey, partition, &id)?;
        let parts = engine.parts(args.user.as_deref());
        if args.user.is_none() || parts.users > 0 {
            print(&told(partition, &id, &engine, &parts))?;
            continue;
        }
        print(&format!("partition {partition}, snapshot {id}: does not know this user\n"))?;
    }
    if looked == 0 {
        return Err(Exit::No("there is no such snapshot; `kairos snapshot ls` lists those there are".to_owned()));
    }
    Ok(())
}

/// The state that it and all it rests on come to.
fn load(survey: &Survey, partition: i32, id: &SnapshotId) -> Result<Engine, Exit> {
    let unusable = |why: &dyn std::fmt::Display| {
        Exit::No(format!("snapshot {id} of partition {partition}: {why}; `kairos snapshot verify` says more"))
    };
    let chain = survey.chain(partition, id).map_err(run::exit)?.map_err(|damage| unusable(&damage))?;
    let program = Arc::new(Program::compile(playbook_of(survey, &chain)?));
    let config = &survey.config;
    let options = Options {
        partition,
        partitions: survey.partitions,
        partitioner: config.partitioner,
        unwrap: config.unwrap.clone(),
        placeholders: config.placeholders.clone(),
        dedupe_window: config.dedupe_window,
    };
    let mut engine = Engine::new(program, options);
    for block in chain.iter().flat_map(|contents| &contents.blocks) {
        engine.load(block).map_err(|damage| unusable(&damage))?;
    }
    Ok(engine)
}

fn playbook_of(survey: &Survey, chain: &[Contents]) -> Result<Playbook, Exit> {
    let fingerprint = chain.last().map(|newest| newest.header.fingerprint.as_str()).unwrap_or_default();
    let text = survey.playbook(fingerprint).map_err(run::exit)?;
    let playbook = text.and_then(|text| playbook::read(&text, "the playbook of the snapshot").playbook);
    playbook.ok_or_else(|| {
        Exit::No(format!("the text of the playbook {fingerprint}, which says what its bytes mean, is not beside it"))
    })
}

fn told(partition: i32, id: &SnapshotId, engine: &Engine, parts: &Parts) -> String {
    let mut rows: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    rows.insert("ids".to_owned(), (parts.users + parts.anonymous, parts.id_bytes));
    for (cell, (profiles, bytes)) in engine.program().cells.iter().zip(&parts.cells).filter(|(_, of)| of.0 > 0) {
        let row = rows.entry(name(cell, &engine.program().playbook)).or_default();
        *row = (row.0.max(*profiles), row.1 + bytes);
    }
    let all: u64 = rows.values().map(|(_, bytes)| bytes).sum();
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    let mut text = format!(
        "partition {partition}, snapshot {id}: {} users, {} anonymous profiles, {all} bytes\n",
        parts.users, parts.anonymous
    );
    for (name, (profiles, bytes)) in rows {
        writeln!(text, "  {bytes:>12} bytes  in {profiles:>9} profiles  {name}")
            .expect("a String takes all that is written");
    }
    text
}

fn name(cell: &Cell, playbook: &Playbook) -> String {
    let signal = |signal: &usize, what: &str| format!("signal {}: {what}", playbook.signals[*signal].name);
    match cell {
        Cell::First => "first event".to_owned(),
        Cell::Messages => "messages sent so far".to_owned(),
        Cell::Seen => "message ids, to know repeats".to_owned(),
        Cell::Account => "account".to_owned(),
        Cell::Kept(path) => format!("{}.{}", format!("{:?}", path.root).to_lowercase(), path.keys.join(".")),
        Cell::Present(root, key) => format!("{}.{key}, whether it is there", format!("{root:?}").to_lowercase()),
        Cell::Basic(of) => signal(of, "how often ever, and when last"),
        Cell::Last(of) => signal(of, "latest value"),
        Cell::Count(of, _) => signal(of, "counts over time"),
        Cell::Values(of, _) => signal(of, "values over time"),
        Cell::Days(of, _) => signal(of, "days"),
        Cell::Distinct(of) => signal(of, "distinct values"),
        Cell::Streak { signal: of, .. } => signal(of, "streak"),
        Cell::Starts(of) => signal(of, "starts of its steps"),
        Cell::Score(of) => format!("score {}", playbook.scores[*of].name),
        Cell::Moment(of) => format!("moment {}", playbook.moments[*of].name),
        Cell::Sent => "what was sent last".to_owned(),
        Cell::Known => "what the last evaluation found".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Input, Record};

    const PLAYBOOK: &str = r#"
[signals.seen]
event = "Seen"
[scores.interest]
half = 10
segments = { low = 0.0, high = 0.5 }
terms = [{ signal = "seen", points = 5, lifespan = "7d", label = "seen" }]
[traits]
plan = "traits.plan"
"#;

    fn engine() -> Engine {
        let playbook = playbook::read(PLAYBOOK, "here").playbook.expect("a good playbook");
        let mut engine = Engine::new(Arc::new(Program::compile(playbook)), Options::default());
        let events = [
            r#"{"type":"track","event":"Seen","userId":"u1","messageId":"m1"}"#,
            r#"{"type":"identify","userId":"u2","traits":{"plan":"trial"}}"#,
            r#"{"type":"track","event":"Seen","anonymousId":"a1"}"#,
        ];
        for (offset, value) in (0..).zip(events) {
            let record = Record { offset, time: 1_000, key: None, value: Some(value.as_bytes()) };
            let _sends_nothing = engine.step(Input::Record(record), usize::MAX, &mut Vec::new());
        }
        engine
    }

    #[test]
    fn profiles_and_their_bytes_are_told_by_what_they_are() {
        let (engine, id) = (engine(), "0000000000000000007-0123456789abcdef".parse().unwrap());
        let text = told(3, &id, &engine, &engine.parts(None));
        assert!(text.contains("2 users, 1 anonymous profiles"), "{text}");
        assert!(text.contains("in         2 profiles  signal seen: counts over time"), "{text}");
        let one = told(3, &id, &engine, &engine.parts(Some("u2")));
        assert!(one.contains("1 users, 0 anonymous") && one.contains("traits.plan"), "{one}");
        assert!(!one.contains("signal seen: counts"), "{one}");
        assert_eq!(engine.parts(Some("nobody")).users, 0);
    }
}
