//! Bugs that a second review found, one test each: rates, heartbeats and broadcasts where they meet other things.

mod support;

use std::time::Duration;
use support::probe::Probe;
use support::socket::{self, FIN};
use support::{Lab, get, statuses, text};
use switchboard::test::TestOptions;
use switchboard::{Beat, BodyPlan, Client, Drain, Heartbeat, Limits, Message, Overflow, Rate, WebSocket};

const SECOND: Duration = Duration::from_secs(1);

/// So many messages in a second.
fn messages(messages: u32) -> Rate {
    Rate { messages, ..Rate::default() }
}

fn with(change: impl Fn(&mut Limits)) -> TestOptions {
    let mut options = TestOptions::default();
    change(&mut options.limits);
    options
}

/// The new bucket was charged with all that the reactor had ever counted.
#[test]
fn a_rate_that_is_set_by_a_message_owes_nothing_for_others() {
    let mut lab = Lab::with_options(with(|limits| limits.rate = messages(1000)), || Probe {
        on_message: |_, socket, message| {
            if message == Message::Text("slow") {
                socket.set_rate(messages(10));
            }
            socket.send(message);
        },
        ..Probe::default()
    });
    let (busy, slow) = (lab.websocket(), lab.websocket());
    for _ in 0..500 {
        lab.say(&busy, socket::text("x"));
    }
    lab.say(&slow, socket::text("slow"));
    assert_eq!(socket::texts(&lab.say(&slow, socket::text("at once"))), ["at once"]);
}

/// With a heartbeat of none the deadline of a ping that was answered came back, and met a peer that had nothing to say.
#[test]
fn a_heartbeat_that_is_switched_off_finds_nobody_dead() {
    let options = with(|limits| {
        (limits.heartbeat, limits.heartbeat_dead) = (SECOND * 10, SECOND * 5);
        limits.websocket_idle = Duration::ZERO;
    });
    let mut lab = Lab::with_options(options, Probe::default);
    let far = lab.websocket();
    lab.advance(SECOND * 10);
    assert_eq!(socket::frames(&far.take()).len(), 1, "a ping");
    lab.advance(SECOND);
    lab.say(&far, socket::masked(FIN | socket::PONG, b""));
    lab.server.handle().set_heartbeat(Heartbeat { after: Duration::ZERO, ..Heartbeat::default() }).unwrap();
    lab.advance(SECOND * 1000);
    assert_eq!((lab.connections(), far.is_reset()), (1, false));
}

/// The deadline of a ping that was answered stood for a later one that was never sent.
#[test]
fn who_was_not_pinged_owes_no_pong() {
    let options = with(|limits| {
        (limits.heartbeat, limits.heartbeat_dead) = (SECOND * 10, SECOND * 25);
        limits.websocket_idle = Duration::ZERO;
    });

    struct Once(bool);

    impl Client for Once {
        fn on_heartbeat(&mut self, _socket: &mut WebSocket<'_>) -> Beat {
            if std::mem::replace(&mut self.0, true) { Beat::Skip } else { Beat::Ping }
        }
    }

    let mut server = switchboard::test::TestServer::with_options(options, |_peer| Once(false));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.advance(SECOND * 10);
    far.send(&socket::masked(FIN | socket::PONG, b""));
    server.advance(SECOND * 1000);
    assert_eq!((server.wires().len(), far.is_reset()), (1, false));
}

/// What gathers in a broadcast was not weighed against the bound of the outboxes that it went to.
#[test]
fn a_broadcast_keeps_to_the_bound_of_its_members() {
    const BOUND: usize = 2000;
    let options = with(|limits| {
        (limits.reactor.outbox_bytes_high, limits.reactor.outbox_bytes_low) = (1000, 500);
        limits.reactor.outbox_bytes_max = BOUND;
    });
    let mut lab = Lab::with_options(options, || Probe {
        on_open: |_, socket| {
            socket.set_overflow(Overflow::DropNewest);
            socket.subscribe("room");
        },
        on_message: |_, socket, _| {
            for _ in 0..1000 {
                socket.publish("room", "ten bytes.");
            }
        },
        ..Probe::default()
    });
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    members.iter().for_each(|far| far.set_room(Some(0)));
    lab.say(&members[0], socket::text("go"));
    let ids: Vec<_> = lab.server.wires().ids().collect();
    for id in ids {
        let queued = lab.server.wires().queued(id);
        assert!(queued <= BOUND + 20, "{queued} bytes wait for {id}");
    }
}

/// Whoever was closing already was evicted without a word, and as if its last answer had gone out.
#[test]
fn the_eviction_of_a_closing_connection_is_told() {
    let limits = Limits { memory_bytes_max: 8000, ..Limits::default() };
    let mut lab = Lab::with_limits(limits, || Probe {
        on_request: |_, mut exchange, _| {
            exchange.close_after();
            exchange.ok("text/plain", vec![b'x'; 20_000]);
        },
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(100));
    lab.say(&far, get("/"));
    assert!(far.is_reset() && lab.log.has("evicted"), "{:?}", lab.log.events());
    assert!(lab.log.has("disconnect Limit(Memory)"), "{:?}", lab.log.events());
}

/// To close while a body is still coming is to answer it with a reset, which may destroy the answer.
#[test]
fn the_last_request_is_not_over_before_its_body() {
    for length in [100, 1_000_000] {
        let mut lab = Lab::new(|| Probe { on_head: |_, _, _| BodyPlan::Reject(403), ..Probe::default() });
        let far = lab.connect();
        let head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
        let answer = lab.ask(&far, format!("{head}Content-Length: {length}\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert_eq!(lab.connections(), 1, "the body is still to come");
    }
    // With its body it is.
    for plan in ["/collect", "/stream"] {
        let mut lab = Lab::new(|| Probe {
            on_head: |_, _, request| {
                if request.path() == "/stream" { BodyPlan::Stream } else { BodyPlan::Collect }
            },
            ..Probe::default()
        });
        let far = lab.connect();
        lab.say(
            &far,
            format!("POST {plan} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe"),
        );
        assert!(lab.ask(&far, "llo").starts_with("HTTP/1.1 200 "));
        assert_eq!(lab.connections(), 0, "{plan}");
    }
}

/// What had come of a peer that was not read for its rate was dropped at the shutdown.
#[test]
fn a_request_that_waits_for_its_rate_is_answered_at_the_shutdown() {
    let mut lab = Lab::with_options(with(|limits| limits.rate = messages(1)), Probe::default);
    let (busy, idle) = (lab.connect(), lab.connect());
    assert_eq!(statuses(&lab.say(&busy, get("/").repeat(2))), [200]);
    lab.say(&idle, get("/"));
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 2);
    let answer = busy.take();
    assert_eq!(statuses(&answer), [200]);
    assert!(text(&answer).contains("Connection: close"), "{}", text(&answer));
    assert!(busy.is_finished() && idle.is_finished());
}
