//! The safe twins: plain loops, which the compiler makes vector instructions of as far as the target allows.

/// Inside a block the words become vector instructions without a loop: the longer the block, the fewer instructions,
/// and the more is left over for the plain loop.
const BLOCK_BYTES: usize = 512;

/// Xors `bytes` with `key`, again and again from its start.
#[inline(always)]
pub fn xor(bytes: &mut [u8], key: [u8; 4]) {
    let mut blocks = bytes.chunks_exact_mut(BLOCK_BYTES);
    let wide = widened(key);
    for block in &mut blocks {
        for word in block.chunks_exact_mut(8) {
            xor_word(word, wide);
        }
    }
    xor_short(blocks.into_remainder(), key);
}

/// The same for a few bytes, without blocks.
#[inline(always)]
pub fn xor_short(bytes: &mut [u8], key: [u8; 4]) {
    let wide = widened(key);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        xor_word(word, wide);
    }
    let rest = words.into_remainder();
    let (half, rest) = rest.split_at_mut(rest.len() & 4);
    if let [a, b, c, d] = half {
        let value = u32::from_ne_bytes([*a, *b, *c, *d]) ^ wide as u32;
        half.copy_from_slice(&value.to_ne_bytes());
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[inline(always)]
fn xor_word(word: &mut [u8], key: u64) {
    if let [a, b, c, d, e, f, g, h] = word {
        let value = u64::from_ne_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) ^ key;
        word.copy_from_slice(&value.to_ne_bytes());
    }
}

#[inline(always)]
fn widened(key: [u8; 4]) -> u64 {
    let half = u64::from(u32::from_ne_bytes(key));
    half << 32 | half
}

/// Whether no byte has its top bit set. The words at both ends of a part may overlap.
#[inline(always)]
pub fn is_ascii(bytes: &[u8]) -> bool {
    let tops = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let ends = u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last);
        if bytes.len() > 16 { ends | tops_between(bytes) } else { ends }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last))
    } else {
        bytes.iter().fold(0, |all, byte| all | u64::from(*byte))
    };
    tops & TOPS == 0
}

/// Whether one of these two is among the bytes.
#[inline(always)]
pub fn has_either(bytes: &[u8], one: u8, other: u8) -> bool {
    let has = |word: &[u8; 8]| match_bits(word, one) | match_bits(word, other);
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return bytes.iter().any(|byte| *byte == one || *byte == other);
    };
    let between = bytes.chunks_exact(8).skip(1).filter_map(|word| word.first_chunk());
    let ends = has(first) | has(last);
    let all = if bytes.len() > 16 { between.fold(ends, |all, word| all | has(word)) } else { ends };
    all & TOPS != 0
}

/// Has the top bit of each byte that is `wanted`, and above such a byte perhaps those of others: [`TOPS`] has none of it if there is
/// no such byte.
#[inline(always)]
pub fn match_bits(word: &[u8; 8], wanted: u8) -> u64 {
    let differs = u64::from_ne_bytes(*word) ^ u64::from_ne_bytes([wanted; 8]);
    differs.wrapping_sub(ONES) & !differs
}

/// Sixteen bytes that are looked at together.
#[derive(Clone, Copy, Debug)]
pub struct Block([u64; 2]);

/// Which bytes of a block fit a question: their top bits.
#[derive(Clone, Copy, Debug)]
pub struct Found([u64; 2]);

impl Block {
    /// These bytes.
    #[inline(always)]
    #[must_use]
    pub fn of(bytes: &[u8; 16]) -> Self {
        let whole = u128::from_le_bytes(*bytes);
        Self([whole as u64, (whole >> 64) as u64])
    }

    /// The bytes below `low` or above `high`. Both must be ASCII, and `low` not 0.
    #[inline(always)]
    #[must_use]
    pub fn outside(self, low: u8, high: u8) -> Found {
        self.found(|word| {
            // No sum goes beyond its byte.
            let ascii = word & !TOPS;
            let from_low = ascii + ONES * u64::from(0x80 - low);
            let above_high = ascii + ONES * u64::from(0x7f - high);
            !from_low | above_high | word
        })
    }

    /// The bytes that are this one.
    #[inline(always)]
    #[must_use]
    pub fn equal(self, byte: u8) -> Found {
        self.found(|word| {
            let differs = word ^ (ONES * u64::from(byte));
            !(((differs & !TOPS) + !TOPS) | differs)
        })
    }

    /// With capital letters made small. Other bytes change too, but none of them to a letter.
    #[inline(always)]
    #[must_use]
    pub fn folded(self) -> Self {
        Self(self.0.map(|word| word | (ONES * 0x20)))
    }

    #[inline(always)]
    fn found(self, tops_of: impl Fn(u64) -> u64) -> Found {
        Found(self.0.map(|word| tops_of(word) & TOPS))
    }
}

impl Found {
    /// The bytes of either.
    #[inline(always)]
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    /// Without the bytes of the other.
    #[inline(always)]
    #[must_use]
    pub fn but_not(self, other: Self) -> Self {
        Self([self.0[0] & !other.0[0], self.0[1] & !other.0[1]])
    }

    /// How far from place `from`, at most 16, the first byte stands.
    #[inline(always)]
    #[must_use]
    pub fn first_from(self, from: u32) -> Option<u32> {
        let whole = u128::from(self.0[1]) << 64 | u128::from(self.0[0]);
        let bits = whole.checked_shr(8 * from).unwrap_or(0);
        (bits != 0).then(|| bits.trailing_zeros() / 8)
    }
}

/// The words between the first and the last.
fn tops_between(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8).skip(1).filter_map(|word| word.first_chunk());
    words.fold(0, |all, word| all | u64::from_ne_bytes(*word))
}

/// Where the first `end` stands, or the first byte that is not ASCII. `end` must be ASCII.
#[inline(always)]
pub fn ascii_end(bytes: &[u8], end: u8) -> usize {
    let stops = |byte: u8| byte == end || byte >= 0x80;
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().position(|byte| stops(*byte)).unwrap_or(bytes.len());
    };
    // Sets the top bit where a byte is one that stops, and above that perhaps of others: the lowest is right.
    let found = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let other = word ^ u64::from_ne_bytes([end; 8]);
        (other.wrapping_sub(ONES) & !other | word) & TOPS
    };
    for (number, word) in bytes.chunks_exact(8).enumerate() {
        let found = word.first_chunk().map_or(0, found);
        if found != 0 {
            return number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    // What of the last word was looked at already does not stop.
    match found(last) {
        0 => bytes.len(),
        found => bytes.len() - 8 + found.trailing_zeros() as usize / 8,
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
/// The top bit of each byte.
pub const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
