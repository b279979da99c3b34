//! Your own client type, and everything that its methods get.
//!
//! This room knows no dispatch, and other threads only through `Handle`. Only its traits are generic.

mod accept_fields;
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
mod stats;
mod stream;
mod upgrade;
mod visit;
mod websocket;

#[cfg(feature = "test-util")]
pub(crate) use boxed::any::{AnyClient, MakeAny};
#[cfg(feature = "compression")]
pub use compression::Compression;
pub use connection::{Connection, TimerId};
pub use events::{EventStream, last_event_id};
pub use exchange::Exchange;
pub(crate) use factory::Closure;
pub use factory::{ClientFactory, IntoClient};
pub use late_upgrade::LateUpgrade;
pub use message_writer::{MessageKind, MessageWriter};
pub use raw::Raw;
pub(crate) use reactor::Job;
pub use reactor::Reactor;
pub use reply::{Reply, ReplyStream};
pub use response::{ResponseBuilder, ResponseTarget};
pub use setup::Setup;
pub(crate) use setup::Tick;
pub use stats::ConnectionStats;
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
/// All methods have a default, so you write only what you need. Most servers need only `on_connect`, `on_request`,
/// `on_upgrade`, `on_open`, `on_message`, `on_data`, `on_drain`, `on_timer` and `on_disconnect`. One connection's callbacks run
/// on its reactor's thread, in order, and never inside one another; a client need not be `Send`. Borrowed arguments are valid
/// during the callback only.
///
/// `on_connect` comes first, and `on_disconnect` exactly once if it ran. If an [`Outgoing`](crate::Outgoing) connection fails,
/// only `on_disconnect` comes.
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
    /// The connection is up (with TLS: the handshake is done), and no bytes were exchanged yet. On a raw or line
    /// connection you can send first here, with [`Connection::as_raw`]; a WebSocket begins with `on_open`, an event
    /// stream with the answer that makes it one, in `on_request`.
    #[doc(alias = "OnClientConnect")]
    #[doc(alias = "OnClientConnected")]
    fn on_connect(&mut self, connection: &mut Connection<'_>) {}

    /// A request has come, with its body if it has one. The answer consumes the exchange; if it is dropped without an
    /// answer, the peer gets a 500. Default: 404.
    #[doc(alias = "OnHttpRequest")]
    #[doc(alias = "handleRequest")]
    #[doc(alias = "OnGetDocument")]
    #[doc(alias = "OnPostDocument")]
    #[doc(alias = "OnPutDocument")]
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        exchange.not_found();
    }

    /// A request asks for a WebSocket; its handshake is valid, and its origin is allowed. Default: accept, whatever the path, also
    /// if your type has no other callback for WebSockets. [`ServerBuilder::websocket_paths`](crate::ServerBuilder::websocket_paths)
    /// says at which paths it comes.
    #[doc(alias = "OnWebSocketRequest")]
    #[doc(alias = "WebSocketOpenRequest")]
    #[doc(alias = "OnWSHandshake")]
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        upgrade.accept();
    }

    /// The WebSocket is open. This comes before the first message. Event streams don't come here: they begin in
    /// `on_request`, with [`Exchange::events`].
    #[doc(alias = "OnWebSocketConnected")]
    #[doc(alias = "OnWSReady")]
    #[doc(alias = "registered")]
    #[doc(alias = "Connected")]
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {}

    /// An event stream has begun, by an answer at once or by a deferred one. This comes right after the callback in which
    /// it was begun, and before any other callback of it. `last_event_id` is the id in the request ([`last_event_id`]), also
    /// if the answer was deferred.
    #[doc(alias = "OnSseOpen")]
    fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {}

    /// A whole message has come. Default: closes with 1003. (The default [`Client::on_upgrade`] accepts, so without
    /// your own `on_message` a WebSocket opens, and closes at its first message.)
    #[doc(alias = "OnWebSocketMessage")]
    #[doc(alias = "OnWSFrameRcvd")]
    #[doc(alias = "gotMessage")]
    #[doc(alias = "DataIn")]
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.close_with(1003, "no messages are taken here");
    }

    /// A part of a long message has come. Only messages longer than the limit `websocket.stream_above` come in parts; by
    /// default none does. The parts of a text have whole characters, and the last part may be empty. Between two parts
    /// other callbacks may come, but no other message. Default: closes with 1009 (too long).
    #[doc(alias = "BufferMessage")]
    #[doc(alias = "EOM")]
    #[doc(alias = "gotRawMessage")]
    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
        socket.close_with(1009, "messages are taken whole here");
    }

    /// Bytes of your own protocol have come. Return how many you used: the rest comes again, together with the next
    /// bytes. It is called until it returns 0 or nothing is left. Default: closes.
    #[doc(alias = "OnDataAvailable")]
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.close();
        data.len()
    }

    /// The queue for the peer was above the high-water mark, and has now drained to the low-water mark: you can send more. The
    /// peer is read again too, unless you have paused it; between the two marks it was not read.
    /// It comes after the messages in the queue of an [`Overflow`](crate::Overflow) policy, as far as the peer has room for them.
    /// (It has nothing to do with the drain at a shutdown.)
    #[doc(alias = "ReadyToSend")]
    #[doc(alias = "OnDataSent")]
    #[doc(alias = "OnSendData")]
    #[doc(alias = "pollData")]
    #[doc(alias = "pollDataImmediate")]
    fn on_drain(&mut self, connection: &mut Connection<'_>) {}

    /// The kernel has taken all that was sent to the connection before the call of [`Connection::notify_sent`] with this
    /// tag. It comes once for each call, in the order of the calls; if the connection ends first, `on_disconnect` comes
    /// instead.
    #[doc(alias = "OnWSFrameSent")]
    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {}

    /// A timer of [`Connection::set_timer`] is due. For a periodic task of a whole reactor, without drift, use
    /// [`Setup::every`].
    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {}

    /// The connection has ended. This is the last callback. You can't send to this connection any more, but to others. It has left
    /// its topics, and no timer of it comes any more. To close or abort it here has no effect. A panic here is reported and has no
    /// other effect: bytes that were sent still arrive.
    #[doc(alias = "OnClientDisconnect")]
    #[doc(alias = "OnClientDisconnected")]
    #[doc(alias = "connectionClosed")]
    #[doc(alias = "Disconnected")]
    #[doc(alias = "OnWSDisconnected")]
    #[doc(alias = "deregisterConnectionImpl")]
    #[doc(alias = "notifyClosed")]
    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {}

    /// A line of a line protocol has come, without its line end (LF or CR LF). Default: closes.
    #[doc(alias = "LineMode")]
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        raw.close();
    }

    /// A line is longer than [`Limits::line_bytes_max`](crate::Limits::line_bytes_max), without its line end. It comes once for
    /// each such line. Default: aborts. If you keep the connection, the whole line is dropped.
    #[doc(alias = "OnLineLimitExceeded")]
    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        raw.abort();
    }

    /// The peer of a raw or line connection has closed its side: nothing more comes from it, but it may still listen.
    /// `rest` has its last bytes that were not used: the bytes that `on_data` left, or a last line without a line end.
    /// Default: closes. If you still want to send something, override this, send, and close then or later; until then the
    /// connection stays, idle for `raw_idle` at most. It comes once, and also while the connection is read-paused, if
    /// nothing is unread. [`Raw::was_cut`] tells whether TLS was ended in good order.
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

    /// The server ends a raw or line connection: at its idle timeout, at the end of its lifetime, or because the server
    /// shuts down. You can still send here; then it is closed, and nothing can keep it. It comes after all bytes that the peer has
    /// sent so far, unless the connection stays read-paused with unread bytes until the deadline of the shutdown;
    /// [`Disconnect::unread`] counts the lost bytes. A read-paused connection without unread bytes ends at once, also if a job that
    /// it has offloaded still runs. A shutdown and the end of a lifetime wait for a handshake that [`Raw::start_tls`] has begun; the
    /// idle timeout does not, and a shutdown of a read-paused connection does not: nothing can be sent then. Default: sends nothing.
    #[doc(alias = "goodbye")]
    fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {}

    /// The TLS handshake that [`Raw::start_tls`] began is done: from now on all bytes are encrypted, both ways. A
    /// handshake that fails ends the connection with [`Reason::Tls`](crate::Reason::Tls) or with a timeout.
    #[doc(alias = "OnSslHandshakeDone")]
    #[doc(alias = "OnSslVerifyPeer")]
    fn on_secure(&mut self, raw: &mut Raw<'_>) {}

    /// A value was posted to this connection, by [`Handle::post`](crate::Handle::post) or
    /// [`Handle::post_to_topic`](crate::Handle::post_to_topic): `value.downcast::<T>()` gives it in its own type. The result of a
    /// job comes as an [`Offloaded<T>`](crate::Offloaded). A value for a connection that has ended meanwhile is dropped.
    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {}

    /// A ping or pong has come. A ping was answered already.
    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {}

    /// Whether [`Client::on_frame`] is called for each frame of this WebSocket. This is asked once, before `on_open`. If the
    /// answer is no, frames cost nothing more. Default: no.
    fn wants_frames(&self) -> bool {
        false
    }

    /// The head of a frame has come, with any opcode and any reserved bits; its payload may still be missing. The result says
    /// what to do with the frame. It is called only if [`Client::wants_frames`] returns true. Frames with a wrong mask or
    /// length, and control frames that are too long or in fragments, don't come here: they close the connection with 1002.
    /// Default: the frame is handled as usual.
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
    /// arrive, the last part may be empty, and they are not buffered. Of the limits for messages only the deadline applies to
    /// them.
    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {}

    /// The heartbeat of an idle WebSocket is due. Default: a ping.
    #[doc(alias = "OnWSPingTimer")]
    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        HeartbeatAction::Ping
    }

    /// The head of a request with a body has come, and you decide what happens to the body. A request without a body comes
    /// to [`Client::on_request`] at once: a check of path or credentials belongs there too, or a peer gets around it by leaving
    /// the body out. Default: collect the body, up to `body_bytes_max`.
    #[doc(alias = "OnBeforeProcessRequest")]
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        BodyPlan::Collect
    }

    /// A part of a streamed body has come. `on_request` comes after the last part, with an empty body.
    #[doc(alias = "OnPostedData")]
    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {}

    /// The name of the client's type, for reports.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// Replaces this client by another, at [`Connection::replace`]. Only a boxed client can be replaced; others give
    /// the new one back.
    #[doc(hidden)]
    fn become_client(&mut self, client: Box<dyn Client>) -> Result<(), Box<dyn Client>> {
        Err(client)
    }

    /// What [`Handle::with_client`](crate::Handle::with_client) uses: this client, or the client in the box.
    #[doc(hidden)]
    fn as_client(&mut self) -> &mut dyn Any {
        self.as_any()
    }
}

mod sealed {
    use std::any::Any;

    /// Every type without borrowed parts. A client must be such a type.
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

/// What happens to the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyPlan {
    /// It is collected and comes with the request, up to the limit `body_bytes_max`.
    Collect,
    /// It is collected, up to this number of bytes.
    CollectUpTo(u64),
    /// Any number of parts come with `on_body` as they arrive.
    Stream,
    /// The request and its body are refused with this status.
    Reject(u16),
}

/// A control frame of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'b> {
    /// A ping with its payload. It was answered already.
    Ping(&'b [u8]),
    /// A pong with its payload.
    Pong(&'b [u8]),
}

/// What happens to a frame that came in on a WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameAction {
    /// It is handled as usual: as a message or a control frame.
    #[default]
    Continue,
    /// Its payload comes with [`Client::on_frame_part`], and the server does not use it in any other way.
    TakeOver,
    /// The WebSocket is closed with this code, and the frame dropped.
    Close(u16),
}

/// What happens when the heartbeat of a WebSocket is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeartbeatAction {
    /// A ping is sent, and the connection ends if no byte comes after it.
    #[default]
    Ping,
    /// Nothing; you are asked again after the same idle time.
    Skip,
    /// Your code has sent something that the peer must answer, as if it were a ping.
    Sent,
}
