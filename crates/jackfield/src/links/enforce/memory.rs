//! What the buffers of a connection are charged with.

use crate::disconnect::{Limit, Reason};
use crate::links::Links;
use crate::links::protocol::Protocol;
use jackfield_proto::http1::Phase;
use jackfield_reactor::{ConnectionId, Eviction, Wires};

/// What is kept of the scratch buffer between two uses.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

impl Links {
    /// Books what the machine of a connection's protocol holds on the heap, wherever that may have changed.
    #[cold]
    #[inline(never)]
    pub(crate) fn charge(&mut self, wires: &mut Wires, id: ConnectionId) {
        let bytes = match &self.link(id).protocol {
            Protocol::Http(machine) => machine.heap_bytes(),
            Protocol::WebSocket(machine) => machine.heap_bytes(),
            _ => 0,
        };
        wires.charge_above(id, bytes);
    }

    /// Gives the scratch buffer back after its use. A peak is not kept.
    pub(crate) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_BYTES_KEPT {
            self.scratch = scratch;
        }
    }

    /// Ends a connection that must give its memory back. A peer that reads what is sent is told why; any other
    /// connection is aborted, for what is queued is what it holds.
    #[cold]
    pub(crate) fn evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        self.settings.observer.on_evicted(id, wires.memory_of(id));
        let reason = Reason::Limit(Limit::Memory);
        let (status, code) = match why {
            Eviction::TooLarge => (413, 1009),
            _ => (503, 1013),
        };
        let is_mute = wires.queued(id) > 0 || wires.is_closing(id);
        if wires.is_closing(id) {
            // It was to end in good order, and does not.
            self.link(id).reason = Some(reason);
        }
        match &self.link(id).protocol {
            _ if is_mute => self.abort(wires, id, reason),
            // The end of a body that the close delimits must not look like its end.
            Protocol::Http(machine) if machine.phase() == Phase::Streaming => self.abort(wires, id, reason),
            Protocol::Http(_) => self.fail_exchange(wires, id, status, reason),
            _ => {
                // Both codes may be sent, and on another protocol nothing is.
                let _ = self.close_websocket(wires, id, Some(code), "out of memory", reason);
                self.end(wires, id, reason);
            }
        }
        self.charge(wires, id);
    }
}
