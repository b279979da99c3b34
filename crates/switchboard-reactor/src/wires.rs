//! Every wire of one reactor: what the layer above may ask of them and do to them.

use crate::carry::CarryPool;
use crate::id::{SLOTS_MAX, WireId};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::reason::{Limit, Reason};
use crate::stats::Stats;
use crate::table;
use crate::time::{Time, millis};
use crate::timer::{NIL, Wheel};
use crate::transport::Transport;
use crate::wire::{Phase, Wire, flag};
use mio::{Interest, Registry};
use slab::Slab;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Every wire of one reactor. Not generic: user types never reach it.
///
/// Each method takes the id of the wire that is meant. An id whose wire is gone does nothing, or answers `None`.
#[derive(Debug)]
pub struct Wires {
    pub(crate) slab: Slab<Wire>,
    /// The next generation of each slot that was ever used.
    generations: Vec<u32>,
    retired: usize,
    pub(crate) wheel: Wheel,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<Stats>,
    pub(crate) now: Time,
    /// The wire whose bytes are being handed up, and its cork: answers are written once, after the event.
    pub(crate) current: WireId,
    pub(crate) cork: Box<Outbox>,
    /// Something happened to the current wire that takes it off the usual path.
    pub(crate) stopped: bool,
    pub(crate) dirty: Vec<WireId>,
    pub(crate) again: Vec<WireId>,
    pub(crate) ending: Vec<WireId>,
    pub(crate) drained: Vec<WireId>,
    // Boxed: a wire holds one as a single pointer, and the boxes themselves are reused too.
    #[expect(clippy::vec_box)]
    outboxes: Vec<Box<Outbox>>,
    pub(crate) carries: CarryPool,
    pub(crate) handshakes_left: usize,
    registry: Option<Registry>,
    reactor: u8,
    /// When the service wants to be woken although nothing happens.
    pub(crate) alarm: Time,
    halted: bool,
    pub(crate) listening: bool,
}

/// The reactor's own timers; every smaller key is the layer above's.
pub(crate) mod key {
    pub(crate) const SILENCE: u32 = u32::MAX;
    pub(crate) const STALL: u32 = u32::MAX - 1;
    pub(crate) const LINGER: u32 = u32::MAX - 2;
    pub(crate) const HANDSHAKE: u32 = u32::MAX - 3;
}

/// The largest timer key of the layer above.
pub const TIMER_KEY_MAX: u32 = u32::MAX - 16;

/// Later than any time.
pub(crate) const NEVER: Time = Time(u64::MAX);

/// Outboxes that wait for their next use.
const OUTBOXES_KEPT_MAX: usize = 256;

/// What a connection has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireStats {
    /// Bytes read, as plain text.
    pub bytes_in: u64,
    /// Bytes the kernel took, as plain text.
    pub bytes_out: u64,
    /// Bytes that wait for the kernel.
    pub queued: usize,
    /// Time since it was taken up.
    pub age: Duration,
    /// Time since something was heard.
    pub quiet: Duration,
}

impl Wires {
    pub(crate) fn new(reactor: u8, now: Time, limits: Limits, registry: Option<Registry>) -> Self {
        Self {
            slab: Slab::new(),
            generations: Vec::new(),
            retired: 0,
            wheel: Wheel::new(now.0),
            limits,
            stats: Arc::default(),
            now,
            current: WireId::NONE,
            cork: Box::default(),
            stopped: false,
            dirty: Vec::new(),
            again: Vec::new(),
            ending: Vec::new(),
            drained: Vec::new(),
            outboxes: Vec::new(),
            carries: CarryPool::default(),
            handshakes_left: 0,
            registry,
            reactor,
            alarm: NEVER,
            halted: false,
            listening: true,
        }
    }

    /// Takes a connection up. It is registered once, for both directions and by edges, and never again.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] if the table is full, or what the system said when it did not register the
    /// socket. The transport is dropped, and with it the connection.
    pub fn insert(&mut self, mut transport: Transport) -> io::Result<WireId> {
        if self.is_full() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        table::reserve_gently(&mut self.slab);
        let entry = self.slab.vacant_entry();
        let slot = entry.key();
        table::extend_gently(&mut self.generations, slot, || 0);
        let id = WireId::new(self.reactor, self.generations[slot], slot);
        if let (Some(registry), Some(socket)) = (&self.registry, transport.socket()) {
            registry.register(socket, id.token(), Interest::READABLE | Interest::WRITABLE)?;
        }
        let wire = entry.insert(Wire::new(id, transport, self.now.stamp()));
        self.stats.opened.add(1);
        if wire.phase == Phase::Handshake {
            self.arm(id, key::HANDSHAKE, self.now.after(self.limits.handshake).0);
        }
        Ok(id)
    }

    /// True if no further connection can be taken up.
    pub fn is_full(&self) -> bool {
        self.len() >= self.limits.wires_max || self.slab.len() >= SLOTS_MAX
    }

    /// True while the connection exists, even if it is already closing.
    pub fn contains(&self, id: WireId) -> bool {
        self.peek(id).is_some()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.slab.len() - self.retired
    }

    /// True if there is no connection.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of all connections, by slot.
    pub fn ids(&self) -> impl Iterator<Item = WireId> {
        self.slab.iter().map(|(_, wire)| wire.id).filter(|id| *id != WireId::NONE)
    }

    /// The time of this turn.
    #[inline(always)]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The number of this reactor.
    #[inline(always)]
    pub fn reactor(&self) -> usize {
        self.reactor.into()
    }

    /// The bounds of this reactor.
    #[inline(always)]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The counters of this reactor.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// What the connection has done so far.
    pub fn wire_stats(&self, id: WireId) -> Option<WireStats> {
        let wire = self.peek(id)?;
        let passed = |stamp: u32| Duration::from_millis(self.now.stamp().wrapping_sub(stamp).into());
        Some(WireStats {
            bytes_in: wire.bytes_in,
            bytes_out: wire.bytes_out,
            queued: self.queued(id),
            age: passed(wire.since),
            quiet: passed(wire.heard),
        })
    }

    /// The peer's address, asked of the system each time.
    pub fn peer_addr(&self, id: WireId) -> io::Result<SocketAddr> {
        self.peek(id).ok_or(io::ErrorKind::NotConnected)?.transport.peer_addr()
    }

    /// This side's address, asked of the system each time.
    pub fn local_addr(&self, id: WireId) -> io::Result<SocketAddr> {
        self.peek(id).ok_or(io::ErrorKind::NotConnected)?.transport.local_addr()
    }

    /// The connection's TLS session, if it has one.
    #[cfg(feature = "tls")]
    pub fn tls(&self, id: WireId) -> Option<&rustls::ServerConnection> {
        match &self.peek(id)?.transport {
            Transport::Tls(tls) => Some(tls.session()),
            Transport::Tcp(_) | Transport::Memory(_) => None,
        }
    }

    /// Where answers are encoded. Nothing is sent yet: the current wire's is written once after its event, any
    /// other's once at the end of the turn. `None`: the connection is gone, or takes nothing more.
    #[inline(always)]
    pub fn outbox(&mut self, id: WireId) -> Option<&mut Outbox> {
        if id == self.current && !self.stopped {
            return Some(&mut self.cork);
        }
        self.outbox_of(id)
    }

    /// Bytes that wait for the kernel, this event's answers included.
    pub fn queued(&self, id: WireId) -> usize {
        if id == self.current { self.cork.queued() } else { self.peek(id).map_or(0, Wire::queued) }
    }

    /// Writes what has gathered for a connection before its time. To be called when its outbox has passed the
    /// high-water mark; returns true if it is still above it, so that its peer is not read until it has drained.
    #[cold]
    #[inline(never)]
    pub fn relieve(&mut self, id: WireId) -> bool {
        if id == self.current {
            self.write_cork();
        } else {
            self.flush(id);
        }
        self.is_congested(id)
    }

    /// Writes `header` and `payload` behind what is queued, from where they lie; what the kernel does not take of
    /// them is copied. For payloads of [`WRITE_THROUGH_BYTES_MIN`](crate::WRITE_THROUGH_BYTES_MIN) and more.
    /// `None`: as with [`Wires::outbox`]. Otherwise whether the connection is congested now.
    #[inline(never)]
    pub fn write_through(&mut self, id: WireId, header: &[u8], payload: &[u8]) -> Option<bool> {
        let current = self.current;
        let outbox = self.outbox(id)?;
        if id != current || outbox.queued() > payload.len() {
            outbox.tail().extend_from_slice(header);
            outbox.tail().extend_from_slice(payload);
        } else {
            let wire = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id)?;
            let written = self.cork.write_through(&mut wire.transport, header, payload);
            self.wrote(id, written);
        }
        if self.queued(id) > self.limits.outbox_bytes_high { Some(self.relieve(id)) } else { Some(false) }
    }

    /// True if more is queued than the high-water mark, and until that has drained to the low one.
    pub fn is_congested(&self, id: WireId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(flag::CONGESTED))
    }

    /// True once something happened to the current wire that takes it off the usual path: ask
    /// [`Wires::goes_on`] before the next of its bytes is looked at.
    #[inline(always)]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// True while the layer above should go on with the bytes it holds.
    pub fn goes_on(&self, id: WireId) -> bool {
        self.peek(id)
            .is_some_and(|wire| matches!(wire.phase, Phase::Open | Phase::Mute) && !wire.has(flag::NOT_READ))
    }

    /// True while the connection takes new output.
    pub fn is_open(&self, id: WireId) -> bool {
        self.peek(id).is_some_and(|wire| wire.phase == Phase::Open)
    }

    /// True once the peer has finished its side.
    pub fn has_ended(&self, id: WireId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(flag::ENDED))
    }

    /// Closes: writes what is queued, sends the end, and waits a little for the peer's, so that a reset does not
    /// destroy what was sent. The first reason given stands.
    pub fn close(&mut self, id: WireId, reason: Reason) {
        if let Some(wire) = self.get(id) {
            if wire.phase < Phase::Closing {
                (wire.phase, wire.reason) = (Phase::Closing, reason);
                self.end_later(id);
            }
        }
    }

    /// Drops what is queued and resets the connection. The first reason given stands.
    pub fn abort(&mut self, id: WireId, reason: Reason) {
        let Some(wire) = self.get(id) else { return };
        if wire.phase < Phase::Closing {
            wire.reason = reason;
        }
        if wire.phase < Phase::Dead {
            wire.phase = Phase::Dead;
            wire.transport.reset();
            self.end_later(id);
        }
    }

    /// Takes no further output, but goes on listening: for a protocol whose last word was said and whose peer still
    /// has to answer.
    pub fn mute(&mut self, id: WireId) {
        if let Some(wire) = self.get(id) {
            if wire.phase == Phase::Open {
                wire.phase = Phase::Mute;
                self.stopped |= id == self.current;
            }
        }
    }

    /// Stops reading because the user said so. The rest of the current bytes is kept.
    pub fn pause(&mut self, id: WireId) {
        self.block(id, flag::PAUSED);
    }

    /// Takes [`Wires::pause`] back: what was kept is shown again, and the socket is read.
    pub fn resume(&mut self, id: WireId) {
        self.unblock(id, flag::PAUSED);
    }

    /// Stops reading because an answer is owed. Independent of [`Wires::pause`].
    pub fn hold(&mut self, id: WireId) {
        self.block(id, flag::HELD);
    }

    /// Takes [`Wires::hold`] back.
    pub fn release(&mut self, id: WireId) {
        self.unblock(id, flag::HELD);
    }

    /// Leaves the rest of the current bytes for the next turn, so that others have theirs.
    pub fn yield_turn(&mut self, id: WireId) {
        if let Some(wire) = self.get(id) {
            wire.raise(flag::RECHECK);
            self.look_again(id);
        }
    }

    /// After so long without a byte from the peer the layer above is told; zero: never. Activity costs one store:
    /// the wheel looks at it only when it would fire.
    pub fn set_silence(&mut self, id: WireId, silence: Duration) {
        let silence_ms = u32::try_from(millis(silence)).unwrap_or(u32::MAX / 2);
        let now = self.now;
        let Some(wire) = self.get(id) else { return };
        wire.silence_ms = silence_ms;
        let quiet = now.stamp().wrapping_sub(wire.heard);
        if silence_ms == 0 {
            self.disarm(id, key::SILENCE);
        } else {
            self.arm(id, key::SILENCE, now.0 + u64::from(silence_ms.saturating_sub(quiet)));
        }
    }

    /// Makes writing break the silence as well, for a stream whose peer has nothing to say.
    pub fn count_writes_as_sound(&mut self, id: WireId) {
        if let Some(wire) = self.get(id) {
            wire.raise(flag::WRITES_BREAK_SILENCE);
        }
    }

    /// Sets or moves the timer `key` of the connection, at most [`TIMER_KEY_MAX`].
    pub fn set_timer(&mut self, id: WireId, key: u32, after: Duration) {
        debug_assert!(key <= TIMER_KEY_MAX, "the largest keys are the reactor's own");
        self.arm(id, key, self.now.after(after).0);
    }

    /// Cancels the timer `key`; it will not fire any more. False if it was not set.
    pub fn cancel_timer(&mut self, id: WireId, key: u32) -> bool {
        self.disarm(id, key)
    }

    /// Wakes the service after so long, once, as if its mailbox had been rung. There is one alarm: a new one takes the
    /// place of the one before.
    pub fn set_alarm(&mut self, after: Duration) {
        self.alarm = self.now.after(after);
    }

    /// Lets the driver return from its loop at the end of the turn.
    pub fn halt(&mut self) {
        self.halted = true;
    }

    /// True once [`Wires::halt`] was called.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether the driver accepts newcomers. What came before and is still in the backlog waits.
    pub fn set_listening(&mut self, listening: bool) {
        self.listening = listening;
    }

    /// Bytes that the tables take, used or not: their share in the cost of a connection.
    pub fn table_bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Wire>()
            + self.generations.capacity() * size_of::<u32>()
            + self.wheel.table_bytes()
    }

    /// Timers of all connections, set or not: zero once every connection is gone.
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    #[inline(always)]
    pub(crate) fn get(&mut self, id: WireId) -> Option<&mut Wire> {
        self.slab.get_mut(id.slot()).filter(|wire| wire.id == id)
    }

    pub(crate) fn peek(&self, id: WireId) -> Option<&Wire> {
        self.slab.get(id.slot()).filter(|wire| wire.id == id)
    }

    #[inline(never)]
    fn outbox_of(&mut self, id: WireId) -> Option<&mut Outbox> {
        let wire = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id && wire.phase == Phase::Open)?;
        if id == self.current {
            return Some(&mut self.cork);
        }
        if wire.raise(flag::DIRTY) {
            self.dirty.push(id);
        }
        let outboxes = &mut self.outboxes;
        Some(wire.outbox.get_or_insert_with(|| outboxes.pop().unwrap_or_default()))
    }

    /// From now on answers of this wire are corked, behind what is queued for it already.
    pub(crate) fn begin_event(&mut self, id: WireId) {
        (self.current, self.stopped) = (id, false);
        let Some(wire) = self.get(id) else { return };
        self.stopped = wire.phase != Phase::Open;
        if let Some(backlog) = self.get(id).and_then(|wire| wire.outbox.take()) {
            let empty = std::mem::replace(&mut self.cork, backlog);
            self.recycle(empty);
        }
    }

    /// One write for the whole event. The cork stays with the reactor; what the kernel does not take goes to the
    /// wire.
    #[inline(always)]
    pub(crate) fn end_event(&mut self) {
        if !self.cork.is_empty() {
            self.write_cork();
            if !self.cork.is_empty() {
                self.keep_cork();
            }
        }
        self.current = WireId::NONE;
    }

    #[inline(always)]
    fn write_cork(&mut self) {
        let id = self.current;
        let Some(wire) = self.slab.get_mut(id.slot()) else { return };
        if wire.phase == Phase::Dead {
            return;
        }
        let written = self.cork.write_to(&mut wire.transport);
        self.wrote(id, written);
    }

    #[cold]
    #[inline(never)]
    fn keep_cork(&mut self) {
        let fresh = self.outboxes.pop().unwrap_or_default();
        let backlog = std::mem::replace(&mut self.cork, fresh);
        match self.get(self.current) {
            Some(wire) if wire.phase < Phase::Dead => wire.outbox = Some(backlog),
            _ => self.recycle(backlog),
        }
    }

    /// One write of what is queued for a wire that is not the current one.
    pub(crate) fn flush(&mut self, id: WireId) {
        let Some(wire) = self.get(id) else { return };
        wire.flags &= !flag::DIRTY;
        if wire.phase == Phase::Dead {
            return;
        }
        let Some(mut outbox) = wire.outbox.take() else { return };
        let written = outbox.write_to(&mut wire.transport);
        if outbox.is_empty() {
            self.recycle(outbox);
        } else if let Some(wire) = self.get(id) {
            wire.outbox = Some(outbox);
        }
        self.wrote(id, written);
    }

    /// Accounts for one write: marks, deadlines, and the end if the peer is gone.
    #[inline(always)]
    fn wrote(&mut self, id: WireId, written: io::Result<usize>) {
        let queued = self.queued(id);
        let now = self.now.stamp();
        let Some(wire) = self.slab.get_mut(id.slot()) else { return };
        match written {
            Ok(count) => {
                wire.bytes_out += count as u64;
                self.stats.bytes_out.add(count as u64);
                wire.progress = now;
                if queued == 0 && wire.flags == 0 {
                    return;
                }
                self.weigh(id, queued);
            }
            Err(error) => self.not_written(id, &error, queued),
        }
    }

    #[cold]
    fn not_written(&mut self, id: WireId, error: &io::Error, queued: usize) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.weigh(id, queued);
        } else {
            self.abort(id, Reason::Reset);
        }
    }

    /// Compares what is queued with the marks, and sees to it that somebody looks after it.
    #[cold]
    #[inline(never)]
    fn weigh(&mut self, id: WireId, queued: usize) {
        let (high, low) = (self.limits.outbox_bytes_high, self.limits.outbox_bytes_low);
        let (now, is_current) = (self.now.stamp(), id == self.current);
        let Some(wire) = self.get(id) else { return };
        if wire.has(flag::WRITES_BREAK_SILENCE) {
            wire.heard = now;
        }
        if queued > high {
            wire.flags |= flag::CONGESTED;
            self.stopped |= is_current;
        } else if queued <= low && wire.has(flag::CONGESTED) {
            self.drained.push(id);
        }
        if queued > 0 {
            self.watch_stall(id);
        }
    }

    /// From now on the peer must take something within the bound.
    pub(crate) fn watch_stall(&mut self, id: WireId) {
        let now = self.now;
        if self.timer_entry(id, key::STALL).is_none() {
            if let Some(wire) = self.get(id) {
                wire.progress = now.stamp();
            }
            self.arm(id, key::STALL, now.after(self.limits.write_stall).0);
        }
    }

    pub(crate) fn recycle(&mut self, mut outbox: Box<Outbox>) {
        outbox.reset();
        if self.outboxes.len() < OUTBOXES_KEPT_MAX {
            self.outboxes.push(outbox);
        }
    }

    /// The unused rest of a wire's bytes stays within its bound, unless it was this side that stopped reading.
    pub(crate) fn check_carry(&mut self, id: WireId) {
        let carry_bytes_max = self.limits.carry_bytes_max;
        let Some(wire) = self.get(id) else { return };
        let carried = wire.carry.as_ref().map_or(0, |carry| carry.len());
        if carried > carry_bytes_max && !wire.has(flag::NOT_READ | flag::RECHECK) {
            self.close(id, Reason::Limit(Limit::Carry));
        }
    }

    pub(crate) fn look_again(&mut self, id: WireId) {
        if let Some(wire) = self.get(id) {
            if wire.raise(flag::AGAIN) {
                self.again.push(id);
            }
        }
    }

    fn block(&mut self, id: WireId, why: u16) {
        let is_current = id == self.current;
        if let Some(wire) = self.get(id) {
            wire.flags |= why;
            self.stopped |= is_current;
        }
    }

    /// Whatever the wire was not read for is over: it is looked at again, carry first.
    pub(crate) fn unblock(&mut self, id: WireId, why: u16) {
        let now = self.now.stamp();
        let Some(wire) = self.get(id) else { return };
        if wire.has(why) {
            wire.flags &= !why;
            wire.heard = now;
            wire.raise(flag::RECHECK);
            self.look_again(id);
        }
    }

    pub(crate) fn end_later(&mut self, id: WireId) {
        self.stopped |= id == self.current;
        if let Some(wire) = self.get(id) {
            if wire.raise(flag::ENDING) {
                self.ending.push(id);
            }
        }
    }

    pub(crate) fn arm(&mut self, id: WireId, key: u32, at: u64) {
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

    pub(crate) fn disarm(&mut self, id: WireId, key: u32) -> bool {
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

    fn timer_entry(&self, id: WireId, key: u32) -> Option<u32> {
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

    /// Frees the slot; the next wire in it has another generation. A slot whose generations are used up stays
    /// taken for ever.
    pub(crate) fn remove(&mut self, id: WireId) {
        let Some(wire) = self.get(id) else { return };
        let (mut timer, outbox, carry) = (wire.timers, wire.outbox.take(), wire.carry.take());
        while timer != NIL {
            timer = self.wheel.remove(timer);
        }
        if let Some(outbox) = outbox {
            self.recycle(outbox);
        }
        if let Some(carry) = carry {
            self.carries.give_back(carry);
        }
        self.stats.closed.add(1);
        match self.generations[id.slot()].checked_add(1) {
            Some(next) => {
                self.generations[id.slot()] = next;
                self.slab.remove(id.slot());
            }
            None => self.retire(id),
        }
    }

    #[cold]
    fn retire(&mut self, id: WireId) {
        self.retired += 1;
        if let Some(wire) = self.get(id) {
            wire.id = WireId::NONE;
            // The socket is closed by being replaced.
            wire.transport = Transport::Memory(crate::Pipe::pair(([0, 0, 0, 0], 0).into()).0);
        }
    }

    #[cfg(test)]
    pub(crate) fn set_generation(&mut self, slot: usize, generation: u32) {
        table::extend_gently(&mut self.generations, slot, || 0);
        self.generations[slot] = generation;
    }
}
