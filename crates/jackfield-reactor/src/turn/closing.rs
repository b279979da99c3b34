//! The steps of a wire to its end: queued bytes are written, our FIN is sent, the layer above is told, and then bytes of
//! the peer are read and dropped for a while.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::wire::flags::{Flags, WriteStop};
use crate::wire::life::{Event, Phase};

impl Reactor {
    /// Makes the next step towards the end: queued bytes are written, then our FIN is sent, then the peer's FIN is
    /// awaited.
    pub(super) fn advance_close<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        self.wires.flush(id);
        let Some(wire) = self.wires.wire_mut(id) else { return };
        wire.flags.remove(Flags::ENDING);
        match wire.phase {
            // The writable edge brings it back here.
            Phase::Closing if wire.outbox.is_some() && !planted(20) => self.wires.arm_flush_timer(id),
            Phase::Closing if planted(31) => {}
            Phase::Closing if wire.has(Flags::RESET_DUE) => self.reset(id, service),
            // Both sides end at once.
            Phase::Closing if wire.is_peer_done() && wire.session.closes_in_order() => {
                self.end_wire(id, service);
            }
            Phase::Closing => {
                let is_sent = wire.session.shutdown_write();
                self.wires.charge_session(id);
                match is_sent {
                    Ok(true) => self.await_end(id, service),
                    Ok(false) => {
                        self.wires.arm_stall_timer(id);
                        self.wires.arm_flush_timer(id);
                    }
                    Err(_) => self.end_wire(id, service),
                }
            }
            Phase::Lingering | Phase::Dead => self.end_wire(id, service),
            Phase::OutputClosed if wire.has(Flags::END_DUE) => self.send_end(id),
            Phase::Handshake | Phase::Open | Phase::OutputClosed => {}
        }
    }

    /// A half-close: our FIN is sent after the queued bytes, and nothing else happens.
    fn send_end(&mut self, id: ConnectionId) {
        let Some(wire) = self.wires.wire_mut(id).filter(|wire| wire.outbox.is_none()) else { return };
        let is_sent = wire.session.shutdown_write();
        if matches!(is_sent, Ok(true)) {
            // All that was blocked has left before it.
            wire.flags.remove(Flags::END_DUE | WriteStop::BLOCKED);
            wire.flags.insert(WriteStop::CUT);
        }
        self.wires.charge_session(id);
        match is_sent {
            Ok(true) => {}
            // The writable edge brings it back here.
            Ok(false) => self.wires.arm_stall_timer(id),
            Err(error) => self.wires.abort(id, Reason::of_error(&error)),
        }
    }

    /// Resets a wire whose last queued bytes are written.
    fn reset<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        if wire.session.encrypted_bytes() > 0 {
            return self.wires.arm_flush_timer(id);
        }
        wire.session.stream_mut().set_reset_on_close();
        self.end_wire(id, service);
    }

    /// Our FIN is sent: tells the layer above that the wire has ended. The wire may have to linger.
    fn await_end<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        if wire.is_peer_done() {
            return self.end_wire(id, service);
        }
        wire.flags.insert(WriteStop::CUT);
        self.tell_close(id, service);
        let Some(wire) = self.wires.wire_mut(id) else { return };
        let is_unread = wire.has(Flags::UNREAD);
        self.wires.begin_lingering(id);
        if is_unread {
            self.discard(id);
        }
    }

    /// Tells the layer above of the end, if it does not know yet, and frees the slot.
    pub(super) fn end_wire<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.wire_mut(id) else { return };
        wire.flags.insert(WriteStop::CUT);
        if wire.is_known() || planted(54) {
            wire.step(Event::Over);
            self.tell_close(id, service);
        }
        self.remove(id, service);
    }

    /// Calls `on_close`, once for each wire.
    fn tell_close<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(reason) = self.wires.wire(id).map(|wire| wire.reason) else { return };
        let calls = if planted(21) { 2 } else { usize::from(!planted(22)) };
        (0..calls).for_each(|_| service.on_close(&mut self.wires, id, reason));
    }

    fn remove<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        self.wires.remove(id);
        service.on_removed(&mut self.wires);
    }
}
