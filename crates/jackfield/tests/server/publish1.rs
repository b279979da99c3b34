//! What is published: members that can't get a message at all, half-closed members, and how many messages were sent.

use crate::support;
use jackfield::test::listener;
use jackfield::{Event, History, Message, MessageKind, Overflow, Publication};
use support::congested::low_marks_and;
use support::probe::Probe;
use support::socket::{self, UPGRADE};
use support::{Lab, get};

const POLICIES: [Overflow; 5] =
    [Overflow::Close, Overflow::GiveBack, Overflow::DropNewest, Overflow::DropOldest, Overflow::NewestPerKey];

/// Something that a connection can't get.
type Unfit = fn() -> Publication<'static>;

fn comment() -> Publication<'static> {
    Event::comment("psst").into()
}

fn comment_with_key() -> Publication<'static> {
    comment().key("k")
}

fn binary() -> Publication<'static> {
    b"\x00".into()
}

fn binary_with_key() -> Publication<'static> {
    binary().key("k")
}

fn long_binary() -> Publication<'static> {
    vec![0_u8; 3000].into()
}

/// Half of what a member gets: two of them fill its outbox.
fn half() -> String {
    "#".repeat(1200)
}

/// A member of `room` that answers with both halves, and begins and ends a message in fragments.
fn member() -> Probe {
    Probe {
        on_connect: |_, connection| _ = connection.subscribe("room"),
        on_request: |_, exchange, request| match request.path() {
            "/events" => _ = exchange.events(),
            _ => exchange.ok("text/plain", half().repeat(2)),
        },
        on_message: |_, socket, message| match message {
            Message::Text("begin") => {
                socket.begin(MessageKind::Text).expect("no other has begun").write("part");
            }
            _ => _ = socket.writer().expect("one has begun").finish(),
        },
        ..Probe::default()
    }
}

/// A lab of such members, where the topic has this policy and an outbox is full at 2000 bytes.
fn lab(policy: Overflow) -> Lab {
    let lab = Lab::with_options(low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000), member);
    lab.server.handle().declare_topic("room", History::none().overflow(policy));
    lab
}

fn publish(lab: &mut Lab, publication: Publication<'_>) {
    lab.server.handle().publish("room", publication);
    lab.run();
}

/// Fills the outbox of a member, by a published message or as it does itself when it gets `asked`. Much that it can't get makes
/// no difference to it.
#[track_caller]
fn check_unfit(listener: usize, opening: &str, asked: &str, unfit: &[Unfit]) {
    for (policy, unfit) in POLICIES.into_iter().flat_map(|policy| unfit.iter().map(move |it| (policy, it))) {
        let mut lab = lab(policy);
        let far = lab.connect_to(listener);
        lab.say(&far, opening);
        far.set_room(Some(0));
        lab.say(&far, asked);
        publish(&mut lab, half().into());
        publish(&mut lab, Publication::from(half()).key("k"));
        (0..100).for_each(|_| publish(&mut lab, unfit()));
        far.set_room(None);
        lab.run();
        let (got, case) = (far.take(), format!("{policy:?}, {opening:?}, {:?}", unfit()));
        assert_eq!(got.iter().filter(|byte| **byte == b'#').count(), 2400, "{case}");
        assert_eq!((lab.server.handle().metrics().dropped, lab.connections()), (0, 1), "{case}");
    }
}

/// The fault: it was queued for a congested member, where it pushed out what waited, or it closed the member.
#[test]
fn a_published_message_that_a_member_can_not_get_takes_nothing_from_it() {
    let binaries: [Unfit; 3] = [binary, binary_with_key, long_binary];
    let comments: [Unfit; 2] = [comment, comment_with_key];
    check_unfit(listener::HTTP, &get("/events"), "", &binaries);
    check_unfit(listener::HTTP, UPGRADE, "", &comments);
    check_unfit(listener::RAW, "", "", &comments);
    check_unfit(listener::HTTP, "", &get("/"), &[comment, binary, long_binary]);
}

/// The fault: the same for a member in the middle of a message, also for what was sent to it alone.
#[test]
fn a_message_without_a_frame_takes_nothing_from_a_member_in_the_middle_of_another() {
    for policy in POLICIES {
        let mut lab = lab(policy);
        let (far, handle) = (lab.websocket(), lab.server.handle());
        lab.say(&far, socket::text("begin"));
        publish(&mut lab, half().into());
        publish(&mut lab, half().into());
        for _ in 0..100 {
            publish(&mut lab, comment());
            publish(&mut lab, comment_with_key());
            handle.send(handle.ids()[0], comment_with_key()).expect("there is room");
        }
        let got = lab.say(&far, socket::text("end"));
        assert_eq!(got.iter().filter(|byte| **byte == b'#').count(), 2400, "{policy:?}");
        assert_eq!((handle.metrics().dropped, handle.count()), (0, 1), "{policy:?}");
    }
}

/// The fault: it stayed a member, so each publish visited all members one by one.
#[test]
fn a_half_closed_connection_is_in_no_topic() {
    const MEMBERS: usize = 100;
    let mut lab = Lab::new(|| Probe {
        on_connect: |_, connection| _ = connection.subscribe("room"),
        on_data: |probe, raw, data| {
            raw.shutdown_write();
            probe.log.note(format!("{} are left", raw.subscribers("room")));
            data.len()
        },
        ..Probe::default()
    });
    let members: Vec<_> = (0..MEMBERS).map(|_| lab.connect_to(listener::RAW)).collect();
    let handle = lab.server.handle();
    lab.say(&members[0], "bye");
    assert!(lab.log.has("99 are left"), "{:?}", lab.log.events());
    assert_eq!((handle.members("room").len(), lab.connections()), (MEMBERS - 1, MEMBERS));
    let visits = |lab: &Lab| lab.server.wires().stats().visits.value();
    let before = visits(&lab);
    (0..20).for_each(|_| _ = handle.publish("room", "x"));
    lab.run();
    let visits = visits(&lab) - before;
    assert!(visits < 5 * MEMBERS as u64, "{visits} for 20 messages");
    assert!(members[0].take().is_empty());
    assert!(members[1..].iter().all(|far| far.take() == [b'x'; 20]));
}

/// The fault: what waited in its queue never left.
#[test]
fn what_waits_in_the_queue_leaves_before_a_half_close() {
    for (bound, fits) in [(1 << 20, true), (2000, false)] {
        let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = bound);
        let mut lab = Lab::with_options(options, || Probe {
            on_connect: |_, connection| {
                connection.set_overflow(Overflow::DropOldest);
                connection.subscribe("room");
            },
            on_post: |_, connection, _| connection.as_raw().expect("it is one").shutdown_write(),
            ..Probe::default()
        });
        let (far, handle) = (lab.connect_to(listener::RAW), lab.server.handle());
        far.set_room(Some(0));
        publish(&mut lab, half().into());
        (0..10).for_each(|_| publish(&mut lab, "*".repeat(300).into()));
        handle.post(handle.ids()[0], ()).expect("it is there");
        lab.run();
        far.set_room(None);
        lab.run();
        let stars = far.take().iter().filter(|byte| **byte == b'*').count();
        let dropped = handle.metrics().dropped;
        assert_eq!(stars / 300 + dropped as usize, 10, "{bound}");
        assert!(stars >= 300 && (dropped == 0) == fits, "{bound}: {dropped} were dropped");
        assert!(far.has_server_finished() && !far.is_reset(), "{bound}");
    }
}
