//! Clients for tests, written by others or as simple as can be, with a bound on every wait.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

/// Longer than anything takes that works, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A connection on which no read and no write waits for ever.
pub(crate) fn connect(addr: SocketAddr) -> Steady {
    let stream = TcpStream::connect_timeout(&addr, LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    Steady(stream)
}

/// A connection that reads on after an interruption. A machine that was suspended interrupts each read that has a bound.
#[derive(Debug)]
pub(crate) struct Steady(TcpStream);

impl Read for Steady {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Deref for Steady {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0
    }
}

/// A WebSocket of tungstenite's.
pub(crate) fn websocket(addr: SocketAddr) -> WebSocket<Steady> {
    let request = format!("ws://{addr}/socket").into_client_request().unwrap();
    let (socket, answer) = tungstenite::client(request, connect(addr)).unwrap();
    assert_eq!(answer.status(), 101);
    assert!(answer.headers().get("Sec-WebSocket-Protocol").is_none(), "none was offered");
    socket
}

/// The next message must be a Close, and the server must end the connection behind it. This side ends with the return:
/// a server waits for that a while.
#[track_caller]
pub(crate) fn expect_close(mut socket: WebSocket<Steady>) -> (u16, String) {
    let message = socket.read().unwrap();
    let Message::Close(Some(CloseFrame { code, reason })) = message else {
        panic!("{message:?} instead of a Close with a code")
    };
    match socket.read() {
        Err(Error::ConnectionClosed) => (code.into(), reason.to_string()),
        other => panic!("{other:?} after the Close"),
    }
}
