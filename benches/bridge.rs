//! What a bridge costs beside a bare loop over its two sockets, which passes the same bytes on with the same buffer: processor
//! time of each.
//!
//! ```sh
//! cargo run --profile fast -p jackfield-benches --bin bench-bridge
//! ```

use jackfield::reactor::mio::net::TcpStream as Socket;
use jackfield::reactor::mio::{Events, Interest, Poll, Token};
use jackfield::{Client, Connection, ConnectionId, Disconnect, Listener, Outgoing, Raw, Sent, Server};
use jackfield_benches::beside::{self, compare};
use std::any::Any;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What a read takes at most, of both.
const BUFFER: usize = 64 << 10;
/// What is streamed in a round.
const STREAM: usize = 192 << 20;
/// Questions of a round, one after the other, and the length of each, as of its answer.
const QUESTIONS: usize = 10_000;
const QUESTION: usize = 64;

fn main() {
    match beside::role() {
        None => measure(),
        Some((name, arguments)) => {
            let to = arguments[0].parse().expect("an address");
            if name == "bare" { serve_bare(to) } else { serve_ours(to) }
        }
    }
}

fn measure() {
    let target = TcpListener::bind("127.0.0.1:0").expect("an address");
    let to = target.local_addr().expect("it has one").to_string();
    let servers = ["bare", "ours"].map(|name| beside::Server::start(name, &[&to]));
    let servers = servers.each_ref();
    compare("a stream in writes of 64 KiB, for each KiB", servers, |addr| stream(addr, &target));
    compare("a question and its answer of 64 B", servers, |addr| ask(addr, &target));
}

/// One way, as fast as it goes; how many KiB.
fn stream(bridge: SocketAddr, target: &TcpListener) -> u64 {
    let source = thread::spawn(move || {
        let mut socket = TcpStream::connect(bridge).expect("the bridge listens");
        for _ in 0..STREAM / BUFFER {
            socket.write_all(&[7; BUFFER]).expect("it goes on");
        }
        socket.shutdown(Shutdown::Write).expect("it is open");
        // The end comes when all has arrived.
        assert_eq!(socket.read(&mut [0]).expect("an end in good order"), 0);
    });
    let (mut socket, _) = target.accept().expect("the bridge connects");
    let (mut buffer, mut came) = (vec![0; 256 << 10], 0);
    while came < STREAM {
        came += socket.read(&mut buffer).expect("it goes on");
    }
    drop(socket);
    source.join().expect("it has ended");
    (STREAM >> 10) as u64
}

/// To and fro, one at a time.
fn ask(bridge: SocketAddr, target: &TcpListener) -> u64 {
    let asker = thread::spawn(move || {
        let mut socket = TcpStream::connect(bridge).expect("the bridge listens");
        socket.set_nodelay(true).expect("a socket");
        let mut answer = [0; QUESTION];
        for _ in 0..QUESTIONS {
            socket.write_all(&[7; QUESTION]).expect("it goes on");
            socket.read_exact(&mut answer).expect("an answer");
        }
    });
    let (mut socket, _) = target.accept().expect("the bridge connects");
    socket.set_nodelay(true).expect("a socket");
    let mut question = [0; QUESTION];
    for _ in 0..QUESTIONS {
        socket.read_exact(&mut question).expect("a question");
        socket.write_all(&question).expect("it goes on");
    }
    drop(socket);
    asker.join().expect("it has ended");
    QUESTIONS as u64
}

/// One way of the bare loop: bytes that were read and not written yet are at `from..to`.
struct Way {
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    is_over: bool,
    /// The target takes nothing just now.
    is_blocked: bool,
}

impl Way {
    fn new() -> Self {
        Self { buffer: vec![0; BUFFER].into(), from: 0, to: 0, is_over: false, is_blocked: false }
    }

    /// Reads and writes until one of the two has nothing or takes nothing. A short read says that nothing is left, unless the
    /// end is behind it.
    fn pass(&mut self, source: &mut Socket, target: &mut Socket, is_ended: bool) -> io::Result<()> {
        self.is_blocked = false;
        while !self.is_over {
            if self.from == self.to {
                (self.from, self.to) = (0, source.read(&mut self.buffer)?);
                if self.to == 0 {
                    self.is_over = true;
                    return target.shutdown(Shutdown::Write);
                }
            }
            let written = target.write(&self.buffer[self.from..self.to]);
            self.is_blocked = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            self.from += written?;
            if self.from == self.to && self.to < BUFFER && !is_ended {
                break;
            }
        }
        Ok(())
    }
}

/// The bare loop: one connection after the other, and two sockets at a time.
fn serve_bare(to: SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    println!("listening on {}", listener.local_addr().expect("it has one"));
    let (mut poll, mut events) = (Poll::new().expect("a poll"), Events::with_capacity(16));
    loop {
        let pair = [listener.accept().expect("a connection").0, TcpStream::connect(to).expect("the target")];
        let [mut near, mut far] = pair.map(|socket| {
            socket.set_nodelay(true).expect("a socket");
            socket.set_nonblocking(true).expect("a socket");
            Socket::from_std(socket)
        });
        for (number, socket) in [&mut near, &mut far].into_iter().enumerate() {
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(socket, Token(number), both).expect("there is room");
        }
        let (mut there, mut back) = (Way::new(), Way::new());
        while !(there.is_over && back.is_over) {
            poll.poll(&mut events, None).expect("events");
            for event in &events {
                let is_near = event.token() == Token(0);
                let (from, to) = if is_near { (&mut there, &mut back) } else { (&mut back, &mut there) };
                let [source, target] = if is_near { [&mut near, &mut far] } else { [&mut far, &mut near] };
                let mut passed = Ok(());
                if event.is_readable() && !from.is_blocked {
                    passed = from.pass(source, target, event.is_read_closed());
                }
                if event.is_writable() && to.is_blocked {
                    // It is not known here whether the end follows the rest.
                    passed = passed.and(to.pass(target, source, true));
                }
                if passed.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
                    (there.is_over, back.is_over) = (true, true);
                }
            }
        }
    }
}

/// One end of a bridge, as in the example `bridge`: the other end, and where that is to be found.
struct End(Option<ConnectionId>, SocketAddr);

impl Client for End {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_read_while_congested(true);
        if self.0.is_some() {
            return self.on_drain(connection);
        }
        connection.pause_read();
        if connection.connect(Outgoing::tcp(self.1.to_string()).tag(connection.id().to_bits())).is_err() {
            connection.close();
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        if self.0.map(|other| raw.send_to(other, &*data)) == Some(Sent::Congested) {
            raw.pause_read();
        }
        data.len()
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        let _ = self.0.map(|other| connection.handle().post(other, connection.id()));
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.0 = value.downcast().ok().map(|id| *id);
        connection.resume_read();
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        let _ = self.0.map(|other| connection.close_other(other));
    }
}

fn serve_ours(to: SocketAddr) {
    let server = Server::builder().listen(Listener::tcp("127.0.0.1:0").raw()).bind().expect("it can listen");
    println!("listening on {}", server.local_addr());
    server
        .serve(move |peer| End(peer.tag().map(ConnectionId::from_bits), to))
        .expect("it ends in good order");
}
