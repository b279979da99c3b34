//! From a newcomer to a client: capacity, the reactor it goes to, TLS, the factory.

use super::{Dispatcher, guard, run};
use crate::factory::{Peer, Refuse};
use crate::link::Protocol;
use crate::mail::Mail;
use crate::observer::Refused;
use crate::reason::Reason;
use crate::settings::Speaks;
use crate::{Client, ClientFactory, ConnectionId};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;
use switchboard_proto::http1;
use switchboard_reactor::{self as reactor, Incoming, Transport, Wires, table};

/// Newcomers that are being told that there is no room. More than these are closed without a word.
const REFUSALS_MAX: usize = 256;

/// What a browser hears that speaks plain HTTP to a port for TLS.
#[cfg(feature = "tls")]
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\
    Connection: close\r\n\r\nThis port speaks TLS: use an https address.\n";

impl<F: ClientFactory> Dispatcher<F> {
    /// A newcomer at a listener of this reactor: refused, taken up here, or handed to the reactor that has the fewest.
    pub(super) fn admit(&mut self, wires: &mut Wires, incoming: Incoming) {
        let here = wires.reactor();
        if self.hub.drain_until.is_some() {
            return self.refused(&self.peer_of(&incoming, here), Refused::Shutdown);
        }
        let there = self.hub.handle.least_loaded(here);
        let connections = self.count(there);
        if connections >= self.settings.limits.connections_max {
            self.uncount(there);
            self.turn_away(wires, incoming);
        } else if there == here {
            self.adopt(wires, incoming);
        } else {
            self.hub.handle.post_reserved(there, Mail::Adopt(incoming));
        }
    }

    /// Takes a newcomer up that was counted for this reactor already.
    pub(super) fn adopt(&mut self, wires: &mut Wires, incoming: Incoming) {
        let peer = self.peer_of(&incoming, wires.reactor());
        let is_tls = peer.is_tls;
        let Some(transport) = self.secure(incoming) else { return self.not_taken(wires, &peer) };
        let Ok(id) = wires.insert(transport) else { return self.not_taken(wires, &peer) };
        self.hub.open(id, peer.listener);
        self.hub.link(id).is_counted = true;
        if !is_tls {
            self.create(wires, id, &peer);
        }
    }

    /// The handshake is over: only now there is somebody.
    pub(super) fn begin(&mut self, wires: &mut Wires, id: ConnectionId) {
        let addr = wires.peer_addr(id).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let listener = self.hub.link(id).listener.into();
        let peer = Peer { addr, listener, reactor: wires.reactor(), is_tls: true };
        self.create(wires, id, &peer);
    }

    fn create(&mut self, wires: &mut Wires, id: ConnectionId, peer: &Peer) {
        let Self { factory, .. } = self;
        match guard(|| factory.create(peer)) {
            Ok(Ok(client)) => self.welcome(wires, id, client),
            Ok(Err(refuse)) => {
                self.refused(peer, Refused::Factory);
                self.send_away(wires, id, &refuse);
            }
            Err(payload) => {
                self.hub.metrics.panics.add(1);
                self.settings.observer.on_panic(id, &*payload);
                self.refused(peer, Refused::Panic);
                self.send_away(wires, id, &Refuse::Busy);
            }
        }
    }

    fn welcome(&mut self, wires: &mut Wires, id: ConnectionId, client: F::Client) {
        let Self { clients, hub, settings, .. } = self;
        let limits = &settings.limits;
        let listener = &settings.listeners[usize::from(hub.link(id).listener)];
        let (protocol, idle) = match listener.speaks {
            Speaks::Http => (Protocol::Http(http1::Machine::new()), limits.http_idle),
            Speaks::Raw => (Protocol::Raw, limits.raw_idle),
            Speaks::Lines => (Protocol::Lines { searched: 0, skips: false }, limits.raw_idle),
        };
        hub.link(id).protocol = protocol;
        if idle > Duration::ZERO {
            wires.set_silence(id, idle);
        }
        hub.bound(wires, id, limits);
        if !listener.banner.is_empty() {
            if let Some(outbox) = wires.outbox(id) {
                outbox.tail().extend_from_slice(&listener.banner);
            }
        }
        table::extend_gently(clients, id.slot(), || None);
        let client = clients[id.slot()].insert(client);
        let mut connection = crate::Connection { id, wires, hub };
        run(client, &mut connection, |client, connection| client.on_connect(connection));
    }

    /// No room: the newcomer hears so, if not too many others are hearing it just now.
    #[cold]
    fn turn_away(&mut self, wires: &mut Wires, incoming: Incoming) {
        let peer = self.peer_of(&incoming, wires.reactor());
        self.refused(&peer, Refused::Full);
        // A handshake is work, and there is no room for that either.
        if peer.is_tls || self.refusals >= REFUSALS_MAX {
            return;
        }
        let Ok(id) = wires.insert(incoming.transport) else { return };
        self.hub.open(id, peer.listener);
        self.send_away(wires, id, &Refuse::Busy);
    }

    /// A wire without a client: it says its word and goes.
    fn send_away(&mut self, wires: &mut Wires, id: ConnectionId, refuse: &Refuse) {
        let settings = self.settings.clone();
        let listener = &settings.listeners[usize::from(self.hub.link(id).listener)];
        self.refusals += 1;
        self.hub.link(id).protocol = Protocol::Refused;
        let word = match refuse {
            Refuse::Silent => &[],
            Refuse::Reset => return wires.abort(id, reactor::Reason::Local),
            Refuse::Busy => listener.busy(),
            Refuse::Banner(bytes) => bytes,
        };
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(word);
        }
        wires.close(id, reactor::Reason::Local);
    }

    /// The end of a wire that never had a client.
    #[cold]
    pub(super) fn never_begun(&mut self, id: ConnectionId, why: reactor::Reason) {
        match self.hub.link(id).protocol {
            Protocol::Refused => self.refusals -= 1,
            _ => {
                let why = self.hub.link(id).reason.unwrap_or_else(|| Reason::from_wire(why));
                self.hub.metrics.count_end(why);
                self.settings.observer.on_tls_error(id, why);
            }
        }
    }

    #[cold]
    fn not_taken(&mut self, wires: &Wires, peer: &Peer) {
        self.uncount(wires.reactor());
        self.refused(peer, if wires.is_full() { Refused::Full } else { Refused::System });
    }

    /// Counts a newcomer for a reactor, and says how many connections there were before it.
    fn count(&self, reactor: usize) -> usize {
        let shared = self.hub.handle.shared();
        if let Some(station) = shared.stations.get(reactor) {
            station.load.fetch_add(1, Ordering::Relaxed);
        }
        shared.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn uncount(&self, reactor: usize) {
        let shared = self.hub.handle.shared();
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(station) = shared.stations.get(reactor) {
            station.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn refused(&self, peer: &Peer, why: Refused) {
        self.hub.metrics.refused.add(1);
        self.settings.observer.on_refused(peer, why);
    }

    pub(super) fn peer_of(&self, incoming: &Incoming, reactor: usize) -> Peer {
        let Incoming { peer, listener, .. } = *incoming;
        let is_tls = self.settings.listeners.get(listener).is_some_and(|listener| listener.is_tls());
        Peer { addr: peer, listener, reactor, is_tls }
    }

    /// Puts TLS above the socket, where the listener wants it.
    #[cfg(feature = "tls")]
    fn secure(&self, incoming: Incoming) -> Option<Transport> {
        let listener = self.settings.listeners.get(incoming.listener)?;
        match (incoming.transport, &listener.tls) {
            (Transport::Tcp(socket), Some(config)) => {
                let tls = reactor::Tls::server(socket, config.clone()).ok()?;
                let speaks_http = listener.speaks == Speaks::Http;
                let tls = if speaks_http { tls.with_plain_answer(PLAIN_HTTP) } else { tls };
                Some(Transport::Tls(Box::new(tls)))
            }
            (transport, _) => Some(transport),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, incoming: Incoming) -> Option<Transport> {
        self.settings.listeners.get(incoming.listener)?;
        Some(incoming.transport)
    }
}
