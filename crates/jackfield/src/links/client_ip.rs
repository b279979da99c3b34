//! Where a request comes from, behind proxies.

use crate::gate::{ForwardedBy, client_ip};
use crate::links::Links;
use jackfield_proto::http1::Request;
use jackfield_reactor::{ConnectionId, Wires};
use std::net::IpAddr;

impl Links {
    /// The address of the client that sent a request. `None`: it came through a unix socket, and no trusted proxy names
    /// an address.
    pub(crate) fn client_ip(&self, wires: &Wires, id: ConnectionId, request: &Request<'_>) -> Option<IpAddr> {
        let listener = &self.settings.listeners[usize::from(self.table[id.slot()].listener)];
        let by = if listener.reads_forwarded { ForwardedBy::Forwarded } else { ForwardedBy::XForwardedFor };
        let hop = wires.peer(id)?.source().ip()?.to_canonical();
        Some(client_ip(hop, request, by, |ip| listener.proxies.contains(ip)))
    }
}
