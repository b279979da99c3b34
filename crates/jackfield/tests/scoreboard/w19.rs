//! A notice when what was sent has left: of a message, and of a flush.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{Client, Connection, MessageKind, Sent};
use std::any::Any;
use support::probe::Probe;
use support::socket::{self, header_bytes};
use support::{Lab, text};
use tls::{Identity, Secured};

/// The lengths of the messages. Each is sent with a notice, over the connection's protocol.
const LENGTHS: [usize; 7] = [1, 300, 20, 5000, 2, 70_000, 9];

fn message(length: usize) -> String {
    "m".repeat(length)
}

fn speak(connection: &mut Connection<'_>) {
    for (tag, length) in LENGTHS.iter().enumerate() {
        assert!(connection.send_to(connection.id(), message(*length)).is_accepted());
        assert_eq!(connection.notify_sent(tag as u64), Sent::Queued);
    }
}

fn speaker() -> Probe {
    Probe {
        on_message: |_, socket, _| speak(socket),
        on_data: |_, raw, data| {
            speak(raw);
            data.len()
        },
        on_line: |_, raw, _| speak(raw),
        on_post: |_, connection, _| speak(connection),
        ..Probe::default()
    }
}

/// However little the kernel takes at a time, each notice comes when the last byte of its message has left, and not before.
fn check(name: &str, open: impl Fn(&mut Lab) -> FarEnd, order: &[u8], bytes_of: fn(usize) -> usize) {
    for step in [1, 7, 299, 4096, 66_000, usize::MAX] {
        let mut lab = Lab::new(speaker);
        let far = open(&mut lab);
        far.take();
        far.set_room(Some(0));
        let before = far.bytes_received();
        if order.is_empty() {
            let id = lab.server.wires().ids().next().expect("there is one");
            lab.server.handle().post(id, ()).expect("there is room");
        } else {
            far.send(order);
        }
        lab.run();
        assert_eq!(lab.log.count("sent"), 0, "{name}: nothing has left");
        let all: usize = LENGTHS.iter().map(|length| bytes_of(*length)).sum();
        // Single bytes only as far as they matter.
        let most = if step == 1 { 6000 } else { all };
        while far.bytes_received() - before < most {
            far.set_room(Some(step));
            lab.run();
            let left = far.bytes_received() - before;
            let mut end = 0;
            let ends = LENGTHS.iter().map(|length| {
                end += bytes_of(*length);
                end
            });
            let expected: Vec<String> = ends
                .enumerate()
                .filter(|(_, end)| *end <= left)
                .map(|(tag, _)| format!("sent {tag}"))
                .collect();
            let told: Vec<String> =
                lab.log.events().into_iter().filter(|event| event.starts_with("sent")).collect();
            assert_eq!(told, expected, "{name}: {left} bytes have left, {step} at a time");
        }
    }
}

#[test]
fn w19_a_message_has_its_notice_when_its_last_byte_has_left() {
    check("WebSocket", Lab::websocket, &socket::text("go"), |length| header_bytes(length) + length);
    check("raw", |lab| lab.connect_to(listener::RAW), b"go", |length| length);
    check("lines", |lab| lab.connect_to(listener::LINES), b"go\n", |length| length);
}

#[test]
fn s6_a_flush_has_its_notice() {
    check("events", Lab::events, b"", |length| "data: \n\n".len() + length);
    // Of nothing that is queued too, in a later turn.
    let mut lab = Lab::new(|| Probe {
        on_post: |probe, connection, _| {
            let mut events = connection.as_events().expect("it is one");
            assert_eq!(events.notify_sent(7), Sent::Queued);
            probe.log.note("asked");
        },
        ..Probe::default()
    });
    lab.events();
    lab.log.take();
    let id = lab.server.wires().ids().next().expect("there is one");
    lab.server.handle().post(id, ()).expect("there is room");
    lab.run();
    assert_eq!(lab.log.take(), ["post", "asked", "sent 7"]);
    lab.run();
    assert!(lab.log.take().is_empty(), "once");
}

#[test]
fn w19_over_tls_the_notice_comes_when_the_last_record_has_left() {
    let identity = Identity::new();
    let options = TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() };
    let mut lab = Lab::with_options(options, speaker);
    let mut peer = Secured::new(lab.server.connect(), identity.client_config(rustls::DEFAULT_VERSIONS));
    let heard = peer.say(&mut lab.server, socket::UPGRADE);
    assert!(text(&heard).starts_with("HTTP/1.1 101"));
    peer.far.set_room(Some(0));
    peer.say(&mut lab.server, socket::text("go"));
    let all: usize = LENGTHS.iter().map(|length| header_bytes(*length) + length).sum();
    let mut heard = 0;
    while heard < all {
        peer.far.set_room(Some(700));
        lab.run();
        let told = lab.log.count("sent");
        heard += peer.say(&mut lab.server, "").len();
        let mut end = 0;
        let ends = LENGTHS.iter().map(|length| {
            end += header_bytes(*length) + length;
            end
        });
        let arrived = ends.filter(|end| *end <= heard).count();
        assert!(told <= arrived, "{told} are told, and {arrived} have arrived");
    }
    lab.run();
    assert_eq!(lab.log.count("sent"), LENGTHS.len());
}

#[test]
fn w19_a_fragmented_message_and_messages_after_it_get_whole_notices() {
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, message| match message.as_bytes() {
            b"begin" => {
                socket.begin(MessageKind::Text).expect("there is none").write("part");
                socket.notify_sent(1);
                socket.send("waits");
                socket.notify_sent(2);
                socket.send("too");
            }
            _ => {
                socket.writer().expect("it has begun").finish();
                socket.notify_sent(3);
            }
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    assert_eq!(socket::frames(&lab.say(&far, socket::text("begin"))).len(), 1);
    assert_eq!(lab.log.count("sent"), 0);
    far.set_room(Some(2));
    lab.say(&far, socket::text("end"));
    assert_eq!(lab.log.count("sent"), 1, "the last frame has left");
    far.set_room(Some(7));
    lab.run();
    assert_eq!(lab.log.count("sent"), 2, "what waited has left");
    far.set_room(None);
    lab.run();
    assert_eq!(lab.log.count("sent"), 3);
}

#[test]
fn w19_no_notice_comes_after_a_close_and_too_many_do_not_wait() {
    let mut lab = Lab::new(|| Probe {
        on_message: |probe, socket, message| match message.as_bytes() {
            b"many" => {
                let accepted = (0..2000).filter(|tag| socket.notify_sent(*tag) == Sent::Queued).count();
                assert_eq!(socket.notify_sent(0), Sent::Full);
                probe.log.note(format!("{accepted} accepted"));
            }
            _ => {
                socket.send("never leaves");
                socket.notify_sent(1);
                socket.close();
                assert_eq!(socket.notify_sent(2), Sent::Gone);
            }
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text("many"));
    assert!(lab.log.has("1024 accepted"));
    assert_eq!(lab.log.count("sent"), 1024, "nothing was queued before them");
    lab.log.take();
    lab.say(&far, socket::text("close"));
    far.reset();
    lab.run();
    let events = lab.log.take();
    assert_eq!(events.iter().filter(|event| event.starts_with("sent")).count(), 0, "{events:?}");
    assert!(events.iter().any(|event| event.starts_with("disconnect")), "{events:?}");
}

/// Sends the next one whenever the one before has left, for ever.
struct Chatty;

impl Client for Chatty {
    fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        connection.send_to(connection.id(), "x");
        connection.notify_sent(0);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        if tag < 10_000 {
            connection.send_to(connection.id(), "x");
            connection.notify_sent(tag + 1);
        }
    }
}

#[test]
fn w19_repeated_requests_get_one_notice_a_turn() {
    let mut server = jackfield::test::TestServer::new(|_peer| Chatty);
    let far = server.connect_to(listener::RAW);
    let id = server.wires().ids().next().expect("there is one");
    server.handle().post(id, ()).expect("there is room");
    let turns = server.wires().stats().turns.value();
    server.run();
    assert_eq!(far.bytes_received(), 10_001);
    assert!(server.wires().stats().turns.value() - turns > 10_000, "each in a turn of its own");
}
