//! Members of a topic that never read, beside those that do, over real sockets: what a publication costs the server, and what
//! waits for the slow ones. `cargo run --profile fast -p jackfield-benches --bin bench-slow-members`.

use jackfield::{Client, Listener, Message, Overflow, Publication, Request, Server, Upgrade, WebSocket};
use jackfield_benches::beside;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const MEMBERS: usize = 800;
const SLOW: usize = MEMBERS / 10;
const KEYS: usize = 20;
/// Publications in each load of a round.
const PUBLICATIONS: usize = 400;
/// More than the buffers of the system take for a member that does not read.
const FILLERS: usize = 100;
const FILLER_BYTES: usize = 16 << 10;

/// A member of the topic, or the one that publishes.
#[derive(Default)]
struct Member {
    publishes: bool,
}

impl Client for Member {
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        self.publishes = request.path() == "/publish";
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        if !self.publishes {
            socket.set_overflow(Overflow::NewestPerKey);
            socket.subscribe("room");
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        if let Message::Text(text) = message {
            let key = text.split(' ').next().unwrap_or_default();
            socket.publish("room", Publication::from(text).key(key));
        }
    }
}

fn serve() -> jackfield::Result<()> {
    let listener = Listener::tcp("127.0.0.1:0").send_buffer(64 << 10);
    let server = Server::builder().listen(listener).reactors(1).bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(|_peer| Member::default())
}

fn main() -> jackfield::Result<()> {
    if beside::role().is_some() {
        return serve();
    }
    let servers = ["all read", "one in ten does not"].map(|name| beside::Server::start(name, &[]));
    let [all, rest] = servers.each_ref();
    let mut rooms = [Room::new(all.addr, MEMBERS, 0), Room::new(rest.addr, MEMBERS - SLOW, SLOW)];
    for burst in [1, 20] {
        let what = format!("{burst} of 100 B at once to {MEMBERS} members");
        beside::compare(&what, servers.each_ref(), |addr| {
            let room = rooms.iter_mut().find(|room| room.addr == addr).expect("one of both");
            (0..PUBLICATIONS / burst).for_each(|_| room.publish(burst, 100));
            PUBLICATIONS as u64
        });
    }
    newest_per_key();
    Ok(())
}

/// Members of one server, and the one that publishes to them.
struct Room {
    addr: SocketAddr,
    readers: Vec<TcpStream>,
    slow: Vec<TcpStream>,
    publisher: TcpStream,
    published: usize,
}

impl Room {
    /// The slow ones have all that the system keeps for them, and are congested.
    fn new(addr: SocketAddr, readers: usize, slow: usize) -> Self {
        let members = |count| (0..count).map(|_| connect(addr, "/")).collect();
        let publisher = connect(addr, "/publish");
        let mut room = Self { addr, readers: members(readers), slow: members(slow), publisher, published: 0 };
        (0..FILLERS).for_each(|_| room.publish(1, FILLER_BYTES));
        room
    }

    /// Publishes in one go, each with the key that is next, and has all readers read it.
    fn publish(&mut self, count: usize, bytes: usize) {
        let mut frames = Vec::new();
        for _ in 0..count {
            let text = format!("{:02} {:012} ", self.published % KEYS, self.published);
            self.published += 1;
            push_frame(&format!("{text:x<bytes$}"), &mut frames);
        }
        self.publisher.write_all(&frames).expect("the server reads");
        // The frames of the server have no mask.
        let mut got = vec![0; frames.len() - 4 * count];
        for reader in &mut self.readers {
            reader.read_exact(&mut got).expect("all that was published");
        }
    }
}

/// A WebSocket, whose handshake is over.
fn connect(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("a connection");
    let head = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").expect("it is sent");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// A text as a client sends it, with a mask of zeros. It has at least 100 bytes.
fn push_frame(text: &str, out: &mut Vec<u8>) {
    match text.len() {
        short @ ..126 => out.extend([0x81, 0x80 | short as u8]),
        long => {
            out.extend([0x81, 0x80 | 126]);
            out.extend(u16::try_from(long).expect("a short text").to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(text.as_bytes());
}

/// 10,000 updates a second of 20 keys beside 50 members that don't read: what the server's memory does, and whether they get
/// the newest value of each key when they read again.
fn newest_per_key() {
    const RATE: usize = 10_000;
    const SECONDS: usize = 10;
    const SLOW: usize = 50;
    let server = beside::Server::start("server", &[]);
    let mut room = Room::new(server.addr, 1, SLOW);
    println!("{RATE} updates a second of {KEYS} keys, {SLOW} members do not read:");
    let begin = Instant::now();
    for second in 0..SECONDS {
        for hundredth in 1..=100_u64 {
            room.publish(RATE / 100, 100);
            let due = Duration::from_millis(second as u64 * 1000 + hundredth * 10);
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
        let kib = server.resident() >> 10;
        println!("  after {:4.1} s: {kib} KiB resident", begin.elapsed().as_secs_f64());
    }
    let last = room.published;
    let exact = room.slow.iter_mut().map(|slow| newest(slow, last)).filter(|is_exact| *is_exact).count();
    println!("  {exact} of {SLOW} then got the newest value of each key last, in the order of their updates");
}

/// Reads until the last update has come. Whether the newest of all keys came last, in order.
fn newest(slow: &mut TcpStream, published: usize) -> bool {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&(published - 1)) {
        numbers.push(read_number(slow));
    }
    numbers.ends_with(&(published - KEYS..published).collect::<Vec<_>>())
}

fn read_number(stream: &mut TcpStream) -> usize {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let mut length = usize::from(head[1]);
    if length == 126 {
        stream.read_exact(&mut head).expect("its length");
        length = usize::from(u16::from_be_bytes(head));
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).expect("its text");
    let text = String::from_utf8(text).expect("text");
    text.split(' ').nth(1).expect("a number").parse().expect("a number")
}
