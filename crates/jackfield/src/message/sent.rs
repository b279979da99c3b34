//! The result of sending a message.

/// The result of sending a message. You may ignore it: the [`Overflow`](crate::Overflow) policy decides what happens to
/// a slow consumer. By default it closes the connection.
///
/// ```
/// use jackfield::{Sent, WebSocket};
///
/// /// Sends numbers until the peer has enough to read for now; `on_drain` goes on.
/// fn count(socket: &mut WebSocket<'_>, next: &mut u64) {
///     while socket.send(next.to_string()) == Sent::Queued {
///         *next += 1;
///     }
/// }
/// ```
#[doc(alias = "SendStatus")]
#[doc(alias = "backpressure")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// It is queued.
    Queued,
    /// It is queued, and the queue is above the high-water mark: wait for `on_drain` before you send much more. Until
    /// then this connection is not read either.
    Congested,
    /// Too much is queued for this peer, and its policy was applied; or the mailbox of its reactor is full.
    Full,
    /// The connection is gone or closing.
    Gone,
    /// The protocol can't carry it, such as binary data on an event stream.
    Unsupported,
}

impl Sent {
    /// True if the message is queued.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Queued | Self::Congested)
    }
}

/// The result of publishing a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Subscribers of this reactor that got it.
    pub here: usize,
    /// Other reactors that it was sent to.
    pub reactors: usize,
    /// Reactors with subscribers and a full mailbox: their subscribers did not get it. If the server has ended: all its reactors,
    /// and no history has it either.
    pub full: usize,
}
