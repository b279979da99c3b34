//! One turn of the reactor: what was put off, readiness, timers, and the end of the turn.
//!
//! The reactor neither polls nor reads a clock: a driver tells it the time and what is ready. Within a turn each
//! wire's bytes go up once, its answers go down in one write, and what was written to other wires is flushed once at
//! the end.

use crate::guard::{Panic, guard, hand_over};
use crate::id::WireId;
use crate::limits::Limits;
use crate::planted::planted;
use crate::reason::{Reason, Timeout};
use crate::service::Service;
use crate::time::Time;
use crate::transport::Got;
use crate::wire::{Phase, flag};
use crate::wires::{NEVER, Wires, key};
use mio::Registry;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::time::Duration;

/// What the operating system, or a simulation of it, says of one wire. By edges: it is said once.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The wire.
    pub id: WireId,
    /// Something can be read.
    pub readable: bool,
    /// Something can be written again.
    pub writable: bool,
    /// The peer has finished its side; bytes from before may still be there to be read.
    pub ended: bool,
    /// The connection is broken, both ways.
    pub broken: bool,
}

/// One reactor: its wires, and the receive buffer that they share.
///
/// The buffer stands beside the wires and never inside, so that bytes and wires can be borrowed at the same time.
#[derive(Debug)]
pub struct Reactor {
    /// The wires.
    pub wires: Wires,
    /// Room for a carry, then room for one read: a carried rest is copied to the end of the former, so that it and
    /// the new bytes lie together.
    rx: Box<[u8]>,
    headroom: usize,
    /// The list that is being worked on changes places with this one, so that neither allocates.
    spare: Vec<WireId>,
}

impl Reactor {
    /// A reactor with no wires. The registry is where sockets are registered; without one there are only in-memory
    /// wires.
    pub fn new(reactor: u8, now: Time, limits: Limits, registry: Option<Registry>) -> Self {
        let headroom = limits.carry_bytes_max;
        let rx = vec![0; headroom + limits.read_bytes].into();
        Self { wires: Wires::new(reactor, now, limits, registry), rx, headroom, spare: Vec::new() }
    }

    /// One turn.
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

    /// Takes what is ready, guarded: a panic costs one of them.
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

    /// The last part of a turn: what is due by time, and then all that was begun. What was ready comes before, so that
    /// no deadline beats bytes that are there already, however long the process was suspended.
    #[inline(always)]
    pub(crate) fn end<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.fire_timers(service);
        self.settle(service);
    }

    /// The first part of a turn: who wants to be woken, and what was put off.
    #[inline(always)]
    pub(crate) fn begin<S: Service + ?Sized>(&mut self, now: Time, service: &mut S) {
        self.wires.now = now;
        self.wires.handshakes_left = self.wires.limits.handshakes_per_turn;
        self.wires.stats.turns.add(1);
        if now >= self.wires.alarm {
            self.wires.alarm = NEVER;
            service.on_wake(&mut self.wires);
        }
        if !self.wires.again.is_empty() {
            self.look_again(service);
        }
    }

    /// After a panic that came out of [`Reactor::on_ready`]: tells the service, and brings the event to its end.
    #[cold]
    pub(crate) fn caught<S: Service + ?Sized>(&mut self, payload: Panic, service: &mut S) {
        let id = self.wires.current;
        if id == WireId::IDLE {
            // Not the service's.
            resume_unwind(payload);
        }
        service.on_panic(&mut self.wires, id, payload);
        self.wires.end_event();
        // Whether the read had emptied the socket is forgotten.
        if let Some(wire) = self.wires.get(id) {
            wire.flags |= flag::UNREAD;
            self.wires.look_again(id);
        }
    }

    /// How long the driver may sleep. `None`: until something happens.
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

    /// Brings to an end what callbacks have begun: drains, flushes and closes, until nothing is left. Each turn ends
    /// with it; what happens outside of a turn needs it too.
    #[inline(always)]
    pub fn settle<S: Service + ?Sized>(&mut self, service: &mut S) {
        let wires = &self.wires;
        if !(wires.dirty.is_empty() && wires.drained.is_empty() && wires.ending.is_empty()) {
            self.settle_slow(service);
        }
    }

    fn fire_timers<S: Service + ?Sized>(&mut self, service: &mut S) {
        while let Some((id, key)) = self.wires.wheel.due(self.wires.now.0) {
            self.on_timer(id, key, service);
        }
    }

    #[cold]
    #[inline(never)]
    fn on_timer<S: Service + ?Sized>(&mut self, id: WireId, key: u32, service: &mut S) {
        match key {
            key::MEMORY => return self.wires.look_after_squeezed(),
            key::SILENCE => return self.on_silence(id, service),
            key::STALL => return self.on_stall(id),
            _ => {}
        }
        self.wires.disarm(id, key);
        match key {
            key::LINGER => self.finish(id, service),
            key::HANDSHAKE => self.wires.abort(id, Reason::Timeout(Timeout::Handshake)),
            key if self.wires.is_heard(id) => service.on_timer(&mut self.wires, id, key),
            _ => {}
        }
    }

    /// The timer is as old as the silence that was asked for; what was heard since then puts it off.
    fn on_silence<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        let now = self.wires.now;
        let Some(wire) = self.wires.peek(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        let quiet = now.stamp().wrapping_sub(wire.heard);
        let silence = wire.silence_ms;
        if quiet < silence {
            if planted(18) {
                return;
            }
            return self.wires.arm(id, key::SILENCE, now.0 + u64::from(silence - quiet));
        }
        self.wires.arm(id, key::SILENCE, now.0 + u64::from(silence));
        // Who is not being listened to can't be reproached with silence.
        if wire_listens(&self.wires, id) {
            service.on_silence(&mut self.wires, id, Duration::from_millis(quiet.into()));
        }
    }

    fn on_stall(&mut self, id: WireId) {
        let now = self.wires.now;
        let stall = crate::time::millis(self.wires.limits.write_stall);
        let Some(wire) = self.wires.get(id) else { return };
        if !wire.has(flag::BLOCKED) {
            self.wires.disarm(id, key::STALL);
            return;
        }
        let waited = u64::from(now.stamp().wrapping_sub(wire.progress));
        if waited >= stall {
            self.wires.abort(id, Reason::Timeout(Timeout::Write));
        } else {
            self.wires.arm(id, key::STALL, now.0 + stall - waited);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_again<S: Service + ?Sized>(&mut self, service: &mut S) {
        let mut again = std::mem::replace(&mut self.wires.again, std::mem::take(&mut self.spare));
        for id in again.drain(..) {
            if let Some(wire) = self.wires.get(id) {
                wire.flags &= !flag::AGAIN;
                self.pump(id, false, service);
            }
        }
        self.spare = again;
    }

    /// Reads newcomers who have said something already, before the system is to watch them: of those that came for one
    /// request nearly all are gone then.
    #[cold]
    pub(crate) fn welcome<S: Service + ?Sized>(&mut self, service: &mut S) {
        let mut newcomers = std::mem::take(&mut self.wires.unwatched);
        for id in newcomers.drain(..) {
            if let Some(wire) = self.wires.get(id) {
                wire.flags |= flag::UNREAD;
            }
            self.pump(id, true, service);
            self.wires.watch(id);
        }
        self.wires.unwatched = newcomers;
    }

    /// Whatever is ready at one wire. A panic of [`Service::on_bytes`] may come out of it: see [`Reactor::caught`].
    #[inline(always)]
    pub(crate) fn on_ready<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, ended, broken, .. } = ready;
        let is_usual = readable && !ended && !broken;
        if !is_usual || !self.on_readable(id, service) {
            self.on_ready_slow(ready, service);
        }
    }

    /// The usual event: bytes to be read, and neither end nor error. False if the wire is not as it usually is: nothing
    /// carried, nothing queued, nothing the matter.
    #[inline(always)]
    pub(crate) fn on_readable<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) -> bool {
        let Self { wires, rx, headroom, .. } = self;
        let Some(wire) = wires.slab.get_mut(id.slot()).filter(|wire| wire.id == id && wire.is_plain()) else {
            return false;
        };
        match wire.transport.read(&mut rx[*headroom..]) {
            Got::Bytes { count, drained } => {
                wire.heard = wires.now.stamp();
                wire.bytes_in += count as u64;
                wires.stats.at.set(id.to_bits());
                wires.stats.doing.set(wire.label.into());
                self.hand_up(id, count, drained, service);
            }
            got => self.on_no_bytes(id, got, service),
        }
        true
    }

    /// The bytes of a plain wire go up, and its answers down. Nearly always one read has emptied the socket, and all
    /// of it was used.
    #[inline(always)]
    fn hand_up<S: Service + ?Sized>(&mut self, id: WireId, count: usize, drained: bool, service: &mut S) {
        let Self { wires, rx, headroom, .. } = self;
        wires.stats.bytes_in.add(count as u64);
        (wires.current, wires.stopped) = (id, false);
        let rx = &mut rx[*headroom..*headroom + count];
        let used = service.on_bytes(wires, id, rx);
        if used < count || !drained || wires.stopped {
            keep_rest(wires, id, &rx[used..], drained);
            wires.end_event();
            self.after_event(id, service);
        } else if wires.end_event() {
            self.after_event(id, service);
        }
    }

    /// After an event that may have kept something, or ended its wire, for which two things don't wait for the turn's
    /// end: too much that is kept, and a step towards the wire's own end. The peer then finds the last bytes and the end
    /// behind them at once.
    #[cold]
    #[inline(never)]
    fn after_event<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        if self.wires.care.is_due {
            self.settle_slow(service);
        } else if self.wires.ending.last() == Some(&id) {
            self.wires.ending.pop();
            self.wind_up(id, service);
        }
    }

    #[inline(never)]
    fn on_ready_slow<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, writable, ended, broken } = ready;
        let Some(wire) = self.wires.get(id) else {
            if id == WireId::BELL {
                service.on_wake(&mut self.wires);
            } else {
                self.wires.stats.stale.add(1);
            }
            return;
        };
        if broken && (wire.has(flag::NOT_READ | flag::ENDED) || wire.phase == Phase::Closing) && !planted(29)
        {
            // Nobody is going to read the news from the socket.
            return self.wires.abort(id, Reason::Reset);
        }
        if writable {
            self.on_writable(id);
        }
        if readable || ended || broken {
            // After the peer's end every edge tells of it again.
            let Some(wire) = self.wires.get(id).filter(|wire| !wire.has(flag::ENDED)) else { return };
            wire.flags |= if broken { flag::UNREAD | flag::BROKEN } else { flag::UNREAD };
            self.pump(id, !ended && !broken, service);
        }
    }

    fn on_writable(&mut self, id: WireId) {
        let now = self.wires.now.stamp();
        let Some(wire) = self.wires.get(id).filter(|wire| !wire.has(flag::CUT)) else { return };
        let pushed = match wire.transport.push() {
            Ok(pushed) => pushed,
            Err(error) => return self.wires.abort(id, Reason::of_error(&error)),
        };
        if wire.outbox.is_some() {
            // What has gathered in this turn goes on gathering: every edge tells of room, asked for or not.
            if wire.has(flag::BLOCKED) || !wire.has(flag::DIRTY) {
                self.wires.write_out(id);
            }
        } else {
            // What was blocked is invisible here: sealed by the transport already.
            wire.progress = now;
            wire.flags &= if pushed { !flag::BLOCKED } else { !0 };
            self.wires.book_sealed(id);
        }
        match self.wires.get(id) {
            Some(wire) if wire.phase == Phase::Closing && wire.outbox.is_none() => self.wires.end_later(id),
            _ => {}
        }
    }

    #[cold]
    #[inline(never)]
    fn on_no_bytes<S: Service + ?Sized>(&mut self, id: WireId, got: Got, service: &mut S) {
        self.wires.begin_event(id);
        self.take_end(id, got, service);
        self.wires.end_event();
    }

    /// Shows a wire's carry again, reads it, hands the bytes up, keeps the rest, and writes the answers once.
    /// `certain`: a short read says that the socket is empty, because its peer has not finished.
    #[inline(never)]
    fn pump<S: Service + ?Sized>(&mut self, id: WireId, certain: bool, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        match wire.phase {
            Phase::Closing | Phase::Dead => return,
            Phase::Lingering => return self.discard(id),
            Phase::Handshake => {
                if self.wires.handshakes_left == 0 {
                    return self.wires.look_again(id);
                }
                self.wires.handshakes_left -= 1;
            }
            Phase::Open | Phase::Mute => {}
        }
        if wire_listens(&self.wires, id) {
            self.wires.begin_event(id);
            self.pump_listening(id, certain, service);
            self.wires.end_event();
            self.after_event(id, service);
        }
    }

    fn pump_listening<S: Service + ?Sized>(&mut self, id: WireId, certain: bool, service: &mut S) {
        let mut budget = self.wires.limits.read_bytes;
        loop {
            let Some(wire) = self.wires.get(id) else { return };
            if wire.has(flag::RECHECK) {
                wire.flags &= !flag::RECHECK;
                if !self.show_carry(id, service) {
                    return;
                }
                continue;
            }
            if !wire.has(flag::UNREAD) {
                return;
            }
            if budget == 0 {
                return self.wires.look_again(id);
            }
            let got = wire.transport.read(&mut self.rx[self.headroom..]);
            if self.is_secured(id, service) && !self.wires.goes_on(id) {
                return self.put_off(id, &got);
            }
            let Got::Bytes { count, drained } = got else { return self.take_end(id, got, service) };
            let Some(wire) = self.wires.get(id) else { return };
            // A last look ends with a read that gave nothing.
            if drained && (certain || planted(30)) && !wire.has(flag::LAST_LOOK) {
                wire.flags &= !flag::UNREAD;
            }
            budget = budget.saturating_sub(count);
            if !self.take_in(id, count, service) {
                return;
            }
        }
    }

    /// The end of the transport's own talk: the layer above hears of the wire for the first time. True if that has
    /// just happened.
    #[inline(always)]
    fn is_secured<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) -> bool {
        let Some(wire) = self.wires.get(id) else { return false };
        if wire.phase != Phase::Handshake || wire.transport.is_handshaking() {
            return false;
        }
        wire.phase = Phase::Open;
        self.wires.disarm(id, key::HANDSHAKE);
        self.wires.stopped = false;
        service.on_secured(&mut self.wires, id);
        true
    }

    /// What was read together with the end of the handshake waits, because the layer above did not want it at once.
    #[cold]
    fn put_off(&mut self, id: WireId, got: &Got) {
        match *got {
            Got::Bytes { count, .. } => {
                keep_rest(&mut self.wires, id, &self.rx[self.headroom..self.headroom + count], true);
            }
            Got::Nothing => {
                if let Some(wire) = self.wires.get(id) {
                    wire.flags &= !flag::UNREAD;
                }
            }
            // The transport will say so again.
            Got::End | Got::Failed(_) => {}
        }
    }

    /// The read gave no bytes: the socket is empty, finished or broken.
    fn take_end<S: Service + ?Sized>(&mut self, id: WireId, got: Got, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags &= !flag::UNREAD;
        match got {
            Got::End if planted(24) => wire.flags |= flag::ENDED,
            Got::End => {
                wire.flags |= flag::ENDED;
                if matches!(wire.phase, Phase::Open | Phase::Mute) {
                    service.on_end(&mut self.wires, id);
                } else {
                    self.wires.close(id, Reason::Peer);
                }
            }
            // The alert that says why is still to reach the peer.
            Got::Failed(error) if error.kind() == ErrorKind::InvalidData => self.wires.close(id, Reason::Tls),
            Got::Failed(error) => self.wires.abort(id, Reason::of_error(&error)),
            Got::Nothing if wire.has(flag::LAST_LOOK) => {
                wire.flags &= !flag::LAST_LOOK;
                service.on_end(&mut self.wires, id);
            }
            Got::Nothing | Got::Bytes { .. } => {}
        }
    }

    /// Hands up what was read, behind what was carried. Whichever of the two is shorter is copied to the other, so
    /// that a peer who sends one byte at a time costs no more than the bytes it sends. False: the wire is not to be
    /// read on in this turn.
    fn take_in<S: Service + ?Sized>(&mut self, id: WireId, count: usize, service: &mut S) -> bool {
        let Self { wires, rx, headroom, .. } = self;
        let now = wires.now.stamp();
        let Some(wire) = wires.get(id) else { return false };
        wire.heard = now;
        wire.bytes_in += count as u64;
        let carry = wires.lift_carry(id);
        wires.stats.bytes_in.add(count as u64);
        let (begin, end) = (*headroom, *headroom + count);
        match carry {
            Some(mut carry) if carry.len() > count || carry.len() > begin => {
                carry.append(&rx[begin..end]);
                let used = hand_over(wires, id, carry.unused(), service);
                put_back(wires, id, carry, used);
            }
            carry => {
                let begin = carry.map_or(begin, |mut carry| {
                    let front = begin - carry.len();
                    rx[front..begin].copy_from_slice(carry.unused());
                    wires.give_back_carry(carry);
                    front
                });
                let used = hand_over(wires, id, &mut rx[begin..end], service);
                keep_rest(wires, id, &rx[begin + used..end], true);
            }
        }
        wires.goes_on(id) && !wires.peek(id).is_some_and(|wire| wire.has(flag::RECHECK))
    }

    /// Shows the carry without reading. False: the wire is not to be read on in this turn.
    fn show_carry<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) -> bool {
        let wires = &mut self.wires;
        match wires.lift_carry(id) {
            Some(mut carry) => {
                let used = hand_over(wires, id, carry.unused(), service);
                put_back(wires, id, carry, used);
            }
            // Something may be due that needs no bytes, such as the end of what was used up.
            None => {
                hand_over(wires, id, &mut [], service);
            }
        }
        wires.goes_on(id) && !wires.peek(id).is_some_and(|wire| wire.has(flag::RECHECK))
    }

    /// Reads and drops what a peer still sends after our end.
    fn discard(&mut self, id: WireId) {
        let mut budget = self.wires.limits.read_bytes;
        while let Some(wire) = self.wires.get(id) {
            match wire.transport.discard(&mut self.rx) {
                Got::Bytes { count, .. } if count < budget => budget -= count,
                Got::Bytes { .. } => return self.wires.look_again(id),
                Got::Nothing => {
                    wire.flags &= !flag::UNREAD;
                    if wire.is_over() {
                        self.wires.end_later(id);
                    }
                    return;
                }
                Got::End | Got::Failed(_) => {
                    wire.flags |= flag::ENDED;
                    return self.wires.end_later(id);
                }
            }
        }
    }

    #[inline(never)]
    fn settle_slow<S: Service + ?Sized>(&mut self, service: &mut S) {
        // A callback may write to further wires, or close them: until nothing is left.
        loop {
            self.wires.interrupt_broadcast();
            if !self.wires.drained.is_empty() {
                self.each(|wires| &mut wires.drained, |this, id| this.drain(id, service));
            } else if !self.wires.dirty.is_empty() {
                // The callback that wrote to many is over.
                self.wires.mark(WireId::IDLE, 0);
                self.each(|wires| &mut wires.dirty, Self::flush_dirty);
            } else if !self.wires.ending.is_empty() {
                self.each(|wires| &mut wires.ending, |this, id| this.wind_up(id, service));
            } else if self.wires.care.is_due {
                self.mind_memory(service);
            } else {
                return;
            }
        }
    }

    /// Tells of pressure, and ends those that hold too much.
    #[cold]
    fn mind_memory<S: Service + ?Sized>(&mut self, service: &mut S) {
        let (news, doomed) = self.wires.take_care();
        if let Some(pressure) = news {
            service.on_pressure(&mut self.wires, pressure);
        }
        for (id, why) in doomed {
            if self.wires.is_doomed(id, why) {
                self.wires.stats.evicted.add(1);
                if self.wires.peek(id).is_some_and(|wire| wire.phase != Phase::Handshake) {
                    service.on_evict(&mut self.wires, id, why);
                }
                self.wires.shed(id);
            }
        }
    }

    fn each(
        &mut self,
        list: impl Fn(&mut Wires) -> &mut Vec<WireId>,
        mut act: impl FnMut(&mut Self, WireId),
    ) {
        let spare = std::mem::take(&mut self.spare);
        let mut ids = std::mem::replace(list(&mut self.wires), spare);
        for id in ids.drain(..) {
            act(self, id);
        }
        self.spare = ids;
    }

    fn flush_dirty(&mut self, id: WireId) {
        if let Some(wire) = self.wires.get(id) {
            wire.flags &= if planted(23) { !0 } else { !flag::DIRTY };
            self.wires.flush(id);
        }
    }

    fn drain<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        let low = self.wires.limits.outbox_bytes_low;
        let Some(wire) = self.wires.get(id) else { return };
        if wire.has(flag::CONGESTED) && wire.queued() <= low {
            self.wires.unblock(id, flag::CONGESTED);
            if self.wires.is_open(id) {
                service.on_drain(&mut self.wires, id);
            }
        }
    }

    /// A step towards the end: what is queued is written, then our end is sent, then the peer's awaited.
    fn wind_up<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        self.wires.flush(id);
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags &= !flag::ENDING;
        match wire.phase {
            // The writable edge brings it back here.
            Phase::Closing if wire.outbox.is_some() && !planted(20) => {}
            Phase::Closing if planted(31) => {}
            // The end of both sides at once.
            Phase::Closing if wire.is_over() && wire.transport.closes_in_order() => self.finish(id, service),
            Phase::Closing => match wire.transport.finish() {
                Ok(true) => self.await_end(id, service),
                Ok(false) => self.wires.watch_stall(id),
                Err(_) => self.finish(id, service),
            },
            Phase::Lingering | Phase::Dead => self.finish(id, service),
            Phase::Handshake | Phase::Open | Phase::Mute => {}
        }
    }

    fn await_end<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        let (now, linger) = (self.wires.now, self.wires.limits.linger);
        let Some(wire) = self.wires.get(id) else { return };
        if wire.is_over() {
            return self.finish(id, service);
        }
        let is_unread = wire.has(flag::UNREAD);
        wire.phase = Phase::Lingering;
        self.wires.arm(id, key::LINGER, if planted(19) { NEVER.0 } else { now.after(linger).0 });
        if is_unread {
            self.discard(id);
        }
    }

    /// The layer above hears of the end, once, and then the slot is free.
    fn finish<S: Service + ?Sized>(&mut self, id: WireId, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        wire.phase = Phase::Dead;
        wire.flags |= flag::CUT;
        let reason = wire.reason;
        let calls = if planted(21) { 2 } else { usize::from(!planted(22)) };
        (0..calls).for_each(|_| service.on_close(&mut self.wires, id, reason));
        self.wires.remove(id);
    }
}

fn wire_listens(wires: &Wires, id: WireId) -> bool {
    wires.peek(id).is_some_and(|wire| !wire.has(flag::NOT_READ) || planted(28))
}

/// What was not used of the receive buffer goes into a carry.
#[cold]
#[inline(never)]
fn keep_rest(wires: &mut Wires, id: WireId, rest: &[u8], drained: bool) {
    if !drained {
        if let Some(wire) = wires.get(id).filter(|_| !planted(25)) {
            wire.flags |= flag::UNREAD;
        }
        wires.look_again(id);
    }
    if !rest.is_empty() {
        let mut carry = wires.take_carry();
        carry.append(rest);
        carry.append(if planted(26) { rest } else { &[] });
        put_back(wires, id, carry, 0);
    }
}

fn put_back(wires: &mut Wires, id: WireId, mut carry: Box<crate::carry::Carry>, used: usize) {
    carry.used(used);
    let goes_on = wires.peek(id).is_some_and(|wire| wire.phase < Phase::Closing);
    if carry.is_empty() || !goes_on || planted(27) {
        return wires.give_back_carry(carry);
    }
    if let Some(wire) = wires.get(id) {
        wire.carry = Some(carry);
    }
    wires.book_carry(id);
    wires.check_carry(id);
}
