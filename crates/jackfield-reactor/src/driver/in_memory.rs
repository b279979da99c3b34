//! The in-memory driver: connections without sockets, and a clock that only the test moves.

use super::backlog::Backlog;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::stream::Stream;
use crate::stream::pipe::{FarEnd, Pipe};
use crate::time::Time;
use crate::turn::Reactor;
use crate::turn::service::{Incoming, Service};
use crate::wire::peer::Peer;
use crate::wires::dial::Dial;
use crate::wires::order::AcceptorOrder;
use crate::wires::ready::Ready;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Drives a reactor without sockets, threads and a real clock. The same calls always give the same result, as long as the
/// service is deterministic too.
#[derive(Debug)]
pub struct MemoryDriver {
    /// The reactor.
    pub reactor: Reactor,
    now: Time,
    backlog: Backlog,
}

/// More turns than any test needs: then a loop does not end.
const TURNS_MAX: usize = 1_000_000;

impl MemoryDriver {
    /// A driver at time zero, for the reactor with this number.
    pub fn new(reactor: u8, limits: Limits) -> Self {
        let now = Time(0);
        Self { reactor: Reactor::new(reactor, now, limits, None), now, backlog: Backlog::default() }
    }

    /// The time of its clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Makes a new connection from the address `peer` to the listener with this index, and lets the service accept it at once,
    /// outside of a turn. If [`Service::may_accept`] says no, or others wait there already, it waits in the backlog. After
    /// [`Wires::close_listener`](crate::Wires::close_listener) it is refused: the far end is at its end. The test plays the peer,
    /// with the far end that is returned.
    pub fn connect<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        peer: SocketAddr,
        listener: usize,
    ) -> FarEnd {
        let (incoming, far) = arrival(peer, listener);
        // The clock may have moved without a turn.
        self.reactor.wires.now = self.now;
        if self.backlog.is_closed(listener) {
            drop(incoming);
        } else if self.backlog.waiting_at(listener) > 0
            || !service.may_accept(&mut self.reactor.wires, listener)
        {
            self.backlog.add_unwanted(incoming);
        } else {
            service.on_accept(&mut self.reactor.wires, incoming);
        }
        self.reactor.settle(service);
        far
    }

    /// Makes a new connection that waits in the backlog of the listener, as with [`Driver`](crate::Driver): a turn accepts
    /// [`Limits::accepts_per_turn`] connections at the most, and the listeners take turns. After
    /// [`Wires::stop_listening`](crate::Wires::stop_listening) or [`Wires::close_listener`](crate::Wires::close_listener) it
    /// is refused: the far end is at its end.
    pub fn arrive(&mut self, peer: SocketAddr, listener: usize) -> FarEnd {
        let (incoming, far) = arrival(peer, listener);
        self.backlog.add(incoming);
        far
    }

    /// How many connections wait in the backlog of this listener.
    pub fn waiting_at(&self, listener: usize) -> usize {
        self.backlog.waiting_at(listener)
    }

    /// True if all listeners are closed for ever: see [`Wires::stop_listening`](crate::Wires::stop_listening).
    pub fn is_shut(&self) -> bool {
        self.backlog.is_shut
    }

    /// Carries out orders for listeners. There are no real ones here, so a reopened listener is the same one.
    fn obey(&mut self) {
        while let Some(order) = self.reactor.wires.acceptor.pop_front() {
            match order {
                AcceptorOrder::Shut => self.backlog.shut(),
                AcceptorOrder::Close(index) => self.backlog.close(index),
                AcceptorOrder::Retry => self.backlog.retry(),
                AcceptorOrder::Reopen(index, _) => self.backlog.reopen(index),
                AcceptorOrder::StandIn | AcceptorOrder::StepBack => {}
            }
        }
    }

    fn has_new_connections(&self) -> bool {
        self.backlog.has_turns() && self.reactor.wires.listening
    }

    /// How long the reactor may sleep.
    fn timeout(&self) -> Option<Duration> {
        if self.has_new_connections() { Some(Duration::ZERO) } else { self.reactor.timeout(self.now) }
    }

    /// Plays a failed accept at this listener: calls [`Service::on_accept_error`] and counts the error, as
    /// [`Driver`](crate::Driver) does.
    pub fn fail_accept<S: Service + ?Sized>(&mut self, service: &mut S, listener: usize, error: &io::Error) {
        self.reactor.wires.now = self.now;
        self.reactor.wires.stats.accept_errors.add(1);
        service.on_accept_error(&mut self.reactor.wires, listener, error);
        self.reactor.settle(service);
    }

    /// Plays a new connection for which no descriptor is free: calls [`Service::on_exhausted`], as
    /// [`Driver`](crate::Driver) does. The bytes that it returns are at the far end, and the connection is closed.
    pub fn connect_without_descriptor<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        peer: SocketAddr,
        listener: usize,
    ) -> FarEnd {
        let (incoming, far) = arrival(peer, listener);
        super::acceptor::refuse(incoming, &mut self.reactor.wires, service);
        far
    }

    /// Calls [`Service::on_loop_lag`] with these times. [`Driver`](crate::Driver) measures them; this driver can't, because
    /// its clock stands still during a turn.
    pub fn report_lag<S: Service + ?Sized>(&mut self, service: &mut S, lag: Duration, idle: Duration) {
        self.reactor.wires.now = self.now;
        service.on_loop_lag(&mut self.reactor.wires, lag, idle);
    }

    /// Plays a lag of `waited` in which this reactor had the processor only for `used`; other threads had it for the rest.
    /// [`Service::on_loop_lag`] gets the smaller of the two.
    pub fn report_lag_beside<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        waited: Duration,
        used: Duration,
    ) {
        self.report_lag(service, super::clock::own_share(waited, used), Duration::ZERO);
    }

    /// Takes one turn with all that has become ready since the last one.
    pub fn turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        let ready = self.take_ready();
        self.turn_with(ready, service);
    }

    /// Takes one turn with this readiness. A test can delay, repeat, merge or invent it. Invented readiness may be wrong
    /// about `readable` and `writable`, but must not say that a connection has ended or is broken if it has not.
    pub fn turn_with<S: Service + ?Sized>(&mut self, ready: Vec<Ready>, service: &mut S) {
        self.reactor.turn(self.now, ready, service);
        self.obey();
        if self.has_new_connections() {
            self.backlog.accept(&mut self.reactor.wires, service);
            self.reactor.end_with_new(service);
        }
    }

    /// What has become ready since the last call, in that order.
    pub fn take_ready(&mut self) -> Vec<Ready> {
        let wires = &self.reactor.wires;
        let ids = wires.ready.take();
        let mut all = Vec::with_capacity(ids.len());
        all.extend(ids.into_iter().filter_map(|id| {
            let edges = wires.wire(id)?.session.stream().as_pipe()?.take_edges()?;
            Some(Ready {
                id,
                readable: edges.readable,
                writable: edges.writable,
                ended: edges.ended,
                broken: edges.broken,
                urgent: false,
            })
        }));
        all
    }

    /// The outgoing connections that the service has begun since the last call. The test plays the server of each.
    pub fn take_dials(&mut self) -> Vec<Dial> {
        std::mem::take(&mut self.reactor.wires.dials)
    }

    /// The event that tells a turn that the reactor was woken.
    pub fn wake_event() -> Ready {
        Ready {
            id: ConnectionId::WAKER,
            readable: true,
            writable: false,
            ended: false,
            broken: false,
            urgent: false,
        }
    }

    /// Moves the clock without a turn, also past deadlines, as if the process had been stopped for this time.
    pub fn skip(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// When the reactor needs its next turn even if nothing becomes ready. `None`: never.
    pub fn deadline(&self) -> Option<Time> {
        self.timeout().map(|wait| self.now.after(wait))
    }

    /// Takes turns until nothing more happens without time passing. Before the first turn, work that was begun outside of a
    /// turn is completed.
    ///
    /// # Panics
    /// After a million turns: the reactor or the service is in an endless loop, which is a bug.
    pub fn run<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.reactor.settle(service);
        for _ in 0..TURNS_MAX {
            let ready = self.take_ready();
            if ready.is_empty() && self.timeout() != Some(Duration::ZERO) {
                return;
            }
            self.turn_with(ready, service);
        }
        panic!("the reactor does not come to rest");
    }

    /// Moves the clock by `span`. On the way it stops at each deadline and takes the turns that are due.
    pub fn advance<S: Service + ?Sized>(&mut self, span: Duration, service: &mut S) {
        let end = self.now.after(span);
        self.run(service);
        while let Some(wait) = self.timeout() {
            let next = self.now.after(wait);
            if next > end {
                break;
            }
            self.now = next;
            self.run(service);
        }
        self.now = end;
        self.turn(service);
        self.run(service);
    }

    /// Takes one turn in which the service is woken, as by a command in its mailbox.
    pub fn wake<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.turn_with(vec![Self::wake_event()], service);
    }
}

/// A new connection, and its far end.
fn arrival(peer: SocketAddr, listener: usize) -> (Incoming, FarEnd) {
    let (near, far) = Pipe::pair();
    (Incoming { stream: Stream::Memory(near), peer: Peer::new(peer, listener) }, far)
}
