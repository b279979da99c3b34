//! Masking (RFC 6455, section 5.3): each byte of payload is xored with one of four key bytes, in turn.

/// Masks `bytes`, or unmasks them: the two are the same.
///
/// `offset_bytes` says how far into the payload `bytes` begins, for a payload that is masked in pieces.
#[inline]
pub fn mask(bytes: &mut [u8], key: [u8; 4], offset_bytes: usize) {
    apply(bytes, rotated(key, offset_bytes));
}

/// The key as it stands `offset_bytes` into the payload.
#[inline]
pub(super) const fn rotated(key: [u8; 4], offset_bytes: usize) -> [u8; 4] {
    let at = offset_bytes & 3;
    [key[at], key[(at + 1) & 3], key[(at + 2) & 3], key[(at + 3) & 3]]
}

/// Masks `bytes` from the start of the key.
#[inline(always)]
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let half = u64::from(u32::from_ne_bytes(key));
    let key = half << 32 | half;
    if bytes.len() < BLOCK_BYTES {
        apply_words(bytes, key);
    } else {
        apply_blocks(bytes, key);
    }
}

/// Inside a block the words become vector instructions without a loop: the longer the block, the fewer instructions,
/// and the more is left over for the plain loop.
const BLOCK_BYTES: usize = 128;

#[inline(never)]
fn apply_blocks(bytes: &mut [u8], key: u64) {
    let mut blocks = bytes.chunks_exact_mut(BLOCK_BYTES);
    for block in &mut blocks {
        for word in block.chunks_exact_mut(8) {
            xor_word(word, key);
        }
    }
    apply_words(blocks.into_remainder(), key);
}

#[inline(always)]
fn apply_words(bytes: &mut [u8], key: u64) {
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        xor_word(word, key);
    }
    let rest = words.into_remainder();
    let (half, rest) = rest.split_at_mut(rest.len() & 4);
    if let [a, b, c, d] = half {
        let value = u32::from_ne_bytes([*a, *b, *c, *d]) ^ key as u32;
        half.copy_from_slice(&value.to_ne_bytes());
    }
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
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
