//! The example `proxy`: between a client and an upstream that the test plays, and with curl. What goes wrong is in
//! `proxy_ends`, and which fields pass in `proxy_fields`.

use crate::common::{LIMIT, connect};
use crate::http::Http;
use crate::process::Example;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::thread;

/// A proxy before an upstream that the test plays.
pub(crate) fn start() -> (Example, SocketAddr, TcpListener) {
    start_to("127.0.0.1")
}

/// The same where the proxy knows the upstream by this name.
pub(crate) fn start_to(host: &str) -> (Example, SocketAddr, TcpListener) {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("{host}:{}", upstream.local_addr().unwrap().port());
    let (example, addr) = Example::start("proxy", &["--to", &to]);
    // The system takes this limit for an accept too.
    let upstream = TcpStream::from(OwnedFd::from(upstream));
    upstream.set_read_timeout(Some(LIMIT)).unwrap();
    (example, addr, TcpListener::from(OwnedFd::from(upstream)))
}

/// A request as the upstream gets it: its lines, and its body.
pub(crate) fn read_request(stream: &TcpStream) -> (Vec<String>, BufReader<TcpStream>) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => return (lines, reader),
            line => lines.push(line.to_owned()),
        }
    }
}

const MIB: usize = 1 << 20;

pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

#[test]
fn proxy_passes_requests_and_answers_on() {
    let (_example, addr, upstream) = start();
    let mut client = Http::connect(addr);
    let rows = [
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: yes\r\nConnection: close\r\n\r\nhi",
            200,
            "hi",
        ),
        ("GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, ""),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Own: yes\r\n\r\n", 200, ""),
        (
            "POST",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
            201,
            "ok",
        ),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", 304, ""),
    ];
    // They come on one connection of the client's.
    for (method, answer, status, body) in rows {
        let sent = if method == "POST" { "a body" } else { "" };
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = upstream.accept().unwrap();
                let (lines, mut reader) = read_request(&stream);
                assert_eq!(lines[0], format!("{method} /path?query HTTP/1.1"));
                for line in ["Host: test", "X-Mine: 1", "X-Forwarded-For: 127.0.0.1"] {
                    assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
                }
                assert!(
                    !lines.iter().any(|line| line.starts_with("Keep-Alive")),
                    "it is of the other connection"
                );
                let mut got = vec![0; sent.len()];
                reader.read_exact(&mut got).unwrap();
                assert_eq!(got, sent.as_bytes());
                stream.write_all(answer.as_bytes()).unwrap();
            });
            let got = client.ask(method, "/path?query", "X-Mine: 1\r\nKeep-Alive: 5\r\n", sent);
            assert_eq!((got.status, &*String::from_utf8_lossy(&got.body)), (status, body));
        });
    }
}

/// The fault: it was passed on, with the same number, from proxy to proxy (RFC 9110 section 7.6.2).
#[test]
fn i347_proxy_answers_what_may_not_be_passed_on() {
    let (_example, addr, _upstream) = start();
    for (method, body) in [("OPTIONS", ""), ("TRACE", ""), ("OPTIONS", "a body")] {
        let answer = Http::connect(addr).ask(method, "/", "Max-Forwards: 0\r\n", body);
        assert_eq!(answer.status, 501, "{method} {body}");
    }
}

/// Much more than all buffers hold, both ways, with a length and without.
#[test]
fn proxy_streams_large_bodies_both_ways() {
    let (_example, addr, upstream) = start();
    for framing in ["Content-Length: 20971520", "Transfer-Encoding: chunked"] {
        let is_chunked = framing.starts_with("Transfer");
        let body = bytes(20 * MIB);
        let part = |part: &[u8]| match is_chunked {
            true => [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat(),
            false => part.to_vec(),
        };
        let end: &[u8] = if is_chunked { b"0\r\n\r\n" } else { b"" };
        let write_all = |mut stream: &TcpStream, head: String| {
            stream.write_all(head.as_bytes()).unwrap();
            body.chunks(100_000).for_each(|piece| stream.write_all(&part(piece)).unwrap());
            stream.write_all(end).unwrap();
        };
        let read_all = |reader: &mut BufReader<TcpStream>| {
            let mut got = Vec::new();
            while got.len() < body.len() {
                let count = if is_chunked {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    usize::from_str_radix(line.trim_end(), 16).unwrap()
                } else {
                    MIB
                };
                let begin = got.len();
                got.resize(begin + count, 0);
                reader.read_exact(&mut got[begin..]).unwrap();
                reader.read_exact(&mut vec![0; if is_chunked { 2 } else { 0 }]).unwrap();
            }
            reader.read_exact(&mut vec![0; end.len()]).unwrap();
            assert!(got == body, "changed on its way");
        };
        let client = connect(addr);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (stream, _) = upstream.accept().unwrap();
                let (lines, mut reader) = read_request(&stream);
                assert!(lines.iter().any(|line| line == framing), "{lines:?}");
                read_all(&mut reader);
                write_all(&stream, format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
            });
            write_all(&client, format!("POST / HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"));
            let (lines, mut reader) = read_request(&client);
            assert!(
                lines[0].starts_with("HTTP/1.1 200") && lines.iter().any(|line| line == framing),
                "{lines:?}"
            );
            read_all(&mut reader);
        });
    }
}

#[test]
fn proxy_is_used_by_curl() {
    let (_example, addr, upstream) = start();
    let sent = bytes(3 * MIB);
    let upload = std::env::temp_dir().join(format!("jackfield-proxy-{}", std::process::id()));
    std::fs::write(&upload, &sent).unwrap();
    let curl = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--data-binary"])
        .arg(format!("@{}", upload.display()))
        .arg(format!("http://{addr}/"))
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(curl) = curl else { return eprintln!("there is no curl") };
    let (mut stream, _) = upstream.accept().unwrap();
    let (_lines, mut reader) = read_request(&stream);
    let mut got = vec![0; sent.len()];
    reader.read_exact(&mut got).unwrap();
    assert!(got == sent, "changed on its way");
    stream
        .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()).as_bytes())
        .unwrap();
    stream.write_all(&sent).unwrap();
    let output = curl.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout == sent);
    std::fs::remove_file(upload).unwrap();
}
