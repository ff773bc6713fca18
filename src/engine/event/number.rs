//! Numbers from their decimal text, exactly: as whole millionths, as digits of an id, as a float. It knows nothing of
//! events.

use std::borrow::Cow;

/// The largest amount there is, in millionths: 9.2e12.
const MICROS_MAX: u128 = 9_200_000_000_000_000_000;

/// A number in whole millionths, rounded half to even from its decimal text. `None` when the text is no number, or one
/// beyond ±9.2e12. In a text spaces may stand around, and a sign, a point and an exponent may be there; nothing else.
pub fn micros(text: &str) -> Option<i64> {
    let decimal = Decimal::parse(text.trim_matches(' '))?;
    // So many digits stand before the point when the number is counted in millionths.
    let whole = decimal.point().saturating_add(6);
    let (mut sum, mut first_left_out, mut more_left_out) = (0u128, 0, false);
    for (at, digit) in (0i64..).zip(decimal.digits()) {
        if at < whole {
            sum = grow(sum, digit)?;
        } else if at == whole {
            first_left_out = digit;
        } else {
            more_left_out |= digit > 0;
        }
    }
    let mut missing = whole.saturating_sub(decimal.length());
    while missing > 0 && sum > 0 {
        sum = grow(sum, 0)?;
        missing -= 1;
    }
    if sum == MICROS_MAX && (first_left_out > 0 || more_left_out) {
        return None;
    }
    if first_left_out > 5 || first_left_out == 5 && (more_left_out || sum % 2 == 1) {
        sum += 1;
    }
    let sum = i64::try_from(sum).ok()?;
    Some(if decimal.negative { -sum } else { sum })
}

fn grow(sum: u128, digit: u8) -> Option<u128> {
    let sum = sum * 10 + u128::from(digit);
    (sum <= MICROS_MAX).then_some(sum)
}

/// The float nearest to a text that is a number by the rules of [`micros`]; `None` when none holds it.
pub fn double(text: &str) -> Option<f64> {
    let text = text.trim_matches(' ');
    Decimal::parse(text)?;
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A number as an id: an integral value has its exact digits, however it was written; another its text.
/// `None` when that would take more than `bytes_max`.
pub(super) fn as_id(text: &str, bytes_max: usize) -> Option<Cow<'_, str>> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return (text.len() <= bytes_max).then_some(Cow::Borrowed(text));
    }
    let as_written = || (text.len() <= bytes_max).then_some(Cow::Borrowed(text));
    let Some(decimal) = Decimal::parse(text) else { return as_written() };
    let leading = decimal.digits().take_while(|digit| *digit == 0).count();
    let Some(last) = decimal.digits().enumerate().filter(|(_, digit)| *digit > 0).map(|(at, _)| at).last() else {
        return Some(Cow::Borrowed("0"));
    };
    let point = decimal.point();
    if point <= last as i64 {
        return as_written();
    }
    let length = usize::try_from(point).ok()? - leading + usize::from(decimal.negative);
    if length > bytes_max {
        return None;
    }
    let mut id = String::with_capacity(length);
    if decimal.negative {
        id.push('-');
    }
    let significant = decimal.digits().skip(leading).take(last + 1 - leading);
    id.extend(significant.map(|digit| char::from(b'0' + digit)));
    id.extend(std::iter::repeat_n('0', length - id.len()));
    Some(Cow::Owned(id))
}

/// A decimal number in its parts.
#[derive(Debug, Clone, Copy)]
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, bytes) = sign(bytes);
        let (whole, rest) = leading_digits(bytes);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => leading_digits(rest),
            _ => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    fn digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.whole.iter().chain(self.fraction).map(|byte| byte - b'0')
    }
    fn length(&self) -> i64 {
        (self.whole.len() + self.fraction.len()) as i64
    }
    /// How many of the digits stand before the point; below 0 or above their number when zeros are to be thought.
    fn point(&self) -> i64 {
        self.exponent.saturating_add(self.whole.len() as i64)
    }
}

fn sign(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    }
}

fn leading_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Of any length; far beyond what matters it stops growing.
fn exponent(bytes: &[u8]) -> Option<i64> {
    const ENOUGH: i64 = i64::MAX / 4;
    let (negative, bytes) = sign(bytes);
    let (digits, []) = leading_digits(bytes) else { return None };
    if digits.is_empty() {
        return None;
    }
    let value =
        digits.iter().fold(0i64, |sum, byte| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')).min(ENOUGH));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_rounded_half_to_even() {
        for (text, expected) in [
            ("39.95", Some(39_950_000)),
            ("  -7 ", Some(-7_000_000)),
            ("+.5", Some(500_000)),
            ("5.", Some(5_000_000)),
            ("1e3", Some(1_000_000_000)),
            ("1E-6", Some(1)),
            ("0.0000005", Some(0)),
            ("0.00000050000000000000000000000000000001", Some(1)),
            ("0.0000015", Some(2)),
            ("0.0000025", Some(2)),
            ("-0.0000025", Some(-2)),
            ("0.0000035", Some(4)),
            ("5e-7", Some(0)),
            ("51e-8", Some(1)),
            ("1e-400", Some(0)),
            ("9e-99999999999999999999999", Some(0)),
            ("0e99999999999999999999999", Some(0)),
            ("9.2e12", Some(9_200_000_000_000_000_000)),
            ("-9200000000000", Some(-9_200_000_000_000_000_000)),
            ("9200000000000.0000001", None),
            ("9200000000000.000001", None),
            ("1e400", None),
            ("9e99999999999999999999999", None),
            ("", None),
            ("   ", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("1e", None),
            ("1e+", None),
            ("1 000", None),
            ("1,5", None),
            ("$5", None),
            ("\t5", None),
            ("0x10", None),
            ("NaN", None),
            ("inf", None),
            ("--1", None),
            ("1.2.3", None),
            ("٣", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_in_text_become_floats() {
        assert_eq!(double(" 39.95 "), Some(39.95));
        assert_eq!(double("5."), Some(5.0));
        assert_eq!(double("-.5e1"), Some(-5.0));
        assert_eq!(double("1.e2"), Some(100.0));
        for none in ["1e400", "inf", "nan", "infinity", "", "1_0", "0x1"] {
            assert_eq!(double(none), None, "{none}");
        }
    }

    #[test]
    fn ids_have_exact_digits() {
        for (text, id) in [
            ("7", "7"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1.50e1", "15"),
            ("10e-1", "1"),
            ("-12.0", "-12"),
            ("0.0", "0"),
            ("0e999999999999", "0"),
            ("18446744073709551616", "18446744073709551616"),
            ("18446744073709551616.000", "18446744073709551616"),
            ("123456789012345678901234567890e2", "12345678901234567890123456789000"),
            ("0.001e5", "100"),
            ("0.5", "0.5"),
            ("1.50", "1.50"),
            ("15e-1", "15e-1"),
            ("1e-400", "1e-400"),
        ] {
            assert_eq!(as_id(text, 512).as_deref(), Some(id), "{text}");
        }
        assert_eq!(as_id("1e400", 512).map(|id| id.len()), Some(401));
        assert_eq!(as_id("1e511", 512).map(|id| id.len()), Some(512));
        assert_eq!(as_id("-1e511", 512), None);
        assert_eq!(as_id("1e512", 512), None);
        assert_eq!(as_id("1e99999999999999999999", 512), None);
        assert_eq!(as_id(&"9".repeat(513), 512), None);
    }

    proptest::proptest! {
        #[test]
        fn amounts_agree_with_whole_arithmetic(whole in 0u64..9_000_000_000_000, micro in 0u32..1_000_000, zeros in 0usize..4) {
            let expected = whole as i64 * 1_000_000 + i64::from(micro);
            let text = format!("{whole}.{micro:06}{}", "0".repeat(zeros));
            proptest::prop_assert_eq!(micros(&text), Some(expected));
            let text = format!("-{whole}{micro:06}e-6");
            proptest::prop_assert_eq!(micros(&text), Some(-expected));
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[ +-]{0,2}[0-9]{0,3}[.]?[0-9]{0,9}([eE][+-]?[0-9]{0,20})?[ x]?") {
            let _ = (micros(&text), double(&text), as_id(&text, 512));
        }
    }
}
