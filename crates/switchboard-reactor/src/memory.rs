//! The in-memory driver: connections without sockets, and a clock that only moves when it is told to.

use crate::id::WireId;
use crate::limits::Limits;
use crate::pipe::{FarEnd, Pipe};
use crate::service::{Incoming, Service};
use crate::time::Time;
use crate::transport::Transport;
use crate::turn::{Reactor, Ready};
use std::net::SocketAddr;
use std::time::Duration;

/// Drives a reactor without the operating system: what is deterministic above it stays so.
#[derive(Debug)]
pub struct MemoryDriver {
    /// The reactor that is driven.
    pub reactor: Reactor,
    now: Time,
}

/// More turns without an end than any exchange needs: something spins.
const TURNS_MAX: usize = 1_000_000;

impl MemoryDriver {
    /// A driver at time zero.
    pub fn new(reactor: u8, limits: Limits) -> Self {
        let now = Time(0);
        Self { reactor: Reactor::new(reactor, now, limits, None), now }
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
        let (near, far) = Pipe::pair(peer);
        let incoming = Incoming { transport: Transport::Memory(near), peer, listener };
        service.on_accept(&mut self.reactor.wires, incoming);
        self.reactor.settle(service);
        far
    }

    /// One turn with whatever has become ready since the last one.
    pub fn turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        let ready = self.ready();
        self.reactor.turn(self.now, ready, service);
    }

    /// Turns until nothing moves any more without time passing. What was done to wires since the last turn is brought
    /// to its end first.
    ///
    /// # Panics
    /// If it never comes to rest: that is a bug of the reactor or of the service, which a test must see.
    pub fn run<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.reactor.settle(service);
        for _ in 0..TURNS_MAX {
            let ready = self.ready();
            if ready.is_empty() && self.reactor.timeout(self.now) != Some(Duration::ZERO) {
                return;
            }
            self.reactor.turn(self.now, ready, service);
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

    fn ready(&self) -> Vec<Ready> {
        let wires = self.reactor.wires.slab.iter().filter_map(|(_, wire)| match &wire.transport {
            Transport::Memory(pipe) => pipe.take_edges().map(|edges| (wire.id, edges)),
            _ => None,
        });
        let ready = wires.map(|(id, edges)| Ready {
            id,
            readable: edges.readable,
            writable: edges.writable,
            ended: edges.ended,
            broken: edges.broken,
        });
        ready.collect()
    }

    /// Tells the service that its mailbox was rung: there is no descriptor here that would.
    pub fn wake<S: Service + ?Sized>(&mut self, service: &mut S) {
        let ready = Ready { id: WireId::BELL, readable: true, writable: false, ended: false, broken: false };
        self.reactor.turn(self.now, [ready], service);
    }
}
