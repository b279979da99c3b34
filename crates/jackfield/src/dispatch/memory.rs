//! A connection that must give its memory back, and what can still be said to it.

use super::http;
use crate::client::{ClientFactory, Connection};
use crate::disconnect::{Limit, Reason};
use crate::dispatch::Dispatcher;
use crate::links::Protocol;
use jackfield_proto::http1::Phase;
use jackfield_reactor::{ConnectionId, Eviction, Wires};

impl<F: ClientFactory> Dispatcher<F> {
    /// Who reads what is sent hears why; anybody else is aborted, for what is queued is what it holds.
    #[cold]
    pub(super) fn evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        self.settings.observer.on_evicted(id, wires.memory_of(id));
        let reason = Reason::Limit(Limit::Memory);
        let (status, code) = match why {
            Eviction::TooLarge => (413, 1009),
            _ => (503, 1013),
        };
        let is_mute = wires.queued(id) > 0 || wires.is_closing(id);
        if wires.is_closing(id) {
            // It was to end in good order, and does not.
            self.links.link(id).reason = Some(reason);
        }
        match &self.links.link(id).protocol {
            _ if is_mute => self.links.abort(wires, id, reason),
            // The end of a body that the close delimits must not look like its end.
            Protocol::Http(machine) if machine.phase() == Phase::Streaming => {
                self.links.abort(wires, id, reason);
            }
            Protocol::Http(_) => {
                http::turn_down(&mut Connection { id, wires, links: &mut self.links }, status, reason);
            }
            _ => {
                // Both codes may be sent, and on another protocol nothing is.
                let _ = self.links.close_websocket(wires, id, Some(code), "out of memory", reason);
                self.links.end(wires, id, reason);
            }
        }
        self.links.charge(wires, id);
    }
}
