//! The timers of a wire that has many.

use crate::wheel::ENTRY_BYTES;
use std::collections::HashMap;

/// The timers of one wire that are not in its chain, by key.
#[derive(Debug, Default)]
pub(crate) struct TimerIndex {
    pub(super) entries: HashMap<u32, u32>,
    /// What of it is part of the wire's account.
    pub(super) charged: u32,
}

impl TimerIndex {
    /// Bytes that it and its entries take. A table of the standard library has a byte for each place besides the place.
    pub(super) fn bytes(&self) -> usize {
        // Seven of eight places are used at most.
        let places = self.entries.capacity() * 8 / 7;
        size_of::<Self>() + places * (size_of::<(u32, u32)>() + 1) + self.entries.len() * ENTRY_BYTES
    }
}
