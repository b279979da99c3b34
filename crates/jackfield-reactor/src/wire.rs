//! One connection's I/O half.

use crate::carry::Carry;
use crate::id::WireId;
use crate::outbox::Outbox;
use crate::reason::Reason;
use crate::transport::Transport;

/// Where a wire is in its life. It only ever moves down this list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// The transport talks for itself; the layer above hears nothing yet.
    Handshake,
    /// Both ways are open.
    Open,
    /// The layer above has said its last word, but still listens.
    Mute,
    /// What is queued is being written, then the end is sent. Nothing is heard any more.
    Closing,
    /// The end was sent; what the peer still sends is read and dropped until its end comes, so that nothing that
    /// was sent is destroyed by a reset.
    Lingering,
    /// Nothing is written any more; it goes at the end of its own event, or of the turn.
    Dead,
}

/// What is the matter with a wire besides its phase. All clear is the usual case, and one comparison.
pub(crate) mod flag {
    /// On the list of those to be flushed at the end of the turn.
    pub(crate) const DIRTY: u32 = 1;
    /// On the list of those to be looked at in the next turn.
    pub(crate) const AGAIN: u32 = 2;
    /// On the list of those to be closed: at the end of the turn, or of their own event.
    pub(crate) const ENDING: u32 = 4;
    /// The user wants no bytes for now.
    pub(crate) const PAUSED: u32 = 8;
    /// The protocol wants no bytes for now: an answer is owed.
    pub(crate) const HELD: u32 = 16;
    /// Above high water: not read until it is drained.
    pub(crate) const CONGESTED: u32 = 32;
    /// The socket may hold something of which no further edge will tell.
    pub(crate) const UNREAD: u32 = 64;
    /// The carry is to be shown again although nothing was read behind it.
    pub(crate) const RECHECK: u32 = 128;
    /// The peer has finished its side.
    pub(crate) const ENDED: u32 = 256;
    /// Writing restarts the silence as well: for a stream whose peer has nothing to say.
    pub(crate) const WRITES_BREAK_SILENCE: u32 = 512;
    /// The kernel did not take all it was given, so that an edge will tell of room.
    pub(crate) const BLOCKED: u32 = 1024;
    /// Nothing is written any more.
    pub(crate) const CUT: u32 = 2048;
    /// The connection is broken, which reading it will tell.
    pub(crate) const BROKEN: u32 = 4096;
    /// The peer has promised to send nothing more.
    pub(crate) const LAST_WORD: u32 = 8192;
    /// Memory is scarce, and this wire holds much of it.
    pub(crate) const SQUEEZED: u32 = 1 << 14;
    /// Its transport seals what it is given, and may keep some of it.
    pub(crate) const SEALS: u32 = 1 << 15;
    /// The peer has said more than it may, and is not read for a while.
    pub(crate) const RATED: u32 = 1 << 16;
    /// Once its socket is empty, the layer above is told of an end.
    pub(crate) const LAST_LOOK: u32 = 1 << 17;
    /// For one of these reasons a wire is not written to.
    pub(crate) const NOT_WRITTEN: u32 = BLOCKED | CUT;
    /// For one of these reasons a wire is not read.
    pub(crate) const NOT_READ: u32 = PAUSED | HELD | CONGESTED | SQUEEZED | RATED;
}

/// One connection's I/O half.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) id: WireId,
    pub(crate) transport: Transport,
    /// What the kernel did not take yet. Most wires have none.
    pub(crate) outbox: Option<Box<Outbox>>,
    /// What was read and not used yet. Most wires have none.
    pub(crate) carry: Option<Box<Carry>>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// When it was accepted, and last heard: the lower half of the time.
    pub(crate) since: u32,
    pub(crate) heard: u32,
    /// When the kernel last took something, or when it began to block.
    pub(crate) progress: u32,
    /// After so much silence the layer above is told; 0: never.
    pub(crate) silence_ms: u32,
    /// The first of its timers.
    pub(crate) timers: u32,
    /// Bytes on the heap that the layer above has booked for it.
    pub(crate) above: u32,
    pub(crate) flags: u32,
    pub(crate) phase: Phase,
    pub(crate) reason: Reason,
    /// What its bytes are for, as the layer above has said: shown while they are handed up.
    pub(crate) label: u8,
}

impl Wire {
    pub(crate) fn new(id: WireId, transport: Transport, now: u32) -> Self {
        let phase = if transport.is_handshaking() { Phase::Handshake } else { Phase::Open };
        let flags = if transport.seals() { flag::SEALS } else { 0 };
        Self {
            id,
            transport,
            outbox: None,
            carry: None,
            bytes_in: 0,
            bytes_out: 0,
            since: now,
            heard: now,
            progress: now,
            silence_ms: 0,
            timers: crate::timer::NIL,
            above: 0,
            flags,
            phase,
            reason: Reason::Local,
            label: 0,
        }
    }

    /// The usual case: open, nothing carried, nothing queued, nothing the matter.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.flags & !(flag::WRITES_BREAK_SILENCE | flag::SEALS) == 0
            && self.phase == Phase::Open
            && self.carry.is_none()
            && self.outbox.is_none()
    }

    /// True if nothing comes any more that a reset could be the answer to.
    pub(crate) fn is_over(&self) -> bool {
        self.has(flag::ENDED) || (self.has(flag::LAST_WORD) && !self.has(flag::UNREAD))
    }

    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Sets a flag and says whether that is news.
    pub(crate) fn raise(&mut self, flag: u32) -> bool {
        let news = self.flags & flag == 0;
        self.flags |= flag;
        news
    }

    pub(crate) fn queued(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.queued())
    }
}
