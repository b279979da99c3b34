//! The user's own class, and all that its methods are given.
//!
//! This room knows no dispatch, and other threads only through `Handle`. Only its traits are generic.

mod boxed;
#[cfg(feature = "compression")]
mod compression;
mod connection;
mod context;
mod events;
mod exchange;
mod factory;
mod late_upgrade;
mod message_writer;
mod raw;
mod reactor;
mod reply;
mod response;
mod setup;
mod stream;
mod upgrade;
mod visit;
mod websocket;

#[cfg(feature = "compression")]
pub use compression::Compression;
pub use connection::{Connection, TimerId};
pub use events::{EventStream, last_event_id};
pub use exchange::Exchange;
pub(crate) use factory::Closure;
pub use factory::{ClientFactory, IntoClient, Refuse};
pub use late_upgrade::LateUpgrade;
pub use message_writer::{MessageKind, MessageWriter};
pub use raw::Raw;
pub(crate) use reactor::Job;
pub use reactor::Reactor;
pub use reply::{Reply, ReplyStream};
pub use response::{ResponseBuilder, ResponseTarget};
pub use setup::Setup;
pub(crate) use setup::Tick;
pub use stream::ResponseStream;
pub use upgrade::Upgrade;
pub(crate) use visit::Visit;
pub use websocket::WebSocket;

use crate::disconnect::{Disconnect, Reason};
use jackfield_proto::http1::Request;
use jackfield_proto::websocket::{FrameHead, Message};
use std::any::{Any, type_name};

/// Your object for one connection, with a method for each event. It is no HTTP client.
///
/// All methods have a default, so a client is as long as what it does. The first nine carry nearly every server. One
/// connection's callbacks run on its reactor's thread, in order, and never inside one another; a client need not be
/// `Send`. Borrowed arguments are valid during the callback only.
///
/// `on_connect` comes first, and `on_disconnect` exactly once if it ran. A connection that this side begins
/// ([`Outgoing`](crate::Outgoing)) and that does not come about has `on_disconnect` alone.
///
/// An event that only one protocol has gets the connection typed by it: an [`Exchange`], a [`WebSocket`], a [`Raw`].
/// The others, such as `on_timer` and `on_post`, get the plain [`Connection`], which sends by
/// [`as_websocket`](Connection::as_websocket), [`as_events`](Connection::as_events), [`as_raw`](Connection::as_raw)
/// or [`as_response`](Connection::as_response).
///
/// ```
/// use jackfield::{Client, Connection, Message, TimerId, WebSocket};
/// use std::time::Duration;
///
/// struct Clock {
///     ticks: u32,
/// }
///
/// impl Client for Clock {
///     fn on_open(&mut self, socket: &mut WebSocket<'_>) {
///         socket.set_timer(TimerId(1), Duration::from_secs(1));
///     }
///
///     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
///         socket.send(message);
///     }
///
///     fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
///         self.ticks += 1;
///         if let Some(mut socket) = connection.as_websocket() {
///             socket.send(self.ticks.to_string());
///         }
///         connection.set_timer(timer, Duration::from_secs(1));
///     }
/// }
/// ```
#[doc(alias = "Handler")]
#[doc(alias = "Actor")]
#[doc(alias = "WebSocketBehavior")]
#[allow(unused_variables)]
#[doc(alias = "WebSocketHandler")]
#[doc(alias = "isPersistent")]
#[doc(alias = "setPersistent")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a client",
    note = "every method of `Client` has a default: write `impl Client for {Self} {{}}`, and the callbacks that you want in it"
)]
pub trait Client: sealed::AsAny {
    /// The connection is up, TLS included, and nothing has been said yet. On a raw or line connection this is the place
    /// to speak first, with [`Connection::as_raw`]; a WebSocket begins with `on_open`, an event stream with the answer
    /// that makes it one, in `on_request`.
    #[doc(alias = "OnClientConnect")]
    #[doc(alias = "OnClientConnected")]
    fn on_connect(&mut self, connection: &mut Connection<'_>) {}

    /// A request has come, with its body if it has one. The exchange is used up by the answer; one that is dropped
    /// unused is a 500. Default: 404.
    #[doc(alias = "OnHttpRequest")]
    #[doc(alias = "handleRequest")]
    #[doc(alias = "OnGetDocument")]
    #[doc(alias = "OnPostDocument")]
    #[doc(alias = "OnPutDocument")]
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        exchange.not_found();
    }

    /// A request asks to go on with WebSocket; the handshake is valid, and its origin allowed. Default: yes.
    #[doc(alias = "OnWebSocketRequest")]
    #[doc(alias = "WebSocketOpenRequest")]
    #[doc(alias = "OnWSHandshake")]
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        upgrade.accept();
    }

    /// The WebSocket is open. It comes before the first message. Event streams don't come here: they begin in
    /// `on_request`, with [`Exchange::events`].
    #[doc(alias = "OnWebSocketConnected")]
    #[doc(alias = "OnWSReady")]
    #[doc(alias = "registered")]
    #[doc(alias = "Connected")]
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {}

    /// A stream of events has begun, by the answer to a request or by one that was given later. It comes right after the
    /// callback in which it was begun, and before anything else is done with it. `last_event_id` is what the request named
    /// ([`last_event_id`]); of an answer that was given later it is not known any more.
    #[doc(alias = "OnSseOpen")]
    fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {}

    /// A message has come, whole. Default: closes with 1003, so that a server without WebSocket opens none that it
    /// would have to serve.
    #[doc(alias = "OnWebSocketMessage")]
    #[doc(alias = "OnWSFrameRcvd")]
    #[doc(alias = "gotMessage")]
    #[doc(alias = "DataIn")]
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.close_with(1003, "no messages are taken here");
    }

    /// A part of a message has come that is longer than `websocket.stream_above` of the limits, which disables this by
    /// default. Parts of a text are whole characters, and the last part may be empty. Between two parts may come anything
    /// but another message. Default: closes with 1009, as too long.
    #[doc(alias = "BufferMessage")]
    #[doc(alias = "EOM")]
    #[doc(alias = "gotRawMessage")]
    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
        socket.close_with(1009, "messages are taken whole here");
    }

    /// Bytes of a protocol of the user's own have come. Returns how many were used: the rest comes again, with more
    /// behind it. Called until it returns 0 or nothing is left. Default: closes.
    #[doc(alias = "OnDataAvailable")]
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.close();
        data.len()
    }

    /// What was queued for the peer has drained to the low-water mark, after it had been above the high one: send on. (The
    /// drain of a shutdown is another thing.)
    #[doc(alias = "ReadyToSend")]
    #[doc(alias = "OnDataSent")]
    #[doc(alias = "OnSendData")]
    #[doc(alias = "pollData")]
    #[doc(alias = "pollDataImmediate")]
    fn on_drain(&mut self, connection: &mut Connection<'_>) {}

    /// The kernel has taken all that was sent to the connection before [`Connection::notify_sent`] asked for this, with that
    /// tag. It comes once for each time that it was asked for, in that order, or `on_disconnect` comes instead.
    #[doc(alias = "OnWSFrameSent")]
    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {}

    /// A timer of [`Connection::set_timer`] is due. For something that all connections of a reactor share, and that is
    /// not to drift, there is [`Setup::every`].
    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {}

    /// The connection has ended. The last call; the connection takes nothing more, but others do. To close or abort it here
    /// does nothing, and a panic is reported and changes nothing: what was sent still arrives.
    #[doc(alias = "OnClientDisconnect")]
    #[doc(alias = "OnClientDisconnected")]
    #[doc(alias = "connectionClosed")]
    #[doc(alias = "Disconnected")]
    #[doc(alias = "OnWSDisconnected")]
    #[doc(alias = "deregisterConnectionImpl")]
    #[doc(alias = "notifyClosed")]
    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {}

    /// A line of a line protocol has come, without its end, which is LF or CR LF. Default: closes.
    #[doc(alias = "LineMode")]
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        raw.close();
    }

    /// A line is longer than it may be. Default: aborts. If the connection is kept, the
    /// whole line is dropped.
    #[doc(alias = "OnLineLimitExceeded")]
    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        raw.abort();
    }

    /// The peer of a raw or line connection has closed its side: nothing more comes from it, but it may still listen.
    /// `rest` is what it sent last and was not used: what `on_data` left, or a last line without its end. Default: closes.
    /// A client that has still something to say overrides it, says that, and closes then or later; until it does the
    /// connection stays, for `raw_idle` at most. It comes once, and also while the connection is read-paused, if nothing is
    /// unread.
    ///
    /// ```
    /// use jackfield::{Client, Raw};
    ///
    /// struct Sum(u64);
    ///
    /// impl Client for Sum {
    ///     fn on_line(&mut self, _raw: &mut Raw<'_>, line: &[u8]) {
    ///         self.0 += line.len() as u64;
    ///     }
    ///
    ///     fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
    ///         raw.send(format!("{} bytes in lines, {} without a line end\n", self.0, rest.len()));
    ///         raw.close();
    ///     }
    /// }
    /// ```
    #[doc(alias = "half_close")]
    #[doc(alias = "on_half_close")]
    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        raw.close();
    }

    /// The server ends a raw or line connection by itself: for its idle timeout, because it has lasted as long as it may,
    /// or because the server shuts down. What is sent here still goes out. It comes behind what the peer has sent so far,
    /// unless the connection is read-paused with something unread until the deadline of the shutdown; what then is lost is
    /// told by [`Disconnect::unread`]. Default: nothing is said.
    #[doc(alias = "goodbye")]
    fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {}

    /// TLS that [`Raw::start_tls`] has asked for is established: what comes and what is sent is encrypted from now on. A
    /// handshake that fails ends the connection with [`Reason::Tls`](crate::Reason::Tls) or with a timeout.
    #[doc(alias = "OnSslHandshakeDone")]
    #[doc(alias = "OnSslVerifyPeer")]
    fn on_secure(&mut self, raw: &mut Raw<'_>) {}

    /// A value was posted to this connection, by [`Handle::post`](crate::Handle::post) or
    /// [`Handle::post_to_topic`](crate::Handle::post_to_topic): `value.downcast::<T>()` gives it back as what it is.
    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {}

    /// A Ping or Pong has come. The answer to a Ping is on its way already.
    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {}

    /// Whether [`Client::on_frame`] is to be asked about each frame of this WebSocket. It is asked once, before `on_open`; where
    /// the answer is no, frames cost nothing more. Default: no.
    fn wants_frames(&self) -> bool {
        false
    }

    /// The head of a frame has come, of any opcode and with any reserved bits, and its payload perhaps not yet: what is to be
    /// done with it? Only if [`Client::wants_frames`] says yes. Frames with a wrong mask or length, or control frames that are
    /// long or in fragments, don't come here: they close the connection with 1002. Default: it goes on as usual.
    ///
    /// ```
    /// use jackfield::{Client, FrameAction, FrameHead, WebSocket};
    ///
    /// /// Speaks an extension of its own, with frames of opcode 3.
    /// #[derive(Default)]
    /// struct Telemetry {
    ///     samples: Vec<u8>,
    /// }
    ///
    /// impl Client for Telemetry {
    ///     fn wants_frames(&self) -> bool {
    ///         true
    ///     }
    ///
    ///     fn on_frame(&mut self, _socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
    ///         match (head.opcode(), head.payload_bytes()) {
    ///             (3, 0..=1000) => FrameAction::TakeOver,
    ///             (3, _) => FrameAction::Close(1009),
    ///             _ => FrameAction::Continue,
    ///         }
    ///     }
    ///
    ///     fn on_frame_part(&mut self, _socket: &mut WebSocket<'_>, part: &[u8], _is_last: bool) {
    ///         self.samples.extend_from_slice(part);
    ///     }
    /// }
    /// ```
    #[doc(alias = "gotRawMessage")]
    #[doc(alias = "raw_frame")]
    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        FrameAction::Continue
    }

    /// A part of the payload of a frame that [`Client::on_frame`] has taken over has come, without its mask. Parts come as they
    /// arrive, the last one may be empty, and nothing is kept of them: no limit of messages concerns them but the time that
    /// a message may take.
    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {}

    /// The heartbeat of an idle WebSocket is due. Default: a ping.
    #[doc(alias = "OnWSPingTimer")]
    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        HeartbeatAction::Ping
    }

    /// The head of a request has come whose body is still to be decided on. Only for requests with a body. Default:
    /// collect it, up to `body_bytes_max`.
    #[doc(alias = "OnBeforeProcessRequest")]
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        BodyPlan::Collect
    }

    /// Part of a body that is streamed. `on_request` comes after the last one, with an empty body.
    #[doc(alias = "OnPostedData")]
    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {}

    /// The name of its type, for reports about it.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// Takes another client's place, at [`Connection::replace`]. Only a boxed client can; the others give it back.
    #[doc(hidden)]
    fn become_client(&mut self, client: Box<dyn Client>) -> Result<(), Box<dyn Client>> {
        Err(client)
    }

    /// What [`Handle::with_client`](crate::Handle::with_client) looks at: this, or what is in the box.
    #[doc(hidden)]
    fn as_client(&mut self) -> &mut dyn Any {
        self.as_any()
    }
}

mod sealed {
    use std::any::Any;

    /// Whatever has no borrowed parts, which a client must not have.
    pub trait AsAny: Any {
        /// As a value whose type can be asked for.
        fn as_any(&mut self) -> &mut dyn Any;
    }

    impl<T: Any> AsAny for T {
        fn as_any(&mut self) -> &mut dyn Any {
            self
        }
    }
}

/// What is to be done with a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyPlan {
    /// It is collected and comes with the request, up to `body_bytes_max` of the server's limits.
    Collect,
    /// It is collected, up to this number of bytes.
    CollectUpTo(u64),
    /// Its parts come with `on_body` as they arrive, in any number.
    Stream,
    /// It is refused with this status, and the request with it.
    Reject(u16),
}

/// A control frame of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'b> {
    /// A Ping, and what it said. It has been answered.
    Ping(&'b [u8]),
    /// A Pong, and what it said.
    Pong(&'b [u8]),
}

/// What is done with a frame that came in on a WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameAction {
    /// It becomes a message, or whatever else it is in the protocol.
    #[default]
    Continue,
    /// Its payload comes with [`Client::on_frame_part`], and the protocol knows nothing of it.
    TakeOver,
    /// The WebSocket is closed with this code, and the frame dropped.
    Close(u16),
}

/// What is done for a WebSocket whose heartbeat is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeartbeatAction {
    /// A ping, and the end if nothing is heard after it.
    #[default]
    Ping,
    /// Nothing; it is asked again after the same idle time.
    Skip,
    /// The client has sent something of its own, which the peer has to answer as it would a ping.
    Sent,
}
