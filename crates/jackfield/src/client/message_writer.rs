//! The methods of a message that is sent in fragments.

use crate::client::connection::Connection;
use crate::message::Sent;
use jackfield_proto::websocket::Message;

/// A WebSocket message that is being sent in fragments: from [`WebSocket::begin`](crate::WebSocket::begin). To drop it does
/// not end the message: [`WebSocket::writer`](crate::WebSocket::writer) gives it again in a later callback.
#[must_use]
pub struct MessageWriter<'a> {
    pub(crate) connection: Connection<'a>,
}

impl MessageWriter<'_> {
    /// Sends a fragment: text for a text message, bytes for a binary message; the other kind is [`Sent::Unsupported`]. An
    /// empty fragment is not sent. If a fragment is not accepted, nothing of it is sent, and you can send it again
    /// later. If you don't, the message goes on without it. [`Sent::Full`]: the backlog has reached its cap. With
    /// [`Overflow::Close`](crate::Overflow::Close), which is the default, the connection is closed then; with any other policy it
    /// is not, and the fragment does not count as a dropped message.
    pub fn write<'m>(&mut self, part: impl Into<Message<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_fragment(wires, *id, part.into())
    }

    /// Ends the message. Messages that were sent to this connection meanwhile follow. If a fragment was accepted, the end always has
    /// room. If none was, the message is empty, and [`Sent::Full`] means that it is not sent at all; it is over then too.
    pub fn finish(mut self) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.end_fragments(wires, *id)
    }
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
}
