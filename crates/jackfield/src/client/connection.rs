//! What every callback can do, with any protocol.

use crate::config::{Outgoing, Rate};
use crate::disconnect::{Reason, Timeout};
use crate::links::{Links, Protocol, key};
use crate::message::{Publication, Published, Sent};
use crate::shared::{Busy, Handle, NotPosted, Peer};
use crate::topics::{Overflow, Subscribed};
use jackfield_proto::http1::Request;
use jackfield_reactor::{Bandwidth, ConnectionId, Credentials, ReadPause, Time, Wires};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{fmt, io};

/// A connection, in one of its callbacks.
///
/// It can also send to every other connection of its reactor. Such a send acts at once on the other's queue, and
/// returns the real result. The bytes go to the kernel after the callback, in one write for each connection.
///
/// To send to the connection itself, convert it to the context of its protocol: `as_websocket()`, `as_events()`,
/// `as_raw()`. Or use [`Connection::send_to`] with its own id, which works with any protocol.
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

/// Names one of a connection's timers: a number of your choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u16);

impl Connection<'_> {
    /// Its id. No other connection ever gets the same id.
    #[doc(alias = "ConnectionId")]
    #[doc(alias = "CliId")]
    #[must_use]
    #[doc(alias = "cid")]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The time of this turn, in milliseconds since the reactor began. On a test server it is the clock that the test moves.
    /// Each reactor has its own beginning, so compare only times of the same reactor.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wires.now()
    }

    /// A handle to the server, for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.links.handle.clone()
    }

    /// Facts about the peer, as the factory saw them.
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

    /// Where a request of this connection comes from: the address of its peer, or, if the peer is one of the
    /// [`Listener::trusted_proxies`](crate::Listener::trusted_proxies), the last address in their header that is not one of
    /// these proxies. Earlier addresses in the header are not read, because a client can invent them. `None`: the connection
    /// came over a unix socket, and no PROXY header names an address.
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

    /// The process that connected over a unix socket, as the system knew it at that moment. `None` over IP, and on systems
    /// other than Linux.
    #[doc(alias = "SO_PEERCRED")]
    #[must_use]
    pub fn peer_credentials(&self) -> Option<Credentials> {
        self.wires.peer_credentials(self.id)
    }

    /// The socket, for options of the system that have no method here. Do not read, write or close it: the server does that.
    /// `None`: the connection is gone already, or is one in memory.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # mod unix {
    /// use jackfield::Connection;
    /// use std::os::fd::AsRawFd;
    ///
    /// fn descriptor(connection: &Connection<'_>) -> Option<i32> {
    ///     connection.as_fd().map(|socket| socket.as_raw_fd())
    /// }
    /// # }
    /// ```
    #[cfg(unix)]
    #[doc(alias = "HSocket")]
    #[doc(alias = "Handle")]
    #[doc(alias = "as_raw_fd")]
    #[must_use]
    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.wires.descriptor(self.id)
    }

    /// This side's address.
    ///
    /// # Errors
    /// If the connection is gone already, or does not come over IP.
    #[doc(alias = "LocalAddress")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wires.local_addr(self.id)?.as_ip().ok_or(io::ErrorKind::Unsupported.into())
    }

    /// The index of the listener that accepted it; `usize::MAX` for an outgoing connection.
    #[must_use]
    pub fn listener(&self) -> usize {
        let listener = usize::from(self.links.table[self.id.slot()].listener);
        self.links.settings.listeners[listener].number
    }

    /// Bytes that were sent to it and wait for the kernel, including those of this callback. The answer to its handshake and
    /// the head of its event stream are not counted.
    #[doc(alias = "BufferedByteCount")]
    #[must_use]
    #[doc(alias = "queue")]
    pub fn buffered(&self) -> usize {
        self.wires.queued_message_bytes(self.id)
    }

    /// Messages to it that its [`Overflow`] policy, or that of a topic, dropped, because the peer reads too slowly, and published
    /// messages for which there was no room during a handshake that [`Raw::start_tls`](crate::Raw::start_tls) began. The peer is not
    /// told. To tell it, compare this number in a timer with what it was told before:
    /// [`Client::on_drain`](crate::Client::on_drain) comes only when the peer has caught up.
    #[must_use]
    pub fn dropped_messages(&self) -> u64 {
        self.links.table[self.id.slot()].extra.as_ref().map_or(0, |extra| extra.dropped)
    }

    /// Asks for [`Client::on_sent`](crate::Client::on_sent) with this tag, when the kernel has taken every byte that was sent
    /// to this connection so far (with TLS: every record). Call it after one message to get a notice for that message; call it
    /// after several to learn that all of them are flushed. The notice comes in the next turn at the earliest, also if nothing
    /// was queued. It does not mean that the peer has received the bytes.
    ///
    /// A WebSocket message in fragments counts as a whole, together with messages that wait for its end. Messages in
    /// the queue of an [`Overflow`] policy do not count as sent, and neither does the rest of a body that is read piece
    /// by piece.
    ///
    /// `Gone`: the connection is closing; `Disconnect::unsent` has the bytes that are not sent. `Full`: 1,024 notices wait
    /// already, and this one won't come. Otherwise `Queued`. A connection without notices costs nothing more.
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

    /// Bytes that its buffers hold on the heap, as they are charged: bytes that were read and not used, the part of a
    /// message or body that has arrived, and bytes that wait for the kernel, without shared memory.
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
        self.wires.listed_ids()
    }

    /// True while it accepts sends.
    #[must_use]
    #[doc(alias = "stop_flag")]
    pub fn is_open(&self) -> bool {
        self.wires.is_open(self.id)
    }

    /// The TLS session, if there is one, of an accepted or an outgoing connection. [`Peer::tls`] has the usual facts of both.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&rustls::Connection> {
        self.wires.tls(self.id)
    }

    /// Sets one of its timers, or moves it if it is set already. Timers end with the connection.
    pub fn set_timer(&mut self, timer: TimerId, after: Duration) {
        self.wires.set_timer(self.id, timer.0.into(), after);
    }

    /// Cancels one of its timers; it will not fire any more. False if it was not set.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.wires.cancel_timer(self.id, timer.0.into())
    }

    /// Sets the idle timeout from now on; disabled by zero. On a WebSocket or an event stream it replaces the
    /// heartbeat, and bytes that are sent count as activity too. When an HTTP connection becomes a WebSocket or an
    /// event stream, its heartbeat applies again. On HTTP it is the time between two requests; a request that has begun
    /// has its own deadlines.
    #[doc(alias = "TimeoutIdle")]
    #[doc(alias = "Timeout")]
    pub fn set_idle_timeout(&mut self, idle: Duration) {
        self.links.set_own_idle_timeout(self.wires, self.id, idle);
    }

    /// Sets how much the peer may send in a second, from the next read on; [`Rate::default`]: any amount.
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
        self.links.set_bandwidth(self.wires, self.id, bandwidth);
    }

    /// Sets how long it may last, counted from its beginning; disabled by zero.
    /// [`Limits::max_lifetime`](crate::Limits::max_lifetime) says what happens then.
    #[doc(alias = "AbsoluteTimeout")]
    pub fn set_max_lifetime(&mut self, lifetime: Duration) {
        let age = self.stats().map_or(Duration::ZERO, |stats| stats.age);
        if self.links.table[self.id.slot()].reason == Some(Reason::Timeout(Timeout::Lifetime)) {
            // It is being drained because its lifetime is over, and the same timer is its deadline.
        } else if lifetime.is_zero() {
            self.wires.cancel_timer(self.id, key::LIFETIME);
        } else {
            self.wires.set_timer(self.id, key::LIFETIME, lifetime.saturating_sub(age));
        }
    }

    /// Sets what happens if the peer reads too slowly. With a policy that does not queue, what waits in the queue is sent now, by
    /// the new policy.
    pub fn set_overflow(&mut self, overflow: Overflow) {
        self.links.set_overflow(self.wires, self.id, overflow);
    }

    /// Stops reading until [`Connection::resume_read`]. Bytes that were read already are kept and not delivered, also the lines
    /// behind the one that is being handled; the end of a streamed body waits too. Meanwhile the idle timeout does not run. But if
    /// the peer has closed its side and bytes of it are left, the connection is closed after
    /// [`reactor.unread_wait`](crate::ReactorLimits::unread_wait) (30 s by default): these bytes are lost, and
    /// [`Disconnect::unread`](crate::Disconnect::unread) counts those that were read. When a WebSocket is closed, its pause ends, and
    /// none begins any more: the peer's Close is read, and all else of it is dropped.
    #[doc(alias = "Pause")]
    #[doc(alias = "AcceptData")]
    pub fn pause_read(&mut self) {
        self.links.pause_read(self.wires, self.id);
    }

    /// Ends a pause. If the queue for the peer is above the high-water mark, reading begins again when it has drained:
    /// [`Connection::read_pause`] says so.
    #[doc(alias = "Resume")]
    pub fn resume_read(&mut self) {
        self.wires.resume(self.id);
    }

    /// Why the connection is not read now. `None`: it is read, or its peer has closed its side. If there are several reasons,
    /// one of them is given. Until it is read again, its idle timeout and its heartbeat do not run.
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

    /// True while it is not read; [`Connection::read_pause`] gives the reason.
    #[must_use]
    pub fn is_read_paused(&self) -> bool {
        self.read_pause().is_some()
    }

    /// Whether the connection is still read while too much is queued for its peer ([`Sent::Congested`]). Default: no. So a
    /// peer that sends requests and does not read the answers can't make the server hold more than that. `true` is for
    /// bridges: without it two peers that both send before they read would wait for each other for ever. With it only
    /// `outbox_bytes_max` and the [`Overflow`] policy bound the queue; if that is too much, pause one connection while the
    /// other is congested.
    #[doc(alias = "read_while_congested")]
    pub fn set_read_while_congested(&mut self, reads: bool) {
        self.wires.set_read_while_congested(self.id, reads);
    }

    /// Subscribes it to a topic. An event stream gets an id as it does with an empty one in [`Connection::subscribe_from`], unless it
    /// has another topic with a history: a client keeps only the last id that it got, so a stream can resume one topic.
    #[doc(alias = "join")]
    pub fn subscribe(&mut self, topic: &str) -> Subscribed {
        self.links.subscribe(self.wires, self.id, topic)
    }

    /// Subscribes it to a topic, and sends it the messages that were published there after the one with this id. For an event
    /// stream the id is what a browser sends as `Last-Event-ID` when it connects again
    /// ([`last_event_id`](crate::last_event_id)); for a WebSocket it is what the page has stored, if the topic's history is
    /// [`numbered`](crate::History::numbered). With an empty id it gets only new messages, and nothing of the history; an event
    /// stream then gets an id at once (with a broker: as soon as that has answered), without an event, so that it can resume even if
    /// it is lost before the first message. The call is refused on a connection that is not yet an event stream, a WebSocket, or a
    /// raw or line connection.
    ///
    /// If the topic keeps a history ([`Handle::declare_topic`](crate::Handle::declare_topic)), the peer gets exactly the
    /// messages that it missed, and then the new ones, in order and each once. If some of them are not kept any more, or the
    /// id is not one of this topic, it gets one event `resync` instead, with the data `{"missed":N}` (`null`: not known; with a
    /// broker at most `N`, if the server was cut off from it) and an id from which it can resume, and then the new messages. So a
    /// new WebSocket that needs an id at once may begin with one that names nothing, such as `"?"`, if the topic is numbered
    /// ([`History::numbered`](crate::History::numbered)). Messages that it has missed are
    /// sent also if an earlier connection of the same client published them. A long history comes in portions, as fast as the peer
    /// reads. Until it is complete, the connection is not counted as a subscriber.
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

    /// Ends a subscription. False if there was none. Messages that other threads have published and that are still on
    /// their way here may be missed, also if the connection subscribes again at once.
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

    /// Sends to all other subscribers of a topic, on all reactors. In [`Client::on_disconnect`](crate::Client::on_disconnect) too:
    /// the connection has left its topics before.
    #[doc(alias = "broadcast")]
    pub fn publish<'m>(&mut self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.links.publish(self.wires, topic, publication.into().content(), self.id)
    }

    /// Sends to all subscribers of a topic, on all reactors, this one included.
    pub fn publish_to_all<'m>(&mut self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.links.publish(self.wires, topic, publication.into().content(), ConnectionId::NONE)
    }

    /// Sends to a connection, in the form of its protocol: at once if it is on this reactor, through a mailbox if it is
    /// on another. In the second case the result on the other reactor is not known here, so the answer is
    /// [`Sent::Queued`].
    #[doc(alias = "sendOne")]
    pub fn send_to<'m>(&mut self, id: ConnectionId, publication: impl Into<Publication<'m>>) -> Sent {
        self.links.send_anywhere(self.wires, id, publication.into().content())
    }

    /// Runs a job that may block on a thread of a small pool. Its result comes with `on_post`, as an
    /// [`Offloaded<T>`](crate::Offloaded): see [`Handle::offload`].
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

    /// Sends to all other connections of this reactor that have a client, to each in the form of its protocol, and
    /// returns how many accepted it. It does not reach connections of other reactors: to reach all, subscribe them to a
    /// topic.
    pub fn send_to_others<'m>(&mut self, publication: impl Into<Publication<'m>>) -> usize {
        self.links.send_to_others(self.wires, publication.into().content(), self.id)
    }

    /// Begins a connection on this reactor, and returns its id at once. Its own client gets the result: see
    /// [`Outgoing`].
    ///
    /// # Errors
    /// [`Busy::Full`]: [`Limits::outgoing_max`](crate::Limits::outgoing_max) is reached. [`Busy::Stopped`]: the server
    /// shuts down.
    #[doc(alias = "dial")]
    pub fn connect(&mut self, outgoing: Outgoing) -> Result<ConnectionId, Busy> {
        self.links.connect(self.wires, &outgoing)
    }

    /// Closes gracefully: the queue is written, a WebSocket sends a Close with 1000, then the connection ends. Nothing
    /// can be sent after this call. On a raw or line connection nothing more is delivered either, not even a line that is there
    /// already.
    #[doc(alias = "CloseDelayed")]
    #[doc(alias = "end")]
    #[doc(alias = "Release")]
    pub fn close(&mut self) {
        self.links.close(self.wires, self.id, Reason::Local);
    }

    /// Closes a WebSocket with a code and a reason, which is cut to 123 bytes. The queue is written first. Then the
    /// server waits up to [`Limits::close_wait`](crate::Limits::close_wait) for the peer's Close, and the connection
    /// ends. On other protocols, which have no codes, it is the same as [`Connection::close`].
    ///
    /// A code that must not be sent (RFC 6455 section 7.4: below 1000, 1004 to 1006, 1015 to 2999, above 4999) is a bug of
    /// the caller: it is logged as an error, and 1000 without a reason is sent.
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
    #[doc(alias = "DisconnectStatusCode")]
    pub fn close_with(&mut self, code: u16, reason: &str) {
        self.links.close_with(self.wires, self.id, code, reason);
    }

    /// Writes what is queued, and then resets the connection. So the peer gets the queued bytes, and knows that the data
    /// is not complete. Bytes that the system has taken but not delivered yet may be lost with the reset. On a unix
    /// socket it is a close.
    pub fn abort_after_flush(&mut self) {
        self.links.abort_after_flush(self.wires, self.id, Reason::Local);
    }

    /// Drops the queue, including answers that were given before this call, and resets the connection. Only
    /// `on_disconnect` follows. [`Connection::abort_after_flush`] drops nothing.
    #[doc(alias = "Abort")]
    #[doc(alias = "terminate")]
    #[doc(alias = "destroy")]
    pub fn abort(&mut self) {
        self.links.abort(self.wires, self.id, Reason::Local);
    }

    /// Closes another connection gracefully: at once if it is on this reactor, through the mailbox if it is on another. What this
    /// callback has sent to it with [`Connection::send_to`] comes before the close.
    ///
    /// # Errors
    /// [`Busy::Gone`]: it has ended before. Otherwise the other reactor could not be asked, and the connection stays.
    #[doc(alias = "stopOne")]
    pub fn close_other(&mut self, id: ConnectionId) -> Result<(), Busy> {
        if id.reactor() != self.wires.reactor() {
            return self.links.handle.close(id);
        }
        self.links.handle.remote_of(id)?;
        self.links.close(self.wires, id, Reason::Local);
        Ok(())
    }

    /// Closes another connection with a code and a reason, as [`Connection::close_with`] does.
    ///
    /// # Errors
    /// As [`Connection::close_other`].
    pub fn close_other_with(&mut self, id: ConnectionId, code: u16, reason: &str) -> Result<(), Busy> {
        if id.reactor() != self.wires.reactor() {
            return self.links.handle.close_with(id, code, reason);
        }
        self.links.handle.remote_of(id)?;
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
