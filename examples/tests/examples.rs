//! Every example is started on a port of the system's choice and used, with clients of others where there are any.

#[path = "../../crates/jackfield/tests/common/mod.rs"]
mod common;
#[path = "common/http.rs"]
mod http;
#[path = "common/process.rs"]
mod process;
mod proxy;

use common::{connect, expect_close, websocket};
use http::Http;
use jackfield::proto::Step;
use jackfield::proto::sse::{Decoder, Limits, Whole};
use process::{Example, TempDir, binary, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

#[test]
fn hello_greets() {
    let (_example, addr) = Example::start("hello", &[]);
    let mut http = Http::connect(addr);
    http.get("/").is(200, "text/plain", "Hello, world!\n");
    assert_eq!(http.get("/elsewhere").status, 404);
}

#[test]
fn unknown_options_are_refused_with_the_usage() {
    for name in [
        "hello",
        "gate",
        "banner",
        "heartbeat",
        "upload",
        "testing",
        "echo",
        "clock",
        "lines",
        "bridge",
        "proxy",
        "chat",
        "embedded_loop",
        "rest",
        "files",
        "metrics",
        "ticker",
        "dashboard",
        "cluster",
        "quiz",
        "showcase",
        "testbed",
        "tls_reload",
        "fuzz_own_parser",
    ] {
        for args in [&["--lisen", "127.0.0.1:0"][..], &["127.0.0.1:0"], &["--with-bug=1"]] {
            // It prints nothing: nothing has started.
            assert_eq!(Example::spawn(name, args).wait().code(), Some(2), "{name} {args:?}");
        }
        let help = Command::new(binary(name)).arg("--help").output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.starts_with(&format!("usage: {name} [--")), "{text}");
    }
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

/// Each question is answered, or else the connection is closed.
#[test]
fn quiz_asks_and_waits() {
    let (_example, addr) = Example::start("quiz", &["--within", "0.2"]);
    let mut socket = websocket(addr);
    assert_eq!(socket.read().unwrap(), Message::text("1 what is your name?"));
    assert_eq!(expect_close(socket), (4000, "no answer to 1".to_owned()));
    let (_example, addr) = Example::start("quiz", &["--within", "60"]);
    let mut socket = websocket(addr);
    for (number, answer) in ["Ann", "a grail", "blue"].iter().enumerate() {
        let asked = socket.read().unwrap().into_text().unwrap();
        assert!(asked.starts_with(&format!("{} what is your", number + 1)), "{asked}");
        socket.send(Message::text(format!("{} {answer}", number + 1))).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(format!("{answer} it is")));
    }
    assert_eq!(expect_close(socket).0, 1000);
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

/// What a peer says goes to the other server, however much, and its answers come back; one that can't be reached ends the
/// connection.
#[test]
fn bridge_passes_both_ways() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap().to_string();
    let (_example, addr) = Example::start("bridge", &["--to", &to]);
    let mut near = connect(addr);
    let (mut far, _) = server.accept().unwrap();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| near.try_clone().unwrap().write_all(&bytes).unwrap());
        // Nobody reads before the bridge is full.
        std::thread::yield_now();
        let mut got = vec![0; bytes.len()];
        far.read_exact(&mut got).unwrap();
        assert!(got == bytes, "changed on its way");
    });
    far.write_all(b"and back").unwrap();
    drop(far);
    let mut back = Vec::new();
    near.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"and back");
    drop(server);
    assert_eq!(connect(addr).read(&mut [0; 9]).unwrap_or(0), 0, "nobody is there");
}

#[test]
fn the_two_that_pass_on_are_short() {
    let of_code = |source: &str| {
        source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    };
    assert!(of_code(include_str!("../bridge.rs")) <= 40);
    assert!(of_code(include_str!("../proxy.rs")) <= 150);
}

/// One thread waits for datagrams and for the server, and neither waits for the other.
#[test]
fn x6_embedded_loop_serves_between_datagrams() {
    let (mut example, addr) = Example::start("embedded_loop", &["--datagrams", "127.0.0.1:0"]);
    let line = example.line();
    let datagrams = line.strip_prefix("datagrams at ").expect(&line).to_owned();
    let mut feed = Http::connect(addr);
    feed.send("GET /feed HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(feed.head().status, 200);
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (number, word) in ["one", "two"].into_iter().enumerate() {
        sender.send_to(word.as_bytes(), &datagrams).unwrap();
        assert_eq!((&*feed.line(), &*feed.line()), (&*format!("data: {word}"), ""));
        Http::connect(addr).get("/").is(200, "text/plain", &format!("{} datagrams\n", number + 1));
    }
    example.terminate();
    assert!(String::from_utf8(feed.rest()).unwrap().starts_with("retry: "), "it drains");
    let status = example.wait();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn lines_adds() {
    let (_example, addr) = Example::start("lines", &[]);
    // It has nothing of HTTP, but lines are lines.
    let mut lines = Http::connect(addr);
    assert_eq!(lines.line(), "+ adding machine, at your service");
    for (sent, answer) in [
        ("ADD 40\r\n", "+ 40"),
        ("ADD 2\n", "+ 42"),
        ("ADD two\r\n", "- ADD takes a number, and the total must fit"),
        ("ADD 9223372036854775807\r\n", "- ADD takes a number, and the total must fit"),
        ("\r\n", "- the commands are ADD n, TOTAL, QUIT"),
    ] {
        for byte in sent.bytes() {
            lines.send([byte]);
        }
        assert_eq!(lines.line(), answer, "{sent:?}");
    }
    lines.send("TOTAL\r\nADD -1\r\nQUIT\r\nTOTAL\r\n");
    assert_eq!(lines.rest(), b"+ 42\r\n+ 41\r\n+ bye\r\n", "nothing is said after the farewell");

    let mut long = Http::connect(addr);
    assert_eq!(long.line(), "+ adding machine, at your service");
    long.send("x".repeat(70_000));
    assert_eq!(long.rest(), b"- a line is too long\r\n");
}

#[test]
fn fuzz_own_parser_finds_the_bug_and_nothing_else() {
    let example = binary("fuzz_own_parser").into_os_string().into_string().unwrap();
    let finished = run(&example, [""; 0], "").unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(finished.status.success() && text.ends_with("partitions: it holds\n"), "{text}");
    let finished = run(&example, ["--with-bug"], "").unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert_eq!(finished.status.code(), Some(1));
    let test = text.split("#[test]\nfn fuzz_records_with_bug_hold_").nth(1).expect(&text);
    assert!(test.contains("    records_with_bug_hold(b\""), "{text}");
}

/// The text that comes next.
#[track_caller]
fn hear(socket: &mut WebSocket<TcpStream>) -> String {
    match socket.read().unwrap() {
        Message::Text(text) => text.to_string(),
        other => panic!("{other:?} instead of text"),
    }
}

/// Enters the chat and says which id one has got.
fn enter(addr: SocketAddr) -> (WebSocket<TcpStream>, String) {
    let mut socket = websocket(addr);
    let id = hear(&mut socket).strip_prefix("you ").unwrap().to_owned();
    (socket, id)
}

#[test]
fn chat_holds_with_two_reactors() {
    let (_example, addr) = Example::start("chat", &["--reactors", "2"]);
    let page = Http::connect(addr).get("/");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().starts_with("<!doctype html>"));

    // Connections are spread over the reactors, so of three two do not share one.
    let (mut ann, ann_id) = enter(addr);
    let (mut ben, ben_id) = enter(addr);
    assert_eq!(hear(&mut ann), format!("came {ben_id}"));
    let (mut cat, cat_id) = enter(addr);
    for other in [&mut ann, &mut ben] {
        assert_eq!(hear(other), format!("came {cat_id}"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 3");
    }
    let reactors = [&ann_id, &ben_id, &cat_id].map(|id| id.parse::<u64>().unwrap() >> 45);
    assert!(reactors.contains(&0) && reactors.contains(&1), "{reactors:?}");

    // A name is one word.
    ann.send(Message::text("/name Ann: <b>")).unwrap();
    ann.send(Message::text("hello all")).unwrap();
    for socket in [&mut ann, &mut ben, &mut cat] {
        assert_eq!(hear(socket), format!("said {ann_id} Annb: hello all"));
    }
    // What comes after the private message shows who did not get it.
    for (id, other_id) in [(&ben_id, &cat_id), (&cat_id, &ben_id)] {
        ann.send(Message::text(format!("/to {id} for your ears only"))).unwrap();
        let (to, other) = if id == &ben_id { (&mut ben, &mut cat) } else { (&mut cat, &mut ben) };
        assert_eq!(hear(to), format!("whispered {ann_id} Annb: for your ears only"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 3", "{other_id} got nothing");
    }
    ann.send(Message::text("/to nobody psst")).unwrap();
    assert_eq!(hear(&mut ann), "gone nobody");

    cat.close(None).unwrap();
    assert_eq!(cat.read().unwrap(), Message::Close(None));
    drop(cat);
    for other in [&mut ann, &mut ben] {
        assert_eq!(hear(other), format!("left {cat_id}"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 2");
    }
    ben.send(Message::binary(vec![1])).unwrap();
    assert_eq!(expect_close(ben), (1003, "text only".into()));
    assert_eq!(hear(&mut ann), format!("left {ben_id}"));
}

#[test]
fn every_example_ends_well_at_sigterm() {
    for name in ["hello", "echo", "clock", "lines", "chat", "showcase", "testbed"] {
        let (mut example, addr) = Example::start(name, &[]);
        if name == "showcase" {
            assert!(example.line().starts_with("open "));
            assert!(example.line().starts_with("it is alone: "));
        }
        // Somebody is there, and has nothing to say. A server that heard a request has taken the connection up.
        let mut silent = connect(addr);
        if name != "lines" {
            silent.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        }
        assert_ne!(silent.read(&mut [0; 1000]).unwrap(), 0, "{name}: an answer or a banner");
        let socket = matches!(name, "echo" | "chat" | "testbed").then(|| websocket(addr));
        example.terminate();
        if let Some(mut socket) = socket {
            if name == "chat" {
                assert!(hear(&mut socket).starts_with("you "));
            }
            assert_eq!(expect_close(socket).0, 1001, "{name}");
        }
        silent.read_to_end(&mut Vec::new()).unwrap();
        drop(silent);
        let status = example.wait();
        assert_eq!(status.code(), Some(0), "{name}: {status}");
    }
}

#[test]
fn what_is_wrong_on_the_command_line_is_said() {
    for (name, options, code) in [
        ("hello", &["--listen", "nowhere"][..], 1),
        ("chat", &["--listen", "127.0.0.1:0", "--reactors", "none"], 2),
        ("testbed", &["--listen", "127.0.0.1:0", "--reactors"], 2),
        ("testbed", &["--tls", "127.0.0.1:0"], 1),
        ("testbed", &["--tls", "127.0.0.1:0", "--cert", "nowhere.pem", "--key", "nowhere.pem"], 1),
    ] {
        let status = Example::spawn(name, options).wait();
        assert_eq!(status.code(), Some(code), "{name} {options:?}");
    }
}

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
    // What is due in an hour keeps nobody waiting who asked for something later that is due before.
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

/// All events of a stream that ends, as a browser reads it: name, last id and data. And how long it waits before it
/// comes back.
fn events(stream: &[u8]) -> (Vec<(String, String, String)>, Option<u64>) {
    let limits = Limits { line_bytes_max: 100_000, ..Limits::default() };
    let (mut decoder, mut whole) = (Decoder::new(), Whole::default());
    let (mut at, mut events) = (0, Vec::new());
    loop {
        match decoder.step(&stream[at..], &mut whole, &limits) {
            Step::Event(used, event) => {
                at += used;
                events.push((event.event.into(), event.last_event_id.into(), event.data.into()));
            }
            Step::Need(_) => return (events, decoder.retry_ms()),
            other => panic!("{other:?}"),
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
fn testbed_sends_no_events_to_who_asks_for_the_head() {
    let (_example, addr) = Example::start("testbed", &[]);
    for target in ["/sse", "/feed"] {
        let mut http = Http::connect(addr);
        let head = http.ask("HEAD", target, "", "");
        assert_eq!((head.status, head.field("Connection")), (200, Some("close")));
        assert_eq!(http.rest(), b"", "{target}");
    }
    assert_eq!(Http::connect(addr).get("/publish").status, 200);
}

#[test]
fn testbed_echoes_and_closes_as_it_is_told() {
    let (_example, addr) = Example::start("testbed", &[]);
    // More than the library takes by default.
    let mut socket = websocket(addr);
    for message in [Message::text("x".repeat(3 << 20)), Message::binary(vec![7; 16 << 20]), Message::text("")]
    {
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{} bytes", message.len());
    }
    for odd in ["close:", "close:1000", "close:soon:now", "close:1005:a code that must not be sent"] {
        socket.send(Message::text(odd)).unwrap();
        assert_eq!(hear(&mut socket), odd);
    }
    socket.send(Message::binary(&b"close:4000:binary"[..])).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(&b"close:4000:binary"[..]));
    socket.send(Message::text("close:4000:so: be it")).unwrap();
    assert_eq!(expect_close(socket), (4000, "so: be it".into()));
    let mut socket = websocket(addr);
    socket.send(Message::text("close:1000:")).unwrap();
    assert_eq!(expect_close(socket), (1000, String::new()));
}

#[test]
fn testbed_chooses_one_subprotocol_and_takes_any_origin() {
    let (_example, addr) = Example::start("testbed", &[]);
    for (offered, chosen) in [("superchat, echo.test", Some("echo.test")), ("superchat", None)] {
        let mut request = format!("ws://{addr}/any/path?at=all").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", offered.parse().unwrap());
        request.headers_mut().insert("Origin", "https://elsewhere.example".parse().unwrap());
        // tungstenite takes it for an error if nothing is chosen, so the answer is read by hand.
        let mut http = Http::connect(addr);
        let lines = request.headers().iter();
        let lines: String =
            lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
        http.send(format!("GET /any/path?at=all HTTP/1.1\r\n{lines}\r\n"));
        let answer = http.head();
        assert_eq!((answer.status, answer.field("Sec-WebSocket-Protocol")), (101, chosen));
    }
}

#[test]
fn testbed_broadcasts() {
    let (_example, addr) =
        Example::start("testbed", &["--broadcast", "--reactors", "2", "--max-message", "100000"]);
    let mut sockets: Vec<_> = (0..3).map(|_| websocket(addr)).collect();
    // A ping is answered after `on_open`, so everybody has subscribed then.
    for socket in &mut sockets {
        socket.send(Message::Ping("?".into())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong("?".into()));
    }
    for message in [Message::text("for all"), Message::binary(vec![9; 100_000])] {
        sockets[1].send(message.clone()).unwrap();
        for socket in &mut sockets {
            assert!(socket.read().unwrap() == message, "{} bytes", message.len());
        }
    }
    let mut socket = sockets.pop().unwrap();
    socket.send(Message::binary(vec![9; 100_001])).unwrap();
    assert_eq!(expect_close(socket).0, 1009);
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

/// What curl prints for these arguments, the status at the end. `None`: there is no curl.
fn curl(args: &[&str]) -> Option<String> {
    let finished = run("curl", ["-s", "-S", "-w", "|%{http_code}"].iter().chain(args), "")?;
    assert!(finished.status.success(), "{args:?}: {}", finished.status);
    Some(String::from_utf8(finished.stdout).unwrap())
}

#[test]
fn rest_answers_curl() {
    let (_example, addr) = Example::start("rest", &["--token", "t0k3n"]);
    let url = |path: &str| format!("http://{addr}{path}");
    let token = ["-H", "Authorization: Bearer t0k3n"];
    let json = ["-H", "Content-Type: application/json", "-d"];
    let post = |head: &[&'static str], body: &'static str| {
        let args: Vec<&str> = head.iter().chain(&json).copied().chain([body]).collect();
        let url = url("/notes");
        curl(&[&args[..], &[&url]].concat())
    };
    let Some(first) = curl(&[&url("/notes/1")]) else { return };
    assert_eq!(first, "\"bread\"|200");
    assert_eq!(post(&token, "\"milk\"").unwrap(), "|201");
    assert_eq!(post(&[], "\"milk\"").unwrap(), "|401");
    assert!(post(&token, "{}").unwrap().ends_with("line 1 column 0|400"));
    for (path, answer) in [
        ("/notes/2", "\"milk\"|200"),
        ("/notes/0", "Not Found|404"),
        ("/notes/x", "Not Found|404"),
        ("/none", "Not Found|404"),
        ("/notes", "|405"),
        ("/slow/1", "1ms later\n|200"),
    ] {
        assert_eq!(curl(&[&url(path)]).unwrap(), answer, "{path}");
    }
    // It waits for an hour, and its client for two seconds.
    assert!(curl(&[&url("/slow/3600000")]).unwrap().ends_with("|503"));
}

#[test]
fn files_answers_curl() {
    let dir = TempDir::new("files");
    let page = dir.write("page.html", "0123456789");
    let root = page.parent().unwrap().to_str().unwrap();
    let (_example, addr) = Example::start("files", &["--root", root]);
    let url = format!("http://{addr}/page.html");
    let Some(whole) = curl(&[&url]) else { return };
    assert_eq!(whole, "0123456789|200");
    assert_eq!(curl(&["-r", "2-4", &url]).unwrap(), "234|206");
    assert_eq!(curl(&["-r", "20-", &url]).unwrap(), "|416");
    assert_eq!(curl(&["-z", page.to_str().unwrap(), &url]).unwrap(), "|304");
    assert_eq!(curl(&["--path-as-is", &format!("http://{addr}/../page.html")]).unwrap(), "Not Found|404");
}

#[test]
fn metrics_answers_curl() {
    let (mut example, addr) = Example::start("metrics", &["--status", "127.0.0.1:0"]);
    let status = example.addr();
    let Some(page) = curl(&[&format!("http://{addr}/")]) else { return };
    assert_eq!(page, "0 good, 0 not found\n|200");
    assert!(curl(&[&format!("http://{addr}/none")]).unwrap().ends_with("|404"));
    assert_eq!(curl(&[&format!("http://{addr}/")]).unwrap(), "1 good, 1 not found\n|200");
    assert_eq!(curl(&[&format!("http://{status}/health")]).unwrap(), "running\n|200");
    let metrics = curl(&[&format!("http://{status}/metrics")]).unwrap();
    assert!(metrics.contains("\njackfield_http_requests_total 5\n"), "{metrics}");
}

/// A certificate for this host, made just now.
struct Identity {
    dir: TempDir,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
    cert: PathBuf,
    key: PathBuf,
}

impl Identity {
    fn new(name: &str) -> Self {
        let certificate =
            rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let dir = TempDir::new(name);
        let cert = dir.write("cert.pem", &certificate.cert.pem());
        let key = dir.write("key.pem", &certificate.signing_key.serialize_pem());
        Self { dir, certificate, cert, key }
    }

    /// What a client needs that trusts this certificate.
    fn client(&self, version: &'static rustls::SupportedProtocolVersion) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(&[version]).unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// A testbed with a TLS listener, and one without.
    fn start(&self) -> (Example, SocketAddr, SocketAddr) {
        let [cert, key] = [&self.cert, &self.key].map(|path| path.to_str().unwrap());
        let args = ["--tls", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--cert", cert, "--key", key];
        let mut example = Example::spawn("testbed", args);
        let (secure, plain) = (example.addr(), example.addr());
        (example, secure, plain)
    }
}

fn secured(
    config: &Arc<rustls::ClientConfig>,
    addr: SocketAddr,
) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let session = rustls::ClientConnection::new(config.clone(), "localhost".try_into().unwrap());
    rustls::StreamOwned::new(session.unwrap(), connect(addr))
}

#[test]
fn testbed_speaks_tls_with_rustls() {
    let identity = Identity::new("rustls");
    let (_example, secure, plain) = identity.start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = identity.client(version);
        let secured = || secured(&config, secure);
        let mut http = Http::over(secured());
        http.get("/").is(200, "text/html", "OK");
        assert_eq!(http.get("/big").body.len(), 8 << 20);
        http.get("/late?ms=20").is(200, "text/plain", "late");
        http.send("GET /sse HTTP/1.1\r\nHost: test\r\nLast-Event-ID: 1\r\n\r\n");
        assert_eq!(http.head().status, 200);
        // An end without TLS's own farewell would be an error here.
        assert_eq!(events(&http.rest()).0.len(), 1);

        let (mut socket, _) = tungstenite::client("wss://localhost/", secured()).unwrap();
        for message in [Message::text("secret"), Message::binary(vec![5; 1 << 20])] {
            socket.send(message.clone()).unwrap();
            assert!(socket.read().unwrap() == message, "{} bytes", message.len());
        }
    }
    Http::connect(plain).get("/").is(200, "text/html", "OK");
    // Who does not speak TLS there is told so in plain.
    let mut lost = connect(secure);
    lost.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    lost.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with(
        "Content-Length: 44\r\nConnection: close\r\n\r\nThis port speaks TLS: use an https address.\n"
    ));
}

#[test]
fn testbed_speaks_tls_with_curl() {
    let identity = Identity::new("tls-curl");
    let (_example, secure, _) = identity.start();
    let (port, cacert) = (secure.port(), identity.cert.to_str().unwrap());
    let (root, big) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/big"));
    let resolve = format!("localhost:{port}:127.0.0.1");
    let args =
        ["-sS", "--cacert", cacert, "--resolve", &resolve, "-w", "|%{ssl_verify_result} %{http_code}|"];
    let Some(finished) = run("curl", args.iter().chain(&[&*root]), "") else { return };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "OK|0 200|");
    let copy = identity.dir.write("big", "");
    let Some(finished) = run("curl", args.iter().chain(&["-o", copy.to_str().unwrap(), &*big]), "") else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "|0 200|");
    assert_eq!(std::fs::metadata(copy).unwrap().len(), 8 << 20);
}

#[test]
fn testbed_speaks_tls_with_openssl() {
    let identity = Identity::new("tls-openssl");
    let (_example, secure, _) = identity.start();
    let secure = secure.to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let args =
            ["s_client", "-connect", &secure, "-servername", "localhost", "-verify_return_error", "-quiet"];
        let trust = ["-CAfile", identity.cert.to_str().unwrap(), version];
        let request = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let Some(finished) = run("openssl", args.iter().chain(&trust), request) else { return };
        let answer = String::from_utf8_lossy(&finished.stdout);
        assert!(finished.status.success(), "{version}: {} {answer}", finished.status);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("Hello, World!"),
            "{version}: {answer}"
        );
    }
}

/// What curl gets over TLS from a host at this address, with these options more. Empty: nothing, or curl is missing.
fn secure_curl(host: &str, addr: SocketAddr, trusted: &Path, options: &[&str]) -> Option<String> {
    let to = format!("{host}:{}", addr.port());
    let (resolve, url) = (format!("{to}:127.0.0.1"), format!("https://{to}/"));
    let mut args = vec!["-s", "--resolve", &resolve, "--cacert", trusted.to_str().unwrap()];
    args.extend(options);
    args.push(&url);
    run("curl", args, "").map(|finished| String::from_utf8(finished.stdout).unwrap())
}

/// A certificate that it has issued for itself, and its key.
fn self_signed(name: &str) -> (String, String) {
    let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (pair.cert.pem(), pair.signing_key.serialize_pem())
}

/// Until a reload that was asked for has come about.
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it does not come about");
}

#[test]
fn tls_reload_has_two_hosts_and_reads_certificates_again() {
    let dir = TempDir::new("tls-reload");
    let at = dir.write("ca.pem", "").parent().unwrap().to_owned();
    let (example, addr) = Example::start("tls_reload", &["--dir", at.to_str().unwrap()]);
    let file = |name: &str| at.join(name);
    let ca = file("ca.pem");
    let Some(page) = secure_curl("localhost", addr, &ca, &[]) else { return };
    assert!(page.contains("to localhost, a certificate of yours: false"), "{page}");
    let [certificate, key] = ["client.pem", "client.key"].map(|name| file(name).to_str().unwrap().to_owned());
    let own = ["--cert", &*certificate, "--key", &*key];
    let page = secure_curl("staff.localhost", addr, &ca, &own).unwrap();
    assert!(page.contains("to staff.localhost, a certificate of yours: true"), "{page}");
    assert_eq!(secure_curl("staff.localhost", addr, &ca, &[]).unwrap(), "");
    // Half of a pair changes nothing, the whole one does.
    let (chain, key) = self_signed("localhost");
    dir.write("localhost.pem", &chain);
    example.signal("HUP");
    let new = dir.write("new.pem", &chain);
    assert!(secure_curl("localhost", addr, &ca, &[]).unwrap().contains("to localhost"));
    dir.write("localhost.key", &key);
    example.signal("HUP");
    until(|| secure_curl("localhost", addr, &new, &[]).unwrap().contains("to localhost"));
    assert_eq!(secure_curl("localhost", addr, &ca, &[]).unwrap(), "");
}

#[test]
fn testbed_has_hosts_and_reads_their_certificates_again() {
    let dir = TempDir::new("testbed-hosts");
    let host = |name: &str| {
        let (chain, key) = self_signed(name);
        (dir.write(&format!("{name}.pem"), &chain), dir.write(&format!("{name}.key"), &key))
    };
    let [a, b] = ["a.test", "b.test"].map(host);
    let option = |name: &str, (chain, key): &(PathBuf, PathBuf)| {
        format!("{name}={},{}", chain.to_str().unwrap(), key.to_str().unwrap())
    };
    let (of_a, of_b) = (option("a.test", &a), option("b.test", &b));
    let args = ["--tls", "127.0.0.1:0", "--cert", &*of_a, "--cert", &*of_b];
    let mut example = Example::spawn("testbed", args);
    let addr = example.addr();
    for (name, (chain, _)) in [("a.test", &a), ("b.test", &b)] {
        let Some(page) = secure_curl(name, addr, chain, &[]) else { return };
        assert_eq!(page, "OK", "{name}");
    }
    // The files are written anew, and trusted as they are now.
    host("b.test");
    assert_eq!(secure_curl("b.test", addr, &b.0, &[]).unwrap(), "");
    example.signal("HUP");
    until(|| secure_curl("b.test", addr, &b.0, &[]).unwrap() == "OK");
    assert_eq!(secure_curl("a.test", addr, &a.0, &[]).unwrap(), "OK");
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
