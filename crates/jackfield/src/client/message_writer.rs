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
    /// later.
    pub fn write<'m>(&mut self, part: impl Into<Message<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_fragment(wires, *id, part.into())
    }

    /// Ends the message. Messages that were sent to this connection meanwhile follow.
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
