//! Memory pressure: which wires are not read until there is room again.

use super::Wires;
use crate::budget::{Eviction, Pressure};
use crate::id::ConnectionId;
use crate::wheel::NIL;
use crate::wire::flags::ReadStop;
use crate::wire::life::Phase;
use crate::wire::timer_key;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often memory-paused wires are checked, because another reactor may have freed memory.
const LOOK: Duration = Duration::from_secs(1);

impl Wires {
    /// Call this when another reactor has found pressure on the shared budget: large connections of this reactor are not
    /// read from now on, and its pools are emptied. True if the pressure is new to this reactor.
    pub fn mind_pressure(&mut self) -> bool {
        let was_pressed = self.account.is_pressed();
        if !self.account.is_high() {
            return false;
        }
        self.attend_memory_later();
        if !was_pressed {
            self.drop_pools();
            self.pause_the_large();
        }
        !was_pressed
    }

    /// Pressure has just begun: pauses the large wires, so that they do not grow further.
    fn pause_the_large(&mut self) {
        self.stats.visits.add(self.slab.len() as u64);
        let wires = self.slab.iter().map(|(_, wire)| wire);
        let large = wires.filter(|wire| self.account.is_large(wire.charged()));
        let large: Vec<_> = large.map(|wire| wire.id).collect();
        for id in large {
            self.pause_for_memory(id);
        }
    }

    /// Schedules memory work for the end of this event or turn.
    pub(super) fn attend_memory_later(&mut self) {
        if !self.memory_work.is_due {
            self.memory_work.is_due = true;
            // An id of no wire, only so that the list is not empty.
            self.ending.push(ConnectionId::NO_WIRE);
        }
    }

    /// Pauses a wire until there is room again.
    pub(super) fn pause_for_memory(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        if wire.has(ReadStop::MEMORY) {
            return;
        }
        self.stop_reading(id, ReadStop::MEMORY);
        let bytes = self.memory_of(id);
        self.stats.visits.add(1);
        self.memory_work.memory_paused.insert((bytes, self.now, id));
        if self.memory_work.timer == NIL {
            self.look_later();
        }
    }

    /// Resumes memory-paused wires if there is room again. Evicts those that have waited too long, the largest first.
    pub(crate) fn look_after_memory_paused(&mut self) {
        let (now, mut surplus) = (self.now, self.account.surplus());
        if surplus == 0 {
            return self.release_memory_paused();
        }
        let before = std::mem::take(&mut self.memory_work.memory_paused);
        self.stats.visits.add(before.len() as u64);
        let mut memory_paused = BTreeSet::new();
        for (_, since, id) in before {
            let bytes = self.memory_of(id);
            // A wire without memory can't free any.
            if bytes == 0 {
                self.resume_reading(id, ReadStop::MEMORY);
            }
            if self.is_memory_paused(id) {
                memory_paused.insert((bytes, since, id));
            }
        }
        for &(bytes, since, id) in memory_paused.iter().rev() {
            if surplus > 0 && now.since(since) >= self.limits_of(id).memory_wait {
                surplus = surplus.saturating_sub(bytes);
                self.memory_work.to_evict.push_back((id, Eviction::Scarce));
            }
        }
        self.memory_work.memory_paused = memory_paused;
        if !self.memory_work.to_evict.is_empty() {
            self.attend_memory_later();
        }
        self.look_later();
    }

    /// Resumes wires, the smallest first, as long as all of them could double their memory without pressure; always at
    /// least one. Their order is that of the last look, or of when they were paused;
    /// of equal ones the one that has waited longest is first.
    fn release_memory_paused(&mut self) {
        let (mut room, mut is_first) = (self.account.room(), true);
        while let Some(&(_, _, id)) = self.memory_work.memory_paused.first() {
            if self.is_memory_paused(id) {
                let bytes = self.memory_of(id);
                if bytes > room && !is_first {
                    break;
                }
                (room, is_first) = (room.saturating_sub(bytes), false);
                self.resume_reading(id, ReadStop::MEMORY);
            }
            self.memory_work.memory_paused.pop_first();
        }
        self.look_later();
    }

    fn is_memory_paused(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.has(ReadStop::MEMORY))
    }

    /// Sets the timer as long as wires are paused.
    pub(super) fn look_later(&mut self) {
        match (self.memory_work.memory_paused.is_empty(), self.memory_work.timer) {
            (true, NIL) => return,
            (true, timer) => {
                self.wheel.remove(timer);
                self.memory_work.timer = NIL;
                return;
            }
            (false, NIL) => {
                self.memory_work.timer = self.wheel.insert(ConnectionId::NO_WIRE, timer_key::MEMORY, NIL);
            }
            (false, _) => {}
        }
        self.wheel.set(self.memory_work.timer, self.now.after(LOOK).0);
    }

    /// Returns a change of pressure to be reported, and selects the connections to be evicted: the largest, until there
    /// is room again.
    pub(crate) fn begin_memory_work(&mut self) -> Option<Pressure> {
        self.memory_work.is_due = false;
        let news = self.account.take_pressure_change();
        if self.account.is_relieved() {
            self.release_memory_paused();
        }
        if self.memory_work.to_evict.is_empty() && self.account.is_over_budget() {
            self.memory_work.to_evict = self.largest().into();
        }
        // As long as connections are found, there may be more work.
        self.memory_work.is_due |= !self.memory_work.to_evict.is_empty();
        news
    }
}
