//! Limits and defence.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{BodyPlan, Fields, Limit, Limits, OnRateExceeded, Rate, Reason};
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::probe::{Probe, observed};
use support::{Lab, get, ok, outcome, socket, statuses, text};

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
    assert_eq!(
        (lab.connections(), lab.lingering()),
        (0, 1),
        "it lingers, so that no reset destroys the answer"
    );
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
    assert!(!far.has_server_finished());
    lab.advance(Duration::from_millis(1));
    assert_eq!(statuses(&far.take()), [408]);
    assert!(far.has_server_finished());
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
fn d1_a_connection_that_never_sent_a_byte_is_closed_without_an_answer() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    lab.advance(SECOND * 75);
    assert!(far.has_server_finished());
    assert_eq!(text(&far.take()), "");
}

#[test]
fn d1_a_slow_loris_is_closed_although_it_keeps_sending() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HTTP/1.1\r\n");
    for second in 0..10 {
        assert!(!far.has_server_finished(), "after {second} s");
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
            if !far.has_server_finished() {
                far.send(&vec![b'x'; bytes_a_second]);
            }
            lab.advance(SECOND);
        }
        assert_eq!(!far.has_server_finished(), flows, "{bytes_a_second} bytes a second");
        let answers = if flows { vec![] } else { vec![408] };
        assert_eq!(statuses(&far.take()), answers);
    }
}

#[test]
fn d2_a_websocket_may_be_as_slow_as_it_likes() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let message = socket::text("slow");
    for _ in 0..20 {
        // Right before it would be pinged.
        lab.advance(Duration::from_millis(29_999));
        // A byte in 6 s, all of them within the 60 s of a message. A body would have to be a thousand times as fast.
        for byte in &message[..message.len() - 1] {
            assert_eq!(text(&lab.say(&far, [*byte])), "");
            lab.advance(SECOND * 6);
        }
        assert_eq!(socket::texts(&lab.say(&far, &message[message.len() - 1..])), ["slow"]);
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
fn d3_an_endless_head_is_refused_at_its_limit() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HTTP/1.1\r\nHost: h\r\n");
    let line = b"X-Filler: 0123456789\r\n";
    let mut sent = 0;
    while !far.has_server_finished() {
        far.send(line);
        lab.run();
        sent += line.len();
        assert!(sent < 17 << 10, "it takes ever more");
    }
    assert_eq!(statuses(&far.take()), [431]);
}

fn rated(rate: Rate) -> Limits {
    Limits::default().with(|limits| limits.rate = rate)
}

const TEN: Rate = Rate::new(10, 0);
const TEN_OR_CLOSE: Rate = Rate::new(TEN.messages, TEN.bytes).on_exceeded(OnRateExceeded::Close);

/// An input of one message, and the event for it, on each kind of connection.
fn kinds() -> [(usize, &'static str, Vec<u8>, &'static str); 3] {
    [
        (listener::HTTP, socket::UPGRADE, socket::text("x"), "text x"),
        (listener::HTTP, "", get("/x").into_bytes(), "request GET /x"),
        (listener::LINES, "", b"x\n".to_vec(), "line x"),
    ]
}

#[test]
fn d5_a_peer_above_its_rate_is_not_read_for_a_while() {
    for (listener, hello, message, heard) in kinds() {
        let mut lab = Lab::with_limits(rated(TEN), Probe::default);
        let far = lab.connect_to(listener);
        lab.say(&far, hello);
        // An upgrade is a request.
        lab.advance(SECOND);
        far.send(&message.repeat(100));
        lab.run();
        assert_eq!(lab.log.count(heard), 10, "{heard}: the burst is one second's worth");
        assert!(lab.log.has("throttled Rate"));
        for second in 1..9 {
            lab.advance(SECOND);
            assert_eq!(lab.log.count(heard), 10 + 10 * second, "{heard}: after {second} s");
        }
        lab.advance(SECOND * 2);
        assert_eq!(lab.log.count(heard), 100, "{heard}: nothing is lost");
        assert!(!far.has_server_finished() && !lab.log.has("disconnect"));
        assert!((9..100).contains(&lab.server.handle().metrics().throttled));
    }
}

/// The upgrade takes one of the ten, until a second has passed.
#[test]
fn d5_requests_and_messages_use_the_same_tokens() {
    for (pause, messages) in [(Duration::ZERO, 9), (SECOND, 10)] {
        let mut lab = Lab::with_limits(rated(TEN), Probe::default);
        let far = lab.websocket();
        lab.advance(pause);
        lab.say(&far, socket::text("x").repeat(100));
        assert_eq!(lab.log.count("text x"), messages, "after {pause:?}");
    }
}

#[test]
fn d5_a_peer_above_its_rate_can_be_disconnected() {
    for (listener, hello, message, heard) in kinds() {
        let mut lab = Lab::with_limits(rated(TEN_OR_CLOSE), Probe::default);
        let far = lab.connect_to(listener);
        lab.say(&far, hello);
        lab.advance(SECOND);
        let answers = lab.say(&far, message.repeat(10));
        assert!(!far.has_server_finished(), "{heard}: ten are allowed");
        let rest = lab.say(&far, message.repeat(10));
        assert!(far.has_server_finished(), "{heard}");
        assert_eq!(lab.log.count(heard), 10, "{heard}: what is too much is not handed out");
        match heard {
            "text x" => assert_eq!(socket::frames(&rest)[0].code(), Some(1008)),
            "line x" => assert_eq!((text(&answers), text(&rest)), ("x\n".repeat(10), String::new())),
            _ => assert_eq!((statuses(&answers), statuses(&rest)), (vec![200; 10], vec![429])),
        }
        far.finish();
        lab.run();
        assert!(lab.log.has("disconnect Limit(Rate)"), "{:?}", lab.log.events());
        assert_eq!(lab.server.handle().metrics().ended(Reason::Limit(Limit::Rate)), 1);
    }
}

#[test]
fn d5_control_frames_and_bodies_are_no_messages() {
    let mut lab = Lab::with_limits(rated(TEN_OR_CLOSE), Probe::default);
    let far = lab.websocket();
    lab.advance(SECOND);
    lab.say(&far, socket::text("x").repeat(10));
    lab.say(&far, [socket::ping(b"x").repeat(10), socket::close(1000, "")].concat());
    assert_eq!((lab.log.count("ping"), lab.log.count("disconnect Peer")), (10, 1), "{:?}", lab.log.events());

    let mut lab = Lab::with_limits(
        rated(Rate::new(1, TEN_OR_CLOSE.bytes).on_exceeded(TEN_OR_CLOSE.on_exceeded)),
        || Probe { on_head: |_, _, _| BodyPlan::Stream, ..Probe::default() },
    );
    let far = lab.connect();
    lab.say(&far, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n");
    let parts: Vec<Vec<u16>> = (0..50).map(|_| statuses(&lab.say(&far, "x"))).collect();
    assert_eq!(parts.concat(), [200]);
}

#[test]
fn d5_bytes_are_counted_for_every_protocol() {
    let rate = Rate::new(0, 10_000);
    let data = [
        (listener::RAW, "", vec![b'x'; 1000]),
        (listener::LINES, "", [vec![b'x'; 999], vec![b'\n']].concat()),
        (listener::HTTP, socket::UPGRADE, socket::binary(&[b'x'; 992])),
    ];
    for (listener, hello, thousand) in data {
        let mut lab = Lab::with_limits(rated(rate), Probe::default);
        let far = lab.connect_to(listener);
        lab.say(&far, hello);
        lab.advance(SECOND);
        let before = far.bytes_received();
        // What one read gives is used, and waited for.
        far.send(&thousand.repeat(300));
        lab.advance(SECOND * 9);
        let paused = far.bytes_received() - before;
        assert!((90_000..10_000 + 90_000 + (64 << 10)).contains(&paused), "{paused} bytes in 9 s");
        lab.advance(SECOND * 21);
        assert!(far.bytes_received() - before > 297_000, "nothing is lost");
    }
    let mut lab = Lab::with_limits(
        rated(Rate::new(rate.messages, rate.bytes).on_exceeded(OnRateExceeded::Close)),
        Probe::default,
    );
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, vec![b'x'; 10_000]);
    lab.say(&far, "x");
    assert!(far.has_server_finished() && far.bytes_received() == 10_000);
}

#[test]
fn d5_a_pause_counts_neither_as_idle_nor_for_deadlines() {
    // A body of 5 KiB a second would be too slow, if it were the peer's fault.
    let rate = Rate::new(0, 512);
    let mut lab = Lab::with_limits(rated(rate).with(|limits| limits.http_idle = SECOND * 5), || Probe {
        on_head: |_, _, _| BodyPlan::Stream,
        ..Probe::default()
    });
    let far = lab.connect();
    far.send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 300_000).as_bytes());
    far.send(&[b'x'; 300_000]);
    lab.advance(SECOND * 450);
    assert_eq!((text(&far.take()), lab.connections()), (String::new(), 1));
    lab.advance(SECOND * 100);
    assert_eq!(statuses(&far.take()), [200]);

    // A head and a message that were interrupted by a pause have their whole deadline after it.
    for (hello, begin, end) in [
        ("", "GET /a HTTP/1.1\r\nHost: h\r\n".into(), "\r\n".into()),
        (socket::UPGRADE, socket::masked(socket::TEXT, b"a"), socket::masked(socket::FIN, b"b")),
    ] {
        let (begin, end): (Vec<u8>, Vec<u8>) = (begin, end);
        let limits = rated(Rate::new(rate.messages, 100).on_exceeded(rate.on_exceeded)).with(|limits| {
            limits.head_timeout = SECOND;
            limits.message_timeout = SECOND;
        });
        let mut lab = Lab::with_limits(limits, Probe::default);
        let far = lab.connect();
        lab.say(&far, hello);
        lab.advance(SECOND * 10);
        // What begins here is read in pieces with seconds in between.
        let filler = if hello.is_empty() {
            get(&"/".repeat(300)).into_bytes()
        } else {
            socket::text(&"x".repeat(300))
        };
        lab.say(&far, [&filler[..], &begin].concat());
        lab.say(&far, &end);
        lab.advance(SECOND * 20);
        let heard = if hello.is_empty() { "request GET /a" } else { "text ab" };
        assert!(lab.log.has(heard) && !lab.log.has("disconnect"), "{:?}", lab.log.events());
    }
}

#[test]
fn d5_a_deadline_is_put_off_by_the_time_of_a_pause() {
    let ms = Duration::from_millis;
    // 410 ms are lost by the pause; the head's second is over when so much more has passed, and not later.
    for (end_at, is_in_time) in [(1_400, true), (1_420, false)] {
        let rate = Rate::new(0, 100);
        let mut lab =
            Lab::with_limits(rated(rate).with(|limits| limits.head_timeout = SECOND), Probe::default);
        let far = lab.connect();
        let filler = get(&"/".repeat(150 - get("").len()));
        assert_eq!(statuses(&lab.say(&far, [&filler, "GET /late "].concat())), [200]);
        lab.advance(ms(100));
        lab.say(&far, "HTTP/1.1\r\n");
        assert!(lab.log.has("throttled"));
        lab.advance(ms(end_at - 100));
        lab.say(&far, "Host: h\r\n\r\n");
        assert_eq!(lab.log.has("request GET /late"), is_in_time, "{:?}", lab.log.events());
    }
}

#[test]
fn d5_the_rate_of_one_connection_can_be_changed() {
    let mut lab = Lab::new(|| Probe {
        on_line: |probe, raw, line| {
            probe.count += 1;
            match line {
                b"slow" => raw.set_rate(Rate::new(1, 0)),
                b"fast" => raw.set_rate(Rate::default()),
                _ => {}
            }
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::LINES);
    lab.say(&far, "a\n".repeat(100));
    lab.say(&far, "slow\n");
    lab.say(&far, "b\n".repeat(3));
    assert_eq!((lab.log.count("line a"), lab.log.count("line b")), (100, 1));
    lab.advance(SECOND * 2);
    assert_eq!(lab.log.count("line b"), 3);
    lab.say(&far, "fast\n");
    lab.advance(SECOND);
    lab.say(&far, "c\n".repeat(100));
    assert_eq!(lab.log.count("line c"), 100);
}

#[test]
fn d5_a_throttled_peer_is_still_closed_in_good_order() {
    let mut lab = Lab::with_limits(rated(TEN), Probe::default);
    let far = lab.websocket();
    lab.say(&far, socket::text("x").repeat(100));
    lab.server.handle().shutdown(jackfield::Drain::default());
    let frames = socket::frames(&lab.say(&far, socket::close(1001, "")));
    assert_eq!(frames.last().and_then(socket::Frame::code), Some(1001));
    assert_eq!(lab.connections(), 0, "its Close was heard behind all the rest");
    assert!(lab.log.has("disconnect Shutdown"));
}

#[test]
fn d5_a_panic_of_a_limited_connection_limits_no_other_one() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| match message.as_bytes() {
            b"slow" => socket.set_rate(Rate::new(2, 0)),
            b"panic" => panic!("as it was told"),
            _ => {}
        },
        ..Probe::default()
    });
    let (bounded, free) = (lab.websocket(), lab.websocket());
    lab.say(&bounded, socket::text("slow"));
    lab.say(&bounded, socket::text("panic"));
    let turns = lab.server.handle().metrics().turns;
    lab.say(&free, socket::text("x").repeat(64));
    assert_eq!(lab.log.count("text x"), 64);
    assert!(lab.server.handle().metrics().turns - turns < 10, "all of it is handed out at once");
}

#[test]
fn d5_a_throttled_peer_that_vanishes_is_noticed() {
    let mut lab = Lab::with_limits(rated(TEN), Probe::default);
    let (reset, finished) = (lab.websocket(), lab.connect());
    lab.say(&reset, socket::text("x").repeat(100));
    finished.send(get("/").repeat(100).as_bytes());
    lab.run();
    reset.reset();
    finished.finish();
    lab.run();
    assert_eq!(lab.connections(), 1);
    lab.advance(SECOND * 10);
    assert_eq!((lab.connections(), lab.server.wires().timers()), (0, 0));
    assert_eq!(statuses(&finished.take()).len(), 100, "what it had said is answered first");
}

#[test]
fn d6_control_frames_come_at_most_100_times_a_second() {
    for frame in [socket::ping(b"x"), socket::masked(socket::FIN | socket::PONG, b"x")] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        for _ in 0..5 {
            lab.say(&far, frame.repeat(100));
            lab.advance(SECOND);
        }
        assert!(!far.has_server_finished());
        let frames = socket::frames(&lab.say(&far, frame.repeat(101)));
        assert_eq!(frames.last().and_then(socket::Frame::code), Some(1008));
        assert_eq!(lab.log.count("ping") + lab.log.count("pong"), 600, "the last one is not handed out");
        far.finish();
        lab.run();
        assert!(lab.log.has("disconnect Limit(ControlFrames)"), "{:?}", lab.log.events().last());
        assert_eq!(lab.server.handle().metrics().ended(Reason::Limit(Limit::ControlFrames)), 1);
    }
}

/// A server that asks after each message, and a peer that answers each time.
#[test]
fn d6_solicited_pongs_are_no_flood() {
    let mut lab =
        Lab::new(|| Probe { on_message: |_, socket, _| socket.ping(b"there?"), ..Probe::default() });
    let far = lab.websocket();
    let pong = socket::masked(socket::FIN | socket::PONG, b"there?");
    for _ in 0..1000 {
        lab.say(&far, socket::text("x"));
        lab.say(&far, &pong);
    }
    assert!(!far.has_server_finished());
    // Those that nothing asked for are one.
    assert_eq!(text(&lab.say(&far, pong.repeat(100))), "");
    let frames = socket::frames(&lab.say(&far, &pong));
    assert_eq!(frames.last().and_then(socket::Frame::code), Some(1008));
}

/// A message that comes in these parts, each with its number of payload bytes. Compares that with what is held for it after each
/// part, and with what was held at most while the part was handled.
#[track_caller]
fn check_memory(parts: impl IntoIterator<Item = (Vec<u8>, i64)>) {
    const ROOM: i64 = 4 << 10;
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    lab.say(&far, socket::text("warm"));
    let (mut held, mut received) = (0, 0);
    for (part, payload) in parts {
        received += payload;
        let info = allocation_counter::measure(|| drop(lab.say(&far, &part)));
        let most = held + info.bytes_max as i64;
        held += info.bytes_current;
        assert!(held < 2 * received + ROOM, "{held} bytes for {received}");
        assert!(most < 3 * received + ROOM, "{most} bytes at once for {received}");
    }
}

#[test]
fn d6_an_unfinished_message_takes_no_more_than_its_bytes() {
    // What a header announces takes nothing.
    let announced = [0x82, 0xff, 0, 0, 0, 0, 0, 0xf, 0xff, 0xff, 1, 2, 3, 4];
    check_memory([(announced.to_vec(), 0)]);
    // Nor do fragments without bytes.
    let begin = [(socket::masked(socket::BINARY, b""), 0)];
    check_memory(begin.into_iter().chain((0..600).map(|_| {
        let fragments = socket::masked(socket::CONTINUATION, b"").repeat(100);
        (fragments, 0)
    })));
    // Of others the memory is at most twice their bytes, and for a moment that of the larger buffer and of the one before.
    let begin = [(socket::masked(socket::BINARY, b"x"), 1)];
    check_memory(begin.into_iter().chain((0..600).map(|_| {
        let fragments = socket::masked(socket::CONTINUATION, b"xy").repeat(100);
        (fragments, 200)
    })));
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
fn d6_any_number_of_fragments_of_one_message_comes_through() {
    for fragments in [2, 65_536, 65_537, 200_000] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        far.send(&socket::masked(socket::BINARY, b"x"));
        for _ in 0..fragments - 2 {
            far.send(&socket::masked(socket::CONTINUATION, b"x"));
        }
        far.send(&socket::masked(socket::CONTINUATION | socket::FIN, b"x"));
        lab.run();
        let frames = socket::frames(&far.take());
        assert_eq!(frames[0].payload.len(), fragments);
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
fn d8_an_error_after_good_requests_is_answered_and_closes() {
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
        assert_eq!(statuses(&outcome.output), [500], "{path}: {outcome}");
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
fn d13_no_crate_but_two_has_unsafe_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = fs::read_to_string(crates.join("../Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let folders = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path());
    let unsafe_crates = ["jackfield-simd", "jackfield-sys"];
    for folder in folders.filter(|folder| !unsafe_crates.iter().any(|name| folder.ends_with(name))) {
        let manifest = folder.join("Cargo.toml");
        let manifest = fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{manifest:?}: {error}"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

/// As after the process was suspended: the deadline has passed, and the bytes are there.
#[test]
fn d1_a_deadline_does_not_beat_bytes_that_are_there() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HT");
    lab.run();
    far.send(b"TP/1.1\r\nHost: h\r\n\r\n");
    lab.advance(SECOND * 60);
    assert_eq!(statuses(&far.take()), [200]);
}

#[test]
fn d1_the_deadlines_can_be_set() {
    let limits = Limits::default().with(|limits| limits.head_timeout = SECOND);
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
