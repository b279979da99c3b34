//! W22 of docs/features.md: messages that are compressed on WebSockets that the server opens.

use jackfield::proto::http1::{
    Event as HttpEvent, HeaderSlots, Limits as HttpLimits, Machine as HttpMachine,
};
use jackfield::proto::websocket::{self, Offer, Opcode, encode_response};
use jackfield::proto::{Step, websocket::deflate::Deflater};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Client, ConnectError, Connection, ConnectionId, Deflate, Disconnect, Event, Handle, Limits, Message,
    Outgoing, Peer, Prepared, Reason, WebSocket,
};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

type Heard = Rc<RefCell<Vec<String>>>;
type Say<'t> = dyn Fn(&Handle, ConnectionId) + 't;

const URL: &str = "ws://192.0.2.1/";

/// The client notes what it receives; the server sends everything back.
struct Either {
    heard: Heard,
    calls: bool,
}

impl Client for Either {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("all");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        if self.calls {
            self.heard.borrow_mut().push(String::from_utf8_lossy(message.as_bytes()).into_owned());
        } else {
            socket.send(message);
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let (id, text) = (connection.id(), value.downcast::<String>().unwrap());
        connection.send_to(id, text.as_str());
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.heard.borrow_mut().push(format!("{:?} {:?}", end.reason, end.close_code));
    }
}

fn limits(deflate: &Deflate) -> Limits {
    Limits::default().with(|limits| limits.deflate = deflate.clone())
}

fn server(deflate: &Deflate, calls: bool) -> (TestServer, Heard) {
    let heard = Heard::default();
    let shared = heard.clone();
    let options = TestOptions { limits: limits(deflate), ..TestOptions::default() };
    let server = TestServer::with_options(options, move |_: &Peer| Either { heard: shared.clone(), calls });
    (server, heard)
}

/// A text of this number of bytes that compresses well.
fn long(bytes: usize) -> String {
    "one and two and ".repeat(bytes.div_ceil(16))[..bytes].to_owned()
}

/// Bytes that don't, so that only a message before them makes them short.
fn noise(bytes: usize) -> String {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + (state >> 24) as u8 % 90)
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// A server that calls, and one that is called.
struct Two {
    caller: TestServer,
    heard: Heard,
    called: TestServer,
    near: FarEnd,
    far: FarEnd,
    /// Bytes come in pieces of this size.
    size: usize,
    /// Bytes that the caller has sent, and got.
    sent: usize,
    got: usize,
}

impl Two {
    fn open(ours: &Deflate, theirs: &Deflate, size: usize, outgoing: Outgoing) -> Self {
        let (mut caller, heard) = server(ours, true);
        let (mut called, _) = server(theirs, false);
        caller.handle().connect(outgoing).unwrap();
        caller.run();
        let far = caller.take_dials().remove(0).far;
        far.accept();
        let near = called.connect();
        let mut two = Self { caller, heard, called, near, far, size, sent: 0, got: 0 };
        two.carry();
        two
    }

    /// Until neither side has output.
    fn carry(&mut self) {
        loop {
            self.caller.run();
            let bytes = self.far.take();
            self.sent += bytes.len();
            for piece in bytes.chunks(self.size) {
                self.near.send(piece);
                self.called.run();
            }
            self.called.run();
            let answer = self.near.take();
            self.got += answer.len();
            for piece in answer.chunks(self.size) {
                self.far.send(piece);
                self.caller.run();
            }
            if bytes.is_empty() && answer.is_empty() {
                return;
            }
        }
    }

    /// What comes back, and how many bytes it took on the way there and back.
    fn say(&mut self, say: impl FnOnce(&Handle, ConnectionId)) -> (Vec<String>, usize, usize) {
        let (sent, got) = (self.sent, self.got);
        let handle = self.caller.handle();
        say(&handle, handle.ids()[0]);
        self.carry();
        (self.heard.take(), self.sent - sent, self.got - got)
    }
}

#[test]
fn w22_messages_are_compressed_both_ways() {
    let mut narrow = Deflate::dedicated();
    narrow.window_bits_max = 9;
    let (off, shared, dedicated) = (Deflate::disabled(), Deflate::shared(), Deflate::dedicated());
    for (ours, theirs, is_compressed, refers_back) in [
        (&off, &shared, false, (false, false)),
        (&shared, &off, false, (false, false)),
        (&shared, &shared, true, (false, false)),
        (&shared, &dedicated, true, (false, false)),
        (&dedicated, &shared, true, (false, false)),
        (&dedicated, &dedicated, true, (true, true)),
        (&narrow, &dedicated, true, (false, true)),
        (&dedicated, &narrow, true, (true, false)),
    ] {
        for size in [1, 7, 1000] {
            let mut two = Two::open(ours, theirs, size, Outgoing::websocket(URL));
            let text = long(8000);
            let ways: [&Say<'_>; 4] = [
                &|handle, id| handle.post(id, text.clone()).unwrap(),
                &|handle, id| handle.send(id, Event::data(&text)).unwrap(),
                &|handle, id| handle.send(id, Prepared::new(text.as_str())).unwrap(),
                &|handle, _| assert!(handle.publish("all", text.as_str()).reactors > 0),
            ];
            for (way, say) in ways.iter().enumerate() {
                let (heard, sent, got) = two.say(say);
                assert_eq!(heard, [text.as_str()], "way {way} in pieces of {size}: {ours:?} to {theirs:?}");
                let bytes = (sent < 1000, got < 1000);
                assert_eq!(bytes, (is_compressed, is_compressed), "way {way}: {ours:?} to {theirs:?}");
            }
            // What gets no shorter goes out as it is, and nothing refers to it.
            let text = noise(2000) + &long(500);
            two.say(|handle, id| handle.post(id, text.clone()).unwrap());
            let (heard, sent, got) = two.say(|handle, id| handle.post(id, text.clone()).unwrap());
            assert_eq!(heard, [text]);
            if is_compressed {
                assert_eq!((sent < 100, got < 100), refers_back, "{ours:?} to {theirs:?}");
            }
            let (heard, sent, _) = two.say(|handle, id| handle.send(id, "short").unwrap());
            assert_eq!((heard, sent), (vec!["short".to_owned()], 2 + 4 + 5));
        }
    }
    let mut plain = Two::open(&shared, &shared, 1000, Outgoing::websocket(URL).uncompressed());
    assert!(plain.say(|handle, id| handle.send(id, long(8000)).unwrap()).1 > 8000);
}

/// A server that calls, with its requests.
struct Calls {
    server: TestServer,
    heard: Heard,
}

impl Calls {
    fn new(deflate: &Deflate) -> Self {
        let (server, heard) = server(deflate, true);
        Self { server, heard }
    }

    fn call(&mut self, outgoing: Outgoing) -> (FarEnd, String, [u8; 28]) {
        self.server.handle().connect(outgoing).unwrap();
        self.server.run();
        let far = self.server.take_dials().remove(0).far;
        far.accept();
        self.server.run();
        let request = far.take();
        let (mut machine, mut slots, mut whole) = (HttpMachine::new(), HeaderSlots::new(), Vec::new());
        let Step::Event(_, HttpEvent::Upgrade(found)) =
            machine.step(&request, &mut slots, &mut whole, &HttpLimits::default())
        else {
            panic!("no upgrade")
        };
        let offer = Offer::check(found.method(), true, found.headers()).unwrap();
        let extensions: Vec<&str> = offer.extensions().map(|extension| extension.as_str()).collect();
        (far, extensions.join(", "), offer.accept_key())
    }

    fn answer(&mut self, far: &FarEnd, accept: [u8; 28], extensions: &str) {
        let (mut answer, fields) = (Vec::new(), [("X-Extensions", extensions)]);
        encode_response(accept, None, &fields, &mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap().replace("X-Extensions", "Sec-WebSocket-Extensions");
        far.send(answer.as_bytes());
        self.server.run();
    }
}

const PLAIN: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits";
const TAKEOVER: &str = "permessage-deflate; client_max_window_bits";

#[test]
fn w22_an_answer_that_was_not_offered_opens_no_websocket() {
    for (deflate, outgoing, answer) in [
        (Deflate::disabled(), Outgoing::websocket(URL), "permessage-deflate"),
        (Deflate::shared(), Outgoing::websocket(URL).uncompressed(), "permessage-deflate"),
        (Deflate::shared(), Outgoing::websocket(URL), "permessage-deflate"),
        (Deflate::dedicated(), Outgoing::websocket(URL), "permessage-deflate; client_max_window_bits"),
        (Deflate::dedicated(), Outgoing::websocket(URL), "permessage-deflate, permessage-deflate"),
    ] {
        let mut calls = Calls::new(&deflate);
        let (far, _, accept) = calls.call(outgoing);
        calls.answer(&far, accept, answer);
        assert_eq!(calls.heard.take(), [format!("{:?} None", Reason::Connect(ConnectError::WebSocket))]);
    }
}

/// Only one connection at a time may have compressors of its own. Its place is free again after each kind of end.
#[test]
fn w22_takeover_is_offered_while_there_is_memory_for_it() {
    let mut deflate = Deflate::dedicated();
    deflate.memory_bytes_max = Deflater::heap_bytes_of(15) + (100 << 10);
    let mut calls = Calls::new(&deflate);
    let outgoing = || Outgoing::websocket(URL);
    let (far, offered, _) = calls.call(outgoing());
    assert_eq!(offered, TAKEOVER);
    far.reset();
    calls.server.run();
    let (far, offered, accept) = calls.call(outgoing());
    assert_eq!(offered, TAKEOVER, "the one before has failed");
    let (_other, offered, _) = calls.call(outgoing());
    assert_eq!(offered, PLAIN, "another is asked for");
    calls.answer(&far, accept, "permessage-deflate");
    assert_eq!(calls.call(outgoing()).1, PLAIN, "it is open");
    far.reset();
    calls.server.run();
    let (far, offered, accept) = calls.call(outgoing());
    assert_eq!(offered, TAKEOVER, "it has ended");
    calls.answer(&far, accept, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    assert_eq!(calls.call(outgoing()).1, TAKEOVER, "it was declined");
}

#[test]
fn w22_a_server_that_compresses_wrongly_gets_the_close_code() {
    let bomb = {
        let mut bytes = Vec::new();
        let mut deflater = Deflater::new(&websocket::deflate::Options::default(), 15, false);
        deflater.encode(Message::Binary(&vec![0; 2 << 20]), None, &mut bytes);
        bytes
    };
    let mut corrupt = Vec::new();
    websocket::encode_frame(Opcode::Text, true, b"\xff\xff\xff\xff", &mut corrupt);
    corrupt[0] |= 0x40;
    for (bytes, answer, code) in [
        (&corrupt, TAKEOVER.replace("; client_max_window_bits", ""), 1007),
        (&bomb, TAKEOVER.replace("; client_max_window_bits", ""), 1009),
        (&corrupt, String::new(), 1002),
    ] {
        for size in [1, 1000] {
            let mut calls = Calls::new(&Deflate::dedicated());
            let (far, _, accept) = calls.call(Outgoing::websocket(URL));
            calls.answer(&far, accept, &answer);
            for piece in bytes.chunks(size) {
                far.send(piece);
                calls.server.run();
            }
            let close = far.take();
            let unmasked = [close[6] ^ close[2], close[7] ^ close[3]];
            assert_eq!((close[0], u16::from_be_bytes(unmasked)), (0x88, code), "{close:?}");
        }
    }
}

/// A window of 256 bytes is none that our compressor could keep to.
#[test]
fn w22_for_the_smallest_window_nothing_is_compressed() {
    let mut calls = Calls::new(&Deflate::dedicated());
    let (far, _, accept) = calls.call(Outgoing::websocket(URL));
    calls.answer(&far, accept, "permessage-deflate; client_max_window_bits=8");
    let handle = calls.server.handle();
    handle.send(handle.ids()[0], long(1000)).unwrap();
    handle.post(handle.ids()[0], long(1000)).unwrap();
    handle.publish("all", long(1000));
    calls.server.run();
    assert_eq!(far.take().len(), 3 * (4 + 4 + 1000));
}

#[test]
fn w22_a_published_message_is_compressed_once_for_all() {
    let mut calls = Calls::new(&Deflate::shared());
    let ends = [0; 3].map(|_| {
        let (far, _, accept) = calls.call(Outgoing::websocket(URL));
        calls.answer(&far, accept, "permessage-deflate; server_no_context_takeover");
        far
    });
    let handle = calls.server.handle();
    for (number, bytes) in (1..).zip([300, 1000, 8000, 100_000]) {
        handle.publish("all", long(bytes));
        calls.server.run();
        let took = [0, 1, 2].map(|at| ends[at].take().len());
        assert!(took.iter().all(|&took| took > 0 && took < bytes / 3), "{took:?} bytes for {bytes}");
        assert_eq!(handle.metrics().compressed, number, "{bytes} bytes");
    }
}

#[test]
fn w16_a_server_with_another_window_gets_it_uncompressed() {
    let mut calls = Calls::new(&Deflate::shared());
    let (far, _, accept) = calls.call(Outgoing::websocket(URL));
    let answer = "permessage-deflate; server_no_context_takeover; client_max_window_bits=9";
    calls.answer(&far, accept, answer);
    let handle = calls.server.handle();
    let id = handle.ids()[0];
    handle.post(id, long(1000)).unwrap();
    calls.server.run();
    let took = far.take().len();
    assert!(took > 0 && took < 300, "{took} bytes");
    handle.send(id, long(1000)).unwrap();
    handle.publish("all", long(1000));
    calls.server.run();
    assert_eq!(far.take().len(), 2 * (4 + 4 + 1000));
}
