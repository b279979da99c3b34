//! How a wire ends: closed, aborted, and at last removed.

use super::Wires;
use crate::id::WireId;
use crate::planted::planted;
use crate::reason::Reason;
use crate::timer::NIL;
use crate::transport::Transport;
use crate::wire::{Phase, flag};

impl Wires {
    /// Closes: writes what is queued, sends the end, and waits a little for the peer's, so that a reset does not
    /// destroy what was sent. The first reason given stands.
    pub fn close(&mut self, id: WireId, reason: Reason) {
        self.interrupt_broadcast();
        if let Some(wire) = self.get(id) {
            if wire.phase < Phase::Closing {
                (wire.phase, wire.reason) = (Phase::Closing, reason);
                self.end_later(id);
            }
        }
    }

    /// Drops what is queued and resets the connection. The first reason given stands.
    pub fn abort(&mut self, id: WireId, reason: Reason) {
        self.interrupt_broadcast();
        let Some(wire) = self.get(id) else { return };
        if wire.phase < Phase::Closing {
            wire.reason = reason;
        }
        if wire.phase < Phase::Dead {
            wire.phase = Phase::Dead;
            wire.flags |= flag::CUT;
            wire.transport.reset();
            self.end_later(id);
        }
    }

    /// The layer above knows that the peer has said its last word, so that its end need not be waited for once all that
    /// it has sent is read.
    pub fn take_as_ended(&mut self, id: WireId) {
        if let Some(wire) = self.get(id) {
            wire.flags |= flag::LAST_WORD;
        }
    }

    /// Takes no further output, but goes on listening: for a protocol whose last word was said and whose peer still
    /// has to answer.
    pub fn mute(&mut self, id: WireId) {
        self.interrupt_broadcast();
        if let Some(wire) = self.get(id) {
            if wire.phase == Phase::Open {
                wire.phase = Phase::Mute;
                self.stopped |= id == self.current;
            }
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

    /// Frees the slot; the next wire in it has another generation. A slot whose generations are used up stays
    /// taken for ever.
    pub(crate) fn remove(&mut self, id: WireId) {
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
        self.unbook_wire(id);
        self.stats.closed.add(1);
        match self.generations[id.slot()].checked_add(u32::from(!planted(2))) {
            Some(next) => {
                self.generations[id.slot()] = next;
                self.slab.remove(id.slot());
            }
            None => self.retire(id),
        }
        self.trim_pools();
    }

    #[cold]
    fn retire(&mut self, id: WireId) {
        self.retired += 1;
        if let Some(wire) = self.get(id) {
            wire.id = WireId::RETIRED;
            // The socket is closed by being replaced.
            wire.transport = Transport::Memory(crate::Pipe::pair(([0, 0, 0, 0], 0).into()).0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{FarEnd, Limits, Pipe, Reactor, Ready, Reason, Time, Transport, WireId};
    use std::time::Duration;

    /// Takes nothing up and hears nothing.
    struct Deaf;

    impl crate::Service for Deaf {
        fn on_accept(&mut self, _: &mut crate::Wires, _: crate::Incoming) {}
        fn on_secured(&mut self, _: &mut crate::Wires, _: WireId) {}
        fn on_bytes(&mut self, _: &mut crate::Wires, _: WireId, rx: &mut [u8]) -> usize {
            rx.len()
        }
        fn on_end(&mut self, _: &mut crate::Wires, _: WireId) {}
        fn on_drain(&mut self, _: &mut crate::Wires, _: WireId) {}
        fn on_silence(&mut self, _: &mut crate::Wires, _: WireId, _: Duration) {}
        fn on_timer(&mut self, _: &mut crate::Wires, _: WireId, _: u32) {}
        fn on_wake(&mut self, _: &mut crate::Wires) {}
        fn on_close(&mut self, _: &mut crate::Wires, _: WireId, _: Reason) {}
        fn on_accept_error(&mut self, _: &mut crate::Wires, _: usize, _: &std::io::Error) {}
    }

    fn connect(reactor: &mut Reactor) -> (WireId, FarEnd) {
        let (near, far) = Pipe::pair(([127, 0, 0, 1], 1).into());
        (reactor.wires.insert(Transport::Memory(near)).expect("there is room"), far)
    }

    #[test]
    fn a_slot_is_retired_before_its_generation_wraps() {
        let mut reactor = Reactor::new(0, Time(0), Limits::default(), None);
        reactor.wires.set_generation(0, u32::MAX - 1);
        for generation in [u32::MAX - 1, u32::MAX] {
            let (id, _far) = connect(&mut reactor);
            assert_eq!((id.slot(), id.generation()), (0, generation));
            reactor.wires.set_timer(id, 1, Duration::from_secs(1));
            reactor.wires.abort(id, Reason::Local);
            reactor.settle(&mut Deaf);
        }
        // The slot is used up: nothing of it is left, and nobody gets it again.
        let (id, far) = connect(&mut reactor);
        assert_eq!((id.slot(), reactor.wires.len(), reactor.wires.timers()), (1, 1, 0));
        assert_eq!(reactor.wires.ids().collect::<Vec<_>>(), [id]);
        for stale in [WireId::new(0, u32::MAX, 0), WireId::new(0, 0, 0), WireId::NONE] {
            assert!(!reactor.wires.contains(stale) && reactor.wires.outbox(stale).is_none());
            let ready = Ready { id: stale, readable: true, writable: true, ended: true, broken: true };
            reactor.turn(Time(1), [ready], &mut Deaf);
        }
        reactor.wires.close(id, Reason::Local);
        far.finish();
        let ready = Ready { id, readable: true, writable: false, ended: true, broken: false };
        reactor.turn(Time(2), [], &mut Deaf);
        reactor.turn(Time(2), [ready], &mut Deaf);
        assert!(reactor.wires.is_empty() && far.is_finished());
        assert_eq!(connect(&mut reactor).0, WireId::new(0, 1, 1));
    }
}
