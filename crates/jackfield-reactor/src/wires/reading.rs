//! Whether a wire is read, and what is kept of its bytes meanwhile.
//!
//! [`ReadStop`] has the reasons for which a wire is not read, each without regard to the others. When the last of them is
//! over it is looked at again, carry first.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::{Limit, Reason};
use crate::wire::flags::{Flags, ReadStop};
use crate::wire::life::Phase;
use crate::wire::timer_key;

/// Why a connection is not read just now. Each reason comes and goes by itself, and several may hold at once.
///
/// None of them is for ever but the first: an answer comes or has a deadline, a peer that takes nothing is aborted, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadPause {
    /// It was paused by a call, and is until it is resumed by one.
    User,
    /// More is queued for its peer than `outbox_bytes_high`, until no more than `outbox_bytes_low` is. Not for one that is to
    /// be read while it is congested.
    Congested,
    /// An answer is owed, or a decision on an upgrade.
    Answer,
    /// It has said more than its rate allows.
    Rate,
    /// As much has come from it as its bandwidth allows.
    Bandwidth,
    /// Memory is scarce, and it holds much of it.
    Memory,
}

impl Wires {
    /// True once something happened to the current wire that takes it off the usual path: ask
    /// [`Wires::goes_on`] before the next of its bytes is looked at.
    #[inline(always)]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// True while the layer above should go on with the bytes it holds.
    pub fn goes_on(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| {
            matches!(wire.phase, Phase::Open | Phase::OutputClosed) && !wire.has(ReadStop::ANY)
        })
    }

    /// Why it is not read; `None`: it is, or its peer's end was read. Of several reasons the first of the list.
    pub fn read_pause(&self, id: ConnectionId) -> Option<ReadPause> {
        let flags = self.peek(id)?.flags;
        let reasons = [
            (ReadStop::PAUSED, ReadPause::User),
            (ReadStop::CONGESTED, ReadPause::Congested),
            (ReadStop::ANSWER, ReadPause::Answer),
            (ReadStop::RATE, ReadPause::Rate),
            (ReadStop::BANDWIDTH, ReadPause::Bandwidth),
            (ReadStop::MEMORY, ReadPause::Memory),
        ];
        reasons.into_iter().find(|(stop, _)| flags.has(*stop)).map(|(_, pause)| pause)
    }

    /// Takes what is kept of a wire's bytes from it: what was handed up and not used. They count as used.
    pub fn take_unread(&mut self, id: ConnectionId) -> Vec<u8> {
        let Some(mut carry) = self.lift_carry(id) else { return Vec::new() };
        let unread = carry.unused().to_vec();
        self.give_back_carry(carry);
        unread
    }

    /// Stops reading because the user said so. The rest of the current bytes is kept.
    pub fn pause(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::PAUSED);
    }

    /// Takes [`Wires::pause`] back: what was kept is shown again, and the socket is read.
    pub fn resume(&mut self, id: ConnectionId) {
        if self.peek(id).is_some_and(|wire| wire.has(Flags::PEER_CLOSED)) {
            // Somebody reads on. The next pause has its own time.
            self.disarm(id, timer_key::UNREAD);
        }
        self.resume_reading(id, ReadStop::PAUSED);
    }

    /// Stops reading because an answer is owed. Independent of [`Wires::pause`].
    pub fn hold(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::ANSWER);
    }

    /// Takes [`Wires::hold`] back.
    pub fn release(&mut self, id: ConnectionId) {
        if !planted(6) {
            self.resume_reading(id, ReadStop::ANSWER);
        }
    }

    /// Stops reading because the peer has said more than it may. Independent of [`Wires::pause`].
    pub fn throttle(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::RATE);
    }

    /// Takes [`Wires::throttle`] back.
    pub fn unthrottle(&mut self, id: ConnectionId) {
        self.resume_reading(id, ReadStop::RATE);
    }

    /// True if it is paused by the user, and no bytes have come that were not handed up, as far as is known. The peer's end
    /// may have.
    pub fn is_paused_and_empty(&mut self, id: ConnectionId) -> bool {
        self.get(id).is_some_and(|wire| {
            let is_paused = wire.has(ReadStop::PAUSED) && wire.carry.is_none();
            is_paused && (!wire.has(Flags::UNREAD) || wire.session.is_empty())
        })
    }

    /// The peer's end was read too early: it is told once more, behind what is kept. If that is kept because the user has
    /// paused reading, it is kept for [`Limits::unread_wait`](crate::Limits::unread_wait), as bytes are.
    pub fn put_off_end(&mut self, id: ConnectionId) {
        let due = self.now.after(self.limits.unread_wait).0;
        let Some(wire) = self.get(id) else { return };
        wire.flags.remove(Flags::ENDED);
        wire.flags.insert(Flags::UNREAD);
        if wire.has(ReadStop::PAUSED) {
            self.arm_once(id, timer_key::UNREAD, due);
        }
    }

    /// Takes what the peer has sent so far for all that it has to say: what is there already is read, once nothing keeps
    /// it from being read any more, and then the layer above is told of an end, as if it had come from the peer.
    /// [`Wires::has_ended`] knows that it has not.
    pub fn read_finally(&mut self, id: ConnectionId) {
        if let Some(wire) = self.get(id) {
            wire.flags.insert(Flags::FINAL_READ);
            self.read_soon(id);
        }
    }

    /// Leaves the rest of the current bytes for the next turn, so that others have theirs.
    pub fn yield_turn(&mut self, id: ConnectionId) {
        if let Some(wire) = self.get(id) {
            wire.flags.insert(if planted(5) { Flags::default() } else { Flags::RECHECK });
            self.look_again(id);
        }
    }

    /// Reads it in the next turn, whether the system tells of something or not.
    pub(super) fn read_soon(&mut self, id: ConnectionId) {
        if let Some(wire) = self.get(id) {
            wire.flags.insert(Flags::UNREAD);
            self.look_again(id);
        }
    }

    pub(crate) fn look_again(&mut self, id: ConnectionId) {
        if let Some(wire) = self.get(id) {
            if wire.raise(Flags::AGAIN) && !planted(4) {
                self.again.push(id);
            }
        }
    }

    /// The unused rest of a wire's bytes stays within its bound, unless it was this side that stopped reading.
    pub(crate) fn check_carry(&mut self, id: ConnectionId) {
        let carry_bytes_max = self.limits.carry_bytes_max;
        let Some(wire) = self.get(id) else { return };
        let carried = wire.carry.as_ref().map_or(0, |carry| carry.len());
        if carried > carry_bytes_max && !wire.has(Flags::RECHECK | ReadStop::ANY) {
            self.close(id, Reason::Limit(Limit::ReadBuffer));
        }
    }

    /// True while the layer above is told of the wire.
    pub(crate) fn is_heard(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| wire.phase < Phase::Closing)
    }

    /// True while the wire is read.
    pub(crate) fn listens(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| !wire.has(ReadStop::ANY) || planted(28))
    }

    pub(super) fn stop_reading(&mut self, id: ConnectionId, why: ReadStop) {
        let is_current = id == self.current;
        if let Some(wire) = self.get(id) {
            wire.flags.insert(why);
            let is_hinted = wire.has(Flags::HUNG_UP | Flags::PEER_CLOSED) && !wire.has(Flags::ENDED);
            if is_hinted {
                // Nobody is going to read the news from the socket: it is noticed there, and told for this stop as well.
                wire.flags.remove(Flags::PEER_CLOSED_TOLD);
                self.look_again(id);
            }
            self.stopped |= is_current;
        }
    }

    /// Whatever the wire was not read for is over: it is looked at again, carry first.
    pub(crate) fn resume_reading(&mut self, id: ConnectionId, why: ReadStop) {
        let now = self.now;
        let Some(wire) = self.get(id) else { return };
        if wire.has(why) {
            wire.flags.remove(why);
            wire.heard = now;
            wire.flags.insert(if planted(7) { Flags::default() } else { Flags::RECHECK });
            self.look_again(id);
        }
    }
}
