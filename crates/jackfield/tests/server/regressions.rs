//! Bugs that a review found, one test each.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{BodyPlan, Drain, LateUpgrade, Limits, Message, Reply, Server, TimerId};
use std::sync::Mutex;
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, get, socket, statuses};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn masked(op: u8, payload: &[u8]) -> Vec<u8> {
    let mut v = vec![0x80 | op, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    v.extend_from_slice(payload);
    v
}

/// After a Pong that came in two reads, the deadline of a message was still set.
#[test]
fn a_control_frame_in_pieces_leaves_no_deadline() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    let pong = masked(10, b"hi");
    lab.say(&far, &pong[..3]);
    lab.say(&far, &pong[3..]);
    for _ in 0..7 {
        lab.advance(secs(10));
        lab.say(&far, &pong);
    }
    assert_eq!(lab.connections(), 1);
}

/// Each ping put the end off, so that none ever came.
#[test]
fn a_heartbeat_shorter_than_its_patience_finds_the_dead() {
    let mut options = TestOptions::default();
    (options.limits.heartbeat, options.limits.heartbeat_dead) = (secs(10), secs(20));
    let mut lab = Lab::with_options(options, Probe::default);
    let _far = lab.websocket();
    lab.advance(secs(3600));
    assert_eq!(lab.connections(), 0);
}

/// With no bytes left, the state machine was not polled again.
#[test]
fn a_pause_at_the_end_of_a_body_keeps_its_request() {
    let mut lab = Lab::new(|| Probe {
        on_head: |_, _, _| BodyPlan::Stream,
        on_body: |_, c, _| {
            c.pause_read();
            c.set_timer(TimerId(1), Duration::from_millis(5));
        },
        on_timer: |_, c, _| c.resume_read(),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    lab.say(&far, b"hello");
    lab.advance(secs(1));
    assert!(lab.log.has("request"));
}

/// The same by fairness.
#[test]
fn a_spent_budget_at_the_end_of_a_body_keeps_its_request() {
    let mut lab = Lab::new(|| Probe { on_head: |_, _, _| BodyPlan::Stream, ..Probe::default() });
    let far = lab.connect();
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello";
    lab.say(&far, post);
    let _ = far.take();
    // rest of body would be 1 event; to reach 64 with a body left: many requests, then split post
    let mut lab = Lab::new(|| Probe { on_head: |_, _, _| BodyPlan::Stream, ..Probe::default() });
    let far = lab.connect();
    let mut all = get("/").repeat(62);
    all.push_str("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    lab.say(&far, all);
    lab.say(&far, "world");
    assert!(lab.log.has("request POST"));
}

/// A rejected one left it to the next exchange.
#[test]
fn the_deadline_of_an_upgrade_ends_with_its_decision() {
    static LATE: Mutex<Vec<LateUpgrade>> = Mutex::new(Vec::new());
    static REPLY: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
    let mut lab = Lab::new(|| Probe {
        on_upgrade: |_, u, _| LATE.lock().unwrap().push(u.defer()),
        on_request: |_, e, _| REPLY.lock().unwrap().push(e.defer()),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, socket::UPGRADE);
    let late = LATE.lock().unwrap().pop().unwrap();
    late.reject(401);
    lab.run();
    lab.advance(secs(5));
    lab.say(&far, get("/later"));
    lab.advance(secs(6));
    let s = statuses(&far.take());
    REPLY.lock().unwrap().clear();
    assert!(s.is_empty());
}

/// What was only corked was taken for a slow peer.
#[test]
fn a_pong_after_a_full_cork_is_not_lost() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, s, _| {
            for _ in 0..10 {
                let _ = s.send(Message::Binary(&[7; 7000]));
            }
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    let mut bytes = masked(1, b"go");
    bytes.extend(masked(9, b"ping!"));
    let out = lab.say(&far, bytes);
    lab.advance(secs(20));
    let more = far.take();
    let has = |b: &[u8]| b.windows(5).any(|w| w == b"ping!");
    assert!(has(&out) || has(&more));
}

/// It is not being listened to, so its silence says nothing.
#[test]
fn a_slow_reader_is_not_dead() {
    let mut lab = Lab::new(|| Probe {
        on_timer: |_, c, _| {
            if let Some(mut s) = c.as_websocket() {
                for _ in 0..20 {
                    let _ = s.send(Message::Binary(&[7; 7000]));
                }
            }
        },
        on_open: |_, s| s.set_timer(TimerId(1), secs(31)),
        ..Probe::default()
    });
    let far = lab.websocket();
    far.set_room(Some(0));
    // peer takes 1000 bytes a second and answers pings at once
    for t in 0..70 {
        lab.advance(secs(1));
        far.set_room(Some(1000));
        lab.run();
        let got = far.take();
        if got.first() == Some(&0x89) || t == 35 || t == 45 {
            far.send(&masked(10, b""));
        }
        if lab.connections() == 0 {
            println!("r6 dead at {t}: {:?}", lab.log.events());
            break;
        }
    }
    assert_eq!(lab.connections(), 1);
}

/// The same when the user does not listen.
#[test]
fn a_paused_connection_is_not_dead() {
    let mut lab = Lab::new(|| Probe {
        on_timer: |_, c, t| {
            if t.0 == 1 {
                c.pause_read();
                c.set_timer(TimerId(2), secs(25));
            } else {
                c.resume_read();
            }
        },
        on_open: |_, s| s.set_timer(TimerId(1), secs(31)),
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.advance(Duration::from_millis(30_500));
    lab.advance(secs(1));
    far.send(&masked(10, b""));
    lab.advance(secs(30));
    assert_eq!(lab.connections(), 1);
}

/// It moved the alarm of the earlier one.
#[test]
fn a_later_deadline_of_a_second_shutdown_does_not_count() {
    let mut lab = Lab::new(|| Probe {
        on_upgrade: |_, u, _| u.accept(),
        on_request: |_, e, _| std::mem::forget(e.defer()),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, get("/"));
    let handle = lab.server.handle();
    handle.shutdown(Drain::within(secs(2)));
    lab.run();
    handle.shutdown(Drain::within(secs(60)));
    lab.run();
    lab.advance(secs(10));
    assert_eq!(lab.connections(), 0);
}

/// The rest of a batch of posted values was still delivered.
#[test]
fn nothing_is_posted_after_an_abort() {
    let mut lab = Lab::new(|| Probe { on_post: |_, c, _| c.abort(), ..Probe::default() });
    let far = lab.connect();
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    handle.post(id, 1).unwrap();
    handle.post(id, 2).unwrap();
    lab.run();
    let _ = far;
    assert_eq!(lab.log.count("post"), 1);
}

/// The same after a close.
#[test]
fn nothing_is_posted_while_it_lingers() {
    let mut lab = Lab::new(|| Probe { on_post: |_, c, _| c.close(), ..Probe::default() });
    let far = lab.connect();
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    handle.post(id, 1).unwrap();
    handle.post(id, 2).unwrap();
    lab.run();
    assert_eq!((lab.lingering(), handle.post(id, 3).map_err(|not| not.why)), (1, Err(jackfield::Busy::Gone)));
    lab.run();
    let _ = far;
    assert_eq!(lab.log.count("post"), 1);
}

/// It was drained at any pace.
#[test]
fn a_rejected_body_has_to_flow_too() {
    let mut lab = Lab::new(|| Probe { on_head: |_, _, _| BodyPlan::Reject(403), ..Probe::default() });
    let far = lab.connect();
    lab.say(&far, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    for _ in 0..60 {
        lab.advance(secs(60));
        lab.say(&far, b"x");
    }
    assert_eq!(lab.connections(), 0);
}

/// It stayed to the deadline.
#[test]
fn a_connection_that_becomes_a_websocket_in_a_drain_is_drained() {
    static LATE: Mutex<Vec<LateUpgrade>> = Mutex::new(Vec::new());
    let mut lab =
        Lab::new(|| Probe { on_upgrade: |_, u, _| LATE.lock().unwrap().push(u.defer()), ..Probe::default() });
    let far = lab.connect();
    lab.say(&far, socket::UPGRADE);
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    LATE.lock().unwrap().pop().unwrap().accept();
    lab.run();
    far.take();
    lab.advance(secs(20));
    assert_eq!(lab.connections(), 0);
}

/// A refusal that lingered counted as a connection.
#[test]
fn a_refused_connection_takes_no_place() {
    let mut options = TestOptions::default();
    options.limits.connections_max = 2;
    let mut lab = Lab::with_options(options, Probe::default);
    let a = lab.connect();
    let _b = lab.connect();
    let _c = lab.connect();
    a.finish();
    lab.run();
    lab.run();
    let d = lab.connect();
    let s = statuses(&d.take());
    assert!(s.is_empty());
}

/// They waited for the next byte.
#[test]
fn lines_that_are_there_already_are_found() {
    let mut lab = Lab::new(|| Probe {
        on_data: |_, raw, _| {
            raw.set_timer(TimerId(1), secs(1));
            0
        },
        on_timer: |_, c, _| c.as_raw().unwrap().read_lines(),
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, b"one\ntwo\n");
    lab.advance(secs(5));
    assert!(lab.log.has("line"));
}

/// Whole or in pieces, nothing follows an abort but the end.
#[test]
fn after_an_abort_at_the_head_nothing_is_sent() {
    for cut in [false, true] {
        let mut lab = Lab::new(|| Probe {
            on_head: |_, connection, _| {
                connection.abort();
                BodyPlan::Stream
            },
            ..Probe::default()
        });
        let far = lab.connect();
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
        if cut {
            lab.say(&far, head);
            lab.say(&far, "hello");
        } else {
            lab.say(&far, format!("{head}hello"));
        }
        assert!(!lab.log.has("body") && !lab.log.has("request"), "{:?}", lab.log.events());
    }
}

/// However it is cut, a line of just the limit is a line, and the rest of one that is too long is never another.
#[test]
fn the_limit_of_a_line_does_not_depend_on_the_split() {
    for (input, lines, limits) in [("0123456789\r\n", 1, 0), ("0123456789ABCDELETE ALL\nnext\n", 1, 1)] {
        for cut in 0..=input.len() {
            let mut options = TestOptions::default();
            options.limits.line_bytes_max = 10;
            let mut lab =
                Lab::with_options(options, || Probe { on_line_limit: |_, _| {}, ..Probe::default() });
            let far = lab.connect_to(listener::LINES);
            lab.say(&far, &input[..cut]);
            lab.say(&far, &input[cut..]);
            let events = lab.log.events();
            let found =
                events.iter().filter(|event| event.starts_with("line ") && !event.contains("limit")).count();
            let too_long = events.iter().filter(|event| event.contains("limit")).count();
            assert_eq!((found, too_long), (lines, limits), "cut at {cut}: {events:?}");
        }
    }
}

/// An impossible number is reported as an error, and is no panic.
#[test]
fn limits_beyond_reason_are_reported() {
    let mut limits = Limits::default();
    limits.websocket.frame_in_place_bytes_max = usize::MAX;
    limits.reactor.carry_bytes_max = usize::MAX;
    let error = Server::builder().listen("127.0.0.1:0").preset(limits).bind().unwrap_err().to_string();
    assert!(error.contains("carry_bytes_max"), "{error}");
}

/// When one reactor can't begin, the server ends, instead of going on with a reactor that serves nobody.
#[test]
fn a_maker_that_panics_ends_the_server() {
    let server = Server::builder().listen("127.0.0.1:0").reactors(2).bind().unwrap();
    let handle = server.handle();
    let ended = server.serve_with(|setup| {
        assert_eq!(setup.reactor(), 0, "planted: the second reactor's maker panics");
        |_: &jackfield::Peer| Probe::default()
    });
    assert!(ended.is_err());
    assert_eq!(handle.state(), jackfield::ServerState::Stopped);
}
