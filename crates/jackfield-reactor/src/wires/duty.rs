//! What is to be done about memory once the present event is over.

use crate::budget::Eviction;
use crate::id::ConnectionId;
use crate::time::Time;
use crate::wheel::NIL;
use std::collections::VecDeque;

/// What is to be done about memory once the present event is over.
#[derive(Debug)]
pub(crate) struct MemoryWork {
    /// Something is, and the end of the turn will see to it at the latest.
    pub(crate) is_due: bool,
    /// Those that must go.
    pub(crate) to_evict: VecDeque<(ConnectionId, Eviction)>,
    /// Those that are not read, and since when.
    pub(super) memory_paused: Vec<(ConnectionId, Time)>,
    /// The timer that looks after them, which is no wire's.
    pub(super) timer: u32,
}

impl MemoryWork {
    pub(crate) fn new() -> Self {
        Self { is_due: false, to_evict: VecDeque::new(), memory_paused: Vec::new(), timer: NIL }
    }
}
