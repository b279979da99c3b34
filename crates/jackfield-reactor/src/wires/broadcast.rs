//! What goes to many wires at once: written down once, and copied to each when that can't be put off any longer.
//!
//! Where many messages of one turn go to the same wires, a look at each outbox for each message is nearly all of the
//! work. So the layer above looks at each for the first one, and gathers those that follow here. As soon as somebody
//! wants one of the outboxes, or the turn ends, all that has gathered goes to all of them: the order stays as it was.

use super::Wires;
use crate::id::ConnectionId;

/// The most that gathers.
const BYTES_MAX: usize = 16 << 10;

impl Wires {
    /// Begins a broadcast to wires that are all open and below the high-water mark, and for which something waits for the
    /// end of the turn already. End the one before first.
    pub fn begin_broadcast(&mut self, to: Vec<ConnectionId>) {
        debug_assert!(self.broadcast.to.is_empty(), "one at a time");
        self.broadcast.to = to;
        self.broadcast.goes_on = true;
        // All of them are below the mark: so much more is within their bound too.
        let room = self.limits.outbox_bytes_max.saturating_sub(self.limits.outbox_bytes_high);
        self.broadcast.bytes_max = room.min(BYTES_MAX);
    }

    /// Gathers bytes for all wires of the broadcast but one. False: there is none, or something has happened to one of the
    /// wires, so that each is to be looked at: end it, and begin another.
    #[inline(always)]
    pub fn broadcast(&mut self, bytes: &[u8], but: ConnectionId) -> bool {
        let broadcast = &mut self.broadcast;
        if !broadcast.goes_on || broadcast.bytes.len() >= broadcast.bytes_max {
            return false;
        }
        let from = broadcast.bytes.len();
        broadcast.bytes.extend_from_slice(bytes);
        if but != ConnectionId::NONE {
            broadcast.but.push((but, from..broadcast.bytes.len()));
        }
        true
    }

    /// Ends the broadcast, and gives the list of its wires back.
    pub fn end_broadcast(&mut self) -> Vec<ConnectionId> {
        self.interrupt_broadcast();
        std::mem::take(&mut self.broadcast.to)
    }

    /// Something happens that a broadcast must not go on behind.
    #[inline(always)]
    pub(crate) fn interrupt_broadcast(&mut self) {
        if self.broadcast.goes_on() {
            self.distribute();
            self.broadcast.goes_on = false;
        }
    }

    /// All that has gathered goes to the outboxes.
    #[cold]
    #[inline(never)]
    pub(super) fn distribute(&mut self) {
        let high = self.limits.outbox_bytes_high;
        let mut broadcast = std::mem::take(&mut self.broadcast);
        self.stats.visits.add(broadcast.to.len() as u64);
        for &id in &broadcast.to {
            let outbox = match self.gathering(id) {
                Some(outbox) => outbox,
                None => match self.corked(id) {
                    Some(outbox) => outbox,
                    None => continue,
                },
            };
            broadcast.copy(id, outbox.tail());
            if outbox.queued() > high {
                broadcast.goes_on = false;
                self.flush_early(id);
            }
        }
        broadcast.bytes.clear();
        broadcast.but.clear();
        self.broadcast = broadcast;
    }
}
