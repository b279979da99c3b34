//! What the buffers of a connection are charged with.

use crate::disconnect::{At, Limit, Reason, Standing, goodbye};
use crate::links::Links;
use crate::links::link::Awaited;
use crate::links::protocol::Protocol;
use jackfield_reactor::{ConnectionId, Eviction, Wires};

/// What is kept of the scratch buffer between two uses.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

impl Links {
    /// Charges what the machine of a connection's protocol, and what few connections need, holds on the heap, wherever that
    /// may have changed.
    #[cold]
    #[inline(never)]
    pub(crate) fn charge(&mut self, wires: &mut Wires, id: ConnectionId) {
        let link = self.link(id);
        let extra = link.extra.as_ref().map_or(0, |extra| extra.heap_bytes());
        let machine = match &link.protocol {
            Protocol::Http(machine) => machine.heap_bytes(),
            Protocol::WebSocket(machine) => machine.heap_bytes(),
            _ => 0,
        };
        wires.charge_above(id, machine + extra);
    }

    /// Charges what the connections of this reactor have in common: topics, and compressors.
    pub(crate) fn charge_tables(&mut self, wires: &mut Wires) {
        wires.charge_tables(self.topics.table_bytes() + self.compressors.heap_bytes());
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
        if wires.is_closing(id) {
            // It was to end in good order, and does not.
            self.link(id).reason = Some(reason);
            self.abort(wires, id, reason);
        } else {
            let mut stands = Standing { is_scarce: why != Eviction::TooLarge, ..self.standing(wires, id) };
            if stands.at == At::Idle && self.link(id).awaited == Awaited::Nothing {
                // It has asked for nothing, so no answer may come.
                stands.at = At::Done;
            }
            self.say_goodbye(wires, id, goodbye(stands, reason), reason);
        }
        self.charge(wires, id);
    }
}
