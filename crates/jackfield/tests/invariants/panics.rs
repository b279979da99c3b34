//! What a panic in the user's code ends, and what it does not.

use crate::SECOND;
use crate::support::probe::{Log, Probe, observed};
use crate::support::real::{self, Live};
use crate::support::{Lab, get, socket, statuses};
use jackfield::test::{FarEnd, TestServer, listener};
use jackfield::{
    BodyPlan, Client, Connection, Control, Disconnect, Drain, Exchange, Message, Raw, Request, Server,
    TimerId, Upgrade, WebSocket,
};
use std::any::Any;
use std::io::{Read, Write};
use std::thread;

/// Panics at one of its callbacks, and notes them all.
struct Bomb {
    at: &'static str,
    log: Log,
}

impl Bomb {
    fn step(&self, step: &'static str) {
        self.log.note(step);
        assert_ne!(self.at, step, "a bomb");
    }
}

impl Client for Bomb {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), SECOND);
        self.step("connect");
    }
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.step("request");
        match request.path() {
            "/events" => {
                exchange.events();
            }
            "/long" => exchange.ok("text/plain", vec![b'x'; 200_000]),
            _ => exchange.ok("text/plain", ""),
        }
    }
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.step("upgrade");
        upgrade.accept();
    }
    fn on_open(&mut self, _socket: &mut WebSocket<'_>) {
        self.step("open");
    }
    fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.step("message");
    }
    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.step("data");
        data.len()
    }
    fn on_drain(&mut self, _connection: &mut Connection<'_>) {
        self.step("drain");
    }
    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        self.step("timer");
    }
    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.log.note(format!("ended {:?}", end.reason));
        self.step("disconnect");
    }
    fn on_line(&mut self, _raw: &mut Raw<'_>, _line: &[u8]) {
        self.step("line");
    }
    fn on_line_limit(&mut self, _raw: &mut Raw<'_>) {
        self.step("line limit");
    }
    fn on_post(&mut self, _connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        self.step("post");
    }
    fn on_control(&mut self, _socket: &mut WebSocket<'_>, _control: Control<'_>) {
        self.step("control");
    }
    fn on_head(&mut self, _connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        self.step("head");
        if request.path() == "/stream" { BodyPlan::Stream } else { BodyPlan::Collect }
    }
    fn on_body(&mut self, _connection: &mut Connection<'_>, _part: &[u8]) {
        self.step("body");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.step("drop");
    }
}

/// Where it panics, on which listener, and what the peer says to bring that about. A session that is a WebSocket begins
/// with its upgrade.
const BOMBS: [(&str, usize, &str); 14] = [
    ("connect", listener::HTTP, ""),
    ("request", listener::HTTP, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("upgrade", listener::HTTP, "ws"),
    ("open", listener::HTTP, "ws"),
    ("message", listener::HTTP, "ws text"),
    ("control", listener::HTTP, "ws ping"),
    ("data", listener::RAW, "bytes"),
    ("line", listener::LINES, "a line\n"),
    ("line limit", listener::LINES, "long"),
    ("head", listener::HTTP, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx"),
    ("body", listener::HTTP, "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx"),
    ("timer", listener::HTTP, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("post", listener::RAW, "bytes"),
    ("drain", listener::HTTP, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"),
];

fn say(far: &FarEnd, words: &str) {
    match words {
        "long" => far.send(&vec![b'x'; (64 << 10) + 1]),
        words => match words.strip_prefix("ws") {
            Some(rest) => {
                far.send(socket::UPGRADE.as_bytes());
                match rest {
                    " text" => far.send(&socket::text("x")),
                    " ping" => far.send(&socket::ping(b"x")),
                    _ => {}
                }
            }
            None => far.send(words.as_bytes()),
        },
    }
}

/// A client that does nothing.
pub(crate) struct Bystander;

impl Client for Bystander {}

/// A server of bombs, except for its first client, with the log of their events.
fn bombs(at: &'static str) -> (TestServer, FarEnd, Log, Log) {
    let log = Log::default();
    let notes = log.clone();
    let (options, seen) = observed();
    let mut count = 0;
    let mut server = TestServer::with_options(options, move |_peer| -> Box<dyn Client> {
        count += 1;
        match count {
            1 => Box::new(Bystander),
            _ => Box::new(Bomb { at, log: notes.clone() }),
        }
    });
    let bystander = server.connect();
    (server, bystander, log, seen)
}

/// Lets a bomb of this kind meet its trigger.
fn trigger(server: &mut TestServer, listener: usize, words: &str) -> FarEnd {
    let far = server.connect_to(listener);
    let id = server.wires().ids().max();
    far.set_room(Some(if words.contains("/long") { 10 } else { usize::MAX }));
    say(&far, words);
    server.run();
    if let Some(id) = id {
        let _ = server.handle().post(id, ());
    }
    server.advance(SECOND);
    far.set_room(None);
    server.run();
    far
}

#[test]
fn a_panic_ends_that_connection_only_and_is_reported_once() {
    for (at, listener, words) in BOMBS {
        let (mut server, bystander, log, seen) = bombs(at);
        let far = trigger(&mut server, listener, words);
        assert_eq!(seen.count("panic"), 1, "{at}: {:?}", seen.events());
        far.finish();
        server.advance(SECOND * 8);
        let ends = log.count("ended Panic");
        assert_eq!((ends, log.count("disconnect")), (1, 1), "{at}: {:?}", log.events());
        assert_eq!(log.events().last().map(String::as_str), Some("drop"), "{at}: {:?}", log.events());
        // What can still be said, is said.
        let output = far.take();
        match at {
            "request" | "upgrade" | "head" | "body" => assert_eq!(statuses(&output), [500], "{at}"),
            "open" | "message" | "control" => {
                let frames = output.strip_prefix(socket::SWITCHED.as_bytes()).expect("it is switched");
                let last = socket::frames(frames).pop().and_then(|frame| frame.code());
                assert_eq!(last, Some(1011), "{at}");
            }
            _ => assert!(far.is_reset(), "{at}"),
        }
        assert!(!bystander.has_server_finished(), "{at}");
        // And the reactor goes on.
        let next = server.connect_to(listener::LINES);
        assert_eq!(next.is_reset(), at == "connect", "{at}");
    }
}

#[test]
fn a_panic_in_the_last_callback_or_in_drop_is_contained() {
    for at in ["disconnect", "drop"] {
        let (mut server, _bystander, log, seen) = bombs(at);
        for _ in 0..3 {
            let far = server.connect_to(listener::RAW);
            far.finish();
            server.run();
        }
        assert_eq!((seen.count("panic"), log.count("ended Peer"), log.count("drop")), (3, 3, 3), "{at}");
        assert_eq!((server.wires().len(), server.handle().count()), (1, 1));
    }
}

#[test]
fn a_panic_in_the_factory_refuses_the_connection() {
    let (options, seen) = observed();
    let mut count = 0;
    let mut server = TestServer::with_options(options, move |_peer| {
        count += 1;
        assert!(count % 2 == 0, "a bad factory");
        Probe::default()
    });
    for _ in 0..3 {
        let refused = server.connect();
        assert_eq!(statuses(&refused.take()), [503]);
        let taken = server.connect();
        taken.send(get("/").as_bytes());
        server.run();
        assert_eq!(statuses(&taken.take()), [200]);
    }
    assert_eq!((seen.count("panic"), seen.count("refused Panic")), (3, 3));
}

#[test]
fn a_panic_when_a_client_is_replaced_ends_its_connection_only() {
    struct Old(&'static str);
    impl Client for Old {
        fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
            raw.replace(Box::new(Bomb { at: "never", log: Log::default() }));
            assert_ne!(self.0, "callback");
        }
    }
    impl Drop for Old {
        fn drop(&mut self) {
            assert_ne!(self.0, "drop");
        }
    }
    for at in ["drop", "callback"] {
        let (options, seen) = observed();
        let mut server = TestServer::with_options(options, move |peer| -> Box<dyn Client> {
            if peer.listener() == listener::LINES { Box::new(Old(at)) } else { Box::new(Bystander) }
        });
        let bystander = server.connect();
        let far = server.connect_to(listener::LINES);
        far.send(b"a line\n");
        server.run();
        assert_eq!(seen.count("panic"), 1, "{at}");
        assert!(far.is_reset(), "{at}");
        assert!(!bystander.has_server_finished(), "{at}");
    }
}

#[test]
fn a_posted_value_whose_drop_panics_ends_nothing_but_itself() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a grenade");
        }
    }
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, || Probe { on_post: |_, c, _| c.abort(), ..Probe::default() });
    let (bystander, _far) = (lab.connect(), lab.connect());
    let id = lab.server.wires().ids().max().unwrap();
    lab.server.handle().post(id, ()).unwrap();
    // No client takes it any more.
    lab.server.handle().post(id, Grenade).unwrap();
    lab.run();
    assert_eq!(seen.count("panic"), 1);
    assert_eq!(statuses(&lab.say(&bystander, get("/"))), [200]);
}

#[test]
fn an_observer_that_panics_harms_no_connection() {
    struct Bad;
    impl jackfield::Observer for Bad {
        fn on_started(&self, _handle: &jackfield::Handle) {
            panic!("a bad observer");
        }
        fn on_stopped(&self) {
            panic!("a bad observer");
        }
        fn on_refused(&self, _peer: &jackfield::Peer, _why: jackfield::RefuseReason) {
            panic!("a bad observer");
        }
        fn on_panic(&self, _id: jackfield::ConnectionId, _payload: &(dyn Any + Send)) {
            panic!("a bad observer");
        }
    }
    let builder = Server::builder()
        .listen("127.0.0.1:0")
        .reactors(1)
        .observer(Bad)
        .limits(|limits| limits.connections_max = 1);
    let mut live =
        Live::serve(builder, |_peer| Probe { on_request: |_, _, _| panic!("a bug"), ..Probe::default() });
    let mut stream = live.connect();
    let mut refused = live.connect();
    assert!(real::read_to_end(&mut refused).starts_with("HTTP/1.1 503 "));
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(statuses(&answer), [500]);
    live.handle.shutdown(Drain::now());
    live.join().unwrap();
}
