//! Makes a new input of an old one.

use jackfield::sim::Random;

/// Changes inputs at random: the same ones in the same way for the same seed.
#[derive(Clone, Debug)]
pub struct Mutator<'a> {
    /// Where everything that is random comes from.
    pub random: Random,
    /// What means something in the protocol: it is put in now and then.
    pub dictionary: &'a [&'static [u8]],
    /// No input gets longer than this many bytes.
    pub bytes_max: usize,
}

/// Edits of one input.
const EDITS_MAX: usize = 5;
/// Bytes of a range that is moved, doubled or put in.
const RANGE_BYTES_MAX: usize = 256;
/// Integers at whose borders mistakes are made.
const INTEGERS: [u64; 16] = [
    0,
    1,
    0x7d,
    0x7e,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    u64::MAX,
];

impl Mutator<'_> {
    /// Changes the bytes in one to five ways; parts of the others may come into them.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        for _ in 0..self.random.between(1, EDITS_MAX) {
            self.edit(bytes, others);
        }
        bytes.truncate(self.bytes_max);
    }

    fn edit(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        match self.random.below(14) {
            0 | 1 => self.change_byte(bytes, |random, byte| byte ^ 1 << random.below(8)),
            2 => self.change_byte(bytes, |random, _| random.bits() as u8),
            3 => self.change_byte(bytes, |random, byte| byte.wrapping_add(random.between(1, 4) as u8)),
            4 => drop(bytes.drain(self.range(bytes.len()))),
            5 => {
                let range = self.range(bytes.len());
                let copy = bytes[range].to_vec();
                self.put(bytes, &copy);
            }
            6 => {
                let count = self.random.size(16) + 1;
                let noise = self.random.bytes(count);
                self.put(bytes, &noise);
            }
            7 => {
                let byte = bytes.get(self.random.below(bytes.len())).copied().unwrap_or(b'a');
                let run = vec![byte; self.random.size(RANGE_BYTES_MAX) + 1];
                self.put(bytes, &run);
            }
            8 | 9 => {
                if let Some(word) = self.random.pick(self.dictionary).copied() {
                    self.put(bytes, word);
                }
            }
            10 => self.put_integer(bytes),
            11 => {
                if let Some(other) = self.random.pick(others) {
                    let part = &other[self.range(other.len())];
                    self.put(bytes, part);
                }
            }
            12 => {
                if let Some(other) = self.random.pick(others) {
                    // The beginning of the one, and the end of the other.
                    bytes.truncate(self.random.below(bytes.len() + 1));
                    bytes.extend_from_slice(&other[self.random.below(other.len() + 1)..]);
                }
            }
            _ => bytes.truncate(self.random.below(bytes.len() + 1)),
        }
    }

    fn change_byte(&mut self, bytes: &mut [u8], change: fn(&mut Random, u8) -> u8) {
        let at = self.random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = change(&mut self.random, *byte);
        }
    }

    /// A limit of an integer type, or a value near it: as text, in hexadecimal, or in bytes of either order.
    fn put_integer(&mut self, bytes: &mut Vec<u8>) {
        let border = INTEGERS[self.random.below(INTEGERS.len())];
        let value = border.wrapping_add(self.random.between(0, 2) as u64).wrapping_sub(1);
        match self.random.below(6) {
            0 => self.put(bytes, value.to_string().as_bytes()),
            1 => self.put(bytes, format!("{value:x}").as_bytes()),
            2 => self.put(bytes, &value.to_le_bytes()),
            width => {
                let whole = value.to_be_bytes();
                self.put(bytes, &whole[8 - (1 << (width - 2)).min(8)..]);
            }
        }
    }

    /// Puts it somewhere, between what is there or over it.
    fn put(&mut self, bytes: &mut Vec<u8>, new: &[u8]) {
        let at = self.random.below(bytes.len() + 1);
        let end = if self.random.chance(500) { at } else { (at + new.len()).min(bytes.len()) };
        if bytes.len() + new.len() <= self.bytes_max {
            bytes.splice(at..end, new.iter().copied());
        }
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.random.below(length + 1);
        let count = self.random.size((length - start).min(RANGE_BYTES_MAX)).max(1).min(length - start);
        start..start + count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn inputs_differ_and_keep_their_bound() {
        let others = [b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new()];
        let [first, again] = [(); 2].map(|()| {
            let mut mutator = Mutator { random: Random::new(3), dictionary: &[b"word"], bytes_max: 100 };
            let mut made = Vec::new();
            for _ in 0..2000 {
                let mut bytes = others[0].clone();
                mutator.mutate(&mut bytes, &others);
                assert!(bytes.len() <= 100);
                made.push(bytes);
            }
            made
        });
        assert_eq!(first, again, "the same seed makes the same inputs");
        assert!(first.iter().collect::<HashSet<_>>().len() > 1500);
        assert!(first.iter().any(|bytes| bytes.windows(4).any(|four| four == b"word")));
    }
}
