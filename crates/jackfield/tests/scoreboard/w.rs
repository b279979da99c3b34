//! WebSocket.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{LateUpgrade, Limits, Message, Prepared, Server, WebSocket};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::time::Duration;
use support::probe::Probe;
use support::real::Live;
use support::socket::{self, BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, SWITCHED, TEXT, UPGRADE};
use support::{Lab, get, ok, outcome, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// However the frames are cut, the server says this after the handshake.
#[track_caller]
fn check(make: fn() -> Probe, input: &[u8], expected: &[Frame]) -> support::Outcome {
    let input = [UPGRADE.as_bytes(), input].concat();
    let outcome = outcome(make, listener::HTTP, &input);
    let frames = outcome.output.strip_prefix(SWITCHED.as_bytes()).expect("it is switched");
    assert_eq!(socket::frames(frames), expected, "to {:?}", input.escape_ascii().to_string());
    outcome
}

fn closing(code: u16) -> Frame {
    Frame::new(FIN | CLOSE, code.to_be_bytes())
}

#[test]
fn w1_an_upgrade_is_accepted_on_any_path_by_default() {
    for path in ["/", "/ws", "/any/where?q"] {
        let outcome = outcome(Probe::default, listener::HTTP, UPGRADE.replace("/ws", path).as_bytes());
        assert_eq!(text(&outcome.output), SWITCHED);
        assert_eq!(outcome.log, ["connect".into(), format!("upgrade {path}"), "open".into()]);
    }
}

#[test]
fn w1_a_server_without_websocket_serves_none() {
    struct Nothing;
    impl jackfield::Client for Nothing {}
    let mut server = jackfield::test::TestServer::new(|_peer| Nothing);
    let far = server.connect();
    far.send(&[UPGRADE.as_bytes(), &socket::text("hello")].concat());
    server.run();
    let output = far.take();
    let frames = socket::frames(output.strip_prefix(SWITCHED.as_bytes()).unwrap());
    assert_eq!(frames[0].code(), Some(1003));
}

#[test]
fn w1_the_upgrade_can_be_inspected() {
    let make = || Probe {
        on_upgrade: |probe, upgrade, request| {
            let protocols: Vec<_> = upgrade.protocols().collect();
            let extensions: Vec<_> = upgrade.extensions().collect();
            probe.log.note(format!("{} {protocols:?} {extensions:?} {:?}", request.path(), upgrade.origin()));
            upgrade.accept();
        },
        ..Probe::default()
    };
    let input = socket::upgrade_with(
        "Origin: http://h\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\n",
    );
    let outcome = outcome(make, listener::HTTP, input.as_bytes());
    assert_eq!(outcome.log[2], r#"/ws ["a", "b"] ["permessage-deflate; x=1"] Some("http://h")"#);
}

thread_local! {
    static LATE: RefCell<Vec<LateUpgrade>> = const { RefCell::new(Vec::new()) };
}

fn deferring() -> Probe {
    Probe {
        on_upgrade: |_, upgrade, _| LATE.with(|late| late.borrow_mut().push(upgrade.defer())),
        ..Probe::default()
    }
}

fn take_deferred_upgrade() -> LateUpgrade {
    LATE.with(|late| late.borrow_mut().remove(0))
}

#[test]
fn w2_the_decision_may_come_later_from_another_thread() {
    let mut lab = Lab::new(deferring);
    let far = lab.connect();
    let input = socket::upgrade_with("Sec-WebSocket-Protocol: a, b\r\n");
    // What the client sends in the meantime is kept.
    assert_eq!(lab.ask(&far, [input.as_bytes(), &socket::text("early")].concat()), "");
    let mut late = take_deferred_upgrade();
    let thread = std::thread::spawn(move || {
        assert_eq!(late.protocols().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!late.choose("c") && late.choose("b") && !late.choose("a"));
        late.header("X-Late", "yes").unwrap();
        late.accept();
    });
    thread.join().unwrap();
    lab.run();
    let output = far.take();
    let lines = "Sec-WebSocket-Protocol: b\r\nX-Late: yes\r\n\r\n";
    let expected = SWITCHED.replacen("\r\n\r\n", &format!("\r\n{lines}"), 1);
    let frames = output.strip_prefix(expected.as_bytes()).unwrap_or_else(|| panic!("{}", text(&output)));
    assert_eq!(socket::texts(frames), ["early"]);
    assert_eq!(lab.log.events(), ["connect", "upgrade /ws", "open", "text early"]);
}

#[test]
fn w2_a_refused_dropped_or_late_decision_has_its_own_answer() {
    let limits = Limits::default();
    assert_eq!(limits.upgrade_wait, SECOND * 10);
    let mut lab = Lab::new(deferring);
    let far = lab.connect();
    lab.say(&far, UPGRADE);
    take_deferred_upgrade().reject(401);
    lab.run();
    assert_eq!(statuses(&far.take()), [401]);
    assert_eq!(lab.ask(&far, get("/")), ok("GET / "), "HTTP goes on");

    lab.say(&far, UPGRADE);
    drop(take_deferred_upgrade());
    lab.run();
    assert_eq!(statuses(&far.take()), [503]);

    let far = lab.connect();
    lab.say(&far, UPGRADE);
    lab.advance(Duration::from_millis(9_999));
    assert_eq!(text(&far.take()), "");
    lab.advance(Duration::from_millis(1));
    assert_eq!(statuses(&far.take()), [503]);
    assert!(far.has_server_finished());
    take_deferred_upgrade().accept();
    lab.run();
    assert_eq!(text(&far.take()), "", "too late");
}

#[test]
fn w2_a_peer_that_left_before_the_decision_gets_no_websocket() {
    let mut lab = Lab::new(deferring);
    let far = lab.connect();
    lab.say(&far, UPGRADE);
    far.finish();
    lab.run();
    let late = take_deferred_upgrade();
    assert_eq!(late.id().to_string(), "r0-0.0");
    late.accept();
    lab.run();
    assert_eq!(text(&far.take()), "");
    assert!(far.has_server_finished() && lab.connections() == 0);
    assert_eq!(lab.log.events(), ["connect", "upgrade /ws", "disconnect Peer", "drop"]);
}

#[test]
fn w2_more_than_4_kib_before_the_decision_are_refused() {
    for (bytes, status) in [(4 << 10, None), ((4 << 10) + 1, Some(400))] {
        for whole in [true, false] {
            let mut lab = Lab::new(deferring);
            let far = lab.connect();
            let early = vec![b'x'; bytes];
            if whole {
                far.send(&[UPGRADE.as_bytes(), &early].concat());
            } else {
                lab.say(&far, UPGRADE);
                far.send(&early[..100]);
                lab.run();
                far.send(&early[100..]);
            }
            lab.run();
            assert_eq!(statuses(&far.take()).first().copied(), status, "{bytes}, whole: {whole}");
            assert_eq!(far.has_server_finished(), status.is_some());
            take_deferred_upgrade().accept();
            lab.run();
            assert_eq!(statuses(&far.take()).len(), usize::from(status.is_none()));
        }
    }
}

#[test]
fn w3_a_refusal_has_a_status_headers_and_a_body() {
    let make = || Probe {
        on_upgrade: |_, upgrade, request| match request.path() {
            "/ws" => {
                upgrade.response(401).header("WWW-Authenticate", "Basic").body("text/x", "who?").unwrap();
            }
            _ => upgrade.reject(403),
        },
        ..Probe::default()
    };
    let input = UPGRADE.to_owned() + &UPGRADE.replace("/ws", "/other") + &get("/");
    let outcome = outcome(make, listener::HTTP, input.as_bytes());
    let output = text(&outcome.output);
    assert_eq!(statuses(&outcome.output), [401, 403, 200], "the connection stays HTTP");
    assert!(output.contains("Content-Length: 4\r\nWWW-Authenticate: Basic\r\n\r\nwho?"), "{output}");
}

#[test]
fn w3_an_undecided_upgrade_is_a_503() {
    let make = || Probe { on_upgrade: |_, upgrade, _| drop(upgrade), ..Probe::default() };
    assert_eq!(statuses(&outcome(make, listener::HTTP, UPGRADE.as_bytes()).output), [503]);
}

#[test]
fn w4_one_of_the_offered_subprotocols_is_chosen() {
    let make = || Probe {
        on_upgrade: |_, mut upgrade, _| {
            assert!(!upgrade.choose("d"), "it is not offered");
            let chosen = ["c", "b"].iter().any(|protocol| upgrade.choose(protocol));
            assert!(!upgrade.choose("a"), "there is one already, or none is offered: {chosen}");
            upgrade.accept();
        },
        ..Probe::default()
    };
    for (lines, answer) in [
        ("Sec-WebSocket-Protocol: a, b, c\r\n", "Sec-WebSocket-Protocol: c\r\n"),
        ("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", "Sec-WebSocket-Protocol: b\r\n"),
        ("", ""),
    ] {
        let outcome = outcome(make, listener::HTTP, socket::upgrade_with(lines).as_bytes());
        let expected = SWITCHED.replacen("\r\n\r\n", &format!("\r\n{answer}\r\n"), 1);
        assert_eq!(text(&outcome.output), expected);
    }
}

#[test]
fn w5_the_101_can_have_further_headers() {
    let make = || Probe {
        on_upgrade: |_, mut upgrade, _| {
            upgrade.header("Set-Cookie", "a=b").unwrap();
            upgrade.accept();
        },
        ..Probe::default()
    };
    let outcome = outcome(make, listener::HTTP, UPGRADE.as_bytes());
    assert_eq!(text(&outcome.output), SWITCHED.replacen("\r\n\r\n", "\r\nSet-Cookie: a=b\r\n\r\n", 1));
}

#[test]
fn w5_the_handshakes_own_headers_are_refused() {
    const OWN: [&str; 5] = [
        "Sec-WebSocket-Accept",
        "sec-websocket-protocol",
        "Sec-WebSocket-Extensions",
        "Upgrade",
        "Connection",
    ];
    let early = || Probe {
        on_upgrade: |_, mut upgrade, _| {
            assert!(OWN.iter().all(|name| upgrade.header(name, "x").is_err()));
            upgrade.accept();
        },
        ..Probe::default()
    };
    let late = || Probe {
        on_upgrade: |_, upgrade, _| {
            let mut upgrade = upgrade.defer();
            assert!(OWN.iter().all(|name| upgrade.header(name, "x").is_err()));
            upgrade.accept();
        },
        ..Probe::default()
    };
    for make in [early, late] {
        assert_eq!(text(&outcome(make, listener::HTTP, UPGRADE.as_bytes()).output), SWITCHED);
    }
}

#[test]
fn w6_an_origin_must_match_the_host() {
    let upgrade = |host: &str, origin: &str| {
        socket::upgrade_with(&format!("Origin: {origin}\r\n")).replace("Host: h", &format!("Host: {host}"))
    };
    let listed = Some(vec!["https://app.example".to_owned()]);
    let cases = [
        (Some(vec![]), "a.example", "http://a.example", true),
        (Some(vec![]), "a.example", "https://a.example", true),
        (Some(vec![]), "A.example", "http://a.EXAMPLE", true),
        (Some(vec![]), "a.example:80", "http://a.example", true),
        (Some(vec![]), "a.example", "http://a.example:80", true),
        (Some(vec![]), "a.example:443", "https://a.example", true),
        (Some(vec![]), "a.example:8080", "http://a.example:8080", true),
        (Some(vec![]), "a.example:8080", "http://a.example", false),
        (Some(vec![]), "a.example", "http://a.example.evil", false),
        (Some(vec![]), "a.example", "http://evil.a.example", false),
        (Some(vec![]), "127.0.0.1:9001", "http://evil.example", false),
        (Some(vec![]), "localhost", "http://evil.example", false),
        (Some(vec![]), "a.example", "null", false),
        (Some(vec![]), "a.example", "https://app.example", false),
        (listed.clone(), "a.example", "https://app.example", true),
        (listed.clone(), "a.example", "http://app.example", false),
        (listed.clone(), "a.example", "https://app.example:443", true),
        (listed, "a.example", "http://a.example", true),
        (Some(vec![]), "a.example:443", "wss://a.example", true),
        (Some(vec![]), "a.example:80", "wss://a.example", false),
        (Some(vec!["https://*.example".to_owned()]), "h", "https://a.example", true),
        (Some(vec!["https://*.example".to_owned()]), "h", "https://a.b.example", false),
        (None, "a.example", "http://evil.example", true),
    ];
    for (origins, host, origin, allowed) in cases {
        let mut lab = Lab::with_options(TestOptions { origins, ..TestOptions::default() }, Probe::default);
        let far = lab.connect();
        let answer = lab.say(&far, upgrade(host, origin));
        assert_eq!(statuses(&answer), [if allowed { 101 } else { 403 }], "{origin} at {host}");
        assert_eq!(lab.log.has("upgrade"), allowed, "the check comes before `on_upgrade`");
    }
    // Without an origin it is no browser.
    assert_eq!(statuses(&outcome(Probe::default, listener::HTTP, UPGRADE.as_bytes()).output), [101]);
}

#[test]
fn w24_a_strict_list_refuses_its_own_host_and_requests_without_origin() {
    let builder = Server::builder().listen("127.0.0.1:0").only_origins(["https://a.example"]);
    let live = Live::serve(builder, |_peer| Probe::default());
    for (line, status) in [("", 403), ("Origin: http://h\r\n", 403), ("Origin: https://a.example\r\n", 101)] {
        let mut stream = live.connect();
        stream.write_all(socket::upgrade_with(line).as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(statuses(&head), [status], "{line}");
    }
}

/// RFC 9112 section 3.2.2: the target wins, and a page that can choose its target can't choose `Host`.
#[test]
fn w6_the_host_of_an_absolute_target_counts() {
    for (host, origin, status) in [("h", "http://h", 403), ("h", "http://a.example", 101)] {
        let request = socket::upgrade_with(&format!("Origin: {origin}\r\n"))
            .replace("Host: h", &format!("Host: {host}"))
            .replacen("GET /", "GET http://a.example/", 1);
        assert_eq!(
            statuses(&outcome(Probe::default, listener::HTTP, request.as_bytes()).output),
            [status],
            "{origin}"
        );
    }
}

#[test]
fn w7_the_handshake_is_strict() {
    for (from, to, status) in [
        ("Sec-WebSocket-Version: 13\r\n", "", 426),
        ("Version: 13", "Version: 8", 426),
        ("Version: 13", "Version: 13, 8", 426),
        ("Version: 13", "Version: 013", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all!!!!!!!", 400),
    ] {
        let input = UPGRADE.replace(from, to);
        let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
        assert_eq!(statuses(&outcome.output), [status], "{to:?}: {outcome}");
        let names_version = text(&outcome.output).contains("\r\nSec-WebSocket-Version: 13\r\n");
        assert_eq!(names_version, status == 426, "{outcome}");
        assert_eq!(outcome.log, ["connect"]);
    }
}

#[test]
fn w7_a_request_without_an_upgrade_gets_an_answer() {
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: x"),
        ("GET", "PUT"),
        ("HTTP/1.1", "HTTP/1.0"),
    ] {
        let outcome = outcome(Probe::default, listener::HTTP, UPGRADE.replace(from, to).as_bytes());
        assert_eq!(statuses(&outcome.output), [200], "{to}");
        assert!(outcome.log[1].contains("request"), "{outcome}");
    }
}

#[test]
fn w8_open_comes_before_the_first_message_and_may_send() {
    let make = || Probe {
        on_open: |_, socket| {
            socket.send("welcome");
        },
        ..Probe::default()
    };
    let outcome = check(make, &socket::text("first"), &[Frame::text("welcome"), Frame::text("first")]);
    assert_eq!(outcome.log, ["connect", "upgrade /ws", "open", "text first"]);
}

#[test]
fn w9_text_and_binary_are_kept_apart() {
    let input =
        [socket::text("t\u{e4}xt"), socket::binary(b"\xff\x00"), socket::text(""), socket::binary(b"")];
    let expected = [
        Frame::text("t\u{e4}xt"),
        Frame::new(FIN | BINARY, b"\xff\x00"),
        Frame::text(""),
        Frame::new(FIN | BINARY, b""),
    ];
    check(Probe::default, &input.concat(), &expected);
}

#[test]
fn w9_invalid_utf8_fails_with_1007() {
    for bytes in [&b"\xff"[..], b"a\xc3(", b"\xed\xa0\x80", b"\xc0\xaf", b"ends in the middle \xe2\x82"] {
        let outcome = outcome(
            Probe::default,
            listener::HTTP,
            &[UPGRADE.as_bytes(), &socket::masked(FIN | TEXT, bytes)].concat(),
        );
        let frames = socket::frames(outcome.output.strip_prefix(SWITCHED.as_bytes()).unwrap());
        assert_eq!(frames[0].code(), Some(1007), "{bytes:?}");
        assert!(outcome.is_finished);
        assert_eq!(outcome.log.len(), 5, "nothing but its end is told: {outcome}");
    }
}

#[test]
fn w9_broken_text_fails_before_its_frame_is_whole() {
    for fin in [FIN, 0] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        let mut frame = socket::masked(fin | TEXT, &[&b"good \xff"[..], &[b'x'; 10_000]].concat());
        frame.truncate(30);
        let frames = socket::frames(&lab.say(&far, frame));
        assert_eq!(frames[0].code(), Some(1007));
    }
}

#[test]
fn w10_fragments_become_one_message() {
    let parts = |kind: u8, parts: &[&str]| {
        let last = parts.len() - 1;
        let frames = parts.iter().enumerate().map(|(index, part)| {
            let opcode = if index == 0 { kind } else { CONTINUATION };
            socket::masked(opcode | if index == last { FIN } else { 0 }, part.as_bytes())
        });
        frames.collect::<Vec<_>>()
    };
    let input = parts(TEXT, &["He", "", "llo", "!"]).concat();
    check(Probe::default, &input, &[Frame::text("Hello!")]);
    // A character may be split over two fragments.
    let split = [socket::masked(TEXT, b"\xe2\x82"), socket::masked(CONTINUATION | FIN, b"\xac")].concat();
    check(Probe::default, &split, &[Frame::text("\u{20ac}")]);
    // A control frame may come between.
    let mut frames = parts(BINARY, &["one ", "two"]);
    frames.insert(1, socket::ping(b"now"));
    check(
        Probe::default,
        &frames.concat(),
        &[Frame::new(FIN | PONG, "now"), Frame::new(FIN | BINARY, "one two")],
    );
}

#[test]
fn w10_a_megabyte_in_any_pieces_is_one_message() {
    let payload: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
    for fragment in [1 << 20, 100_000, 1000] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        let count = payload.chunks(fragment).count();
        for (index, part) in payload.chunks(fragment).enumerate() {
            let opcode = if index == 0 { BINARY } else { CONTINUATION };
            far.send(&socket::masked(opcode | if index + 1 == count { FIN } else { 0 }, part));
            lab.run();
        }
        let frames = socket::frames(&far.take());
        assert!(frames.len() == 1 && frames[0].payload == payload, "in fragments of {fragment}");
    }
}

#[test]
fn w13_a_ping_is_answered_with_its_own_payload() {
    let input = [socket::ping(b""), socket::ping(b"abc"), socket::ping(&[7; 125])].concat();
    let expected =
        [Frame::new(FIN | PONG, ""), Frame::new(FIN | PONG, "abc"), Frame::new(FIN | PONG, [7; 125])];
    let outcome = check(Probe::default, &input, &expected);
    assert_eq!(outcome.log[3..], ["ping ", "ping abc", "ping 125 bytes"]);
}

#[test]
fn w13_pongs_are_events_and_pings_can_be_sent() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.ping(b"are you there");
            socket.ping(&[1; 200]);
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let output = lab.say(&far, UPGRADE);
    let frames = socket::frames(output.strip_prefix(SWITCHED.as_bytes()).unwrap());
    assert_eq!(frames, [Frame::new(FIN | PING, "are you there"), Frame::new(FIN | PING, [1; 125])]);
    lab.say(&far, socket::masked(FIN | PONG, b"are you there"));
    assert!(lab.log.has("pong are you there"));
}

#[test]
fn w13_pongs_of_its_own_can_be_sent() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| {
            let times = if message == Message::Text("early") { 100_000 } else { 1 };
            (0..times).for_each(|_| socket.pong(message.as_bytes()));
            if message == Message::Text("last") {
                socket.close();
                socket.pong(b"after the close");
            }
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    let long = "x".repeat(200);
    far.send(&[socket::text(&long), socket::text("")].concat());
    lab.run();
    let frames = socket::frames(&far.take());
    assert_eq!(frames, [Frame::new(FIN | PONG, [b'x'; 125]), Frame::new(FIN | PONG, "")]);
    // A peer that does not read gets the newest.
    far.set_room(Some(0));
    far.send(&socket::text("early"));
    lab.run();
    assert!(lab.server.wires().memory_bytes() < 256 << 10);
    far.set_room(None);
    far.send(&socket::text("newest"));
    lab.run();
    let frames = socket::frames(&far.take());
    assert!(frames.len() < 50_000, "{} pongs", frames.len());
    assert_eq!(frames.last(), Some(&Frame::new(FIN | PONG, "newest")));
    let frames = socket::frames(&lab.say(&far, socket::text("last")));
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert_eq!(frames[1].code(), Some(1000));
}

#[test]
fn w13_a_flood_of_pings_from_a_peer_that_does_not_read_is_bounded() {
    let mut lab =
        Lab::with_limits(Limits::default().with(|limits| limits.control_frames = 0), Probe::default);
    let far = lab.websocket();
    far.set_room(Some(0));
    for index in 0..100_000_u32 {
        far.send(&socket::ping(&index.to_be_bytes()));
    }
    lab.run();
    let id = lab.server.wires().ids().next().unwrap();
    let queued = lab.server.wires().wire_stats(id).unwrap().queued;
    assert!((64 << 10..65 << 10).contains(&queued), "{queued} bytes of pongs are queued");
    far.set_room(None);
    lab.run();
    let pongs = socket::frames(&far.take());
    assert_eq!(pongs.last(), Some(&Frame::new(FIN | PONG, 99_999_u32.to_be_bytes())));
}

#[test]
fn w14_close_says_code_and_reason_and_waits_for_the_peer() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| {
            let Message::Text(reason) = message else { return };
            socket.close_with(4000, reason);
            assert_eq!(socket.send("more"), jackfield::Sent::Gone);
            socket.close_with(4001, "again");
        },
        on_disconnect: |probe, _, end| {
            probe.log.note(format!("{:?} {:?}", end.close_code, end.close_reason));
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, socket::text("bye")));
    assert_eq!(frames, [Frame::new(FIN | CLOSE, b"\x0f\xa0bye")]);
    // What else the peer says is dropped, its Close ends the connection.
    assert_eq!(text(&lab.say(&far, [socket::text("late"), socket::ping(b"late")].concat())), "");
    assert!(!far.has_server_finished());
    assert_eq!(text(&lab.say(&far, socket::close(4444, "me too"))), "");
    assert!(far.has_server_finished());
    far.finish();
    lab.run();
    let events = lab.log.events();
    assert_eq!(events[3..], ["text bye", "disconnect Local", "Some(4444) \"me too\"", "drop"]);
}

#[test]
fn w14_the_wait_for_the_peers_close_ends_after_5_s() {
    let mut lab =
        Lab::new(|| Probe { on_message: |_, socket, _| socket.close_with(1000, ""), ..Probe::default() });
    let far = lab.websocket();
    lab.say(&far, socket::text("x"));
    lab.advance(Duration::from_millis(4_999));
    assert!(!far.has_server_finished());
    lab.advance(Duration::from_millis(1));
    assert!(far.has_server_finished());
    lab.advance(SECOND * 2);
    assert_eq!(lab.connections(), 0);
    assert!(lab.log.has("disconnect Local"), "{:?}", lab.log.events());
}

/// The fault I386: a WebSocket that was not read when it was closed did not hear the peer's Close.
#[test]
fn w14_the_peers_close_is_read_although_the_user_has_paused() {
    let pauses: [fn(&mut Probe, &mut WebSocket<'_>, Message<'_>); 2] = [
        |_, socket, _| {
            socket.pause_read();
            socket.close_with(4000, "");
        },
        |_, socket, _| {
            socket.close_with(4000, "");
            socket.pause_read();
        },
    ];
    for (number, on_message) in pauses.into_iter().enumerate() {
        let mut lab = Lab::new(move || Probe {
            on_message,
            on_disconnect: |probe, _, end| {
                probe.log.note(format!("{:?} {:?}", end.close_code, end.close_reason));
            },
            ..Probe::default()
        });
        let far = lab.websocket();
        lab.say(&far, socket::text("x"));
        lab.say(&far, [socket::text("late"), socket::close(1000, "bye")].concat());
        let events = lab.log.events();
        assert_eq!(events[4..], ["disconnect Local", "Some(1000) \"bye\"", "drop"], "{number}");
    }
}

#[test]
fn w14_a_reason_is_cut_at_123_bytes_between_characters() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| {
            if let Message::Text(reason) = message {
                socket.close_with(1000, reason);
            }
        },
        ..Probe::default()
    });
    for (reason, bytes) in [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("\u{20ac}".repeat(42), 123),
        ("x".to_owned() + &"\u{20ac}".repeat(42), 121),
    ] {
        let far = lab.websocket();
        let frames = socket::frames(&lab.say(&far, socket::text(&reason)));
        assert_eq!(frames[0].payload.len(), 2 + bytes, "{reason}");
        assert!(std::str::from_utf8(&frames[0].payload[2..]).is_ok());
    }
}

/// `on_connect` can't be asked which code is to be sent, but the message of the peer can.
fn closing_with_the_code_in_the_message() -> Probe {
    Probe {
        on_message: |_, socket, message| {
            let code = message.as_bytes().try_into().map(u16::from_be_bytes);
            socket.close_with(code.unwrap(), "told");
            assert!(!socket.is_open());
        },
        ..Probe::default()
    }
}

#[test]
fn w14_a_code_that_must_not_be_sent_is_1000_without_a_reason() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535_u16] {
        let input = [socket::binary(&code.to_be_bytes()), socket::text("behind")].concat();
        check(closing_with_the_code_in_the_message, &input, &[closing(1000)]);
    }
    for code in [1000, 1001, 1003, 1007, 1014, 3000, 4999_u16] {
        let input = [socket::binary(&code.to_be_bytes()), socket::text("behind")].concat();
        let told = Frame::new(FIN | CLOSE, [&code.to_be_bytes()[..], b"told"].concat());
        check(closing_with_the_code_in_the_message, &input, &[told]);
    }
}

#[test]
fn w14_the_peers_close_is_answered_with_its_own_code() {
    for (sent, answer) in [
        (socket::close(1000, "done"), closing(1000)),
        (socket::close(4999, ""), closing(4999)),
        (socket::masked(FIN | CLOSE, b""), Frame::new(FIN | CLOSE, b"")),
        (socket::close(1005, ""), closing(1002)),
        (socket::masked(FIN | CLOSE, b"\x03"), closing(1002)),
        (socket::masked(FIN | CLOSE, b"\x03\xe8\xff"), closing(1007)),
    ] {
        let input = [UPGRADE.as_bytes(), &sent, &socket::text("behind")].concat();
        let outcome = outcome(Probe::default, listener::HTTP, &input);
        let frames = socket::frames(outcome.output.strip_prefix(SWITCHED.as_bytes()).unwrap());
        assert_eq!((frames.len(), frames[0].code()), (1, answer.code()));
        assert!(outcome.is_finished);
        assert!(!outcome.log.iter().any(|event| event.starts_with("text")), "{outcome}");
    }
}

#[test]
fn w14_broken_framing_is_answered_with_1002_and_closed() {
    let frame = |bytes: &[u8]| bytes.to_vec();
    for bad in [
        frame(b"\x81\x02hi"),
        socket::masked(FIN | 0x40 | TEXT, b"rsv1"),
        socket::masked(FIN | 0x20 | TEXT, b"rsv2"),
        socket::masked(FIN | 3, b"opcode 3"),
        socket::masked(FIN | 15, b"opcode 15"),
        socket::masked(FIN | CONTINUATION, b"of nothing"),
        socket::masked(PING, b"in fragments"),
        socket::masked(FIN | PING, &[0; 126]),
        [socket::masked(TEXT, b"begin"), socket::text("another")].concat(),
        frame(b"\x82\xfe\x00\x01\0\0\0\0x"),
        frame(b"\x82\xff\0\0\0\0\0\0\0\x01\0\0\0\0x"),
        frame(b"\x82\xff\x80\0\0\0\0\0\0\x01\0\0\0\0x"),
    ] {
        let input = [UPGRADE.as_bytes(), &bad, &socket::text("behind")].concat();
        let outcome = outcome(Probe::default, listener::HTTP, &input);
        let frames = socket::frames(outcome.output.strip_prefix(SWITCHED.as_bytes()).unwrap());
        assert_eq!((frames.len(), frames[0].code()), (1, Some(1002)), "{bad:?}");
        assert!(outcome.is_finished, "{bad:?}");
        assert!(!outcome.log.iter().any(|event| event.starts_with("text")), "{outcome}");
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        lab.say(&far, &bad);
        lab.advance(SECOND * 2);
        assert_eq!(lab.connections(), 0, "{bad:?} hangs");
        assert!(lab.log.has("disconnect Protocol(WebSocket("), "{:?}", lab.log.events());
    }
}

#[test]
fn w16_a_prepared_message_is_the_same_for_all() {
    let mut lab = Lab::new(Probe::default);
    let sockets = [lab.websocket(), lab.websocket()];
    let handle = lab.server.handle();
    for message in [Message::Text("a text"), Message::Binary(&[9; 70_000])] {
        let prepared = Prepared::new(message);
        let ids: Vec<_> = lab.server.wires().ids().collect();
        for id in ids {
            assert_eq!(handle.send(id, &prepared), Ok(()));
        }
        lab.run();
        for far in &sockets {
            let frames = socket::frames(&far.take());
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].payload, message.as_bytes());
        }
    }
}

#[test]
fn w17_more_than_1_mib_is_refused_with_1009_by_the_header() {
    let header = |first: u8, length: u64| {
        let mut header = vec![first, 0xff];
        header.extend(length.to_be_bytes());
        header.extend([0; 4]);
        header
    };
    for (input, too_long) in [
        (header(FIN | BINARY, 1 << 20), false),
        (header(FIN | BINARY, (1 << 20) + 1), true),
        (header(BINARY, (1 << 20) + 1), true),
        (header(FIN | TEXT, 1 << 40), true),
        ([socket::masked(BINARY, b"x"), header(CONTINUATION, 1 << 20)].concat(), true),
    ] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        let frames = socket::frames(&lab.say(&far, &input));
        assert_eq!(frames.first().and_then(Frame::code), too_long.then_some(1009), "{input:?}");
        assert_eq!(far.has_server_finished(), too_long);
    }
}

#[test]
fn w20_a_frame_without_a_mask_is_taken_where_that_is_asked_for_and_nowhere_else() {
    let unmasked =
        [&b"\x81\x05hello"[..], b"\x01\x01a", b"\x89\x01p", b"\x80\x01b", b"\x81\x7e\x01\x00", &[b'x'; 256]]
            .concat();
    let close = socket::close(1000, "");
    assert!(!Limits::default().websocket.accept_unmasked);
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, &unmasked[..7]));
    assert_eq!(frames[0].code(), Some(1002));

    let limits = Limits::default().with(|limits| limits.websocket.accept_unmasked = true);
    for cut in 0..unmasked.len() {
        let mut lab = Lab::with_limits(limits.clone(), Probe::default);
        let far = lab.websocket();
        lab.say(&far, &unmasked[..cut]);
        let rest = [&unmasked[cut..], &socket::text("masked"), &close].concat();
        lab.say(&far, rest);
        let heard: Vec<_> = lab
            .log
            .events()
            .into_iter()
            .filter(|event| event.starts_with("text") || event.starts_with("ping"))
            .collect();
        assert_eq!(
            heard,
            ["text hello", "ping p", "text ab", "text 256 bytes", "text masked"],
            "cut at {cut}"
        );
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

const VERSIONS: [(&str, Version); 2] = [("chat.v2", Version::Two), ("chat.v1", Version::One)];

/// What is chosen of an offer with the value for it, or the status of the refusal.
#[test]
fn n9_subprotocols_are_matched_by_the_preference_of_the_server() {
    let now = || Probe {
        on_upgrade: |probe, mut upgrade, _| match upgrade.choose_first(VERSIONS) {
            Some(version) => {
                probe.log.note(format!("{version:?}"));
                assert_eq!(upgrade.choose_first(VERSIONS), None, "once");
                upgrade.accept();
            }
            None => upgrade.reject(406),
        },
        ..Probe::default()
    };
    let rows = [
        ("chat.v1", Some("chat.v1"), Some(Version::One)),
        ("chat.v1, chat.v2", Some("chat.v2"), Some(Version::Two)),
        ("chat.v3, chat.v2", Some("chat.v2"), Some(Version::Two)),
        ("CHAT.V1", None, None),
        ("chat", None, None),
    ];
    for (offer, chosen, version) in rows {
        let request = socket::upgrade_with(&format!("Sec-WebSocket-Protocol: {offer}\r\n"));
        for is_late in [false, true] {
            let mut lab = Lab::new(if is_late { deferring } else { now });
            let far = lab.connect();
            let mut answer = lab.ask(&far, &request);
            if is_late {
                let mut late = take_deferred_upgrade();
                let got = late.choose_first(VERSIONS);
                assert_eq!(got, version, "{offer}");
                match got {
                    Some(_) => late.accept(),
                    None => late.reject(406),
                }
                lab.run();
                answer = text(&far.take());
            } else {
                let noted = VERSIONS.map(|(_, version)| version).into_iter();
                let noted: Vec<Version> =
                    noted.filter(|version| lab.log.has(&format!("{version:?}"))).collect();
                assert_eq!(noted, Vec::from_iter(version), "{offer}");
            }
            let line =
                answer.split("Sec-WebSocket-Protocol: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            assert_eq!(line, chosen, "{offer}");
            assert_eq!(statuses(answer.as_bytes()), [if chosen.is_some() { 101 } else { 406 }], "{offer}");
        }
    }
    let mut lab = Lab::new(now);
    let far = lab.connect();
    assert_eq!(statuses(lab.ask(&far, UPGRADE).as_bytes()), [406], "nothing is offered");
}

#[test]
fn w10_a_long_message_comes_in_parts_and_no_other_between_them() {
    let limits = Limits::default().with(|limits| {
        limits.websocket.stream_above = 1000;
        limits.websocket.message_bytes_max = 100 << 20;
    });
    let mut lab = Lab::with_limits(limits, || Probe {
        on_message_part: |probe, socket, part, is_last| {
            probe.count += part.len();
            if is_last {
                socket.send(format!("{} bytes", probe.count));
            }
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    assert_eq!(socket::texts(&lab.say(&far, socket::text(&"x".repeat(1000)))), ["x".repeat(1000)], "whole");
    let long = socket::binary(&vec![7; 40 << 20]);
    let (half, rest) = long.split_at(20 << 20);
    assert!(lab.say(&far, half).is_empty());
    let held = lab.server.wires().memory_bytes();
    assert!(held < 100 << 10, "{held} bytes for 20 MiB");
    assert_eq!(socket::texts(&lab.say(&far, rest)), [format!("{} bytes", 40 << 20)]);
    assert!(!lab.log.has("binary"), "{:?}", lab.log.events());
    assert_eq!(lab.server.handle().metrics().messages_in, 2);

    // A client that takes no parts closes.
    struct Whole;
    impl jackfield::Client for Whole {}
    let limits = Limits::default().with(|limits| limits.websocket.stream_above = 1000);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = jackfield::test::TestServer::with_options(options, |_peer| Whole);
    let far = server.connect();
    far.send(&[UPGRADE.as_bytes(), &socket::binary(&[7; 1001])].concat());
    server.run();
    let output = far.take();
    assert_eq!(socket::frames(output.strip_prefix(SWITCHED.as_bytes()).unwrap())[0].code(), Some(1009));
}

#[test]
fn w10_by_default_the_longest_message_comes_whole() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let longest = Limits::default().websocket.message_bytes_max;
    lab.say(&far, socket::binary(&vec![7; longest]));
    assert!(lab.log.has(&format!("binary {longest} bytes")), "{:?}", lab.log.events());
}
