//! Ten thousand panics, in every callback, affect only the connections in which they happen.

mod support;

use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    BodyPlan, Client, Connection, ConnectionId, Control, Disconnect, Exchange, Heartbeat, HeartbeatAction,
    Limits, Message, Peer, Raw, Reason, Request, TimerId, Upgrade, WebSocket,
};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;
use std::time::Duration;
use support::{get, socket, statuses, text};

const PANICS: usize = 10_000;
const MS: Duration = Duration::from_millis(1);

/// What all clients of the server share with the test.
#[derive(Default)]
struct Shared {
    /// The callback in which the next new connection is going to panic.
    next: Cell<&'static str>,
    newest: Cell<Option<ConnectionId>>,
    connects: Cell<usize>,
    disconnects: Cell<usize>,
    reasons: RefCell<Vec<Reason>>,
}

/// Panics in one of its callbacks.
struct Bomb {
    at: &'static str,
    shared: Rc<Shared>,
}

impl Bomb {
    fn come_to(&self, place: &str) {
        if self.at == place {
            panic::panic_any(Payload);
        }
    }
}

/// What each callback panics with. The fault: it was dropped where nothing caught that this panics too (I320).
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        // Without a size, for it is never freed.
        panic::panic_any(());
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.come_to("drop");
    }
}

impl Client for Bomb {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.shared.connects.set(self.shared.connects.get() + 1);
        self.shared.newest.set(Some(connection.id()));
        if self.at == "timer" {
            connection.set_timer(TimerId(1), MS);
        }
        self.come_to("connect");
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.come_to("request");
        exchange.ok("text/plain", "ok");
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.come_to("upgrade");
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.come_to("open");
        if self.at == "heartbeat" {
            socket.set_heartbeat(Heartbeat::every(MS));
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        self.come_to("message");
        socket.send(message);
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.come_to("data");
        raw.send(&[b'x'; 100_000]);
        data.len()
    }

    fn on_drain(&mut self, _connection: &mut Connection<'_>) {
        self.come_to("drain");
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        self.come_to("timer");
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.shared.disconnects.set(self.shared.disconnects.get() + 1);
        self.shared.reasons.borrow_mut().push(end.reason);
        self.come_to("disconnect");
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
        self.come_to("line");
        raw.send("ok\n");
    }

    fn on_line_limit(&mut self, _raw: &mut Raw<'_>) {
        self.come_to("line limit");
    }

    fn on_post(&mut self, _connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        self.come_to("post");
    }

    fn on_control(&mut self, _socket: &mut WebSocket<'_>, _control: Control<'_>) {
        self.come_to("control");
    }

    fn on_heartbeat(&mut self, _socket: &mut WebSocket<'_>) -> HeartbeatAction {
        self.come_to("heartbeat");
        HeartbeatAction::Ping
    }

    fn on_head(&mut self, _connection: &mut Connection<'_>, _request: &Request<'_>) -> BodyPlan {
        self.come_to("head");
        BodyPlan::Stream
    }

    fn on_body(&mut self, _connection: &mut Connection<'_>, _part: &[u8]) {
        self.come_to("body");
    }
}

/// What the peer of a connection sees of the panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// An answer with this status, and the end.
    Status(u16),
    /// A Close with 1011, and the end.
    InternalError,
    /// A reset.
    Reset,
    /// Nothing: it had left.
    Nothing,
}

/// Where it panics, on what kind of connection, what the peer says for that, and what it sees.
type Case = (&'static str, usize, &'static [&'static [u8]], Seen);

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
const UPGRADE: &[u8] = socket::UPGRADE.as_bytes();
const FRAME: &[u8] = b"\x81\x81\0\0\0\0x";
const PING: &[u8] = b"\x89\x80\0\0\0\0";

const CASES: [Case; 18] = [
    ("factory", listener::HTTP, &[], Seen::Status(503)),
    ("connect", listener::HTTP, &[], Seen::Reset),
    ("request", listener::HTTP, &[GET], Seen::Status(500)),
    ("head", listener::HTTP, &[POST], Seen::Status(500)),
    ("body", listener::HTTP, &[POST], Seen::Status(500)),
    ("upgrade", listener::HTTP, &[UPGRADE], Seen::Status(500)),
    ("open", listener::HTTP, &[UPGRADE], Seen::InternalError),
    ("message", listener::HTTP, &[UPGRADE, FRAME], Seen::InternalError),
    ("control", listener::HTTP, &[UPGRADE, PING], Seen::InternalError),
    ("heartbeat", listener::HTTP, &[UPGRADE], Seen::InternalError),
    ("post", listener::HTTP, &[UPGRADE], Seen::InternalError),
    ("timer", listener::RAW, &[], Seen::Reset),
    ("data", listener::RAW, &[b"x"], Seen::Reset),
    ("drain", listener::RAW, &[b"x"], Seen::Reset),
    ("line", listener::LINES, &[b"x\n"], Seen::Reset),
    ("line limit", listener::LINES, &[b"xxxxxxxxxxxxxxxxxxxxxxx\n"], Seen::Reset),
    ("disconnect", listener::LINES, &[], Seen::Nothing),
    ("drop", listener::HTTP, &[GET], Seen::Nothing),
];

/// One connection that panics, from its beginning to its end.
fn blow_up(server: &mut TestServer, shared: &Shared, (at, listener, says, seen): Case) {
    shared.next.set(at);
    let far = server.connect_to(listener);
    if at == "drain" {
        far.set_room(Some(10));
    }
    let mut heard = Vec::new();
    for said in says {
        far.send(said);
        server.run();
        heard.extend(far.take());
    }
    if at == "post" {
        server.handle().post(shared.newest.get().unwrap(), ()).unwrap();
    }
    far.set_room(None);
    server.advance(MS);
    heard.extend(far.take());
    let is_reset = far.is_reset();
    far.finish();
    server.run();
    match seen {
        Seen::Status(status) => assert_eq!(statuses(&heard), [status], "{at}"),
        Seen::InternalError => {
            let frames = heard.strip_prefix(socket::SWITCHED.as_bytes()).unwrap_or_else(|| panic!("{at}"));
            let code = socket::frames(frames).last().and_then(socket::Frame::code);
            assert_eq!(code, Some(1011), "{at}");
        }
        Seen::Reset => assert!(is_reset, "{at}: {}", text(&heard)),
        Seen::Nothing => assert!(!is_reset, "{at}"),
    }
}

/// Whether a connection that has nothing to do with it is still served.
fn is_served(server: &mut TestServer, bystander: &FarEnd) -> bool {
    bystander.send(FRAME);
    server.run();
    socket::texts(&bystander.take()) == ["x"]
}

fn new_server(shared: &Rc<Shared>) -> TestServer {
    let limits = Limits::default().with(|limits| {
        limits.heartbeat = Duration::ZERO;
        limits.websocket_idle = Duration::ZERO;
        limits.line_bytes_max = 10;
    });
    let clients = shared.clone();
    TestServer::with_options(TestOptions { limits, ..TestOptions::default() }, move |_peer: &Peer| {
        if clients.next.get() == "factory" {
            panic::panic_any(Payload);
        }
        Bomb { at: clients.next.get(), shared: clients.clone() }
    })
}

#[test]
fn ten_thousand_panics_harm_no_other_connection() {
    // Ten thousand lines on the terminal would hide everything else.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let shared = Rc::new(Shared::default());
    let mut server = new_server(&shared);
    let bystander = server.connect();
    bystander.send(UPGRADE);
    server.run();
    assert_eq!(text(&bystander.take()), socket::SWITCHED);

    let mut wrong = Vec::new();
    let (mut bytes_kept, mut tables) = (0, Vec::new());
    for round in [PANICS / 10, PANICS - PANICS / 10] {
        let info = allocation_counter::measure(|| {
            for number in 0..round {
                let case = CASES[number % CASES.len()];
                let blown =
                    panic::catch_unwind(panic::AssertUnwindSafe(|| blow_up(&mut server, &shared, case)));
                let is_fine =
                    blown.is_ok() && is_served(&mut server, &bystander) && server.wires().len() == 1;
                if !is_fine {
                    wrong.push(format!("{number}: {case:?}, {} connections", server.wires().len()));
                }
            }
            shared.reasons.borrow_mut().shrink_to_fit();
        });
        bytes_kept = info.bytes_current;
        tables.push(server.wires().table_bytes());
    }
    panic::set_hook(hook);
    assert!(wrong.is_empty(), "{:?}", &wrong[..wrong.len().min(5)]);

    let metrics = server.handle().metrics();
    assert_eq!(metrics.panics, PANICS as u64);
    let factory =
        (0..PANICS / 10).chain(0..PANICS - PANICS / 10).filter(|number| number % CASES.len() == 0).count();
    assert_eq!(metrics.refused, factory as u64);
    assert_eq!(shared.connects.get(), 1 + PANICS - factory, "and the bystander");
    assert_eq!(shared.disconnects.get(), PANICS - factory, "once for each");
    let reasons = shared.reasons.borrow();
    // Who had left when the panic came, had left for a reason of its own.
    let others = reasons.iter().filter(|reason| **reason != Reason::Panic).count();
    assert_eq!(metrics.ended(Reason::Panic), (reasons.len() - others) as u64);
    let left =
        (0..PANICS / 10).chain(0..PANICS - PANICS / 10).filter(|number| number % CASES.len() >= 16).count();
    assert_eq!(others, left);
    assert_eq!((server.wires().len(), server.handle().count()), (1, 1));
    assert_eq!(server.wires().timers(), 0);
    let of_reasons = i64::try_from(reasons.len() * size_of::<Reason>()).unwrap();
    assert!(
        bytes_kept <= of_reasons,
        "{bytes_kept} bytes were kept by 9,000 panics, {of_reasons} by the test itself"
    );
    assert_eq!(tables[0], tables[1], "no slot is lost");
    shared.next.set("");
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    assert_eq!(statuses(&far.take()), [200]);
}

/// What is done in `on_disconnect`.
type LastAct = fn(&mut Connection<'_>);

/// Sends so much, closes, and then does this.
struct Leaver(LastAct);

impl Client for Leaver {
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(&[b'x'; 200_000]);
        raw.close();
        data.len()
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        (self.0)(connection);
    }
}

/// It reset the connection, and what the peer had not taken yet was lost.
#[test]
fn sent_output_arrives_even_if_on_disconnect_panics_or_aborts() {
    let ways: [(LastAct, u64); 3] = [
        (|_| panic::panic_any("in on_disconnect"), 1),
        (|connection| connection.abort(), 0),
        (|connection| connection.close(), 0),
    ];
    for (number, (way, panics)) in ways.into_iter().enumerate() {
        let mut server = TestServer::new(move |_peer: &Peer| Leaver(way));
        let far = server.connect_to(listener::RAW);
        far.send(b"x");
        server.run();
        let came = far.take().len();
        assert_eq!((came, far.has_server_finished(), far.is_reset()), (200_000, true, false), "way {number}");
        far.finish();
        server.run();
        let metrics = server.handle().metrics();
        assert_eq!((metrics.panics, metrics.ended(Reason::Local)), (panics, 1), "way {number}");
        assert_eq!((server.wires().len(), server.wires().lingering()), (0, 0));
    }
}
