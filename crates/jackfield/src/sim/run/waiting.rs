//! A connection that is not accepted yet.

/// A connection in the backlog of its listener.
pub(super) struct Waiting {
    pub(super) party: usize,
    pub(super) listener: usize,
    /// The turns in which it might have been accepted, and how many these may be.
    pub(super) turns: usize,
    pub(super) turns_max: usize,
}
