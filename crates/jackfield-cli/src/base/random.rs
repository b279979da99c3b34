//! Random numbers for masks and keys: different in each run, but not secret.

use std::time::{SystemTime, UNIX_EPOCH};

/// The generator xorshift64*.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by the clock.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::from(now.subsec_nanos()) << 32 ^ now.as_secs() | 1)
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A mask for a WebSocket frame.
    #[inline]
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        ((self.next() >> 32) as u32).to_ne_bytes()
    }

    /// A key for a WebSocket handshake.
    pub(crate) fn key(&mut self) -> [u8; 16] {
        let (high, low) = (self.next(), self.next());
        (u128::from(high) << 64 | u128::from(low)).to_ne_bytes()
    }
}
