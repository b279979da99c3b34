//! Backpressure and flow control.

use crate::support;
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{Limits, Message, Overflow, Sent};
use std::time::Duration;
use support::probe::{Log, Probe, observed};
use support::socket::{self, BINARY, FIN, Frame};
use support::{Lab, get, ok, text};

const SECOND: Duration = Duration::from_secs(1);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn queued(lab: &Lab) -> usize {
    let wires = lab.server.wires();
    let id = wires.ids().next().expect("there is one");
    wires.wire_stats(id).unwrap().queued
}

/// A probe that does this with a message.
macro_rules! messaged {
    ($act:expr) => {
        || Probe { on_message: $act, ..Probe::default() }
    };
}

#[test]
fn b1_the_result_of_a_send_shows_the_pressure() {
    let mut lab = Lab::new(messaged!(|probe, socket, _| {
        let message = Message::Binary(&[7; 1000]);
        let mut last = None;
        loop {
            let sent = socket.send(message);
            if last != Some(sent) {
                let name = match sent {
                    Sent::Queued => "queued",
                    Sent::Congested => "congested",
                    Sent::Full => "full",
                    Sent::Gone => "gone",
                    other => panic!("{other:?}"),
                };
                probe.log.note(format!("{name} after {}", probe.count));
            }
            last = Some(sent);
            if !sent.is_accepted() && sent == Sent::Gone {
                return;
            }
            probe.count += 1;
        }
    }));
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text("go"));
    let events = lab.log.events();
    // A frame is 1,004 bytes: more than 64 KiB are queued before the 67th, 1 MiB is reached with the 1045th.
    assert_eq!(events[4..8], ["queued after 0", "congested after 66", "full after 1045", "gone after 1046"]);
}

#[test]
fn b1_a_send_to_a_closed_connection_is_told() {
    let mut lab = Lab::new(messaged!(|probe, socket, message| {
        let stranger = jackfield::ConnectionId::from_bits(socket.id().to_bits() + (1 << 24));
        assert_eq!(socket.send_to(stranger, message), Sent::Gone);
        socket.abort();
        assert_eq!(socket.send(message), Sent::Gone);
        probe.log.note("done");
    }));
    let far = lab.websocket();
    lab.say(&far, socket::text("x"));
    assert!(lab.log.has("done"));
}

#[test]
fn b2_drain_comes_once_for_each_way_from_high_to_low() {
    let limits = Limits::default().reactor;
    assert_eq!((limits.outbox_bytes_high, limits.outbox_bytes_low), (64 * KIB, 16 * KIB));
    let mut lab = Lab::new(messaged!(|probe, socket, message| {
        let count = message.as_bytes()[0];
        for _ in 0..count {
            probe.count += usize::from(socket.send(&[0; 1000][..]) == Sent::Congested);
        }
    }));
    let far = lab.websocket();
    let run = |lab: &mut Lab, far: &FarEnd, kilobytes: u8, steps: usize| {
        far.set_room(Some(0));
        lab.say(far, socket::binary(&[kilobytes]));
        for _ in 0..steps {
            far.set_room(Some(10_000));
            lab.run();
        }
        lab.log.count("drain")
    };
    // 60 kB stay below the mark.
    assert_eq!(run(&mut lab, &far, 60, 7), 0);
    // 100 kB pass it; 80 kB less is not low enough, 90 kB less is.
    assert_eq!(run(&mut lab, &far, 100, 8), 0);
    far.set_room(Some(10_000));
    lab.run();
    assert_eq!(lab.log.count("drain"), 1);
    far.set_room(None);
    lab.run();
    assert_eq!(lab.log.count("drain"), 1, "once");
    assert_eq!(run(&mut lab, &far, 100, 10), 2, "and again the next time");
}

/// Fills the connection of a peer that does not read, with this policy.
fn overflowing(overflow: fn(&mut Probe, &mut jackfield::WebSocket<'_>, Message<'_>)) -> (Lab, Log, FarEnd) {
    let (options, seen) = observed();
    let make = move || Probe { on_message: overflow, ..Probe::default() };
    let mut lab = Lab::with_options(options, make);
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text("go"));
    (lab, seen, far)
}

/// Sends messages of 1,000 bytes until one is not taken, and says how many were.
fn fill(socket: &mut jackfield::WebSocket<'_>) -> usize {
    let mut count = 0;
    while socket.send(&[0; 1000][..]).is_accepted() {
        count += 1;
    }
    count
}

#[test]
fn b3_the_default_closes_with_1013_at_1_mib() {
    assert_eq!(Limits::default().reactor.outbox_bytes_max, MIB);
    let (mut lab, seen, far) = overflowing(|probe, socket, _| probe.count = fill(socket));
    assert_eq!(seen.count("dropped"), 1);
    assert_eq!(lab.server.handle().metrics().dropped, 1);
    far.set_room(None);
    lab.run();
    let frames = socket::frames(&far.take());
    assert_eq!(frames.iter().map(Frame::code).collect::<Vec<_>>(), [Some(1013)], "no message had begun");
    assert!(far.has_server_finished());
    lab.advance(SECOND * 2);
    assert!(lab.log.has("disconnect Limit(Backlog)"), "{:?}", lab.log.events());
}

#[test]
fn b3_an_overflowing_message_can_be_returned() {
    let (mut lab, seen, far) = overflowing(|_, socket, _| {
        socket.set_overflow(Overflow::GiveBack);
        assert_eq!(fill(socket), 1045);
        let message = Message::Text("mine");
        assert_eq!(socket.send(message), Sent::Full);
        assert!(socket.is_open());
    });
    assert_eq!(seen.count("dropped"), 0, "nothing is dropped");
    far.set_room(None);
    lab.run();
    assert_eq!(socket::frames(&far.take()).len(), 1045);
    assert!(!far.has_server_finished());
}

#[test]
fn b3_the_newest_can_be_dropped_and_each_is_counted() {
    let (mut lab, seen, far) = overflowing(|_, socket, _| {
        socket.set_overflow(Overflow::DropNewest);
        assert_eq!(fill(socket), 1045);
        for _ in 0..9 {
            assert_eq!(socket.send("lost"), Sent::Full);
        }
        assert_eq!(socket.dropped_messages(), 10);
    });
    assert_eq!(seen.count("dropped"), 10);
    assert_eq!(lab.server.handle().metrics().dropped, 10);
    far.set_room(None);
    lab.run();
    assert_eq!(socket::frames(&far.take()).len(), 1045);
    assert!(!far.has_server_finished());
}

#[test]
fn b3_no_message_is_refused_for_its_own_size() {
    let (mut lab, _, far) = overflowing(|_, socket, _| {
        assert!(socket.send(&[0; 100][..]).is_accepted());
        assert!(socket.send(&vec![1; 5 * MIB][..]).is_accepted());
        socket.set_overflow(Overflow::GiveBack);
        assert_eq!(socket.send("more"), Sent::Full);
    });
    far.set_room(None);
    lab.run();
    let frames = socket::frames(&far.take());
    assert_eq!(frames[1].payload.len(), 5 * MIB);
}

#[test]
fn b3_a_whole_body_does_not_count_but_chunks_do() {
    let mut lab = Lab::new(|| Probe {
        on_request: |probe, exchange, request| match request.path() {
            "/whole" => exchange.ok("text/plain", vec![b'x'; 4 * MIB]),
            _ => {
                let mut stream = exchange.stream(200, "text/plain");
                while stream.write(&[b'x'; 1000]).is_accepted() {
                    probe.count += 1;
                }
                probe.log.note(format!("{} chunks", probe.count));
            }
        },
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(0));
    far.send(get("/whole").repeat(2).as_bytes());
    lab.run();
    far.set_room(None);
    lab.run();
    assert!(!far.has_server_finished() && far.bytes_received() > 8 * MIB);
    let far = lab.connect();
    far.set_room(Some(0));
    lab.say(&far, get("/chunks"));
    assert!(lab.log.has("1042 chunks"), "{:?}", lab.log.events());
    far.set_room(None);
    lab.run();
    assert!(far.has_server_finished());
}

#[test]
fn b4_the_backlog_is_known() {
    let mut lab = Lab::new(messaged!(|_, socket, _| {
        assert_eq!(socket.buffered(), 0);
        socket.send(&[0; 100][..]);
        assert_eq!(socket.buffered(), 102);
        socket.send(&[0; 20_000][..]);
        assert_eq!(socket.buffered(), 102 + 20_004);
    }));
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text("x"));
    assert_eq!(queued(&lab), 20_106);
    far.set_room(Some(20_000));
    lab.run();
    assert_eq!(queued(&lab), 106);
}

/// Neither the answer to a handshake nor the head of an event stream is counted, sent or not.
#[test]
fn b4_output_of_the_server_itself_is_no_backlog() {
    let mut lab = Lab::new(|| Probe {
        on_open: |probe, socket| {
            probe.log.note(format!("buffered {}", socket.buffered()));
            socket.send("hi");
            probe.log.note(format!("buffered {}", socket.buffered()));
        },
        on_request: |probe, exchange, _| {
            let mut stream = exchange.events();
            probe.log.note(format!("buffered {}", stream.buffered()));
            stream.send("hi");
            probe.log.note(format!("buffered {}", stream.buffered()));
        },
        on_post: |probe, connection, _| probe.log.note(format!("buffered {}", connection.buffered())),
        ..Probe::default()
    });
    for (said, bytes) in [(socket::UPGRADE.to_owned(), 4), (get("/events"), 10)] {
        for room in [None, Some(0), Some(30)] {
            let far = lab.connect();
            far.set_room(room);
            lab.log.take();
            lab.say(&far, &said);
            let id = lab.server.wires().ids().last().unwrap();
            lab.server.handle().post(id, ()).unwrap();
            lab.run();
            let left = if room.is_none() { 0 } else { bytes };
            let expected = [0, bytes, left].map(|bytes| format!("buffered {bytes}"));
            let noted: Vec<String> =
                lab.log.events().into_iter().filter(|event| event.starts_with("buffered")).collect();
            assert_eq!(noted, expected, "{room:?}");
        }
    }
}

#[test]
fn b5_output_of_a_turn_leaves_in_one_write() {
    let mut lab = Lab::new(messaged!(|_, socket, message| {
        for _ in 0..10 {
            socket.send(message);
        }
    }));
    let far = lab.websocket();
    let before = far.writes();
    lab.say(&far, socket::text("x").repeat(30));
    assert_eq!(far.writes() - before, 1);
    // From other threads the same.
    let id = lab.server.wires().ids().next().unwrap();
    let before = far.writes();
    for _ in 0..100 {
        lab.server.handle().send(id, "y").unwrap();
    }
    lab.run();
    assert_eq!(far.writes() - before, 1);
    assert_eq!(socket::texts(&far.take()).len(), 100);
}

/// A closure on the reactor is a batch: all that it sends leaves together, although a turn may do one command only.
#[test]
fn b5_a_batch_outside_of_a_callback_leaves_in_one_write() {
    let mut limits = Limits::default();
    limits.reactor.commands_per_turn = 1;
    let mut lab = Lab::with_limits(limits, Probe::default);
    let far = lab.websocket();
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    let count = |lab: &mut Lab| {
        let before = far.writes();
        lab.run();
        (far.writes() - before, socket::texts(&far.take()).len())
    };
    for _ in 0..10 {
        handle.send(id, "one by one").unwrap();
    }
    assert_eq!(count(&mut lab), (10, 10));
    handle
        .run_on(id.reactor(), move |reactor| {
            for number in 0..10 {
                assert!(reactor.send_to(id, number.to_string()).is_accepted());
            }
        })
        .unwrap();
    assert_eq!(count(&mut lab), (1, 10));
}

#[test]
fn b6_an_echo_to_a_peer_that_does_not_read_stays_small() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    far.set_room(Some(0));
    let message = socket::binary(&[7; 1000]);
    for _ in 0..1000 {
        far.send(&message.repeat(10));
        lab.run();
    }
    // It stops reading at high water: at most a read more than that is queued.
    assert!(queued(&lab) <= 64 * KIB + 2000, "{} bytes are queued", queued(&lab));
    far.set_room(None);
    lab.run();
    assert_eq!(socket::frames(&far.take()).len(), 10_000, "and nothing is lost");
    assert!(!far.has_server_finished());
}

#[test]
fn b6_the_same_for_pipelined_requests() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.set_room(Some(0));
    for _ in 0..100 {
        far.send(get("/").repeat(100).as_bytes());
        lab.run();
    }
    assert!(queued(&lab) <= 64 * KIB + 2000, "{} bytes are queued", queued(&lab));
    far.set_room(None);
    lab.run();
    assert_eq!(text(&far.take()), ok("GET / ").repeat(10_000));
}

#[test]
fn b7_a_turn_has_64_kib_and_64_events_for_each_connection() {
    let limits = Limits::default();
    assert_eq!((limits.reactor.read_bytes, limits.events_per_turn), (64 * KIB, 64));
    let mut lab = Lab::new(|| Probe {
        on_message: |probe, socket, _| {
            let now = socket.handle().metrics().turns;
            probe.log.note(format!("{} in {now}", socket.id().slot()));
        },
        ..Probe::default()
    });
    let (busy, modest) = (lab.websocket(), lab.websocket());
    busy.send(&socket::text("x").repeat(1000));
    modest.send(&socket::text("y"));
    lab.run();
    let events = lab.log.events();
    let handled: Vec<_> = events.iter().filter(|event| event.contains(" in ")).collect();
    let modest_at = handled.iter().position(|event| event.starts_with("1 ")).unwrap();
    assert_eq!(modest_at, 64, "the busy one has 64 events before the other has its turn");
    for turn in handled.chunk_by(|a, b| a == b) {
        assert!(turn.len() <= 64, "{} events of one connection in one turn", turn.len());
    }
    assert_eq!(handled.len(), 1001);
}

#[test]
fn b7_bytes_of_a_turn_are_bounded_too() {
    let mut lab = Lab::new(|| Probe {
        on_data: |probe, raw, data| {
            probe.log.note(format!("{} in {}", data.len(), raw.handle().metrics().turns));
            data.len()
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::RAW);
    lab.say(&far, vec![0; 10 * MIB]);
    let mut turns = std::collections::BTreeMap::<u64, usize>::new();
    for event in lab.log.events().iter().filter(|event| event.contains(" in ")) {
        let (bytes, turn) = event.split_once(" in ").unwrap();
        *turns.entry(turn.parse().unwrap()).or_default() += bytes.parse::<usize>().unwrap();
    }
    assert!(turns.values().all(|bytes| *bytes <= 64 * KIB), "{turns:?}");
    assert_eq!(turns.values().sum::<usize>(), 10 * MIB);
}

#[test]
fn b8_an_idle_connection_holds_no_buffer() {
    let options = TestOptions::default();
    let mut lab = Lab::with_options(
        options,
        messaged!(|_, socket, message| {
            for _ in 0..10 {
                socket.send(message);
            }
        }),
    );
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::masked(FIN | BINARY, &vec![1; 90_000]));
    assert!(queued(&lab) >= 900_000);
    far.set_room(None);
    lab.run();
    assert_eq!(queued(&lab), 0);
    // `memory.rs` measures how many bytes that is in memory.
}

#[test]
fn b3_overflow_that_can_not_be_returned_is_dropped_and_counted() {
    let (mut lab, seen, far) = overflowing(|_, socket, _| {
        socket.set_overflow(Overflow::GiveBack);
        fill(socket);
        socket.subscribe("t");
    });
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    handle.send(id, "from another thread").unwrap();
    handle.publish("t", "for all");
    lab.run();
    assert_eq!((seen.count("dropped"), handle.metrics().dropped), (2, 2));
    assert!(!far.has_server_finished());
}
