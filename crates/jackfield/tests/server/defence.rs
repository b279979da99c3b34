//! Every limit that is there against peers: what the peer sees of it, what the user is told, and what is counted. The
//! rows are those of docs/limits.md, and none may be missing.

use crate::{support, tls};
use jackfield::proto::{http1, websocket};
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    BodyPlan, Deflate, Drain, Limit, Limits, Metrics, OnRateExceeded, ProtocolError, Rate, Reason,
    RefuseReason, Timeout,
};
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Probe, Watcher};
use support::{Lab, get, socket, statuses, text};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Limits that are not there against peers: they share out turns and memory, or bound what the server's own threads and
/// handlers ask for, who get an answer.
const NO_CLASS: [&str; 28] = [
    "drain_spread",
    "outgoing_max",
    "mailbox_max",
    "mailbox_bytes_max",
    "events_per_turn",
    "topics_max",
    "topic_bytes_max",
    "websocket.frame_in_place_bytes_max",
    "deflate.mode",
    "deflate.message_bytes_min",
    "deflate.window_bits_max",
    "deflate.level",
    "deflate.memory_bytes_max",
    "reactor.read_bytes",
    "reactor.carry_bytes_first",
    "reactor.outbox_bytes_high",
    "reactor.outbox_bytes_low",
    "reactor.accepts_per_turn",
    "reactor.commands_per_turn",
    "reactor.timers_per_turn",
    "reactor.looks_per_turn",
    "reactor.drains_per_turn",
    "reactor.handshakes_per_turn",
    // Shown by a test of the reactor's.
    "reactor.lingering_max",
    "Listener::backlog",
    // Shown by `jackfield attack slow-readers`, and by a test of the reactor's.
    "Listener::notsent_lowat",
    // A ping, and a comment.
    "heartbeat",
    "events_heartbeat",
];

/// Covered by a test of its own, below: it needs TLS.
const BY_ITSELF: [&str; 1] = ["reactor.handshake"];

/// It paces bytes and ends nothing: in `scoreboard/c18.rs`.
const BANDWIDTH: [&str; 2] = ["bandwidth.bytes_in", "bandwidth.bytes_out"];

/// Shown with all that belongs to it in `scoreboard/n5.rs`.
const MEMORY: [&str; 3] = ["memory_bytes_max", "reactor.wire_memory_bytes_max", "reactor.memory_wait"];

/// Against what holds a reactor up: in `scoreboard/n14.rs` and `scoreboard/n11.rs`.
const LOAD: [&str; 4] = ["lag_target", "lag_window", "callback_slow", "callback_stall"];

/// What the peer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// An answer with this status, and the end.
    Status(u16),
    /// A Close with this code, and the end.
    Code(u16),
    /// The end alone.
    End,
    Reset,
    /// It is not read for a while.
    Nothing,
}

/// What the user is told, and where it is counted.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// By `on_disconnect`, with its reason.
    Ended(Reason),
    /// By the observer: there was no client yet.
    Refused(RefuseReason),
    /// By the observer, and the connection goes on.
    Throttled(Limit),
}

impl Told {
    fn event(self) -> String {
        match self {
            Self::Ended(why) => format!("disconnect {why:?}"),
            Self::Refused(why) => format!("refused {why:?}"),
            Self::Throttled(why) => format!("throttled {why:?}"),
        }
    }

    fn counter(self, metrics: &Metrics) -> u64 {
        match self {
            Self::Ended(why) => metrics.ended(why),
            Self::Refused(_) => metrics.refused,
            Self::Throttled(_) => metrics.throttled,
        }
    }
}

/// One class of what peers do.
struct Class {
    /// The limits that stand against it.
    rows: &'static [&'static str],
    /// How they are set for the test.
    limits: fn(&mut Limits),
    /// What the peer does. Returns the connection that it concerns.
    play: fn(&mut Lab) -> FarEnd,
    seen: Seen,
    told: Told,
}

const fn http(error: http1::Error) -> Told {
    Told::Ended(Reason::Protocol(ProtocolError::Http(error)))
}

const fn frames(error: websocket::Error) -> Told {
    Told::Ended(Reason::Protocol(ProtocolError::WebSocket(error)))
}

const fn late(timeout: Timeout) -> Told {
    Told::Ended(Reason::Timeout(timeout))
}

const fn over(limit: Limit) -> Told {
    Told::Ended(Reason::Limit(limit))
}

/// Defaults.
fn as_they_are(_: &mut Limits) {}

/// A connection on which this is said.
fn say(lab: &mut Lab, said: impl AsRef<[u8]>) -> FarEnd {
    let far = lab.connect();
    far.send(said.as_ref());
    lab.run();
    far
}

/// A WebSocket on which this is said.
fn tell(lab: &mut Lab, said: impl AsRef<[u8]>) -> FarEnd {
    let far = lab.websocket();
    far.send(said.as_ref());
    lab.run();
    far
}

/// A connection of the user's own protocol on which this is said.
fn utter(lab: &mut Lab, listener: usize, said: impl AsRef<[u8]>) -> FarEnd {
    let far = lab.connect_to(listener);
    far.send(said.as_ref());
    lab.run();
    far
}

/// A connection that nothing is said on for so long.
fn wait(lab: &mut Lab, far: FarEnd, time: Duration) -> FarEnd {
    lab.advance(time);
    far
}

fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

const RATE: Rate = Rate::new(3, 200);

/// In the first byte of a frame (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;

fn new_connections() -> Vec<Class> {
    vec![
        Class {
            rows: &["connections_max"],
            limits: |limits| limits.connections_max = 1,
            play: |lab| {
                std::mem::forget(lab.connect());
                lab.connect()
            },
            seen: Seen::Status(503),
            told: Told::Refused(RefuseReason::Full),
        },
        Class {
            rows: &["connections_per_address_max"],
            limits: |limits| limits.connections_per_address_max = 1,
            play: |lab| {
                std::mem::forget(lab.connect());
                lab.connect()
            },
            seen: Seen::Reset,
            told: Told::Refused(RefuseReason::AddressFull),
        },
        Class {
            rows: &["accepts_per_address_max"],
            limits: |limits| limits.accepts_per_address_max = 1,
            play: |lab| {
                std::mem::forget(lab.connect());
                lab.connect()
            },
            seen: Seen::Reset,
            told: Told::Refused(RefuseReason::AddressRate),
        },
        Class {
            rows: &["reactor.wires_max"],
            limits: |limits| limits.reactor.wires_max = 1,
            play: |lab| {
                std::mem::forget(lab.connect());
                lab.connect()
            },
            seen: Seen::End,
            told: Told::Refused(RefuseReason::Full),
        },
    ]
}

fn rates() -> Vec<Class> {
    vec![
        Class {
            rows: &["rate.messages"],
            limits: |limits| limits.rate = Rate::new(RATE.messages, 0).on_exceeded(RATE.on_exceeded),
            play: |lab| say(lab, get("/").repeat(4)),
            seen: Seen::Nothing,
            told: Told::Throttled(Limit::Rate),
        },
        Class {
            rows: &["rate.messages"],
            limits: |limits| limits.rate = Rate::new(RATE.messages, 0).on_exceeded(OnRateExceeded::Close),
            play: |lab| say(lab, get("/").repeat(4)),
            seen: Seen::Status(429),
            told: over(Limit::Rate),
        },
        Class {
            rows: &["rate.bytes"],
            limits: |limits| limits.rate = Rate::new(0, RATE.bytes).on_exceeded(RATE.on_exceeded),
            play: |lab| {
                let far = utter(lab, listener::RAW, [b'x'; 200]);
                far.send(b"x");
                lab.run();
                far
            },
            seen: Seen::Nothing,
            told: Told::Throttled(Limit::Rate),
        },
        Class {
            rows: &["rate.bytes"],
            limits: |limits| limits.rate = Rate::new(0, 1000).on_exceeded(OnRateExceeded::Close),
            play: |lab| {
                let far = tell(lab, socket::text(&"x".repeat(1000)));
                far.send(&socket::text("x"));
                lab.run();
                far
            },
            seen: Seen::Code(1008),
            told: over(Limit::Rate),
        },
        Class {
            rows: &["control_frames"],
            limits: as_they_are,
            play: |lab| tell(lab, socket::ping(b"").repeat(101)),
            seen: Seen::Code(1008),
            told: over(Limit::ControlFrames),
        },
    ]
}

fn sizes() -> Vec<Class> {
    vec![
        Class {
            rows: &["line_bytes_max"],
            limits: as_they_are,
            play: |lab| utter(lab, listener::LINES, "x".repeat(70_000)),
            seen: Seen::Reset,
            told: over(Limit::Line),
        },
        Class {
            rows: &["body_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, post("Content-Length: 1048577\r\n", "")),
            seen: Seen::Status(413),
            told: http(http1::Error::BodyTooLarge),
        },
        Class {
            rows: &["websocket.message_bytes_max"],
            limits: |limits| limits.websocket.message_bytes_max = 1000,
            play: |lab| tell(lab, &socket::binary(&[0; 1001])[..20]),
            seen: Seen::Code(1009),
            told: frames(websocket::Error::MessageTooLong),
        },
        // A compressed message does not come in parts. This one is longer than such a message can be while it is compressed.
        Class {
            rows: &["websocket.stream_above"],
            limits: |limits| (limits.websocket.stream_above, limits.deflate) = (1000, Deflate::shared()),
            play: |lab| {
                let far = lab.connect();
                lab.say(&far, socket::upgrade_with("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
                far.send(&socket::masked(socket::FIN | COMPRESSED | socket::BINARY, &[0; 1190]));
                lab.run();
                far
            },
            seen: Seen::Code(1009),
            told: frames(websocket::Error::MessageTooLong),
        },
        Class {
            rows: &["websocket.accept_unmasked"],
            limits: as_they_are,
            play: |lab| tell(lab, b"\x81\x05hello"),
            seen: Seen::Code(1002),
            told: frames(websocket::Error::Unmasked),
        },
        Class {
            rows: &["websocket.fragments_max"],
            limits: |limits| limits.websocket.fragments_max = 3,
            play: |lab| {
                let begin = socket::masked(socket::TEXT, b"x");
                tell(lab, [begin, socket::masked(socket::CONTINUATION, b"x").repeat(3)].concat())
            },
            seen: Seen::Code(1008),
            told: frames(websocket::Error::TooManyFragments),
        },
        Class {
            rows: &["reactor.carry_bytes_max"],
            limits: as_they_are,
            play: |lab| utter(lab, listener::RAW, "keep".repeat(20_000)),
            seen: Seen::End,
            told: over(Limit::ReadBuffer),
        },
        Class {
            rows: &["reactor.outbox_bytes_max"],
            limits: |limits| limits.reactor.outbox_bytes_max = 100_000,
            play: |lab| {
                let far = lab.websocket();
                far.set_room(Some(0));
                for _ in 0..3 {
                    // Its peer is not read any more, but others send.
                    let id = lab.server.wires().ids().next().unwrap();
                    lab.server.handle().send(id, &[0; 60_000][..]).unwrap();
                    lab.run();
                }
                far.set_room(None);
                lab.run();
                far
            },
            seen: Seen::Code(1013),
            told: over(Limit::Backlog),
        },
    ]
}

fn heads() -> Vec<Class> {
    vec![
        Class {
            rows: &["http.head_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(16 << 10))),
            seen: Seen::Status(431),
            told: http(http1::Error::HeadTooLarge),
        },
        Class {
            rows: &["http.headers_max"],
            limits: as_they_are,
            play: |lab| say(lab, format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(100))),
            seen: Seen::Status(431),
            told: http(http1::Error::TooManyHeaders),
        },
        Class {
            rows: &["http.headers_max"],
            limits: as_they_are,
            play: |lab| say(lab, chunked(&format!("0\r\n{}", "X: y\r\n".repeat(101)))),
            seen: Seen::Status(431),
            told: http(http1::Error::TooManyHeaders),
        },
        Class {
            rows: &["http.target_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, get(&"/".repeat((8 << 10) + 1))),
            seen: Seen::Status(414),
            told: http(http1::Error::TargetTooLong),
        },
        Class {
            rows: &["http.chunk_line_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, chunked(&format!("1;{}", "x".repeat(256)))),
            seen: Seen::Status(400),
            told: http(http1::Error::ChunkLineTooLong),
        },
        Class {
            rows: &["http.chunk_extension_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, chunked(&format!("1;{}\r\nx\r\n", "x".repeat(200)).repeat(100))),
            seen: Seen::Status(400),
            told: http(http1::Error::ChunkExtensionsTooLong),
        },
        Class {
            rows: &["http.trailer_bytes_max"],
            limits: as_they_are,
            play: |lab| say(lab, chunked(&format!("0\r\nX: {}\r\n", "y".repeat(8 << 10)))),
            seen: Seen::Status(431),
            told: http(http1::Error::TrailersTooLarge),
        },
        Class {
            rows: &["http.drain_bytes_max"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, post("X-Plan: reject\r\nTransfer-Encoding: chunked\r\n", "20000\r\n"));
                far.send(&[b'x'; (64 << 10) + 1]);
                lab.run();
                far
            },
            seen: Seen::Status(403),
            told: http(http1::Error::DrainTooLong),
        },
    ]
}

fn deadlines() -> Vec<Class> {
    vec![
        Class {
            rows: &["head_timeout"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, "GET /");
                wait(lab, far, SECOND * 10)
            },
            seen: Seen::Status(408),
            told: late(Timeout::Head),
        },
        Class {
            rows: &["body_interval", "body_interval_bytes_min"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, post("Content-Length: 9\r\n", "x"));
                wait(lab, far, SECOND * 10)
            },
            seen: Seen::Status(408),
            told: late(Timeout::Body),
        },
        Class {
            rows: &["upgrade_wait"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, socket::UPGRADE.replace("/ws", "/late"));
                wait(lab, far, SECOND * 10)
            },
            seen: Seen::Status(503),
            told: late(Timeout::Upgrade),
        },
        Class {
            rows: &["answer_timeout"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, get("/stream"));
                wait(lab, far, SECOND * 60)
            },
            seen: Seen::Reset,
            told: late(Timeout::Answer),
        },
        Class {
            rows: &["requests_max"],
            limits: |limits| limits.requests_max = 1,
            play: |lab| say(lab, get("/")),
            seen: Seen::Status(200),
            told: Told::Ended(Reason::Local),
        },
        Class {
            rows: &["half_closed"],
            limits: |limits| limits.half_closed = false,
            play: |lab| {
                let far = say(lab, get("/never"));
                far.finish();
                lab.run();
                far
            },
            seen: Seen::End,
            told: Told::Ended(Reason::Peer),
        },
        Class {
            rows: &["message_timeout"],
            limits: as_they_are,
            play: |lab| {
                let far = tell(lab, socket::masked(socket::TEXT, b"x"));
                for _ in 0..3 {
                    far.send(&socket::masked(socket::CONTINUATION, b"x"));
                    lab.advance(SECOND * 20);
                }
                far
            },
            seen: Seen::Code(1008),
            told: late(Timeout::Message),
        },
    ]
}

fn idle_connections() -> Vec<Class> {
    vec![
        Class {
            rows: &["http_idle"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.connect();
                wait(lab, far, SECOND * 75)
            },
            seen: Seen::End,
            told: late(Timeout::Idle),
        },
        Class {
            rows: &["websocket_idle"],
            limits: |limits| limits.heartbeat = Duration::ZERO,
            play: |lab| {
                let far = lab.websocket();
                wait(lab, far, SECOND * 120)
            },
            seen: Seen::Code(1001),
            told: late(Timeout::Idle),
        },
        Class {
            rows: &["raw_idle"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.connect_to(listener::RAW);
                wait(lab, far, SECOND * 300)
            },
            seen: Seen::End,
            told: late(Timeout::Idle),
        },
        Class {
            rows: &["heartbeat_dead"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.websocket();
                wait(lab, far, SECOND * 50)
            },
            seen: Seen::Reset,
            told: late(Timeout::Heartbeat),
        },
    ]
}

fn ends() -> Vec<Class> {
    vec![
        Class {
            rows: &["max_lifetime"],
            limits: |limits| limits.max_lifetime = SECOND * 5,
            play: |lab| {
                let far = lab.websocket();
                wait(lab, far, SECOND * 5)
            },
            seen: Seen::Code(1001),
            told: late(Timeout::Lifetime),
        },
        Class {
            rows: &["reactor.write_stall", "reactor.write_stall_bytes_min"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.connect_to(listener::RAW);
                far.set_room(Some(10));
                far.send(&[b'x'; 1000]);
                lab.run();
                wait(lab, far, SECOND * 30)
            },
            seen: Seen::Reset,
            told: late(Timeout::Write),
        },
        // The reason is known before the deadline of these two peers has passed; the test is that they have been closed
        // then.
        Class {
            rows: &["close_wait"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.websocket();
                let id = lab.server.wires().ids().next().unwrap();
                lab.server.handle().close(id).unwrap();
                lab.advance(SECOND * 5 - MS);
                assert_eq!(lab.connections(), 1);
                lab.advance(MS);
                assert_eq!(lab.connections(), 0);
                far
            },
            seen: Seen::Code(1000),
            told: Told::Ended(Reason::Local),
        },
        Class {
            rows: &["reactor.flush_interval", "reactor.flush_interval_bytes_min"],
            limits: as_they_are,
            play: |lab| {
                let far = lab.connect();
                far.set_room(Some(10));
                far.send(b"BAD\r\n\r\n");
                lab.run();
                lab.advance(SECOND * 15 - MS);
                assert_eq!(lab.connections(), 1);
                lab.advance(MS);
                far
            },
            seen: Seen::Reset,
            told: http(http1::Error::Method),
        },
        Class {
            rows: &["reactor.unread_wait"],
            limits: as_they_are,
            play: |lab| {
                let far = utter(lab, listener::RAW, "pause");
                far.send(b"unread");
                far.finish();
                lab.advance(SECOND * 30 - MS);
                assert_eq!(lab.connections(), 1);
                lab.advance(MS);
                far
            },
            seen: Seen::End,
            told: Told::Ended(Reason::Peer),
        },
        Class {
            rows: &["reactor.linger", "reactor.linger_max"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, "BAD\r\n\r\n");
                for _ in 1..30 {
                    lab.advance(SECOND);
                    assert_eq!((lab.connections(), lab.lingering()), (0, 1));
                    far.send(b"more");
                }
                lab.advance(SECOND);
                assert_eq!(lab.lingering(), 0);
                far
            },
            seen: Seen::Status(400),
            told: http(http1::Error::Method),
        },
        Class {
            rows: &["drain"],
            limits: as_they_are,
            play: |lab| {
                let far = say(lab, get("/never"));
                lab.server.handle().shutdown(Drain::within(lab_drain()));
                wait(lab, far, lab_drain())
            },
            seen: Seen::Reset,
            told: Told::Ended(Reason::Shutdown),
        },
    ]
}

/// As at a signal.
fn lab_drain() -> Duration {
    Limits::default().drain
}

fn classes() -> Vec<Class> {
    [new_connections(), rates(), sizes(), heads(), deadlines(), idle_connections(), ends()]
        .into_iter()
        .flatten()
        .collect()
}

/// Echoes messages, refuses requests that ask for it, decides late on `/late` and never answers `/never`.
fn probe() -> Probe {
    Probe {
        on_request: |_, exchange, request| match request.path() {
            "/never" => std::mem::forget(exchange.defer()),
            "/stream" => drop(exchange.stream(200, "text/plain")),
            _ => exchange.ok("text/plain", "ok"),
        },
        on_upgrade: |_, upgrade, request| match request.path() {
            "/late" => std::mem::forget(upgrade.defer()),
            _ => upgrade.accept(),
        },
        on_head: |_, _, request| match request.header("X-Plan") {
            Some(_) => BodyPlan::Reject(403),
            None => BodyPlan::Collect,
        },
        on_data: |_, raw, data| {
            if data.starts_with(b"keep") {
                return 0;
            }
            if data.starts_with(b"pause") {
                raw.pause_read();
                return data.len();
            }
            raw.send(&*data);
            data.len()
        },
        ..Probe::default()
    }
}

#[track_caller]
fn check(class: &Class) {
    let Class { rows, limits: set, play, seen, told } = class;
    let mut limits = Limits::default();
    set(&mut limits);
    let mut lab = Lab::with_limits(limits, probe);
    let far = play(&mut lab);
    let heard = far.take();
    let (is_finished, is_reset) = (far.has_server_finished(), far.is_reset());
    let shown = || format!("{rows:?}: {}, finished: {is_finished}, reset: {is_reset}", text(&heard));
    match *seen {
        Seen::Status(status) => {
            assert_eq!(statuses(&heard).last(), Some(&status), "{}", shown());
            assert!(is_finished && !is_reset, "{}", shown());
        }
        Seen::Code(code) => {
            let last = socket::frames(&heard).pop();
            assert_eq!(last.and_then(|frame| frame.code()), Some(code), "{}", shown());
        }
        Seen::End => assert!(is_finished && heard.is_empty(), "{}", shown()),
        Seen::Reset => assert!(is_reset, "{}", shown()),
        Seen::Nothing => assert!(!is_finished && !is_reset, "{}", shown()),
    }
    far.finish();
    lab.advance(SECOND * 40);
    let event = told.event();
    assert_eq!(lab.log.count(&event), 1, "{rows:?}: {event}: {:?}", lab.log.events());
    assert_eq!(told.counter(&lab.server.handle().metrics()), 1, "{rows:?}");
    assert!(far.has_server_finished() || far.is_reset(), "{rows:?}: it is still there");
}

#[test]
fn every_class_has_an_answer_an_event_with_its_reason_and_a_counter() {
    classes().iter().for_each(check);
}

#[test]
fn no_limit_is_without_its_class() {
    let classes = classes();
    let mut covered: Vec<&str> = classes.iter().flat_map(|class| class.rows).copied().collect();
    covered.extend(NO_CLASS);
    covered.extend(BY_ITSELF);
    covered.extend(BANDWIDTH);
    covered.extend(MEMORY);
    covered.extend(LOAD);
    for row in Limits::default().table() {
        // The name of a limit that is not implemented yet is in brackets.
        assert!(row.name.starts_with('(') || covered.contains(&row.name), "`{}` is not shown here", row.name);
    }
}

/// The table says of none of them that a connection ends, or is refused by the server.
#[test]
fn a_limit_without_a_class_ends_no_connection() {
    const ENDS: [&str; 7] = ["close", "abort", "reset", "evict", "503", "1002", "1009"];
    let is_said = |text: &str| ENDS.iter().any(|end| text.contains(end));
    let table = Limits::default().table();
    let (without, with): (Vec<_>, Vec<_>) = table.iter().partition(|row| NO_CLASS.contains(&row.name));
    assert_eq!(without.len(), NO_CLASS.len());
    for row in without {
        assert!(!is_said(row.consequence), "`{}`: {}", row.name, row.consequence);
    }
    assert!(with.iter().filter(|row| is_said(row.consequence)).count() > 30, "the words are the table's");
}

#[test]
fn a_handshake_that_does_not_end_is_reported_and_counted() {
    let watcher = Watcher::default();
    let options = TestOptions {
        observer: Arc::new(watcher.clone()),
        tls: Some(tls::Identity::new().server_config()),
        ..TestOptions::default()
    };
    let mut server = TestServer::with_options(options, |_peer| Probe::default());
    let far = server.connect();
    far.send(b"\x16\x03\x01\x02\x00");
    server.advance(Limits::default().reactor.handshake);
    assert!(far.is_reset());
    assert_eq!(watcher.log.events(), ["tls error Timeout(Handshake)"]);
    assert_eq!(server.handle().metrics().ended(Reason::Timeout(Timeout::Handshake)), 1);
}
