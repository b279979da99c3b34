//! Where a request comes from, behind proxies.

use crate::config::canonical;
use crate::gate::{ForwardedBy, client_ip};
use crate::links::Links;
use jackfield_proto::http1::Request;
use jackfield_reactor::{ConnectionId, Wires};
use std::net::{IpAddr, SocketAddr};

impl Links {
    /// The address of the client that sent a request. `None`: it came through a unix socket, and no trusted proxy names
    /// an address.
    pub(crate) fn client_ip(&self, wires: &Wires, id: ConnectionId, request: &Request<'_>) -> Option<IpAddr> {
        let listener = &self.settings.listeners[usize::from(self.table[id.slot()].listener)];
        let by = if listener.reads_forwarded { ForwardedBy::Forwarded } else { ForwardedBy::XForwardedFor };
        let hop = wires.peer(id)?.source().ip()?.to_canonical();
        Some(client_ip(hop, request, by, |ip| listener.proxies.contains(ip)))
    }

    /// The address that a request comes from, IPv4 also if it was mapped into IPv6. Of a client behind a trusted proxy the port is not
    /// known, so it is 0.
    pub(crate) fn client_addr(
        &self,
        wires: &Wires,
        id: ConnectionId,
        request: &Request<'_>,
    ) -> Option<SocketAddr> {
        let peer = canonical(wires.peer(id)?.source().as_ip()?);
        let ip = self.client_ip(wires, id, request)?;
        Some(if ip == peer.ip() { peer } else { SocketAddr::new(ip, 0) })
    }

    /// The same, if the listener of the connection trusts proxies.
    #[inline]
    pub(crate) fn addr_behind_proxies(
        &self,
        wires: &Wires,
        id: ConnectionId,
        request: &Request<'_>,
    ) -> Option<SocketAddr> {
        let listener = &self.settings.listeners[usize::from(self.table[id.slot()].listener)];
        if listener.proxies.is_empty() { None } else { self.client_addr(wires, id, request) }
    }
}
