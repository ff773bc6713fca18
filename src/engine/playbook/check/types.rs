//! What kinds of value an expression can have: a set, since a path can hold anything.

use std::fmt;
use std::ops::{BitAnd, BitOr};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    pub const NULL: Self = Self(1);
    pub const BOOL: Self = Self(2);
    pub const NUMBER: Self = Self(4);
    pub const TEXT: Self = Self(8);
    pub const DURATION: Self = Self(16);
    pub const LIST: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    /// What an event or a profile can hold.
    pub const JSON: Self = Self(1 | 2 | 4 | 8 | 32 | 64);
    /// Also of what is wrong already, so that one mistake is reported once.
    pub const ANY: Self = Self(127);

    pub fn can_be(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Types {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Types {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for Types {
    /// "a number or a text", without `null` unless it is nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::BOOL, "true or false"),
            (Self::NUMBER, "a number"),
            (Self::TEXT, "a text"),
            (Self::DURATION, "a duration"),
            (Self::LIST, "a list"),
            (Self::OBJECT, "an object"),
        ];
        let there: Vec<&str> = names.into_iter().filter(|(one, _)| self.can_be(*one)).map(|(_, name)| name).collect();
        f.write_str(if there.is_empty() { "null" } else { "" })?;
        f.write_str(&there.join(" or "))
    }
}
