//! `Relay`: the response of another server becomes the answer of a deferred request.

use crate::support;
use jackfield::test::TestServer;
use jackfield::{Client, Connection, ConnectionId, Exchange, Outgoing, Peer, Raw, Relay, Reply, Request};
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use support::{get, text};

/// Answers each request with what another server has sent, which comes in pieces.
struct Front {
    response: &'static str,
    cut: usize,
    /// The other server closes its side at the end.
    closes: bool,
}

impl Client for Front {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let mut relay = Relay::new(exchange.defer(), request.method());
        let (mut rx, all) = (Vec::new(), self.response.as_bytes());
        for piece in [&all[..self.cut], &all[self.cut..]] {
            rx.extend_from_slice(piece);
            let Some(used) = relay.read(&rx) else { return };
            rx.drain(..used);
        }
        if self.closes {
            relay.end_of_input(&rx, false);
        }
    }
}

/// What a response becomes: its status, and the end of what the peer gets. `None`: the answer is broken off.
struct Row(&'static str, bool, u16, Option<&'static str>);

const ROWS: [Row; 13] = [
    Row(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
        false,
        200,
        Some("X-A: 1\r\n\r\nhello"),
    ),
    Row("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, 404, Some("\r\n\r\n")),
    Row("HTTP/1.1 204 No\r\nConnection: X-A\r\nX-A: 1\r\nX-B: 2\r\n\r\n", false, 204, Some("X-B: 2\r\n\r\n")),
    Row(
        "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        false,
        200,
        Some("\r\n\r\nx"),
    ),
    Row("HTTP/1.1 200 OK\r\n\r\n", true, 200, Some("\r\n0\r\n\r\n")),
    Row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 200, Some("\r\n0\r\n\r\n")),
    Row("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true, 200, None),
    Row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", true, 200, None),
    Row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno", false, 200, None),
    Row("HTTP/1.1 200", true, 502, Some("Bad Gateway")),
    Row("HTTP/1.1 200 OK\r\nAge: 1\r\nAge: 2\r\nContent-Length: 0\r\n\r\n", false, 502, Some("Bad Gateway")),
    Row("what?\r\n\r\n", false, 502, Some("Bad Gateway")),
    Row("", true, 502, Some("Bad Gateway")),
];

/// The one check: what the peer gets of each response, wherever that is cut.
fn check(rows: &[Row]) {
    for &Row(response, closes, status, end) in rows {
        for cut in 0..=response.len() {
            let mut server = TestServer::new(move |_peer| Front { response, cut, closes });
            let far = server.connect();
            far.send(get("/").as_bytes());
            server.run();
            let got = text(&far.take());
            let row = format!("{response:?} cut at {cut}: {got:?}");
            match end {
                Some(end) => {
                    assert!(got.starts_with(&format!("HTTP/1.1 {status} ")) && got.ends_with(end), "{row}");
                    assert!(!far.is_reset(), "{row}");
                }
                None => assert!(far.is_reset() && !got.ends_with("0\r\n\r\n"), "{row}"),
            }
        }
    }
}

#[test]
fn a_response_is_passed_on_wherever_it_is_cut() {
    check(&ROWS);
}

/// The fault: they were dropped, and nothing said so. Fields that are only for this connection are not passed on (RFC 9110 section 7.6.1).
#[test]
fn i475_the_trailers_of_a_response_are_passed_on() {
    check(&[
        Row(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
            false,
            200,
            Some("x\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"),
        ),
        Row(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, x-a\r\n\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\
             Proxy-Authentication-Info: 3\r\nContent-Type: a/b\r\n\r\n",
            false,
            200,
            Some("\r\n0\r\nX-B: 2\r\n\r\n"),
        ),
        // As in a head, a field is there only once.
        Row(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nETag: 1\r\nETag: 2\r\n\r\n",
            false,
            200,
            None,
        ),
    ]);
}

/// The answer that the next connection to the other server owes.
type Owed = Rc<Cell<Option<Reply>>>;

/// The two connections of the example of [`Relay`].
enum Side {
    Front(Option<ConnectionId>, Owed),
    Upstream(ConnectionId, Box<Relay>),
}

impl Client for Side {
    fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
        let Self::Front(upstream, owed) = self else { return };
        *upstream = exchange.connect(Outgoing::tcp("192.0.2.1:80").tag(1)).ok();
        owed.set(Some(exchange.defer()));
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let Self::Upstream(peer, relay) = self else { return data.len() };
        let used = relay.read(data);
        if relay.is_congested() {
            raw.pause_read();
            raw.handle().post(*peer, ()).unwrap();
        }
        used.unwrap_or_else(|| {
            raw.close();
            data.len()
        })
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        match self {
            Self::Front(..) => _ = connection.notify_sent(0),
            Self::Upstream(..) => connection.resume_read(),
        }
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, _tag: u64) {
        if let Self::Front(Some(upstream), _) = self {
            connection.handle().post(*upstream, ()).unwrap();
        }
    }
}

/// The fault: the relay did not say that the peer reads slowly, and broke off its answer at `outbox_bytes_max`.
#[test]
fn i343_a_slow_reader_gets_the_whole_answer_and_little_of_it_is_held() {
    const BYTES: usize = 10 << 20;
    let owed = Owed::default();
    let mut server = TestServer::new(move |peer: &Peer| match peer.tag() {
        None => Side::Front(None, owed.clone()),
        Some(_) => {
            let reply = owed.take().expect("it is deferred by then");
            Side::Upstream(reply.id(), Box::new(Relay::new(reply, "GET")))
        }
    });
    let far = server.connect();
    far.set_room(Some(0));
    far.send(get("/").as_bytes());
    server.run();
    let upstream = server.take_dials().remove(0).far;
    upstream.accept();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n").as_bytes());
    upstream.send(&vec![b'x'; BYTES]);
    let mut got = Vec::new();
    loop {
        server.run();
        let held = server.wires().memory_bytes();
        assert!(held < 1 << 20, "{held} bytes are held");
        let before = got.len();
        far.set_room(Some(100_000));
        server.run();
        got.extend(far.take());
        far.set_room(Some(0));
        if got.len() == before {
            break;
        }
    }
    let head = got.windows(4).position(|four| four == b"\r\n\r\n").expect("it is answered") + 4;
    assert_eq!((got.len() - head, far.is_reset()), (BYTES, false));
}
