//! Memory is scarce: who is not read until there is room again.

use super::Wires;
use crate::budget::{Eviction, Pressure};
use crate::id::WireId;
use crate::wheel::NIL;
use crate::wire::flags;
use crate::wire::life::Phase;
use crate::wire::timer_key;
use std::cmp::Reverse;
use std::time::Duration;

/// How often those that are not read for want of memory are looked at: another reactor may have given some back.
const LOOK: Duration = Duration::from_secs(1);

impl Wires {
    /// To be called where another reactor has found pressure on the budget: what is large here is not read either. True
    /// if that is news.
    pub fn mind_pressure(&mut self) -> bool {
        let was_pressed = self.account.is_pressed();
        if !self.account.is_high() {
            return false;
        }
        self.care_later();
        if !was_pressed {
            self.drop_pools();
            self.squeeze_the_large();
        }
        !was_pressed
    }

    /// The mark was passed just now: who holds much does not get the chance to grow once more.
    fn squeeze_the_large(&mut self) {
        let wires = self.slab.iter().map(|(_, wire)| wire);
        let large = wires.filter(|wire| self.account.is_large(wire.booked())).map(|wire| wire.id);
        for id in large.collect::<Vec<_>>() {
            self.squeeze(id);
        }
    }

    /// The end of the turn sees to it, or the end of this event.
    pub(super) fn care_later(&mut self) {
        if !self.care.is_due {
            self.care.is_due = true;
            // Nobody's name: the list must not be empty.
            self.ending.push(WireId::IDLE);
        }
    }

    /// It is not read until there is room again.
    pub(super) fn squeeze(&mut self, id: WireId) {
        let Some(wire) = self.get(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        if wire.has(flags::SQUEEZED) {
            return;
        }
        self.block(id, flags::SQUEEZED);
        self.care.squeezed.push((id, self.now));
        if self.care.timer == NIL {
            self.look_later();
        }
    }

    /// Reads on where there is room again, or gives up those that have waited for too long, the largest first.
    pub(crate) fn look_after_squeezed(&mut self) {
        let (now, wait, mut surplus) = (self.now, self.limits.memory_wait, self.account.surplus());
        if surplus == 0 {
            return self.release_squeezed();
        }
        let mut squeezed = std::mem::take(&mut self.care.squeezed);
        squeezed.retain(|&(id, _)| {
            // Who holds nothing has nothing to give back.
            if self.memory_of(id) == 0 {
                self.unblock(id, flags::SQUEEZED);
            }
            self.is_squeezed(id)
        });
        squeezed.sort_by_key(|&(id, _)| Reverse(self.memory_of(id)));
        for &(id, since) in &squeezed {
            if surplus > 0 && now.since(since) >= wait {
                surplus = surplus.saturating_sub(self.memory_of(id));
                self.care.doomed.push((id, Eviction::Scarce));
            }
        }
        self.care.squeezed = squeezed;
        if !self.care.doomed.is_empty() {
            self.care_later();
        }
        self.look_later();
    }

    /// Lets as many be read again as may double what they hold without bringing the pressure back, the smallest first,
    /// and one in any case.
    fn release_squeezed(&mut self) {
        let (mut room, mut is_first) = (self.account.room(), true);
        while let Some(&(id, _)) = self.care.squeezed.last() {
            if self.is_squeezed(id) {
                let bytes = self.memory_of(id);
                if bytes > room && !is_first {
                    break;
                }
                (room, is_first) = (room.saturating_sub(bytes), false);
                self.unblock(id, flags::SQUEEZED);
            }
            self.care.squeezed.pop();
        }
        self.look_later();
    }

    fn is_squeezed(&self, id: WireId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(flags::SQUEEZED))
    }

    /// The timer is there as long as somebody waits.
    pub(super) fn look_later(&mut self) {
        match (self.care.squeezed.is_empty(), self.care.timer) {
            (true, NIL) => return,
            (true, timer) => {
                self.wheel.remove(timer);
                self.care.timer = NIL;
                return;
            }
            (false, NIL) => self.care.timer = self.wheel.insert(WireId::IDLE, timer_key::MEMORY, NIL),
            (false, _) => {}
        }
        self.wheel.set(self.care.timer, self.now.after(LOOK).0);
    }

    /// What is to be told, and who has to go: the largest that hold enough for some room to be there again.
    pub(crate) fn take_care(&mut self) -> (Option<Pressure>, Vec<(WireId, Eviction)>) {
        self.care.is_due = false;
        let news = self.account.news();
        if self.account.is_relieved() {
            self.release_squeezed();
        }
        let mut doomed = std::mem::take(&mut self.care.doomed);
        if doomed.is_empty() && self.account.is_over() {
            doomed = self.largest();
        }
        // As long as somebody is found, there may be more to do.
        self.care.is_due |= !doomed.is_empty();
        (news, doomed)
    }
}
