//! The loop that does nothing: what a server on epoll costs at least, to measure all others by.
//!
//! It parses nothing. It is told how long a request or a frame is, counts what it receives, and for each whole length
//! it owes a prepared answer. An event costs one `recv` and one `send`: readiness is edge-triggered, so a read that
//! didn't fill the buffer is the last; what is owed lies repeated on a tape, so any number of answers is one slice.
//!
//! ```sh
//! limit http --listen 127.0.0.1:0 --request-bytes 49
//! limit ws --listen 127.0.0.1:0 --frame-bytes 26        # client frames of 20 bytes: 2 of head, 4 of mask
//! limit fanout --listen 127.0.0.1:0 --frame-bytes 26    # one frame for everyone, for each frame from anyone
//! limit raw --listen 127.0.0.1:0 --block-bytes 20      # as many bytes back, over bare TCP
//! limit sse --listen 127.0.0.1:0 --request-bytes 47     # GET /feed is a stream; any other request is an event for all
//! ```
//!
//! With `--cert FILE --key FILE` behind it, all of this over TLS.

mod tls;
#[path = "../../src/tls_config.rs"]
mod tls_config;

use base64::{Engine, prelude::BASE64_STANDARD};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustls::ServerConfig;
use sha1::{Digest, Sha1};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::exit;
use std::sync::Arc;
use tls::{Pushed, Tls};

/// How much one `recv` takes.
const READ: usize = 256 << 10;

/// How much one `send` gives at least, if it is owed.
const WRITE: usize = 256 << 10;

/// The event of the listening socket; a connection's is its place in the table.
const LISTENER: u64 = u64::MAX;

/// The longest head of a handshake.
const HEAD: usize = 16 << 10;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
    Content-Length: 13\r\n\r\nHello, World!";
const PUBLISHED: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENT: &str = "40\r\ndata: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\n\r\n";

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Http,
    Ws,
    Fanout,
    Sse,
    Raw,
}

/// What a connection is there for.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// Its head is still to come.
    New,
    /// Each length received is answered, and in the mode `sse` it is an event for the streams.
    Answers,
    /// It gets what is published; in the mode `fanout` it publishes as well.
    Subscriber,
}

/// A prepared answer, many times over.
struct Tape {
    bytes: Vec<u8>,
    unit: usize,
}

impl Tape {
    fn new(unit: &[u8]) -> Self {
        Self { bytes: unit.repeat((WRITE / unit.len()).max(1) + 1), unit: unit.len() }
    }
}

struct Connection {
    socket: OwnedFd,
    role: Role,
    /// Whether epoll tells when there is room to send: once it was needed, it stays so.
    writable: bool,
    /// What was received of a length that isn't whole yet.
    part: usize,
    /// How many bytes are owed, and where on the tape they begin.
    owed: usize,
    phase: usize,
    head: Vec<u8>,
    tls: Option<Box<Tls>>,
}

struct Limit {
    mode: Mode,
    /// How long a request or frame is.
    length: usize,
    answers: Tape,
    events: Tape,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    read: Vec<u8>,
    /// What was decrypted of it.
    plain: Vec<u8>,
    tls: Option<Arc<ServerConfig>>,
    /// How many events everyone is owed at the end of this turn.
    published: usize,
}

fn main() {
    let usage = || -> ! {
        eprintln!(
            "usage: limit http|sse --listen ADDRESS --request-bytes N, ws|fanout --listen ADDRESS --frame-bytes N, \
             or raw --listen ADDRESS --block-bytes N; behind it --cert FILE --key FILE"
        );
        exit(2)
    };
    let mut args = std::env::args().skip(1);
    let (mode, unit) = match args.next().as_deref() {
        Some("http") => (Mode::Http, "--request-bytes"),
        Some("ws") => (Mode::Ws, "--frame-bytes"),
        Some("fanout") => (Mode::Fanout, "--frame-bytes"),
        Some("sse") => (Mode::Sse, "--request-bytes"),
        Some("raw") => (Mode::Raw, "--block-bytes"),
        _ => usage(),
    };
    let (mut addr, mut length, mut cert, mut key) = (None, None, None, None);
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        match arg.as_str() {
            "--cert" => cert = Some(value),
            "--key" => key = Some(value),
            "--listen" => addr = value.parse::<SocketAddr>().ok(),
            name if name == unit => length = value.parse().ok().filter(|&length| length > 0),
            _ => usage(),
        }
    }
    let (Some(addr), Some(length)) = (addr, length) else { usage() };
    let (answer, event) = match mode {
        Mode::Http => (ANSWER.into(), vec![0]),
        Mode::Sse => (PUBLISHED.into(), EVENT.into()),
        Mode::Raw => (vec![b'x'; length], vec![0]),
        Mode::Ws | Mode::Fanout => match frame(length) {
            Some(frame) => (frame.clone(), frame),
            None => {
                eprintln!("limit: no masked frame is {length} bytes long");
                exit(2)
            }
        },
    };
    let mut limit = Limit {
        mode,
        length,
        answers: Tape::new(&answer),
        events: Tape::new(&event),
        epoll: epoll::create(CreateFlags::CLOEXEC).unwrap_or_else(|error| fail("epoll", error)),
        connections: Vec::new(),
        free: Vec::new(),
        read: vec![0; READ],
        plain: Vec::new(),
        tls: cert.zip(key).map(|(cert, key)| {
            tls_config::load(&cert, &key).unwrap_or_else(|error| {
                eprintln!("limit: no TLS with {cert} and {key}: {error}");
                exit(1)
            })
        }),
        published: 0,
    };
    let error = limit.run(addr).unwrap_err();
    fail("limit", error)
}

fn fail(what: &str, error: Errno) -> ! {
    eprintln!("{what}: {error}");
    exit(1)
}

/// The unmasked frame that answers a masked one of this length, head and mask included.
fn frame(masked: usize) -> Option<Vec<u8>> {
    let payload = match masked {
        6..=131 => masked - 6,
        134..=65_543 => masked - 8,
        65_550.. => masked - 14,
        _ => return None,
    };
    let mut frame = vec![0x82];
    match payload {
        0..=125 => frame.push(payload as u8),
        126..=0xffff => frame.extend([&[126][..], &(payload as u16).to_be_bytes()].concat()),
        _ => frame.extend([&[127][..], &(payload as u64).to_be_bytes()].concat()),
    }
    frame.resize(frame.len() + payload, b'x');
    Some(frame)
}

/// The answer to a handshake: the only thing that is looked for, in the only head that is looked at.
fn accept(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let (_, key) = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
    let hash = Sha1::new().chain_update(key.trim()).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = BASE64_STANDARD.encode(hash.finalize());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

impl Limit {
    fn run(&mut self, addr: SocketAddr) -> Result<(), Errno> {
        let family = if addr.is_ipv4() { net::AddressFamily::INET } else { net::AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = net::socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&listener, true)?;
        // Connections inherit it.
        sockopt::set_tcp_nodelay(&listener, true)?;
        net::bind(&listener, &addr)?;
        net::listen(&listener, 4096)?;
        let listener = TcpListener::from(listener);
        epoll::add(&self.epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        println!("listening on {}", listener.local_addr().unwrap_or(addr));
        let mut events = Vec::with_capacity(1024);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            for Event { flags, data } in events.drain(..) {
                match data.u64() {
                    LISTENER => self.accept(&listener)?,
                    id => self.event(id as usize, flags),
                }
            }
            if self.published > 0 {
                self.publish();
            }
        }
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<(), Errno> {
        loop {
            let socket = match net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error),
            };
            let role = if matches!(self.mode, Mode::Http | Mode::Raw) { Role::Answers } else { Role::New };
            let id = self.free.pop().unwrap_or(self.connections.len());
            if id == self.connections.len() {
                self.connections.push(None);
            }
            let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(id as u64), flags)?;
            let tls = self.tls.as_ref().and_then(|config| Tls::new(config.clone())).map(Box::new);
            let head = Vec::new();
            self.connections[id] =
                Some(Connection { socket, role, writable: false, part: 0, owed: 0, phase: 0, head, tls });
        }
    }

    fn event(&mut self, id: usize, flags: EventFlags) {
        let Some(connection) = &mut self.connections[id] else { return };
        let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        let (mut open, mut received) = (true, 0);
        // A buffer that isn't filled is all there was, unless the end was announced as well.
        let mut more = flags.intersects(EventFlags::IN | over);
        while more && open {
            match net::recv(&connection.socket, &mut self.read[..], RecvFlags::empty()) {
                Ok((_, 0)) => open = false,
                Ok((_, count)) => {
                    more = count == READ || flags.intersects(over);
                    let mut bytes = &self.read[..count];
                    if let Some(tls) = &mut connection.tls {
                        open = tls.decrypt(bytes, &mut self.plain);
                        bytes = &self.plain;
                    }
                    if connection.role == Role::New {
                        match connection.begin(self.mode, bytes) {
                            Some(rest) => received += rest,
                            None => open = false,
                        }
                    } else {
                        received += bytes.len();
                    }
                }
                Err(Errno::AGAIN) => more = false,
                Err(Errno::INTR) => {}
                Err(_) => open = false,
            }
        }
        if received > 0 {
            connection.part += received;
            if connection.part >= self.length {
                let whole = connection.part / self.length;
                connection.part -= whole * self.length;
                match (self.mode, connection.role) {
                    (Mode::Http | Mode::Ws | Mode::Raw, _) => connection.owed += whole * self.answers.unit,
                    (Mode::Sse, Role::Answers) => {
                        self.published += whole;
                        connection.owed += whole * self.answers.unit;
                    }
                    (Mode::Fanout, _) => self.published += whole,
                    (Mode::Sse, _) => {}
                }
            }
        }
        if open && connection.owed > 0 {
            let tape = if connection.role == Role::Subscriber { &self.events } else { &self.answers };
            open = connection.send(tape, &self.epoll, id);
        } else if open {
            open = connection.push(&self.epoll, id);
        }
        if !open {
            self.close(id);
        }
    }

    /// One send for each subscriber, for everything that was published in this turn.
    fn publish(&mut self) {
        let bytes = std::mem::take(&mut self.published) * self.events.unit;
        for id in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[id] else { continue };
            if connection.role == Role::Subscriber {
                connection.owed += bytes;
                if !connection.send(&self.events, &self.epoll, id) {
                    self.close(id);
                }
            }
        }
    }

    fn close(&mut self, id: usize) {
        self.connections[id] = None;
        self.free.push(id);
    }
}

impl Connection {
    /// Takes the first bytes of a connection, sends what they ask for, and tells how many were left over.
    fn begin(&mut self, mode: Mode, bytes: &[u8]) -> Option<usize> {
        self.head.extend_from_slice(bytes);
        if mode == Mode::Sse && !self.head.starts_with(b"GET /feed") {
            self.role = Role::Answers;
            return Some(std::mem::take(&mut self.head).len());
        }
        let Some(end) = self.head.windows(4).position(|window| window == b"\r\n\r\n") else {
            return (self.head.len() < HEAD).then_some(0);
        };
        let head = std::mem::take(&mut self.head);
        let answer = if mode == Mode::Sse { STREAM.into() } else { accept(&head[..end])? };
        self.role = if mode == Mode::Ws { Role::Answers } else { Role::Subscriber };
        if let Some(tls) = &mut self.tls {
            tls.encrypt(answer.as_bytes());
        } else if net::send(&self.socket, answer.as_bytes(), SendFlags::NOSIGNAL) != Ok(answer.len()) {
            return None;
        }
        Some(head.len() - end - 4)
    }

    /// Sends what is owed, and asks for the rest of the room if there wasn't enough: false if the connection is over.
    fn send(&mut self, tape: &Tape, epoll: &OwnedFd, id: usize) -> bool {
        while self.owed > 0 {
            let end = (self.phase + self.owed).min(tape.bytes.len());
            if let Some(tls) = &mut self.tls {
                tls.encrypt(&tape.bytes[self.phase..end]);
                self.owed -= end - self.phase;
                self.phase = if self.owed == 0 { 0 } else { end % tape.unit };
                continue;
            }
            match net::send(&self.socket, &tape.bytes[self.phase..end], SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.owed -= count;
                    // All that was owed: the tape begins anew.
                    self.phase = if self.owed == 0 { 0 } else { (self.phase + count) % tape.unit };
                }
                Err(Errno::AGAIN) if self.writable => return true,
                Err(Errno::AGAIN) => return self.ask_for_room(epoll, id),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        self.push(epoll, id)
    }

    /// Sends what TLS has ready, if there is TLS: false if the connection is over.
    fn push(&mut self, epoll: &OwnedFd, id: usize) -> bool {
        match self.tls.as_mut().map(|tls| tls.push(&self.socket)) {
            None | Some(Pushed::All) => true,
            Some(Pushed::NoRoom) => self.writable || self.ask_for_room(epoll, id),
            Some(Pushed::Failed) => false,
        }
    }

    fn ask_for_room(&mut self, epoll: &OwnedFd, id: usize) -> bool {
        self.writable = true;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::modify(epoll, &self.socket, EventData::new_u64(id as u64), flags).is_ok()
    }
}
