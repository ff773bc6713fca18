//! A number as written: its exact decimal text beside the nearest float, since points count in whole thousandths.

/// A TOML integer or float.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Decimal digits with sign, point and exponent as written, without `_`.
    text: String,
    pub float: f64,
}

impl Number {
    pub fn from_float(text: &str) -> Option<Self> {
        let float = text.parse::<f64>().ok()?;
        float.is_finite().then(|| Self { text: text.to_string(), float })
    }

    pub fn from_integer(digits: &str, radix: u32) -> Option<Self> {
        let value = i64::from_str_radix(digits, radix).ok()?;
        Some(Self { text: value.to_string(), float: value as f64 })
    }

    /// The whole number of `10^-places` it is, when it is one that fits.
    pub fn scaled(&self, places: u32) -> Option<i64> {
        let (mantissa, exponent) = match self.text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (self.text.as_str(), 0),
        };
        let negative = mantissa.starts_with('-');
        let digits = mantissa.trim_start_matches(['+', '-']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let joined = format!("{whole}{fraction}");
        let shift = exponent.checked_add(i64::from(places))?.checked_sub(fraction.len() as i64)?;
        let scaled = shifted(joined.trim_start_matches('0'), shift)?;
        Some(if negative { -scaled } else { scaled })
    }
}

/// The digits times `10^shift`, when that is whole and fits.
fn shifted(digits: &str, shift: i64) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    if shift < 0 {
        let cut = digits.len().checked_sub(usize::try_from(-shift).ok()?)?;
        let (kept, dropped) = digits.split_at(cut);
        return if dropped.bytes().all(|digit| digit == b'0') { shifted(kept, 0) } else { None };
    }
    if shift > 18 {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(10_i64.pow(shift as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_thousandths() {
        let scaled = |text: &str| Number::from_float(text).unwrap().scaled(3);
        assert_eq!(scaled("6"), Some(6000));
        assert_eq!(scaled("-0.125"), Some(-125));
        assert_eq!(scaled("0.1250"), Some(125));
        assert_eq!(scaled("0.1234"), None);
        assert_eq!(scaled("1.5e2"), Some(150_000));
        assert_eq!(scaled("1e-3"), Some(1));
        assert_eq!(scaled("1e-4"), None);
        assert_eq!(scaled("1e300"), None);
        assert_eq!(scaled("0e300"), Some(0));
        assert_eq!(scaled("+00.5"), Some(500));
        assert_eq!(Number::from_integer("1F", 16).unwrap().scaled(0), Some(31));
        assert_eq!(Number::from_float("inf"), None);
    }
}
