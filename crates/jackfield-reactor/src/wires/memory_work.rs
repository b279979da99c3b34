//! Memory work that is done after the present event.

use crate::budget::Eviction;
use crate::id::ConnectionId;
use crate::time::Time;
use crate::wheel::NIL;
use std::collections::{BTreeSet, VecDeque};

/// Memory work that is done after the present event.
#[derive(Debug)]
pub(crate) struct MemoryWork {
    /// There is work, which is done at the end of the turn at the latest.
    pub(crate) is_due: bool,
    /// Connections to be evicted.
    pub(crate) to_evict: VecDeque<(ConnectionId, Eviction)>,
    /// The slot at which a reactor below its share of the budget looks for the next ones.
    pub(super) search_from: usize,
    /// Connections that are not read because of memory: what each held when it was paused, or at the last look, and since
    /// when it has been paused. A set, because nearly all connections may be in it, and one more must not move them.
    pub(super) memory_paused: BTreeSet<(usize, Time, ConnectionId)>,
    /// The timer for their next check. It belongs to no wire.
    pub(super) timer: u32,
}

impl MemoryWork {
    pub(crate) fn new() -> Self {
        let (to_evict, memory_paused) = (VecDeque::new(), BTreeSet::new());
        Self { is_due: false, to_evict, search_from: 0, memory_paused, timer: NIL }
    }
}
