//! The server that is measured: one reactor or as many as `--reactors` says, the defaults, HTTP and WebSocket on one port;
//! with `--access-log` it writes one, to nowhere.

use jackfield::{AccessLog, Client, Exchange, Message, Request, Server, WebSocket};

struct Measured;

impl Client for Measured {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "Hello, World!");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

fn main() -> jackfield::Result<()> {
    let addr = std::env::args().skip_while(|arg| arg != "--listen").nth(1);
    let addr = addr.as_deref().unwrap_or("127.0.0.1:0");
    let reactors = std::env::args().skip_while(|arg| arg != "--reactors").nth(1);
    let reactors = reactors.map_or(1, |number| number.parse().expect("a number of reactors"));
    let mut builder = Server::builder().listen(addr).reactors(reactors).shutdown_on_signals();
    if std::env::args().any(|arg| arg == "--access-log") {
        builder = builder.access_log(AccessLog::common(std::io::sink()));
    }
    let server = builder.bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(|_peer| Measured)
}
