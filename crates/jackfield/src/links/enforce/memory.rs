//! Charges memory to connections, and evicts the largest.

use crate::disconnect::{ClosingState, Limit, ProtocolState, Reason, goodbye};
use crate::links::Links;
use crate::links::link::Awaited;
use crate::links::protocol::Protocol;
use jackfield_reactor::{ConnectionId, Eviction, Wires};

/// The scratch buffer keeps this capacity between two uses.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

impl Links {
    /// Charges the heap memory of a connection's machine and of its [`Extra`](crate::links::link::Extra). Called wherever
    /// that may have changed.
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
        wires.charge_service(id, machine + extra);
    }

    /// Charges what the connections of this reactor share: topics and compressors.
    pub(crate) fn charge_tables(&mut self, wires: &mut Wires) {
        wires.charge_tables(self.topics.table_bytes() + self.compressors.heap_bytes());
    }

    /// Gives the scratch buffer back after its use, and frees it if it has grown large.
    pub(crate) fn return_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_BYTES_KEPT {
            self.scratch = scratch;
        }
    }

    /// Evicts a connection. A peer that reads is told why. Otherwise the connection is aborted, because the queued
    /// bytes are the memory that it holds.
    #[cold]
    pub(crate) fn evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        self.settings.observer.on_evicted(id, wires.memory_of(id));
        let reason = Reason::Limit(Limit::Memory);
        if wires.is_closing(id) {
            // It was closing, and is aborted instead.
            self.link(id).reason = Some(reason);
            self.abort(wires, id, reason);
        } else {
            let mut stands =
                ClosingState { is_scarce: why != Eviction::TooLarge, ..self.standing(wires, id) };
            if stands.at == ProtocolState::Idle && self.link(id).awaited != Awaited::Head {
                // There is no request, or it was answered before its body, so no answer may be sent.
                stands.at = ProtocolState::Done;
            }
            self.say_goodbye(wires, id, goodbye(stands, reason), reason);
        }
        self.charge(wires, id);
    }
}
