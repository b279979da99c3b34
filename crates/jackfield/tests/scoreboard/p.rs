//! Broadcasting and topics.

use crate::support;
use jackfield::test::FarEnd;
use jackfield::{
    Busy, Client, Connection, ConnectionId, Message, Published, Sent, Server, ServerBuilder, Subscribed,
    TimerId, WebSocket,
};
use std::io::Write;
use std::time::Duration;
use support::probe::Probe;
use support::real::{self, Live};
use support::socket;
use support::{Lab, text};

/// Sockets that follow orders: `+topic` subscribes, `-topic` unsubscribes, `topic!text` publishes to the others,
/// `topic!!text` to all, `?` lists its topics.
fn obedient() -> Probe {
    Probe {
        on_message: |probe, socket, message| {
            let Message::Text(order) = message else { return };
            if let Some(topic) = order.strip_prefix('+') {
                probe.log.note(format!("{:?}", socket.subscribe(topic)));
            } else if let Some(topic) = order.strip_prefix('-') {
                probe.log.note(format!("{}", socket.unsubscribe(topic)));
            } else if let Some((topic, text)) = order.split_once("!!") {
                probe.log.note(format!("{:?}", socket.publish_to_all(topic, text)));
            } else if let Some((topic, text)) = order.split_once('!') {
                probe.log.note(format!("{:?}", socket.publish(topic, text)));
            } else {
                let topics: Vec<String> = socket.topics().map(str::to_owned).collect();
                probe.log.note(format!("{topics:?} {}", socket.subscribers("a")));
            }
        },
        ..Probe::default()
    }
}

fn order(lab: &mut Lab, far: &FarEnd, order: &str) -> String {
    lab.log.take();
    assert_eq!(text(&lab.say(far, socket::text(order))), "");
    lab.log.take().pop().unwrap()
}

fn here(count: usize) -> String {
    format!("Published {{ here: {count}, reactors: 0, full: 0 }}")
}

#[test]
fn p1_messages_go_to_one_connection_by_id_and_to_all_by_topic() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.subscribe("all");
        },
        on_message: |probe, socket, message| {
            let others: Vec<ConnectionId> =
                socket.connection_ids().into_iter().filter(|peer| *peer != socket.id()).collect();
            assert_eq!(socket.send_to(others[0], message), Sent::Queued);
            let gone = ConnectionId::from_bits(socket.id().to_bits() + (1 << 24));
            assert_eq!(socket.send_to(gone, message), Sent::Gone);
            probe.log.note("sent");
        },
        ..Probe::default()
    });
    let sockets = [lab.websocket(), lab.websocket(), lab.websocket()];
    lab.say(&sockets[2], socket::text("one"));
    assert_eq!(sockets.each_ref().map(|far| socket::texts(&far.take()).len()), [1, 0, 0]);
    assert!(lab.log.has("sent"));
    let handle = lab.server.handle();
    let Published { here, reactors, full, .. } = handle.publish("all", "x");
    assert_eq!((here, reactors, full), (0, 1, 0));
    let ids: Vec<ConnectionId> = lab.server.wires().ids().collect();
    assert_eq!(handle.send(ids[1], "mine"), Ok(()));
    lab.run();
    assert_eq!(sockets.map(|far| socket::texts(&far.take()).join(" ")), ["x", "x mine", "x"]);
    assert_eq!(handle.send(ConnectionId::NONE, "x"), Err(Busy::Unknown));
}

/// It ends while the message is on its way to its reactor.
#[test]
fn p1_a_message_to_a_connection_that_has_ended_meanwhile_is_dropped() {
    let mut lab = Lab::new(Probe::default);
    let [ended, other] = [lab.websocket(), lab.websocket()];
    let (handle, id) = (lab.server.handle(), lab.server.wires().ids().next().unwrap());
    assert_eq!([handle.abort(id), handle.send(id, "unheard")], [Ok(()); 2]);
    lab.run();
    assert_eq!((ended.is_reset(), other.is_reset()), (true, false));
    assert_eq!([ended, other].map(|far| text(&far.take())), ["", ""]);
    assert_eq!((handle.send(id, "unheard"), handle.metrics().panics), (Err(Busy::Gone), 0));
}

#[test]
fn p2_topics_are_entered_left_listed_and_counted() {
    let mut lab = Lab::new(obedient);
    let (one, two) = (lab.websocket(), lab.websocket());
    assert_eq!(order(&mut lab, &one, "+a"), "New");
    assert_eq!(order(&mut lab, &one, "+a"), "Already");
    assert_eq!(order(&mut lab, &one, "+b"), "New");
    assert_eq!(order(&mut lab, &two, "+a"), "New");
    assert_eq!(order(&mut lab, &one, "?"), r#"["a", "b"] 2"#);
    assert_eq!(order(&mut lab, &one, "-a"), "true");
    assert_eq!(order(&mut lab, &one, "-a"), "false");
    assert_eq!(order(&mut lab, &one, "?"), r#"["b"] 1"#);
    let handle = lab.server.handle();
    assert_eq!((handle.subscribers("a"), handle.subscribers("b"), handle.subscribers("c")), (1, 1, 0));
    // Whoever leaves the server leaves its topics.
    two.reset();
    lab.run();
    assert_eq!((handle.subscribers("a"), handle.subscribers("b")), (0, 1));
    assert_eq!(order(&mut lab, &one, "a!x"), here(0));
}

#[test]
fn p2_128_topics_with_names_of_255_bytes() {
    let mut lab = Lab::new(obedient);
    let far = lab.websocket();
    assert_eq!(order(&mut lab, &far, "+"), "Refused");
    assert_eq!(order(&mut lab, &far, &format!("+{}", "x".repeat(256))), "Refused");
    assert_eq!(order(&mut lab, &far, &format!("+{}", "x".repeat(255))), "New");
    for topic in 1..128 {
        assert_eq!(order(&mut lab, &far, &format!("+{topic}")), "New");
    }
    assert_eq!(order(&mut lab, &far, "+one more"), "Refused");
    assert_eq!(order(&mut lab, &far, "-5"), "true");
    assert_eq!(order(&mut lab, &far, "+one more"), "New");
}

#[test]
fn p2_members_come_and_go_in_any_order() {
    let mut lab = Lab::new(obedient);
    let sockets: Vec<FarEnd> = (0..20).map(|_| lab.websocket()).collect();
    let mut members = vec![false; sockets.len()];
    let mut seed = 7_usize;
    for _ in 0..500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = (seed >> 33) % sockets.len();
        order(&mut lab, &sockets[index], if members[index] { "-t" } else { "+t" });
        members[index] = !members[index];
        lab.server.handle().publish("t", "x");
        lab.run();
        for (far, is_member) in sockets.iter().zip(&members) {
            assert_eq!(socket::texts(&far.take()).len(), usize::from(*is_member));
        }
    }
}

#[test]
fn p9_the_members_of_a_topic_are_listed() {
    let mut lab = Lab::new(obedient);
    let handle = lab.server.handle();
    assert_eq!(handle.members("t"), []);
    let sockets: Vec<FarEnd> = (0..20).map(|_| lab.websocket()).collect();
    let mut ids: Vec<ConnectionId> = lab.server.wires().ids().collect();
    ids.sort_unstable();
    let mut members = vec![false; sockets.len()];
    let mut seed = 9_usize;
    for _ in 0..500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = (seed >> 33) % sockets.len();
        order(&mut lab, &sockets[index], if members[index] { "-t" } else { "+t" });
        members[index] = !members[index];
        let mut listed = handle.members("t");
        listed.sort_unstable();
        let expected = ids.iter().zip(&members).filter(|(_, is_member)| **is_member);
        assert_eq!(listed, expected.map(|(id, _)| *id).collect::<Vec<_>>());
    }
    sockets.iter().for_each(FarEnd::reset);
    lab.run();
    assert_eq!(handle.members("t"), []);
}

#[test]
fn p9_members_on_all_reactors_are_listed() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Member);
    let mut peers: Vec<_> = (0..8).map(|_| live.connect()).collect();
    for peer in &mut peers {
        assert!(real::ask(peer, socket::UPGRADE).starts_with("HTTP/1.1 101"));
        // It is a member when it says so.
        assert_eq!(real::read_exactly(peer, 4), b"\x81\x02in");
    }
    let members = live.handle.members("all");
    assert_eq!(members.len(), 8);
    assert!(members.iter().any(|id| id.reactor() == 0) && members.iter().any(|id| id.reactor() == 1));
    assert!(members.iter().all(|id| live.handle.contains(*id)));
}

/// Says that it is in.
struct Member;

impl Client for Member {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("all");
        socket.send("in");
    }
}

#[test]
fn p3_a_publish_reaches_its_publisher_only_if_asked() {
    let mut lab = Lab::new(obedient);
    let sockets = [lab.websocket(), lab.websocket(), lab.websocket()];
    for far in &sockets[..2] {
        order(&mut lab, far, "+t");
    }
    let mut publish = |far: &FarEnd, message: &str| {
        lab.log.take();
        far.send(&socket::text(message));
        lab.run();
        let published = lab.log.take().pop().unwrap();
        (published, sockets.each_ref().map(|far| socket::texts(&far.take()).len()))
    };
    assert_eq!(publish(&sockets[0], "t!x"), (here(1), [0, 1, 0]));
    assert_eq!(publish(&sockets[0], "t!!x"), (here(2), [1, 1, 0]));
    assert_eq!(publish(&sockets[2], "t!x"), (here(2), [1, 1, 0]));
    lab.server.handle().publish("t", "x");
    lab.run();
    assert_eq!(sockets.each_ref().map(|far| socket::texts(&far.take()).len()), [1, 1, 0]);
}

/// Subscribes to everything and publishes what it receives, on any reactor.
struct Chat;

impl Client for Chat {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        assert_eq!(socket.subscribe("room"), Subscribed::New);
        let reactor = socket.id().reactor();
        socket.send(&*format!("on {reactor}"));
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let published = socket.publish("room", message);
        assert_eq!((published.here, published.reactors, published.full), (1, 1, 0));
    }
}

#[test]
fn p4_a_publish_reaches_every_reactor_in_order() {
    let live = Live::serve(two_reactors(), |_peer| Chat);
    let mut sockets = members_on_two_reactors(&live);
    assert_eq!(live.handle.subscribers("room"), 4);
    let mut expected = Vec::new();
    for number in 0..1000 {
        let message = format!("{number:04}");
        sockets[0].write_all(&socket::text(&message)).unwrap();
        expected.push(message);
    }
    for stream in &mut sockets[1..] {
        let frames = real::read_exactly(stream, 6 * 1000);
        assert_eq!(socket::texts(&frames), expected);
    }
    // From a thread of its own the same.
    for number in 0..1000 {
        let published = live.handle.publish("room", &*format!("{number:04}"));
        assert_eq!((published.reactors, published.full), (2, 0));
    }
    for stream in &mut sockets {
        let frames = real::read_exactly(stream, 6 * 1000);
        assert_eq!(socket::texts(&frames), expected);
    }
}

/// A member says on which reactor it is, and then what its client was posted. It leaves at a message that says so.
struct Visitor;

impl Client for Visitor {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        assert_eq!(socket.subscribe("room"), Subscribed::New);
        let reactor = socket.id().reactor();
        socket.send(&*format!("on {reactor}"));
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        assert!(socket.unsubscribe("room"));
        socket.send("left");
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn std::any::Any + Send>) {
        let number = value.downcast::<u32>().unwrap();
        connection.as_websocket().unwrap().send(&*format!("{number:04}"));
    }
}

/// Without the watchdog, which would pass over a reactor that has no processor for a while.
fn two_reactors() -> ServerBuilder {
    Server::builder().listen("127.0.0.1:0").reactors(2).watchdog(false)
}

/// Four members, two on each reactor.
fn members_on_two_reactors(live: &Live) -> Vec<std::net::TcpStream> {
    let mut on = Vec::new();
    let streams = (0..4)
        .map(|_| {
            let mut stream = live.connect();
            stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
            real::read_exactly(&mut stream, socket::SWITCHED.len());
            on.push(text(&real::read_exactly(&mut stream, 6)[2..]));
            stream
        })
        .collect();
    on.sort();
    assert_eq!(on, ["on 0", "on 0", "on 1", "on 1"]);
    streams
}

#[test]
fn p12_a_value_reaches_the_members_on_every_reactor_in_order() {
    let live = Live::serve(two_reactors(), |_peer| Visitor);
    let mut streams = members_on_two_reactors(&live);
    let numbers = 0..100_u32;
    for number in numbers.clone() {
        let published = live.handle.post_to_topic("room", number);
        assert_eq!((published.reactors, published.full), (2, 0));
    }
    let expected: Vec<_> = numbers.map(|number| format!("{number:04}")).collect();
    for stream in &mut streams {
        let frames = real::read_exactly(stream, 6 * expected.len());
        assert_eq!(socket::texts(&frames), expected);
    }
}

#[test]
fn p5_the_counts_are_those_of_all_reactors() {
    let told = Subscriptions::default();
    let live = Live::serve(two_reactors().observer(told.clone()), |_peer| Visitor);
    // One after the other: they come when the one before has answered, and leave in the same way.
    for mut stream in members_on_two_reactors(&live) {
        stream.write_all(&socket::text("leave")).unwrap();
        assert_eq!(socket::texts(&real::read_exactly(&mut stream, 6)), ["left"]);
    }
    let told = told.0.lock().unwrap();
    let counts: Vec<(usize, usize)> = told.iter().map(|(_, before, now)| (*before, *now)).collect();
    assert_eq!(counts, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 3), (3, 2), (2, 1), (1, 0)]);
}

/// Otherwise it would get an older message, and miss newer ones that were published while there was no subscriber.
#[test]
fn p4_a_new_subscriber_gets_no_message_for_earlier_subscribers() {
    let mut lab = Lab::new(obedient);
    let [old, new, other] = [lab.websocket(), lab.websocket(), lab.websocket()];
    let handle = lab.server.handle();
    for stays in [false, true] {
        order(&mut lab, &old, "+t");
        if stays {
            order(&mut lab, &other, "+t");
        }
        assert_eq!(handle.publish("t", "old").reactors, 1);
        assert_eq!(handle.post_to_topic("t", 1).reactors, 1);
        old.send(&socket::text("-t"));
        new.send(&socket::text("+t"));
        lab.run();
        assert_eq!(handle.publish("t", "new").reactors, 1);
        lab.run();
        let got = [&old, &new, &other].map(|far| socket::texts(&far.take()).join(" "));
        assert_eq!(got, if stays { ["", "old new", "old new"] } else { ["", "new", ""] });
        order(&mut lab, &new, "-t");
    }
}

#[test]
fn p4_a_full_mailbox_is_reported() {
    let limits = jackfield::Limits::default().with(|limits| limits.mailbox_max = 3);
    let options = jackfield::test::TestOptions { limits, ..jackfield::test::TestOptions::default() };
    let mut lab = Lab::with_options(options, obedient);
    let far = lab.websocket();
    order(&mut lab, &far, "+t");
    let handle = lab.server.handle();
    let full: Vec<usize> = (0..5).map(|_| handle.publish("t", "x").full).collect();
    assert_eq!(full, [0, 0, 0, 1, 1]);
    lab.run();
    assert_eq!(socket::texts(&far.take()).len(), 3);
    assert_eq!(handle.publish("t", "x").full, 0, "there is room again");
}

#[test]
fn p6_a_subscriber_gets_one_write_a_turn() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.subscribe("t");
        },
        on_message: |_, socket, _| {
            for number in 0..50 {
                socket.publish("t", &*format!("small {number}"));
            }
            socket.publish("t", "large ".repeat(1000).as_str());
            socket.publish("t", "last");
        },
        ..Probe::default()
    });
    let sockets: Vec<FarEnd> = (0..10).map(|_| lab.websocket()).collect();
    let before: Vec<usize> = sockets.iter().map(FarEnd::writes).collect();
    lab.say(&sockets[0], socket::text("go").repeat(3));
    for (index, far) in sockets.iter().enumerate().skip(1) {
        assert_eq!(far.writes() - before[index], 1);
        let texts = socket::texts(&far.take());
        assert_eq!(texts.len(), 3 * 52);
        assert_eq!((&*texts[0], texts[50].len(), &*texts[51]), ("small 0", 6000, "last"));
    }
}

#[test]
fn p6_a_large_message_is_kept_once_for_all() {
    let mut lab = Lab::new(obedient);
    let sockets: Vec<FarEnd> = (0..10).map(|_| lab.websocket()).collect();
    for far in &sockets {
        order(&mut lab, far, "+t");
        far.set_room(Some(0));
    }
    let ids: Vec<ConnectionId> = lab.server.wires().ids().collect();
    let kept = allocation_counter::measure(|| {
        lab.server.handle().publish("t", &[8; 50_000][..]);
        lab.run();
    });
    assert!((50_000..100_000).contains(&kept.bytes_max), "{} bytes", kept.bytes_max);
    for id in &ids {
        let queued = lab.server.wires().wire_stats(*id).unwrap().queued;
        assert_eq!(queued, 50_004);
    }
    for far in &sockets {
        far.set_room(None);
    }
    lab.run();
    assert!(sockets.iter().all(|far| socket::frames(&far.take())[0].payload == [8; 50_000]));
}

#[test]
fn p10_there_are_no_wildcards() {
    let mut lab = Lab::new(obedient);
    let far = lab.websocket();
    for topic in ["+*", "+#", "+a/*", "+a/+"] {
        assert_eq!(order(&mut lab, &far, topic), "New");
    }
    lab.server.handle().publish("a/b", "x");
    lab.run();
    assert_eq!(text(&far.take()), "");
    lab.server.handle().publish("a/*", "x");
    lab.run();
    assert_eq!(socket::texts(&far.take()), ["x"]);
}

#[test]
fn p2_a_connection_may_publish_at_its_own_end() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.subscribe("t");
            socket.set_timer(TimerId(1), Duration::from_secs(1));
        },
        on_disconnect: |_, connection: &mut Connection<'_>, _| {
            connection.publish_to_all("t", "gone");
            assert_eq!(connection.subscribe("t"), Subscribed::Gone);
        },
        ..Probe::default()
    });
    let (one, two) = (lab.websocket(), lab.websocket());
    one.reset();
    lab.run();
    assert_eq!(socket::texts(&two.take()), ["gone"]);
    assert_eq!(lab.server.handle().subscribers("t"), 1);
}

/// The observer's calls about topics.
#[derive(Clone, Default)]
struct Subscriptions(std::sync::Arc<std::sync::Mutex<Vec<(String, usize, usize)>>>);

impl jackfield::Observer for Subscriptions {
    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        self.0.lock().unwrap().push((topic.to_owned(), before, now));
    }
}

#[test]
fn p5_each_change_of_a_topic_is_reported_with_its_old_and_new_count() {
    struct Comer;
    impl Client for Comer {
        fn on_line(&mut self, raw: &mut jackfield::Raw<'_>, line: &[u8]) {
            let (act, topic) = (line[0], text(&line[1..]));
            match act {
                b'-' => drop(raw.unsubscribe(&topic)),
                _ => drop(raw.subscribe(&topic)),
            }
        }
    }
    let told = Subscriptions::default();
    let options = jackfield::test::TestOptions {
        observer: std::sync::Arc::new(told.clone()),
        ..jackfield::test::TestOptions::default()
    };
    let mut server = jackfield::test::TestServer::with_options(options, |_peer| Comer);
    let fars = [(); 2].map(|()| server.connect_to(jackfield::test::listener::LINES));
    for (far, line) in [(0, "+t"), (0, "+t"), (1, "+t"), (0, "+u"), (0, "-t"), (0, "-t")] {
        fars[far].send(format!("{line}\n").as_bytes());
        server.run();
    }
    fars[1].reset();
    server.run();
    let told = told.0.lock().unwrap();
    let told: Vec<_> = told.iter().map(|(topic, before, now)| (&**topic, *before, *now)).collect();
    let expected = [("t", 0, 1), ("t", 1, 2), ("u", 0, 1), ("t", 2, 1), ("t", 1, 0)];
    assert_eq!(told, expected, "twice is once, and the end of a connection counts");
}
