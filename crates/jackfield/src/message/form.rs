//! What a message looks like to its receiver.

/// What a published message looks like to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A WebSocket's.
    Frame,
    /// A WebSocket's that this side has begun. Each receiver has a mask of its own, so that nothing is shared.
    Masked,
    /// An event stream's.
    Event,
    /// Just as it is: for a protocol of the user's own.
    Bytes,
}
