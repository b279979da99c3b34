//! Bandwidth limits: a token bucket in each direction, for the wires that have a limit.
//!
//! Input is read only as far as there are tokens; then the wire is not read until some have come back. Output is written
//! only as far as there are tokens; then the wire is *held*, which is because of the limit and not of the peer, and a timer
//! continues. Wires without a limit have neither bucket nor timer, and cost nothing more: the test for it is part of flags
//! that are read anyway.

use super::Wires;
use super::buckets::{BandwidthBuckets, portion, tokens_in};
use crate::id::ConnectionId;
use crate::limits::Bandwidth;
use crate::wire::flags::{Flags, ReadStop, WriteStop};
use crate::wire::life::Phase;
use crate::wire::timer_key;
use std::time::Duration;

impl Wires {
    /// Sets the bandwidth limit of the connection, with full buckets. Does nothing if the connection is closing.
    pub fn set_bandwidth(&mut self, id: ConnectionId, bandwidth: Bandwidth) {
        let now = self.now;
        if self.is_closing(id) {
            return;
        }
        let was_held = self.unhold(id);
        // The time for which output was held still does not count as idle if there is no limit any more.
        let is_kept = bandwidth != Bandwidth::default() || !self.held_time(id).is_zero();
        let Some(wire) = self.wire_mut(id) else { return };
        wire.flags.remove(Flags::READ_BY_TOKENS | WriteStop::BY_TOKENS);
        if bandwidth.bytes_in > 0 || (is_kept && bandwidth.bytes_out == 0) {
            wire.flags.insert(Flags::READ_BY_TOKENS);
        }
        if bandwidth.bytes_out > 0 {
            wire.flags.insert(WriteStop::BY_TOKENS);
        }
        let old = self.buckets.remove(&id.slot());
        if is_kept {
            self.buckets.insert(id.slot(), BandwidthBuckets::new(bandwidth, now, old));
        }
        self.charge_buckets();
        self.disarm(id, timer_key::READ_TOKENS);
        self.resume_reading(id, ReadStop::BANDWIDTH);
        self.disarm(id, timer_key::WRITE_TOKENS);
        if was_held {
            self.flush_later(id);
            // Our FIN may wait for that output.
            if self.wire(id).is_some_and(|wire| wire.has(Flags::END_DUE)) {
                self.end_later(id);
            }
        }
    }

    /// True while output waits only because of the bandwidth limit.
    pub fn waits_for_tokens(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.has(WriteStop::HELD))
    }

    /// How long the connection was not read because of its bandwidth limit, since the last call.
    pub fn take_bandwidth_pause(&mut self, id: ConnectionId) -> Duration {
        let now = self.now;
        self.buckets_of(id).map_or(Duration::ZERO, |buckets| buckets.take_pause(now))
    }

    /// How many bytes the bandwidth limit lets come in during `time`. `None`: incoming bytes have no limit.
    pub fn incoming_bytes_within(&self, id: ConnectionId, time: Duration) -> Option<u64> {
        let buckets = self.buckets.get(&id.slot()).filter(|_| self.wire(id).is_some())?;
        (buckets.input.rate() > 0).then(|| tokens_in(&buckets.input, time))
    }

    /// How long the queued output of the connection takes if only its bandwidth limit holds it back. Zero: it has no limit.
    pub fn output_time(&self, id: ConnectionId) -> Duration {
        let buckets = self.buckets.get(&id.slot()).filter(|_| self.wire(id).is_some());
        buckets.map_or(Duration::ZERO, |buckets| buckets.output.time_to_gain(self.queued_bytes(id) as u64))
    }

    fn buckets_of(&mut self, id: ConnectionId) -> Option<&mut BandwidthBuckets> {
        let limited = Flags::READ_BY_TOKENS | WriteStop::BY_TOKENS;
        self.wire(id).filter(|wire| wire.has(limited))?;
        self.buckets.get_mut(&id.slot())
    }

    /// Bytes that may be read now. `None`: none, until a timer fires.
    pub(crate) fn read_allowance(&mut self, id: ConnectionId) -> Option<usize> {
        let now = self.now;
        // Bytes of a handshake do not count.
        if self.wire(id)?.phase == Phase::Handshake {
            return Some(usize::MAX);
        }
        let Some(buckets) = self.buckets_of(id) else { return Some(usize::MAX) };
        buckets.input.fill(now);
        let left = buckets.input.left();
        if left > 0 {
            return Some(usize::try_from(left).unwrap_or(usize::MAX));
        }
        buckets.pause(now);
        let wait = buckets.input.time_until(portion(&buckets.input));
        self.stop_reading(id, ReadStop::BANDWIDTH);
        self.arm(id, timer_key::READ_TOKENS, now.after(wait).0);
        None
    }

    /// Takes tokens for bytes that were read.
    pub(crate) fn use_read_tokens(&mut self, id: ConnectionId, count: usize) {
        if let Some(buckets) = self.buckets_of(id) {
            buckets.input.take(count as u64);
        }
    }

    /// There are tokens to read again.
    pub(crate) fn read_by_new_tokens(&mut self, id: ConnectionId) {
        let now = self.now;
        if let Some(buckets) = self.buckets_of(id) {
            buckets.resume(now);
        }
        self.resume_reading(id, ReadStop::BANDWIDTH);
    }

    /// Writes queued bytes as far as there are tokens. Then it waits for a writable event of the kernel, or for tokens.
    #[cold]
    pub(crate) fn write_by_tokens(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(wire) = self.wire(id).filter(|wire| !wire.has(WriteStop::HELD)) else { return };
        let before = wire.bytes_out;
        let Some(buckets) = self.buckets_of(id) else { return };
        buckets.output.fill(now);
        let most = usize::try_from(buckets.output.left()).unwrap_or(usize::MAX);
        if most > 0 {
            self.write_some(id, most);
        } else {
            self.keep_for_later(id);
        }
        let Some(wire) = self.wire(id).filter(|wire| !wire.has(WriteStop::CUT)) else { return };
        let (taken, encrypted) = (wire.bytes_out - before, wire.session.encrypted_bytes());
        let queued = self.queued_now(id);
        if let Some(buckets) = self.buckets_of(id) {
            buckets.output.take(taken);
        }
        if encrypted > 0 || (queued > 0 && taken < most as u64) {
            self.arm_stall_timer(id);
        } else if queued > 0 {
            self.await_tokens(id, queued);
        }
    }

    /// Lets queued bytes wait for tokens.
    fn await_tokens(&mut self, id: ConnectionId, queued: usize) {
        let now = self.now;
        let Some(buckets) = self.buckets_of(id) else { return };
        buckets.held_at = now;
        let wait = buckets.output.time_until(portion(&buckets.output).min(queued as u64));
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.remove(WriteStop::BLOCKED);
            wire.flags.insert(WriteStop::HELD);
        }
        self.arm(id, timer_key::WRITE_TOKENS, now.after(wait).0);
    }

    /// There are tokens to write again.
    pub(crate) fn write_by_new_tokens(&mut self, id: ConnectionId) {
        if self.unhold(id) {
            self.write_by_tokens(id);
        }
    }

    /// It is not held any more. The time for which it was does not count as idle.
    fn unhold(&mut self, id: ConnectionId) -> bool {
        let now = self.now;
        let Some(wire) = self.wire_mut(id).filter(|wire| wire.has(WriteStop::HELD)) else { return false };
        wire.flags.remove(WriteStop::HELD);
        let last_received = wire.last_received;
        if let Some(buckets) = self.buckets_of(id) {
            buckets.unhold(last_received, now);
        }
        true
    }

    /// For how long its limit has held output since the last byte of the peer came, without the time for which it holds
    /// it now.
    pub(crate) fn held_time(&mut self, id: ConnectionId) -> Duration {
        let last_received = self.wire(id).map_or(self.now, |wire| wire.last_received);
        self.buckets_of(id).map_or(Duration::ZERO, |buckets| buckets.held_since(last_received))
    }

    /// The least number of bytes that a closing wire must write in [`Limits::flush_interval`](crate::Limits::flush_interval):
    /// at most half of what its bandwidth allows.
    pub(crate) fn least_to_flush(&mut self, id: ConnectionId) -> usize {
        let limits = self.limits_of(id);
        let (least, interval) = (limits.flush_interval_bytes_min, limits.flush_interval);
        match self.buckets_of(id) {
            Some(buckets) if buckets.output.rate() > 0 => {
                least.min(usize::try_from(tokens_in(&buckets.output, interval) / 2).unwrap_or(usize::MAX))
            }
            _ => least,
        }
    }

    pub(super) fn forget_bandwidth(&mut self, id: ConnectionId) {
        if self.buckets_of(id).is_some() {
            self.buckets.remove(&id.slot());
            self.charge_buckets();
        }
    }
}
