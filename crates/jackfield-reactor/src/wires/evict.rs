//! Which connections are evicted, and what is left of them.

use super::Wires;
use crate::budget::Eviction;
use crate::id::ConnectionId;
use crate::reason::{Limit, Reason};
use crate::wire::Wire;
use crate::wire::life::Phase;

/// The most bytes that an evicted connection may keep, for its last message.
const LAST_WORD_BYTES: usize = 4 << 10;

/// How many slots a reactor below its share of the budget searches at a time.
const SEARCHED_SLOTS: usize = 1024;

impl Wires {
    /// Whether it still must be evicted: others may have been evicted before it, or it may have freed its memory.
    pub(crate) fn is_still_to_evict(&self, id: ConnectionId, why: Eviction) -> bool {
        let gains = self.wire(id).is_some_and(|wire| wire.evictable_bytes() > 0);
        gains && (why != Eviction::TooLarge || self.is_too_large(id))
    }

    /// Whether a connection holds too much. Whole bodies do not count, because the peer has not caused them.
    pub(super) fn is_too_large(&self, id: ConnectionId) -> bool {
        let cork = if id == self.current { self.cork.body_bytes() } else { 0 };
        let outbox = self.wire(id).and_then(|wire| wire.outbox.as_ref());
        let bodies = cork + outbox.map_or(0, |outbox| outbox.body_bytes());
        self.memory_of(id) > self.limits_of(id).wire_memory_bytes_max.saturating_add(bodies)
    }

    /// The connections that hold at least half as much as the largest, in the order of the table. A reactor below its share
    /// of the budget frees only little, so a walk over all would be too much for it: it looks at the next part of its table.
    pub(super) fn largest(&mut self) -> Vec<(ConnectionId, Eviction)> {
        let slots = self.generations.len();
        let part = match self.account.is_above_share() {
            true => 0..slots,
            false => self.memory_work.search_from..slots.min(self.memory_work.search_from + SEARCHED_SLOTS),
        };
        self.memory_work.search_from = if part.end < slots { part.end } else { 0 };
        self.stats.visits.add(2 * part.len() as u64);
        let wires = || {
            let wires = part.clone().filter_map(|slot| self.slab.get(slot));
            wires.map(|wire| (wire.id, wire.evictable_bytes()))
        };
        let least = wires().map(|(_, bytes)| bytes).max().unwrap_or_default().div_ceil(2).max(1);
        let mut excess = self.account.excess();
        let large = wires().filter(|(_, bytes)| *bytes >= least).take_while(|(_, bytes)| {
            let is_needed = excess > 0;
            excess = excess.saturating_sub(*bytes);
            is_needed
        });
        large.map(|(id, _)| (id, Eviction::Scarce)).collect()
    }

    /// The service has sent its last message to an evicted connection, or has none: frees the rest of its memory.
    pub(crate) fn evict(&mut self, id: ConnectionId) {
        if let Some(carry) = self.wire_mut(id).and_then(|wire| wire.carry.take()) {
            self.carry_to_pool(carry);
        }
        self.flush(id);
        let Some(wire) = self.wire(id) else { return };
        if wire.phase < Phase::Closing || wire.output_charged() > LAST_WORD_BYTES {
            self.abort(id, Reason::Limit(Limit::Memory));
            if let Some(outbox) = self.wire_mut(id).and_then(|wire| wire.outbox.take()) {
                self.recycle(outbox);
            }
        }
    }
}

impl Wire {
    /// The bytes that an eviction would free. A closing connection with at most a last message would free nothing.
    fn evictable_bytes(&self) -> usize {
        match self.phase {
            // A lingering one has freed all that it can.
            Phase::Lingering | Phase::Dead => 0,
            Phase::Closing if self.output_charged() <= LAST_WORD_BYTES => 0,
            _ => self.charged(),
        }
    }
}
