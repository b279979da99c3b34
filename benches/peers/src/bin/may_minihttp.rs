//! may_minihttp with one worker, which isn't pinned: whoever measures pins. Without work stealing and with stacks of
//! 32 KiB, as in its author's entry in public benchmarks. It has no way to set `TCP_NODELAY`, and says so in its source:
//! it writes once for what it has read, so nothing waits on the loads here.

use may_minihttp::{HttpServer, HttpService, Request, Response};
use socket2::{Domain, Socket, Type};
use std::io::Result;
use std::net::SocketAddr;
use jackfield_peers::{HELLO, Mode, args, fail};

#[derive(Clone)]
struct Plaintext;

impl HttpService for Plaintext {
    fn call(&mut self, request: Request, response: &mut Response) -> Result<()> {
        if request.path() == "/plaintext" {
            response.header("Content-Type: text/plain").body(HELLO);
        } else {
            response.status_code(404, "Not Found");
        }
        Ok(())
    }
}

/// A socket that has the address and keeps it without listening: may_minihttp takes an address only and doesn't tell
/// what became of port 0, but it shares a port with whoever lets it.
fn reserve(addr: SocketAddr) -> Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    let addr = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((socket, addr))
}

fn main() {
    let why = "it has answers of known length only: no upgrade, no stream";
    let (_, addr) = args(&[Mode::Http], why);
    may::config().set_workers(1).set_pool_capacity(1000).set_stack_size(0x1000).set_worker_pin(false);
    let (_reserved, addr) = reserve(addr).unwrap_or_else(|error| fail(error));
    let server = HttpServer(Plaintext).start(addr).unwrap_or_else(|error| fail(error));
    println!("listening on {addr}");
    server.wait();
}
