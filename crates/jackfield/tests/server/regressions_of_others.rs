//! What went wrong in comparable servers, tried here. Each test is named after what its users had asked for.

#![cfg(unix)]

use crate::support;
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{
    Busy, Client, Connection, ConnectionId, Disconnect, Exchange, Handle, Limit, Limits, Message, NotPosted,
    Overflow, Publication, Reason, Request, Server, TimerId, WebSocket,
};
use std::any::Any;
use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;
use support::probe::{Probe, observed};
use support::real::{self, Live};
use support::{Lab, get, socket, statuses, text};

const SECOND: Duration = Duration::from_secs(1);
const MIB: usize = 1 << 20;

/// A WebSocket of a server on real sockets.
fn open(live: &Live) -> TcpStream {
    let mut stream = live.connect();
    stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
    real::read_exactly(&mut stream, socket::SWITCHED.len());
    stream
}

/// The payload of the next frame, which is shorter than 126 bytes.
fn hear(stream: &mut TcpStream) -> String {
    let header = real::read_exactly(stream, 2);
    assert!(header[1] < 126, "{header:?}");
    text(&real::read_exactly(stream, header[1].into()))
}

/// Answers with more than any buffer of the system takes, or with little; says to all what a WebSocket says.
struct Generous {
    large: Arc<[u8]>,
}

impl Client for Generous {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/large" => exchange.ok("text/plain", self.large.clone()),
            _ => exchange.ok("text/plain", "little"),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("room");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.publish_to_all("room", message);
    }
}

/// A server that writes until all is written, or that waits for the slowest receiver of a message, stands still here.
#[test]
fn slow_reader_does_not_stall_others() {
    let large: Arc<[u8]> = vec![7; 16 * MIB].into();
    let body = large.clone();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1);
    // However long the test is kept from the processor.
    let builder = builder.limits(|limits| {
        limits.reactor.write_stall = SECOND * 3600;
        limits.reactor.flush_interval = SECOND * 3600;
    });
    let live = Live::serve(builder, move |_peer| Generous { large: body.clone() });

    let mut slow: Vec<TcpStream> = (0..8).map(|_| live.connect()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(get("/large").as_bytes()).unwrap());
    // They are members of the room as well, and read nothing.
    let _deaf: Vec<TcpStream> = (0..8).map(|_| open(&live)).collect();

    let (mut http, mut speaker) = (live.connect(), open(&live));
    for round in 0..500 {
        assert!(real::ask(&mut http, get("/")).ends_with("little"));
        let said = format!("{round}");
        speaker.write_all(&socket::text(&said)).unwrap();
        assert_eq!(hear(&mut speaker), said);
    }
    // Who was slow has lost nothing by it.
    for mut stream in slow {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(real::read_exactly(&mut stream, 1));
        }
        assert!(real::read_exactly(&mut stream, large.len()) == *large);
    }
}

/// A server that flushes before it looks at its timers, or keeps timers with what is written, forgets them here.
#[test]
fn jammed_client_does_not_stop_timers() {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            socket.set_overflow(Overflow::GiveBack);
            socket.set_timer(TimerId(1), SECOND);
        },
        on_timer: |_, connection, timer| {
            let mut socket = connection.as_websocket().unwrap();
            // More than may wait.
            (0..30).for_each(|_| _ = socket.send(&[0; 50_000][..]));
            socket.set_timer(timer, SECOND);
        },
        ..Probe::default()
    });
    let (jammed, free) = (lab.websocket(), lab.websocket());
    jammed.set_room(Some(0));
    for second in 1..=20 {
        lab.advance(SECOND);
        // Both have theirs each second.
        let fired = format!("timer 1 at {}", second * 1000);
        assert_eq!(lab.log.events().iter().filter(|event| **event == fired).count(), 2, "{fired}");
        assert!(!free.take().is_empty());
    }
    // Its own deadline is a timer as well: a peer that reads nothing for 30 s is disconnected.
    lab.advance(SECOND * 15);
    assert!(lab.log.has("disconnect Timeout(Write)"), "{:?}", lab.log.events());
    assert_eq!(lab.connections(), 1);
}

/// Tells of the end of an event stream.
struct Stream(Sender<Reason>);

impl Client for Stream {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events();
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.send(end.reason).unwrap();
    }
}

/// A server that only writes to a stream learns of its reader's end by the next event, or never.
#[test]
fn vanished_sse_client_is_noticed() {
    let (ended, ends): (Sender<Reason>, Receiver<Reason>) = mpsc::channel();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1);
    // No comment is sent that could find out.
    let builder = builder.limits(|limits| limits.events_heartbeat = Duration::ZERO);
    let live = Live::serve(builder, move |_peer| Stream(ended.clone()));
    let begin = || {
        let mut stream = live.connect();
        stream.write_all(get("/events").as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(real::read_exactly(&mut stream, 1));
        }
        stream
    };
    drop(begin());
    assert_eq!(ends.recv_timeout(real::LONG), Ok(Reason::Peer));
    let reset = begin();
    rustix::net::sockopt::set_socket_linger(&reset, Some(Duration::ZERO)).unwrap();
    drop(reset);
    assert_eq!(ends.recv_timeout(real::LONG), Ok(Reason::PeerReset));

    // One whose machine has lost its power says nothing: the comments that it does not take find it out.
    let mut lab = Lab::new(Probe::default);
    let far = lab.events();
    far.set_room(Some(0));
    lab.advance(SECOND * 60);
    assert!(lab.log.has("disconnect Timeout(Write)"), "{:?}", lab.log.events());
    assert_eq!(lab.connections(), 0);
}

/// A server whose deadline begins anew with each byte keeps a connection for ever that sends one now and then.
#[test]
fn dribbled_header_is_closed() {
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(1000));
    let upgrade = socket::upgrade_with(&format!("X: {}\r\n", "x".repeat(1000)));
    // In a start line, in a field, in the fields of a handshake, and in the second request of a connection.
    let starts = ["", "GET / HTTP/1.1\r\nHost: h\r\n", &upgrade[..100]];
    for (start, rest, before) in [
        (starts[0], &*head, ""),
        (starts[1], &head[starts[1].len()..], ""),
        (starts[2], &upgrade[100..], ""),
        (starts[1], &head[starts[1].len()..], "GET /first HTTP/1.1\r\nHost: h\r\n\r\n"),
    ] {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect();
        lab.say(&far, before);
        far.send(start.as_bytes());
        let dribbled = rest.bytes().take_while(|byte| {
            far.send(&[*byte]);
            lab.advance(SECOND / 2);
            !far.has_server_finished()
        });
        assert!((18..=20).contains(&dribbled.count()), "10 s, however little it says");
        assert_eq!(statuses(&far.take()), [408]);
        lab.advance(SECOND * 60);
        assert_eq!(lab.connections() + lab.lingering(), 0);
    }
}

/// Fills the mailbox of the other one's reactor, while that fills its own.
struct Filler {
    ids: Arc<Mutex<Vec<ConnectionId>>>,
    gate: Arc<Barrier>,
    accepted: Sender<(ConnectionId, usize)>,
    arrived: Sender<(ConnectionId, usize)>,
}

impl Client for Filler {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.ids.lock().unwrap().push(socket.id());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        let ids = self.ids.lock().unwrap().clone();
        let handle = socket.handle();
        // No reactor takes anything from its mailbox from here to the second wait.
        self.gate.wait();
        for id in ids {
            let full = (0..).find_map(|number| handle.post(id, number).err().map(|not| (number, not)));
            let (number, NotPosted { value, why, .. }) = full.unwrap();
            assert_eq!((value, why), (number, Busy::Full), "what is not taken comes back");
            self.accepted.send((id, number)).unwrap();
        }
        self.gate.wait();
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.arrived.send((connection.id(), *value.downcast::<usize>().unwrap())).unwrap();
    }
}

/// A server whose bounded queue makes its senders wait stands still for good where two loops send to one another, or one
/// to itself.
#[test]
fn queue_full_is_reported_never_deadlocks() {
    const PLACES: usize = 10;
    let ((accepted, all_accepted), (arrived, all_arrived)) = (mpsc::channel(), mpsc::channel());
    let (ids, gate) = (Arc::new(Mutex::default()), Arc::new(Barrier::new(2)));
    let limits = Limits::default().with(|limits| limits.mailbox_max = PLACES);
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2).preset(limits);
    let makers = ids.clone();
    let live = Live::serve(builder, move |_peer| {
        let (ids, gate) = (makers.clone(), gate.clone());
        Filler { ids, gate, accepted: accepted.clone(), arrived: arrived.clone() }
    });
    let mut streams = [open(&live), open(&live)];
    real::wait_until(|| ids.lock().unwrap().len() == 2);
    let reactors: HashSet<usize> = ids.lock().unwrap().iter().map(|id| id.reactor()).collect();
    assert_eq!(reactors.len(), 2, "the second goes where less is");
    streams.iter_mut().for_each(|stream| stream.write_all(&socket::text("go")).unwrap());

    // Each is filled from both sides.
    let counts: Vec<(ConnectionId, usize)> =
        (0..4).map(|_| all_accepted.recv_timeout(real::LONG).unwrap()).collect();
    for id in ids.lock().unwrap().iter() {
        let of_it = counts.iter().filter(|(other, _)| other == id).map(|(_, count)| count);
        assert_eq!(of_it.sum::<usize>(), PLACES);
    }
    let mut got: Vec<(ConnectionId, usize)> =
        (0..2 * PLACES).map(|_| all_arrived.recv_timeout(real::LONG).unwrap()).collect();
    let mut expected: Vec<(ConnectionId, usize)> =
        counts.iter().flat_map(|(id, count)| (0..*count).map(|number| (*id, number))).collect();
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got, expected, "all that was taken arrives, once");
}

/// What a server with default limits holds for a peer that reads nothing, for each way to send.
#[test]
fn outgoing_buffer_is_bounded_by_default() {
    const PART: [u8; 10_000] = [b'x'; 10_000];
    fn fill(taken: impl FnMut(&str) -> bool) {
        let mut taken = taken;
        let part = std::str::from_utf8(&PART).unwrap();
        let count = (0..1000).take_while(|_| taken(part)).count();
        assert!(count < 1000, "it takes ever more");
    }
    type Case = (usize, Vec<u8>, fn() -> Probe);
    let cases: [Case; 4] = [
        (listener::HTTP, [socket::UPGRADE.as_bytes(), &socket::text("go")].concat(), || Probe {
            on_message: |_, socket, _| fill(|part| socket.send(part).is_accepted()),
            ..Probe::default()
        }),
        (listener::HTTP, get("/").into(), || Probe {
            on_request: |_, exchange, _| {
                let mut events = exchange.events();
                fill(|part| events.send(part).is_accepted());
            },
            ..Probe::default()
        }),
        (listener::HTTP, get("/").into(), || Probe {
            on_request: |_, exchange, _| {
                let mut stream = exchange.stream(200, "text/plain");
                fill(|part| stream.write(part).is_accepted());
            },
            ..Probe::default()
        }),
        (listener::RAW, b"go".into(), || Probe {
            on_data: |_, raw, data| {
                fill(|part| raw.send(part).is_accepted());
                data.len()
            },
            ..Probe::default()
        }),
    ];
    for (listener, said, make) in cases {
        let mut lab = Lab::new(make);
        let far = lab.connect_to(listener);
        far.set_room(Some(0));
        let held = allocation_counter::measure(|| drop(lab.say(&far, &said)));
        // The last one may reach beyond it, and the buffers have some room.
        let bound = 2 * MIB as u64;
        assert!(held.bytes_max < bound, "{} bytes for {}", held.bytes_max, text(&said));
        lab.advance(SECOND * 60);
        assert!(lab.log.has("disconnect Limit(Backlog)"), "{:?}", lab.log.events());
        assert_eq!(lab.connections(), 0);
    }
}

/// Says its id, and what it is sent.
struct Known;

impl Client for Known {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        let id = socket.id().to_bits().to_string();
        socket.send(&*id);
    }
}

fn open_known(live: &Live) -> (TcpStream, ConnectionId) {
    let mut stream = open(live);
    let id = hear(&mut stream).parse().unwrap();
    (stream, ConnectionId::from_bits(id))
}

/// A server that looks at its queue between two waits for its sockets is late by up to one of these waits: a quarter of a
/// second each time in one. Ours has nothing to wait for, so what does not wake it never comes.
#[test]
fn send_from_other_thread_wakes_loop_at_once() {
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2).limits(|limits| {
        limits.heartbeat = Duration::ZERO;
        limits.websocket_idle = Duration::ZERO;
    });
    let live = Live::serve(builder.watchdog(false), |_peer| Known);
    let mut peers = [open_known(&live), open_known(&live)];
    let before = live.handle.metrics().turns;
    const ROUNDS: u64 = 200;
    for round in 0..ROUNDS {
        let (stream, id) = &mut peers[(round % 2) as usize];
        live.handle.send(*id, &*round.to_string()).unwrap();
        assert_eq!(hear(stream), round.to_string());
    }
    let turns = live.handle.metrics().turns - before;
    assert!(turns <= 3 * ROUNDS, "{turns} turns: it is not woken, it looks");
}

/// A server that names connections by a descriptor, a pointer or an index means another one by the same name later.
#[test]
fn stale_connection_id_never_reaches_a_stranger() {
    let mut lab = Lab::new(Probe::default);
    let handle = lab.server.handle();
    let mut stale: Vec<ConnectionId> = Vec::new();
    for round in 0..200 {
        let far = lab.websocket();
        let id = lab.server.wires().ids().next().unwrap();
        assert!(!stale.contains(&id), "an id is given once");
        assert_eq!(stale.first().map_or(id.slot(), |first| first.slot()), id.slot(), "the place is the same");
        for old in &stale {
            assert!(!handle.contains(*old) && handle.contains(id));
            assert_eq!(handle.send(*old, "not for you"), Err(Busy::Gone));
            let given_back = handle.post(*old, "nor this").map_err(|not| (not.value, not.why));
            assert_eq!(given_back, Err(("nor this", Busy::Gone)));
            assert_eq!(handle.close_with(*old, 4000, "not you"), Err(Busy::Gone));
            assert_eq!(handle.abort(*old), Err(Busy::Gone));
        }
        lab.run();
        assert_eq!(
            (text(&far.take()), far.has_server_finished(), far.is_reset()),
            (String::new(), false, false)
        );
        assert_eq!(socket::texts(&lab.say(&far, socket::text("mine"))), ["mine"]);
        if round % 2 == 0 {
            far.reset();
        } else {
            far.finish();
        }
        lab.run();
        assert_eq!(lab.connections(), 0);
        lab.advance(SECOND * 60);
        stale.push(id);
    }
    assert!(!lab.log.has("post"));
}

/// "How do I send to one client?", asked of each of them.
#[test]
fn one_client_by_id() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Known);
    let mut peers: Vec<(TcpStream, ConnectionId)> = (0..10).map(|_| open_known(&live)).collect();
    let known: HashSet<ConnectionId> = peers.iter().map(|(_, id)| *id).collect();
    assert_eq!(live.handle.ids().into_iter().collect::<HashSet<_>>(), known);
    for (_, id) in &peers {
        live.handle.send(*id, &*format!("for {id}")).unwrap();
    }
    for (stream, id) in &mut peers {
        assert_eq!(hear(stream), format!("for {id}"));
        live.handle.close_with(*id, 4001, "enough").unwrap();
        // Nothing was said to it between these two.
        let close = [&[socket::FIN | socket::CLOSE, 8][..], &4001_u16.to_be_bytes(), b"enough"].concat();
        assert_eq!(real::read_exactly(stream, close.len()), close);
    }
}

/// Lines of heads and trailers without end, and names that are made to collide, take no more than their bound.
#[test]
fn header_flood_is_bounded() {
    let begin = "GET / HTTP/1.1\r\nHost: h\r\n";
    let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let floods: [(&str, &str); 7] = [
        (begin, "X: y\r\n"),
        (begin, "A: \r\n"),
        (begin, "X-Long-"),
        ("GET /", "x"),
        ("", "\r\n"),
        (chunked, "X: y\r\n"),
        ("GET / HTTP/1.1\r\nHost: h\r\nCookie: ", "a=b; "),
    ];
    for (start, line) in floods {
        let mut lab = Lab::new(Probe::default);
        let far = lab.connect();
        lab.say(&far, start);
        let portion = line.repeat(64 * 1024 / line.len());
        let held = allocation_counter::measure(|| {
            // 4 MiB, unless the connection has ended before.
            for _ in 0..64 {
                far.send(portion.as_bytes());
                lab.run();
                if far.is_released() || far.has_server_finished() {
                    break;
                }
            }
        });
        // One portion that was sent and not read is in the peer's half of the connection here.
        assert!(held.bytes_max < 4 * 64 * 1024, "{} bytes for {start:?} {line:?}", held.bytes_max);
        assert!(far.has_server_finished(), "{start:?} {line:?}");
        let answered = statuses(&far.take());
        assert!(matches!(answered[..], [400 | 413 | 414 | 431]), "{answered:?} for {start:?} {line:?}");
        assert!(!lab.log.has("request"), "{:?}", lab.log.events());
    }
}

/// What becomes of messages to a peer that reads nothing for a while, with one policy: those that it gets, those of which
/// somebody is told that it does not, and none besides.
fn check_nothing_is_lost(policy: Overflow, publishes: bool) {
    const MANY: usize = 3000;
    const MESSAGE: usize = 1024;
    /// Its policy, and how many bytes were not sent at its end.
    struct Member(Overflow, Arc<Mutex<Option<u64>>>);

    impl Client for Member {
        fn on_open(&mut self, socket: &mut WebSocket<'_>) {
            socket.set_overflow(self.0);
            socket.subscribe("room");
        }

        fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
            *self.1.lock().unwrap() = Some(end.unsent);
        }
    }

    let (options, seen) = observed();
    let ended = Arc::new(Mutex::new(None));
    let ends = ended.clone();
    let mut server =
        jackfield::test::TestServer::with_options(options, move |_peer| Member(policy, ends.clone()));
    let far: FarEnd = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.take();
    far.set_room(Some(0));
    let id = server.wires().ids().next().unwrap();
    let handle: Handle = server.handle();
    for number in 0..MANY {
        let message = format!("{number:<MESSAGE$}");
        if publishes {
            let key = (number % 3).to_string();
            assert_eq!(handle.publish("room", Publication::from(&*message).key(&key)).full, 0);
        } else {
            handle.send(id, &*message).unwrap();
        }
        server.run();
    }
    far.set_room(None);
    server.run();
    let frames = socket::frames(&far.take());
    let texts = frames.iter().filter(|frame| frame.opcode() == socket::TEXT).count();
    let told = seen.count("dropped");
    assert!(told > 0, "{policy:?}: the test has not reached the bound");
    assert_eq!(server.handle().metrics().dropped, told as u64, "{policy:?}");
    if policy == Overflow::Close {
        // It is closed with a code that says why, which is told too.
        assert_eq!(frames.last().and_then(|frame| frame.code()), Some(1013));
        // What it got and what its end says was not sent is all that was accepted: up to the cap, and one beyond it.
        far.finish();
        server.run();
        let unsent = ended.lock().unwrap().take().expect("it has ended") as usize;
        let frame = MESSAGE + 4;
        assert_eq!(unsent % frame, 0, "{unsent} bytes are no whole messages");
        assert_eq!(
            texts + unsent / frame,
            MIB / frame + 1,
            "{texts} came, {unsent} bytes did not, {told} were told"
        );
    } else {
        assert_eq!(texts + told, MANY, "{policy:?}, published: {publishes}");
        assert!(!far.has_server_finished());
    }
}

/// One writes to its log, one forgets what does not fit, one keeps all of it until there is no memory.
#[test]
fn no_message_dropped_without_a_callback() {
    use Overflow::{Close, DropNewest, DropOldest, GiveBack, NewestPerKey};
    for policy in [Close, GiveBack, DropNewest, DropOldest, NewestPerKey] {
        check_nothing_is_lost(policy, true);
        check_nothing_is_lost(policy, false);
    }
    // The end of the connection says what was still to be sent.
    let unsent = Arc::new(Mutex::new(None));
    struct Ends(Arc<Mutex<Option<(Reason, u64)>>>);

    impl Client for Ends {
        fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
            for _ in 0..2000 {
                socket.send(&[0; 1024][..]);
            }
        }

        fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
            *self.0.lock().unwrap() = Some((end.reason, end.unsent));
        }
    }

    let ends = unsent.clone();
    let mut server =
        jackfield::test::TestServer::with_options(TestOptions::default(), move |_peer| Ends(ends.clone()));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.set_room(Some(0));
    far.send(&socket::text("go"));
    server.advance(SECOND * 60);
    let (reason, unsent) = unsent.lock().unwrap().take().unwrap();
    assert_eq!(reason, Reason::Limit(Limit::Backlog));
    assert!(unsent > MIB as u64, "{unsent}");
}
