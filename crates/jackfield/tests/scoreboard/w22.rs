//! W22 of docs/features.md: WebSockets that the server opens, as a client.

use crate::{support, tls};
use jackfield::proto::http1::{
    Event as HttpEvent, HeaderSlots, Limits as HttpLimits, Machine as HttpMachine,
};
use jackfield::proto::websocket::{self, Machine, Offer, Scratch, encode_response};
use jackfield::proto::{Step, websocket::Limits as FrameLimits};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Client, ConnectError, Connection, Control, Disconnect, Message, Outgoing, Peer, Prepared, Reason, Sent,
    Server, WebSocket,
};
use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use support::probe::Log;
use support::real::{Live, wait_until};

/// Notes what it receives as a client, and sends it back in capitals.
struct Caller(Log);

impl Client for Caller {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.0.note(format!("connect {}", connection.peer().tag().unwrap_or_default()));
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.0.note(format!("open {:?}", socket.subprotocol()));
        socket.subscribe("all");
        assert_eq!(socket.send("hello"), Sent::Queued);
        socket.ping(b"there?");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        self.0.note(format!("message {}", String::from_utf8_lossy(message.as_bytes())));
        match message {
            Message::Text("close") => socket.close_with(4000, "enough"),
            Message::Text("all") => drop(socket.publish_to_all("all", "to all")),
            Message::Text("large") => drop(socket.publish_to_all("all", "x".repeat(70_000))),
            Message::Text(text) => drop(socket.send(text.to_uppercase())),
            Message::Binary(bytes) => drop(socket.send(Prepared::new(bytes.to_vec()))),
        }
    }

    fn on_control(&mut self, _socket: &mut WebSocket<'_>, control: Control<'_>) {
        self.0.note(format!("{control:?}"));
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.note(format!("disconnect {:?} {:?} {:?}", end.reason, end.status, end.close_code));
    }
}

/// A server in memory that opens a WebSocket, and the other side of that, which is played by the machines of the protocol
/// crate in their other role.
struct Lab {
    server: TestServer,
    log: Log,
    far: FarEnd,
    machine: Machine,
    /// The masks of all frames.
    masks: Vec<[u8; 4]>,
}

fn outgoing() -> Outgoing {
    Outgoing::websocket("ws://192.0.2.1/chat?room=1")
        .subprotocol("chat.v2")
        .subprotocol("chat.v1")
        .header("Authorization", "Bearer 1")
        .tag(3)
}

impl Lab {
    fn new(outgoing: Outgoing) -> Self {
        let log = Log::default();
        let notes = log.clone();
        let mut server =
            TestServer::with_options(TestOptions::default(), move |_peer: &Peer| Caller(notes.clone()));
        server.handle().connect(outgoing).unwrap();
        server.run();
        let far = server.take_dials().remove(0).far;
        far.accept();
        server.run();
        Self { server, log, far, machine: Machine::server(), masks: Vec::new() }
    }

    /// The request that has come, and the answer that accepts it with this subprotocol.
    fn answer(&self, protocol: Option<&str>) -> (String, Vec<u8>) {
        let request = self.far.take();
        let text = support::text(&request);
        let (mut machine, mut slots, mut whole) = (HttpMachine::new(), HeaderSlots::new(), Vec::new());
        let Step::Event(used, HttpEvent::Upgrade(found)) =
            machine.step(&request, &mut slots, &mut whole, &HttpLimits::default())
        else {
            panic!("no upgrade: {text}")
        };
        assert_eq!(used, text.len(), "nothing is said before the answer");
        let offer = Offer::check(found.method(), true, found.headers()).unwrap();
        let mut answer = Vec::new();
        encode_response(offer.accept_key(), protocol, &[], &mut answer).unwrap();
        (text, answer)
    }

    /// Bytes in pieces of this size.
    fn send(&mut self, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            self.far.send(piece);
            self.server.run();
        }
    }

    fn say(&mut self, text: &str) {
        let mut frame = Vec::new();
        websocket::encode(Message::Text(text), &mut frame);
        self.send(&frame, usize::MAX);
    }

    /// What came, unmasked: the machine of a server takes no frame without a mask.
    fn heard(&mut self) -> Vec<String> {
        let (mut rx, mut scratch, mut heard) = (self.far.take(), Scratch::new(), Vec::new());
        let mut at = 0;
        while at < rx.len() {
            let frame = &rx[at..];
            let header = match frame[1] & 0x7f {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            self.masks.push(frame[header..header + 4].try_into().unwrap());
            match self.machine.step(&mut rx[at..], &mut scratch, &FrameLimits::default()) {
                Step::Event(used, event) => {
                    heard.push(format!("{event:?}").chars().take(70).collect());
                    at += used;
                }
                other => panic!("{other:?}"),
            }
        }
        heard
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        self.server.run();
        assert_eq!(self.log.take(), expected);
    }
}

#[test]
fn w22_the_request_and_the_answer_in_pieces_of_every_size() {
    for size in [1, 2, 3, 7, 50, 1000] {
        let mut lab = Lab::new(outgoing());
        let (request, mut answer) = lab.answer(Some("chat.v1"));
        assert!(request.starts_with("GET /chat?room=1 HTTP/1.1\r\nHost: 192.0.2.1\r\n"), "{request}");
        assert!(request.contains("\r\nSec-WebSocket-Protocol: chat.v2, chat.v1\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer 1\r\n"), "{request}");
        lab.check(&[]);
        // The first message comes together with the answer.
        websocket::encode(Message::Text("welcome"), &mut answer);
        lab.send(&answer, size);
        lab.check(&["connect 3", "open Some(\"chat.v1\")", "message welcome"]);
        let heard = lab.heard();
        assert_eq!(
            heard,
            ["Message(Text(\"hello\"))", "Ping([116, 104, 101, 114, 101, 63])", "Message(Text(\"WELCOME\"))"]
        );
    }
}

/// An open WebSocket, and what was said at its opening is taken.
fn open() -> Lab {
    let mut lab = Lab::new(outgoing());
    let (_, answer) = lab.answer(None);
    lab.send(&answer, usize::MAX);
    lab.check(&["connect 3", "open None"]);
    lab.heard();
    lab
}

#[test]
fn w22_every_frame_has_its_own_mask() {
    let mut lab = open();
    for round in 0..50 {
        lab.say(&format!("round {round}"));
    }
    let mut ping = Vec::new();
    websocket::encode_frame(websocket::Opcode::Ping, true, b"alive", &mut ping);
    lab.send(&ping, usize::MAX);
    let mut binary = Vec::new();
    websocket::encode(Message::Binary(b"\x01\x02"), &mut binary);
    lab.send(&binary, usize::MAX);
    lab.say("all");
    lab.say("large");
    let handle = lab.server.handle();
    handle.publish("all", "from outside");
    handle.send(handle.ids()[0], jackfield::Event::data("an event")).unwrap();
    lab.server.run();
    let heard = lab.heard();
    assert_eq!(heard.len(), 56);
    assert_eq!(
        heard[49..53],
        [
            "Message(Text(\"ROUND 49\"))",
            "Pong { payload: [97, 108, 105, 118, 101], is_solicited: false }",
            "Message(Binary([1, 2]))",
            "Message(Text(\"to all\"))"
        ]
    );
    assert_eq!(heard[54..], ["Message(Text(\"from outside\"))", "Message(Text(\"an event\"))"]);
    let different: HashSet<_> = lab.masks.iter().collect();
    assert!(different.len() >= lab.masks.len() - 1, "they differ, but by chance");
}

#[test]
fn w22_the_heartbeat_and_the_close_are_masked_too() {
    let mut lab = open();
    lab.server.advance(Duration::from_secs(30));
    assert_eq!(lab.heard().len(), 1, "a ping");
    lab.say("close");
    assert!(lab.heard()[0].contains("4000"));
    let mut close = Vec::new();
    lab.machine.close(Some(4000), "", None, &mut close).unwrap();
    lab.send(&close, usize::MAX);
    lab.check(&["message close", "disconnect Local None Some(4000)"]);
    // And the other way round.
    let mut lab = open();
    lab.machine.close(Some(1001), "", None, &mut close).unwrap();
    lab.send(&close[4..], usize::MAX);
    assert!(lab.heard()[0].contains("1001"), "it is answered with its own code");
    lab.check(&["disconnect Peer None Some(1001)"]);
}

#[track_caller]
fn check_refused(answer: &str, status: Option<u16>, error: ConnectError) {
    for size in [1, 1000] {
        let mut lab = Lab::new(outgoing());
        lab.answer(None);
        lab.send(answer.as_bytes(), size);
        let expected = format!("disconnect {:?} {status:?} None", Reason::Connect(error));
        lab.check(&[&expected]);
        lab.far.finish();
        lab.server.advance(Duration::from_secs(100));
        lab.check(&[]);
        assert_eq!(lab.server.wires().len(), 0);
    }
}

#[test]
fn w22_a_server_that_refuses_or_breaks_the_rules_is_reported_once() {
    check_refused("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Some(403), ConnectError::Status);
    let interim =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    check_refused(interim, Some(302), ConnectError::Status);
    let switch = |fields: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
    let wrong =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
    check_refused(&switch(wrong), None, ConnectError::WebSocket);
    check_refused(&switch(""), None, ConnectError::WebSocket);
    check_refused("SSH-2.0-OpenSSH_9.6\r\n", None, ConnectError::WebSocket);
    check_refused(&"HTTP/1.1 200 OK\r\nA: b".repeat(10_000), None, ConnectError::WebSocket);
}

#[test]
fn w22_a_subprotocol_that_was_not_offered_is_refused() {
    let mut lab = Lab::new(outgoing());
    let (_, answer) = lab.answer(Some("chat.v3"));
    lab.send(&answer, usize::MAX);
    lab.check(&[&format!("disconnect {:?} None None", Reason::Connect(ConnectError::WebSocket))]);
}

#[test]
fn w22_a_server_that_does_not_answer_has_the_deadline_of_all_of_it() {
    for (ends, error) in [(false, ConnectError::Timeout), (true, ConnectError::Closed)] {
        let mut lab = Lab::new(outgoing().timeout(Duration::from_secs(2)));
        lab.send(b"HTTP/1.1 101 Swi", 1);
        if ends {
            lab.far.finish();
        }
        lab.server.advance(Duration::from_millis(1999));
        assert_eq!(lab.log.events().len(), usize::from(ends));
        lab.server.advance(Duration::from_millis(1));
        lab.check(&[&format!("disconnect {:?} None None", Reason::Connect(error))]);
    }
}

#[test]
fn w22_an_invalid_request_is_reported_too() {
    for outgoing in [
        Outgoing::websocket("http://192.0.2.1/"),
        Outgoing::websocket("wss://192.0.2.1/"),
        Outgoing::websocket("ws://192.0.2.1/a b"),
        Outgoing::websocket("ws://192.0.2.1/\u{e9}"),
        Outgoing::websocket("ws://\u{e9}.example/"),
        Outgoing::websocket("ws://192.0.2.1#part"),
        outgoing().header("Bad name", "x"),
        outgoing().header("X", "a\r\nInjected: yes"),
        outgoing().subprotocol("two words"),
    ] {
        let log = Log::default();
        let notes = log.clone();
        let mut server = TestServer::new(move |_peer: &Peer| Caller(notes.clone()));
        server.handle().connect(outgoing).unwrap();
        server.advance(Duration::from_millis(1));
        assert_eq!(
            log.take(),
            [format!("disconnect {:?} None None", Reason::Connect(ConnectError::Invalid))]
        );
        assert!(server.take_dials().is_empty());
    }
}

/// The other side is tungstenite, which knows nothing of Jackfield.
#[test]
fn w22_with_an_independent_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Log::default();
    let notes = log.clone();
    let server =
        Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), move |_peer| Caller(notes.clone()));
    server.handle.connect(Outgoing::websocket(format!("ws://localhost:{port}/x"))).unwrap();
    let other = thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        assert_eq!(socket.read().unwrap().into_text().unwrap(), "hello");
        let mut got = Vec::new();
        for text in ["short", &"long".repeat(30_000)] {
            socket.send(text.into()).unwrap();
            loop {
                match socket.read().unwrap() {
                    tungstenite::Message::Text(text) => break got.push(text.to_string()),
                    other => assert!(other.is_ping(), "{other:?}"),
                }
            }
        }
        socket.send("close".into()).unwrap();
        while socket.read().is_ok() {}
        got
    });
    assert_eq!(other.join().unwrap(), ["SHORT".to_owned(), "LONG".repeat(30_000)]);
    wait_until(|| log.has("disconnect Local None Some(4000)"));
}

/// The target is a listener of the same server, over TLS.
#[test]
fn w22_over_tls_to_our_own_listener() {
    struct Either(Option<Caller>);

    impl Client for Either {
        fn on_open(&mut self, socket: &mut WebSocket<'_>) {
            match &mut self.0 {
                Some(caller) => caller.on_open(socket),
                None => drop(socket.send("close")),
            }
        }

        fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
            if let Some(caller) = &mut self.0 {
                caller.on_message(socket, message);
            }
        }

        fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
            if let Some(caller) = &mut self.0 {
                caller.on_disconnect(connection, end);
            }
        }
    }

    let identity = tls::Identity::new();
    let log = Log::default();
    let notes = log.clone();
    let listener = jackfield::Listener::tcp("127.0.0.1:0").tls_config(identity.server_config());
    let server = Live::serve(Server::builder().listen(listener).reactors(2), move |peer| {
        Either(peer.is_outgoing().then(|| Caller(notes.clone())))
    });
    let config = Arc::new(identity.client_config(rustls::ALL_VERSIONS));
    let url = format!("wss://localhost:{}/", server.addr().port());
    server.handle.connect(Outgoing::websocket(url).tls(config)).unwrap();
    wait_until(|| log.has("disconnect Local None Some(4000)"));
    assert_eq!(log.take()[..2], ["open None", "message close"]);
}
