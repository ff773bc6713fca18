//! What a person's scores and moments stood at, and what was last sent of them.

use super::super::Millis;
use super::{numbers, varint};

const MINUTE: Millis = 60_000;

/// Of one score: the segment of the last evaluation, and the hundredths last sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScoreState {
    pub segment: Option<u8>,
    pub sent: Option<u32>,
}

impl ScoreState {
    pub fn read(payload: Option<&[u8]>) -> Self {
        let Some(mut rest) = payload else { return Self::default() };
        let segment = varint::take(&mut rest);
        let sent = varint::take(&mut rest);
        Self { segment: segment.checked_sub(1).map(|s| s as u8), sent: sent.checked_sub(1).map(|s| s as u32) }
    }

    pub fn write(self, out: &mut Vec<u8>) {
        varint::put(out, self.segment.map_or(0, |s| u64::from(s) + 1));
        varint::put(out, self.sent.map_or(0, |s| u64::from(s) + 1));
    }
}

/// Of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MomentState {
    pub on: bool,
    /// When it last fired.
    pub fired: Option<Millis>,
    /// The clock of the first evaluation of the unbroken run in which `when` was true.
    pub since: Option<Millis>,
    /// It fired while a resumed stream was held back.
    pub unsent: bool,
}

impl MomentState {
    pub fn read(payload: Option<&[u8]>) -> Self {
        let Some(mut rest) = payload else { return Self::default() };
        let flags = varint::take(&mut rest);
        let fired = (flags & 2 != 0).then(|| varint::take_signed(&mut rest));
        let since = (flags & 4 != 0).then(|| varint::take_signed(&mut rest));
        Self { on: flags & 1 != 0, fired, since, unsent: flags & 8 != 0 }
    }

    pub fn write(self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let flags =
            flag(self.on, 1) | flag(self.fired.is_some(), 2) | flag(self.since.is_some(), 4) | flag(self.unsent, 8);
        varint::put(out, flags);
        [self.fired, self.since].into_iter().flatten().for_each(|t| varint::put_signed(out, t));
    }

    /// Of a merged user's moments the later firing counts, on holds if either was, the earlier run goes on.
    pub fn merge(self, other: Self) -> Self {
        let earlier = |a: Option<Millis>, b: Option<Millis>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            on: self.on || other.on,
            fired: self.fired.max(other.fired),
            since: earlier(self.since, other.since),
            unsent: self.unsent || other.unsent,
        }
    }
}

/// What the last evaluation found, as far as only other values of the person can change it, or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What an identify would say is what the last one said.
    pub is_said: bool,
    /// The facts that hold, a bit each.
    pub facts: u64,
    /// Before this whole minute time alone changes nothing, save moments that ask for no score.
    pub steady_until: Millis,
}

impl Known {
    /// How many facts there is room for.
    pub const FACTS_MAX: usize = 62;

    pub fn new(is_said: bool, facts: u64, steady_until: Millis) -> Self {
        let minute = steady_until.div_euclid(MINUTE) * MINUTE;
        Self { is_said, facts, steady_until: if steady_until == Millis::MAX { steady_until } else { minute } }
    }

    pub fn read(payload: Option<&[u8]>) -> Option<Self> {
        let mut rest = payload?;
        let all = varint::take(&mut rest);
        let steady_until =
            if all & 2 == 2 { Millis::MAX } else { varint::take_signed(&mut rest).saturating_mul(MINUTE) };
        Some(Self { is_said: all & 1 == 1, facts: all >> 2, steady_until })
    }

    pub fn write(self, out: &mut Vec<u8>) {
        let for_ever = self.steady_until == Millis::MAX;
        varint::put(out, self.facts << 2 | u64::from(for_ever) << 1 | u64::from(self.is_said));
        if !for_ever {
            varint::put_signed(out, self.steady_until / MINUTE);
        }
    }
}

/// The last identify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    pub at: Millis,
    /// Of all that makes an identify due when it differs.
    pub hash: u64,
    /// Which output traits had a value, in order.
    pub values: Vec<bool>,
}

impl Sent {
    pub fn read(payload: Option<&[u8]>) -> Option<Self> {
        let mut rest = payload?;
        let at = varint::take_signed(&mut rest);
        let mut hash = [0; 8];
        let bytes = varint::take_bytes(&mut rest, 8);
        hash[..bytes.len()].copy_from_slice(bytes);
        let values = rest.iter().flat_map(|byte| (0..8).map(move |bit| byte & 1 << bit != 0)).collect();
        Some(Self { at, hash: u64::from_le_bytes(hash), values })
    }

    /// Only when it was.
    pub fn time(payload: Option<&[u8]>) -> Option<Millis> {
        numbers::signed(payload)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        varint::put_signed(out, self.at);
        out.extend_from_slice(&self.hash.to_le_bytes());
        for eight in self.values.chunks(8) {
            out.push(eight.iter().enumerate().fold(0, |byte, (bit, set)| byte | u8::from(*set) << bit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_as_written() {
        let moment = MomentState { on: true, fired: Some(-7), since: None, unsent: true };
        let mut out = Vec::new();
        moment.write(&mut out);
        assert_eq!(MomentState::read(Some(&out)), moment);
        let score = ScoreState { segment: Some(0), sent: None };
        let mut out = Vec::new();
        score.write(&mut out);
        assert_eq!(ScoreState::read(Some(&out)), score);
        let sent = Sent { at: 5, hash: 77, values: vec![true, false, false, true, false, false, false, false] };
        let mut out = Vec::new();
        sent.write(&mut out);
        assert_eq!(Sent::read(Some(&out)), Some(sent));
    }
}
