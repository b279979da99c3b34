//! How a wire ends: closed, aborted, and at last removed.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::session::Session;
use crate::stream::Stream;
use crate::wheel::NIL;
use crate::wire::flags::{Flags, WriteStop};
use crate::wire::life::{Act, Event, Phase};
use crate::wire::peer::PeerSlot;

impl Wires {
    /// Closes: writes what is queued, sends the end, and waits a little for the peer's, so that a reset does not
    /// destroy what was sent. The first reason given stands.
    pub fn close(&mut self, id: ConnectionId, reason: Reason) {
        self.interrupt_broadcast();
        if let Some(wire) = self.get(id) {
            if wire.step(Event::Close) == Act::Close {
                wire.reason = reason;
                self.end_later(id);
            }
        }
    }

    /// Drops what is queued and resets the connection. The first reason given stands.
    pub fn abort(&mut self, id: ConnectionId, reason: Reason) {
        self.interrupt_broadcast();
        let Some(wire) = self.get(id) else { return };
        if wire.phase < Phase::Closing {
            wire.reason = reason;
        }
        if wire.step(Event::Abort) == Act::Reset {
            wire.peer = if planted(51) { PeerSlot::Kept(u32::MAX) } else { wire.peer };
            wire.flags.insert(WriteStop::CUT);
            wire.session.stream_mut().reset();
            self.end_later(id);
        }
    }

    /// The layer above knows that the peer has said its last word, so that its end need not be waited for once all that
    /// it has sent is read.
    pub fn take_as_ended(&mut self, id: ConnectionId) {
        if let Some(wire) = self.get(id) {
            wire.flags.insert(Flags::LAST_WORD);
        }
    }

    /// Takes no further output, but goes on listening: for a protocol whose last word was said and whose peer still
    /// has to answer.
    pub fn close_output(&mut self, id: ConnectionId) {
        self.interrupt_broadcast();
        if let Some(wire) = self.get(id) {
            if wire.step(Event::CloseOutput) == Act::Mute {
                self.stopped |= id == self.current;
            }
        }
    }

    pub(crate) fn end_later(&mut self, id: ConnectionId) {
        self.stopped |= id == self.current;
        if let Some(wire) = self.get(id) {
            if wire.raise(Flags::ENDING) {
                self.ending.push(id);
            }
        }
    }

    /// Frees the slot; the next wire in it has another generation. A slot whose generations are used up stays
    /// taken for ever.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        let Some(wire) = self.get(id) else { return };
        let (mut timer, outbox, carry) = (wire.timers, wire.outbox.take(), wire.carry.take());
        while timer != NIL && !planted(3) {
            timer = self.wheel.remove(timer);
        }
        if let Some(outbox) = outbox {
            self.recycle(outbox);
        }
        if let Some(carry) = carry {
            self.give_back_carry(carry);
        }
        self.uncharge_wire(id);
        self.forget_peer(id);
        self.stats.closed.add(1);
        match self.generations.of(id.slot()).checked_add(u32::from(!planted(2))) {
            Some(next) => {
                self.generations.set(id.slot(), next);
                self.slab.remove(id.slot());
            }
            None => self.retire(id),
        }
        self.trim_pools();
    }

    #[cold]
    fn retire(&mut self, id: ConnectionId) {
        self.retired += 1;
        if let Some(wire) = self.get(id) {
            wire.id = ConnectionId::RETIRED;
            // The socket is closed by being replaced.
            wire.session = Session::Plain(Stream::Closed);
        }
    }
}
