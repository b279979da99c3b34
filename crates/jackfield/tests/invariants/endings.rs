//! How a connection ends: once, with what was said, and with nothing after it.

use crate::SECOND;
use crate::panics::Bystander;
use crate::support::probe::Probe;
use crate::support::{Lab, get, socket, text};
use jackfield::test::{FarEnd, TestServer, listener};
use jackfield::{Client, Drain, Limits, Refuse, Sent, TimerId};
use std::rc::Rc;
use std::time::Duration;

#[test]
fn on_disconnect_comes_once_if_and_only_if_on_connect_ran() {
    type Act = fn(&mut Lab, &FarEnd);
    let paths: [(&str, Act); 12] = [
        ("Peer", |_, far| far.finish()),
        ("PeerReset", |_, far| far.reset()),
        ("Local", |lab, _| lab.server.handle().close(first(lab)).unwrap()),
        ("Local", |lab, _| lab.server.handle().abort(first(lab)).unwrap()),
        ("Local", |lab, _| {
            let handle = lab.server.handle();
            handle.close(first(lab)).unwrap();
            handle.abort(first(lab)).unwrap();
        }),
        ("Timeout(Idle)", |lab, _| lab.advance(SECOND * 100)),
        ("Timeout(Head)", |lab, far| {
            far.send(b"GET");
            lab.advance(SECOND * 20);
        }),
        ("Protocol(Http(HostMissing))", |_, far| far.send(b"GET / HTTP/1.1\r\n\r\n")),
        ("Protocol(Http(HeadTooLarge))", |_, far| far.send(&[b'x'; 8].repeat(4000))),
        ("Panic", |_, far| far.send(get("/panic").as_bytes())),
        ("Shutdown", |lab, _| lab.server.handle().shutdown(Drain::default())),
        ("Shutdown", |lab, _| lab.server.handle().shutdown(Drain::now())),
    ];
    for (reason, act) in paths {
        let mut lab = Lab::new(|| Probe { on_request: |_, _, _| panic!("a bug"), ..Probe::default() });
        let far = lab.connect();
        act(&mut lab, &far);
        lab.run();
        lab.advance(SECOND * 60);
        let reason = reason.replace("HeadTooLarge", "MethodTooLong");
        assert_eq!(lab.log.count("connect"), 1);
        assert_eq!(lab.log.count("disconnect"), 1, "{reason}: {:?}", lab.log.events());
        assert!(lab.log.has(&format!("disconnect {reason}")), "{reason}: {:?}", lab.log.events());
        assert_eq!(lab.log.events().last().map(String::as_str), Some("drop"));
        assert_eq!((lab.connections(), lab.server.wires().timers()), (0, 0), "{reason}");
    }
    // A connection that is refused has no `on_connect`.
    for refuse in [Refuse::Silent, Refuse::Reset, Refuse::Busy, Refuse::Banner(vec![b'x'])] {
        let mut server = TestServer::new(move |_peer| Err::<Bystander, Refuse>(refuse.clone()));
        let far = server.connect();
        far.send(b"x");
        server.advance(SECOND * 10);
        assert_eq!((server.wires().len(), server.handle().count()), (0, 0));
    }
}

fn first(lab: &Lab) -> jackfield::ConnectionId {
    lab.server.wires().ids().next().expect("there is a connection")
}

#[test]
fn close_flushes_and_abort_drops() {
    for (abort, listener) in
        [(false, listener::RAW), (true, listener::RAW), (false, listener::HTTP), (true, listener::HTTP)]
    {
        let mut lab = Lab::new(|| Probe {
            on_data: |_, raw, data| {
                raw.send(vec![b'x'; 150_000]);
                data.len()
            },
            on_request: |_, exchange, _| exchange.ok("text/plain", vec![b'x'; 150_000]),
            ..Probe::default()
        });
        let far = lab.connect_to(listener);
        far.set_room(Some(10));
        lab.say(&far, get("/"));
        let (handle, id) = (lab.server.handle(), first(&lab));
        let done = if abort { handle.abort(id) } else { handle.close(id) };
        done.unwrap();
        lab.run();
        assert_eq!(far.is_reset(), abort);
        far.set_room(None);
        lab.run();
        assert_eq!(far.bytes_received() > 150_000 - 10, !abort);
        assert!(far.has_server_finished());
    }
}

#[test]
fn after_abort_comes_nothing_but_the_disconnect() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.subscribe("t");
            socket.set_timer(TimerId(1), Duration::from_millis(1));
        },
        on_message: |_, socket, message| {
            assert_eq!(socket.send(message), Sent::Queued);
            socket.abort();
            assert_eq!(socket.send(message), Sent::Gone);
            socket.publish_to_all("t", message);
            socket.handle().send(socket.id(), message).unwrap();
            socket.handle().post(socket.id(), 1).unwrap();
            socket.set_timer(TimerId(2), Duration::ZERO);
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.say(&far, [socket::text("one"), socket::text("two"), socket::ping(b"")].concat());
    lab.advance(SECOND);
    assert_eq!(lab.log.events()[3..], ["text one", "disconnect Local", "drop"]);
    assert!(far.take().is_empty(), "what was queued is dropped");
}

#[test]
fn a_client_that_does_nothing_leaves_no_peer_waiting() {
    struct Nothing;
    impl Client for Nothing {}
    let long = "x".repeat(Limits::default().line_bytes_max + 1);
    for (listener, said, answered, is_reset) in [
        (listener::HTTP, get("/"), "HTTP/1.1 404 ", false),
        (listener::RAW, "some bytes".into(), "", false),
        (listener::LINES, "a line\n".into(), "", false),
        (listener::LINES, long, "", true),
    ] {
        let mut server = TestServer::new(|_peer| Nothing);
        let far = server.connect_to(listener);
        far.send(said.as_bytes());
        server.run();
        let answer = text(&far.take());
        let is_over = far.has_server_finished() || far.is_reset();
        assert!(answer.starts_with(answered) && (is_over || !answer.is_empty()), "{listener}: {answer}");
        assert_eq!(far.is_reset(), is_reset, "{listener}: {answer}");
    }
}

#[test]
fn after_a_close_no_data_comes_any_more() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| socket.close_with(1000, ""),
        on_line: |_, raw, _| raw.close(),
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.say(&far, [socket::text("one"), socket::text("two"), socket::ping(b"three")].concat());
    lab.say(&far, socket::text("four"));
    assert_eq!(lab.log.events()[3..], ["text one"]);
    lab.log.take();
    let far = lab.connect_to(listener::LINES);
    lab.say(&far, "one\ntwo\n");
    lab.say(&far, "three\n");
    assert_eq!(lab.log.events(), ["connect", "line one", "disconnect Local", "drop"]);
}

#[test]
fn clients_need_not_be_send() {
    struct Local {
        _shared: Rc<()>,
    }
    impl Client for Local {}
    let shared = Rc::new(());
    let clients = shared.clone();
    let mut server = TestServer::new(move |_peer| Local { _shared: clients.clone() });
    let far = server.connect();
    assert_eq!(Rc::strong_count(&shared), 3);
    far.reset();
    server.run();
    assert_eq!(Rc::strong_count(&shared), 2, "the client is dropped after its disconnect");
}
