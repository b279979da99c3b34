//! What is published: members that can't get a message at all, half-closed members, and how many messages were sent.

use crate::support;
use jackfield::test::listener;
use jackfield::{Event, History, Message, MessageKind, Overflow, Publication};
use std::io::Cursor;
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

/// Does this to a lab of such members with a queue, and checks how many messages were sent.
#[track_caller]
fn check_sent(policy: Overflow, act: impl FnOnce(&mut Lab), expected: u64) {
    let mut lab = lab(policy);
    act(&mut lab);
    let metrics = lab.server.handle().metrics();
    assert_eq!((metrics.messages_out, metrics.panics), (expected, 0), "{policy:?}");
}

/// The fault: what had waited in a queue counted twice, and once if it was dropped.
#[test]
fn a_message_that_waits_in_a_queue_counts_when_it_leaves_it() {
    const MEMBERS: u64 = 6;
    /// Publishes to members of which the first one is congested, and lets that read in the end or not.
    fn publish_all(lab: &mut Lab, texts: &[&str], reads: bool) {
        let members: Vec<_> = (0..MEMBERS).map(|_| lab.connect_to(listener::RAW)).collect();
        members[0].set_room(Some(0));
        publish(lab, half().into());
        // In one turn: from the second one on, they are gathered for the others.
        for text in texts {
            lab.server.handle().publish("room", Publication::from(*text).key("k"));
        }
        lab.run();
        if reads {
            members[0].set_room(None);
            lab.run();
            assert!(members[0].take().ends_with(texts[texts.len() - 1].as_bytes()));
        }
    }
    let texts = ["1", "2", "3", "4"];
    let to_others = (MEMBERS - 1) * 4;
    for (policy, left) in [(Overflow::DropOldest, 4), (Overflow::NewestPerKey, 1)] {
        check_sent(policy, |lab| publish_all(lab, &texts, false), MEMBERS + to_others);
        check_sent(policy, |lab| publish_all(lab, &texts, true), MEMBERS + to_others + left);
    }
    // Two of these have no room in the queue together.
    let long = half();
    let texts = [long.as_str(); 4];
    check_sent(Overflow::DropOldest, |lab| publish_all(lab, &texts, true), MEMBERS + to_others + 1);
}

/// The fault: each of its frames counted, and what was published meanwhile counted twice.
#[test]
fn a_message_in_fragments_counts_once_and_so_does_what_waits_behind_it() {
    fn publish_inside(lab: &mut Lab, texts: &[&str]) {
        let far = lab.websocket();
        lab.say(&far, socket::text("begin"));
        texts.iter().for_each(|text| publish(lab, (*text).into()));
        let got = socket::frames(&lab.say(&far, socket::text("end")));
        assert_eq!(got.len(), 1 + texts.len());
    }
    for policy in POLICIES {
        check_sent(policy, |lab| publish_inside(lab, &[]), 1);
        check_sent(policy, |lab| publish_inside(lab, &["1", "2", "3"]), 1 + 3);
    }
    // The last two go to the queue, because as much as fits waits behind the message.
    let long = half();
    let texts = [&*long, &*long, "1", "2"];
    check_sent(Overflow::DropOldest, |lab| publish_inside(lab, &texts), 1 + 4);

    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            let reader = Cursor::new(vec![7_u8; 40_000]);
            assert!(socket.send_reader(MessageKind::Binary, reader).is_accepted());
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    let frames = socket::frames(&lab.say(&far, socket::text("go")));
    assert!(frames.len() > 2, "{}", frames.len());
    assert_eq!(lab.server.handle().metrics().messages_out, 1);
}

/// The fault: each part of the body of an answer counted as a message.
#[test]
fn the_body_of_an_answer_is_no_message() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| {
            if request.path() == "/later" {
                let mut stream = exchange.defer().stream(200, "text/plain");
                (0..3).for_each(|_| assert!(stream.write("part").is_accepted()));
                stream.finish();
            } else {
                let mut stream = exchange.stream(200, "text/plain");
                (0..3).for_each(|_| assert!(stream.write("part").is_accepted()));
                stream.finish().expect("its length is not announced");
            }
        },
        ..Probe::default()
    });
    for path in ["/", "/later"] {
        let far = lab.connect();
        assert_eq!(lab.ask(&far, get(path)).matches("part").count(), 3, "{path}");
    }
    assert_eq!(lab.server.handle().metrics().messages_out, 0);
}
