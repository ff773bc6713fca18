//! A report as one page that needs nothing else: figures, tables and charts. Everything that comes from outside is
//! escaped.

use std::fmt::Write as _;

use super::outcome::{BySegment, Outcome};
use super::report::{MomentReport, Report, ScoreReport};
use super::summary::{days, fair, foretold_cells, percent};
use crate::engine::event::time;
use crate::engine::playbook::program::DAY;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#223}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:right;padding:.25rem .6rem;border-bottom:1px solid #dde}th:first-child,td:first-child{text-align:left}\
th{font-weight:600;color:#556}svg{display:block;width:100%;height:7rem;margin:.4rem 0 1rem}rect{fill:#3a6ea5}\
rect:hover{fill:#d9822b}.note{color:#667}code{background:#f2f3f7;padding:.1rem .3rem}pre{background:#f2f3f7;padding:1rem;overflow-x:auto}\
@media(prefers-color-scheme:dark){body{background:#16181d;color:#d8dbe2}th,.note{color:#99a}th,td{border-color:#333843}code,pre{background:#22252c}}";

pub fn page(report: &Report, playbook: &str) -> String {
    let mut out = String::new();
    // A String takes all that is written.
    let _ = write(&mut out, report, playbook);
    out
}

fn write(out: &mut String, report: &Report, playbook: &str) -> std::fmt::Result {
    let title = format!("Backtest of {}", escape(playbook));
    write!(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>")?;
    writeln!(out, "<h1>{title}</h1><p>{} records, {} events, {} users", report.records, report.events, report.users)?;
    if let Some((first, last)) = report.span {
        write!(out, ", from {} to {}", time::format(first), time::format(last))?;
    }
    writeln!(out, ".</p>")?;
    report.notes.iter().try_for_each(|(count, what)| writeln!(out, "<p class=\"note\">{count} {what}</p>"))?;
    rejects(out, report)?;
    moments(out, report)?;
    bill(out, report)?;
    report.scores.iter().try_for_each(|score| score_part(out, score))?;
    silent(out, report)?;
    if let Some(outcome) = &report.outcome {
        outcome_part(out, outcome, report)?;
    }
    if let Some(comparison) = &report.comparison {
        writeln!(out, "<h2>Against the other playbook</h2><pre>{}</pre>", escape(comparison.text().trim()))?;
    }
    writeln!(out, "</body></html>")
}

fn rejects(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.rejects.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Rejected</h2>{}", head(&["reason", "records", "the first places"]))?;
    for rejects in &report.rejects {
        let places: Vec<String> = rejects.places.iter().map(|place| escape(place)).collect();
        row(out, &[rejects.reason.to_owned(), rejects.count.to_string(), places.join("<br>")])?;
    }
    writeln!(out, "</table>")
}

fn moments(out: &mut String, report: &Report) -> std::fmt::Result {
    let columns =
        ["moment", "fired", "users", "re-fired", "first event → moment, median", "time on, mean", "on at the end"];
    writeln!(out, "<h2>Moments</h2>{}", head(&columns))?;
    for moment in &report.moments {
        let MomentReport { name, fired, users, on, .. } = moment;
        let wait = moment.median_wait.map_or("-".into(), days);
        let length = moment.mean_on.map_or("-".into(), days);
        let cells = [fired.to_string(), users.to_string(), (fired - users).to_string(), wait, length, on.to_string()];
        row(out, &[&[escape(name)][..], &cells[..]].concat())?;
    }
    writeln!(out, "</table>")?;
    let start = report.span.map_or(0, |(first, _)| first);
    for moment in report.moments.iter().filter(|moment| moment.fired > 0) {
        writeln!(out, "<h3>{} per week</h3>", escape(&moment.name))?;
        chart(out, &moment.weeks, &|week| format!("week of {}", date(start + week as i64 * 7 * DAY)))?;
    }
    Ok(())
}

fn bill(out: &mut String, report: &Report) -> std::fmt::Result {
    let bill = &report.bill;
    writeln!(
        out,
        "<h2>Messages</h2><p>{} identifies: {:.0} a day, {:.2} a user, at most {} of one; {} tracks; {} deletions.</p>",
        bill.identifies,
        bill.identifies_a_day,
        bill.identifies_a_user,
        bill.most_of_one_user,
        bill.tracks,
        bill.deletes
    )?;
    if !bill.identifies_by_day.is_empty() {
        writeln!(out, "<h3>Identifies per day</h3>")?;
        chart(out, &bill.identifies_by_day, &|day| format!("day {}", day + 1))?;
    }
    Ok(())
}

fn score_part(out: &mut String, score: &ScoreReport) -> std::fmt::Result {
    writeln!(out, "<h2>{}</h2><p>Where users stand at the end, from 0 to 1.</p>", escape(&score.name))?;
    let bars = score.bars.len();
    chart(out, &score.bars, &|bar| {
        format!("{:.2} to {:.2}", bar as f64 / bars as f64, (bar + 1) as f64 / bars as f64)
    })?;
    writeln!(out, "{}", head(&["segment", "from", "users", "share", "share of a pyramid", "which starts"]))?;
    let users = score.users();
    for segment in &score.segments {
        row(
            out,
            &[
                escape(&segment.name),
                format!("{:.2}", segment.threshold),
                segment.users.to_string(),
                format!("{:.0}%", percent(segment.users, users)),
                format!("{:.0}%", 100.0 * segment.fair_share),
                fair(segment),
            ],
        )?;
    }
    writeln!(out, "</table>")
}

fn silent(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.silent.is_empty() && report.texts.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Worth a look</h2><ul>")?;
    for signal in &report.silent {
        write!(out, "<li>Nothing matched <code>{}</code>", escape(&signal.name))?;
        for (event, near) in &signal.nearest {
            let event = if signal.nearest.len() == 1 { String::new() } else { format!("for {}, ", escape(event)) };
            write!(out, "; {event}did you mean <code>{}</code>?", escape(near))?;
        }
        writeln!(out, "</li>")?;
    }
    for (path, count) in &report.texts {
        writeln!(out, "<li><code>{}</code> is compared as a number, but held a text {count} times</li>", escape(path))?;
    }
    writeln!(out, "</ul>")
}

fn outcome_part(out: &mut String, outcome: &Outcome, report: &Report) -> std::fmt::Result {
    let (name, within) = (escape(&outcome.name), days(outcome.within));
    writeln!(out, "<h2>Outcome: {name} within {within}</h2><p>{} users had it.</p>", outcome.users)?;
    let columns = [
        "moment",
        "first firings",
        "hits",
        "precision (95%)",
        "recall (95%)",
        "base rate",
        "lift (95%)",
        "median lead",
        "left out: horizon not over",
        "left out: after the outcome",
    ];
    writeln!(out, "{}", head(&columns))?;
    for foretold in &outcome.moments {
        row(out, &foretold_cells(foretold).map(|cell| escape(&cell)))?;
    }
    writeln!(out, "</table><h3>By segment on {}</h3>", time::format(outcome.at))?;
    writeln!(out, "{}", head(&["score and segment", "users", "with the outcome", "rate"]))?;
    for (score, segment, BySegment { users, outcomes }) in report.by_segment(outcome) {
        let name = escape(&format!("{score} {segment}"));
        let rate = format!("{:.1}%", percent(*outcomes, *users));
        row(out, &[name, users.to_string(), outcomes.to_string(), rate])?;
    }
    writeln!(out, "</table>")
}

/// Bars, each with what it stands for when pointed at.
fn chart(out: &mut String, values: &[u64], label: &dyn Fn(usize) -> String) -> std::fmt::Result {
    let most = values.iter().max().copied().unwrap_or(0).max(1) as f64;
    let width = 1_000.0 / values.len().max(1) as f64;
    write!(out, "<svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" role=\"img\">")?;
    for (i, value) in values.iter().enumerate() {
        let height = 100.0 * *value as f64 / most;
        let (x, y, width) = (i as f64 * width, 100.0 - height, width * 0.9);
        write!(out, "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\">")?;
        write!(out, "<title>{}: {value}</title></rect>", escape(&label(i)))?;
    }
    let (first, last) = (label(0), label(values.len().saturating_sub(1)));
    let most = values.iter().max().copied().unwrap_or(0);
    writeln!(out, "</svg><p class=\"note\">{} … {}; the highest bar is {most}</p>", escape(&first), escape(&last))
}

fn head(columns: &[&str]) -> String {
    let cells: String = columns.iter().map(|column| format!("<th>{column}</th>")).collect();
    format!("<table><tr>{cells}</tr>")
}

/// Cells are markup already.
fn row(out: &mut String, cells: &[String]) -> std::fmt::Result {
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    writeln!(out, "<tr>{cells}</tr>")
}

fn date(at: i64) -> String {
    time::format(at)[..10].to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn a_chart_has_a_bar_for_each_value() {
        let mut out = String::new();
        chart(&mut out, &[0, 2, 4], &|i| format!("<{i}>")).unwrap();
        assert_eq!(out.matches("<rect").count(), 3);
        assert!(out.contains("height=\"50.00\"") && out.contains("&lt;2&gt;: 4"), "{out}");
    }
}
