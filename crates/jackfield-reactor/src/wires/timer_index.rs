//! The timers of a wire that has many.

use crate::table::hash_table_bytes;
use crate::wheel::TIMER_BYTES;
use std::collections::HashMap;

/// The most timers of a wire without an index.
pub(super) const CHAIN_MAX: usize = 8;

/// The timers of one wire that are not in its chain, by key.
#[derive(Debug, Default)]
pub(crate) struct TimerIndex {
    pub(super) entries: HashMap<u32, u32>,
    /// The part of the wire's charge that is for timers.
    pub(super) charged: u32,
}

impl TimerIndex {
    /// Bytes of the index with its place in the table, and of all timers in it. So many timers in the chain are charged too, if
    /// one is free.
    pub(super) fn bytes(&self, chained: usize) -> usize {
        let timers = (chained + self.entries.len()).saturating_sub(1) * TIMER_BYTES;
        // Between half and seven eighths of the places in the table of indexes are used.
        let place = size_of::<(usize, Self)>() * 3 / 2;
        hash_table_bytes::<(u32, u32)>(self.entries.capacity()) + place + timers
    }
}
