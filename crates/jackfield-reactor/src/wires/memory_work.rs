//! Memory work that is done after the present event.

use crate::budget::Eviction;
use crate::id::ConnectionId;
use crate::time::Time;
use crate::wheel::NIL;
use std::collections::VecDeque;

/// Memory work that is done after the present event.
#[derive(Debug)]
pub(crate) struct MemoryWork {
    /// There is work, which is done at the end of the turn at the latest.
    pub(crate) is_due: bool,
    /// Connections to be evicted.
    pub(crate) to_evict: VecDeque<(ConnectionId, Eviction)>,
    /// The slot at which a reactor below its share of the budget looks for the next ones.
    pub(super) search_from: usize,
    /// Connections that are not read because of memory, and since when. The largest is first.
    pub(super) memory_paused: Vec<(ConnectionId, Time)>,
    /// The timer for their next check. It belongs to no wire.
    pub(super) timer: u32,
}

impl MemoryWork {
    pub(crate) fn new() -> Self {
        let (to_evict, memory_paused) = (VecDeque::new(), Vec::new());
        Self { is_due: false, to_evict, search_from: 0, memory_paused, timer: NIL }
    }
}
