//! The in-memory driver: connections without sockets, and a clock that only the test moves.

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
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Drives a reactor without the operating system: what is deterministic above it stays so.
#[derive(Debug)]
pub struct MemoryDriver {
    /// The reactor that is driven.
    pub reactor: Reactor,
    now: Time,
    /// New connections that the service did not want when they came.
    backlog: VecDeque<Incoming>,
}

/// More turns without an end than any exchange needs: something spins.
const TURNS_MAX: usize = 1_000_000;

impl MemoryDriver {
    /// A driver at time zero.
    pub fn new(reactor: u8, limits: Limits) -> Self {
        let now = Time(0);
        Self { reactor: Reactor::new(reactor, now, limits, None), now, backlog: VecDeque::new() }
    }

    /// The present time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// A new connection from `peer` to the listener of that index. The far end is the peer's to play.
    pub fn connect<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        peer: SocketAddr,
        listener: usize,
    ) -> FarEnd {
        let (near, far) = Pipe::pair();
        let incoming = Incoming { stream: Stream::Memory(near), peer: Peer::new(peer, listener) };
        // The clock may have moved without a turn.
        self.reactor.wires.now = self.now;
        self.backlog.push_back(incoming);
        self.accept(service);
        self.reactor.settle(service);
        far
    }

    /// Accepts those in the backlog that the service wants.
    fn accept<S: Service + ?Sized>(&mut self, service: &mut S) {
        // A panic of the service leaves the others where they are.
        for _ in 0..self.backlog.len() {
            let Some(listener) = self.backlog.front().map(|incoming| incoming.peer.listener) else { return };
            let is_wanted = service.may_accept(&mut self.reactor.wires, listener);
            let Some(incoming) = self.backlog.pop_front() else { return };
            if is_wanted {
                service.on_accept(&mut self.reactor.wires, incoming);
            } else {
                self.backlog.push_back(incoming);
            }
        }
    }

    /// What [`Driver`](crate::Driver) does with its listeners. There are none here, so that one that is opened again has
    /// no other backlog.
    fn obey<S: Service + ?Sized>(&mut self, service: &mut S) {
        for _ in 0..self.reactor.wires.acceptor.len() {
            let Some(order) = self.reactor.wires.acceptor.pop_front() else { return };
            match order {
                AcceptorOrder::Shut => self.backlog.clear(),
                AcceptorOrder::Close(index) => self.backlog.retain(|waits| waits.peer.listener != index),
                AcceptorOrder::Retry => self.accept(service),
                AcceptorOrder::StandIn | AcceptorOrder::StepBack | AcceptorOrder::Reopen(..) => {}
            }
        }
    }

    /// A new connection could not be accepted: it is reported to the service, as [`Driver`](crate::Driver) does.
    pub fn fail_accept<S: Service + ?Sized>(&mut self, service: &mut S, listener: usize, error: &io::Error) {
        self.reactor.wires.now = self.now;
        self.reactor.wires.stats.accept_errors.add(1);
        service.on_accept_error(&mut self.reactor.wires, listener, error);
        self.reactor.settle(service);
    }

    /// A new connection for whom there is no descriptor, as [`Driver`](crate::Driver) treats it. What it hears is at the far
    /// end, which is closed already.
    pub fn refuse<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        peer: SocketAddr,
        listener: usize,
    ) -> FarEnd {
        let (near, far) = Pipe::pair();
        let incoming = Incoming { stream: Stream::Memory(near), peer: Peer::new(peer, listener) };
        super::acceptor::refuse(incoming, &mut self.reactor.wires, service);
        far
    }

    /// What becomes ready waits for so long, after the reactor had nothing to do for `idle`: what
    /// [`Driver`](crate::Driver) measures, there being no clock here.
    pub fn lag<S: Service + ?Sized>(&mut self, service: &mut S, lag: Duration, idle: Duration) {
        self.reactor.wires.now = self.now;
        service.on_loop_lag(&mut self.reactor.wires, lag, idle);
    }

    /// The same where others had the processor meanwhile, and this reactor so much of it.
    pub fn lag_beside<S: Service + ?Sized>(&mut self, service: &mut S, waited: Duration, used: Duration) {
        self.lag(service, super::clock::own_share(waited, used), Duration::ZERO);
    }

    /// One turn with whatever has become ready since the last one.
    pub fn turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        let ready = self.take_ready();
        self.turn_with(ready, service);
    }

    /// One turn with this readiness: for a test that wants to delay it, repeat it, merge it, or make it up. What is made
    /// up may be in vain, but must not say of a connection that it has ended or is broken if it is not.
    pub fn turn_with<S: Service + ?Sized>(&mut self, ready: Vec<Ready>, service: &mut S) {
        self.reactor.turn(self.now, ready, service);
        if !self.reactor.wires.acceptor.is_empty() {
            self.obey(service);
            self.reactor.settle(service);
        }
    }

    /// What has become ready since this was last asked, in the order in which it did.
    pub fn take_ready(&mut self) -> Vec<Ready> {
        let wires = &self.reactor.wires;
        let ids = wires.ready.take();
        let mut all = Vec::with_capacity(ids.len());
        all.extend(ids.into_iter().filter_map(|id| {
            let edges = wires.peek(id)?.session.stream().as_pipe()?.take_edges()?;
            Some(Ready {
                id,
                readable: edges.readable,
                writable: edges.writable,
                ended: edges.ended,
                broken: edges.broken,
            })
        }));
        all
    }

    /// What connections of our own wanted to be connected to since this was last asked.
    pub fn take_dials(&mut self) -> Vec<Dial> {
        std::mem::take(&mut self.reactor.wires.dials)
    }

    /// What tells a turn that the reactor was woken.
    pub fn wake_event() -> Ready {
        Ready { id: ConnectionId::WAKER, readable: true, writable: false, ended: false, broken: false }
    }

    /// Lets time pass without a turn, over deadlines too: as if the process had been stopped for so long.
    pub fn skip(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// When the reactor wants its next turn, whatever happens until then.
    pub fn deadline(&self) -> Option<Time> {
        self.reactor.timeout(self.now).map(|wait| self.now.after(wait))
    }

    /// Turns until nothing moves any more without time passing. What was done to wires since the last turn is brought
    /// to its end first.
    ///
    /// # Panics
    /// If it never comes to rest: that is a bug of the reactor or of the service, which a test must see.
    pub fn run<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.reactor.settle(service);
        for _ in 0..TURNS_MAX {
            let ready = self.take_ready();
            if ready.is_empty() && self.reactor.timeout(self.now) != Some(Duration::ZERO) {
                return;
            }
            self.turn_with(ready, service);
        }
        panic!("the reactor does not come to rest");
    }

    /// Lets time pass, and stops at each deadline on the way.
    pub fn advance<S: Service + ?Sized>(&mut self, span: Duration, service: &mut S) {
        let end = self.now.after(span);
        self.run(service);
        while let Some(wait) = self.reactor.timeout(self.now) {
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

    /// Wakes the service, as a command in its mailbox would.
    pub fn wake<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.turn_with(vec![Self::wake_event()], service);
    }
}
