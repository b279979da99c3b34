//! The verbs of an event stream.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::Sent;
use jackfield_proto::sse::Event;
use jackfield_proto::websocket::Message;

/// A stream of server-sent events: an answer that goes on until somebody ends it.
///
/// Silence is filled with comments, so that proxies keep the stream open. It ends with the connection.
#[doc(alias = "ServerSentEventConnection")]
pub struct EventStream<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(EventStream);

impl EventStream<'_> {
    /// Sends an event. One that can't be written as it is (a line break in its name or id) is [`Sent::Unfit`], and
    /// nothing of it is sent.
    pub fn send<'m>(&mut self, event: &Event<'m>) -> Sent<'m> {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_event(wires, *id, event, Message::Text(""))
    }

    /// Sends a plain event with this data.
    pub fn send_data<'m>(&mut self, data: &'m str) -> Sent<'m> {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_event(wires, *id, &Event::data(data), Message::Text(data))
    }
}

impl Connection<'_> {
    /// The connection as an event stream, if it is one.
    pub fn as_events(&mut self) -> Option<EventStream<'_>> {
        matches!(self.protocol(), Protocol::Events).then(|| EventStream { connection: self.reborrow() })
    }
}
