//! The example `proxy` where an answer, an upstream or a client ends too early, and where answers are many.

use super::nobody::Nobody;
use super::proxy::{bytes, read_request, start, start_to};
use crate::common::connect;
use crate::http::Http;
use crate::process::Example;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

/// More than one read of the test's upstream takes, so that a part of it is unread: so its end is a reset.
const UNREAD: usize = 40_000;
/// More than every buffer between the two ends takes.
const MUCH: usize = 32 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}
use End::{Close, Reset};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// How an answer's body is framed, what of it is sent, how the upstream ends, and whether that is the end of the body.
const ENDS: [(&str, &str, End, bool); 10] = [
    ("", "hello", Close, true),
    ("", "hello", Reset, false),
    ("Connection: close\r\n", "", Close, true),
    ("", "", Reset, false),
    ("Content-Length: 5\r\n", "hello", Reset, true),
    ("Content-Length: 99\r\n", "hello", Close, false),
    ("Content-Length: 99\r\n", "hello", Reset, false),
    (CHUNKED, "5\r\nhello\r\n", Close, false),
    (CHUNKED, "5\r\nhel", Close, false),
    (CHUNKED, "5\r\nhello\r\n0\r\n", Reset, false),
];

/// A request with a body of which the upstream leaves a part unread.
fn post(version: &str) -> Vec<u8> {
    let head = format!("POST / HTTP/{version}\r\nHost: test\r\nContent-Length: {UNREAD}\r\n\r\n");
    [head.into_bytes(), bytes(UNREAD)].concat()
}

/// Ends the upstream's connection: it is reset if not all was read that came.
fn end(stream: TcpStream, mut reader: BufReader<TcpStream>, end: End) {
    if end == Close {
        reader.read_exact(&mut vec![0; UNREAD]).unwrap();
    }
    drop((stream, reader));
}

/// What comes of a body, and whether it comes to its end as HTTP says.
fn read_body(lines: &[String], reader: &mut impl BufRead) -> (Vec<u8>, bool) {
    let has = |start: &str| lines.iter().find_map(|line| line.strip_prefix(start));
    let mut body = Vec::new();
    if let Some(length) = has("Content-Length: ") {
        let length = length.parse().unwrap();
        let _ = reader.by_ref().take(length).read_to_end(&mut body);
        return (body.clone(), body.len() as u64 == length);
    }
    if has("Transfer-Encoding: chunked").is_none() {
        let is_closed = reader.read_to_end(&mut body).is_ok();
        return (body, is_closed);
    }
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line).map(|_| usize::from_str_radix(line.trim_end(), 16)) {
            Ok(Ok(0)) => return (body, reader.read_line(&mut line).is_ok_and(|bytes| bytes == 2)),
            Ok(Ok(bytes)) => {
                let _ = reader.by_ref().take(bytes as u64).read_to_end(&mut body);
                let _ = reader.read_line(&mut line);
            }
            _ => return (body, false),
        }
    }
}

/// The end of the connection is the end of a body without a length, and a reset is not: also for an HTTP/1.0 client, which
/// sees the end of a body by nothing else.
#[test]
fn proxy_distinguishes_an_end_from_a_break() {
    let (_example, addr, upstream) = start();
    for version in ["1.1", "1.0"] {
        for (head, sent, how, is_whole) in ENDS {
            let row = format!("HTTP/{version}: {head:?} {sent:?} {how:?}");
            let mut client = connect(addr);
            client.write_all(&post(version)).unwrap();
            let (mut stream, _) = upstream.accept().unwrap();
            let (_, request) = read_request(&stream);
            stream.write_all(format!("HTTP/1.1 200 OK\r\nX-Own: 1\r\n{head}\r\n{sent}").as_bytes()).unwrap();
            let (lines, mut reader) = read_request(&client);
            assert!(
                lines[0].ends_with("200 OK") && lines.iter().any(|line| line == "X-Own: 1"),
                "{row}: {lines:?}"
            );
            end(stream, request, how);
            let (body, is_end) = read_body(&lines, &mut reader);
            assert_eq!(is_end, is_whole, "{row}: {:?}", String::from_utf8_lossy(&body));
            assert!(b"hello".starts_with(&body) && (body.len() == 5 || !is_end || sent.is_empty()), "{row}");
        }
    }
}

/// The reset comes while the proxy does not read the upstream, because the client does not read.
#[test]
fn proxy_distinguishes_an_end_from_a_break_for_a_slow_client() {
    let (_example, addr, upstream) = start();
    let body = bytes(MUCH);
    for (how, is_whole) in [(Reset, false), (Close, true)] {
        let mut client = connect(addr);
        client.write_all(&post("1.1")).unwrap();
        let (mut stream, _) = upstream.accept().unwrap();
        let (_, request) = read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (lines, mut reader) = read_request(&client);
        let (got, is_end) = thread::scope(|scope| {
            let mut read = || read_body(&lines, &mut reader);
            if how == Close {
                let reads = scope.spawn(read);
                stream.write_all(&body).unwrap();
                end(stream, request, how);
                return reads.join().unwrap();
            }
            stream.set_nonblocking(true).unwrap();
            let mut at = 0;
            let full = loop {
                match stream.write(&body[at..]) {
                    Ok(bytes) => at += bytes,
                    Err(error) => break error.kind(),
                }
            };
            assert_eq!(full, ErrorKind::WouldBlock);
            end(stream, request, how);
            read()
        });
        assert_eq!(
            (is_end, body.starts_with(&got), got.len() == MUCH),
            (is_whole, true, is_whole),
            "{how:?}"
        );
    }
}

/// Answers that come in many small chunks, all at once: each client gets the whole of its own.
#[test]
fn proxy_loses_no_part_of_an_answer() {
    const CLIENTS: usize = 24;
    const PARTS: usize = 10_000;
    let (_example, addr, upstream) = start();
    let answer = format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n{}0\r\n\r\n", "1\r\nx\r\n".repeat(PARTS));
    let mut exchanges: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = connect(addr);
            client.write_all(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n").unwrap();
            let (mut stream, _) = upstream.accept().unwrap();
            let request = read_request(&stream);
            // It waits in the proxy until the request is over.
            stream.write_all(answer.as_bytes()).unwrap();
            (client, stream, request)
        })
        .collect();
    exchanges.iter_mut().for_each(|(client, ..)| client.write_all(b"x").unwrap());
    for (client, ..) in &exchanges {
        let (lines, mut reader) = read_request(client);
        let (body, is_end) = read_body(&lines, &mut reader);
        assert_eq!((body.len(), is_end), (PARTS, true), "{lines:?}");
    }
}

/// What the upstream sends before its end, and how it ends; and an upstream that is not there.
#[test]
fn proxy_answers_502_for_an_upstream_that_does_not() {
    let (_example, addr, upstream) = start();
    for said in ["", "HTTP/1.1 200", "what?\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        for how in [Close, Reset] {
            let mut client = Http::connect(addr);
            client.send(post("1.1"));
            let (mut stream, _) = upstream.accept().unwrap();
            let (_, request) = read_request(&stream);
            stream.write_all(said.as_bytes()).unwrap();
            end(stream, request, how);
            assert_eq!(client.answer(true).status, 502, "{said:?} {how:?}");
        }
    }
    // The upstream closes without reading anything.
    for request in [b"GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_vec(), post("1.1")] {
        let mut client = Http::connect(addr);
        client.send(&request);
        drop(upstream.accept().unwrap());
        assert_eq!(client.answer(true).status, 502);
    }
    let nobody = Nobody::new();
    let (_example, addr) = Example::start("proxy", &["--to", &nobody.addr()]);
    let mut client = Http::connect(addr);
    assert_eq!(client.get("/").status, 502);
    assert_eq!(client.ask("POST", "/", "", "a body").status, 502, "and the connection is still good");
    assert_eq!(client.get("/").status, 502);
}

/// The upstream learns that the client has gone: before its answer, while it is sent to, and while it sends, with a
/// client that takes what comes or takes nothing.
#[test]
fn proxy_ends_with_its_client() {
    let (_example, addr, upstream) = start();
    const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    const HALF: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf";
    for (request, answer) in [
        (GET, ""),
        (HALF, ""),
        (GET, "HTTP/1.1 200 OK\r\n\r\nhello"),
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello"),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ] {
        for is_slow in [false, true] {
            let mut client = connect(addr);
            client.write_all(request.as_bytes()).unwrap();
            let (mut stream, _) = upstream.accept().unwrap();
            let (_lines, mut reader) = read_request(&stream);
            stream.write_all(answer.as_bytes()).unwrap();
            if answer.is_empty() || is_slow {
                drop(client);
            } else {
                let (lines, got) = read_request(&client);
                assert!(lines[0].ends_with("200 OK"));
                drop((client, got));
            }
            let mut rest = Vec::new();
            let _ = reader.read_to_end(&mut rest);
            assert!(rest.len() <= 4, "{request:?} {answer:?}");
        }
    }
    // The answer goes on until its client has gone.
    let mut client = connect(addr);
    client.write_all(GET.as_bytes()).unwrap();
    let (mut stream, _) = upstream.accept().unwrap();
    let _request = read_request(&stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (_lines, got) = read_request(&client);
    drop((client, got));
    let part = bytes(1 << 20);
    let error = (0..64).find_map(|_| stream.write_all(&part).err());
    assert!(error.is_some(), "the upstream's connection is still there");
}

/// Many requests on one connection, all sent at once: each has its own answer, for each kind of end of the one before.
#[test]
fn proxy_answers_pipelined_requests_in_their_order() {
    const REQUESTS: usize = 40;
    // A name is looked up on another thread, so that its connection is not up at once.
    let (_example, addr, upstream) = start_to("localhost");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..REQUESTS {
                let (mut stream, _) = upstream.accept().unwrap();
                let (lines, mut reader) = read_request(&stream);
                assert_eq!(lines[0], format!("POST /{number} HTTP/1.1"));
                assert!(lines.contains(&format!("Content-Length: {}", number % 4)), "{lines:?}");
                let mut body = [0; 3];
                reader.read_exact(&mut body[..number % 4]).unwrap();
                let answer = match number % 3 {
                    0 => format!("HTTP/1.1 200 OK\r\n\r\n{number}"),
                    1 => format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{number:02}"),
                    _ => format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n2\r\n{number:02}\r\n0\r\n\r\n"),
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut client = connect(addr);
        let requests = (0..REQUESTS).map(|number| {
            let bytes = number % 4;
            let body = &"abc"[..bytes];
            format!("POST /{number} HTTP/1.1\r\nHost: test\r\nContent-Length: {bytes}\r\n\r\n{body}")
        });
        client.write_all(requests.collect::<String>().as_bytes()).unwrap();
        let mut reader = BufReader::new(client);
        for number in 0..REQUESTS {
            let mut lines = Vec::new();
            while lines.last().is_none_or(|line: &String| !line.is_empty()) {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                lines.push(line.trim_end().to_owned());
            }
            assert!(lines[0].ends_with("200 OK"), "{number}: {lines:?}");
            let (body, is_end) = read_body(&lines, &mut reader);
            let body = String::from_utf8(body).unwrap();
            assert_eq!((body.parse(), is_end), (Ok(number), true), "{lines:?}");
        }
    });
}
