//! The only code that is instantiated for each user type: it takes what the reactor says of a wire, lets the machine
//! of the connection's protocol make events of it, and calls the client.
//!
//! Clients stand in a table of their own, so that a callback borrows one client and, besides it, everything else.
//! Callbacks are guarded, those that bytes bring about by the reactor: a panic ends its connection and nothing else.

mod admission;
mod commands;
mod custom;
mod http;
mod lifetime;
mod memory;
mod provisional;
mod rate;
mod timers;
mod websocket;

use crate::client::{Client, ClientFactory, Connection, TimerId};
use crate::config::Limits;
use crate::disconnect::{Disconnect, Reason, Timeout};
use crate::links::{Admission, Awaited, Links, Protocol, key};
use crate::message::Body;
use crate::shared::{Callback, Command, Drain, Handle, Settings};
use jackfield_proto::http1::{self, Awaits, HeaderSlots, Phase};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{self as reactor, ConnectionId, Eviction, Incoming, Pressure, Service, Time, Wires};
use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A server's part of one reactor: the factory, its clients, and what the links knows of each.
pub(crate) struct Dispatcher<F: ClientFactory> {
    factory: F,
    /// In the slots of their wires.
    clients: Vec<Option<F::Client>>,
    links: Links,
    settings: Arc<Settings>,
    /// Lent to the machines: a message or request that was put together, for the time of its callback.
    whole: Vec<u8>,
    /// Lent to the machines: where the fields of the request at hand are.
    slots: HeaderSlots,
    commands: Vec<Command>,
    /// Wires that only exist to tell a new connection that there is no room.
    refusals: usize,
    /// When the observer was told of a failed accept.
    accept_error_at: Option<Time>,
}

/// What is kept of the lent buffer for the next message: a peak is given back.
const WHOLE_BYTES_KEPT: usize = 64 << 10;

/// The observer is told of a failed accept so often at most.
const ACCEPT_ERROR_EVERY: Duration = Duration::from_secs(1);

/// A guarded callback: what it returned, or what it panicked with.
type Guarded<T> = Result<T, Box<dyn Any + Send>>;

/// How far a step came with the bytes it was shown.
enum Stepped {
    /// It used so many, and the next may be taken.
    On(usize),
    /// It used so many, and can do nothing with the rest now.
    Stop(usize),
}

#[inline(always)]
fn guard<T>(call: impl FnOnce() -> T) -> Guarded<T> {
    catch_unwind(AssertUnwindSafe(call))
}

impl<F: ClientFactory> Dispatcher<F> {
    pub(crate) fn new(reactor: usize, factory: F, handle: Handle, settings: Arc<Settings>) -> Self {
        let links = Links::new(reactor, handle, settings.clone());
        let (clients, commands) = (Vec::new(), Vec::new());
        let (whole, slots) = (Vec::new(), HeaderSlots::new());
        Self { factory, clients, links, settings, whole, slots, commands, refusals: 0, accept_error_at: None }
    }

    /// Runs a callback of a connection's client, if it has one.
    fn with_client(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        callback: Callback,
        call: impl FnOnce(&mut F::Client, &mut Connection<'_>),
    ) {
        let Self { clients, links, .. } = self;
        if wires.is_closing(id) && !planted(34) {
            return;
        }
        if let Some(Some(client)) = clients.get_mut(id.slot()) {
            wires.mark(id, callback as u8);
            let mut connection = Connection { id, wires, links };
            run(client, &mut connection, |client, connection| call(client, connection));
        }
    }
}

impl<F: ClientFactory> Service for Dispatcher<F> {
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        self.admit(wires, incoming);
    }

    fn on_secured(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.begin(wires, id);
    }

    #[inline(always)]
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        let Self { clients, links, whole, slots, settings, .. } = self;
        let Some(Some(client)) = clients.get_mut(id.slot()) else {
            return self.on_bytes_without_client(wires, id, rx);
        };
        let limits = &settings.limits;
        let link = links.link(id);
        let (is_rated, is_websocket) = (link.is_rated, matches!(link.protocol, Protocol::WebSocket(_)));
        let mut connection = Connection { id, wires, links };
        let used = if is_rated {
            rate::feed(client, &mut connection, rx, whole, slots, limits)
        } else if is_websocket {
            websocket::feed(client, &mut connection, rx, whole, limits)
        } else {
            feed(client, &mut connection, rx, whole, slots, limits)
        };
        if whole.capacity() > WHOLE_BYTES_KEPT {
            *whole = Vec::new();
        }
        used
    }

    fn on_panic(&mut self, wires: &mut Wires, id: ConnectionId, payload: Box<dyn Any + Send>) {
        // It may have been rationed.
        self.links.events_per_turn = self.settings.limits.events_per_turn;
        panicked(&mut Connection { id, wires, links: &mut self.links }, &*payload);
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        // With an answer that is still open the rest of the body is missing, and will not come any more, if it is the
        // peer that has ended, and not we that will hear no further request.
        let more_comes = !wires.has_ended(id);
        let owed = matches!(&self.links.link(id).protocol, Protocol::Http(machine)
            if matches!(machine.phase(), Phase::Deferred | Phase::Streaming)
                || (more_comes && machine.phase() == Phase::Open));
        // What became a WebSocket with the last bytes has begun its closing handshake, and the peer's part is
        // awaited.
        let is_awaited = more_comes && matches!(self.links.link(id).protocol, Protocol::WebSocket(_));
        if !owed && !is_awaited {
            self.links.end(wires, id, Reason::Peer);
        }
    }

    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(outbox) = wires.outbox(id) else { return };
        if let Protocol::WebSocket(machine) = &mut self.links.link(id).protocol {
            let _ = planted(35) || machine.take_pong(None, outbox.tail());
        }
        self.with_client(wires, id, Callback::Drain, |client, connection| client.on_drain(connection));
    }

    fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        let Some(outbox) = wires.outbox(id) else { return };
        let beats = !self.links.heartbeat_of(id).after.is_zero();
        let link = self.links.link(id);
        let is_kept_alive = !link.has_own_idle_timeout;
        match &link.protocol {
            Protocol::WebSocket(_) if is_kept_alive && beats => self.on_heartbeat(wires, id, quiet),
            Protocol::Events if is_kept_alive => outbox.tail().extend_from_slice(b":\n\n"),
            Protocol::WebSocket(_) => {
                // 1001 may be sent.
                let why = Reason::Timeout(Timeout::Idle);
                let _ = self.links.close_websocket(wires, id, Some(1001), "idle", why);
            }
            // It is we who are silent, and that has a deadline of its own.
            Protocol::Http(machine) if machine.phase() == Phase::Deferred => {}
            _ => self.links.end(wires, id, Reason::Timeout(Timeout::Idle)),
        }
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, key: u32) {
        match key {
            0..=key::USER_MAX => self.with_client(wires, id, Callback::Timer, |client, connection| {
                client.on_timer(connection, TimerId(key as u16));
            }),
            key::DEADLINE => self.on_watch(wires, id),
            // Why it closes is known already.
            key::CLOSE => self.links.end(wires, id, Reason::Local),
            key::UPGRADE => self.on_undecided(wires, id),
            key::DEAD => self.on_dead(wires, id),
            key::RATE => self.links.unthrottle(wires, id),
            key::LIFETIME => self.on_lifetime(wires, id),
            _ => {}
        }
    }

    fn on_wake(&mut self, wires: &mut Wires) {
        if self.links.drain_until.is_none() && self.links.handle.shared().signalled.load(Ordering::Relaxed) {
            self.links.handle.shutdown(Drain { deadline: self.settings.limits.drain, ..Drain::default() });
        }
        self.read_commands(wires);
        self.drain_on(wires, 0);
    }

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: reactor::Reason) {
        self.links.leave_topics(wires, id);
        if let Some(Some(client)) = self.clients.get_mut(id.slot()) {
            wires.mark(id, Callback::Disconnect as u8);
            let end = disconnect(wires, &mut self.links, id, reason);
            let mut connection = Connection { id, wires, links: &mut self.links };
            run(client, &mut connection, |client, connection| client.on_disconnect(connection, &end));
            if !planted(38) {
                self.drop_client(id);
            }
        } else {
            self.never_begun(id, reason);
        }
        let link = std::mem::take(self.links.link(id));
        if link.admission != Admission::Uncounted && !planted(36) {
            self.uncount(id.reactor());
        }
        self.drain_on(wires, 1);
    }

    fn on_pressure(&mut self, wires: &mut Wires, pressure: Pressure) {
        if pressure == Pressure::High {
            self.links.handle.report_pressure(wires.reactor());
        }
        self.settings.observer.on_pressure(pressure, wires.budget().bytes_max());
    }

    fn on_evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        self.evict(wires, id, why);
    }

    fn on_accept_error(&mut self, wires: &mut Wires, listener: usize, error: &io::Error) {
        let now = wires.now();
        if self.accept_error_at.is_none_or(|at| now.since(at) >= ACCEPT_ERROR_EVERY) {
            self.accept_error_at = Some(now);
            self.settings.observer.on_accept_error(listener, error);
        }
    }

    fn on_exhausted(&mut self, wires: &mut Wires, listener: usize, peer: SocketAddr) -> &[u8] {
        self.exhausted(wires, listener, peer)
    }

    fn on_loop_lag(&mut self, wires: &mut Wires, lag: Duration, idle: Duration) {
        self.links.take_lag(wires.now(), lag, idle);
    }
}

impl<F: ClientFactory> Dispatcher<F> {
    /// What was begun is overdue.
    fn on_watch(&mut self, wires: &mut Wires, id: ConnectionId) {
        let limits = &self.settings.limits;
        let watch = std::mem::take(&mut self.links.link(id).awaited);
        if matches!(watch, Awaited::Head | Awaited::Message) && !wires.goes_on(id) {
            // Who is not read can't be reproached with sending nothing.
            self.links.link(id).awaited = watch;
            return wires.set_timer(id, key::DEADLINE, limits.head_timeout);
        }
        let mut connection = Connection { id, wires, links: &mut self.links };
        let paused = rate::take_pause(&mut connection);
        if !paused.is_zero() && watch != Awaited::Nothing {
            connection.links.link(id).awaited = watch;
            return connection.wires.set_timer(id, key::DEADLINE, paused);
        }
        match watch {
            Awaited::Nothing | Awaited::Early => {}
            Awaited::Head => http::time_out(&mut connection, Timeout::Head),
            Awaited::Body if http::flows(&mut connection, limits) => {}
            Awaited::Body => http::time_out(&mut connection, Timeout::Body),
            Awaited::Message => {
                // 1008 may be sent.
                let why = Reason::Timeout(Timeout::Message);
                let _ = connection.links.close_websocket(connection.wires, id, Some(1008), "too slow", why);
            }
        }
    }

    /// Nothing came for a while after a ping: then the peer is gone. Any byte is a sign of life.
    fn on_dead(&mut self, wires: &mut Wires, id: ConnectionId) {
        let dead = self.links.heartbeat_of(id).dead_after;
        let Some(quiet) = wires.wire_stats(id).map(|stats| stats.quiet) else { return };
        if !wires.goes_on(id) {
            wires.set_timer(id, key::DEAD, dead);
        } else if quiet > dead {
            self.links.abort(wires, id, Reason::Timeout(Timeout::Heartbeat));
        }
    }

    fn drop_client(&mut self, id: ConnectionId) {
        let client = self.clients[id.slot()].take();
        self.drop_guarded(id, client);
    }

    /// Drops what is the user's, whose `Drop` may panic.
    fn drop_guarded<T>(&self, id: ConnectionId, value: T) {
        if let Err(payload) = guard(|| drop(value)) {
            self.links.metrics.panics.add(1);
            self.settings.observer.on_panic(id, &*payload);
        }
    }
}

impl Connection<'_> {
    /// True if a machine has more to say although no bytes are left: the end of a body that was used up.
    #[inline(always)]
    fn is_unfinished(&mut self) -> bool {
        match self.protocol() {
            Protocol::Http(machine) => machine.phase() == Phase::Open && machine.awaits() == Awaits::Body,
            _ => false,
        }
    }
}

/// Lets the machine of the connection's protocol make events of the bytes, and calls the client with each. Returns
/// how many bytes were used.
#[inline(never)]
fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    whole: &mut Vec<u8>,
    slots: &mut HeaderSlots,
    limits: &Limits,
) -> usize {
    let (mut at, mut budget) = (0, connection.links.events_per_turn);
    loop {
        let rest = &mut rx[at..];
        let bytes = rest.len();
        let stepped = match connection.protocol() {
            // Upgraded just now.
            Protocol::WebSocket(_) => return at + websocket::feed(client, connection, rest, whole, limits),
            Protocol::Http(machine) => {
                let step = machine.step(rest, slots, whole, &limits.http);
                http::take(client, connection, step, bytes)
            }
            Protocol::Raw => custom::take(client, connection, rest),
            Protocol::Lines { .. } => custom::take_line(client, connection, rest, limits),
            // The peer of an event stream has nothing to say, nor has one that is refused.
            Protocol::Events | Protocol::Refused | Protocol::None => Stepped::Stop(bytes),
        };
        match stepped {
            Stepped::On(used) => at += used,
            Stepped::Stop(used) => return at + used,
        }
        budget -= 1;
        if at == rx.len() && !connection.is_unfinished() {
            return at;
        }
        if budget == 0 {
            connection.wires.yield_turn(connection.id);
            return at;
        }
        if connection.wires.is_stopped() && !connection.wires.goes_on(connection.id) {
            return at;
        }
    }
}

/// Calls the client, and puts another in its place if it asked for that.
#[inline(always)]
fn call<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> T {
    let value = callback(client, connection);
    if connection.links.replacement.is_some() {
        replace(client, connection);
    }
    value
}

/// The same for a callback that is not the usual one for bytes: whoever watches from outside sees which it is.
fn call_named<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    name: Callback,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> T {
    connection.wires.mark(connection.id, name as u8);
    let value = call(client, connection, callback);
    connection.wires.mark_bytes(connection.id);
    value
}

/// The same, guarded: a panic ends the connection.
#[inline(always)]
fn run<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> Option<T> {
    match guard(|| call(client, connection, callback)) {
        Ok(value) => Some(value),
        Err(payload) => {
            panicked(connection, &*payload);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn replace<C: Client>(client: &mut C, connection: &mut Connection<'_>) {
    let Some(replacement) = connection.links.replacement.take() else { return };
    // Whoever has to go is dropped in it.
    let Ok(replacement) = replacement.downcast::<Box<dyn Client>>() else { return };
    match guard(|| client.become_client(*replacement).is_ok()) {
        Ok(true) => {}
        Ok(false) => {
            log::error!("{}: only a client that is `Box<dyn Client>` can be replaced", connection.id);
        }
        Err(payload) => panicked(connection, &*payload),
    }
}

/// A callback panicked: its connection ends, with whatever can still be said.
#[cold]
#[inline(never)]
fn panicked(connection: &mut Connection<'_>, payload: &(dyn Any + Send)) {
    let Connection { id, wires, links } = connection;
    links.metrics.panics.add(1);
    links.settings.observer.on_panic(*id, payload);
    let replacement = links.replacement.take();
    // One panic is told already.
    let _ = guard(|| drop(replacement));
    match &mut links.link(*id).protocol {
        _ if planted(39) => {}
        Protocol::Http(machine) if matches!(machine.phase(), Phase::Open) => {
            machine.close_after();
            let head = http1::ResponseHead::new(500, "");
            links.respond(wires, *id, &head, Body::Borrowed(&[]));
            links.end(wires, *id, Reason::Panic);
        }
        // What was answered before is on its way.
        Protocol::Http(machine)
            if matches!(machine.phase(), Phase::Idle | Phase::Done) && wires.queued(*id) > 0 =>
        {
            links.end(wires, *id, Reason::Panic);
        }
        Protocol::WebSocket(_) => {
            // 1011 may be sent.
            let _ = links.close_websocket(wires, *id, Some(1011), "", Reason::Panic);
            links.end(wires, *id, Reason::Panic);
        }
        _ => links.abort(wires, *id, Reason::Panic),
    }
}

/// The account of a connection's end.
fn disconnect(wires: &Wires, links: &mut Links, id: ConnectionId, reason: reactor::Reason) -> Disconnect {
    let stats = wires.wire_stats(id);
    let link = &mut links.table[id.slot()];
    let reason = link.reason.unwrap_or_else(|| Reason::from_wire(reason));
    links.metrics.count_end(reason);
    let (close_code, close_reason) = match link.extra.as_mut().and_then(|extra| extra.close.take()) {
        Some((code, text)) => (Some(code), text),
        None => (None, Box::default()),
    };
    Disconnect {
        reason,
        close_code,
        close_reason,
        bytes_in: stats.map_or(0, |stats| stats.bytes_in),
        bytes_out: stats.map_or(0, |stats| stats.bytes_out),
        age: stats.map_or(Duration::ZERO, |stats| stats.age),
    }
}

/// Sets the deadline for what the peer has begun, unless it is set already.
#[cold]
#[inline(never)]
fn set_deadline(connection: &mut Connection<'_>, watch: Awaited, deadline: Duration) {
    let Connection { id, wires, links } = connection;
    let link = links.link(*id);
    if link.awaited != watch {
        link.awaited = watch;
        wires.set_timer(*id, key::DEADLINE, deadline);
        // What was before is no matter.
        rate::take_pause(connection);
    }
    connection.links.charge(connection.wires, connection.id);
}

/// What the peer had begun is there.
#[cold]
#[inline(never)]
fn clear_deadline(connection: &mut Connection<'_>) {
    let Connection { id, wires, links } = connection;
    links.link(*id).awaited = Awaited::Nothing;
    wires.cancel_timer(*id, key::DEADLINE);
    links.charge(wires, *id);
}

/// The bounds in a callback's reach.
fn limits<'l>(connection: &'l Connection<'_>) -> &'l Limits {
    &connection.links.settings.limits
}
