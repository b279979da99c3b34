//! Whether a wire is read, and which of its bytes are kept meanwhile.
//!
//! [`ReadStop`] has the reasons for which a wire is not read. Each is independent of the others. When the last one ends,
//! the wire is processed again, first its carry.

use super::Wires;
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::{Limit, Reason};
use crate::wire::flags::{Flags, ReadStop};
use crate::wire::life::Phase;
use crate::wire::timer_key;

/// Why a connection is not read now. Each reason begins and ends independently, and several can apply at the same time.
///
/// Only `User` can last without a limit. Every other reason has a deadline, or ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadPause {
    /// Your code has paused it, and has not resumed it yet.
    User,
    /// More bytes than [`Limits::outbox_bytes_high`](crate::Limits::outbox_bytes_high) were queued for the peer, and they
    /// have not drained to [`Limits::outbox_bytes_low`](crate::Limits::outbox_bytes_low) yet. Not for a connection that is
    /// set to be read while it is congested.
    Congested,
    /// A request has no answer yet, or an upgrade is not decided on.
    Answer,
    /// The peer has exceeded its rate.
    Rate,
    /// The bandwidth limit for incoming bytes is used up.
    Bandwidth,
    /// Memory is short, and this connection holds much of it: see [`Budget`](crate::Budget).
    Memory,
}

impl Wires {
    /// True if the current connection may not go on as usual: it was closed, stopped reading, or became congested. Then ask
    /// [`Wires::may_handle_bytes`] before the next of its bytes is used.
    #[inline(always)]
    pub fn is_current_stopped(&self) -> bool {
        self.stopped
    }

    /// True while the connection is read and takes bytes: the service may go on with the bytes that it has.
    pub fn may_handle_bytes(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| {
            matches!(wire.phase, Phase::Open | Phase::OutputClosed) && !wire.has(ReadStop::ANY)
        })
    }

    /// Why the connection is not read. If there are several reasons, the first in the order of [`ReadPause`]. `None`: it is
    /// read, or is unknown.
    pub fn read_pause(&self, id: ConnectionId) -> Option<ReadPause> {
        let flags = self.wire(id)?.flags;
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

    /// Removes and returns the bytes that were passed to `on_bytes` and not used. They count as used.
    pub fn take_unread(&mut self, id: ConnectionId) -> Vec<u8> {
        let Some(mut carry) = self.lift_carry(id) else { return Vec::new() };
        let unread = carry.unused().to_vec();
        self.carry_to_pool(carry);
        unread
    }

    /// Stops reading, by the user's wish. Unused bytes are kept.
    pub fn pause(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::PAUSED);
    }

    /// Ends [`Wires::pause`]. If there is no other reason not to read, kept bytes come again, and the socket is read.
    pub fn resume(&mut self, id: ConnectionId) {
        if self.wire(id).is_some_and(|wire| wire.has(Flags::PEER_CLOSED)) {
            // The wire is read again. The next pause has its own deadline.
            self.disarm(id, timer_key::UNREAD);
        }
        self.resume_reading(id, ReadStop::PAUSED);
    }

    /// Stops reading until an answer has been given. Independent of [`Wires::pause`].
    pub fn pause_for_answer(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::ANSWER);
    }

    /// Ends [`Wires::pause_for_answer`].
    pub fn resume_after_answer(&mut self, id: ConnectionId) {
        if !planted(6) {
            self.resume_reading(id, ReadStop::ANSWER);
        }
    }

    /// Stops reading because the peer has exceeded its rate. Independent of [`Wires::pause`].
    pub fn throttle(&mut self, id: ConnectionId) {
        self.stop_reading(id, ReadStop::RATE);
    }

    /// Ends [`Wires::throttle`].
    pub fn unthrottle(&mut self, id: ConnectionId) {
        self.resume_reading(id, ReadStop::RATE);
    }

    /// True if the connection is paused by [`Wires::pause`], no bytes are kept, and it is known that none can be read. The
    /// peer may have closed its side.
    pub fn is_paused_and_empty(&mut self, id: ConnectionId) -> bool {
        let is_empty = self.wire_mut(id).is_some_and(|wire| {
            let is_paused = wire.has(ReadStop::PAUSED) && wire.carry.is_none();
            is_paused && (!wire.has(Flags::UNREAD) || wire.session.is_empty())
        });
        // To look, TLS may have read something that it keeps.
        self.charge_session(id);
        is_empty
    }

    /// The service can't handle [`Service::on_end`](crate::Service::on_end) yet: the call comes again when the kept bytes
    /// have been used. If the connection is paused by [`Wires::pause`], it is kept for
    /// [`Limits::unread_wait`](crate::Limits::unread_wait) at most.
    pub fn put_off_end(&mut self, id: ConnectionId) {
        let due = self.now.after(self.limits_of(id).unread_wait).0;
        let Some(wire) = self.wire_mut(id) else { return };
        wire.flags.remove(Flags::PEER_ENDED);
        wire.flags.insert(Flags::UNREAD);
        if wire.has(ReadStop::PAUSED) {
            self.arm_once(id, timer_key::UNREAD, due);
        }
    }

    /// Reads what has already arrived from the peer, and then calls [`Service::on_end`](crate::Service::on_end), although
    /// the peer has not closed its side. [`Wires::has_peer_ended`] is false in that call. While there is a reason not to read
    /// the connection, and during a handshake, all of this waits.
    pub fn read_finally(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(Flags::FINAL_READ);
            self.read_soon(id);
        }
    }

    /// Leaves the unused bytes for the next turn, so that other connections get their share of this one.
    pub fn yield_turn(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(if planted(5) { Flags::default() } else { Flags::RECHECK });
            self.queue_for_next_turn(id);
        }
    }

    /// Reads the wire in the next turn, without an event of the system.
    pub(super) fn read_soon(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(Flags::UNREAD);
            self.queue_for_next_turn(id);
        }
    }

    pub(crate) fn queue_for_next_turn(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wire_mut(id) {
            if wire.raise(Flags::AGAIN) && !planted(4) {
                self.again.push(id);
            }
        }
    }

    /// The unused bytes stay within their limit, unless it was this side that stopped reading.
    pub(crate) fn check_carry(&mut self, id: ConnectionId) {
        let carry_bytes_max = self.limits_of(id).carry_bytes_max;
        let Some(wire) = self.wire_mut(id) else { return };
        let carried = wire.carry.as_ref().map_or(0, |carry| carry.len());
        if carried > carry_bytes_max && !wire.has(Flags::RECHECK | ReadStop::ANY) {
            self.close(id, Reason::Limit(Limit::ReadBuffer));
        }
    }

    /// Whether one more handshake may go on in this turn, which then counts among
    /// [`Limits::handshakes_per_turn`](crate::Limits::handshakes_per_turn). To be asked before [`Wires::answer_hello`], if a session
    /// is made on the reactor's thread outside of [`Service::on_hello`](crate::Service::on_hello). False: ask again in the next
    /// turn.
    pub fn try_count_handshake(&mut self) -> bool {
        let is_one_left = self.handshakes_left > 0 || planted(108);
        self.handshakes_left = self.handshakes_left.saturating_sub(1);
        is_one_left
    }

    /// True while the wire is read.
    pub(crate) fn may_read(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| !wire.has(ReadStop::ANY) || planted(28))
    }

    pub(super) fn stop_reading(&mut self, id: ConnectionId, why: ReadStop) {
        let is_current = id == self.current;
        if let Some(wire) = self.wire_mut(id) {
            wire.flags.insert(why);
            let is_hinted = wire.has(Flags::HUNG_UP | Flags::PEER_CLOSED) && !wire.has(Flags::PEER_ENDED);
            if is_hinted {
                // The wire will not be read, so a close of the peer must be noticed and reported again for this stop.
                wire.flags.remove(Flags::PEER_CLOSED_TOLD);
                self.queue_for_next_turn(id);
            }
            self.stopped |= is_current;
        }
    }

    /// Ends one reason not to read the wire. It is processed again in the next turn, first its carry.
    pub(crate) fn resume_reading(&mut self, id: ConnectionId, why: ReadStop) {
        let now = self.now;
        let Some(wire) = self.wire_mut(id) else { return };
        if wire.has(why) {
            wire.flags.remove(why);
            wire.last_received = now;
            wire.flags.insert(if planted(7) { Flags::default() } else { Flags::RECHECK });
            self.queue_for_next_turn(id);
        }
    }
}
