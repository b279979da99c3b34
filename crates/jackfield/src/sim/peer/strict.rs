//! A decompressor of its own (RFC 1951), with no larger window than was agreed on. The usual ones always have the largest, and so do not
//! notice what needs it.

/// Decompresses messages that may not refer to what lies before their window.
#[derive(Debug)]
pub(super) struct Strict {
    window_bytes: usize,
    /// Whether a message may refer to those before.
    takeover: bool,
    /// What was decompressed last.
    out: Vec<u8>,
}

/// The end of an empty block, which is not sent (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

impl Strict {
    /// With a window of this size, as a power of two.
    pub(super) fn new(window_bits: u8, takeover: bool) -> Self {
        Self { window_bytes: 1 << window_bits, takeover, out: Vec::new() }
    }

    /// Whether this payload is a whole message that keeps to its window.
    pub(super) fn takes(&mut self, payload: &[u8]) -> bool {
        let bytes = [payload, &TAIL].concat();
        let (mut bits, mut is_right) = (Bits { bytes: &bytes, at: 0 }, true);
        while is_right && bits.at < bytes.len() * 8 {
            is_right = self.block(&mut bits).is_some();
        }
        let kept = if self.takeover { self.window_bytes } else { 0 };
        self.out.drain(..self.out.len().saturating_sub(kept));
        is_right
    }

    fn block(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        // Whether it is the last block does not matter.
        bits.take(1)?;
        match bits.take(2)? {
            0 => self.stored(bits),
            1 => self.coded(bits, &fixed_lengths(), &Code::new(&[5; 30])),
            2 => {
                let (lengths, distances) = codes(bits)?;
                self.coded(bits, &lengths, &distances)
            }
            _ => None,
        }
    }

    fn stored(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        bits.at = bits.at.next_multiple_of(8);
        let (count, inverse) = (bits.take(16)?, bits.take(16)?);
        let begin = bits.at / 8;
        self.out.extend_from_slice(bits.bytes.get(begin..begin + count)?);
        bits.at += count * 8;
        (count ^ inverse == 0xffff).then_some(())
    }

    fn coded(&mut self, bits: &mut Bits<'_>, lengths: &Code, distances: &Code) -> Option<()> {
        loop {
            match lengths.next(bits)? {
                byte @ 0..=255 => self.out.push(byte as u8),
                END => return Some(()),
                symbol => {
                    let length = LENGTHS.next(bits, symbol - END - 1)?;
                    let symbol = distances.next(bits)?;
                    let distance = DISTANCES.next(bits, symbol)?;
                    self.repeat(length, distance)?;
                }
            }
        }
    }

    fn repeat(&mut self, length: usize, distance: usize) -> Option<()> {
        let begin = self.out.len().checked_sub(distance).filter(|_| distance <= self.window_bytes)?;
        for at in begin..begin + length {
            self.out.push(self.out[at]);
        }
        Some(())
    }
}

/// Bits, the lowest of each byte first.
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    /// A number of so many bits.
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut number = 0;
        for place in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            number |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }
}

/// A Huffman code: how many symbols there are of each length, and the symbols in the order of their codes.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[usize::from(*length)] += 1);
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Self { counts, symbols }
    }

    fn next(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get(index + code - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// The symbol that ends a block.
const END: usize = 256;

/// The lengths or distances that symbols stand for: the least of each, and how many bits follow that are added to it.
struct Values<const N: usize> {
    least: [usize; N],
    further_bits: [usize; N],
}

impl<const N: usize> Values<N> {
    fn next(&self, bits: &mut Bits<'_>, symbol: usize) -> Option<usize> {
        Some(self.least.get(symbol)? + bits.take(*self.further_bits.get(symbol)?)?)
    }
}

/// Section 3.2.6.
fn fixed_lengths() -> Code {
    let lengths = |symbol| match symbol {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    };
    Code::new(&(0..288).map(lengths).collect::<Vec<u8>>())
}

/// The codes of a block that has its own (section 3.2.7).
fn codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, own) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    let mut lengths = [0; 19];
    for place in &ORDER[..own] {
        lengths[*place] = bits.take(3)? as u8;
    }
    let (code, mut lengths) = (Code::new(&lengths), Vec::new());
    while lengths.len() < literals + distances {
        let (length, times) = match code.next(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    let distances = lengths.get(literals..literals + distances)?;
    Some((Code::new(&lengths[..literals]), Code::new(distances)))
}

/// Section 3.2.5.
const LENGTHS: Values<29> = Values {
    least: [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
        195, 227, 258,
    ],
    further_bits: [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
};
const DISTANCES: Values<30> = Values {
    least: [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
        3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ],
    further_bits: [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Random;
    use jackfield_proto::websocket::Message;
    use jackfield_proto::websocket::deflate::{Deflater, Options};

    /// As many bytes in any order, and the same once more: the distance is what compresses them.
    fn payload(own: &mut Deflater, distance: usize) -> Vec<u8> {
        let bytes = Random::new(1).bytes(distance).repeat(2);
        let compressed = own.compress(Message::Binary(&bytes));
        compressed.map(|(_, payload)| payload.to_vec()).expect("it is compressed")
    }

    #[test]
    fn what_lies_before_the_window_can_t_be_referred_to() {
        let far = payload(&mut Deflater::new(&Options::default(), 15, false), 600);
        let near = payload(&mut Deflater::new(&Options::default(), 9, true), 200);
        for (bits, takes_far) in [(9, false), (10, true), (15, true)] {
            let mut strict = Strict::new(bits, false);
            assert_eq!((strict.takes(&near), strict.takes(&far)), (true, takes_far), "{bits}");
        }
    }

    #[test]
    fn what_our_compressors_make_is_taken() {
        let (mut random, mut compressed) = (Random::new(2), 0);
        for round in 0..200 {
            let options = Options { level: 1 + round % 9, message_bytes_min: 0, ..Options::default() };
            let bits = random.between(9, 15) as u8;
            let (mut own, mut strict) = (Deflater::new(&options, bits, true), Strict::new(bits, true));
            for _ in 0..3 {
                let size = random.size(10_000);
                let text = random.text(size);
                // A text that gets no shorter goes out as it is.
                let Some((_, payload)) = own.compress(Message::Text(&text)) else { continue };
                compressed += 1;
                assert!(strict.takes(payload), "{round}");
                assert!(strict.out.ends_with(&text.as_bytes()[text.len().saturating_sub(1 << bits)..]));
            }
        }
        assert!(compressed > 300, "{compressed} of 600");
    }

    #[test]
    fn without_takeover_each_message_stands_by_itself() {
        for (takes_over, takes_second) in [(true, true), (false, false)] {
            let (mut own, mut strict) =
                (Deflater::new(&Options::default(), 15, true), Strict::new(15, takes_over));
            let [first, second] = [(); 2].map(|()| payload(&mut own, 300));
            assert_eq!((strict.takes(&first), strict.takes(&second)), (true, takes_second));
        }
    }
}
