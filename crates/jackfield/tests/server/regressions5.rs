//! Bugs that a sixth review found, one test each.

use crate::support::{statuses, text};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    BodyPlan, Client, Connection, Disconnect, Drain, Exchange, Handle, Limits, MessageKind, Peer, Raw,
    Request, TimerId, WebSocket,
};
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// How often something happened, for each turn of the reactor.
#[derive(Clone, Default)]
struct ByTurn(Rc<RefCell<BTreeMap<u64, usize>>>);

impl ByTurn {
    fn count(&self, handle: &Handle) {
        *self.0.borrow_mut().entry(handle.metrics().turns).or_default() += 1;
    }

    /// In how many turns it happened more often than that.
    fn above(&self, most: usize) -> usize {
        self.0.borrow().values().filter(|count| **count > most).count()
    }

    fn all(&self) -> usize {
        self.0.borrow().values().sum()
    }
}

/// Has callbacks of all kinds, in which it does nothing.
struct Quiet;

impl Client for Quiet {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), MS);
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {}

    fn on_post(&mut self, _connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {}

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, _end: &Disconnect) {}
}

/// The fault: the last callback was shown to the watchdog until the next one, during the server's own work and after the end
/// of the reactor, and was reported as slow.
#[test]
fn i321_i322_the_watchdog_sees_no_callback_when_none_runs() {
    let mut server = TestServer::new(|_peer: &Peer| Quiet);
    let check = |server: &TestServer, after: &str| {
        assert_eq!(server.wires().stats().doing.value(), 0, "after {after}");
    };
    let far = server.connect_to(listener::RAW);
    server.run();
    check(&server, "on_connect");
    let id = server.handle().ids()[0];
    server.handle().post(id, ()).unwrap();
    server.run();
    check(&server, "on_post");
    server.advance(MS);
    check(&server, "on_timer");
    far.finish();
    server.run();
    check(&server, "on_disconnect");
    let _last = server.connect_to(listener::RAW);
    server.run();
    server.handle().shutdown(Drain::now());
    server.run();
    check(&server, "the end");
}

/// Answers `/no` at its head, and pauses at the head of any other request for a millisecond.
struct Patient;

impl Client for Patient {
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        if request.path() == "/no" {
            return BodyPlan::Reject(404);
        }
        connection.pause_read();
        connection.set_timer(TimerId(1), MS);
        BodyPlan::Collect
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        connection.resume_read();
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        exchange.ok("text/plain", request.body());
    }
}

/// The fault: if the rest of a body that nobody wanted came together with the next request, whose client paused at its head, then
/// a part of the unwanted body was read as the body of that request.
#[test]
fn i357_a_body_that_is_put_off_begins_behind_its_own_head() {
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let refused = format!("POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n{}", "x".repeat(50));
        let both =
            format!("{refused}POST /yes HTTP/1.1\r\nHost: h\r\n{body}GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        for at in 0..both.len() {
            let mut server = TestServer::new(|_peer: &Peer| Patient);
            let far = server.connect();
            for part in [&both[..at], &both[at..]] {
                far.send(part.as_bytes());
                server.run();
            }
            server.advance(MS);
            let answers = far.take();
            assert_eq!(statuses(&answers), [404, 200, 200], "{at}: {}", text(&answers));
            assert!(text(&answers).contains("\r\n\r\nhelloHTTP/1.1"), "{at}: {}", text(&answers));
        }
    }
}

/// Endless zeros up to a length, and counts the reads.
struct Zeros(usize, ByTurn, Handle);

impl Read for Zeros {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.1.count(&self.2);
        let bytes = piece.len().min(self.0);
        piece[..bytes].fill(0);
        self.0 -= bytes;
        Ok(bytes)
    }
}

/// Sends a mebibyte from a reader, as soon as its WebSocket is open.
struct Exporter(ByTurn);

impl Client for Exporter {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        let zeros = Zeros(1 << 20, self.0.clone(), socket.handle());
        socket.send_reader(MessageKind::Binary, zeros);
    }
}

/// The fault: a turn read 64 KiB for each connection with a reader, however many there were, also if all had drained at once.
#[test]
fn i324_readers_of_messages_take_turns() {
    const READERS: usize = 50;
    for is_congested in [false, true] {
        let reads = ByTurn::default();
        let seen = reads.clone();
        let mut server = TestServer::new(move |_peer: &Peer| Exporter(seen.clone()));
        let sockets: Vec<_> = (0..READERS).map(|_| server.connect()).collect();
        for far in &sockets {
            far.set_room(is_congested.then_some(0));
            far.send(crate::support::socket::UPGRADE.as_bytes());
        }
        server.run();
        sockets.iter().for_each(|far| far.set_room(None));
        server.run();
        assert_eq!(reads.all(), READERS * 65, "each piece, and the end");
        // Sixteen readers with four pieces each. All have their first pieces when they begin.
        assert!(reads.above(64) <= 1, "{is_congested}: {:?}", reads.0);
    }
}

/// Wants a notice of what it sends.
struct Noted(ByTurn);

impl Client for Noted {
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(&*data);
        raw.notify_sent(1);
        data.len()
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, _tag: u64) {
        self.0.count(&connection.handle());
    }
}

/// The fault: all notices that were due came in one turn, however many there were.
#[test]
fn i324_notices_of_what_was_sent_come_in_portions() {
    const MEMBERS: usize = 50;
    let notices = ByTurn::default();
    let seen = notices.clone();
    let limits = Limits::default().with(|limits| limits.reactor.looks_per_turn = 10);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer: &Peer| Noted(seen.clone()));
    let ends: Vec<_> = (0..MEMBERS).map(|_| server.connect_to(listener::RAW)).collect();
    server.run();
    for far in &ends {
        far.send(b"x");
    }
    server.run();
    assert_eq!((notices.all(), notices.above(10)), (MEMBERS, 0), "{:?}", notices.0);
}
