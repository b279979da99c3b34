//! Memory as a contract: what buffers hold is counted, bounded for one connection and for all, and given back.

use crate::support;
use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Body, Client, Drain, Exchange, Limit, Limits, Message, Overflow, Reason, Request, Server, WebSocket,
};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Log, Probe, Watcher, observed};
use support::real::{self, Live};
use support::{Lab, get, socket, statuses};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Gives the answer that the test has set, and sends much to each peer that asks for it.
#[derive(Clone, Default)]
struct Store {
    shared: Option<Arc<[u8]>>,
}

impl Client for Store {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.path(), &self.shared) {
            ("/shared", Some(bytes)) => exchange.ok("text/plain", Body::Shared(bytes.clone())),
            ("/owned", _) => exchange.ok("text/plain", vec![7; 40 * KIB]),
            _ => exchange.ok("text/plain", "fine"),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.set_overflow(Overflow::DropNewest);
        socket.subscribe("room");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        for _ in 0..20 {
            match message {
                Message::Text("publish") => drop(socket.publish("room", &[7; 1000][..])),
                _ => drop(socket.send(&[7; 1000][..])),
            }
        }
    }
}

/// The head of a request with a body of this number of bytes.
fn post(bytes: usize) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {bytes}\r\n\r\n").into_bytes()
}

/// The header of a masked binary frame with this number of bytes.
fn frame(bytes: usize) -> Vec<u8> {
    let mut header = vec![socket::FIN | socket::BINARY, 0x80 | 127];
    header.extend((bytes as u64).to_be_bytes());
    header.extend([1, 2, 3, 4]);
    header
}

fn booked(server: &TestServer) -> usize {
    let bytes = server.wires().memory_bytes();
    // The metric has what the reactors share besides: the names in the index of topics.
    let shared = server.handle().metrics().memory_bytes - bytes as u64;
    assert!(shared < 1000, "{shared} bytes belong to no reactor");
    bytes
}

fn tell_all(server: &mut TestServer, ends: &[FarEnd], bytes: &[u8]) {
    ends.iter().for_each(|far| far.send(bytes));
    server.run();
}

/// What connections hold that were told `begin` and then so often `chunk`: what is booked is what the allocator gave.
/// What the first chunk brought about is not compared: the ends of in-memory connections grow with it as well.
#[track_caller]
fn check(what: &str, listener: usize, begin: &[&[u8]], chunk: &[u8], chunks: usize, least: usize) {
    const CONNECTIONS: usize = 100;
    let mut server = TestServer::new(|_peer| Store::default());
    let ends: Vec<FarEnd> = (0..CONNECTIONS).map(|_| server.connect_to(listener)).collect();
    begin.iter().for_each(|words| tell_all(&mut server, &ends, words));
    ends.iter().for_each(|far| far.set_room(Some(0)));
    tell_all(&mut server, &ends, chunk);
    let first = booked(&server);
    let given = measure(|| (0..chunks).for_each(|_| tell_all(&mut server, &ends, chunk)));
    let (given, booked_more) = (usize::try_from(given.bytes_current).unwrap(), booked(&server) - first);
    println!("{what}: {booked_more} bytes booked, {given} given by the allocator");
    assert!(booked_more >= least * CONNECTIONS, "{what}: only {booked_more} bytes");
    assert!(booked_more.abs_diff(given) * 20 <= given, "{what}: {booked_more} bytes booked, {given} given");
    ends.iter().for_each(FarEnd::reset);
    server.run();
    assert_eq!((server.wires().len(), booked(&server)), (0, 0), "{what}: everything is given back");
}

#[test]
fn n5_the_charged_bytes_are_the_allocated_bytes() {
    let (http, chunk) = (listener::HTTP, [b'x'; 4 * KIB]);
    let (upgrade, go) = (socket::UPGRADE.as_bytes(), socket::text("go"));
    let owned = get("/owned");
    check("half a body", http, &[&post(100 * KIB)], &chunk, 20, 80 * KIB);
    check("half a message", http, &[upgrade, &frame(100 * KIB)], &chunk, 20, 80 * KIB);
    check("half a line", listener::LINES, &[], &chunk, 14, 56 * KIB);
    check("a reader that has stopped", http, &[upgrade], &go, 10, 50 * KIB);
    check("bodies given away", http, &[], owned.as_bytes(), 1, 40 * KIB);
}

/// So many connections that have begun a body of `bytes`.
fn posting(lab: &mut Lab, connections: usize, bytes: usize) -> Vec<FarEnd> {
    let ends: Vec<FarEnd> = (0..connections).map(|_| lab.connect()).collect();
    tell_all(&mut lab.server, &ends, &post(bytes));
    ends
}

/// A server with this budget, its log, and the log of its observer.
fn lab(bytes: usize, change: impl Fn(&mut Limits)) -> (Lab, Log) {
    let (mut options, log) = observed();
    options.limits.memory_bytes_max = bytes;
    change(&mut options.limits);
    (Lab::with_options(options, Probe::default), log)
}

/// Sends the next part of its body from each peer that is still read. False: all is sent, or no peer is left.
fn send_on(ends: &mut [(FarEnd, usize)], chunk: usize) -> bool {
    let chunk = vec![b'x'; chunk];
    for (far, left) in ends.iter_mut().filter(|(far, _)| far.unread_bytes() == 0) {
        let part = chunk.len().min(*left);
        far.send(&chunk[..part]);
        *left -= part;
    }
    ends.iter().any(|(far, left)| *left > 0 && !far.has_server_finished())
}

/// A hundred bodies come at the same time, in chunks that are `seconds` apart; not all of them fit.
#[track_caller]
fn check_peak(budget: usize, body: usize, chunk: usize, seconds: u64) {
    let (mut lab, told) = lab(budget, |limits| {
        limits.reactor.read_bytes = 16 * KIB;
        limits.body_interval_bytes_min = 0;
    });
    let mut ends: Vec<_> = posting(&mut lab, 100, body).into_iter().map(|far| (far, body)).collect();
    let healthy = lab.connect();
    let (mut rounds, mut answered) = (0, 0);
    let peak = measure(|| {
        while send_on(&mut ends, chunk) {
            lab.server.run();
            assert!(booked(&lab.server) <= budget, "after a turn there is no excess");
            // Who holds nothing does not suffer.
            assert_eq!(statuses(&lab.say(&healthy, get("/").as_str())), [200]);
            lab.server.advance(Duration::from_secs(seconds));
            rounds += 1;
            assert!(
                rounds < 2000,
                "it does not get on: {answered} answers, {} evicted",
                told.count("evicted")
            );
            answered += ends.iter().filter(|(far, _)| statuses(&far.take()) == [200]).count();
        }
    });
    lab.server.run();
    answered += ends.iter().filter(|(far, _)| statuses(&far.take()) == [200]).count();
    // The last buffer that grew has doubled, and for a moment both of it are there; and the ends of the connections keep
    // room for a chunk each.
    let most = budget + 16 * KIB + 3 * body + ends.len() * 2 * chunk;
    println!(
        "{} bytes at the peak, {most} may be; after {rounds} rounds {answered} answers, {} evicted",
        peak.bytes_max,
        told.count("evicted")
    );
    assert!(peak.bytes_max <= most as u64, "{} bytes at the peak, {most} may be", peak.bytes_max);
    assert!(told.has("pressure High"), "something had to be done about it");
    assert_eq!(answered + told.count("evicted"), 100, "each is answered or ended");
    lab.server.advance(Duration::from_secs(100));
    assert_eq!((lab.server.wires().len(), booked(&lab.server)), (0, 0));
}

#[test]
fn n5_the_budget_is_exceeded_by_at_most_a_read_and_the_growth_of_a_buffer() {
    check_peak(MIB, 100 * KIB, 4 * KIB, 1);
    check_peak(MIB, 30 * KIB, 500, 1);
    check_peak(300 * KIB, 60 * KIB, 10_000, 1);
}

#[test]
fn n5_pressure_is_reported_once_pauses_the_largest_and_ends() {
    let (mut lab, told) = lab(MIB, |_| {});
    let ends = posting(&mut lab, 4, 400 * KIB);
    let small = posting(&mut lab, 1, 20 * KIB);
    let chunk = [b'x'; 10 * KIB];
    tell_all(&mut lab.server, &small, &chunk);
    for _ in 0..30 {
        tell_all(&mut lab.server, &ends, &chunk);
    }
    assert_eq!(told.take(), ["pressure High"]);
    let squeezed = ends.iter().filter(|far| far.unread_bytes() > 0).count();
    assert!(squeezed > 0, "the largest are not read any more");
    assert!(booked(&lab.server) <= MIB);
    // Who holds less than the others goes on.
    tell_all(&mut lab.server, &small, &chunk);
    assert_eq!(statuses(&small[0].take()), [200]);
    // Others leave, and there is room again.
    ends[..3].iter().for_each(FarEnd::reset);
    lab.server.run();
    assert_eq!(told.take(), ["pressure Relieved"]);
    assert_eq!(ends[3].unread_bytes(), 0, "it is read again");
    ends[3].send(&[b'x'; 100 * KIB]);
    lab.server.run();
    assert_eq!(statuses(&ends[3].take()), [200]);
    assert!(!told.has("evicted"), "{:?}", told.events());
}

#[test]
fn n5_a_connection_that_waits_for_memory_too_long_is_evicted() {
    let (mut lab, told) = lab(MIB, |_| {});
    let ends = posting(&mut lab, 7, 120 * KIB);
    for _ in 0..12 {
        tell_all(&mut lab.server, &ends, &[b'x'; 10 * KIB]);
    }
    assert!(ends.iter().all(|far| far.unread_bytes() > 0), "all hold much, and none is read");
    lab.server.advance(Duration::from_secs(9));
    assert_eq!(told.take(), ["pressure High"]);
    lab.server.advance(Duration::from_secs(2));
    let events = told.take();
    let evicted = events.len() - 1;
    assert!((1..=2).contains(&evicted), "no more than is needed: {events:?}");
    assert_eq!(events.last().map(String::as_str), Some("pressure Relieved"));
    let mut answers: Vec<u16> = ends.iter().flat_map(|far| statuses(&far.take())).collect();
    answers.sort_unstable();
    assert_eq!(answers, [vec![200; 7 - evicted], vec![503; evicted]].concat());
    lab.server.advance(Duration::from_secs(2));
    assert_eq!(lab.log.count(&format!("disconnect {:?}", Reason::Limit(Limit::Memory))), evicted);
    assert_eq!(lab.server.handle().metrics().evicted, evicted as u64);
}

/// Half messages that all hold much.
#[test]
fn n5_an_evicted_websocket_gets_1013() {
    let (mut lab, told) = lab(MIB, |_| {});
    let ends: Vec<FarEnd> = (0..7).map(|_| lab.websocket()).collect();
    tell_all(&mut lab.server, &ends, &frame(200 * KIB));
    for _ in 0..13 {
        tell_all(&mut lab.server, &ends, &[b'x'; 10 * KIB]);
    }
    lab.server.advance(Duration::from_secs(11));
    let evicted = told.count("evicted");
    assert!((1..7).contains(&evicted), "{:?}", told.events());
    let frames = ends.iter().flat_map(|far| socket::frames(&far.take()));
    assert_eq!(frames.filter_map(|frame| frame.code()).collect::<Vec<_>>(), vec![1013; evicted]);
}

#[test]
fn n5_above_the_budget_the_largest_are_evicted() {
    let (mut options, told) = observed();
    options.limits.memory_bytes_max = MIB;
    let mut server = TestServer::with_options(options, |_peer| Store::default());
    let ends: Vec<FarEnd> = (0..30).map(|_| server.connect()).collect();
    tell_all(&mut server, &ends, socket::UPGRADE.as_bytes());
    let speaker = server.connect();
    tell_all(&mut server, std::slice::from_ref(&speaker), socket::UPGRADE.as_bytes());
    // They read nothing, and each holds what was published; the last one had asked for more.
    ends.iter().for_each(|far| far.set_room(Some(0)));
    tell_all(&mut server, &ends[29..], &socket::text("go").repeat(3));
    for _ in 0..2 {
        tell_all(&mut server, std::slice::from_ref(&speaker), &socket::text("publish"));
        assert!(booked(&server) <= MIB, "{} bytes", booked(&server));
    }
    assert!(ends[29].is_reset() && !speaker.is_reset(), "the largest goes");
    let reset = ends.iter().filter(|far| far.is_reset()).count();
    assert_eq!(told.count("evicted"), reset);
    assert_eq!(told.count("pressure High"), 1 + told.count("pressure Relieved"), "{:?}", told.events());
    assert!(booked(&server) > MIB / 2, "no more than is needed: {reset} are evicted");
    ends.iter().for_each(FarEnd::reset);
    server.run();
    assert!(booked(&server) < KIB, "nothing is left but the topic of the one that speaks");
    assert!(told.events().last().is_some_and(|last| last == "pressure Relieved"));
    speaker.reset();
    server.run();
    assert_eq!(booked(&server), 0);
}

#[test]
fn n5_a_connection_has_its_own_bound() {
    let (mut lab, told) = lab(MIB, |limits| {
        limits.reactor.wire_memory_bytes_max = 64 * KIB;
        (limits.websocket.message_bytes_max, limits.body_bytes_max) = (MIB, MIB as u64);
    });
    let body = posting(&mut lab, 1, 200 * KIB);
    let message = [lab.websocket()];
    tell_all(&mut lab.server, &message, &frame(200 * KIB));
    for _ in 0..30 {
        tell_all(&mut lab.server, &body, &[b'x'; 4 * KIB]);
        tell_all(&mut lab.server, &message, &[b'x'; 4 * KIB]);
    }
    assert_eq!(statuses(&body[0].take()), [413]);
    let said = socket::frames(&message[0].take());
    assert_eq!(said.last().and_then(socket::Frame::code), Some(1009));
    assert_eq!(told.take(), ["evicted"; 2]);
    lab.server.advance(Duration::from_secs(3));
    assert_eq!(lab.log.count(&format!("disconnect {:?}", Reason::Limit(Limit::Memory))), 2);
    assert_eq!(booked(&lab.server), 0);
}

/// Readers of a shared body of 8 MiB: each reads `room` bytes of it and then does `end`.
#[track_caller]
fn check_shared(room: usize, end: fn(&FarEnd)) {
    const READERS: usize = 3000;
    let body: Arc<[u8]> = vec![7; 8 * MIB].into();
    let shared = body.clone();
    let mut server = TestServer::new(move |_peer| Store { shared: Some(shared.clone()) });
    let mut ends = Vec::with_capacity(READERS);
    let all = measure(|| {
        for _ in 0..READERS {
            let far = server.connect();
            far.set_room(Some(room));
            far.send(get("/shared").as_bytes());
            server.run();
            assert_eq!(far.take().len(), room);
            ends.push(far);
        }
    });
    let each = all.bytes_current / READERS as i64;
    println!("{each} bytes for each of {READERS} readers");
    assert!(each <= 64 << 10, "{each} bytes for each reader");
    assert_eq!(
        Arc::strong_count(&body),
        READERS * 2 + 2,
        "each client has it, and each that is being answered"
    );
    assert!(booked(&server) <= READERS * KIB, "of what is shared the references are booked");
    ends.iter().for_each(end);
    server.advance(Duration::from_secs(40));
    assert_eq!((server.wires().len(), booked(&server)), (0, 0));
    assert_eq!(Arc::strong_count(&body), 2, "the body and the factory's");
}

#[test]
fn n5_the_slow_reader_of_a_shared_body_costs_a_reference() {
    check_shared(0, |_far| {});
    check_shared(10_000, FarEnd::reset);
    check_shared(10_000, FarEnd::finish);
}

#[test]
fn n5_a_whole_body_does_not_evict_its_reader() {
    let mut options = TestOptions::default();
    options.limits.reactor.wire_memory_bytes_max = 10 * KIB;
    let mut server = TestServer::with_options(options, |_peer| Store::default());
    let far = server.connect();
    far.set_room(Some(1000));
    far.send(get("/owned").as_bytes());
    server.run();
    assert!(booked(&server) > 40 * KIB);
    far.set_room(None);
    server.run();
    assert!(far.take().len() > 40 * KIB, "it comes whole");
    assert!(booked(&server) < KIB, "nothing is left but an empty buffer");
}

#[test]
fn n5_a_buffer_that_was_read_is_given_back() {
    let mut server = TestServer::with_options(TestOptions::default(), |_peer| Store::default());
    let far = server.connect();
    far.send(&post(500 * KIB));
    let used = measure(|| {
        for _ in 0..500 {
            far.send(&[b'x'; KIB]);
            server.run();
        }
    });
    assert_eq!(statuses(&far.take()), [200]);
    assert!(booked(&server) < KIB, "nothing is left but what watched over the body");
    assert!(used.bytes_current <= 100 << 10, "{} bytes are left", used.bytes_current);
}

#[test]
fn n5_reactors_share_one_budget() {
    const BUDGET: usize = 2 * MIB;
    let watcher = Watcher::default();
    let told = watcher.log.clone();
    let builder = Server::builder()
        .listen("127.0.0.1:0")
        .reactors(2)
        .limits(|limits| limits.memory_bytes_max = BUDGET)
        .observer(watcher);
    let live = Live::serve(builder, |_peer| Store::default());
    let held = || live.handle.metrics().memory_bytes as usize;
    let mut peers: Vec<_> = (0..60).map(|_| live.connect()).collect();
    for peer in &mut peers {
        peer.write_all(&post(100 * KIB)).unwrap();
    }
    for _ in 0..18 {
        for peer in &mut peers {
            // Whoever was ended has been told so.
            let _ = peer.write_all(&[b'x'; 5 * KIB]);
        }
        // Each reactor knows the other's account but for a grain. The sum is not read at one moment: while one account
        // is looked at, the other may take what this one gives back.
        real::wait_until(|| held() <= BUDGET + 2 * (64 + 16 + 100) * KIB);
        assert!(held() <= 2 * BUDGET);
    }
    real::wait_until(|| told.has("pressure High"));
    // All of them go at once, on both reactors.
    live.handle.shutdown(Drain::now());
    real::wait_until(|| live.handle.count() == 0 && held() == 0);
    real::wait_until(|| told.events().last().is_some_and(|last| last == "stopped"));
    assert_eq!(told.count("pressure High"), told.count("pressure Relieved"));
}
