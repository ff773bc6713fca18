//! Random inputs of a partition: lists of picks, which shrink, told as records and marks.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::Input;
use crate::model::time::{self, DAY, HOUR, MINUTE, SECOND};

/// Numbers that choose one input: what, who, when, details, and how it is wrapped.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    what: u8,
    who: u8,
    step: u8,
    detail: u8,
    more: u8,
    wrap: u8,
}

pub fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let pick = (0..48u8, 0..5u8, 0..12u8, 0..8u8, 0..10u8, 0..16u8)
        .prop_map(|(what, who, step, detail, more, wrap)| Pick { what, who, step, detail, more, wrap });
    vec(pick, 1..40)
}

const STEPS: [i64; 12] =
    [0, 700, 20 * SECOND, MINUTE, 59_999, 7 * MINUTE, HOUR, HOUR - 1, 5 * HOUR, DAY, -10 * MINUTE, 3 * DAY];

pub fn inputs(picks: &[Pick]) -> Vec<Input> {
    let mut clock = 1_772_409_600_000 + 9 * HOUR;
    // The clock of the partition is not past this.
    let mut latest = clock;
    let mut all = Vec::new();
    let mut rest = picks;
    while let Some((pick, after)) = rest.split_first() {
        rest = after;
        clock += STEPS[usize::from(pick.step)];
        latest = latest.max(clock);
        let offset = all.len() as i64;
        let record = |time: i64, value: String| Input::Record { offset, time, value: Some(value.into_bytes()) };
        let some = i64::from(pick.detail);
        all.push(match pick.what {
            // While idle the clock goes on; there is none before the first record.
            0 if all.iter().any(|input| matches!(input, Input::Record { .. })) => Input::Clock(clock),
            // Later than the clock, as it always is; often a whole minute.
            1 => {
                let until = latest + 1 + some * 25 * MINUTE;
                let whole = (until + MINUTE - 1).div_euclid(MINUTE) * MINUTE;
                Input::HoldBack { until: if pick.wrap < 8 { whole } else { until }, resumed: pick.more > 4 }
            }
            2 => Input::Horizon(clock + (some - 2) * HOUR),
            // Far ahead of the others, which are not: the clock does not come back.
            3 => {
                let ahead = clock + some * 2 * HOUR;
                latest = latest.max(ahead);
                record(ahead, message(*pick, clock))
            }
            4 => wrong(*pick).map_or(Input::Record { offset, time: clock, value: None }, |text| record(clock, text)),
            5.. if pick.wrap < 3 => {
                let items = 1 + rest.iter().take(usize::from(pick.detail % 4)).take_while(|pick| pick.what > 4).count();
                let (batch, after) = picks[picks.len() - rest.len() - 1..].split_at(items);
                rest = after;
                record(clock, envelope(batch, clock))
            }
            _ => record(clock, message(*pick, clock)),
        });
    }
    all
}

/// A batch, a bare array, or a batch with a context around it and something bad in it.
fn envelope(picks: &[Pick], clock: i64) -> String {
    let items: Vec<String> = picks.iter().map(|pick| message(*pick, clock)).collect();
    let items = items.join(",");
    match picks[0].wrap {
        0 => format!("[{items}]"),
        1 => format!("{{\"batch\":[{items}]}}"),
        _ => format!(
            "{{\"batch\":[7,{items},{{\"batch\":[]}}],\"context\":{{\"app\":\"out\",\"active\":true,\"groupId\":\"g1\"}},\"userId\":\"u9\"}}"
        ),
    }
}

/// What can't be used, or does nothing; `None`: a record without a value.
fn wrong(pick: Pick) -> Option<String> {
    let all = [
        "{\"type\":7}",
        "nonsense",
        "\"text\"",
        "{\"type\":\"page\",\"userId\":\"null\"}",
        "{\"type\":\"track\",\"userId\":\"u1\"}",
        "{\"type\":\"page\",\"userId\":\"u1\",\"context\":{\"library\":{\"name\":\"kairos\"}}}",
        "{\"type\":\"group\",\"groupId\":\"g1\"}",
        "[]",
    ];
    let long = || format!("{{\"type\":\"page\",\"userId\":\"{}\"}}", "x".repeat(513));
    match pick.more {
        0 => None,
        1 => Some(long()),
        _ => Some(all[usize::from(pick.detail)].to_owned()),
    }
}

fn ids(pick: Pick) -> String {
    let Pick { who, detail, more, .. } = pick;
    let user = match who {
        // One person in three spellings.
        4 => ["7", "7.0", "\"7\"", "70e-1"][usize::from(detail % 4)].to_owned(),
        _ => format!("\"u{who}\""),
    };
    match more {
        0 | 1 => format!("\"anonymousId\":\"a{}\"", who % 3),
        2 => format!("\"userId\":{user},\"anonymousId\":\"a{}\"", detail % 3),
        3 => format!("\"userId\":\"Undefined\",\"anonymousId\":\"a{}\"", who % 3),
        _ => format!("\"userId\":{user},\"anonymousId\":null"),
    }
}

fn message(pick: Pick, clock: i64) -> String {
    let Pick { what, detail, more, wrap, .. } = pick;
    let (nth, late) = (usize::from(detail), clock - i64::from(detail) * 17 * MINUTE);
    let time = match more {
        0 | 3 | 6 => format!(",\"timestamp\":\"{}\"", time::format(late)),
        // Later than the record.
        9 => format!(",\"timestamp\":\"{}\"", time::format(clock + DAY)),
        _ => String::new(),
    };
    let repeat = if more == 5 || wrap == 15 { format!(",\"messageId\":\"m{}\"", detail % 2) } else { String::new() };
    // Any call may name its group.
    let group_id = match what {
        35..=38 => String::new(),
        _ if wrap % 4 == 1 => format!(",\"groupId\":\"g{}\"", detail % 2 + 1),
        _ => String::new(),
    };
    let amount = ["1", "2.5", "\"7.25\"", "null", "\"x\"", "12", "0.000001", "\"3e0\""][nth];
    let properties = format!(
        "\"amount\":{amount},\"item\":{},\"tags\":[\"pro\",{}],\"yes\":{},\"n\":{detail},\"deep\":{{\"a b\":{{\"c\":{detail}}}}}",
        ["0", "1", "1.0", "\"1\"", "true", "2", "[1]", "null"][nth],
        ["1", "-3", "\"2.5\"", "null", "7", "2", "0.5", "{}"][nth],
        ["true", "false", "null", "\"true\"", "1", "true", "false", "true"][nth],
    );
    let rest = match what {
        ..=17 => format!("\"type\":\"track\",\"event\":\"Order-Completed\",\"properties\":{{{properties}}}"),
        18..=24 => format!(
            "\"type\":\"{}\",\"name\":{},\"properties\":{{\"name\":\"N{detail}\",\"url\":\"https://k.example/a/{detail}?b\"}},\"context\":{{\"app\":{amount},\"place\":{{\"city\":\"c{}\"}},\"page\":{{\"path\":{}}}}}",
            ["page", "screen", "Page"][nth % 3],
            ["null", "\"Home\""][nth % 2],
            detail % 3,
            ["\"/a\"", "null"][usize::from(detail / 4)],
        ),
        25..=34 => format!("\"type\":\"identify\",\"traits\":{{{}}}", traits(detail, wrap)),
        35..=38 => group(detail, wrap),
        39..=42 => {
            format!("\"type\":\"alias\",\"previousId\":\"{}{}\"", ["u", "a"][nth % 2], detail / 2)
        }
        43 | 44 => "\"type\":\"delete\"".to_owned(),
        _ => format!(
            "\"type\":\"Track\",\"event\":\"Other\",\"category\":\"u1\",\"context\":{{\"traits\":{{\"title\":\"T{detail}\"}}}}"
        ),
    };
    format!("{{{}{group_id}{time}{repeat},{rest}}}", ids(pick))
}

fn traits(detail: u8, wrap: u8) -> &'static str {
    let all = [
        "\"number\":1,\"flag\":true",
        "\"number\":3,\"title\":\"CTO\",\"list\":[\"p\",2,1772450000]",
        "\"title\":null,\"flag\":\"true\"",
        "\"email\":\"a@gmail.com\",\"nested\":{\"deep\":1.50}",
        "\"email\":\"a@b.example\",\"other\":\"o\",\"a b\":\"CTO\"",
        "\"title\":1.50,\"nested\":{\"other\":1}",
        "\"number\":null,\"company\":{\"id\":\"g2\"},\"flag\":false",
        "\"at\":\"2026-03-03T10:00:00Z\",\"long\":\"1h\"",
        "\"at\":1772450000,\"email\":null",
        "\"number\":1772449200500,\"title\":\"pro\"",
        "\"list\":[],\"nested\":null,\"at\":1772449200.0015",
        "\"email\":\"@b.example\",\"long\":\"26h\",\"number\":\"2.5\"",
    ];
    all[usize::from(detail) + usize::from(wrap % 2) * 4]
}

fn group(detail: u8, wrap: u8) -> String {
    let place =
        ["\"groupId\":\"g1\",", "\"groupId\":\"g2\",", "\"groupId\":2,", "", "\"context\":{\"groupId\":\"g1\"},"]
            [usize::from(wrap % 5)];
    let traits = [
        "\"plan\":\"pro\"",
        "\"plan\":\"free\",\"seats\":7",
        "\"plan\":null",
        "\"seats\":\"2.5\"",
        "\"until\":\"2026-03-04\"",
        "\"seats\":2.50,\"plan\":\"pro\"",
        "\"plan\":{\"a\":1}",
        "\"until\":1772600000",
    ][usize::from(detail)];
    format!("\"type\":\"group\",{place}\"traits\":{{{traits}}}")
}
