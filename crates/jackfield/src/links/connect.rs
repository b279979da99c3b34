//! Connections that this side begins.

use crate::config::{Offering, Outgoing, Speaks, Target};
use crate::disconnect::{ConnectError, Limit, Reason};
use crate::links::Links;
use crate::links::link::Admission;
use crate::links::opening::Opening;
use crate::links::protocol::Protocol;
use crate::shared::{Busy, Resolver};
use jackfield_reactor::{self as reactor, Above, Addr, ConnectionId, Wires};
use std::io::ErrorKind;
use std::net::SocketAddr;

impl Links {
    /// Begins a connection. The result comes later, success or failure.
    ///
    /// # Errors
    /// [`Busy::Stopped`] if the server shuts down, [`Busy::Full`] if there is no room.
    pub(crate) fn connect(&mut self, wires: &mut Wires, outgoing: &Outgoing) -> Result<ConnectionId, Busy> {
        if self.is_shutting_down() {
            return Err(Busy::Stopped);
        }
        let reactor = wires.reactor();
        if !self.handle.try_count_outgoing(reactor, self.settings.limits.outgoing_max) {
            return Err(Busy::Full);
        }
        let deadline = wires.now().after(outgoing.within);
        let opening = outgoing.websocket.as_ref().filter(|_| outgoing.speaks == Speaks::Http);
        let offering = match opening {
            Some(request) if !request.is_uncompressed => self.compressors.offer(&self.settings.limits),
            _ => Offering::default(),
        };
        let opening = opening.map(|request| Opening::new(request, offering, self.masks.key(), deadline));
        let is_invalid = outgoing.socket.keep_alive.is_some_and(|keep_alive| !keep_alive.is_valid())
            || outgoing.has_lost_request();
        let (above, opening, fault) = match (above(outgoing), opening.transpose()) {
            _ if is_invalid => (Above::Plain, None, Some(ConnectError::Invalid)),
            (Ok(above), Ok(opening)) => (above, opening, None),
            (Err(fault), _) | (_, Err(fault)) => (Above::Plain, None, Some(fault)),
        };
        let listener = self.settings.outgoing_listener(outgoing.speaks);
        let Ok(id) = wires.connect(above, outgoing.socket, listener, outgoing.within) else {
            self.handle.uncount_outgoing(reactor);
            return Err(Busy::Full);
        };
        self.open(id, listener);
        let link = self.link(id);
        link.admission = Admission::Outgoing;
        link.extra().tag = Some(outgoing.tag);
        if let Some(opening) = opening {
            link.protocol = Protocol::Opening;
            let extra = self.table[id.slot()].extra();
            extra.opening = Some(Box::new(opening));
            self.compressors.set_reserved(offering.most(), &mut extra.agreed);
        }
        self.charge(wires, id);
        match fault {
            Some(fault) => self.fail_soon(wires, id, fault),
            None => self.dial(wires, id, &outgoing.target),
        }
        Ok(id)
    }

    fn dial(&mut self, wires: &mut Wires, id: ConnectionId, target: &Target) {
        match target {
            Target::Unix(path) => wires.dial(id, [Addr::Unix(Some(path.as_path().into()))]),
            Target::Tcp(addr) => match addr.parse::<SocketAddr>() {
                Ok(addr) => wires.dial(id, [Addr::Ip(addr)]),
                Err(_) => self.resolve_name(wires, id, addr),
            },
        }
    }

    fn resolve_name(&mut self, wires: &mut Wires, id: ConnectionId, name: &str) {
        match &self.settings.names {
            Resolver::System => {
                if !self.handle.resolve_name(id, name) {
                    self.fail_soon(wires, id, ConnectError::Busy);
                }
            }
            #[cfg(feature = "test-util")]
            Resolver::Table(table) => {
                let found = table.iter().find(|(known, _)| known == name);
                let addrs = found.map(|(_, addrs)| addrs.clone()).unwrap_or_default();
                self.on_resolved(wires, id, addrs);
            }
            #[cfg(feature = "sim")]
            Resolver::Made(make) => self.handle.resolve_held(id, make(name)),
        }
    }

    /// The addresses of a connection's name are known.
    pub(crate) fn on_resolved(&mut self, wires: &mut Wires, id: ConnectionId, addrs: Vec<SocketAddr>) {
        // It may have been ended meanwhile, and have its reason.
        if !wires.is_handshaking(id) {
            return;
        }
        if addrs.is_empty() {
            return self.fail_soon(wires, id, ConnectError::Name);
        }
        wires.dial(id, addrs.into_iter().map(Addr::Ip));
    }

    /// A connection failed before anything was tried. It ends a millisecond later, so that a client that connects again
    /// whenever that fails does not hold up its reactor.
    fn fail_soon(&mut self, wires: &mut Wires, id: ConnectionId, why: ConnectError) {
        self.link(id).reason = Some(Reason::Connect(why));
        wires.give_up(id, ErrorKind::NotFound);
    }

    /// Notes why an outgoing connection has ended before it was up.
    pub(crate) fn note_connect_failure(&mut self, id: ConnectionId, why: reactor::Reason) {
        self.handle.shared().look_ups.forget(id);
        let link = self.link(id);
        link.reason = Some(match link.reason.unwrap_or_else(|| Reason::from_reactor(why)) {
            Reason::Peer | Reason::PeerReset => Reason::Connect(ConnectError::Closed),
            Reason::Timeout(_) => Reason::Connect(ConnectError::Timeout),
            Reason::Io(kind) => Reason::Connect(ConnectError::Io(kind)),
            Reason::Tls => Reason::Connect(ConnectError::Tls),
            // The server's answer was too long.
            Reason::Limit(Limit::ReadBuffer) => Reason::Connect(ConnectError::WebSocket),
            other => other,
        });
    }
}

/// What is spoken above the stream first.
#[cfg(feature = "tls")]
fn above(outgoing: &Outgoing) -> Result<Above, ConnectError> {
    let Some(config) = &outgoing.tls else { return plain(outgoing) };
    let name = outgoing.name_for_tls().ok_or(ConnectError::Invalid)?;
    Ok(Above::Tls(config.clone(), name))
}

#[cfg(not(feature = "tls"))]
fn above(outgoing: &Outgoing) -> Result<Above, ConnectError> {
    plain(outgoing)
}

/// A plain session, unless something was asked for that only TLS has.
fn plain(outgoing: &Outgoing) -> Result<Above, ConnectError> {
    if outgoing.asks_for_tls() { Err(ConnectError::Invalid) } else { Ok(Above::Plain) }
}
