//! Memory is scarce: who is not read until there is room again.

use super::Wires;
use crate::budget::{Eviction, Pressure};
use crate::id::ConnectionId;
use crate::wheel::NIL;
use crate::wire::flags::ReadStop;
use crate::wire::life::Phase;
use crate::wire::timer_key;
use std::cmp::Reverse;
use std::time::Duration;

/// How often those that are not read for want of memory are looked at: another reactor may have given some back.
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

    /// The mark was passed just now: large wires must not grow once more.
    fn pause_the_large(&mut self) {
        self.stats.visits.add(self.slab.len() as u64);
        let wires = self.slab.iter().map(|(_, wire)| wire);
        let large = wires.filter(|wire| self.account.is_large(wire.charged())).map(|wire| wire.id);
        for id in large.collect::<Vec<_>>() {
            self.pause_for_memory(id);
        }
    }

    /// The end of the turn sees to it, or the end of this event.
    pub(super) fn attend_memory_later(&mut self) {
        if !self.memory_work.is_due {
            self.memory_work.is_due = true;
            // Nobody's name: the list must not be empty.
            self.ending.push(ConnectionId::IDLE);
        }
    }

    /// It is not read until there is room again.
    pub(super) fn pause_for_memory(&mut self, id: ConnectionId) {
        let Some(wire) = self.get(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        if wire.has(ReadStop::MEMORY) {
            return;
        }
        self.stop_reading(id, ReadStop::MEMORY);
        self.memory_work.memory_paused.push((id, self.now));
        if self.memory_work.timer == NIL {
            self.look_later();
        }
    }

    /// Reads on where there is room again, or gives up those that have waited for too long, the largest first.
    pub(crate) fn look_after_memory_paused(&mut self) {
        let (now, wait, mut surplus) = (self.now, self.limits.memory_wait, self.account.surplus());
        if surplus == 0 {
            return self.release_memory_paused();
        }
        let mut memory_paused = std::mem::take(&mut self.memory_work.memory_paused);
        self.stats.visits.add(memory_paused.len() as u64);
        memory_paused.retain(|&(id, _)| {
            // Who holds nothing has nothing to give back.
            if self.memory_of(id) == 0 {
                self.resume_reading(id, ReadStop::MEMORY);
            }
            self.is_memory_paused(id)
        });
        memory_paused.sort_by_key(|&(id, _)| Reverse(self.memory_of(id)));
        for &(id, since) in &memory_paused {
            if surplus > 0 && now.since(since) >= wait {
                surplus = surplus.saturating_sub(self.memory_of(id));
                self.memory_work.to_evict.push_back((id, Eviction::Scarce));
            }
        }
        self.memory_work.memory_paused = memory_paused;
        if !self.memory_work.to_evict.is_empty() {
            self.attend_memory_later();
        }
        self.look_later();
    }

    /// Lets as many be read again as may double what they hold without bringing the pressure back, the smallest first,
    /// and one in any case.
    fn release_memory_paused(&mut self) {
        let (mut room, mut is_first) = (self.account.room(), true);
        while let Some(&(id, _)) = self.memory_work.memory_paused.last() {
            if self.is_memory_paused(id) {
                let bytes = self.memory_of(id);
                if bytes > room && !is_first {
                    break;
                }
                (room, is_first) = (room.saturating_sub(bytes), false);
                self.resume_reading(id, ReadStop::MEMORY);
            }
            self.memory_work.memory_paused.pop();
        }
        self.look_later();
    }

    fn is_memory_paused(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(ReadStop::MEMORY))
    }

    /// The timer is there as long as somebody waits.
    pub(super) fn look_later(&mut self) {
        match (self.memory_work.memory_paused.is_empty(), self.memory_work.timer) {
            (true, NIL) => return,
            (true, timer) => {
                self.wheel.remove(timer);
                self.memory_work.timer = NIL;
                return;
            }
            (false, NIL) => {
                self.memory_work.timer = self.wheel.insert(ConnectionId::IDLE, timer_key::MEMORY, NIL);
            }
            (false, _) => {}
        }
        self.wheel.set(self.memory_work.timer, self.now.after(LOOK).0);
    }

    /// What is to be told. Besides, it is found out who has to go: the largest that hold enough for some room to be
    /// there again.
    pub(crate) fn begin_memory_work(&mut self) -> Option<Pressure> {
        self.memory_work.is_due = false;
        let news = self.account.news();
        if self.account.is_relieved() {
            self.release_memory_paused();
        }
        if self.memory_work.to_evict.is_empty() && self.account.is_over() {
            self.memory_work.to_evict = self.largest().into();
        }
        // As long as somebody is found, there may be more to do.
        self.memory_work.is_due |= !self.memory_work.to_evict.is_empty();
        news
    }
}
