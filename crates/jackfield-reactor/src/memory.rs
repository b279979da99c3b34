//! The in-memory driver: connections without sockets, and a clock that only moves when it is told to.

use crate::id::WireId;
use crate::limits::Limits;
use crate::pipe::{FarEnd, Pipe};
use crate::service::{Incoming, Service};
use crate::time::Time;
use crate::transport::Transport;
use crate::turn::{Reactor, Ready};
use crate::wire::{Phase, Wire, flag};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Drives a reactor without the operating system: what is deterministic above it stays so.
#[derive(Debug)]
pub struct MemoryDriver {
    /// The reactor that is driven.
    pub reactor: Reactor,
    now: Time,
}

/// What a reactor holds: all of it is zero once every connection has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Connections.
    pub wires: usize,
    /// Their timers, set or not.
    pub timers: usize,
    /// Bytes that wait for the kernel.
    pub queued: usize,
    /// Those of them, of the connection that has the most, that count towards the bound.
    pub backlog: usize,
    /// Bytes that were read and not used.
    pub carried: usize,
    /// Bytes that its account says are held, in the pools too.
    pub held: usize,
    /// Places on the lists of those to be flushed, looked at again, drained and closed.
    pub listed: usize,
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
        // The clock may have moved without a turn.
        self.reactor.wires.now = self.now;
        service.on_accept(&mut self.reactor.wires, incoming);
        self.reactor.settle(service);
        far
    }

    /// A newcomer could not be accepted: the service is told so, as [`Driver`](crate::Driver) tells it.
    pub fn fail_accept<S: Service + ?Sized>(&mut self, service: &mut S, listener: usize, error: &io::Error) {
        self.reactor.wires.now = self.now;
        self.reactor.wires.stats.accept_errors.add(1);
        service.on_accept_error(&mut self.reactor.wires, listener, error);
        self.reactor.settle(service);
    }

    /// A newcomer for whom there is no descriptor, as [`Driver`](crate::Driver) treats it. What it hears is at the far
    /// end, which is closed already.
    pub fn turn_away<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        peer: SocketAddr,
        listener: usize,
    ) -> FarEnd {
        let (near, far) = Pipe::pair(peer);
        let incoming = Incoming { transport: Transport::Memory(near), peer, listener };
        crate::door::turn_away(incoming, &mut self.reactor.wires, service);
        far
    }

    /// What becomes ready waits for so long, after the reactor had nothing to do for `idle`: what
    /// [`Driver`](crate::Driver) measures, there being no clock here.
    pub fn lag<S: Service + ?Sized>(&mut self, service: &mut S, lag: Duration, idle: Duration) {
        self.reactor.wires.now = self.now;
        service.on_lag(&mut self.reactor.wires, lag, idle);
    }

    /// One turn with whatever has become ready since the last one.
    pub fn turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        let ready = self.take_ready();
        self.turn_with(ready, service);
    }

    /// One turn with this readiness: for whoever wants to delay it, repeat it, merge it, or make it up. What is made
    /// up may be in vain, but must not say of a connection that it has ended or is broken if it is not.
    pub fn turn_with<S: Service + ?Sized>(&mut self, ready: Vec<Ready>, service: &mut S) {
        self.reactor.turn(self.now, ready, service);
    }

    /// What has become ready since this was last asked, in the order in which it did.
    pub fn take_ready(&mut self) -> Vec<Ready> {
        let wires = &self.reactor.wires;
        let ids = wires.ready.take();
        let mut all = Vec::with_capacity(ids.len());
        all.extend(ids.into_iter().filter_map(|id| match &wires.peek(id)?.transport {
            Transport::Memory(pipe) => pipe.take_edges().map(|edges| Ready {
                id,
                readable: edges.readable,
                writable: edges.writable,
                ended: edges.ended,
                broken: edges.broken,
            }),
            _ => None,
        }));
        all
    }

    /// What says in a turn that the mailbox was rung.
    pub fn bell() -> Ready {
        Ready { id: WireId::BELL, readable: true, writable: false, ended: false, broken: false }
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

    /// Tells the service that its mailbox was rung: there is no descriptor here that would.
    pub fn wake<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.turn_with(vec![Self::bell()], service);
    }

    /// What the reactor holds.
    pub fn accounts(&self) -> Accounts {
        let wires = &self.reactor.wires;
        let sum = |of: fn(&Wire) -> usize| wires.slab.iter().map(|(_, wire)| of(wire)).sum::<usize>();
        let outboxes = wires.slab.iter().filter_map(|(_, wire)| wire.outbox.as_ref());
        let backlogs = outboxes.map(|outbox| outbox.counted());
        Accounts {
            wires: wires.len(),
            timers: wires.timers(),
            queued: wires.cork.queued() + sum(Wire::queued),
            backlog: backlogs.max().unwrap_or_default(),
            carried: sum(|wire| wire.carry.as_ref().map_or(0, |carry| carry.len())),
            held: wires.memory_bytes(),
            listed: wires.dirty.len() + wires.again.len() + wires.drained.len() + wires.ending.len(),
        }
    }

    /// What must hold between two turns, whatever happened before.
    ///
    /// # Errors
    /// What does not hold, and of whom.
    pub fn check(&self) -> Result<(), String> {
        let wires = &self.reactor.wires;
        if !(wires.dirty.is_empty() && wires.drained.is_empty() && wires.ending.is_empty()) {
            return Err("a turn has ended before its work".into());
        }
        if !wires.cork.is_empty() || wires.current != WireId::IDLE {
            return Err("the cork of an event was not written".into());
        }
        wires.check_account()?;
        let mut wires = wires.slab.iter().filter(|(_, wire)| wire.id != WireId::RETIRED);
        wires.try_for_each(|(_, wire)| self.check_wire(wire))
    }

    fn check_wire(&self, wire: &Wire) -> Result<(), String> {
        let (id, limits) = (wire.id, &self.reactor.wires.limits);
        let carried = wire.carry.as_ref().map_or(0, |carry| carry.len());
        let carry_bytes_max = limits.carry_bytes_max + limits.read_bytes;
        if wire.phase == Phase::Dead {
            Err(format!("{id} is dead and still there"))
        } else if wire.has(flag::DIRTY | flag::ENDING) {
            Err(format!("{id} believes that it is on a list, and is not"))
        } else if wire.has(flag::AGAIN) && !self.reactor.wires.again.contains(&id) {
            Err(format!("{id} waits to be looked at again, and nobody will"))
        } else if wire.queued() > 0 && !wire.has(flag::BLOCKED) {
            Err(format!("{id} has {} bytes queued, and nobody will write them", wire.queued()))
        } else if carried > carry_bytes_max {
            Err(format!("{id} has carried {carried} bytes, which is more than {carry_bytes_max}"))
        } else {
            Ok(())
        }
    }

    /// What must hold besides when all that became ready was told, and nothing moves any more without time passing.
    ///
    /// # Errors
    /// As with [`MemoryDriver::check`].
    pub fn check_rest(&self) -> Result<(), String> {
        self.check()?;
        for (_, wire) in &self.reactor.wires.slab {
            let listens = matches!(wire.phase, Phase::Open | Phase::Mute | Phase::Lingering)
                && !wire.has(flag::NOT_READ | flag::AGAIN | flag::ENDED);
            let Transport::Memory(pipe) = &wire.transport else { continue };
            if listens && pipe.is_forgotten() {
                return Err(format!("{} listens, and what came for it will never be read", wire.id));
            }
            if pipe.is_broken() && wire.id != WireId::RETIRED {
                return Err(format!("{} is broken, and nobody has noticed", wire.id));
            }
        }
        Ok(())
    }
}
