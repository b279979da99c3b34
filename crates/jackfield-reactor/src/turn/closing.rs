//! The steps of a wire to its end: what is queued is written, our end is sent, the layer above is told, and then what the
//! peer still sends is read and dropped for a while.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::wire::flags::{Flags, WriteStop};
use crate::wire::life::{Event, Phase};

impl Reactor {
    /// A step towards the end: what is queued is written, then our end is sent, then the peer's awaited.
    pub(super) fn advance_close<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        self.wires.flush(id);
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags.remove(Flags::ENDING);
        match wire.phase {
            // The writable edge brings it back here.
            Phase::Closing if wire.outbox.is_some() && !planted(20) => self.wires.watch_flush(id),
            Phase::Closing if planted(31) => {}
            Phase::Closing if wire.has(Flags::RESET_DUE) => self.reset(id, service),
            // The end of both sides at once.
            Phase::Closing if wire.is_over() && wire.session.closes_in_order() => self.end_wire(id, service),
            Phase::Closing => {
                let is_sent = wire.session.shutdown_write();
                self.wires.charge_encrypted(id);
                match is_sent {
                    Ok(true) => self.await_end(id, service),
                    Ok(false) => {
                        self.wires.watch_stall(id);
                        self.wires.watch_flush(id);
                    }
                    Err(_) => self.end_wire(id, service),
                }
            }
            Phase::Lingering | Phase::Dead => self.end_wire(id, service),
            Phase::OutputClosed if wire.has(Flags::END_DUE) => self.send_end(id),
            Phase::Handshake | Phase::Open | Phase::OutputClosed => {}
        }
    }

    /// Half a close: our end goes out when all that was queued has, and nothing else happens.
    fn send_end(&mut self, id: ConnectionId) {
        let Some(wire) = self.wires.get(id).filter(|wire| wire.outbox.is_none()) else { return };
        let is_sent = wire.session.shutdown_write();
        if matches!(is_sent, Ok(true)) {
            wire.flags.remove(Flags::END_DUE);
            wire.flags.insert(WriteStop::CUT);
        }
        self.wires.charge_encrypted(id);
        match is_sent {
            Ok(true) => {}
            // The writable edge brings it back here.
            Ok(false) => self.wires.watch_stall(id),
            Err(error) => self.wires.abort(id, Reason::of_error(&error)),
        }
    }

    /// What was queued is written, and was to be the last.
    fn reset<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        if wire.session.encrypted_bytes() > 0 {
            return self.wires.watch_flush(id);
        }
        wire.session.stream_mut().reset();
        self.end_wire(id, service);
    }

    /// Our end is sent: the layer above hears the last of the wire, which may have to linger.
    fn await_end<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        if wire.is_over() {
            return self.end_wire(id, service);
        }
        wire.flags.insert(WriteStop::CUT);
        self.tell_close(id, service);
        let Some(wire) = self.wires.get(id) else { return };
        let is_unread = wire.has(Flags::UNREAD);
        self.wires.begin_lingering(id);
        if is_unread {
            self.discard(id);
        }
    }

    /// The layer above hears of the end, if it has not yet, and then the slot is free.
    pub(super) fn end_wire<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags.insert(WriteStop::CUT);
        if wire.is_known() || planted(54) {
            wire.step(Event::Over);
            self.tell_close(id, service);
        }
        self.remove(id, service);
    }

    /// Once for each wire.
    fn tell_close<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(reason) = self.wires.peek(id).map(|wire| wire.reason) else { return };
        let calls = if planted(21) { 2 } else { usize::from(!planted(22)) };
        (0..calls).for_each(|_| service.on_close(&mut self.wires, id, reason));
    }

    fn remove<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        self.wires.remove(id);
        service.on_removed(&mut self.wires);
    }
}
