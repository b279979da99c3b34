//! Reports to the service what the kernel has taken, only for the wires for which it asked.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::wire::flags::Flags;

impl Wires {
    /// Lists the connection in [`Wires::take_written`] when the kernel has taken something of it, and wakes the service in
    /// the next turn. This call itself lists it once too. Connections for which it was not called cost nothing.
    pub fn tell_writes(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(Flags::TELLS_WRITES);
            self.note_write(id);
        }
    }

    /// Ends [`Wires::tell_writes`].
    pub fn stop_telling_writes(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.remove(Flags::TELLS_WRITES);
        }
    }

    /// The number of bytes that the kernel has taken for certain, counted as plain text. Over TLS only complete records
    /// count. [`Wires::bytes_submitted`] also counts what is queued.
    pub fn bytes_written(&self, id: ConnectionId) -> u64 {
        if planted(66) {
            return self.bytes_submitted(id);
        }
        self.known(id).map_or(0, |wire| wire.bytes_out.saturating_sub(wire.session.unwritten_bytes() as u64))
    }

    /// Appends at most `most` connections of which the kernel has taken something since they were last given here, each once. The
    /// others are given in the next turn. Some of them may be gone.
    pub fn take_written(&mut self, ids: &mut Vec<ConnectionId>, most: usize) {
        for _ in 0..most.min(self.written.len()) {
            let Some(id) = self.written.pop_front() else { break };
            if let Some(wire) = self.wire_mut(id) {
                wire.flags.remove(Flags::WRITE_UNREPORTED);
            }
            ids.push(id);
        }
        if !self.written.is_empty() {
            self.request_next_turn();
        }
    }

    /// The kernel has taken bytes: if the service has asked for that, it is woken in the next turn.
    #[cold]
    pub(crate) fn note_write(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id) else { return };
        if wire.has(Flags::TELLS_WRITES) && wire.raise(Flags::WRITE_UNREPORTED) && !planted(67) {
            self.written.push_back(id);
            self.request_next_turn();
        }
    }
}
