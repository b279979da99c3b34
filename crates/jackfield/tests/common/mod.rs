//! Clients for tests, written by others or as simple as can be, with a bound on every wait.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

/// Longer than anything takes that works, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A connection on which no read and no write waits for ever.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A WebSocket of tungstenite's.
pub(crate) fn websocket(addr: SocketAddr) -> WebSocket<TcpStream> {
    let request = format!("ws://{addr}/socket").into_client_request().unwrap();
    let (socket, answer) = tungstenite::client(request, connect(addr)).unwrap();
    assert_eq!(answer.status(), 101);
    assert!(answer.headers().get("Sec-WebSocket-Protocol").is_none(), "none was offered");
    socket
}

/// The next message must be a Close, and the server must end the connection behind it. This side ends with the return:
/// a server waits for that a while.
#[track_caller]
pub(crate) fn expect_close(mut socket: WebSocket<TcpStream>) -> (u16, String) {
    let message = socket.read().unwrap();
    let Message::Close(Some(CloseFrame { code, reason })) = message else {
        panic!("{message:?} instead of a Close with a code")
    };
    match socket.read() {
        Err(Error::ConnectionClosed) => (code.into(), reason.to_string()),
        other => panic!("{other:?} after the Close"),
    }
}
