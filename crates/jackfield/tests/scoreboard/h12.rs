//! Compressed answers.

use crate::w15::noise;
use flate2::read::{GzDecoder, ZlibDecoder};
use jackfield::test::{TestResponse, TestServer};
use jackfield::{Client, Compression, Connection, Exchange, Reply, Request, TimerId};
use std::io::Read;
use std::time::Duration;

/// Answers as the path says: `/STATUS/BYTES/TYPE`, with the line that the request has in `X-Line`. The status `noise` is 200, with
/// a body that can't be made shorter.
#[derive(Default)]
struct Pages {
    late: Option<(Reply, Compression)>,
}

fn body(bytes: usize) -> String {
    "all work and no play ".chars().cycle().take(bytes).collect()
}

impl Client for Pages {
    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        let compression = Compression::accepted_by(request);
        let mut parts = request.path().splitn(4, '/').skip(1);
        let (status, bytes) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        if status == "late" {
            exchange.set_timer(TimerId(1), Duration::from_secs(1));
            self.late = Some((exchange.defer(), compression));
            return;
        }
        let (status, body) = match status {
            "noise" => (200, noise(bytes)),
            _ => (status.parse().unwrap(), body(bytes).into_bytes()),
        };
        let mut answer = exchange.response(status).compressed(compression);
        if let Some((name, value)) = request.header_str("X-Line").and_then(|line| line.split_once(": ")) {
            answer = answer.header(name, value);
        }
        answer.body(parts.next().unwrap_or(""), body).unwrap();
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        if let Some((reply, compression)) = self.late.take() {
            reply.response(200).compressed(compression.level(9)).body("text/plain", body(5000)).unwrap();
        }
    }
}

fn decoded(answer: &TestResponse) -> String {
    let mut text = String::new();
    match answer.header("Content-Encoding") {
        None => text = answer.text().into(),
        Some("gzip") => drop(GzDecoder::new(answer.body()).read_to_string(&mut text).unwrap()),
        Some("deflate") => drop(ZlibDecoder::new(answer.body()).read_to_string(&mut text).unwrap()),
        Some(other) => panic!("{other}"),
    }
    text
}

/// The answer to GET. Its body is whole with each encoding; HEAD has the same lines.
#[track_caller]
fn ask(target: &str, accepts: &str, line: &str) -> TestResponse {
    let server = TestServer::new(|_peer| Pages::default());
    let request = |method| {
        let request = server.request(method, target);
        let request = if accepts.is_empty() { request } else { request.header("Accept-Encoding", accepts) };
        if line.is_empty() { request } else { request.header("X-Line", line) }
    };
    let (answer, head) = (request("GET").send(), request("HEAD").send());
    let lines = |answer: &TestResponse| {
        answer.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(lines(&answer), lines(&head), "{target}: HEAD");
    assert!(head.body().is_empty(), "{target}: HEAD has no body");
    answer
}

/// How a long text is encoded for a client that accepts this.
#[track_caller]
fn check_accepted(accepts: &str, coding: Option<&str>) {
    let answer = ask("/200/5000/text/html", accepts, "");
    assert_eq!(answer.header("Content-Encoding"), coding, "{accepts}");
    assert_eq!(answer.header("Vary"), Some("Accept-Encoding"), "{accepts}");
    assert_eq!(decoded(&answer), body(5000), "{accepts}");
    assert_eq!(coding.is_some(), answer.body().len() < 1000, "{accepts}");
}

#[test]
fn h12_the_clients_preferred_encoding_is_used() {
    for (accepts, coding) in [
        ("", None),
        ("gzip", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("GZIP", Some("gzip")),
        ("deflate", Some("deflate")),
        ("deflate, gzip, br", Some("gzip")),
        ("gzip;q=0.5, deflate;q=0.8", Some("deflate")),
        ("gzip; q=0.8 , deflate;Q=0.5", Some("gzip")),
        ("gzip;q=0, deflate", Some("deflate")),
        ("gzip;q=0, deflate;q=0", None),
        ("*", Some("gzip")),
        ("*;q=0.1, gzip;q=0", Some("deflate")),
        ("*;q=0", None),
        ("br", None),
        ("identity", None),
        ("identity;q=0.5, gzip;q=0.4", None),
        ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
        ("gzip;q=2", None),
        ("gzip;q=", None),
        ("gzip;q=nan", None),
        ("gzip;level=9", None),
        ("gzipx, ,;q=1", None),
    ] {
        check_accepted(accepts, coding);
    }
}

#[test]
fn h12_only_content_that_gains_is_compressed() {
    for (target, line, is_compressed) in [
        ("/200/1025/text/plain", "", true),
        ("/200/1024/text/plain", "", false),
        ("/404/5000/text/plain;charset=utf-8", "", true),
        ("/200/5000/application/json", "", true),
        ("/200/5000/application/problem+json", "", true),
        ("/200/5000/image/svg+xml", "", true),
        ("/200/5000/Text/HTML", "", true),
        ("/200/5000/", "Content-Type: text/css", true),
        ("/200/5000/", "", false),
        ("/200/5000/image/png", "", false),
        ("/200/5000/video/mp4", "", false),
        ("/200/5000/application/zip", "", false),
        ("/200/5000/application/octet-stream", "", false),
        ("/200/5000/text/plain", "Content-Encoding: br", false),
        ("/200/5000/text/plain", "Cache-Control: public, No-Transform", false),
        ("/200/5000/text/plain", "Cache-Control: public", true),
        ("/200/5000/text/plain", "ETag: \"one\"", false),
        ("/200/5000/text/plain", "ETag: W/\"one\"", true),
        ("/206/5000/text/plain", "Content-Range: bytes 0-4999/9000", false),
        ("/416/5000/text/plain", "Content-Range: bytes */9000", false),
    ] {
        let answer = ask(target, "gzip", line);
        let is = answer.header("Content-Encoding") == Some("gzip");
        assert_eq!(is, is_compressed, "{target} {line}");
        assert_eq!(answer.header("Vary"), Some("Accept-Encoding"), "{target} {line}");
        if line != "Content-Encoding: br" {
            let bytes = target.split('/').nth(2).unwrap().parse().unwrap();
            assert_eq!(decoded(&answer), body(bytes), "{target} {line}");
        }
    }
}

#[test]
fn h12_a_body_that_would_not_get_shorter_is_sent_as_it_is() {
    for accepts in ["gzip", "deflate"] {
        let answer = ask("/noise/5000/text/plain", accepts, "");
        let lines = (answer.header("Content-Encoding"), answer.header("Vary"));
        assert_eq!(lines, (None, Some("Accept-Encoding")), "{accepts}");
        assert!(answer.body() == noise(5000), "{accepts}");
    }
}

#[test]
fn h12_an_answer_without_a_body_has_none() {
    for status in [204, 304] {
        let answer = ask(&format!("/{status}/5000/text/plain"), "gzip", "");
        assert_eq!((answer.status(), answer.body().len()), (status, 0));
        assert_eq!(answer.header("Content-Encoding"), None, "{status}");
        assert_eq!(answer.header("Vary"), Some("Accept-Encoding"), "as the answer that it stands for");
    }
}

#[test]
fn h12_a_late_answer_is_compressed_too() {
    let mut server = TestServer::new(|_peer| Pages::default());
    let mut asked = server.get("/late/0").header("Accept-Encoding", "deflate").begin();
    server.advance(Duration::from_secs(1));
    let answer = asked.answer().expect("it comes");
    assert_eq!(answer.header("Content-Encoding"), Some("deflate"));
    assert_eq!(decoded(&answer), body(5000));
}

#[test]
fn h12_compression_is_off_unless_an_answer_asks_for_it() {
    struct Plain;
    impl Client for Plain {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            exchange.ok("text/plain", body(5000));
        }
    }
    let server = TestServer::new(|_peer| Plain);
    let answer = server.get("/").header("Accept-Encoding", "gzip").send();
    assert_eq!((answer.header("Content-Encoding"), answer.header("Vary")), (None, None));
    assert_eq!(answer.text(), body(5000));
}
