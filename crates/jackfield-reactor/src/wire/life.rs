//! A wire's life: what it does at each event, as a table.
//!
//! **Phases.** A wire moves down the list of [`Phase`] and never up, but that an open wire above which TLS is put begins
//! with a handshake again. The phase says who may still say something: both sides (`Open`), the peer and what is queued
//! (`OutputClosed`), what is queued (`Closing`), the peer, whom nobody hears (`Lingering`), nobody (`Dead`).
//!
//! **Reading.** Whether an open wire is read is another matter, and so are the reasons why it is not ([`ReadStop`]). They
//! come to three: the user has paused it, for as long as the user likes; something is waited for that has a bound of its
//! own (an answer, a drain, memory, the rate); or the peer's end was read, so that nothing comes any more. From `Closing` on
//! it does not matter why a wire was not read: nothing is handed up any more, and what comes is dropped. A read may itself be why
//! reading stops, because memory is short; what it has found counts.
//!
//! **Hints and facts.** What the system tells is a hint: `Readable`, `PeerClosed`, `HungUp`. mio says so, and it is so:
//! `HungUp` says that both directions are closed, which is how a reset looks and also how a connection looks that both sides
//! have ended in good order. So a hint never changes the phase. It leads to a read or a question, and what that finds is
//! a fact: `End`, or an error, which aborts the wire. A wire that is read finds it by reading. One that is not read must
//! not be read for it, for what lies before the end is not wanted yet: of a reset the socket is asked (`Ask`), and of an end
//! it is checked whether that comes next (`Look`). If it does, the end is told at once, paused or not, for nothing was before
//! it. If bytes lie before it, the layer above is told that the peer has closed, and the end itself comes after the bytes
//! when the wire is read again.
//!
//! **Nothing that was sent is destroyed by us.** To reset a connection, or to close a socket with bytes unread, lets the
//! kernel drop what it has not delivered. So a wire is reset only by an abort or by a fact that says that the peer is gone.
//! A lingering wire is never reset for a hint: it reads what comes, drops it, and goes when the peer's end was read, or
//! when its time is over.
//!
//! Asserted where it happens: all phases are set by [`Wire::step`](super::Wire::step), and an event that can't occur in a
//! phase is `Never`.

use super::flags::{Flags, ReadStop};

/// The phase of a wire's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// The session does its handshake; the layer above gets nothing yet.
    Handshake,
    /// Both ways are open.
    Open,
    /// The layer above takes no more output, but the wire is still read.
    OutputClosed,
    /// Queued bytes are being written, then our FIN is sent. Received bytes are dropped.
    Closing,
    /// Our FIN was sent. Bytes of the peer are read and dropped until its FIN comes.
    Lingering,
    /// Nothing is written any more. It is removed at the end of its own event, or of the turn.
    Dead,
}

/// Whether a wire is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    On,
    /// The user has paused it.
    Paused,
    /// It is not read, for a reason that ends by itself.
    Waits,
    /// The peer's end was read.
    Over,
}

/// What happens to a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// Hints of the system: something can be read; the peer's end has come; both directions are closed.
    Readable,
    PeerClosed,
    HungUp,
    /// A fact: a read gave the end.
    End,
    /// The handshake is over.
    Established,
    /// From the layer above: it starts TLS; it takes no more output; it closes; it aborts.
    Restart,
    CloseOutput,
    Close,
    Abort,
    /// All queued bytes and our FIN were sent.
    Sent,
    /// The wire waits for nothing any more.
    Over,
}

/// What the reactor does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Nothing,
    /// Read it, and pass the bytes.
    Read,
    /// Note it for the time when the wire is read again.
    Later,
    /// Check whether the peer's end comes next.
    Look,
    /// Ask the socket whether it is broken.
    Ask,
    /// Read it, and drop what was read.
    Discard,
    /// Report that the peer has ended.
    TellEnd,
    /// Change to `Open`, `Handshake`, `OutputClosed`, `Closing`, `Lingering`.
    Open,
    Restart,
    Mute,
    Close,
    Linger,
    /// Change to `Dead`: bytes that the kernel still has are dropped, or delivered.
    Reset,
    Finish,
    /// It can't happen.
    Never,
}

/// Rows are events; columns are [`column`] of phase and reading. `OutputClosed` has the columns of an open wire.
#[rustfmt::skip]
const TABLE: [(Event, [Act; 9]); 11] = {
    use Act::*;
    use Event as E;
    [
        // handshake:      read     not read | open: read  paused   waits    over    | closing  lingering dead
        (E::Readable,    [Read,    Later,            Read,    Later,   Later,   Nothing,  Later,   Discard,  Nothing]),
        (E::PeerClosed,  [Read,    Later,            Read,    Look,    Look,    Nothing,  Later,   Discard,  Nothing]),
        (E::HungUp,      [Read,    Ask,              Read,    Ask,     Ask,     Ask,      Ask,     Discard,  Nothing]),
        (E::End,         [Close,   Close,            TellEnd, TellEnd, TellEnd, TellEnd,  Never,   Finish,   Never]),
        (E::Established, [Open,    Open,             Never,   Never,   Never,   Never,    Never,   Never,    Never]),
        (E::Restart,     [Never,   Never,            Restart, Restart, Restart, Restart,  Never,   Never,    Never]),
        (E::CloseOutput, [Nothing, Nothing,          Mute,    Mute,    Mute,    Mute,     Nothing, Nothing,  Nothing]),
        (E::Close,       [Close,   Close,            Close,   Close,   Close,   Close,    Nothing, Nothing,  Nothing]),
        (E::Abort,       [Reset,   Reset,            Reset,   Reset,   Reset,   Reset,    Reset,   Reset,    Nothing]),
        (E::Sent,        [Never,   Never,            Never,   Never,   Never,   Never,    Linger,  Never,    Never]),
        (E::Over,        [Never,   Never,            Never,   Never,   Never,   Never,    Finish,  Finish,   Finish]),
    ]
};

/// What is done at an event.
pub(crate) const fn step(phase: Phase, reading: Reading, event: Event) -> Act {
    TABLE[event as usize].1[column(phase, reading)]
}

const fn column(phase: Phase, reading: Reading) -> usize {
    match (phase, reading) {
        (Phase::Handshake, Reading::On | Reading::Over) => 0,
        (Phase::Handshake, _) => 1,
        (Phase::Open | Phase::OutputClosed, reading) => 2 + reading as usize,
        (Phase::Closing, _) => 6,
        (Phase::Lingering, _) => 7,
        (Phase::Dead, _) => 8,
    }
}

impl Reading {
    pub(crate) fn of(flags: Flags) -> Self {
        if flags.has(Flags::PEER_ENDED) {
            Self::Over
        } else if flags.has(ReadStop::PAUSED) {
            Self::Paused
        } else if flags.has(ReadStop::ANY) {
            Self::Waits
        } else {
            Self::On
        }
    }
}

impl Act {
    /// The phase of a wire after it.
    pub(crate) const fn leads_to(self, phase: Phase) -> Phase {
        match self {
            Self::Open => Phase::Open,
            Self::Restart => Phase::Handshake,
            Self::Mute => Phase::OutputClosed,
            Self::Close => Phase::Closing,
            Self::Linger => Phase::Lingering,
            Self::Reset | Self::Finish => Phase::Dead,
            _ => phase,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 6] =
        [Phase::Handshake, Phase::Open, Phase::OutputClosed, Phase::Closing, Phase::Lingering, Phase::Dead];
    const READINGS: [Reading; 4] = [Reading::On, Reading::Paused, Reading::Waits, Reading::Over];

    /// Checks every combination against the essay above.
    fn each(mut check: impl FnMut(Phase, Reading, Event, Act)) {
        for (index, (event, _)) in TABLE.iter().enumerate() {
            assert_eq!(*event as usize, index, "the rows are in the order of the events");
            for phase in PHASES {
                READINGS
                    .into_iter()
                    .for_each(|reading| check(phase, reading, *event, step(phase, reading, *event)));
            }
        }
    }

    fn is_hint(event: Event) -> bool {
        matches!(event, Event::Readable | Event::PeerClosed | Event::HungUp)
    }

    #[test]
    fn a_wire_moves_down_the_list_and_ends_at_its_end() {
        each(|phase, reading, event, act| {
            let next = act.leads_to(phase);
            let is_restart = event == Event::Restart && act == Act::Restart;
            assert!(next >= phase || is_restart, "{phase:?} {reading:?} {event:?}: {act:?}");
            assert!(phase != Phase::Dead || next == Phase::Dead);
        });
    }

    #[test]
    fn a_hint_changes_no_phase_and_is_never_impossible() {
        each(|phase, reading, event, act| {
            if is_hint(event) {
                assert_eq!(act.leads_to(phase), phase, "{phase:?} {reading:?} {event:?}: {act:?}");
                assert_ne!(act, Act::Never, "{phase:?} {reading:?} {event:?}");
            }
        });
    }

    #[test]
    fn a_hint_does_not_read_a_paused_wire() {
        each(|phase, reading, event, act| {
            let is_stopped = matches!(reading, Reading::Paused | Reading::Waits);
            if is_hint(event) && is_stopped && phase < Phase::Lingering {
                assert!(!matches!(act, Act::Read | Act::Discard), "{phase:?} {reading:?} {event:?}: {act:?}");
            }
            // And a wire that may be read is read.
            if is_hint(event) && reading == Reading::On && phase < Phase::Closing {
                assert_eq!(act, Act::Read);
            }
        });
    }

    #[test]
    fn only_an_abort_resets() {
        each(|phase, reading, event, act| {
            assert!(act != Act::Reset || event == Event::Abort, "{phase:?} {reading:?} {event:?}");
        });
    }

    #[test]
    fn from_closing_on_it_does_not_matter_why_it_was_not_read() {
        each(|phase, reading, event, act| {
            if phase >= Phase::Closing {
                assert_eq!(act, step(phase, Reading::On, event), "{phase:?} {reading:?} {event:?}");
            }
        });
    }

    #[test]
    fn each_phase_can_be_left() {
        for phase in PHASES.into_iter().filter(|phase| *phase < Phase::Dead) {
            for reading in READINGS {
                let abort = step(phase, reading, Event::Abort).leads_to(phase);
                assert_eq!(abort, Phase::Dead, "{phase:?} {reading:?}");
            }
        }
    }

    #[test]
    fn a_stop_is_paused_or_waits_and_an_end_is_over() {
        assert_eq!(Reading::of(Flags::UNREAD), Reading::On);
        for stop in ReadStop::ALL {
            let is_paused = Flags::from(stop) == ReadStop::PAUSED.into();
            let expected = if is_paused { Reading::Paused } else { Reading::Waits };
            assert_eq!(Reading::of(stop.into()), expected);
            assert_eq!(Reading::of(Flags::PEER_ENDED | stop), Reading::Over);
        }
    }
}
