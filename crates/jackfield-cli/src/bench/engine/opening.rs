//! Fills places with connections.

use super::Engine;
use super::link::{Link, link, nap};
use crate::bench::plan::Tls;
use crate::bench::speaker::{Opened, Part, Speaker};
use crate::bench::tally::Kind;
use jackfield_reactor::mio::net::TcpStream;
use jackfield_reactor::{ConnectionId, Peer, Wires};
use socket2::SockRef;
use std::io::ErrorKind;

/// The most connections that are being opened at a time; backlogs of servers are bounded.
const OPENING_MAX: usize = 256;
/// The pause after a failed connect, usually for lack of ports.
const RETRY_NS: u64 = 10_000_000;
/// The kernel's receive buffer of a slow reader: the smaller, the sooner the server notices it.
const SLOW_BUFFER_BYTES: usize = 4096;

impl<S: Speaker> Engine<S> {
    /// Fills vacant places, unless it is too early for that.
    #[inline]
    pub(super) fn refill(&mut self, wires: &mut Wires, now: u64) {
        if !self.vacant.is_empty() {
            self.refill_slow(wires, now);
        }
    }

    #[cold]
    fn refill_slow(&mut self, wires: &mut Wires, now: u64) {
        while now >= self.retry_at && (self.setup.renews || self.open - self.ready < OPENING_MAX) {
            if self.vacant.is_empty() || self.setup.renews && self.pace.due(now).is_none() {
                return;
            }
            // The order in which places are filled again does not matter.
            let Some(place) = self.vacant.pop() else { return };
            if let Err(error) = self.connect(wires, place, now) {
                self.vacant.push(place);
                self.retry_at = now + RETRY_NS;
                self.fail(kind_of_connect(&error));
            }
        }
    }

    fn connect(&mut self, wires: &mut Wires, place: usize, now: u64) -> std::io::Result<()> {
        let is_slow = place < self.setup.slow_readers;
        let stream = TcpStream::connect(self.setup.target)?;
        if !self.setup.renews {
            // A single request must not be delayed.
            stream.set_nodelay(true)?;
        }
        if is_slow {
            SockRef::from(&stream).set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        let session = Tls::session(self.setup.tls.as_ref(), stream)?;
        let id = wires.insert(session, Peer::new(self.setup.target, 0))?;
        let (state, part) = self.speaker.connect(place);
        // It has begun where opening the connection is a part of it.
        let operation = if self.setup.renews { self.pace.take(now) } else { None };
        let link = Link {
            id,
            place,
            part,
            is_slow,
            is_ready: false,
            is_waiting: false,
            is_over: false,
            in_flight: operation.into_iter().collect(),
            waits_since: now,
            heard_at: now,
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
        // With TLS nothing is sent before the handshake is done.
        if self.setup.tls.is_none() {
            self.begin(wires, id, now);
        }
        Ok(())
    }

    /// Writes the first bytes, and the operation that has begun with the connection.
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
        self.ready += 1;
        if link.is_slow {
            nap(wires, id);
        }
    }
}

/// The kind of a failed connect.
fn kind_of_connect(error: &std::io::Error) -> Kind {
    match error.kind() {
        ErrorKind::AddrNotAvailable => {
            "connect: all local ports are in use (Linux: see net.ipv4.ip_local_port_range)".into()
        }
        _ => format!("connect: {error}").into(),
    }
}
