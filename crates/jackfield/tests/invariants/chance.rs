//! Whatever happens to a server, by chance.

use crate::SECOND;
use crate::splits::{mixed, session};
use crate::support::probe::{Log, Probe};
use crate::support::{get, socket};
use jackfield::test::{FarEnd, TestServer};
use jackfield::{Connection, Drain, Message, TimerId};
use proptest::prelude::*;
use std::time::Duration;

/// What can happen to a server.
#[derive(Clone, Debug)]
enum Act {
    Connect(usize),
    Say(usize, Vec<u8>),
    Finish(usize),
    Reset(usize),
    Room(usize, Option<usize>),
    ReadMax(usize, usize),
    Wait(u64),
    Close(usize),
    Abort(usize),
    Send(usize),
    Publish(usize),
    Post(usize),
    Answer,
    ShutDown,
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..8_usize;
    let order = prop_oneof![
        Just("echo"),
        Just("big"),
        Just("close"),
        Just("abort"),
        Just("panic"),
        Just("pause"),
        Just("publish"),
        Just("others"),
        Just("timers"),
    ];
    let order = order.prop_flat_map(|order| {
        prop_oneof![
            Just(get(&format!("/{order}")).into_bytes()),
            Just(get(&format!("/{order}")).repeat(3).into_bytes()),
            Just(socket::text(order)),
            Just(format!("{order}\n").into_bytes()),
        ]
    });
    let words = prop_oneof![
        6 => order,
        3 => session(),
        3 => Just(socket::UPGRADE.as_bytes().to_vec()),
        1 => Just(get("/later").into_bytes()),
        1 => Just(get("/events").into_bytes()),
        1 => Just(get("/stream").into_bytes()),
        1 => Just(b"POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nbegin".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..50),
    ];
    prop_oneof![
        4 => (0..3_usize).prop_map(Act::Connect),
        16 => (who.clone(), words).prop_map(|(who, words)| Act::Say(who, words)),
        1 => who.clone().prop_map(Act::Finish),
        1 => who.clone().prop_map(Act::Reset),
        3 => (who.clone(), prop::option::of(0..100_000_usize)).prop_map(|(who, room)| Act::Room(who, room)),
        1 => (who.clone(), 1..5000_usize).prop_map(|(who, max)| Act::ReadMax(who, max)),
        3 => (0..40_000_u64).prop_map(Act::Wait),
        1 => who.clone().prop_map(Act::Close),
        1 => who.clone().prop_map(Act::Abort),
        2 => who.clone().prop_map(Act::Send),
        2 => who.clone().prop_map(Act::Publish),
        1 => who.prop_map(Act::Post),
        2 => Just(Act::Answer),
        1 => prop::bool::weighted(0.1).prop_map(|really| if really { Act::ShutDown } else { Act::Wait(1) }),
    ]
}

/// Carries out an order, over any protocol. Its log checks the order of its own events.
fn obey(probe: &mut Probe, connection: &mut Connection<'_>, order: &[u8]) {
    match order {
        b"big" => {
            let own = connection.id();
            for _ in 0..20 {
                connection.send_to(own, Message::Binary(&[b'x'; 100_000]));
            }
        }
        b"close" => connection.close(),
        b"abort" => connection.abort(),
        b"panic" => panic!("as ordered"),
        b"pause" => {
            connection.pause_read();
            connection.set_timer(TimerId(1), SECOND);
        }
        b"publish" => {
            connection.subscribe("room");
            connection.publish_to_all("room", "published");
        }
        b"others" => {
            for peer in connection.connection_ids() {
                connection.send_to(peer, "from another");
                if peer.slot() % 3 == probe.count % 3 {
                    assert_eq!(connection.close_other(peer), Ok(()));
                }
            }
            probe.count += 1;
        }
        b"timers" => {
            for timer in 2..6 {
                connection.set_timer(TimerId(timer), Duration::from_millis(u64::from(timer) * 100));
            }
            connection.cancel_timer(TimerId(3));
            connection.set_idle_timeout(SECOND * 20);
        }
        _ => {}
    }
}

thread_local! {
    static OWED: std::cell::RefCell<Vec<jackfield::Reply>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn obedient() -> Probe {
    Probe {
        on_request: |probe, mut exchange, request| match request.path() {
            "/later" => OWED.with_borrow_mut(|owed| owed.push(exchange.defer())),
            "/events" => {
                exchange.events().subscribe("room");
            }
            "/stream" => {
                let mut stream = exchange.stream(200, "text/plain");
                stream.write("begin");
                stream.set_timer(TimerId(9), SECOND);
            }
            path => {
                obey(probe, &mut exchange, &path.as_bytes()[1..]);
                exchange.ok("text/plain", request.body());
            }
        },
        on_message: |probe, socket, message| {
            obey(probe, socket, message.as_bytes());
            socket.send(message);
        },
        on_line: |probe, raw, line| {
            obey(probe, raw, line);
            raw.send(line);
        },
        on_timer: |_, connection, timer| match timer {
            TimerId(1) => connection.resume_read(),
            TimerId(9) => {
                if let Some(stream) = connection.as_response() {
                    let _ = stream.finish();
                }
            }
            _ => {
                let own = connection.id();
                connection.send_to(own, "tick");
            }
        },
        on_disconnect: |_, connection, _| {
            connection.publish("room", "gone");
            connection.set_timer(TimerId(1), SECOND);
            connection.pause_read();
            connection.close();
        },
        ..mixed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_connection_ends_once(acts in prop::collection::vec(act(), 1..60)) {
        let connects = Log::default();
        let logs = connects.clone();
        let mut server = TestServer::new(move |peer| {
            logs.note(format!("create {}", peer.addr()));
            let log = Log::default();
            obedient().noted_in(&log).followed_by(&logs)
        });
        let mut ends: Vec<FarEnd> = Vec::new();
        let handle = server.handle();
        for act in acts {
            let id = |server: &TestServer, who: usize| server.wires().ids().nth(who);
            match act {
                Act::Connect(listener) => ends.push(server.connect_to(listener)),
                Act::Say(who, words) => if let Some(far) = ends.get(who) { far.send(&words) },
                Act::Finish(who) => if let Some(far) = ends.get(who) { far.finish() },
                Act::Reset(who) => if let Some(far) = ends.get(who) { far.reset() },
                Act::Room(who, room) => if let Some(far) = ends.get(who) { far.set_room(room) },
                Act::ReadMax(who, max) => if let Some(far) = ends.get(who) { far.set_read_max(Some(max)) },
                Act::Wait(ms) => server.advance(Duration::from_millis(ms)),
                Act::Close(who) => if let Some(id) = id(&server, who) { handle.close(id).unwrap() },
                Act::Abort(who) => if let Some(id) = id(&server, who) { handle.abort(id).unwrap() },
                Act::Send(who) => if let Some(id) = id(&server, who) { handle.send(id, "from outside").unwrap() },
                Act::Publish(bytes) => { handle.publish("room", &*"x".repeat(bytes * 1000)); }
                Act::Post(who) => if let Some(id) = id(&server, who) { handle.post(id, ()).unwrap() },
                Act::Answer => OWED.with_borrow_mut(|owed| {
                    if let Some(reply) = owed.pop() {
                        reply.respond(200, "text/plain", "late");
                    }
                }),
                Act::ShutDown => handle.shutdown(Drain::default()),
            }
            server.run();
        }
        // Everybody leaves, and then nobody is there any more.
        // Who does not read is given up for that.
        for far in &ends {
            far.finish();
        }
        // An answer that is owed is waited for.
        for _ in 0..20 {
            OWED.take();
            server.advance(SECOND * 20);
        }
        prop_assert_eq!(server.wires().len(), 0, "somebody stays: {:?}", connects.events());
        prop_assert_eq!((server.wires().timers(), handle.count(), handle.subscribers("room")), (0, 0, 0));
        let created = connects.count("create");
        prop_assert_eq!((connects.count("end"), connects.count("drop")), (created, created));
        let metrics = handle.metrics();
        prop_assert_eq!(metrics.opened, metrics.closed);
    }
}
