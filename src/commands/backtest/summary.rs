//! A report as text for a terminal.

use std::fmt::Write as _;

use super::outcome::{BySegment, Foretold, Outcome, Share};
use super::report::{Bill, MomentReport, Report, ScoreReport, SegmentReport, Silent};
use crate::engine::Millis;
use crate::engine::event::time;
use crate::engine::playbook::program::DAY;

/// Signs of the widest chart.
const WIDTH_MAX: usize = 60;

pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // A String takes all that is written.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let seconds = report.seconds.max(1e-9);
    writeln!(
        out,
        "{} records, {} events, {} users, {} profiles ({} MB)",
        report.records,
        report.events,
        report.users,
        report.profiles,
        report.profile_bytes / 1_000_000
    )?;
    let (rate, megabytes) = (report.records as f64 / seconds, report.bytes as f64 / seconds / 1e6);
    writeln!(out, "{:.1} s, {rate:.0} records/s, {megabytes:.0} MB/s", report.seconds)?;
    if let Some((first, last)) = report.span {
        writeln!(out, "from {} to {}", time::format(first), time::format(last))?;
    }
    for (count, what) in &report.notes {
        writeln!(out, "{count} {what}")?;
    }
    rejects(out, report)?;
    moments(out, &report.moments)?;
    bill(out, &report.bill)?;
    report.scores.iter().try_for_each(|score| score_text(out, score))?;
    silent(out, &report.silent)?;
    for (path, count) in &report.texts {
        writeln!(
            out,
            "\n{path} is compared as a number, but held a text {count} times; double() reads a text's number"
        )?;
    }
    if let Some(outcome) = &report.outcome {
        outcome_text(out, outcome, report)?;
    }
    if let Some(comparison) = &report.comparison {
        out.push_str(&comparison.text());
    }
    Ok(())
}

fn rejects(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.rejects.is_empty() {
        return Ok(());
    }
    let total: u64 = report.rejects.iter().map(|rejects| rejects.count).sum();
    writeln!(out, "\n{total} rejected")?;
    for rejects in &report.rejects {
        writeln!(out, "  {:>8}  {}", rejects.count, rejects.reason)?;
        rejects.places.iter().try_for_each(|place| writeln!(out, "            {place}"))?;
    }
    Ok(())
}

fn moments(out: &mut String, moments: &[MomentReport]) -> std::fmt::Result {
    let width = moments.iter().map(|m| m.name.len()).max().unwrap_or(0).max(6);
    writeln!(
        out,
        "\n{:width$}    fired    users  re-fired  first event → moment  time on  on at the end  per week",
        "moment"
    )?;
    for moment in moments {
        writeln!(
            out,
            "{:width$} {:>8} {:>8}  {:>8}  {:>20}  {:>7}  {:>13}  {}",
            moment.name,
            moment.fired,
            moment.users,
            moment.fired - moment.users,
            moment.median_wait.map_or("-".into(), days),
            moment.mean_on.map_or("-".into(), days),
            moment.on,
            sparkline(&moment.weeks)
        )?;
    }
    Ok(())
}

fn bill(out: &mut String, bill: &Bill) -> std::fmt::Result {
    writeln!(
        out,
        "\n{} identifies: {:.0} a day, {:.2} a user (at most {} of one); {} tracks, {} deletions",
        bill.identifies,
        bill.identifies_a_day,
        bill.identifies_a_user,
        bill.most_of_one_user,
        bill.tracks,
        bill.deletes
    )?;
    let Some((day, count)) = bill.busiest_day else { return Ok(()) };
    let day = &time::format(day)[..10];
    writeln!(out, "  by day {}  the busiest {day}: {count}", sparkline(&bill.identifies_by_day))
}

fn score_text(out: &mut String, score: &ScoreReport) -> std::fmt::Result {
    writeln!(out, "\n{}: where users stand at the end, from 0 to 1  {}", score.name, sparkline(&score.bars))?;
    let users = score.users();
    for segment in &score.segments {
        writeln!(
            out,
            "  {:12} from {:.2}: {:>8} users, {:>3.0}%;  for {:.0}%, {}",
            segment.name,
            segment.threshold,
            segment.users,
            percent(segment.users, users),
            100.0 * segment.fair_share,
            fair(segment)
        )?;
    }
    Ok(())
}

/// Where a segment of a pyramid would begin.
pub fn fair(segment: &SegmentReport) -> String {
    match segment.fair_threshold {
        Some(threshold) => format!("from {threshold:.2}"),
        None => "none: too many stand at 0".to_owned(),
    }
}

fn silent(out: &mut String, silent: &[Silent]) -> std::fmt::Result {
    if !silent.is_empty() {
        writeln!(out, "\nsignals that nothing matched")?;
    }
    for signal in silent {
        let one = signal.nearest.len() == 1;
        let near = signal.nearest.iter().map(|(event, near)| match one {
            true => format!("did you mean \"{near}\"?"),
            false => format!("for {event}, did you mean \"{near}\"?"),
        });
        let near: Vec<String> = near.collect();
        let why = if signal.is_sequence { "nobody came to its last step".into() } else { near.join(" ") };
        writeln!(out, "  {}{}{why}", signal.name, if why.is_empty() { "" } else { ": " })?;
    }
    Ok(())
}

fn outcome_text(out: &mut String, outcome: &Outcome, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "\noutcome: {} within {}, {} users had it (in brackets: 95% intervals)",
        outcome.name,
        days(outcome.within),
        outcome.users
    )?;
    let width = outcome.moments.iter().map(|foretold| foretold.name.len()).max().unwrap_or(0).max(6);
    let columns =
        ["moment", "firings", "hits", "precision", "recall", "base rate", "lift", "median lead", "open", "after"];
    foretold_row(out, width, &columns.map(str::to_owned))?;
    outcome.moments.iter().try_for_each(|foretold| foretold_row(out, width, &foretold_cells(foretold)))?;
    writeln!(
        out,
        "  firings: of each user the first; left out: open, whose horizon is not over, and after, which came later than the outcome"
    )?;
    writeln!(out, "  by segment on {}, a horizon before the end", time::format(outcome.at))?;
    for (score, segment, BySegment { users, outcomes }) in report.by_segment(outcome) {
        let rate = percent(*outcomes, *users);
        writeln!(out, "    {score} {segment:12} {users:>8} users, {outcomes:>8} with the outcome, {rate:.1}%")?;
    }
    Ok(())
}

fn foretold_row(out: &mut String, width: usize, cells: &[String; 10]) -> std::fmt::Result {
    let [name, firings, hits, precision, recall, base, lift, lead, open, after] = cells;
    writeln!(
        out,
        "  {name:width$} {firings:>8} {hits:>6}  {precision:>13}  {recall:>13}  {base:>9}  {lift:>14}  {lead:>11}  {open:>6} {after:>6}"
    )
}

/// Name, firings, hits, precision, recall, base rate, lift, median lead, open, after.
pub fn foretold_cells(foretold: &Foretold) -> [String; 10] {
    let none = || "-".to_owned();
    let percents =
        |share: Share| format!("{:.0}% ({:.0}-{:.0}%)", 100.0 * share.value, 100.0 * share.low, 100.0 * share.high);
    let times = |share: Share| format!("{:.1} ({:.1}-{:.1})", share.value, share.low, share.high);
    [
        foretold.name.clone(),
        foretold.firings.to_string(),
        foretold.hits.to_string(),
        foretold.precision().map_or_else(none, percents),
        foretold.recall().map_or_else(none, percents),
        if foretold.firings > 0 { format!("{:.1}%", 100.0 * foretold.base_rate) } else { none() },
        foretold.lift().map_or_else(none, times),
        foretold.median_lead.map_or_else(none, days),
        foretold.open.to_string(),
        foretold.after.to_string(),
    ]
}

pub fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

pub fn days(length: Millis) -> String {
    if length.abs() < DAY {
        format!("{:.1} h", length as f64 / 3_600_000.0)
    } else {
        format!("{:.1} d", length as f64 / DAY as f64)
    }
}

/// A small chart, the highest sign for the most. Of more values than fit, neighbours are added up.
pub fn sparkline(values: &[u64]) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<u64> =
        values.chunks(values.len().div_ceil(WIDTH_MAX).max(1)).map(|some| some.iter().sum()).collect();
    let most = values.iter().max().copied().unwrap_or(0).max(1);
    values.iter().map(|n| if *n == 0 { '·' } else { SIGNS[((n * 7).div_ceil(most)) as usize] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_reaches_the_top_once() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), "·▂▅█");
        assert_eq!(sparkline(&[1; 600]).chars().count(), WIDTH_MAX);
        assert_eq!(sparkline(&[]), "");
    }
}
