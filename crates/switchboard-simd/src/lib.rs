//! The one door for `unsafe` in the workspace: code for vectors wider than the baseline of the target, chosen at run time.
//!
//! Masking is nearly all that a server does with a long WebSocket message. Safe code is compiled for the baseline, which
//! on x86-64 has vectors of 16 bytes: three instructions for each, 3,072 for 16 KiB. Processors since 2013 have vectors
//! of 32 bytes, and only at run time it is known whether this one has. Rust calls a function that is compiled for more
//! than the baseline `unsafe` to call, whatever is in it; nothing else here is.
//!
//! Each function has a safe twin in [`portable`], of which it is a second compilation; the tests and a fuzz target hold
//! the two against each other.

pub mod portable;

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

    proptest! {
        #[test]
        fn wherever_the_bytes_lie(bytes in prop::collection::vec(any::<u8>(), 64..5000), from in 0..64usize, key: [u8; 4]) {
            check(&bytes[from..], key);
        }
    }
}
