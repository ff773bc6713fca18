//! What an HTTP answer means for the batch it answers. Pure: status, headers and the wall clock's time come in.
//!
//! Knows nothing of sockets, lanes or what is done about it.

use std::fmt;
use std::time::{Duration, SystemTime};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    /// Something in the batch is bad: halve it until the bad message is alone.
    Divide(Refusal),
    /// Refused for good.
    Refused(Refusal),
    /// Nothing in the messages can heal this: the write key or the address is wrong. Sending stops.
    Halt(Refusal),
    /// Can heal: again later, not before the time asked for.
    Again {
        why: Why,
        wait: Option<Duration>,
    },
}

/// A refusal: the status and the first bytes of what was said with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub excerpt: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// Why a request is tried again; also the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No connection, or it broke: DNS, TLS, a reset, half an answer.
    Network,
    Timeout,
    /// 429.
    Throttled,
    /// 408, 410, 460.
    Transient,
    /// 5xx.
    Server,
    /// A page instead of an answer: something else than the endpoint spoke.
    Stranger,
}

impl Why {
    pub const ALL: [Self; 6] =
        [Self::Network, Self::Timeout, Self::Throttled, Self::Transient, Self::Server, Self::Stranger];

    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Server => "server",
            Self::Stranger => "stranger",
        }
    }

    /// Whoever answered, or didn't, may not be who the endpoint's name leads to by now.
    pub fn doubts_the_address(self) -> bool {
        match self {
            Self::Network | Self::Timeout | Self::Server | Self::Stranger => true,
            Self::Throttled | Self::Transient => false,
        }
    }
}

/// The headers an answer's meaning depends on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    pub retry_after: Option<&'a str>,
    pub rate_limit_reset: Option<&'a str>,
    pub content_type: Option<&'a str>,
}

const EXCERPT_BYTES: usize = 200;

pub fn meaning(status: u16, headers: Headers<'_>, body: &[u8], now: SystemTime) -> Answer {
    let refusal = || Refusal { status, excerpt: excerpt(body) };
    let again = |why| Answer::Again { why, wait: wait(headers, now) };
    match status {
        200..=299 if is_page(headers.content_type) => again(Why::Stranger),
        200..=299 => Answer::Accepted,
        300..=399 | 401 | 403..=405 => Answer::Halt(refusal()),
        400 | 413 => Answer::Divide(refusal()),
        408 | 410 | 460 => again(Why::Transient),
        429 => again(Why::Throttled),
        501 | 505 | 511 => Answer::Refused(refusal()),
        500..=599 => again(Why::Server),
        _ => Answer::Refused(refusal()),
    }
}

/// A sign-in page of some gateway, with a cheerful 200, has delivered nothing.
fn is_page(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|t| t.trim_start().get(..9).is_some_and(|t| t.eq_ignore_ascii_case("text/html")))
}

/// Only what fits a header and a log line; control characters would break both.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The wait asked for, kept within 1 s (a past or negative one too) and 300 s. What can't be read asks for nothing.
fn wait(headers: Headers<'_>, now: SystemTime) -> Option<Duration> {
    let asked = headers.retry_after.and_then(|text| retry_after(text.trim(), now));
    let asked = asked.or_else(|| headers.rate_limit_reset.and_then(|text| rate_limit_reset(text.trim(), now)));
    asked.map(|seconds| Duration::from_secs_f64(seconds.clamp(1.0, 300.0)))
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str, now: SystemTime) -> Option<f64> {
    number(text).or_else(|| httpdate::parse_http_date(text).ok().map(|at| seconds_until(at, now)))
}

/// Seconds from now, or a moment in seconds or milliseconds since 1970: servers do all three, and the sizes can't be
/// taken for one another.
fn rate_limit_reset(text: &str, now: SystemTime) -> Option<f64> {
    let value = number(text)?;
    let since_1970 = match value {
        ..1e9 => return Some(value),
        ..1e11 => value,
        _ => value / 1e3,
    };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    Some(since_1970 - now)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

fn seconds_until(at: SystemTime, now: SystemTime) -> f64 {
    match at.duration_since(now) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_770_000_000;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S)
    }

    fn class(status: u16) -> char {
        match meaning(status, Headers::default(), b"", now()) {
            Answer::Accepted => 'a',
            Answer::Divide(_) => 'd',
            Answer::Refused(_) => 'r',
            Answer::Halt(_) => 'h',
            Answer::Again { .. } => '+',
        }
    }

    #[test]
    fn every_status_has_its_class() {
        for (class_wanted, statuses) in [
            ('a', vec![200, 201, 202, 204]),
            ('d', vec![400, 413]),
            ('h', vec![301, 302, 303, 307, 308, 401, 403, 404, 405]),
            ('+', vec![408, 410, 429, 460, 500, 502, 503, 504, 506, 507, 508, 520, 599]),
            ('r', vec![402, 409, 411, 414, 415, 422, 431, 501, 505, 511]),
        ] {
            for status in statuses {
                assert_eq!(class(status), class_wanted, "{status}");
            }
        }
    }

    fn waited(headers: Headers<'_>) -> Option<u64> {
        match meaning(429, headers, b"", now()) {
            Answer::Again { why: Why::Throttled, wait } => wait.map(|w| w.as_secs()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_wait_asked_for_is_kept_within_its_bounds() {
        const UNIX: SystemTime = SystemTime::UNIX_EPOCH;
        let date = |ahead: i64| httpdate::fmt_http_date(UNIX + Duration::from_secs((NOW_S as i64 + ahead) as u64));
        let ask = |text: &str| waited(Headers { retry_after: Some(text), ..Headers::default() });
        assert_eq!(ask("7"), Some(7));
        assert_eq!(ask("0"), Some(1));
        assert_eq!(ask("-5"), Some(1));
        assert_eq!(ask("86400"), Some(300));
        assert_eq!(ask(&date(30)), Some(30));
        assert_eq!(ask(&date(-30)), Some(1));
        assert_eq!(ask(&date(9999)), Some(300));
        for nonsense in ["", "soon", "NaN", "inf"] {
            assert_eq!(ask(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_rate_limit_reset_is_read_in_all_three_forms() {
        let ask = |text: &str| waited(Headers { rate_limit_reset: Some(text), ..Headers::default() });
        assert_eq!(ask("12"), Some(12));
        assert_eq!(ask(&(NOW_S + 12).to_string()), Some(12));
        assert_eq!(ask(&((NOW_S + 12) * 1000).to_string()), Some(12));
        let both = Headers { retry_after: Some("3"), rate_limit_reset: Some("12"), content_type: None };
        assert_eq!(waited(both), Some(3), "Retry-After is the more exact word");
    }

    #[test]
    fn a_page_is_no_acceptance() {
        let of =
            |content_type| meaning(200, Headers { content_type: Some(content_type), ..Headers::default() }, b"", now());
        assert_eq!(of("application/json"), Answer::Accepted);
        assert_eq!(of("text/plain; charset=utf-8"), Answer::Accepted);
        assert_eq!(of("Text/HTML; charset=utf-8"), Answer::Again { why: Why::Stranger, wait: None });
    }

    #[test]
    fn an_excerpt_is_short_and_of_one_line() {
        let long = "bad\r\nthing é".repeat(100);
        let Answer::Divide(refusal) = meaning(400, Headers::default(), long.as_bytes(), now()) else { panic!() };
        assert!(refusal.excerpt.len() <= EXCERPT_BYTES + 3);
        assert!(!refusal.to_string().contains(['\r', '\n']));
    }
}
