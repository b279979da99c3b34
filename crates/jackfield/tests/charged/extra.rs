//! Timers, what waits, and the state that few connections have.

use crate::support::{get, socket};
use crate::world::{CONNECTIONS, Reader, World, check};
use allocation_counter::measure;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Bandwidth, Broker, BrokerInbox, Connection, Heartbeat, History, MessageKind, Outgoing, Overflow,
    Position, QueueFull, Rate, SharedTopic, Subscribed, TimerId,
};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn n5_timers_are_charged() {
    for timers in [100, 1000, 1100, 1300] {
        let mut world = World::new(TestOptions::default(), move |_, it| {
            (1..=timers).for_each(|key| it.set_timer(TimerId(key), Duration::from_secs(1000)));
        });
        let what = format!("{timers} timers");
        world.check(&what, 50 * timers as usize * CONNECTIONS, |server| {
            server.advance(Duration::from_secs(2));
        });
        world.check_end(&what);
    }
}

/// One timer is part of each connection, and all others are charged.
#[test]
fn n5_few_timers_are_charged() {
    for timers in 1..=6 {
        let mut world = World::new(TestOptions::default(), move |_, it| {
            (1..=timers).for_each(|key| it.set_timer(TimerId(key), Duration::from_secs(1000)));
        });
        world.server.advance(Duration::from_secs(2));
        let (each, others) = (world.charged() / CONNECTIONS, usize::from(timers) - 1);
        assert!((48 * others..=55 * others).contains(&each), "{each} bytes for {timers} timers");
        world.check_end("few timers");
    }
}

/// What timers cost is given back when they are cancelled.
#[test]
fn n5_timers_that_are_cancelled_are_given_back() {
    for timers in [1, 6, 7, 8, 100] {
        let mut world = World::new(TestOptions::default(), move |_, it| {
            (1..=timers).for_each(|key| it.set_timer(TimerId(key), Duration::from_secs(1000)));
            (1..=timers).for_each(|key| assert!(it.cancel_timer(TimerId(key))));
        });
        let before = world.charged();
        world.server.advance(Duration::from_secs(2));
        // The empty index is still there.
        let most = if timers < 8 { 0 } else { 40 * usize::from(timers) + 500 };
        assert!(world.charged() - before <= most * CONNECTIONS, "{} bytes for {timers}", world.charged());
    }
}

#[test]
fn n5_extra_state_is_charged() {
    let options = TestOptions::default;
    let upgrade = socket::UPGRADE.as_bytes();
    check("its own bandwidth", 100, &[], options(), |_, it| {
        it.set_bandwidth(Bandwidth::new(1000, 1000));
    });
    check("its own rate", 150, &[], options(), |_, it| it.set_rate(Rate::new(100, 1000)));
    check("its own heartbeat", 250, &[upgrade], options(), |_, it| {
        let mut heartbeat = Heartbeat::every(Duration::from_secs(100));
        heartbeat.payload = vec![7; 100];
        it.as_websocket().unwrap().set_heartbeat(heartbeat);
    });
}

/// What waits for a WebSocket whose peer reads nothing. `then` is done when each connection has done `act`.
#[track_caller]
fn check_stuck(
    what: &str,
    least: usize,
    act: fn(usize, &mut Connection<'_>),
    then: Option<fn(&mut TestServer)>,
) {
    let mut options = TestOptions::default();
    (options.limits.reactor.outbox_bytes_high, options.limits.reactor.outbox_bytes_low) = (1000, 100);
    let mut world = World::new(options, act);
    for far in &world.ends {
        far.send(socket::UPGRADE.as_bytes());
        world.server.run();
        far.set_room(Some(0));
    }
    let act: fn(&mut TestServer) = |server| server.advance(Duration::from_secs(2));
    if then.is_some() {
        act(&mut world.server);
    }
    world.check(what, least * CONNECTIONS, then.unwrap_or(act));
    world.check_end(what);
}

#[test]
fn n5_messages_and_notices_that_wait_are_charged() {
    let notices = |_, it: &mut Connection<'_>| {
        it.as_websocket().unwrap().send("x");
        (0..500).for_each(|tag| assert!(it.notify_sent(tag).is_accepted()));
    };
    check_stuck("notices", 8000, notices, None);
    let fragments = |_, it: &mut Connection<'_>| {
        let mut socket = it.as_websocket().unwrap();
        socket.begin(MessageKind::Text).unwrap().write("a");
        (0..100).for_each(|_| _ = socket.send("it waits for the end of the fragments"));
    };
    check_stuck("messages behind fragments", 4000, fragments, None);
    let congested = |_, it: &mut Connection<'_>| {
        it.subscribe("all");
        it.set_overflow(Overflow::DropOldest);
        it.as_websocket().unwrap().send("x".repeat(2000));
    };
    check_stuck(
        "a queue",
        5000,
        congested,
        Some(|server| {
            (0..100).for_each(|_| _ = server.handle().publish("all", "it waits"));
            server.run();
        }),
    );
}

/// What waits for an answer: its exchange's record, and the last event ID of its request.
#[test]
fn n5_what_is_kept_of_requests_is_charged() {
    let (long, options) = ("x".repeat(250), TestOptions::default);
    let recorded = TestOptions { observer: Arc::new(Reader), ..options() };
    let with_id = format!("GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {long}\r\n\r\n");
    let rows = [("a record", recorded, get(&format!("/{long}"))), ("a last event ID", options(), with_id)];
    for (what, options, request) in rows {
        let mut world = World::new(options, |_, _| ());
        world.ends.iter().for_each(|far| far.send(request.as_bytes()));
        world.check(what, 500 * CONNECTIONS, TestServer::run);
        world.check_end(what);
    }
}

/// A deferred answer keeps nothing of a request without a last event ID.
#[test]
fn s4_a_deferred_answer_without_a_last_event_id_costs_nothing() {
    let mut world = World::new(TestOptions::default(), |_, _| ());
    let before = world.charged();
    world.ends.iter().for_each(|far| far.send(get("/").as_bytes()));
    world.server.run();
    assert_eq!((world.replies.borrow().len(), world.charged()), (CONNECTIONS, before));
}

/// What closes with reasons of this length take, as it is charged and as the allocator gave it.
fn closes(reason_bytes: usize) -> [usize; 2] {
    let mut world = World::new(TestOptions::default(), |_, _| ());
    for far in &world.ends {
        far.send(socket::UPGRADE.as_bytes());
        world.server.run();
        far.set_room(Some(0));
    }
    world.ends.iter().for_each(|far| far.send(&socket::close(1000, &"x".repeat(reason_bytes))));
    let before = world.charged();
    let given = measure(|| world.server.run());
    let charged = world.charged() - before;
    world.check_end("closes");
    [charged, usize::try_from(given.bytes_current).unwrap()]
}

/// Compared with shorter ones, because a connection that closes has a timer more, which is not charged.
#[test]
fn n5_the_reason_of_a_close_is_charged() {
    let (long, short) = (closes(121), closes(1));
    assert_eq!([long[0] - short[0], long[1] - short[1]], [120 * CONNECTIONS; 2]);
}

/// A broker that has not reported a topic yet.
struct Silent;

impl Broker for Silent {
    fn start(&self, inbox: BrokerInbox) {
        inbox.up();
    }

    fn publish(&self, _topic: &SharedTopic, _message: Vec<u8>) -> Result<(), QueueFull> {
        Ok(())
    }

    fn follow(&self, _topic: &SharedTopic, _from: Option<Position>) {}

    fn unfollow(&self, _topic: &SharedTopic) {}

    fn stop(&self) {}
}

const TOPICS: usize = 20;

#[test]
fn n5_replays_that_wait_are_charged() {
    let options = TestOptions { broker: Some(Arc::new(Silent)), ..TestOptions::default() };
    let mut world = World::new(options, |me, it| {
        if it.topics().next().is_none() && me > 0 {
            for topic in 0..TOPICS {
                let from = format!("{me:0200}");
                assert_eq!(it.subscribe_from(&format!("t{topic}"), &from), Subscribed::New);
            }
        }
    });
    for topic in 0..TOPICS {
        assert!(world.server.handle().declare_topic(&format!("t{topic}"), History::new(10)));
    }
    for far in &world.ends {
        far.send(socket::UPGRADE.as_bytes());
        world.server.run();
    }
    world.check("replays", 200 * TOPICS * CONNECTIONS, |server| server.advance(Duration::from_secs(2)));
    world.check_end("replays");
}

/// What this number of connections that are under way to another server take, as it is charged and as the allocator gave it.
fn under_way(outgoing: &Outgoing) -> [usize; 2] {
    let mut world = World::new(TestOptions::default(), |_, _| ());
    let before = world.charged();
    let given = measure(|| {
        for _ in 0..CONNECTIONS {
            world.server.handle().connect(outgoing.clone()).unwrap();
            world.server.run();
        }
    });
    [world.charged() - before, usize::try_from(given.bytes_current).unwrap()]
}

/// Compared with plain connections, because a connection as such is not charged.
#[test]
fn n5_websockets_that_are_being_opened_are_charged() {
    let long = "x".repeat(500);
    let opening = Outgoing::websocket("ws://192.0.2.1:80/").subprotocol(&long).header("X-Long", &long);
    let plain = under_way(&Outgoing::tcp("192.0.2.1:80"));
    let opening = under_way(&opening);
    let [charged, given] = [opening[0] - plain[0], opening[1] - plain[1]];
    println!("WebSockets that are being opened: {charged} bytes charged, {given} given by the allocator");
    assert!(charged > 1500 * CONNECTIONS && charged.abs_diff(given) * 20 <= given, "{charged}, {given}");
}
