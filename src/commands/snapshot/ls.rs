//! `kairos snapshot ls`: a line for each file, oldest first.

use std::fmt::Write as _;

use super::named;
use crate::commands::{Exit, print, run, state};
use crate::processor::survey::{Stored, Survey};
use crate::storage::SnapshotId;

pub fn run(survey: &Survey, partitions: &[i32]) -> Result<(), Exit> {
    let named = named(survey).map_err(run::exit)?;
    for partition in partitions {
        let stored = survey.snapshots(*partition).map_err(run::exit)?;
        print(&table(*partition, &stored, &named[*partition as usize]))?;
    }
    Ok(())
}

fn table(partition: i32, stored: &[Stored], named: &[SnapshotId]) -> String {
    let bytes: u64 = stored.iter().map(|stored| stored.bytes).sum();
    let mut text = format!("partition {partition}: {} snapshots, {bytes} bytes\n", stored.len());
    for stored in stored {
        let mark = if named.contains(&stored.id) { "named" } else { "-" };
        writeln!(text, "  {}  {:>12}  {mark:5}  {}", stored.id, stored.bytes, what(stored))
            .expect("a String takes all that is written");
    }
    for gone in named.iter().filter(|id| stored.iter().all(|stored| stored.id != **id)) {
        writeln!(text, "  {gone}  the committed position names it, and it is not there")
            .expect("a String takes all that is written");
    }
    text
}

fn what(stored: &Stored) -> String {
    let header = match &stored.header {
        Ok(header) => header,
        Err(error) => return error.to_string(),
    };
    let written = stored.position().map_or_else(|| "time unknown".to_owned(), |at| state::time(at.wall));
    let format = stored.format.unwrap_or_default();
    let playbook = header.fingerprint.get(..12).unwrap_or(&header.fingerprint);
    let rests = header.parent.as_ref().map_or_else(|| "whole".to_owned(), |parent| format!("on top of {parent}"));
    format!("{written}  format {format}  playbook {playbook}  {rests}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Header, Unreadable};

    #[test]
    fn each_file_has_its_line_and_what_is_named_and_gone_too() {
        let id = |offset: i64| format!("{offset:019}-0123456789abcdef").parse::<SnapshotId>().unwrap();
        let position = "kairos/1;o=0;m=0;w=1000".to_owned();
        let fingerprint = "ab".repeat(32);
        let header = Header { partition: 1, offset: 7, position, fingerprint, parent: Some(id(5)) };
        let whole = Stored { id: id(7), bytes: 10, format: Some(1), header: Ok(header) };
        let newer = Stored { id: id(8), bytes: 11, format: Some(9), header: Err(Unreadable::Newer(9)) };
        let text = table(1, &[whole, newer], &[id(7), id(9)]);
        assert!(text.starts_with("partition 1: 2 snapshots, 21 bytes\n"), "{text}");
        assert!(
            text.contains(
                "named  1970-01-01T00:00:01Z  format 1  playbook abababababab  on top of 0000000000000000005-"
            ),
            "{text}"
        );
        assert!(text.contains("its format is version 9, newer"), "{text}");
        assert!(text.contains("9-0123456789abcdef  the committed position names it"), "{text}");
    }
}
