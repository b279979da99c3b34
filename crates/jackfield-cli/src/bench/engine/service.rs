//! The calls of the reactor.

use super::Engine;
use super::lateness::NO_ANSWER;
use super::link::{link, nap};
use super::opening::REST_NS;
use crate::bench::speaker::{Fault, Speaker};
use crate::bench::tally::Kind;
use jackfield_reactor::{ConnectionId, Incoming, Reason, Service, Timeout, Wires};
use rustls::HandshakeKind;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

/// Operations behind one that has failed, on the same connection.
const UNANSWERED: &str = "unanswered";

impl<S: Speaker> Service for Engine<S> {
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        let now = self.now();
        let Some(link) = link(&mut self.links, id) else { return rx.len() };
        self.out.clear();
        let (was_ready, was_in_flight) = (link.is_ready, link.in_flight.len());
        let (state, mut heard) = link.listen(now, self.awaited_from, &mut self.out, &mut self.tally);
        let used = match self.speaker.receive(state, rx, &mut heard) {
            Ok(used) => used,
            Err(fault) => {
                self.give_up(wires, id, fault);
                return rx.len();
            }
        };
        let (became_ready, delivered, mut is_over) =
            (heard.is_ready && !was_ready, heard.delivered, heard.is_over);
        link.note_delivered(delivered, now);
        if self.setup.renews && !is_over && link.in_flight.is_empty() {
            // The server was asked to close and does not.
            is_over = true;
            wires.close(id, Reason::Local);
        }
        if became_ready || link.in_flight.len() < was_in_flight {
            link.waits_since = now;
        }
        link.is_over = is_over;
        self.is_proven |= became_ready || link.is_ready;
        // After a nap it is called first without bytes: then those that wait in the socket are still to be read.
        let naps = link.is_slow && link.is_ready && !rx.is_empty();
        if is_over {
            self.leave_unanswered(id);
        }
        self.follow_up(wires, id, now, became_ready, is_over);
        if naps {
            nap(wires, id);
        }
        used
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = self.now();
        if let Some(link) = link(&mut self.links, id) {
            self.out.clear();
            let (state, mut heard) = link.listen(now, self.awaited_from, &mut self.out, &mut self.tally);
            self.speaker.end(state, &mut heard);
            link.is_over = heard.is_over;
            if link.is_over {
                self.leave_unanswered(id);
            }
        }
        wires.close(id, Reason::Peer);
    }

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason) {
        let Some(link) = self.links.get_mut(id.slot()).and_then(Option::take) else { return };
        let is_heard = wires.wire_stats(id).is_some_and(|stats| stats.bytes_in > 0);
        self.vacant.insert((self.now() + if is_heard { 0 } else { REST_NS }, link.place));
        self.open -= 1;
        self.ready -= usize::from(link.is_ready);
        self.lose(&link.in_flight);
        if !link.is_over {
            // The first of them has the reason as its name.
            self.tally.count_errors(UNANSWERED, link.in_flight.len().saturating_sub(1));
            self.fail(kind_of(reason, link.is_slow));
        }
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, _key: u32) {
        wires.resume(id);
    }

    fn on_wake(&mut self, wires: &mut Wires) {
        self.alarm_at = None;
        let now = self.now();
        self.serve(wires, now);
    }

    fn on_accept(&mut self, _wires: &mut Wires, _incoming: Incoming) {}

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = self.now();
        if let Some((session, link)) = wires.tls(id).zip(link(&mut self.links, id)) {
            let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
            self.tally.record_handshake(is_resumed, link.waits_since, now);
        }
        self.begin(wires, id, now);
    }

    fn on_drain(&mut self, _wires: &mut Wires, _id: ConnectionId) {}

    fn on_idle(&mut self, _wires: &mut Wires, _id: ConnectionId, _quiet: Duration) {}

    fn on_accept_error(&mut self, _wires: &mut Wires, _listener: usize, _error: &std::io::Error) {}
}

impl<S: Speaker> Engine<S> {
    /// The connection is over: what is in flight on it gets no answer.
    #[cold]
    fn leave_unanswered(&mut self, id: ConnectionId) {
        let Some(link) = link(&mut self.links, id) else { return };
        let in_flight = std::mem::take(&mut link.in_flight);
        self.lose(&in_flight);
        self.tally.count_errors(UNANSWERED, in_flight.len());
    }

    /// Operations that were due at these times will have no answer. What was published with them is not waited for: it is an
    /// error already, and nobody knows whether it has reached the server.
    fn lose(&mut self, in_flight: &VecDeque<u64>) {
        self.speaker.lose(in_flight.len());
        if self.setup.publishes {
            let awaited = in_flight.iter().filter(|due| **due >= self.awaited_from).count();
            self.published.lose(awaited as u64);
        }
    }

    /// Follows up on what a connection has received.
    fn follow_up(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        now: u64,
        became_ready: bool,
        is_over: bool,
    ) {
        if !self.out.is_empty() {
            if let Some(outbox) = wires.outbox(id) {
                outbox.tail().extend_from_slice(&self.out);
            }
        }
        if became_ready {
            self.make_ready(wires, id);
        }
        if is_over {
            // Waits for the server's end, because the side that ends first keeps the connection in TIME_WAIT.
            return;
        }
        self.feed(wires, id, now);
        if self.publisher != ConnectionId::NONE && self.publisher != id {
            self.feed(wires, self.publisher, now);
        }
    }

    #[cold]
    fn give_up(&mut self, wires: &mut Wires, id: ConnectionId, fault: Fault) {
        if let Some(link) = link(&mut self.links, id) {
            link.is_over = true;
            self.tally.count_errors(UNANSWERED, link.in_flight.len().saturating_sub(1));
        }
        self.fail(fault.0);
        wires.abort(id, Reason::Local);
    }
}

/// The kind of an unexpected end.
fn kind_of(reason: Reason, is_slow: bool) -> Kind {
    match reason {
        Reason::Peer | Reason::Reset if is_slow => "slow reader cut off".into(),
        Reason::Peer => "closed by the server".into(),
        Reason::Reset => "reset by the server".into(),
        Reason::Tls => {
            "TLS: the handshake failed, or the certificate is not trusted (see --ca-file and --insecure)"
                .into()
        }
        Reason::Timeout(Timeout::Handshake) => NO_ANSWER.into(),
        Reason::Timeout(Timeout::Write) => "nothing could be sent for a long time".into(),
        Reason::Connect(ErrorKind::AddrNotAvailable) => {
            "connect: all local ports are in use (Linux: see net.ipv4.ip_local_port_range)".into()
        }
        Reason::Connect(ErrorKind::QuotaExceeded) => "connect: no file descriptor is left".into(),
        Reason::Connect(kind) => format!("connect: {kind}").into(),
        Reason::Io(kind) => kind.to_string().into(),
        other => format!("{other:?}").into(),
    }
}
