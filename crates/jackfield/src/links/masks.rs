//! Unpredictable numbers: the keys and masks of outgoing WebSockets (RFC 6455, sections 4.1 and 10.3).
//!
//! A keyed hash of a counter. The key is random, from the standard library, which uses the same source for its hash
//! tables; in a simulation it is the seed. So a frame needs no system call and no allocation.

use jackfield_reactor::planted::planted;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A source of unpredictable numbers.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    keyed: DefaultHasher,
    count: u64,
}

impl Masks {
    /// The source of a reactor. With a seed the numbers are always the same.
    pub(crate) fn new(seed: Option<u64>, reactor: usize) -> Self {
        let mut keyed = match seed {
            None => RandomState::new().build_hasher(),
            Some(_) => DefaultHasher::new(),
        };
        keyed.write_u64(seed.unwrap_or_default());
        keyed.write_usize(reactor);
        Self { keyed, count: 0 }
    }

    /// The mask of the next frame.
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next();
        [a, b, c, d]
    }

    /// The key of a handshake.
    pub(crate) fn key(&mut self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.next());
        key[8..].copy_from_slice(&self.next());
        key
    }

    fn next(&mut self) -> [u8; 8] {
        self.count += u64::from(!planted(84));
        let mut hasher = self.keyed.clone();
        hasher.write_u64(self.count);
        hasher.finish().to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_repeats_and_chance_does_not() {
        let masks = |seed, reactor| {
            let mut masks = Masks::new(seed, reactor);
            (0..100).map(|_| masks.mask()).collect::<Vec<_>>()
        };
        assert_eq!(masks(Some(1), 0), masks(Some(1), 0));
        assert_ne!(masks(Some(1), 0), masks(Some(2), 0));
        assert_ne!(masks(Some(1), 0), masks(Some(1), 1));
        assert_ne!(masks(None, 0), masks(None, 0));
        assert!(
            masks(None, 0).into_iter().collect::<HashSet<_>>().len() > 95,
            "no two are the same but by chance"
        );
    }
}
