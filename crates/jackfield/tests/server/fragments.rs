//! Messages in fragments to peers that read slowly, or fast.

use crate::regressions3::{Act, act, begin, end, members, publish};
use crate::support::congested::low_marks_and;
use crate::support::socket::{self, CONTINUATION, FIN, Frame, TEXT};
use jackfield::test::TestOptions;
use jackfield::{History, MessageKind, Overflow, Sent, WebSocket};

const POLICIES: [(Overflow, Act); 4] = [
    (Overflow::DropNewest, |socket| socket.set_overflow(Overflow::DropNewest)),
    (Overflow::DropOldest, |socket| socket.set_overflow(Overflow::DropOldest)),
    (Overflow::NewestPerKey, |socket| socket.set_overflow(Overflow::NewestPerKey)),
    (Overflow::GiveBack, |socket| socket.set_overflow(Overflow::GiveBack)),
];

/// An outbox above 1000 bytes is congested, and one of this number is full.
fn full_at(bytes: usize) -> TestOptions {
    low_marks_and(|limits| limits.reactor.outbox_bytes_max = bytes)
}

/// The loop in the documentation of `WebSocket::begin`, with four fragments of 900 bytes. Returns how the last one was sent.
fn write_four(socket: &mut WebSocket<'_>) -> Sent {
    let mut message = socket.begin(MessageKind::Text).expect("no other has begun");
    let sent = (0..4).map(|_| message.write(&*"x".repeat(900))).last().expect("there are four");
    message.finish();
    sent
}

/// Its frames, of which the outbox refused the fourth: it was full.
fn three_and_the_end() -> [Frame; 4] {
    let rest = Frame::new(CONTINUATION, "x".repeat(900));
    [Frame::new(TEXT, "x".repeat(900)), rest.clone(), rest, Frame::new(FIN | CONTINUATION, "")]
}

/// The fault: the end of the message was refused too, so it never ended, and nothing was sent to the connection any more.
#[test]
fn i382_a_message_ends_although_the_outbox_is_full() {
    for (policy, set) in POLICIES {
        let (mut lab, id, members) = members(full_at(2000));
        act(&mut lab, id, set);
        members[0].set_room(Some(0));
        act(&mut lab, id, |socket| assert_eq!(write_four(socket), Sent::Full));
        assert_eq!(lab.server.handle().metrics().dropped, 0, "a fragment is no message, {policy:?}");
        members[0].set_room(None);
        lab.run();
        publish(&mut lab, "next");
        let expected = [&three_and_the_end()[..], &[Frame::text("next")]].concat();
        assert_eq!(socket::frames(&members[0].take()), expected, "{policy:?}");
    }
}

/// The same if nothing of the message was accepted: it is dropped as a whole.
#[test]
fn i382_a_message_that_was_refused_from_its_first_fragment_on_is_over() {
    for (policy, set) in POLICIES {
        let (mut lab, id, members) = members(full_at(2000));
        act(&mut lab, id, set);
        members[0].set_room(Some(0));
        act(&mut lab, id, |socket| {
            socket.send(&*"x".repeat(2500));
            for _ in 0..1000 {
                assert_eq!(write_four(socket), Sent::Full);
            }
        });
        let dropped = if policy == Overflow::GiveBack { 0 } else { 1000 };
        assert_eq!(lab.server.handle().metrics().dropped, dropped, "{policy:?}");
        members[0].set_room(None);
        lab.run();
        publish(&mut lab, "next");
        let expected = [Frame::text(&"x".repeat(2500)), Frame::text("next")];
        assert_eq!(socket::frames(&members[0].take()), expected, "{policy:?}");
    }
}

/// The default policy closes at a fragment as at a message.
#[test]
fn i382_with_the_policy_close_a_fragment_at_the_cap_closes() {
    let (mut lab, id, members) = members(full_at(2000));
    members[0].set_room(Some(10));
    act(&mut lab, id, |socket| assert_eq!(write_four(socket), Sent::Full));
    assert!(!lab.server.wires().is_open(id));
    members[0].set_room(None);
    lab.run();
    let frames = socket::frames(&members[0].take());
    assert_eq!((&frames[..3], frames[3].code()), (&three_and_the_end()[..3], Some(1013)));
}

/// The fault: bytes that nobody had tried to write counted as the backlog of a slow peer.
#[test]
fn i383_a_peer_that_reads_at_once_is_never_too_slow_in_the_middle_of_a_message() {
    let (mut lab, id, members) = members(full_at(2000));
    act(&mut lab, id, |socket| {
        socket.begin(MessageKind::Text).expect("no other has begun").write(&*"x".repeat(900));
        for _ in 0..3 {
            assert_eq!(socket.send(&*"y".repeat(600)), Sent::Queued);
        }
    });
    act(&mut lab, id, end);
    assert_eq!(lab.connections(), 6);
    assert_eq!(socket::texts(&members[0].take())[2..], vec!["y".repeat(600); 3]);
}

/// The same for what is published.
#[test]
fn i383_what_is_published_to_a_peer_that_reads_at_once_is_not_dropped() {
    let (mut lab, id, members) = members(full_at(2000));
    let handle = lab.server.handle();
    for policy in [Overflow::DropNewest, Overflow::DropOldest] {
        handle.declare_topic("other", History::none().overflow(policy).max_backlog(1000));
        act(&mut lab, id, |socket| _ = socket.subscribe("other"));
        let begin_long: Act = |socket| {
            socket.begin(MessageKind::Text).expect("no other has begun").write(&*"x".repeat(900));
        };
        // All in one turn.
        handle.post(id, begin_long).expect("it is there");
        (0..2).for_each(|_| _ = handle.publish("other", "y".repeat(600)));
        lab.run();
        act(&mut lab, id, end);
        assert_eq!(handle.metrics().dropped, 0, "{policy:?}");
        assert_eq!(socket::texts(&members[0].take())[2..], vec!["y".repeat(600); 2], "{policy:?}");
    }
}

/// A peer takes `room` bytes of a message in two fragments of this length and an end, and is closed then. It gets the whole
/// message and a Close.
#[track_caller]
fn check_begun(length: usize, room: usize) {
    let (mut lab, id, members) = members(full_at(30_000));
    let far = &members[0];
    far.set_room(Some(room));
    let write: Act = match length {
        500 => |socket| write_two(socket, 500),
        _ => |socket| write_two(socket, 9000),
    };
    act(&mut lab, id, write);
    while lab.server.wires().is_open(id) {
        publish(&mut lab, &"z".repeat(700));
    }
    far.set_room(None);
    lab.run();
    let mut frames = socket::frames(&far.take());
    assert_eq!(frames.pop().as_ref().and_then(Frame::code), Some(1013), "{room} of {length}");
    let part = "x".repeat(length);
    let expected =
        [Frame::new(TEXT, &part), Frame::new(CONTINUATION, &part), Frame::new(FIN | CONTINUATION, "")];
    assert_eq!(frames, if room == 0 { &[][..] } else { &expected }, "{room} of {length}");
}

fn write_two(socket: &mut WebSocket<'_>, length: usize) {
    let mut message = socket.begin(MessageKind::Text).expect("no other has begun");
    (0..2).for_each(|_| _ = message.write(&*"x".repeat(length)));
    message.finish();
}

/// The fault: the unit was a frame, so the message was cut behind the frame that had begun.
#[test]
fn i384_a_message_in_fragments_that_has_begun_is_written_to_its_end() {
    for length in [500, 9000] {
        let frame = length + 4;
        for room in [0, 1, 10, frame - 1, frame, frame + 1, 2 * frame, 2 * frame + 1] {
            check_begun(length, room);
        }
    }
}

/// A message in fragments that has not begun to be written is dropped with the rest.
#[test]
fn i384_a_message_in_fragments_behind_one_that_has_begun_is_dropped() {
    let (mut lab, id, members) = members(full_at(30_000));
    members[0].set_room(Some(10));
    publish(&mut lab, &"a".repeat(3000));
    act(&mut lab, id, |socket| write_two(socket, 9000));
    act(&mut lab, id, |socket| socket.ping(b"p"));
    while lab.server.wires().is_open(id) {
        publish(&mut lab, &"z".repeat(3000));
    }
    members[0].set_room(None);
    lab.run();
    let frames = socket::frames(&members[0].take());
    assert_eq!((frames.len(), &frames[0]), (2, &Frame::text(&"a".repeat(3000))));
    assert_eq!(frames[1].code(), Some(1013));
}

/// What was given of a message that has not ended goes out before the Close, with the pings between its frames.
#[test]
fn i384_what_was_given_of_a_message_goes_out_before_the_close() {
    let (mut lab, id, members) = members(full_at(2000));
    members[0].set_room(Some(3));
    act(&mut lab, id, begin);
    act(&mut lab, id, |socket| socket.ping(b"p"));
    act(&mut lab, id, |socket| _ = socket.writer().expect("it has begun").write(&*"x".repeat(500)));
    while lab.server.wires().is_open(id) {
        publish(&mut lab, &"z".repeat(700));
    }
    members[0].set_room(None);
    lab.run();
    let frames = socket::frames(&members[0].take());
    let ping = Frame::new(FIN | socket::PING, "p");
    assert_eq!(frames[..3], [Frame::new(TEXT, "part"), ping, Frame::new(CONTINUATION, "x".repeat(500))]);
    assert_eq!((frames.len(), frames[3].code()), (4, Some(1013)));
}
