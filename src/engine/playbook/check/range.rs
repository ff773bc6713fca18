//! Ranges of numbers, for what a comparison leaves possible.

use crate::engine::playbook::meant::Compare;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    least: f64,
    most: f64,
    least_open: bool,
    most_open: bool,
}

impl Range {
    pub const ALL: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY, least_open: false, most_open: false };

    pub fn between(least: f64, most: f64) -> Self {
        Self { least, most, least_open: false, most_open: false }
    }

    /// Up to `most`, without it.
    pub fn below(least: f64, most: f64) -> Self {
        Self { most_open: true, ..Self::between(least, most) }
    }

    /// What `x ⊙ bound` leaves of all numbers; `!=` leaves a hole, which is not told here.
    pub fn of(compare: Compare, bound: f64) -> Self {
        match compare {
            Compare::Equal => Self::between(bound, bound),
            Compare::NotEqual => Self::ALL,
            Compare::Less => Self { most: bound, most_open: true, ..Self::ALL },
            Compare::LessEqual => Self { most: bound, ..Self::ALL },
            Compare::Greater => Self { least: bound, least_open: true, ..Self::ALL },
            Compare::GreaterEqual => Self { least: bound, ..Self::ALL },
        }
    }

    /// The same for whole numbers: `> 2` is `>= 3`.
    pub fn whole(self) -> Self {
        let least = if self.least_open { self.least.floor() + 1.0 } else { self.least.ceil() };
        let most = if self.most_open { self.most.ceil() - 1.0 } else { self.most.floor() };
        Self::between(least, most)
    }

    pub fn and(self, other: Self) -> Self {
        let (least, least_open) = match self.least.total_cmp(&other.least) {
            std::cmp::Ordering::Less => (other.least, other.least_open),
            std::cmp::Ordering::Greater => (self.least, self.least_open),
            std::cmp::Ordering::Equal => (self.least, self.least_open || other.least_open),
        };
        let (most, most_open) = match self.most.total_cmp(&other.most) {
            std::cmp::Ordering::Less => (self.most, self.most_open),
            std::cmp::Ordering::Greater => (other.most, other.most_open),
            std::cmp::Ordering::Equal => (self.most, self.most_open || other.most_open),
        };
        Self { least, most, least_open, most_open }
    }

    pub fn is_empty(self) -> bool {
        self.least > self.most || (self.least == self.most && (self.least_open || self.most_open))
    }

    pub fn is_within(self, other: Self) -> bool {
        self.and(other) == self
    }

    pub fn has(self, number: f64) -> bool {
        !self.and(Self::between(number, number)).is_empty()
    }

    pub fn is_one(self) -> bool {
        self.least == self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet() {
        let of = Range::of;
        assert!(of(Compare::Less, 3.0).and(of(Compare::Greater, 5.0)).is_empty());
        assert!(of(Compare::Less, 3.0).and(of(Compare::GreaterEqual, 3.0)).is_empty());
        assert!(!of(Compare::LessEqual, 3.0).and(of(Compare::GreaterEqual, 3.0)).is_empty());
        assert!(!of(Compare::Less, 3.0).and(of(Compare::Greater, 2.0)).is_empty());
        assert!(of(Compare::Less, 3.0).and(of(Compare::Greater, 2.0)).whole().is_empty());
        assert!(of(Compare::Less, 2.0).is_within(of(Compare::Less, 3.0)));
        assert!(!of(Compare::Less, 3.0).is_within(of(Compare::Less, 2.0)));
        assert!(Range::below(0.0, 1.0).and(of(Compare::GreaterEqual, 1.0)).is_empty());
    }
}
