//! The smallest server over HTTP: it greets whoever asks.
//!
//! ```sh
//! cargo run --example hello -- --listen 127.0.0.1:8080
//! curl http://127.0.0.1:8080/
//! ```

use jackfield::{Client, Exchange, Request, Server};

/// One for each connection. It has nothing to remember.
struct Hello;

impl Client for Hello {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        // The answer uses the exchange up: to answer twice does not compile.
        match request.path() {
            "/" => exchange.ok("text/plain", "Hello, world!\n"),
            _ => exchange.not_found(),
        }
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("hello [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(|_peer| Hello)
}
