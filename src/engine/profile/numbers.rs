//! The small cells: how often and when last, the value that came last, when the profile began, how much was sent.

use super::super::Millis;
use super::streak::Arrival;
use super::varint;

/// Occurrences ever, and the latest event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basic {
    pub total: u64,
    pub latest: Millis,
}

impl Basic {
    pub fn read(payload: Option<&[u8]>) -> Option<Self> {
        let mut rest = payload?;
        Some(Self { total: varint::take(&mut rest), latest: varint::take_signed(&mut rest) })
    }

    pub fn write(self, out: &mut Vec<u8>) {
        varint::put(out, self.total);
        varint::put_signed(out, self.latest);
    }

    pub fn join(have: Option<Self>, other: Self) -> Self {
        have.map_or(other, |have| Self { total: have.total + other.total, latest: have.latest.max(other.latest) })
    }
}

/// The value of the latest occurrence that has one; of equal times, the latest to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Last {
    pub time: Millis,
    pub arrival: Arrival,
    /// Millionths.
    pub micros: i64,
}

impl Last {
    pub fn read(payload: Option<&[u8]>) -> Option<Self> {
        let mut rest = payload?;
        let time = varint::take_signed(&mut rest);
        let arrival = varint::take(&mut rest);
        Some(Self { time, arrival, micros: varint::take_signed(&mut rest) })
    }

    pub fn write(self, out: &mut Vec<u8>) {
        varint::put_signed(out, self.time);
        varint::put(out, self.arrival);
        varint::put_signed(out, self.micros);
    }
}

/// A cell that is one signed number.
pub fn signed(payload: Option<&[u8]>) -> Option<i64> {
    let mut rest = payload?;
    Some(varint::take_signed(&mut rest))
}

/// A cell that is one number.
pub fn unsigned(payload: Option<&[u8]>) -> Option<u64> {
    let mut rest = payload?;
    Some(varint::take(&mut rest))
}
