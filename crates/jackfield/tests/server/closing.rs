//! Closing with a code and without, by the connection itself, by another and from another thread: what its peer sees.

use crate::support;
use jackfield::test::{FarEnd, TestServer, listener};
use jackfield::{
    Busy, Client, Connection, ConnectionId, Disconnect, Drain, Exchange, Handle, Request, ServerState,
    WebSocket,
};
use std::any::Any;
use support::{get, socket, text};

/// Who closes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Itself,
    Another,
    Handle,
}

/// With which code and reason, if with one, and whom.
struct Order(Option<(u16, &'static str)>, ConnectionId);

struct Closer;

impl Client for Closer {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/events" => drop(exchange.events()),
            "/late" => std::mem::forget(exchange.defer()),
            _ => exchange.ok("text/plain", ""),
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let Some(Order(with, id)) = value.downcast_ref() else { return };
        let is_own = connection.id() == *id;
        match with {
            None if is_own => connection.close(),
            Some((code, reason)) if is_own => connection.close_with(*code, reason),
            None => assert_eq!(connection.close_other(*id), Ok(())),
            Some((code, reason)) => assert_eq!(connection.close_other_with(*id, *code, reason), Ok(())),
        }
        // It acts at once, and a second time it is nothing new.
        assert!(!is_own || !connection.is_open());
        assert_eq!(connection.close_other(*id), Ok(()));
    }
}

fn close(handle: &Handle, way: Way, with: Option<(u16, &'static str)>, from: ConnectionId, id: ConnectionId) {
    let done = match (way, with) {
        (Way::Itself, with) => handle.post(id, Order(with, id)).map_err(|not| not.why),
        (Way::Another, with) => handle.post(from, Order(with, id)).map_err(|not| not.why),
        (Way::Handle, None) => handle.close(id),
        (Way::Handle, Some((code, reason))) => handle.close_with(id, code, reason),
    };
    assert_eq!(done, Ok(()));
}

fn open(server: &mut TestServer, listener: usize, opening: &str) -> (FarEnd, ConnectionId) {
    let far = server.connect_to(listener);
    far.send(opening.as_bytes());
    server.run();
    far.take();
    (far, server.wires().ids().last().expect("it is there"))
}

/// What the peer of a connection gets that is closed so: the bytes, and whether that is the end.
#[track_caller]
fn check(listener: usize, opening: &str, with: Option<(u16, &'static str)>, expected: &[u8], is_end: bool) {
    for way in [Way::Itself, Way::Another, Way::Handle] {
        let mut server = TestServer::new(|_peer| Closer);
        let (_from, from) = open(&mut server, listener::RAW, "");
        let (far, id) = open(&mut server, listener, opening);
        close(&server.handle(), way, with, from, id);
        server.run();
        let got = far.take();
        assert_eq!(text(&got), text(expected), "{way:?} of {opening:?} with {with:?}");
        assert_eq!(far.has_server_finished(), is_end, "{way:?} of {opening:?} with {with:?}");
    }
}

#[test]
fn a_websocket_close_sends_its_code_and_waits_for_the_peers() {
    check(listener::HTTP, socket::UPGRADE, None, b"\x88\x02\x03\xe8", false);
    check(listener::HTTP, socket::UPGRADE, Some((4000, "bye")), b"\x88\x05\x0f\xa0bye", false);
    check(listener::HTTP, socket::UPGRADE, Some((1006, "lost")), b"\x88\x02\x03\xe8", false);
}

#[test]
fn a_protocol_without_close_codes_just_closes() {
    for with in [None, Some((4000, "bye")), Some((1006, "lost"))] {
        for (listener, opening) in [
            (listener::HTTP, String::new()),
            (listener::HTTP, get("/")),
            (listener::HTTP, get("/late")),
            (listener::HTTP, get("/events")),
            (listener::RAW, String::new()),
            (listener::LINES, "half a line".into()),
        ] {
            check(listener, &opening, with, b"", true);
        }
    }
}

#[test]
fn an_ended_connection_is_gone_and_one_that_never_was_is_unknown() {
    let mut server = TestServer::new(|_peer| Closer);
    let (far, id) = open(&mut server, listener::RAW, "");
    far.reset();
    server.run();
    let handle = server.handle();
    assert_eq!((handle.close(id), handle.close_with(id, 1000, "")), (Err(Busy::Gone), Err(Busy::Gone)));
    let unknown = ConnectionId::from_bits(9 << 56);
    let refused = (handle.close(unknown), handle.close_with(unknown, 1000, ""));
    assert_eq!(refused, (Err(Busy::Unknown), Err(Busy::Unknown)));
    server.run();
}

/// Subscribes to what its listener is for.
struct Member;

impl Client for Member {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        if connection.as_raw().is_some() {
            connection.subscribe("t");
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("t");
        socket.subscribe("u");
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        assert_eq!(connection.topics().count(), 0);
    }
}

/// It stayed in its topics for as long as its peer's Close was awaited, or what was queued was written.
#[test]
fn a_closed_connection_is_in_no_topic() {
    let ways: [fn(&Handle, ConnectionId); 3] = [
        |handle, id| handle.close(id).expect("there is room"),
        |handle, id| handle.close_with(id, 4000, "kicked").expect("there is room"),
        |handle, id| handle.abort(id).expect("there is room"),
    ];
    for close in ways {
        for (at, opening) in [(listener::HTTP, socket::UPGRADE), (listener::RAW, "")] {
            let mut server = TestServer::new(|_peer| Member);
            let (far, id) = open(&mut server, at, opening);
            let _other = open(&mut server, at, opening);
            far.set_room(Some(0));
            server.handle().send(id, vec![0; 100_000]).expect("there is room");
            server.run();
            assert_eq!(server.handle().subscribers("t"), 2);
            close(&server.handle(), id);
            server.run();
            assert_eq!(server.handle().subscribers("t"), 1);
            assert_eq!(server.handle().publish("t", "x").reactors, 1);
            server.run();
        }
    }
}

/// One that is closed while something is published to it leaves too, and the others stay in their places.
#[test]
fn a_connection_closed_for_its_backlog_leaves_the_published_topic() {
    let mut server = TestServer::new(|_peer| Member);
    let ends: Vec<FarEnd> = (0..9).map(|_| open(&mut server, listener::HTTP, socket::UPGRADE).0).collect();
    ends.iter().step_by(2).for_each(|far| far.set_room(Some(0)));
    let handle = server.handle();
    let mut sent = 0;
    while handle.subscribers("t") > 4 {
        handle.publish("t", "x".repeat(3000));
        server.run();
        sent += 1;
        assert!(sent < 1000, "nobody is closed");
    }
    assert_eq!((handle.subscribers("t"), handle.subscribers("u")), (4, 4));
    for (number, far) in ends.iter().enumerate() {
        let before = socket::texts(&far.take()).len();
        assert_eq!(before, if number % 2 == 0 { 0 } else { sent });
    }
    handle.publish("u", "still here");
    server.run();
    for (number, far) in ends.iter().enumerate() {
        assert_eq!(socket::texts(&far.take()).len(), number % 2);
    }
}

/// It stayed at `Draining`.
#[test]
fn a_test_server_is_stopped_when_its_last_connection_has_ended() {
    let mut server = TestServer::new(|_peer| Closer);
    let far = server.connect();
    let handle = server.handle();
    handle.shutdown(Drain::default());
    server.run();
    assert_eq!(handle.state(), ServerState::Draining, "one lingers");
    far.finish();
    server.run();
    assert_eq!(handle.state(), ServerState::Stopped);
    assert_eq!(handle.close(ConnectionId::NONE), Err(Busy::Unknown));
    server.advance(std::time::Duration::from_secs(100));
}
