//! From a reactor's lag to the new connections that it still admits.

use crate::links::Links;
use jackfield_reactor::{Time, Wires};
use std::time::Duration;

impl Links {
    /// Takes the lag of a turn, and publishes the admission quota to other reactors.
    pub(crate) fn take_lag(&mut self, now: Time, lag: Duration, idle: Duration) {
        self.metrics.lag_ns.set(u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX));
        let is_full = self.handle.remote(self.reactor).is_some_and(|remote| remote.quota.is_empty());
        let has_changed = self.overload.observe(now, lag, idle, is_full);
        if has_changed || self.overload.is_on() {
            self.publish_quota();
        }
        if has_changed {
            self.tell_overload(lag);
        }
    }

    /// True while new connections are refused for the lag of this reactor.
    pub(crate) fn is_overloaded(&mut self, now: Time) -> bool {
        if self.overload.refresh(now) {
            self.publish_quota();
            self.tell_overload(Duration::ZERO);
        }
        self.overload.is_on()
    }

    /// Whether this reactor admits one more WebSocket. If it is overloaded, its quota decides.
    pub(crate) fn has_room_for_upgrade(&mut self, wires: &Wires) -> bool {
        !self.is_overloaded(wires.now())
            || self.handle.remote(self.reactor).is_none_or(|remote| remote.quota.take())
    }

    fn publish_quota(&self) {
        if let Some(remote) = self.handle.remote(self.reactor) {
            remote.quota.set(self.overload.quota());
        }
    }

    #[cold]
    fn tell_overload(&self, lag: Duration) {
        let is_on = self.overload.is_on();
        self.metrics.overloaded.set(is_on.into());
        self.settings.observer.on_overload(self.reactor, is_on, lag);
    }
}
