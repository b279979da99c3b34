//! The verbs of an event stream.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::{Publication, Sent};

/// A stream of server-sent events: an answer that goes on until somebody ends it.
///
/// Silence is filled with comments, so that proxies keep the stream open. It ends with the connection.
#[doc(alias = "ServerSentEventConnection")]
pub struct EventStream<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(EventStream);

impl EventStream<'_> {
    /// Sends an event, or a text as the data of one. An event that can't be written as it is (a line break in its name
    /// or id) is [`Sent::Unfit`], and so are bytes; nothing of it is sent.
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        // The answer to a HEAD ended with its head.
        match links.link(*id).protocol {
            Protocol::Events => links.send(wires, *id, publication.into().content()),
            _ => Sent::Gone,
        }
    }
}

impl Connection<'_> {
    /// The connection as an event stream, if it is one.
    pub fn as_events(&mut self) -> Option<EventStream<'_>> {
        matches!(self.protocol(), Protocol::Events).then(|| EventStream { connection: self.reborrow() })
    }
}
