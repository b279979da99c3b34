//! The idle timeout is for the time between two requests: what is under way has deadlines of its own.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{BodyPlan, Heartbeat, Limits, TimerId};
use std::time::Duration;
use support::probe::Probe;
use support::socket::{self, FIN, SWITCHED, TEXT, UPGRADE};
use support::{Lab, statuses, text};
use tls::{Identity, Secured};

const IDLE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1400);

fn limits() -> Limits {
    Limits::default().with(|limits| limits.http_idle = IDLE)
}

fn lab(make: fn() -> Probe) -> Lab {
    Lab::with_options(TestOptions { limits: limits(), ..TestOptions::default() }, make)
}

fn streaming() -> Probe {
    Probe { on_head: |_, _, _| BodyPlan::Stream, ..Probe::default() }
}

/// A peer that speaks plain text.
fn plain(make: fn() -> Probe) -> (Lab, FarEnd, Option<Secured>) {
    let mut lab = lab(make);
    let far = lab.connect();
    (lab, far, None)
}

/// A peer that speaks TLS, whose handshake is over.
fn secured(identity: &Identity, make: fn() -> Probe) -> (Lab, FarEnd, Option<Secured>) {
    let tls = Some(identity.server_config());
    let mut lab = Lab::with_options(TestOptions { limits: limits(), tls, ..TestOptions::default() }, make);
    let far = lab.connect();
    let mut peer = Secured::new(far.clone(), identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.shake_hands(&mut lab.server).expect("it trusts the server");
    assert!(!peer.is_handshaking());
    (lab, far, Some(peer))
}

/// Says something, and returns what is heard, both in plain text.
fn say(lab: &mut Lab, far: &FarEnd, peer: &mut Option<Secured>, words: &str) -> Vec<u8> {
    match peer {
        None => lab.say(far, words),
        Some(peer) => peer.say(&mut lab.server, words),
    }
}

/// A request comes in two parts with a pause between them that is longer than the idle timeout, and is answered. Behind
/// it the timeout is as it was.
#[track_caller]
fn check(name: &str, place: (Lab, FarEnd, Option<Secured>), parts: [&str; 2], answers: usize) {
    let (mut lab, far, mut peer) = place;
    let mut told = say(&mut lab, &far, &mut peer, parts[0]);
    lab.advance(PAUSE);
    told.extend(say(&mut lab, &far, &mut peer, parts[1]));
    assert_eq!(
        statuses(&told).iter().filter(|&&status| status == 200).count(),
        answers,
        "{name}: {}",
        text(&told)
    );
    lab.advance(IDLE - Duration::from_millis(1));
    assert!(!far.has_server_finished(), "{name}: the timeout begins with the last byte");
    lab.advance(Duration::from_millis(1));
    assert!(far.has_server_finished(), "{name}");
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Timeout(Idle)"), "{name}: {:?}", lab.log.events());
}

#[test]
fn a_request_that_is_under_way_is_not_idle() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    const KNOWN: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const EXPECTS: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let twice = GET.repeat(2);
    let pipelined = format!("{GET}GET / HT");
    let [known_half, chunked_half] = [format!("{KNOWN}ab"), format!("{CHUNKED}2\r\nab\r\n")];
    let [in_size, in_chunk] = [format!("{CHUNKED}1"), format!("{CHUNKED}4\r\na")];
    let before_trailer = format!("{CHUNKED}2\r\nab\r\n0\r\n");
    let behind = format!("{GET}{KNOWN}ab");
    let rows: [(&str, [&str; 2], usize); 13] = [
        ("the first byte of a head", ["G", &GET[1..]], 1),
        ("half a head", [&GET[..20], &GET[20..]], 1),
        ("a head without its end", [&GET[..GET.len() - 1], "\n"], 1),
        ("half a head behind a request", [&pipelined, "TP/1.1\r\nHost: h\r\n\r\n"], 2),
        ("no byte of a body", [KNOWN, "abcd"], 1),
        ("half a body", [&known_half, "cd"], 1),
        ("half a chunked body", [&chunked_half, "0\r\n\r\n"], 1),
        ("half a chunk", [&in_chunk, "bcd\r\n0\r\n\r\n"], 1),
        ("half a size", [&in_size, "\r\na\r\n0\r\n\r\n"], 1),
        ("a trailer is to come", [&before_trailer, "X: y\r\n\r\n"], 1),
        ("behind 100 Continue", [EXPECTS, "abcd"], 1),
        ("half a body behind a request", [&behind, "cd"], 2),
        ("two requests, and nothing else", [&twice[..GET.len() + 5], &twice[GET.len() + 5..]], 2),
    ];
    let identity = Identity::new();
    for (name, parts, answers) in rows {
        for make in [Probe::default, streaming] {
            check(name, plain(make), parts, answers);
            check(&format!("{name}, over TLS"), secured(&identity, make), parts, answers);
        }
    }
}

/// An early answer leaves a body that is read and dropped: the flow of it is looked at, and not the time between.
#[test]
fn a_body_that_is_dropped_is_under_way_too() {
    let reject = || Probe { on_head: |_, _, _| BodyPlan::Reject(403), ..Probe::default() };
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab";
    let parts = [head, "cdGET / HTTP/1.1\r\nHost: h\r\n\r\n"];
    check("a body that nobody wants", plain(reject), parts, 1);
    check("a body that nobody wants, over TLS", secured(&Identity::new(), reject), parts, 1);
}

/// What was begun and does not go on still ends, by its own deadline.
#[test]
fn a_request_under_way_has_its_own_deadline() {
    for (begun, reason) in [
        ("GET / HT", "disconnect Timeout(Head)"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n", "disconnect Timeout(Body)"),
    ] {
        let mut lab = lab(Probe::default);
        let far = lab.connect();
        far.send(begun.as_bytes());
        lab.advance(limits().head_timeout);
        assert_eq!(statuses(&far.take()), [408], "{begun}");
        far.finish();
        lab.run();
        assert!(lab.log.has(reason), "{:?}", lab.log.events());
    }
}

/// A reader that is slow with the rest of an answer has something to do.
#[test]
fn an_answer_that_is_being_read_is_under_way() {
    let make = || Probe {
        on_request: |_, exchange, _| exchange.ok("text/plain", vec![b'x'; 40_000]),
        ..Probe::default()
    };
    let mut lab = lab(make);
    let far = lab.connect();
    far.set_room(Some(1000));
    far.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    lab.advance(PAUSE);
    assert!(!lab.log.has("disconnect"), "{:?}", lab.log.events());
    far.set_room(None);
    lab.run();
    far.take();
    let again = lab.say(&far, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(statuses(&again), [200], "the connection is still there");
}

/// A deadline of the protocol before does not reach the one after it.
#[test]
fn a_switch_of_protocol_leaves_no_deadline() {
    let make = || Probe {
        on_request: |_, exchange, _| {
            exchange.events();
        },
        ..Probe::default()
    };
    for (name, begun, rest, ended) in [
        ("a WebSocket", &UPGRADE[..20], &UPGRADE[20..], "disconnect Timeout(Idle)"),
        ("an event stream", "GET / HT", "TP/1.1\r\nHost: h\r\n\r\n", "disconnect Timeout(Idle)"),
    ] {
        let mut lab = lab(make);
        let far = lab.connect();
        far.send(begun.as_bytes());
        lab.advance(IDLE / 2);
        far.send(rest.as_bytes());
        // Past the idle timeout, the deadline of the head, and all other deadlines of HTTP.
        for _ in 0..20 {
            lab.advance(IDLE);
            far.send(&socket::masked(FIN | TEXT, b"x"));
            lab.run();
        }
        assert!(!lab.log.has(ended) && !lab.log.has("disconnect"), "{name}: {:?}", lab.log.events());
    }
}

/// After a pause in reading, a message that has begun has its whole deadline again.
#[test]
fn a_pause_leaves_a_message_its_own_deadline() {
    let make = || Probe {
        on_timer: |_, connection, _| connection.pause_read(),
        on_post: |_, connection, _| connection.resume_read(),
        on_open: |_, socket| socket.set_timer(TimerId(1), Duration::from_secs(1)),
        ..Probe::default()
    };
    let limits = Limits::default()
        .with(|limits| (limits.heartbeat, limits.websocket_idle) = (Duration::ZERO, Duration::ZERO));
    let (half, rest) = (2 * limits.head_timeout, limits.message_timeout);
    assert!(rest > half);
    let mut lab = Lab::with_limits(limits, make);
    let far = lab.connect();
    far.send(UPGRADE.as_bytes());
    lab.run();
    assert_eq!(text(&far.take()), SWITCHED);
    let [first, last] = [socket::masked(TEXT, b"a"), socket::masked(FIN | socket::CONTINUATION, b"b")];
    let id = lab.server.wires().ids().next().expect("it is there");
    far.send(&first);
    lab.advance(rest + half);
    lab.server.handle().post(id, ()).expect("there is room");
    lab.advance(half);
    far.send(&last);
    lab.run();
    assert_eq!(socket::texts(&far.take()), ["ab"], "{:?}", lab.log.events());
}

/// A subscriber that only listens is not idle as long as there is something for it.
#[test]
fn a_websocket_without_heartbeat_that_is_only_sent_to_is_not_idle() {
    let silent = |limits: &mut Limits| {
        limits.heartbeat = Duration::ZERO;
        limits.websocket_idle = IDLE;
    };
    let mut without = limits();
    silent(&mut without);
    let own = || Probe { on_open: |_, socket| socket.set_idle_timeout(IDLE), ..Probe::default() };
    let off = || Probe {
        on_open: |_, socket| {
            socket.set_heartbeat(Heartbeat::every(Duration::ZERO));
        },
        ..Probe::default()
    };
    let mut off_limits = limits();
    off_limits.websocket_idle = IDLE;
    type Make = fn() -> Probe;
    let rows: [(&str, Make, Limits); 3] = [
        ("no heartbeat", Probe::default, without),
        ("its own timeout", own, limits()),
        ("its own heartbeat", off, off_limits),
    ];
    for (name, make, limits) in rows {
        let log = support::probe::Log::default();
        let probes = log.clone();
        let options = TestOptions { limits, ..TestOptions::default() };
        let mut server = TestServer::with_options(options, move |_peer| make().noted_in(&probes));
        let far = server.connect();
        far.send(UPGRADE.as_bytes());
        server.run();
        assert_eq!(text(&far.take()), SWITCHED);
        let id = server.wires().ids().next().expect("it is there");
        for _ in 0..10 {
            server.advance(IDLE * 9 / 10);
            server.handle().send(id, "news").expect("there is room");
            server.run();
        }
        assert!(!log.has("disconnect"), "{name}: {:?}", log.events());
        far.take();
        server.advance(IDLE);
        assert_eq!(
            socket::frames(&far.take()).len(),
            1,
            "{name}: a Close, after nothing was said for so long"
        );
    }
}
