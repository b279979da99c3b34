//! The calls from the reactor to the layer above.

use crate::budget::{Eviction, Pressure};
use crate::id::ConnectionId;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::wire::peer::Peer;
use crate::wires::Wires;
use std::any::Any;
use std::io;
use std::time::Duration;

/// A new connection that a listener has accepted.
#[derive(Debug)]
pub struct Incoming {
    /// The byte stream of the connection.
    pub stream: Stream,
    /// The peer's address, and the index of the listener.
    pub peer: Peer,
}

/// The layer above the reactor: one object that gets the events of all connections of one reactor.
///
/// Each method gets all connections of the reactor as `&mut Wires`. So an event on one connection can write to any other
/// connection in the same call. Only `on_bytes` gets received bytes. They are a separate argument, so they can stay
/// borrowed while the service writes to connections.
///
/// After a connection is closed or aborted, by either side, only two more calls can come for it: perhaps
/// [`Service::on_evict`], and then [`Service::on_close`].
///
/// Only `on_bytes` may panic. The reactor catches that panic and calls `on_panic`. A panic in any other method goes through
/// the reactor to the caller of the driver, so a method that runs user code must catch panics itself.
pub trait Service {
    /// Whether the reactor may accept the next connection at the listener with this index. If not, the connection waits in
    /// the listener's backlog until [`Wires::accept_again`]. Default: yes.
    fn may_accept(&mut self, wires: &mut Wires, listener: usize) -> bool {
        let _ = (wires, listener);
        true
    }

    /// A new connection was accepted. The service adds it with [`Wires::insert`], passes it to another reactor, or drops
    /// it.
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming);

    /// The preamble of a connection was read, so [`Wires::peer`] knows the address that a proxy gave. No TLS handshake has
    /// begun yet: [`Wires::abort`] here refuses the connection at the lowest cost. Default: does nothing.
    fn on_preamble(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// The TLS ClientHello of a [`Hello`](crate::Hello) session was read (RFC 8446 section 4.1.2). The service answers with
    /// [`Wires::take_hello`] and [`Wires::answer_hello`], now or later, or with [`Wires::refuse_hello`]. The connection is not
    /// read until then. Default: does nothing, and the connection ends at the handshake deadline.
    #[cfg(feature = "tls")]
    fn on_hello(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// The connection can be written to: its preamble and its TLS handshake are complete, or an outgoing connection is
    /// established. Sessions that have none of these do not get this call. It comes again after the handshake that
    /// `Wires::start_tls` begins (feature `tls`).
    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId);

    /// Bytes of this connection: those that earlier calls did not use, then the new ones. Returns how many bytes were used.
    /// The others are kept, and come again in front of the next bytes. The kept bytes have a limit:
    /// [`Limits::carry_bytes_max`](crate::Limits::carry_bytes_max).
    ///
    /// The call also comes without new bytes, and even with an empty slice, after [`Wires::resume`], [`Wires::resume_after_answer`],
    /// [`Wires::yield_turn`], and when a congested connection has drained: there may be work that needs no bytes.
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize;

    /// `on_bytes` of this connection panicked; `payload` is the value of the panic. All bytes of that call count as used.
    /// Output that was written before the panic is sent. The service decides whether the connection goes on. Default: the
    /// panic is resumed.
    fn on_panic(&mut self, wires: &mut Wires, id: ConnectionId, payload: Box<dyn Any + Send>) {
        let _ = (wires, id);
        std::panic::resume_unwind(payload);
    }

    /// The peer has closed its side, and all bytes that it sent before were passed to `on_bytes`. No more bytes will come,
    /// but the peer may still read. The call also comes after [`Wires::read_finally`], when all bytes that had arrived were
    /// read; [`Wires::has_peer_ended`] is false then.
    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId);

    /// The peer has closed its side while the connection is not read: see [`ReadPause`](crate::ReadPause). Bytes that it
    /// sent before may still be unread. [`Service::on_end`] follows when they have been read.
    ///
    /// If it is known that no bytes are unread, `on_end` comes immediately instead, although the connection is not read;
    /// [`Wires::may_handle_bytes`] is false in that call. The call is repeated at most once for each time that reading stops. A
    /// connection that is paused by the user is kept in this state for [`Limits::unread_wait`](crate::Limits::unread_wait).
    /// Default: does nothing.
    fn on_peer_closed(&mut self, wires: &mut Wires, id: ConnectionId) {
        let _ = (wires, id);
    }

    /// A congested connection has drained to the low-water mark
    /// ([`Limits::outbox_bytes_low`](crate::Limits::outbox_bytes_low)).
    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId);

    /// No byte came from the peer for the time that [`Wires::set_idle_timeout`] set. The time for which its
    /// bandwidth limit held output does not count; `quiet` is the whole time since the last byte. The call does not come while
    /// the connection is not read, or waits for its bandwidth limit. It is repeated after each further such time without a
    /// byte.
    fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration);

    /// A timer that was set with [`Wires::set_timer`] has fired. `key` is its key.
    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, key: u32);

    /// The reactor was woken: there are commands in its mailbox, or [`Wires::set_alarm`] or [`Wires::request_next_turn`]
    /// asked for this call.
    fn on_wake(&mut self, wires: &mut Wires);

    /// The connection has ended, for this reason. The call comes exactly once for each connection that was added, and it is
    /// the last one for this id. It comes at the latest when our FIN was sent. In this call the connection can still be
    /// asked about, and other connections can be written to, but this one takes no output. After it the id is unknown. The
    /// socket may linger for a while: see [`Wires::lingering`].
    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason);

    /// A connection for which [`Service::on_close`] came has been removed: it did not linger, or its linger time is over.
    /// Default: does nothing.
    fn on_removed(&mut self, wires: &mut Wires) {
        let _ = wires;
    }

    /// The memory that the buffers of all reactors use has crossed a threshold of their [`Budget`](crate::Budget). One
    /// reactor, the one that notices it, makes this call, once for each change. Default: does nothing.
    fn on_pressure(&mut self, wires: &mut Wires, pressure: Pressure) {
        let _ = (wires, pressure);
    }

    /// The connection is about to be evicted to free its memory. The service may write a last message here, such as an
    /// error, and close the connection. If the connection is not closing after this call, or holds more than 4 KiB, it is
    /// aborted with [`Limit::Memory`](crate::Limit::Memory). The call also comes for a connection that is closing already,
    /// because its queued output may be lost. Default: does nothing.
    fn on_evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        let _ = (wires, id, why);
    }

    /// A new connection could not be accepted. The driver tries this listener again after 50 ms. If the process has no free
    /// descriptor, this call comes only if the reserve descriptor does not help; otherwise [`Service::on_exhausted`] comes.
    fn on_accept_error(&mut self, wires: &mut Wires, listener: usize, error: &io::Error);

    /// A new connection was accepted with the reserve descriptor, because no other descriptor is free. This call replaces
    /// [`Service::on_accept`]. The bytes that it returns are sent to the peer, and the connection is closed immediately.
    /// Default: no bytes.
    fn on_exhausted(&mut self, wires: &mut Wires, peer: &Peer) -> &[u8] {
        let _ = (wires, peer);
        &[]
    }

    /// How late this reactor handles events. `lag` is an upper bound of the time that an event had to wait: the time that
    /// this turn has taken, and also that of the turns before it if the last poll could not return all events. On Linux and
    /// Android it does not include the time for which other threads had the processor. `idle` is the time for which the
    /// reactor slept before this turn; zero if the turn before was not timed.
    ///
    /// The call comes at the end of the turn: after each turn of more than a millisecond, and otherwise after at most one
    /// in 64 turns. Default: does nothing.
    fn on_loop_lag(&mut self, wires: &mut Wires, lag: Duration, idle: Duration) {
        let _ = (wires, lag, idle);
    }
}
