//! The examples to begin with: `hello`, `echo`, `clock`, and `embedded_loop`, which has its own loop.

use super::sites::curl;
use crate::common::websocket;
use crate::http::Http;
use crate::process::Example;
use tungstenite::Message;

#[test]
fn hello_greets() {
    let (_example, addr) = Example::start("hello", &[]);
    let mut http = Http::connect(addr);
    http.get("/").is(200, "text/plain", "Hello, world!\n");
    assert_eq!(http.get("/elsewhere").status, 404);
}

#[test]
fn echo_says_everything_back() {
    let (_example, addr) = Example::start("echo", &[]);
    let mut socket = websocket(addr);
    for message in [Message::text("žluťoučký 🐎"), Message::binary(vec![0, 255])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
}

#[test]
fn clock_ticks() {
    let (_example, addr) = Example::start("clock", &[]);
    let page = Http::connect(addr).get("/");
    assert!(page.text().contains("new EventSource('time')"), "{}", page.text());
    let mut http = Http::connect(addr);
    http.send("GET /time HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(http.head().field("Content-Type"), Some("text/event-stream; charset=utf-8"));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let time = http.line();
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!((&*digits, &*http.line()), ("data: 00:00:00 UTC", ""));
        seen.push(time);
    }
    // Two ticks may fall into one second, at the border of two. Of three the last is a later one.
    assert_ne!(seen[0], seen[2], "{seen:?}");
}

/// One thread waits for datagrams and for the server, and neither waits for the other.
#[test]
fn x6_embedded_loop_serves_between_datagrams() {
    let (mut example, addr) = Example::start("embedded_loop", &["--datagrams", "127.0.0.1:0"]);
    let line = example.line();
    let datagrams = line.strip_prefix("datagrams at ").expect(&line).to_owned();
    assert!(example.line().starts_with("try: "));
    let mut feed = Http::connect(addr);
    feed.send("GET /feed HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(feed.head().status, 200);
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (number, word) in ["one", "two"].into_iter().enumerate() {
        sender.send_to(word.as_bytes(), &datagrams).unwrap();
        assert_eq!((&*feed.line(), &*feed.line()), (&*format!("data: {word}"), ""));
        Http::connect(addr).get("/").is(200, "text/plain", &format!("{} datagrams\n", number + 1));
    }
    if let Some(page) = curl(&[&format!("http://{addr}/")]) {
        assert_eq!(page, "2 datagrams\n|200");
    }
    example.terminate();
    assert!(String::from_utf8(feed.rest()).unwrap().starts_with("retry: "), "it drains");
    let status = example.wait();
    assert_eq!(status.code(), Some(0), "{status}");
}
