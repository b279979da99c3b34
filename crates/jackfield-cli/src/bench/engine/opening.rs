//! Fills places with connections.

use super::Engine;
use super::link::{Link, link, nap};
use crate::bench::plan::Tls;
use crate::bench::speaker::{Opened, Part, Speaker};
use jackfield_reactor::{ConnectionId, SocketOptions, Wires};
use std::collections::VecDeque;
use std::io;

/// The most connections that are being opened at a time; backlogs of servers are bounded.
const OPENING_MAX: usize = 256;
/// How long a place rests whose connection was refused, or has failed unheard: the server may be restarting.
pub(super) const REST_NS: u64 = 10_000_000;
/// The kernel's receive buffer of a slow reader: the smaller, the sooner the server notices it.
const SLOW_BUFFER_BYTES: u32 = 4096;

impl<S: Speaker> Engine<S> {
    /// Fills vacant places that do not rest.
    #[inline]
    pub(super) fn refill(&mut self, wires: &mut Wires, now: u64) {
        if !self.vacant.is_empty() {
            self.refill_slow(wires, now);
        }
    }

    #[cold]
    fn refill_slow(&mut self, wires: &mut Wires, now: u64) {
        while self.setup.renews || self.open - self.ready < OPENING_MAX {
            let vacant = self.vacant.first().copied().filter(|(from, _)| *from <= now);
            let Some((free_since, place)) = vacant else { return };
            let mut in_flight = VecDeque::new();
            if self.setup.renews {
                // Opening the connection is a part of the operation.
                let Some(due) = self.pace.take(now) else { return };
                if self.pace.is_fixed() {
                    self.tally.record_delay(due.max(free_since), now);
                }
                in_flight.push_back(due);
            }
            self.vacant.pop_first();
            if let Err(error) = self.connect(wires, place, in_flight, now) {
                self.vacant.insert((now + REST_NS, place));
                self.fail(format!("connect: {error}").into());
            }
        }
    }

    fn connect(
        &mut self,
        wires: &mut Wires,
        place: usize,
        in_flight: VecDeque<u64>,
        now: u64,
    ) -> io::Result<()> {
        let is_slow = place < self.setup.slow_readers;
        let options = SocketOptions {
            unsent_bytes: 0,
            receive_buffer_bytes: if is_slow { SLOW_BUFFER_BYTES } else { 0 },
            ..SocketOptions::default()
        };
        let above = Tls::above(self.setup.tls.as_ref());
        let id = wires.connect(above, options, 0, wires.limits().handshake)?;
        wires.dial(id, [self.setup.target.into()]);
        let (state, part) = self.speaker.connect(place);
        let link = Link {
            id,
            place,
            part,
            is_slow,
            is_ready: false,
            is_waiting: false,
            is_over: false,
            in_flight,
            waits_since: now,
            published_before: 0,
            delivered: 0,
            delivered_at: now,
            free_since: now,
            state,
        };
        self.open += 1;
        if self.links.len() <= id.slot() {
            self.links.resize_with(id.slot() + 1, || None);
        }
        self.links[id.slot()] = Some(link);
        if part == Part::Publishes {
            self.publisher = id;
        }
        Ok(())
    }

    /// The connection is established: writes the first bytes, and the operation that has begun with it.
    pub(super) fn begin(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) {
        let Some(link) = link(&mut self.links, id) else { return };
        self.out.clear();
        let opened = self.speaker.open(&mut link.state, &mut self.out);
        if let Some(due) = link.in_flight.front() {
            self.speaker.send(&mut link.state, *due, &mut self.out);
        }
        if let Some(outbox) = wires.outbox(id).filter(|_| !self.out.is_empty()) {
            outbox.tail().extend_from_slice(&self.out);
        }
        if opened == Opened::Ready {
            self.make_ready(wires, id);
            self.feed(wires, id, now);
        }
    }

    pub(super) fn make_ready(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(link) = link(&mut self.links, id) else { return };
        link.is_ready = true;
        link.published_before = self.published.count();
        self.ready += 1;
        if link.is_slow {
            nap(wires, id);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Setup;
    use super::*;
    use crate::bench::raw::Raw;
    use crate::bench::worker::{Shared, limits};
    use jackfield_reactor::Driver;
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    pub(in super::super) fn engine(setup: Setup) -> (Engine<Raw>, Driver) {
        let (driver, shared) = (Driver::new(0, limits()).expect("there is an event queue"), Shared::new(1));
        (Engine::new(Raw::new(1), setup, shared.epoch, shared.published), driver)
    }

    /// Takes connections for the system's queue, and accepts none.
    pub(in super::super) fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it has an address");
        (listener, addr)
    }

    /// The fault: without TLS a connection counted as up when it was begun, so all were opened at the same time.
    #[test]
    fn i306_only_so_many_connections_are_being_opened() {
        let (_listener, target) = listener();
        let (mut engine, mut driver) = engine(Setup { places: 0..OPENING_MAX + 1, ..Setup::of_one(target) });
        engine.prepare(&mut driver.reactor.wires);
        assert_eq!((engine.open, engine.ready), (OPENING_MAX, 0));
    }

    /// The fault: of operations that begin with their connection none was ever late.
    #[test]
    fn i307_an_operation_that_begins_late_with_its_connection_is_counted() {
        const MS: u64 = 1_000_000;
        let (_listener, target) = listener();
        // They are due at 0, 2 and 4 ms. Where all places were taken until the last of these, the server was slow.
        for (rate, free_since, counts) in
            [(Some(500.0), 0, (3, 2)), (Some(500.0), 4 * MS, (3, 0)), (None, 0, (0, 0))]
        {
            let setup = Setup { places: 0..3, renews: true, rate, ..Setup::of_one(target) };
            let (mut engine, mut driver) = engine(setup);
            engine.vacant = (0..3).map(|place| (free_since, place)).collect();
            engine.pace.start(0);
            engine.refill(&mut driver.reactor.wires, 4 * MS + MS / 2);
            assert_eq!(engine.open, 3);
            assert_eq!((engine.tally.paced_operations, engine.tally.late_operations), counts, "{rate:?}");
        }
    }

    /// The fault: it was tried again at once, turn by turn.
    #[test]
    fn i308_a_place_whose_connection_is_refused_rests() {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
        nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
        let target = nobody.local_addr().ok().and_then(|addr| addr.as_socket()).expect("it has an address");
        let (mut engine, mut driver) = engine(Setup { timeout_ns: 600_000_000_000, ..Setup::of_one(target) });
        engine.prepare(&mut driver.reactor.wires);
        let begun = engine.now();
        let is_refused = |_| {
            driver.poll(Some(Duration::from_millis(50)), &mut engine).expect("it polls");
            engine.error_count() > 0
        };
        assert!((0..6000).any(is_refused), "nobody listens there");
        let (from, _) = *engine.vacant.first().expect("the place is vacant");
        assert!(from >= begun + REST_NS, "{from} {begun}");
        for (now, open) in [(from - 1, 0), (from, 1)] {
            engine.refill(&mut driver.reactor.wires, now);
            assert_eq!(engine.open, open);
        }
        assert!(engine.tally.errors.keys().eq(["connect: connection refused"]), "{:?}", engine.tally.errors);
    }
}
