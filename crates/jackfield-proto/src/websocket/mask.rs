//! Masking (RFC 6455, section 5.3): each byte of payload is xored with one of four key bytes, in turn.

use jackfield_simd::portable;

/// Masks `bytes`, or unmasks them: the two are the same.
///
/// `offset_bytes` says how far into the payload `bytes` begins, for a payload that is masked in pieces.
#[inline]
pub fn mask(bytes: &mut [u8], key: [u8; 4], offset_bytes: usize) {
    apply(bytes, rotated(key, offset_bytes));
}

/// The key, rotated for `offset_bytes` into the payload.
#[inline]
pub(super) const fn rotated(key: [u8; 4], offset_bytes: usize) -> [u8; 4] {
    let at = offset_bytes & 3;
    [key[at], key[(at + 1) & 3], key[(at + 2) & 3], key[(at + 3) & 3]]
}

/// Masks `bytes` from the start of the key.
#[inline(always)]
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    if bytes.len() < WIDE_BYTES_MIN {
        portable::xor_short(bytes, key);
    } else {
        apply_wide(bytes, key);
    }
}

/// The same, for the payload of a short frame.
#[inline(always)]
pub(super) fn apply_short(bytes: &mut [u8], key: [u8; 4]) {
    portable::xor_short(bytes, key);
}

/// From this number of bytes on it is worth to ask for wider vectors.
const WIDE_BYTES_MIN: usize = 128;

#[inline(never)]
fn apply_wide(bytes: &mut [u8], key: [u8; 4]) {
    jackfield_simd::xor(bytes, key);
}
