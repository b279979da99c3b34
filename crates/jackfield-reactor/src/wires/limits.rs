//! The limits of the reactor, and those of connections.

use super::Wires;
use crate::id::ConnectionId;
use crate::limits::{Limits, LowestMarks};
use crate::planted::planted;
use crate::wire::Wire;
use crate::wire::peer::LISTENERS_WITH_LIMITS_MAX;

impl Wires {
    /// The limits of this reactor. Those of a connection may be others: see [`Wires::limits_of`].
    #[inline(always)]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Gives the connections of a listener their own limits, also those that are there already. What counts for the whole
    /// reactor stays as in [`Wires::limits`]: `wires_max`, `read_bytes`, `carry_bytes_first`, `lingering_max` and all
    /// limits of a turn. Only the first 255 listeners can have their own; for others this does nothing.
    pub fn set_listener_limits(&mut self, listener: usize, limits: Limits) {
        if listener >= LISTENERS_WITH_LIMITS_MAX {
            return;
        }
        if listener >= self.listener_limits.len() {
            self.listener_limits.resize(listener + 1, self.limits.clone());
        }
        self.listener_limits[listener] = limits;
        self.lowest_marks = self.listener_limits.iter().fold(LowestMarks::of(&self.limits), LowestMarks::and);
    }

    /// The limits of a connection: those of its listener, if that has its own. If the connection is gone, those of the
    /// reactor.
    pub fn limits_of(&self, id: ConnectionId) -> &Limits {
        self.wire(id).map_or(&self.limits, |wire| self.limits_of_wire(wire))
    }

    #[inline(always)]
    pub(crate) fn limits_of_wire(&self, wire: &Wire) -> &Limits {
        if planted(106) {
            return &self.limits;
        }
        self.listener_limits.get(wire.peer.listener()).unwrap_or(&self.limits)
    }

    /// The lowest marks of all connections, for a first look at an outbox.
    #[inline(always)]
    pub fn lowest_marks(&self) -> LowestMarks {
        self.lowest_marks
    }

    /// True if more bytes are queued for the connection than its high-water mark. For one that is above
    /// [`LowestMarks::high`].
    pub fn is_above_high_water(&self, id: ConnectionId) -> bool {
        self.queued_bytes(id) > self.limits_of(id).outbox_bytes_high
    }
}
