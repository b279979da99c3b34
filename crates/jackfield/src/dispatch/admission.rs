//! From a new connection to a client: capacity, the reactor it goes to, TLS, the factory.

use crate::client::{Client, ClientFactory, Connection};
#[cfg(feature = "tls")]
use crate::config::ListenerTls;
use crate::config::{Refuse, Speaks, WhenFull};
use crate::disconnect::{Limit, Reason};
use crate::dispatch::Dispatcher;
use crate::dispatch::call::run;
use crate::dispatch::http;
use crate::dispatch::proxy::behind_header;
use crate::guard::guard;
use crate::links::{Admission, Protocol};
use crate::shared::{Callback, Command, FailedHandshake, Peer, RefuseReason, ServerState};
use jackfield_proto::http1;
use jackfield_reactor::{self as reactor, ConnectionId, Incoming, Session, Time, Wires, table};
use std::time::Duration;

/// The most connections that are kept until their refusal is sent. Above that a connection gets its refusal and is
/// dropped at once.
const REFUSALS_MAX: usize = 256;

/// The most connections of a status listener. They are admitted even if the server is full.
const STATUS_CONNECTIONS_MAX: usize = 64;

/// Slots that are looked at in one step of the search for an idle connection.
const SLOTS_FOR_IDLE: usize = 64;

/// The most steps of that search.
const LOOKS_FOR_IDLE: usize = 16;

/// The answer to plain HTTP at a port for TLS.
#[cfg(feature = "tls")]
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\
    Connection: close\r\n\r\nThis port speaks TLS: use an https address.\n";

impl<F: ClientFactory> Dispatcher<F> {
    /// Takes a new connection at a listener of this reactor: refuses it, adopts it here, or hands it to the reactor
    /// with the fewest connections.
    pub(super) fn admit(&mut self, wires: &mut Wires, incoming: Incoming) {
        let here = wires.reactor();
        // Other reactors may know of a shutdown before this one, and may have ended.
        if self.links.is_shutting_down() || self.links.handle.state() >= ServerState::Draining {
            return self.report_refused(&self.peer_of(&incoming, here), RefuseReason::Shutdown);
        }
        if !self.may_come_in(&incoming) {
            return self.report_refused(&self.peer_of(&incoming, here), RefuseReason::Untrusted);
        }
        if let Err((why, refuse)) = self.enter(&incoming.peer, wires.now()) {
            return self.refuse_new(wires, incoming, why, &refuse);
        }
        self.place(wires, incoming);
    }

    /// Takes a new connection that may come in, if there is room.
    pub(super) fn place(&mut self, wires: &mut Wires, incoming: Incoming) {
        let here = wires.reactor();
        // Updates the overload, which ends after some time without work.
        self.links.is_overloaded(wires.now());
        let listener = incoming.peer.listener;
        let stays = self.settings.listeners.get(listener).is_some_and(|listener| listener.each_reactor);
        let there = if stays { here } else { self.links.handle.least_loaded(here) };
        let most = self.most(listener);
        let has_room = self.links.handle.try_count(there, listener, most)
            || !self.is_refused_for_overload(there, &incoming)
                && self.evict_idle(wires, listener)
                && self.links.handle.try_count(there, listener, most);
        if !has_room && self.waits(listener) {
            return self.hold(wires, incoming);
        }
        if !has_room {
            self.links.handle.uncount_address(&incoming.peer);
            return self.refuse_new(wires, incoming, RefuseReason::Full, &Refuse::Busy);
        }
        let is_provisional = !self.is_status(listener)
            && !self.links.handle.remote(there).is_none_or(|remote| remote.quota.take());
        if is_provisional && !self.may_be_provisional(&incoming) {
            self.links.handle.uncount_peer(there, &incoming.peer);
            self.refuse_new(wires, incoming, RefuseReason::Overload, &Refuse::Busy);
        } else if there == here {
            self.adopt(wires, incoming, is_provisional);
        } else {
            self.hand_over(there, incoming, is_provisional);
        }
    }

    /// Whether a new connection would be refused even if there were a place for it, so that none is made.
    fn is_refused_for_overload(&self, there: usize, incoming: &Incoming) -> bool {
        let is_overloaded = self.links.handle.remote(there).is_some_and(|remote| remote.quota.is_empty());
        is_overloaded && !self.is_status(incoming.peer.listener) && !self.may_be_provisional(incoming)
    }

    /// Hands a new connection to another reactor. A reactor that has ended takes none.
    fn hand_over(&self, there: usize, incoming: Incoming, is_provisional: bool) {
        let refused = self.links.handle.post_reserved(there, Command::Adopt(incoming, is_provisional));
        if let Some(Command::Adopt(incoming, _)) = refused {
            self.links.handle.uncount_peer(there, &incoming.peer);
            self.report_refused(&self.peer_of(&incoming, there), RefuseReason::Shutdown);
        }
    }

    /// Asks the user's rule and the rules for addresses, which count the connection if it may come in.
    fn enter(&self, peer: &reactor::Peer, now: Time) -> Result<(), (RefuseReason, Refuse)> {
        let rules = self.settings.listeners.get(peer.listener).and_then(|listener| listener.rules.as_ref());
        if let Some((filter, addr)) = rules.and_then(|rules| rules.question(peer)) {
            match guard(|| (filter.0)(addr)) {
                Ok(None) => {}
                Ok(Some(refuse)) => return Err((RefuseReason::Denied, refuse)),
                Err(payload) => {
                    self.links.report_panic(ConnectionId::NONE, payload);
                    return Err((RefuseReason::Panic, Refuse::Reset));
                }
            }
        }
        self.links.handle.admit_address(peer, now).map_err(|why| (why, Refuse::Reset))
    }

    /// Whether a connection comes from a required proxy, if its listener has such. For a unix socket the rights of its file
    /// decide.
    fn may_come_in(&self, incoming: &Incoming) -> bool {
        let listener = self.settings.listeners.get(incoming.peer.listener);
        let Some(proxies) = listener.and_then(|listener| listener.required_proxies.as_ref()) else {
            return true;
        };
        incoming.peer.addr.ip().is_none_or(|ip| proxies.contains(ip))
    }

    /// Makes room for a new connection at this socket, if its listener has `EvictIdle`: of some idle connections it ends the
    /// one that was idle longest. False: none was found.
    #[cold]
    fn evict_idle(&mut self, wires: &mut Wires, socket: usize) -> bool {
        let Some(listener) = self.settings.listeners.get(socket) else { return false };
        if listener.is_status || listener.limits.when_full != WhenFull::EvictIdle {
            return false;
        }
        let is_listener_full = !self.links.handle.has_room_at(socket, listener.limits.connections_max);
        let is_fit = |id: &ConnectionId| {
            let of = usize::from(self.links.table[id.slot()].listener);
            let is_of_it = self.settings.listeners[of].number == listener.number;
            self.links.is_evictable(wires, *id) && (is_of_it || !is_listener_full)
        };
        let quiet = |id: &ConnectionId| wires.wire_stats(*id).map(|stats| stats.quiet);
        let longest = |from| {
            let (ids, next) = wires.ids_in_slots(from, SLOTS_FOR_IDLE);
            (ids.into_iter().filter(is_fit).max_by_key(quiet), next.unwrap_or_default())
        };
        let mut found = None;
        for _ in 0..LOOKS_FOR_IDLE {
            (found, self.evict_from) = longest(self.evict_from);
            if found.is_some() {
                break;
            }
        }
        let Some(id) = found else { return false };
        // The new connection takes its place in the counts.
        let link = self.links.link(id);
        link.admission = Admission::Uncounted;
        let socket = link.listener.into();
        self.links.uncount(wires, id, socket);
        self.links.close(wires, id, Reason::Limit(Limit::Connections));
        true
    }

    /// The connection limits of the server and of the listener.
    pub(super) fn most(&self, listener: usize) -> (usize, usize) {
        let all = self.settings.limits.connections_max;
        match self.settings.listeners.get(listener) {
            // An operator needs the status pages most when the server is full.
            Some(listener) if listener.is_status => {
                (usize::MAX, listener.limits.connections_max.min(STATUS_CONNECTIONS_MAX))
            }
            Some(listener) => (all, listener.limits.connections_max),
            None => (all, all),
        }
    }

    /// Whether the first request of a new connection may be for an exempt path.
    fn may_be_provisional(&self, incoming: &Incoming) -> bool {
        let listener = self.settings.listeners.get(incoming.peer.listener);
        self.settings.gate.exempts_any() && listener.is_some_and(|listener| listener.speaks == Speaks::Http)
    }

    /// Adopts a new connection that is already counted for this reactor. If it is provisional, the head of its first
    /// request decides whether it stays.
    pub(super) fn adopt(&mut self, wires: &mut Wires, incoming: Incoming, is_provisional: bool) {
        let (peer, listener) = (self.peer_of(&incoming, wires.reactor()), incoming.peer.listener);
        let whence = incoming.peer.clone();
        let Some(session) = self.session(incoming) else { return self.not_taken(wires, &peer) };
        let Ok(id) = wires.insert(session, whence) else { return self.not_taken(wires, &peer) };
        self.links.open(id, listener);
        let link = self.links.link(id);
        link.admission = if is_provisional { Admission::Provisional } else { Admission::Admitted };
        match is_provisional {
            // A PROXY header or a TLS handshake comes first.
            _ if !wires.is_open(id) => {}
            true => self.begin_provisional(wires, id),
            false if self.is_status(listener) => self.begin_provisional(wires, id),
            false => self.create(wires, id, &peer),
        }
    }

    /// The PROXY header is read: checks the address in it.
    #[cold]
    pub(super) fn admit_proxied(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(whence) = wires.peer(id) else { return };
        if let Err((why, refuse)) = self.enter(&whence, wires.now()) {
            self.report_refused(&self.links.peer_at(whence.clone(), id.reactor()), why);
            self.links.link(id).admission = Admission::Uncounted;
            self.links.handle.uncount(id.reactor(), whence.listener);
            self.refuse_proxied(wires, id, refuse);
        }
    }

    /// Refuses a connection whose PROXY header is read. An answer waits until the connection can be written to.
    fn refuse_proxied(&mut self, wires: &mut Wires, id: ConnectionId, refuse: Refuse) {
        let listener = usize::from(self.links.link(id).listener);
        match refuse {
            // A close would send an alert.
            _ if self.settings.listeners[listener].is_tls() => self.refuse(wires, id, &Refuse::Reset),
            Refuse::Silent | Refuse::Reset => self.refuse(wires, id, &refuse),
            Refuse::Busy | Refuse::Banner(_) => {
                self.begin_refusal(id);
                self.links.link(id).extra().refusal = Some(refuse);
                self.links.charge(wires, id);
            }
        }
    }

    /// The PROXY header or TLS handshake is done: now the connection gets its client. If it has one already, the client
    /// has begun STARTTLS.
    pub(super) fn begin(&mut self, wires: &mut Wires, id: ConnectionId) {
        if self.clients.get(id.slot()).is_some_and(Option::is_some) {
            self.links.send_after_handshake(wires, id);
            return self.with_client(wires, id, Callback::Secure, |client, connection| {
                if let Some(mut raw) = connection.as_raw() {
                    client.on_secure(&mut raw);
                }
            });
        }
        #[cfg(feature = "tls")]
        if self.close_if_challenge(wires, id) {
            return;
        }
        let link = self.links.link(id);
        if let Some(refuse) = link.extra.as_mut().and_then(|extra| extra.refusal.take()) {
            return self.finish_refusal(wires, id, &refuse);
        }
        let (listener, admission) = (link.listener.into(), link.admission);
        if admission == Admission::Provisional || self.is_status(listener) {
            return self.begin_provisional(wires, id);
        }
        if self.links.ask_for_websocket(wires, id) {
            return;
        }
        let peer = self.peer_again(wires, id);
        self.create(wires, id, &peer);
    }

    /// The peer of a connection that was adopted earlier.
    pub(super) fn peer_again(&mut self, wires: &Wires, id: ConnectionId) -> Peer {
        self.links.peer(wires, id)
    }

    pub(super) fn create(&mut self, wires: &mut Wires, id: ConnectionId, peer: &Peer) {
        let Self { factory, .. } = self;
        wires.show_watchdog(id, Callback::Create as u8);
        let created = guard(|| factory.create(peer));
        wires.clear_watchdog();
        match created {
            Ok(Ok(client)) => self.start(wires, id, client),
            Ok(Err(refuse)) => {
                self.report_refused(peer, RefuseReason::Factory);
                self.refuse(wires, id, &refuse);
            }
            Err(payload) => {
                self.links.report_panic(id, payload);
                self.report_refused(peer, RefuseReason::Panic);
                self.refuse(wires, id, &Refuse::Busy);
            }
        }
    }

    fn start(&mut self, wires: &mut Wires, id: ConnectionId, client: F::Client) {
        let Self { clients, links, settings, .. } = self;
        let listener = &settings.listeners[usize::from(links.link(id).listener)];
        let limits = &listener.limits;
        let (protocol, idle, usual) = match listener.speaks {
            Speaks::Http if links.link(id).admission == Admission::Outgoing => {
                (Protocol::WebSocket(links.make_client_websocket(id)), Duration::ZERO, Callback::Message)
            }
            Speaks::Http => (Protocol::Http(http1::Machine::new()), limits.http_idle, Callback::Request),
            Speaks::Raw => (Protocol::Raw, limits.raw_idle, Callback::Data),
            Speaks::Lines => (Protocol::lines(listener.delimiter), limits.raw_idle, Callback::Line),
        };
        links.link(id).protocol = protocol;
        wires.set_label(id, usual as u8);
        if idle > Duration::ZERO {
            wires.set_idle_timeout(id, idle);
        }
        if matches!(links.link(id).protocol, Protocol::WebSocket(_)) {
            links.apply_idle_timeout(wires, id);
        }
        links.apply_limits(wires, id, limits);
        if !listener.banner.is_empty() {
            if let Some(outbox) = wires.outbox(id) {
                outbox.tail().extend_from_slice(&listener.banner);
            }
        }
        table::extend_gently(clients, id.slot(), || None);
        let client = clients[id.slot()].insert(client);
        wires.generations().mark_listed(id);
        wires.show_watchdog(id, Callback::Connect as u8);
        let mut connection = Connection { id, wires, links };
        run(client, &mut connection, |client, connection| client.on_connect(connection));
        if connection.wires.is_open(id) {
            run(client, &mut connection, http::handle_open);
        }
        connection.wires.clear_watchdog();
    }

    /// Refuses a new connection. If it gets an answer, it is kept open until that is sent, unless too many others are.
    #[cold]
    fn refuse_new(&mut self, wires: &mut Wires, incoming: Incoming, why: RefuseReason, refuse: &Refuse) {
        let (peer, listener) = (self.peer_of(&incoming, wires.reactor()), incoming.peer.listener);
        self.report_refused(&peer, why);
        if *refuse == Refuse::Reset {
            return incoming.stream.reset_and_drop();
        }
        if peer.is_tls || self.refusals >= REFUSALS_MAX {
            return incoming.stream.refuse_and_drop(match refuse {
                Refuse::Busy => self.busy(listener),
                Refuse::Banner(bytes) if !peer.is_tls => bytes,
                _ => &[],
            });
        }
        let Ok(id) = wires.insert(incoming.stream.into(), incoming.peer) else { return };
        self.links.open(id, listener);
        self.refuse(wires, id, refuse);
    }

    /// No descriptor is left for a new connection. Returns its refusal.
    #[cold]
    pub(super) fn exhausted(&mut self, wires: &Wires, peer: &reactor::Peer) -> &[u8] {
        let listener = peer.listener;
        self.report_refused(&self.links.peer_at(peer.clone(), wires.reactor()), RefuseReason::Descriptors);
        self.busy(listener)
    }

    /// The refusal for a new connection at this listener when the server is full. With TLS it is empty, because a
    /// handshake costs work.
    fn busy(&self, listener: usize) -> &[u8] {
        match self.settings.listeners.get(listener) {
            Some(listener) if !listener.is_tls() => self.links.busy_text(listener),
            _ => &[],
        }
    }

    /// Refuses a connection that has no client, and ends it.
    pub(super) fn refuse(&mut self, wires: &mut Wires, id: ConnectionId, refuse: &Refuse) {
        self.begin_refusal(id);
        let is_outgoing = self.links.link(id).admission == Admission::Outgoing;
        let refuse = match refuse {
            // A server to which this one has connected expects no answer of a server.
            Refuse::Busy | Refuse::Banner(_) if is_outgoing => &Refuse::Reset,
            other => other,
        };
        self.finish_refusal(wires, id, refuse);
    }

    fn begin_refusal(&mut self, id: ConnectionId) {
        self.refusals += 1;
        self.links.link(id).protocol = Protocol::Refused;
    }

    fn finish_refusal(&mut self, wires: &mut Wires, id: ConnectionId, refuse: &Refuse) {
        match refuse {
            Refuse::Reset => wires.abort(id, reactor::Reason::Local),
            Refuse::Silent => wires.close(id, reactor::Reason::Local),
            Refuse::Busy => self.links.close(wires, id, Reason::Limit(Limit::Overload)),
            Refuse::Banner(bytes) => self.links.end_with(wires, id, bytes, Reason::Local),
        }
    }

    /// A connection that never had a client has ended.
    #[cold]
    pub(super) fn on_end_without_client(&mut self, wires: &Wires, id: ConnectionId, why: reactor::Reason) {
        let link = self.links.link(id);
        if matches!(link.protocol, Protocol::Refused) {
            self.refusals -= 1;
            return;
        }
        // Without a client only a provisional connection speaks HTTP, and its handshake is done.
        let is_secured = matches!(link.protocol, Protocol::Http(_));
        let why = link.reason.unwrap_or_else(|| Reason::from_reactor(why));
        self.links.metrics.count_end(why);
        if wires.awaits_preamble(id) {
            self.report_refused(&self.links.peer(wires, id), RefuseReason::Proxy);
        } else if !is_secured {
            self.report_failed_handshake(wires, id, why);
        }
    }

    fn report_failed_handshake(&self, wires: &Wires, id: ConnectionId, reason: Reason) {
        let peer = self.links.peer(wires, id);
        #[cfg(feature = "tls")]
        let (fault, server_name) =
            (wires.tls_fault(id).map(ToString::to_string), wires.server_name(id).map(str::to_owned));
        #[cfg(not(feature = "tls"))]
        let (fault, server_name) = (None, None);
        let error = fault.unwrap_or_else(|| reason.to_string());
        self.settings.observer.on_tls_error(&FailedHandshake { id, peer, reason, error, server_name });
    }

    #[cold]
    fn not_taken(&mut self, wires: &Wires, peer: &Peer) {
        self.links.handle.uncount_peer(wires.reactor(), &peer.wire);
        self.report_refused(peer, if wires.is_full() { RefuseReason::Full } else { RefuseReason::System });
    }

    /// True if the listener of this socket serves the server's own pages and nothing else.
    pub(super) fn is_status(&self, listener: usize) -> bool {
        self.settings.listeners.get(listener).is_some_and(|listener| listener.is_status)
    }

    pub(super) fn report_refused(&self, peer: &Peer, why: RefuseReason) {
        let metrics = &self.links.metrics;
        metrics.refused.add(1);
        match why {
            RefuseReason::Overload => metrics.refused_overload.add(1),
            RefuseReason::Denied => metrics.refused_denied.add(1),
            RefuseReason::AddressFull => metrics.refused_address_full.add(1),
            RefuseReason::AddressRate => metrics.refused_address_rate.add(1),
            _ => {}
        }
        self.settings.observer.on_refused(peer, why);
    }

    pub(super) fn peer_of(&self, incoming: &Incoming, reactor: usize) -> Peer {
        self.links.peer_at(incoming.peer.clone(), reactor)
    }

    /// The session above the stream, by the listener's options: a PROXY header, TLS, or plain.
    fn session(&self, incoming: Incoming) -> Option<Session> {
        let requires_proxy = self.settings.listeners.get(incoming.peer.listener)?.required_proxies.is_some();
        let session = self.secure(incoming)?;
        Some(if requires_proxy { behind_header(session) } else { session })
    }

    /// The session with TLS, if the listener has it.
    #[cfg(feature = "tls")]
    fn secure(&self, incoming: Incoming) -> Option<Session> {
        let listener = self.settings.listeners.get(incoming.peer.listener)?;
        // A plain HTTP request at a TLS port can be answered; other protocols can't.
        let plain = if listener.speaks == Speaks::Http { PLAIN_HTTP } else { &[] };
        Some(match &listener.tls {
            Some(ListenerTls::Ready(config)) => {
                let tls = reactor::Tls::server(incoming.stream, config.clone()).ok()?;
                if plain.is_empty() { tls } else { tls.with_plain_answer(plain) }.into()
            }
            Some(ListenerTls::Hosts(_)) => {
                let hello = reactor::Hello::new(incoming.stream);
                if plain.is_empty() { hello } else { hello.with_plain_answer(plain) }.into()
            }
            None => incoming.stream.into(),
        })
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, incoming: Incoming) -> Option<Session> {
        self.settings.listeners.get(incoming.peer.listener)?;
        Some(incoming.stream.into())
    }
}
