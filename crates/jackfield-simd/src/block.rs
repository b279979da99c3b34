//! [`portable::Block`](crate::portable::Block) in the vectors that every x86-64 processor has.
//!
//! A loop over sixteen bytes that gathers one bit of each becomes a vector instruction with some compilers, and sixteen
//! scalar ones with others. So the few instructions are named here.

use std::arch::x86_64::{
    __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8,
    _mm_or_si128, _mm_set1_epi8,
};

/// Sixteen bytes that are looked at together.
#[derive(Clone, Copy, Debug)]
pub struct Block(__m128i);

/// Which bytes of a block fit a question.
#[derive(Clone, Copy, Debug)]
pub struct Found(__m128i);

impl Block {
    /// These bytes.
    #[inline(always)]
    #[must_use]
    pub fn of(bytes: &[u8; 16]) -> Self {
        // SAFETY: sixteen bytes are read, which is what the reference promises, and the load needs no alignment.
        Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    /// The bytes below `low` or above `high`. Both must be ASCII, and `low` not 0.
    #[inline(always)]
    #[must_use]
    pub fn outside(self, low: u8, high: u8) -> Found {
        // The comparisons take bytes for signed, so what is not ASCII is below `low`.
        // SAFETY: every x86-64 processor has SSE2, here and below.
        let below = unsafe { _mm_cmpgt_epi8(all(low), self.0) };
        // SAFETY: as above.
        let above = unsafe { _mm_cmpgt_epi8(self.0, all(high)) };
        Found(below).or(Found(above))
    }

    /// The bytes that are this one.
    #[inline(always)]
    #[must_use]
    pub fn equal(self, byte: u8) -> Found {
        // SAFETY: every x86-64 processor has SSE2.
        Found(unsafe { _mm_cmpeq_epi8(self.0, all(byte)) })
    }

    /// With capital letters made small. Other bytes change too, but none of them to a letter.
    #[inline(always)]
    #[must_use]
    pub fn folded(self) -> Self {
        // SAFETY: every x86-64 processor has SSE2.
        Self(unsafe { _mm_or_si128(self.0, all(0x20)) })
    }
}

impl Found {
    /// The bytes of either.
    #[inline(always)]
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        // SAFETY: every x86-64 processor has SSE2.
        Self(unsafe { _mm_or_si128(self.0, other.0) })
    }

    /// Without the bytes of the other.
    #[inline(always)]
    #[must_use]
    pub fn but_not(self, other: Self) -> Self {
        // SAFETY: every x86-64 processor has SSE2.
        Self(unsafe { _mm_andnot_si128(other.0, self.0) })
    }

    /// How far from place `from`, at most 16, the first byte stands.
    #[inline(always)]
    #[must_use]
    pub fn first_from(self, from: u32) -> Option<u32> {
        // SAFETY: every x86-64 processor has SSE2.
        let bits = unsafe { _mm_movemask_epi8(self.0) } as u32 >> from;
        (bits != 0).then(|| bits.trailing_zeros())
    }
}

/// Sixteen times this byte.
#[inline(always)]
fn all(byte: u8) -> __m128i {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_set1_epi8(byte as i8) }
}
