//! UTF-8 that comes in pieces.
//!
//! Text must fail at its first bad byte, also when the rest never comes. No state machine is needed for that: it is
//! enough to remember how many bytes are known to be whole characters, and to look again at the at most three bytes
//! after them, which lie in a buffer anyway. So each byte is looked at a bounded number of times, by the fast
//! validators.

use super::mask;

/// The bytes are not UTF-8, and nothing that follows could make them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// The whole of a text.
#[inline]
pub(super) fn utf8_as_str(bytes: &[u8]) -> Result<&str, NotUtf8> {
    if bytes.len() < SIMD_BYTES {
        jackfield_simd::ascii(bytes).map_or_else(|| std::str::from_utf8(bytes).map_err(|_| NotUtf8), Ok)
    } else {
        simdutf8::basic::from_utf8(bytes).map_err(|_| NotUtf8)
    }
}

/// How many bytes from the front are whole characters, where what follows them can still become one.
pub(super) fn whole_chars_bytes(bytes: &[u8]) -> Result<usize, NotUtf8> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(NotUtf8),
    }
}

/// The same for bytes that are still masked, and stay so: they are unmasked piece by piece in a copy.
pub(super) fn whole_chars_bytes_masked(bytes: &[u8], key: [u8; 4]) -> Result<usize, NotUtf8> {
    let mut done = 0;
    loop {
        let rest = &bytes[done..];
        let mut piece = [0; PIECE_BYTES];
        let piece = &mut piece[..rest.len().min(PIECE_BYTES)];
        piece.copy_from_slice(&rest[..piece.len()]);
        mask(piece, key, done);
        done += whole_chars_bytes(piece)?;
        if piece.len() == rest.len() {
            return Ok(done);
        }
    }
}

/// From here on the vector validator is the faster one: by a half for ASCII, and sixfold for other text.
const SIMD_BYTES: usize = 64;
/// A piece of a masked text that is checked at once; it is on the stack.
const PIECE_BYTES: usize = 256;
