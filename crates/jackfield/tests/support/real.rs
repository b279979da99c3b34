//! A server on real sockets, and peers for it.

use jackfield::{Client, Drain, Handle, IntoClient, Peer, Refuse, Result, Server, ServerBuilder, Setup};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than anything takes that works, even on a busy machine. What takes longer hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// Makes clients of any types.
type MakeAny = Box<dyn FnMut(&Peer) -> std::result::Result<Box<dyn Client>, Refuse>>;

/// A server that runs on a thread of its own until this is dropped.
pub struct Live {
    pub addrs: Vec<SocketAddr>,
    pub handle: Handle,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Live {
    /// Binds and serves. No new connection is refused for overload: how busy the machine is must not matter.
    pub fn serve<F, M>(builder: ServerBuilder, make: F) -> Self
    where
        F: FnMut(&Peer) -> M + Clone + Send + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        let builder = builder.limits(|limits| limits.lag_target = Duration::ZERO);
        // All have one type of clients, so the compiler makes the server's code once and not for each test.
        let maker = move |_setup: &mut Setup| -> MakeAny {
            let mut make = make.clone();
            Box::new(move |peer| make(peer).into_client().map(|client| Box::new(client) as Box<dyn Client>))
        };
        Self::run(builder.bind().unwrap(), move |server| server.serve_with(maker))
    }

    pub fn run(server: Server, run: impl FnOnce(Server) -> Result<()> + Send + 'static) -> Self {
        let (addrs, handle) = (server.local_addrs().to_vec(), server.handle());
        Self { addrs, handle, thread: Some(thread::spawn(move || run(server))) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.addr())
    }

    /// Waits for the server's end.
    pub fn join(&mut self) -> Result<()> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the server does not panic"))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.handle.shutdown(Drain::now());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(thread::panicking() || matches!(ended, Ok(Ok(()))), "the server ended badly");
        }
    }
}

/// An address of this machine and any port, which is not given to the other tests of the program once it is free again.
/// Only Linux has more than one such address.
pub fn own_addr(number: u8) -> SocketAddr {
    if cfg!(target_os = "linux") { ([127, 77, 0, number], 0).into() } else { ([127, 0, 0, 1], 0).into() }
}

/// Takes so much of the processor, whatever that is worth and however long it takes to get it.
#[cfg(target_os = "linux")]
pub fn work(span: Duration) {
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let begin = used();
    while used() - begin < span {}
}

/// A peer that gives up after a while.
pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, LONG).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Everything until the server's end.
pub fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    super::text(&bytes)
}

/// So many bytes.
pub fn read_exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Asks, and reads one answer with a length.
pub fn ask(stream: &mut TcpStream, request: impl AsRef<[u8]>) -> String {
    stream.write_all(request.as_ref()).unwrap();
    read_answer(stream)
}

pub fn read_answer(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    let head = super::text(&bytes);
    let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    head + &super::text(&body)
}

/// Reads once, and once more after an interruption: a machine that was suspended interrupts each read that has a bound.
pub fn read_some(stream: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// True if nothing has come, and the peer is still there.
pub fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// True if the peer was reset or closed.
pub fn is_gone(stream: &mut TcpStream) -> bool {
    match read_some(stream, &mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Waits until something holds.
pub fn wait_until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LONG, "it does not come about");
        thread::sleep(Duration::from_millis(2));
    }
}
