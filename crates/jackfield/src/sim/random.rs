//! The random numbers of a simulation.

/// A sequence of random numbers that depends only on its seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A new sequence, seeded from this one. Numbers taken from it do not change this one.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `count` - 1; 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        // The remainder favours small numbers by less than one in 2^40 for the counts used here.
        (self.bits() % count.max(1) as u64) as usize
    }

    /// A number from `low` to `high`, inclusive.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True with a probability of `per_mille` in a thousand.
    pub fn chance(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.below(1000) < usize::from(per_mille)
    }

    /// A size from 0 to `max`. Small sizes are as likely as large ones: each power of two has the same probability.
    pub fn size(&mut self, max: usize) -> usize {
        let digits = usize::BITS - max.leading_zeros();
        let magnitude = self.below(digits as usize + 1);
        self.below(1usize.checked_shl(magnitude as u32).unwrap_or(usize::MAX)).min(max)
    }

    /// This many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.bits() as u8).collect()
    }

    /// A random text of at least `bytes` bytes, and at most three more. Some of its characters take several bytes.
    pub fn text(&mut self, bytes: usize) -> String {
        const CHARS: [char; 8] = ['a', 'b', '0', ' ', 'é', '→', '😀', 'z'];
        let mut text = String::new();
        while text.len() < bytes {
            text.push(CHARS[self.below(CHARS.len())]);
        }
        text
    }

    /// A random element; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// Puts the elements into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_known_numbers() {
        // The reference values of SplitMix64 for the seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut random = Random::new(7);
        for _ in 0..10_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!(random.size(1000) <= 1000);
        }
        assert_eq!((random.below(0), random.between(4, 4), random.chance(0)), (0, 4, false));
    }
}
