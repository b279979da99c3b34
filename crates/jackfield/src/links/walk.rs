//! A walk over all connections of a reactor, a part of it in each turn.

/// The next slot, and what is done to each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(super) slot: usize,
    pub(super) does: Does,
}

/// What is done to each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Drain,
    Abort,
}
