//! tungstenite, which knows nothing of Jackfield, against an echo server in this process, over real sockets.

mod common;

use common::{LIMIT, expect_close, websocket};
use jackfield::{Client, Connection, Disconnect, Drain, Handle, Reason, Server, WebSocket};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::{Message, Utf8Bytes};

/// The default of `websocket.message_bytes_max`.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Sends everything back, and closes on request. The test gets the reason for the end.
struct Echo(Sender<Disconnect>);

impl Client for Echo {
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: jackfield::Message<'_>) {
        match message {
            jackfield::Message::Text("close") => socket.close_with(4001, "as you wish"),
            message => {
                socket.send(message);
            }
        }
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.send(end.clone()).unwrap();
    }
}

/// A server on a thread of its own.
struct Running {
    addr: SocketAddr,
    handle: Handle,
    ends: Receiver<Disconnect>,
    /// Hears of the end of `serve`.
    served: Receiver<jackfield::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        let server = Server::builder().listen("127.0.0.1:0").reactors(2).bind().unwrap();
        let (addr, handle) = (server.local_addr(), server.handle());
        let (ended, ends) = mpsc::channel();
        let (done, served) = mpsc::channel();
        let thread =
            thread::spawn(move || done.send(server.serve(move |_peer| Echo(ended.clone()))).unwrap());
        Self { addr, handle, ends, served, thread: Some(thread) }
    }

    /// How the next connection ended.
    fn end(&self) -> Disconnect {
        self.ends.recv_timeout(LIMIT).unwrap()
    }

    /// Shuts the server down; it must end well, and soon.
    fn stop(mut self) {
        self.handle.shutdown(Drain::default());
        self.served.recv_timeout(LIMIT).expect("`serve` returns").unwrap();
        self.thread.take().unwrap().join().unwrap();
        assert_eq!((self.handle.state(), self.handle.count()), (jackfield::ServerState::Stopped, 0));
        assert_eq!(self.handle.metrics().panics, 0);
    }
}

/// Text of exactly this number of bytes, with characters of two bytes in it.
fn text(bytes: usize) -> Message {
    let mut text = "ž".repeat(bytes / 2);
    text.push_str(&"z"[..bytes % 2]);
    Message::text(text)
}

fn binary(bytes: usize) -> Message {
    Message::binary((0..bytes).map(|i| (i * 7 % 251) as u8).collect::<Vec<u8>>())
}

fn frame(data: impl Into<Vec<u8>>, opcode: Data, is_final: bool) -> Message {
    Message::Frame(Frame::message(data.into(), OpCode::Data(opcode), is_final))
}

fn close_frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) }
}

/// A masked frame with the key 0, as it stands on the wire.
fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

#[test]
fn messages_of_every_size_come_back() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    for bytes in [0, 1, 125, 126, 127, 65_535, 65_536, MESSAGE_BYTES_MAX] {
        for message in [text(bytes), binary(bytes)] {
            socket.send(message.clone()).unwrap();
            let back = socket.read().unwrap();
            assert!(back == message, "{bytes} bytes, is text: {}", message.is_text());
        }
    }
    drop(socket);
    server.stop();
}

#[test]
fn messages_that_are_sent_at_once_come_back_in_order() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    let sizes: Vec<usize> = (0..500).map(|i| i * i % 777).collect();
    for &bytes in &sizes {
        socket.write(binary(bytes)).unwrap();
    }
    socket.flush().unwrap();
    for &bytes in &sizes {
        assert!(socket.read().unwrap() == binary(bytes), "{bytes} bytes");
    }
    drop(socket);
    server.stop();
}

#[test]
fn fragments_come_back_as_one_message_with_a_ping_between_them() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    // The cut is inside of a character: only the whole text is UTF-8.
    let (before, after) = "kůň".as_bytes().split_at(2);
    socket.send(frame(before, Data::Text, false)).unwrap();
    socket.send(Message::Ping("are you there?".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there?".into()));
    socket.send(frame([], Data::Continue, false)).unwrap();
    socket.send(frame(after, Data::Continue, true)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("kůň"));

    let parts = [vec![1; 70_000], vec![2; 70_000], vec![3; 5]];
    socket.send(frame(parts[0].clone(), Data::Binary, false)).unwrap();
    socket.send(frame(parts[1].clone(), Data::Continue, false)).unwrap();
    socket.send(frame(parts[2].clone(), Data::Continue, true)).unwrap();
    assert!(socket.read().unwrap() == Message::binary(parts.concat()));
    drop(socket);
    server.stop();
}

#[test]
fn pings_are_answered_with_their_own_payload() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    for payload in [vec![], vec![0xff], vec![b'p'; 125]] {
        socket.send(Message::Ping(payload.clone().into())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong(payload.into()));
    }
    drop(socket);
    server.stop();
}

#[test]
fn the_client_closes_with_a_code_and_gets_it_back() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    socket.close(Some(close_frame(4000, "enough"))).unwrap();
    assert_eq!(expect_close(socket).0, 4000);
    let end = server.end();
    assert_eq!((end.reason, end.close_code, &*end.close_reason), (Reason::Peer, Some(4000), "enough"));
    server.stop();
}

#[test]
fn the_client_closes_without_a_code() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    socket.close(None).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Close(None));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
    drop(socket);
    let end = server.end();
    assert_eq!((end.reason, end.close_code), (Reason::Peer, Some(1005)));
    server.stop();
}

#[test]
fn the_server_closes_with_a_code_and_a_reason() {
    let server = Running::start();
    let mut socket = websocket(server.addr);
    socket.send(Message::text("close")).unwrap();
    assert_eq!(expect_close(socket), (4001, "as you wish".into()));
    let end = server.end();
    assert_eq!((end.reason, end.close_code), (Reason::Local, Some(4001)));
    server.stop();
}

#[test]
fn a_message_that_is_too_big_is_1009() {
    let server = Running::start();
    // In one frame, whose header says it already.
    let mut socket = websocket(server.addr);
    socket.send(binary(MESSAGE_BYTES_MAX + 1)).unwrap();
    assert_eq!(expect_close(socket).0, 1009);
    // In two frames, each of which would do.
    let mut socket = websocket(server.addr);
    socket.send(frame(vec![0; MESSAGE_BYTES_MAX], Data::Binary, false)).unwrap();
    socket.send(frame([0], Data::Continue, true)).unwrap();
    assert_eq!(expect_close(socket).0, 1009);
    // By a header whose payload never comes.
    let mut socket = websocket(server.addr);
    let header = [&[0x82, 0xff][..], &(MESSAGE_BYTES_MAX as u64 + 1).to_be_bytes(), &[0; 4]].concat();
    socket.get_mut().write_all(&header).unwrap();
    assert_eq!(expect_close(socket).0, 1009);
    for _ in 0..3 {
        assert!(matches!(server.end().reason, Reason::Protocol(_)));
    }
    server.stop();
}

#[test]
fn text_that_is_not_utf_8_is_1007() {
    let server = Running::start();
    let cases: [&[Vec<u8>]; 4] = [
        &[raw_frame(0x81, b"\xff")],
        // A surrogate, an overlong slash, and a character that is cut off at the end.
        &[raw_frame(0x81, b"ab\xed\xa0\x80")],
        &[raw_frame(0x01, b"ab\xc0"), raw_frame(0x80, b"\xaf")],
        &[raw_frame(0x01, b"ab\xc5"), raw_frame(0x80, b"")],
    ];
    for frames in cases {
        let mut socket = websocket(server.addr);
        socket.get_mut().write_all(&frames.concat()).unwrap();
        assert_eq!(expect_close(socket).0, 1007, "{frames:?}");
    }
    // The same bytes are fine as binary.
    let mut socket = websocket(server.addr);
    socket.get_mut().write_all(&raw_frame(0x82, b"\xff")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(&b"\xff"[..]));
    drop(socket);
    server.stop();
}

#[test]
fn broken_framing_is_1002() {
    let server = Running::start();
    let cases: [&[u8]; 5] = [
        // Unmasked, an unknown opcode, a reserved bit, a continuation of nothing, a Close with half a code.
        &[0x81, 0x01, b'a'],
        &raw_frame(0x83, b""),
        &raw_frame(0xc1, b"a"),
        &raw_frame(0x80, b"a"),
        &raw_frame(0x88, &[3]),
    ];
    for bytes in cases {
        let mut socket = websocket(server.addr);
        socket.get_mut().write_all(bytes).unwrap();
        assert_eq!(expect_close(socket).0, 1002, "{bytes:?}");
    }
    server.stop();
}

#[test]
fn a_shutdown_closes_every_websocket_with_1001() {
    let server = Running::start();
    // As many as there are reactors, and one more.
    let sockets: Vec<_> = (0..3).map(|_| websocket(server.addr)).collect();
    server.handle.shutdown(Drain::default());
    for socket in sockets {
        assert_eq!(expect_close(socket).0, 1001);
        assert_eq!(server.end().reason, Reason::Shutdown);
    }
    server.stop();
}
