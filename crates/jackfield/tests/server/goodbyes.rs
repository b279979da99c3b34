//! What peers are told when their connections end: the table of `disconnect/goodbye.rs` as it reaches them. Each row says
//! where a connection stands, what happens to it, what its peer gets then, and the reason that its client is told.

use crate::support;
use jackfield::test::listener;
use jackfield::{Drain, LateUpgrade, Overflow, Reply};
use std::cell::RefCell;
use std::time::Duration;
use support::probe::Probe;
use support::socket::{self, UPGRADE};
use support::{Lab, get, text};

thread_local! {
    static REPLIES: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A callback that has nothing to do with a request panics.
    Panic,
    /// Its client closes it.
    Close,
    /// Its peer ends its side.
    End,
    /// It is sent more than it takes.
    Backlog,
    Shutdown(u16),
}

fn make() -> Probe {
    Probe {
        on_connect: |_, connection| connection.set_overflow(Overflow::Close),
        on_request: |_, exchange, request| match request.path() {
            "/owed" => REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
            "/stream" => {
                exchange.stream(200, "text/plain").write("part");
            }
            "/events" => {
                exchange.events();
            }
            _ => exchange.ok("text/plain", "done"),
        },
        on_post: |_, _, _| panic!("a planned one"),
        ..Probe::default()
    }
}

/// What the peer gets after this has happened: the status line, the code of a Close, or the bytes; and the reason.
#[track_caller]
fn check(at: &str, listener: usize, begin: &str, happens: Happens, told: &str, reason: &str) {
    let mut lab = Lab::new(make);
    let far = lab.connect_to(listener);
    far.send(begin.as_bytes());
    lab.run();
    far.take();
    let id = lab.server.wires().ids().next().expect("it is there");
    let handle = lab.server.handle();
    match happens {
        Happens::Panic => handle.post(id, ()).expect("there is room"),
        Happens::Close => handle.close(id).expect("there is room"),
        Happens::End => far.finish(),
        Happens::Backlog => {
            far.set_room(Some(0));
            let large = "x".repeat(1 << 20);
            for _ in 0..40 {
                handle.send(id, &large).expect("there is room");
                lab.run();
            }
            far.set_room(None);
        }
        Happens::Shutdown(close_code) => {
            handle.shutdown(Drain::default().with_close_code(close_code));
        }
    }
    lab.run();
    let bytes = far.take();
    let seen = match bytes {
        _ if far.is_reset() => "reset".into(),
        bytes if bytes.starts_with(b"HTTP") => text(&bytes[9..12]),
        bytes if begin == UPGRADE => {
            let close = socket::frames(&bytes).iter().rev().find_map(socket::Frame::code);
            close.map_or_else(String::new, |code| code.to_string())
        }
        bytes => text(&bytes),
    };
    assert_eq!(seen, told, "{at}: {happens:?}");
    REPLIES.with_borrow_mut(Vec::clear);
    lab.run();
    far.finish();
    lab.run();
    lab.advance(Duration::from_secs(60));
    // A drain waits for an answer, but not for a client that has left it.
    let is_left = matches!(happens, Happens::Shutdown(_)) && at == "an answer is being sent";
    let reason = if is_left { "Peer" } else { reason };
    let ended = lab.log.events().into_iter().find(|event| event.starts_with("disconnect"));
    assert_eq!(ended.as_deref(), Some(&*format!("disconnect {reason}")), "{at}: {happens:?}");
}

#[test]
fn each_peer_gets_its_goodbye() {
    let [idle, owed, stream, events] = [get("/"), get("/owed"), get("/stream"), get("/events")];
    let places = [
        ("nothing is asked", listener::HTTP, ""),
        ("an answer was given", listener::HTTP, &*idle),
        ("an answer is owed", listener::HTTP, &*owed),
        ("an answer is being sent", listener::HTTP, &*stream),
        ("a WebSocket", listener::HTTP, UPGRADE),
        ("an event stream", listener::HTTP, &*events),
        ("bytes", listener::RAW, ""),
        ("lines", listener::LINES, ""),
    ];
    let rows = [
        (Happens::Panic, "Panic", ["reset", "reset", "500", "reset", "1011", "reset", "reset", "reset"]),
        (Happens::Close, "Local", ["", "", "", "", "1000", "", "", ""]),
        (Happens::Shutdown(1001), "Shutdown", ["", "", "", "", "1001", "retry: 5000\n\n", "", ""]),
        (Happens::Shutdown(4000), "Shutdown", ["", "", "", "", "4000", "retry: 5000\n\n", "", ""]),
        // A code that must not be sent is not.
        (Happens::Shutdown(1005), "Shutdown", ["", "", "", "", "1001", "retry: 5000\n\n", "", ""]),
    ];
    for (happens, reason, told) in rows {
        for ((at, listener, begin), told) in places.into_iter().zip(told) {
            check(at, listener, begin, happens, told, reason);
        }
    }
    for (at, listener, begin) in places {
        let told = if at == "an answer is being sent" { "reset" } else { "" };
        check(at, listener, begin, Happens::End, told, "Peer");
    }
    check("a WebSocket", listener::HTTP, UPGRADE, Happens::Backlog, "1013", "Limit(Backlog)");
}

/// What becomes a WebSocket while the server shuts down gets the same code as those before it.
#[test]
fn a_drain_has_one_code() {
    thread_local! {
        static UPGRADES: RefCell<Vec<LateUpgrade>> = const { RefCell::new(Vec::new()) };
    }
    let mut lab = Lab::new(|| Probe {
        on_upgrade: |_, upgrade, _| UPGRADES.with_borrow_mut(|upgrades| upgrades.push(upgrade.defer())),
        ..Probe::default()
    });
    let far = lab.connect();
    far.send(UPGRADE.as_bytes());
    lab.run();
    lab.server.handle().shutdown(Drain::default().with_close_code(4000));
    lab.run();
    UPGRADES.with_borrow_mut(|upgrades| upgrades.drain(..).for_each(LateUpgrade::accept));
    lab.run();
    let bytes = far.take();
    let frames = bytes.strip_prefix(socket::SWITCHED.as_bytes()).expect("it is switched");
    assert_eq!(socket::frames(frames).iter().find_map(socket::Frame::code), Some(4000));
}
