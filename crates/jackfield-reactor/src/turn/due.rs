//! Timers that are due.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::{Reason, Timeout};
use crate::wire::Wire;
use crate::wire::flags::{Flags, ReadStop, WriteStop};
use crate::wire::life::Phase;
use crate::wire::timer_key;
use std::time::Duration;

/// A timer that moves nearer in the wheel costs about as little as a sixteenth of one that fires.
const MOVES_PER_TIMER: usize = 16;

impl Reactor {
    #[inline(always)]
    pub(super) fn fire_timers<S: Service + ?Sized>(&mut self, service: &mut S) {
        if self.wires.wheel.next() <= self.wires.now.0 {
            self.fire_due(service);
        }
    }

    /// Fires as many timers as one turn may, and moves as many others nearer in the wheel. Those that are left stay due, so
    /// the next turn does not sleep.
    #[cold]
    #[inline(never)]
    fn fire_due<S: Service + ?Sized>(&mut self, service: &mut S) {
        let timers = if planted(104) { usize::MAX } else { self.wires.limits.timers_per_turn };
        let moves = timers.saturating_mul(MOVES_PER_TIMER);
        self.wires.wheel.allow_moves(moves);
        for _ in 0..timers {
            let Some((id, key)) = self.wires.wheel.take_due(self.wires.now.0) else { break };
            self.on_timer(id, key, service);
        }
        let moved = moves - self.wires.wheel.moves_left();
        self.wires.stats.visits.add(moved as u64);
    }

    fn on_timer<S: Service + ?Sized>(&mut self, id: ConnectionId, key: u32, service: &mut S) {
        match key {
            timer_key::MEMORY => return self.wires.look_after_memory_paused(),
            timer_key::IDLE => return self.on_idle(id, service),
            timer_key::STALL => return self.on_stall(id),
            timer_key::FLUSH => return self.on_flush(id),
            timer_key::LINGER => return self.on_linger(id, service),
            _ => {}
        }
        self.wires.disarm(id, key);
        match key {
            timer_key::READ_TOKENS => self.wires.read_by_new_tokens(id),
            timer_key::WRITE_TOKENS => self.on_write_tokens(id),
            timer_key::UNREAD => self.on_unread(id),
            timer_key::FLUSH_END => self.on_flush_end(id),
            timer_key::HANDSHAKE => self.wires.on_handshake_due(id),
            key if !self.wires.is_closing(id) => service.on_timer(&mut self.wires, id, key),
            _ => {}
        }
    }

    /// The timer was set an idle timeout ago. Bytes that have come since then postpone it.
    fn on_idle<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let now = self.wires.now;
        let Some(wire) = self.wires.wire(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        let quiet =
            if planted(61) { now.low_since(wire.last_received) } else { now.since(wire.last_received) };
        let idle = Duration::from_millis(self.wires.timer_note(id, timer_key::IDLE).into());
        let counted = quiet.saturating_sub(self.wires.held_time(id));
        if counted < idle {
            if planted(18) {
                return;
            }
            return self.wires.arm(id, timer_key::IDLE, now.after(idle - counted).0);
        }
        self.wires.arm(id, timer_key::IDLE, now.after(idle).0);
        // A wire that is not read is not idle, because its peer may have sent something; nor is one that waits for
        // tokens.
        if self.wires.may_read(id) && !self.wires.waits_for_tokens(id) {
            service.on_idle(&mut self.wires, id, quiet);
        }
    }

    /// It has tokens to write again.
    fn on_write_tokens(&mut self, id: ConnectionId) {
        if !planted(80) {
            self.wires.write_by_new_tokens(id);
        }
        self.continue_close(id);
    }

    /// The peer has closed, and the wire stayed paused with unread bytes for the whole time.
    fn on_unread(&mut self, id: ConnectionId) {
        let is_left = |wire: &Wire| wire.has(ReadStop::PAUSED) && !wire.has(Flags::PEER_ENDED);
        if self.wires.wire(id).is_some_and(is_left) {
            self.wires.close(id, Reason::Peer);
        }
    }

    /// The write timeout. It was postponed whenever the kernel took bytes.
    fn on_stall(&mut self, id: ConnectionId) {
        self.wires.disarm(id, timer_key::STALL);
        if self.wires.wire(id).is_some_and(|wire| wire.has(WriteStop::BLOCKED)) {
            self.wires.abort(id, Reason::Timeout(Timeout::Write));
        }
    }

    /// In each interval a closing wire must write a least number of its remaining bytes.
    fn on_flush(&mut self, id: ConnectionId) {
        let before = self.wires.timer_note(id, timer_key::FLUSH);
        self.wires.disarm(id, timer_key::FLUSH);
        let least = self.wires.least_to_flush(id);
        let Some(left) = self.wires.left_to_flush(id) else { return };
        let taken = before.wrapping_sub(left as u32) as usize;
        if taken < least && !planted(59) {
            self.wires.abort(id, Reason::Timeout(Timeout::Write));
        } else {
            self.wires.arm_flush_timer(id);
        }
    }

    /// A closing wire whose flush is bounded has not written all of it in time.
    fn on_flush_end(&mut self, id: ConnectionId) {
        if self.wires.left_to_flush(id).is_some() {
            self.wires.abort(id, Reason::Timeout(Timeout::Write));
        }
    }

    /// A lingering wire ends when no byte has come for some time, or when it has lingered for its longest time.
    fn on_linger<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let now = self.wires.now;
        let Some(wire) = self.wires.wire(id) else { return };
        let linger = self.wires.limits_of_wire(wire).linger;
        let end = self.wires.linger_end(id).min(wire.last_received.after(linger).0);
        if now.0 >= end {
            self.end_wire(id, service);
        } else {
            self.wires.arm(id, timer_key::LINGER, end);
        }
    }
}
