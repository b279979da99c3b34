//! Bugs that a third review found, one test each: what is sent and published where queues, messages in fragments, histories and
//! broadcasts meet.

use crate::support;
use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{
    ConnectionId, Drain, Exchange, History, Message, MessageKind, Overflow, Request, Subscribed, TimerId,
    WebSocket,
};
use std::io::{self, Read};
use std::time::Duration;
use support::congested::{congest, low_marks, low_marks_and};
use support::probe::Probe;
use support::socket::{self, CONTINUATION, FIN, Frame, TEXT};
use support::{Lab, get, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// What a member does when it is posted.
pub(crate) type Act = fn(&mut WebSocket<'_>);

/// A member of `room` that does what it is posted.
fn member() -> Probe {
    Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        on_post: |_, connection, value| {
            let act = value.downcast::<Act>().expect("nothing else is posted");
            act(&mut connection.as_websocket().expect("it is one"));
        },
        ..Probe::default()
    }
}

/// Six members, of which the first is the one that a test is about.
pub(crate) fn members(options: TestOptions) -> (Lab, ConnectionId, Vec<FarEnd>) {
    let mut lab = Lab::with_options(options, member);
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    let id = lab.server.handle().ids()[0];
    (lab, id, members)
}

pub(crate) fn act(lab: &mut Lab, id: ConnectionId, act: Act) {
    lab.server.handle().post(id, act).expect("it is there");
    lab.run();
}

pub(crate) fn publish(lab: &mut Lab, text: &str) {
    lab.server.handle().publish("room", text);
    lab.run();
}

pub(crate) fn begin(socket: &mut WebSocket<'_>) {
    socket.begin(MessageKind::Text).expect("no other has begun").write("part");
}

pub(crate) fn end(socket: &mut WebSocket<'_>) {
    assert!(socket.writer().expect("one has begun").finish().is_accepted());
}

/// The frames of [`begin`] and [`end`].
fn in_fragments() -> [Frame; 2] {
    [Frame::new(TEXT, "part"), Frame::new(FIN | CONTINUATION, "")]
}

/// What was published while a message in fragments was being sent came before what waited in the queue already.
#[test]
fn what_waits_in_the_queue_comes_before_what_waits_for_the_end_of_fragments() {
    for drains_inside in [false, true] {
        let (mut lab, id, members) = members(low_marks());
        act(&mut lab, id, |socket| socket.set_overflow(Overflow::DropOldest));
        let slow = &members[0];
        let long = congest(&mut lab, slow);
        act(&mut lab, id, begin);
        publish(&mut lab, "3");
        if drains_inside {
            slow.set_room(None);
            lab.run();
        }
        publish(&mut lab, "4");
        act(&mut lab, id, end);
        publish(&mut lab, "5");
        slow.set_room(None);
        lab.run();
        publish(&mut lab, "6");
        let texts = ["1", "2", "3", "4", "5", "6"].map(Frame::text);
        let expected = [&[Frame::text(&long)][..], &in_fragments(), &texts].concat();
        assert_eq!(socket::frames(&slow.take()), expected, "{drains_inside}");
        assert!(
            members[1..].iter().all(|far| socket::texts(&far.take())[1..] == ["1", "2", "3", "4", "5", "6"])
        );
    }
}

/// What was published after a change of the policy came before what waited in the queue.
#[test]
fn what_waits_in_the_queue_keeps_its_place_when_the_policy_changes() {
    for policy in [Overflow::DropNewest, Overflow::GiveBack, Overflow::Close] {
        let (mut lab, id, members) = members(low_marks());
        let slow = &members[0];
        act(&mut lab, id, |socket| socket.set_overflow(Overflow::DropOldest));
        let long = congest(&mut lab, slow);
        let change: Act = match policy {
            Overflow::DropNewest => |socket| socket.set_overflow(Overflow::DropNewest),
            Overflow::GiveBack => |socket| socket.set_overflow(Overflow::GiveBack),
            _ => |socket| socket.set_overflow(Overflow::Close),
        };
        act(&mut lab, id, change);
        publish(&mut lab, "3");
        slow.set_room(None);
        lab.run();
        assert_eq!(socket::texts(&slow.take()), [&*long, "1", "2", "3"], "{policy:?}");
    }
}

/// What waited for the end of a message in fragments was bound by the policy of the connection alone.
#[test]
fn the_policy_of_a_topic_counts_for_a_member_in_the_middle_of_a_message() {
    for (policy, bound, last) in [
        (Overflow::DropNewest, 2000, "3"),
        (Overflow::GiveBack, 2000, "3"),
        (Overflow::DropOldest, 2000, "9"),
        (Overflow::DropNewest, 1000, "1"),
    ] {
        let (mut lab, id, members) = members(low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000));
        let topic = History::none().overflow(policy).max_backlog(bound);
        lab.server.handle().declare_topic("other", topic);
        act(&mut lab, id, |socket| _ = socket.subscribe("other"));
        act(&mut lab, id, begin);
        for number in 0..10 {
            lab.server.handle().publish("other", format!("{number}{}", "x".repeat(600)));
            lab.run();
        }
        act(&mut lab, id, end);
        publish(&mut lab, "room");
        assert_eq!(lab.connections(), 6, "{policy:?}");
        let texts: Vec<_> =
            socket::texts(&members[0].take())[2..].iter().map(|text| text[..1].to_owned()).collect();
        assert_eq!(texts[..2], ["0", "1"], "{policy:?}");
        assert_eq!(texts[texts.len() - 2..], [last, "r"], "{policy:?}");
        let dropped = lab.server.handle().metrics().dropped;
        assert_eq!(texts.len() as u64 - 1 + dropped, 10, "{policy:?}");
    }
}

/// A topic `t` with this many entries of 100 bytes, and the id of the first one.
fn history(lab: &mut Lab, entries: usize) -> String {
    let handle = lab.server.handle();
    handle.declare_topic("t", History::new(1000));
    let reader = lab.events();
    handle.publish("t", "first");
    lab.run();
    let events = text(&reader.take());
    for number in 0..entries {
        handle.publish("t", format!("{number:0100}"));
    }
    lab.run();
    reader.reset();
    lab.run();
    events.lines().find_map(|line| line.strip_prefix("id: ")).expect("it has an id").to_owned()
}

/// Event streams are members of `t`, and a text is an id of that from which on a WebSocket wants it.
fn resuming() -> Probe {
    Probe {
        on_request: |_, exchange: Exchange<'_>, _: &Request<'_>| _ = exchange.events().subscribe("t"),
        on_message: |_, socket, message| {
            let Message::Text(id) = message else { return };
            assert_eq!(socket.subscribe_from("t", id), Subscribed::New);
        },
        ..member()
    }
}

/// What a client had missed went behind its message in fragments until that was too much, and closed it.
#[test]
fn who_is_sent_a_message_in_fragments_resumes_behind_it() {
    for policy in [Overflow::Close, Overflow::DropNewest] {
        let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000);
        let mut lab = Lab::with_options(options, resuming);
        let first = history(&mut lab, 50);
        let far = lab.websocket();
        let id = lab.server.handle().ids()[0];
        match policy {
            Overflow::Close => act(&mut lab, id, |socket| socket.set_overflow(Overflow::Close)),
            _ => act(&mut lab, id, |socket| socket.set_overflow(Overflow::DropNewest)),
        }
        act(&mut lab, id, begin);
        lab.say(&far, socket::text(&first));
        lab.server.handle().publish("t", "behind");
        lab.run();
        act(&mut lab, id, end);
        lab.server.handle().publish("t", "last");
        lab.run();
        let texts = socket::texts(&far.take());
        let numbers = (0..50).map(|number| format!("{number:0100}"));
        let expected: Vec<_> = ["", "behind", "last"].map(str::to_owned).into();
        let expected = [expected[..1].to_vec(), numbers.collect(), expected[1..].to_vec()].concat();
        assert_eq!(texts, expected, "{policy:?}");
    }
}

/// A client that was closed because it was full when it was told of what it had missed made its callback panic.
#[test]
fn a_full_client_that_resumes_from_an_unknown_id_is_closed_without_a_panic() {
    let mut lab =
        Lab::with_options(low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000), || Probe {
            on_message: |_, socket, message| {
                let Message::Text(id) = message else { return };
                assert_eq!(socket.subscribe_from("t", id), Subscribed::New);
                socket.send("x".repeat(2500).as_str());
                assert_eq!(socket.subscribe_from("u", "unknown"), Subscribed::New);
                assert!(!socket.send("more").is_accepted() && !socket.is_open());
            },
            ..resuming()
        });
    let first = history(&mut lab, 50);
    lab.server.handle().declare_topic("u", History::new(10));
    let far = lab.websocket();
    far.set_room(Some(0));
    lab.say(&far, socket::text(&first));
    far.set_room(None);
    lab.run();
    let frames = socket::frames(&far.take());
    assert_eq!(frames.last().and_then(Frame::code), Some(1013), "{:?}", lab.log.events());
    assert_eq!(lab.server.handle().metrics().panics, 0);
}

/// The queue of a congested member was charged only when something was dropped, and stayed charged when it was sent.
#[test]
fn a_queue_is_charged_as_long_as_it_is_there() {
    for bound in [2000, 1 << 20] {
        let (mut lab, id, members) = members(low_marks_and(|limits| limits.reactor.outbox_bytes_max = bound));
        act(&mut lab, id, |socket| socket.set_overflow(Overflow::DropOldest));
        let charged = |lab: &Lab| lab.server.wires().memory_of(id);
        let before = charged(&lab);
        members[0].set_room(Some(0));
        publish(&mut lab, &"x".repeat(1200));
        let congested = charged(&lab);
        (0..100).for_each(|_| publish(&mut lab, "waits"));
        let queued = charged(&lab) - congested;
        assert!(queued >= bound.min(100 * 64) / 2, "{bound}: only {queued} bytes");
        members[0].set_room(None);
        lab.run();
        assert_eq!(charged(&lab), before, "{bound}");
    }
}

/// The fault: a pong that waits was charged only when something else was, and then stayed charged.
#[test]
fn i388_a_pong_that_waits_is_charged_as_long_as_it_is_there() {
    let held = [&[][..], &[b'p'; 125]].map(|last| {
        let (mut lab, id, members) = members(low_marks());
        let before = lab.server.wires().memory_of(id);
        members[0].set_room(Some(0));
        // The first eight make the connection congested.
        lab.say(&members[0], [socket::ping(&[b'p'; 125]).repeat(8), socket::ping(last)].concat());
        let held = lab.server.wires().memory_of(id);
        members[0].set_room(None);
        lab.run();
        assert_eq!(socket::frames(&members[0].take()).len(), 9);
        assert_eq!(lab.server.wires().memory_of(id), before);
        held
    });
    assert_eq!(held[1] - held[0], 125);
}

/// The list of notices stayed charged after it was given back.
#[test]
fn notices_that_were_told_are_not_charged() {
    let (mut lab, id, members) = members(low_marks());
    let before = lab.server.wires().memory_of(id);
    members[0].set_room(Some(0));
    act(&mut lab, id, |socket| {
        socket.send("x");
        (0..1000).for_each(|tag| _ = socket.notify_sent(tag));
    });
    assert!(lab.server.wires().memory_of(id) > before + 10_000);
    members[0].set_room(None);
    lab.run();
    assert_eq!(lab.log.count("sent "), 1000);
    assert!(lab.server.wires().memory_of(id) < before + 500);
}

/// A connection that waited for the Close of its peer stayed charged for the topics that it had left.
#[test]
fn a_closing_connection_is_not_charged_for_topics() {
    let (mut lab, id, members) = members(TestOptions::default());
    act(&mut lab, id, |socket| {
        (0..50).for_each(|number| _ = socket.subscribe(&format!("{number:0100}")));
    });
    let before = lab.server.wires().memory_of(id);
    act(&mut lab, id, |socket| socket.close_with(4000, ""));
    assert_eq!(socket::frames(&members[0].take()).len(), 1, "a Close");
    let left = lab.server.wires().memory_of(id);
    assert!(left + 50 * 100 < before, "{left} of {before} bytes");
}

/// Each empty message that somebody published to others of its own protocol was noted, and never forgotten.
#[test]
fn empty_messages_leave_nothing_behind() {
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| _ = connection.subscribe("room"),
        on_data: |_, raw, data| {
            (0..10_000).for_each(|_| _ = raw.publish("room", ""));
            data.len()
        },
        ..Probe::default()
    });
    let members: Vec<_> = (0..6).map(|_| lab.connect_to(listener::RAW)).collect();
    lab.say(&members[0], "warm");
    let left = measure(|| (0..10).for_each(|_| _ = lab.say(&members[0], "again"))).bytes_current;
    assert!(left < 10_000, "{left} bytes");
}

/// If the high mark was as high as the bound, the first piece of a reader was lost behind a message that just fitted.
#[test]
fn no_piece_of_a_reader_is_lost_behind_an_outbox_that_is_exactly_full() {
    const BYTES: usize = 40_000;
    let (mut lab, id, members) = members(low_marks_and(|limits| limits.reactor.outbox_bytes_max = 1000));
    members[0].set_room(Some(0));
    act(&mut lab, id, |socket| {
        socket.set_overflow(Overflow::DropNewest);
        socket.send(&[0; 996][..]);
        let reader = io::Cursor::new((0..BYTES).map(|number| number as u8).collect::<Vec<_>>());
        socket.send_reader(MessageKind::Binary, reader);
    });
    members[0].set_room(None);
    lab.run();
    let frames = socket::frames(&members[0].take());
    let sent = frames[1..].iter().flat_map(|frame| frame.payload.iter().copied());
    assert!(sent.eq((0..BYTES).map(|number| number as u8)), "{} frames", frames.len());
    assert_eq!(frames.last().map(|frame| frame.first), Some(FIN | CONTINUATION));
}

/// An id whose slot was never used, as somebody may have typed it, ended the thread of its reactor.
#[test]
fn to_close_who_never_was_does_nothing() {
    let (mut lab, id, _members) = members(TestOptions::default());
    let never: ConnectionId = "r0-5000.1".parse().expect("it is an id");
    assert_eq!(lab.server.handle().close_with(never, 4000, ""), Err(jackfield::Busy::Gone));
    lab.run();
    act(&mut lab, id, |socket| {
        let never: ConnectionId = "r0-5000.1".parse().expect("it is an id");
        let gone = Err(jackfield::Busy::Gone);
        assert_eq!((socket.close_other_with(never, 4000, ""), socket.close_other(never)), (gone, gone));
        assert_eq!(socket.send_to(never, "x"), jackfield::Sent::Gone);
    });
    assert_eq!((lab.connections(), lab.server.handle().metrics().panics), (6, 0));
}

/// A reader of so many bytes, whose end is a panic.
struct Bad(u64);

impl Read for Bad {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let bytes = (piece.len() as u64).min(self.0);
        self.0 -= bytes;
        Ok(bytes as usize)
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        panic!("a bad end");
    }
}

/// It ended the thread of the reactor.
#[test]
fn a_reader_that_panics_when_it_is_dropped_is_a_panic_of_its_connection() {
    // It comes to its end in a later turn, or its connection does.
    let (mut lab, id, members) = members(TestOptions::default());
    act(&mut lab, id, |socket| _ = socket.send_reader(MessageKind::Binary, Bad(200_000)));
    assert_eq!(lab.server.handle().metrics().panics, 1);
    let frames = socket::frames(&members[0].take());
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).sum::<usize>(), 200_000);
    members[0].set_room(Some(0));
    act(&mut lab, id, |socket| _ = socket.send_reader(MessageKind::Binary, Bad(10_000_000)));
    members[0].reset();
    lab.run();
    assert_eq!((lab.connections(), lab.server.handle().metrics().panics), (5, 2));
}

/// The list of members that stand apart from a broadcast was in no account.
#[test]
fn the_list_of_those_that_stand_apart_is_charged() {
    const CONGESTED: usize = 400;
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 1100);
    let mut lab = Lab::with_options(options, member);
    lab.server.handle().declare_topic("room", History::none().overflow(Overflow::DropNewest));
    let members: Vec<_> = (0..CONGESTED + 6).map(|_| lab.websocket()).collect();
    let (id, slow) = (lab.server.handle().ids()[0], &members[6..]);
    slow.iter().for_each(|far| far.set_room(Some(0)));
    let end_broadcast: Act = |socket| _ = socket.unsubscribe("it is no member of this");
    publish(&mut lab, &"x".repeat(1200));
    let mut charged = Vec::new();
    for _ in 0..3 {
        publish(&mut lab, "gathers");
        charged.push(lab.server.wires().memory_bytes());
        act(&mut lab, id, end_broadcast);
        charged.push(lab.server.wires().memory_bytes());
    }
    let [.., without, with, after] = charged[..] else { unreachable!("six") };
    assert!(with >= without + CONGESTED * size_of::<ConnectionId>(), "{charged:?}");
    assert_eq!(without, after, "{charged:?}");
}

/// What became a WebSocket or an event stream when its connection had lasted as long as it may was reset later, without a word.
#[test]
fn what_begins_at_the_end_of_a_lifetime_is_told_of_it() {
    for (request, is_last) in [
        (
            socket::UPGRADE.to_owned(),
            (|answer| answer.ends_with(&[FIN | socket::CLOSE, 2, 3, 0xe9])) as fn(&[u8]) -> bool,
        ),
        (get("/events"), |answer| answer.windows(7).any(|bytes| bytes == b"retry: ")),
    ] {
        let mut options = TestOptions::default();
        options.limits.max_lifetime = SECOND * 3;
        let mut lab = Lab::with_options(options, || Probe {
            on_connect: |_, connection| {
                connection.pause_read();
                connection.set_timer(TimerId(1), SECOND * 5);
            },
            on_timer: |_, connection, _| connection.resume_read(),
            ..Probe::default()
        });
        let far = lab.connect();
        far.send(request.as_bytes());
        lab.advance(SECOND * 5);
        let answer = far.take();
        assert!(is_last(&answer), "{}", text(&answer));
        far.send(&socket::close(1001, ""));
        lab.advance(SECOND);
        assert!(lab.log.has("disconnect Timeout(Lifetime)"), "{:?}", lab.log.events());
        assert!(!far.is_reset());
    }
}

/// When its peer had closed its side, a deferred answer had the deadline of all others in place of the one it was given.
#[test]
fn an_answer_keeps_its_own_deadline_when_the_peer_closes_its_side() {
    let mut options = TestOptions::default();
    options.limits.half_closed = true;
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, exchange, _| std::mem::forget(exchange.defer_within(SECOND * 2)),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, get("/"));
    lab.advance(SECOND);
    far.finish();
    lab.advance(SECOND);
    assert_eq!(statuses(&far.take()), [503]);
}

/// Pings went behind an outbox that was full.
#[test]
fn pings_keep_to_the_bound_of_the_outbox() {
    let (mut lab, id, members) = members(low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000));
    members[0].set_room(Some(0));
    act(&mut lab, id, |socket| (0..1000).for_each(|_| socket.ping(&[0; 125])));
    let queued = lab.server.wires().queued_bytes(id);
    assert!((2000..2127).contains(&queued), "{queued} bytes");
    members[0].set_room(None);
    lab.run();
    act(&mut lab, id, |socket| socket.ping(b"once more"));
    let frames = socket::frames(&members[0].take());
    assert_eq!(frames.last(), Some(&Frame::new(FIN | socket::PING, "once more")));
}

/// What gathers was weighed against the bound of all outboxes, not against that of its topic.
#[test]
fn a_broadcast_keeps_to_the_bound_of_its_topic() {
    const BOUND: usize = 2000;
    let mut lab = Lab::with_options(low_marks(), || Probe {
        on_message: |_, socket, _| (0..1000).for_each(|_| _ = socket.publish("room", "ten bytes.")),
        ..member()
    });
    let topic = History::none().overflow(Overflow::DropNewest).max_backlog(BOUND);
    lab.server.handle().declare_topic("room", topic);
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    members.iter().for_each(|far| far.set_room(Some(0)));
    lab.say(&members[0], socket::text("go"));
    let ids: Vec<_> = lab.server.wires().ids().collect();
    let queued: Vec<usize> = ids.iter().map(|id| lab.server.wires().queued_bytes(*id)).collect();
    assert!(queued[1..].iter().all(|queued| (BOUND..=BOUND + 20).contains(queued)), "{queued:?} bytes wait");
}

/// Six members of a topic with this policy, of which the first is congested. Each message makes its sender publish 20 more, which
/// gather for the members that read.
fn apart(options: TestOptions, policy: Overflow) -> (Lab, Vec<FarEnd>) {
    let mut lab = Lab::with_options(options, || Probe {
        on_message: |probe, socket, _| {
            for number in 1..=20 {
                let here = socket.publish("room", format!("{number:0100}")).here;
                probe.log.note(format!("here {here}"));
            }
        },
        ..member()
    });
    lab.server.handle().declare_topic("room", History::none().overflow(policy));
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    members[0].set_room(Some(0));
    publish(&mut lab, &"x".repeat(1200));
    (lab, members)
}

/// What members that read get of [`apart`].
fn whole() -> Vec<String> {
    let numbers = (1..=20).map(|number| format!("{number:0100}"));
    [vec!["x".repeat(1200)], numbers.collect()].concat()
}

/// A member that stands apart from a broadcast is closed in the middle of it, because it is full.
#[test]
fn a_member_that_stands_apart_is_closed_when_it_is_full() {
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000);
    let (mut lab, members) = apart(options, Overflow::Close);
    lab.say(&members[5], socket::text("go"));
    // 1204 bytes wait, and each message has 102.
    assert_eq!((lab.log.count("here 5"), lab.log.count("here 4")), (8, 12), "{:?}", lab.log.events());
    assert!(members[1..5].iter().all(|far| socket::texts(&far.take()) == whole()));
    members[0].set_room(None);
    lab.run();
    let frames = socket::frames(&members[0].take());
    assert_eq!(frames.last().and_then(Frame::code), Some(1013));
    // It takes the place of nobody else, and the next ones gather again.
    lab.say(&members[5], socket::text("go"));
    assert!(members[1..5].iter().all(|far| socket::texts(&far.take()) == whole()[1..]));
    lab.advance(SECOND * 10);
    assert_eq!((lab.connections(), lab.server.handle().metrics().dropped), (5, 1));
}

/// A member that stands apart is evicted for what it holds, at the end of the turn.
#[test]
fn a_member_that_stands_apart_is_evicted() {
    for policy in [Overflow::DropNewest, Overflow::DropOldest] {
        let options = low_marks_and(|limits| limits.reactor.wire_memory_bytes_max = 3000);
        let (mut lab, members) = apart(options, policy);
        for _ in 0..2 {
            lab.say(&members[5], socket::text("go"));
        }
        assert_eq!(lab.server.handle().metrics().evicted, 1, "{policy:?}");
        assert!(members[0].is_reset(), "{policy:?}");
        let all = [whole(), whole()[1..].to_vec()].concat();
        assert!(members[1..5].iter().all(|far| socket::texts(&far.take()) == all), "{policy:?}");
        assert_eq!((lab.connections(), lab.server.handle().subscribers("room")), (5, 5), "{policy:?}");
        lab.log.take();
        lab.say(&members[5], socket::text("go"));
        assert_eq!(lab.log.count("here 4"), 20, "{policy:?}");
    }
}

/// A shutdown comes while a broadcast is open that a member stands apart from. Each gets what was published before its Close.
#[test]
fn a_shutdown_ends_a_broadcast_that_members_stand_apart_from() {
    for (policy, queues) in [(Overflow::DropNewest, false), (Overflow::DropOldest, true)] {
        for spread in [Duration::ZERO, SECOND * 5] {
            let (mut lab, members) = apart(low_marks(), policy);
            let handle = lab.server.handle();
            for text in ["1", "2"] {
                handle.publish("room", text);
            }
            handle.shutdown(Drain::within(SECOND * 20).spread_over(spread));
            handle.publish("room", "3");
            lab.run();
            lab.advance(spread);
            members[0].set_room(None);
            lab.run();
            for (number, far) in members.iter().enumerate() {
                let frames = socket::frames(&far.take());
                assert_eq!(frames.last().and_then(Frame::code), Some(1001), "{policy:?} {number}");
                let texts: Vec<_> =
                    frames[1..frames.len() - 1].iter().map(|frame| text(&frame.payload)).collect();
                let expected: &[&str] = if number == 0 && queues { &[] } else { &["1", "2", "3"] };
                assert_eq!(texts, expected, "{policy:?} {number}");
                far.send(&socket::close(1001, ""));
            }
            lab.advance(SECOND);
            assert_eq!((lab.connections(), handle.subscribers("room")), (0, 0), "{policy:?}");
            assert_eq!(handle.metrics().dropped, if queues { 3 } else { 0 }, "{policy:?}");
        }
    }
}
