//! The invariants of the design, each shown by a test that is named after it.

mod support;

use proptest::prelude::*;
use std::any::Any;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use support::probe::{Log, Probe, Watcher, observed};
use support::real::{self, Live};
use support::{Lab, get, outcome_of, socket, statuses, text};
use switchboard::test::{FarEnd, TestOptions, TestServer, listener};
use switchboard::{
    BodyPlan, Client, Connection, Control, Disconnect, Drain, Exchange, Limits, Message, Raw, Refuse,
    Request, Sent, Server, TimerId, Upgrade, WebSocket,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_connections_callbacks_are_ordered_and_never_overlap() {
    // Each connection has a log of its own, which panics if two callbacks run at once.
    let connects = Arc::new(AtomicUsize::new(0));
    let disconnects = connects.clone();
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(3), move |_peer| {
        disconnects.fetch_add(1, Ordering::Relaxed);
        let probe = Probe {
            on_open: |_, socket| {
                socket.subscribe("room");
                socket.set_timer(TimerId(1), Duration::from_millis(1));
            },
            on_timer: |_, connection, timer| connection.set_timer(timer, Duration::from_millis(1)),
            on_message: |_, socket, message| {
                socket.send(message);
                socket.publish("room", message);
            },
            on_disconnect: |probe, _, _| {
                let events = probe.log.events();
                assert_eq!(events.first().map(String::as_str), Some("connect"));
                assert_eq!(probe.log.count("disconnect"), 1, "{events:?}");
                let messages: Vec<&String> =
                    events.iter().filter(|event| event.starts_with("text")).collect();
                assert!(messages.is_sorted(), "{events:?}");
            },
            ..Probe::default()
        };
        probe.noted_in(&Log::default())
    });
    let peers: Vec<_> = (0..6)
        .map(|_| {
            let addr = live.addr();
            thread::spawn(move || {
                let mut stream = real::connect(addr);
                stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
                let mut reader = stream.try_clone().unwrap();
                let sink = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                for number in 0..500 {
                    stream.write_all(&socket::text(&format!("{number:04}"))).unwrap();
                }
                stream.write_all(&socket::close(1000, "")).unwrap();
                sink.join().unwrap().unwrap();
            })
        })
        .collect();
    while !peers.iter().all(thread::JoinHandle::is_finished) {
        live.handle.publish("room", "from outside");
        thread::sleep(Duration::from_millis(1));
    }
    for peer in peers {
        peer.join().unwrap();
    }
    real::wait_until(|| live.handle.count() == 0);
    assert_eq!(connects.load(Ordering::Relaxed), 6);
    assert_eq!(live.handle.metrics().panics, 0);
}

/// Panics at one of its callbacks, and notes them all.
struct Bomb {
    at: &'static str,
    log: Log,
}

impl Bomb {
    fn step(&self, step: &'static str) {
        self.log.note(step);
        assert_ne!(self.at, step, "a bomb");
    }
}

impl Client for Bomb {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), SECOND);
        self.step("connect");
    }
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.step("request");
        match request.path() {
            "/events" => {
                exchange.events();
            }
            "/long" => exchange.ok("text/plain", vec![b'x'; 200_000]),
            _ => exchange.ok("text/plain", ""),
        }
    }
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.step("upgrade");
        upgrade.accept();
    }
    fn on_open(&mut self, _socket: &mut WebSocket<'_>) {
        self.step("open");
    }
    fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.step("message");
    }
    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.step("data");
        data.len()
    }
    fn on_drain(&mut self, _connection: &mut Connection<'_>) {
        self.step("drain");
    }
    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        self.step("timer");
    }
    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.log.note(format!("ended {:?}", end.reason));
        self.step("disconnect");
    }
    fn on_line(&mut self, _raw: &mut Raw<'_>, _line: &[u8]) {
        self.step("line");
    }
    fn on_line_limit(&mut self, _raw: &mut Raw<'_>) {
        self.step("line limit");
    }
    fn on_post(&mut self, _connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        self.step("post");
    }
    fn on_control(&mut self, _socket: &mut WebSocket<'_>, _control: Control<'_>) {
        self.step("control");
    }
    fn on_head(&mut self, _connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        self.step("head");
        if request.path() == "/stream" { BodyPlan::Stream } else { BodyPlan::Collect }
    }
    fn on_body(&mut self, _connection: &mut Connection<'_>, _part: &[u8]) {
        self.step("body");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.step("drop");
    }
}

/// Where it panics, on which listener, and what the peer says to bring that about. A session that is a WebSocket begins
/// with its upgrade.
const BOMBS: [(&str, usize, &str); 14] = [
    ("connect", listener::HTTP, ""),
    ("request", listener::HTTP, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("upgrade", listener::HTTP, "ws"),
    ("open", listener::HTTP, "ws"),
    ("message", listener::HTTP, "ws text"),
    ("control", listener::HTTP, "ws ping"),
    ("data", listener::RAW, "bytes"),
    ("line", listener::LINES, "a line\n"),
    ("line limit", listener::LINES, "long"),
    ("head", listener::HTTP, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx"),
    ("body", listener::HTTP, "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx"),
    ("timer", listener::HTTP, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("post", listener::RAW, "bytes"),
    ("drain", listener::HTTP, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"),
];

fn say(far: &FarEnd, words: &str) {
    match words {
        "long" => far.send(&vec![b'x'; (64 << 10) + 1]),
        words => match words.strip_prefix("ws") {
            Some(rest) => {
                far.send(socket::UPGRADE.as_bytes());
                match rest {
                    " text" => far.send(&socket::text("x")),
                    " ping" => far.send(&socket::ping(b"x")),
                    _ => {}
                }
            }
            None => far.send(words.as_bytes()),
        },
    }
}

/// A client that does nothing.
struct Bystander;

impl Client for Bystander {}

/// A server of bombs, except for its first client, with the log of their events.
fn bombs(at: &'static str) -> (TestServer, FarEnd, Log, Log) {
    let log = Log::default();
    let notes = log.clone();
    let (options, seen) = observed();
    let mut count = 0;
    let mut server = TestServer::with_options(options, move |_peer| -> Box<dyn Client> {
        count += 1;
        match count {
            1 => Box::new(Bystander),
            _ => Box::new(Bomb { at, log: notes.clone() }),
        }
    });
    let bystander = server.connect();
    (server, bystander, log, seen)
}

/// Lets a bomb of this kind meet its trigger.
fn trigger(server: &mut TestServer, listener: usize, words: &str) -> FarEnd {
    let far = server.connect_to(listener);
    let id = server.wires().ids().max();
    far.set_room(Some(if words.contains("/long") { 10 } else { usize::MAX }));
    say(&far, words);
    server.run();
    if let Some(id) = id {
        let _ = server.handle().post(id, ());
    }
    server.advance(SECOND);
    far.set_room(None);
    server.run();
    far
}

#[test]
fn a_panic_ends_that_connection_only_and_is_told_once() {
    for (at, listener, words) in BOMBS {
        let (mut server, bystander, log, seen) = bombs(at);
        let far = trigger(&mut server, listener, words);
        assert_eq!(seen.count("panic"), 1, "{at}: {:?}", seen.events());
        far.finish();
        server.advance(SECOND * 8);
        let ends = log.count("ended Panic");
        assert_eq!((ends, log.count("disconnect")), (1, 1), "{at}: {:?}", log.events());
        assert_eq!(log.events().last().map(String::as_str), Some("drop"), "{at}: {:?}", log.events());
        // What can still be said, is said.
        let output = far.take();
        match at {
            "request" | "upgrade" | "head" | "body" => assert_eq!(statuses(&output), [500], "{at}"),
            "open" | "message" | "control" => {
                let frames = output.strip_prefix(socket::SWITCHED.as_bytes()).expect("it is switched");
                let last = socket::frames(frames).pop().and_then(|frame| frame.code());
                assert_eq!(last, Some(1011), "{at}");
            }
            _ => assert!(far.is_reset(), "{at}"),
        }
        assert!(!bystander.is_finished(), "{at}");
        // And the reactor goes on.
        let next = server.connect_to(listener::LINES);
        assert_eq!(next.is_reset(), at == "connect", "{at}");
    }
}

#[test]
fn a_panic_in_the_last_callback_or_in_drop_is_contained() {
    for at in ["disconnect", "drop"] {
        let (mut server, _bystander, log, seen) = bombs(at);
        for _ in 0..3 {
            let far = server.connect_to(listener::RAW);
            far.finish();
            server.run();
        }
        assert_eq!((seen.count("panic"), log.count("ended Peer"), log.count("drop")), (3, 3, 3), "{at}");
        assert_eq!((server.wires().len(), server.handle().count()), (1, 1));
    }
}

#[test]
fn a_panic_in_the_factory_refuses_its_newcomer() {
    let (options, seen) = observed();
    let mut count = 0;
    let mut server = TestServer::with_options(options, move |_peer| {
        count += 1;
        assert!(count % 2 == 0, "a bad factory");
        Probe::default()
    });
    for _ in 0..3 {
        let refused = server.connect();
        assert_eq!(statuses(&refused.take()), [503]);
        let taken = server.connect();
        taken.send(get("/").as_bytes());
        server.run();
        assert_eq!(statuses(&taken.take()), [200]);
    }
    assert_eq!((seen.count("panic"), seen.count("refused Panic")), (3, 3));
}

#[test]
fn a_panic_when_a_client_is_replaced_ends_its_connection_only() {
    struct Old(&'static str);
    impl Client for Old {
        fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
            raw.replace(Box::new(Bomb { at: "never", log: Log::default() }));
            assert_ne!(self.0, "callback");
        }
    }
    impl Drop for Old {
        fn drop(&mut self) {
            assert_ne!(self.0, "drop");
        }
    }
    for at in ["drop", "callback"] {
        let (options, seen) = observed();
        let mut server = TestServer::with_options(options, move |peer| -> Box<dyn Client> {
            if peer.listener == listener::LINES { Box::new(Old(at)) } else { Box::new(Bystander) }
        });
        let bystander = server.connect();
        let far = server.connect_to(listener::LINES);
        far.send(b"a line\n");
        server.run();
        assert_eq!(seen.count("panic"), 1, "{at}");
        assert!(far.is_reset(), "{at}");
        assert!(!bystander.is_finished(), "{at}");
    }
}

#[test]
fn a_posted_value_whose_drop_panics_ends_nothing_but_itself() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a grenade");
        }
    }
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, Probe::default);
    let (bystander, far) = (lab.connect(), lab.connect());
    let id = lab.server.wires().ids().max().unwrap();
    far.reset();
    lab.run();
    // Nobody takes it any more.
    lab.server.handle().post(id, Grenade).unwrap();
    lab.run();
    assert_eq!(seen.count("panic"), 1);
    assert_eq!(statuses(&lab.say(&bystander, get("/"))), [200]);
}

#[test]
fn an_observer_that_panics_harms_nobody() {
    struct Bad;
    impl switchboard::Observer for Bad {
        fn on_started(&self, _handle: &switchboard::Handle) {
            panic!("a bad observer");
        }
        fn on_stopped(&self) {
            panic!("a bad observer");
        }
        fn on_refused(&self, _peer: &switchboard::Peer, _why: switchboard::Refused) {
            panic!("a bad observer");
        }
        fn on_panic(&self, _id: switchboard::ConnectionId, _payload: &(dyn Any + Send)) {
            panic!("a bad observer");
        }
    }
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1).observer(Bad).max_connections(1);
    let mut live =
        Live::serve(builder, |_peer| Probe { on_request: |_, _, _| panic!("a bug"), ..Probe::default() });
    let mut stream = live.connect();
    let mut refused = live.connect();
    assert!(real::read_to_end(&mut refused).starts_with("HTTP/1.1 503 "));
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(statuses(&answer), [500]);
    live.handle.shutdown(Drain::now());
    live.join().unwrap();
}

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
    // Nobody who is refused ever connected.
    for refuse in [Refuse::Silent, Refuse::Reset, Refuse::Busy, Refuse::Banner(vec![b'x'])] {
        let mut server = TestServer::new(move |_peer| Err::<Bomb, Refuse>(refuse.clone()));
        let far = server.connect();
        far.send(b"x");
        server.advance(SECOND * 10);
        assert_eq!((server.wires().len(), server.handle().count()), (0, 0));
    }
}

fn first(lab: &Lab) -> switchboard::ConnectionId {
    lab.server.wires().ids().next().expect("there is a connection")
}

#[test]
fn close_flushes_and_abort_drops() {
    for (abort, listener) in
        [(false, listener::RAW), (true, listener::RAW), (false, listener::HTTP), (true, listener::HTTP)]
    {
        let mut lab = Lab::new(|| Probe {
            on_data: |_, raw, data| {
                raw.write(&vec![b'x'; 150_000]);
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
        assert_eq!(far.received() > 150_000 - 10, !abort);
        assert!(far.is_finished());
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
            assert!(matches!(socket.send(message), Sent::Queued));
            socket.abort();
            assert!(matches!(socket.send(message), Sent::Gone(_)));
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
    for (listener, said, answered) in [
        (listener::HTTP, get("/"), "HTTP/1.1 404 "),
        (listener::RAW, "some bytes".into(), ""),
        (listener::LINES, "a line\n".into(), ""),
        (listener::LINES, long, ""),
    ] {
        let mut server = TestServer::new(|_peer| Nothing);
        let far = server.connect_to(listener);
        far.send(said.as_bytes());
        server.run();
        let answer = text(&far.take());
        let is_over = far.is_finished() || far.is_reset();
        assert!(answer.starts_with(answered) && (is_over || !answer.is_empty()), "{listener}: {answer}");
    }
}

#[test]
fn after_a_close_no_data_comes_any_more() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| socket.close(1000, ""),
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
    assert_eq!(lab.log.events(), ["connect", "line one"]);
}

/// A piece of a session.
fn http_piece() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(b'a'..=b'z', 0..300);
    prop_oneof![
        "[a-z]{1,8}".prop_map(|path| get(&format!("/{path}")).into_bytes()),
        Just(b"HEAD /head HTTP/1.1\r\nHost: h\r\nX-Long: value\r\n\r\n".to_vec()),
        body.clone().prop_map(|body| {
            let head = format!("POST /whole HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }),
        body.clone().prop_map(|body| {
            let head = format!("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }),
        (body, 1..50_usize).prop_map(|(body, chunk)| {
            let mut input =
                b"POST /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in body.chunks(chunk) {
                input.extend(format!("{:x};ext\r\n", chunk.len()).into_bytes());
                input.extend([chunk, b"\r\n"].concat());
            }
            input.extend(b"0\r\nX-Trailer: t\r\n\r\n");
            input
        }),
        Just(b"POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz".to_vec()),
        Just(b"GET /bad HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n".to_vec()),
    ]
}

fn socket_piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..400);
    prop_oneof![
        4 => "\\PC{0,60}".prop_map(|text| socket::text(&text)),
        4 => payload.clone().prop_map(|bytes| socket::binary(&bytes)),
        2 => prop::collection::vec(any::<u8>(), 0..126).prop_map(|bytes| socket::ping(&bytes)),
        3 => (payload, 1..100_usize).prop_map(|(bytes, size)| {
            let mut input = socket::masked(socket::BINARY, b"");
            for part in bytes.chunks(size) {
                input.extend(socket::masked(socket::CONTINUATION, part));
                input.extend(socket::ping(b"between"));
            }
            input.extend(socket::masked(socket::FIN, b""));
            input
        }),
        1 => Just(socket::masked(socket::FIN | socket::TEXT, b"not \xff text")),
        1 => Just(socket::masked(socket::FIN | 5, b"opcode 5")),
        1 => Just(socket::close(1000, "bye")),
    ]
}

fn session() -> impl Strategy<Value = Vec<u8>> {
    let http = prop::collection::vec(http_piece(), 0..6);
    let frames = prop::collection::vec(socket_piece(), 0..10);
    (http, any::<bool>(), frames).prop_map(|(http, upgrades, frames)| {
        let upgrade = if upgrades { socket::UPGRADE.as_bytes().to_vec() } else { Vec::new() };
        [http.concat(), upgrade, if upgrades { frames.concat() } else { Vec::new() }].concat()
    })
}

fn mixed() -> Probe {
    Probe {
        on_head: |_, _, request| match request.path() {
            "/stream" => BodyPlan::Stream,
            "/refused" => BodyPlan::Reject(403),
            _ => BodyPlan::Collect,
        },
        ..Probe::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_events(
        input in session(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let whole = outcome_of(mixed, listener::HTTP, &[&input]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&input[from..cut]);
            from = cut;
        }
        parts.push(&input[from..]);
        let split = outcome_of(mixed, listener::HTTP, &parts);
        prop_assert_eq!(&whole, &split, "whole:\n{}\nsplit:\n{}", whole, split);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        let single = outcome_of(mixed, listener::HTTP, &bytes);
        prop_assert_eq!(&whole, &single, "whole:\n{}\nin single bytes:\n{}", whole, single);
    }

    #[test]
    fn short_reads_and_short_writes_change_nothing(
        input in session(),
        read_max in 1..40_usize,
        room in 1..60_usize,
    ) {
        let whole = outcome_of(mixed, listener::HTTP, &[&input]);
        let mut lab = Lab::new(mixed);
        let far = lab.connect();
        far.set_read_max(Some(read_max));
        far.set_room(Some(room));
        far.send(&input);
        let mut output = Vec::new();
        for _ in 0..100_000 {
            lab.run();
            let more = far.take();
            if more.is_empty() {
                break;
            }
            output.extend(more);
            far.set_room(Some(room));
        }
        prop_assert_eq!(text(&output), text(&whole.output));
        prop_assert_eq!(lab.log.events(), whole.log);
    }
}

/// What can happen to a server.
#[derive(Clone, Debug)]
enum Act {
    Connect(usize),
    Say(usize, Vec<u8>),
    Finish(usize),
    Reset(usize),
    Room(usize, Option<usize>),
    ReadMax(usize, usize),
    Wait(u64),
    Close(usize),
    Abort(usize),
    Send(usize),
    Publish(usize),
    Post(usize),
    Answer,
    ShutDown,
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..8_usize;
    let order = prop_oneof![
        Just("echo"),
        Just("big"),
        Just("close"),
        Just("abort"),
        Just("panic"),
        Just("pause"),
        Just("publish"),
        Just("others"),
        Just("timers"),
    ];
    let order = order.prop_flat_map(|order| {
        prop_oneof![
            Just(get(&format!("/{order}")).into_bytes()),
            Just(get(&format!("/{order}")).repeat(3).into_bytes()),
            Just(socket::text(order)),
            Just(format!("{order}\n").into_bytes()),
        ]
    });
    let words = prop_oneof![
        6 => order,
        3 => session(),
        3 => Just(socket::UPGRADE.as_bytes().to_vec()),
        1 => Just(get("/later").into_bytes()),
        1 => Just(get("/events").into_bytes()),
        1 => Just(get("/stream").into_bytes()),
        1 => Just(b"POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nbegin".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..50),
    ];
    prop_oneof![
        4 => (0..3_usize).prop_map(Act::Connect),
        16 => (who.clone(), words).prop_map(|(who, words)| Act::Say(who, words)),
        1 => who.clone().prop_map(Act::Finish),
        1 => who.clone().prop_map(Act::Reset),
        3 => (who.clone(), prop::option::of(0..100_000_usize)).prop_map(|(who, room)| Act::Room(who, room)),
        1 => (who.clone(), 1..5000_usize).prop_map(|(who, max)| Act::ReadMax(who, max)),
        3 => (0..40_000_u64).prop_map(Act::Wait),
        1 => who.clone().prop_map(Act::Close),
        1 => who.clone().prop_map(Act::Abort),
        2 => who.clone().prop_map(Act::Send),
        2 => who.clone().prop_map(Act::Publish),
        1 => who.prop_map(Act::Post),
        2 => Just(Act::Answer),
        1 => prop::bool::weighted(0.1).prop_map(|really| if really { Act::ShutDown } else { Act::Wait(1) }),
    ]
}

/// Does what it is told, in whatever it speaks. Its log checks the order of its own events.
fn obey(probe: &mut Probe, connection: &mut Connection<'_>, order: &[u8]) {
    match order {
        b"big" => {
            let own = connection.id();
            for _ in 0..20 {
                connection.send_to(own, Message::Binary(&[b'x'; 100_000]));
            }
        }
        b"close" => connection.close(),
        b"abort" => connection.abort(),
        b"panic" => panic!("as ordered"),
        b"pause" => {
            connection.pause_read();
            connection.set_timer(TimerId(1), SECOND);
        }
        b"publish" => {
            connection.subscribe("room");
            connection.publish_to_all("room", "published");
        }
        b"others" => {
            for peer in connection.peers().collect::<Vec<_>>() {
                connection.send_to(peer, "from another");
                if peer.slot() % 3 == probe.count % 3 {
                    connection.close_other(peer);
                }
            }
            probe.count += 1;
        }
        b"timers" => {
            for timer in 2..6 {
                connection.set_timer(TimerId(timer), Duration::from_millis(u64::from(timer) * 100));
            }
            connection.cancel_timer(TimerId(3));
            connection.set_idle_timeout(SECOND * 20);
        }
        _ => {}
    }
}

thread_local! {
    static OWED: std::cell::RefCell<Vec<switchboard::Reply>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn obedient() -> Probe {
    Probe {
        on_request: |probe, mut exchange, request| match request.path() {
            "/later" => OWED.with_borrow_mut(|owed| owed.push(exchange.defer())),
            "/events" => {
                exchange.events().subscribe("room");
            }
            "/stream" => {
                let mut stream = exchange.stream(200, "text/plain");
                stream.write("begin");
                stream.set_timer(TimerId(9), SECOND);
            }
            path => {
                obey(probe, &mut exchange, &path.as_bytes()[1..]);
                exchange.ok("text/plain", request.body());
            }
        },
        on_message: |probe, socket, message| {
            obey(probe, socket, message.as_bytes());
            socket.send(message);
        },
        on_line: |probe, raw, line| {
            obey(probe, raw, line);
            raw.write(line);
        },
        on_timer: |_, connection, timer| match timer {
            TimerId(1) => connection.resume_read(),
            TimerId(9) => {
                if let Some(stream) = connection.as_response() {
                    let _ = stream.finish();
                }
            }
            _ => {
                let own = connection.id();
                connection.send_to(own, "tick");
            }
        },
        on_disconnect: |_, connection, _| {
            connection.publish("room", "gone");
            connection.set_timer(TimerId(1), SECOND);
            connection.pause_read();
            connection.close();
        },
        ..mixed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_connection_ends_once(acts in prop::collection::vec(act(), 1..60)) {
        let connects = Log::default();
        let logs = connects.clone();
        let mut server = TestServer::new(move |peer| {
            logs.note(format!("create {}", peer.addr));
            let log = Log::default();
            obedient().noted_in(&log).followed_by(&logs)
        });
        let mut ends: Vec<FarEnd> = Vec::new();
        let handle = server.handle();
        for act in acts {
            let id = |server: &TestServer, who: usize| server.wires().ids().nth(who);
            match act {
                Act::Connect(listener) => ends.push(server.connect_to(listener)),
                Act::Say(who, words) => if let Some(far) = ends.get(who) { far.send(&words) },
                Act::Finish(who) => if let Some(far) = ends.get(who) { far.finish() },
                Act::Reset(who) => if let Some(far) = ends.get(who) { far.reset() },
                Act::Room(who, room) => if let Some(far) = ends.get(who) { far.set_room(room) },
                Act::ReadMax(who, max) => if let Some(far) = ends.get(who) { far.set_read_max(Some(max)) },
                Act::Wait(ms) => server.advance(Duration::from_millis(ms)),
                Act::Close(who) => if let Some(id) = id(&server, who) { handle.close(id).unwrap() },
                Act::Abort(who) => if let Some(id) = id(&server, who) { handle.abort(id).unwrap() },
                Act::Send(who) => if let Some(id) = id(&server, who) { handle.send(id, "from outside").unwrap() },
                Act::Publish(bytes) => { handle.publish("room", &*"x".repeat(bytes * 1000)); }
                Act::Post(who) => if let Some(id) = id(&server, who) { handle.post(id, ()).unwrap() },
                Act::Answer => OWED.with_borrow_mut(|owed| {
                    if let Some(reply) = owed.pop() {
                        reply.respond(200, "text/plain", "late");
                    }
                }),
                Act::ShutDown => handle.shutdown(Drain::default()),
            }
            server.run();
        }
        // Everybody leaves, and then nobody is there any more.
        // Who does not read is given up for that.
        for far in &ends {
            far.finish();
        }
        // An answer that is owed is waited for.
        for _ in 0..20 {
            OWED.take();
            server.advance(SECOND * 20);
        }
        prop_assert_eq!(server.wires().len(), 0, "somebody stays: {:?}", connects.events());
        prop_assert_eq!((server.wires().timers(), handle.count(), handle.subscribers("room")), (0, 0, 0));
        let created = connects.count("create");
        prop_assert_eq!((connects.count("end"), connects.count("drop")), (created, created));
        let metrics = handle.metrics();
        prop_assert_eq!(metrics.opened, metrics.closed);
    }
}

/// A session in which much depends on order, and all that came of it.
fn busy_day() -> (Vec<Vec<u8>>, Vec<String>, u64) {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            for topic in ["a", "b", "c"] {
                socket.subscribe(topic);
            }
        },
        on_message: |_, socket, message| {
            socket.publish_to_all("b", message);
            let peers: Vec<_> = socket.peers().collect();
            for peer in peers {
                socket.send_to(peer, "to each");
                socket.set_timer(TimerId(peer.slot() as u16), Duration::from_millis(20));
            }
        },
        on_timer: |_, connection, timer| {
            connection.publish("c", &*format!("{timer:?}"));
        },
        on_request: |_, exchange, _| {
            exchange.events().subscribe("b");
        },
        on_disconnect: |_, connection, _| {
            connection.publish("a", "gone");
        },
        ..Probe::default()
    });
    let mut ends: Vec<FarEnd> = Vec::new();
    for index in 0..40_u64 {
        ends.push(if index % 5 == 0 { lab.events() } else { lab.websocket() });
        let speaker = &ends[(index as usize * 7) % ends.len()];
        speaker.send(&socket::text("hello"));
        lab.server.handle().publish("a", &*format!("{index}"));
        if index % 6 == 5 {
            ends[index as usize / 2].reset();
        }
        lab.advance(Duration::from_millis(7 * index));
    }
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 40);
    (ends.iter().map(FarEnd::take).collect(), lab.log.events(), lab.server.handle().metrics().turns)
}

#[test]
fn the_same_acts_give_the_same_bytes() {
    let (one, two) = (busy_day(), busy_day());
    assert_eq!(one.1, two.1);
    assert_eq!(one.0, two.0);
    assert_eq!(one.2, two.2);
    assert!(one.0.iter().map(Vec::len).sum::<usize>() > 10_000, "much has happened");
}

#[test]
fn every_bound_has_a_name_a_unit_a_default_and_a_consequence() {
    let table = Limits::default().table();
    assert!(table.len() > 30);
    for row in &table {
        assert!(!row.name.is_empty() && !row.unit.is_empty() && !row.consequence.is_empty(), "{row:?}");
        assert!(table.iter().filter(|other| other.name == row.name).count() == 1, "{row:?}");
    }
    // Each field of the limits stands there.
    let shown = format!("{:?}", Limits::default());
    let fields = shown.matches(": ").count()
        - ["http: Limits", "websocket: Limits", "reactor: Limits", "rate: Rate", "excess: Excess"].len();
    // The listener's option and what is not built are no fields.
    let rows = table.iter().filter(|row| !row.name.contains("::") && !row.name.starts_with('(')).count();
    assert_eq!(rows, fields, "{shown}");
}

#[test]
fn no_callback_is_entered_from_inside_another() {
    // Everything that may call back is done inside of a callback. A probe panics if it does.
    let watcher = Watcher::default();
    let options = TestOptions { observer: Arc::new(watcher.clone()), ..TestOptions::default() };
    let mut lab = Lab::with_options(options, || Probe {
        on_message: |_, socket, _| {
            let own = socket.id();
            let peers: Vec<_> = socket.peers().filter(|peer| *peer != own).collect();
            for peer in peers {
                socket.send_to(peer, Message::Binary(&[0; 300_000]));
                socket.close_other(peer);
            }
            let big = vec![0; 2 << 20];
            while socket.send(&big[..]).is_accepted() {}
            socket.handle().shutdown(Drain::now());
        },
        ..Probe::default()
    });
    let ends = [lab.websocket(), lab.websocket(), lab.connect()];
    ends[0].set_room(Some(0));
    lab.say(&ends[0], socket::text("go"));
    lab.advance(SECOND * 5);
    assert_eq!(watcher.log.count("panic"), 0, "{:?}", watcher.log.events());
    assert_eq!((lab.connections(), lab.log.count("disconnect")), (0, 3));
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
