//! Slow consumers whose policy is to close: what has begun arrives whole, then the peer is told why, and the backlog is gone.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, ConnectionId, Disconnect, Event, Exchange, Message, Prepared, Reason, Request,
    WebSocket,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use support::socket::{self, Frame, SWITCHED, UPGRADE};
use support::{get, text};
use tls::{Identity, Secured};

const MIB: usize = 1 << 20;

/// What the clients were told at their ends.
type Ends = Rc<RefCell<Vec<Disconnect>>>;

/// What a client sends in its own callback until it is closed: the lengths of the messages, and the messages.
type Flood = Rc<RefCell<(Vec<usize>, Vec<String>)>>;

struct Reader(Ends, Flood);

/// The message with this number, of one of these lengths.
fn numbered(number: usize, lengths: &[usize]) -> String {
    assert!(number < 400_000, "it is never closed");
    format!("{number:09}") + &"m".repeat(lengths[number % lengths.len()])
}

impl Client for Reader {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events().subscribe("news");
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        assert_eq!(socket.buffered(), 0, "the 101 is none of its messages");
        socket.subscribe("news");
        socket.send("welcome");
        assert_eq!(socket.buffered(), 2 + 7);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        let (lengths, messages) = &mut *self.1.borrow_mut();
        loop {
            let message = numbered(messages.len(), lengths);
            let sent = socket.send(&message);
            messages.push(message);
            if !sent.is_accepted() {
                return;
            }
        }
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.borrow_mut().push(end.clone());
    }
}

struct Place {
    server: TestServer,
    ends: Ends,
    flood: Flood,
}

impl Place {
    fn new(options: TestOptions) -> Self {
        let (ends, flood) = (Ends::default(), Flood::default());
        let kept = (ends.clone(), flood.clone());
        let server = TestServer::with_options(options, move |_peer| Reader(kept.0.clone(), kept.1.clone()));
        Self { server, ends, flood }
    }

    fn first(&self) -> ConnectionId {
        self.server.wires().ids().next().expect("it is there")
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Send,
    Prepared,
    Publish,
    InItsOwnCallback,
}

const WAYS: [How; 4] = [How::Send, How::Prepared, How::Publish, How::InItsOwnCallback];

/// Messages of these lengths, again and again, until the connection is closed. Returns them all.
fn overflow(place: &mut Place, far: &FarEnd, how: How, lengths: &[usize]) -> Vec<String> {
    let (handle, id) = (place.server.handle(), place.first());
    let mut messages = Vec::new();
    while place.ends.borrow().is_empty() && place.server.wires().is_open(id) {
        let message = numbered(messages.len(), lengths);
        match how {
            How::Send => handle.send(id, &message).expect("there is room"),
            How::Prepared => handle.send(id, Prepared::new(&message)).expect("there is room"),
            How::Publish => drop(handle.publish("news", &message)),
            How::InItsOwnCallback => {
                place.flood.borrow_mut().0 = lengths.to_vec();
                far.send(&socket::text("go on"));
                place.server.run();
                return std::mem::take(&mut place.flood.borrow_mut().1);
            }
        }
        place.server.run();
        messages.push(message);
    }
    messages
}

/// The peer takes `room` bytes and then nothing: it gets the rest of the message that has begun, and a Close.
#[track_caller]
fn check_socket(how: How, lengths: &[usize], room: usize) {
    let case = format!("{how:?} of {lengths:?}, {room} bytes of room");
    let mut place = Place::new(TestOptions::default());
    let far = place.server.connect();
    far.send(UPGRADE.as_bytes());
    place.server.run();
    far.take();
    far.set_room(Some(room));
    let messages = overflow(&mut place, &far, how, lengths);
    let longest = lengths.iter().max().expect("there are some") + 19;
    assert!(place.server.wires().memory_bytes() < 2 * longest + (130 << 10), "{case}");
    assert!(place.server.wires().queued_bytes(place.first()) < longest + 40, "{case}");
    far.set_room(None);
    place.server.run();
    let mut frames = socket::frames(&far.take());
    assert_eq!(frames.pop().as_ref().and_then(Frame::code), Some(1013), "{case}");
    let mut got = 0;
    for (frame, message) in frames.iter().zip(&messages) {
        assert!(got < room, "a message that had not begun, {case}");
        assert_eq!(frame.payload, message.as_bytes(), "{case}");
        got += socket::header_bytes(message.len()) + message.len();
    }
    assert!(got >= room, "what has begun is written, {case}");
    far.finish();
    place.server.run();
    let end = place.ends.borrow_mut().pop().expect("it is over");
    assert_eq!(end.reason, Reason::Limit(jackfield::Limit::Backlog));
    let queued: usize =
        messages[..messages.len() - 1].iter().map(|text| socket::header_bytes(text.len()) + text.len()).sum();
    assert_eq!(end.unsent as usize, queued - got, "{case}");
    assert!(end.unsent as usize + got >= MIB, "{case}");
}

#[test]
fn a_message_that_has_begun_is_written_and_the_backlog_is_dropped() {
    for how in WAYS {
        for room in [0, 1, 2, 1000, 1012, 1013, 1014, 70_000, 300_000] {
            check_socket(how, &[1000], room);
        }
        for room in [0, 1, 3, 5000, 40_000, 200_001] {
            check_socket(how, &[5000, 10, 100, 20_000, 0, 70_000], room);
        }
    }
    check_socket(How::Send, &[2], 77_777);
}

/// A4 with its numbers: the peer of a slow consumer that was closed takes 12 KB each 5 s, far more than the floor of a flush. The
/// fault: if a long message had begun, the connection kept its place for seven minutes.
#[test]
fn a_slow_consumer_that_was_closed_keeps_its_place_for_four_intervals_at_most() {
    const EACH: u64 = 5;
    for how in WAYS {
        for (length, ends_after, code) in
            [(10_000, 5, Some(1013)), (100_000, 45, Some(1013)), (MIB, 60, None)]
        {
            let case = format!("{how:?} of {length}");
            let mut place = Place::new(TestOptions::default());
            let far = place.server.connect();
            far.send(UPGRADE.as_bytes());
            place.server.run();
            far.take();
            far.set_room(Some(1000));
            overflow(&mut place, &far, how, &[length]);
            let (mut got, mut seconds) = (far.take(), 0);
            while place.ends.borrow().is_empty() {
                assert_eq!(place.server.handle().count(), 1, "{case}");
                place.server.advance(Duration::from_secs(EACH));
                seconds += EACH;
                far.set_room(Some(12_000));
                place.server.run();
                got.extend(far.take());
            }
            assert_eq!((seconds, far.is_reset()), (ends_after, code.is_none()), "{case}");
            assert_eq!(place.ends.borrow()[0].reason, Reason::Limit(jackfield::Limit::Backlog), "{case}");
            assert_eq!(place.server.handle().count(), 0, "{case}");
            if code.is_some() {
                assert_eq!(socket::frames(&got).last().and_then(Frame::code), code, "{case}");
            }
        }
    }
}

/// A 101 that was not sent yet is no part of the backlog.
#[test]
fn bytes_before_the_messages_are_kept() {
    for room in [0, 1, SWITCHED.len() - 1, SWITCHED.len(), SWITCHED.len() + 1] {
        let mut place = Place::new(TestOptions::default());
        let far = place.server.connect();
        far.set_room(Some(room));
        far.send(UPGRADE.as_bytes());
        place.server.run();
        overflow(&mut place, &far, How::Publish, &[1000, 9000]);
        far.set_room(None);
        place.server.run();
        let bytes = far.take();
        let frames = socket::frames(bytes.strip_prefix(SWITCHED.as_bytes()).expect("it is switched"));
        let welcome = (room > SWITCHED.len()).then(|| Frame::text("welcome"));
        assert_eq!(frames[..frames.len() - 1], welcome.into_iter().collect::<Vec<_>>()[..], "{room}");
        assert_eq!(frames.last().and_then(Frame::code), Some(1013));
    }
}

/// What TLS has encrypted has begun.
#[test]
fn over_tls_encrypted_bytes_count_as_begun() {
    let identity = Identity::new();
    for (how, lengths, room) in [
        (How::Send, &[1000][..], 100),
        (How::Publish, &[1000], 0),
        (How::Prepared, &[5000, 9], 50_000),
        (How::Send, &[200_000, 7], 9_999),
    ] {
        let mut place =
            Place::new(TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() });
        let mut peer = Secured::new(place.server.connect(), identity.client_config(rustls::DEFAULT_VERSIONS));
        let heard = peer.say(&mut place.server, UPGRADE);
        assert!(text(&heard).starts_with("HTTP/1.1 101"));
        peer.far.set_room(Some(room));
        let messages = overflow(&mut place, &peer.far, how, lengths);
        let longest = lengths.iter().max().expect("there are some");
        assert!(place.server.wires().memory_bytes() < 2 * longest + (300 << 10), "{how:?} {lengths:?}");
        peer.far.set_room(None);
        place.server.run();
        let mut frames = socket::frames(&peer.say(&mut place.server, ""));
        assert_eq!(frames.pop().as_ref().and_then(Frame::code), Some(1013), "{how:?} {lengths:?}");
        let bytes: usize = frames.iter().map(|frame| frame.payload.len()).sum();
        assert!(bytes < room + longest + (130 << 10), "{how:?} {lengths:?}: {bytes}");
        let begun = messages.iter().take(frames.len()).map(String::as_bytes);
        assert!(frames.iter().map(|frame| &frame.payload[..]).eq(begun), "{how:?} {lengths:?}");
    }
}

/// An event stream ends after a whole event.
#[test]
fn an_event_that_has_begun_is_written_too() {
    for lengths in [&[1000][..], &[5000, 10, 20_000]] {
        for room in [0, 1, 900, 30_000] {
            let mut place = Place::new(TestOptions::default());
            let far = place.server.connect();
            far.send(get("/").as_bytes());
            place.server.run();
            far.take();
            far.set_room(Some(room));
            let messages = overflow(&mut place, &far, How::Publish, lengths);
            far.set_room(None);
            place.server.run();
            let got = text(&far.take());
            let mut expected = String::new();
            for message in &messages {
                if expected.len() < room {
                    let mut event = Vec::new();
                    Event::data(message).encode(&mut event).expect("it is a text");
                    expected += &text(&event);
                }
            }
            assert_eq!(got, expected, "{lengths:?} {room}");
            assert!(far.has_server_finished() && !far.is_reset());
        }
    }
}

/// Where the server knows no messages nothing is whole: the connection is reset.
#[test]
fn a_protocol_of_your_own_is_reset() {
    for at in [listener::RAW, listener::LINES] {
        let mut place = Place::new(TestOptions::default());
        let far: FarEnd = place.server.connect_to(at);
        far.set_room(Some(10));
        overflow(&mut place, &far, How::Send, &[1000]);
        place.server.run();
        assert!(far.is_reset());
        let end = place.ends.borrow_mut().pop().expect("it is over");
        assert!(end.unsent as usize >= MIB && end.bytes_out == 10, "{end:?}");
        place.server.advance(Duration::from_secs(1));
        assert_eq!(place.server.wires().memory_bytes(), 0);
    }
}
