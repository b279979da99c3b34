//! Output: outboxes, the cork of the current event, and the marks.
//!
//! Output for the current wire is collected in the cork, which is written once after the event. Output for any other wire
//! is collected in its own outbox, which is flushed once at the end of the turn. What the kernel does not take stays in the
//! wire's outbox, and the wire is *blocked*: nothing more is written until the system reports that it is writable.

use super::Wires;
use super::pools::pooled_outbox;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::session::Session;
use crate::wire::Wire;
use crate::wire::flags::{Flags, ReadStop, WriteStop};
use crate::wire::life::Phase;
use crate::wire::outbox::Outbox;
use crate::wire::timer_key;
use std::io;

impl Wires {
    /// The outbox of the connection, to which output is appended. It is written later: for the current connection once
    /// after its event, for others once at the end of the turn. `None`: the connection is gone, or takes no more output.
    #[inline(always)]
    pub fn outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        if self.broadcast.has_bytes() && !planted(43) {
            self.distribute();
        }
        self.cork_or_outbox(id)
    }

    /// The same for a connection that gets nothing of the broadcast that is in progress, if any. What is collected for the others
    /// stays where it is.
    pub fn outbox_of_left_out(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        debug_assert_eq!(self.broadcast.owed(id, |_| ()), 0, "{id} would get it out of order");
        self.cork_or_outbox(id)
    }

    /// The same, after the bytes of a running broadcast.
    #[inline(always)]
    pub(super) fn cork_or_outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        if id == self.current && !self.stopped {
            return Some(&mut self.cork);
        }
        self.outbox_of(id)
    }

    /// The outbox of a connection that already has output for the end of the turn. That is the usual case when messages go
    /// to many connections, and faster than [`Wires::outbox`]. `None`: use [`Wires::outbox`].
    #[inline(always)]
    pub fn gathering_outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        let wire = self.slab.get_mut(id.slot())?;
        // A congested wire must be checked: its queue may be below high water again.
        let gathers = wire.id == id && wire.phase == Phase::Open && wire.flags.gathers();
        wire.outbox.as_deref_mut().filter(|_| gathers)
    }

    /// Bytes that wait for the kernel, with the output of the current event.
    pub fn queued_bytes(&self, id: ConnectionId) -> usize {
        self.queued_now(id) + self.owed(id)
    }

    /// Bytes that were sent so far, counted as plain text, with those that wait for the kernel.
    #[inline]
    pub fn bytes_submitted(&self, id: ConnectionId) -> u64 {
        self.known(id).map_or(0, |wire| wire.bytes_out) + self.queued_bytes(id) as u64
    }

    /// True if the kernel has not taken everything that was sent. The rest may be plain text or already encrypted.
    pub fn has_backlog(&self, id: ConnectionId) -> bool {
        self.queued_bytes(id) > 0 || self.wire(id).is_some_and(|wire| wire.session.encrypted_bytes() > 0)
    }

    /// Bytes of messages that wait for the kernel: all but those from before [`Outbox::begin_messages`].
    pub fn queued_message_bytes(&self, id: ConnectionId) -> usize {
        let outbox = if id == self.current {
            Some(&self.cork)
        } else {
            self.wire(id).and_then(|wire| wire.outbox.as_ref())
        };
        outbox.map_or(0, |outbox| outbox.queued_message_bytes()) + self.owed(id)
    }

    /// Drops all queued messages that the kernel has not begun to take, frees their memory, and returns the number of
    /// dropped bytes. A message that is partly encrypted has begun. `begun_bytes` gets bytes and how many of them the kernel has
    /// taken; it returns the length of the messages at their front that have begun. The bytes begin where a message does, or
    /// where a part of one was appended. Call it before the last message of a connection that takes no further messages:
    /// `on_drain` does not come.
    #[cold]
    #[inline(never)]
    pub fn drop_backlog(&mut self, id: ConnectionId, begun_bytes: fn(&[u8], usize) -> usize) -> usize {
        self.interrupt_broadcast();
        let Some(wire) = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id) else { return 0 };
        if id == self.current {
            let dropped = self.cork.drop_unbegun(begun_bytes);
            self.charge_cork();
            return dropped;
        }
        let dropped = wire.outbox.as_mut().map_or(0, |outbox| outbox.drop_unbegun(begun_bytes));
        self.charge_outbox(id);
        dropped
    }

    /// Bytes of a running broadcast that are not in the outbox yet.
    fn owed(&self, id: ConnectionId) -> usize {
        self.broadcast.owed(id, |visits| self.stats.visits.add(visits as u64))
    }

    /// The same without a running broadcast.
    pub(super) fn queued_now(&self, id: ConnectionId) -> usize {
        if id == self.current {
            self.cork.queued_bytes()
        } else {
            self.wire(id).map_or(0, Wire::queued_bytes)
        }
    }

    /// Writes the queued output of a connection now, before the end of its event or of the turn. Call it when the outbox
    /// has passed the high-water mark. True if the connection is congested after that: its peer is not read until it has
    /// drained.
    #[cold]
    #[inline(never)]
    pub fn flush_early(&mut self, id: ConnectionId) -> bool {
        self.interrupt_broadcast();
        if id == self.current {
            self.write_cork();
        } else {
            self.flush(id);
        }
        self.is_congested(id)
    }

    /// Writes `header` and `payload` after the queued output, without copying them; only what the kernel does not take is
    /// copied. For payloads of at least [`WRITE_THROUGH_BYTES_MIN`](crate::WRITE_THROUGH_BYTES_MIN). `None`: the connection
    /// is gone, or takes no more output. Otherwise: whether the connection is congested now.
    #[inline(never)]
    pub fn write_through(&mut self, id: ConnectionId, header: &[u8], payload: &[u8]) -> Option<bool> {
        self.outbox(id)?;
        let is_next = id == self.current && self.cork.queued_bytes() <= payload.len();
        match self.slab.get_mut(id.slot()) {
            Some(wire) if is_next && !wire.has(WriteStop::ANY) => {
                let written = self.cork.write_through(&mut wire.session, header, payload);
                self.wrote(id, written);
            }
            _ => {
                let tail = self.outbox(id)?.tail();
                tail.extend_from_slice(header);
                tail.extend_from_slice(payload);
            }
        }
        if self.queued_now(id) > self.lowest_marks().high && self.is_above_high_water(id) {
            Some(self.flush_early(id))
        } else {
            Some(false)
        }
    }

    /// True from when more bytes than the high-water mark were queued until they have drained to the low-water mark.
    pub fn is_congested(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.has(Flags::CONGESTED))
    }

    /// Sets whether the connection is read while it is congested. Default: no.
    pub fn set_read_while_congested(&mut self, id: ConnectionId, reads: bool) {
        let is_congested = self.is_congested(id);
        let Some(wire) = self.wire_mut(id) else { return };
        wire.flags.remove(Flags::READ_WHILE_CONGESTED | Flags::CONGESTED_AND_READ);
        if reads {
            wire.flags.insert(Flags::READ_WHILE_CONGESTED);
            wire.flags.insert(if is_congested { Flags::CONGESTED_AND_READ } else { Flags::default() });
            self.resume_reading(id, ReadStop::CONGESTED);
        } else if is_congested {
            self.stop_reading(id, ReadStop::CONGESTED);
        }
    }

    #[inline(never)]
    fn outbox_of(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        let wire = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id && wire.phase == Phase::Open)?;
        if id == self.current {
            return Some(&mut self.cork);
        }
        if wire.raise(Flags::DIRTY) && !planted(9) {
            self.dirty.push(id);
        }
        let (outboxes, account) = (&mut self.outboxes, &mut self.account);
        Some(wire.outbox.get_or_insert_with(|| pooled_outbox(outboxes, account)))
    }

    /// From now on answers of this wire go into the cork, after its queued bytes.
    pub(crate) fn begin_event(&mut self, id: ConnectionId) {
        (self.current, self.stopped) = (id, false);
        let Some(wire) = self.wire_mut(id) else { return };
        self.stopped = wire.phase != Phase::Open;
        if let Some(backlog) = self.wire_mut(id).filter(|_| !planted(10)).and_then(|wire| wire.outbox.take())
        {
            let empty = std::mem::replace(&mut self.cork, backlog);
            self.recycle(empty);
        }
    }

    /// Ends the event with one write. The cork stays with the reactor; bytes that the kernel does not take go to the
    /// wire. If other wires wait for the end of the turn, this one waits too: when messages go to many, this wire may
    /// get more of them in this turn, and then one write is enough. True if bytes were kept.
    #[inline(always)]
    pub(crate) fn end_event(&mut self) -> bool {
        let is_done = self.cork.is_empty() || (self.dirty.is_empty() && self.write_cork());
        if !is_done {
            self.keep_cork();
        }
        self.current = ConnectionId::NO_WIRE;
        !is_done
    }

    /// Writes the cork. True if nothing of it is left.
    #[inline(always)]
    fn write_cork(&mut self) -> bool {
        let Self { slab, cork, stats, current, .. } = self;
        let (cork, id) = (&mut **cork, *current);
        let Some(wire) = slab.get_mut(id.slot()) else { return false };
        if wire.has(WriteStop::ANY) {
            return self.not_now(id);
        }
        let written = cork.write_to(&mut wire.session);
        let is_empty = cork.is_empty();
        match written {
            // The usual case: all bytes were taken, and no flag is set.
            Ok(count) if is_empty && wire.flags.is_empty() => {
                wire.bytes_out += count as u64;
                stats.bytes_out.add(count as u64);
            }
            written => self.wrote(id, written),
        }
        is_empty
    }

    #[cold]
    #[inline(never)]
    fn keep_cork(&mut self) {
        let fresh = self.take_outbox();
        let backlog = std::mem::replace(&mut self.cork, fresh);
        let (id, others_wait) = (self.current, !self.dirty.is_empty());
        match self.wire_mut(id) {
            Some(wire) if wire.phase < Phase::Dead => {
                wire.outbox = Some(backlog);
                if others_wait && wire.raise(Flags::DIRTY) {
                    self.dirty.push(id);
                }
                self.charge_outbox(id);
            }
            _ => self.recycle(backlog),
        }
    }

    /// Writes the queued bytes of a wire that is not the current one, if it can take any.
    pub(crate) fn flush(&mut self, id: ConnectionId) {
        match self.wire_mut(id) {
            Some(wire) if wire.has(WriteStop::ANY) => {
                self.not_now(id);
            }
            Some(_) => self.write_out(id),
            None => {}
        }
    }

    /// Marks a wire to be flushed at the end of the turn.
    pub(super) fn flush_later(&mut self, id: ConnectionId) {
        if self.wire_mut(id).is_some_and(|wire| wire.raise(Flags::DIRTY)) {
            self.dirty.push(id);
        }
    }

    /// The same at a writable event, even if the wire was blocked.
    pub(crate) fn write_out(&mut self, id: ConnectionId) {
        self.write_once(id, Outbox::write_to);
    }

    /// Makes one write of the queued bytes, of the cork too, up to this number.
    #[cold]
    pub(super) fn write_some(&mut self, id: ConnectionId, bytes_max: usize) {
        if id != self.current {
            return self.write_once(id, |outbox, session| outbox.write_some(session, bytes_max));
        }
        let Some(wire) = self.slab.get_mut(id.slot()) else { return };
        let written = self.cork.write_some(&mut wire.session, bytes_max);
        self.wrote(id, written);
    }

    /// Makes one write of the queued bytes of a wire that is not the current one.
    #[inline(always)]
    fn write_once(
        &mut self,
        id: ConnectionId,
        write: impl FnOnce(&mut Outbox, &mut Session) -> io::Result<usize>,
    ) {
        let Some(wire) = self.wire_mut(id) else { return };
        let Some(mut outbox) = wire.outbox.take() else { return };
        if outbox.is_empty() {
            return self.recycle(outbox);
        }
        let written = write(&mut outbox, &mut wire.session);
        if outbox.is_empty() {
            self.recycle(outbox);
        } else if let Some(wire) = self.wire_mut(id) {
            wire.outbox = Some(outbox);
            self.charge_outbox(id);
        }
        self.wrote(id, written);
    }

    /// A write to an aborted wire, or to a blocked one before its writable event, would do nothing. A wire with tokens
    /// is written as far as they allow. True if nothing is queued after it.
    #[cold]
    #[inline(never)]
    fn not_now(&mut self, id: ConnectionId) -> bool {
        if self.wire(id).is_some_and(|wire| wire.flags.may_write_by_tokens()) {
            self.write_by_tokens(id);
        } else {
            self.keep_for_later(id);
        }
        self.queued_now(id) == 0
    }

    /// Writes nothing now: charges the queued bytes, and compares them with the water marks.
    pub(super) fn keep_for_later(&mut self, id: ConnectionId) {
        let unused = |wire: &mut Wire| wire.outbox.take_if(|outbox| outbox.is_empty());
        match self.wire_mut(id).and_then(unused) {
            Some(outbox) => self.recycle(outbox),
            None => self.charge_outbox(id),
        }
        let queued = self.queued_now(id);
        self.check_water_marks(id, queued);
    }

    /// After a write: updates water marks and deadlines, and ends the wire if the peer is gone.
    #[inline(never)]
    fn wrote(&mut self, id: ConnectionId, written: io::Result<usize>) {
        let queued = self.queued_now(id);
        let now = self.now;
        let Some(wire) = self.slab.get_mut(id.slot()) else { return };
        match written {
            Ok(count) => {
                wire.bytes_out += count as u64;
                self.stats.bytes_out.add(count as u64);
                if queued == 0 && wire.flags.is_empty() {
                    return;
                }
                if wire.has(Flags::TELLS_WRITES) {
                    self.note_write(id);
                }
                let Some(wire) = self.slab.get_mut(id.slot()) else { return };
                if wire.has(Flags::WRITES_COUNT_AS_ACTIVITY) {
                    wire.last_received = now;
                }
                self.put_off_stall(id);
                if self.cork.charged > 0 && self.cork.is_empty() {
                    self.uncharge_cork();
                }
                self.check_water_marks(id, queued);
            }
            Err(error) => self.not_written(id, &error, queued),
        }
    }

    #[cold]
    fn not_written(&mut self, id: ConnectionId, error: &io::Error, queued: usize) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.check_water_marks(id, queued);
        } else {
            self.abort(id, Reason::of_error(error));
        }
    }

    /// Compares the queued bytes with the water marks, and schedules what must follow.
    #[cold]
    #[inline(never)]
    pub(super) fn check_water_marks(&mut self, id: ConnectionId, queued: usize) {
        // Encrypted bytes that the kernel has not taken count too.
        let waiting = queued + self.charge_session(id);
        let limits = self.limits_of(id);
        let (high, low) = (limits.outbox_bytes_high, limits.outbox_bytes_low);
        // A full outbox counts as congested, even if it is not above high water.
        let is_full = queued >= limits.outbox_bytes_max;
        let is_current = id == self.current;
        let Some(wire) = self.wire_mut(id).filter(|wire| wire.phase < Phase::Dead) else { return };
        if queued > high || is_full {
            let reads = wire.has(Flags::READ_WHILE_CONGESTED);
            wire.flags.insert(if reads { Flags::CONGESTED_AND_READ } else { ReadStop::CONGESTED.into() });
            self.stopped |= is_current;
        } else if queued <= low && wire.has(Flags::CONGESTED) && !planted(12) {
            self.drained.push(id);
        }
        let Some(wire) = self.wire_mut(id) else { return };
        if waiting == 0 {
            wire.flags.remove(WriteStop::BLOCKED);
        } else if !wire.has(WriteStop::BY_TOKENS) {
            self.arm_stall_timer(id);
        }
    }

    /// The kernel has not taken all bytes: sets the write timeout. A timer from an earlier backlog is set again.
    pub(crate) fn arm_stall_timer(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id) else { return };
        if wire.raise(WriteStop::BLOCKED) && !planted(11) {
            self.disarm(id, timer_key::STALL);
            self.put_off_stall(id);
        }
    }

    /// Postpones the write timeout when the kernel has taken bytes, or has just begun to block. If it has taken too little
    /// since the last time, the timeout is not postponed.
    pub(crate) fn put_off_stall(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire(id).filter(|wire| wire.has(WriteStop::BLOCKED)) else { return };
        // Bytes in the session are not taken yet. The lower half is enough, because the difference wraps.
        let taken = wire.bytes_out.wrapping_sub(wire.session.encrypted_bytes() as u64) as u32;
        let limits = self.limits_of_wire(wire);
        let (least, stall) = (limits.write_stall_bytes_min, limits.write_stall);
        let is_little = || (taken.wrapping_sub(self.timer_note(id, timer_key::STALL)) as usize) < least;
        if least <= 1 || !self.has_timer(id, timer_key::STALL) || !is_little() {
            self.arm_noted(id, timer_key::STALL, self.now.after(stall).0, taken);
        }
    }
}
