//! Quantities with their unit in the value: `"100ms"`, `"24h"`. It must not know any setting.

use std::fmt::Write as _;

const UNITS: &[(&str, i64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// A duration in milliseconds from a whole number and a unit.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let hint = "a duration is a whole number and a unit (ms, s, m, h, d, w), such as \"90s\"";
    if number.is_empty() {
        return Err(format!("`{text}` is no duration: {hint}"));
    }
    if unit.is_empty() {
        return Err(format!("`{text}` has no unit: {hint}"));
    }
    let factor =
        UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| format!("`{unit}` is no unit of time: {hint}"))?.1;
    let number: Option<i64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| format!("`{text}` is too long a time"))
}

/// The shortest way to write a duration that [`parse_duration`] reads back.
pub fn show_duration(millis: i64) -> String {
    let unit = UNITS.iter().rev().find(|(name, factor)| *name != "w" && millis != 0 && millis % factor == 0);
    let (name, factor) = unit.copied().unwrap_or(("s", 1_000));
    let mut text = String::new();
    write!(text, "{}{name}", millis / factor).expect("a String takes all that is written");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("100ms", 100), ("0s", 0), ("90s", 90_000), ("24h", 86_400_000), ("2w", 1_209_600_000)] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
        }
        for text in ["", "7", "d", "1.5h", "-1s", "1 h", "1H", "1sec", "99999999999999999999s", "9223372036854775807w"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shown_durations_read_back() {
        for millis in [0, 1, 100, 1_000, 90_000, 3_600_000, 86_400_000, 34_560_000_000] {
            assert_eq!(parse_duration(&show_duration(millis)), Ok(millis));
        }
        assert_eq!(show_duration(86_400_000), "1d");
    }
}
