//! How a wire ends: closed, aborted, and then removed.

use super::Wires;
use crate::id::{ConnectionId, GENERATION_MAX};
use crate::planted::planted;
use crate::reason::Reason;
use crate::session::Session;
use crate::stream::Stream;
use crate::time::NEVER;
use crate::wire::flags::{Flags, WriteStop};
use crate::wire::life::{Act, Event, Phase};
use crate::wire::peer::PeerSlot;
use crate::wire::timer_key;

/// The longest that a flush with a bound may last, in [`Limits::flush_interval`](crate::Limits::flush_interval).
const FLUSH_INTERVALS_MAX: u32 = 4;

impl Wires {
    /// Closes the connection in good order: writes the queued output and then our FIN.
    /// [`Service::on_close`](crate::Service::on_close) comes then. The connection lingers until the peer's FIN has come,
    /// for [`Limits::linger`](crate::Limits::linger) after the last bytes, so that no reset destroys output on its way. If
    /// several reasons are given, the first one counts.
    pub fn close(&mut self, id: ConnectionId, reason: Reason) {
        self.interrupt_broadcast();
        if let Some(wire) = self.wire_mut(id).filter(|wire| wire.is_known()) {
            if wire.step(Event::Close) == Act::Close {
                wire.reason = reason;
                self.end_later(id);
            }
        }
    }

    /// Drops the queued output and resets the connection. If several reasons are given, the first one counts. Once our FIN
    /// was sent this does nothing: nothing is queued any more, and a reset could destroy output on its way.
    pub fn abort(&mut self, id: ConnectionId, reason: Reason) {
        self.interrupt_broadcast();
        let Some(wire) = self.wire_mut(id).filter(|wire| wire.is_known() && !wire.has_sent_end()) else {
            return;
        };
        if wire.phase < Phase::Closing {
            wire.reason = reason;
        }
        if wire.step(Event::Abort) == Act::Reset {
            wire.peer = if planted(51) { PeerSlot::kept(0, u32::MAX as usize) } else { wire.peer };
            wire.flags.insert(WriteStop::CUT);
            wire.session.stream_mut().set_reset_on_close();
            self.end_later(id);
        }
    }

    /// Writes the queued output, and then resets the connection in place of a FIN. Output that the kernel has taken and not
    /// delivered may be lost. If several reasons are given, the first one counts.
    pub fn abort_after_flush(&mut self, id: ConnectionId, reason: Reason) {
        if let Some(wire) = self.wire_mut(id).filter(|wire| wire.phase < Phase::Closing) {
            wire.flags.insert(Flags::RESET_DUE);
            self.close(id, reason);
        }
    }

    /// Half-closes the connection: takes no more output, and sends our FIN after the queued output. The connection is still
    /// read until it is closed. During a handshake it is noted, and done when that is complete.
    pub fn shutdown_write(&mut self, id: ConnectionId) {
        self.close_output(id);
        if let Some(wire) = self.wire_mut(id).filter(|wire| wire.phase < Phase::Closing) {
            wire.flags.insert(Flags::END_DUE);
            self.end_later(id);
        }
    }

    /// Tells the reactor that the peer will send nothing more by its protocol. So the close does not wait for the peer's
    /// FIN once all received bytes were read. With TLS it does wait, because the peer still sends its close_notify.
    pub fn set_peer_done(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(Flags::PEER_DONE);
        }
    }

    /// Takes no more output. What is queued is sent, without a FIN, and the connection is still read. For a protocol that
    /// has sent its last message and waits for the peer's answer.
    pub fn close_output(&mut self, id: ConnectionId) {
        self.interrupt_broadcast();
        if let Some(wire) = self.wire_mut(id) {
            if wire.step(Event::CloseOutput) == Act::Mute {
                self.stopped |= id == self.current;
            }
        }
    }

    /// Bytes that a closing wire has still to write; `None`: none.
    pub(crate) fn left_to_flush(&mut self, id: ConnectionId) -> Option<usize> {
        let wire = self.wire(id).filter(|wire| wire.phase == Phase::Closing)?;
        let left = self.queued_now(id) + wire.session.encrypted_bytes();
        (left > 0).then_some(left)
    }

    /// A closing wire has something to write: see [`Limits::flush_interval`](crate::Limits::flush_interval).
    pub(crate) fn arm_flush_timer(&mut self, id: ConnectionId) {
        let interval = self.limits_of(id).flush_interval;
        let (at, is_watched) = (self.now.after(interval).0, self.has_timer(id, timer_key::FLUSH));
        if let Some(left) = self.left_to_flush(id).filter(|_| !is_watched) {
            // The lower half is enough, because the number only shrinks, and the difference wraps.
            self.arm_noted(id, timer_key::FLUSH, at, left as u32);
        }
    }

    /// Bounds the whole flush of a closing connection: what is left after four times
    /// [`Limits::flush_interval`](crate::Limits::flush_interval) is dropped, and the connection is reset. The time that its output takes
    /// at its bandwidth limit comes in addition. For a peer that is closed because it reads too slowly: it would keep its place
    /// as long as its last message lasts.
    pub fn bound_flush(&mut self, id: ConnectionId) {
        if self.left_to_flush(id).is_some() {
            let intervals = self.limits_of(id).flush_interval.saturating_mul(FLUSH_INTERVALS_MAX);
            let bound = intervals.saturating_add(self.output_time(id));
            self.arm(id, timer_key::FLUSH_END, self.now.after(bound).0);
        }
    }

    /// Our FIN was sent, and the layer above got `on_close`: only the stream and the slot are left.
    pub(crate) fn begin_lingering(&mut self, id: ConnectionId) {
        self.drop_timers(id);
        self.charge_service_and_timers(id, 0);
        let (now, limits) = (self.now, self.limits_of(id));
        let linger = limits.linger.min(limits.linger_max);
        let Some(wire) = self.wire_mut(id) else { return };
        wire.step(Event::Sent);
        wire.last_received = now;
        let carry = wire.carry.take();
        if !planted(109) {
            self.drop_session(id);
        }
        self.lingering_count += 1;
        self.lingering.push_back(id);
        if let Some(carry) = carry {
            self.carry_to_pool(carry);
        }
        let end = if planted(19) { NEVER } else { now.after(linger) };
        self.arm_noted(id, timer_key::LINGER, end.0, now.0 as u32);
        self.bound_lingering();
    }

    /// The time at which its linger ends.
    pub(crate) fn linger_end(&self, id: ConnectionId) -> u64 {
        let passed = (self.now.0 as u32).wrapping_sub(self.timer_note(id, timer_key::LINGER));
        self.now.after(self.limits_of(id).linger_max).0.saturating_sub(passed.into())
    }

    /// If too many wires linger, removes the oldest.
    fn bound_lingering(&mut self) {
        while self.lingering.front().is_some_and(|&id| !self.lingers(id)) {
            self.lingering.pop_front();
        }
        if self.lingering_count > self.limits.lingering_max {
            if let Some(oldest) = self.lingering.pop_front() {
                self.end_later(oldest);
            }
        }
        if self.lingering.len() > 2 * self.lingering_count + 64 {
            let mut all = std::mem::take(&mut self.lingering);
            self.stats.visits.add(all.len() as u64);
            all.retain(|&id| self.lingers(id));
            self.lingering = all;
        }
    }

    fn lingers(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.phase == Phase::Lingering)
    }

    pub(crate) fn end_later(&mut self, id: ConnectionId) {
        self.stopped |= id == self.current;
        if let Some(wire) = self.wire_mut(id) {
            if wire.raise(Flags::ENDING) {
                self.ending.push(id);
            }
        }
    }

    /// Frees the slot. The next wire in it has another generation. A slot whose generations are used up is never used
    /// again.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id) else { return };
        let (outbox, carry, lingers) =
            (wire.outbox.take(), wire.carry.take(), wire.phase == Phase::Lingering);
        self.lingering_count -= usize::from(lingers);
        self.drop_timers(id);
        if let Some(outbox) = outbox {
            self.recycle(outbox);
        }
        if let Some(carry) = carry {
            self.carry_to_pool(carry);
        }
        self.uncharge_wire(id);
        self.forget_peer(id);
        self.forget_bandwidth(id);
        self.stats.closed.add(1);
        match self.generations.of(id.slot()) + u32::from(!planted(2)) {
            next if next <= GENERATION_MAX => {
                self.generations.set(id.slot(), next);
                self.slab.remove(id.slot());
            }
            _ => self.retire(id),
        }
        self.trim_pools();
    }

    #[cold]
    fn retire(&mut self, id: ConnectionId) {
        self.retired += 1;
        if let Some(wire) = self.wire_mut(id) {
            wire.id = ConnectionId::RETIRED;
            // Replacing the session closes the socket.
            wire.session = Session::Plain(Stream::Closed);
        }
    }
}
