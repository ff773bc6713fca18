//! Times as text: what parses, and the one form in which they are written. Knows nothing of events or clocks.

use crate::engine::Millis;

const DAY: Millis = 86_400_000;

/// `YYYY-M-D`, alone or with `T` or a space and `h:mm`, then maybe `:ss` with maybe a fraction (cut to milliseconds),
/// then maybe a zone: `Z`, `±hh`, `±hhmm`, `±hh:mm`. Nothing else.
pub fn parse(text: &str) -> Option<Millis> {
    let mut rest = Rest(text.as_bytes());
    let date = rest.date()?;
    if rest.is_done() {
        return Some(date);
    }
    rest.one_of(b"T ")?;
    let time = rest.time()?;
    let offset = rest.zone()?;
    rest.is_done().then_some(date + time - offset)
}

/// `2016-03-12T19:11:01.266Z`
pub fn format(time: Millis) -> String {
    let (year, month, day) = civil(time.div_euclid(DAY));
    let of_day = time.rem_euclid(DAY);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    if !(0..=9999).contains(&year) {
        return format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
    }
    // Every message has one, and the formatter takes as long as the rest of a short message.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let numbers = [(4, year), (7, month), (10, day), (13, hour), (16, minute), (19, second), (23, milli)];
    for (mut behind, mut number) in numbers {
        while number > 0 {
            behind -= 1;
            text[behind] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        set.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn digit(&mut self) -> Option<i64> {
        self.one_of(b"0123456789").map(|digit| i64::from(digit - b'0'))
    }

    /// From `least` to `most` digits, no further digit behind them.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let (mut value, mut length) = (0, 0);
        while length < most
            && let Some(digit) = self.digit()
        {
            value = value * 10 + digit;
            length += 1;
        }
        (length >= least).then_some(value)
    }

    fn date(&mut self) -> Option<Millis> {
        let year = self.number(4, 4)?;
        self.one_of(b"-")?;
        let month = self.number(1, 2)?;
        self.one_of(b"-")?;
        let day = self.number(1, 2)?;
        let is_date = year >= 1 && (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        is_date.then(|| days(year, month, day) * DAY)
    }

    fn time(&mut self) -> Option<Millis> {
        let hour = self.number(1, 2)?;
        self.one_of(b":")?;
        let minute = self.number(2, 2)?;
        let (mut second, mut milli) = (0, 0);
        if self.one_of(b":").is_some() {
            second = self.number(2, 2)?;
            if self.one_of(b".").is_some() {
                milli = self.fraction()?;
            }
        }
        let is_time = hour <= 23 && minute <= 59 && second <= 59;
        is_time.then_some(((hour * 60 + minute) * 60 + second) * 1000 + milli)
    }

    /// One digit or more; the milliseconds they say.
    fn fraction(&mut self) -> Option<Millis> {
        let mut milli = self.digit()? * 100;
        let mut weight = 10;
        while let Some(digit) = self.digit() {
            milli += digit * weight;
            weight /= 10;
        }
        Some(milli)
    }

    fn zone(&mut self) -> Option<Millis> {
        if self.is_done() || self.one_of(b"Z").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hour = self.number(2, 2)?;
        let minute = match self.one_of(b":") {
            Some(_) => self.number(2, 2)?,
            None if self.is_done() => 0,
            None => self.number(2, 2)?,
        };
        (hour <= 23 && minute <= 59).then_some(sign * (hour * 60 + minute) * 60_000)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day comes last, in cycles of 400 years.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

/// The other way round: year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parses() {
        let noon = 1_772_366_400_000; // 2026-03-01T12:00:00Z
        for (text, expected) in [
            ("2026-03-01T12:00:00.000Z", noon),
            ("2026-3-1 12:00", noon),
            ("2026-03-01T12:00:00.1239999Z", noon + 123),
            ("2026-03-01T12:00:00.5", noon + 500),
            ("2026-03-01T17:30:00+05:30", noon),
            ("2026-03-01T17:30+0530", noon),
            ("2026-03-01T07:00:00-05", noon),
            ("2026-03-01T12:00:00-00:00", noon),
            ("2026-03-02T11:59+23:59", noon),
            ("2026-03-01", noon - 43_200_000),
            ("2026-03-01T9:05Z", noon - 10_500_000),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0001-01-01", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        for text in [
            "",
            "2026",
            "2026-03",
            "26-03-01",
            "02026-03-01",
            "0000-01-01",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-03-00",
            "2026-003-01",
            "2026-03-01T",
            "2026-03-01 ",
            " 2026-03-01",
            "2026-03-01Z",
            "2026-03-01t12:00Z",
            "2026-03-01T12:00z",
            "2026-03-01  12:00",
            "2026-03-01T12",
            "2026-03-01T12:0",
            "2026-03-01T12:00:0",
            "2026-03-01T12:00:60Z",
            "2026-03-01T12:60Z",
            "2026-03-01T24:00Z",
            "2026-03-01T12:00:00,5Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00.5Z",
            "2026-03-01T12:00 Z",
            "2026-03-01T12:00+24:00",
            "2026-03-01T12:00+05:60",
            "2026-03-01T12:00+5",
            "2026-03-01T12:00+053",
            "2026-03-01T12:00+05:3",
            "2026-03-01T12:00+05:30:00",
            "2026-03-01T12:00−05:00",
            "2026-03-01T12:00ZZ",
            "1772366400000",
            "2026/03/01",
            "٢026-03-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_written_form() {
        assert_eq!(format(1_457_809_861_266), "2016-03-12T19:11:01.266Z");
        assert_eq!(format(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format(0), "1970-01-01T00:00:00.000Z");
        // Nobody's clock, but no reason to panic.
        assert!(format(i64::MAX).ends_with('Z') && format(i64::MIN).ends_with('Z'));
    }

    proptest::proptest! {
        #[test]
        fn each_time_is_read_as_it_was_written(time in -62_135_596_800_000i64..=253_402_300_799_999) {
            proptest::prop_assert_eq!(parse(&format(time)), Some(time));
        }

        #[test]
        fn agrees_with_jiff(time in -62_135_596_800_000i64..=253_402_300_799_999) {
            let theirs = jiff::Timestamp::from_millisecond(time).unwrap();
            proptest::prop_assert_eq!(format(time), format!("{theirs:.3}"));
        }

        #[test]
        fn nothing_panics(text in "[0-9]{0,5}[-/]?[0-9]{0,3}-?[0-9]{0,3}[T tZ]?[0-9:.,+Z -]{0,20}") {
            let _ = parse(&text);
        }
    }
}
