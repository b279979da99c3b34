//! What the buffers of a connection are charged with.

use crate::links::Links;
use crate::links::protocol::Protocol;
use jackfield_reactor::{ConnectionId, Wires};

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
}
