//! `Relay`: the response of another server becomes the answer of a deferred request.

use crate::support;
use jackfield::test::TestServer;
use jackfield::{Client, Exchange, Relay, Request};
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
            relay.end_of_input(&rx);
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

#[test]
fn a_response_is_passed_on_wherever_it_is_cut() {
    for Row(response, closes, status, end) in ROWS {
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
