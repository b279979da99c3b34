//! The timers of a wire: the user's, by key, and the reactor's own, under the largest keys.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::time::{NEVER, Time, millis};
use crate::wheel::NIL;
use crate::wire::flags::Flags;
use crate::wire::timer_key::{self, TIMER_KEY_MAX};
use std::time::Duration;

/// What the user sets takes so long at least: what sets itself again must not keep the turn from ending.
const SHORTEST: Duration = Duration::from_millis(1);

/// An alarm that is due in any turn.
const NEXT_TURN: Time = Time(0);

impl Wires {
    /// Sets the idle timeout: when no byte has come from the peer for this time, `on_idle` is called. Disabled by zero.
    /// Activity costs one store: the wheel looks at it only when it would fire. A timeout that has passed already fires a
    /// millisecond later.
    pub fn set_idle_timeout(&mut self, id: ConnectionId, timeout: Duration) {
        let idle_ms = u32::try_from(millis(timeout)).unwrap_or(u32::MAX / 2);
        let now = self.now;
        let Some(wire) = self.get(id) else { return };
        wire.idle_ms = idle_ms;
        let quiet = now.stamp().wrapping_sub(wire.heard);
        if idle_ms == 0 {
            self.disarm(id, timer_key::IDLE);
        } else {
            let left = idle_ms.saturating_sub(quiet).max(1);
            self.arm(id, timer_key::IDLE, now.0 + u64::from(left));
        }
    }

    /// Whether writing restarts the idle timeout as well, for a peer that has nothing to say. By default it does not.
    pub fn set_writes_as_activity(&mut self, id: ConnectionId, count: bool) {
        if let Some(wire) = self.get(id) {
            wire.flags.remove(Flags::WRITES_COUNT_AS_ACTIVITY);
            wire.flags.insert(if count { Flags::WRITES_COUNT_AS_ACTIVITY } else { Flags::default() });
        }
    }

    /// Sets or moves the timer `key` of the connection, at most [`TIMER_KEY_MAX`]. It takes a millisecond at least.
    pub fn set_timer(&mut self, id: ConnectionId, key: u32, after: Duration) {
        debug_assert!(key <= TIMER_KEY_MAX, "the largest keys are the reactor's own");
        self.arm(id, key, self.now.after(after.max(SHORTEST)).0);
    }

    /// Cancels the timer `key`; it will not fire any more. False if it was not set.
    pub fn cancel_timer(&mut self, id: ConnectionId, key: u32) -> bool {
        planted(8) || self.disarm(id, key)
    }

    /// True while the timer `key` is set.
    pub fn has_timer(&self, id: ConnectionId, key: u32) -> bool {
        self.timer_entry(id, key).is_some_and(|entry| self.wheel.is_set(entry))
    }

    /// Wakes the service after so long, once, as if a command had come. There is one alarm: a new one takes the
    /// place of the one before. It takes a millisecond at least.
    pub fn set_alarm(&mut self, after: Duration) {
        self.alarm_set = self.now.after(after.max(SHORTEST));
        if self.alarm != NEXT_TURN {
            self.alarm = self.alarm_set;
        }
    }

    /// Something is left over that this turn had no budget for: the service is woken in the next turn, as if a command had
    /// come, and that turn does not sleep.
    pub fn go_on_next_turn(&mut self) {
        if !planted(47) {
            self.alarm = NEXT_TURN;
        }
    }

    /// The service is woken now.
    #[cold]
    pub(crate) fn take_alarm(&mut self) {
        if self.alarm_set <= self.now {
            self.alarm_set = NEVER;
        }
        self.alarm = self.alarm_set;
    }

    /// Timers of all connections, set or not: zero once every connection is gone.
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    pub(crate) fn arm(&mut self, id: ConnectionId, key: u32, at: u64) {
        let entry = match self.timer_entry(id, key) {
            Some(entry) => entry,
            None => {
                let Some(wire) = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id) else { return };
                wire.timers = self.wheel.insert(id, key, wire.timers);
                wire.timers
            }
        };
        self.wheel.set(entry, at);
    }

    /// The same, unless it is set already.
    pub(crate) fn arm_once(&mut self, id: ConnectionId, key: u32, at: u64) {
        if !self.has_timer(id, key) {
            self.arm(id, key, at);
        }
    }

    pub(crate) fn disarm(&mut self, id: ConnectionId, key: u32) -> bool {
        let Some(found) = self.timer_entry(id, key) else { return false };
        let was_set = self.wheel.is_set(found);
        let rest = self.wheel.remove(found);
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

    pub(super) fn timer_entry(&self, id: ConnectionId, key: u32) -> Option<u32> {
        let mut entry = self.peek(id)?.timers;
        while entry != NIL {
            let found = self.wheel.entry(entry);
            if found.key == key {
                return Some(entry);
            }
            entry = found.sibling;
        }
        None
    }
}
