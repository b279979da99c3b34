//! Client classes and the connection.

use crate::support;
use jackfield::proto::{http1, websocket};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Busy, Client, Connection, ConnectionId, Disconnect, Exchange, Handle, Limits, Listener, Message,
    Observer, Raw, Refuse, Request, Sent, Server, TimerId, WebSocket,
};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Log, Probe, Watcher, observed};
use support::real::{self, Live};
use support::socket;
use support::{Lab, get, ok, outcome, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// Counts its own requests.
#[derive(Default)]
struct Counter {
    requests: usize,
}

impl Client for Counter {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.requests += 1;
        exchange.ok("text/plain", self.requests.to_string());
    }
}

#[test]
fn c1_each_connection_has_its_own_object() {
    let mut server = TestServer::new(|_peer| Counter::default());
    let (one, two) = (server.connect(), server.connect());
    for (far, count) in [(&one, "1"), (&one, "2"), (&two, "1"), (&one, "3"), (&two, "2")] {
        far.send(get("/").as_bytes());
        server.run();
        assert_eq!(text(&far.take()), ok(count));
    }
}

#[test]
fn c2_the_class_may_differ_by_listener() {
    struct Lines;
    impl Client for Lines {
        fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
            raw.send("a line");
        }
    }
    let mut server = TestServer::new(|peer| -> Box<dyn Client> {
        assert!(peer.ip().is_some_and(|ip| ip.is_loopback()) && !peer.is_tls() && peer.reactor() == 0);
        match peer.listener() {
            listener::LINES => Box::new(Lines),
            _ => Box::new(Counter::default()),
        }
    });
    let (http, lines) = (server.connect(), server.connect_to(listener::LINES));
    http.send(get("/").as_bytes());
    lines.send(b"x\n");
    server.run();
    assert_eq!((text(&http.take()), text(&lines.take())), (ok("1"), "a line".into()));
}

#[test]
fn c2_the_class_may_change_after_a_callback() {
    struct Before(Rc<RefCell<Vec<&'static str>>>);
    struct After(Rc<RefCell<Vec<&'static str>>>);
    impl Client for Before {
        fn on_open(&mut self, socket: &mut WebSocket<'_>) {
            socket.replace(Box::new(After(self.0.clone())));
            self.0.borrow_mut().push("still before");
        }
    }
    impl Drop for Before {
        fn drop(&mut self) {
            self.0.borrow_mut().push("before is dropped");
        }
    }
    impl Client for After {
        fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
            socket.send("after");
        }
        fn on_disconnect(&mut self, _connection: &mut Connection<'_>, _end: &Disconnect) {
            self.0.borrow_mut().push("after ends");
        }
    }
    let log = Rc::new(RefCell::new(Vec::new()));
    let clients = log.clone();
    let mut server = TestServer::new(move |_peer| -> Box<dyn Client> { Box::new(Before(clients.clone())) });
    let far = server.connect();
    far.send(&[socket::UPGRADE.as_bytes(), &socket::text("x")].concat());
    server.run();
    let output = far.take();
    assert_eq!(socket::texts(output.strip_prefix(socket::SWITCHED.as_bytes()).unwrap()), ["after"]);
    far.reset();
    server.run();
    assert_eq!(*log.borrow(), ["still before", "before is dropped", "after ends"]);
}

#[test]
fn c2_a_client_that_is_not_boxed_stays_in_its_place() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| socket.replace(Box::new(Counter::default())),
        ..Probe::default()
    });
    let far = lab.websocket();
    assert_eq!(socket::texts(&lab.say(&far, socket::text("x"))), ["x"]);
    assert_eq!(lab.log.events(), ["connect", "upgrade /ws", "open", "text x"]);
}

#[test]
fn c2_a_client_that_is_an_enum_assigns_itself() {
    enum Door {
        Closed,
        Open(usize),
    }
    impl Client for Door {
        fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
            match self {
                Self::Closed if line == b"sesame" => *self = Self::Open(0),
                Self::Closed => raw.close(),
                Self::Open(lines) => {
                    *lines += 1;
                    raw.send(lines.to_string());
                }
            }
        }
    }
    let mut server = TestServer::new(|_peer| Door::Closed);
    let far = server.connect_to(listener::LINES);
    far.send(b"sesame\na\nb\n");
    server.run();
    assert_eq!(text(&far.take()), "12");
}

#[test]
fn c3_create_comes_first_then_connect() {
    let log = Log::default();
    let notes = log.clone();
    let mut server = TestServer::new(move |peer| {
        notes.note(format!("create {}", peer.addr()));
        Probe::default().noted_in(&notes)
    });
    let _far = server.connect();
    assert_eq!(log.events(), ["create 127.0.0.1:1", "connect"]);
}

#[test]
fn c4_a_refused_connection_gets_its_answer_and_no_client() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (refuse, word) in [
        (Refuse::Silent, ""),
        (Refuse::Reset, ""),
        (Refuse::Busy, busy),
        (Refuse::Banner(b"go away".to_vec()), "go away"),
    ] {
        let (options, seen) = observed();
        let refusal = refuse.clone();
        let mut server =
            TestServer::with_options(options, move |_peer| Err::<Counter, Refuse>(refusal.clone()));
        let far = server.connect();
        assert_eq!(text(&far.take()), word);
        assert_eq!(far.is_reset(), refuse == Refuse::Reset);
        assert!(far.has_server_finished());
        // What it sends in the meantime is not read.
        far.send(get("/").as_bytes());
        server.advance(SECOND * 2);
        assert_eq!(text(&far.take()), "");
        assert_eq!((server.wires().len(), server.handle().count()), (0, 0));
        assert_eq!(seen.events(), ["refused Factory"]);
        assert_eq!(server.handle().metrics().refused, 1);
    }
}

#[test]
fn c5_every_connect_has_exactly_one_disconnect() {
    // Each way to end, as what is done to a connection from its far end or by its own client.
    type End = (&'static str, fn(&mut Lab, &jackfield::test::FarEnd));
    let ends: [End; 9] = [
        ("Peer", |_, far| far.finish()),
        ("PeerReset", |_, far| far.reset()),
        ("Io(TimedOut)", |_, far| {
            far.fail_read(ErrorKind::TimedOut);
            far.nudge(true, false);
        }),
        ("Local", |_, far| far.send(&get("/close").into_bytes())),
        ("Local", |_, far| far.send(&get("/abort").into_bytes())),
        ("Panic", |_, far| far.send(&get("/panic").into_bytes())),
        ("Protocol", |_, far| far.send(b"BAD\r\n\r\n")),
        ("Timeout(Idle)", |lab, _| lab.advance(SECOND * 80)),
        ("Shutdown", |lab, _| lab.server.handle().shutdown(jackfield::Drain::now())),
    ];
    for (reason, end) in ends {
        let mut lab = Lab::new(|| Probe {
            on_request: |_, mut exchange, request| match request.path() {
                "/close" => exchange.close(),
                "/abort" => exchange.abort(),
                _ => panic!("a bug"),
            },
            ..Probe::default()
        });
        let far = lab.connect();
        end(&mut lab, &far);
        lab.run();
        far.send(get("/late").as_bytes());
        lab.advance(SECOND * 5);
        let events = lab.log.events();
        assert_eq!(events.first().map(String::as_str), Some("connect"));
        assert_eq!(lab.log.count("disconnect"), 1, "{reason}: {events:?}");
        let [.., last, dropped] = &events[..] else { panic!("{events:?}") };
        assert!(
            last.starts_with(&format!("disconnect {reason}")) && dropped == "drop",
            "{reason}: {events:?}"
        );
        assert_eq!((lab.connections(), lab.server.wires().timers()), (0, 0), "{reason}");
    }
}

#[test]
fn c6_the_disconnect_has_the_reason_and_the_byte_counts() {
    let mut lab = Lab::new(|| Probe {
        on_disconnect: |probe, _, end| {
            probe.log.note(format!(
                "{:?} {:?} in {} out {} after {:?}",
                end.close_code, end.close_reason, end.bytes_in, end.bytes_out, end.age
            ));
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let answer = lab.say(&far, get("/"));
    lab.advance(SECOND * 3);
    far.finish();
    lab.run();
    let (sent, answered) = (get("/").len(), answer.len());
    assert!(lab.log.has(&format!("None \"\" in {sent} out {answered} after 3s")), "{:?}", lab.log.events());
    let far = lab.websocket();
    lab.say(&far, socket::close(4321, "enough"));
    far.finish();
    lab.run();
    assert!(lab.log.has("Some(4321) \"enough\" in "), "{:?}", lab.log.events());
    assert_eq!(lab.log.count("disconnect Peer"), 2);
}

#[test]
fn c6_each_reason_has_its_own_text() {
    use jackfield::{ConnectError, Limit, ProtocolError, Reason, Timeout};
    let timeouts = [
        Timeout::Idle,
        Timeout::Head,
        Timeout::Body,
        Timeout::Message,
        Timeout::Heartbeat,
        Timeout::Write,
        Timeout::Handshake,
        Timeout::Upgrade,
        Timeout::Lifetime,
        Timeout::Answer,
    ];
    let limits =
        [Limit::Backlog, Limit::ReadBuffer, Limit::Line, Limit::Memory, Limit::Rate, Limit::ControlFrames];
    let errors = [
        ConnectError::Invalid,
        ConnectError::Name,
        ConnectError::Busy,
        ConnectError::Timeout,
        ConnectError::Io(ErrorKind::ConnectionRefused),
        ConnectError::Closed,
        ConnectError::Tls,
        ConnectError::Status,
        ConnectError::WebSocket,
    ];
    let mut reasons = vec![
        Reason::Peer,
        Reason::PeerReset,
        Reason::Local,
        Reason::Tls,
        Reason::Io(ErrorKind::TimedOut),
        Reason::Panic,
        Reason::Shutdown,
        Reason::Proxy,
        Reason::Limit(Limit::Overload),
        Reason::Limit(Limit::Connections),
        Reason::Protocol(ProtocolError::Http(http1::Error::Method)),
        Reason::Protocol(ProtocolError::WebSocket(websocket::Error::Masked)),
    ];
    reasons.extend(timeouts.map(Reason::Timeout));
    reasons.extend(limits.map(Reason::Limit));
    reasons.extend(errors.map(Reason::Connect));
    let texts: BTreeSet<String> = reasons.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), reasons.len(), "{texts:?}");
    assert!(texts.contains("the peer broke WebSocket: a server's frame is masked"), "{texts:?}");
}

#[test]
fn c7_an_id_of_another_server_names_no_connection() {
    let mut lab = Lab::new(|| Probe {
        on_message: |probe, socket, message| {
            let unknown = ConnectionId::from_bits(9 << 56);
            assert_eq!(socket.close_other(unknown), Err(Busy::Unknown));
            let sent = socket.send_to(unknown, message);
            probe.log.note(format!("{sent:?}"));
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    assert!(lab.say(&far, socket::text("x")).is_empty());
    assert!(lab.log.has("Gone"), "{:?}", lab.log.events());
    let handle = lab.server.handle();
    let busy = handle.close(ConnectionId::from_bits(9 << 56)).unwrap_err().to_string();
    assert_eq!(busy, "this server has no such connection or listener");
    assert_eq!(lab.connections(), 1);
}

#[test]
fn c7_an_id_names_one_connection_for_ever() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let old = lab.server.wires().ids().next().unwrap();
    assert_eq!(old.to_string(), "r0-0.0");
    assert_eq!(ConnectionId::from_bits(old.to_bits()), old);
    assert_eq!((old.reactor(), old.slot(), old.generation()), (0, 0, 0));
    far.reset();
    lab.run();
    let stranger = lab.websocket();
    let new = lab.server.wires().ids().next().unwrap();
    assert_eq!(new.to_string(), "r0-0.1");
    let handle = lab.server.handle();
    check_refused(&handle, old, Busy::Gone);
    lab.run();
    assert_eq!(text(&stranger.take()), "");
    assert!(!stranger.has_server_finished() && !lab.log.has("post"));
}

/// In a slot that is in use, in one that is free, and on a reactor that does not exist.
#[test]
fn c7_every_command_with_an_id_that_was_never_in_use_is_refused() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let handle = lab.server.handle();
    for never in ["r0-0.1", "r0-1.0", "r0-5000.1"] {
        check_refused(&handle, never.parse().expect("it is an id"), Busy::Gone);
    }
    check_refused(&handle, "r9-0.0".parse().expect("it is an id"), Busy::Unknown);
    check_refused(&handle, ConnectionId::NONE, Busy::Unknown);
    lab.run();
    assert_eq!(text(&far.take()), "");
    assert!(!far.has_server_finished() && !lab.log.has("post"));
}

/// No command with this id is taken, and what was to be posted or run comes back.
#[track_caller]
fn check_refused(handle: &Handle, id: ConnectionId, why: Busy) {
    let refused = [
        handle.send(id, "for nobody"),
        handle.close(id),
        handle.close_with(id, 4000, "for nobody"),
        handle.abort(id),
        handle.with_client(id, |_: &mut Probe, _: &mut Connection<'_>| ()),
    ];
    assert_eq!(refused, [Err(why); 5], "{id}");
    let posts = [handle.post(id, 7), handle.post_sized(id, 7, 100)];
    let given_back = posts.map(|posted| posted.map_err(|not| (not.value, not.why)));
    assert_eq!(given_back, [Err((7, why)); 2], "{id}");
    let not_run = handle.offload(id, || 7).map_err(|not| ((not.value)(), not.why));
    assert_eq!(not_run, Err((7, why)), "{id}");
}

#[test]
fn c8_peers_are_known_in_a_callback_and_counted_anywhere() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            let own = socket.id();
            let peers: Vec<ConnectionId> = socket.connection_ids();
            assert!(peers.contains(&own));
            for peer in peers {
                socket.send_to(peer, "to each");
            }
        },
        ..Probe::default()
    });
    let sockets = [lab.websocket(), lab.websocket(), lab.websocket()];
    assert_eq!(lab.server.handle().count(), 3);
    sockets[0].send(&socket::text("x"));
    lab.run();
    for far in &sockets {
        assert_eq!(socket::texts(&far.take()), ["to each"]);
    }
    sockets[1].reset();
    lab.run();
    assert_eq!(lab.server.handle().count(), 2);
}

#[test]
fn c9_both_addresses_are_known() {
    struct Where;
    impl Client for Where {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            let (peer, local) = (exchange.peer_addr().unwrap(), exchange.local_addr().unwrap());
            exchange.ok("text/plain", format!("{peer} {local}"));
        }
    }
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| Where);
    let mut stream = live.connect();
    let answer = real::ask(&mut stream, get("/"));
    let (own, server) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    assert!(answer.ends_with(&format!("\r\n\r\n{own} {server}")), "{answer}");
}

#[test]
fn c10_sends_act_in_order_and_leave_in_one_write() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            let (own, peers) = (socket.id(), socket.connection_ids());
            socket.send("1");
            for peer in peers.into_iter().filter(|peer| *peer != own) {
                assert_eq!(socket.send_to(peer, "a"), Sent::Queued);
                socket.send("2");
                socket.send_to(peer, "b");
            }
            socket.ping(b"p");
            socket.send("3");
        },
        ..Probe::default()
    });
    let (one, two) = (lab.websocket(), lab.websocket());
    let before = (one.writes(), two.writes());
    one.send(&socket::text("go"));
    lab.run();
    assert_eq!((one.writes() - before.0, two.writes() - before.1), (1, 1));
    assert_eq!(text(&one.take()), "\u{fffd}\x011\u{fffd}\x012\u{fffd}\x01p\u{fffd}\x013");
    assert_eq!(socket::texts(&two.take()), ["a", "b"]);
}

/// Sends much and ends in the given way.
fn ending() -> Probe {
    Probe {
        on_data: |_, raw, data| {
            raw.send(vec![b'x'; 300_000]);
            for byte in &*data {
                match byte {
                    b'c' => raw.close(),
                    b'a' => raw.abort(),
                    _ => {}
                }
            }
            assert_eq!(raw.send("more"), Sent::Gone);
            data.len()
        },
        ..Probe::default()
    }
}

#[test]
fn c11_close_writes_everything_and_waits_2_s_for_the_peer() {
    assert_eq!(Limits::default().reactor.linger, SECOND * 2);
    for again in ["c", "ccc"] {
        let mut lab = Lab::new(ending);
        let far = lab.connect_to(listener::RAW);
        far.set_room(Some(1000));
        far.send(again.as_bytes());
        lab.run();
        assert!(!far.has_server_finished());
        while far.bytes_received() < 300_000 {
            far.set_room(Some(100_000));
            lab.run();
        }
        assert!(far.has_server_finished() && !far.is_reset());
        assert_eq!((lab.connections(), lab.lingering()), (0, 1), "it is over for its client, and waits");
        // What comes now is read and dropped.
        far.send(&vec![b'y'; 1_000_000]);
        lab.advance(Duration::from_millis(1_999));
        assert_eq!((lab.lingering(), lab.log.count("data")), (1, 1));
        lab.advance(Duration::from_millis(1));
        assert_eq!(lab.lingering(), 0);
        assert_eq!(lab.log.events()[2..], ["disconnect Local", "drop"]);
    }
}

#[test]
fn c11_the_peers_end_makes_the_wait_short() {
    let mut lab = Lab::new(ending);
    let far = lab.connect_to(listener::RAW);
    far.send(b"c");
    lab.run();
    far.finish();
    lab.run();
    assert_eq!((lab.connections(), far.bytes_received()), (0, 300_000));
}

#[test]
fn c11_a_peer_that_announced_its_end_is_not_waited_for() {
    let close = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let old = "GET / HTTP/1.0\r\n\r\n";
    // What is still unread then could make the close a reset: it is read first, and dropped.
    let rest = format!("{close}{}", "y".repeat(1000));
    for (request, read_max) in [(close, None), (old, None), (&rest, Some(close.len()))] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect();
        far.set_read_max(read_max);
        assert_eq!(statuses(&lab.say(&far, request)), [200], "{request}");
        assert!(far.has_server_finished() && !far.is_reset());
        assert_eq!((lab.connections(), lab.log.count("disconnect Local")), (0, 1), "{request}");
    }
    // Nobody promised anything here: it was the server that wanted the end.
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, "GET x HTTP/1.1\r\nHost: h\r\n\r\n")), [400]);
    assert_eq!((lab.connections(), lab.lingering()), (0, 1));
}

#[test]
fn c11_abort_drops_everything_and_resets() {
    for how in ["a", "aa", "ac", "ca"] {
        let mut lab = Lab::new(ending);
        let far = lab.connect_to(listener::RAW);
        far.set_room(Some(1000));
        far.send(how.as_bytes());
        lab.run();
        assert!(far.is_reset(), "{how}");
        assert_eq!(lab.connections(), 0, "{how}");
        assert_eq!(lab.log.count("disconnect Local"), 1);
    }
}

#[test]
fn c11_on_a_real_socket_close_delivers_and_abort_resets() {
    let seen = Log::default();
    let log = seen.clone();
    let builder = Server::builder().listen(Listener::tcp("127.0.0.1:0").raw()).reactors(1);
    let live = Live::serve(builder, move |_peer| ending().noted_in(&log));
    let mut stream = live.connect();
    // More than the client uses: without lingering the reset would destroy what it was sent.
    stream.write_all(&[b"c", &[b'y'; 50_000][..]].concat()).unwrap();
    // It closes before the peer reads.
    real::wait_until(|| seen.has("data"));
    assert_eq!(real::read_to_end(&mut stream).len(), 300_000);
    let mut stream = live.connect();
    stream.write_all(b"a").unwrap();
    let error = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn c12_a_paused_connection_keeps_messages_and_is_not_idle() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| {
            if message == Message::Text("pause") {
                socket.pause_read();
                socket.set_timer(TimerId(1), SECOND * 1000);
            }
        },
        on_timer: |_, connection, _| connection.resume_read(),
        ..Probe::default()
    });
    let far = lab.websocket();
    let input = [socket::text("pause"), socket::text("kept"), socket::text("too")].concat();
    lab.say(&far, input);
    lab.say(&far, socket::text("later"));
    lab.advance(SECOND * 999);
    assert_eq!(lab.log.events()[3..], ["text pause"]);
    assert!(!far.has_server_finished() && text(&far.take()).is_empty(), "nor is it pinged");
    lab.advance(SECOND);
    assert_eq!(lab.log.events()[5..], ["text kept", "text too", "text later"]);
    lab.advance(SECOND * 29);
    assert_eq!(text(&far.take()), "", "its silence begins anew");
}

#[test]
fn c12_a_paused_peer_that_breaks_is_noticed() {
    let mut lab =
        Lab::new(|| Probe { on_connect: |_, connection| connection.pause_read(), ..Probe::default() });
    let far = lab.connect();
    far.send(get("/").as_bytes());
    lab.run();
    assert!(!lab.log.has("request"));
    far.reset();
    lab.run();
    assert!(lab.log.has("disconnect PeerReset"), "{:?}", lab.log.events());
}

#[test]
fn c13_lines_are_events_without_their_end() {
    let outcome = outcome(Probe::default, listener::LINES, b"one\r\ntwo\n\n\r\nfo\rur\nrest");
    assert_eq!(outcome.log, ["connect", "line one", "line two", "line ", "line ", r"line fo\rur"]);
    assert_eq!(text(&outcome.output), "one\ntwo\n\n\nfo\rur\n");
}

#[test]
fn c13_a_line_over_64_kib_closes_by_default() {
    for (bytes, fits) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect_to(listener::LINES);
        lab.say(&far, vec![b'x'; bytes]);
        lab.say(&far, "\n");
        assert_eq!(
            (lab.log.has("line x") || lab.log.has("line 65536"), lab.log.has("line limit")),
            (fits, !fits)
        );
        assert_eq!(far.is_reset(), !fits);
    }
}

#[test]
fn c13_a_connection_can_be_kept_after_a_line_that_is_too_long() {
    let limits = Limits::default().with(|limits| limits.line_bytes_max = 4);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, || Probe {
        on_line_limit: |_, raw| {
            raw.send("too long\n");
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::LINES);
    assert_eq!(lab.ask(&far, "abcde\nabcd\n"), "too long\nabcd\n");
}

#[test]
fn c13_a_connection_can_change_between_lines_and_bytes() {
    let make = || Probe {
        on_line: |_, raw, line| {
            if line == b"bytes" {
                raw.read_bytes();
            }
        },
        on_data: |_, raw, data| {
            if data.len() < 3 {
                return 0;
            }
            raw.read_lines();
            3
        },
        ..Probe::default()
    };
    let lines = seen(make, listener::LINES, b"one\nbytes\nabctwo\n", "line");
    assert_eq!(lines, ["line one", "line bytes", "line two"]);
}

#[test]
fn c14_bytes_that_were_not_used_come_again() {
    // Frames of one length byte and that number of bytes.
    let make = || Probe {
        on_data: |probe, raw, data| {
            let Some(end) = data.first().map(|length| usize::from(*length) + 1) else { return 0 };
            if data.len() < end {
                return 0;
            }
            probe.log.note(format!("frame {}", text(&data[1..end])));
            raw.send(&data[1..end]);
            end
        },
        ..Probe::default()
    };
    let frames = seen(make, listener::RAW, b"\x03abc\x00\x05defgh\x01i\x09par", "frame");
    assert_eq!(frames, ["frame abc", "frame ", "frame defgh", "frame i"]);
}

/// The events of one kind, which must be the same for each split of the input.
fn seen(make: fn() -> Probe, listener: usize, input: &[u8], kind: &str) -> Vec<String> {
    let events = |parts: &[&[u8]]| -> Vec<String> {
        let outcome = support::outcome_of(make, listener, parts);
        outcome.log.into_iter().filter(|event| event.starts_with(kind)).collect()
    };
    let whole = events(&[input]);
    for cut in 1..input.len() {
        assert_eq!(events(&[&input[..cut], &input[cut..]]), whole);
    }
    assert_eq!(events(&input.chunks(1).collect::<Vec<_>>()), whole);
    whole
}

#[test]
fn c14_kept_bytes_are_bounded() {
    let mut lab = Lab::new(|| Probe { on_data: |_, _, _| 0, ..Probe::default() });
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, vec![0; 64 << 10]);
    assert!(!far.has_server_finished());
    lab.say(&far, "xyz");
    assert!(far.has_server_finished());
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Limit(ReadBuffer)"), "{:?}", lab.log.events());
}

#[test]
fn c15_new_connections_get_a_banner_and_refused_ones_a_busy_banner() {
    let listener = || Listener::tcp("127.0.0.1:0").lines().banner("hello\n").busy_banner("busy\n");
    let builder =
        Server::builder().listen(listener()).reactors(1).limits(|limits| limits.connections_max = 1);
    let live = Live::serve(builder, |_peer| Probe::default());
    let mut first = live.connect();
    assert_eq!(real::read_exactly(&mut first, 6), b"hello\n");
    let mut second = live.connect();
    assert_eq!(real::read_to_end(&mut second), "busy\n");
}

#[test]
fn c15_there_is_no_banner_by_default_and_none_for_http() {
    let mut lab = Lab::new(Probe::default);
    for listener in [listener::HTTP, listener::RAW, listener::LINES] {
        let far = lab.connect_to(listener);
        assert_eq!(text(&far.take()), "");
    }
    let wrong = Server::builder().listen(Listener::tcp("127.0.0.1:0").banner("hi")).bind();
    assert!(wrong.unwrap_err().to_string().contains("HTTP"));
}

#[test]
fn c16_a_connection_above_the_limit_is_refused_with_503() {
    let limits = Limits::default().with(|limits| limits.connections_max = 2);
    let (options, seen) = observed();
    let mut lab = Lab::with_options(TestOptions { limits, ..options }, Probe::default);
    let (one, _two) = (lab.connect(), lab.connect());
    let three = lab.connect();
    let answer = text(&three.take());
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 5\r\n"), "{answer}");
    assert!(three.has_server_finished());
    assert_eq!((seen.take(), lab.log.count("connect")), (vec!["refused Full".to_owned()], 2));
    three.finish();
    one.reset();
    lab.run();
    let four = lab.connect();
    assert_eq!(statuses(&lab.say(&four, get("/"))), [200], "there is room again");
}

#[test]
fn c16_a_flood_of_refused_connections_costs_little() {
    let limits = Limits::default().with(|limits| limits.connections_max = 1);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
    let far = lab.connect();
    let flood: Vec<_> = (0..1000).map(|_| lab.connect()).collect();
    assert!(lab.connections() <= 257, "{} wires", lab.connections());
    assert!(flood.iter().all(|far| far.has_server_finished()));
    assert_eq!(statuses(&lab.say(&far, get("/"))), [200]);
    lab.advance(SECOND * 2);
    assert_eq!((lab.connections(), lab.server.handle().count()), (1, 1));
}

#[test]
fn c17_a_connection_counts() {
    let mut lab = Lab::new(|| Probe {
        on_timer: |probe, connection, _| {
            let stats = connection.stats().unwrap();
            probe.log.note(format!("{stats:?}"));
        },
        on_request: |_, mut exchange, _| {
            exchange.set_timer(TimerId(1), SECOND * 5);
            exchange.ok("text/plain", "x");
        },
        ..Probe::default()
    });
    let far = lab.connect();
    lab.advance(SECOND);
    lab.say(&far, get("/"));
    lab.advance(SECOND * 5);
    let (bytes_in, bytes_out) = (get("/").len(), ok("x").len());
    let expected = format!(
        "ConnectionStats {{ bytes_in: {bytes_in}, bytes_out: {bytes_out}, queued: 0, age: 6s, quiet: 5s, round_trip: None }}"
    );
    assert!(lab.log.has(&expected), "{:?}", lab.log.events());
}

#[test]
fn c17_the_counters_of_a_websocket_have_its_queue_and_its_round_trip() {
    const SENT: usize = 50_000;
    const TAKEN: usize = 20_000;
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            socket.send("x".repeat(SENT));
            socket.set_timer(TimerId(1), SECOND / 10);
        },
        on_timer: |probe, connection, _| {
            let stats = connection.stats().unwrap();
            probe.log.note(format!("{} {:?}", stats.queued, stats.round_trip));
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.advance(SECOND * 30);
    lab.advance(Duration::from_millis(248));
    lab.say(&far, socket::masked(socket::FIN | socket::PONG, socket::BEAT));
    far.take();
    far.set_room(Some(TAKEN));
    lab.say(&far, socket::text("go"));
    lab.advance(SECOND / 10);
    let queued = socket::header_bytes(SENT) + SENT - TAKEN;
    assert!(lab.log.has(&format!("{queued} Some(248ms)")), "{:?}", lab.log.events());
}

#[test]
fn c20_clients_of_a_reactor_share_an_rc_without_a_lock() {
    struct Visitor(Rc<Cell<usize>>);
    impl Client for Visitor {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            self.0.set(self.0.get() + 1);
            exchange.ok("text/plain", self.0.get().to_string());
        }
    }
    let server = Server::builder().listen("127.0.0.1:0").reactors(1).bind().unwrap();
    let live = Live::run(server, |server| {
        server.serve_with(|_setup| {
            let visits = Rc::new(Cell::new(0));
            move |_peer: &jackfield::Peer| Visitor(visits.clone())
        })
    });
    for visit in 1..4 {
        let answer = real::ask(&mut live.connect(), get("/"));
        assert!(answer.ends_with(&format!("\r\n\r\n{visit}")), "{answer}");
    }
}

#[test]
fn c21_a_panic_ends_its_connection_and_no_other() {
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, _, _| panic!("a bug"),
        on_message: |_, _, _| panic!("a bug"),
        on_data: |_, _, _| panic!("a bug"),
        ..Probe::default()
    });
    let bystander = lab.websocket();
    let http = lab.connect();
    assert_eq!(statuses(&lab.say(&http, get("/") + &get("/"))), [500]);
    assert!(http.has_server_finished());
    let socket = lab.websocket();
    let frames = socket::frames(&lab.say(&socket, socket::text("x").repeat(2)));
    assert_eq!((frames.len(), frames[0].code()), (1, Some(1011)));
    assert!(socket.has_server_finished());
    let raw = lab.connect_to(listener::RAW);
    lab.say(&raw, "x");
    assert!(raw.is_reset());
    for far in [&http, &socket, &raw] {
        far.finish();
    }
    lab.run();
    assert_eq!((lab.connections(), seen.count("panic a bug"), lab.log.count("disconnect Panic")), (1, 3, 3));
    assert_eq!(lab.server.handle().metrics().panics, 3);
    assert_eq!(socket::frames(&lab.say(&bystander, socket::ping(b""))).len(), 1);
}

#[test]
fn c22_a_connection_that_lingers_takes_no_place() {
    let limits = Limits::default().with(|limits| limits.connections_max = 1);
    let mut lab = Lab::with_limits(limits, || Probe {
        on_data: |_, raw, data| {
            raw.close();
            data.len()
        },
        ..Probe::default()
    });
    let first = lab.connect_to(listener::RAW);
    lab.say(&first, "x");
    assert!(first.has_server_finished());
    assert_eq!((lab.lingering(), lab.server.handle().count()), (1, 0));
    lab.log.take();
    let second = lab.connect_to(listener::RAW);
    assert_eq!((lab.log.take(), second.has_server_finished()), (vec!["connect".to_owned()], false));
    assert_eq!((lab.lingering(), lab.server.handle().count()), (1, 1));
    // One that does not linger counts.
    let _third = lab.connect_to(listener::RAW);
    assert_eq!(lab.log.events(), ["refused Full"]);
}

/// Notes whose client has panicked.
#[derive(Clone, Default)]
struct Panicked(Log);

impl Observer for Panicked {
    fn on_panic(&self, id: ConnectionId, _payload: &(dyn Any + Send)) {
        self.0.note(id.to_string());
    }
}

#[test]
fn c21_the_observer_gets_the_id_of_the_connection() {
    let panicked = Panicked::default();
    let options = TestOptions { observer: Arc::new(panicked.clone()), ..TestOptions::default() };
    let mut lab =
        Lab::with_options(options, || Probe { on_message: |_, _, _| panic!("a bug"), ..Probe::default() });
    let fars = [0; 3].map(|_| lab.websocket());
    let ids = lab.server.handle().ids();
    for at in [1, 0, 2] {
        lab.say(&fars[at], socket::text("x"));
        assert_eq!(panicked.0.take(), [ids[at].to_string()]);
    }
}

#[test]
fn c21_a_panic_of_the_default_observer_kind_is_no_abort_on_real_sockets() {
    let watcher = Watcher::default();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1).observer(watcher.clone());
    let live =
        Live::serve(builder, |_peer| Probe { on_request: |_, _, _| panic!("a bug"), ..Probe::default() });
    for _ in 0..3 {
        let mut stream = live.connect();
        stream.write_all(get("/").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(statuses(&answer), [500]);
    }
    assert_eq!(watcher.log.count("panic a bug"), 3);
}
