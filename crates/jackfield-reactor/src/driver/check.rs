//! The accounts of a reactor, and its invariants between two turns.

use super::in_memory::MemoryDriver;
use crate::id::ConnectionId;
use crate::wire::Wire;
use crate::wire::flags::{Flags, ReadStop, WriteStop};
use crate::wire::life::Phase;

/// What a reactor holds. When all connections have ended, every field is zero, except that `held` still has the tables that
/// the service has charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Connections, with those that linger.
    pub wires: usize,
    /// Their timers, set or not.
    pub timers: usize,
    /// Bytes that wait for the kernel.
    pub queued: usize,
    /// The most bytes that one connection has queued, counted towards
    /// [`Limits::outbox_bytes_max`](crate::Limits::outbox_bytes_max).
    pub backlog: usize,
    /// Bytes that were read and not used.
    pub carried: usize,
    /// Charged bytes, with those in the pools: see [`Wires::memory_bytes`](crate::Wires::memory_bytes).
    pub held: usize,
    /// Entries in the lists of connections to flush, to read again, to report as drained, and to close.
    pub listed: usize,
}

impl MemoryDriver {
    /// What the reactor holds now.
    pub fn accounts(&self) -> Accounts {
        let wires = &self.reactor.wires;
        let sum = |of: fn(&Wire) -> usize| wires.slab.iter().map(|(_, wire)| of(wire)).sum::<usize>();
        let outboxes = wires.slab.iter().filter_map(|(_, wire)| wire.outbox.as_ref());
        let backlogs = outboxes.map(|outbox| outbox.counted_bytes());
        Accounts {
            wires: wires.len() + wires.lingering(),
            timers: wires.timers(),
            queued: wires.cork.queued_bytes() + sum(Wire::queued_bytes),
            backlog: backlogs.max().unwrap_or_default(),
            carried: sum(|wire| wire.carry.as_ref().map_or(0, |carry| carry.len())),
            held: wires.memory_bytes(),
            listed: wires.dirty.len() + wires.again.len() + wires.drained.len() + wires.ending.len(),
        }
    }

    /// How many connections wait to be looked at again, although nothing new has come for them.
    pub fn looks(&self) -> usize {
        self.reactor.wires.again.len()
    }

    /// Checks the invariants that hold between any two turns.
    ///
    /// # Errors
    /// The invariant that does not hold, and the connection.
    pub fn check(&self) -> Result<(), String> {
        let wires = &self.reactor.wires;
        if !(wires.dirty.is_empty() && wires.drained.is_empty() && wires.ending.is_empty()) {
            return Err("a turn has ended before its work".into());
        }
        if !wires.cork.is_empty() || wires.current != ConnectionId::NO_WIRE {
            return Err("the cork of an event was not written".into());
        }
        wires.check_account()?;
        let mut wires = wires.slab.iter().filter(|(_, wire)| wire.id != ConnectionId::RETIRED);
        wires.try_for_each(|(_, wire)| self.check_wire(wire))
    }

    fn check_wire(&self, wire: &Wire) -> Result<(), String> {
        let (id, wires) = (wire.id, &self.reactor.wires);
        let carried = wire.carry.as_ref().map_or(0, |carry| carry.len());
        let carry_bytes_max = wires.limits_of_wire(wire).carry_bytes_max + wires.limits.read_bytes;
        if wire.phase == Phase::Dead {
            Err(format!("{id} is dead and still there"))
        } else if wire.has(Flags::DIRTY | Flags::ENDING) {
            Err(format!("{id} believes that it is on a list, and is not"))
        } else if wire.has(Flags::AGAIN) && !self.reactor.wires.again.contains(&id) {
            Err(format!("{id} waits to be looked at again, and nobody will"))
        } else if wire.queued_bytes() > 0 && !wire.has(Flags::from(WriteStop::BLOCKED) | WriteStop::HELD) {
            Err(format!("{id} has {} bytes queued, and nobody will write them", wire.queued_bytes()))
        } else if carried > carry_bytes_max {
            Err(format!("{id} has carried {carried} bytes, which is more than {carry_bytes_max}"))
        } else {
            Ok(())
        }
    }

    /// Checks the invariants that also hold when all readiness was reported and [`MemoryDriver::run`] has returned.
    ///
    /// # Errors
    /// As [`MemoryDriver::check`].
    pub fn check_at_rest(&self) -> Result<(), String> {
        self.check()?;
        for (_, wire) in &self.reactor.wires.slab {
            let listens = matches!(wire.phase, Phase::Open | Phase::OutputClosed | Phase::Lingering)
                && !wire.has(Flags::AGAIN | Flags::PEER_ENDED | ReadStop::ANY);
            let Some(pipe) = wire.session.stream().as_pipe() else { continue };
            if listens && pipe.has_unreported_input() {
                return Err(format!("{} listens, and what came for it will never be read", wire.id));
            }
            let is_open = matches!(wire.phase, Phase::Open | Phase::OutputClosed);
            // The service may have put the end off until the connection is read again.
            let is_put_off = wire.has(Flags::UNREAD) && wire.has(ReadStop::PAUSED);
            if is_open
                && !is_put_off
                && pipe.is_at_end()
                && wire.carry.is_none()
                && !wire.has(Flags::PEER_ENDED | Flags::ENCRYPTS)
            {
                return Err(format!("the peer of {} has closed, and nobody has noticed", wire.id));
            }
            if pipe.is_broken() && wire.id != ConnectionId::RETIRED {
                return Err(format!("{} is broken, and nobody has noticed", wire.id));
            }
        }
        Ok(())
    }
}
