//! What becomes of a new connection when there are as many as there may be.

/// What becomes of a new connection when there are [`Limits::connections_max`](crate::Limits::connections_max) already. Set
/// with [`Limits::when_full`](crate::Limits::when_full).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused: 503 with `Retry-After`, or the busy banner.
    #[default]
    Refuse,
    /// It waits in the backlog of the system until another connection ends, as if its listener were paused. When the
    /// backlog is full too, the system lets it wait or refuses it.
    #[doc(alias = "Backpressure")]
    Wait,
    /// It takes the place of an idle one: an HTTP connection to which no answer is owed, which ends with
    /// [`Limit::Connections`](crate::Limit::Connections). Of the next 64 places on the reactor that accepts it is the one from
    /// which nothing came for the longest time. If there is none within 1,024 places, the new connection is refused.
    EvictIdle,
}
