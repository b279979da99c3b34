//! How many heap allocations a server makes for each thing it does, once it has warmed up.
//!
//! Counted on the reactor's own thread: a server of one reactor runs twice on real sockets, once for some rounds and
//! once for many more. What the second has allocated beyond the first is what the further rounds have cost.

#![allow(dead_code, unreachable_pub)]

use jackfield::{
    Client, ConnectionId, Drain, Exchange, Limits, Message, Request, Server, ServerBuilder, TimerId,
    WebSocket,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{get, ok, real, socket};

/// Rounds that warm the server up, and rounds that are counted.
const WARM: usize = 200;
const COUNTED: usize = 2000;

/// The allocations of one round, in thousandths. `play` is the peer: it says so many rounds and reads the answers.
pub fn milli_allocations<C: Client + 'static>(
    make: impl Fn() -> C + Clone + Send + 'static,
    play: impl Fn(SocketAddr, usize),
) -> u64 {
    milli_allocations_of(|builder| builder, make, play)
}

/// The same, for a server with an option more.
pub fn milli_allocations_of<C: Client + 'static>(
    option: impl Fn(ServerBuilder) -> ServerBuilder,
    make: impl Fn() -> C + Clone + Send + 'static,
    play: impl Fn(SocketAddr, usize),
) -> u64 {
    let few = allocations(&option, make.clone(), &play, WARM);
    let many = allocations(&option, make, &play, WARM + COUNTED);
    many.saturating_sub(few) * 1000 / COUNTED as u64
}

fn allocations<C: Client + 'static>(
    option: impl Fn(ServerBuilder) -> ServerBuilder,
    make: impl Fn() -> C + Clone + Send + 'static,
    play: impl Fn(SocketAddr, usize),
    rounds: usize,
) -> u64 {
    let limits = Limits::default().with(|limits| limits.control_frames = 0);
    let builder = Server::builder().listen("127.0.0.1:0").preset(limits).reactors(1);
    let server = option(builder).bind().unwrap();
    let (addr, handle) = (server.local_addr(), server.handle());
    let reactor = thread::spawn(move || {
        let mut served = None;
        let counted = allocation_counter::measure(|| served = Some(server.serve(move |_peer| make())));
        served.unwrap().unwrap();
        counted.count_total
    });
    play(addr, rounds);
    real::wait_until(|| handle.count() == 0);
    handle.shutdown(Drain::now());
    reactor.join().unwrap()
}

/// A client that does what its peer's rounds ask for.
#[derive(Clone, Default)]
pub struct Worker {
    /// Set by a test that wants to be sure that it would see an allocation.
    pub allocates: bool,
    pub partner: Option<ConnectionId>,
}

impl Client for Worker {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/events" => {
                exchange.events().subscribe("room");
            }
            "/header" => exchange.response(200).header("X-A", "b").body("text/plain", "header").unwrap(),
            "/missing" => exchange.not_found(),
            "/stream" => {
                let mut stream = exchange.stream(200, "text/plain");
                stream.write("part");
                stream.finish().unwrap();
            }
            _ => exchange.ok("text/plain", request.body()),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("room");
        self.partner = socket.connection_ids().into_iter().find(|peer| *peer != socket.id());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        if self.allocates {
            std::hint::black_box(Box::new(1));
        }
        match message {
            Message::Text("timer") => {
                socket.set_timer(TimerId(1), Duration::from_secs(60));
                socket.set_timer(TimerId(2), Duration::from_secs(1));
                socket.set_timer(TimerId(1), Duration::from_secs(5));
                assert!(socket.cancel_timer(TimerId(1)) && socket.cancel_timer(TimerId(2)));
                socket.send("set");
            }
            Message::Text("event") => {
                let partner = self.partner.expect("there is an event stream");
                assert!(socket.send_to(partner, "an event").is_accepted());
            }
            Message::Text("publish") => {
                socket.publish("room", "small");
            }
            Message::Text("publish much") => {
                socket.publish("room", Message::Binary(&[7; 8000]));
            }
            message => {
                socket.send(message);
            }
        }
    }
}

/// A WebSocket of a server of workers.
pub fn open(addr: SocketAddr) -> TcpStream {
    let mut stream = real::connect(addr);
    stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
    real::read_exactly(&mut stream, socket::SWITCHED.len());
    stream
}

/// An event stream of such a server.
pub fn listen(addr: SocketAddr) -> TcpStream {
    let mut stream = real::connect(addr);
    stream.write_all(get("/events").as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    stream
}

/// Says something and reads an answer of so many bytes, again and again.
pub fn repeat(stream: &mut TcpStream, question: &[u8], answer_bytes: usize, rounds: usize) {
    let mut answer = vec![0; answer_bytes];
    for _ in 0..rounds {
        stream.write_all(question).unwrap();
        stream.read_exact(&mut answer).unwrap();
    }
}

/// A round that echoes messages of this size, so many at a time.
pub fn echo(bytes: usize, burst: usize) -> impl Fn(SocketAddr, usize) {
    let question = socket::binary(&vec![7; bytes]).repeat(burst);
    // The mask is not sent back.
    let answer_bytes = question.len() - 4 * burst;
    move |addr, rounds| repeat(&mut open(addr), &question, answer_bytes, rounds)
}

/// A round that sends requests and reads answers, so many at a time.
pub fn requests(request: String, answer_bytes: usize, burst: usize) -> impl Fn(SocketAddr, usize) {
    let question = request.repeat(burst).into_bytes();
    move |addr, rounds| repeat(&mut real::connect(addr), &question, answer_bytes * burst, rounds)
}

/// How long the answer with this body is.
pub fn ok_bytes(body: &str) -> usize {
    ok(body).len()
}

/// A round in which a WebSocket says something, and another connection hears so many bytes of it.
pub fn heard(
    order: &'static str,
    bytes: usize,
    listener: fn(SocketAddr) -> TcpStream,
) -> impl Fn(SocketAddr, usize) {
    move |addr, rounds| {
        let mut listener = listener(addr);
        let mut speaker = open(addr);
        let (question, mut answer) = (socket::text(order), vec![0; bytes]);
        for _ in 0..rounds {
            speaker.write_all(&question).unwrap();
            listener.read_exact(&mut answer).unwrap();
        }
    }
}
