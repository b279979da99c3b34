//! Completes the work that callbacks have begun: drains, flushes, closes, and evictions.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::wire::Wire;
use crate::wire::flags::{Flags, ReadStop};
use crate::wire::life::Phase;

/// Work that callbacks have begun has no budget of its own.
const ALL: usize = usize::MAX;

impl Reactor {
    /// Completes the work that callbacks have begun: drains, flushes and closes, until nothing is left. Each turn ends with
    /// it. After wires were changed outside of a turn, call it too.
    #[inline(always)]
    pub fn settle<S: Service + ?Sized>(&mut self, service: &mut S) {
        if self.is_unsettled() {
            self.settle_slow(service);
        }
    }

    /// True if work was begun that is not completed yet.
    #[inline(always)]
    pub(crate) fn is_unsettled(&self) -> bool {
        let wires = &self.wires;
        !(wires.dirty.is_empty() && wires.drained.is_empty() && wires.ending.is_empty())
    }

    #[inline(never)]
    pub(super) fn settle_slow<S: Service + ?Sized>(&mut self, service: &mut S) {
        // The callback of the last event has returned.
        self.wires.clear_watchdog();
        // Repeats until nothing is left, because a callback may write to further wires or close them.
        loop {
            self.wires.interrupt_broadcast();
            if !self.wires.drained.is_empty() {
                self.each(ALL, |wires| &mut wires.drained, |this, id| this.tell_drained(id, service));
            } else if !self.wires.dirty.is_empty() {
                self.each(ALL, |wires| &mut wires.dirty, Self::flush_dirty);
            } else if !self.wires.ending.is_empty() {
                self.each(ALL, |wires| &mut wires.ending, |this, id| this.advance_close(id, service));
            } else if self.wires.memory_work.is_due {
                self.mind_memory(service);
            } else {
                return;
            }
        }
    }

    fn flush_dirty(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wires.wire_mut(id) {
            wire.flags.remove(if planted(23) { Flags::default() } else { Flags::DIRTY });
            self.wires.flush(id);
        }
    }

    fn tell_drained<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let low = self.wires.limits_of(id).outbox_bytes_low;
        let Some(wire) = self.wires.wire_mut(id) else { return };
        if wire.has(Flags::CONGESTED) && wire.queued_bytes() <= low {
            if wire.phase == Phase::Handshake {
                // A handshake of STARTTLS needs reads. The layer above hears of the free queue when the handshake is done.
                wire.flags.insert(Flags::CONGESTED_AND_READ);
                return self.wires.resume_reading(id, ReadStop::CONGESTED);
            }
            wire.flags.remove(Flags::CONGESTED_AND_READ);
            self.wires.resume_reading(id, ReadStop::CONGESTED);
            if self.wires.is_open(id) {
                service.on_drain(&mut self.wires, id);
            }
        }
    }

    /// Reports pressure, and evicts connections.
    #[cold]
    fn mind_memory<S: Service + ?Sized>(&mut self, service: &mut S) {
        if let Some(pressure) = self.wires.begin_memory_work() {
            service.on_pressure(&mut self.wires, pressure);
        }
        while let Some((id, why)) = self.wires.memory_work.to_evict.pop_front() {
            if self.wires.is_still_to_evict(id, why) {
                self.wires.stats.evicted.add(1);
                let is_begun = |wire: &Wire| wire.phase != Phase::Handshake || wire.has(Flags::STARTTLS);
                if self.wires.wire(id).is_some_and(is_begun) {
                    service.on_evict(&mut self.wires, id, why);
                }
                self.wires.evict(id);
            }
        }
    }
}
