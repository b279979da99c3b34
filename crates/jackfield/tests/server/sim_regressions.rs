//! What the simulation has found, each as a test of its own.

use jackfield::proto::websocket::{Opcode, encode_masked, encode_request};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Client, Connection, Disconnect, Drain, Exchange, LateUpgrade, Limits, Message, Reason, Request, Timeout,
    TimerId, Upgrade, WebSocket,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Echoes, streams, decides late, and notes why it ended.
#[derive(Clone, Default)]
struct Visitor(Rc<RefCell<Notes>>);

#[derive(Default)]
struct Notes {
    ends: Vec<Reason>,
    upgrade: Option<LateUpgrade>,
}

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if request.path() == "/stream" {
            exchange.stream(200, "text/plain").set_timer(TimerId(1), Duration::from_secs(1));
        } else {
            exchange.ok("text/plain", request.path());
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        if let Some(stream) = connection.as_response() {
            stream.finish().expect("any length will do");
        }
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        match request.path() {
            "/late" => self.0.borrow_mut().upgrade = Some(upgrade.defer()),
            _ => upgrade.accept(),
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.borrow_mut().ends.push(end.reason);
    }
}

fn server(limits: Limits) -> (TestServer, Visitor) {
    let visitor = Visitor::default();
    let shared = visitor.clone();
    let options = TestOptions { limits, ..TestOptions::default() };
    (TestServer::with_options(options, move |_peer| shared.clone()), visitor)
}

fn handshake(target: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(target, "sim", [7; 16], &[], &[], &mut bytes).expect("a valid target");
    bytes
}

fn open(server: &mut TestServer) -> FarEnd {
    let far = server.connect();
    far.send(&handshake("/"));
    server.run();
    assert!(far.take().starts_with(b"HTTP/1.1 101 "));
    far
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_masked(opcode, true, payload, [1, 2, 3, 4], &mut bytes);
    bytes
}

/// Seed 7: each Ping moved the deadline for the answer to the one before.
#[test]
fn a_silent_peer_is_found_dead_although_pings_follow_each_other_quickly() {
    let (heartbeat, heartbeat_dead) = (Duration::from_secs(5), Duration::from_secs(20));
    let (mut server, visitor) = server(Limits::default().with(|limits| {
        limits.heartbeat = heartbeat;
        limits.heartbeat_dead = heartbeat_dead;
    }));
    let _far = open(&mut server);
    server.advance(heartbeat + heartbeat_dead - Duration::from_millis(1));
    assert_eq!(visitor.0.borrow().ends, []);
    server.advance(Duration::from_millis(1));
    assert_eq!(visitor.0.borrow().ends, [Reason::Timeout(Timeout::Heartbeat)]);
}

/// Found by reading on from there: an answer in the same millisecond was taken for none.
#[test]
fn a_peer_that_answers_a_ping_within_the_millisecond_lives_on() {
    let (mut server, visitor) = server(Limits::default());
    let far = open(&mut server);
    for _ in 0..10 {
        server.advance(Duration::from_secs(10));
        if far.take() == b"\x89\x04beat" {
            far.send(&frame(Opcode::Pong, b"beat"));
            server.run();
        }
    }
    assert_eq!(visitor.0.borrow().ends, []);
}

/// Seed 3834: a Pong waited for a drain that nothing would bring about.
#[test]
fn a_ping_after_large_messages_is_answered_at_once() {
    let mut limits = Limits::default();
    (limits.reactor.outbox_bytes_low, limits.reactor.outbox_bytes_high) = (10, 100);
    let (mut server, _visitor) = server(limits);
    let far = open(&mut server);
    far.send(&[frame(Opcode::Binary, &[1; 200]), frame(Opcode::Ping, b"there?")].concat());
    server.run();
    assert!(far.take().ends_with(b"\x8a\x06there?"));
}

/// Seed 1657: output that was not written yet, because no write was tried, was taken for a backlog.
#[test]
fn a_peer_that_reads_at_once_never_meets_the_overflow_policy() {
    let mut limits = Limits::default();
    (limits.reactor.outbox_bytes_low, limits.reactor.outbox_bytes_high) = (10, 100);
    limits.reactor.outbox_bytes_max = 100;
    let (mut server, visitor) = server(limits);
    let far = open(&mut server);
    far.send(&frame(Opcode::Binary, &[1; 120]).repeat(5));
    server.run();
    assert_eq!((far.take().len(), visitor.0.borrow().ends.len()), (5 * 122, 0));
}

/// Seed 57: the end was read early, while the upgrade was being decided on, and what lay before it was dropped.
#[test]
fn requests_before_the_end_are_answered_after_a_late_refusal() {
    let (mut server, visitor) = server(Limits::default().with(|limits| limits.half_closed = true));
    let far = server.connect();
    far.send(&[&handshake("/late")[..], b"GET /next HTTP/1.1\r\nHost: sim\r\n\r\n"].concat());
    far.finish();
    server.run();
    let upgrade = visitor.0.borrow_mut().upgrade.take().expect("it was asked for");
    upgrade.reject(403);
    server.run();
    let answers = String::from_utf8(far.take()).expect("it is text");
    assert!(answers.starts_with("HTTP/1.1 403 ") && answers.ends_with("/next"), "{answers}");
    assert_eq!(visitor.0.borrow().ends, [Reason::Peer]);
}

/// Seed 240: an exchange that was seen out by a shutdown ended for no reason of its own.
#[test]
fn an_exchange_that_is_drained_ends_by_the_shutdown() {
    let (mut server, visitor) = server(Limits::default());
    let far = server.connect();
    far.send(b"GET /stream HTTP/1.1\r\nHost: sim\r\n\r\n");
    server.run();
    server.handle().shutdown(Drain::default());
    server.advance(Duration::from_secs(1));
    far.finish();
    server.run();
    assert_eq!(visitor.0.borrow().ends, [Reason::Shutdown]);
}

/// Seed 557257: they were within the bound of their own, and not within what may be carried.
#[test]
fn early_bytes_that_can_not_be_carried_are_refused_with_a_status() {
    let mut limits = Limits::default().with(|limits| limits.line_bytes_max = 2000);
    (limits.reactor.carry_bytes_max, limits.http.head_bytes_max) = (4000, 2000);
    limits.websocket.frame_in_place_bytes_max = 2000;
    let (mut server, _visitor) = server(limits);
    let far = server.connect();
    far.send(&[handshake("/late"), frame(Opcode::Binary, &[1; 4042])].concat());
    server.run();
    let answer = String::from_utf8(far.take()).expect("it is text");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
}
