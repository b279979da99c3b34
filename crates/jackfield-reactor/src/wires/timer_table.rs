//! The timers of a wire: a chain of a few, and an index for those of which a wire has more.
//!
//! Nearly every wire has one or two, which are chained through the wheel's entries. If a wire has more than
//! [`CHAIN_MAX`], the others are in an index by key, so that the cost of setting, moving and cancelling one does not
//! depend on their number. The index and the timers in it are charged to the connection, and of the chained timers those with
//! a key up to [`CHARGED_TIMER_KEY_MAX`], except for one.

use super::Wires;
use super::timer_index::CHAIN_MAX;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::wheel::{NIL, TIMER_BYTES};
use crate::wire::flags::Flags;
use crate::wire::timer_key::CHARGED_TIMER_KEY_MAX;
use std::iter;

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
        let before = self.charge_that_may_change(id, key);
        let was_set = self.wheel.is_set(found);
        let rest = self.wheel.remove(found);
        let index = self.has_many_timers(id).then(|| self.timer_indexes.get_mut(&id.slot())).flatten();
        if index.is_none_or(|index| index.entries.remove(&key).is_none()) {
            self.unchain(id, found, rest);
        }
        self.charge_timers(id, before);
        was_set
    }

    /// Takes a removed timer out of the chain of its wire; `rest` came after it.
    fn unchain(&mut self, id: ConnectionId, found: u32, rest: u32) {
        let Some(wire) = self.slab.get_mut(id.slot()) else { return };
        if wire.timers == found {
            wire.timers = rest;
            return;
        }
        let mut entry = wire.timers;
        while entry != NIL && self.wheel.entry(entry).sibling != found {
            entry = self.wheel.entry(entry).sibling;
        }
        if entry != NIL {
            self.wheel.entry_mut(entry).sibling = rest;
        }
    }

    /// Removes all timers of a wire.
    pub(super) fn drop_timers(&mut self, id: ConnectionId) {
        let before = self.timer_bytes(id);
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
        }
        if before > 0 {
            self.charge_timers_as(id, before, 0);
        }
    }

    /// Bytes for its timers in [`Wire::service_and_timers`](crate::wire::Wire::service_and_timers).
    pub(super) fn timer_bytes(&self, id: ConnectionId) -> usize {
        let Some(wire) = self.wire(id) else { return 0 };
        if wire.has(Flags::MANY_TIMERS) {
            return self.timer_indexes.get(&id.slot()).map_or(0, |index| index.charged as usize);
        }
        self.count_charged(wire.timers).saturating_sub(1) * TIMER_BYTES
    }

    /// The number of timers in a chain that are charged, if one is free.
    fn count_charged(&self, first: u32) -> usize {
        self.chained(first).filter(|key| *key <= CHARGED_TIMER_KEY_MAX).count()
    }

    fn has_many_timers(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.has(Flags::MANY_TIMERS))
    }

    /// The keys of the timers in a chain.
    fn chained(&self, first: u32) -> impl Iterator<Item = u32> {
        let entry = |index: u32| (index != NIL).then(|| self.wheel.entry(index));
        iter::successors(entry(first), move |found| entry(found.sibling)).map(|found| found.key)
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
        let wire = self.wire(id)?;
        let (first, chained) = (wire.timers, self.chained(wire.timers).count());
        let before = self.charge_that_may_change(id, key);
        let made = self.wheel.insert(id, key, if chained < CHAIN_MAX { first } else { NIL });
        let wire = self.slab.get_mut(id.slot())?;
        if chained < CHAIN_MAX {
            wire.timers = made;
        } else {
            wire.flags.insert(Flags::MANY_TIMERS);
            self.timer_indexes.entry(id.slot()).or_default().entries.insert(key, made);
        }
        self.charge_timers(id, before);
        Some(made)
    }

    /// The charge for the timers of a wire, if it may change when the timer `key` comes or goes.
    fn charge_that_may_change(&self, id: ConnectionId, key: u32) -> Option<usize> {
        let is_charged = key <= CHARGED_TIMER_KEY_MAX || self.has_many_timers(id);
        is_charged.then(|| self.timer_bytes(id))
    }

    /// Charges the timers of a wire, which was charged `before` for them.
    fn charge_timers(&mut self, id: ConnectionId, before: Option<usize>) {
        let Some(before) = before else { return };
        let chained = self.wire(id).map_or(0, |wire| self.count_charged(wire.timers));
        if let Some(index) = self.timer_indexes.get_mut(&id.slot()) {
            index.charged = u32::try_from(index.bytes(chained)).unwrap_or(u32::MAX);
        }
        let bytes = self.timer_bytes(id);
        if before != bytes {
            self.charge_timers_as(id, before, bytes);
        }
    }

    fn charge_timers_as(&mut self, id: ConnectionId, before: usize, bytes: usize) {
        let charged = self.wire(id).map_or(0, |wire| wire.service_and_timers) as usize;
        self.charge_service_and_timers(id, charged.saturating_sub(before) + bytes);
    }
}
