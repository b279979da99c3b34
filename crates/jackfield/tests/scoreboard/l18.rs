//! Limits of one listener: those of the transport.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{Limits, Listener, Overflow, Sent, Server, ServerBuilder};
use std::net::SocketAddr;
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, get, socket};

const SECOND: Duration = Duration::from_secs(1);
const KIB: usize = 1 << 10;

type Change = fn(&mut Limits);

/// What happens to a connection where a limit differs.
struct Case {
    limit: &'static str,
    /// What the server has, so that the limit can be reached.
    server: Change,
    /// What one listener changes.
    own: Change,
    listener: fn() -> Listener,
    /// What became of the connection, as a text.
    play: fn(&mut Lab, &FarEnd) -> String,
}

fn as_it_is(_limits: &mut Limits) {}

fn raw() -> Listener {
    Listener::tcp("in memory").raw()
}

/// A client that does what the first byte says: keep all bytes, pause, close, or send one KiB for each byte.
fn obeys() -> Probe {
    Probe {
        on_data: |probe, raw, data| {
            match data[0] {
                b'k' => return 0,
                b'p' => raw.pause_read(),
                b'c' => raw.close(),
                b's' => {
                    let sent: Vec<Sent> = data.iter().map(|_| raw.send(&[b'x'; KIB])).collect();
                    let count = |what| sent.iter().filter(|sent| **sent == what).count();
                    let (queued, congested) = (count(Sent::Queued), count(Sent::Congested));
                    probe.log.note(format!("{queued} queued, {congested} congested of {}", sent.len()));
                }
                _ => {}
            }
            data.len()
        },
        ..Probe::default()
    }
}

/// Lets so many KiB be queued for a peer that does not read.
fn queue(lab: &mut Lab, far: &FarEnd, kib: usize) {
    far.set_room(Some(0));
    far.send(&vec![b's'; kib]);
    lab.run();
}

fn told(lab: &Lab) -> String {
    lab.log.events().join(", ")
}

/// In which second this is true, and what was told. In each second the peer does something.
fn second(lab: &mut Lab, each: impl Fn(), is_over: impl Fn(&Lab) -> bool) -> String {
    let mut seconds = 0;
    while !is_over(lab) && seconds < 100 {
        each();
        lab.advance(SECOND);
        seconds += 1;
    }
    format!("second {seconds}: {}", told(lab))
}

fn is_gone(lab: &Lab) -> bool {
    lab.connections() == 0
}

/// Lets the peer read on by 1 KiB at a time, until `on_drain` comes.
fn drain(lab: &mut Lab, far: &FarEnd) -> String {
    let mut steps = 0;
    while !lab.log.has("drain") && steps < 200 {
        far.set_room(Some(KIB));
        lab.run();
        steps += 1;
    }
    format!("step {steps}: {}", told(lab))
}

/// A case on a listener for bytes.
const CASE: Case =
    Case { limit: "", server: as_it_is, own: as_it_is, listener: raw, play: |lab, _| told(lab) };

fn queues() -> [Case; 5] {
    [
        Case {
            limit: "reactor.carry_bytes_max",
            own: |limits| limits.reactor.carry_bytes_max = 128 * KIB,
            play: |lab, far| {
                for _ in 0..10 {
                    lab.say(far, vec![b'k'; 10 * KIB]);
                }
                let wires = lab.server.wires();
                let kept = wires.ids().next().map(|id| wires.unread(id));
                format!("{kept:?} bytes are kept: {}", told(lab))
            },
            ..CASE
        },
        Case {
            limit: "reactor.outbox_bytes_high",
            own: |limits| limits.reactor.outbox_bytes_high = 20 * KIB,
            play: |lab, far| {
                queue(lab, far, 50);
                drain(lab, far)
            },
            ..CASE
        },
        Case {
            limit: "reactor.outbox_bytes_low",
            own: |limits| limits.reactor.outbox_bytes_low = 2 * KIB,
            play: |lab, far| {
                queue(lab, far, 70);
                drain(lab, far)
            },
            ..CASE
        },
        Case {
            limit: "reactor.outbox_bytes_max",
            own: |limits| limits.reactor.outbox_bytes_max = 100 * KIB,
            play: |lab, far| {
                queue(lab, far, 200);
                told(lab)
            },
            ..CASE
        },
        Case {
            limit: "reactor.wire_memory_bytes_max",
            server: |limits| limits.reactor.outbox_bytes_max = 8 * KIB * KIB,
            own: |limits| limits.reactor.wire_memory_bytes_max = 2 * KIB * KIB,
            play: |lab, far| {
                queue(lab, far, 3 * KIB);
                told(lab)
            },
            ..CASE
        },
    ]
}

fn times() -> [Case; 9] {
    [
        Case {
            limit: "reactor.write_stall",
            own: |limits| limits.reactor.write_stall = SECOND * 5,
            play: |lab, far| {
                queue(lab, far, 1);
                second(lab, || {}, is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.write_stall_bytes_min",
            own: |limits| limits.reactor.write_stall_bytes_min = 1000,
            play: |lab, far| {
                queue(lab, far, 20);
                second(lab, || far.set_room(Some(10)), is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.flush_interval",
            own: |limits| limits.reactor.flush_interval = SECOND * 3,
            play: |lab, far| {
                queue(lab, far, 20);
                lab.say(far, "c");
                second(lab, || far.set_room(Some(10)), is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.flush_interval_bytes_min",
            own: |limits| limits.reactor.flush_interval_bytes_min = 100,
            play: |lab, far| {
                queue(lab, far, 20);
                lab.say(far, "c");
                second(lab, || far.set_room(Some(10)), is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.linger",
            own: |limits| limits.reactor.linger = SECOND * 5,
            play: |lab, far| {
                lab.say(far, "c");
                second(lab, || {}, |lab| lab.lingering() == 0)
            },
            ..CASE
        },
        Case {
            limit: "reactor.linger_max",
            own: |limits| limits.reactor.linger_max = SECOND * 6,
            play: |lab, far| {
                lab.say(far, "c");
                second(lab, || far.send(b"more"), |lab| lab.lingering() == 0)
            },
            ..CASE
        },
        Case {
            limit: "reactor.unread_wait",
            own: |limits| limits.reactor.unread_wait = SECOND * 3,
            play: |lab, far| {
                lab.say(far, "p");
                far.send(b"unread");
                far.finish();
                second(lab, || {}, is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.memory_wait",
            server: |limits| limits.memory_bytes_max = 1_200_000,
            own: |limits| limits.reactor.memory_wait = SECOND * 3,
            play: |lab, far| {
                queue(lab, far, KIB);
                second(lab, || {}, is_gone)
            },
            ..CASE
        },
        Case {
            limit: "reactor.handshake",
            own: |limits| limits.reactor.handshake = SECOND * 3,
            // A PROXY header.
            listener: || raw().proxy_required(["0.0.0.0/0", "::/0"]),
            play: |lab, _| second(lab, || {}, is_gone),
            ..CASE
        },
    ]
}

fn tls_case() -> Case {
    Case {
        limit: "reactor.handshake",
        own: |limits| limits.reactor.handshake = SECOND * 3,
        listener: || raw().tls_config(tls::Identity::new().server_config()),
        play: |lab, far| {
            far.send(b"\x16\x03\x01\x02\x00");
            second(lab, || far.send(b"\x01"), is_gone)
        },
        ..CASE
    }
}

/// What becomes of a connection from this address to the listener with this index.
fn outcome(case: &Case, limits: Limits, listeners: Vec<Listener>, peer: SocketAddr, index: usize) -> String {
    let mut lab = Lab::with_options(TestOptions { limits, listeners, ..TestOptions::default() }, obeys);
    let far = lab.server.connect_from(peer, index);
    lab.run();
    (case.play)(&mut lab, &far)
}

#[track_caller]
fn check(case: &Case, peer: SocketAddr) {
    let server = Limits::default().with(case.server);
    let listeners = || vec![(case.listener)(), (case.listener)().limits(case.own)];
    let [usual, own] = [0, 1].map(|index| outcome(case, server.clone(), listeners(), peer, index));
    let alone = |limits: &Limits| outcome(case, limits.clone(), vec![(case.listener)()], peer, 0);
    assert_eq!(usual, alone(&server), "{}: the server's", case.limit);
    assert_eq!(own, alone(&server.clone().with(case.own)), "{}: the listener's own", case.limit);
    assert_ne!(usual, own, "{}: it makes no difference", case.limit);
    // With both at once nothing is different.
    let both = vec![(case.listener)(), (case.listener)().limits(case.own)];
    let mut lab =
        Lab::with_options(TestOptions { limits: server, listeners: both, ..TestOptions::default() }, obeys);
    let other = lab.connect_to(0);
    other.reset();
    lab.run();
    lab.log.take();
    let far = lab.server.connect_from(peer, 1);
    lab.run();
    assert_eq!((case.play)(&mut lab, &far), own, "{}: in a slot that was used before", case.limit);
}

#[test]
fn l18_a_listener_has_its_own_limits_of_the_transport() {
    let cases: Vec<Case> = queues().into_iter().chain(times()).chain([tls_case()]).collect();
    // A peer over IPv6 is stored elsewhere.
    let peers = ["192.0.2.1:1000", "[2001:db8::1]:1000"].map(|peer| peer.parse().unwrap());
    for peer in peers {
        cases.iter().for_each(|case| check(case, peer));
    }
    let table = Limits::default().table();
    let own = table.iter().filter(|row| row.name.starts_with("reactor.") && !row.is_server_wide);
    let mut names: Vec<&str> = cases.iter().map(|case| case.limit).collect();
    names.dedup();
    names.sort_unstable();
    let mut wanted: Vec<&str> = own.map(|row| row.name).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "each has its case");
}

/// WebSockets at two listeners, of which the second has low marks.
fn two_sizes(make: impl Fn() -> Probe + 'static) -> Lab {
    let low = Listener::tcp("in memory").limits(|limits| {
        (limits.reactor.outbox_bytes_low, limits.reactor.outbox_bytes_high) = (100, KIB);
        limits.reactor.outbox_bytes_max = 4 * KIB;
    });
    let listeners = vec![Listener::tcp("in memory"), low];
    Lab::with_options(TestOptions { listeners, ..TestOptions::default() }, make)
}

/// Members that do not read, of both kinds and in one topic, get as much as each may have. Some messages come alone, and
/// some in one turn, which collects them for all.
#[test]
fn l18_members_of_one_topic_have_the_limits_of_their_listeners() {
    let subscriber = || Probe {
        on_open: |_, socket| {
            socket.subscribe("room");
            socket.set_overflow(Overflow::DropNewest);
        },
        ..Probe::default()
    };
    for at_once in [1, 7, 100] {
        let mut lab = two_sizes(subscriber);
        let fars: Vec<FarEnd> = (0..12).map(|number| lab.connect_to(number % 2)).collect();
        for far in &fars {
            lab.say(far, socket::UPGRADE);
            far.set_room(Some(0));
        }
        let message = "x".repeat(98);
        for number in 0..700 {
            lab.server.handle().publish("room", &message);
            if (number + 1) % at_once == 0 {
                lab.run();
            }
        }
        for (number, far) in fars.iter().enumerate() {
            far.set_room(None);
            lab.run();
            let received = far.take().len();
            let bounds = if number % 2 == 0 { 70_000..=70_000 } else { 4 * KIB..=4 * KIB + 100 };
            assert!(
                bounds.contains(&received),
                "{at_once} at once: member {number} has got {received} bytes"
            );
        }
    }
}

/// A body that another thread sends in parts is held up where its connection has its bound.
#[test]
fn l18_a_deferred_body_has_the_window_of_its_listener() {
    let streams = || Probe {
        on_request: |probe, exchange, _| {
            let mut body = exchange.defer().stream(200, "text/plain");
            let sent = (0..2000).map(|_| body.write("x".repeat(KIB))).take_while(|sent| *sent != Sent::Full);
            probe.log.note(format!("{} parts", sent.count()));
        },
        ..Probe::default()
    };
    let mut lab = two_sizes(streams);
    for (listener, parts) in [(0, "931 parts"), (1, "3 parts")] {
        let far = lab.connect_to(listener);
        lab.say(&far, get("/"));
        assert!(lab.log.has(parts), "listener {listener}: {:?}", lab.log.events());
    }
}

#[test]
fn l18_the_limits_of_a_listener_must_fit_together() {
    let cases: [(Change, &str); 4] = [
        (|limits| limits.reactor.outbox_bytes_low = 70_000, "must rise in this order"),
        (|limits| limits.reactor.outbox_bytes_max = 7, "must rise in this order"),
        (|limits| limits.body_bytes_max = 64 << 20, "set that to 134217728"),
        (|limits| limits.reactor.handshake = Duration::ZERO, "`reactor.handshake` must not be zero"),
    ];
    for (own, fault) in cases {
        let listener = Listener::tcp("127.0.0.1:0").limits(own);
        let error = Server::builder().listen("127.0.0.1:0").listen(listener).bind().unwrap_err().to_string();
        assert!(error.contains("listener `127.0.0.1:0`") && error.contains(fault), "{error}");
    }
    let fits = Listener::tcp("127.0.0.1:0").limits(|limits| {
        limits.body_bytes_max = 64 << 20;
        limits.reactor.wire_memory_bytes_max = 128 << 20;
        limits.reactor.outbox_bytes_low = 70_000;
    });
    let server = Server::builder().listen("127.0.0.1:0").listen(fits.clone());
    assert!(server.bind().is_err(), "the server's high mark is lower");
    let fits = fits.limits(|limits| limits.reactor.outbox_bytes_high = 80_000);
    assert!(Server::builder().listen("127.0.0.1:0").listen(fits).bind().is_ok());
}

#[test]
fn l18_the_whole_server_has_its_limits_once() {
    let each: [(Change, &str); 11] = [
        (|limits| limits.outgoing_max = 7, "outgoing_max"),
        (|limits| limits.reactor.wires_max = 7, "reactor.wires_max"),
        (|limits| limits.reactor.read_bytes = 7, "reactor.read_bytes"),
        (|limits| limits.reactor.carry_bytes_first = 7, "reactor.carry_bytes_first"),
        (|limits| limits.reactor.accepts_per_turn = 7, "reactor.accepts_per_turn"),
        (|limits| limits.reactor.commands_per_turn = 7, "reactor.commands_per_turn"),
        (|limits| limits.reactor.timers_per_turn = 7, "reactor.timers_per_turn"),
        (|limits| limits.reactor.looks_per_turn = 7, "reactor.looks_per_turn"),
        (|limits| limits.reactor.drains_per_turn = 7, "reactor.drains_per_turn"),
        (|limits| limits.reactor.handshakes_per_turn = 7, "reactor.handshakes_per_turn"),
        (|limits| limits.reactor.lingering_max = 7, "reactor.lingering_max"),
    ];
    for (own, name) in each {
        let error = Server::bind(Listener::tcp("127.0.0.1:0").limits(own)).unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}` is a limit of the whole server")), "{error}");
        assert!(Limits::default().table().iter().any(|row| row.name == name && row.is_server_wide), "{name}");
    }
}

/// The same from a file.
#[test]
fn l18_a_file_has_the_limits_of_a_listener() {
    let bind = |limits: &str| {
        let text = format!("listen = [{{ tcp = \"127.0.0.1:0\", limits.reactor = {{ {limits} }} }}]");
        toml::from_str::<ServerBuilder>(&text).unwrap().bind()
    };
    assert!(bind("outbox_bytes_max = 100_000, handshake = \"3 s\"").is_ok());
    assert!(bind("lingering_max = 7").is_err_and(|error| error.to_string().contains("lingering_max")));
    assert!(
        bind("outbox_bytes_max = 7").is_err_and(|error| error.to_string().contains("rise in this order"))
    );
}
