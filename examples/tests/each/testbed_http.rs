//! `testbed` over HTTP: its routes, late answers, pipelining, listeners, a panic, and curl.

use crate::common::connect;
use crate::http::Http;
use crate::process::{Example, TempDir, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

#[test]
fn testbed_has_its_routes() {
    let (_example, addr) = Example::start("testbed", &[]);
    let mut http = Http::connect(addr);
    http.get("/").is(200, "text/html", "OK");
    let head = http.ask("HEAD", "/", "", "");
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("2")));
    for (method, target) in [
        ("POST", "/"),
        ("PUT", "/"),
        ("OPTIONS", "/"),
        ("POST", "/any/where?q"),
        ("BREW", "/pot"),
        ("GET", "/x"),
    ] {
        for body in ["", "the body"] {
            let answer = http.ask(method, target, "", body);
            assert_eq!((answer.status, answer.text()), (200, body), "{method} {target}");
            assert_eq!(answer.field("Content-Length"), Some(&*body.len().to_string()));
        }
    }
    http.send(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(http.answer(true).text(), "abcde");
    http.ask("GET", "/echo", "X-Twice: 1\r\nx-twice:  2 \r\n", "").is(
        200,
        "text/plain",
        "Host: test\nX-Twice: 1\nx-twice: 2\n",
    );
    http.ask("GET", "/cookie", "Cookie: a=1; b=x=y;c=\r\nCookie: d=4; e\r\n", "").is(
        200,
        "text/plain",
        "a=1\nb=x=y\nc=\nd=4\n",
    );
    http.get("/plaintext").is(200, "text/plain", "Hello, World!");
    http.get("/json").is(200, "application/json", r#"{"message":"Hello, World!"}"#);
    let big = http.get("/big");
    assert!(big.status == 200 && big.body == vec![b'b'; 8 << 20], "{} bytes", big.body.len());
    let head = http.ask("HEAD", "/big", "", "");
    assert_eq!(head.field("Content-Length"), Some("8388608"));
    http.get("/plaintext").is(200, "text/plain", "Hello, World!");
}

#[test]
fn testbed_listens_more_than_once() {
    // Not every machine has IPv6.
    let second = if TcpListener::bind("[::1]:0").is_ok() { "[::1]:0" } else { "127.0.0.1:0" };
    let args = ["--listen", "127.0.0.1:0", "--reactors", "3", "--listen", second];
    let mut example = Example::spawn("testbed", args);
    for wanted in ["127.0.0.1:0", second] {
        let addr = example.addr();
        assert_eq!(addr.ip(), wanted.parse::<SocketAddr>().unwrap().ip());
        Http::connect(addr).get("/").is(200, "text/html", "OK");
    }
}

#[test]
fn testbed_keeps_the_order_of_pipelined_requests() {
    let (_example, addr) = Example::start("testbed", &[]);
    let mut http = Http::connect(addr);
    let targets =
        ["/plaintext", "/late?ms=100", "/json", "/late?x&ms=0", "/x", "/late?ms=soon", "/plaintext"];
    let requests =
        targets.map(|target| format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab"));
    http.send(requests.concat());
    let answers = targets.map(|_| http.answer(true));
    let found = answers.each_ref().map(|answer| (answer.status, answer.text()));
    let json = r#"{"message":"Hello, World!"}"#;
    assert_eq!(
        found,
        [
            (200, "Hello, World!"),
            (200, "late"),
            (200, json),
            (200, "late"),
            (200, "ab"),
            (400, "Bad Request"),
            (200, "Hello, World!"),
        ]
    );
}

#[test]
fn testbed_has_two_hundred_late_answers_in_flight() {
    let (_example, addr) = Example::start("testbed", &["--reactors", "2"]);
    let ask = |ms: u32| {
        let mut all: Vec<_> = (0..200).map(|_| Http::connect(addr)).collect();
        for http in &mut all {
            http.send(format!("GET /late?ms={ms} HTTP/1.1\r\nHost: test\r\n\r\n"));
        }
        all
    };
    // An answer that is due in an hour does not delay a later request whose answer is due earlier.
    let in_an_hour = ask(3_600_000);
    let mut soon = ask(100);
    Http::connect(addr).get("/late?ms=1").is(200, "text/plain", "late");
    for http in &mut soon {
        http.answer(true).is(200, "text/plain", "late");
    }
    // Who leaves before the answer is due does no harm.
    soon[0].send("GET /late?ms=50 HTTP/1.1\r\nHost: test\r\n\r\n");
    drop((in_an_hour, soon));
    Http::connect(addr).get("/late?ms=100").is(200, "text/plain", "late");
}

#[test]
fn testbed_survives_its_panic() {
    let (_example, addr) = Example::start("testbed", &["--reactors", "1"]);
    let mut http = Http::connect(addr);
    http.send("GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\nGET /panic HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(http.answer(true).status, 200);
    let panic = http.answer(true);
    assert_eq!((panic.status, panic.field("Connection")), (500, Some("close")));
    assert_eq!(http.rest(), b"");
    Http::connect(addr).get("/").is(200, "text/html", "OK");
}

#[test]
fn testbed_answers_curl() {
    let (_example, addr) = Example::start("testbed", &[]);
    let dir = TempDir::new("curl");
    let upload = dir.write("upload", &"u".repeat(1 << 20));
    let too_much = dir.write("too-much", &"u".repeat((1 << 20) + 1));
    let (upload, too_much) = (format!("@{}", upload.display()), format!("@{}", too_much.display()));
    let url = |path: &str| format!("http://{addr}{path}");
    let report = ["-w", "|%{http_code} %{http_version} %{num_connects}|"];
    let cases: [(&[&str], String); 9] = [
        (&[&url("/")], "OK|200 1.1 1|".into()),
        // Two requests on one connection.
        (&[&url("/plaintext"), &url("/x")], "Hello, World!|200 1.1 1||200 1.1 0|".into()),
        (&["--http1.0", &url("/plaintext")], "Hello, World!|200 1.1 1|".into()),
        (&["-I", "-o", "/dev/null", &url("/big")], "|200 1.1 1|".into()),
        (&["-X", "PUT", "--data-binary", "abc", &url("/")], "abc|200 1.1 1|".into()),
        (&["-b", "a=1; b=2", &url("/cookie")], "a=1\nb=2\n|200 1.1 1|".into()),
        (
            &[
                "-H",
                "Transfer-Encoding: chunked",
                "-H",
                "Expect: 100-continue",
                "--data-binary",
                &upload,
                &url("/"),
            ],
            "u".repeat(1 << 20) + "|200 1.1 1|",
        ),
        (&["-o", "/dev/null", "--data-binary", &too_much, &url("/")], "|413 1.1 1|".into()),
        (
            &["-H", "Last-Event-ID: 7", &url("/sse")],
            "event: resumed\nid: done\ndata: 7\n\n|200 1.1 1|".into(),
        ),
    ];
    for (args, wanted) in cases {
        let Some(finished) = run("curl", ["-s", "-S"].iter().chain(&report).chain(args), "") else { return };
        assert!(finished.status.success(), "{args:?}: {}", finished.status);
        let found = String::from_utf8_lossy(&finished.stdout);
        assert!(found == wanted, "{args:?}: {}", &found[found.len().saturating_sub(200)..]);
    }
}

#[test]
fn testbed_takes_connections_of_a_proxy() {
    let (_example, addr) = Example::start("testbed", &["--proxy"]);
    let mut http = Http::connect(addr);
    http.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    http.get("/").is(200, "text/html", "OK");
    let mut plain = connect(addr);
    plain.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    assert_eq!(plain.read(&mut [0; 9]).unwrap_or(0), 0, "no header came first");
}
