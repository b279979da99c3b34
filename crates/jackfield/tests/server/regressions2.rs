//! Bugs that a second review found, one test each: rates, heartbeats and broadcasts where they meet other things.

use crate::support;
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{
    BodyPlan, Client, Connection, ConnectionId, Drain, Heartbeat, HeartbeatAction, History, Limits, Message,
    MessageKind, Overflow, Rate, Server, ServerState, TimerId, WebSocket,
};
use std::net::Shutdown;
use std::time::Duration;
use support::congested::{congest, low_marks};
use support::probe::{Log, Probe};
use support::real::{self, Live};
use support::socket::{self, CONTINUATION, FIN, Frame, TEXT};
use support::{Lab, get, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// So many messages in a second.
fn messages(messages: u32) -> Rate {
    Rate::new(messages, 0)
}

fn with(change: impl Fn(&mut Limits)) -> TestOptions {
    let mut options = TestOptions::default();
    change(&mut options.limits);
    options
}

/// The new bucket was charged with all that the reactor had ever counted.
#[test]
fn a_rate_set_by_a_message_begins_without_a_debt() {
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
fn a_disabled_heartbeat_finds_no_dead_peer() {
    let options = with(|limits| {
        (limits.heartbeat, limits.heartbeat_dead) = (SECOND * 10, SECOND * 5);
        limits.websocket_idle = Duration::ZERO;
    });
    let mut lab = Lab::with_options(options, Probe::default);
    let far = lab.websocket();
    lab.advance(SECOND * 10);
    assert_eq!(socket::frames(&far.take()).len(), 1, "a ping");
    lab.advance(SECOND);
    lab.say(&far, socket::masked(FIN | socket::PONG, socket::BEAT));
    lab.server.handle().set_heartbeat(Heartbeat::every(Duration::ZERO)).unwrap();
    lab.advance(SECOND * 1000);
    assert_eq!((lab.connections(), far.is_reset()), (1, false));
}

/// The deadline of a ping that was answered stood for a later one that was never sent.
#[test]
fn a_peer_that_was_not_pinged_need_not_answer() {
    let options = with(|limits| {
        (limits.heartbeat, limits.heartbeat_dead) = (SECOND * 10, SECOND * 25);
        limits.websocket_idle = Duration::ZERO;
    });

    struct Once(bool);

    impl Client for Once {
        fn on_heartbeat(&mut self, _socket: &mut WebSocket<'_>) -> HeartbeatAction {
            if std::mem::replace(&mut self.0, true) { HeartbeatAction::Skip } else { HeartbeatAction::Ping }
        }
    }

    let mut server = jackfield::test::TestServer::with_options(options, |_peer| Once(false));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.advance(SECOND * 10);
    far.send(&socket::masked(FIN | socket::PONG, socket::BEAT));
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
    let queued: Vec<usize> = ids.iter().map(|id| lab.server.wires().queued_bytes(*id)).collect();
    assert_eq!(queued[0], 0, "who publishes gets nothing");
    // As full as they may be: the last message may reach beyond the bound.
    assert!(queued[1..].iter().all(|queued| (BOUND..=BOUND + 20).contains(queued)), "{queued:?} bytes wait");
}

/// A congested member that published itself got the messages that were gathered after its own before its older backlog.
#[test]
fn a_congested_member_that_publishes_gets_the_others_messages_in_order() {
    let mut lab = Lab::with_options(low_marks(), || Probe {
        on_open: |_, socket| {
            socket.set_overflow(Overflow::DropOldest);
            socket.subscribe("room");
        },
        on_timer: |_, connection, _| {
            connection.publish("room", "its own");
            for number in 3..6 {
                connection.handle().publish("room", format!("{number}"));
                connection.publish_to_all("room", format!("{number} to all"));
            }
        },
        on_message: |_, socket, _| socket.set_timer(TimerId(1), SECOND),
        ..Probe::default()
    });
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    let slow = &members[0];
    lab.say(slow, socket::text("a timer"));
    let long = congest(&mut lab, slow);
    lab.advance(SECOND);
    slow.set_room(None);
    lab.run();
    let expected = [&*long, "1", "2", "3 to all", "4 to all", "5 to all", "3", "4", "5"];
    assert_eq!(socket::texts(&slow.take()), expected);
}

/// The messages that were gathered after a publisher's own went to it in the middle of a message in fragments.
#[test]
fn a_publisher_in_the_middle_of_a_message_gets_the_others_messages_after_it() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        on_message: |_, socket, message| {
            if message == Message::Text("end") {
                socket.writer().expect("a message has begun").finish();
                return;
            }
            socket.begin(MessageKind::Text).expect("no other has begun").write("one");
            socket.publish("room", "its own");
            socket.publish_to_all("room", "to all");
        },
        ..Probe::default()
    });
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    assert_eq!(socket::frames(&lab.say(&members[0], socket::text("begin"))), [Frame::new(TEXT, "one")]);
    assert!(members[1..].iter().all(|far| socket::texts(&far.take()) == ["its own", "to all"]));
    let end = socket::frames(&lab.say(&members[0], socket::text("end")));
    assert_eq!(end, [Frame::new(FIN | CONTINUATION, ""), Frame::text("to all")]);
}

/// A congested member that was read, and that something else was sent to in the same turn, got what was published then before
/// what had been published before.
#[test]
fn a_congested_member_that_is_read_gets_what_is_published_in_order() {
    let mut lab = Lab::with_options(low_marks(), || Probe {
        on_open: |_, socket| {
            socket.set_overflow(Overflow::DropOldest);
            socket.set_read_while_congested(true);
            socket.subscribe("room");
        },
        ..Probe::default()
    });
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    let (slow, handle) = (&members[0], lab.server.handle());
    let id = handle.ids()[0];
    let long = congest(&mut lab, slow);
    handle.send(id, "to it alone").unwrap();
    for text in ["3", "4"] {
        handle.publish("room", text);
    }
    lab.run();
    slow.set_room(None);
    lab.run();
    assert_eq!(socket::texts(&slow.take()), [&*long, "to it alone", "1", "2", "3", "4"]);
    assert!(members[1..].iter().all(|far| socket::texts(&far.take()) == [&*long, "1", "2", "3", "4"]));
}

/// What happens to a congested member between two messages of one turn, while the others' messages gather.
#[track_caller]
fn check_apart(policy: Overflow, act: fn(&mut Lab, ConnectionId, &FarEnd), expected: &[&str]) {
    let mut lab = Lab::with_options(low_marks(), || Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        on_post: |_, connection, _| _ = connection.unsubscribe("room"),
        ..Probe::default()
    });
    let handle = lab.server.handle();
    handle.declare_topic("room", History::none().overflow(policy));
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    let (id, slow) = (handle.ids()[0], &members[0]);
    slow.set_room(Some(0));
    let long = "x".repeat(1200);
    handle.publish("room", &*long);
    lab.run();
    for text in ["1", "2"] {
        handle.publish("room", text);
    }
    act(&mut lab, id, slow);
    for text in ["3", "4"] {
        handle.publish("room", text);
    }
    lab.run();
    slow.set_room(None);
    lab.run();
    handle.publish("room", "5");
    lab.run();
    let frames = socket::frames(&slow.take());
    let texts = frames.iter().filter(|frame| frame.first == FIN | TEXT && frame.payload != long.as_bytes());
    let got: Vec<_> = texts.map(|frame| text(&frame.payload)).collect();
    assert_eq!(got, expected, "{policy:?}");
    let all = [&*long, "1", "2", "3", "4", "5"];
    assert!(members[1..].iter().all(|far| socket::texts(&far.take()) == all), "{policy:?}");
}

#[test]
fn a_member_that_stands_apart_may_leave_or_end_or_come_back() {
    for policy in [Overflow::GiveBack, Overflow::DropOldest] {
        check_apart(policy, |_, _, _| {}, &["1", "2", "3", "4", "5"]);
        let leave = |lab: &mut Lab, id, _: &FarEnd| lab.server.handle().post(id, ()).expect("it is there");
        check_apart(policy, leave, &["1", "2"]);
        // It has drained when the second half comes, or drains in the same turn.
        let drain = |lab: &mut Lab, _, slow: &FarEnd| {
            slow.set_room(None);
            lab.run();
        };
        check_apart(policy, drain, &["1", "2", "3", "4", "5"]);
        check_apart(policy, |_, _, slow| slow.set_room(None), &["1", "2", "3", "4", "5"]);
        // To it alone, after what is in its outbox already.
        let send = |lab: &mut Lab, id, _: &FarEnd| _ = lab.server.handle().send(id, "alone");
        let queues = policy == Overflow::DropOldest;
        let sent =
            if queues { ["alone", "1", "2", "3", "4", "5"] } else { ["1", "2", "alone", "3", "4", "5"] };
        check_apart(policy, send, &sent);
        check_apart(policy, |lab, id, _| lab.server.handle().abort(id).expect("it is there"), &[]);
        let sent: &[&str] = if queues { &[] } else { &["1", "2"] };
        check_apart(policy, |lab, id, _| lab.server.handle().close(id).expect("it is there"), sent);
    }
}

/// A connection that was closing already was evicted without a report, as if its last answer had been sent.
#[test]
fn the_eviction_of_a_closing_connection_is_reported() {
    let limits = Limits::default().with(|limits| limits.memory_bytes_max = 8000);
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
        assert_eq!((lab.connections(), lab.lingering()), (0, 1), "the body is still to come");
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
    assert!(busy.has_server_finished() && idle.has_server_finished());
}

/// What went wrong with the last answer of a connection that was being drained was told as the shutdown.
#[test]
fn a_failure_in_the_last_answer_is_the_reason() {
    let mut lab = Lab::with_options(with(|limits| limits.rate = messages(1)), || Probe {
        on_connect: |_, connection| connection.set_overflow(Overflow::Close),
        on_request: |_, exchange, request| {
            if request.path() != "/large" {
                return exchange.ok("text/plain", "done");
            }
            let mut stream = exchange.stream(200, "text/plain");
            let part = vec![b'x'; 1 << 20];
            (0..40).for_each(|_| {
                stream.write(&part);
            });
        },
        ..Probe::default()
    });
    let far = lab.connect();
    // The second request waits for the rate, and is read during the drain.
    assert_eq!(statuses(&lab.say(&far, get("/") + &get("/large"))), [200]);
    far.set_room(Some(0));
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 2);
    assert!(lab.log.has("disconnect Limit(Backlog)"), "{:?}", lab.log.events());
}

/// A connection is brought to `stop` with a request carried, the server is shut down, and then it goes on.
#[track_caller]
fn check_carried(stop: fn(&mut Lab) -> Vec<FarEnd>, go_on: fn(&mut Lab, &[FarEnd])) {
    let options = with(|limits| {
        (limits.reactor.outbox_bytes_high, limits.reactor.outbox_bytes_low) = (1000, 500);
        limits.memory_bytes_max = 100_000;
        limits.events_per_turn = 1;
    });
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, mut exchange, request| {
            if request.path() == "/pause" {
                exchange.pause_read();
                exchange.set_timer(TimerId(1), SECOND * 5);
            }
            let length = if request.path() == "/large" { 2000 } else { 10 };
            exchange.ok("text/plain", &vec![b'x'; length][..]);
        },
        on_timer: |_, connection, _| connection.resume_read(),
        ..Probe::default()
    });
    let ends = stop(&mut lab);
    let (far, before) = (&ends[0], text(&ends[0].take()));
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert!(!far.has_server_finished() && !before.contains("Connection: close"), "{before}");
    go_on(&mut lab, &ends);
    let answer = text(&far.take());
    // The last answer says so, and its reader knows which requests were not answered.
    assert!(answer.contains("Connection: close\r\n"), "{answer:?}");
    assert_eq!(answer.matches("Connection: close\r\n").count(), 1, "{answer}");
    assert!(answer.ends_with("\r\n\r\nxxxxxxxxxx") && far.has_server_finished(), "{answer}");
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Shutdown"), "{:?}", lab.log.events());
}

fn ask_twice(lab: &mut Lab, room: Option<usize>, path: &str) -> Vec<FarEnd> {
    let far = lab.connect();
    far.set_room(room);
    far.send((get(path) + &get("/")).as_bytes());
    lab.run();
    vec![far]
}

/// A request that had arrived after another one, while its connection was paused, was dropped at the shutdown.
#[test]
fn a_carried_request_is_answered_at_the_shutdown() {
    // The user reads on.
    check_carried(|lab| ask_twice(lab, None, "/pause"), |lab, _| lab.advance(SECOND * 5));
    // The peer reads on.
    check_carried(
        |lab| ask_twice(lab, Some(0), "/large"),
        |lab, ends| {
            ends[0].set_room(None);
            lab.run();
        },
    );
    // Others give their memory back.
    check_carried(
        |lab| {
            let ends: Vec<FarEnd> = (0..4).map(|_| lab.connect()).collect();
            for far in &ends[1..] {
                far.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n");
                far.send(&[b'x'; 19_000]);
            }
            lab.run();
            ends[0].send(get("/").repeat(1000).as_bytes());
            lab.run();
            assert!(ends[0].bytes_received() < 2000, "it is squeezed before it is answered much");
            ends
        },
        |lab, ends| {
            ends[1..].iter().for_each(FarEnd::reset);
            lab.run();
        },
    );
}

/// The user has paused reading: the shutdown waits for the end of the pause, but not for a peer that has sent nothing.
#[test]
fn a_paused_connection_lasts_until_the_deadline_only_if_something_has_come() {
    let mut lab = Lab::new(|| Probe { on_connect: |_, c| c.pause_read(), ..Probe::default() });
    let (silent, asked) = (lab.connect(), lab.connect());
    lab.say(&asked, get("/"));
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 29);
    assert_eq!(
        (silent.has_server_finished(), asked.has_server_finished(), asked.is_reset()),
        (true, false, false)
    );
    lab.advance(SECOND);
    assert_eq!((asked.is_reset(), lab.connections()), (true, 0));
}

/// A connection that was admitted during the shutdown did not get `Connection: close` in its last answer.
#[test]
fn a_connection_admitted_during_the_shutdown_is_drained() {
    let reserved = vec!["/health".to_owned()];
    let mut options = TestOptions { reserved, ..TestOptions::default() };
    options.limits.memory_bytes_max = 100_000;
    let mut lab = Lab::with_options(options, Probe::default);
    let posters: Vec<FarEnd> = (0..8).map(|_| lab.connect()).collect();
    for far in &posters {
        far.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n");
        far.send(&[b'x'; 9500]);
    }
    for _ in 0..20 {
        lab.server.report_lag(Duration::from_millis(10));
        lab.advance(Duration::from_millis(10));
    }
    lab.server.report_lag(Duration::from_millis(10));
    // It takes the one place.
    lab.connect();
    // Memory is scarce, so that the line of its request is not read to its end before the shutdown.
    let (far, connects) = (lab.connect(), lab.log.count("connect"));
    lab.say(&far, format!("GET /health?{}", "x".repeat(7000)));
    lab.say(&far, " HTTP/1.1\r\nHost: h\r\n\r\n".to_owned() + &get("/health"));
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert_eq!((lab.log.count("connect"), far.has_server_finished()), (connects, false), "it is on trial");
    posters.iter().for_each(FarEnd::reset);
    lab.run();
    let answer = text(&far.take());
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Connection: close\r\n"), "{answer}");
    // The client knows that the requests after it were not handled.
    assert_eq!((answer.matches("HTTP/1.1 200 ").count(), far.has_server_finished()), (1, true));
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Shutdown"), "{:?}", lab.log.events());
}

/// The end of a peer is nothing that is to be answered: the shutdown waited for the deadline all the same.
#[test]
fn a_paused_connection_whose_peer_has_left_holds_no_shutdown_up() {
    let mut lab = Lab::new(|| Probe { on_connect: |_, c| c.pause_read(), ..Probe::default() });
    let (gone, asked) = (lab.connect(), lab.connect());
    gone.finish();
    asked.send(get("/").as_bytes());
    asked.finish();
    lab.run();
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert_eq!(
        (gone.has_server_finished(), lab.connections()),
        (true, 1),
        "only one has asked for something"
    );
}

/// The same over a socket, where only a look at it tells.
#[test]
fn the_system_is_asked_whether_a_paused_peer_has_sent_bytes() {
    let seen = Log::default();
    let log = seen.clone();
    let mut live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), move |_peer| {
        Probe { on_connect: |_, c| c.pause_read(), ..Probe::default() }.noted_in(&log)
    });
    let gone = live.connect();
    real::wait_until(|| seen.has("connect"));
    let turns = || live.handle.metrics().turns;
    let before = turns();
    gone.shutdown(Shutdown::Write).expect("it is open");
    // The server has got the event.
    real::wait_until(|| turns() > before);
    // Who waited for the deadline would be too late.
    live.handle.shutdown(Drain::within(real::LONG * 10));
    real::wait_until(|| live.handle.state() == ServerState::Stopped);
    live.join().expect("it ends");
}

/// What becomes a WebSocket by a request that the shutdown finds unread has its closing handshake too.
#[test]
fn a_websocket_that_begins_during_the_shutdown_has_its_handshake() {
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| {
            connection.pause_read();
            connection.set_timer(TimerId(1), SECOND * 5);
        },
        on_timer: |_, connection, _| connection.resume_read(),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, socket::UPGRADE);
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 5);
    assert_eq!(far.take(), [socket::SWITCHED.as_bytes(), &[FIN | socket::CLOSE, 2, 3, 0xe9]].concat());
    assert!(!far.has_server_finished(), "the peer's Close is awaited");
    far.send(&socket::close(1001, ""));
    lab.run();
    assert!(far.has_server_finished() && lab.log.has("disconnect Shutdown"), "{:?}", lab.log.events());
}

/// A connection that publishes, ends in its own event, and publishes once more when it is gone.
#[test]
fn messages_published_around_an_end_keep_their_order() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.subscribe("all");
        },
        on_message: |_, socket, message| match message {
            Message::Text("end") => {
                for number in ["1", "2", "3"] {
                    socket.publish("all", number);
                }
                socket.abort();
                socket.publish("all", "4");
                socket.publish("all", "5");
            }
            message => drop(socket.send(message)),
        },
        on_disconnect: |_, connection, _| {
            for number in ["6", "7"] {
                connection.publish("all", number);
            }
        },
        ..Probe::default()
    });
    let ends: Vec<FarEnd> = (0..8).map(|_| lab.connect()).collect();
    for far in &ends {
        lab.say(far, socket::UPGRADE);
        far.take();
    }
    ends[0].send(&socket::text("x"));
    ends[3].send(&socket::text("end"));
    ends[5].send(&socket::text("y"));
    lab.run();
    for (index, far) in ends.iter().enumerate().filter(|(index, _)| *index != 3) {
        let got: String = far.take().chunks(3).map(|frame| char::from(frame[2])).collect();
        let wanted = match index {
            0 => "x1234567",
            5 => "1234567y",
            _ => "1234567",
        };
        assert_eq!(got, wanted, "{index}");
    }
    assert!(ends[3].is_reset());
}

/// A new connection whose client paused or closed in `on_connect` got its request all the same.
#[test]
fn an_admitted_connection_is_read_only_if_its_client_reads() {
    let acts: [fn(&mut Probe, &mut Connection<'_>); 3] =
        [|_, c| c.pause_read(), |_, c| c.close(), |_, c| c.abort()];
    for act in acts {
        let options = TestOptions { reserved: vec!["/health".to_owned()], ..TestOptions::default() };
        let mut lab = Lab::with_options(options, move || Probe { on_connect: act, ..Probe::default() });
        for _ in 0..20 {
            lab.server.report_lag(Duration::from_millis(10));
            lab.advance(Duration::from_millis(10));
        }
        lab.server.report_lag(Duration::from_millis(10));
        // It takes the one place.
        lab.connect();
        let far = lab.connect();
        assert_eq!(lab.log.count("connect"), 1, "it is on trial");
        lab.say(&far, get("/health"));
        assert_eq!((lab.log.count("connect"), lab.log.count("request")), (2, 0), "{:?}", lab.log.events());
    }
}
