//! One turn of the reactor: delayed work, readiness, timers, and the end of the turn.
//!
//! The reactor neither polls nor reads a clock: a driver gives it the time and what is ready. In a turn the bytes of each
//! wire are passed to the service once, and its answers leave in one write. Output for other wires is written once, at the
//! end of the turn.

mod closing;
mod connect;
mod due;
mod read;
mod ready;
pub(crate) mod service;
mod settle;
#[cfg(test)]
mod tests;
mod work;

use crate::guard::{Panic, guard};
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::time::NEVER;
use crate::time::Time;
use crate::turn::service::Service;
use crate::wire::flags::Flags;
use crate::wires::Wires;
use crate::wires::ready::Ready;
use mio::Registry;
use std::panic::resume_unwind;
use std::time::Duration;

/// One reactor: its wires, and the receive buffer that they share.
///
/// The buffer is beside the wires and not inside, so that bytes and wires can be borrowed at the same time.
#[derive(Debug)]
pub struct Reactor {
    /// The wires of this reactor.
    pub wires: Wires,
    /// Room for a carry, then room for one read. A carry is copied to the end of the first part, so that it and the new
    /// bytes are contiguous.
    rx: Box<[u8]>,
    headroom: usize,
    /// Swapped with the list that is being processed, so that neither allocates.
    spare: Vec<ConnectionId>,
}

impl Reactor {
    /// The reactor with this number, without wires. `registry` registers sockets; without one there are only in-memory
    /// connections.
    pub fn new(reactor: u8, now: Time, limits: Limits, registry: Option<Registry>) -> Self {
        let headroom = limits.carry_bytes_max;
        let rx = vec![0; headroom + limits.read_bytes].into();
        Self { wires: Wires::new(reactor, now, limits, registry), rx, headroom, spare: Vec::new() }
    }

    /// Takes one turn: sets the time, processes what is ready, fires timers, and completes all work that this has begun.
    pub fn turn<S: Service + ?Sized>(
        &mut self,
        now: Time,
        ready: impl IntoIterator<Item = Ready>,
        service: &mut S,
    ) {
        self.begin(now, service);
        self.take_all(&mut ready.into_iter(), service);
        self.end(service);
    }

    /// Handles ready events under a guard: a panic ends one of them.
    pub(crate) fn take_all<S: Service + ?Sized>(
        &mut self,
        ready: &mut impl Iterator<Item = Ready>,
        service: &mut S,
    ) {
        while let Err(payload) = guard(|| {
            for ready in ready.by_ref() {
                self.on_ready(ready, service);
            }
        }) {
            self.caught(payload, service);
        }
    }

    /// The last part of a turn: timers, and then the work that callbacks have begun. Events come before timers, so that
    /// bytes that are there already win against a deadline, even if the process was suspended.
    #[inline(always)]
    pub(crate) fn end<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.fire_timers(service);
        self.settle(service);
    }

    /// The last part of a turn in which new connections were accepted, after its usual end. Timers have had their budget.
    #[cold]
    pub(crate) fn end_with_new<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.read_deferred(service);
        self.settle(service);
    }

    /// The first part of a turn: the alarm, and delayed work.
    #[inline(always)]
    pub(crate) fn begin<S: Service + ?Sized>(&mut self, now: Time, service: &mut S) {
        self.wires.now = now;
        self.wires.handshakes_left = self.wires.limits.handshakes_per_turn;
        self.wires.stats.turns.add(1);
        if now >= self.wires.alarm {
            self.wires.take_alarm();
            self.wake(service);
        }
        if !self.wires.again.is_empty() {
            self.pump_queued(service);
        }
    }

    /// Wakes the service, at most once in a turn, so that its budgets are those of a turn. What would wake it again came
    /// before it was woken, or comes with an event in the next turn.
    #[cold]
    #[inline(never)]
    pub(super) fn wake<S: Service + ?Sized>(&mut self, service: &mut S) {
        let turn = self.wires.stats.turns.value();
        if std::mem::replace(&mut self.wires.woken_in, turn) != turn {
            service.on_wake(&mut self.wires);
        }
    }

    /// After a panic out of [`Reactor::on_ready`]: tells the service, and completes the event.
    #[cold]
    pub(crate) fn caught<S: Service + ?Sized>(&mut self, payload: Panic, service: &mut S) {
        let id = self.wires.current;
        if id == ConnectionId::NO_WIRE {
            // Not a panic of the service.
            resume_unwind(payload);
        }
        service.on_panic(&mut self.wires, id, payload);
        self.wires.end_event();
        // It is unknown whether the read had emptied the socket.
        if let Some(wire) = self.wires.wire_mut(id) {
            wire.flags.insert(Flags::UNREAD);
            self.wires.queue_for_next_turn(id);
        }
    }

    /// How long the driver may sleep. `None`: until something is ready.
    pub fn timeout(&self, now: Time) -> Option<Duration> {
        if !self.wires.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.wires.wheel.next().min(self.wires.alarm.0);
        (next != NEVER.0).then(|| Duration::from_millis(next.saturating_sub(now.0)))
    }

    /// True if nothing is due before that time.
    #[inline(always)]
    pub(crate) fn rests_until(&self, time: Time) -> bool {
        self.wires.again.is_empty() && self.wires.wheel.next() >= time.0 && self.wires.alarm >= time
    }
}
