//! Publications that must have been delivered by now.

/// What was published so long ago that it must have come, if this is known: two counts that are at least a timeout apart take less
/// memory than the time of each publication.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    /// Publications that were begun a timeout ago, or longer ago.
    begun: u64,
    /// Those that were begun at `counted_at`.
    next: u64,
    counted_at: u64,
}

impl Overdue {
    /// So many were begun until now.
    pub(super) fn note(&mut self, begun: u64, now: u64, timeout_ns: u64) {
        if now.saturating_sub(self.counted_at) >= timeout_ns {
            *self = Self { begun: self.next, next: begun, counted_at: now };
        }
    }

    /// How many of the first publications must have come.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }
}
