//! The timers of a wire: a chain of a few, and an index for those of which a wire has more.
//!
//! Nearly every wire has one or two, which are chained through the wheel's entries. If a wire has more than
//! [`CHAIN_MAX`], the others are in an index by key, so that the cost of setting, moving and cancelling one does not
//! depend on their number. Then all timers of the wire and the index are charged to the connection.

use super::Wires;
use super::timer_index::CHAIN_MAX;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::wheel::NIL;
use crate::wire::flags::Flags;

impl Wires {
    pub(crate) fn arm(&mut self, id: ConnectionId, key: u32, at: u64) {
        if let Some(entry) = self.timer_entry(id, key).or_else(|| self.make_timer(id, key)) {
            self.wheel.set(entry, at);
        }
    }

    /// The same, with a value that is available when it fires.
    pub(crate) fn arm_noted(&mut self, id: ConnectionId, key: u32, at: u64, note: u32) {
        self.arm(id, key, at);
        if let Some(entry) = self.timer_entry(id, key) {
            self.wheel.entry_mut(entry).note = note;
        }
    }

    /// The value of a timer; zero if there is no such timer.
    pub(crate) fn timer_note(&self, id: ConnectionId, key: u32) -> u32 {
        self.timer_entry(id, key).map_or(0, |entry| self.wheel.entry(entry).note)
    }

    /// Sets a timer, unless it is set already.
    pub(crate) fn arm_once(&mut self, id: ConnectionId, key: u32, at: u64) {
        if !self.has_timer(id, key) {
            self.arm(id, key, at);
        }
    }

    pub(crate) fn disarm(&mut self, id: ConnectionId, key: u32) -> bool {
        let Some(found) = self.timer_entry(id, key) else { return false };
        let was_set = self.wheel.is_set(found);
        let rest = self.wheel.remove(found);
        if self.timer_indexes.get_mut(&id.slot()).is_some_and(|index| index.entries.remove(&key).is_some()) {
            self.charge_timers(id);
            return was_set;
        }
        let Some(wire) = self.slab.get_mut(id.slot()) else { return was_set };
        if wire.timers == found {
            wire.timers = rest;
            return was_set;
        }
        let mut entry = wire.timers;
        while entry != NIL && self.wheel.entry(entry).sibling != found {
            entry = self.wheel.entry(entry).sibling;
        }
        if entry != NIL {
            self.wheel.entry_mut(entry).sibling = rest;
        }
        was_set
    }

    /// Removes all timers of a wire.
    pub(super) fn drop_timers(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id).filter(|_| !planted(3)) else { return };
        let mut timer = std::mem::replace(&mut wire.timers, NIL);
        let has_index = wire.has(Flags::MANY_TIMERS);
        wire.flags.remove(Flags::MANY_TIMERS);
        while timer != NIL {
            timer = self.wheel.remove(timer);
        }
        if let Some(index) = self.timer_indexes.remove(&id.slot()).filter(|_| has_index) {
            for entry in index.entries.values() {
                self.wheel.remove(*entry);
            }
            self.charge_timers_as(id, index.charged, 0);
        }
    }

    /// Bytes for its timers in the charge of the layer above.
    pub(super) fn timer_bytes(&self, id: ConnectionId) -> usize {
        match self.wire(id) {
            Some(wire) if wire.has(Flags::MANY_TIMERS) => {
                self.timer_indexes.get(&id.slot()).map_or(0, |index| index.charged as usize)
            }
            _ => 0,
        }
    }

    pub(super) fn timer_entry(&self, id: ConnectionId, key: u32) -> Option<u32> {
        let wire = self.wire(id)?;
        let (mut entry, mut visits) = (wire.timers, 0);
        while entry != NIL {
            visits += 1;
            let found = self.wheel.entry(entry);
            if found.key == key {
                break;
            }
            entry = found.sibling;
        }
        self.stats.visits.add(visits);
        if entry != NIL {
            return Some(entry);
        }
        if !wire.has(Flags::MANY_TIMERS) {
            return None;
        }
        self.timer_indexes.get(&id.slot())?.entries.get(&key).copied()
    }

    /// Makes a timer that the wire does not have yet.
    fn make_timer(&mut self, id: ConnectionId, key: u32) -> Option<u32> {
        let wire = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id)?;
        let (mut chained, mut entry) = (0, wire.timers);
        while entry != NIL && chained < CHAIN_MAX {
            (chained, entry) = (chained + 1, self.wheel.entry(entry).sibling);
        }
        if chained < CHAIN_MAX {
            wire.timers = self.wheel.insert(id, key, wire.timers);
            return Some(wire.timers);
        }
        wire.flags.insert(Flags::MANY_TIMERS);
        let made = self.wheel.insert(id, key, NIL);
        self.timer_indexes.entry(id.slot()).or_default().entries.insert(key, made);
        self.charge_timers(id);
        Some(made)
    }

    fn charge_timers(&mut self, id: ConnectionId) {
        let Some(index) = self.timer_indexes.get_mut(&id.slot()) else { return };
        let bytes = u32::try_from(index.bytes()).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut index.charged, bytes);
        if before != bytes {
            self.charge_timers_as(id, before, bytes);
        }
    }

    fn charge_timers_as(&mut self, id: ConnectionId, before: u32, bytes: u32) {
        let above = self.wire(id).map_or(0, |wire| wire.above).saturating_sub(before);
        self.charge_service_and_timers(id, above as usize + bytes as usize);
    }
}
