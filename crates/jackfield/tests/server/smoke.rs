//! The three protocols on one in-memory server.

use jackfield::test::{TestServer, listener};
use jackfield::{
    Client, Connection, Disconnect, Exchange, Message, Raw, Reason, Request, TimerId, WebSocket,
};
use std::time::Duration;

#[derive(Default)]
struct All {
    ticks: u32,
}

impl Client for All {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/hello" => exchange.ok("text/plain", "hello"),
            "/panic" => panic!("a bug of the user's"),
            "/drop" => {}
            "/events" => {
                let mut events = exchange.events();
                events.send("begin");
                events.subscribe("room");
                events.set_timer(TimerId(1), Duration::from_secs(1));
            }
            "/echo" => exchange.ok("text/plain", request.body()),
            _ => exchange.not_found(),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("room");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
        socket.publish("room", message);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        self.ticks += 1;
        if let Some(mut events) = connection.as_events() {
            events.send(self.ticks.to_string());
            events.set_timer(timer, Duration::from_secs(1));
        }
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        raw.send(line);
        raw.send("\n");
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
        if end.reason == Reason::Peer {
            connection.publish("room", "gone");
        }
    }
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn one_server_speaks_them_all() {
    let mut server = TestServer::new(|_peer| All::default());
    let http = server.connect();
    http.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    server.run();
    let text = String::from_utf8(http.take()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nabc"), "{text}");
    assert_eq!(http.writes(), 1);

    let events = server.connect();
    events.send(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    server.run();
    let text = String::from_utf8(events.take()).unwrap();
    assert!(text.ends_with("data: begin\n\n"), "{text}");
    server.advance(Duration::from_millis(2500));
    assert_eq!(events.take(), b"data: 1\n\ndata: 2\n\n");

    let socket = server.connect();
    socket.send(UPGRADE.as_bytes());
    server.run();
    let text = String::from_utf8(socket.take()).unwrap();
    assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
    socket.send(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    server.run();
    assert_eq!(socket.take(), b"\x81\x02hi");
    assert_eq!(events.take(), b"data: hi\n\n");

    let lines = server.connect_to(listener::LINES);
    for byte in b"one\r\ntwo\n" {
        lines.send(&[*byte]);
        server.run();
    }
    assert_eq!(lines.take(), b"one\ntwo\n");

    socket.finish();
    server.run();
    assert_eq!(events.take(), b"data: gone\n\n");
    server.handle().shutdown(jackfield::Drain::default());
    server.run();
    for peer in [&http, &events, &lines] {
        assert!(peer.has_server_finished());
        peer.finish();
    }
    server.run();
    assert_eq!((server.wires().len(), server.wires().timers()), (0, 0));
}

#[test]
fn bugs_of_the_user_end_their_connection_only() {
    let mut server = TestServer::new(|_peer| All::default());
    for (path, status) in [("/panic", "500"), ("/drop", "500"), ("/nowhere", "404")] {
        let peer = server.connect();
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        server.run();
        let text = String::from_utf8(peer.take()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {text}");
        assert_eq!(peer.has_server_finished(), path == "/panic");
    }
}

/// Says goodbye with its answer.
struct Goodbye;

impl Client for Goodbye {
    fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.close_after();
        exchange.ok("text/plain", "goodbye");
    }
}

#[test]
fn an_answer_can_be_the_last() {
    let mut server = TestServer::new(|_peer| Goodbye);
    let peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /again HTTP/1.1\r\nHost: h\r\n\r\n");
    server.run();
    let text = String::from_utf8(peer.take()).unwrap();
    assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("\r\n\r\ngoodbye"), "{text}");
    assert!(peer.has_server_finished());
}
