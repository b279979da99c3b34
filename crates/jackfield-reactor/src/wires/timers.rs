//! The timers of a wire: those of the service, by key, and its idle timeout. Also the service's alarm.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::time::{NEVER, Time, millis};
use crate::wire::flags::Flags;
use crate::wire::timer_key::{self, TIMER_KEY_MAX};
use std::time::Duration;

/// The shortest time of a timer: a timer that sets itself again must not keep the turn from ending.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// An alarm that is due in any turn.
const NEXT_TURN: Time = Time(0);

impl Wires {
    /// Sets the idle timeout: when no byte has come from the peer for this time,
    /// [`Service::on_idle`](crate::Service::on_idle) comes. Disabled by zero. If that time has already passed, it comes
    /// after a millisecond. More than 49 days counts as disabled. A received byte costs one store: the timer is compared with
    /// it only when it fires.
    pub fn set_idle_timeout(&mut self, id: ConnectionId, timeout: Duration) {
        let idle_ms = u32::try_from(millis(timeout)).unwrap_or(u32::MAX);
        let Some(wire) = self.wire(id) else { return };
        let due = wire.last_received.after(Duration::from_millis(idle_ms.into()));
        if idle_ms == 0 || idle_ms == u32::MAX {
            self.disarm(id, timer_key::IDLE);
        } else {
            self.arm_noted(id, timer_key::IDLE, due.max(self.now.after(SHORTEST)).0, idle_ms);
        }
    }

    /// Sets whether a write restarts the idle timeout too, for a peer that sends nothing. Default: no.
    pub fn set_writes_as_activity(&mut self, id: ConnectionId, count: bool) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.remove(Flags::WRITES_COUNT_AS_ACTIVITY);
            wire.flags.insert(if count { Flags::WRITES_COUNT_AS_ACTIVITY } else { Flags::default() });
        }
    }

    /// Sets or moves the timer `key` of the connection. `key` is at most [`TIMER_KEY_MAX`]. The shortest time is a
    /// millisecond. Timers with keys up to [`CHARGED_TIMER_KEY_MAX`](crate::CHARGED_TIMER_KEY_MAX) are charged to the
    /// connection, except for the first.
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

    /// When the timer `key` fires, if it is set.
    pub fn timer_due(&self, id: ConnectionId, key: u32) -> Option<Time> {
        let entry = self.timer_entry(id, key).filter(|entry| self.wheel.is_set(*entry))?;
        Some(Time(self.wheel.entry(entry).at))
    }

    /// Wakes the service once after this time, as a command does. There is one alarm: a new one replaces the old one. The
    /// shortest time is a millisecond.
    pub fn set_alarm(&mut self, after: Duration) {
        self.alarm_set = self.now.after(after.max(SHORTEST));
        if self.alarm != NEXT_TURN {
            self.alarm = self.alarm_set;
        }
    }

    /// Wakes the service in the next turn, which comes without a sleep. For work that did not fit into this turn's budget.
    pub fn request_next_turn(&mut self) {
        if !planted(47) {
            self.alarm = NEXT_TURN;
        }
    }

    /// Takes the alarm, because the service is being woken.
    #[cold]
    pub(crate) fn take_alarm(&mut self) {
        if self.alarm_set <= self.now {
            self.alarm_set = NEVER;
        }
        self.alarm = self.alarm_set;
    }

    /// The number of timers of all connections, set or not.
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }
}
