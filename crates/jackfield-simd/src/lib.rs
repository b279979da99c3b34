//! One of the two crates of the workspace that may have `unsafe`, for what many bytes at once make cheaper: masking in vectors wider
//! than the baseline of the target, text of bytes that are ASCII, and the ends of runs.
//!
//! Masking is nearly all that a server does with a long WebSocket message. Safe code is compiled for the baseline, which
//! on x86-64 has vectors of 16 bytes: three instructions for each, 3,072 for 16 KiB. Processors since 2013 have vectors
//! of 32 bytes, and only at run time it is known whether this one has. Rust calls a function that is compiled for more
//! than the baseline `unsafe` to call, whatever is in it. It is a second compilation of its safe twin in [`portable`];
//! the tests compare the two, with random bytes too.
//!
//! Paths, field names and most messages are a few bytes of ASCII. The standard library looks at these one by one before
//! it calls them text, ten instructions for each; eight at a time it is three for each word, and what is left to do then
//! needs `unsafe`.
//!
//! A [`Block`] answers where the first byte of a class stands among sixteen: the parts of a request's head are found so.

#[cfg(target_arch = "x86_64")]
mod block;
pub mod portable;

#[cfg(target_arch = "x86_64")]
pub use block::{Block, Found};
#[cfg(not(target_arch = "x86_64"))]
pub use portable::{Block, Found};

/// Xors `bytes` with `key`, again and again from its start, in vectors as wide as the processor has them.
///
/// For short slices [`portable::xor`] is as fast, and can be part of its caller.
#[inline]
pub fn xor(bytes: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was asked just now, and that is all this function wants.
        return unsafe { xor_avx2(bytes, key) };
    }
    portable::xor(bytes, key);
}

/// `bytes` as text, if all of them are ASCII.
///
/// For short slices: one of any length is taken, but from 64 bytes on there are faster ways.
#[inline]
pub fn ascii(bytes: &[u8]) -> Option<&str> {
    if !portable::is_ascii(bytes) {
        return None;
    }
    // SAFETY: they are ASCII, as was found just now, and ASCII is UTF-8.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// What `bytes` begin with, up to the first `end` or the first byte that is not ASCII.
///
/// For short slices, as [`ascii`].
#[inline(always)]
pub fn ascii_before(bytes: &[u8], end: u8) -> &str {
    let front = &bytes[..portable::ascii_end(bytes, end)];
    // SAFETY: all of it is ASCII, for its end was just found to be that, and ASCII is UTF-8.
    unsafe { std::str::from_utf8_unchecked(front) }
}

/// [`portable::xor`], compiled for vectors of 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn xor_avx2(bytes: &mut [u8], key: [u8; 4]) {
    portable::xor(bytes, key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What both are to do, in as few words as possible.
    fn plain(bytes: &mut [u8], key: [u8; 4]) {
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= key[at % 4]);
    }

    fn check(bytes: &[u8], key: [u8; 4]) {
        let (mut wide, mut narrow, mut wanted) = (bytes.to_vec(), bytes.to_vec(), bytes.to_vec());
        xor(&mut wide, key);
        portable::xor(&mut narrow, key);
        plain(&mut wanted, key);
        assert_eq!(wide, wanted);
        assert_eq!(narrow, wanted);
    }

    #[test]
    fn every_length_around_the_widths() {
        let bytes: Vec<u8> = (0..1100).map(|at| at as u8).collect();
        (0..bytes.len()).for_each(|length| check(&bytes[..length], [1, 2, 4, 8]));
    }

    #[test]
    fn every_byte_at_every_place_of_a_text() {
        for length in 0..40 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(ascii(&bytes), std::str::from_utf8(&bytes).ok());
            for place in 0..length {
                for byte in 0..=255 {
                    bytes[place] = byte;
                    assert_eq!(ascii(&bytes).is_some(), byte < 0x80, "{byte:#x} at {place} of {length}");
                }
                bytes[place] = b'a';
            }
        }
    }

    #[test]
    fn ascii_ends_at_the_first_of_both() {
        for length in 0..40 {
            let mut bytes = vec![b'>'; length];
            for place in (0..length).rev() {
                for byte in [b'?', 0x80, 0xff, 0xc3] {
                    bytes[place] = byte;
                    assert_eq!(ascii_before(&bytes, b'?').len(), place, "{byte:#x} of {length}");
                }
            }
            assert_eq!(ascii_before(&vec![b'@'; length], b'?').len(), length);
        }
    }

    /// Both kinds of block must find what a loop finds.
    macro_rules! check_block {
        ($block:ty, $bytes:expr, $from:expr, $low:expr, $high:expr, $one:expr) => {{
            let block = <$block>::of($bytes);
            let first = |fits: &dyn Fn(u8) -> bool| {
                let place = $bytes.iter().skip($from).position(|byte| fits(*byte));
                place.map(|place| place as u32)
            };
            let is_outside = |byte: u8| byte < $low || byte > $high;
            let from = $from as u32;
            let (outside, equal) = (block.outside($low, $high), block.equal($one));
            assert_eq!(outside.first_from(from), first(&is_outside));
            assert_eq!(equal.first_from(from), first(&|byte| byte == $one));
            assert_eq!(outside.or(equal).first_from(from), first(&|byte| is_outside(byte) || byte == $one));
            assert_eq!(
                outside.but_not(equal).first_from(from),
                first(&|byte| is_outside(byte) && byte != $one)
            );
            let other = block.folded().outside(b'a', b'z').first_from(from);
            assert_eq!(other, first(&|byte| !byte.is_ascii_alphabetic()));
        }};
    }

    proptest! {
        #[test]
        fn a_block_finds_what_a_loop_finds(
            bytes: [u8; 16],
            near in 0..3u8,
            from in 0..=16usize,
            low in 1..0x80u8,
            high in 0..0x80u8,
            one: u8,
        ) {
            // Bytes around the bounds too.
            let close = bytes.map(|byte| [low, high, one, b'Z'][usize::from(byte % 4)].wrapping_add(near).wrapping_sub(1));
            for bytes in [&bytes, &close] {
                check_block!(Block, bytes, from, low, high, one);
                check_block!(portable::Block, bytes, from, low, high, one);
            }
        }

        #[test]
        fn either_is_found_where_a_loop_finds_it(
            bytes in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..40),
            one in 0..4u8,
            other: u8,
        ) {
            let wanted = bytes.iter().any(|byte| *byte == one || *byte == other);
            prop_assert_eq!(portable::has_either(&bytes, one, other), wanted);
        }

        #[test]
        fn ascii_ends_where_a_loop_says(bytes in prop::collection::vec(any::<u8>(), 0..40), end in 0..0x80u8) {
            let wanted = bytes.iter().position(|byte| *byte == end || !byte.is_ascii()).unwrap_or(bytes.len());
            assert_eq!(ascii_before(&bytes, end).as_bytes(), &bytes[..wanted]);
        }

        #[test]
        fn ascii_is_the_text_that_it_is(bytes in prop::collection::vec(0..0x82u8, 0..100)) {
            let text = bytes.is_ascii().then(|| std::str::from_utf8(&bytes).expect("ASCII is UTF-8"));
            assert_eq!(ascii(&bytes), text);
        }

        #[test]
        fn wherever_the_bytes_lie(bytes in prop::collection::vec(any::<u8>(), 64..5000), from in 0..64usize, key: [u8; 4]) {
            check(&bytes[from..], key);
        }
    }
}
