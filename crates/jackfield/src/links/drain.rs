//! Drains connections, one or all: requests that have come are answered first.
//!
//! A shutdown visits each connection at most twice: once to drain it and once, at the deadline, to abort it. It walks
//! over all of them, a part in each turn, so that connections that are still served wait for one part only.

use crate::disconnect::{Goodbye, Reason, Timeout, goodbye};
use crate::links::Links;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use crate::links::shutdown::{Does, Shutdown, Walk};
use crate::shared::Drain;
use jackfield_proto::websocket::is_valid_close_code;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Time, Wires};
use std::time::Duration;

impl Links {
    /// Accepts no new connections, and drains all. If it is called again, the earlier deadline and the shorter spread
    /// count.
    pub(crate) fn shut_down(&mut self, wires: &mut Wires, drain: Drain) {
        let now = wires.now();
        let until = match &mut self.shutdown {
            Some(shutdown) => {
                shutdown.join(now, drain);
                shutdown.until
            }
            None => self.shutdown.insert(Shutdown::begin(now, drain)).until,
        };
        wires.stop_listening();
        wires.set_alarm(until.since(now));
    }

    /// Whether the server shuts down.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    /// During a shutdown: when the connections that are left are aborted.
    pub(crate) fn shutdown_deadline(&self) -> Option<Time> {
        self.shutdown.as_ref().map(|shutdown| shutdown.until)
    }

    /// The next part of the walk over all connections while the server shuts down: the connections to be drained now.
    /// Connections that are left at the deadline are aborted.
    pub(crate) fn next_to_drain(&mut self, wires: &mut Wires) -> Vec<ConnectionId> {
        let Some(shutdown) = &mut self.shutdown else { return Vec::new() };
        if !shutdown.aborts && wires.now() >= shutdown.until {
            shutdown.aborts = true;
            shutdown.walk = Some(Walk { slot: 0, does: Does::Abort });
        }
        let Some(Walk { slot, does }) = shutdown.walk.take() else { return Vec::new() };
        let most = if planted(107) { usize::MAX } else { wires.limits().drains_per_turn };
        let (mut ids, next) = wires.ids_in_slots(slot, most);
        wires.stats().drains.add(ids.len() as u64);
        if let Some(slot) = next.filter(|_| !planted(48)) {
            shutdown.walk = Some(Walk { slot, does });
            wires.request_next_turn();
        }
        match does {
            Does::Abort => ids.drain(..).for_each(|id| self.abort(wires, id, Reason::Shutdown)),
            Does::Drain if !shutdown.spread.is_zero() => {
                let (spread, without_moment) = (shutdown.spread, shutdown.without_moment);
                ids.drain(..).for_each(|id| self.drain_in_time(wires, id, spread, without_moment));
            }
            Does::Drain => {}
        }
        ids
    }

    /// Sets a connection's own moment of a spread drain, unless it has an earlier one, or that has passed.
    fn drain_in_time(&self, wires: &mut Wires, id: ConnectionId, spread: Duration, without_moment: usize) {
        let after = moment_within(spread, self.settings.seed.unwrap_or_default(), id);
        let is_earlier = match wires.timer_due(id, key::DRAIN) {
            Some(due) => wires.now().after(after) < due,
            None => id.slot() >= without_moment,
        };
        if is_earlier {
            wires.set_timer(id, key::DRAIN, after);
        }
    }

    /// Ends the reactor of a server that shuts down once no connection is left. It waits for lingering connections until
    /// the deadline, because bytes that were sent to them may not have arrived yet.
    pub(crate) fn halt_if_drained(&self, wires: &mut Wires) {
        let Some(until) = self.shutdown_deadline() else { return };
        let left = if wires.now() >= until { wires.len() } else { wires.len() + wires.lingering() };
        if left == 0 {
            wires.halt();
        }
    }

    /// Drains a connection: requests that have come, at least their head, are answered first.
    pub(crate) fn drain(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if why == Reason::Shutdown {
            // A later shutdown may have come before its own moment.
            wires.cancel_timer(id, key::DRAIN);
        }
        let code = self
            .shutdown
            .as_ref()
            .map(|shutdown| shutdown.close_code)
            .filter(|code| is_valid_close_code(*code));
        let goodbye = match (goodbye(self.standing(wires, id), why), code) {
            (Goodbye::Close(_), Some(code)) if why == Reason::Shutdown => Goodbye::Close(code),
            (other, _) => other,
        };
        self.say_goodbye(wires, id, goodbye, why);
    }

    /// A connection has reached its lifetime. True: it is to be drained as at a shutdown, so that an answer that is owed is
    /// sent first.
    #[cold]
    pub(crate) fn on_lifetime_end(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        let why = Reason::Timeout(Timeout::Lifetime);
        match self.link(id).reason {
            None => self.link(id).reason = Some(why),
            Some(reason) if reason == why => {
                self.abort(wires, id, why);
                return false;
            }
            // It is ending already, for another reason and with its own deadline.
            Some(_) => return false,
        }
        wires.set_timer(id, key::LIFETIME, self.settings.limits.drain);
        true
    }

    /// Whether the server shuts down, and this connection's own moment, if it has one, has come.
    pub(crate) fn is_drained_now(&self, wires: &Wires, id: ConnectionId) -> bool {
        let waits =
            |shutdown: &Shutdown| shutdown.will_give_moment(id.slot()) || wires.has_timer(id, key::DRAIN);
        self.shutdown.as_ref().is_some_and(|shutdown| !waits(shutdown) || planted(110))
    }

    /// Stops reading, by the user's wish. A raw or line connection that is being drained ends if nothing is unread: that is known
    /// after the callback.
    pub(crate) fn pause_read(&mut self, wires: &mut Wires, id: ConnectionId) {
        let link = self.link(id);
        // After our Close only the peer's is read, and it must be.
        if matches!(&link.protocol, Protocol::WebSocket(machine) if machine.has_sent_close()) {
            return;
        }
        wires.pause(id);
        let is_drained = matches!(link.reason, Some(Reason::Shutdown | Reason::Timeout(Timeout::Lifetime)));
        if is_drained && matches!(link.protocol, Protocol::Raw | Protocol::Lines { .. }) {
            wires.set_timer(id, key::DRAIN, Duration::ZERO);
        }
    }

    /// Drains a connection that has become a WebSocket or an event stream while the server shuts down, or after the end of its
    /// lifetime.
    pub(crate) fn drain_if_draining(&mut self, wires: &mut Wires, id: ConnectionId) {
        let lifetime = Reason::Timeout(Timeout::Lifetime);
        if self.is_drained_now(wires, id) {
            self.drain(wires, id, Reason::Shutdown);
        } else if self.link(id).reason == Some(lifetime) {
            self.drain(wires, id, lifetime);
        }
    }
}

/// How long after the beginning of a spread drain a connection's own moment comes.
pub(crate) fn moment_within(spread: Duration, seed: u64, id: ConnectionId) -> Duration {
    let seed = seed ^ ((id.reactor() as u64) << 32);
    let span = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
    let nanos = (u128::from(span) * u128::from(part(seed, id.slot() as u64))) >> u64::BITS;
    Duration::from_nanos(nanos as u64)
}

/// The moment of the n-th connection, as a fraction of the span in units of 2^-64. Multiples of the golden ratio are spread as
/// evenly as possible for any number of connections. The seed shifts all of them.
fn part(seed: u64, number: u64) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    number.wrapping_add(seed).wrapping_mul(GOLDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For any number of connections, each tenth of the time has a tenth of them, or at most two more or fewer.
    #[test]
    fn l10_the_turns_are_spread_evenly() {
        for (seed, count) in [(0, 10), (0, 1000), (7, 333), (u64::MAX, 50_000)] {
            let mut tenths = [0_u64; 10];
            for number in 0..count {
                tenths[((u128::from(part(seed, number)) * 10) >> 64) as usize] += 1;
            }
            assert!(tenths.iter().all(|tenth| tenth.abs_diff(count / 10) <= 2), "{seed} {count}: {tenths:?}");
        }
        assert_ne!(part(1, 5), part(2, 5));
        assert_eq!(part(1, 5), part(1, 5));
    }
}
