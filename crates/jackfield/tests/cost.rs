//! What one act costs must not grow with how many connections there are, unless the act concerns each of them, and then
//! each once. The reactor counts the places of tables and lists that it looks at; here they are counted with N
//! connections and with four times as many, and no clock is asked.

mod support;

use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, ConnectionId, Drain, Exchange, History, Limits, Overflow, Raw, Request, Subscribed,
    TimerId,
};
use std::any::Any;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// N, and 4 N.
const SIZES: [usize; 2] = [1000, 4000];

/// How what one act costs may grow when there are four times as many.
#[derive(Clone, Copy, Debug)]
enum Grows {
    /// Not at all; it looks at this many places at least.
    Not(u64),
    /// As they do.
    Linearly,
}

struct Idle;

impl Client for Idle {}

/// Subscribes to one topic, publishes what it is sent, and sets a timer that fires.
struct Member;

impl Client for Member {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.subscribe("all");
        connection.set_timer(TimerId(1), Duration::from_secs(100));
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, bytes: &mut [u8]) -> usize {
        raw.publish("all", &*bytes);
        bytes.len()
    }
}

struct World {
    server: TestServer,
    ends: Vec<FarEnd>,
}

impl World {
    fn new<C: Client + 'static>(connections: usize, limits: Limits, make: fn() -> C) -> Self {
        let options = TestOptions { limits, ..TestOptions::default() };
        let mut server = TestServer::with_options(options, move |_peer| make());
        let ends = (0..connections).map(|_| server.connect_to(listener::RAW)).collect();
        Self { server, ends }
    }

    fn connect(&mut self, connections: usize) {
        self.ends.extend((0..connections).map(|_| self.server.connect_to(listener::RAW)));
    }

    fn visits(&self) -> u64 {
        self.server.wires().stats().visits.value()
    }
}

/// Checks what an act costs after this preparation.
#[track_caller]
fn check<C: Client + 'static>(
    grows: Grows,
    limits: &Limits,
    make: fn() -> C,
    mut act: impl FnMut(&mut World),
) {
    let [few, many] = SIZES.map(|connections| {
        let mut world = World::new(connections, limits.clone(), make);
        let before = world.visits();
        act(&mut world);
        world.visits() - before
    });
    let most = match grows {
        Grows::Not(_) => few + 8,
        Grows::Linearly => 4 * few + few / 8,
    };
    println!("{few} places with {} connections, {many} with {}", SIZES[0], SIZES[1]);
    assert!(many <= most, "{many} places instead of {most}");
    match grows {
        Grows::Not(least) => {
            assert!(few.min(many) >= least, "it is counted: {few} and {many} places, not {least}");
        }
        Grows::Linearly => {
            assert!(few >= SIZES[0] as u64, "each of them is visited: {few}");
            assert!(few <= 6 * SIZES[0] as u64, "and not often, with its timers: {few}");
        }
    }
}

/// Each end walked over all the others: 16,000 connections took 4.9 s.
#[test]
fn b1_a_shutdown_visits_each_connection_twice_at_most() {
    for deadline in [Duration::ZERO, Duration::from_secs(3)] {
        check(
            Grows::Linearly,
            &Limits::default(),
            || Idle,
            |world| {
                world.server.handle().shutdown(Drain::within(deadline));
                world.server.run();
                world.server.advance(Duration::from_secs(4));
                assert_eq!(world.server.handle().count(), 0);
            },
        );
    }
}

/// A drain of many connections is done in parts. Connections that are not drained yet are served between the parts.
#[test]
fn b1_a_shutdown_leaves_other_work_its_turn() {
    let mut limits = Limits::default();
    limits.reactor.drains_per_turn = 10;
    let mut world = World::new(100, limits, || Member);
    let turns = world.server.handle().metrics().turns;
    world.server.handle().shutdown(Drain::default());
    world.server.run();
    let turns = world.server.handle().metrics().turns - turns;
    assert!((10..20).contains(&turns), "{turns} turns for 100 connections, ten in each");
}

#[test]
fn a_publish_visits_each_member_once() {
    check(
        Grows::Linearly,
        &Limits::default(),
        || Member,
        |world| {
            world.ends[0].send(b"news");
            world.server.run();
            assert!(world.ends[1..].iter().all(|far| far.take() == b"news"));
        },
    );
}

/// Where many messages go to many in one turn, only the first looks at each of them.
#[test]
fn many_publishes_of_one_turn_visit_each_member_a_few_times() {
    check(
        Grows::Linearly,
        &Limits::default(),
        || Member,
        |world| {
            for far in &world.ends[..100] {
                far.send(b"x");
            }
            world.server.run();
            assert!(world.ends[100..].iter().all(|far| far.take().len() == 100));
        },
    );
}

/// Publishes what it is sent, if it has not too much to read itself.
struct Careful;

impl Client for Careful {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.subscribe("all");
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, bytes: &mut [u8]) -> usize {
        if raw.buffered() < 1000 {
            raw.publish("all", &*bytes);
        }
        bytes.len()
    }
}

/// Each question went through all members for which the same turn had published something.
#[test]
fn what_waits_for_a_member_is_known_without_a_look_at_the_others() {
    check(
        Grows::Linearly,
        &Limits::default(),
        || Careful,
        |world| {
            for far in &world.ends[..100] {
                far.send(b"x");
            }
            world.server.run();
            assert!(world.ends[100..].iter().all(|far| far.take().len() == 100));
        },
    );
}

/// One member that did not read made each message look at all members.
#[test]
fn many_publishes_of_one_turn_look_at_congested_members_only() {
    const MEMBERS: usize = 100;
    const STUCK: usize = 5;
    const MESSAGES: usize = 50;
    let limits = Limits::default().with(|limits| {
        limits.reactor.outbox_bytes_high = 1000;
        limits.reactor.outbox_bytes_low = 100;
        limits.reactor.outbox_bytes_max = 6000;
    });
    let policies = [Overflow::GiveBack, Overflow::DropNewest, Overflow::DropOldest, Overflow::NewestPerKey];
    for (policy, is_full) in policies.into_iter().flat_map(|policy| [(policy, false), (policy, true)]) {
        let mut world = World::new(0, limits.clone(), || Member);
        let handle = world.server.handle();
        handle.declare_topic("all", History::none().overflow(policy));
        let raw = listener::RAW;
        world.ends.extend((0..MEMBERS).map(|_| world.server.connect_to(raw)));
        let (stuck, others) = world.ends.split_at(STUCK);
        stuck.iter().for_each(|far| far.set_room(Some(0)));
        // Above the high-water mark, or up to the bound.
        for _ in 0..if is_full { 70 } else { 11 } {
            handle.publish("all", "m".repeat(100));
            world.server.run();
        }
        others.iter().for_each(FarEnd::discard);
        let before = world.server.wires().stats().visits.value();
        let messages: Vec<String> = (0..MESSAGES).map(|number| format!("{number:02},")).collect();
        for message in &messages {
            handle.publish("all", &**message);
        }
        world.server.run();
        let visits = world.server.wires().stats().visits.value() - before;
        let most = 3 * MEMBERS + MESSAGES * STUCK + 100;
        assert!(visits <= most as u64, "{visits} places, {policy:?}, full: {is_full}");
        let all = messages.concat();
        assert!(others.iter().all(|far| far.take() == all.as_bytes()), "{policy:?}, full: {is_full}");
        // They get all of it, or what their policy leaves, in order.
        for far in stuck {
            far.set_room(None);
        }
        world.server.run();
        let keeps = !is_full || policy == Overflow::DropOldest || policy == Overflow::NewestPerKey;
        let (got, dropped) = (stuck[0].take(), handle.metrics().dropped);
        assert_eq!(got.ends_with(all.as_bytes()), keeps, "{policy:?}, full: {is_full}");
        assert_eq!(dropped > 0, is_full, "{policy:?}: {dropped}");
        assert!(stuck[1..].iter().all(|far| far.take() == got), "{policy:?}, full: {is_full}");
        // They stand with the others again.
        handle.publish("all", "end");
        world.server.run();
        assert!(world.ends.iter().all(|far| far.take() == b"end"), "{policy:?}, full: {is_full}");
    }
}

/// Sets its timer again when it is sent something, and has another one besides.
struct Punctual;

impl Client for Punctual {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), Duration::from_secs(100));
        connection.set_timer(TimerId(2), Duration::from_secs(100));
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, bytes: &mut [u8]) -> usize {
        raw.set_timer(TimerId(1), Duration::from_secs(50));
        bytes.len()
    }
}

#[test]
fn a_timer_costs_the_same_however_many_there_are() {
    check(
        Grows::Not(1),
        &Limits::default(),
        || Punctual,
        |world| {
            world.ends[0].send(b"x");
            world.server.run();
            world.server.advance(Duration::from_secs(60));
            assert_eq!(world.server.handle().count(), world.ends.len());
        },
    );
    check(
        Grows::Not(1),
        &Limits::default(),
        || Member,
        |world| {
            world.ends[0].reset();
            world.server.run();
        },
    );
    // Nothing is due.
    check(
        Grows::Not(0),
        &Limits::default(),
        || Member,
        |world| {
            world.server.advance(Duration::from_secs(99));
        },
    );
}

#[test]
fn a_new_connection_and_an_end_cost_the_same_however_many_there_are() {
    check(
        Grows::Not(1),
        &Limits::default(),
        || Member,
        |world| {
            let far = world.server.connect();
            far.finish();
            world.server.run();
            world.ends[7].finish();
            world.server.run();
        },
    );
}

/// Joins a topic when it is sent something, and leaves it again the next time. It is in 99 others besides.
struct Fickle;

impl Client for Fickle {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        (0..99).for_each(|number| _ = connection.subscribe(&format!("{} {number}", connection.id())));
        connection.subscribe("all");
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, bytes: &mut [u8]) -> usize {
        if !raw.unsubscribe("all") {
            raw.subscribe("all");
        }
        bytes.len()
    }
}

#[test]
fn to_join_and_to_leave_a_topic_costs_the_same_however_many_members_and_topics_there_are() {
    check(
        Grows::Not(1),
        &Limits::default(),
        || Fickle,
        |world| {
            for _ in 0..5 {
                world.ends[3].send(b"x");
                world.server.run();
            }
            // One that leaves all of its topics.
            world.ends[7].reset();
            world.server.run();
        },
    );
}

/// Who holds memory goes in portions of a sixteenth of the budget, so that each walk over all of them makes room for as
/// many as it visits.
#[test]
fn an_eviction_costs_the_same_for_each_that_comes() {
    /// Keeps all that it is sent unused.
    struct Hoarder;
    impl Client for Hoarder {
        fn on_data(&mut self, _raw: &mut Raw<'_>, _bytes: &mut [u8]) -> usize {
            0
        }
    }
    let [few, many] = SIZES.map(|connections| {
        let limits = Limits::default().with(|limits| limits.memory_bytes_max = connections * 5_000);
        let mut world = World::new(connections, limits, || Hoarder);
        let before = world.visits();
        for far in &world.ends {
            far.send(&[b'x'; 10_000]);
            world.server.run();
        }
        assert!(world.server.handle().metrics().evicted > 0);
        world.visits() - before
    });
    println!("{few} places with {} connections, {many} with {}", SIZES[0], SIZES[1]);
    assert!(many <= 5 * few, "{many} places, and {few} with a quarter of them");
    assert!(many <= 64 * SIZES[1] as u64, "{many} places");
}

/// Notes how many turns there have been when its request comes.
struct Counted(Arc<AtomicU64>);

impl Client for Counted {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.0.store(exchange.handle().metrics().turns, Ordering::Relaxed);
        exchange.ok("text/plain", "");
    }
}

/// Commands of a flood had all of a turn, so that 464 ms passed before another's request was answered.
#[test]
fn b7_beside_a_thread_that_posts_without_pause_requests_are_answered_within_ten_turns() {
    const REQUESTS: usize = 100;
    const NOT_YET: u64 = u64::MAX;
    let turn = Arc::new(AtomicU64::new(NOT_YET));
    let shared = turn.clone();
    // A box for 16 turns, which is more than the ten that count.
    let limits = Limits::default().with(|limits| limits.mailbox_max = 16 * limits.reactor.commands_per_turn);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| Counted(shared.clone()));
    let (_flooded, asks) = (server.connect(), server.connect());
    let id: ConnectionId = "r0-0.0".parse().unwrap();
    let late = (0..REQUESTS).filter(|_| {
        // The box is full before the first turn, and more come as long as the request is not answered.
        while server.handle().post(id, ()).is_ok() {}
        let begin = server.handle().metrics().turns;
        asks.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        std::thread::scope(|scope| {
            let handle = server.handle();
            scope.spawn(|| {
                let handle = handle;
                while turn.load(Ordering::Relaxed) == NOT_YET {
                    let _ = handle.post(id, ());
                }
            });
            server.run();
        });
        assert!(asks.take().starts_with(b"HTTP/1.1 200"));
        turn.swap(NOT_YET, Ordering::Relaxed) - begin > 10
    });
    assert!(late.count() <= REQUESTS / 100, "one of a hundred may be answered later");
}

/// Each of 16,000 commands had its turn in one, and so had no other work.
#[test]
fn b3_commands_are_carried_out_in_portions() {
    struct Counts(usize);
    impl Client for Counts {
        fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
            self.0 += 1;
            if self.0 == 5000 {
                connection.abort();
            }
        }
    }
    let mut world = World::new(1, Limits::default(), || Counts(0));
    let handle = world.server.handle();
    let id: ConnectionId = "r0-0.0".parse().unwrap();
    for _ in 0..5000 {
        handle.post(id, ()).unwrap();
    }
    let turns = handle.metrics().turns;
    world.server.run();
    assert_eq!(handle.count(), 0, "all have come");
    assert!(handle.metrics().turns - turns >= 5, "1,024 in each turn");
}

/// Only the number of commands was bounded: 500 commands of a megabyte held 502 MiB that were not charged.
#[test]
fn b4_the_mailbox_is_bounded_in_bytes_and_charged() {
    let mut world = World::new(1, Limits::default(), || Idle);
    let handle = world.server.handle();
    let id: ConnectionId = "r0-0.0".parse().unwrap();
    let large = vec![7u8; 1 << 20];
    let sent = (0..500).take_while(|_| handle.send(id, &large).is_ok()).count();
    assert_eq!(sent, 64, "64 MiB, and what the commands themselves take");
    let charged = handle.metrics().memory_bytes;
    assert!((64 << 20..65 << 20).contains(&charged), "{charged}");
    world.server.run();
    handle.send(id, &large).unwrap();
}

/// Streams a topic from where its reader was.
struct Reader;

impl Client for Reader {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let last = request.header_str("Last-Event-ID").unwrap_or_default();
        assert_eq!(exchange.events().subscribe_from("t", last), Subscribed::New);
    }
}

/// Publications in the history that [`slow_readers`] have missed, of 100 bytes each.
const MISSED: usize = 2000;

/// So many come back at the beginning of a history, and read nothing.
fn slow_readers(count: usize) -> World {
    let mut server = TestServer::new(|_peer| Reader);
    let handle = server.handle();
    assert!(handle.declare_topic("t", History::new(2 * MISSED)));
    let get = |last: &str| format!("GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n");
    let member = server.connect();
    member.send(get("").as_bytes());
    server.run();
    for _ in 0..MISSED {
        handle.publish("t", "x".repeat(100));
    }
    server.run();
    let bytes = String::from_utf8(member.take()).unwrap();
    let (_, id) = bytes.split_once("id: ").or_else(|| bytes.split_once("id:")).unwrap();
    let first = id.lines().next().unwrap();
    let mut reader = || {
        let far = server.connect();
        far.set_room(Some(0));
        far.send(get(first).as_bytes());
        server.run();
        far
    };
    let ends = (0..count).map(|_| reader()).collect();
    assert_eq!(handle.subscribers("t"), 1, "they wait for what they have missed");
    World { server, ends }
}

/// Each command read up to 1,024 publications for each client that does not read, and sent none.
#[test]
fn a_reader_that_does_not_read_its_history_costs_others_nothing() {
    let [few, many] = [100, 400].map(|count| {
        let mut world = slow_readers(count);
        let before = world.visits();
        for _ in 0..10 {
            world.server.handle().run_on(0, |_| ()).unwrap();
            world.server.run();
        }
        world.visits() - before
    });
    assert!(few == many && many < 100, "{few} places with 100 of them, {many} with 400");
}

/// Each end, and each subscription, went through all connections with pending output.
#[test]
fn an_end_among_slow_readers_costs_the_same_however_many_there_are() {
    let [few, many] = [100, 400].map(|count| {
        let mut world = slow_readers(count);
        let before = world.visits();
        world.ends.iter().for_each(FarEnd::reset);
        world.server.run();
        assert_eq!(world.server.handle().count(), 1);
        world.visits() - before
    });
    println!("{few} places with 100 of them, {many} with 400");
    assert!(many <= 4 * few + few / 8, "{few} places with 100 of them, {many} with 400");
}

/// Each closure was charged 16 bytes, even if it had captured more.
#[test]
fn a_closure_in_the_mailbox_is_charged_with_what_it_captured() {
    let world = World::new(1, Limits::default(), || Idle);
    let handle = world.server.handle();
    let large = [7u8; 64 << 10];
    let sent = (0..5000).take_while(|_| handle.run_on(0, move |_| assert_eq!(large[0], 7)).is_ok()).count();
    assert!((1000..=1024).contains(&sent), "{sent} of 64 KiB in 64 MiB");
    let charged = handle.metrics().memory_bytes;
    assert!((64 << 20..65 << 20).contains(&charged), "{charged}");
}

/// Asks for the ids of all connections when it is sent something.
struct Asks;

impl Client for Asks {
    fn on_data(&mut self, raw: &mut Raw<'_>, bytes: &mut [u8]) -> usize {
        assert_eq!(raw.connection_ids().len(), 10);
        assert_eq!(raw.send_to_others(&*bytes), 9);
        bytes.len()
    }
}

/// Each question went through all slots that were ever used.
#[test]
fn after_a_peak_the_ids_of_those_that_are_left_cost_little() {
    let [few, many] = SIZES.map(|connections| {
        let mut world = World::new(connections, Limits::default(), || Asks);
        world.ends[10..].iter().for_each(FarEnd::reset);
        world.server.run();
        let before = world.visits();
        world.ends[3].send(b"x");
        world.server.run();
        world.visits() - before
    });
    println!("{few} places after {} connections, {many} after {}", SIZES[0], SIZES[1]);
    assert!(few >= 20 && many <= few + 32, "{few} places after {}, {many} after {}", SIZES[0], SIZES[1]);
}

/// The number of places that the reactor has visited, for a client.
type Visits = Arc<OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>>;

/// Gets a line in each turn, and notes how many places had been visited then.
struct Meter {
    visits: Visits,
    noted: Arc<Mutex<Vec<u64>>>,
}

impl Meter {
    fn note(&self) {
        self.noted.lock().unwrap().push(self.visits.get().unwrap()());
    }
}

impl Client for Meter {
    fn on_line(&mut self, _raw: &mut Raw<'_>, _line: &[u8]) {
        self.note();
    }

    /// The first of the commands that are measured. The lines come then.
    fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        self.note();
        connection.resume_read();
    }
}

/// More turns than what is measured here takes.
const TURNS_MEASURED: usize = 2_000;

/// The most places that one turn visits after `act`, until all that it has begun is done. `make` makes the clients. If it
/// begins with commands, the first one must be a post to the meter, which was paused.
fn most_in_a_turn(
    limits: &Limits,
    make: impl Fn() -> Box<dyn Client> + 'static,
    act: impl FnOnce(&mut World, ConnectionId),
) -> (u64, World) {
    let limits = limits.clone().with(|limits| limits.events_per_turn = 1);
    let (visits, noted) = (Visits::default(), Arc::new(Mutex::new(Vec::new())));
    let (for_meter, notes) = (visits.clone(), noted.clone());
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |peer: &jackfield::Peer| -> Box<dyn Client> {
        match peer.listener() {
            listener::LINES => Box::new(Meter { visits: for_meter.clone(), noted: notes.clone() }),
            _ => make(),
        }
    });
    let stats = server.wires().stats().clone();
    assert!(visits.set(Box::new(move || stats.visits.value())).is_ok());
    let meter = server.connect_to(listener::LINES);
    let id = server.handle().ids()[0];
    let mut world = World { server, ends: Vec::new() };
    act(&mut world, id);
    meter.send("\n".repeat(TURNS_MEASURED).as_bytes());
    world.server.run();
    let noted = std::mem::take(&mut *noted.lock().unwrap());
    assert!(noted.len() >= TURNS_MEASURED);
    assert_eq!(noted.last(), Some(&world.visits()), "it was done before the meter was");
    // Behind the first command comes the rest of its turn, and then another turn before the first line.
    let begin = (noted[1] - noted[0]).div_ceil(2);
    (noted[1..].windows(2).map(|pair| pair[1] - pair[0]).fold(begin, u64::max), world)
}

/// Has a timer, and counts when it fires.
struct Sleeper {
    after: Duration,
    fired: Arc<AtomicU64>,
}

impl Client for Sleeper {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), self.after);
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        self.fired.fetch_add(1, Ordering::Relaxed);
    }
}

/// All timers that lie in one bucket of the wheel came nearer in one turn.
#[test]
fn i158_timers_come_nearer_in_portions() {
    let mut limits = Limits::default();
    limits.reactor.timers_per_turn = 16;
    let [few, many] = SIZES.map(|connections| {
        let fired = Arc::new(AtomicU64::new(0));
        let (count, is_first) = (fired.clone(), Cell::new(true));
        // Between 98.3 and 102.4 s they are in one bucket, and come nearer when the first is due.
        let make = move || -> Box<dyn Client> {
            let after = Duration::from_millis(if is_first.replace(false) { 98_400 } else { 100_000 });
            Box::new(Sleeper { after, fired: count.clone() })
        };
        let (most, mut world) = most_in_a_turn(&limits, make, |world, _meter| {
            world.connect(connections);
            world.server.skip(Duration::from_millis(98_500));
        });
        for (wait_ms, expected) in [(0, 1), (1_499, 1), (1, connections as u64)] {
            world.server.advance(Duration::from_millis(wait_ms));
            assert_eq!(fired.load(Ordering::Relaxed), expected);
        }
        most
    });
    println!("{few} places in one turn with {} timers, {many} with {}", SIZES[0], SIZES[1]);
    assert!(few >= 256, "16 for each timer that may fire in a turn: {few}");
    assert!(many <= few + 8, "{few} places in one turn with {}, {many} with {}", SIZES[0], SIZES[1]);
}

/// Subscribes to two topics, and sends each number that it is posted.
struct Subscriber;

impl Client for Subscriber {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        for topic in ["one", "two", "kept"] {
            connection.subscribe(topic);
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let text = value.downcast::<String>().unwrap();
        connection.send_to(connection.id(), text.as_bytes());
    }
}

/// What other threads have for all members of a topic, beside another connection. `flood` returns what each member gets.
fn check_flood(flood: impl Fn(&mut World) -> String) {
    const MEMBERS: usize = 500;
    const COMMANDS: usize = 16;
    const VISITS_MAX: usize = 64 * COMMANDS;
    let mut limits = Limits::default();
    limits.reactor.commands_per_turn = COMMANDS;
    // No member is congested, whatever comes in one turn.
    limits.reactor.outbox_bytes_high = 512 << 10;
    let answered = Arc::new(AtomicU64::new(0));
    let turn = answered.clone();
    let (mut begin, mut asks, mut expected) = (0, None, String::new());
    let (most, world) = most_in_a_turn(
        &limits,
        move || Box::new(Asked(Counted(turn.clone()), Subscriber)),
        |world, meter| {
            let handle = world.server.handle();
            assert!(handle.declare_topic("kept", History::new(100)));
            world.connect(MEMBERS);
            let far = world.server.connect();
            handle.with_client(meter, |_: &mut Meter, connection| connection.pause_read()).unwrap();
            world.server.run();
            handle.post(meter, ()).unwrap();
            expected = flood(world);
            begin = handle.metrics().turns;
            far.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            asks = Some(far);
        },
    );
    assert!(asks.unwrap().take().starts_with(b"HTTP/1.1 200"));
    let turns = answered.load(Ordering::Relaxed) - begin;
    assert!(turns <= 10, "{turns} turns until the answer");
    assert!(most <= (VISITS_MAX + MEMBERS + 100) as u64, "{most} places in one turn");
    for (number, far) in world.ends.iter().enumerate() {
        assert!(far.take() == expected.as_bytes(), "member {number} has got all, in order");
    }
}

/// Answers a request as the one, and is the other for all that else comes.
struct Asked(Counted, Subscriber);

impl Client for Asked {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        if connection.peer().listener() == listener::RAW {
            self.1.on_connect(connection);
        }
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.0.on_request(exchange, request);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.1.on_post(connection, value);
    }
}

/// A number as a message of this length.
fn numbered(number: usize, bytes: usize) -> String {
    format!("{number:0bytes$},")
}

/// Of commands only the number was bounded: what 1,024 publishes to 10,000 members take had to be done in one turn.
#[test]
fn i159_publishes_to_many_are_carried_out_in_portions() {
    // Small messages for two topics in turn, which can't be gathered, and large ones, which are shared.
    for (count, bytes) in [(120, 20), (40, 2100)] {
        check_flood(|world| {
            let handle = world.server.handle();
            let all: Vec<String> = (0..count).map(|number| numbered(number, bytes)).collect();
            for (topic, message) in ["one", "two"].iter().cycle().zip(&all) {
                assert_eq!(handle.publish(topic, &**message).full, 0);
            }
            all.concat()
        });
    }
}

/// One command brought out up to 1,024 publications of a history.
#[test]
fn i160_a_history_is_delivered_in_portions() {
    check_flood(|world| {
        let handle = world.server.handle();
        let all: Vec<String> = (0..40).map(|number| numbered(number, 2100)).collect();
        for message in &all {
            handle.publish("kept", &**message);
        }
        // Does not overtake it for any of them.
        assert_eq!(handle.publish("one", "end").full, 0);
        all.concat() + "end"
    });
}

/// Publishes three messages to `kept`, too long to be gathered, at each line, and notes what is charged then. The lines are read from
/// its first command on.
struct Publisher(Arc<Mutex<Vec<u64>>>);

impl Client for Publisher {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.pause_read();
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        connection.resume_read();
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
        let long = numbered(0, 2100);
        (0..3).for_each(|_| assert_eq!(raw.handle().publish("kept", &*long).full, 0));
        self.0.lock().unwrap().push(raw.handle().metrics().memory_bytes);
    }
}

/// The fault: the rest of a delivery did not count as one that waits, so each publication added a command.
#[test]
fn i459_of_a_delivery_that_is_not_done_in_a_turn_one_command_waits() {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let mut limits = Limits::default().with(|limits| limits.events_per_turn = 1);
    limits.reactor.commands_per_turn = 16;
    let notes = noted.clone();
    let options = TestOptions { limits, ..TestOptions::default() };
    let server = TestServer::with_options(options, move |peer: &jackfield::Peer| -> Box<dyn Client> {
        match peer.listener() {
            listener::LINES => Box::new(Publisher(notes.clone())),
            _ => Box::new(Subscriber),
        }
    });
    let mut world = World { server, ends: Vec::new() };
    assert!(world.server.handle().declare_topic("kept", History::new(10)));
    world.connect(2000);
    let far = world.server.connect_to(listener::LINES);
    far.send("\n".repeat(300).as_bytes());
    let handle = world.server.handle();
    assert!(handle.post(handle.ids()[2000], ()).is_ok());
    (0..3).for_each(|_| assert_eq!(handle.publish("kept", numbered(0, 2100)).full, 0));
    world.server.run();
    let noted = noted.lock().unwrap();
    assert_eq!(noted.len(), 300);
    assert!(noted[299] < noted[100] + 1000, "{} bytes, and then {}", noted[100], noted[299]);
}

/// One command called each member of a topic, however many there were.
#[test]
fn i160_a_value_for_a_topic_is_handed_out_in_portions() {
    check_flood(|world| {
        let handle = world.server.handle();
        for number in 0..10 {
            assert_eq!(handle.post_to_topic("one", numbered(number, 20)).full, 0);
            // Does not overtake it for any of them.
            assert_eq!(handle.publish("two", format!("{number}!")).full, 0);
        }
        (0..10).map(|number| numbered(number, 20) + &format!("{number}!")).collect()
    });
}

/// What a turn leaves over is done before the server ends.
#[test]
fn a_shutdown_waits_behind_what_turns_have_left_over() {
    let mut limits = Limits::default();
    limits.reactor.commands_per_turn = 4;
    let mut world = World::new(500, limits, || Subscriber);
    let handle = world.server.handle();
    let values = |number: usize| numbered(number, 20);
    (0..3).for_each(|number| assert_eq!(handle.post_to_topic("one", values(number)).full, 0));
    handle.shutdown(Drain::default());
    (3..5).for_each(|number| assert_eq!(handle.publish("one", values(number)).full, 0));
    world.server.run();
    let expected: String = (0..3).map(values).collect();
    assert!(world.ends.iter().all(|far| far.take().starts_with(expected.as_bytes())));
    assert_eq!(handle.count(), 0);
}
