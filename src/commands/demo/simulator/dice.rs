//! Seeded chance: the same seed throws the same numbers on every machine. It knows nothing of what is decided with it,
//! and is not for secrets.

use crate::engine::Millis;

/// SplitMix64: small, fast, and good enough to make a company look alive.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below 1.
    pub fn part(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, of_one: f64) -> bool {
        self.part() < of_one
    }

    /// From `low` to `high`, both possible.
    pub fn between(&mut self, low: Millis, high: Millis) -> Millis {
        low + (self.bits() % (high - low + 1) as u64) as Millis
    }

    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.between(0, choices.len() as Millis - 1) as usize]
    }

    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_within_its_bounds_and_uses_them() {
        let mut dice = Dice::new(7);
        let throws: Vec<Millis> = (0..200).map(|_| dice.between(1, 6)).collect();
        assert_eq!((throws.iter().min(), throws.iter().max()), (Some(&1), Some(&6)));
        assert!((0..200).all(|_| (0.0..1.0).contains(&dice.part())));
    }

    #[test]
    fn makes_ids_in_the_form_of_version_4() {
        let id = Dice::new(1).uuid();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!((lengths, id.as_bytes()[14]), (vec![8, 4, 4, 4, 12], b'4'));
    }
}
