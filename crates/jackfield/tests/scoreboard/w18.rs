//! Frames before they become messages: a client looks at each head, and goes on, takes the frame over or closes.

use crate::support;
use jackfield::test::{TestServer, listener};
use jackfield::{Client, FrameAction, FrameHead, Limits, Message, Request, Upgrade, WebSocket};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use support::probe::Probe;
use support::socket::{self, BINARY, CONTINUATION, FIN, Frame, PING, TEXT, masked};
use support::{Lab, Outcome, outcome};

/// Takes over frames of opcode 3 and those with a reserved bit, and closes at opcode 4.
fn looking() -> Probe {
    Probe {
        wants_frames: true,
        on_frame: |_, _, head| match (head.opcode(), head.reserved()) {
            (3, _) | (_, 1..) => FrameAction::TakeOver,
            (4, _) => FrameAction::Close(4004),
            _ => FrameAction::Continue,
        },
        ..Probe::default()
    }
}

/// The result of these frames, for each split: the events after the opening, and the frames that come back.
fn check(make: fn() -> Probe, frames: &[Vec<u8>]) -> (Vec<String>, Vec<Frame>) {
    let input = [socket::UPGRADE.as_bytes(), &frames.concat()].concat();
    let Outcome { output, log, .. } = outcome(make, listener::HTTP, &input);
    assert_eq!(log[..3], ["connect", "upgrade /ws", "open"]);
    let output = output.strip_prefix(socket::SWITCHED.as_bytes()).expect("it is a WebSocket");
    (log[3..].to_vec(), socket::frames(output))
}

#[test]
fn w18_each_frame_passes_or_is_taken_over() {
    let (log, back) = check(
        looking,
        &[
            socket::text("hi"),
            masked(FIN | 3, b"own"),
            masked(TEXT, b"one "),
            masked(FIN | 3, b""),
            masked(FIN | PING, b"p"),
            masked(FIN | 0x10 | 7, &[b'x'; 200]),
            masked(FIN | CONTINUATION, b"two"),
            masked(3, b"of several"),
            masked(FIN | BINARY, b"end"),
            masked(FIN | 0x20 | 7, b"a"),
            masked(FIN | 0x40 | TEXT, b"b"),
            masked(FIN | 0x70 | 15, b"c"),
        ],
    );
    let taken = format!("body {}", "x".repeat(200));
    let expected = [
        "frame 1 of 2, true 0",
        "text hi",
        "frame 3 of 3, true 0",
        "body own",
        "taken",
        "frame 1 of 4, false 0",
        "frame 3 of 0, true 0",
        "body ",
        "taken",
        "frame 9 of 1, true 0",
        "ping p",
        "frame 7 of 200, true 1",
        &taken,
        "taken",
        "frame 0 of 3, true 0",
        "text one two",
        "frame 3 of 10, false 0",
        "body of several",
        "taken",
        "frame 2 of 3, true 0",
        "binary end",
        "frame 7 of 1, true 2",
        "body a",
        "taken",
        "frame 1 of 1, true 4",
        "body b",
        "taken",
        "frame 15 of 1, true 7",
        "body c",
        "taken",
    ];
    assert_eq!(log, expected);
    let payloads: Vec<&[u8]> = back.iter().map(|frame| &frame.payload[..]).collect();
    assert_eq!(payloads, [&b"hi"[..], b"p", b"one two", b"end"]);
}

type Notes = Rc<RefCell<Vec<&'static str>>>;

/// Says nothing about whether it wants frames, and notes those that it gets.
struct Silent(Notes);

impl Client for Silent {
    fn on_frame(&mut self, _socket: &mut WebSocket<'_>, _head: &FrameHead) -> FrameAction {
        self.0.borrow_mut().push("frame");
        FrameAction::Continue
    }

    fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.0.borrow_mut().push("message");
    }
}

/// Wants frames, and notes when it is asked.
struct Curious(Notes);

impl Client for Curious {
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.0.borrow_mut().push("upgrade");
        upgrade.accept();
    }

    fn wants_frames(&self) -> bool {
        self.0.borrow_mut().push("asked");
        true
    }

    fn on_open(&mut self, _socket: &mut WebSocket<'_>) {
        self.0.borrow_mut().push("open");
    }

    fn on_frame(&mut self, _socket: &mut WebSocket<'_>, _head: &FrameHead) -> FrameAction {
        self.0.borrow_mut().push("frame");
        FrameAction::Continue
    }

    fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.0.borrow_mut().push("message");
    }
}

/// What a client notes from the upgrade on to the second message.
fn notes<C: Client + 'static>(make: fn(Notes) -> C) -> Vec<&'static str> {
    let notes = Notes::default();
    let shared = notes.clone();
    let mut server = TestServer::new(move |_peer| make(shared.clone()));
    let far = server.connect();
    for bytes in [socket::UPGRADE.as_bytes(), &socket::text("a"), &socket::text("b")] {
        far.send(bytes);
        server.run();
    }
    notes.take()
}

#[test]
fn w18_a_client_is_asked_once_and_by_default_gets_no_frames() {
    assert_eq!(notes(Silent), ["message", "message"]);
    assert_eq!(notes(Curious), ["upgrade", "asked", "open", "frame", "message", "frame", "message"]);
}

#[test]
fn w18_a_frame_may_close_the_websocket() {
    let (log, back) = check(looking, &[socket::text("a"), masked(FIN | 4, b"no"), socket::text("b")]);
    assert_eq!(log, ["frame 1 of 1, true 0", "text a", "frame 4 of 2, true 0"]);
    assert_eq!(back.last().and_then(Frame::code), Some(4004));
}

#[test]
fn w18_without_on_frame_the_protocol_alone_decides() {
    let (log, back) = check(Probe::default, &[socket::text("a"), masked(FIN | 3, b"own")]);
    assert_eq!(log[0], "text a");
    assert!(!log.iter().any(|event| event.starts_with("frame")), "{log:?}");
    assert_eq!(back.last().and_then(Frame::code), Some(1002));
    // Who looks and goes on has it too, and what breaks the framing itself is not shown.
    let looks = || Probe { wants_frames: true, ..Probe::default() };
    let (log, back) = check(looks, &[masked(FIN | 3, b"own")]);
    assert_eq!((&*log[0], back.last().and_then(Frame::code)), ("frame 3 of 3, true 0", Some(1002)));
    for broken in [&b"\x81\x02hi"[..], b"\x09\x80\0\0\0\0", b"\x81\xfe\x00\x01\0\0\0\0x"] {
        let (log, back) = check(looking, &[broken.to_vec()]);
        assert!(!log.iter().any(|event| event.starts_with("frame")), "{broken:?}: {log:?}");
        assert_eq!(back.last().and_then(Frame::code), Some(1002), "{broken:?}");
    }
}

#[test]
fn w18_a_frame_that_is_taken_over_needs_no_memory_and_has_a_deadline() {
    let mut limits = Limits::default();
    limits.heartbeat = Duration::ZERO;
    let mut lab = Lab::with_limits(limits, looking);
    let far = lab.websocket();
    let long = masked(FIN | 3, &vec![b'y'; 3 << 20]);
    let (begin, rest) = long.split_at(100_000);
    for part in begin.chunks(1000) {
        lab.say(&far, part);
        assert!(lab.server.wires().memory_bytes() < 64 << 10);
    }
    for part in rest.chunks(50_000) {
        lab.say(&far, part);
        assert!(lab.server.wires().memory_bytes() < 64 << 10);
    }
    assert!(lab.log.has("taken"), "longer than any message may be");
    lab.say(&far, begin);
    let timeout = Limits::default().message_timeout;
    lab.advance(timeout - Duration::from_secs(1));
    assert!(!lab.log.has("disconnect"));
    // Its peer never answers the Close.
    lab.advance(Duration::from_secs(60));
    assert!(lab.log.has("disconnect Timeout(Message)"), "{:?}", lab.log.events().last());
}

/// The fault I385: the parts of a frame went on to come after the server had sent its Close.
#[test]
fn w18_no_part_of_a_frame_comes_after_the_close() {
    let mut lab = Lab::new(looking);
    let far = lab.websocket();
    let own = masked(FIN | 3, b"first and second and third");
    lab.say(&far, &own[..11]);
    let id = lab.server.handle().ids()[0];
    lab.server.handle().close_with(id, 4000, "").expect("it is there");
    lab.run();
    lab.say(&far, &own[11..20]);
    lab.say(&far, [&own[20..], &masked(FIN | 3, b"another"), &socket::close(4000, "")].concat());
    let events = lab.log.events();
    assert_eq!(events[3..5], ["frame 3 of 26, true 0", "body first"], "{events:?}");
    assert_eq!(events[5..], ["disconnect Local", "drop"], "{events:?}");
    assert_eq!(lab.server.handle().metrics().messages_in, 0);
}

/// The same for a frame without a payload at which the client closes, and which it takes over all the same.
#[test]
fn w18_an_empty_frame_does_not_come_after_the_close() {
    let closing = || Probe {
        wants_frames: true,
        on_frame: |_, socket, _| {
            socket.close_with(4000, "");
            FrameAction::TakeOver
        },
        ..Probe::default()
    };
    let (log, back) = check(closing, &[masked(FIN | 3, b""), socket::text("x"), socket::close(4000, "")]);
    assert_eq!(log, ["frame 3 of 0, true 0", "disconnect Local", "drop"]);
    assert_eq!(back.last().and_then(Frame::code), Some(4000));
}
