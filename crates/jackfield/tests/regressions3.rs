//! Bugs that a third review found, one test each: what is sent and published where queues, messages in fragments, histories and
//! broadcasts meet.

mod support;

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
use support::{Lab, get, text};

const SECOND: Duration = Duration::from_secs(1);

/// What a member does when it is posted.
type Act = fn(&mut WebSocket<'_>);

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
fn members(options: TestOptions) -> (Lab, ConnectionId, Vec<FarEnd>) {
    let mut lab = Lab::with_options(options, member);
    let members: Vec<_> = (0..6).map(|_| lab.websocket()).collect();
    let id = lab.server.handle().ids()[0];
    (lab, id, members)
}

fn act(lab: &mut Lab, id: ConnectionId, act: Act) {
    lab.server.handle().post(id, act).expect("it is there");
    lab.run();
}

fn publish(lab: &mut Lab, text: &str) {
    lab.server.handle().publish("room", text);
    lab.run();
}

fn begin(socket: &mut WebSocket<'_>) {
    socket.begin(MessageKind::Text).expect("no other has begun").write("part");
}

fn end(socket: &mut WebSocket<'_>) {
    assert!(socket.writer().expect("one has begun").finish().is_accepted());
}

/// The frames of [`begin`] and [`end`].
fn in_fragments() -> [Frame; 2] {
    [Frame::new(TEXT, "part"), Frame::new(FIN | CONTINUATION, "")]
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

/// An id whose slot was never used, as somebody may have typed it, ended the thread of its reactor.
#[test]
fn to_close_who_never_was_does_nothing() {
    let (mut lab, id, _members) = members(TestOptions::default());
    let never: ConnectionId = "r0-5000.1".parse().expect("it is an id");
    lab.server.handle().close_with(never, 4000, "").expect("it is put in");
    lab.run();
    act(&mut lab, id, |socket| {
        let never: ConnectionId = "r0-5000.1".parse().expect("it is an id");
        socket.close_other_with(never, 4000, "").expect("it is here, if it is anywhere");
        socket.close_other(never).expect("the same");
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
