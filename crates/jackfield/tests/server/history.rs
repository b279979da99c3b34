//! Topics with a history: whoever comes back gets exactly what it has missed and then what comes, in order, or is told.

use crate::support;
use allocation_counter::measure;
use jackfield::proto::Step;
use jackfield::proto::sse::{Decoder, EventScratch, Limits as Bounds};
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, Drain, Event, Exchange, History, Limits, Message, Metrics, Overflow, Request, Server,
    Subscribed, WebSocket,
};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::real::{Live, read_some};
use support::{get, socket, text};

/// Streams what it is asked for: `/stream/topic`, from `Last-Event-ID` on, and `/plain/topic` without an id. WebSockets are
/// members, and publish what they say.
pub(crate) struct Reader;

impl Client for Reader {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if let Some(topic) = request.path().strip_prefix("/plain/") {
            assert_eq!(exchange.events().subscribe(topic), Subscribed::New);
            return;
        }
        let Some(topic) = request.path().strip_prefix("/stream/") else {
            return exchange.ok("text/plain", "here");
        };
        let last = request.header_str("Last-Event-ID").unwrap_or_default();
        let mut events = exchange.events();
        assert_eq!(events.subscribe_from(topic, last), Subscribed::New);
        assert_eq!(events.subscribe_from(topic, last), Subscribed::Already);
        assert_eq!(events.subscribe(topic), Subscribed::Already);
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("t");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match message {
            // One that comes back, and one that never was here.
            Message::Text(text) if text.starts_with("resume ") => {
                socket.unsubscribe("t");
                assert_eq!(socket.subscribe_from("t", &text[7..]), Subscribed::New);
            }
            message => drop(socket.publish("t", message)),
        }
    }

    fn on_line(&mut self, raw: &mut jackfield::Raw<'_>, line: &[u8]) {
        raw.subscribe("t");
        raw.publish_to_all("t", text(line));
    }
}

/// An event as its reader sees it: name, data, id.
type Seen = (String, String, String);

pub(crate) fn events(bytes: &[u8]) -> Vec<Seen> {
    let (mut decoder, mut whole, mut at) = (Decoder::new(), EventScratch::default(), 0);
    let mut seen = Vec::new();
    while let Step::Event(used, event) = decoder.step(&bytes[at..], &mut whole, &Bounds::default()) {
        seen.push((event.event.to_owned(), event.data.to_owned(), event.last_event_id.to_owned()));
        at += used;
    }
    seen
}

fn data(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|(_, data, _)| &**data).collect()
}

pub(crate) fn server(history: History) -> TestServer {
    let server = TestServer::new(|_peer| Reader);
    assert!(server.handle().declare_topic("t", history));
    server
}

/// A stream of the topic from this id on.
pub(crate) fn open(server: &mut TestServer, topic: &str, last: &str) -> FarEnd {
    let far = server.connect();
    far.send(format!("GET /stream/{topic} HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes());
    server.run();
    far
}

/// What a stream has sent, without its head.
pub(crate) fn take(far: &FarEnd) -> Vec<u8> {
    let bytes = far.take();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    bytes[head.map_or(0, |head| head + 4)..].to_vec()
}

pub(crate) fn publish(server: &mut TestServer, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        server.handle().publish("t", number.to_string());
    }
    server.run();
}

/// The model: a reader that loses its connection after each event, or in the middle of one, and comes back.
#[test]
fn cut_at_every_event_nothing_is_missed_and_nothing_comes_twice() {
    const EVENTS: u32 = 1000;
    for cut in [Cut::Behind, Cut::Inside] {
        let mut server = server(History::new(EVENTS as usize + 1));
        let mut far = open(&mut server, "t", "");
        publish(&mut server, 0..=0);
        let mut got = events(&take(&far));
        for number in 1..=EVENTS {
            // Half of them while it is there, half while it is away.
            if number % 2 == 0 {
                publish(&mut server, number..=number);
            }
            got.extend(events(&cut.part_of(&take(&far))));
            far.reset();
            server.run();
            if number % 2 == 1 {
                publish(&mut server, number..=number);
            }
            far = open(&mut server, "t", &got.last().unwrap().2);
        }
        got.extend(events(&take(&far)));
        let numbers: Vec<u32> = got.iter().map(|(_, data, _)| data.parse().unwrap()).collect();
        assert_eq!(numbers, (0..=EVENTS).collect::<Vec<_>>(), "{cut:?}");
    }
}

/// It was cut off before its first message, and had no id with which to come back.
#[test]
fn a_stream_that_has_got_nothing_yet_resumes_too() {
    let mut server = server(History::new(10));
    publish(&mut server, 1..=2);
    let far = open(&mut server, "t", "");
    let begun = text(&take(&far));
    let id = begun.strip_prefix("id: ").and_then(|rest| rest.strip_suffix("\n\n"));
    assert_eq!(events(begun.as_bytes()), [], "an id is no event");
    far.reset();
    server.run();
    publish(&mut server, 3..=5);
    let far = open(&mut server, "t", id.expect("it is alone"));
    assert_eq!(data(&events(&take(&far))), ["3", "4", "5"]);
}

/// The fault: only `subscribe_from` gave it an id.
#[test]
fn i377_a_stream_that_just_subscribes_gets_an_id_too() {
    let mut server = server(History::new(10));
    publish(&mut server, 1..=2);
    let far = server.connect();
    far.send(get("/plain/t").as_bytes());
    server.run();
    let begun = text(&take(&far));
    let id = begun.strip_prefix("id: ").and_then(|rest| rest.strip_suffix("\n\n"));
    far.reset();
    server.run();
    publish(&mut server, 3..=5);
    let far = open(&mut server, "t", id.expect("it is alone"));
    assert_eq!(data(&events(&take(&far))), ["3", "4", "5"]);
}

/// A stream of two topics, `t` and `u`, from its second event on.
struct Late;

impl Client for Late {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let mut events = exchange.events();
        if request.path() == "/both" {
            events.subscribe("t");
            events.subscribe("u");
            return;
        }
        let has_queue = request.path() == "/queue";
        events.set_overflow(if has_queue { Overflow::DropOldest } else { Overflow::DropNewest });
        events.subscribe("without history");
        for _ in 0..30 {
            events.send(Event::data("x".repeat(990)));
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, leaves: Box<dyn std::any::Any + Send>) {
        match leaves.downcast_ref() {
            Some(true) => assert!(connection.unsubscribe("t")),
            _ => assert_eq!(connection.subscribe("t"), Subscribed::New),
        }
    }
}

/// The fault: the id of a topic in which nothing had come took the place of the id that the client had of another topic.
#[test]
fn i426_a_stream_keeps_the_id_of_its_first_topic() {
    let mut server = TestServer::new(|_peer| Late);
    for topic in ["t", "u"] {
        assert!(server.handle().declare_topic(topic, History::new(10)));
    }
    publish(&mut server, 1..=3);
    let far = server.connect();
    far.send(get("/both").as_bytes());
    server.run();
    let begun = text(&take(&far));
    let ids: Vec<&str> = begun.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    // The number of the last message of `t` stands behind the time at which its history began.
    let numbers: Vec<_> = ids.iter().filter_map(|id| id.split('.').nth(1)).collect();
    assert_eq!(numbers, ["3"], "{begun}");
}

/// The fault: the id that a stream gets when it subscribes was sent although there was no room, so it was dropped, or the
/// connection was closed.
#[test]
fn i427_a_full_stream_gets_the_id_of_its_topic_when_there_is_room() {
    check_owed_id("/full", false, 1);
}

/// The id of a topic that was left took the place of another, and was sent although nobody was a member.
#[test]
fn i445_a_full_stream_gets_no_id_of_a_topic_that_it_has_left() {
    check_owed_id("/full", true, 0);
}

/// The id was thought to be older than what waits, but that has none.
#[test]
fn i446_a_full_stream_gets_the_id_behind_messages_without_one() {
    check_owed_id("/queue", false, 1);
}

/// Whether a stream that was full when it subscribed gets the id of its topic once there is room.
#[track_caller]
fn check_owed_id(path: &str, leaves: bool, ids: usize) {
    let limits = Limits::default().with(|limits| {
        let reactor = &mut limits.reactor;
        (reactor.outbox_bytes_low, reactor.outbox_bytes_high) = (5_000, 10_000);
        reactor.outbox_bytes_max = 10_000;
    });
    let mut server = TestServer::with_options(TestOptions { limits, ..TestOptions::default() }, |_peer| Late);
    assert!(server.handle().declare_topic("t", History::new(10)));
    let far = server.connect();
    far.set_room(Some(0));
    far.send(get(path).as_bytes());
    server.run();
    server.handle().publish("without history", "it waits");
    server.run();
    let dropped = server.handle().metrics().dropped;
    assert!(dropped > 0, "it is full");
    let id = server.handle().ids()[0];
    for leaves in [false, true].into_iter().take(1 + usize::from(leaves)) {
        assert!(server.handle().post(id, leaves).is_ok());
        server.run();
    }
    assert_eq!((server.handle().ids().len(), server.handle().metrics().dropped), (1, dropped));
    far.set_room(None);
    server.run();
    let all = text(&take(&far));
    assert_eq!(all.matches("id: ").count(), ids, "{all}");
    assert_eq!(all.matches("it waits").count(), usize::from(path == "/queue"), "{all}");
    assert_eq!(server.handle().metrics().dropped, dropped);
}

/// The fault: the message that filled the outbox was followed by one more, for which the policy of the connection counted.
#[test]
fn i381_missed_messages_are_sent_only_while_the_outbox_has_room() {
    const BYTES_MAX: usize = 10_000;
    let limits = Limits::default().with(|limits| {
        let reactor = &mut limits.reactor;
        (reactor.outbox_bytes_low, reactor.outbox_bytes_high) = (BYTES_MAX / 2, BYTES_MAX);
        reactor.outbox_bytes_max = BYTES_MAX;
    });
    let mut server =
        TestServer::with_options(TestOptions { limits, ..TestOptions::default() }, |_peer| Reader);
    assert!(server.handle().declare_topic("t", History::new(50)));
    let far = open(&mut server, "t", "");
    publish(&mut server, 0..=0);
    let first = events(&take(&far)).remove(0).2;
    far.reset();
    server.run();
    // Ten frames of 1000 bytes fill the outbox.
    let missed: Vec<String> = (0..20).map(|number| format!("{number:0996}")).collect();
    for text in &missed {
        server.handle().publish("t", text);
        server.run();
    }
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.take();
    far.set_room(Some(0));
    far.send(&socket::text(&format!("resume {first}")));
    server.run();
    assert_eq!((server.handle().ids().len(), server.handle().metrics().dropped), (1, 0));
    far.set_room(None);
    server.run();
    assert_eq!(socket::texts(&far.take()), missed);
}

/// What a reader keeps of what came: the first event, and of a second half or nothing.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Behind,
    Inside,
}

impl Cut {
    fn part_of(self, bytes: &[u8]) -> Vec<u8> {
        let end = bytes.windows(2).position(|two| two == b"\n\n").map_or(bytes.len(), |end| end + 2);
        let more = match self {
            Self::Behind => 0,
            Self::Inside => (bytes.len() - end).min(5),
        };
        bytes[..end + more].to_vec()
    }
}

/// From each place in a history its rest, whole, and what comes then.
#[test]
fn from_each_position_the_whole_rest_is_given() {
    let mut server = server(History::new(100));
    let all = open(&mut server, "t", "");
    publish(&mut server, 1..=100);
    let mut seen = events(&take(&all));
    assert_eq!(seen.len(), 100);
    for index in 0..50 {
        // What is published here pushes the oldest out, as fast as the reader comes nearer.
        let far = open(&mut server, "t", &seen[index].2);
        assert_eq!(events(&take(&far)), seen[index + 1..], "from {index}");
        publish(&mut server, 0..=0);
        let next = events(&take(&far));
        assert_eq!(data(&next), ["0"]);
        seen.extend(next);
        far.reset();
        server.run();
    }
}

/// More than is kept comes in one turn: what is lost is told, and the rest is given.
#[test]
fn a_burst_longer_than_the_history_is_reported() {
    let mut server = server(History::new(10));
    let far = open(&mut server, "t", "");
    publish(&mut server, 1..=50);
    let seen = events(&take(&far));
    assert_eq!((&*seen[0].0, &*seen[0].1), ("resync", "{\"missed\":40}"));
    assert_eq!(data(&seen[1..]), (41..=50).map(|number| number.to_string()).collect::<Vec<_>>());
    let id = |offset: u32| format!("{}.{offset}", seen[0].2.split_once('.').unwrap().0);
    assert_eq!((&seen[0].2, &seen[10].2), (&id(40), &id(50)));
}

/// What the first event is that a reader gets with this id, and the number of all.
#[track_caller]
fn check_resync(server: &mut TestServer, topic: &str, last: &str, missed: &str) -> String {
    let far = open(server, topic, last);
    let seen = events(&take(&far));
    assert_eq!(seen.len(), 1, "{last}: {seen:?}");
    let (name, data, id) = &seen[0];
    assert_eq!((&**name, &**data), ("resync", &*format!("{{\"missed\":{missed}}}")), "{last}");
    server.handle().publish(topic, "next");
    server.run();
    assert_eq!(self::data(&events(&take(&far))), ["next"], "{last}");
    far.reset();
    server.run();
    id.clone()
}

#[test]
fn missing_messages_are_reported_once() {
    let mut server = server(History::new(10));
    assert!(server.handle().declare_topic("other", History::new(10)));
    assert!(!server.handle().declare_topic("t", History::new(99)), "once");
    let (all, other) = (open(&mut server, "t", ""), open(&mut server, "other", ""));
    server.handle().publish("other", "of another");
    (1..=50).for_each(|number| publish(&mut server, number..=number));
    let (seen, others) = (events(&take(&all)), events(&take(&other)));
    let id = |number: usize| seen[number - 1].2.clone();
    let (epoch, _) = seen[0].2.split_once('.').unwrap();
    // The tenth and forty more: they are at 50.
    check_resync(&mut server, "t", &id(10), "40");
    check_resync(&mut server, "t", &format!("{epoch}.0"), "51");
    for id in
        ["nonsense", "1.2", &format!("{epoch}.99999"), &format!("{epoch}.+1"), &others[0].2, &"9".repeat(300)]
    {
        check_resync(&mut server, "t", id, "null");
    }
    // With the id of a resync nothing is missed.
    let resynced = check_resync(&mut server, "t", "nonsense", "null");
    let far = open(&mut server, "t", &resynced);
    assert_eq!(data(&events(&take(&far))), ["next"]);
    // A topic without a history has no ids of its own.
    let far = open(&mut server, "plain", "");
    server.handle().publish("plain", Event::data("x").id("own"));
    server.run();
    assert_eq!(events(&take(&far)), [("message".to_owned(), "x".to_owned(), "own".to_owned())]);
}

#[test]
fn messages_that_are_too_old_are_not_given() {
    let mut server = server(History::new(1000).max_age(Duration::from_secs(60)));
    let all = open(&mut server, "t", "");
    publish(&mut server, 1..=1);
    server.advance(Duration::from_secs(50));
    publish(&mut server, 2..=2);
    let seen = events(&take(&all));
    server.advance(Duration::from_secs(5));
    let far = open(&mut server, "t", &seen[0].2);
    assert_eq!(data(&events(&take(&far))), ["2"]);
    server.advance(Duration::from_secs(60));
    check_resync(&mut server, "t", &seen[0].2, "1");
}

/// A message from another thread, which has no clock, was as old as the last look of a reactor at the history.
#[test]
fn the_age_of_a_message_from_another_thread_begins_when_it_is_published() {
    let mut server = server(History::new(1000).max_age(Duration::from_secs(60)));
    let all = open(&mut server, "t", "");
    publish(&mut server, 1..=1);
    server.advance(Duration::from_secs(120));
    publish(&mut server, 2..=2);
    let seen = events(&take(&all));
    assert_eq!(data(&seen), ["1", "2"]);
    // Nobody looks at the history when this one comes.
    all.reset();
    server.run();
    server.advance(Duration::from_secs(120));
    publish(&mut server, 3..=3);
    server.advance(Duration::from_secs(59));
    let far = open(&mut server, "t", &seen[1].2);
    assert_eq!(data(&events(&take(&far))), ["3"]);
    far.reset();
    server.advance(Duration::from_secs(2));
    check_resync(&mut server, "t", &seen[1].2, "1");
}

/// Names stay, ids are the history's, and what fits no event stream is passed over.
#[test]
fn each_publication_keeps_its_name_and_gets_an_id() {
    let mut server = server(History::new(1000));
    let (first, raw) = (open(&mut server, "t", ""), server.connect_to(listener::LINES));
    let web = server.connect();
    web.send(socket::UPGRADE.as_bytes());
    server.run();
    web.take();
    raw.send(b"of a line\n");
    server.run();
    server.handle().publish("t", Event::data("named").event("tick").id("own"));
    server.handle().publish("t", &b"\x00binary"[..]);
    server.handle().publish("t", "x".repeat(5000));
    server.run();
    let seen = events(&take(&first));
    assert_eq!(seen.iter().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["message", "tick", "message"]);
    let offsets: Vec<&str> = seen.iter().map(|(.., id)| id.split_once('.').unwrap().1).collect();
    assert_eq!(offsets, ["1", "2", "4"]);
    assert_eq!((socket::frames(&web.take()).len(), raw.take().is_empty()), (4, false));
    let again = open(&mut server, "t", &seen[0].2);
    assert_eq!(events(&take(&again)), seen[1..]);
    // A publisher that does not want its own does not hear it, and another does.
    web.send(&socket::text("from within"));
    server.run();
    assert_eq!((socket::frames(&web.take()).len(), data(&events(&take(&again)))), (0, vec!["from within"]));
}

/// Much of it comes in portions, as fast as its reader reads: others are served meanwhile, and what is published
/// meanwhile comes in its place.
#[test]
fn a_long_history_blocks_no_other_connection() {
    const EVENTS: u32 = 20_000;
    let mut server = server(History::new(EVENTS as usize * 2));
    let first = open(&mut server, "t", "");
    publish(&mut server, 1..=EVENTS);
    let seen = events(&take(&first));
    let slow = server.connect();
    slow.set_room(Some(0));
    slow.send(
        format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {}\r\n\r\n", seen[0].2).as_bytes(),
    );
    server.run();
    let queued = server.wires().ids().map(|id| server.wires().wire_stats(id).unwrap().queued).max().unwrap();
    assert!(queued < 80 << 10, "{queued} bytes wait for a reader that does not read");
    let turns = server.handle().metrics().turns;
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    assert!(text(&far.take()).ends_with("here"));
    assert!(server.handle().metrics().turns - turns < 20, "who waits for its reader costs no turns");
    publish(&mut server, EVENTS + 1..=EVENTS + 10);
    let mut bytes = Vec::new();
    while bytes.is_empty() || server.handle().subscribers("t") < 2 {
        slow.set_room(Some(50_000));
        server.run();
        bytes.extend(slow.take());
    }
    publish(&mut server, EVENTS + 11..=EVENTS + 11);
    slow.set_room(None);
    server.run();
    bytes.extend(slow.take());
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let numbers: Vec<u32> =
        data(&events(&bytes[head + 4..])).iter().map(|data| data.parse().unwrap()).collect();
    assert_eq!(numbers, (2..=EVENTS + 11).collect::<Vec<_>>());
}

/// A reader that reads as fast as it can takes no turn for itself.
#[test]
fn a_long_history_takes_many_turns_also_for_a_fast_reader() {
    const EVENTS: u32 = 20_000;
    const A_TURN: u64 = 1024;
    /// Notes what the server has done when it is asked for `/`.
    struct Beside(Arc<Mutex<Option<Metrics>>>);
    impl Client for Beside {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            if request.path() == "/" {
                *self.0.lock().unwrap() = Some(exchange.handle().metrics());
            }
            Reader.on_request(exchange, request);
        }
    }
    let noted = Arc::new(Mutex::new(None));
    let shared = noted.clone();
    let mut server = TestServer::new(move |_peer| Beside(shared.clone()));
    assert!(server.handle().declare_topic("t", History::new(EVENTS as usize)));
    let first = open(&mut server, "t", "");
    publish(&mut server, 0..=0);
    let last = events(&take(&first))[0].2.clone();
    first.reset();
    server.run();
    publish(&mut server, 1..=EVENTS);
    let before = server.handle().metrics();
    let (reader, beside) = (server.connect(), server.connect());
    reader.send(format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes());
    beside.send(get("/").as_bytes());
    server.run();
    let (asked, after) = (noted.lock().unwrap().take().unwrap(), server.handle().metrics());
    let numbers: Vec<u32> = data(&events(&take(&reader))).iter().map(|data| data.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=EVENTS).collect::<Vec<_>>());
    assert!(text(&beside.take()).ends_with("here"));
    let turns = after.turns - before.turns;
    assert!(turns >= u64::from(EVENTS) / A_TURN, "{turns}");
    assert!(asked.turns - before.turns < 5, "the request is not kept waiting");
    let (then, all) = (asked.bytes_out - before.bytes_out, after.bytes_out - before.bytes_out);
    assert!(then < all / 4, "{then} of {all} bytes were sent before it");
}

#[test]
fn a_reader_that_leaves_during_its_catch_up_leaves_nothing() {
    let mut server = server(History::new(10_000));
    let first = open(&mut server, "t", "");
    publish(&mut server, 1..=5000);
    let seen = events(&take(&first));
    first.reset();
    for how in 0..2 {
        let far = server.connect();
        far.set_room(Some(0));
        far.send(
            format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {}\r\n\r\n", seen[0].2).as_bytes(),
        );
        server.run();
        if how == 0 {
            far.reset();
        } else {
            server.handle().shutdown(Drain::now());
        }
        server.run();
        server.advance(Duration::from_secs(1));
        assert_eq!((server.wires().len(), server.handle().subscribers("t")), (0, 0));
    }
}

/// Two reactors and a thread publish; all see one order, with no number left out.
#[test]
fn all_reactors_see_one_order() {
    const EACH: usize = 500;
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2);
    let live = Live::serve(builder, |_peer| Reader);
    assert!(live.handle.declare_topic("t", History::new(10 * EACH)));
    let stream = || {
        let mut stream = live.connect();
        stream.write_all(b"GET /stream/t HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream
    };
    let mut readers = [stream(), stream()];
    let mut talkers = [live.connect(), live.connect()];
    for talker in &mut talkers {
        talker.write_all(socket::UPGRADE.as_bytes()).unwrap();
        talker.write_all(&socket::text("said").repeat(EACH)).unwrap();
    }
    for _ in 0..EACH {
        live.handle.publish("t", "said");
    }
    let all: Vec<Vec<Seen>> = readers
        .iter_mut()
        .map(|reader| {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            while events(&bytes).len() < 3 * EACH {
                let count = read_some(reader, &mut buffer).unwrap();
                assert!(count > 0, "only {} came", events(&bytes).len());
                bytes.extend(&buffer[..count]);
            }
            events(&bytes)
        })
        .collect();
    assert_eq!(all[0], all[1]);
    let offsets: Vec<usize> =
        all[0].iter().map(|(.., id)| id.split_once('.').unwrap().1.parse().unwrap()).collect();
    assert_eq!(offsets, (1..=3 * EACH).collect::<Vec<_>>());
}

#[test]
fn a_subscriber_from_before_keeps_its_topic_as_it_was() {
    struct Early;
    impl Client for Early {
        fn on_connect(&mut self, connection: &mut Connection<'_>) {
            connection.subscribe("t");
        }
    }
    let mut server = TestServer::new(|_peer| Early);
    let far = server.connect_to(listener::RAW);
    assert!(!server.handle().declare_topic("t", History::new(10)), "it has a subscriber");
    server.handle().publish("t", "x");
    server.run();
    assert_eq!(text(&far.take()), "x");
}

/// What is published elsewhere comes here in portions. A client that has got all of it there, and comes back here before
/// this reactor has delivered as much, got everything after the first portion again.
#[test]
fn a_client_that_is_ahead_of_its_reactor_gets_nothing_twice() {
    const EVENTS: u32 = 5000;
    for (after, kept, expected) in [
        (EVENTS, EVENTS, vec![]),
        (EVENTS - 1, EVENTS, vec![EVENTS]),
        (2000, EVENTS, (2001..=EVENTS).collect()),
        // Not all that it has missed is kept: it is told so once.
        (3000, 10, vec![EVENTS]),
    ] {
        let mut server = server(History::new(kept as usize));
        let member = open(&mut server, "t", "");
        publish(&mut server, 1..=1);
        let first = events(&take(&member));
        let (epoch, _) = first[0].2.split_once('.').unwrap();
        let far = server.connect();
        server.run();
        for number in 2..=EVENTS {
            server.handle().publish("t", number.to_string());
        }
        let last = format!("{epoch}.{after}");
        far.send(format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes());
        server.run();
        publish(&mut server, EVENTS + 1..=EVENTS + 1);
        let offsets: Vec<u32> = events(&take(&far))
            .iter()
            .map(|(.., id)| id.split_once('.').unwrap().1.parse().unwrap())
            .collect();
        assert!(offsets.is_sorted_by(|a, b| a < b), "from {after}: ids go back, or come twice");
        assert!(offsets.iter().all(|offset| *offset > after), "from {after}: what it had comes again");
        assert!(offsets.ends_with(&[&expected[..], &[EVENTS + 1]].concat()), "from {after}: {offsets:?}");
    }
}

/// Only members were counted: with one id in each, a client had a place in as many topics as it asked for.
#[test]
fn a_pending_catch_up_counts_as_a_subscription() {
    /// Wants all four topics, from these ids on; on another path the one that it names.
    struct Many;
    impl Client for Many {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            let last = request.header_str("Last-Event-ID").unwrap_or_default();
            let mut events = exchange.events();
            if let Some(topic) = request.path().strip_prefix("/stream/t") {
                events.subscribe(&format!("t{topic}"));
                return;
            }
            let ids: Vec<&str> = last.split(',').collect();
            let mut from = |number: usize| events.subscribe_from(&format!("t{number}"), ids[number]);
            assert_eq!([from(0), from(1), from(2)], [Subscribed::New, Subscribed::New, Subscribed::Refused]);
            assert!(events.unsubscribe("t0"));
            let mut from = |number: usize| events.subscribe_from(&format!("t{number}"), ids[number]);
            assert_eq!([from(3), from(2)], [Subscribed::New, Subscribed::Refused]);
        }
    }
    let limits = Limits::default().with(|limits| limits.topics_max = 2);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Many);
    let mut ids = Vec::new();
    for number in 0..4 {
        let topic = format!("t{number}");
        assert!(server.handle().declare_topic(&topic, History::new(10)));
        let member = open(&mut server, &topic, "");
        server.handle().publish(&topic, "x");
        server.run();
        ids.push(events(&take(&member))[0].2.clone());
        member.reset();
    }
    let far = server.connect();
    let last = ids.join(",");
    far.send(format!("GET /all HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes());
    server.run();
    assert_eq!(server.handle().metrics().panics, 0);
    let subscribers = (0..4).map(|number| server.handle().subscribers(&format!("t{number}")));
    assert_eq!(subscribers.collect::<Vec<_>>(), [0, 1, 0, 1]);
}

/// One reactor publishes in bursts, and both deliver them as they can. A reader that comes back again and again, now to the
/// one and now to the other, gets each once and in order.
#[test]
fn a_reader_that_moves_between_reactors_gets_each_once() {
    const BURSTS: usize = 20;
    const EACH: usize = 3000;
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Reader);
    assert!(live.handle.declare_topic("t", History::new(BURSTS * EACH)));
    let open = |last: &str| {
        let mut stream = live.connect();
        write!(stream, "GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream
    };
    // Each reactor has members, which fall behind by portions.
    let _members = [open(""), open(""), open("")];
    let (mut stream, mut seen, mut buffer) = (open(""), Vec::<Seen>::new(), [0; 16 << 10]);
    for burst in 1..=BURSTS {
        let publish = |reactor: &mut jackfield::Reactor<'_>| {
            for _ in 0..EACH {
                reactor.publish("t", "x");
            }
        };
        live.handle.run_on(0, publish).unwrap();
        // The last of the bursts is read whole, and of the others a part.
        let wanted = if burst == BURSTS { BURSTS * EACH } else { burst * EACH - EACH / 3 };
        while seen.len() < wanted {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\n\n") || events(&bytes).is_empty() {
                let count = read_some(&mut stream, &mut buffer).unwrap();
                assert!(count > 0, "only {} came", seen.len() + events(&bytes).len());
                bytes.extend(&buffer[..count]);
            }
            seen.extend(events(&bytes));
        }
        stream = open(&seen.last().unwrap().2);
    }
    let offsets = seen.iter().map(|(.., id)| id.split_once('.').unwrap().1.parse::<usize>().unwrap());
    assert!(offsets.eq(1..=BURSTS * EACH), "one is left out, or comes twice");
}

/// A topic that was not declared, or with policies alone, keeps nothing: a client that comes back gets a `resync`, because it
/// may have missed something.
#[test]
fn a_topic_without_history_says_so() {
    let mut server = server(History::new(5));
    assert!(server.handle().declare_topic("policies", History::none().overflow(Overflow::DropNewest)));
    let resync = ["resync", "{\"missed\":null}", ""];
    for topic in ["undeclared", "policies"] {
        server.handle().publish(topic, "missed");
        let back = open(&mut server, topic, "5");
        let seen = events(&take(&back));
        assert_eq!(seen.len(), 1, "{topic}");
        assert_eq!([&*seen[0].0, &*seen[0].1, &*seen[0].2], resync, "{topic}");
        let new = open(&mut server, topic, "");
        assert_eq!(text(&take(&new)), "", "{topic}: a client that is new has missed nothing, and gets no id");
        server.handle().publish(topic, Event::data("x").id("own"));
        server.run();
        for far in [back, new] {
            let expected = ("message".to_owned(), "x".to_owned(), "own".to_owned());
            assert_eq!(events(&take(&far)), [expected], "{topic}");
        }
    }
}

/// The fault: each time it left an entry in a list, which grew as long as one turn lasted.
#[test]
fn i336_a_client_that_resumes_again_and_again_takes_one_place() {
    const TIMES: usize = 100_000;
    let mut server = server(History::new(10));
    let stream = open(&mut server, "t", "");
    publish(&mut server, 1..=3);
    let last = events(&take(&stream))[0].2.clone();
    stream.reset();
    let far = open_socket(&mut server, "");
    far.take();
    let handle = server.handle();
    let resume = move |_: &mut Reader, connection: &mut Connection<'_>| {
        for _ in 0..TIMES {
            assert!(connection.unsubscribe("t"));
            assert_eq!(connection.subscribe_from("t", &last), Subscribed::New);
        }
    };
    let left = measure(|| {
        handle.with_client(handle.ids()[0], resume).expect("it is there");
        server.run();
    });
    assert!(left.bytes_current < 10_000, "{} bytes", left.bytes_current);
    assert_eq!(socket::texts(&far.take()), ["2", "3"]);
}

/// The fault: it got what it had published itself, because it had not got yet what was published before that.
#[test]
fn i333_a_client_that_publishes_before_it_has_caught_up_does_not_hear_itself() {
    let mut server = server(History::new(10));
    let stream = open(&mut server, "t", "");
    publish(&mut server, 1..=3);
    let seen = events(&take(&stream));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.take();
    far.send(&[socket::text(&format!("resume {}", seen[0].2)), socket::text("own")].concat());
    server.run();
    publish(&mut server, 4..=4);
    assert_eq!(socket::texts(&far.take()), ["2", "3", "4"]);
    assert_eq!(data(&events(&take(&stream))), ["own", "4"]);
}

/// A WebSocket that is a member of the topic, from this id on.
fn open_socket(server: &mut TestServer, last: &str) -> FarEnd {
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    far.send(&socket::text(&format!("resume {last}")));
    server.run();
    far
}

/// What a WebSocket has sent: id, name, data.
fn numbered(far: &FarEnd) -> Vec<Seen> {
    let mut bytes = far.take();
    if bytes.starts_with(b"HTTP") {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        bytes.drain(..head + 4);
    }
    socket::frames(&bytes).iter().map(|frame| seen_of(&frame.payload)).collect()
}

fn seen_of(payload: &[u8]) -> Seen {
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(object) => {
            let field = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            (field("event"), field("data"), field("id"))
        }
        Err(_) => {
            let line = payload.iter().position(|byte| *byte == b'\n').unwrap();
            ("binary".into(), text(&payload[line + 1..]), text(&payload[..line]))
        }
    }
}

/// The model for WebSockets: a client is cut off after each message, and comes back with the id that was in it.
#[test]
fn n1_a_websocket_cut_off_at_every_message_misses_nothing() {
    const EVENTS: u32 = 300;
    let mut server = server(History::new(EVENTS as usize + 1).numbered());
    let mut far = open_socket(&mut server, "");
    publish(&mut server, 0..=0);
    let mut got = numbered(&far);
    for number in 1..=EVENTS {
        if number % 2 == 1 {
            far.reset();
            server.run();
        }
        let text = number.to_string();
        match number % 3 {
            0 => server.handle().publish("t", text),
            1 => server.handle().publish("t", text.into_bytes()),
            _ => server.handle().publish("t", Event::data(&text).event("tick").id("own")),
        };
        server.run();
        if number % 2 == 1 {
            far = open_socket(&mut server, &got.last().unwrap().2);
        }
        got.extend(numbered(&far));
    }
    let numbers: Vec<u32> = got.iter().map(|(_, data, _)| data.parse().unwrap()).collect();
    assert_eq!(numbers, (0..=EVENTS).collect::<Vec<_>>());
    let names: Vec<&str> = got[..4].iter().map(|(name, ..)| &**name).collect();
    assert_eq!(names, ["", "binary", "tick", ""]);
}

/// A WebSocket that can't have all is told once, with an id to go on from; event streams of the topic are as ever.
#[test]
fn n1_a_websocket_gets_the_number_of_messages_it_missed() {
    let mut server = server(History::new(10).numbered());
    let (far, stream) = (open_socket(&mut server, ""), open(&mut server, "t", ""));
    (1..=50).for_each(|number| publish(&mut server, number..=number));
    let (seen, streamed) = (numbered(&far), events(&take(&stream)));
    let pairs =
        |seen: &[Seen]| seen.iter().map(|(_, data, id)| (data.clone(), id.clone())).collect::<Vec<_>>();
    assert_eq!(pairs(&seen), pairs(&streamed), "both have the same ids");
    for (last, missed) in
        [(&*seen[9].2, "40"), ("nonsense", "null"), ("?", "null"), (&"9".repeat(300), "null")]
    {
        let back = open_socket(&mut server, last);
        let told = numbered(&back);
        assert_eq!(
            (&*told[0].0, told[0].1.clone()),
            ("resync", format!("{{\"missed\":{missed}}}")),
            "{last}"
        );
        assert_eq!(told.len(), 1);
        let again = open_socket(&mut server, &told[0].2);
        publish(&mut server, 0..=0);
        assert_eq!((numbered(&back)[0].1.clone(), numbered(&again)[0].1.clone()), ("0".into(), "0".into()));
        [back, again].iter().for_each(FarEnd::reset);
        server.run();
    }
}

/// One that comes back to another reactor each time.
#[test]
fn n1_on_two_reactors_a_reader_that_reconnects_misses_nothing() {
    const EVENTS: u32 = 200;
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Reader);
    assert!(live.handle.declare_topic("t", History::new(EVENTS as usize + 1)));
    let (mut last, mut got) = (String::new(), Vec::new());
    for number in 0..EVENTS {
        let mut stream = live.connect();
        stream
            .write_all(
                format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes(),
            )
            .unwrap();
        if last.is_empty() {
            while live.handle.subscribers("t") == 0 {
                std::thread::yield_now();
            }
        }
        live.handle.publish("t", number.to_string());
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        let seen = loop {
            let count = read_some(&mut stream, &mut buffer).unwrap();
            assert!(count > 0);
            bytes.extend(&buffer[..count]);
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            let seen = head.map(|head| events(&bytes[head..])).unwrap_or_default();
            if !seen.is_empty() {
                break seen;
            }
        };
        last.clone_from(&seen.last().unwrap().2);
        got.extend(seen.into_iter().map(|(_, data, _)| data));
    }
    assert_eq!(got, (0..EVENTS).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Keeps what it has, where more would be too much, and streams what it has missed.
struct Stubborn;

impl Client for Stubborn {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let last = request.header_str("Last-Event-ID").unwrap_or_default();
        let mut events = exchange.events();
        events.set_overflow(Overflow::DropNewest);
        assert_eq!(events.subscribe_from("t", last), Subscribed::New);
    }
}

/// A backlog that is full and not yet congested was looked at again in each turn, and no turn slept.
#[test]
fn a_backlog_that_is_exactly_full_does_not_spin() {
    for bound in 150..400 {
        let mut options = TestOptions::default();
        let limits = &mut options.limits.reactor;
        (limits.outbox_bytes_low, limits.outbox_bytes_high, limits.outbox_bytes_max) = (0, bound, bound);
        let mut server = TestServer::with_options(options, |_peer| Stubborn);
        assert!(server.handle().declare_topic("t", History::new(100)));
        let first = open(&mut server, "t", "");
        (0..20).for_each(|_| _ = server.handle().publish("t", "0123456789"));
        server.run();
        let seen = events(&take(&first));
        let far = server.connect();
        far.set_room(Some(0));
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {}\r\n\r\n", seen[0].2);
        far.send(request.as_bytes());
        let turns = server.handle().metrics().turns;
        server.run();
        let turns = server.handle().metrics().turns - turns;
        assert!(turns < 20, "{turns} turns with a bound of {bound} bytes");
        // It gets the rest once it reads.
        far.set_room(None);
        server.run();
        assert_eq!(events(&take(&far)).len(), seen.len() - 1, "with a bound of {bound} bytes");
    }
}
