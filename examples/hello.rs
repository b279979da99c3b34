//! The smallest HTTP server: it answers with a greeting.
//!
//! ```text
//! $ cargo run --example hello -- --listen 127.0.0.1:8080
//! listening on 127.0.0.1:8080
//! try: curl http://127.0.0.1:8080/
//!
//! $ curl http://127.0.0.1:8080/
//! Hello, world!
//! ```

use jackfield::{Client, Exchange, Request, Server};

/// One for each connection. It has no state.
struct Hello;

impl Client for Hello {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        // The answer consumes the exchange: a second answer does not compile.
        match request.path() {
            "/" => exchange.ok("text/plain", "Hello, world!\n"),
            _ => exchange.not_found(),
        }
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("hello [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: curl http://{0}/", server.local_addr());
    server.serve(|_peer| Hello)
}
