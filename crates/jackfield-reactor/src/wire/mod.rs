//! One connection's I/O half.

pub(crate) mod carry;
pub(crate) mod flags;
pub(crate) mod life;
pub(crate) mod outbox;
pub(crate) mod peer;
pub(crate) mod timer_key;

use self::carry::Carry;
use self::flags::{Flags, WriteStop};
use self::life::{Act, Event, Phase, Reading};
use self::peer::PeerSlot;
use crate::id::ConnectionId;
use crate::reason::Reason;
use crate::session::Session;
use crate::time::Time;
use crate::wire::outbox::Outbox;

/// One connection's I/O half.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) id: ConnectionId,
    pub(crate) session: Session,
    /// The other end.
    pub(crate) peer: PeerSlot,
    /// Output that the kernel has not taken yet. Most wires have none.
    pub(crate) outbox: Option<Box<Outbox>>,
    /// Bytes that were read and not used yet. Most wires have none.
    pub(crate) carry: Option<Box<Carry>>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// When it was accepted, and when the last byte came.
    pub(crate) since: Time,
    pub(crate) last_received: Time,
    /// The first of its timers.
    pub(crate) timers: u32,
    /// Bytes on the heap that are charged for it beside its buffers: by the layer above, and for its timers.
    pub(crate) service_and_timers: u32,
    pub(crate) flags: Flags,
    pub(crate) phase: Phase,
    pub(crate) reason: Reason,
    /// A number from the layer above, shown to the watchdog while bytes are passed.
    pub(crate) label: u8,
}

impl Wire {
    pub(crate) fn new(id: ConnectionId, session: Session, peer: PeerSlot, now: Time) -> Self {
        let phase = if session.is_handshaking() { Phase::Handshake } else { Phase::Open };
        let flags = if session.encrypts() { Flags::ENCRYPTS } else { Flags::default() };
        Self {
            id,
            session,
            peer,
            outbox: None,
            carry: None,
            bytes_in: 0,
            bytes_out: 0,
            since: now,
            last_received: now,
            timers: crate::wheel::NIL,
            service_and_timers: 0,
            flags,
            phase,
            reason: Reason::Local,
            label: 0,
        }
    }

    /// The usual case: open, no carry, no outbox, no flags.
    #[inline(always)]
    pub(crate) fn is_on_fast_path(&self) -> bool {
        self.flags.is_on_fast_path()
            && self.phase == Phase::Open
            && self.carry.is_none()
            && self.outbox.is_none()
    }

    /// True if the peer sends no more bytes that could cause a reset. Over TLS one that is done with its protocol has still to send
    /// its close_notify (RFC 8446 section 6.1), and then only a FIN.
    pub(crate) fn is_peer_done(&self) -> bool {
        self.has(Flags::PEER_ENDED)
            || (self.has(Flags::PEER_DONE) && !self.has(Flags::UNREAD | Flags::ENCRYPTS))
    }

    /// Our FIN was sent after all queued bytes, and the layer above is being told.
    pub(crate) fn has_sent_end(&self) -> bool {
        self.phase == Phase::Closing && self.has(WriteStop::CUT)
    }

    /// `on_close` has not come yet.
    pub(crate) fn is_known(&self) -> bool {
        self.phase != Phase::Lingering && self.id != ConnectionId::RETIRED
    }

    /// Applies an event to its phase. Returns what must be done.
    pub(crate) fn step(&mut self, event: Event) -> Act {
        let act = life::step(self.phase, Reading::of(self.flags), event);
        debug_assert_ne!(act, Act::Never, "{event:?} of a wire that is {:?}, {:?}", self.phase, self.flags);
        self.phase = act.leads_to(self.phase);
        act
    }

    #[inline(always)]
    pub(crate) fn has(&self, flags: impl Into<Flags>) -> bool {
        self.flags.has(flags)
    }

    /// Sets a flag. True if it was not set before.
    pub(crate) fn raise(&mut self, flag: impl Into<Flags>) -> bool {
        let flag = flag.into();
        let is_news = !self.flags.has(flag);
        self.flags.insert(flag);
        is_news
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.queued_bytes())
    }
}
