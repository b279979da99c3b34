//! Closing with a code and without, by the connection itself, by another and from another thread: what its peer sees.

mod support;

use jackfield::test::{FarEnd, TestServer, listener};
use jackfield::{Busy, Client, Connection, ConnectionId, Exchange, Handle, Request};
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
        assert_eq!(far.is_finished(), is_end, "{way:?} of {opening:?} with {with:?}");
    }
}

#[test]
fn a_websocket_says_the_code_and_waits_for_the_peers() {
    check(listener::HTTP, socket::UPGRADE, None, b"\x88\x02\x03\xe8", false);
    check(listener::HTTP, socket::UPGRADE, Some((4000, "bye")), b"\x88\x05\x0f\xa0bye", false);
    check(listener::HTTP, socket::UPGRADE, Some((1006, "lost")), b"\x88\x02\x03\xe8", false);
}

#[test]
fn what_has_no_codes_closes() {
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
fn who_is_gone_is_closed_already_and_who_never_was_is_unknown() {
    let mut server = TestServer::new(|_peer| Closer);
    let (far, id) = open(&mut server, listener::RAW, "");
    far.reset();
    server.run();
    let handle = server.handle();
    assert_eq!((handle.close(id), handle.close_with(id, 1000, "")), (Ok(()), Ok(())));
    let unknown = ConnectionId::from_bits(9 << 56);
    let refused = (handle.close(unknown), handle.close_with(unknown, 1000, ""));
    assert_eq!(refused, (Err(Busy::Unknown), Err(Busy::Unknown)));
    server.run();
}
