//! Bugs that a fourth review found, one test each: connections that this side begins, half-closed ones, drains, and what is
//! charged and counted.

use crate::support;
use crate::tls::{Identity, Secured};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Bandwidth, Client, Connection, Disconnect, Drain, Exchange, Heartbeat, HeartbeatAction, History,
    LateUpgrade, Limits, Listener, Message, MessageKind, Outgoing, Overflow, Peer, Publication, Rate, Refuse,
    Reply, Request, WebSocket,
};
use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use support::probe::{Probe, observed};
use support::socket::{self, FIN};
use support::{Lab, get, statuses};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Connects again whenever that fails, and counts.
struct Stubborn(Rc<Cell<usize>>, Outgoing);

impl Client for Stubborn {
    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        self.0.set(self.0.get() + 1);
        let _busy = connection.connect(self.1.clone());
    }
}

/// Half-closes at the first bytes.
fn half_closes() -> Probe {
    Probe {
        on_data: |_, raw, data| {
            raw.shutdown_write();
            data.len()
        },
        ..Probe::default()
    }
}

/// The fault: if connecting failed at once, a client that connected again never let its reactor go on.
#[test]
fn who_connects_again_and_fails_at_once_holds_up_nobody() {
    for outgoing in [Outgoing::websocket("wss://192.0.2.1/"), Outgoing::tcp("none.example:80")] {
        let count = Rc::new(Cell::new(0));
        let (counter, again) = (count.clone(), outgoing.clone());
        let mut server = TestServer::new(move |_peer: &Peer| Stubborn(counter.clone(), again.clone()));
        server.handle().connect(outgoing).unwrap();
        for ms in 1..=10 {
            server.advance(MS);
            assert_eq!(count.get(), ms);
        }
        server.handle().shutdown(Drain::now());
        server.advance(SECOND);
        assert!(count.get() < 20, "it ends");
    }
}

/// Puts another in its place when it ends.
struct Successor;

impl Client for Successor {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "successor");
    }
}

struct First;

impl Client for First {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "first");
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        connection.replace(Box::new(Successor));
    }
}

/// The fault: it was put in the place of the next client that was called, whosever that was.
#[test]
fn a_replacement_for_a_connection_that_failed_goes_nowhere_else() {
    let mut server = TestServer::new(|_peer: &Peer| Box::new(First) as Box<dyn Client>);
    let far = server.connect();
    server.handle().connect(Outgoing::tcp("192.0.2.1:80").lines()).unwrap();
    server.run();
    server.take_dials().remove(0).far.refuse(ErrorKind::ConnectionRefused);
    server.run();
    for _ in 0..2 {
        far.send(get("/").as_bytes());
        server.run();
        assert!(support::text(&far.take()).ends_with("first"));
    }
}

/// The fault: `close_with` was passed over on a connection that was neither open nor closing.
#[test]
fn a_connection_on_its_way_and_a_half_closed_one_are_closed_with_a_code_too() {
    let mut lab = Lab::new(Probe::default);
    lab.server.handle().connect(Outgoing::tcp("192.0.2.1:80").lines()).unwrap();
    lab.run();
    let dial = lab.server.take_dials().remove(0);
    lab.server.handle().close_with(dial.id, 4000, "enough").unwrap();
    lab.run();
    assert_eq!(lab.log.take(), ["disconnect Local", "drop"]);
    let mut lab = Lab::new(half_closes);
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, "x");
    let id = lab.server.handle().ids()[0];
    lab.server.handle().close_with(id, 4000, "enough").unwrap();
    lab.run();
    assert!(lab.log.has("disconnect Local"), "{:?}", lab.log.events());
}

/// The fault: it ended as one that its peer has closed.
#[test]
fn a_panic_of_a_half_closed_connection_is_its_reason() {
    let mut lab = Lab::new(|| Probe {
        on_data: |_, raw, data| {
            raw.shutdown_write();
            data.len()
        },
        on_peer_closed: |_, _, _| panic!("a test"),
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, "x");
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Panic"), "{:?}", lab.log.events());
}

/// The fault: what became a WebSocket or an event stream before the moment of its connection was ended at once.
#[test]
fn who_becomes_another_protocol_in_a_spread_drain_is_served_until_its_moment() {
    let mut lab = Lab::new(Probe::default);
    let fars: Vec<_> = (0..8).map(|_| lab.connect()).collect();
    lab.server.handle().shutdown(Drain::within(60 * SECOND).spread_over(50 * SECOND));
    lab.run();
    let mut served = 0;
    for (number, far) in fars.iter().enumerate().filter(|(_, far)| !far.has_server_finished()) {
        if number % 2 == 0 {
            lab.say(far, socket::UPGRADE);
            served += usize::from(socket::texts(&lab.say(far, socket::text("here"))) == ["here"]);
        } else {
            lab.say(far, get("/events"));
            served += usize::from(!far.has_server_finished());
        }
    }
    assert!(served >= 6, "{served} of 8");
    lab.advance(51 * SECOND);
    assert_eq!(lab.connections(), 0);
}

/// Two faults of a spread drain. A connection that changed its protocol before it had been given its moment was ended at once. And
/// one that did so after a second shutdown without a spread was served until its old moment.
#[test]
fn a_spread_drain_holds_for_those_it_has_not_come_to_and_ends_with_a_second_shutdown() {
    let spread = Drain::within(60 * SECOND).spread_over(50 * SECOND);
    let mut limits = Limits::default();
    limits.reactor.drains_per_turn = 1;
    let mut lab = Lab::with_limits(limits, Probe::default);
    let fars: Vec<_> = (0..8).map(|_| lab.connect()).collect();
    lab.server.handle().shutdown(spread);
    fars[7].send(socket::UPGRADE.as_bytes());
    lab.run();
    assert_eq!(statuses(&fars[7].take()), [101]);
    assert_eq!(socket::texts(&lab.say(&fars[7], socket::text("here"))), ["here"]);

    let late = LATE.get_or_init(Default::default);
    let mut lab = Lab::new(move || Probe {
        on_upgrade: |_, upgrade, _| LATE.get().unwrap().lock().unwrap().push(upgrade.defer()),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, socket::UPGRADE);
    for drain in [spread, Drain::within(50 * SECOND)] {
        lab.server.handle().shutdown(drain);
        lab.run();
    }
    for upgrade in late.lock().unwrap().drain(..) {
        upgrade.accept();
    }
    lab.run();
    let answer = far.take();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("it is accepted") + 4;
    let codes: Vec<_> = socket::frames(&answer[head..]).iter().map(|frame| frame.code()).collect();
    assert_eq!(codes, [Some(1001)], "{:?}", lab.log.events());
}

/// Upgrades that the test decides.
static LATE: OnceLock<Mutex<Vec<LateUpgrade>>> = OnceLock::new();

/// The fault: it was reported as ended by the shutdown.
#[test]
fn who_ends_before_its_moment_in_a_spread_drain_has_its_own_reason() {
    let mut lab = Lab::new(Probe::default);
    let fars: Vec<_> = (0..8).map(|_| lab.connect()).collect();
    lab.server.handle().shutdown(Drain::within(60 * SECOND).spread_over(50 * SECOND));
    lab.run();
    lab.log.take();
    let far = fars.iter().find(|far| !far.has_server_finished()).unwrap();
    lab.say(far, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(lab.log.has("disconnect Local"), "{:?}", lab.log.events());
}

/// The fault: a second shutdown with a spread gave another moment to a connection that was being drained already. Its end was then
/// reported as one of its own.
#[test]
fn a_second_spread_leaves_those_whose_moment_has_come() {
    static OWED: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| OWED.lock().unwrap().push(exchange.defer()),
        ..Probe::default()
    });
    let fars: Vec<_> = (0..8).map(|_| lab.connect()).collect();
    fars.iter().for_each(|far| drop(lab.say(far, get("/"))));
    for (spread, wait) in [(5, 5), (4, 0)] {
        lab.server.handle().shutdown(Drain::within(60 * SECOND).spread_over(SECOND * spread));
        lab.advance(SECOND * wait);
    }
    for reply in OWED.lock().unwrap().drain(..) {
        reply.ok("text/plain", "at last");
    }
    lab.run();
    let ends = lab.log.take().into_iter().filter(|event| event.starts_with("disconnect"));
    assert_eq!(ends.collect::<Vec<_>>(), vec!["disconnect Shutdown"; 8]);
}

/// The fault: a second shutdown with a shorter spread made the moment of a connection come later.
#[test]
fn a_second_spread_makes_no_moment_later() {
    let moments = |second: Option<u32>| {
        let mut lab = Lab::new(Probe::default);
        let fars: Vec<_> = (0..8).map(|_| lab.connect()).collect();
        lab.server.handle().shutdown(Drain::within(60 * SECOND).spread_over(10 * SECOND));
        let mut ends = [0; 8];
        for tenth in 1..=200 {
            if second == Some(tenth) {
                lab.server.handle().shutdown(Drain::within(60 * SECOND).spread_over(9 * SECOND));
            }
            lab.advance(SECOND / 10);
            for (end, _) in
                ends.iter_mut().zip(&fars).filter(|(end, far)| **end == 0 && far.has_server_finished())
            {
                *end = tenth;
            }
        }
        ends
    };
    let alone = moments(None);
    for second in [1, 30, 49, 90] {
        let both = moments(Some(second));
        assert!(
            both.iter().zip(&alone).all(|(both, alone)| both <= alone && *both > 0),
            "{second}: {both:?}, {alone:?}"
        );
    }
}

/// The fault: a connection that had half-closed was not held to its rate any more.
#[test]
fn a_half_closed_connection_keeps_its_rate() {
    let mut limits = Limits::default();
    limits.rate = Rate::new(0, 1000);
    let mut lab = Lab::with_limits(limits, half_closes);
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, "x");
    lab.say(&far, vec![b'x'; 1 << 20]);
    assert!(lab.server.handle().metrics().throttled > 0);
}

/// The fault: output that its bandwidth had held back was sent when that became free, and the end behind it was not.
#[test]
fn the_end_of_a_half_closed_connection_follows_output_that_was_held_back() {
    let mut lab = Lab::new(|| Probe {
        on_data: |_, raw, data| {
            if *data == *b"fast" {
                raw.set_bandwidth(Bandwidth::default());
            } else {
                raw.set_bandwidth(Bandwidth::new(0, 1000));
                raw.send("x".repeat(3000));
                raw.shutdown_write();
            }
            data.len()
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, "slow");
    assert!(!far.has_server_finished());
    lab.say(&far, "fast");
    assert!(far.has_server_finished(), "{:?}", lab.log.events());
}

/// The fault: what had waited behind a message in fragments was neither sent nor counted.
#[test]
fn what_waits_behind_a_message_in_fragments_is_counted_as_unsent() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            socket.begin(MessageKind::Text).unwrap().write("part");
            assert!(socket.send("x".repeat(1000)).is_accepted());
            socket.abort();
        },
        on_disconnect: |probe, _, end| probe.log.note(format!("unsent {}", end.unsent)),
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.say(&far, socket::text("go"));
    let unsent =
        lab.log.events().into_iter().find_map(|event| event.strip_prefix("unsent ").map(str::to_owned));
    assert!(unsent.is_some_and(|unsent| unsent.parse::<u64>().unwrap() >= 1000), "{:?}", lab.log.events());
}

/// The fault: the server got an answer in HTTP behind its own.
#[test]
fn a_server_whose_websocket_the_factory_refuses_gets_nothing_more() {
    for refuse in [Refuse::Busy, Refuse::Banner(b"go away".into()), Refuse::Silent, Refuse::Reset] {
        let is_silent = refuse == Refuse::Silent;
        let mut server = TestServer::new(move |_peer: &Peer| Err::<Probe, _>(refuse.clone()));
        server.handle().connect(Outgoing::websocket("ws://192.0.2.1/")).unwrap();
        server.run();
        let far = server.take_dials().remove(0).far;
        far.accept();
        server.run();
        let key = support::text(&far.take());
        let key = key.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("it has one");
        let accept = jackfield::proto::websocket::accept_key(key.as_bytes());
        let accept = std::str::from_utf8(&accept).unwrap();
        far.send(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        server.run();
        assert_eq!(support::text(&far.take()), "");
        assert!(far.is_reset() != is_silent && far.has_server_finished());
    }
}

/// The fault: all connections of the reactor had the round trip of the one whose callback had panicked.
#[test]
fn a_round_trip_is_not_left_behind_by_a_panic() {
    let mut lab = Lab::new(|| Probe {
        on_control: |_, _, _| panic!("a test"),
        on_request: |_, exchange, _| {
            let known = exchange.stats().and_then(|stats| stats.round_trip);
            exchange.ok("text/plain", format!("{known:?}"));
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    lab.advance(SECOND * 30 + MS * 5);
    lab.say(&far, socket::masked(FIN | socket::PONG, socket::BEAT));
    let far = lab.connect();
    assert!(lab.ask(&far, get("/")).ends_with("None"));
}

/// The fault: a client that ended its heartbeat when it was asked for it was found dead by it.
#[test]
fn a_heartbeat_that_ends_when_it_is_due_has_no_deadline() {
    type Beat = fn(&mut Probe, &mut WebSocket<'_>) -> HeartbeatAction;
    let beats: [Beat; 2] = [
        |_, socket| {
            socket.set_idle_timeout(Duration::ZERO);
            HeartbeatAction::Sent
        },
        |_, socket| {
            socket.set_heartbeat(Heartbeat::every(Duration::ZERO));
            HeartbeatAction::Sent
        },
    ];
    for on_heartbeat in beats {
        let mut lab = Lab::new(move || Probe { on_heartbeat, ..Probe::default() });
        let far = lab.websocket();
        lab.advance(SECOND * 60);
        assert!(!far.is_reset() && !lab.log.has("disconnect"), "{:?}", lab.log.events());
    }
}

/// Publishes to the topic of which it is a member, in two ways, and says what is charged then.
struct Speaker(fn(&mut WebSocket<'_>));

impl Client for Speaker {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("t");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        for _ in 0..1000 {
            (self.0)(socket);
            socket.publish_to_all("t", "b");
        }
        let charged = socket.handle().metrics().memory_bytes;
        socket.send(format!("charged {charged}"));
    }
}

/// What is charged after a thousand publications of each kind.
fn charged(first: fn(&mut WebSocket<'_>)) -> u64 {
    let mut server = TestServer::new(move |_peer: &Peer| Speaker(first));
    server.handle().declare_topic("t", History::new(10));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    far.send(&socket::text("go"));
    server.run();
    let texts = socket::texts(&far.take());
    texts.iter().find_map(|text| text.strip_prefix("charged ")).expect("it has said so").parse().unwrap()
}

/// The fault: each publication through a handle left a command behind, if this reactor published to the topic too.
#[test]
fn publications_here_and_from_elsewhere_make_one_command() {
    let here = charged(|socket| _ = socket.publish_to_all("t", "a"));
    let elsewhere = charged(|socket| _ = socket.handle().publish("t", "a"));
    assert!(elsewhere < here + 2000, "{elsewhere} bytes, and {here} for publications of this reactor alone");
}

/// The fault: a listener whose connections may hold little made each message to any topic visit all members.
#[test]
fn a_listener_with_low_marks_that_nobody_uses_makes_no_topic_slower() {
    let visits = |is_low: bool| {
        let second = Listener::tcp("in memory").limits(move |limits| {
            if is_low {
                limits.reactor.outbox_bytes_max = limits.reactor.outbox_bytes_high;
            }
        });
        let listeners = vec![Listener::tcp("in memory"), second];
        let mut lab = Lab::with_options(TestOptions { listeners, ..TestOptions::default() }, || Probe {
            on_open: |_, socket| _ = socket.subscribe("t"),
            on_message: |_, socket, _| {
                for _ in 0..100 {
                    socket.publish_to_all("t", "x");
                }
            },
            ..Probe::default()
        });
        let fars: Vec<_> = (0..50).map(|_| lab.websocket()).collect();
        let before = lab.server.wires().stats().visits.value();
        lab.say(&fars[0], socket::text("go"));
        lab.server.wires().stats().visits.value() - before
    };
    assert_eq!(visits(true), visits(false));
}

/// A member of `a`.
struct Mover;

impl Client for Mover {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.set_overflow(Overflow::NewestPerKey);
        socket.subscribe("a");
    }
}

/// The fault: a message of one topic took the place of one of another with the same key.
#[test]
fn a_key_counts_only_in_its_topic_even_if_that_gave_its_place_to_another() {
    let mut server = TestServer::new(|_peer: &Peer| Mover);
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.take();
    far.set_room(Some(0));
    let handle = server.handle();
    handle.publish("a", &*"x".repeat(100_000));
    server.run();
    handle.publish("a", Publication::from("of a").key("k"));
    server.run();
    // The place of `a` among the topics is free then, and `b` gets it.
    let change = |_: &mut Mover, connection: &mut Connection<'_>| {
        connection.unsubscribe("a");
        connection.subscribe("b");
    };
    handle.with_client(handle.ids()[0], change).unwrap();
    server.run();
    handle.publish("b", Publication::from("of b").key("k"));
    server.run();
    far.set_room(None);
    server.run();
    let texts = socket::texts(&far.take());
    assert_eq!(texts[1..], ["of a", "of b"], "{} texts", texts.len());
}

/// The fault: a connection over TLS that was closed and waited for the end of its peer still held what it had got. With
/// enough of them a reactor tried for ever to evict what could not be evicted.
#[test]
fn a_closed_connection_over_tls_holds_nothing_of_its_peers_input() {
    let identity = Identity::new();
    let (mut options, log) = observed();
    options.tls = Some(identity.server_config());
    options.limits.memory_bytes_max = 1 << 20;
    let mut lab = Lab::with_options(options, Probe::default);
    let before = lab.server.handle().metrics().memory_bytes;
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = Secured::new(lab.connect(), identity.client_config(rustls::DEFAULT_VERSIONS));
        peer.shake_hands(&mut lab.server).unwrap();
        let record = peer.encrypt(&[b'x'; 16 << 10]);
        peer.far.send(&record[..12_000]);
        lab.run();
        peers.push(peer);
    }
    let handle = lab.server.handle();
    handle.ids().into_iter().for_each(|id| handle.close(id).unwrap());
    lab.run();
    assert_eq!((lab.connections(), lab.lingering()), (0, 8));
    // Buffers that wait for their next use are counted too.
    let after = lab.server.handle().metrics().memory_bytes;
    assert!(after < before + 50_000, "{after} bytes, {before} before");
    assert_eq!(log.count("evicted"), 0);
}

/// The fault: an upload over TLS that was evicted got a reset, because what its session kept of the next record counted as
/// too much for a last word.
#[test]
fn an_evicted_upload_over_tls_gets_503() {
    const KIB: usize = 1 << 10;
    let identity = Identity::new();
    let (mut options, log) = observed();
    options.tls = Some(identity.server_config());
    options.limits.memory_bytes_max = 1 << 20;
    let mut lab = Lab::with_options(options, Probe::default);
    let mut peers = Vec::new();
    for _ in 0..7 {
        let mut peer = Secured::new(lab.connect(), identity.client_config(rustls::DEFAULT_VERSIONS));
        peer.shake_hands(&mut lab.server).unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 200 * KIB);
        peer.say(&mut lab.server, head);
        peers.push(peer);
    }
    // Whenever one is read, half of its next record comes too.
    let mut rests = vec![Vec::new(); peers.len()];
    for _ in 0..9 {
        for (peer, rest) in peers.iter_mut().zip(&mut rests) {
            let record = peer.encrypt(&[b'x'; 16 * KIB]);
            rest.extend_from_slice(&record[..12_000]);
            peer.far.send(rest);
            *rest = record[12_000..].to_vec();
            lab.run();
        }
    }
    lab.advance(SECOND * 11);
    assert!(log.count("evicted") > 0, "{:?}", log.events());
    let answers: Vec<u16> = peers.iter_mut().flat_map(|peer| statuses(&peer.hear())).collect();
    assert_eq!(answers.iter().filter(|status| **status == 503).count(), log.count("evicted"), "{answers:?}");
}

/// The fault: what a client had when it asked for single frames was not charged.
#[test]
fn the_state_of_single_frames_is_charged() {
    let of = |wants_frames: bool| {
        let mut lab = Lab::new(move || Probe { wants_frames, ..Probe::default() });
        let _fars: Vec<_> = (0..10).map(|_| lab.websocket()).collect();
        lab.server.handle().metrics().memory_bytes
    };
    assert!(of(true) > of(false) + 10 * 100, "{} and {}", of(true), of(false));
}
