//! `testbed` and its WebSockets.

use crate::common::{expect_close, websocket};
use crate::http::Http;
use crate::process::Example;
use crate::sockets::hear;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

#[test]
fn testbed_echoes_and_closes_on_command() {
    let (_example, addr) = Example::start("testbed", &[]);
    // More than the library takes by default.
    let mut socket = websocket(addr);
    for message in [Message::text("x".repeat(3 << 20)), Message::binary(vec![7; 16 << 20]), Message::text("")]
    {
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{} bytes", message.len());
    }
    for odd in ["close:", "close:1000", "close:soon:now", "close:1005:a code that must not be sent"] {
        socket.send(Message::text(odd)).unwrap();
        assert_eq!(hear(&mut socket), odd);
    }
    socket.send(Message::binary(&b"close:4000:binary"[..])).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(&b"close:4000:binary"[..]));
    socket.send(Message::text("close:4000:so: be it")).unwrap();
    assert_eq!(expect_close(socket), (4000, "so: be it".into()));
    let mut socket = websocket(addr);
    socket.send(Message::text("close:1000:")).unwrap();
    assert_eq!(expect_close(socket), (1000, String::new()));
}

#[test]
fn testbed_chooses_one_subprotocol_and_takes_any_origin() {
    let (_example, addr) = Example::start("testbed", &[]);
    for (offered, chosen) in [("superchat, echo.test", Some("echo.test")), ("superchat", None)] {
        let mut request = format!("ws://{addr}/any/path?at=all").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", offered.parse().unwrap());
        request.headers_mut().insert("Origin", "https://elsewhere.example".parse().unwrap());
        // tungstenite takes it for an error if nothing is chosen, so the answer is read by hand.
        let mut http = Http::connect(addr);
        let lines = request.headers().iter();
        let lines: String =
            lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
        http.send(format!("GET /any/path?at=all HTTP/1.1\r\n{lines}\r\n"));
        let answer = http.head();
        assert_eq!((answer.status, answer.field("Sec-WebSocket-Protocol")), (101, chosen));
    }
}

#[test]
fn testbed_broadcasts() {
    let (_example, addr) =
        Example::start("testbed", &["--broadcast", "--reactors", "2", "--max-message", "100000"]);
    let mut sockets: Vec<_> = (0..3).map(|_| websocket(addr)).collect();
    // A ping is answered after `on_open`, so everybody has subscribed then.
    for socket in &mut sockets {
        socket.send(Message::Ping("?".into())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong("?".into()));
    }
    for message in [Message::text("for all"), Message::binary(vec![9; 100_000])] {
        sockets[1].send(message.clone()).unwrap();
        for socket in &mut sockets {
            assert!(socket.read().unwrap() == message, "{} bytes", message.len());
        }
    }
    let mut socket = sockets.pop().unwrap();
    socket.send(Message::binary(vec![9; 100_001])).unwrap();
    assert_eq!(expect_close(socket).0, 1009);
}
