//! The verbs of a WebSocket.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::config::Heartbeat;
use crate::disconnect::Reason;
use crate::links::Protocol;
use crate::message::{Content, Publication, Sent};
use jackfield_proto::websocket::CloseError;

/// A WebSocket, in one of its callbacks.
///
/// An answer to a request makes no sense here, and does not compile:
///
/// ```compile_fail,E0599
/// fn answer(socket: &mut jackfield::WebSocket<'_>) {
///     socket.ok("text/plain", "an answer");
/// }
/// ```
pub struct WebSocket<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(WebSocket);

impl WebSocket<'_> {
    /// Sends a message: a text, bytes, or the data of an event. Ignoring what became of it is safe: a peer that reads
    /// too slowly meets its connection's overflow policy.
    #[doc(alias = "SendWebSocketMessage")]
    #[doc(alias = "WSSendText")]
    #[doc(alias = "SendText")]
    #[inline(always)]
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        match publication.into().content() {
            Content::Message(message) => links.send_frame(wires, *id, message),
            content => links.send(wires, *id, content),
        }
    }

    /// Sends a Ping of at most 125 bytes, the rest being cut off. The Pong comes with `on_control`.
    #[doc(alias = "WSSendPing")]
    pub fn ping(&mut self, payload: &[u8]) {
        let Connection { id, wires, links } = &mut self.connection;
        let Some(outbox) = wires.outbox(*id) else { return };
        if let Protocol::WebSocket(socket) = &mut links.link(*id).protocol {
            socket.ping(payload, None, outbox.tail());
        }
    }

    /// From now on this is its heartbeat, whatever the server's is.
    #[doc(alias = "WSPingSecs")]
    pub fn set_heartbeat(&mut self, heartbeat: Heartbeat) {
        let Connection { id, wires, links } = &mut self.connection;
        links.set_own_heartbeat(wires, *id, heartbeat);
    }

    /// Closes with a code and a reason, which is cut to 123 bytes. Nothing can be sent afterwards; the peer's Close
    /// is awaited for a while, then the connection ends.
    ///
    /// # Panics
    /// Never, but a code that must not be sent (RFC 6455 section 7.4) is a bug: it is logged, and 1000 goes out
    /// instead. [`WebSocket::try_close`] gives the error back.
    #[doc(alias = "WSClose")]
    pub fn close(&mut self, code: u16, reason: &str) {
        if let Err(error) = self.try_close(code, reason) {
            log::error!("{}: a WebSocket was to be closed with {code}: {error}", self.connection.id);
            self.connection.close();
        }
    }

    /// Closes with a code and a reason.
    ///
    /// # Errors
    /// The code must not be sent. Nothing has happened then.
    pub fn try_close(&mut self, code: u16, reason: &str) -> Result<(), CloseError> {
        let Connection { id, wires, links } = &mut self.connection;
        links.close_websocket(wires, *id, Some(code), reason, Reason::Local)
    }
}

impl Connection<'_> {
    /// The connection as a WebSocket, if it is one.
    pub fn as_websocket(&mut self) -> Option<WebSocket<'_>> {
        matches!(self.protocol(), Protocol::WebSocket(_)).then(|| WebSocket { connection: self.reborrow() })
    }
}
