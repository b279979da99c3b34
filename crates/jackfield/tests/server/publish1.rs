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
