//! The verbs of a message that is sent in fragments.

use crate::client::connection::Connection;
use crate::message::Sent;
use jackfield_proto::websocket::Message;

/// A WebSocket message that is being sent in fragments: from [`WebSocket::begin`](crate::WebSocket::begin). Dropped, it goes
/// on: [`WebSocket::writer`](crate::WebSocket::writer) is the same in a later callback.
#[must_use]
pub struct MessageWriter<'a> {
    pub(crate) connection: Connection<'a>,
}

impl MessageWriter<'_> {
    /// Sends a fragment: text for a text, bytes for a binary message; the other kind is [`Sent::Unfit`]. An empty one is
    /// left out. What was not taken has not been sent: the message can go on with it later.
    pub fn write<'m>(&mut self, part: impl Into<Message<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_fragment(wires, *id, part.into())
    }

    /// Ends the message. What was sent to this connection meanwhile follows.
    pub fn finish(mut self) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.end_fragments(wires, *id)
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
}
