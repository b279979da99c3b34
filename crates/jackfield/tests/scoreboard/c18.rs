//! A bandwidth limit: a token bucket in each direction. Bytes are counted by the server's own time.

use crate::{support, tls};
use jackfield::reactor::WireStats;
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{Bandwidth, BodyPlan, ConnectionId, Drain, Limits, Listener, ReadPause};
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, get, socket, statuses, text};
use tls::{Identity, Secured};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const RATE: u32 = 1000;

/// More than may pass in twenty seconds.
const LONG: usize = 21_000;

/// Nothing is sent but what the test wants to be.
fn limited(bytes_in: u32, bytes_out: u32) -> Limits {
    Limits::default().with(|limits| {
        limits.bandwidth = Bandwidth::new(bytes_in, bytes_out);
        (limits.heartbeat, limits.events_heartbeat) = (Duration::ZERO, Duration::ZERO);
    })
}

/// Streams bodies, says nothing back, and when something is posted to it sends as much as is long.
fn probe() -> Probe {
    Probe {
        on_head: |_, _, _| BodyPlan::Stream,
        on_request: |_, exchange, request| match request.path() {
            "/events" => {
                exchange.events();
            }
            "/long" => exchange.ok("text/plain", "x".repeat(LONG)),
            _ => exchange.ok("text/plain", "done"),
        },
        on_message: |_, _, _| {},
        on_data: |_, _, data| data.len(),
        on_line: |_, _, _| {},
        on_post: |_, connection, _| {
            for _ in 0..LONG / 1000 {
                assert!(connection.send_to(connection.id(), "m".repeat(1000)).is_accepted());
            }
        },
        ..Probe::default()
    }
}

/// The far end, in plain text or with TLS above it.
enum Far {
    Plain(FarEnd),
    Tls(Box<Secured>),
}

impl Far {
    fn connect(lab: &mut Lab, listener: usize, identity: Option<&Identity>) -> Self {
        let far = lab.connect_to(listener);
        match identity {
            None => Self::Plain(far),
            Some(identity) => {
                let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
                peer.shake_hands(&mut lab.server).expect("a handshake");
                Self::Tls(Box::new(peer))
            }
        }
    }

    fn say(&mut self, lab: &mut Lab, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain(far) => lab.say(far, bytes),
            Self::Tls(peer) => peer.say(&mut lab.server, bytes),
        }
    }
}

fn only_id(lab: &Lab) -> ConnectionId {
    lab.server.wires().ids().next().expect("there is one")
}

fn stats(lab: &Lab, id: ConnectionId) -> WireStats {
    lab.server.wires().wire_stats(id).expect("it is there")
}

fn post(lab: &mut Lab, id: ConnectionId) {
    lab.server.handle().post(id, ()).expect("there is room");
    lab.run();
}

/// What may have passed at each of these times (ms) is what has passed, and no byte more or less, in plain text and over
/// TLS: a second's worth at once, and a tenth of it in each tenth of a second. Nobody is lost on the way.
fn check(name: &str, is_in: bool, listener: usize, hello: &[u8], flood: &[u8]) {
    let identity = Identity::new();
    for identity in [None, Some(&identity)] {
        let limits = if is_in { limited(RATE, 0) } else { limited(0, RATE) };
        let tls = identity.map(Identity::server_config);
        let mut lab = Lab::with_options(TestOptions { limits, tls, ..TestOptions::default() }, probe);
        let mut far = Far::connect(&mut lab, listener, identity);
        let id = only_id(&lab);
        far.say(&mut lab, &[hello, flood].concat());
        if flood.is_empty() {
            post(&mut lab, id);
        }
        let total = if is_in {
            hello.len() + flood.len()
        } else {
            stats(&lab, id).bytes_out as usize + stats(&lab, id).queued
        };
        assert!(total >= LONG, "{name}: {total} is not long");
        let mut now = 0;
        for at in [0, 1, 99, 100, 101, 199, 1000, 1099, 1100, 7777, 19_999, 30_000] {
            lab.advance(Duration::from_millis(at - now));
            now = at;
            far.say(&mut lab, b"");
            let stats = stats(&lab, id);
            let passed = if is_in { stats.bytes_in } else { stats.bytes_out };
            let expected = u64::from(RATE) + u64::from(RATE / 10) * (at / 100);
            let is_tls = identity.is_some();
            assert_eq!(
                passed,
                expected.min(total as u64),
                "{name}, TLS: {is_tls}, {at} ms of {:?}",
                lab.log.events()
            );
            let pause = lab.server.wires().read_pause(id);
            let is_waiting = is_in && passed < total as u64;
            assert_eq!(
                pause == Some(ReadPause::Bandwidth),
                is_waiting,
                "{name}, TLS: {is_tls}, {at} ms: {pause:?}"
            );
        }
    }
}

#[test]
fn c18_input_is_read_no_faster_than_its_limit() {
    let body = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {LONG}\r\n\r\n");
    check("HTTP", true, listener::HTTP, body.as_bytes(), &[b'x'; LONG]);
    let messages: Vec<u8> = (0..LONG / 100).flat_map(|_| socket::binary(&[b'x'; 100])).collect();
    check("WebSocket", true, listener::HTTP, socket::UPGRADE.as_bytes(), &messages);
    check("raw", true, listener::RAW, b"", &[b'x'; LONG]);
    check("lines", true, listener::LINES, b"first\n", &b"a line\n".repeat(LONG / 7));
}

#[test]
fn c18_output_is_written_no_faster_than_its_limit() {
    check("HTTP", false, listener::HTTP, b"", get("/long").as_bytes());
    check("events", false, listener::HTTP, get("/events").as_bytes(), b"");
    check("WebSocket", false, listener::HTTP, socket::UPGRADE.as_bytes(), b"");
    check("raw", false, listener::RAW, b"", b"");
    check("lines", false, listener::LINES, b"first\n", b"");
}

#[test]
fn c18_each_connection_and_direction_has_its_own_tokens_for_one_second() {
    let mut lab = Lab::with_limits(limited(100, 1000), || Probe {
        on_data: |_, raw, data| {
            raw.send("x".repeat(2000));
            data.len()
        },
        ..Probe::default()
    });
    let fars = [(); 2].map(|()| lab.connect_to(listener::RAW));
    for far in &fars {
        far.send(&[b'x'; 250]);
    }
    // At once, in each tenth of a second, and after a rest of any length.
    for (at, waits, read, written) in
        [(0, 0, 100, 1000), (0, 100, 110, 1100), (100, 900, 200, 2000), (1000, 59_000, 250, 61_000)]
    {
        lab.advance(Duration::from_millis(waits));
        let far_stats: Vec<_> = lab.server.wires().ids().map(|id| stats(&lab, id)).collect();
        for far in far_stats {
            let written = written.min(far.bytes_out + far.queued as u64);
            assert_eq!((far.bytes_in, far.bytes_out), (read, written), "{at} + {waits} ms");
        }
    }
    for far in &fars {
        let before = far.bytes_received();
        far.send(&[b'x'; 99]);
        lab.run();
        assert_eq!(far.bytes_received() - before, 1000);
    }
}

#[test]
fn c18_a_bandwidth_limit_can_be_changed_at_run_time() {
    let mut lab = Lab::new(|| Probe {
        on_data: |_, raw, data| {
            match &data[..] {
                b"slow" => raw.set_bandwidth(Bandwidth::new(10, 50)),
                b"fast" => raw.set_bandwidth(Bandwidth::default()),
                _ => {
                    raw.send("x".repeat(1000));
                }
            }
            data.len()
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    let received = |lab: &mut Lab, bytes: &str| lab.say(&far, bytes).len();
    assert_eq!(received(&mut lab, "any"), 1000);
    received(&mut lab, "slow");
    assert_eq!(received(&mut lab, "any"), 50);
    lab.advance(SECOND);
    assert_eq!(far.take().len(), 50);
    // When the limit is removed, pending output leaves at once and unread input is read.
    lab.advance(SECOND);
    assert_eq!(received(&mut lab, "fast"), 900 + 50 - 50);
    assert_eq!(received(&mut lab, "any"), 1000);
    let id = only_id(&lab);
    let tables = lab.server.wires().timers();
    lab.server.handle().close(id).expect("there is room");
    lab.run();
    assert!(tables <= 2, "the limit has left no timer: {tables}");
}

/// Whatever a peer may be too slow for, it is not too slow because of its limit.
#[test]
fn c18_no_deadline_is_missed_because_of_the_limit() {
    let hasty = |limits: &mut Limits| {
        limits.reactor.write_stall = SECOND;
        limits.reactor.write_stall_bytes_min = 1000;
        limits.reactor.flush_interval = SECOND;
        limits.http_idle = SECOND;
        limits.events_heartbeat = SECOND;
        limits.raw_idle = SECOND * 3;
        limits.websocket_idle = SECOND;
        limits.heartbeat = SECOND;
        limits.heartbeat_dead = SECOND;
        limits.head_timeout = SECOND;
        limits.message_timeout = SECOND;
        limits.body_interval = SECOND;
        limits.answer_timeout = SECOND;
    };
    let long_head = get(&"/".repeat(600));
    let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n".to_owned() + &"x".repeat(600);
    let message = [socket::UPGRADE.as_bytes(), &socket::binary(&[b'x'; 600])].concat();
    // What is said, whether something is posted, and what must have been heard of it, or have come, after a minute.
    let cases: [(&str, usize, Vec<u8>, bool, &str); 7] = [
        ("a head", listener::HTTP, long_head.into(), false, "request GET"),
        ("a body", listener::HTTP, body.into(), false, "request POST"),
        ("a message", listener::HTTP, message, false, "binary"),
        ("an answer", listener::HTTP, get("/long").into(), false, ""),
        ("events", listener::HTTP, get("/events").into(), true, ""),
        ("messages", listener::HTTP, socket::UPGRADE.into(), true, ""),
        ("bytes", listener::RAW, vec![], true, ""),
    ];
    for (name, listener, said, posts, heard) in cases {
        let mut lab = Lab::with_limits(limited(100, 500).with(hasty), probe);
        let far = lab.connect_to(listener);
        let id = only_id(&lab);
        far.send(&said);
        lab.run();
        if posts {
            lab.advance(SECOND * 2);
            post(&mut lab, id);
        }
        let mut seconds = 0;
        while if heard.is_empty() { far.bytes_received() < 14_000 } else { !lab.log.has(heard) } {
            lab.advance(SECOND);
            seconds += 1;
            assert!(seconds < 30 && !lab.log.has("disconnect"), "{name}: {:?}", lab.log.events());
        }
        assert!(seconds >= 5, "{name}: it took {seconds} seconds and none of these times was over");
    }
}

/// One that is too slow is found out all the same.
#[test]
fn c18_a_peer_that_is_too_slow_by_itself_is_not_kept() {
    let limits = limited(0, 500).with(|limits| limits.reactor.write_stall = SECOND * 2);
    let mut lab = Lab::with_limits(limits, probe);
    let far = lab.connect_to(listener::RAW);
    let id = only_id(&lab);
    far.set_room(Some(2000));
    post(&mut lab, id);
    lab.advance(SECOND * 4);
    assert_eq!((far.bytes_received(), lab.connections()), (2000, 1));
    lab.advance(SECOND * 2);
    assert!(lab.log.has("disconnect Timeout(Write)"), "{:?}", lab.log.events());

    let limits = limited(500, 0).with(|limits| limits.body_interval = SECOND);
    let mut lab = Lab::with_limits(limits, probe);
    let far = lab.connect();
    far.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n");
    for _ in 0..4 {
        far.send(&[b'x'; 100]);
        lab.advance(SECOND);
    }
    assert_eq!(statuses(&far.take()), [408]);
    // Also where its limit allows less than two bytes in that time.
    let limits = limited(1, 0).with(|limits| limits.body_interval = SECOND);
    let mut lab = Lab::with_limits(limits, probe);
    let silent = lab.connect();
    silent.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
    lab.advance(SECOND * 600);
    assert_eq!(lab.connections(), 0, "{:?}", lab.log.events());
}

#[test]
fn c18_queued_output_leaves_before_a_close_and_a_shutdown_ends_at_its_deadline() {
    let closed = || Probe {
        on_data: |_, raw, _| {
            raw.send("x".repeat(3000));
            raw.close();
            0
        },
        ..Probe::default()
    };
    let mut lab =
        Lab::with_limits(limited(0, 100).with(|limits| limits.reactor.flush_interval = SECOND), closed);
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, "x");
    lab.advance(SECOND * 28);
    assert_eq!((far.bytes_received(), far.has_server_finished()), (2900, false));
    lab.advance(SECOND);
    assert_eq!((far.bytes_received(), far.has_server_finished()), (3000, true));

    for (deadline, received) in [(5_050, 600), (60_000, 3000)] {
        let mut lab = Lab::with_limits(limited(0, 100), || Probe {
            on_data: |_, raw, data| {
                raw.send("x".repeat(3000));
                data.len()
            },
            ..Probe::default()
        });
        let far = lab.connect_to(listener::RAW);
        lab.say(&far, "x");
        lab.server.handle().shutdown(Drain::within(Duration::from_millis(deadline)));
        lab.run();
        lab.advance(SECOND * 61);
        assert_eq!(
            (far.bytes_received(), lab.connections()),
            (received, 0),
            "{deadline} ms: {:?}",
            lab.log.events()
        );
    }
}

/// The fault: after four intervals the message that had begun was cut, although the peer took each byte at once.
#[test]
fn c18_the_last_message_of_a_slow_consumer_has_the_time_that_the_limit_takes() {
    const MIB: usize = 1 << 20;
    // What the peer takes in each second, and when it is over.
    for (room, ends_after) in [(None, 104), (Some(5000), 165)] {
        let mut lab = Lab::with_limits(limited(0, 10_000), probe);
        let far = lab.connect();
        lab.say(&far, socket::UPGRADE);
        let (handle, id) = (lab.server.handle(), only_id(&lab));
        far.set_room(room);
        for _ in 0..3 {
            handle.send(id, "m".repeat(MIB)).expect("there is room");
            lab.run();
        }
        let (mut got, mut seconds) = (far.take(), 0);
        while !lab.log.has("disconnect") {
            lab.advance(SECOND);
            seconds += 1;
            far.set_room(room);
            lab.run();
            got.extend(far.take());
        }
        assert_eq!((seconds, far.is_reset()), (ends_after, room.is_some()), "{:?}", lab.log.events());
        assert!(lab.log.has("disconnect Limit(Backlog)"));
        if room.is_none() {
            let frames = socket::frames(&got);
            assert_eq!((frames.len(), frames[0].payload.len(), frames[1].code()), (2, MIB, Some(1013)));
        }
    }
}

/// The fault: what a callback sent was written behind it, so it overflowed although there were tokens for all of it.
#[test]
fn c18_a_callback_may_send_as_much_as_its_tokens_allow() {
    // The limit, what leaves at once, and whether the rest has room in the backlog.
    for (limit, at_once, has_room) in
        [(100_000_000, 2000 << 10, true), (1_500_000, 1_500_000, true), (500_000, 500_000, false)]
    {
        let mut lab = Lab::with_limits(limited(0, limit), || Probe {
            on_message: |probe, socket, _| {
                let sent = (0..2000).filter(|_| socket.send("m".repeat(1020)).is_accepted()).count();
                probe.log.note(format!("{sent} sent"));
            },
            ..Probe::default()
        });
        let far = lab.connect();
        lab.say(&far, socket::UPGRADE);
        lab.advance(SECOND);
        let before = far.bytes_received();
        far.send(&socket::text("go on"));
        lab.run();
        assert_eq!(far.bytes_received() - before, at_once, "{limit}");
        assert_eq!(lab.log.has("2000 sent"), has_room, "{limit}: {:?}", lab.log.events());
        assert_eq!(lab.log.has("disconnect") || !lab.server.wires().is_open(only_id(&lab)), !has_room);
    }
}

/// The fault: an idle timeout began with the request, and only stood still while the answer was on its way.
#[test]
fn c18_idle_time_begins_when_the_output_has_left() {
    let mut lab = Lab::with_limits(limited(0, 100).with(|limits| limits.http_idle = SECOND * 75), || Probe {
        on_request: |_, exchange, _| exchange.ok("text/plain", "x".repeat(11_900)),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, get("/"));
    lab.advance(SECOND * 120);
    assert!((11_900..12_100).contains(&far.bytes_received()), "{}", far.bytes_received());
    lab.advance(SECOND * 70);
    assert_eq!(lab.connections(), 1, "{:?}", lab.log.events());
    lab.advance(SECOND * 10);
    assert!(lab.log.has("disconnect Timeout(Idle)"), "{:?}", lab.log.events());
}

/// The same if the limit is changed or removed in the midst of it.
#[test]
fn c18_idle_time_begins_when_the_limit_lets_the_output_leave() {
    for bandwidth in
        [Bandwidth::default(), Bandwidth::new(0, 100_000), Bandwidth::new(100, 0), Bandwidth::new(9, 50_000)]
    {
        let mut lab =
            Lab::with_limits(limited(0, 100).with(|limits| limits.http_idle = SECOND * 75), || Probe {
                on_request: |_, exchange, _| exchange.ok("text/plain", "x".repeat(30_000)),
                on_post: |_, connection, mut posted| {
                    connection.set_bandwidth(*posted.downcast_mut::<Bandwidth>().expect("a limit"));
                },
                ..Probe::default()
            });
        let far = lab.connect();
        lab.say(&far, get("/"));
        lab.advance(SECOND * 100);
        lab.server.handle().post(only_id(&lab), bandwidth).expect("there is room");
        lab.run();
        assert!(far.bytes_received() > 30_000, "{bandwidth:?}");
        lab.advance(SECOND * 74);
        assert_eq!(lab.connections(), 1, "{bandwidth:?}: {:?}", lab.log.events());
        lab.advance(SECOND * 2);
        assert!(lab.log.has("disconnect Timeout(Idle)"), "{bandwidth:?}: {:?}", lab.log.events());
    }
}

/// The fault: what is held for a moment, again and again, hid that a peer is silent, because it was taken for a byte of it.
#[test]
fn c18_a_silent_peer_is_found_although_its_output_is_held_now_and_then() {
    // The heartbeat, what is sent every ten seconds, and when the peer counts as dead.
    for (after, length, ends_after) in [(30, 1500, 60), (5, 5000, 30), (5, 7000, 40), (2, 9000, 40)] {
        let limits = limited(0, 1000).with(|limits| {
            (limits.heartbeat, limits.heartbeat_dead) = (SECOND * after, SECOND * 20);
        });
        let mut lab = Lab::with_limits(limits, probe);
        let far = lab.connect();
        lab.say(&far, socket::UPGRADE);
        let id = only_id(&lab);
        let mut seconds = 0;
        while !lab.log.has("disconnect") {
            lab.server.handle().send(id, "m".repeat(length)).expect("there is room");
            lab.advance(SECOND * 10);
            seconds += 10;
            assert!(seconds <= 100, "{length}: {:?}", lab.log.events());
        }
        assert!(lab.log.has("disconnect Timeout(Heartbeat)"), "{length}: {:?}", lab.log.events());
        assert_eq!(seconds, ends_after, "{length}");
    }
}

/// The fault: output that was held for a millisecond made the second ping the first.
#[test]
fn c18_a_round_trip_is_right_although_output_is_held_meanwhile() {
    // One byte more than the tokens of a second, and as many.
    for length in [997, 996] {
        let limits = limited(0, 1000).with(|limits| {
            (limits.heartbeat, limits.heartbeat_dead) = (SECOND, SECOND * 20);
        });
        let mut lab = Lab::with_limits(limits, || Probe {
            on_control: |probe, socket, _| probe.log.note(format!("{:?}", socket.round_trip())),
            ..probe()
        });
        let far = lab.connect();
        lab.say(&far, socket::UPGRADE);
        lab.advance(MS * 1500);
        lab.server.handle().send(only_id(&lab), "m".repeat(length)).expect("there is room");
        lab.run();
        assert_eq!(lab.server.wires().waits_for_tokens(only_id(&lab)), length == 997);
        lab.advance(MS * 700);
        lab.say(&far, socket::masked(socket::FIN | socket::PONG, socket::BEAT));
        assert!(lab.log.has("Some(1.2s)"), "{length}: {:?}", lab.log.events());
    }
}

/// The deadline of a ping is put off while output is held; it must not outlive a byte that came in time.
#[test]
fn c18_a_peer_that_has_sent_something_since_the_ping_is_not_dead_because_of_a_hold() {
    let limits = limited(0, 1000).with(|limits| {
        (limits.heartbeat, limits.heartbeat_dead) = (SECOND, SECOND * 2);
    });
    let mut lab = Lab::with_limits(limits, probe);
    let far = lab.connect();
    lab.say(&far, socket::UPGRADE);
    lab.advance(MS * 1100);
    lab.say(&far, socket::text("not a pong"));
    lab.advance(MS * 100);
    lab.server.handle().send(only_id(&lab), "m".repeat(6200)).expect("there is room");
    // The next ping follows a second without a byte, in which nothing is held.
    lab.advance(SECOND * 6);
    assert_eq!((lab.log.has("disconnect"), lab.connections()), (false, 1), "{:?}", lab.log.events());
    let before = far.bytes_received();
    lab.advance(SECOND);
    assert_eq!(far.bytes_received() - before, 2 + socket::BEAT.len(), "it is pinged");
    lab.advance(SECOND * 2);
    assert!(lab.log.has("disconnect Timeout(Heartbeat)"), "{:?}", lab.log.events());
}

/// The fault: the peer's Close was awaited while ours was still held back, or behind bytes that were not read yet.
#[test]
fn c18_a_close_is_awaited_behind_what_the_limit_holds_back() {
    // The first offset is that of a round number of seconds. With the others, the deadline of the Close and the tokens for what is
    // not read yet come in one turn, now this first and now that.
    for offset in std::iter::once(0).chain([4096, 8192].into_iter().flat_map(|end| end - 4000..end - 3900)) {
        check_awaited_close(MS * offset);
    }
}

fn check_awaited_close(offset: Duration) {
    let (message, answer) = (socket::binary(&[b'x'; 100]), socket::close(3000, ""));
    // The limits, the messages that the peer sends before it knows of our Close, whether it answers that, after how many seconds it
    // is over, and the code that was heard.
    let cases = [
        ("our Close is held back", (0, 500), 0, true, 42, Some(3000)),
        ("ours is, and there is no answer", (0, 500), 0, false, 43, None),
        ("its Close is not read yet", (100, 0), 3, true, 3, Some(3000)),
        ("it goes on and on, and answers after that", (100, 0), 200, true, 4, None),
        ("it sends nothing", (100, 0), 0, false, 1, None),
    ];
    for (name, (bytes_in, bytes_out), messages, answers, ends_after, code) in cases {
        let limits = limited(bytes_in, bytes_out).with(|limits| limits.close_wait = SECOND);
        let mut lab = Lab::with_limits(limits, || Probe {
            on_disconnect: |probe, _, end| probe.log.note(format!("code {:?}", end.close_code)),
            ..probe()
        });
        let far = lab.connect();
        far.send(socket::UPGRADE.as_bytes());
        lab.advance(SECOND * 3 + offset);
        let id = only_id(&lab);
        if bytes_out > 0 {
            post(&mut lab, id);
        }
        far.send(&message.repeat(messages));
        lab.server.handle().close(id).expect("there is room");
        lab.run();
        let (mut seconds, mut is_answered) = (0, !answers);
        while !lab.log.has("code") {
            if !is_answered && lab.server.wires().queued_bytes(id) == 0 {
                is_answered = true;
                far.send(&answer);
                lab.run();
            } else {
                lab.advance(SECOND);
                seconds += 1;
                assert!(seconds < 100, "{name}, {offset:?}: it is kept");
            }
        }
        assert!(lab.log.has(&format!("code {code:?}")), "{name}, {offset:?}: {:?}", lab.log.events());
        assert_eq!(seconds, ends_after, "{name}, {offset:?}");
    }
}

#[test]
fn c18_a_peer_that_ends_while_it_is_not_read_is_read_to_its_end() {
    let mut lab = Lab::with_limits(limited(100, 0), Probe::default);
    let far = lab.connect_to(listener::RAW);
    far.send(&[b'x'; 250]);
    lab.run();
    far.finish();
    lab.run();
    lab.advance(SECOND * 2);
    assert_eq!(text(&far.take()), "x".repeat(250));
    assert!(lab.log.has("disconnect Peer") && far.has_server_finished(), "{:?}", lab.log.events());
}

/// A listener has its own, and the others have that of the server.
#[test]
fn c18_a_listener_has_its_own_bandwidth() {
    let limits = limited(0, 500);
    let listeners = vec![
        Listener::tcp("in memory").raw(),
        Listener::tcp("in memory").raw().limits(|limits| limits.bandwidth = Bandwidth::new(0, 2000)),
        Listener::tcp("in memory").raw().limits(|limits| limits.bandwidth = Bandwidth::default()),
    ];
    let mut lab = Lab::with_options(TestOptions { limits, listeners, ..TestOptions::default() }, probe);
    for (at, expected) in [500, 2000, LONG].into_iter().enumerate() {
        let far = lab.connect_to(at);
        let id = lab.server.wires().ids().last().expect("it is there");
        post(&mut lab, id);
        assert_eq!(far.bytes_received(), expected, "at listener {at}");
        lab.advance(SECOND);
        assert_eq!(far.bytes_received(), (expected * 2).min(LONG), "at listener {at}, after a second");
    }
}
