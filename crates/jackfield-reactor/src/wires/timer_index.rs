//! The timers of a wire that has many.

use crate::table::hash_table_bytes;
use crate::wheel::TIMER_BYTES;
use std::collections::HashMap;

/// Timers that a wire has without an index: a part of what each connection costs.
pub(super) const CHAIN_MAX: usize = 8;

/// The timers of one wire that are not in its chain, by key.
#[derive(Debug, Default)]
pub(crate) struct TimerIndex {
    pub(super) entries: HashMap<u32, u32>,
    /// What of it is part of the wire's account.
    pub(super) charged: u32,
}

impl TimerIndex {
    /// Bytes that it takes with its place in the table of them, and the timers of its wire, chained or not.
    pub(super) fn bytes(&self) -> usize {
        let timers = (CHAIN_MAX + self.entries.len()) * TIMER_BYTES;
        // Of the places in the table of indexes between half and seven of eight are used.
        let place = size_of::<(usize, Self)>() * 3 / 2;
        hash_table_bytes::<(u32, u32)>(self.entries.capacity()) + place + timers
    }
}
