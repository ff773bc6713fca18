//! Times and durations in text (playbook.md, Time and Windows). Milliseconds since the Unix epoch throughout.

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A duration as written, with the bucket it is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub length: i64,
    pub bucket: i64,
}

impl Span {
    /// Windows: a whole number and a unit; the bucket is one unit smaller.
    pub fn parse(text: &str) -> Option<Span> {
        let unit = text.chars().next_back()?;
        let (unit_length, bucket) = match unit {
            's' => (SECOND, SECOND),
            'm' => (MINUTE, SECOND),
            'h' => (HOUR, MINUTE),
            'd' => (DAY, HOUR),
            'w' => (7 * DAY, HOUR),
            _ => return None,
        };
        let number = &text[..text.len() - 1];
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Span { length: number.parse::<i64>().ok()?.checked_mul(unit_length)?, bucket })
    }
}

/// Time: "What parses", nothing else does.
pub fn parse(text: &str) -> Option<i64> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let year = scan.digits(4, 4)?;
    scan.take(b'-')?;
    let month = scan.digits(1, 2)?;
    scan.take(b'-')?;
    let day = scan.digits(1, 2)?;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    let midnight = days_before(year, month, day) * DAY;
    if scan.over() {
        return Some(midnight);
    }
    scan.take(b'T').or_else(|| scan.take(b' '))?;
    let time = scan.time_of_day()?;
    let zone = scan.zone()?;
    scan.over().then_some(midnight + time - zone)
}

/// What goes out: `2016-03-12T19:11:01.266Z`.
pub fn format(time: i64) -> String {
    let (mut year, mut month) = (1970, 1);
    let mut day = time.div_euclid(DAY);
    while day < 0 {
        year -= 1;
        day += days_in_year(year);
    }
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
    }
    while day >= days_in(year, month) {
        day -= days_in(year, month);
        month += 1;
    }
    let rest = time.rem_euclid(DAY);
    let (h, m, s, ms) = (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60, rest % SECOND);
    format!("{year:04}-{month:02}-{:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z", day + 1)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_year(year: i64) -> i64 {
    if leap(year) { 366 } else { 365 }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400;
    let epoch = 1969 * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400;
    let months: i64 = (1..month).map(|m| days_in(year, m)).sum();
    past * 365 + leaps - epoch + months + day - 1
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn over(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let start = self.at;
        while self.at - start < most && self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).expect("digits");
        (text.len() >= least).then(|| text.parse().expect("at most four digits"))
    }

    fn time_of_day(&mut self) -> Option<i64> {
        let hour = self.digits(1, 2)?;
        self.take(b':')?;
        let minute = self.digits(2, 2)?;
        let mut time = hour * HOUR + minute * MINUTE;
        if self.take(b':').is_some() {
            let second = self.digits(2, 2)?;
            if second > 59 {
                return None;
            }
            time += second * SECOND;
            if self.take(b'.').is_some() {
                time += self.fraction()?;
            }
        }
        (hour < 24 && minute < 60).then_some(time)
    }

    /// Any number of digits, cut to milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.bytes[start..self.at];
        let digit = |place: usize| digits.get(place).map_or(0, |b| i64::from(b - b'0'));
        (!digits.is_empty()).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    fn zone(&mut self) -> Option<i64> {
        if self.over() || self.take(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.take(b'+').is_some() { 1 } else { self.take(b'-').map(|()| -1)? };
        let hours = self.digits(2, 2)?;
        let minutes = if self.over() {
            0
        } else {
            let _ = self.take(b':');
            self.digits(2, 2)?
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_parse() {
        let same = parse("2026-03-02T10:05:07.123Z").expect("the plain form");
        for text in [
            "2026-3-2T10:05:07.123999Z",
            "2026-03-02 10:05:07.1239",
            "2026-03-02T12:05:07.123+02",
            "2026-03-02T12:05:07.123+0200",
            "2026-03-02T08:35:07.123-01:30",
        ] {
            assert_eq!(parse(text), Some(same), "{text}");
        }
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("1969-12-31T23:59"), Some(-MINUTE));
        assert_eq!(format(same), "2026-03-02T10:05:07.123Z");
        assert_eq!(parse(&format(-12_345_678_901)), Some(-12_345_678_901));
        assert_eq!(parse("0001-01-01").map(format).as_deref(), Some("0001-01-01T00:00:00.000Z"));
    }

    #[test]
    fn times_that_do_not() {
        for text in [
            "",
            "2026",
            "2026-03",
            "26-03-02",
            "2026-02-30",
            "2025-02-29",
            "0000-01-01",
            "2026-03-02Z",
            "2026-03-02T10",
            "2026-03-02T10:5",
            "2026-03-02t10:05Z",
            "2026-03-02T10:05z",
            "2026-03-02T24:00",
            "2026-03-02T10:05:60",
            "2026-03-02T10:05:07,1Z",
            "2026-03-02T10:05:07.Z",
            "2026-03-02T10:05 Z",
            "2026-03-02T10:05+24:00",
            "2026-03-02T10:05+1",
            " 2026-03-02",
            "1700000000",
            "2026-03-02T10:05:07.123Z ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
