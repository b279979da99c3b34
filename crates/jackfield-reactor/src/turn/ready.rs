//! Events of the operating system.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::stream::outcome::ReadOutcome;
use crate::wire::flags::{Flags, ReadStop, WriteStop};
use crate::wire::life::{Act, Event, Phase};
use crate::wire::timer_key;
use crate::wires::ready::Ready;

impl Reactor {
    /// Handles the readiness of one wire. It may panic with a panic of [`Service::on_bytes`]: see [`Reactor::caught`].
    #[inline(always)]
    pub(crate) fn on_ready<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, ended, broken, urgent, .. } = ready;
        let is_usual = readable && !ended && !broken && !urgent;
        if !is_usual || !self.on_readable(id, service) {
            self.on_ready_slow(ready, service);
        }
    }

    #[inline(never)]
    fn on_ready_slow<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, writable, ended, broken, urgent } = ready;
        if self.wires.wire_mut(id).is_none() {
            if id == ConnectionId::WAKER {
                self.wake(service);
            } else {
                self.wires.stats.stale.add(1);
            }
            return;
        }
        if self.wires.is_connecting(id) {
            return self.on_connect_ready(id, ended || broken, service);
        }
        if writable {
            self.on_writable(id);
        }
        let hint = match (broken, ended, readable) {
            (true, ..) => Event::HungUp,
            (_, true, _) => Event::PeerClosed,
            (.., true) => Event::Readable,
            _ => return,
        };
        let Some(wire) = self.wires.wire_mut(id) else { return };
        if ended || broken {
            wire.flags.insert(Flags::PEER_CLOSED);
        }
        if broken {
            wire.flags.insert(Flags::HUNG_UP);
        }
        if broken && planted(57) {
            return self.wires.abort(id, Reason::Reset);
        }
        if broken && planted(88) && wire.phase == Phase::Lingering {
            wire.session.stream_mut().set_reset_on_close();
            return self.end_wire(id, service);
        }
        match wire.step(hint) {
            Act::Read | Act::Discard => {
                wire.flags.insert(Flags::UNREAD);
                self.pump(id, hint == Event::Readable && !urgent, service);
            }
            Act::Nothing => {}
            _ => {
                if !wire.has(Flags::PEER_ENDED) {
                    // No further event will report it.
                    wire.flags.insert(Flags::UNREAD);
                }
                self.handle_close_hints(id, service);
            }
        }
    }

    /// Handles what a read would find, for a wire that is not read: that it is broken, or that its peer has closed.
    #[cold]
    #[inline(never)]
    pub(super) fn handle_close_hints<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        if wire.has(Flags::HUNG_UP) && wire.step(Event::HungUp) == Act::Ask && !planted(29) {
            wire.flags.remove(Flags::HUNG_UP);
            if let Some(error) = wire.session.stream().take_error() {
                return self.wires.abort(id, Reason::of_error(&error));
            }
        }
        if wire.has(Flags::PEER_CLOSED) && wire.step(Event::PeerClosed) == Act::Look && !planted(52) {
            self.look_for_end(id, service);
        }
    }

    /// If no bytes come before the peer's end, the end is reported at once. Otherwise `on_peer_closed` comes once, and the
    /// end when it is read.
    fn look_for_end<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let (now, unread_wait) = (self.wires.now, self.wires.limits_of(id).unread_wait);
        let Some(wire) = self.wires.wire_mut(id) else { return };
        let is_at_end = wire.carry.is_none() && wire.session.is_at_end();
        let is_paused = wire.has(ReadStop::PAUSED);
        // To look, TLS may have read something that it keeps.
        self.wires.charge_session(id);
        if is_at_end {
            self.on_empty_read(id, ReadOutcome::End, service);
        } else {
            if is_paused {
                self.wires.arm_once(id, timer_key::UNREAD, now.after(unread_wait).0);
            }
            let Some(wire) = self.wires.wire_mut(id) else { return };
            if wire.raise(Flags::PEER_CLOSED_TOLD) {
                service.on_peer_closed(&mut self.wires, id);
            }
        }
    }

    fn on_writable(&mut self, id: ConnectionId) {
        let Some(wire) = self.wires.wire_mut(id).filter(|wire| !wire.has(WriteStop::CUT)) else { return };
        let before = wire.session.encrypted_bytes();
        let is_all_written = match if planted(50) { Ok(true) } else { wire.session.write_pending() } {
            Ok(is_all) => is_all,
            Err(error) => return self.wires.abort(id, Reason::of_error(&error)),
        };
        let was_taken = wire.session.encrypted_bytes() < before;
        if wire.outbox.as_ref().is_some_and(|outbox| !outbox.is_empty()) {
            // Output that is still being collected in this turn is not written here: a writable event also comes when
            // the wire was not blocked.
            if wire.has(WriteStop::BY_TOKENS) {
                self.wires.write_by_tokens(id);
            } else if wire.has(WriteStop::BLOCKED) || !wire.has(Flags::DIRTY) {
                self.wires.write_out(id);
            }
        } else if is_all_written {
            // The blocked bytes are in the session, encrypted already.
            wire.flags.remove(WriteStop::BLOCKED);
        }
        if was_taken {
            self.wires.put_off_stall(id);
        }
        self.wires.charge_session(id);
        self.wires.note_write(id);
        self.continue_close(id);
    }

    /// If the queued bytes have left, continues with our FIN, if that is due.
    pub(super) fn continue_close(&mut self, id: ConnectionId) {
        match self.wires.wire_mut(id) {
            Some(wire)
                if wire.outbox.is_none() && (wire.phase == Phase::Closing || wire.has(Flags::END_DUE)) =>
            {
                self.wires.end_later(id);
            }
            _ => {}
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn call_on_empty_read<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        got: ReadOutcome,
        service: &mut S,
    ) {
        self.wires.begin_event(id);
        self.wires.charge_session(id);
        self.on_empty_read(id, got, service);
        self.wires.end_event();
    }

    /// The read gave no bytes: the socket is empty, finished or broken.
    pub(super) fn on_empty_read<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        got: ReadOutcome,
        service: &mut S,
    ) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        wire.flags.remove(Flags::UNREAD);
        match got {
            ReadOutcome::End => {
                let act = wire.step(Event::End);
                wire.flags.insert(Flags::PEER_ENDED);
                match act {
                    _ if planted(24) => {}
                    Act::TellEnd => service.on_end(&mut self.wires, id),
                    _ => {
                        wire.reason = Reason::Peer;
                        self.wires.end_later(id);
                    }
                }
            }
            // The alert must still reach the peer. Bytes after the invalid ones are read and dropped, because a close
            // with unread bytes would be a reset.
            ReadOutcome::Refused(reason @ Reason::Tls) if wire.session.encrypts() => {
                wire.flags.insert(Flags::UNREAD);
                self.wires.close(id, reason);
            }
            ReadOutcome::Refused(reason) => self.wires.abort(id, reason),
            ReadOutcome::Failed(error) => self.wires.abort(id, Reason::of_error(&error)),
            // A session above an open wire does its handshake first.
            ReadOutcome::Nothing if wire.has(Flags::FINAL_READ) && wire.phase != Phase::Handshake => {
                wire.flags.remove(Flags::FINAL_READ);
                service.on_end(&mut self.wires, id);
            }
            // The hint was wrong.
            ReadOutcome::Nothing => wire.flags.remove(Flags::PEER_CLOSED | Flags::HUNG_UP),
            ReadOutcome::Bytes { .. } | ReadOutcome::Preamble => {}
        }
    }

    /// True if a ClientHello has just become complete. Then the service is asked for the answer, and the wire is not
    /// read until it is known.
    #[cfg(feature = "tls")]
    #[inline(always)]
    pub(super) fn deliver_hello<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let Some(wire) = self.wires.wire_mut(id) else { return false };
        wire.phase == Phase::Handshake && self.take_hello(id, service)
    }

    #[cfg(feature = "tls")]
    #[cold]
    #[inline(never)]
    fn take_hello<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let Some(wire) = self.wires.wire_mut(id) else { return false };
        if wire.session.hello().is_none_or(|hello| hello.client_hello().is_none()) {
            return false;
        }
        wire.flags.insert(ReadStop::ANSWER);
        wire.session.leave_preamble();
        service.on_hello(&mut self.wires, id);
        true
    }

    /// True if the handshake has just ended. Then the layer above gets `on_established`.
    #[inline(always)]
    pub(super) fn finish_handshake<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        service: &mut S,
    ) -> bool {
        let Some(wire) = self.wires.wire_mut(id) else { return false };
        if wire.phase != Phase::Handshake || wire.session.is_handshaking() {
            return false;
        }
        wire.step(Event::Established);
        wire.session.leave_preamble();
        if wire.has(Flags::CONGESTED) {
            self.wires.drained.push(id);
        }
        self.wires.disarm(id, timer_key::HANDSHAKE);
        self.wires.stopped = false;
        if self.wires.wire(id).is_some_and(|wire| wire.has(Flags::END_DUE)) {
            // It was half-closed during the handshake.
            self.wires.shutdown_write(id);
        }
        service.on_established(&mut self.wires, id);
        true
    }
}
