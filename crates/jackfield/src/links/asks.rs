//! What a request meets before its client.

/// What is done with a request before its client sees it. Nothing is the usual case, and one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asks {
    /// The gate has something to decide.
    pub(crate) gate: bool,
    /// It is recorded, for an observer.
    pub(crate) record: bool,
}

impl Asks {
    pub(crate) const NOTHING: Self = Self { gate: false, record: false };
}
