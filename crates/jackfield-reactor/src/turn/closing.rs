//! The steps of a wire to its end.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::time::NEVER;
use crate::wire::flags::{Flags, WriteStop};
use crate::wire::life::{Event, Phase};
use crate::wire::timer_key;

impl Reactor {
    /// A step towards the end: what is queued is written, then our end is sent, then the peer's awaited.
    pub(super) fn advance_close<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        self.wires.flush(id);
        let Some(wire) = self.wires.get(id) else { return };
        wire.flags.remove(Flags::ENDING);
        match wire.phase {
            // The writable edge brings it back here.
            Phase::Closing if wire.outbox.is_some() && !planted(20) => {}
            Phase::Closing if planted(31) => {}
            // The end of both sides at once.
            Phase::Closing if wire.is_over() && wire.session.closes_in_order() => self.finish(id, service),
            Phase::Closing => {
                let finished = wire.session.finish();
                self.wires.charge_encrypted(id);
                match finished {
                    Ok(true) => self.await_end(id, service),
                    Ok(false) => self.wires.watch_stall(id),
                    Err(_) => self.finish(id, service),
                }
            }
            Phase::Lingering | Phase::Dead => self.finish(id, service),
            Phase::Handshake | Phase::Open | Phase::OutputClosed => {}
        }
    }

    fn await_end<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let (now, linger) = (self.wires.now, self.wires.limits.linger);
        let Some(wire) = self.wires.get(id) else { return };
        if wire.is_over() {
            return self.finish(id, service);
        }
        let is_unread = wire.has(Flags::UNREAD);
        wire.step(Event::Sent);
        self.wires.arm(id, timer_key::LINGER, if planted(19) { NEVER.0 } else { now.after(linger).0 });
        if is_unread {
            self.discard(id);
        }
    }

    /// The layer above hears of the end, once, and then the slot is free.
    pub(super) fn finish<S: Service + ?Sized>(&mut self, id: ConnectionId, service: &mut S) {
        let Some(wire) = self.wires.get(id) else { return };
        wire.step(Event::Over);
        wire.flags.insert(WriteStop::CUT);
        let reason = wire.reason;
        let calls = if planted(21) { 2 } else { usize::from(!planted(22)) };
        (0..calls).for_each(|_| service.on_close(&mut self.wires, id, reason));
        self.wires.remove(id);
    }
}
