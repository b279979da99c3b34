//! The forms of a message for its receivers.

/// The form in which a member gets a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    /// A frame of a WebSocket.
    Frame,
    /// A masked frame of an outgoing WebSocket. Each frame has its own mask, so it can't be shared.
    Masked,
    /// An event of an event stream.
    Event,
    /// The bytes alone, for raw and line connections.
    Bytes,
}
