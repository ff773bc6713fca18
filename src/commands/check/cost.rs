//! What a playbook costs: bytes per user, by signal.

use serde_json::{Value, json};

use crate::engine::playbook::cost::{Cost, costs};
use crate::engine::playbook::meant::Playbook;

pub fn show(playbook: &Playbook, file: &str) -> String {
    let costs = costs(playbook);
    let total = total(&costs);
    let width = costs.iter().map(|cost| cost.signal.len()).max().unwrap_or(0).max(6);
    let mut lines = format!("{file}: bytes per user, by signal\n");
    lines.push_str(&format!("  {:width$}  {:>9}  {:>9}\n", "signal", "typical", "worst"));
    for cost in &costs {
        let mark = if is_expensive(cost, &total) { "  ← most of it" } else { "" };
        lines.push_str(&format!("  {:width$}  {:>9}  {:>9}{mark}\n", cost.signal, cost.typical, cost.worst));
    }
    lines.push_str(&format!("  {:width$}  {:>9}  {:>9}\n\n", "all", total.typical, total.worst));
    lines
}

pub fn json(playbook: &Playbook, file: &str) -> Value {
    let costs = costs(playbook);
    let total = total(&costs);
    let signals =
        costs.iter().map(|cost| json!({ "signal": cost.signal, "typical": cost.typical, "worst": cost.worst }));
    json!({
        "file": file,
        "unit": "bytes per user",
        "typical": total.typical,
        "worst": total.worst,
        "signals": signals.collect::<Vec<_>>(),
    })
}

fn total(costs: &[Cost]) -> Cost {
    let sum = |of: fn(&Cost) -> u64| costs.iter().map(of).sum();
    Cost { signal: String::new(), typical: sum(|cost| cost.typical), worst: sum(|cost| cost.worst) }
}

fn is_expensive(cost: &Cost, total: &Cost) -> bool {
    cost.worst * 2 > total.worst && cost.worst > 100_000
}
