//! Eight bytes at a time: the checks that every request pays for.
//!
//! Each asks of a word whether its bytes are of a class. The answer is a word in which the top bits of those that are
//! not are set. A carry or a borrow from one byte to the next can only come from a byte that is out of place itself, so
//! a good answer is never spoilt.

/// Sets the top bits of bytes that are not visible ASCII or are `#`: those that end a target.
#[inline(always)]
const fn outside_target(word: u64) -> u64 {
    (outside(word, b'!') | zeros(word ^ each(b'#'))) & TOPS
}

/// Sets the top bits of bytes that are controls, tab included, or not ASCII: those that nearly always end a value.
#[inline(always)]
const fn outside_value(word: u64) -> u64 {
    (word.wrapping_sub(each(b' ')) | word.wrapping_add(each(1))) & TOPS
}

/// Whether all bytes are visible ASCII other than `#`: what a target is made of.
#[inline(always)]
pub(crate) fn is_target(text: &[u8]) -> bool {
    all(text, outside_target)
}

/// Whether all bytes are ASCII and none is a control character.
#[inline(always)]
pub(crate) fn is_plain_text(text: &[u8]) -> bool {
    all(text, outside_value)
}

/// Whether `text` is `lower` without regard to case. `lower` must be of small letters, digits and hyphens, and `text`
/// without control characters.
#[inline(always)]
pub(crate) fn matches_lowercase<const N: usize>(text: &[u8], lower: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else { return false };
    if let (Some(first), Some(last), Some(known_first), Some(known_last)) =
        (text.first_chunk(), text.last_chunk(), lower.first_chunk(), lower.last_chunk())
    {
        let differs = (u64::from_ne_bytes(*first) | each(0x20)) ^ u64::from_ne_bytes(*known_first)
            | (u64::from_ne_bytes(*last) | each(0x20)) ^ u64::from_ne_bytes(*known_last);
        return differs == 0 && (N <= 16 || text[8..N - 8].eq_ignore_ascii_case(&lower[8..N - 8]));
    }
    text.iter().zip(lower).fold(0, |sum, (byte, known)| sum | ((byte | 0x20) ^ known)) == 0
}

/// Whether `bad` sets no top bit for any word of `text`, which is taken apart into words that may overlap.
/// Up to sixteen bytes, which is most, take two words that overlap.
#[inline(always)]
fn all(text: &[u8], bad: impl Fn(u64) -> u64) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else {
        return bad(short(text)) & TOPS == 0;
    };
    let ends = bad(u64::from_ne_bytes(*first)) | bad(u64::from_ne_bytes(*last));
    ends & TOPS == 0 && (text.len() <= 16 || all_between(text, bad))
}

/// The words between the first and the last.
#[inline(never)]
fn all_between(text: &[u8], bad: impl Fn(u64) -> u64) -> bool {
    text.chunks_exact(8).skip(1).fold(0, |found, word| found | bad(word_of(word))) & TOPS == 0
}

#[inline(always)]
fn word_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
}

/// Fewer than eight bytes as a word in which some stand twice. Of no bytes it is a word of letters.
#[inline(always)]
fn short(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return u64::from(u32::from_ne_bytes(*first)) | u64::from(u32::from_ne_bytes(*last)) << 32;
    }
    match text {
        [] => each(b'a'),
        [a] => each(*a),
        [a, b] => each(*a) & 0xffff_ffff | each(*b) << 32,
        [a, b, c, ..] => u64::from_ne_bytes([*a, *b, *c, *a, *a, *b, *c, *a]),
    }
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Sets the top bit where a byte is below `low` or above `~`.
#[inline(always)]
const fn outside(word: u64, low: u8) -> u64 {
    word | word.wrapping_add(each(1)) | word.wrapping_sub(each(low))
}

/// Sets the top bit where a byte is zero, and above that perhaps where it is one.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word
}

const TOPS: u64 = each(0x80);

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a word-wise test against one byte, at each place of strings of each length.
    fn check(words: fn(&[u8]) -> bool, byte_fits: fn(u8) -> bool) {
        for length in 1..36 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    assert_eq!(words(&text), byte_fits(byte), "{byte:#x} at {place} of {length}");
                }
            }
        }
        assert!(words(b""));
    }

    #[test]
    fn words_judge_as_bytes_do() {
        check(is_target, |byte| byte.is_ascii_graphic() && byte != b'#');
        check(is_plain_text, |byte| matches!(byte, b' '..=b'~'));
    }

    #[test]
    fn case_is_folded() {
        assert!(matches_lowercase(b"Keep-ALIVE", b"keep-alive") && matches_lowercase(b"", b""));
        for name in [&b"Transfer-Encoding"[..], b"tRANSFER-eNCODING"] {
            assert!(matches_lowercase(name, b"transfer-encoding"));
            for place in 0..name.len() {
                let mut other = name.to_vec();
                other[place] ^= 1;
                assert!(!matches_lowercase(&other, b"transfer-encoding"));
            }
        }
        assert!(
            !matches_lowercase(b"keep-alive ", b"keep-alive")
                && !matches_lowercase(b"keep_alive", b"keep-alive")
        );
    }
}
