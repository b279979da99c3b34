//! What is published to peers that read too slowly: queues with keys and times to live, by connection and by topic.

use crate::support;
use jackfield::test::{FarEnd, TestServer};
use jackfield::{Client, Connection, History, Message, Overflow, Publication, WebSocket};
use std::collections::BTreeMap;
use std::time::Duration;
use support::socket::{self, Frame};
use support::text;

/// A WebSocket in the topics `t` and `declared`, whose policy is what it says first.
struct Member;

impl Client for Member {
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match message {
            Message::Text("oldest") => socket.set_overflow(Overflow::DropOldest),
            Message::Text("newest per key") => socket.set_overflow(Overflow::NewestPerKey),
            Message::Text("drop newest") => socket.set_overflow(Overflow::DropNewest),
            Message::Text("own") => drop(socket.send("for you alone")),
            _ => {}
        }
        socket.subscribe("t");
        socket.subscribe("declared");
    }
}

fn member(server: &mut TestServer, policy: &str) -> FarEnd {
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    far.send(&socket::text(policy));
    server.run();
    far.take();
    far.set_room(Some(0));
    far
}

/// All that a member gets when it reads again.
fn read(server: &mut TestServer, far: &FarEnd) -> Vec<Frame> {
    far.set_room(None);
    server.run();
    socket::frames(&far.take())
}

fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|frame| text(&frame.payload).trim().to_owned()).collect()
}

/// A kibibyte with this at its beginning.
fn long(start: impl ToString) -> String {
    format!("{:<1024}", start.to_string())
}

const MANY: usize = 4000;

#[test]
fn b3_the_oldest_queued_message_can_be_dropped() {
    let mut server = TestServer::new(|_peer| Member);
    let far = member(&mut server, "oldest");
    for number in 0..MANY {
        assert_eq!(server.handle().publish("t", long(number)).full, 0);
        server.run();
    }
    let dropped = server.handle().metrics().dropped as usize;
    let numbers: Vec<usize> =
        texts(&read(&mut server, &far)).iter().map(|text| text.parse().unwrap()).collect();
    assert!(numbers.is_sorted(), "in their order");
    assert_eq!(numbers.last(), Some(&(MANY - 1)), "the newest is there");
    assert_eq!(numbers[0], 0, "what was on its way stays");
    assert_eq!((numbers.len() + dropped, dropped > 2000), (MANY, true), "each drop is counted");
    // What comes then is not kept back.
    server.handle().publish("t", "next");
    assert_eq!(texts(&read(&mut server, &far)), ["next"]);
}

/// Ten thousand updates of twenty keys, and fifty members that read nothing.
#[test]
fn n10_only_the_newest_of_each_key_waits_and_memory_stays_flat() {
    const KEYS: usize = 20;
    const UPDATES: usize = 10_000;
    let mut server = TestServer::new(|_peer| Member);
    let members: Vec<FarEnd> = (0..50).map(|_| member(&mut server, "newest per key")).collect();
    let mut memory = Vec::new();
    for number in 0..UPDATES {
        let update = Publication::from(long(format!("{}={number}", number % KEYS)));
        server.handle().publish("t", update.key(&(number % KEYS).to_string()));
        server.run();
        if number == 1000 || number == UPDATES - 1 {
            memory.push(server.handle().metrics().memory_bytes);
        }
    }
    assert_eq!(memory[0], memory[1], "it does not grow");
    for far in &members {
        let mut newest = BTreeMap::new();
        for text in texts(&read(&mut server, far)) {
            let (key, value) = text.split_once('=').unwrap();
            let older = newest.insert(key.parse::<usize>().unwrap(), value.parse::<usize>().unwrap());
            assert!(older.is_none_or(|older| older < newest[&key.parse().unwrap()]), "{text}");
        }
        let expected = (0..KEYS).map(|key| (key, UPDATES - KEYS + key)).collect();
        assert_eq!(newest, expected);
    }
}

/// Two topics may have a key in common, and their messages different meanings.
#[test]
fn n10_a_key_counts_only_in_its_topic() {
    let mut server = TestServer::new(|_peer| Member);
    server.handle().declare_topic("declared", History::new(10));
    let far = member(&mut server, "newest per key");
    let (handle, filler) = (server.handle(), "x".repeat(100_000));
    handle.publish("t", &*filler);
    server.run();
    for (topic, text) in [("t", "old"), ("declared", "declared"), ("t", "new")] {
        assert_eq!(handle.publish(topic, Publication::from(text).key("k")).full, 0);
        server.run();
    }
    let texts = texts(&read(&mut server, &far));
    assert_eq!(
        (&texts[texts.len() - 2..], handle.metrics().dropped),
        (&["declared".into(), "new".into()][..], 1)
    );
}

#[test]
fn n10_expired_messages_are_dropped() {
    let mut server = TestServer::new(|_peer| Member);
    let far = member(&mut server, "oldest");
    for number in 0..100 {
        server.handle().publish("t", long(format!("before {number}")));
    }
    server.run();
    let publish = |server: &mut TestServer, name: &str, seconds| {
        let publication = Publication::from(name).ttl(Duration::from_secs(seconds));
        server.handle().publish("t", publication);
        server.run();
    };
    publish(&mut server, "late", 1);
    publish(&mut server, "in time", 3);
    server.advance(Duration::from_secs(2));
    let texts = texts(&read(&mut server, &far));
    assert_eq!((texts.len(), &*texts[100]), (101, "in time"));
    assert_eq!(server.handle().metrics().dropped, 1);
}

/// It is on its way already, whenever it leaves.
#[test]
fn n10_a_message_in_the_outbox_has_no_time_to_live_any_more() {
    let mut server = TestServer::new(|_peer| Member);
    let far = member(&mut server, "oldest");
    server.handle().publish("t", Publication::from("short").ttl(Duration::from_secs(1)));
    server.run();
    server.advance(Duration::from_secs(2));
    assert_eq!(texts(&read(&mut server, &far)), ["short"]);
    assert_eq!(server.handle().metrics().dropped, 0);
}

#[test]
fn n10_control_frames_and_direct_messages_go_first() {
    let mut server = TestServer::new(|_peer| Member);
    let far = member(&mut server, "oldest");
    for number in 0..200 {
        server.handle().publish("t", long(number));
    }
    server.run();
    // It is read again when it reads.
    far.send(&socket::ping(b"there?"));
    far.send(&socket::text("own"));
    let frames = read(&mut server, &far);
    let pong = frames.iter().position(|frame| frame.first == socket::FIN | socket::PONG).unwrap();
    assert_eq!(frames.iter().filter(|frame| frame.first == socket::FIN | socket::TEXT).count(), 201);
    assert!(pong < 201, "it is among them, and the connection lives");
}

/// What was in the outbox before them comes first: nothing can overtake that.
#[test]
fn n10_a_full_queue_is_behind_what_is_for_one_member_alone() {
    let mut server = TestServer::new(|_peer| Member);
    let far = member(&mut server, "oldest");
    let (handle, id) = (server.handle(), server.wires().ids().next().unwrap());
    for number in 0..MANY {
        handle.publish("t", long(number));
        server.run();
    }
    assert!(handle.metrics().dropped > 0, "the queue is full");
    let in_outbox = server.wires().wire_stats(id).unwrap().queued / (socket::header_bytes(1024) + 1024);
    handle.send(id, "for you alone").unwrap();
    let ping = |_: &mut Member, connection: &mut Connection<'_>| {
        connection.as_websocket().unwrap().ping(b"still there?");
    };
    handle.with_client(id, ping).unwrap();
    server.run();
    let frames = read(&mut server, &far);
    let texts = texts(&frames);
    let at = |text: &str| texts.iter().position(|found| found == text).unwrap();
    let first_queued =
        texts.iter().position(|text| text.parse().is_ok_and(|number: usize| number >= in_outbox));
    assert_eq!(frames[at("still there?")].first, socket::FIN | socket::PING);
    assert_eq!([at("for you alone"), at("still there?")], [in_outbox, in_outbox + 1]);
    assert_eq!(first_queued, Some(in_outbox + 2));
    assert!(
        texts[in_outbox + 2].parse::<usize>().unwrap() > in_outbox,
        "the oldest of the queue were dropped"
    );
}

/// What a member with this policy of its own has of `MANY` messages of a topic with another, and whether it is there still.
#[track_caller]
fn check_topic(own: &str, of_topic: Overflow, newest_is_there: bool, is_closed: bool) {
    for history in [History::new(10), History::none()] {
        check_declared(own, history.overflow(of_topic), newest_is_there, is_closed);
    }
}

#[track_caller]
fn check_declared(own: &str, history: History, newest_is_there: bool, is_closed: bool) {
    let mut server = TestServer::new(|_peer| Member);
    assert!(server.handle().declare_topic("declared", history));
    assert!(!server.handle().declare_topic("declared", history), "it is already");
    let far = member(&mut server, own);
    for number in 0..MANY {
        server.handle().publish("declared", long(number));
        server.run();
    }
    let frames = read(&mut server, &far);
    let has = |number: usize| texts(&frames).contains(&number.to_string());
    // Of one that is closed the backlog is dropped, and no message of it had begun.
    let expected = (!is_closed, newest_is_there, is_closed);
    assert_eq!((has(0), has(MANY - 1), far.has_server_finished()), expected, "{own}");
}

#[test]
fn p13_the_stricter_of_topic_and_connection_holds() {
    check_topic("nothing", Overflow::DropOldest, true, false);
    check_topic("nothing", Overflow::DropNewest, false, false);
    check_topic("nothing", Overflow::Close, false, true);
    check_topic("oldest", Overflow::NewestPerKey, true, false);
    check_topic("drop newest", Overflow::NewestPerKey, false, false);
    check_topic("oldest", Overflow::Close, false, true);
}

/// How many bytes a member that does not read has of `MANY` messages of a topic whose cap is this.
fn backlog_of(cap: Option<usize>, overflow: Overflow) -> usize {
    let mut server = TestServer::new(|_peer| Member);
    let policies = History::none().overflow(overflow);
    let policies = cap.map_or(policies, |cap| policies.max_backlog(cap));
    assert!(server.handle().declare_topic("declared", policies));
    let far = member(&mut server, "nothing");
    for number in 0..MANY {
        server.handle().publish("declared", long(number));
        server.run();
    }
    let bytes: usize = read(&mut server, &far).iter().map(|frame| frame.payload.len()).sum();
    assert!(!far.has_server_finished());
    bytes
}

#[test]
fn p13_a_topic_has_its_own_cap() {
    const KIB: usize = 1 << 10;
    let one = long(0).len();
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        // The queue of a policy comes after an outbox that is filled up to high water.
        let outbox = if overflow == Overflow::DropOldest { 64 * KIB } else { 0 };
        for (cap, expected) in [(None, 1024), (Some(200), 200), (Some(5000), 1024), (Some(1), 64)] {
            let bytes = backlog_of(cap.map(|cap| cap * KIB), overflow);
            let most = expected * KIB + outbox;
            let is_near = bytes > most - most / 4 && bytes < most + 3 * one;
            assert!(is_near, "{overflow:?} {cap:?}: {bytes} bytes, of {most}");
        }
    }
}

/// What a member that does not read gets at the end, with this policy, of 200 messages to a topic with a small bound, and of 200 to
/// another one.
fn of_two_topics(overflow: Overflow, policy: &str) -> (Vec<usize>, Vec<usize>) {
    let mut server = TestServer::new(|_peer| Member);
    assert!(
        server.handle().declare_topic("declared", History::none().overflow(overflow).max_backlog(64 << 10))
    );
    let far = member(&mut server, policy);
    for number in 0..200 {
        server.handle().publish("declared", long(number));
        server.handle().publish("t", long(1000 + number));
        server.run();
    }
    let texts = texts(&read(&mut server, &far));
    texts.iter().map(|text| text.parse::<usize>().unwrap()).partition(|number| *number < 1000)
}

/// What is sent to one alone and what comes of other topics has the bound of the connection.
#[test]
fn p13_the_cap_of_one_topic_is_not_that_of_others() {
    let (declared, others) = of_two_topics(Overflow::DropNewest, "nothing");
    assert_eq!(others.len(), 200);
    assert!(declared.len() < 100, "{declared:?}");
}

/// The fault: a message to a topic with a small bound threw out what waited of other topics.
#[test]
fn p13_the_queue_has_room_for_each_topic() {
    let (declared, others) = of_two_topics(Overflow::DropOldest, "oldest");
    assert_eq!(others, (1000..1200).collect::<Vec<_>>());
    assert!((50..100).contains(&declared.len()), "{declared:?}");
    assert_eq!(declared.last(), Some(&199), "the newest stay");
}

/// One member in ten that does not read takes nothing from the others.
#[test]
fn n10_other_subscribers_get_everything() {
    let mut server = TestServer::new(|_peer| Member);
    let stuck = member(&mut server, "newest per key");
    let readers: Vec<FarEnd> = (0..9).map(|_| member(&mut server, "newest per key")).collect();
    readers.iter().for_each(|far| far.set_room(None));
    for number in 0..MANY {
        let update = Publication::from(long(number)).key("k");
        server.handle().publish("t", update);
        server.run();
        for far in &readers {
            assert_eq!(texts(&socket::frames(&far.take())), [number.to_string()]);
        }
    }
    let got = texts(&read(&mut server, &stuck));
    assert_eq!(got.last(), Some(&(MANY - 1).to_string()));
    stuck.reset();
    server.run();
    assert_eq!(server.handle().subscribers("t"), 9);
}
