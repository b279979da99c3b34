//! Wrappers of the user's client and observer that write their callbacks into the book.

use super::book::{Bomb, Book, address, peer_of};
use super::dial::is_place_of;
use crate::client::{
    BodyPlan, Client, Connection, Control, EventStream, Exchange, FrameAction, HeartbeatAction, Raw, TimerId,
    Upgrade, WebSocket,
};
use crate::disconnect::{Disconnect, Limit, Reason};
use crate::links::RoundTrip;
use crate::message::Sent;
use crate::shared::{FailedHandshake, Finished, Handle, ListenerState, Observer, Peer, RefuseReason};
use jackfield_proto::http1::Request;
use jackfield_proto::websocket::{FrameHead, Message};
use jackfield_reactor::{ConnectionId, Pressure};
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The user's client, and the book for its callbacks.
pub(super) struct Watched<C> {
    client: C,
    book: Book,
    peer: usize,
    /// The number of notices that were requested.
    asked: u64,
    /// When the last pings of the heartbeat were due, in milliseconds.
    pinged: VecDeque<u64>,
    round_trip: Option<Duration>,
}

/// A round trip begins at one of the last so many pings.
const PINGS_MAX: usize = 100;

impl<C> Watched<C> {
    pub(super) fn new(client: C, book: Book, peer: usize) -> Self {
        Self { client, book, peer, asked: 0, pinged: VecDeque::new(), round_trip: None }
    }

    fn run_callback<T>(&mut self, id: ConnectionId, what: &'static str, call: impl FnOnce(&mut C) -> T) -> T {
        let Self { client, book, peer, .. } = self;
        book.run_callback(*peer, id, what, || call(client))
    }

    fn note_heartbeat(&mut self, socket: &WebSocket<'_>) {
        self.pinged.push_back(socket.now().0);
        if self.pinged.len() > PINGS_MAX {
            self.pinged.pop_front();
        }
    }

    /// The round trip is the time since a ping of the heartbeat, or the one that was known before, as it is kept.
    fn check_round_trip(&mut self, socket: &WebSocket<'_>) {
        let Some(measured) = socket.round_trip() else { return };
        let (now, span) = (socket.now().0, measured.as_millis() as u64);
        let is_new = self.pinged.iter().any(|at| now - at == span);
        let is_known = self.round_trip.is_some_and(|known| RoundTrip::near(known).get() == Some(measured));
        if is_new {
            self.round_trip = Some(measured);
        } else if !is_known {
            let text = format!("peer {} has a round trip of {measured:?} since no ping", self.peer);
            self.book.note_wrong("promises", text);
        }
    }

    /// Sometimes requests a notice of what was sent, and notes it in the book.
    fn ask_for_notice(&mut self, connection: &mut Connection<'_>) {
        // A notice behind a message in fragments waits for its end, which is for the client to send.
        if connection.as_websocket().is_some_and(|mut socket| socket.writer().is_some()) {
            return;
        }
        let Some(stats) = connection.stats().filter(|_| self.book.wants_notice()) else { return };
        let tag = OWN_NOTICE | self.asked;
        if connection.notify_sent(tag) == Sent::Queued {
            self.asked += 1;
            self.book.note_notice_request(self.peer, tag, stats.bytes_out + stats.queued as u64);
        }
    }
}

/// The tags of the wrapper's own notices, which the user's client does not get.
const OWN_NOTICE: u64 = 1 << 63;

impl<C> Drop for Watched<C> {
    fn drop(&mut self) {
        self.book.note_dropped(self.peer);
    }
}

impl<C: Client> Client for Watched<C> {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.run_callback(connection.id(), "connect", |client| client.on_connect(connection));
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.run_callback(exchange.id(), "request", |client| client.on_request(exchange, request));
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        self.run_callback(upgrade.id(), "upgrade", |client| client.on_upgrade(upgrade, request));
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.run_callback(socket.id(), "open", |client| client.on_open(socket));
        self.ask_for_notice(socket);
    }

    fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {
        self.run_callback(events.id(), "events", |client| client.on_events(events, last_event_id));
        self.ask_for_notice(events);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        self.run_callback(socket.id(), "message", |client| client.on_message(socket, message));
        self.ask_for_notice(socket);
    }

    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
        self.run_callback(socket.id(), "part", |client| client.on_message_part(socket, part, is_last));
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let used = self.run_callback(raw.id(), "data", |client| client.on_data(raw, data));
        self.ask_for_notice(raw);
        used
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        self.run_callback(connection.id(), "drain", |client| client.on_drain(connection));
        self.ask_for_notice(connection);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        let (book, peer) = (self.book.clone(), self.peer);
        self.run_callback(connection.id(), "sent", |client| match tag & OWN_NOTICE {
            0 => client.on_sent(connection, tag),
            _ => book.note_notice(peer, tag),
        });
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        self.run_callback(connection.id(), "timer", |client| client.on_timer(connection, timer));
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
        let (book, peer) = (self.book.clone(), self.peer);
        let (found, is_call) = (connection.peer_addr().ok(), connection.peer().is_outgoing());
        if if is_call { !is_place_of(peer, found) } else { found != Some(address(peer)) } {
            book.note_wrong("state", format!("the address of peer {peer} is {:?}", connection.peer_addr()));
        }
        let noted = Noted(|| book.note_disconnected(peer, end));
        self.run_callback(connection.id(), "disconnect", |client| client.on_disconnect(connection, end));
        drop(noted);
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        self.run_callback(raw.id(), "line", |client| client.on_line(raw, line));
        self.ask_for_notice(raw);
    }

    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        self.run_callback(raw.id(), "line_limit", |client| client.on_line_limit(raw));
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        self.run_callback(raw.id(), "peer_closed", |client| client.on_peer_closed(raw, rest));
    }

    fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {
        self.run_callback(raw.id(), "goodbye", |client| client.on_goodbye(raw, why));
    }

    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        self.run_callback(raw.id(), "secure", |client| client.on_secure(raw));
        self.ask_for_notice(raw);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.run_callback(connection.id(), "post", |client| client.on_post(connection, value));
        self.ask_for_notice(connection);
    }

    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {
        self.check_round_trip(socket);
        self.run_callback(socket.id(), "control", |client| client.on_control(socket, control));
    }

    fn wants_frames(&self) -> bool {
        self.client.wants_frames()
    }

    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        self.run_callback(socket.id(), "frame", |client| client.on_frame(socket, head))
    }

    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {
        self.run_callback(socket.id(), "frame_part", |client| client.on_frame_part(socket, part, is_last));
    }

    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        let action = self.run_callback(socket.id(), "heartbeat", |client| client.on_heartbeat(socket));
        if action == HeartbeatAction::Ping {
            self.note_heartbeat(socket);
        }
        action
    }

    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        self.run_callback(connection.id(), "head", |client| client.on_head(connection, request))
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        self.run_callback(connection.id(), "body", |client| client.on_body(connection, part));
    }

    fn type_name(&self) -> &'static str {
        self.client.type_name()
    }

    fn as_client(&mut self) -> &mut dyn Any {
        self.client.as_client()
    }

    fn become_client(&mut self, client: Box<dyn Client>) -> Result<(), Box<dyn Client>> {
        self.client.become_client(client)
    }
}

/// Notes something when the callback is over, after a panic too: before that the disconnect has not ended.
struct Noted<F: FnMut()>(F);

impl<F: FnMut()> Drop for Noted<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The user's observer, with the same book.
pub(super) struct Eyes {
    pub(super) observer: Arc<dyn Observer>,
    pub(super) book: Book,
    pub(super) has_tls: bool,
    /// Whether exchanges are recorded.
    pub(super) records: bool,
}

impl Observer for Eyes {
    fn on_started(&self, handle: &Handle) {
        self.observer.on_started(handle);
    }

    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        self.observer.on_subscription(topic, before, now);
    }

    fn on_stopped(&self) {
        self.observer.on_stopped();
    }

    fn wants_finished(&self, _listener: usize) -> bool {
        self.records
    }

    fn on_finished(&self, finished: &Finished<'_>) {
        self.book.note_finished(finished);
        self.observer.on_finished(finished);
    }

    fn on_listener(&self, listener: usize, now: ListenerState) {
        self.observer.on_listener(listener, now);
    }

    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        let number = peer_of(peer.addr());
        self.book.note_refused(number, why);
        self.observer.on_refused(peer, why);
    }

    fn on_overload(&self, reactor: usize, is_on: bool, lag: Duration) {
        self.book.note_overloaded(reactor, is_on);
        self.observer.on_overload(reactor, is_on, lag);
    }

    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        self.book.note(format_args!("listener {listener} can't accept: {}", error.kind()));
        self.observer.on_accept_error(listener, error);
    }

    fn on_tls_error(&self, failed: &FailedHandshake) {
        let FailedHandshake { id, reason: why, .. } = failed;
        self.book.note(format_args!("{id} does not end its handshake: {why:?}"));
        // An eviction during a handshake is not reported to the observer.
        self.book.pages().nobody_was_evicted |= *why == Reason::Limit(Limit::Memory);
        if !self.has_tls || (*why == Reason::Tls && !self.book.pages().is_forged) {
            self.book.note_wrong(
                "accounts",
                format!("{id} failed in a handshake that there is not, or is in order"),
            );
        }
        self.observer.on_tls_error(failed);
    }

    fn on_panic(&self, id: ConnectionId, payload: &(dyn Any + Send)) {
        if !payload.is::<Bomb>() {
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            self.book.note_wrong(
                "no panic",
                format!("a callback of {id} panicked: {}", text.unwrap_or("no text")),
            );
        }
        self.observer.on_panic(id, payload);
    }

    fn on_pressure(&self, pressure: Pressure, budget_bytes: usize) {
        self.book.note(format_args!("the pressure on memory is {pressure:?}"));
        self.observer.on_pressure(pressure, budget_bytes);
    }

    fn on_evicted(&self, id: ConnectionId, bytes: usize) {
        self.book.note_evicted(id, bytes);
        self.observer.on_evicted(id, bytes);
    }

    fn on_dropped(&self, id: ConnectionId) {
        self.book.note(format_args!("{id} lost a message"));
        self.book.pages().dropped += 1;
        self.observer.on_dropped(id);
    }

    fn on_throttled(&self, id: ConnectionId, why: Limit) {
        self.book.note(format_args!("{id} is not read: {why:?}"));
        self.observer.on_throttled(id, why);
    }
}
