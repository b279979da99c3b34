//! A server in the program's own loop: one thread waits for datagrams and for the server. Each datagram goes to all event
//! streams, and the clients and the loop share a counter without a lock.
//!
//! ```text
//! $ cargo run --example embedded_loop -- --listen 127.0.0.1:8080 --datagrams 127.0.0.1:8081
//! listening on 127.0.0.1:8080
//! datagrams at 127.0.0.1:8081
//! try: curl -N http://127.0.0.1:8080/feed, and in another bash echo hello > /dev/udp/127.0.0.1/8081
//!
//! $ curl http://127.0.0.1:8080/
//! 0 datagrams
//! ```
//!
//! While `curl -N http://127.0.0.1:8080/feed` runs, each `echo hello > /dev/udp/127.0.0.1/8081` in bash makes it print `data: hello`.

use jackfield::reactor::mio::{Events, Interest, Poll, Token, net::UdpSocket, unix::SourceFd};
use jackfield::{Client, EventStream, Exchange, Peer, Request, Server};
use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

const SERVER: Token = Token(0);
const DATAGRAMS: Token = Token(1);

struct Listener {
    count: Rc<Cell<u64>>,
}

impl Client for Listener {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/plain", format!("{} datagrams\n", self.count.get())),
            "/feed" => drop(exchange.events()),
            _ => exchange.not_found(),
        }
    }

    fn on_events(&mut self, events: &mut EventStream<'_>, _last_event_id: Option<&str>) {
        events.subscribe("datagrams");
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("embedded_loop [--listen ADDR] [--datagrams ADDR]");
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let datagrams = options.value("--datagrams").unwrap_or("127.0.0.1:8081");
    let count = Rc::new(Cell::new(0));
    let of_clients = count.clone();
    let server =
        Server::builder().listen(addr).reactors(1).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let failed = |error| options::fail(format!("`--datagrams {datagrams}`: {error}: give another address"));
    let datagrams = std::net::UdpSocket::bind(datagrams).unwrap_or_else(failed);
    datagrams.set_nonblocking(true)?;
    let to = datagrams.local_addr()?;
    println!("listening on {}\ndatagrams at {to}", server.local_addr());
    let send = format!("echo hello > /dev/udp/{}/{}", to.ip(), to.port());
    println!("try: curl -N http://{}/feed, and in another bash {send}", server.local_addr());
    let mut datagrams = UdpSocket::from_std(datagrams);
    let mut server =
        server.embed(move |_setup| move |_peer: &Peer| Listener { count: of_clients.clone() })?;
    let handle = server.handle();

    // The program's own loop.
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    poll.registry().register(&mut datagrams, DATAGRAMS, Interest::READABLE)?;
    poll.registry().register(&mut SourceFd(&server.as_raw_fd()), SERVER, Interest::READABLE)?;
    let mut buffer = [0; 2048];
    while server.poll(Some(Duration::ZERO))? {
        match poll.poll(&mut events, server.timeout()) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        while let Ok((length, _from)) = datagrams.recv_from(&mut buffer) {
            count.set(count.get() + 1);
            handle.publish("datagrams", String::from_utf8_lossy(&buffer[..length]).trim_end());
        }
    }
    Ok(())
}
