//! What happens to a new connection when the server is full.

/// What happens to a new connection when there are [`Limits::connections_max`](crate::Limits::connections_max) already. Set
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
    /// It replaces an idle connection: an HTTP connection without an open request, which ends with
    /// [`Limit::Connections`](crate::Limit::Connections). Among the next 64 places of the accepting reactor, the one that was
    /// idle longest is chosen. If there is none within 1,024 places, the new connection is refused.
    EvictIdle,
}
