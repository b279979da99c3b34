//! Bodies that are whole in the buffer, but are delivered later, because reading has stopped.

use crate::links::{Links, Protocol};
use jackfield_proto::http1::{Limits, Machine, Request};
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Reading has stopped at the head of a request whose body is in the buffer: the body is delivered later.
    #[cold]
    pub(crate) fn put_off_body(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        self.put_off(wires, id, |machine, limits| machine.put_off_body(request, limits));
    }

    /// Reading has stopped at the last part of a body: the end is delivered later.
    #[cold]
    pub(crate) fn put_off_end(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        self.put_off(wires, id, |machine, limits| machine.put_off_end(request, limits));
    }

    fn put_off(&mut self, wires: &mut Wires, id: ConnectionId, put_off: impl FnOnce(&mut Machine, &Limits)) {
        let settings = self.settings.clone();
        let link = self.link(id);
        let limits = &settings.listeners[usize::from(link.listener)].limits.http;
        if let Protocol::Http(machine) = &mut link.protocol {
            put_off(machine, limits);
        }
        self.charge(wires, id);
    }
}
