//! A connection that is not accepted yet.

/// A connection in the backlog of its listener.
pub(super) struct Waiting {
    pub(super) party: usize,
    /// The reactor that accepts it.
    pub(super) reactor: usize,
    pub(super) listener: usize,
    /// How many turns it has waited while its listener could accept connections, and the most that it may.
    pub(super) turns: usize,
    pub(super) turns_max: usize,
}

impl Waiting {
    pub(super) fn is_at(&self, reactor: usize, listener: usize) -> bool {
        (self.reactor, self.listener) == (reactor, listener)
    }

    pub(super) fn describe(&self) -> String {
        format!("peer {} waits at listener {}", self.party, self.listener)
    }
}
