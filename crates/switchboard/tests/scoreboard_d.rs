//! Limits and defence.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;
use support::probe::{Probe, observed};
use support::{Lab, get, ok, outcome, socket, statuses, text};
use switchboard::test::{TestOptions, listener};
use switchboard::{BodyPlan, Fields, Limits};

const SECOND: Duration = Duration::from_secs(1);

/// However the input is cut, it is answered with this status, nothing behind it is answered, and the server closes
/// once the peer has had the time to read.
#[track_caller]
fn check_refused(input: &[u8], status: u16) {
    let mut piped = input.to_vec();
    piped.extend(get("/behind").bytes());
    for input in [input, &piped] {
        let outcome = outcome(Probe::default, listener::HTTP, input);
        assert_eq!(statuses(&outcome.output), [status], "{}: {outcome}", text(input));
        assert!(outcome.is_finished, "{} leaves the connection open", text(input));
        assert!(!outcome.log.iter().any(|event| event.starts_with("request")), "{outcome}");
    }
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    lab.say(&far, input);
    assert_eq!(lab.connections(), 1, "it lingers, so that no reset destroys the answer");
    lab.advance(SECOND * 2);
    assert_eq!(lab.connections(), 0, "{} hangs", text(input));
    assert_eq!(lab.log.count("disconnect"), 1);
}

#[test]
fn d1_a_head_has_10_s_from_its_first_byte() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    lab.advance(SECOND * 60);
    far.send(b"GET");
    lab.advance(Duration::from_millis(9_999));
    // Bytes don't help: it is absolute.
    far.send(b" / HTTP/1.1\r\nHost: h\r\n");
    lab.run();
    assert!(!far.is_finished());
    lab.advance(Duration::from_millis(1));
    assert_eq!(statuses(&far.take()), [408]);
    assert!(far.is_finished());
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Timeout(Head)"), "{:?}", lab.log.events());
}

#[test]
fn d1_each_head_has_its_own_10_s() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    for _ in 0..5 {
        let (begin, end) = ("GET / HTTP/1.1\r\nHo", "st: h\r\n\r\n");
        assert_eq!(lab.ask(&far, begin), "");
        lab.advance(SECOND * 9);
        assert_eq!(text(&lab.say(&far, end)).lines().next(), Some("HTTP/1.1 200 OK"));
    }
}

#[test]
fn d1_who_never_sent_a_byte_is_closed_in_silence() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    lab.advance(SECOND * 75);
    assert!(far.is_finished());
    assert_eq!(text(&far.take()), "");
}

#[test]
fn d1_a_slow_loris_is_cut_off_though_it_never_falls_silent() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HTTP/1.1\r\n");
    for second in 0..10 {
        assert!(!far.is_finished(), "after {second} s");
        far.send(b"X-A: b\r\n");
        lab.advance(SECOND);
    }
    assert_eq!(statuses(&far.take()), [408]);
}

#[test]
fn d2_a_body_must_flow_with_1_kib_a_second() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    for (bytes_a_second, flows) in [(1024, true), (1000, false), (0, false), (5000, true)] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect();
        lab.say(&far, head);
        for _ in 0..100 {
            far.send(&vec![b'x'; bytes_a_second]);
            lab.advance(SECOND);
        }
        assert_eq!(!far.is_finished(), flows, "{bytes_a_second} bytes a second");
        let answers = if flows { vec![] } else { vec![408] };
        assert_eq!(statuses(&far.take()), answers);
    }
}

#[test]
fn d2_a_websocket_may_be_as_slow_as_it_likes() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    for _ in 0..20 {
        lab.advance(SECOND * 25);
        assert_eq!(socket::texts(&lab.say(&far, socket::text("slow"))), ["slow"]);
    }
}

#[test]
fn d3_heads_of_16_kib_with_100_headers_and_targets_of_8_kib() {
    let head = |bytes: usize| {
        let begin = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
        format!("{begin}{}\r\n\r\n", "x".repeat(bytes - begin.len() - 4))
    };
    let headers = |count: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    let target = |bytes: usize| get(&format!("/{}", "x".repeat(bytes - 1)));
    for (input, status) in [
        (head(16 << 10), 200),
        (head((16 << 10) + 1), 431),
        (headers(100), 200),
        (headers(101), 431),
        (target(8 << 10), 200),
        (target((8 << 10) + 1), 414),
    ] {
        let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
        assert_eq!(statuses(&outcome.output[..20]), [status], "{} bytes", input.len());
        assert_eq!(outcome.is_finished, status != 200);
    }
}

#[test]
fn d3_a_head_that_never_ends_is_refused_at_its_bound() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HTTP/1.1\r\nHost: h\r\n");
    let line = b"X-Filler: 0123456789\r\n";
    let mut sent = 0;
    while !far.is_finished() {
        far.send(line);
        lab.run();
        sent += line.len();
        assert!(sent < 17 << 10, "it takes ever more");
    }
    assert_eq!(statuses(&far.take()), [431]);
}

#[test]
fn d6_an_unfinished_message_has_60_s() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    lab.say(&far, socket::masked(socket::TEXT, b"begin"));
    for _ in 0..11 {
        lab.advance(SECOND * 5);
        assert_eq!(text(&lab.say(&far, socket::masked(socket::CONTINUATION, b"more"))), "");
    }
    lab.advance(SECOND * 5);
    let frames = socket::frames(&far.take());
    assert_eq!(frames.last().and_then(socket::Frame::code), Some(1008));
    lab.advance(SECOND * 8);
    assert!(lab.log.has("disconnect Timeout(Message)"), "{:?}", lab.log.events());
}

#[test]
fn d6_65_536_fragments_of_one_message_come_through() {
    for (fragments, comes) in [(65_536, true), (65_537, false)] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        far.send(&socket::masked(socket::BINARY, b"x"));
        for _ in 0..fragments - 2 {
            far.send(&socket::masked(socket::CONTINUATION, b"x"));
        }
        far.send(&socket::masked(socket::CONTINUATION | socket::FIN, b"x"));
        lab.run();
        let frames = socket::frames(&far.take());
        match comes {
            true => assert_eq!(frames[0].payload.len(), fragments),
            false => assert_eq!(frames[0].code(), Some(1008)),
        }
    }
}

#[test]
fn d8_contradictions_about_length_are_refused() {
    let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\nabcde").into_bytes();
    for (lines, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5, 5\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: -5\r\n", 400),
        ("Content-Length: 0x5\r\n", 400),
        ("Content-Length: 5 5\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Content-Length: five\r\n", 400),
        ("Content-Length: 99999999999999999999\r\n", 400),
        ("Content-Length : 5\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: chunked, gzip\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: \r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: identity\r\n", 501),
        ("X-A: b\r\n folded\r\nContent-Length: 5\r\n", 400),
        ("X-A: b\r\n\tfolded\r\n", 400),
        ("X-A: b\nContent-Length: 5\r\n", 400),
        ("X-A: b\rContent-Length: 5\r\n", 400),
        ("X-A: b\0c\r\n", 400),
        ("X A: b\r\n", 400),
        (": b\r\n", 400),
        ("X-A\r\n", 400),
        ("Expect: the worst\r\n", 417),
    ] {
        check_refused(&post(lines), status);
    }
}

#[test]
fn d8_malformed_requests_are_refused_and_closed() {
    for (input, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/11\r\nHost: h\r\n\r\n", 400),
        ("GET / FTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ] {
        check_refused(input.as_bytes(), status);
    }
}

#[test]
fn d8_malformed_chunks_are_refused_and_closed() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "g\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "\r\nx\r\n0\r\n\r\n",
        " 1\r\nx\r\n0\r\n\r\n",
        "1\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "1\r\nx\n0\r\n\r\n",
        "10000000000000000\r\nx\r\n0\r\n\r\n",
        "1;\x01\r\nx\r\n0\r\n\r\n",
        "0\r\nX A: b\r\n\r\n",
        "0\r\n folded\r\n\r\n",
    ] {
        check_refused(format!("{head}{chunks}").as_bytes(), 400);
    }
    check_refused(format!("{head}0\r\n{}\r\n", "X-Trailer: x\r\n".repeat(1000)).as_bytes(), 431);
}

#[test]
fn d8_the_fault_behind_good_requests_ends_them() {
    let input = [&get("/1"), &get("/2"), "BAD\r\n\r\n", &get("/3")].concat();
    let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
    assert_eq!(statuses(&outcome.output), [200, 200, 400]);
    assert!(outcome.is_finished);
}

#[test]
fn d9_header_injection_is_an_error() {
    const ATTACK: &str = "x\r\nSet-Cookie: stolen=1\r\n\r\n<script>";
    let make = || Probe {
        on_request: |_, exchange, request| match request.path() {
            "/type" => exchange.respond(200, ATTACK, "body"),
            "/location" => exchange.redirect(302, ATTACK),
            "/name" => assert!(exchange.response(200).header(ATTACK, "v").body("", "").is_err()),
            "/value" => assert!(exchange.response(200).header("V", ATTACK).body("", "").is_err()),
            "/stream" => assert!(exchange.response(200).header("V", ATTACK).stream("", None).is_err()),
            _ => assert!(exchange.response(200).header("Content-Length", "0").body("", "body").is_err()),
        },
        ..Probe::default()
    };
    for path in ["/type", "/location", "/name", "/value", "/stream", "/length"] {
        let outcome = outcome(make, listener::HTTP, get(path).as_bytes());
        let status = if path == "/type" { 200 } else { 500 };
        assert_eq!(statuses(&outcome.output), [status], "{path}: {outcome}");
        assert!(!text(&outcome.output).contains("Set-Cookie"), "{path}: {outcome}");
    }
    let upgrade = || Probe {
        on_upgrade: |_, mut upgrade, _| {
            assert!(upgrade.header("X", "a\r\nb").is_err());
            upgrade.accept();
        },
        ..Probe::default()
    };
    let outcome = outcome(upgrade, listener::HTTP, socket::UPGRADE.as_bytes());
    assert_eq!(text(&outcome.output), socket::SWITCHED);
    assert!(Fields::new().push("Set-Cookie\r\n", "x").is_err());
}

#[test]
fn d10_a_panics_text_stays_in_the_process() {
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, _, _| panic!("the password is 1234"),
        on_message: |_, _, _| panic!("the password is 1234"),
        ..Probe::default()
    });
    let far = lab.connect();
    let answer = lab.ask(&far, get("/"));
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.ends_with("Content-Length: 0\r\n\r\n"), "{answer}");
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, socket::text("x")));
    assert_eq!(frames, [socket::Frame::new(socket::FIN | socket::CLOSE, 1011_u16.to_be_bytes())]);
    assert_eq!(seen.events(), ["panic the password is 1234"; 2], "but the observer hears it");
}

#[test]
fn d10_refusals_say_their_status_only() {
    for input in ["GET / HTTP/1.1\r\n\r\n", "GET x HTTP/1.1\r\nHost: h\r\n\r\n", "BAD\r\n\r\n"] {
        let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
        assert!(outcome.output.ends_with(b"\r\n\r\nBad Request"), "{outcome}");
    }
}

#[test]
fn d13_no_crate_but_the_door_has_unsafe_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = fs::read_to_string(crates.join("../Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let folders = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|folder| !folder.ends_with("switchboard-simd")) {
        let manifest = folder.join("Cargo.toml");
        let manifest = fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{manifest:?}: {error}"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

#[test]
fn d1_the_deadlines_can_be_set() {
    let limits = Limits { head_timeout: SECOND, ..Limits::default() };
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut lab =
        Lab::with_options(options, || Probe { on_head: |_, _, _| BodyPlan::Stream, ..Probe::default() });
    let far = lab.connect();
    far.send(b"G");
    lab.advance(SECOND);
    assert_eq!(statuses(&far.take()), [408]);
    let far = lab.connect();
    assert_eq!(lab.ask(&far, get("/x")), ok("GET /x ").replace("00:00:00", "00:00:01"));
}
