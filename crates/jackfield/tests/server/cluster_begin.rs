//! A server whose broker has not answered yet: what its members get, step by step as the broker hands it in.

use crate::support;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Broker, BrokerInbox, Client, Event, Exchange, History, Limits, Message, Overflow, Position, QueueFull,
    Request, SharedTopic, Subscribed, WebSocket,
};
use std::sync::{Arc, Mutex, MutexGuard};
use support::reader::{Reader, Streamer, data};
use support::{socket, text};

const EPOCH: u64 = 0xe;

/// A broker that keeps what it is given, and does nothing.
#[derive(Default)]
struct Keeper(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    inbox: Option<BrokerInbox>,
    published: Vec<Vec<u8>>,
}

impl Broker for Keeper {
    fn start(&self, inbox: BrokerInbox) {
        self.lock().inbox = Some(inbox);
    }

    fn publish(&self, _topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull> {
        self.lock().published.push(message);
        Ok(())
    }

    fn follow(&self, _topic: &SharedTopic, _from: Option<Position>) {}

    fn unfollow(&self, _topic: &SharedTopic) {}

    fn stop(&self) {}
}

impl Keeper {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

/// A server with such a broker, and the topic `t`.
struct Lone {
    server: TestServer,
    keeper: Arc<Keeper>,
    inbox: BrokerInbox,
}

impl Lone {
    fn new<C: Client>(history: History, client: fn() -> C) -> Self {
        Self::with_options(history, client, TestOptions::default())
    }

    fn with_options<C: Client>(history: History, client: fn() -> C, options: TestOptions) -> Self {
        let keeper = Arc::new(Keeper::default());
        let options = TestOptions { broker: Some(keeper.clone()), ..options };
        let server = TestServer::with_options(options, move |_peer| client());
        assert!(server.handle().declare_topic("t", history));
        let inbox = keeper.lock().inbox.clone().unwrap();
        Self { server, keeper, inbox }
    }

    fn read(&mut self, last: &str) -> Reader {
        Reader::connect(&mut self.server, "t", last)
    }

    fn down(&mut self) {
        self.inbox.down("the cable is out");
        self.server.run();
    }

    /// The broker hands in what another server has published at these offsets: each offset as a text.
    fn receive(&mut self, offsets: impl IntoIterator<Item = u64>) {
        let messages: Vec<_> =
            offsets.into_iter().map(|offset| (at(offset), self.message_of_other(offset))).collect();
        self.inbox.receive("t", &messages);
        self.server.run();
    }

    /// A broker may say where its history begins before it hands in the rest.
    fn receive_marker(&mut self) {
        self.inbox.receive("t", &[(at(0), Vec::new())]);
        self.server.run();
    }

    fn live(&mut self, head: u64) {
        self.live_of("t", head);
    }

    fn live_of(&mut self, topic: &str, head: u64) {
        self.inbox.topic_live(topic, at(head));
        self.server.run();
    }

    fn message_of_other(&self, number: u64) -> Vec<u8> {
        // The packet: its version, no lifetime, no key, a text.
        let packet = [&[1, 0, 0, 0, 0, 0, 0, b't'][..], number.to_string().as_bytes()].concat();
        [&0xc_u64.to_be_bytes()[..], &number.to_be_bytes(), &packet].concat()
    }
}

fn at(offset: u64) -> Position {
    Position { epoch: EPOCH, offset }
}

/// The fault: it took the broker for one that is away, and told clients that came back that they had missed something.
#[test]
fn i370_a_client_that_comes_back_waits_for_the_first_answer_of_the_broker() {
    for is_up in [true, false] {
        let mut lone = Lone::new(History::new(100), || Streamer);
        let mut back = lone.read("e.1");
        assert_eq!(data(&back.take()), [""; 0], "nothing is known yet");
        if is_up {
            lone.inbox.up();
            lone.receive(1..=3);
            lone.live(3);
            assert_eq!(data(&back.take()), ["2", "3"]);
        } else {
            lone.down();
            assert_eq!(data(&back.take()), ["{\"missed\":null}"], "it can't be known");
        }
    }
}

/// The fault: they took the beginning of what was handed in for their place, and got a second `resync` and all that is kept.
#[test]
fn i371_members_from_before_the_first_answer_get_one_resync_and_nothing_old() {
    // Whether they come while it is away, or it goes away before it has handed in all.
    for is_away_before in [true, false] {
        let mut lone = Lone::new(History::new(1000), || Streamer);
        if is_away_before {
            lone.down();
        }
        let mut reader = lone.read("");
        lone.inbox.up();
        lone.receive_marker();
        if !is_away_before {
            lone.down();
            lone.server.handle().publish("t", "own");
            lone.server.run();
            assert_eq!(data(&reader.take()), ["own"]);
            lone.inbox.up();
        }
        lone.receive(501..=900);
        lone.receive(901..=1500);
        assert_eq!(data(&reader.take()), [""; 0], "nobody knows what is new");
        lone.live(1500);
        lone.receive([1501]);
        let seen = reader.take();
        assert_eq!(data(&seen), ["{\"missed\":null}", "1501"]);
        assert!(seen[0].id.starts_with("e.1500"), "{seen:?}");
    }
}

/// A topic that Redis lets be read only is never live. Its members get what comes.
#[test]
fn i371_members_of_a_topic_that_is_refused_get_what_comes() {
    let mut lone = Lone::new(History::new(1000), || Streamer);
    let mut reader = lone.read("");
    lone.inbox.up();
    lone.receive(1..=5);
    assert_eq!(data(&reader.take()), [""; 0]);
    lone.inbox.topic_down("t", "it may only be read");
    lone.server.run();
    lone.receive([6]);
    assert_eq!(data(&reader.take()), ["{\"missed\":null}", "6"]);
}

/// The fault: what came in between the end of what the broker had and its word that this was all was nobody's.
#[test]
fn i372_a_newcomer_gets_what_comes_before_the_broker_says_that_all_is_there() {
    let mut lone = Lone::new(History::new(100), || Streamer);
    let mut reader = lone.read("");
    lone.inbox.up();
    lone.receive_marker();
    lone.receive([1]);
    lone.live(0);
    assert_eq!(data(&reader.take()), ["1"]);
}

/// The fault: what the client had got ahead of its own position counted too.
#[test]
fn i378_what_a_client_has_got_ahead_is_not_missed() {
    let mut lone = Lone::new(History::new(3), || Streamer);
    let mut reader = lone.read("");
    lone.inbox.up();
    lone.live(0);
    lone.receive([1]);
    lone.down();
    for text in ["ahead", "missed"] {
        lone.server.handle().publish("t", text);
        lone.server.run();
    }
    let seen = reader.take();
    assert_eq!(data(&seen), ["1", "ahead", "missed"]);
    lone.inbox.up();
    lone.receive(2..=12);
    lone.live(12);
    lone.down();
    let mut back = lone.read(&seen[1].id);
    assert_eq!(data(&back.take()), ["{\"missed\":12}"], "eleven of the other server, and one of this");
}

/// Says that it is there, and comes to listen then.
struct Joiner;

impl Client for Joiner {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "here");
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.publish("t", "joined");
        socket.subscribe("t");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        if message == Message::Text("again") {
            socket.publish("t", "said");
            socket.unsubscribe("t");
            socket.subscribe("t");
        }
    }
}

/// The fault: it was told what it had said itself.
#[test]
fn i373_the_publisher_that_subscribes_then_does_not_hear_itself() {
    let mut lone = Lone::new(History::new(100), || Joiner);
    lone.inbox.up();
    let fars = [0, 1].map(|_| lone.server.connect());
    for far in &fars {
        far.send(socket::UPGRADE.as_bytes());
        lone.server.run();
    }
    lone.live(0);
    fars.iter().for_each(|far| drop(far.take()));
    let published = std::mem::take(&mut lone.keeper.lock().published);
    for (offset, message) in (1..).zip(published) {
        lone.inbox.receive("t", &[(at(offset), message)]);
        lone.server.run();
    }
    let heard = |far: &jackfield::test::FarEnd| socket::texts(&far.take());
    assert_eq!(heard(&fars[0]), ["joined"], "the other's");
    assert_eq!(heard(&fars[1]), ["joined"], "the other's");
    // The same for the last member, that leaves and comes back.
    let [first, last] = fars;
    first.reset();
    lone.server.run();
    last.send(&socket::text("again"));
    lone.server.run();
    lone.live(2);
    let said = std::mem::take(&mut lone.keeper.lock().published);
    lone.inbox.receive("t", &[(at(3), said[0].clone())]);
    lone.server.run();
    lone.receive([4]);
    assert_eq!(heard(&last), ["4"]);
}

/// By its path: a stream of `t` and `u`, one of `t` that publishes too, a publisher without a stream of a topic, a stream that is full
/// before it subscribes to `t`, or a stream of the topic in the path.
struct Various;

impl Client for Various {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let mut events = exchange.events();
        match request.path() {
            "/stream/both" => {
                for topic in ["t", "u"] {
                    assert_eq!(events.subscribe(topic), Subscribed::New);
                }
            }
            "/speaker" => {
                events.subscribe("t");
                events.publish("t", "own");
            }
            "/twice" => {
                events.publish("t", "one");
                events.publish("t", "two");
            }
            "/full" => {
                events.set_overflow(Overflow::DropNewest);
                for _ in 0..30 {
                    events.send(Event::data("x".repeat(990)));
                }
                events.subscribe("t");
            }
            path => {
                events.subscribe(path.trim_start_matches("/stream/"));
            }
        }
    }
}

/// The fault: all members of the topic got the id that one was owed. It took the place of another topic's.
#[test]
fn i450_an_id_that_one_stream_is_owed_goes_to_no_other() {
    let mut lone = Lone::new(History::new(10), || Various);
    assert!(lone.server.handle().declare_topic("u", History::new(10)));
    let [mut both, mut one] = ["both", "u"].map(|topic| Reader::connect(&mut lone.server, topic, ""));
    lone.inbox.up();
    lone.live_of("t", 5);
    lone.live_of("u", 7);
    let ids = [&mut both, &mut one].map(|reader| {
        reader.take();
        reader.last().to_owned()
    });
    assert_eq!(ids, ["e.5", "e.7"]);
}

/// The members whose messages are gathered are not in the list of members until the end of the turn.
#[test]
fn i450_a_stream_that_has_published_gets_its_id_behind_what_the_others_get() {
    let mut lone = Lone::new(History::new(10), || Various);
    let mut others = [0; 5].map(|_| lone.read(""));
    let speaker = lone.server.connect();
    speaker.send(b"GET /speaker HTTP/1.1\r\nHost: h\r\n\r\n");
    lone.server.run();
    lone.inbox.up();
    lone.inbox.topic_live("t", at(0));
    let own = std::mem::take(&mut lone.keeper.lock().published).remove(0);
    lone.inbox.receive("t", &[(at(1), own)]);
    lone.server.run();
    for other in &mut others {
        assert_eq!(data(&other.take()), ["own"]);
    }
    let heard = text(&speaker.take());
    assert!(heard.ends_with("\r\n\r\nid: e.1\n\n"), "{heard}");
}

/// The fault: it was counted as one that had dropped a message, and got no id later.
#[test]
fn i450_a_full_stream_gets_its_id_when_it_is_known_and_there_is_room() {
    for has_room_before in [false, true] {
        let limits = Limits::default().with(|limits| {
            let reactor = &mut limits.reactor;
            (reactor.outbox_bytes_low, reactor.outbox_bytes_high) = (5_000, 10_000);
            reactor.outbox_bytes_max = 10_000;
        });
        let options = TestOptions { limits, ..TestOptions::default() };
        let mut lone = Lone::with_options(History::new(10), || Various, options);
        let full = lone.server.connect();
        full.set_room(Some(0));
        full.send(b"GET /full HTTP/1.1\r\nHost: h\r\n\r\n");
        lone.server.run();
        let mut other = lone.read("");
        let dropped = lone.server.handle().metrics().dropped;
        assert!(dropped > 0, "it is full");
        lone.inbox.up();
        let make_room = |lone: &mut Lone| {
            full.set_room(None);
            lone.server.run();
        };
        if has_room_before {
            make_room(&mut lone);
        }
        lone.live(5);
        if !has_room_before {
            make_room(&mut lone);
        }
        other.take();
        assert_eq!(other.last(), "e.5");
        assert_eq!(text(&full.take()).matches("id: e.5\n").count(), 1, "room before: {has_room_before}");
        assert_eq!(lone.server.handle().metrics().dropped, dropped);
    }
}

/// The fault: it waited for them for ever.
#[test]
fn i454_a_client_that_waits_for_members_who_leave_gets_what_comes() {
    let mut lone = Lone::new(History::new(10), || Streamer);
    let mut member = lone.read("");
    lone.inbox.up();
    lone.live(0);
    lone.receive([1]);
    lone.down();
    lone.server.handle().publish("t", "ahead");
    lone.server.run();
    assert_eq!(data(&member.take()), ["1", "ahead"]);
    lone.inbox.up();
    lone.live(1);
    let mut back = lone.read("e.1");
    member.reset();
    lone.server.run();
    let own = std::mem::take(&mut lone.keeper.lock().published).remove(0);
    lone.inbox.receive("t", &[(at(2), own)]);
    lone.receive([3]);
    assert_eq!(data(&back.take()), ["ahead", "3"]);
}

/// The fault: each message of a publisher that had ended counted one member too few, if a member had its place.
#[test]
fn i520_the_place_of_a_publisher_that_has_ended_is_no_publisher() {
    let mut lone = Lone::new(History::new(10), || Various);
    let _others = [0; 5].map(|_| lone.read(""));
    let publisher = lone.server.connect();
    publisher.send(b"GET /twice HTTP/1.1\r\nHost: h\r\n\r\n");
    lone.server.run();
    let place = lone.server.handle().ids()[5].slot();
    publisher.reset();
    lone.server.run();
    let _next = lone.read("");
    assert_eq!(lone.server.handle().ids()[5].slot(), place);
    lone.inbox.up();
    lone.live(0);
    let own = std::mem::take(&mut lone.keeper.lock().published);
    let before = lone.server.handle().metrics().messages_out;
    lone.inbox.receive("t", &[1, 2].map(|offset| (at(offset), own[offset as usize - 1].clone())));
    lone.server.run();
    assert_eq!(lone.server.handle().metrics().messages_out - before, 12);
}
