//! Provisional connections: admitted although their reactor is overloaded, because some paths are exempt. The head of
//! their first request decides. Before that they have no client.

use crate::client::ClientFactory;
use crate::config::Refuse;
use crate::dispatch::Dispatcher;
use crate::links::{Admission, Awaited, Protocol, key};
use crate::shared::RefuseReason;
use jackfield_proto::http1;
use jackfield_reactor::{ConnectionId, Service, Wires};
use std::time::Duration;

impl<F: ClientFactory> Dispatcher<F> {
    /// Waits for the first request of a new connection.
    pub(super) fn begin_provisional(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.links.link(id).protocol = Protocol::Http(http1::Machine::new());
        let idle = self.links.limits_of(id).http_idle;
        if idle > Duration::ZERO {
            wires.set_idle_timeout(id, idle);
        }
    }

    /// Handles bytes of a connection without a client: of a provisional one, which is decided on when its request line is
    /// complete; of one at a status listener; or of a refused one, whose bytes are ignored.
    #[cold]
    #[inline(never)]
    pub(super) fn on_bytes_without_client(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        rx: &mut [u8],
    ) -> usize {
        if let Some(used) = self.read_opening(wires, id, rx) {
            return used;
        }
        let link = self.links.link(id);
        let (listener, admission) = (link.listener.into(), link.admission);
        if admission == Admission::Admitted && self.is_status(listener) {
            let Self { links, scratch, slots, .. } = self;
            return links.feed_status(wires, id, rx, &mut scratch.whole, slots);
        }
        if admission != Admission::Provisional {
            return rx.len();
        }
        let limits = self.links.limits_of(id);
        let stays = match http1::requested_path(rx) {
            Some(path) => {
                self.settings.gate.keeps_provisional(path, || self.links.is_overloaded(wires.now()))
            }
            None if rx.len() > limits.http.head_bytes_max => false,
            None if rx.is_empty() => return 0,
            None => {
                let deadline = limits.head_timeout;
                self.links.set_deadline(wires, id, Awaited::Head, deadline);
                return 0;
            }
        };
        if !stays {
            self.fail_provisional(wires, id);
            return rx.len();
        }
        self.links.link(id).admission = Admission::Admitted;
        let peer = self.peer_again(wires, id);
        self.create(wires, id, &peer);
        if self.links.is_drained_now(wires, id) {
            // The drain began before there was a client, with another machine.
            if let Protocol::Http(machine) = &mut self.links.link(id).protocol {
                machine.close_after();
            }
        }
        // Its client may have paused or closed it in `on_connect`.
        if wires.may_handle_bytes(id) { self.on_bytes(wires, id, rx) } else { 0 }
    }

    fn fail_provisional(&mut self, wires: &mut Wires, id: ConnectionId) {
        let peer = self.peer_again(wires, id);
        self.report_refused(&peer, RefuseReason::Overload);
        wires.cancel_timer(id, key::DEADLINE);
        let link = self.links.link(id);
        link.awaited = Awaited::Nothing;
        self.refuse(wires, id, &Refuse::Busy);
    }
}
