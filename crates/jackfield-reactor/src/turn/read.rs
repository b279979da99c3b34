//! Passes bytes to the service: the carry and what was read.

use super::Reactor;
use super::service::Service;
use crate::guard::guard;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::stream::outcome::ReadOutcome;
use crate::wire::flags::Flags;
use crate::wire::life::Phase;
use crate::wires::Wires;

impl Reactor {
    /// The usual event: bytes to be read, and neither end nor error. False if the wire is not in its usual state: no
    /// carry, nothing queued, no flags.
    #[inline(always)]
    pub(crate) fn on_readable<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let Self { wires, rx, headroom, .. } = self;
        let Some(wire) = wires.slab.get_mut(id.slot()).filter(|wire| wire.id == id && wire.is_on_fast_path())
        else {
            return false;
        };
        match wire.session.read(&mut rx[*headroom..]) {
            ReadOutcome::Bytes { count, drained } => {
                wire.last_received = wires.now;
                wire.bytes_in += count as u64;
                wires.stats.at.set(id.to_bits());
                wires.stats.doing.set(wire.label.into());
                self.deliver(id, count, drained, service);
            }
            got => self.call_on_empty_read(id, got, service),
        }
        true
    }

    /// Passes the bytes of a usual wire to the service, and writes the answers. Nearly always one read has emptied the
    /// socket, and all bytes are used.
    #[inline(always)]
    fn deliver<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        count: usize,
        drained: bool,
        service: &mut S,
    ) {
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

    /// After an event that may have kept bytes or ended its wire. Two things do not wait for the end of the turn: a
    /// carry that is too long, and a step of the wire to its end, so that the peer gets the last bytes and the FIN
    /// together.
    #[cold]
    #[inline(never)]
    pub(super) fn after_event<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        if self.wires.memory_work.is_due {
            self.settle_slow(service);
        } else if self.wires.ending.last() == Some(&id) {
            self.wires.ending.pop();
            self.advance_close(id, service);
        }
    }

    /// Passes a wire's carry again, reads, passes the bytes, keeps the rest, and writes the answers once. `certain`: a
    /// short read means that the socket is empty, because its peer has not finished and no byte is urgent.
    #[inline(never)]
    pub(super) fn pump<S: Service + ?Sized>(&mut self, id: ConnectionId, certain: bool, service: &mut S) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        match wire.phase {
            Phase::Closing | Phase::Dead => return,
            Phase::Lingering => return self.discard(id),
            Phase::Handshake => {
                if !self.wires.try_count_handshake() {
                    return self.wires.queue_for_next_turn(id);
                }
                self.wires.stats.handshake_steps.add(1);
            }
            Phase::Open | Phase::OutputClosed => {}
        }
        if self.wires.may_read(id) {
            self.wires.begin_event(id);
            self.pump_listening(id, certain, service);
            self.wires.end_event();
            self.after_event(id, service);
        }
        // It may not be read any more, although the socket has bytes without a further event.
        if self.wires.wire(id).is_some_and(|wire| wire.has(Flags::HUNG_UP | Flags::PEER_CLOSED)) {
            self.handle_close_hints(id, service);
        }
    }

    fn pump_listening<S: Service + ?Sized>(&mut self, id: ConnectionId, certain: bool, service: &mut S) {
        let mut budget = self.wires.limits.read_bytes;
        loop {
            let Some(wire) = self.wires.wire_mut(id) else { return };
            // A session above an open wire does its handshake first.
            if wire.has(Flags::RECHECK) && wire.phase != Phase::Handshake {
                wire.flags.remove(Flags::RECHECK);
                if !self.show_carry(id, service) {
                    return;
                }
                continue;
            }
            if !wire.has(Flags::UNREAD) {
                return;
            }
            if budget == 0 {
                return self.wires.queue_for_next_turn(id);
            }
            let got = if wire.has(Flags::READ_BY_TOKENS) {
                match self.read_by_tokens(id) {
                    Some(got) => got,
                    None => return,
                }
            } else {
                wire.session.read(&mut self.rx[self.headroom..])
            };
            if matches!(got, ReadOutcome::Preamble) {
                if !self.is_welcome(id, service) {
                    return;
                }
                continue;
            }
            let Some(wire) = self.wires.wire_mut(id) else { return };
            if wire.has(Flags::ENCRYPTS) {
                // A read of TLS may also write.
                self.wires.charge_session(id);
            }
            #[cfg(feature = "tls")]
            if self.deliver_hello(id, service) {
                if self.wires.is_closing(id) || !self.wires.may_read(id) {
                    return;
                }
                continue;
            }
            if self.finish_handshake(id, service) && !self.wires.may_handle_bytes(id) {
                return self.put_off(id, &got);
            }
            let ReadOutcome::Bytes { count, drained } = got else {
                return self.on_empty_read(id, got, service);
            };
            let Some(wire) = self.wires.wire_mut(id) else { return };
            let drained = drained || wire.session.has_emptied_stream();
            // A final read ends only when a read returns nothing.
            if drained && (certain || planted(30)) && !wire.has(Flags::FINAL_READ) {
                wire.flags.remove(Flags::UNREAD);
            }
            budget = budget.saturating_sub(count.max(wire.session.encrypted_bytes_read()));
            if !self.take_in(id, count, service) {
                return self.recheck_later(id);
            }
        }
    }

    /// Reading was resumed before the end of the handshake: the recheck is still to be done.
    #[cold]
    #[inline(never)]
    fn recheck_later(&mut self, id: ConnectionId) {
        if self.wires.wire(id).is_some_and(|wire| wire.has(Flags::RECHECK)) {
            self.wires.queue_for_next_turn(id);
        }
    }

    /// Reads no more than its tokens allow. `None`: they allow nothing for a while.
    #[cold]
    fn read_by_tokens(&mut self, id: ConnectionId) -> Option<ReadOutcome> {
        let room = self.rx.len() - self.headroom;
        let room = room.min(self.wires.read_allowance(id)?);
        let got = self.wires.wire_mut(id)?.session.read(&mut self.rx[self.headroom..self.headroom + room]);
        if let ReadOutcome::Bytes { count, .. } = got {
            self.wires.use_read_tokens(id, count);
        }
        Some(got)
    }

    /// The preamble was read: the layer above gets the peer's address. False: it has refused the connection.
    #[cold]
    fn is_welcome<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let proxied = self.wires.wire_mut(id).and_then(|wire| wire.session.take_proxied());
        if let Some(proxied) = proxied.filter(|_| !planted(64)) {
            self.wires.set_proxied(id, proxied);
        }
        service.on_preamble(&mut self.wires, id);
        self.wires.may_read(id) && !self.wires.is_closing(id)
    }

    /// Keeps bytes that were read with the end of the handshake, because the layer above is not reading now. An error ends
    /// the wire at once.
    #[cold]
    fn put_off(&mut self, id: ConnectionId, got: &ReadOutcome) {
        match *got {
            ReadOutcome::Bytes { count, .. } => {
                let now = self.wires.now;
                if let Some(wire) = self.wires.wire_mut(id) {
                    wire.last_received = now;
                    wire.bytes_in += count as u64;
                }
                self.wires.stats.bytes_in.add(count as u64);
                keep_rest(&mut self.wires, id, &self.rx[self.headroom..self.headroom + count], true);
            }
            ReadOutcome::Nothing => {
                // A final read ends only when a read returns nothing while the layer above is reading.
                if let Some(wire) = self.wires.wire_mut(id).filter(|wire| !wire.has(Flags::FINAL_READ)) {
                    wire.flags.remove(Flags::UNREAD);
                }
            }
            // A socket reports it once.
            ReadOutcome::Failed(ref error) => self.wires.abort(id, Reason::of_error(error)),
            // The session will report this again.
            ReadOutcome::End | ReadOutcome::Preamble | ReadOutcome::Refused(_) => {}
        }
    }

    /// Passes the carry and the bytes that were read. The shorter of the two is copied to the other, so that a peer
    /// that sends single bytes costs no more than these bytes. False: do not read the wire on in this turn.
    fn take_in<S: Service + ?Sized>(&mut self, id: ConnectionId, count: usize, service: &mut S) -> bool {
        let Self { wires, rx, headroom, .. } = self;
        let now = wires.now;
        let Some(wire) = wires.wire_mut(id) else { return false };
        wire.last_received = now;
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
                    wires.carry_to_pool(carry);
                    front
                });
                let used = hand_over(wires, id, &mut rx[begin..end], service);
                keep_rest(wires, id, &rx[begin + used..end], true);
            }
        }
        wires.may_handle_bytes(id) && !wires.wire(id).is_some_and(|wire| wire.has(Flags::RECHECK))
    }

    /// Passes the carry without reading. False: do not read the wire on in this turn.
    fn show_carry<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let wires = &mut self.wires;
        match wires.lift_carry(id) {
            Some(mut carry) => {
                let used = hand_over(wires, id, carry.unused(), service);
                put_back(wires, id, carry, used);
            }
            // There may be work that needs no bytes, such as the end of a body.
            None => {
                hand_over(wires, id, &mut [], service);
            }
        }
        wires.may_handle_bytes(id) && !wires.wire(id).is_some_and(|wire| wire.has(Flags::RECHECK))
    }

    /// Reads and drops bytes that a peer sends after our FIN.
    pub(super) fn discard(&mut self, id: ConnectionId) {
        let (mut budget, now) = (self.wires.limits.read_bytes, self.wires.now);
        while let Some(wire) = self.wires.wire_mut(id) {
            match wire.session.discard(&mut self.rx) {
                ReadOutcome::Bytes { count, .. } => {
                    wire.last_received = now;
                    budget = budget.saturating_sub(count);
                    if budget == 0 {
                        return self.wires.queue_for_next_turn(id);
                    }
                }
                ReadOutcome::Nothing => {
                    wire.flags.remove(Flags::UNREAD);
                    if wire.is_peer_done() {
                        self.wires.end_later(id);
                    }
                    return;
                }
                ReadOutcome::End
                | ReadOutcome::Preamble
                | ReadOutcome::Failed(_)
                | ReadOutcome::Refused(_) => {
                    wire.flags.insert(Flags::PEER_ENDED);
                    return self.wires.end_later(id);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn pump_queued<S: Service + ?Sized>(&mut self, service: &mut S) {
        let most = if planted(105) { usize::MAX } else { self.wires.limits.looks_per_turn };
        self.each(
            most,
            |wires| &mut wires.again,
            |this, id| {
                if let Some(wire) = this.wires.wire_mut(id) {
                    wire.flags.remove(Flags::AGAIN);
                    this.pump(id, false, service);
                }
            },
        );
    }

    /// Reads deferred connections, which have bytes already, before the system watches them. Most that come for one request
    /// have ended by then.
    #[cold]
    pub(crate) fn read_deferred<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.each(
            usize::MAX,
            |wires| &mut wires.unwatched,
            |this, id| {
                if let Some(wire) = this.wires.wire_mut(id) {
                    wire.flags.insert(Flags::UNREAD);
                }
                this.pump(id, true, service);
                this.wires.register(id);
            },
        );
    }
}

/// Passes bytes to the service under its own guard. Returns how many were used.
fn hand_over<S: Service + ?Sized>(
    wires: &mut Wires,
    id: ConnectionId,
    rx: &mut [u8],
    service: &mut S,
) -> usize {
    let bytes = rx.len();
    wires.show_watchdog_bytes(id);
    guard(|| service.on_bytes(wires, id, rx)).unwrap_or_else(|payload| {
        service.on_panic(wires, id, payload);
        bytes
    })
}

/// Keeps the unused bytes of the receive buffer in a carry.
#[cold]
#[inline(never)]
fn keep_rest(wires: &mut Wires, id: ConnectionId, rest: &[u8], drained: bool) {
    if !drained {
        wires.charge_session(id);
        if wires.wire(id).is_none_or(|wire| !wire.session.has_emptied_stream()) {
            if let Some(wire) = wires.wire_mut(id).filter(|_| !planted(25)) {
                wire.flags.insert(Flags::UNREAD);
            }
            wires.queue_for_next_turn(id);
        }
    }
    if !rest.is_empty() {
        let mut carry = wires.carry_from_pool();
        carry.append(rest);
        carry.append(if planted(26) { rest } else { &[] });
        put_back(wires, id, carry, 0);
    }
}

fn put_back(wires: &mut Wires, id: ConnectionId, mut carry: Box<crate::wire::carry::Carry>, used: usize) {
    carry.consume(used);
    if let Some(wire) = wires.wire_mut(id).filter(|wire| wire.phase == Phase::Handshake && !planted(114)) {
        // Bytes after the command that began the session belong to it.
        wire.session.feed(carry.unused());
        wires.charge_session(id);
        return wires.carry_to_pool(carry);
    }
    let goes_on = wires.wire(id).is_some_and(|wire| wire.phase < Phase::Closing);
    if carry.is_empty() || !goes_on || planted(27) {
        return wires.carry_to_pool(carry);
    }
    if let Some(wire) = wires.wire_mut(id) {
        wire.carry = Some(carry);
    }
    wires.charge_carry(id);
    wires.check_carry(id);
}
