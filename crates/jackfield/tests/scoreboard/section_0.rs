//! The traps of other frameworks, and what happens here instead.

use crate::support;
use jackfield::test::listener;
use jackfield::{Busy, Limits, Refuse, Sent};
use std::time::Duration;
use support::probe::{Probe, observed};
use support::socket::{self, BINARY, FIN, Frame, PING, PONG};
use support::{Lab, get, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// CEF sends text frames only, and does not say what came.
#[test]
fn t0_1_text_and_binary_go_both_ways() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, [socket::text("a"), socket::binary(b"\xff")].concat()));
    assert_eq!(frames, [Frame::text("a"), Frame::new(FIN | BINARY, b"\xff")]);
}

/// CEF drops what goes beyond 1 MiB with a line in a log.
#[test]
fn t0_2_nothing_is_dropped_without_a_report() {
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, || Probe {
        on_message: |_, socket, _| {
            while socket.send(&[0; 10_000][..]).is_accepted() {}
            assert_eq!(socket.send("x"), Sent::Gone, "by default it is closed");
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text("go"));
    assert_eq!((seen.count("dropped"), lab.server.handle().metrics().dropped), (1, 1));
}

/// CEF closes before a long answer is written, and so cuts it.
#[test]
fn t0_3_a_long_answer_is_written_before_the_close() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| exchange.ok("text/plain", vec![b'x'; 5_000_000]),
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(1000));
    far.send(b"GET / HTTP/1.0\r\n\r\n");
    lab.run();
    for _ in 0..100 {
        far.set_room(Some(100_000));
        lab.run();
    }
    assert!(far.has_server_finished() && !far.is_reset());
    assert!(far.bytes_received() > 5_000_000);
}

/// CEF closes without an answer when a body passes 1 MiB, and knows no chunked ones.
#[test]
fn t0_4_requests_above_a_limit_are_answered() {
    let mut lab = Lab::new(Probe::default);
    for (input, status) in [
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n".to_owned(), 413),
        (format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned(),
            200,
        ),
    ] {
        let far = lab.connect();
        assert_eq!(statuses(&lab.say(&far, input)), [status]);
    }
}

/// CEF has no timeouts, and declines a WebSocket by hanging up.
#[test]
fn t0_5_times_are_on_and_a_refusal_has_a_status() {
    let mut lab = Lab::new(|| Probe { on_upgrade: |_, upgrade, _| upgrade.reject(403), ..Probe::default() });
    let silent = lab.connect();
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, socket::UPGRADE)), [403]);
    lab.advance(SECOND * 80);
    assert!(silent.has_server_finished() && far.has_server_finished());
}

/// CEF clears its table of ids before it tells of the disconnects.
#[test]
fn t0_6_on_disconnect_can_still_call_other_clients() {
    let mut lab = Lab::new(|| Probe {
        on_disconnect: |probe, connection, _| {
            probe.log.note(format!("{} peers", connection.connection_ids().len()));
        },
        ..Probe::default()
    });
    let _all = [lab.connect(), lab.connect(), lab.connect()];
    lab.server.handle().shutdown(jackfield::Drain::now());
    lab.run();
    assert_eq!(lab.log.count("disconnect Shutdown"), 3);
}

/// ICS tests its limit after it has made a client and told it that it is connected.
#[test]
fn t0_8_the_limit_comes_before_the_factory() {
    let limits = Limits::default().with(|limits| limits.connections_max = 1);
    let (options, seen) = observed();
    let options = jackfield::test::TestOptions { limits, ..options };
    let made = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = made.clone();
    let mut server = jackfield::test::TestServer::with_options(options, move |_peer| {
        count.set(count.get() + 1);
        Probe::default()
    });
    let _first = server.connect();
    let second = server.connect();
    assert_eq!((made.get(), statuses(&second.take())), (1, vec![503]));
    assert_eq!(seen.events(), ["refused Full"]);
}

/// ICS greets everybody with a banner of its own.
#[test]
fn t0_9_there_is_no_banner_by_default() {
    let mut lab = Lab::new(Probe::default);
    for listener in [listener::HTTP, listener::RAW, listener::LINES] {
        assert_eq!(text(&lab.connect_to(listener).take()), "");
    }
}

/// ICS compares pointer and number before it frees a client.
#[test]
fn t0_10_an_old_id_is_never_a_new_connection() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let old = lab.server.wires().ids().next().unwrap();
    far.reset();
    lab.run();
    let stranger = lab.websocket();
    assert_eq!(lab.server.handle().abort(old), Err(Busy::Gone));
    lab.run();
    assert!(!stranger.is_reset());
}

/// ICS frees its clients without telling them when the server is destroyed.
#[test]
fn t0_11_every_client_gets_on_disconnect_on_every_path() {
    let mut lab = Lab::new(Probe::default);
    let _far = lab.connect();
    lab.server.handle().shutdown(jackfield::Drain::now());
    lab.run();
    assert_eq!(lab.log.events(), ["connect", "disconnect Shutdown", "drop"]);
}

/// ICS needs `CloseDelayed` and `Release`, because `Close` in a handler frees what the handler still uses.
#[test]
fn t0_12_a_close_in_a_callback_takes_effect_after_it() {
    let mut lab = Lab::new(|| Probe {
        on_message: |probe, socket, message| {
            socket.send(message);
            socket.abort();
            socket.close_with(1000, "");
            assert_eq!(probe.log.count("disconnect"), 0);
            assert!(socket.stats().is_some());
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.say(&far, socket::text("x"));
    assert_eq!(lab.log.events()[4..], ["disconnect Local", "drop"]);
}

/// ICS says the whole list of subprotocols back, and queues old pongs before new ones.
#[test]
fn t0_14_one_subprotocol_and_the_newest_pong() {
    let mut lab = Lab::with_limits(Limits::default().with(|limits| limits.control_frames = 0), || Probe {
        on_upgrade: |_, mut upgrade, _| {
            assert!(upgrade.choose("b"));
            upgrade.accept();
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let answer = lab.ask(&far, socket::upgrade_with("Sec-WebSocket-Protocol: a, b\r\n"));
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: b\r\n"), "{answer}");
    far.set_room(Some(0));
    for number in 0..50_000_u32 {
        far.send(&socket::ping(&number.to_be_bytes()));
    }
    lab.run();
    let id = lab.server.wires().ids().next().unwrap();
    assert!(lab.server.wires().wire_stats(id).unwrap().queued < 65 << 10);
    far.set_room(None);
    lab.run();
    assert_eq!(socket::frames(&far.take()).last(), Some(&Frame::new(FIN | PONG, 49_999_u32.to_be_bytes())));
}

/// IPWorks delivers fragments by default.
#[test]
fn t0_16_messages_are_whole() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let input = [socket::masked(socket::TEXT, b"one "), socket::masked(FIN, b"message")].concat();
    lab.say(&far, input);
    assert!(lab.log.has("text one message"));
}

/// Qore never closes a connection whose pongs don't come, does not check the version, and sends the text of
/// exceptions to the client.
#[test]
fn t0_17_dead_peers_end_versions_count_and_errors_stay_here() {
    let mut lab = Lab::new(|| Probe { on_message: |_, _, _| panic!("secret"), ..Probe::default() });
    let far = lab.websocket();
    lab.advance(SECOND * 30);
    assert_eq!(socket::frames(&far.take()), [Frame::new(FIN | PING, socket::BEAT)]);
    lab.advance(SECOND * 20);
    assert!(far.is_reset());
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, socket::UPGRADE.replace("Version: 13", "Version: 12"))), [426]);
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, socket::text("x")));
    assert_eq!((frames[0].code(), frames[0].payload.len()), (Some(1011), 2));
}

/// uWebSockets ends the process when a handler returns without an answer.
#[test]
fn t0_21_a_missing_answer_is_a_500() {
    let mut lab = Lab::new(|| Probe { on_request: |_, _exchange, _| {}, ..Probe::default() });
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, get("/").repeat(2))), [500, 500]);
}

/// axum's deadline for a head is inert: half a head is held for ever.
#[test]
fn t0_22_half_a_head_has_its_deadline_by_default() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(b"GET / HTTP/1.1\r\nHo");
    lab.advance(SECOND * 10);
    assert_eq!(statuses(&far.take()), [408]);
}

/// A refusal costs no client.
#[test]
fn t0_8_a_refused_connection_never_gets_on_connect() {
    let mut server = jackfield::test::TestServer::new(|_peer| Err::<Probe, Refuse>(Refuse::Silent));
    let far = server.connect();
    assert!(far.has_server_finished());
    assert_eq!(server.handle().count(), 0, "it lingers, and takes no place");
    server.advance(SECOND * 2);
    assert_eq!(server.wires().len(), 0);
}
