//! Every kind of mistake in a playbook: what is underlined, what is said, what is advised.

use kairos::engine::playbook::mistake::{Mistake, Severity};
use kairos::engine::playbook::read;

/// A playbook with nothing wrong; each case adds to it or changes it.
const RIGHT: &str = r#"
[signals.bought]
event = "Order Completed"
value = "properties.revenue"
[signals.viewed]
on = "page"
where = 'path.startsWith("/pricing")'
[scores.buy]
half = 20
segments = { low = 0.0, high = 0.5 }
terms = [{ signal = "viewed", points = 5, lifespan = "30d" }]
[moments.ready]
when = 'segment.buy == "high" && bought.count("30d") == 0'
cooldown = "30d"
needs_history = "30d"
"#;

/// `severity[code] «underlined»: message (help)`, one line each.
fn shown(text: &str) -> String {
    let line = |mistake: &Mistake| {
        let severity = if mistake.severity() == Severity::Error { "error" } else { "warning" };
        let underlined = text[mistake.span.clone()].replace('\n', "⏎");
        let help = mistake.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{severity}[{}] «{underlined}»: {}{help}\n", mistake.code.as_str(), mistake.message)
    };
    read(text, "playbook.toml").mistakes.iter().map(line).collect()
}

#[test]
fn nothing_is_wrong_with_the_example() {
    assert_eq!(shown(RIGHT), "");
}

/// Each line of the table: what replaces what, and what is said then.
#[test]
fn every_kind_of_mistake_is_told() {
    let table = include_str!("mistakes.txt");
    let mut seen = String::new();
    let mut expected = String::new();
    for case in table.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (change, told) = case.trim_start().split_once('\n').unwrap_or((case, ""));
        let (from, to) = change.split_once(" => ").unwrap_or_else(|| panic!("no ` => ` in {change}"));
        assert_eq!(RIGHT.matches(from).count(), 1, "{from} must be in the playbook once");
        let told_now = shown(&RIGHT.replace(from, &to.replace("⏎", "\n")));
        seen.push_str(&format!("{change}\n{told_now}\n"));
        expected.push_str(&format!("{change}\n{}\n\n", told.trim_end()).replace("\n\n\n", "\n\n"));
    }
    if std::env::var_os("KAIROS_UPDATE").is_some() {
        std::fs::write("tests/mistakes.txt", seen).expect("the tests' folder can be written");
        return;
    }
    assert!(seen == expected, "tests/mistakes.txt is out of date: look at the difference after KAIROS_UPDATE=1");
}
