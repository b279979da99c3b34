//! The flags of a wire, in addition to its phase. In the usual case none is set, which is one comparison.
//!
//! They are in one word, so that the usual case is one comparison. They have three types, so that a reason not to read
//! can't be used as a reason not to write.

use std::fmt;
use std::ops::BitOr;

/// A set of flags.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u32);

/// Why a wire is not read. The reasons are independent of each other. The comment of each says what ends it.
#[derive(Clone, Copy)]
pub(crate) struct ReadStop(Flags);

/// Why a wire is not written to.
#[derive(Clone, Copy)]
pub(crate) struct WriteStop(Flags);

/// The wire is on a list of its reactor, once.
impl Flags {
    /// To be flushed at the end of the turn.
    pub(crate) const DIRTY: Self = Self(1);
    /// To be processed in the next turn.
    pub(crate) const AGAIN: Self = Self(1 << 1);
    /// To be closed at the end of the turn, or of its own event.
    pub(crate) const ENDING: Self = Self(1 << 2);
    /// The kernel has taken bytes, and the layer above must be told.
    pub(crate) const WRITE_UNREPORTED: Self = Self(1 << 30);
}

/// Flags about unread bytes.
impl Flags {
    /// The socket may have bytes without a further event.
    pub(crate) const UNREAD: Self = Self(1 << 3);
    /// The carry must be passed again, although no new bytes were read.
    pub(crate) const RECHECK: Self = Self(1 << 4);
    /// When the socket is empty, the layer above is told that the peer has ended.
    pub(crate) const FINAL_READ: Self = Self(1 << 5);
}

/// Flags about the peer.
impl Flags {
    /// A hint: its end is in the socket, perhaps after bytes.
    pub(crate) const PEER_CLOSED: Self = Self(1 << 6);
    /// The layer above was told of that hint.
    pub(crate) const PEER_CLOSED_TOLD: Self = Self(1 << 7);
    /// A hint: both directions are closed, by a reset or because both sides have ended.
    pub(crate) const HUNG_UP: Self = Self(1 << 8);
    /// A fact: its end was read.
    pub(crate) const PEER_ENDED: Self = Self(1 << 9);
    /// The layer above knows that the peer sends nothing more by its protocol.
    pub(crate) const PEER_DONE: Self = Self(1 << 10);
}

/// Properties of a wire.
impl Flags {
    /// Writing restarts the idle timeout too, for a stream whose peer sends nothing.
    pub(crate) const WRITES_COUNT_AS_ACTIVITY: Self = Self(1 << 11);
    /// Its session encrypts, and may keep encrypted bytes.
    pub(crate) const ENCRYPTS: Self = Self(1 << 12);
    /// It has more timers than its chain: the others are in an index.
    pub(crate) const MANY_TIMERS: Self = Self(1 << 13);
    /// TLS was started on an open wire (STARTTLS): the layer above knows the wire, although it may be in a handshake.
    pub(crate) const STARTTLS: Self = Self(1 << 14);
    /// It is also read while it is congested.
    pub(crate) const READ_WHILE_CONGESTED: Self = Self(1 << 15);
    /// It is read by tokens: incoming bytes have a bandwidth limit.
    pub(crate) const READ_BY_TOKENS: Self = Self(1 << 31);
    /// The layer above gets an event when the kernel has taken bytes.
    pub(crate) const TELLS_WRITES: Self = Self(1 << 29);
    /// Flags with which a wire stays on the usual path.
    const TRAITS: Self = Self(
        Self::WRITES_COUNT_AS_ACTIVITY.0
            | Self::ENCRYPTS.0
            | Self::MANY_TIMERS.0
            | Self::STARTTLS.0
            | Self::READ_WHILE_CONGESTED.0
            | Self::TELLS_WRITES.0
            | Self::WRITE_UNREPORTED.0,
    );
}

/// Flags about output.
impl Flags {
    /// Congested, but read all the same.
    pub(crate) const CONGESTED_AND_READ: Self = Self(1 << 26);
    /// Congested, read or not.
    pub(crate) const CONGESTED: Self = Self(ReadStop::CONGESTED.0.0 | Self::CONGESTED_AND_READ.0);
    /// After the queued bytes our FIN is sent, and the wire is still read.
    pub(crate) const END_DUE: Self = Self(1 << 27);
    /// After the queued bytes it is reset.
    pub(crate) const RESET_DUE: Self = Self(1 << 28);
}

impl ReadStop {
    /// The user has paused it, until the user resumes it.
    pub(crate) const PAUSED: Self = Self(Flags(1 << 16));
    /// An answer is owed, until it is given.
    pub(crate) const ANSWER: Self = Self(Flags(1 << 17));
    /// It is congested, until it has drained or stalled.
    pub(crate) const CONGESTED: Self = Self(Flags(1 << 18));
    /// Memory is scarce, and this wire holds much of it: until there is room again, or it is evicted.
    pub(crate) const MEMORY: Self = Self(Flags(1 << 19));
    /// The peer has exceeded its rate, for some time.
    pub(crate) const RATE: Self = Self(Flags(1 << 20));
    /// The incoming bandwidth is used up, until there are tokens.
    pub(crate) const BANDWIDTH: Self = Self(Flags(1 << 21));
    /// Any of them.
    pub(crate) const ANY: Self = Self(Flags(0x3f << 16));
    /// Each of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] =
        [Self::PAUSED, Self::ANSWER, Self::CONGESTED, Self::MEMORY, Self::RATE, Self::BANDWIDTH];
}

impl WriteStop {
    /// The kernel did not take all bytes, so a writable event will come.
    pub(crate) const BLOCKED: Self = Self(Flags(1 << 24));
    /// Nothing is written any more.
    pub(crate) const CUT: Self = Self(Flags(1 << 25));
    /// It has no tokens, until a timer fires. Never together with `BLOCKED`.
    pub(crate) const HELD: Self = Self(Flags(1 << 22));
    /// It is written by tokens, as long as its bandwidth is limited.
    pub(crate) const BY_TOKENS: Self = Self(Flags(1 << 23));
    /// Any of them.
    pub(crate) const ANY: Self = Self(Flags(0xf << 22));
    /// Each of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::BLOCKED, Self::CUT, Self::HELD, Self::BY_TOKENS];
}

impl Flags {
    #[inline(always)]
    pub(crate) fn has(self, any: impl Into<Self>) -> bool {
        self.0 & any.into().0 != 0
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, flags: impl Into<Self>) {
        self.0 |= flags.into().0;
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, flags: impl Into<Self>) {
        self.0 &= !flags.into().0;
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Output is collected until the end of the turn, and is not too much.
    #[inline(always)]
    pub(crate) fn gathers(self) -> bool {
        self.0 & (Self::DIRTY.0 | Self::CONGESTED.0) == Self::DIRTY.0
    }

    /// It is written by tokens, and nothing prevents a write now.
    pub(crate) fn may_write_by_tokens(self) -> bool {
        self.0 & WriteStop::ANY.0.0 == WriteStop::BY_TOKENS.0.0
    }

    /// No flag is set that takes it off the usual path.
    #[inline(always)]
    pub(crate) fn is_on_fast_path(self) -> bool {
        self.0 & !Self::TRAITS.0 == 0
    }
}

impl From<ReadStop> for Flags {
    #[inline(always)]
    fn from(stop: ReadStop) -> Self {
        stop.0
    }
}

impl From<WriteStop> for Flags {
    #[inline(always)]
    fn from(stop: WriteStop) -> Self {
        stop.0
    }
}

impl<F: Into<Flags>> BitOr<F> for Flags {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: F) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_apart_from_each_other_and_from_all_else() {
        let stops: Vec<u32> = ReadStop::ALL.iter().map(|stop| stop.0.0).collect();
        assert!(stops.iter().all(|bits| bits.is_power_of_two()));
        assert_eq!(stops.iter().sum::<u32>(), ReadStop::ANY.0.0, "each once");
        let stops: Vec<u32> = WriteStop::ALL.iter().map(|stop| stop.0.0).collect();
        assert_eq!(stops.iter().sum::<u32>(), WriteStop::ANY.0.0, "each once");
        assert!(!Flags::default().has(ReadStop::ANY) && Flags::default().is_on_fast_path());
        let others = Flags::CONGESTED_AND_READ | Flags::END_DUE | Flags::RESET_DUE | Flags::READ_BY_TOKENS;
        assert!(!others.has(ReadStop::ANY) && !others.has(WriteStop::ANY));
        for flag in [ReadStop::ANY.into(), WriteStop::ANY.into(), Flags::UNREAD, Flags::PEER_CLOSED, others] {
            let mut flags = Flags::ENCRYPTS | Flags::WRITES_COUNT_AS_ACTIVITY | Flags::READ_WHILE_CONGESTED;
            flags.insert(Flags::TELLS_WRITES | Flags::WRITE_UNREPORTED);
            assert!(flags.is_on_fast_path() && !flags.is_empty());
            flags.insert(flag);
            assert!(!flags.is_on_fast_path());
            flags.remove(flag);
            assert!(flags.is_on_fast_path());
        }
    }
}
