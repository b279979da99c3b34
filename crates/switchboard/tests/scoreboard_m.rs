//! Timers, heartbeat, timeouts.

mod support;

use std::time::Duration;
use support::probe::Probe;
use support::socket::{self, FIN, Frame, PING};
use support::{Lab, get, statuses, text};
use switchboard::test::{TestOptions, listener};
use switchboard::{Limits, TimerId};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn lab(limits: Limits, make: fn() -> Probe) -> Lab {
    Lab::with_options(TestOptions { limits, ..TestOptions::default() }, make)
}

#[test]
fn m1_http_may_be_silent_for_75_s_a_websocket_for_120_s() {
    let limits = Limits { heartbeat: Duration::ZERO, ..Limits::default() };
    let mut lab = lab(limits, Probe::default);
    let (http, socket) = (lab.connect(), lab.websocket());
    lab.advance(SECOND * 75 - MS);
    assert!(!http.is_finished());
    lab.advance(MS);
    assert!(http.is_finished() && text(&http.take()).is_empty());
    lab.advance(SECOND * 45 - MS);
    assert_eq!(text(&socket.take()), "");
    lab.advance(MS);
    assert_eq!(socket::frames(&socket.take())[0].code(), Some(1001));
    lab.advance(SECOND * 8);
    assert_eq!(lab.log.count("disconnect Timeout(Idle)"), 2);
}

#[test]
fn m1_each_byte_begins_it_anew() {
    let mut lab = lab(Limits { heartbeat: Duration::ZERO, ..Limits::default() }, Probe::default);
    let far = lab.websocket();
    for _ in 0..10 {
        lab.advance(SECOND * 119);
        assert_eq!(socket::texts(&lab.say(&far, socket::text("here"))), ["here"]);
    }
}

#[test]
fn m1_any_time_from_1_ms_can_be_set_while_it_runs() {
    let mut lab = Lab::new(|| Probe {
        on_data: |probe, raw, data| {
            probe.count += 1;
            raw.set_idle_timeout(Duration::from_millis([0, 1, 250, 0][probe.count]));
            data.len()
        },
        ..Probe::default()
    });
    for (bytes, idle_ms) in [(1, 1), (2, 250)] {
        let far = lab.connect_to(listener::RAW);
        for _ in 0..bytes {
            lab.say(&far, "x");
        }
        lab.advance(Duration::from_millis(idle_ms - 1));
        assert!(!far.is_finished(), "{idle_ms} ms");
        lab.advance(MS);
        assert!(far.is_finished(), "{idle_ms} ms");
    }
    let far = lab.connect_to(listener::RAW);
    for _ in 0..3 {
        lab.say(&far, "x");
    }
    lab.advance(SECOND * 1_000_000);
    assert!(!far.is_finished(), "zero is any");
}

#[test]
fn m3_a_ping_comes_after_30_s_of_silence_and_the_end_20_s_later() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    lab.advance(SECOND * 30 - MS);
    assert_eq!(text(&far.take()), "");
    lab.advance(MS);
    assert_eq!(socket::frames(&far.take()), [Frame::new(FIN | PING, "")]);
    lab.advance(SECOND * 20 - MS);
    assert!(!far.is_reset() && !far.is_finished());
    lab.advance(MS);
    assert!(far.is_reset());
    assert!(lab.log.has("disconnect Timeout(Heartbeat)"), "{:?}", lab.log.events());
    assert_eq!(lab.connections(), 0);
}

#[test]
fn m3_any_byte_is_a_sign_of_life() {
    for sign in [socket::masked(FIN | socket::PONG, b""), socket::text("x"), socket::text("x")[..1].to_vec()]
    {
        let mut lab = Lab::new(Probe::default);
        let far = lab.websocket();
        lab.advance(SECOND * 45);
        lab.say(&far, &sign);
        lab.advance(SECOND * 10);
        assert!(!far.is_reset(), "{sign:?}");
        // And it is pinged again 30 s after that sign.
        lab.advance(SECOND * 20);
        let pings = socket::frames(&far.take()).into_iter().filter(|frame| frame.opcode() == PING);
        assert_eq!(pings.count(), 1, "{sign:?}");
    }
}

#[test]
fn m3_a_peer_that_answers_pings_stays_for_a_day() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    for _ in 0..24 * 60 * 60 / 31 {
        lab.advance(SECOND * 31);
        for ping in socket::frames(&far.take()) {
            lab.say(&far, socket::masked(FIN | socket::PONG, &ping.payload));
        }
    }
    assert_eq!(lab.log.count("pong"), 24 * 60 * 60 / 31);
    assert!(!far.is_finished());
}

#[test]
fn m6_timers_fire_in_order_and_once() {
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| {
            for (key, ms) in [(3, 300), (1, 100), (2, 200), (4, 70_000), (5, 0), (65_535, 150)] {
                connection.set_timer(TimerId(key), Duration::from_millis(ms));
            }
            // The last word counts.
            connection.set_timer(TimerId(6), Duration::from_millis(1));
            connection.set_timer(TimerId(6), Duration::from_millis(250));
            connection.set_timer(TimerId(7), Duration::from_millis(120));
            assert!(connection.cancel_timer(TimerId(7)) && !connection.cancel_timer(TimerId(7)));
            assert!(!connection.cancel_timer(TimerId(8)));
        },
        ..Probe::default()
    });
    let _far = lab.connect_to(listener::RAW);
    lab.advance(SECOND * 100);
    // No time at all is the next millisecond.
    let expected = [(5, 1), (1, 100), (65_535, 150), (2, 200), (6, 250), (3, 300), (4, 70_000)];
    let expected = expected.map(|(key, at)| format!("timer {key} at {at}"));
    assert_eq!(lab.log.events()[1..], expected);
}

#[test]
fn m6_timers_end_with_their_connection() {
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| {
            for key in 0..100 {
                connection.set_timer(TimerId(key), Duration::from_millis(u64::from(key) * 10));
            }
        },
        on_timer: |_, connection, timer| {
            if timer == TimerId(50) {
                connection.abort();
            }
        },
        ..Probe::default()
    });
    let _far = lab.connect();
    lab.advance(SECOND * 5);
    assert_eq!(lab.log.count("timer"), 51);
    assert_eq!((lab.connections(), lab.server.wires().timers()), (0, 0));
}

#[test]
fn m6_a_timer_can_set_and_cancel_others_at_its_time() {
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| {
            for key in 1..4 {
                connection.set_timer(TimerId(key), SECOND);
            }
        },
        on_timer: |probe, connection, timer| {
            probe.count += 1;
            if probe.count == 1 {
                let other = if timer == TimerId(2) { 1 } else { 2 };
                assert!(connection.cancel_timer(TimerId(other)), "it was to fire in this very turn");
                connection.set_timer(timer, SECOND);
            }
        },
        ..Probe::default()
    });
    let _far = lab.connect();
    lab.advance(SECOND);
    assert_eq!(lab.log.count("timer"), 2);
    lab.advance(SECOND * 10);
    assert_eq!(lab.log.count("timer"), 3);
}

#[test]
fn m8_head_and_body_have_deadlines() {
    let limits = Limits::default();
    assert_eq!(
        (limits.head_timeout, limits.body_interval, limits.body_interval_bytes_min),
        (SECOND * 10, SECOND * 10, 10 << 10)
    );
    assert_eq!((limits.reactor.handshake, limits.upgrade_wait), (SECOND * 10, SECOND * 10));
    for half in ["GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect();
        far.send(half.as_bytes());
        lab.advance(SECOND * 10 - MS);
        assert!(!far.is_finished(), "{half}");
        lab.advance(MS);
        assert_eq!(statuses(&far.take()), [408], "{half}");
        assert!(far.is_finished(), "{half}");
    }
}

#[test]
fn m9_a_peer_that_takes_nothing_for_30_s_is_given_up() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| exchange.ok("text/plain", vec![b'x'; 100_000]),
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(1000));
    far.send(get("/").as_bytes());
    lab.run();
    lab.advance(SECOND * 30 - MS);
    assert!(!far.is_reset());
    lab.advance(MS);
    assert!(far.is_reset());
    assert!(lab.log.has("disconnect Timeout(Write)"), "{:?}", lab.log.events());
}

#[test]
fn m9_a_slow_reader_is_not_given_up() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| exchange.ok("text/plain", vec![b'x'; 100_000]),
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(1000));
    far.send(get("/").as_bytes());
    for _ in 0..99 {
        lab.advance(SECOND * 29);
        far.set_room(Some(1000));
        lab.run();
    }
    assert!(!far.is_reset() && far.received() >= 99_000);
}

#[test]
fn m9_it_counts_while_closing_too() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, mut exchange, _| {
            exchange.close();
            exchange.ok("text/plain", vec![b'x'; 100_000]);
        },
        on_data: |_, raw, data| {
            raw.write(&vec![b'x'; 100_000]);
            raw.close();
            data.len()
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    far.set_room(Some(10));
    far.send(b"x");
    lab.run();
    lab.advance(SECOND * 30);
    assert_eq!(lab.connections(), 0);
}
