//! `kairos state`: how a group stands, partition by partition, whoever runs it. It joins nothing and changes nothing.

use std::fmt::Write as _;

use serde::Serialize;

use super::{ConfigArg, Exit, print, run};
use crate::engine::Millis;
use crate::processor::members::Holder;
use crate::processor::position::Position;
use crate::processor::survey::{Stored, Survey};
use crate::telemetry::Log;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct State {
    group: String,
    topic: String,
    members: usize,
    partitions: Vec<Partition>,
}

/// Times are milliseconds since 1970.
#[derive(Serialize, Default)]
struct Partition {
    partition: i32,
    log_start: i64,
    log_end: i64,
    /// The committed offset; null: nothing was ever committed.
    position: Option<i64>,
    /// Why the committed offset is not a position of Kairos.
    foreign: Option<String>,
    lag: Option<i64>,
    clock_ms: Option<Millis>,
    /// The last user done of a minute whose messages did not fit one transaction.
    in_the_middle_of_a_minute: bool,
    hold_back_until_ms: Option<Millis>,
    marks: Option<u64>,
    committed_at_ms: Option<Millis>,
    playbook: Option<String>,
    revision: Option<u64>,
    snapshots: Vec<Snapshot>,
    owner: Option<String>,
}

#[derive(Serialize)]
struct Snapshot {
    id: String,
    bytes: u64,
    written_at_ms: Option<Millis>,
    /// The committed position rests on it.
    named: bool,
}

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    Log::start(&settings.log);
    let state = look(run::config(&settings)).map_err(run::exit)?;
    if args.json {
        let text = serde_json::to_string_pretty(&state).expect("only texts and numbers");
        return print(&(text + "\n"));
    }
    print(&told(&state))
}

fn look(config: crate::processor::Config) -> Result<State, crate::processor::Fault> {
    let survey = Survey::open(config)?;
    let (holders, committed) = (survey.holders()?, survey.committed()?);
    let mut partitions = Vec::new();
    for (number, committed) in (0..survey.partitions).zip(committed) {
        let (log_start, log_end) = survey.ends(number)?;
        let mut partition = Partition { partition: number, log_start, log_end, ..Partition::default() };
        partition.owner = holders.iter().find(|holder| holder.partitions.contains(&number)).map(Holder::to_string);
        let mut snapshots = Vec::new();
        if let Some((offset, metadata)) = committed {
            partition.position = Some(offset);
            partition.lag = Some((log_end - offset).max(0));
            match Position::decode(offset, &metadata) {
                Ok(position) => {
                    snapshots.clone_from(&position.snapshots);
                    partition.take(position);
                }
                Err(foreign) => partition.foreign = Some(foreign.to_string()),
            }
        }
        let snapshot = |stored: Stored| Snapshot {
            id: stored.id.to_string(),
            bytes: stored.bytes,
            written_at_ms: stored.position().map(|position| position.wall),
            named: snapshots.contains(&stored.id),
        };
        partition.snapshots = survey.snapshots(number)?.into_iter().map(snapshot).collect();
        partitions.push(partition);
    }
    let (group, topic) = (survey.config.group.clone(), survey.config.raw_topic.clone());
    Ok(State { group, topic, members: holders.len(), partitions })
}

impl Partition {
    fn take(&mut self, position: Position) {
        self.clock_ms = position.clock;
        self.in_the_middle_of_a_minute = position.cursor.is_some();
        self.hold_back_until_ms = position.hold_back;
        self.marks = Some(position.marks);
        self.committed_at_ms = Some(position.wall);
        self.playbook = Some(position.fingerprint);
        self.revision = Some(position.revision);
    }
}

fn told(state: &State) -> String {
    let mut rows =
        vec![["partition", "position", "lag", "clock", "marks", "newest snapshot", "owner"].map(str::to_owned)];
    rows.extend(state.partitions.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = format!(
        "group {}, topic {}: {} partitions, {} members\n",
        state.group,
        state.topic,
        state.partitions.len(),
        state.members
    );
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    for partition in &state.partitions {
        let snapshots = &partition.snapshots;
        if let Some(foreign) = &partition.foreign {
            writeln!(text, "partition {}: not a position of Kairos: {foreign}", partition.partition)
                .expect("a String takes all that is written");
        }
        let unnamed = snapshots.iter().filter(|snapshot| !snapshot.named).count();
        if partition.position.is_none() && unnamed > 0 {
            writeln!(text, "partition {}: {unnamed} snapshots and no committed position", partition.partition)
                .expect("a String takes all that is written");
        }
    }
    text
}

fn row(partition: &Partition) -> [String; 7] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let newest = partition.snapshots.iter().rfind(|snapshot| snapshot.named);
    let snapshot = newest.map(|snapshot| match snapshot.written_at_ms {
        Some(at) => format!("{} ({})", snapshot.id, time(at)),
        None => snapshot.id.clone(),
    });
    [
        partition.partition.to_string(),
        partition.position.map_or_else(|| "none".to_owned(), |position| position.to_string()),
        or_dash(partition.lag.map(|lag| lag.to_string())),
        or_dash(partition.clock_ms.map(time)),
        or_dash(partition.marks.map(|marks| marks.to_string())),
        or_dash(snapshot),
        or_dash(partition.owner.clone()),
    ]
}

/// A time for people.
pub fn time(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_what_is_wrong_below_it() {
        let snapshot = Snapshot { id: "7-ab".into(), bytes: 10, written_at_ms: Some(0), named: false };
        let well = Partition { position: Some(90), lag: Some(10), clock_ms: Some(0), ..Partition::default() };
        let foreign = Partition {
            partition: 1,
            position: Some(5),
            foreign: Some("committed by something else".into()),
            ..Partition::default()
        };
        let lost = Partition { partition: 2, snapshots: vec![snapshot], ..Partition::default() };
        let state = State { group: "g".into(), topic: "raw".into(), members: 0, partitions: vec![well, foreign, lost] };
        let text = told(&state);
        assert!(text.contains("0          90        10   1970-01-01T00:00:00Z  -"), "{text}");
        assert!(text.contains("partition 1: not a position of Kairos: committed by something else"), "{text}");
        assert!(text.contains("partition 2: 1 snapshots and no committed position"), "{text}");
    }
}
