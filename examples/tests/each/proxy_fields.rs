//! Which fields the example `proxy` passes on, in both directions.

use super::proxy::{read_request, start};
use crate::common::connect;
use std::io::{Read, Write};
use std::thread;

/// Lines of a request or of an answer, those that pass, and parts of which none passes.
struct Row {
    what: &'static str,
    lines: &'static str,
    pass: &'static [&'static str],
    stop: &'static [&'static str],
}

/// They are the same in requests and in answers.
const BOTH_WAYS: [Row; 6] = [
    Row {
        what: "fields of the two ends",
        lines: "X-One: 1\r\nCache-Control: no-store\r\nX-One: 2\r\n",
        pass: &["X-One: 1", "X-One: 2", "Cache-Control: no-store"],
        stop: &[],
    },
    Row {
        what: "fields that Connection names",
        lines: "X-Hop: secret\r\nConnection: x-hop, X-Other\r\nx-other: secret\r\nX-Hope: 1\r\n",
        pass: &["X-Hope: 1"],
        stop: &["secret", "x-hop,"],
    },
    Row {
        what: "fields that one of several lines names, beside empty items and spaces",
        lines: "Connection: ,x-one \r\nX-One: secret\r\nX-Two: secret\r\nConnection:\tkeep-alive,\t x-two,\r\nX-Three: 3\r\n",
        pass: &["X-Three: 3"],
        stop: &["secret", "x-one", "x-two"],
    },
    Row {
        what: "fields of one hop that nobody names",
        lines: "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nTrailer: X-Sum\r\nX-Four: 4\r\n",
        pass: &["X-Four: 4"],
        stop: &["timeout=5", "Proxy-Connection", "gzip", "X-Sum"],
    },
    Row {
        what: "credentials for a proxy, and what asks for them",
        lines: "Proxy-Authorization: Basic secret\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
            Proxy-Authentication-Info: secret\r\nAuthorization: Basic mine\r\n",
        pass: &["Authorization: Basic mine"],
        stop: &["secret", "realm"],
    },
    Row {
        what: "the offer of another protocol",
        lines: "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-Five: 5\r\n",
        pass: &["X-Five: 5"],
        stop: &["h2c"],
    },
];

/// A WebSocket is not what the proxy could pass on: the request goes through as any other.
const OF_REQUESTS: [Row; 2] = [
    Row {
        what: "a handshake",
        lines: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        pass: &["Sec-WebSocket-Version: 13"],
        stop: &["Upgrade"],
    },
    Row {
        what: "who has sent it before",
        lines: "X-Forwarded-For: 192.0.2.7\r\nVia: 1.1 first\r\n",
        pass: &[
            "X-Forwarded-For: 192.0.2.7",
            "X-Forwarded-For: 127.0.0.1",
            "Via: 1.1 first",
            "Via: 1.1 jackfield",
        ],
        stop: &[],
    },
];

#[track_caller]
fn check(row: &Row, got: &[String]) {
    for line in row.pass {
        assert!(got.iter().any(|found| found == line), "{}: no {line:?} in {got:?}", row.what);
    }
    for part in row.stop {
        let passed = got.iter().find(|line| line.to_ascii_lowercase().contains(&part.to_ascii_lowercase()));
        assert_eq!(passed, None, "{}: {part}", row.what);
    }
}

/// RFC 9110 section 7.6.1.
#[test]
fn proxy_passes_end_to_end_fields_and_no_others() {
    let (_example, addr, upstream) = start();
    let requests = BOTH_WAYS.iter().chain(&OF_REQUESTS).map(|row| (row, true));
    for (row, is_request) in requests.chain(BOTH_WAYS.iter().map(|row| (row, false))) {
        let (asked, answered) = if is_request { (row.lines, "") } else { ("", row.lines) };
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = upstream.accept().unwrap();
                let (lines, _) = read_request(&stream);
                stream
                    .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{answered}\r\nhi").as_bytes())
                    .unwrap();
                if is_request {
                    check(row, &lines);
                }
            });
            let mut client = connect(addr);
            client.write_all(format!("GET / HTTP/1.1\r\nHost: test\r\n{asked}\r\n").as_bytes()).unwrap();
            let (lines, mut reader) = read_request(&client);
            let mut body = [0; 2];
            reader.read_exact(&mut body).unwrap();
            assert_eq!((&*lines[0], &body), ("HTTP/1.1 200 OK", b"hi"), "{}", row.what);
            if !is_request {
                check(row, &lines);
            }
        });
    }
}
