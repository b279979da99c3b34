//! What every callback can do, whatever the connection speaks.

use crate::config::{Outgoing, Rate};
use crate::disconnect::{Reason, Timeout};
use crate::links::{Links, Protocol, key};
use crate::message::{Publication, Published, Sent};
use crate::shared::{Busy, Handle, NotPosted, Peer};
use crate::topics::{Overflow, Subscribed};
use jackfield_proto::http1::Request;
use jackfield_reactor::{Bandwidth, ConnectionId, Credentials, ReadPause, Time, WireStats, Wires};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{fmt, io};

/// A connection, in one of its callbacks.
///
/// It reaches every other connection of its reactor too: what is sent to them acts at once, with a true answer. The
/// kernel sees it after the callback, in one write for each connection.
///
/// To send to the connection itself, take it as what it speaks: `as_websocket()`, `as_events()`, `as_raw()`; or use
/// [`Connection::send_to`] with its own id, which leaves in whatever it speaks.
///
/// ```
/// use jackfield::{Client, Connection, Disconnect, Exchange, Request};
///
/// struct Visitor;
///
/// impl Client for Visitor {
///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
///         connection.subscribe("lobby");
///         connection.publish("lobby", format!("{} came", connection.id()));
///     }
///
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         let text = format!("{} are here", exchange.subscribers("lobby"));
///         exchange.ok("text/plain", text);
///     }
///
///     fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
///         connection.publish("lobby", format!("{} left after {:?}", connection.id(), end.age));
///     }
/// }
/// ```
pub struct Connection<'a> {
    pub(crate) id: ConnectionId,
    pub(crate) wires: &'a mut Wires,
    pub(crate) links: &'a mut Links,
}

/// Which of a connection's timers: a number of the user's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u16);

impl Connection<'_> {
    /// Its name, which never names another connection.
    #[doc(alias = "ConnectionId")]
    #[doc(alias = "CliId")]
    #[must_use]
    #[doc(alias = "cid")]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The time of this turn, in milliseconds since the reactor began.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wires.now()
    }

    /// The server, for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.links.handle.clone()
    }

    /// Who is at the other end, as the factory saw it.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.links.peer(self.wires, self.id)
    }

    /// The peer's address, as it was when the connection was accepted: it is known after a reset too.
    ///
    /// # Errors
    /// If the connection is gone already, or does not come over IP.
    #[doc(alias = "RemoteHost")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let peer = self.wires.peer(self.id).ok_or(io::ErrorKind::NotConnected)?;
        peer.source().as_ip().ok_or(io::ErrorKind::Unsupported.into())
    }

    /// Where a request of this connection comes from: the address of its peer, or, if that is one of the
    /// [`Listener::trusted_proxies`](crate::Listener::trusted_proxies), the last address in the header that they set which is
    /// none of theirs. What comes before that in the header is a client's own word and is not looked at. `None`: it came
    /// over a unix socket, and no PROXY header says more.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request};
    ///
    /// struct WhoAmI;
    ///
    /// impl Client for WhoAmI {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         let ip = exchange.client_ip(request);
    ///         exchange.ok("text/plain", format!("{ip:?}"));
    ///     }
    /// }
    /// ```
    #[doc(alias = "X-Forwarded-For")]
    #[doc(alias = "real_ip")]
    #[must_use]
    pub fn client_ip(&self, request: &Request<'_>) -> Option<IpAddr> {
        self.links.client_ip(self.wires, self.id, request)
    }

    /// Which process connected, over a unix socket: as the system knew it when it did. `None` over IP, and where the system does
    /// not tell (only Linux does here).
    #[doc(alias = "SO_PEERCRED")]
    #[must_use]
    pub fn peer_credentials(&self) -> Option<Credentials> {
        self.wires.peer_credentials(self.id)
    }

    /// This side's address.
    ///
    /// # Errors
    /// If the connection is gone already, or does not come over IP.
    #[doc(alias = "LocalAddress")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wires.local_addr(self.id)?.as_ip().ok_or(io::ErrorKind::Unsupported.into())
    }

    /// The index of the listener that it came to; `usize::MAX` of a connection that this side has begun.
    #[must_use]
    pub fn listener(&self) -> usize {
        let listener = usize::from(self.links.table[self.id.slot()].listener);
        self.links.settings.listeners[listener].number
    }

    /// What it has done so far.
    #[doc(alias = "ReadCount")]
    #[doc(alias = "WriteCount")]
    #[must_use]
    pub fn stats(&self) -> Option<WireStats> {
        self.wires.wire_stats(self.id)
    }

    /// Bytes that were sent to it and wait for the kernel, this callback's included. The answer to its handshake, or the head
    /// of its event stream, is not counted.
    #[doc(alias = "BufferedByteCount")]
    #[must_use]
    #[doc(alias = "DataToSend")]
    #[doc(alias = "queue")]
    pub fn buffered(&self) -> usize {
        self.wires.queued_messages(self.id)
    }

    /// Messages to it that were dropped, because it reads too slowly, by its [`Overflow`] policy.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.links.table[self.id.slot()].extra.as_ref().map_or(0, |extra| extra.dropped)
    }

    /// Asks for [`Client::on_sent`](crate::Client::on_sent) with this tag, when the kernel has taken all that was sent to this
    /// connection so far, to its last byte: over TLS as records. So a message that was just sent has a notice of its own, and
    /// one that is asked for behind several tells that all of them are flushed. It comes in the next turn at the
    /// earliest, also if nothing was queued. That the peer has got it is more, which only the peer can say.
    ///
    /// A WebSocket message in fragments counts as a whole, with what waits for its end. What waits in the queue of an
    /// [`Overflow`] policy is not sent yet, and neither is the rest of an answer's body that is read piece by piece.
    ///
    /// `Gone`: the connection is closing; what then stays unsent is in the `Disconnect`. `Full`: 1,024 notices wait already,
    /// and this one won't come. Otherwise `Queued`. Connections that do not ask pay nothing.
    ///
    /// ```
    /// use jackfield::{Client, Connection};
    /// use std::any::Any;
    ///
    /// /// Has at most 20 readings on their way, and leaves out those that come meanwhile.
    /// #[derive(Default)]
    /// struct Gauge {
    ///     pending: usize,
    /// }
    ///
    /// impl Client for Gauge {
    ///     fn on_post(&mut self, connection: &mut Connection<'_>, reading: Box<dyn Any + Send>) {
    ///         let (Some(mut socket), Ok(reading)) = (connection.as_websocket(), reading.downcast::<f64>()) else { return };
    ///         if self.pending < 20 && socket.send(reading.to_string()).is_accepted() {
    ///             socket.notify_sent(0);
    ///             self.pending += 1;
    ///         }
    ///     }
    ///
    ///     fn on_sent(&mut self, _connection: &mut Connection<'_>, _tag: u64) {
    ///         self.pending -= 1;
    ///     }
    /// }
    /// ```
    #[doc(alias = "send_tracked")]
    #[doc(alias = "flush")]
    #[doc(alias = "flush_then")]
    pub fn notify_sent(&mut self, tag: u64) -> Sent {
        self.links.notify_sent(self.wires, self.id, tag)
    }

    /// Bytes that its buffers hold on the heap, as they count towards the limits: what was read and not used, the
    /// part of a message or body that is here, and what waits for the kernel without what is shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.wires.memory_of(self.id)
    }

    /// The ids of the connections of this reactor that have a client, this one included, as they are now. Those of all
    /// reactors are [`Handle::ids`].
    ///
    /// ```
    /// use jackfield::{Sent, WebSocket};
    ///
    /// fn whisper_to_each(socket: &mut WebSocket<'_>) -> usize {
    ///     let mut heard = 0;
    ///     for id in socket.connection_ids() {
    ///         heard += usize::from(socket.send_to(id, "psst") == Sent::Queued);
    ///     }
    ///     heard
    /// }
    /// ```
    #[doc(alias = "getConnectionIds")]
    #[doc(alias = "peers")]
    #[doc(alias = "clients")]
    #[must_use]
    pub fn connection_ids(&self) -> Vec<ConnectionId> {
        self.links.handle.ids_of(self.wires.reactor())
    }

    /// True while it takes what is sent to it.
    #[must_use]
    #[doc(alias = "stop_flag")]
    pub fn is_open(&self) -> bool {
        self.wires.is_open(self.id)
    }

    /// The TLS session, if there is one.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&rustls::ServerConnection> {
        match self.wires.tls(self.id)? {
            rustls::Connection::Server(session) => Some(session),
            rustls::Connection::Client(_) => None,
        }
    }

    /// Sets or moves one of its timers. They end with the connection.
    pub fn set_timer(&mut self, timer: TimerId, after: Duration) {
        self.wires.set_timer(self.id, timer.0.into(), after);
    }

    /// Cancels one of its timers; it will not fire any more. False if it was not set.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.wires.cancel_timer(self.id, timer.0.into())
    }

    /// Sets the idle timeout from now on; disabled by zero. On a WebSocket and an event stream it takes the heartbeat's
    /// place, until the connection becomes one of them, and what is sent to the peer counts as activity too. On HTTP
    /// it is the time between two requests: one that has begun has deadlines of its own.
    #[doc(alias = "TimeoutIdle")]
    pub fn set_idle_timeout(&mut self, idle: Duration) {
        self.links.set_own_idle_timeout(self.wires, self.id, idle);
    }

    /// Sets how much it may say in a second, from the next bytes on that are read; [`Rate::default`]: any amount.
    pub fn set_rate(&mut self, rate: Rate) {
        self.links.set_rate(self.wires, self.id, rate);
    }

    /// Sets how many bytes it may receive and send in a second from now on; [`Bandwidth::default`]: any number. What is
    /// sent faster is queued, and counts towards [`Sent::Congested`](crate::Sent::Congested) and `outbox_bytes_max` as it does
    /// for a slow peer. Without effect on a connection that is closing.
    ///
    /// ```
    /// use jackfield::{Bandwidth, Client, Connection};
    ///
    /// struct Visitor;
    ///
    /// impl Client for Visitor {
    ///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
    ///         // 64 KiB a second from it, and 1 MiB to it.
    ///         connection.set_bandwidth(Bandwidth::new(64 << 10, 1 << 20));
    ///     }
    /// }
    /// ```
    #[doc(alias = "BandwidthLimit")]
    #[doc(alias = "BandwidthSampling")]
    pub fn set_bandwidth(&mut self, bandwidth: Bandwidth) {
        self.wires.set_bandwidth(self.id, bandwidth);
    }

    /// Sets how long it may last, from its beginning on; zero: any time. What happens then is said at
    /// [`Limits::max_lifetime`](crate::Limits::max_lifetime).
    #[doc(alias = "AbsoluteTimeout")]
    pub fn set_max_lifetime(&mut self, lifetime: Duration) {
        let age = self.stats().map_or(Duration::ZERO, |stats| stats.age);
        if self.links.table[self.id.slot()].reason == Some(Reason::Timeout(Timeout::Lifetime)) {
            // It is being drained for that, and the same timer is its deadline.
        } else if lifetime.is_zero() {
            self.wires.cancel_timer(self.id, key::LIFETIME);
        } else {
            self.wires.set_timer(self.id, key::LIFETIME, lifetime.saturating_sub(age));
        }
    }

    /// Sets what happens if the peer reads too slowly.
    pub fn set_overflow(&mut self, overflow: Overflow) {
        self.links.link(self.id).overflow = Some(overflow);
    }

    /// Reads nothing more until [`Connection::resume_read`]. What was read already is kept and not handed out, the end of a body
    /// that was streamed too. Its idle time doesn't count meanwhile.
    #[doc(alias = "Pause")]
    #[doc(alias = "AcceptData")]
    pub fn pause_read(&mut self) {
        self.wires.pause(self.id);
    }

    /// Reads on.
    #[doc(alias = "Resume")]
    pub fn resume_read(&mut self) {
        self.wires.resume(self.id);
    }

    /// Why it is not read just now; `None`: it is, or its peer has closed its side. Of several reasons one is told. Until it is
    /// read again its idle timeout and its heartbeat rest.
    ///
    /// ```
    /// use jackfield::{Connection, ReadPause};
    ///
    /// fn is_waiting_for_its_peer(connection: &Connection<'_>) -> bool {
    ///     connection.read_pause() == Some(ReadPause::Congested)
    /// }
    /// ```
    #[must_use]
    pub fn read_pause(&self) -> Option<ReadPause> {
        self.wires.read_pause(self.id)
    }

    /// True while it is not read, for whatever reason: [`Connection::read_pause`] tells it.
    #[must_use]
    pub fn is_read_paused(&self) -> bool {
        self.read_pause().is_some()
    }

    /// Whether it is read on while too much is queued for its peer ([`Sent::Congested`]). Default: no, so that a peer that
    /// asks and does not read what it gets can make the server hold no more than that. `true` is for bridges: two peers that
    /// both send before they read would wait for each other for ever. What is sent to such a peer is then bounded by
    /// `outbox_bytes_max` and its [`Overflow`] only; pause the one connection while the other is congested, if that
    /// is too much.
    #[doc(alias = "read_while_congested")]
    pub fn set_read_while_congested(&mut self, reads: bool) {
        self.wires.set_read_while_congested(self.id, reads);
    }

    /// Subscribes it to a topic.
    #[doc(alias = "join")]
    pub fn subscribe(&mut self, topic: &str) -> Subscribed {
        self.links.subscribe(self.wires, self.id, topic)
    }

    /// Subscribes it to a topic, and gives it what was published there since the publication with this id: of an event stream
    /// what a browser sends as `Last-Event-ID` when it comes back ([`last_event_id`](crate::last_event_id)), of a WebSocket
    /// what its page has kept, if the topic's history is [`numbered`](crate::History::numbered). An empty one: nothing but
    /// what comes from now on. A connection that is no event stream, WebSocket, raw or line connection yet is refused.
    ///
    /// If the topic keeps a history ([`Handle::declare_topic`](crate::Handle::declare_topic)), the client gets exactly what it
    /// has missed and what comes after it, in order and each once. If not all of that is kept,
    /// or the id is none of this topic's, it gets one event `resync` instead, with the data `{"missed":N}` (`null`: not
    /// known) and an id from which it can go on, and what comes after it. A long history comes in portions, as fast as
    /// the client reads. Until it is complete, the connection is not counted as a subscriber.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request, last_event_id};
    ///
    /// struct Prices;
    ///
    /// impl Client for Prices {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         exchange.events().subscribe_from("prices", last_event_id(request).unwrap_or_default());
    ///     }
    /// }
    /// ```
    #[doc(alias = "Last-Event-ID")]
    #[doc(alias = "resume")]
    pub fn subscribe_from(&mut self, topic: &str, last_event_id: &str) -> Subscribed {
        self.links.subscribe_from(self.wires, self.id, topic, last_event_id)
    }

    /// Ends a subscription. False if there was none.
    pub fn unsubscribe(&mut self, topic: &str) -> bool {
        self.links.unsubscribe(self.wires, self.id, topic)
    }

    /// Its topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.links.topics_of(self.id)
    }

    /// How many subscribers a topic has, on all reactors.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.links.handle.subscribers(topic)
    }

    /// Sends to all other subscribers of a topic, on all reactors.
    #[doc(alias = "broadcast")]
    pub fn publish<'m>(&mut self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.links.publish(self.wires, topic, publication.into().content(), self.id)
    }

    /// Sends to all subscribers of a topic, on all reactors, this one included.
    pub fn publish_to_all<'m>(&mut self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.links.publish(self.wires, topic, publication.into().content(), ConnectionId::NONE)
    }

    /// Sends to a connection, in whatever that speaks: at once if it lives on this reactor, by mailbox if on another.
    /// What becomes of it there is not known here, so the answer is [`Sent::Queued`] then.
    #[doc(alias = "sendOne")]
    pub fn send_to<'m>(&mut self, id: ConnectionId, publication: impl Into<Publication<'m>>) -> Sent {
        self.links.send_anywhere(self.wires, id, publication.into().content())
    }

    /// Runs a job that may block on a thread of a small pool; its result comes with `on_post`: see [`Handle::offload`].
    ///
    /// # Errors
    /// [`NotPosted`] has the job, and why it does not run: [`Busy::Full`].
    pub fn offload<T, F>(&mut self, job: F) -> Result<(), NotPosted<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.links.handle.offload(self.id, job)
    }

    /// Sends to all other connections of this reactor that have a client, each in what it speaks, and says how many took
    /// it. Those of other reactors are not reached: for all of a server's, subscribe them to a topic.
    pub fn send_to_others<'m>(&mut self, publication: impl Into<Publication<'m>>) -> usize {
        self.links.send_to_others(self.wires, publication.into().content(), self.id)
    }

    /// Begins a connection on this reactor, and gives its id at once. What becomes of it is told to its own client: see
    /// [`Outgoing`].
    ///
    /// # Errors
    /// [`Busy::Full`]: [`Limits::outgoing_max`](crate::Limits::outgoing_max) is reached. [`Busy::Stopped`]: the server
    /// shuts down.
    #[doc(alias = "dial")]
    pub fn connect(&mut self, outgoing: Outgoing) -> Result<ConnectionId, Busy> {
        self.links.connect(self.wires, &outgoing)
    }

    /// Closes in good order: what is queued is written, a WebSocket says 1000, then the end. Nothing can be sent
    /// afterwards.
    #[doc(alias = "CloseDelayed")]
    #[doc(alias = "end")]
    #[doc(alias = "Release")]
    pub fn close(&mut self) {
        self.links.close(self.wires, self.id, Reason::Local);
    }

    /// Closes a WebSocket with a code and a reason, which is cut to 123 bytes: what is queued is written before, the
    /// peer's Close is awaited for [`Limits::close_wait`](crate::Limits::close_wait), then the connection ends. On
    /// anything else, which has no codes, it is [`Connection::close`].
    ///
    /// A code that must not be sent (RFC 6455 section 7.4: below 1000, 1004 to 1006, 1015 to 2999, above 4999) is a bug of
    /// the caller: it is logged as an error, and 1000 goes out without a reason.
    ///
    /// ```
    /// use jackfield::{Client, Message, WebSocket};
    ///
    /// struct Texts;
    ///
    /// impl Client for Texts {
    ///     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
    ///         match message {
    ///             Message::Text("bye") => socket.close(),
    ///             Message::Text(text) => drop(socket.send(text)),
    ///             Message::Binary(_) => socket.close_with(1003, "only text is taken here"),
    ///         }
    ///     }
    /// }
    /// ```
    #[doc(alias = "WSClose")]
    pub fn close_with(&mut self, code: u16, reason: &str) {
        self.links.close_with(self.wires, self.id, code, reason);
    }

    /// Writes what is queued, and then resets the connection: the peer gets that, and knows that it is not all. What the
    /// system has taken and not delivered yet may be lost with the reset. On a unix socket it is a close.
    pub fn abort_after_flush(&mut self) {
        self.links.abort_after_flush(self.wires, self.id, Reason::Local);
    }

    /// Drops what is queued, what was answered before this call included, and resets the connection. Nothing follows
    /// but `on_disconnect`. [`Connection::abort_after_flush`] drops nothing.
    #[doc(alias = "Abort")]
    #[doc(alias = "terminate")]
    #[doc(alias = "destroy")]
    pub fn abort(&mut self) {
        self.links.abort(self.wires, self.id, Reason::Local);
    }

    /// Closes another connection in good order, of this reactor at once, of another by its mailbox. One that is gone
    /// is closed already.
    ///
    /// # Errors
    /// [`Busy`]: the other reactor could not be asked. The connection stays.
    #[doc(alias = "stopOne")]
    pub fn close_other(&mut self, id: ConnectionId) -> Result<(), Busy> {
        if id.reactor() != self.wires.reactor() {
            return self.links.handle.close(id);
        }
        self.links.close(self.wires, id, Reason::Local);
        Ok(())
    }

    /// The same with a code and a reason, as [`Connection::close_with`].
    ///
    /// # Errors
    /// As [`Connection::close_other`].
    pub fn close_other_with(&mut self, id: ConnectionId, code: u16, reason: &str) -> Result<(), Busy> {
        if id.reactor() != self.wires.reactor() {
            return self.links.handle.close_with(id, code, reason);
        }
        self.links.close_with(self.wires, id, code, reason);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> Connection<'_> {
        Connection { id: self.id, wires: self.wires, links: self.links }
    }

    #[inline(always)]
    pub(crate) fn protocol(&mut self) -> &mut Protocol {
        &mut self.links.table[self.id.slot()].protocol
    }
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.id)
    }
}

const _: () = assert!(key::USER_MAX == u16::MAX as u32, "every `TimerId` is below the server's own keys");
