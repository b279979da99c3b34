//! The methods of a WebSocket.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::client::message_writer::{MessageKind, MessageWriter};
use crate::config::Heartbeat;
use crate::links::Protocol;
use crate::message::{Content, Publication, Sent};
use jackfield_proto::websocket::Opcode;
use std::io::Read;
use std::time::Duration;

/// A WebSocket, in one of its callbacks.
///
/// ```
/// use jackfield::{Client, Message, WebSocket};
///
/// struct Member;
///
/// impl Client for Member {
///     fn on_open(&mut self, socket: &mut WebSocket<'_>) {
///         socket.subscribe("room");
///         socket.send("welcome");
///     }
///
///     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
///         match message {
///             Message::Text(text) => {
///                 socket.publish("room", format!("{}: {text}", socket.id()));
///             }
///             Message::Binary(_) => socket.close_with(1003, "only text is taken here"),
///         }
///     }
/// }
/// ```
///
/// It can't answer a request; this does not compile:
///
/// ```compile_fail,E0599
/// fn answer(socket: &mut jackfield::WebSocket<'_>) {
///     socket.ok("text/plain", "an answer");
/// }
/// ```
#[doc(alias = "ws")]
#[doc(alias = "WebsocketContext")]
pub struct WebSocket<'a> {
    pub(crate) connection: Connection<'a>,
    /// It is an outgoing WebSocket, so its frames are masked.
    pub(crate) is_client: bool,
}

context!(WebSocket);

impl WebSocket<'_> {
    /// Sends a message: a text, bytes, or the data of an event. You may ignore the result: if the peer reads too
    /// slowly, the overflow policy of the connection applies.
    #[doc(alias = "SendWebSocketMessage")]
    #[doc(alias = "WSSendText")]
    #[doc(alias = "SendText")]
    #[inline(always)]
    #[doc(alias = "Send")]
    #[doc(alias = "DataToSend")]
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        match publication.into().into_message() {
            Ok(message) if self.is_client => links.send_masked(wires, *id, Content::Message(message)),
            Ok(message) => links.send_frame(wires, *id, message),
            Err(publication) => links.send(wires, *id, publication.content()),
        }
    }

    /// Sends a ping of at most 125 bytes; a longer payload is cut. The pong comes with `on_control`. Nothing is sent if
    /// `limits.reactor.outbox_bytes_max` bytes wait for the peer.
    #[doc(alias = "WSSendPing")]
    pub fn ping(&mut self, payload: &[u8]) {
        let Connection { id, wires, links } = &mut self.connection;
        links.ping(wires, *id, payload);
    }

    /// Sends a pong of at most 125 bytes that answers no ping; a longer payload is cut. A peer's pings are answered without it. It
    /// is a sign of life that asks for no answer (RFC 6455 section 5.5.3). A peer that does not read gets only the newest one.
    ///
    /// ```
    /// use jackfield::{Client, Connection, TimerId, WebSocket};
    /// use std::time::Duration;
    ///
    /// const ALIVE: TimerId = TimerId(1);
    ///
    /// struct Sensor;
    ///
    /// impl Client for Sensor {
    ///     fn on_open(&mut self, socket: &mut WebSocket<'_>) {
    ///         socket.set_timer(ALIVE, Duration::from_secs(20));
    ///     }
    ///
    ///     fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
    ///         let Some(mut socket) = connection.as_websocket() else { return };
    ///         socket.pong(b"alive");
    ///         socket.set_timer(ALIVE, Duration::from_secs(20));
    ///     }
    /// }
    /// ```
    #[doc(alias = "WSSendPong")]
    pub fn pong(&mut self, payload: &[u8]) {
        let Connection { id, wires, links } = &mut self.connection;
        if wires.is_open(*id) {
            links.pong(wires, *id, &payload[..payload.len().min(125)]);
        }
    }

    /// Begins a message that is sent in fragments. Control frames may go out between them; other messages to this connection
    /// wait for its end, and count towards the backlog. The message is not compressed. `None`: the connection is closing, or
    /// another message in fragments has not ended.
    ///
    /// ```
    /// use jackfield::{MessageKind, WebSocket};
    ///
    /// fn answer(socket: &mut WebSocket<'_>, lines: &[String]) {
    ///     let Some(mut message) = socket.begin(MessageKind::Text) else { return };
    ///     for line in lines {
    ///         message.write(line);
    ///     }
    ///     message.finish();
    /// }
    /// ```
    pub fn begin(&mut self, kind: MessageKind) -> Option<MessageWriter<'_>> {
        let Connection { id, wires, links } = &mut self.connection;
        let begun = links.begin_fragments(wires, *id, opcode(kind), None);
        begun.is_accepted().then(|| MessageWriter { connection: self.connection.reborrow() })
    }

    /// The message in fragments that has not ended, unless it comes from a reader.
    #[doc(alias = "WSSendFrame")]
    pub fn writer(&mut self) -> Option<MessageWriter<'_>> {
        let link = &self.links.table[self.id.slot()];
        let fragments = link.extra.as_ref()?.fragments.as_ref()?;
        fragments.reader.is_none().then(|| MessageWriter { connection: self.connection.reborrow() })
    }

    /// Sends the content of a reader as one message, in frames of at most 16 KiB. The next frames are read when the
    /// connection has drained, so only a few frames are in memory. The reader runs on the reactor's thread, and must not
    /// block. Other messages wait as with [`WebSocket::begin`]. If the reader fails, the connection closes with 1011. A text
    /// is not checked for UTF-8; the peer will refuse it if it is wrong. `Full`, and nothing is sent: another message in
    /// fragments has not ended.
    #[doc(alias = "SendFile")]
    #[doc(alias = "WSSendBinaryStream")]
    pub fn send_reader(&mut self, kind: MessageKind, reader: impl Read + 'static) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.begin_fragments(wires, *id, opcode(kind), Some(Box::new(reader)))
    }

    /// The subprotocol that the other server chose, on an outgoing WebSocket: one of
    /// [`Outgoing::subprotocol`](crate::Outgoing::subprotocol), or none. On an accepted WebSocket it is always `None`:
    /// your own [`Upgrade::choose`](crate::Upgrade::choose) chose it, and it is not stored.
    #[doc(alias = "protocol")]
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        let link = &self.links.table[self.id.slot()];
        link.extra.as_ref()?.subprotocol.as_deref()
    }

    /// The time between the heartbeat's last ping that was answered and its pong, as the reactor's clock measures it, in
    /// any callback. In [`on_control`](crate::Client::on_control) with that pong it is exact to the millisecond; later it is
    /// rounded, by at most 1 in 32, because it is kept in one byte, so that an idle WebSocket stays as small as it is.
    /// `None`: no ping of the heartbeat was answered yet. A [`WebSocket::ping`] of yours and a pong that answers nothing
    /// change nothing, if their payload is not the heartbeat's ([`Heartbeat::payload`]).
    ///
    /// ```
    /// use jackfield::{Client, Message, WebSocket};
    ///
    /// struct Player;
    ///
    /// impl Client for Player {
    ///     fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
    ///         let ping = socket.round_trip().map_or("unknown".into(), |ping| format!("{} ms", ping.as_millis()));
    ///         socket.send(&*format!("your ping is {ping}"));
    ///     }
    /// }
    /// ```
    #[doc(alias = "rtt")]
    #[doc(alias = "latency")]
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.last_round_trip()
    }

    /// The heartbeat that applies to this WebSocket: its own, or that of its listener, as it is now. After
    /// [`Connection::set_idle_timeout`](crate::Connection::set_idle_timeout) there is none, and its `after` is zero.
    #[doc(alias = "getHeartbeat")]
    #[doc(alias = "getHeartbeatMessage")]
    #[must_use]
    pub fn heartbeat(&self) -> &Heartbeat {
        self.connection.links.active_heartbeat(self.connection.id)
    }

    /// Sets the heartbeat of this WebSocket; the server's heartbeat does not apply to it any more.
    #[doc(alias = "WSPingSecs")]
    pub fn set_heartbeat(&mut self, heartbeat: Heartbeat) {
        let Connection { id, wires, links } = &mut self.connection;
        links.set_own_heartbeat(wires, *id, heartbeat);
    }
}

fn opcode(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    }
}

impl Connection<'_> {
    /// The connection as a WebSocket, if it is one.
    pub fn as_websocket(&mut self) -> Option<WebSocket<'_>> {
        let is_client = self.is_websocket_client();
        matches!(self.protocol(), Protocol::WebSocket(_))
            .then(|| WebSocket { connection: self.reborrow(), is_client })
    }

    /// Whether it is an outgoing WebSocket.
    pub(crate) fn is_websocket_client(&mut self) -> bool {
        matches!(self.protocol(), Protocol::WebSocket(socket) if socket.is_client())
    }
}
