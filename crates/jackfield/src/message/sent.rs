//! What became of a message.

use jackfield_proto::websocket::Message;

/// What became of a message. Ignoring it is safe: what happens to a slow consumer is decided by its
/// [`Overflow`] policy, which closes the connection unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<'m> {
    /// It is on its way.
    Queued,
    /// It is on its way, behind more than the high-water mark: wait for `on_drain` before sending much more.
    Congested,
    /// The connection is gone or closing. Here it is back.
    Gone(Message<'m>),
    /// Too much is queued for this peer, and the policy was applied; or the mailbox of its reactor is full. Here it
    /// is back.
    Full(Message<'m>),
    /// This protocol has no way to carry it, such as binary on an event stream. Here it is back.
    Unfit(Message<'m>),
}

/// What happens to a peer that reads more slowly than it is sent to, once its backlog has reached the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The connection is closed, a WebSocket with 1013 (try again later). The default: nothing is lost unnoticed.
    #[default]
    Close,
    /// The message is given back to the sender, which decides. A published one is dropped and counted.
    GiveBack,
    /// The message is dropped and counted.
    DropNewest,
}

impl Sent<'_> {
    /// True if the message is on its way.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Queued | Self::Congested)
    }
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Subscribers of this reactor that got it.
    pub here: usize,
    /// Reactors that it was passed on to.
    pub reactors: usize,
    /// Reactors that have subscribers and a full mailbox: theirs did not get it.
    pub full: usize,
}
