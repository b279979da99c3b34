//! The finished event: one for each exchange whose head has come, when its answer is whole or its connection has ended.

use crate::support;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{BodyPlan, Finished, LateUpgrade, Observer, Reply};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Log, Probe};
use support::socket::{SWITCHED, UPGRADE};
use support::{get, statuses, text};

thread_local! {
    static REPLIES: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
    static UPGRADES: RefCell<Vec<LateUpgrade>> = const { RefCell::new(Vec::new()) };
}

/// Notes what is finished.
#[derive(Clone, Default)]
struct Access(Log);

impl Observer for Access {
    fn wants_finished(&self, _listener: usize) -> bool {
        true
    }

    fn on_finished(&self, finished: &Finished<'_>) {
        let Finished { method, path, status, bytes_in, bytes_out, duration, answered, is_complete, .. } =
            finished;
        let whole = if *is_complete { "" } else { ", not whole" };
        let duration = duration.as_millis();
        assert!(finished.peer.is_some_and(|peer| peer.ip().is_loopback()));
        self.0.note(format!(
            "{method} {path}: {status} {answered:?}, {bytes_in} in, {bytes_out} out, {duration} ms{whole}"
        ));
    }
}

fn make() -> Probe {
    Probe {
        on_head: |_, _, request| match request.path() {
            "/stream" => BodyPlan::Stream,
            "/short" => BodyPlan::CollectUpTo(3),
            "/refused" => BodyPlan::Reject(403),
            _ => BodyPlan::Collect,
        },
        on_request: |_, exchange, request| match request.path() {
            "/late" => REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
            "/parts" => {
                exchange.stream(200, "text/plain").write("part");
            }
            "/whole" => {
                let mut stream = exchange.stream(200, "text/plain");
                stream.write("part");
                stream.finish().expect("it is whole");
            }
            "/events" => {
                exchange.events();
            }
            "/none" => {}
            "/evil" => exchange.ok("a\r\nb", "x"),
            "/panic" => panic!("before the answer"),
            "/panic-behind" => {
                exchange.ok("text/plain", "done");
                panic!("behind the answer");
            }
            "/abort" => {
                let mut exchange = exchange;
                exchange.abort();
            }
            _ => exchange.ok("text/plain", "done"),
        },
        on_upgrade: |probe, upgrade, request| match request.path() {
            "/ws" => upgrade.accept(),
            "/greets" => {
                probe.count = 1;
                upgrade.accept();
            }
            "/panics-later" => {
                probe.count = 2;
                upgrade.accept();
            }
            "/panics" => {
                upgrade.accept();
                panic!("behind the answer");
            }
            "/reject" => upgrade.reject(401),
            _ => UPGRADES.with_borrow_mut(|upgrades| upgrades.push(upgrade.defer())),
        },
        on_open: |probe, socket| match probe.count {
            0 => {}
            1 => {
                socket.send("hello");
            }
            _ => panic!("before it says anything"),
        },
        on_post: |_, connection, _| {
            let body = connection.as_response().expect("it is sent in parts");
            body.finish().expect("it is whole");
        },
        ..Probe::default()
    }
}

fn server() -> (TestServer, FarEnd, Log) {
    let access = Access::default();
    let log = access.0.clone();
    let options =
        TestOptions { observer: Arc::new(access), hosts: vec!["h".into()], ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| make());
    let far = server.connect();
    (server, far, log)
}

/// What the observer gets, with the numbers of bytes.
fn with_bytes(told: &str, bytes_in: usize, bytes_out: usize) -> String {
    told.replace("IN", &bytes_in.to_string()).replace("OUT", &bytes_out.to_string())
}

/// Sends a request whole and in single bytes, and compares what the observer gets. `framing` bytes of it are not
/// content.
#[track_caller]
fn check(input: &str, framing: usize, told: &str) {
    for size in [input.len(), 1] {
        let (mut server, far, log) = server();
        for part in input.as_bytes().chunks(size) {
            far.send(part);
            server.run();
        }
        let bytes = far.take();
        let told = with_bytes(told, input.len() - framing, bytes.len());
        assert_eq!(log.events(), [told], "{input} in parts of {size}: {}", text(&bytes));
    }
}

#[test]
fn each_exchange_is_reported_once() {
    check(&get("/a?b=c"), 0, "GET /a: 200 AtOnce, IN in, OUT out, 0 ms");
    check(&get("/none"), 0, "GET /none: 500 AtOnce, IN in, OUT out, 0 ms");
    check(&get("/evil"), 0, "GET /evil: 500 AtOnce, IN in, OUT out, 0 ms");
    check(&get("/panic?a=b"), 0, "GET /panic: 500 AtOnce, IN in, OUT out, 0 ms");
    check(&get("/panic-behind"), 0, "GET /panic-behind: 200 AtOnce, IN in, OUT out, 0 ms");
    check(&get("/whole"), 0, "GET /whole: 200 Stream, IN in, OUT out, 0 ms");
    check(&get("/abort"), 0, "GET /abort: 0 AtOnce, IN in, OUT out, 0 ms, not whole");
    let body = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd");
    check(&body("/collect"), 0, "POST /collect: 200 AtOnce, IN in, OUT out, 0 ms");
    check(&body("/stream"), 0, "POST /stream: 200 AtOnce, IN in, OUT out, 0 ms");
    let (head, chunks) = (
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
    );
    let framing = chunks.len() - "abc".len();
    check(&[head, chunks].concat(), framing, "POST /x: 200 AtOnce, IN in, OUT out, 0 ms");
    check(UPGRADE, 0, "GET /ws: 101 WebSocket, IN in, OUT out, 0 ms");
    check(&UPGRADE.replace("/ws", "/reject"), 0, "GET /reject: 401 AtOnce, IN in, OUT out, 0 ms");
    let evil = UPGRADE.replacen("Host: h\r\n", "Host: h\r\nOrigin: http://evil\r\n", 1);
    check(&evil, 0, "GET /ws: 403 AtOnce, IN in, OUT out, 0 ms");
}

/// The answer comes after a time, or never.
#[test]
fn a_later_end_has_its_time() {
    type Then = fn(&mut TestServer, &FarEnd);
    let rows: [(&str, Then, &str); 8] = [
        (
            "/late",
            |_, _| {
                for reply in REPLIES.take() {
                    reply.ok("text/plain", "x");
                }
            },
            "200 Later, IN in, OUT out, 1500 ms",
        ),
        (
            "/late",
            |_, _| {
                let reply = REPLIES.with_borrow_mut(Vec::pop).expect("it is there");
                let mut body = reply.stream(200, "text/plain");
                body.write("x");
                body.finish();
            },
            "200 Stream, IN in, OUT out, 1500 ms",
        ),
        ("/late", |_, far| far.reset(), "0 Later, IN in, OUT out, 1500 ms, not whole"),
        (
            "/parts",
            |server, _| {
                let id = server.wires().ids().next().expect("it is there");
                server.handle().post(id, ()).expect("there is room");
            },
            "200 Stream, IN in, OUT out, 1500 ms",
        ),
        ("/parts", |_, far| far.reset(), "200 Stream, IN in, OUT out, 1500 ms, not whole"),
        ("/events", |_, far| far.finish(), "200 Events, IN in, OUT out, 1500 ms"),
        (
            "/decide",
            |_, _| UPGRADES.with_borrow_mut(|upgrades| upgrades.drain(..).for_each(LateUpgrade::accept)),
            "101 WebSocket, IN in, OUT out, 1500 ms",
        ),
        (
            "/decide",
            |_, _| {
                UPGRADES
                    .with_borrow_mut(|upgrades| upgrades.drain(..).for_each(|upgrade| upgrade.reject(401)));
            },
            "401 Later, IN in, OUT out, 1500 ms",
        ),
    ];
    for (path, then, told) in rows {
        let (mut server, far, log) = server();
        let request = if path == "/decide" { UPGRADE.replace("/ws", path) } else { get(path) };
        far.send(request.as_bytes());
        server.advance(Duration::from_millis(1500));
        assert!(log.events().is_empty(), "{path}: {:?}", log.events());
        then(&mut server, &far);
        server.run();
        // What lingers ends.
        far.finish();
        server.run();
        let told = with_bytes(told, request.len(), far.bytes_received());
        assert_eq!(log.events(), [format!("GET {path}: {told}")]);
        REPLIES.with_borrow_mut(Vec::clear);
        UPGRADES.with_borrow_mut(Vec::clear);
    }
}

/// Each of several has its own bytes. A body that is refused is still read and dropped, and is counted for no request.
#[test]
fn bytes_belong_to_their_request() {
    let refused = "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n";
    let rest = [&"x".repeat(100), &*get("/1"), &get("/2")].concat();
    for size in [rest.len(), 1, 99] {
        let (mut server, far, log) = server();
        far.send(refused.as_bytes());
        server.run();
        let first = far.take().len();
        for part in rest.as_bytes().chunks(size) {
            far.send(part);
            server.run();
        }
        let bytes = far.take();
        assert_eq!(statuses(&bytes), [200, 200]);
        let others = ["GET /1", "GET /2"].map(|line| {
            with_bytes(&format!("{line}: 200 AtOnce, IN in, OUT out, 0 ms"), get("/1").len(), bytes.len() / 2)
        });
        let told = with_bytes("POST /refused: 403 AtOnce, IN in, OUT out, 0 ms", refused.len(), first);
        assert_eq!(log.events(), [&[told], &others[..]].concat());
    }
}

/// The fault: it was counted if it came with its head.
#[test]
fn a_refused_body_is_not_counted_however_it_comes() {
    let request = "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd";
    check(request, 4, "POST /refused: 403 AtOnce, IN in, OUT out, 0 ms");
    check(&request.replace("/refused", "/short"), 4, "POST /short: 413 AtOnce, IN in, OUT out, 0 ms");
    check(&request.replace("Host: h", "Host: evil"), 4, "POST /refused: 421 AtOnce, IN in, OUT out, 0 ms");
}

/// The fault: what `on_open` sent was counted, and if it panicked, the exchange had no status.
#[test]
fn the_exchange_of_a_websocket_ends_with_its_101() {
    for path in ["/greets", "/panics", "/panics-later"] {
        let (mut server, far, log) = server();
        let request = UPGRADE.replace("/ws", path);
        far.send(request.as_bytes());
        server.run();
        let told = with_bytes("101 WebSocket, IN in, OUT out, 0 ms", request.len(), SWITCHED.len());
        assert_eq!(log.events(), [format!("GET {path}: {told}")]);
        assert!(far.take().len() > SWITCHED.len(), "a frame follows");
    }
}

/// Without an observer nothing is reported.
#[test]
fn nothing_is_recorded_unasked() {
    struct Unasked;
    impl Observer for Unasked {
        fn on_finished(&self, finished: &Finished<'_>) {
            panic!("{finished:?}");
        }
    }
    let options = TestOptions { observer: Arc::new(Unasked), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| make());
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    assert_eq!(statuses(&far.take()), [200]);
}

/// Requests for other hosts don't reach the client, for any target.
#[test]
fn hosts_that_are_not_allowed_are_refused() {
    let (access, callbacks) = (Access::default(), Log::default());
    let (log, noted) = (access.0.clone(), callbacks.clone());
    let options =
        TestOptions { observer: Arc::new(access), hosts: vec!["h".into()], ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| make().noted_in(&noted));
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n";
    for (request, rest, status) in [
        (get("/"), "", 200),
        (get("/").replace("Host: h", "Host: H:81"), "", 200),
        (get("/").replace("Host: h", "Host: evil"), "", 421),
        (get("/").replace("GET /", "GET http://evil/"), "", 421),
        (get("/").replace("Host: h", "Host: evil").replace("GET /", "GET http://h/"), "", 200),
        ("GET / HTTP/1.0\r\n\r\n".into(), "", 421),
        (UPGRADE.into(), "", 101),
        (UPGRADE.replace("Host: h", "Host: evil"), "", 421),
        (post.into(), "abcd", 200),
        (post.replace("Host: h", "Host: evil"), "abcd", 421),
    ] {
        let far = server.connect();
        far.send(request.as_bytes());
        server.run();
        far.send(rest.as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [status], "{request}");
        let told = log.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&format!(": {status} ")), "{told:?}");
        let called = ["head", "request", "upgrade"].iter().any(|callback| callbacks.has(callback));
        assert_eq!(called, status != 421, "{request}: {:?}", callbacks.events());
        callbacks.take();
    }
}
