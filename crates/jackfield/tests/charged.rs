//! What connections, and those who send them commands, make the server hold beside buffers is charged: what is charged is
//! what the allocator gave, within 5 %, and is given back. For buffers see `scoreboard/n5.rs`.

mod support;

use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Bandwidth, Client, Connection, ConnectionId, Exchange, Finished, Handle, Heartbeat, MessageKind,
    Observer, Overflow, Rate, Request, TimerId,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use support::{get, socket};

/// What each connection does when it is its turn.
type Act = dyn Fn(usize, &mut Connection<'_>);

/// Does the same as the others when the server asks for it, by a timer that it has from the beginning.
struct Actor {
    number: usize,
    act: Rc<Act>,
    replies: Rc<RefCell<Vec<jackfield::Reply>>>,
}

impl Client for Actor {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(0), Duration::from_secs(1));
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.replies.borrow_mut().push(exchange.defer());
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        if timer == TimerId(0) {
            (self.act)(self.number, connection);
        }
    }
}

/// Wants to know of finished exchanges.
struct Reader;

impl Observer for Reader {
    fn wants_finished(&self, _listener: usize) -> bool {
        true
    }

    fn on_finished(&self, _finished: &Finished<'_>) {}
}

const CONNECTIONS: usize = 200;

struct World {
    server: TestServer,
    ends: Vec<FarEnd>,
}

impl World {
    fn new(options: TestOptions, act: impl Fn(usize, &mut Connection<'_>) + 'static) -> Self {
        let (act, made, replies): (Rc<Act>, _, _) = (Rc::new(act), Rc::new(RefCell::new(0)), Rc::default());
        let mut server = TestServer::with_options(options, move |_peer| {
            *made.borrow_mut() += 1;
            Actor { number: *made.borrow(), act: act.clone(), replies: Rc::clone(&replies) }
        });
        let ends = (0..CONNECTIONS).map(|_| server.connect()).collect();
        Self { server, ends }
    }

    fn charged(&self) -> usize {
        usize::try_from(self.server.handle().metrics().memory_bytes).unwrap()
    }

    /// What is charged for something is what the allocator gave for it.
    #[track_caller]
    fn check(&mut self, what: &str, least: usize, act: impl FnOnce(&mut TestServer)) {
        let before = self.charged();
        let given = measure(|| act(&mut self.server)).bytes_current;
        let (charged, given) = (self.charged() - before, usize::try_from(given).unwrap());
        println!("{what}: {charged} bytes charged, {given} given by the allocator");
        assert!(charged >= least, "{what}: only {charged} bytes");
        assert!(charged.abs_diff(given) * 20 <= given, "{what}: {charged} bytes charged, {given} given");
    }

    /// What connections hold is given back with them.
    #[track_caller]
    fn check_end(&mut self, what: &str) {
        self.ends.iter().for_each(FarEnd::reset);
        self.server.run();
        assert_eq!((self.server.wires().len(), self.charged()), (0, 0), "{what}: everything is given back");
    }
}

/// What each connection does costs at least so much for each.
#[track_caller]
fn check(
    what: &str,
    least: usize,
    begin: &[&[u8]],
    options: TestOptions,
    act: fn(usize, &mut Connection<'_>),
) {
    let mut world = World::new(options, act);
    for words in begin {
        world.ends.iter().for_each(|far| far.send(words));
        world.server.run();
    }
    world.check(what, least * CONNECTIONS, |server| server.advance(Duration::from_secs(2)));
    world.check_end(what);
}

/// Subscribes to topics with names of about `bytes` bytes.
fn subscribe(connection: &mut Connection<'_>, whose: usize, topics: usize, bytes: usize) {
    for number in 0..topics {
        connection.subscribe(&format!("{whose} {number:0bytes$}"));
    }
}

#[test]
fn n5_topics_are_charged_with_their_names_memberships_and_tables() {
    let options = TestOptions::default;
    check("long names of one's own", 40_000, &[], options(), |me, it| subscribe(it, me, 128, 240));
    check("short names of one's own", 20_000, &[], options(), |me, it| subscribe(it, me, 128, 1));
    check("one topic of one's own", 300, &[], options(), |me, it| subscribe(it, me, 1, 100));
    check("the same topics for all", 3000, &[], options(), |_, it| subscribe(it, 0, 128, 100));
    check("one topic for all", 200, &[], options(), |_, it| subscribe(it, 0, 1, 100));
    check("those that are left", 10_000, &[], options(), |me, it| {
        subscribe(it, me, 100, 100);
        (0..60).for_each(|number| assert!(it.unsubscribe(&format!("{me} {number:0100}"))));
    });
}

/// When the subscriber that was charged for a topic leaves, a subscriber that stays is charged for it.
#[test]
fn n5_a_topic_is_charged_as_long_as_it_has_subscribers() {
    let mut world = World::new(TestOptions::default(), |_, it| subscribe(it, 0, 128, 250));
    world.server.advance(Duration::from_secs(2));
    while let Some(far) = (world.ends.len() > 1).then(|| world.ends.remove(0)) {
        far.reset();
        world.server.run();
    }
    let left = world.charged();
    assert!((40_000..80_000).contains(&left), "{left} bytes for 128 topics of one member");
    world.check_end("the last one");
}

/// Topics alone can make a connection too large. A client that has asked for nothing gets no answer then.
#[test]
fn n5_a_connection_with_too_many_topics_is_evicted_without_a_message() {
    let mut options = TestOptions::default();
    options.limits.reactor.wire_memory_bytes_max = 30_000;
    let mut world = World::new(options, |me, it| subscribe(it, me, 128, 250));
    world.server.advance(Duration::from_secs(2));
    assert_eq!(world.server.handle().metrics().evicted, CONNECTIONS as u64);
    assert!(world.ends.iter().all(|far| far.has_server_finished() && far.take().is_empty()));
    world.check_end("those who were evicted");
}

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

#[test]
fn n5_extra_state_is_charged() {
    let options = TestOptions::default;
    let upgrade = socket::UPGRADE.as_bytes();
    check("its own bandwidth", 100, &[], options(), |_, it| {
        it.set_bandwidth(Bandwidth::new(1000, 1000));
    });
    check("a rate of one's own", 150, &[], options(), |_, it| it.set_rate(Rate::new(100, 1000)));
    check("a heartbeat of one's own", 250, &[upgrade], options(), |_, it| {
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

/// The record of an exchange that waits for its answer.
#[test]
fn n5_the_records_of_exchanges_are_charged() {
    let options = || TestOptions { observer: Arc::new(Reader), ..TestOptions::default() };
    let (few, many) = (get("/"), get(&format!("/{}", "x".repeat(3000))));
    let [few, many] = [few, many].map(|request| {
        let mut world = World::new(options(), |_, _| ());
        world.ends.iter().for_each(|far| far.send(request.as_bytes()));
        world.server.run();
        let charged = world.charged();
        world.check_end("the records of exchanges");
        charged
    });
    assert_eq!(many - few, 3000 * CONNECTIONS);
}

/// So many commands cost at least so much each, and nothing once they are carried out.
#[track_caller]
fn check_commands(what: &str, commands: usize, least: usize, send: impl Fn(&Handle, ConnectionId)) {
    let mut world = World::new(TestOptions::default(), |_, _| ());
    let id = world.server.wires().ids().next().unwrap();
    let what = format!("{commands} {what}");
    world.check(&what, least * commands, |server| (0..commands).for_each(|_| send(&server.handle(), id)));
    world.server.run();
    assert_eq!(world.charged(), 0, "{what}: everything is given back");
}

#[test]
fn n5_commands_are_charged() {
    for commands in [1000, 10_000, 11_000, 20_000] {
        check_commands("notes", commands, 40, |handle, id| handle.post(id, ()).unwrap());
        check_commands("values", commands, 200, |handle, id| handle.post(id, [7u64; 20]).unwrap());
        check_commands("messages", commands, 2000, |handle, id| handle.send(id, &[7; 2000][..]).unwrap());
        check_commands("closures", commands, 200, |handle, _| {
            let captured = [7u64; 20];
            handle.run_on(0, move |_| assert_eq!(captured[0], 7)).unwrap();
        });
    }
}
