//! How a new connection is refused.

/// How a new connection is refused, by the factory or by [`Listener::refuse_if`](crate::Listener::refuse_if).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refuse {
    /// It is closed, and nothing is sent.
    Silent,
    /// It is reset.
    Reset,
    /// It gets 503, or the busy banner of its listener.
    Busy,
    /// It gets these bytes, and is closed.
    Banner(Vec<u8>),
}
