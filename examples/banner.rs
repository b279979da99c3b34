//! Three listeners of one server: lines with a banner, bytes with another, and HTTP that shows how many are connected. Each
//! has a limit on its clients; further clients get a message and are closed.
//!
//! ```text
//! $ cargo run --example banner -- --desk 127.0.0.1:2000 --shout 127.0.0.1:2001 --http 127.0.0.1:8080 --max 1
//! listening on 127.0.0.1:2000
//! listening on 127.0.0.1:2001
//! listening on 127.0.0.1:8080
//! try: nc 127.0.0.1 2000, nc 127.0.0.1 2001, http://127.0.0.1:8080/
//!
//! $ curl http://127.0.0.1:8080/
//! desk: 0 connected, at most 1
//! shout: 0 connected, at most 1
//! http: 1 connected, at most 1
//! $ echo a pen | nc -N 127.0.0.1 2000
//! + the desk is open
//! + noted: a pen
//! $ echo hello | nc -N 127.0.0.1 2001
//! say something
//! HELLO
//! ```
//!
//! While somebody is at the desk, another `nc 127.0.0.1 2000` prints `- the desk is busy, come back`.

use jackfield::{Client, Exchange, Handle, Listener, Raw, Request, Server};
use std::fmt::Write;

struct Visitor {
    handle: Handle,
    max: usize,
}

impl Client for Visitor {
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        raw.send([b"+ noted: ", line, b"\r\n"].concat());
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(data.to_ascii_uppercase());
        data.len()
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let mut page = String::new();
        for listener in self.handle.listeners() {
            let name = listener.name.as_deref().unwrap_or("?");
            let _ = writeln!(page, "{name}: {} connected, at most {}", listener.connections, self.max);
        }
        exchange.ok("text/plain", page);
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("banner [--desk ADDR] [--shout ADDR] [--http ADDR] [--max CLIENTS]");
    let addr = |name, default: &'static str| options.value(name).unwrap_or(default);
    let max = options.number("--max").unwrap_or(2);
    // A limit of one listener: the others still have room when it is full.
    let limited = |listener: Listener| listener.limits(move |limits| limits.connections_max = max);
    let desk = Listener::tcp(addr("--desk", "127.0.0.1:2000")).name("desk").lines();
    let desk = desk.banner("+ the desk is open\r\n").busy_banner("- the desk is busy, come back\r\n");
    let shout = Listener::tcp(addr("--shout", "127.0.0.1:2001")).name("shout").raw();
    let shout = shout.banner("say something\n").busy_banner("it is too loud already\n");
    // Here a connection above the limit gets a 503.
    let http = Listener::tcp(addr("--http", "127.0.0.1:8080")).name("http");
    let builder = Server::builder().listen(limited(desk)).listen(limited(shout)).listen(limited(http));
    let server = builder.shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let addrs = server.local_addrs();
    addrs.iter().for_each(|addr| println!("listening on {addr}"));
    let nc = |at: usize| format!("nc {} {}", addrs[at].ip(), addrs[at].port());
    println!("try: {}, {}, http://{}/", nc(0), nc(1), addrs[2]);
    let handle = server.handle();
    server.serve(move |_peer| Visitor { handle: handle.clone(), max })
}
