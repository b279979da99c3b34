//! What the reactor calls.

use crate::budget::{Eviction, Pressure};
use crate::id::ConnectionId;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::wire::peer::Peer;
use crate::wires::Wires;
use std::any::Any;
use std::io;
use std::time::Duration;

/// A new connection at a listener.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub stream: Stream,
    /// Where it comes from, and the listener that it came to.
    pub peer: Peer,
}

/// The layer above: one object for all wires of a reactor.
///
/// Every method gets all wires mutably, so whatever happens on one connection can be told to any other at once. None
/// gets the receive buffer but `on_bytes`, and there as an argument of its own: what is parsed from it may live while
/// wires are written to.
///
/// Once a connection was closed or aborted, by whomever, nothing is said of it but `on_close`, and before that perhaps
/// [`Service::on_evict`].
///
/// No method must panic but `on_bytes`, the one that is called for nearly every event: the reactor guards that, many
/// calls at once, and tells of a panic by `on_panic`. Whatever else runs the user's code guards it itself.
pub trait Service {
    /// Whether the next connection at this listener may be accepted. If not, it waits in the backlog until
    /// [`Wires::accept_again`]. Default: yes.
    fn may_accept(&mut self, wires: &mut Wires, listener: usize) -> bool {
        let _ = (wires, listener);
        true
    }

    /// A new connection: take it up with [`Wires::insert`], hand it to another reactor, or drop it.
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming);

    /// The preamble of a connection was read, and its peer is known from now on. What comes behind it has not begun: to
    /// refuse the connection here, with [`Wires::abort`], costs no handshake. Default: nothing happens.
    fn on_preamble(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// A peer has said hello, at a session that is a [`Hello`](crate::Hello): [`Wires::take_hello`] and [`Wires::secure`]
    /// answer it, now or later, or [`Wires::refuse_hello`] does. Until then the connection is not read. By default nothing
    /// is answered, and the handshake ends at its deadline.
    #[cfg(feature = "tls")]
    fn on_hello(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// What comes before is over, a preamble or a TLS handshake: the connection can be talked to from now on. Only for
    /// sessions that have one. After [`Wires::start_tls`](Wires::start_tls) it comes once more.
    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId);

    /// The carried rest and what was read behind it. Returns how much was used; the rest comes again with the next
    /// bytes. After [`Wires::resume`], [`Wires::release`], [`Wires::yield_turn`] and a drain it comes again without
    /// any, and the method is called even if there is no rest: something may be due that needs no bytes.
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize;

    /// `on_bytes` of this connection panicked, with this payload. Its bytes count as used, its answers so far are sent,
    /// and this method decides what becomes of it. By default the panic goes on.
    fn on_panic(&mut self, wires: &mut Wires, id: ConnectionId, payload: Box<dyn Any + Send>) {
        let _ = (wires, id);
        std::panic::resume_unwind(payload);
    }

    /// The peer has finished its side, and all that it had sent was handed up. Nothing more comes, but it may still
    /// listen. Or it has not, and all that came before [`Wires::read_finally`] was read.
    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId);

    /// The peer has finished its side while the connection is not read (it is paused, an answer is owed, it is congested, ..),
    /// and bytes that came before that wait to be read, or may (what TLS still holds is not known). Told once for each
    /// time that its reading stops, as the system tells it. [`Service::on_end`] still comes when they were read. Where no
    /// bytes wait it comes at once instead, although the connection is not read: [`Wires::goes_on`] tells the one from
    /// the other. A paused connection is kept like this for [`Limits::unread_wait`](crate::Limits::unread_wait). Default:
    /// nothing happens.
    fn on_peer_closed(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// A congested connection has drained to the low-water mark.
    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId);

    /// Nothing was heard for as long as [`Wires::set_idle_timeout`] said, although it was listened for.
    fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration);

    /// A timer that was set with [`Wires::set_timer`].
    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, key: u32);

    /// The reactor was woken: a command waits in its mailbox, or its alarm was due.
    fn on_wake(&mut self, wires: &mut Wires);

    /// The last call for this connection, exactly once for each that was taken up, at the latest when its end has been sent.
    /// It can still be asked about, and others can be written to; it takes no output itself. Behind this call the id names
    /// nothing any more. The connection may linger for a while: see [`Wires::lingering`].
    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason);

    /// Nothing is left of a connection for which [`Service::on_close`] has come: it does not linger, or has lingered.
    /// Default: nothing happens.
    fn on_removed(&mut self, wires: &mut Wires) {
        let _ = wires;
    }

    /// The memory that the buffers of all reactors hold has passed a mark of their [`Budget`](crate::Budget). Told once
    /// for each change, by whichever reactor finds it.
    fn on_pressure(&mut self, wires: &mut Wires, pressure: Pressure) {
        let _ = (wires, pressure);
    }

    /// The connection must give its memory back: now is the time for a last word. If it is not closing after this, or
    /// holds more than a last word needs, it is aborted with [`Limit::Memory`](crate::Limit::Memory). Told of one that is
    /// closing already as well, for what it has still to say goes with it. Default: no word.
    fn on_evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        let _ = (wires, id, why);
    }

    /// A new connection could not be accepted. The driver tries again after a pause. A lack of descriptors comes here only if
    /// the one in reserve was of no help either: see [`Service::on_exhausted`].
    fn on_accept_error(&mut self, wires: &mut Wires, listener: usize, error: &io::Error);

    /// No descriptor is left for a new connection: instead of [`Service::on_accept`]. It hears what is returned, and is let go
    /// of at once. Default: not a word.
    fn on_exhausted(&mut self, wires: &mut Wires, peer: &Peer) -> &[u8] {
        let _ = (wires, peer);
        &[]
    }

    /// What became ready lately waited for so long at most: the time that the present turn has taken, and if a poll did
    /// not tell of everything, the turns before it since then; without the time for which this thread did not have the
    /// processor, where the system tells that. `idle`: for so long before this turn there was nothing
    /// to do. Told at the end of the turn: where turns take longer than a millisecond, of each; otherwise of some.
    /// Default: nothing happens.
    fn on_loop_lag(&mut self, wires: &mut Wires, lag: Duration, idle: Duration) {
        let _ = (wires, lag, idle);
    }
}
