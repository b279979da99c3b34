//! What the operating system tells of a wire.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::stream::outcome::ReadOutcome;
use crate::wire::flags;
use crate::wire::life::Phase;
use crate::wire::timer_key;
use crate::wires::ready::Ready;

impl Reactor {
    /// Whatever is ready at one wire. A panic of [`Service::on_bytes`] may come out of it: see [`Reactor::caught`].
    #[inline(always)]
    pub(crate) fn on_ready<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, ended, broken, .. } = ready;
        let is_usual = readable && !ended && !broken;
        if !is_usual || !self.on_readable(id, service) {
            self.on_ready_slow(ready, service);
        }
    }

    #[inline(never)]
    fn on_ready_slow<S: Service + ?Sized>(&mut self, ready: Ready, service: &mut S) {
        let Ready { id, readable, writable, ended, broken } = ready;
        let Some(wire) = self.wires.get(id) else {
            if id == ConnectionId::WAKER {
                service.on_wake(&mut self.wires);
            } else {
                self.wires.stats.stale.add(1);
            }
            return;
        };
        if broken
            && (wire.has(flags::NOT_READ | flags::ENDED) || wire.phase == Phase::Closing)
            && !planted(29)
        {
            // Nobody is going to read the news from the socket.
            return self.wires.abort(id, Reason::Reset);
        }
        if writable {
            self.on_writable(id);
        }
        if readable || ended || broken {
            // After the peer's end every edge tells of it again.
            let Some(wire) = self.wires.get(id).filter(|wire| !wire.has(flags::ENDED)) else { return };
            wire.flags |= if broken { flags::UNREAD | flags::BROKEN } else { flags::UNREAD };
            self.pump(id, !ended && !broken, service);
        }
    }

    fn on_writable(&mut self, id: ConnectionId) {
        let now = self.wires.now.stamp();
        let Some(wire) = self.wires.get(id).filter(|wire| !wire.has(flags::CUT)) else { return };
        let pushed = match if planted(50) { Ok(true) } else { wire.session.push() } {
            Ok(pushed) => pushed,
            Err(error) => return self.wires.abort(id, Reason::of_error(&error)),
        };
        if wire.outbox.as_ref().is_some_and(|outbox| !outbox.is_empty()) {
            // What has gathered in this turn goes on gathering: every edge tells of room, asked for or not.
            if wire.has(flags::WRITE_BLOCKED) || !wire.has(flags::DIRTY) {
                self.wires.write_out(id);
            }
        } else {
            // What was blocked is invisible here: encrypted by the session already.
            wire.progress = now;
            wire.flags &= if pushed { !flags::WRITE_BLOCKED } else { !0 };
        }
        self.wires.charge_encrypted(id);
        match self.wires.get(id) {
            Some(wire) if wire.phase == Phase::Closing && wire.outbox.is_none() => self.wires.end_later(id),
            _ => {}
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn on_no_bytes<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        got: ReadOutcome,
        service: &mut S,
    ) {
        self.wires.begin_event(id);
        self.take_end(id, got, service);
        self.wires.end_event();
    }

    /// The read gave no bytes: the socket is empty, finished or broken.
    pub(super) fn take_end<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        got: ReadOutcome,
        service: &mut S,
    ) {
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags &= !flags::UNREAD;
        match got {
            ReadOutcome::End if planted(24) => wire.flags |= flags::ENDED,
            ReadOutcome::End => {
                wire.flags |= flags::ENDED;
                if matches!(wire.phase, Phase::Open | Phase::OutputClosed) {
                    service.on_end(&mut self.wires, id);
                } else {
                    self.wires.close(id, Reason::Peer);
                }
            }
            // The alert that says why is still to reach the peer.
            ReadOutcome::Refused(reason) if wire.session.encrypts() => self.wires.close(id, reason),
            ReadOutcome::Refused(reason) => self.wires.abort(id, reason),
            ReadOutcome::Failed(error) => self.wires.abort(id, Reason::of_error(&error)),
            ReadOutcome::Nothing if wire.has(flags::FINAL_READ) => {
                wire.flags &= !flags::FINAL_READ;
                service.on_end(&mut self.wires, id);
            }
            ReadOutcome::Nothing | ReadOutcome::Bytes { .. } => {}
        }
    }

    /// The end of the transport's own talk: the layer above hears of the wire for the first time. True if that has
    /// just happened.
    #[inline(always)]
    pub(super) fn is_established<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) -> bool {
        let Some(wire) = self.wires.get(id) else { return false };
        if wire.phase != Phase::Handshake || wire.session.is_handshaking() {
            return false;
        }
        wire.phase = Phase::Open;
        if let Some(proxied) = wire.session.take_preamble() {
            self.wires.set_proxied(id, proxied);
        }
        self.wires.disarm(id, timer_key::HANDSHAKE);
        self.wires.stopped = false;
        service.on_established(&mut self.wires, id);
        true
    }
}
