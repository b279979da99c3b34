//! WebSocket messages that are sent in fragments, or pulled out of a reader.

use crate::support;
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{Limits, Message, MessageKind, Prepared, Sent, WebSocket};
use std::io::{self, Read};
use support::Lab;
use support::probe::Probe;
use support::socket::{self, BINARY, CONTINUATION, FIN, Frame, PONG, TEXT};

/// Does what its peer orders.
fn orders() -> Probe {
    Probe {
        on_open: |_, socket| {
            socket.subscribe("room");
        },
        on_message: |probe, socket, message| {
            let Message::Text(order) = message else { return };
            let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
            let sent = match verb {
                "begin" => socket.begin(MessageKind::Text).map(|mut writer| writer.write(rest)),
                "binary" => socket.begin(MessageKind::Binary).map(|mut writer| writer.write(rest.as_bytes())),
                "write" => socket.writer().map(|mut writer| writer.write(rest)),
                "finish" => socket.writer().map(|writer| writer.finish()),
                "whole" => socket.begin(MessageKind::Text).map(|mut writer| {
                    writer.write("one ");
                    writer.write(rest);
                    writer.finish()
                }),
                "send" => Some(socket.send(rest)),
                "prepared" => Some(socket.send(Prepared::new(rest))),
                "publish" => {
                    socket.publish_to_all("room", rest);
                    None
                }
                _ => None,
            };
            probe.log.note(format!("{verb} {sent:?}"));
        },
        ..Probe::default()
    }
}

fn say(lab: &mut Lab, far: &FarEnd, order: &str) -> Vec<Frame> {
    socket::frames(&lab.say(far, socket::text(order)))
}

#[test]
fn w11_a_message_goes_out_in_fragments_and_control_frames_between_them() {
    let mut lab = Lab::new(orders);
    let far = lab.websocket();
    assert_eq!(say(&mut lab, &far, "begin one "), [Frame::new(TEXT, "one ")]);
    let pong = socket::frames(&lab.say(&far, socket::ping(b"p")));
    assert_eq!(pong, [Frame::new(FIN | PONG, "p")]);
    assert_eq!(say(&mut lab, &far, "write two"), [Frame::new(CONTINUATION, "two")]);
    assert_eq!(say(&mut lab, &far, "write "), [], "an empty one is none");
    assert_eq!(say(&mut lab, &far, "finish"), [Frame::new(FIN | CONTINUATION, "")]);
    assert_eq!(say(&mut lab, &far, "write late"), [], "it is over");
    assert_eq!(say(&mut lab, &far, "send next"), [Frame::text("next")]);
    // All of it in one callback.
    let frames =
        [Frame::new(TEXT, "one "), Frame::new(CONTINUATION, "two"), Frame::new(FIN | CONTINUATION, "")];
    assert_eq!(say(&mut lab, &far, "whole two"), frames);
    // Nothing but the end is a message too.
    assert_eq!(say(&mut lab, &far, "begin"), []);
    assert_eq!(say(&mut lab, &far, "finish"), [Frame::text("")]);
    // The other kind does not fit, and a second one has to wait.
    assert_eq!(say(&mut lab, &far, "binary x"), [Frame::new(BINARY, "x")]);
    lab.log.take();
    assert_eq!(say(&mut lab, &far, "write text"), []);
    assert_eq!(say(&mut lab, &far, "begin another"), []);
    let log = lab.log.take();
    assert!(log.contains(&"write Some(Unsupported)".into()) && log.contains(&"begin None".into()), "{log:?}");
    // A Close may stand between fragments, and nothing follows it.
    let close = socket::frames(&lab.say(&far, socket::close(1000, "")));
    assert_eq!(close[0].code(), Some(1000));
}

#[test]
fn w11_other_messages_from_any_sender_wait_for_the_end() {
    let mut lab = Lab::new(orders);
    let (far, other) = (lab.websocket(), lab.websocket());
    let third = lab.websocket();
    // A broadcast that has begun is over by then.
    other.send(&[socket::text("publish a"), socket::text("publish b")].concat());
    lab.run();
    let _ = [&far, &other, &third].map(FarEnd::take);
    say(&mut lab, &far, "begin one");
    assert_eq!(say(&mut lab, &far, "send own"), []);
    assert_eq!(say(&mut lab, &far, "prepared same"), []);
    let long = "x".repeat(5000);
    for news in ["news", &long] {
        assert_eq!(say(&mut lab, &other, &format!("publish {news}")), [Frame::text(news)]);
        assert_eq!(socket::texts(&third.take()), [news]);
        assert_eq!(far.take(), b"");
    }
    let id = lab.server.handle().ids()[0];
    lab.server.handle().send(id, "from a thread").unwrap();
    lab.run();
    assert_eq!(far.take(), b"");
    let frames = say(&mut lab, &far, "finish");
    assert_eq!(frames[0], Frame::new(FIN | CONTINUATION, ""));
    let texts: Vec<_> = frames[1..].iter().map(|frame| support::text(&frame.payload)).collect();
    assert_eq!(texts, ["own", "same", "news", &long, "from a thread"]);
    // And then all is as it was.
    assert_eq!(say(&mut lab, &other, "publish end"), [Frame::text("end")]);
    assert_eq!(socket::texts(&far.take()), ["end"]);
}

#[test]
fn w11_waiting_messages_are_bounded_and_charged() {
    let limits = Limits::default().with(|limits| {
        limits.reactor.outbox_bytes_low = 100;
        limits.reactor.outbox_bytes_high = 1000;
        limits.reactor.outbox_bytes_max = 10_000;
    });
    let mut lab = Lab::with_limits(limits, orders);
    let far = lab.websocket();
    say(&mut lab, &far, "begin one");
    let before = lab.server.wires().memory_bytes();
    let long = "y".repeat(2000);
    for _ in 0..5 {
        assert_eq!(say(&mut lab, &far, &format!("send {long}")), []);
    }
    let held = lab.server.wires().memory_bytes() - before;
    assert!((10_000..25_000).contains(&held), "{held} bytes are charged");
    let frames = say(&mut lab, &far, "send more");
    assert_eq!(frames[0].code(), Some(1013), "the policy of a slow consumer");
    far.finish();
    lab.run();
    assert_eq!(lab.connections(), 0);
    // A connection that ends in the middle of a message leaves no trace for the others.
    let far = lab.websocket();
    assert_eq!(say(&mut lab, &far, "send at once"), [Frame::text("at once")]);
}

/// Gives this number of bytes, a few at a time, and notes nothing.
struct Numbers {
    left: usize,
    fails: bool,
}

impl Read for Numbers {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.fails {
            return Err(io::Error::other("the disk is gone"));
        }
        let bytes = piece.len().min(self.left);
        piece[..bytes].fill(b'n');
        self.left -= bytes;
        Ok(bytes)
    }
}

fn reading() -> Probe {
    Probe {
        on_message: |probe, socket, message| {
            let Message::Text(order) = message else { return };
            let sent = match order.split_once(' ') {
                Some(("read", bytes)) => read(socket, bytes, false),
                Some(("fail", bytes)) => read(socket, bytes, true),
                Some(("panic", _)) => socket.send_reader(MessageKind::Text, Panics),
                _ => socket.send(order),
            };
            probe.log.note(format!("{sent:?}"));
        },
        ..Probe::default()
    }
}

fn read(socket: &mut WebSocket<'_>, bytes: &str, fails: bool) -> Sent {
    socket.send_reader(MessageKind::Binary, Numbers { left: bytes.parse().unwrap(), fails })
}

struct Panics;

impl Read for Panics {
    fn read(&mut self, _piece: &mut [u8]) -> io::Result<usize> {
        panic!("a reader of the user's")
    }
}

/// The bytes of a message in frames, and the length of the longest frame.
fn joined(frames: &[Frame]) -> (usize, usize) {
    assert_eq!(frames.last().map(|frame| frame.first), Some(FIN | CONTINUATION));
    assert_eq!(frames.iter().filter(|frame| frame.first & FIN != 0).count(), 1);
    let lengths = frames.iter().map(|frame| frame.payload.len());
    (lengths.clone().sum(), lengths.max().unwrap())
}

#[test]
fn w12_a_reader_is_pulled_in_frames_of_16_kib_as_the_connection_drains() {
    const BYTES: usize = 10 << 20;
    let mut lab = Lab::new(reading);
    let far = lab.websocket();
    let frames = say(&mut lab, &far, &format!("read {BYTES}"));
    assert_eq!(joined(&frames), (BYTES, 16 << 10));
    assert_eq!(frames[0].first, BINARY);

    // The producer waits for a slow peer, and memory stays within the water marks.
    far.set_room(Some(0));
    far.send(&socket::text(&format!("read {BYTES}")));
    lab.run();
    let held = lab.server.wires().memory_bytes();
    assert!(held < 400 << 10, "{held} bytes for a message of {BYTES}");
    // Requests in the meantime wait, in the kernel or in the input buffer, for its end.
    let mut bytes = Vec::new();
    while bytes.len() < BYTES {
        far.set_room(Some(100_000));
        lab.run();
        bytes.extend(far.take());
        assert!(lab.server.wires().memory_bytes() < 400 << 10);
    }
    far.set_room(None);
    lab.run();
    bytes.extend(far.take());
    assert_eq!(joined(&socket::frames(&bytes)).0, BYTES);
    assert_eq!(say(&mut lab, &far, "next"), [Frame::text("next")]);
}

#[test]
fn w12_a_large_reader_does_not_hold_the_turn_up() {
    let mut lab = Lab::new(reading);
    let (far, other) = (lab.websocket(), lab.websocket());
    let turns = lab.server.handle().metrics().turns;
    far.send(&socket::text(&format!("read {}", 10 << 20)));
    other.send(&socket::text("echo"));
    lab.run();
    assert_eq!(socket::texts(&other.take()), ["echo"]);
    let turns = lab.server.handle().metrics().turns - turns;
    assert!(turns >= (10 << 20) / (64 << 10), "{turns} turns");
    // A second one at the same time is refused, and messages in the meantime wait.
    far.take();
    far.set_room(Some(0));
    far.send(&socket::text("read 500000"));
    lab.run();
    far.send(&[socket::text("read 5"), socket::text("later")].concat());
    far.set_room(None);
    lab.run();
    let frames = socket::frames(&far.take());
    assert_eq!(frames.last(), Some(&Frame::text("later")));
}

#[test]
fn w12_a_reader_that_fails_or_panics_closes_with_1011() {
    for order in ["fail 0", "fail 20000", "panic now"] {
        let mut lab = Lab::with_options(TestOptions::default(), reading);
        let far = lab.websocket();
        let frames = say(&mut lab, &far, order);
        assert_eq!(frames.last().and_then(Frame::code), Some(1011), "{order}");
        let other = lab.websocket();
        assert_eq!(say(&mut lab, &other, "still there"), [Frame::text("still there")], "{order}");
    }
}
