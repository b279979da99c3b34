//! C12, in every callback that can pause reading: nothing comes while it is paused, and everything comes once behind that,
//! whatever lay in the buffer already. The end of the peer comes last.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    BodyPlan, Client, Connection, Control, Disconnect, Exchange, Finished, FrameAction, FrameHead, Limits,
    Message, Observer, Peer, Raw, ReadPause, Request, TimerId, Upgrade, WebSocket,
};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use support::probe::Log;
use support::socket::{self, BINARY, CONTINUATION, FIN, PING, PONG, TEXT, masked};
use support::{get, text};
use tls::{Identity, Secured};

const SECOND: Duration = Duration::from_secs(1);
const VERSIONS: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// Pauses in each of its callbacks, for a second, if it does at all. Says if one comes while it is paused.
struct Pausing {
    pauses: bool,
    log: Log,
}

impl Pausing {
    fn heard(&self, connection: &mut Connection<'_>, event: impl Into<String>) {
        if connection.read_pause() == Some(ReadPause::User) {
            self.log.note("it was paused");
        }
        self.log.note(event);
        if self.pauses {
            connection.pause_read();
            connection.set_timer(TimerId(1), SECOND);
        }
    }
}

impl Client for Pausing {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.heard(connection, "connect");
    }

    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        self.heard(connection, format!("head {}", request.path()));
        match request.path() {
            "/stream" => BodyPlan::Stream,
            "/refused" => BodyPlan::Reject(403),
            "/short" => BodyPlan::CollectUpTo(3),
            _ => BodyPlan::Collect,
        }
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        self.heard(connection, format!("body {}", text(part)));
    }

    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        let trailer: String = request.trailers().map(|(_, value)| text(value)).collect();
        self.heard(&mut exchange, format!("request {} {}{trailer}", request.path(), text(request.body())));
        exchange.ok("text/plain", "answer");
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.heard(socket, "open");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        self.heard(socket, format!("message {}", text(message.as_bytes())));
    }

    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
        self.heard(socket, format!("body {}{}", text(part.as_bytes()), if is_last { "." } else { "" }));
    }

    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {
        self.heard(socket, format!("{control:?}"));
    }

    fn wants_frames(&self) -> bool {
        true
    }

    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        if head.opcode() != 3 {
            return FrameAction::Continue;
        }
        self.heard(socket, "frame");
        FrameAction::TakeOver
    }

    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {
        self.heard(socket, format!("body {}{}", text(part), if is_last { "." } else { "" }));
    }

    /// One at a time, so that it is no matter how many have come.
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.heard(raw, format!("body {}", text(&data[..1])));
        1
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        self.heard(raw, format!("line {}", text(line)));
    }

    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        self.heard(raw, "line limit");
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        self.log.note(format!("peer closed {}", text(rest)));
        raw.close();
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        connection.resume_read();
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.log.note(format!("disconnect {:?}", end.reason));
    }
}

fn server(tls: Option<&Identity>, pauses: bool) -> (TestServer, Log) {
    let log = Log::default();
    let notes = log.clone();
    let limits = Limits::default().with(|limits| {
        limits.websocket.stream_above = 125;
        limits.line_bytes_max = 20;
    });
    let tls = tls.map(Identity::server_config);
    let options = TestOptions { limits, tls, ..TestOptions::default() };
    (TestServer::with_options(options, move |_peer| Pausing { pauses, log: notes.clone() }), log)
}

/// The client's events for an input in these parts, after which its peer closes.
fn heard_of(at: usize, pauses: bool, parts: &[&[u8]]) -> Vec<String> {
    let (mut server, log) = server(None, pauses);
    let far = server.connect_to(at);
    for part in parts {
        far.send(part);
        server.run();
    }
    far.finish();
    hear_all(&mut server, &log)
}

/// The same over TLS.
fn heard_over_tls(identity: &Identity, at: usize, pauses: bool, parts: &[&[u8]]) -> Vec<String> {
    let (mut server, log) = server(Some(identity), pauses);
    let mut peer = Secured::new(server.connect_to(at), identity.client_config(&VERSIONS));
    peer.shake_hands(&mut server).unwrap();
    for part in parts {
        peer.send(part);
        server.run();
    }
    peer.send_goodbye();
    peer.far.finish();
    hear_all(&mut server, &log)
}

/// Resumes as often as there is something to be heard.
fn hear_all(server: &mut TestServer, log: &Log) -> Vec<String> {
    server.run();
    while !log.has("disconnect") {
        let before = log.count("");
        server.advance(SECOND);
        server.run();
        assert!(log.count("") > before, "it hears nothing more: {:?}", log.events());
    }
    log.events()
}

/// The events are the same with and without pauses, for each split of the bytes.
fn check(at: usize, input: &[u8], is_cut_in: Range<usize>) -> Vec<String> {
    let usual = heard_of(at, false, &[input]);
    let identity = Identity::new();
    let check = |parts: &[&[u8]]| {
        let shown: Vec<_> = parts.iter().map(|part| text(part)).collect();
        assert_eq!(heard_of(at, true, parts), usual, "of {shown:?}");
    };
    check(&[input]);
    check(&input.chunks(1).collect::<Vec<_>>());
    for cut in is_cut_in {
        let (head, tail) = input.split_at(cut);
        check(&[head, tail]);
    }
    for parts in [vec![input], input.chunks(7).collect()] {
        assert_eq!(heard_over_tls(&identity, at, true, &parts), usual, "over TLS");
    }
    usual
}

const CHUNKED: &str = "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n";

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_streamed_body_and_the_bytes_after_it() {
    for (first, told) in [
        (post("/stream", "abcde"), vec!["head /stream", "body abcde", "request /stream "]),
        (CHUNKED.into(), vec!["head /stream", "body abcde", "request /stream t"]),
        (CHUNKED.replace("3\r\nabc\r\n2;x\r\nde\r\n", ""), vec!["head /stream", "request /stream t"]),
        (post("/", "abcde"), vec!["head /", "request / abcde"]),
        (CHUNKED.replace("/stream", "/"), vec!["head /", "request / abcdet"]),
        (post("/refused", "abcde"), vec!["head /refused"]),
    ] {
        let input = [first, get("/next")].concat();
        let usual = check(listener::HTTP, input.as_bytes(), 1..input.len());
        let end = ["request /next ", "disconnect Peer"];
        assert_eq!(usual, [&["connect"], &told[..], &end].concat());
        // The end of the peer follows directly.
        let alone = &input[..input.len() - get("/next").len()];
        let usual = check(listener::HTTP, alone.as_bytes(), 1..alone.len());
        assert_eq!(usual, [&["connect"], &told[..], &end[1..]].concat());
    }
}

#[test]
fn a_body_that_is_too_long_is_refused_however_it_came() {
    for input in [post("/short", "abcde"), CHUNKED.replace("/stream", "/short")] {
        let usual = check(listener::HTTP, input.as_bytes(), 1..input.len());
        assert_eq!(usual, ["connect", "head /short", "disconnect Protocol(Http(BodyTooLarge))"]);
    }
}

#[test]
fn pipelined_requests() {
    let input = get("/a") + &get("/b") + &get("/c");
    let usual = check(listener::HTTP, input.as_bytes(), 1..input.len());
    assert_eq!(usual, ["connect", "request /a ", "request /b ", "request /c ", "disconnect Peer"]);
}

#[test]
fn frames_after_the_handshake() {
    let long = "a long one, which comes in parts, ".repeat(4);
    let frames = [
        socket::text("one"),
        masked(FIN | PING, b"ping"),
        masked(BINARY, b"t"),
        masked(FIN | PONG, b"pong"),
        masked(FIN | CONTINUATION, b"wo"),
        socket::text(&long),
        masked(TEXT, long.as_bytes()),
        masked(FIN | CONTINUATION, b""),
        masked(FIN | 3, b"own"),
        masked(FIN | 3, b""),
        socket::close(1000, "bye"),
    ];
    let input = [socket::UPGRADE.as_bytes(), &frames.concat()].concat();
    let usual = check(listener::HTTP, &input, socket::UPGRADE.len() - 2..input.len());
    let parts = format!("body {long}.{long}.");
    let told = [
        "message one",
        "Ping([112, 105, 110, 103])",
        "Pong([112, 111, 110, 103])",
        "message two",
        &parts,
        "frame",
        "body own.",
        "frame",
        "body .",
    ];
    assert_eq!(usual, [&["connect", "open"], &told[..], &["disconnect Peer"]].concat());
}

#[test]
fn bytes_and_lines() {
    let usual = check(listener::RAW, b"some bytes", 1..10);
    assert_eq!(usual, ["connect", "body some bytes", "peer closed ", "disconnect Peer"]);
    let input = b"one\r\n\nthree\na line that is too long for it\nfive\nno end";
    let usual = check(listener::LINES, input, 1..input.len());
    let lines = ["line one", "line ", "line three", "line limit", "line five"];
    assert_eq!(usual, [&["connect"], &lines[..], &["peer closed no end", "disconnect Peer"]].concat());
}

/// Notes what has come in for each exchange.
struct Access(Log);

impl Observer for Access {
    fn wants_finished(&self, _listener: usize) -> bool {
        true
    }

    fn on_finished(&self, finished: &Finished<'_>) {
        self.0.note(format!("{} {}", finished.path, finished.bytes_in));
    }
}

/// A body that is put off is not counted twice.
#[test]
fn the_bytes_of_a_request_are_counted_once() {
    let counted = |pauses: bool, request: &str| {
        let (log, notes) = (Log::default(), Log::default());
        let options = TestOptions { observer: Arc::new(Access(log.clone())), ..TestOptions::default() };
        let make = move |_: &Peer| Pausing { pauses, log: notes.clone() };
        let mut server = TestServer::with_options(options, make);
        server.connect().send(request.as_bytes());
        (0..5).for_each(|_| server.advance(SECOND));
        log.events()
    };
    for request in [post("/stream", "abcde"), post("/", "abcde"), CHUNKED.into()] {
        let head = request.find("\r\n\r\n").unwrap() + 4;
        let path = if request.starts_with("POST / ") { "/" } else { "/stream" };
        for pauses in [false, true] {
            assert_eq!(counted(pauses, &request), [format!("{path} {}", head + 5)], "{request}");
        }
    }
}

/// The 30 s are for a client that does not read on, and not for one that takes longer than that with many short pauses.
#[test]
fn a_connection_that_resumes_repeatedly_gets_all_bytes_after_the_peers_end() {
    const PARTS: usize = 40;
    let head = "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(PARTS));
    for (at, input) in
        [(listener::HTTP, chunks), (listener::LINES, "x\n".repeat(PARTS)), (listener::RAW, "x".repeat(PARTS))]
    {
        let [usual, pausing] = [false, true].map(|pauses| heard_of(at, pauses, &[input.as_bytes()]));
        assert_eq!(pausing, usual);
    }
}

/// Its request is whole, and is not lost because of the end after it; but it does not wait for ever either.
#[test]
fn a_connection_that_never_resumes_ends_30_seconds_after_the_peers_end() {
    for pauses_at in ["head", "body"] {
        let log = Log::default();
        let notes = log.clone();
        let mut server = TestServer::new(move |_peer| support::probe::Probe {
            on_head: |_, connection, request| {
                if request.path() == "/head" {
                    connection.pause_read();
                }
                BodyPlan::Stream
            },
            on_body: |_, connection, _| connection.pause_read(),
            ..support::probe::Probe::default().noted_in(&notes)
        });
        let far = server.connect();
        far.send(post(&format!("/{pauses_at}"), "abc").as_bytes());
        far.finish();
        server.run();
        server.advance(SECOND * 29);
        assert!(!log.has("request") && !log.has("disconnect"), "{:?}", log.events());
        server.advance(SECOND * 2);
        assert!(!log.has("request") && log.has("disconnect Peer"), "{:?}", log.events());
    }
}
