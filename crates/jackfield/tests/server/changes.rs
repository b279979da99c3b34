//! Bugs of single connections, one test each: what a change of their settings, a full outbox and a drain leave behind.

use crate::support;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Bandwidth, Client, Connection, Drain, EventStream, Exchange, History, Limits, MessageKind, Overflow,
    Rate, Reply, Request, Subscribed, WebSocket,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use support::congested::low_marks_and;
use support::probe::Probe;
use support::socket;
use support::{Lab, get, text};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Runs this on the reactor with the first connection, between callbacks.
fn run_on(lab: &mut Lab, run: impl FnOnce(&mut Connection<'_>) + Send + 'static) {
    let handle = lab.server.handle();
    let visit = move |_: &mut Probe, connection: &mut Connection<'_>| run(connection);
    handle.with_client(handle.ids()[0], visit).expect("it is there");
    lab.run();
}

/// The same with a WebSocket.
fn run_on_socket(lab: &mut Lab, run: impl FnOnce(&mut WebSocket<'_>) + Send + 'static) {
    run_on(lab, |connection| run(&mut connection.as_websocket().expect("it is one")));
}

/// A member of `room` that reads nothing from now on, and whose outbox is at most 20,000 bytes long.
fn deaf_member() -> (Lab, FarEnd) {
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 20_000);
    let mut lab = Lab::with_options(options, || Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        ..Probe::default()
    });
    let far = lab.websocket();
    far.set_room(Some(0));
    (lab, far)
}

/// The fault: what waited in the queue was sent to an outbox that was exactly full. There the connection's own policy counted, and
/// closed it.
#[test]
fn i337_the_queue_is_sent_only_while_the_outbox_has_room() {
    // Ten frames of 1000 bytes fill the outbox, and nine messages the queue.
    const BYTES_MAX: usize = 10_000;
    for policy in [Overflow::DropOldest, Overflow::NewestPerKey] {
        let options = low_marks_and(|limits| {
            let reactor = &mut limits.reactor;
            (reactor.outbox_bytes_low, reactor.outbox_bytes_high) = (BYTES_MAX / 2, BYTES_MAX);
            reactor.outbox_bytes_max = BYTES_MAX;
        });
        let mut lab = Lab::with_options(options, || Probe {
            on_open: |_, socket| _ = socket.subscribe("room"),
            ..Probe::default()
        });
        lab.server.handle().declare_topic("room", History::none().overflow(policy));
        let far = lab.websocket();
        far.set_room(Some(0));
        let texts: Vec<String> = (0..19).map(|number| format!("{number:0996}")).collect();
        for text in &texts {
            lab.server.handle().publish("room", text);
            lab.run();
        }
        // It has drained, and has room for five of them.
        far.set_room(Some(BYTES_MAX / 2));
        lab.run();
        far.set_room(None);
        lab.run();
        assert_eq!(socket::texts(&far.take()), texts, "{policy:?}");
        assert_eq!((lab.server.handle().metrics().dropped, lab.connections()), (0, 1), "{policy:?}");
    }
}

/// The fault: what waited in the queue and had no room in the outbox was neither sent nor counted.
#[test]
fn what_has_no_room_when_the_policy_becomes_give_back_is_counted() {
    const MANY: u64 = 50;
    for in_fragments in [false, true] {
        let (mut lab, far) = deaf_member();
        run_on_socket(&mut lab, |socket| {
            socket.set_overflow(Overflow::DropOldest);
            assert!(socket.send("x".repeat(15_000)).is_accepted());
        });
        for number in 0..MANY {
            lab.server.handle().publish("room", format!("{number:0600}"));
            lab.run();
        }
        let before = lab.server.handle().metrics().dropped;
        run_on_socket(&mut lab, move |socket| {
            if in_fragments {
                socket.begin(MessageKind::Text).expect("no other has begun").write("part");
            }
            socket.set_overflow(Overflow::GiveBack);
            if in_fragments {
                assert!(socket.writer().expect("one has begun").finish().is_accepted());
            }
        });
        far.set_room(None);
        lab.run();
        let dropped = lab.server.handle().metrics().dropped;
        let came = socket::texts(&far.take()).iter().filter(|text| text.len() == 600).count() as u64;
        assert!(came > 0 && dropped > before, "{came} came, {before} of {dropped} were dropped before");
        assert_eq!(came + dropped, MANY, "in fragments: {in_fragments}");
    }
}

/// The fault: who was full when it resumed was never told that messages may be missing.
#[test]
fn a_full_client_that_resumes_from_an_unknown_id_is_told_when_it_has_drained() {
    use Overflow::{Close, DropNewest, DropOldest, GiveBack};
    for (policy, topic) in [Close, GiveBack, DropNewest, DropOldest]
        .into_iter()
        .flat_map(|policy| [(policy, "kept"), (policy, "not kept")])
    {
        let (mut lab, far) = deaf_member();
        lab.server.handle().declare_topic("kept", History::new(10));
        run_on_socket(&mut lab, move |socket| {
            socket.set_overflow(policy);
            assert!(socket.send("x".repeat(30_000)).is_accepted());
            assert_eq!(socket.subscribe_from(topic, "unknown"), Subscribed::New);
        });
        far.set_room(None);
        lab.run();
        assert_eq!(socket::texts(&far.take())[1..], ["{\"missed\":null}"], "{policy:?}, {topic}");
        lab.server.handle().publish(topic, "next");
        lab.run();
        assert_eq!(socket::texts(&far.take()), ["next"], "{policy:?}, {topic}");
        assert_eq!(lab.server.handle().metrics().dropped, 0, "{policy:?}, {topic}");
    }
}

/// Answers later, and greets each event stream.
struct Later(Rc<RefCell<Vec<Reply>>>);

impl Client for Later {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.0.borrow_mut().push(exchange.defer());
    }

    fn on_events(&mut self, events: &mut EventStream<'_>, _last_event_id: Option<&str>) {
        events.send("hello");
    }
}

/// The fault: it was ended before its client had got `on_events`.
#[test]
fn a_deferred_event_stream_that_begins_during_a_drain_gets_on_events() {
    for by_lifetime in [false, true] {
        let mut options = TestOptions::default();
        options.limits.max_lifetime = if by_lifetime { SECOND } else { Duration::ZERO };
        let owed = Rc::new(RefCell::new(Vec::new()));
        let kept = owed.clone();
        let mut server = TestServer::with_options(options, move |_peer| Later(kept.clone()));
        let far = server.connect();
        far.send(get("/").as_bytes());
        server.run();
        match by_lifetime {
            true => server.advance(SECOND),
            false => server.handle().shutdown(Drain::within(SECOND * 10)),
        }
        server.run();
        let reply: Reply = owed.borrow_mut().remove(0);
        reply.events();
        server.run();
        let answer = text(&far.take());
        let events = answer.split_once("\r\n\r\n").expect("it is answered").1;
        assert!(events.starts_with("data: hello\n\nretry: "), "{answer}");
        assert!(far.has_server_finished(), "by its lifetime: {by_lifetime}");
    }
}

/// A head has a second, and its peer is not read for the first half of it. Then its limit is lifted, and the head ends at this
/// millisecond.
#[track_caller]
fn check_lifted(limits: Limits, lift: fn(&mut Connection<'_>), end_at: u32, is_in_time: bool) {
    let mut lab = Lab::with_limits(limits.with(|limits| limits.head_timeout = SECOND), Probe::default);
    let far = lab.connect();
    // The bytes of a request count when it is whole.
    let first = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(150));
    lab.say(&far, first + "GET /late HTTP/1.1\r\n");
    lab.say(&far, "Y: y\r\n");
    lab.advance(MS * 500);
    run_on(&mut lab, lift);
    lab.advance(MS * (end_at - 500));
    lab.say(&far, "Host: h\r\n\r\n");
    assert_eq!(lab.log.has("request GET /late"), is_in_time, "{end_at} ms: {:?}", lab.log.events());
}

/// Two faults: with the limit the time was forgotten for which it had held the peer up, so a deadline ended the connection.
#[test]
fn a_deadline_is_put_off_by_the_pauses_of_a_limit_that_was_lifted() {
    let rated = Limits::default().with(|limits| limits.rate = Rate::new(0, 100));
    let limited = Limits::default().with(|limits| limits.bandwidth = Bandwidth::new(100, 0));
    for (end_at, is_in_time) in [(1400, true), (1600, false)] {
        let faster: [fn(&mut Connection<'_>); 2] = [
            |connection| connection.set_rate(Rate::default()),
            |connection| connection.set_rate(Rate::new(0, 1_000_000)),
        ];
        faster.into_iter().for_each(|lift| check_lifted(rated.clone(), lift, end_at, is_in_time));
        let faster: [fn(&mut Connection<'_>); 2] = [
            |connection| connection.set_bandwidth(Bandwidth::default()),
            |connection| connection.set_bandwidth(Bandwidth::new(1_000_000, 0)),
        ];
        faster.into_iter().for_each(|lift| check_lifted(limited.clone(), lift, end_at, is_in_time));
    }
}

/// A client that handles one byte or line at a time, and pauses after it, is drained while the second one is unread.
#[track_caller]
fn check_pausing(at: usize, said: &str, by_lifetime: bool) {
    let mut limits = Limits::default();
    limits.max_lifetime = if by_lifetime { SECOND } else { Duration::ZERO };
    let mut lab = Lab::with_limits(limits, || Probe {
        on_data: |_, raw, _| {
            raw.pause_read();
            1
        },
        on_line: |_, raw, _| raw.pause_read(),
        on_goodbye: |_, raw, _| _ = raw.send("bye"),
        ..Probe::default()
    });
    let far = lab.connect_to(at);
    lab.say(&far, said);
    match by_lifetime {
        true => lab.advance(SECOND),
        false => lab.server.handle().shutdown(Drain::within(SECOND * 10)),
    }
    lab.run();
    assert_eq!(text(&far.take()), "", "{at}: what is unread has its time");
    run_on(&mut lab, |connection| connection.resume_read());
    lab.advance(MS);
    assert_eq!(text(&far.take()), "bye", "{at}: {:?}", lab.log.events());
    let why = if by_lifetime { "Timeout(Lifetime)" } else { "Shutdown" };
    assert!(lab.log.has(&format!("goodbye {why}")) && lab.log.has(&format!("disconnect {why}")), "{at}");
}

/// The fault: it was reset at the deadline, without `on_goodbye`.
#[test]
fn who_pauses_behind_its_last_bytes_in_a_drain_gets_on_goodbye() {
    for by_lifetime in [false, true] {
        check_pausing(listener::RAW, "xy", by_lifetime);
        check_pausing(listener::LINES, "x\ny\n", by_lifetime);
    }
}
