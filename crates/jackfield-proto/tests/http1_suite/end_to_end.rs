//! Which fields a proxy forwards (RFC 9110 section 7.6.1), of requests and of responses.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    ClientEvent, ClientMachine, Event, HeaderIter, HeaderSlots, Limits, Machine, RequestError, Via,
};
use std::net::Ipv4Addr;

/// The lines of a head, and the names and values that are forwarded.
const ROWS: [(&str, &[&str]); 16] = [
    ("", &[]),
    ("A: 1\r\nB:\r\nA: 2\r\n", &["A=1", "B=", "A=2"]),
    ("A: 1\r\nConnection: a\r\nAA: 2\r\n", &["AA=2"]),
    ("Connection: A\r\na: 1\r\na: 2\r\nb: 3\r\n", &["b=3"]),
    ("Connection: close\r\nClose: 1\r\nA: 2\r\n", &["A=2"]),
    ("Connection: keep-alive, b ,\tc\t,,d\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", &["A=1"]),
    ("connection: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nCONNECTION: b\r\n", &["C=3"]),
    ("Connection:\r\nA: 1\r\n", &["A=1"]),
    ("Connection: , ,\r\nA: 1\r\n", &["A=1"]),
    ("Connection: a b, c;d, \"e\"\r\nA: 1\r\nB: 2\r\nC: 3\r\nE: 4\r\n", &["A=1", "B=2", "C=3", "E=4"]),
    ("X-Connection: a\r\nA: 1\r\n", &["X-Connection=a", "A=1"]),
    ("Keep-Alive: 5\r\nPROXY-CONNECTION: a\r\nte: gzip\r\nTrailer: A\r\nUpgrade: b\r\nA: 1\r\n", &["A=1"]),
    (
        "Proxy-Authorization: a\r\nproxy-authenticate: b\r\nProxy-Authentication-Info: c\r\nProxy-A: 1\r\n",
        &["Proxy-A=1"],
    ),
    (
        "Authorization: a\r\nWWW-Authenticate: b\r\nCookie: c\r\n",
        &["Authorization=a", "WWW-Authenticate=b", "Cookie=c"],
    ),
    ("Content-Length: 0\r\nDate: now\r\nExpect: 100-continue\r\nContent-Type: a\r\n", &["Content-Type=a"]),
    ("Transfer-Encoding: chunked\r\nTransfer: 1\r\nVia: 1.1 a\r\n", &["Transfer=1", "Via=1.1 a"]),
];

fn forwarded(headers: HeaderIter<'_>) -> Vec<String> {
    let fields = headers.end_to_end();
    fields.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect()
}

#[test]
fn fields_of_one_hop_are_not_forwarded() {
    let limits = Limits::default();
    for (lines, expected) in ROWS {
        let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        match Machine::new().step(head.as_bytes(), &mut slots, &mut whole, &limits) {
            Step::Event(_, Event::Head(request) | Event::Request(request) | Event::Upgrade(request)) => {
                assert_eq!(forwarded(request.headers()), expected, "{lines:?}");
            }
            other => panic!("{lines:?}: {other:?}"),
        }
        let (mut client, mut slots) = (ClientMachine::new(), HeaderSlots::new());
        client.expect_response("GET").unwrap();
        let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        match client.step(head.as_bytes(), &mut slots, &limits) {
            Step::Event(_, ClientEvent::Head(response)) => {
                assert_eq!(forwarded(response.headers()), expected, "{lines:?}");
            }
            other => panic!("{lines:?}: {other:?}"),
        }
    }
}

/// The fault: `Max-Forwards` was passed on as it came, so that it bounded nothing (RFC 9110 section 7.6.2).
#[test]
fn i347_max_forwards_is_counted_down_for_options_and_trace() {
    use RequestError::{Field, LastHop};
    for (method, max, expected) in [
        ("OPTIONS", "2", Ok("1")),
        ("TRACE", "1", Ok("0")),
        ("TRACE", "010", Ok("9")),
        ("OPTIONS", "0", Err(LastHop)),
        ("TRACE", "00", Err(LastHop)),
        ("OPTIONS", "", Err(Field)),
        ("OPTIONS", "-1", Err(Field)),
        ("TRACE", "+1", Err(Field)),
        ("TRACE", "1, 2", Err(Field)),
        ("OPTIONS", "99999999999999999999", Ok("18446744073709551614")),
        // Other methods may ignore it.
        ("GET", "0", Ok("0")),
        ("options", "2", Ok("2")),
    ] {
        let head = format!("{method} / HTTP/1.1\r\nHost: one\r\nmax-forwards: {max}\r\n\r\n");
        let got = forward(&head);
        let left =
            got.as_deref().map(|head| head.lines().find_map(|line| line.strip_prefix("max-forwards: ")));
        assert_eq!(left, expected.as_ref().map(|left| Some(*left)), "{method} {max}");
    }
}

/// Requests, and the heads with which they are forwarded.
const REQUESTS: [(&str, Result<&str, RequestError>); 6] = [
    (
        "GET /a?b HTTP/1.1\r\nHost: one\r\nA: 1\r\n\r\n",
        Ok("GET /a?b HTTP/1.1\r\nHost: one\r\nA: 1\r\nVia: 1.1 front\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"),
    ),
    (
        "HEAD / HTTP/1.0\r\n\r\n",
        Ok("HEAD / HTTP/1.1\r\nHost: two\r\nVia: 1.0 front\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"),
    ),
    (
        "POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 7\r\nVia: 1.1 x\r\n\r\n",
        Ok("POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 7\r\nVia: 1.1 x\r\nVia: 1.1 front\r\n\
            X-Forwarded-For: 192.0.2.1\r\n\r\n"),
    ),
    (
        "POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 0\r\n\r\n",
        Ok("POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 0\r\nVia: 1.1 front\r\n\
            X-Forwarded-For: 192.0.2.1\r\n\r\n"),
    ),
    (
        "POST / HTTP/1.1\r\nHost: one\r\nTransfer-Encoding: chunked\r\n\r\n",
        Ok("POST / HTTP/1.1\r\nHost: one\r\nTransfer-Encoding: chunked\r\nVia: 1.1 front\r\n\
            X-Forwarded-For: 192.0.2.1\r\n\r\n"),
    ),
    ("GET / HTTP/1.1\r\nHost: one\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n", Err(RequestError::Field)),
];

#[test]
fn a_request_is_forwarded() {
    for (head, expected) in REQUESTS {
        assert_eq!(
            forward(head).as_deref().map(sorted),
            expected.as_ref().map(|head| sorted(head)),
            "{head:?}"
        );
    }
}

/// The head with which a request is forwarded.
fn forward(head: &str) -> Result<String, RequestError> {
    let via = Via { name: "front", client: Ipv4Addr::new(192, 0, 2, 1).into(), host: "two" };
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    match Machine::new().step(head.as_bytes(), &mut slots, &mut whole, &Limits::default()) {
        Step::Event(_, Event::Head(request) | Event::Request(request)) => {
            let mut out = Vec::new();
            let forwarded = ClientMachine::new().encode_forwarded(&request, &via, &mut out);
            assert!(forwarded.is_ok() || out.is_empty(), "{head:?}: {out:?}");
            forwarded.map(|()| String::from_utf8(out).unwrap())
        }
        other => panic!("{head:?}: {other:?}"),
    }
}

/// The first line, and the others in any order.
fn sorted(head: &str) -> Vec<&str> {
    let mut lines: Vec<_> = head.split("\r\n").collect();
    lines[1..].sort_unstable();
    lines
}
