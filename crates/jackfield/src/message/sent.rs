//! What became of a message.

/// What became of a message. Ignoring it is safe: what happens to a slow consumer is decided by its
/// [`Overflow`](crate::Overflow) policy, which closes the connection unless told otherwise.
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
    /// It is on its way.
    Queued,
    /// It is on its way, behind more than the high-water mark: wait for `on_drain` before sending much more. Until
    /// then nothing is read from this connection either.
    Congested,
    /// Too much is queued for this peer, and the policy was applied; or the mailbox of its reactor is full.
    Full,
    /// The connection is gone or closing.
    Gone,
    /// This protocol has no way to carry it, such as binary on an event stream.
    Unfit,
}

impl Sent {
    /// True if the message is on its way.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Queued | Self::Congested)
    }
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Subscribers of this reactor that got it.
    pub here: usize,
    /// Reactors that it was passed on to.
    pub reactors: usize,
    /// Reactors that have subscribers and a full mailbox: theirs did not get it.
    pub full: usize,
}
