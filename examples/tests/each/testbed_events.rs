//! `testbed` and its event streams.

use super::streams::events;
use crate::http::Http;
use crate::process::Example;

#[test]
fn testbed_feeds_what_is_published() {
    let (_example, addr) = Example::start("testbed", &["--reactors", "2"]);
    let mut feeds: Vec<_> = (0..4).map(|_| Http::connect(addr)).collect();
    for feed in &mut feeds {
        feed.send("GET /feed HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(feed.head().field("Content-Type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!([feed.line(), feed.line()], [": hi", ""]);
    }
    let mut http = Http::connect(addr);
    for _ in 0..3 {
        assert_eq!(http.get("/publish").status, 200);
    }
    let news = format!("data: {}", "x".repeat(56));
    for feed in &mut feeds {
        for _ in 0..3 {
            assert_eq!([feed.line(), feed.line()], [&*news, ""]);
        }
    }
}

#[test]
fn testbed_sends_hard_events() {
    let (_example, addr) = Example::start("testbed", &[]);
    let mut http = Http::connect(addr);
    http.send("GET /sse HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(http.head().status, 200);
    let stream = http.rest();
    let long = "k".repeat(65_536);
    let text = format!(
        ": first\nretry: 50\n\ndata: hello\n\ndata: line1\ndata: line2\ndata: \n\nevent: custom\nid: 7\ndata: x: y\n\n\
         data:  leading space\n\ndata: \n\ndata: žluťoučký 🐎\n\n: between two events\n\ndata: a\ndata: b\ndata: c\n\n\
         data: {long}\n\nid: 42\ndata: bye\n\n"
    );
    assert!(stream == text.as_bytes(), "{}", String::from_utf8_lossy(&stream).replace(&long, "(long)"));
    let wanted = [
        ("message", "", "hello"),
        ("message", "", "line1\nline2\n"),
        ("custom", "7", "x: y"),
        ("message", "7", " leading space"),
        ("message", "7", ""),
        ("message", "7", "žluťoučký 🐎"),
        ("message", "7", "a\nb\nc"),
        ("message", "7", &*long),
        ("message", "42", "bye"),
    ];
    let wanted = wanted.map(|(event, id, data)| (event.into(), id.into(), data.into()));
    assert!(events(&stream) == (wanted.into(), Some(50)));

    let mut http = Http::connect(addr);
    http.send("GET /sse HTTP/1.1\r\nHost: test\r\nLast-Event-ID: 42\r\n\r\n");
    assert_eq!(http.head().status, 200);
    assert_eq!(events(&http.rest()).0, [("resumed".into(), "done".into(), "42".into())]);

    let mut http = Http::connect(addr);
    assert_eq!(http.ask("GET", "/sse", "Last-Event-ID: done\r\n", "").status, 204);
    http.get("/").is(200, "text/html", "OK");
}

#[test]
fn testbed_sends_no_events_to_a_head_request() {
    let (_example, addr) = Example::start("testbed", &[]);
    for target in ["/sse", "/feed"] {
        let mut http = Http::connect(addr);
        let head = http.ask("HEAD", target, "", "");
        assert_eq!((head.status, head.field("Connection")), (200, Some("close")));
        assert_eq!(http.rest(), b"", "{target}");
    }
    assert_eq!(Http::connect(addr).get("/publish").status, 200);
}
