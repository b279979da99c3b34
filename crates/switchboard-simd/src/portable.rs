//! The safe twins: plain loops, which the compiler makes vector instructions of as far as the target allows.

/// Inside a block the words become vector instructions without a loop: the longer the block, the fewer instructions,
/// and the more is left over for the plain loop.
const BLOCK_BYTES: usize = 256;

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
