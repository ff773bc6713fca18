//! Durations (`"90m"`) and windows: a length with the bucket it is counted in.

use crate::engine::playbook::meant::{Millis, Window};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// The longest window.
pub const WINDOW_MAX: Millis = 400 * DAY;
/// The longest duration of any kind: far beyond use, far from overflow.
const DURATION_MAX: Millis = 100 * 366 * DAY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    pub length: Millis,
    pub unit: Unit,
}

/// A whole number and a unit; zero is read, and for the caller to refuse.
pub fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (unit, size) = match unit {
        "s" => (Unit::Second, SECOND),
        "m" => (Unit::Minute, MINUTE),
        "h" => (Unit::Hour, HOUR),
        "d" => (Unit::Day, DAY),
        "w" => (Unit::Week, 7 * DAY),
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let length = digits.parse::<Millis>().ok()?.checked_mul(size)?;
    (length <= DURATION_MAX).then_some(Duration { length, unit })
}

/// Why a text is no duration, and the fix where it is plain.
pub fn why_not(text: &str) -> (String, String) {
    let forms = "a whole number and one of s, m, h, d, w: \"90m\", \"7d\"".to_string();
    let lower = text.trim().to_lowercase().replace(' ', "");
    let at = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(at);
    let days = |times: u64| number.parse::<u64>().ok().and_then(|n| n.checked_mul(times)).map(|n| format!("\"{n}d\""));
    let message = format!("`{text}` is not a duration");
    let fix = match unit {
        _ if number.contains('.') => Some("a smaller unit, without fraction: \"90m\" for 1.5 hours".to_string()),
        "sec" | "secs" | "second" | "seconds" => Some(format!("\"{number}s\"")),
        "min" | "mins" | "minute" | "minutes" => Some(format!("\"{number}m\"")),
        "hour" | "hours" | "hr" | "hrs" => Some(format!("\"{number}h\"")),
        "day" | "days" => Some(format!("\"{number}d\"")),
        "week" | "weeks" => Some(format!("\"{number}w\"")),
        "month" | "months" | "mo" => days(30),
        "y" | "year" | "years" => days(365),
        "s" | "m" | "h" | "d" | "w" if !number.is_empty() && parse(&lower).is_some() => Some(format!("\"{lower}\"")),
        "s" | "m" | "h" | "d" | "w" if !number.is_empty() => {
            return (format!("`{text}` is too long"), "100 years is the most".into());
        }
        _ => None,
    };
    (message, fix.filter(|_| !number.is_empty()).map_or(forms, |fix| format!("use {fix}")))
}

impl Duration {
    /// One unit smaller than the one it is written in.
    pub fn bucket(self) -> Millis {
        match self.unit {
            Unit::Day | Unit::Week => HOUR,
            Unit::Hour => MINUTE,
            Unit::Minute | Unit::Second => SECOND,
        }
    }

    pub fn window(self) -> Window {
        Window { length: self.length, bucket: self.bucket() }
    }

    pub fn is_in_days(self) -> bool {
        matches!(self.unit, Unit::Day | Unit::Week)
    }
}

/// A length for people: the largest unit that divides it.
pub fn show(length: Millis) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    let (size, unit) = units.into_iter().find(|(size, _)| length % size == 0).unwrap_or((1, "ms"));
    format!("{}{unit}", length / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_buckets() {
        let window = |text: &str| parse(text).unwrap().window();
        assert_eq!(window("7d"), Window { length: 7 * DAY, bucket: HOUR });
        assert_eq!(window("2w"), Window { length: 14 * DAY, bucket: HOUR });
        assert_eq!(window("24h"), Window { length: DAY, bucket: MINUTE });
        assert_eq!(window("90m"), Window { length: 90 * MINUTE, bucket: SECOND });
        assert_eq!(window("5s"), Window { length: 5 * SECOND, bucket: SECOND });
        for bad in
            ["", "d", "7", "7 d", "1.5h", "-7d", "+7d", "7D", "1h30m", "7é", "99999999999999999999d", "9999999w", "٧d"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(show(14 * DAY), "14d");
        assert_eq!(show(90 * MINUTE), "90m");
    }

    #[test]
    fn slips_have_fixes() {
        let fix = |text: &str| why_not(text).1;
        assert_eq!(fix("7 days"), "use \"7d\"");
        assert_eq!(fix("3 months"), "use \"90d\"");
        assert_eq!(fix("1y"), "use \"365d\"");
        assert_eq!(fix("7D"), "use \"7d\"");
        assert!(fix("soon").starts_with("a whole number"));
    }
}
