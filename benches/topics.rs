//! Topics: a publication to many members, with its allocations; the same with members that do not read; a history that is
//! written and read. `cargo bench --profile fast -p jackfield-benches --bench topics`.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use jackfield::test::{FarEnd, TestServer};
use jackfield::{Client, Exchange, History, Overflow, Publication, Request, WebSocket, last_event_id};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const EVENTS: usize = 10_000;

struct Member;

impl Client for Member {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.set_overflow(Overflow::NewestPerKey);
        socket.subscribe("room");
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        exchange.events().subscribe_from("log", last_event_id(request).unwrap_or_default());
    }
}

fn members(server: &mut TestServer, count: usize) -> Vec<FarEnd> {
    let ends: Vec<FarEnd> = (0..count).map(|_| server.connect()).collect();
    ends.iter().for_each(|far| far.send(UPGRADE));
    server.run();
    ends.iter().for_each(|far| drop(far.take()));
    ends
}

/// A message of 4 KiB to so many members that read: the message is allocated once, whatever their number. The far ends keep
/// their room, for what they allocate would be counted too.
#[divan::bench(args = [1_000, 10_000], sample_count = 20, sample_size = 1)]
fn publish(bencher: Bencher<'_, '_>, count: usize) {
    let mut server = TestServer::new(|_peer| Member);
    let ends = members(&mut server, count);
    let (server, text) = (RefCell::new(server), "x".repeat(4 << 10));
    let drained = || ends.iter().for_each(FarEnd::discard);
    bencher.counter(ItemsCount::new(count)).with_inputs(drained).bench_local_values(|()| {
        let mut server = server.borrow_mut();
        server.handle().publish("room", &*text);
        server.run();
    });
}

const MEMBERS: usize = 1_000;

/// Keyed messages of 100 bytes to 1,000 members, of whom so many never read. What counts is the rate of those that read, beside
/// the rate when all do: one in ten that does not read is to leave the others 99 % of it.
#[divan::bench(args = [0, 100], sample_count = 200, sample_size = 1)]
fn publish_beside_members_that_do_not_read(bencher: Bencher<'_, '_>, stuck: usize) {
    publish_beside(bencher, stuck, 1);
}

/// The same with 20 publications in each turn, which are gathered where all members read.
#[divan::bench(args = [0, 100], sample_count = 200, sample_size = 1)]
fn publish_20_beside_members_that_do_not_read(bencher: Bencher<'_, '_>, stuck: usize) {
    publish_beside(bencher, stuck, 20);
}

fn publish_beside(bencher: Bencher<'_, '_>, stuck: usize, burst: usize) {
    let mut server = TestServer::new(|_peer| Member);
    let (ends, stuck) = (members(&mut server, MEMBERS - stuck), members(&mut server, stuck));
    stuck.iter().for_each(|far| far.set_room(Some(0)));
    let (server, text) = (RefCell::new(server), "x".repeat(100));
    let publish = || {
        let mut server = server.borrow_mut();
        for _ in 0..burst {
            server.handle().publish("room", Publication::from(&*text).key("k"));
        }
        server.run();
    };
    let drained = || ends.iter().for_each(FarEnd::discard);
    // Those that don't read have a full backlog before.
    for _ in 0..2_000 / burst {
        publish();
        drained();
    }
    let items = ItemsCount::new(ends.len() * burst);
    bencher.counter(items).with_inputs(drained).bench_local_values(|()| publish());
}

const EVENT: &str = "a publication of thirty-two bytes";

fn with_history() -> TestServer {
    let server = TestServer::new(|_peer| Member);
    server.handle().declare_topic("log", History::new(EVENTS));
    server
}

/// Adds messages to a full history, so that the same number is removed.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn append_10_000_to_a_history(bencher: Bencher<'_, '_>) {
    let handle = with_history().handle();
    let append = || {
        (0..EVENTS).for_each(|_| {
            handle.publish("log", EVENT);
        });
    };
    append();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(append);
}

type Ring = VecDeque<(u64, Arc<[u8]>)>;

fn append_to(ring: &Mutex<Ring>, offset: u64) {
    let event = Arc::from(EVENT.as_bytes());
    let mut ring = ring.lock().expect("no thread has panicked");
    if ring.len() == EVENTS {
        ring.pop_front();
    }
    ring.push_back((offset, event));
}

fn bare_ring() -> Mutex<Ring> {
    let ring = Mutex::new(Ring::with_capacity(EVENTS));
    (0..EVENTS as u64).for_each(|offset| append_to(&ring, offset));
    ring
}

/// The least that a history does: a ring behind a lock.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn append_10_000_to_a_bare_ring(bencher: Bencher<'_, '_>) {
    let ring = bare_ring();
    let append = || (0..EVENTS as u64).for_each(|offset| append_to(&ring, EVENTS as u64 + offset));
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(append);
}

/// A client comes back, and has missed this number of messages.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn replay_10_000_of_a_history(bencher: Bencher<'_, '_>) {
    let mut server = with_history();
    let first = server.connect();
    first.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    server.run();
    server.handle().publish("log", "the first");
    server.run();
    let seen = String::from_utf8_lossy(&first.take()).into_owned();
    let id = seen.lines().find_map(|line| line.strip_prefix("id: ")).expect("it has an id").to_owned();
    first.reset();
    (1..EVENTS).for_each(|_| {
        server.handle().publish("log", EVENT);
    });
    server.run();
    let server = RefCell::new(server);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let mut server = server.borrow_mut();
        let far = server.connect();
        far.send(format!("GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {id}\r\n\r\n").as_bytes());
        let mut events = 0;
        while events < EVENTS - 1 {
            server.run();
            events += far.take().windows(2).filter(|two| two == b"\n\n").count();
        }
        far.reset();
        server.run();
    });
}

/// The least that a replay does: it writes events with their ids.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn replay_10_000_of_a_bare_ring(bencher: Bencher<'_, '_>) {
    let ring = bare_ring();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let ring = ring.lock().expect("no thread has panicked");
        let mut out = Vec::new();
        for (offset, event) in &*ring {
            write!(out, "id: 0123456789abcdef.{offset}\ndata: ").expect("a vector takes all");
            out.extend_from_slice(event);
            out.extend_from_slice(b"\n\n");
        }
        out
    });
}
