//! Decimal numbers taken exactly from their text, and one exact division. It knows nothing of what they count.

/// ± digits × 10^exponent. Zero has no digits; else the first and the last digit are not 0.
#[derive(Debug, Clone)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Signals, table, `s.sum`: a text that is a number has spaces around, a sign, ASCII digits with at most one point,
    /// an exponent; nothing else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim_matches(' ');
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, whole(exponent)?),
            None => (text, 0),
        };
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{before}{after}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0');
        let short = digits.trim_end_matches('0');
        let exponent = exponent - after.len() as i64 + (digits.len() - short.len()) as i64;
        Some(Decimal { negative, digits: short.to_owned(), exponent })
    }

    /// The value × 10^places as a whole number, rounded half to even. `None` where it is far beyond any use.
    pub fn scaled(&self, places: i64) -> Option<i128> {
        let shift = self.exponent.saturating_add(places);
        let magnitude = if self.digits.is_empty() {
            0
        } else if shift >= 0 {
            if self.digits.len() as i64 + shift > 36 {
                return None;
            }
            format!("{}{}", self.digits, "0".repeat(shift as usize)).parse().expect("up to 36 digits")
        } else {
            self.cut(shift.unsigned_abs() as usize)?
        };
        Some(if self.negative { -magnitude } else { magnitude })
    }

    fn cut(&self, places: usize) -> Option<i128> {
        if places > self.digits.len() {
            return Some(0);
        }
        let (kept, lost) = self.digits.split_at(self.digits.len() - places);
        let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        let half = format!("5{}", "0".repeat(places - 1));
        let up = lost > half.as_str() || lost == half && kept % 2 == 1;
        Some(kept + i128::from(up))
    }

    /// Digits of an integral value, exact (wire.md, table: `1.0`, `1e3`). Values with far too many digits are cut short,
    /// still too long for an id.
    pub fn integral(&self) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let zeros = usize::try_from(self.exponent).ok()?.min(600);
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{}{}", self.digits, "0".repeat(zeros)))
    }
}

fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000_000);
    Some(if text.starts_with('-') { -size } else { size })
}

/// A text that is a number, as a 64-bit float (Expressions: numbers in text: as for `value`).
pub fn text_to_f64(text: &str) -> Option<f64> {
    Decimal::parse(text)?;
    text.trim_matches(' ').parse::<f64>().ok()
}

/// `n / d`, rounded once to the nearest 64-bit float.
pub fn divide(n: i128, d: i128) -> f64 {
    assert!(d > 0, "a count or a number of buckets");
    let (mut whole, mut rest) = (n.unsigned_abs() / d.unsigned_abs(), n.unsigned_abs() % d.unsigned_abs());
    let d = d.unsigned_abs();
    let mut halvings = 0;
    // Two bits more than a float holds: the lowest says only whether anything was left.
    while whole < 1 << 54 && halvings < 1000 && (whole, rest) != (0, 0) {
        rest *= 2;
        whole = whole * 2 + rest / d;
        rest %= d;
        halvings += 1;
    }
    let float = (whole | u128::from(rest > 0)) as f64 / 2f64.powi(halvings);
    if n < 0 { -float } else { float }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_round_half_to_even() {
        let millionths = |text| Decimal::parse(text).and_then(|d| d.scaled(6));
        assert_eq!(millionths("39.95"), Some(39_950_000));
        assert_eq!(millionths(" +0.0000005 "), Some(0));
        assert_eq!(millionths("0.0000015"), Some(2));
        assert_eq!(millionths("-0.00000250000001"), Some(-3));
        assert_eq!(millionths("1e-7"), Some(0));
        assert_eq!(millionths(".5e1"), Some(5_000_000));
        assert_eq!(millionths("5."), Some(5_000_000));
        assert_eq!(millionths("1e400"), None);
        for bad in ["", " ", ".", "1,5", "1 2", "e5", "1e", "0x1", "\t1", "∞", "--1", "1.2.3", "1e1.5"] {
            assert!(Decimal::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn whole_numbers_keep_their_digits() {
        let id = |text| Decimal::parse(text).and_then(|d| d.integral());
        assert_eq!(id("18446744073709551616").as_deref(), Some("18446744073709551616"));
        assert_eq!(id("1.0").as_deref(), Some("1"));
        assert_eq!(id("1e3").as_deref(), Some("1000"));
        assert_eq!(id("-10e-1").as_deref(), Some("-1"));
        assert_eq!(id("1.5"), None);
        assert_eq!(id("1e9999999999").map(|id| id.len()), Some(601));
    }

    #[test]
    fn division_rounds_once() {
        for (n, d) in [(1, 3), (-2, 3), (10, 4), (0, 7), (123_456_789, 1_000_000)] {
            assert_eq!(divide(n, d), n as f64 / d as f64);
        }
        // 2^53 + 1 halved: rounding the dividend first would lose the last bit.
        assert_eq!(divide((1 << 53) + 1, 2), 4_503_599_627_370_496.5);
    }
}
